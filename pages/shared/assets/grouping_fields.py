"""The choice of latest only and groups: fields by their plain names, and the usual choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from dispatch_core.errors import InvalidInput
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.insight.latest_presets import LATEST_PRESETS, LatestPreset
from dispatch_core.insight.plain_names import field_of, label_of, name_of_field
from dispatch_core.language.paths import spellings_in
from pages.shared.assets.fields import known_fields, near_paths, offered_fields
from pages.shared.state.session import Session
from pages.shared.state.tab import apply_put, widget_value
from pages.shared.widgets.messages import escaped, show_error

_WIDTH = 680
_LISTS = {
    "filter_by": ("One for each", "Of the assets with the same values here, one is kept."),
    "group_by": (
        "Group assets into one job by",
        "Assets with the same values in all of these fields become one job.",
    ),
    "unwind_list_fields": (
        "List fields to split into items",
        "An asset joins the group of each item of its list.",
    ),
}
"""Field of the request -> label and effect."""


def grouping_options(session: Session) -> bool:
    """Edit latest only and groups of assets; True if the fields are consistent."""
    request = session.request
    is_set = bool(request.group_by or request.filter_latest)
    icon = ":material/check:" if is_set else ":material/filter_list:"
    with (
        st.popover("Latest only, groups", icon=icon, type="tertiary", key="grouping"),
        st.container(width=_WIDTH),
    ):
        _presets(session)
        left, right = st.columns(2)
        with left:
            latest = _latest(session)
            group_by = _fields(session, "group_by")
        with right:
            one_per = _fields(session, "filter_by")
            unwind = _fields(session, "unwind_list_fields")
        drop_null = st.checkbox(
            "Exclude assets that lack one of these fields",
            request.drop_null_groups,
            key=f"drop-{session.epoch}",
        )
        try:
            session.edit(
                filter_latest=latest,
                filter_by=one_per,
                group_by=group_by,
                unwind_list_fields=unwind,
                drop_null_groups=drop_null,
            )
        except InvalidInput as error:
            session.refuse("grouping", error)
            show_error(error)
            return False
        session.accept("grouping")
        return True


def _presets(session: Session) -> None:
    """Buttons for the usual choices, and one that keeps all assets again."""
    fields = known_fields()
    request = session.request
    line = st.container(horizontal=True, gap="small")
    for number, preset in enumerate(LATEST_PRESETS):
        is_chosen = (request.filter_latest, request.filter_by) == preset.fields(fields)
        line.button(
            preset.label,
            icon=":material/check:" if is_chosen else None,
            on_click=_use,
            args=(session, preset, fields),
            key=f"latest-preset-{number}",
        )
    if request.filter_latest:
        line.button("Keep all assets", on_click=_use, args=(session, None, fields), key="keep-all")


def _use(session: Session, preset: LatestPreset | None, fields: FieldCatalogue | None) -> None:
    latest, one_per = preset.fields(fields) if preset else (None, ())
    session.edit(filter_latest=latest, filter_by=one_per)
    session.accept("grouping")
    session.reload_editors()
    session.ask("at once")


def _latest(session: Session) -> str | None:
    """The field of which the latest value is kept."""
    fields, key = known_fields(), f"filter_latest-{session.epoch}"
    now = session.request.filter_latest
    shown = name_of_field(now, fields) if now else ""
    is_put = apply_put(session, key)
    offered = offered_fields(fields, shown)
    chosen = st.selectbox(
        "Keep the latest by this field",
        offered,
        index=offered.index(shown) if shown and not is_put else None,
        format_func=label_of,
        accept_new_options=True,
        filter_mode="contains",
        placeholder="such as Processed on",
        help="Of the assets with the same values in the fields on the right, only the one with "
        "the greatest value here is kept.",
        key=key,
    )
    text = (chosen or "").strip()
    field = now if text == shown else field_of(text, fields) if text else None
    _unknown(session, fields, key, [field] if field else [])
    return field or None


def _fields(session: Session, name: str) -> tuple[str, ...]:
    """The chosen fields of `name`, in order."""
    label, effect = _LISTS[name]
    fields, key = known_fields(), f"{name}-{session.epoch}"
    now = getattr(session.request, name)
    names = {name_of_field(one, fields): one for one in now}
    if len(names) < len(now):  # two ways to write one field
        names = dict(zip(now, now, strict=True))
    is_put = apply_put(session, key)
    chosen = st.multiselect(
        label,
        offered_fields(fields, *names),
        None if is_put else list(names),
        format_func=label_of,
        accept_new_options=True,
        filter_mode="contains",
        select_all=False,
        placeholder="Choose or type fields",
        help=effect,
        key=key,
    )
    found = tuple(dict.fromkeys(one for text in chosen for one in _meant(text, names, fields)))
    _unknown(session, fields, key, found)
    return found


def _meant(text: str, names: Mapping[str, str], fields: FieldCatalogue | None) -> tuple[str, ...]:
    """The fields that a chosen or typed text means: a list with commas means several."""
    if text in names:
        return (names[text],)
    typed = (one.strip() for one in text.split(","))
    return tuple(field_of(one, fields) for one in typed if one)


def _unknown(
    session: Session, fields: FieldCatalogue | None, key: str, chosen: Sequence[str]
) -> None:
    """Below the input, say which fields are not known, and offer the nearest for each."""
    if fields is None:
        return
    for number, field in enumerate(chosen):
        if all(path not in fields for path in spellings_in(field)):
            near_paths(
                fields,
                field,
                partial(_take, session, key, field),
                f"{key}-near-{number}",
                what=f"{escaped(field)} is not known",
            )


def _take(session: Session, key: str, field: str, near: str) -> None:
    """Replace `field` by `near` in the input `key`."""
    now = widget_value(key)
    is_list = isinstance(now, list)
    session.put(key, [near if one == field else one for one in now] if is_list else near)
