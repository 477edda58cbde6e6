"""Parameter sets: the choice of the set that the form shows, and all sets side by side."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from dispatch_core.parameter_sets.compare import ComparedSet, Comparison, compare_sets
from dispatch_core.parameter_sets.document import FIXED, SINGLE, ParameterCheck
from dispatch_core.parameter_sets.edit import (
    add_set,
    copy_set,
    move_set,
    remove_set,
    to_distributed,
    to_single,
)
from dispatch_core.parameter_sets.set_cells import MOST_COLUMNS
from dispatch_core.text.value_text import write_value
from pages.shared.parameters import text as text_of
from pages.shared.parameters.cells import MOST_EDITED, set_cells
from pages.shared.parameters.text import FIXED_SET, KeyPath
from pages.shared.state.session import Session
from pages.shared.state.settle import act
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.tables import paged_table

ONE, SEVERAL = "One set", "Several sets"

_MOST_TABS = 12


def mode_switch(session: Session, check: ParameterCheck) -> None:
    """Show the switch between one set and a list; a list becomes one set if it has one."""
    count = text_of.set_count(check)
    key = f"mode-{session.epoch}-{count > 0}"
    st.segmented_control(
        "For every asset",
        [ONE, SEVERAL],
        default=SEVERAL if count else ONE,
        required=True,
        key=key,
        disabled=not text_of.is_well_formed(check) or count > 1 or bool(session.typed.drafts),
        help="One set becomes the first of several. Several become one if only one remains.",
        on_change=_ask,
        args=(session, to_single if count else to_distributed),
        label_visibility="collapsed",
    )


def _ask(session: Session, make: Callable[..., str], *arguments: Any) -> None:
    is_settled = text_of.shows_form(session)
    act(session, is_settled, text_of.change, make, *arguments)


def set_picker(session: Session, check: ParameterCheck) -> None:
    """Show the choice of the set, each with its number of errors, and its buttons."""
    count, has_fixed = text_of.set_count(check), FIXED in (check.document or {})
    is_alone = not count and not (has_fixed and SINGLE in (check.document or {}))
    if is_alone:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="set-buttons"):
        if count > _MOST_TABS:
            _choose_by_number(session, check, count)
        else:
            _choose(session, check, count)
        if count:
            _set_buttons(session, count)
    if session.typed.drafts:
        st.caption("Correct or discard the invalid values before you add, move or remove sets.")


def _choose(session: Session, check: ParameterCheck, count: int) -> None:
    options = [FIXED_SET, *range(max(count, 1))]
    target = text_of.target_of(session, check)
    chosen = st.segmented_control(
        "Set",
        options,
        default=FIXED_SET if target == (FIXED,) else session.views.chosen_set,
        format_func=lambda index: _set_name(check, index),
        required=True,
        label_visibility="collapsed",
        key=f"set-{session.epoch}-{count}",
    )
    session.keep_view(chosen_set=chosen)


def _set_name(check: ParameterCheck, index: int) -> str:
    if index == FIXED_SET:
        return ":material/push_pin: Fixed"
    faults = check.faulty.get(index + 1, 0)
    return f"Set {index + 1}" + (f" :material/error: {faults}" if faults else "")


def _choose_by_number(session: Session, check: ParameterCheck, count: int) -> None:
    text_of.target_of(session, check)  # there may be fewer sets than when one was chosen
    number = st.number_input(
        f"Set (of {count:,}); 0: the fixed parameters",
        0,
        count,
        session.views.chosen_set + 1,
        key=f"set-{session.epoch}-{count}",
        width=220,
    )
    session.keep_view(chosen_set=int(number) - 1)
    faults = check.faulty.get(int(number), 0)
    if faults:
        st.markdown(f":red[:material/error: {faults} to correct]")


def _set_buttons(session: Session, count: int) -> None:
    index = session.views.chosen_set
    is_set = index >= 0
    buttons: list[tuple[str, str, bool, Callable[..., None], tuple[Any, ...]]] = [
        ("Add", "add", True, _add, (count,)),
        ("Copy", "content_copy", is_set, _copy, (index,)),
        ("Remove", "delete", is_set and count > 1, _remove, (index,)),
        ("Earlier", "arrow_back", is_set and index > 0, _move, (index, -1)),
        ("Later", "arrow_forward", is_set and index < count - 1, _move, (index, 1)),
    ]
    for label, icon, is_possible, action, arguments in buttons:
        st.button(
            label,
            icon=f":material/{icon}:",
            key=f"set-{label}",
            type="tertiary",
            disabled=not is_possible or bool(session.typed.drafts),
            on_click=action,
            args=(session, *arguments),
        )


def _add(session: Session, count: int) -> None:
    text_of.change(session, add_set)
    session.keep_view(chosen_set=count)


def _copy(session: Session, index: int) -> None:
    text_of.change(session, copy_set, index)
    session.keep_view(chosen_set=index + 1)


def _remove(session: Session, index: int) -> None:
    text_of.change(session, remove_set, index)
    session.keep_view(chosen_set=max(0, index - 1))


def _move(session: Session, index: int, by: int) -> None:
    text_of.change(session, move_set, index, by)
    session.keep_view(chosen_set=index + by)


def set_tables(session: Session, check: ParameterCheck) -> None:
    """Show the merged sets: keys that differ in one table, keys in common in another.

    Beside a form both are folded.
    """
    for note in check.sets.notes:
        st.info(escaped(note), icon=":material/info:")
    if not check.merged:
        return
    compared = session.memo.remember(
        "compared", session.typed.parameters_text, lambda: compare_sets(check.merged)
    )
    is_form, is_one = text_of.shows_form(session), len(check.merged) == 1
    if not is_one or text_of.set_count(check):
        fold = _fold("All sets side by side", is_open=not is_form)
        if fold.open:
            with fold:
                _differing(session, check, compared)
    if compared.shared:
        title = "The values of the set" if is_one else "Values that are the same in all sets"
        fold = _fold(title, is_open=is_one and not is_form)
        if fold.open:
            with fold:
                _shared(compared)


def _fold(title: str, *, is_open: bool) -> Any:
    """An expander whose table is drawn only while it is open."""
    return st.expander(title, expanded=is_open, on_change="rerun", key=f"fold-{title}")


def _differing(session: Session, check: ParameterCheck, compared: Comparison) -> None:
    """All sets in one table: a few are edited in its cells, many are pages of rows."""
    shown = compared.differing[:MOST_COLUMNS]
    more: dict[str, Callable[[ComparedSet], str]] = {}
    if text_of.schema_of(session) is not None:
        more["Check"] = partial(_verdict, check)
    if any(one.same_as for one in compared.sets):
        more["Repeats"] = lambda one: f"same as set {one.same_as}" if one.same_as else ""
    hidden = len(compared.differing) - len(shown)
    first = f"; the first {len(shown)} are shown" if hidden else ""
    st.caption(
        f"≠ {_keys(len(shown) + hidden, 'differs', 'differ')}, one row per set{first}. "
        "(fixed): from fixed\\_parameters. Empty: not set."
    )
    if text_of.set_count(check) == len(compared.sets) <= MOST_EDITED:
        set_cells(session, compared, {n: [*map(read, compared.sets)] for n, read in more.items()})
        _copy_last(session, check)
        return
    columns: dict[str, Any] = {"Set": lambda one: one.number}
    columns |= {f"≠ {'.'.join(path)}": _reader(path) for path in shown}
    paged_table(compared.sets, {**columns, **more}, "sets", changes=session.typed.schema_text)


def _copy_last(session: Session, check: ParameterCheck) -> None:
    """Without the buttons of a form, one that adds a set, to change in the table."""
    if not text_of.shows_form(session):
        st.button(
            "Copy the last set",
            icon=":material/add:",
            disabled=bool(session.typed.drafts),
            on_click=_ask,
            args=(session, copy_set, text_of.set_count(check) - 1),
            key="copy-last-set",
        )


def _keys(count: int, one: str, several: str) -> str:
    return f"1 key {one}" if count == 1 else f"{count:,} keys {several}"


def _reader(path: KeyPath) -> Callable[[ComparedSet], str]:
    def read(one: ComparedSet) -> str:
        found = one.values.get(path)
        if found is None:
            return ""
        return write_value(found.value) + (" (fixed)" if found.origin == FIXED else "")

    return read


def _verdict(check: ParameterCheck, one: ComparedSet) -> str:
    faults = check.faulty.get(one.same_as or one.number, 0)
    return f"✗ {faults} to correct" if faults else "✓ valid"


def _shared(compared: Comparison) -> None:
    if len(compared.sets) > 1:
        keys = _keys(len(compared.shared), "is", "are")
        st.caption(f"= {keys} the same in all {len(compared.sets):,} sets")
    values = compared.sets[0].values
    columns: dict[str, Any] = {
        "Key": lambda path: ".".join(path),
        "Value": lambda path: write_value(values[path].value),
        "Written in": lambda path: values[path].origin,
    }
    paged_table(compared.shared, columns, "shared")
