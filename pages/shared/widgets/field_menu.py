"""A menu of the fields of the source: plain names and known paths, or any path typed.

Before the source answers, or if it does not, any text can be typed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

import streamlit as st

from dispatch_core.insight.fields import MOST_FILTERED, FieldCatalogue
from dispatch_core.insight.plain_names import field_of, label_of, name_of_field, offered_names
from dispatch_core.language.paths import spellings_in
from pages.shared.state.services import ask_fields
from pages.shared.state.session import Session
from pages.shared.state.tab import apply_put, widget_value
from pages.shared.state.work import Work
from pages.shared.widgets.messages import escaped

T = TypeVar("T")

MOST_OFFERED = 100
MOST_NEAR = 5
_FIRST_WAIT = 0.3
"""Seconds that the first run waits for an answer; later runs do not wait."""


def known_fields() -> FieldCatalogue | None:
    """The fields of the source; None while they are sampled, and if that failed."""
    return soon(ask_fields())


def soon(work: Work[T]) -> T | None:
    """The result of `work`, or None; runs in its first 0.3 s wait for it."""
    work.wait(max(0.0, work.started + _FIRST_WAIT - time.monotonic()))
    return work.result


def joined_path(within: str, path: str) -> str:
    """The path of a field of the items of the list `within`, from the root of the record."""
    return f"{within}.{path}" if within else path


def _below(paths: Iterable[str], within: str) -> list[str]:
    """The paths below `within`, relative to it."""
    start = f"{within}." if within else ""
    return [path.removeprefix(start) for path in paths if path.startswith(start)]


def offered_fields(fields: FieldCatalogue | None, *chosen: str, within: str = "") -> list[str]:
    """The chosen fields, then the plain names and the most used paths that a menu offers."""
    known = [one.path for one in fields.search(within, MOST_OFFERED)] if fields else MOST_FILTERED
    names = [] if within else offered_names(fields)
    offered = [*filter(None, chosen), *names, *_below(known, within)]
    return list(dict.fromkeys(offered))[:MOST_OFFERED]


def near_paths(
    fields: FieldCatalogue,
    typed: str,
    take: Callable[[str], None],
    key: str,
    within: str = "",
    what: str = "Not a known field",
) -> None:
    """Offer the known paths nearest to an unknown one, in one menu; `take` gets the chosen one."""
    found = [one.path for one in fields.search(joined_path(within, typed), MOST_NEAR)]
    near = [*fields.nearest(joined_path(within, typed)), *found]
    offered = list(dict.fromkeys(_below(near, within)))[:MOST_NEAR]
    if not offered:
        st.caption("No record of the sample has this field.")
        return

    def choose() -> None:
        chosen = widget_value(key)
        if chosen in offered:
            take(chosen)

    st.menu_button(
        f"{what}. Did you mean",
        offered,
        icon=":material/spellcheck:",
        format_func=escaped,
        on_click=choose,
        type="tertiary",
        key=key,
    )


def field_menu(
    session: Session, label: str, now: str | None, key: str, *, placeholder: str, effect: str
) -> str | None:
    """The path of the field that is chosen by its name, or typed; None if the menu is empty."""
    fields = known_fields()
    shown = name_of_field(now, fields) if now else ""
    is_put = apply_put(session, key)
    offered = offered_fields(fields, shown)
    chosen = st.selectbox(
        label,
        offered,
        index=offered.index(shown) if shown and not is_put else None,
        format_func=label_of,
        accept_new_options=True,
        filter_mode="contains",
        placeholder=placeholder,
        help=effect,
        key=key,
    )
    text = (chosen or "").strip()
    field = now if text == shown else field_of(text, fields) if text else None
    offer_nearest(session, fields, key, [field] if field else [])
    return field or None


def offer_nearest(
    session: Session, fields: FieldCatalogue | None, key: str, chosen: Iterable[str]
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
