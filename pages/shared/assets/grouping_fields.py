"""The choice of latest only and groups: fields by their plain names, and the usual choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dispatch_core.errors import InvalidInput
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.insight.latest_presets import LATEST_PRESETS, LatestPreset
from dispatch_core.insight.plain_names import field_of, label_of, name_of_field
from pages.shared.state.session import Session
from pages.shared.state.tab import apply_put
from pages.shared.widgets.field_menu import (
    field_menu,
    known_fields,
    offer_nearest,
    offered_fields,
)
from pages.shared.widgets.messages import show_error

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
        chosen = {
            "filter_latest": latest,
            "filter_by": one_per,
            "group_by": group_by,
            "unwind_list_fields": unwind,
        }
        session.edit(drop_null_groups=drop_null)
        try:
            session.edit(**chosen)
        except InvalidInput as error:
            session.refuse("grouping", error)
            session.keep_typed(grouping=chosen)
            show_error(error)
            return False
        _accept(session)
        return True


def _accept(session: Session) -> None:
    """The choice is in the request, and nothing of it is unfinished."""
    session.accept("grouping")
    if session.typed.grouping:
        session.keep_typed(grouping={})


def _chosen(session: Session, name: str) -> Any:
    """What was chosen last for `name`, also if it lacks another field."""
    return session.typed.grouping.get(name, getattr(session.request, name))


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
    _accept(session)
    session.reload_editors()
    session.ask("at once")


def _latest(session: Session) -> str | None:
    """The field of which the latest value is kept."""
    return field_menu(
        session,
        "Keep the latest by this field",
        _chosen(session, "filter_latest"),
        f"filter_latest-{session.epoch}",
        placeholder="such as Processed on",
        effect="Of the assets with the same values in the fields on the right, only the one with "
        "the greatest value here is kept.",
    )


def _fields(session: Session, name: str) -> tuple[str, ...]:
    """The chosen fields of `name`, in order."""
    label, effect = _LISTS[name]
    fields, key = known_fields(), f"{name}-{session.epoch}"
    now = _chosen(session, name)
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
    offer_nearest(session, fields, key, found)
    return found


def _meant(text: str, names: Mapping[str, str], fields: FieldCatalogue | None) -> tuple[str, ...]:
    """The fields that a chosen or typed text means: a list with commas means several."""
    if text in names:
        return (names[text],)
    typed = (one.strip() for one in text.split(","))
    return tuple(field_of(one, fields) for one in typed if one)
