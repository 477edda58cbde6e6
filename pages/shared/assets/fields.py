"""Inputs for a field path and for values: any text, and suggestions with counts.

Suggestions come from the source and are searched on the server: a widget gets at most
100 of the thousands of paths, and at most 50 values. Before the source answers, or if it
does not, any text can be typed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import streamlit as st

from dispatch_core.builder.query_form import Kind, typed_values
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.insight.plain_names import (
    NAMES,
    label_of,
    paths_of,
    shown_field,
)
from dispatch_core.insight.values import FieldValues, ValueCount
from pages.shared.state.services import ask_values
from pages.shared.state.session import Session
from pages.shared.state.tab import apply_put, first_value, widget_value
from pages.shared.state.work import Work
from pages.shared.widgets.field_menu import (
    MOST_NEAR,
    joined_path,
    known_fields,
    near_paths,
    offered_fields,
    soon,
)
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.progress import run_again

T = TypeVar("T")


def await_answer(work: Work[T], doing: str) -> T | None:
    """The result of `work`; until then None, a line with the progress, and a rerun at its end.

    If it failed, the line says that suggestions are unavailable and why.
    """
    result = soon(work)
    if work.error is not None:
        st.caption(f"Suggestions are unavailable: {escaped(work.error.issues[0].what)}")
    elif not work.is_done:
        _poll(work, doing)
    return result


def _poll(work: Work[T], doing: str) -> None:
    @st.fragment(run_every=0.5)
    def poll() -> None:
        if work.is_done:
            run_again()
        done = f" {work.done:,} of {work.total:,}" if work.total else ""
        st.caption(f"{doing} ...{done}")

    poll()


def run_again_after(work: Work[T]) -> None:
    """Run the page again when `work` ends, and draw nothing until then."""

    @st.fragment(run_every=0.5)
    def wait() -> None:
        if work.is_done:
            run_again()

    wait()


def field_input(session: Session, label: str, value: str, key: str, within: str = "") -> str:
    """The path of a field, chosen or typed; ``""`` if the input is empty.

    For a text that is not a known path, the nearest paths are offered below. With
    `within`, the path of a list, paths are relative to an item of that list.
    """
    fields = known_fields()
    offered = offered_fields(fields, value, within=within)
    apply_put(session, key)

    def name_what_was_typed() -> None:
        typed = str(widget_value(key) or "").strip()
        meant = "" if within else shown_field(paths_of(typed, fields), fields)
        if meant in NAMES or meant not in ("", typed):
            session.put(key, meant)  # a name that was typed is shown with its hint, as in the menu

    chosen = st.selectbox(
        label,
        offered,
        index=offered.index(value) if value else None,
        format_func=str if within else label_of,
        accept_new_options=True,
        filter_mode="contains",
        placeholder="Choose or type a field",
        on_change=name_what_was_typed,
        label_visibility="collapsed",
        key=key,
    )
    path = (chosen or "").strip()
    if fields is not None and path and not _is_field(fields, path, within):
        near_paths(fields, path, lambda near: session.put(key, near), f"{key}-near", within)
    return path


def _is_field(fields: FieldCatalogue, text: str, within: str) -> bool:
    return joined_path(within, text) in fields or (not within and text in NAMES)


def paths_input(session: Session, label: str, paths: tuple[str, ...], key: str) -> tuple[str, ...]:
    """The spellings of a field that is chosen by its plain name, or by a path.

    A name means every spelling that the source has; a path means itself.
    """
    fields = known_fields()
    shown = shown_field(paths, fields)
    chosen = field_input(session, label, shown, key)
    return paths if chosen == shown else paths_of(chosen, fields)


def is_known(path: str) -> bool:
    """Whether the source has the field `path`."""
    fields = known_fields()
    return fields is not None and path in fields


def value_input(session: Session, path: str, value: str, key: str, hint: str = "Value") -> str:
    """The one text that the field `path` is compared with, as typed; known values in a menu.

    A select box would lose a typed text that was not chosen when it loses the focus.
    """
    line = st.container(horizontal=True, gap="xxsmall", vertical_alignment="center")
    known = known_values(path, value)  # below the line: what it draws at first moves no input
    typed = line.text_input(
        "Value",
        first_value(session, key, value),
        placeholder="Type or choose a value" if known else hint,
        label_visibility="collapsed",
        key=key,
    )
    with line:
        _known_menu(known, path, key, lambda chosen: session.put(key, chosen))
    return typed or ""


def values_input(session: Session, path: str, values: tuple[str, ...], key: str) -> tuple[str, ...]:
    """The texts that the field `path` is compared with; see `typed_values`."""
    line = st.container(horizontal=True, gap="xxsmall", vertical_alignment="center")
    text = line.text_area(
        "Values",
        first_value(session, key, "\n".join(values)),
        placeholder="One value in each line",
        height=max(68, min(240, 24 * (len(values) + 1))),
        label_visibility="collapsed",
        key=key,
    )

    def add(chosen: str) -> None:
        lines = str(widget_value(key) or "").splitlines()
        session.put(key, "\n".join(dict.fromkeys([*filter(None, lines), chosen])))

    known = known_values(path)
    with line:
        _known_menu(known, path, key, add)
    texts = [text_of(one) for one in known.values] if known else []
    found = typed_values(text or "", values, texts)
    if known and not known.more:
        _mark_unknown([one for one in found if one not in texts])
    return found


def _mark_unknown(values: list[str]) -> None:
    """Name the values that no record has; they stay in the query."""
    if values:
        shown = ", ".join(values[:MOST_NEAR])
        st.caption(f":material/help: No record has: {escaped(shown)}")


def _known_menu(
    known: FieldValues | None, path: str, key: str, take: Callable[[str], None]
) -> None:
    """Show the known values with their counts, in a menu beside the input with this key."""
    labels = {text_of(one): str(one) for one in known.values} if known else {}
    if not labels:
        return
    name = f"{key}-{version_of(path)}-known"

    def choose() -> None:
        chosen = widget_value(name)
        if chosen in labels:
            take(chosen)

    st.menu_button(
        "Known values",
        list(labels),
        icon=":material/format_list_bulleted:",
        format_func=lambda text: escaped(labels[text]),
        on_click=choose,
        type="tertiary",
        key=name,
    )


def known_values(path: str, typed: str = "") -> FieldValues | None:
    """The most common values of a field with plain values.

    Of a field with very many, those that contain `typed` come first. None while they are
    counted; the page runs again at the end.
    """
    fields = known_fields()
    known = fields.get(path) if fields and path else None
    if fields is None or known is None or known.is_container:
        return None
    work = ask_values(known.path, fields)
    found = soon(work)
    if not work.is_done:
        run_again_after(work)
    if found is None or not found.more or not typed:
        return found
    near = soon(ask_values(known.path, fields, typed))
    values = dict.fromkeys([*(near.values if near else ()), *found.values])
    return replace(found, values=tuple(values)[: len(found.values)])


def version_of(*labelled: object) -> str:
    """Part of a widget's key: a browser sends labels back, so other labels need another widget."""
    return hashlib.sha256(repr(labelled).encode()).hexdigest()[:8]


def text_of(one: ValueCount) -> str:
    """A value as a user types it: a text unchanged, anything else as JSON."""
    return one.value if isinstance(one.value, str) else json.dumps(one.value)


def kind_of(path: str) -> Kind:
    """The kind of the values of the field `path`, text if it is not known."""
    fields = known_fields()
    known = fields.get(path) if fields and path else None
    types = set(known.types) if known else set()
    if "string" in types or not types & {"number", "boolean"}:
        return "text"
    return "number" if "number" in types else "true or false"
