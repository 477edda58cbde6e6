"""The sweep panel: lists of values for some keys in, a preview of parameter sets out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import streamlit as st

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.bson import MISSING
from dispatch_core.parameter_sets.document import ParameterCheck, check_parameters
from dispatch_core.parameter_sets.edit import append_sets, replace_sets, swept_sets
from dispatch_core.parameter_sets.field_text import is_text
from dispatch_core.parameter_sets.issues_by_key import issues_by_key
from dispatch_core.parameter_sets.schema_form import FormField, leaves
from dispatch_core.parameter_sets.sweep import (
    SweepMode,
    SweptKey,
    known_paths,
    read_path,
    read_values,
)
from dispatch_core.steps import Steps
from dispatch_core.text.value_text import write_value
from dispatch_core.text.words import counted
from pages.shared.parameters import text as text_of
from pages.shared.state.session import Session
from pages.shared.state.settle import act
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.sidebar import count_of_inputs, input_name
from pages.shared.widgets.tables import paged_table

_MODES: dict[SweepMode, str] = {
    "product": "Every combination",
    "zip": "Side by side",
    "append": "One at a time",
}
_HELP = (
    "Every combination (product): 3 and 2 values are 6 sets. Side by side (zip): the first values "
    "together, then the second ones. One at a time (append): 3 and 2 values are 5 sets."
)
_MOST_KEYS = 300
"""Keys to choose from; any other can be typed."""

_MOST_FAULTS = 5

ALONE, EVERY = "Only the swept keys", "Every set"


def sweep_panel(
    session: Session, steps: Steps, form: FormField | None, check: ParameterCheck
) -> None:
    """Show keys with lists of values, the sets they make, and buttons to use them."""
    panel = st.expander(
        "Sweep: many sets from lists of values",
        icon=":material/grid_on:",
        key="sweep",
        on_change="rerun",
    )
    if not panel.open:
        return
    with panel:
        if not text_of.is_well_formed(check):
            st.info("Correct the parameters first.", icon=":material/info:")
            return
        st.caption(
            "Values between commas: 0.03, 0.05 · ranges: 0.1 to 0.5 step 0.1, or 0 to 1 count 5 · "
            'numbers, true, null and "5" keep their types'
        )
        _rows(session, form, check)
        _outcome(session, steps, form, check)


def _rows(session: Session, form: FormField | None, check: ParameterCheck) -> None:
    names = _key_names(form, check)
    rows = [
        _row(session, number, names, *row) for number, row in enumerate(session.typed.sweep_rows)
    ]
    session.keep_typed(sweep_rows=tuple(rows))
    st.button(
        "Another key", icon=":material/add:", type="tertiary", on_click=_add_row, args=(session,)
    )


def _add_row(session: Session) -> None:
    session.keep_typed(sweep_rows=(*session.typed.sweep_rows, ("", "")))


def _key_names(form: FormField | None, check: ParameterCheck) -> list[str]:
    """The keys of the schema and of the sets; nested ones by their path."""
    fields = list(leaves(form)) if form is not None else []
    paths = [one.path for one in fields if one.kind not in ("constant", "table")]
    paths += known_paths([one.values for one in check.merged[:20]])
    return list(dict.fromkeys(".".join(path) for path in paths))[:_MOST_KEYS]


def _row(session: Session, number: int, names: list[str], key: str, values: str) -> tuple[str, str]:
    left, right = st.columns([2, 3])
    options = names if not key or key in names else [*names, key]
    chosen = left.selectbox(
        f"Key {number + 1}",
        options,
        index=options.index(key) if key else None,
        accept_new_options=True,
        placeholder="choose or type a key",
        key=f"sweep-key-{session.epoch}-{number}",
    )
    typed = right.text_input(
        f"Values of key {number + 1}",
        values,
        placeholder="0.03, 0.05, 0.07",
        key=f"sweep-values-{session.epoch}-{number}",
    )
    return chosen or "", typed


def _outcome(session: Session, steps: Steps, form: FormField | None, check: ParameterCheck) -> None:
    mode = st.segmented_control(
        "Combine",
        list(_MODES),
        default=session.typed.sweep_mode,
        format_func=lambda mode: _MODES[mode],
        required=True,
        help=_HELP,
        key=f"sweep-mode-{session.epoch}",
    )
    session.keep_typed(sweep_mode=mode)
    base = _base(session, check)
    rows = [
        (key, values) for key, values in session.typed.sweep_rows if key.strip() or values.strip()
    ]
    if not rows:
        st.caption("Choose a key and write its values; a preview of the sets is shown.")
        return
    try:
        keys = _read(rows, form)
        sets = swept_sets(session.typed.parameters_text, keys, session.typed.sweep_mode, base)
    except InvalidInput as error:
        show_error(error)
        return
    outcome = _checked(session, sets)
    _preview(session, steps, keys, sets, outcome)
    _say_faults(outcome)
    _buttons(session, form, base, bool(text_of.set_count(check)))


def _base(session: Session, check: ParameterCheck) -> tuple[int, ...]:
    """The distributed sets that the sweep starts from."""
    count = text_of.set_count(check)
    if not count:
        return ()
    here = f"Set {session.views.chosen_set + 1}"
    options = [
        ALONE,
        *([here] if session.views.chosen_set >= 0 else []),
        *([EVERY] if count > 1 else []),
    ]
    chosen = st.segmented_control(
        "Start from",
        options,
        default=ALONE,
        required=True,
        key=f"sweep-base-{session.epoch}-{session.views.chosen_set}",
        help="The other values of each new set. Fixed parameters apply to all sets.",
    )
    if chosen == EVERY:
        return tuple(range(count))
    return (session.views.chosen_set,) if chosen == here else ()


def _read(rows: Sequence[tuple[str, str]], form: FormField | None) -> list[SweptKey]:
    """The swept keys; issues of every row at once."""
    texts = {".".join(one.path): is_text(one) for one in leaves(form)} if form is not None else {}
    keys: list[SweptKey] = []
    issues: list[Issue] = []
    for name, values in rows:
        try:
            path = read_path(name)
            where = f"values of {name}"
            keys.append(SweptKey(path, read_values(values, where, is_text=texts.get(name, False))))
        except InvalidInput as error:
            issues.extend(error.issues)
    if issues:
        raise InvalidInput(issues)
    return keys


def _preview(
    session: Session,
    steps: Steps,
    keys: Sequence[SweptKey],
    sets: Sequence[dict[str, Any]],
    outcome: ParameterCheck | None,
) -> None:
    sizes = {"product": " × ", "append": " + "}.get(session.typed.sweep_mode)
    product = f"{sizes.join(str(len(key.values)) for key in keys)} = " if sizes else ""
    inputs = count_of_inputs(steps)
    jobs = ""
    if inputs is not None:
        made = counted(inputs * len(sets), "job")
        jobs = f" × {counted(inputs, input_name(steps.request))} = **{made}**"
    st.markdown(f"{product}**{counted(len(sets), 'set')}**{jobs}")
    columns: dict[str, Any] = {"New set": lambda one: one[0]}
    columns |= {key.name: _cell(key) for key in keys}
    if outcome is not None:
        columns["Check"] = lambda one: _verdict(outcome, sets, one[0])
    shown = list(enumerate(sets, 1))[:10]
    paged_table(shown, columns, "sweep-preview", changes=session.typed.parameters_text)
    if len(sets) > 10:
        st.caption(f"The first 10 of {len(sets):,}")


def _checked(session: Session, sets: Sequence[dict[str, Any]]) -> ParameterCheck | None:
    """The parameters file that these sets would make, checked; None without a schema."""
    schema, text = text_of.schema_of(session), session.typed.parameters_text
    if schema is None:
        return None
    key = (text, session.typed.schema_text, json.dumps(sets))
    return session.memo.remember(
        "sweep check", key, lambda: check_parameters(replace_sets(text, sets), schema)
    )


def _verdict(outcome: ParameterCheck, sets: Sequence[dict[str, Any]], number: int) -> str:
    """Whether the schema accepts a new set; a repeat has the verdict of the first one."""
    faults = outcome.faulty.get(sets.index(sets[number - 1]) + 1, 0)
    return f"✗ {faults} to correct" if faults else "✓ valid"


def _say_faults(outcome: ParameterCheck | None) -> None:
    """Say before the sets are used which keys the schema refuses."""
    faults = issues_by_key(outcome.error.issues if outcome and outcome.error else ())
    if not outcome or not faults:
        return
    lines = [f"{one.text(len(outcome.merged))}. {one.action}." for one in faults[:_MOST_FAULTS]]
    more = [f"and {len(faults) - len(lines):,} more"] if len(faults) > len(lines) else []
    text = "\n".join(f"- {escaped(line)}" for line in [*lines, *more])
    st.warning(f"These sets would have values to correct:\n\n{text}", icon=":material/error:")


def _cell(key: SweptKey) -> Any:
    def read(row: tuple[int, dict[str, Any]]) -> str:
        value = text_of.value_at(row[1], key.path)
        return "" if value is MISSING else write_value(value)

    return read


def _buttons(
    session: Session, form: FormField | None, base: tuple[int, ...], has_sets: bool
) -> None:
    is_settled = text_of.shows_form(session)
    with st.container(horizontal=True):
        for label, action, is_shown in (
            ("Replace the sets" if has_sets else "Make these sets", replace_sets, True),
            ("Add to the sets", append_sets, has_sets),
        ):
            if is_shown:
                st.button(
                    label,
                    key=f"sweep-{label}",
                    type="primary" if action is replace_sets else "secondary",
                    disabled=bool(session.typed.drafts),
                    on_click=act,
                    args=(session, is_settled, _take, form, base, action),
                )


def _take(session: Session, form: FormField | None, base: tuple[int, ...], action: Any) -> None:
    rows = [row for row in session.typed.sweep_rows if any(map(str.strip, row))]
    try:
        sets = swept_sets(
            session.typed.parameters_text, _read(rows, form), session.typed.sweep_mode, base
        )
        text_of.change(session, action, sets)
    except InvalidInput as error:
        session.keep_view(notice=str(error))
        return
    session.keep_view(chosen_set=0, notice=f"{counted(len(sets), 'set')} made")
