"""The form of one parameter set, drawn from its schema; it edits the text that JSON shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.grid_container import GridContainer

from dispatch_core.errors import Issue
from dispatch_core.language.bson import MISSING
from dispatch_core.parameter_sets.document import FIXED, ParameterCheck
from dispatch_core.parameter_sets.field_text import choices_of, columns_of, write_field, write_rows
from dispatch_core.parameter_sets.issues_by_key import KeyIssues, issues_by_key
from dispatch_core.parameter_sets.schema_form import (
    FormField,
    leaves,
    misfit,
    required_sections,
    sections_in,
)
from dispatch_core.text.value_text import write_value
from dispatch_core.text.words import counted
from dispatch_core.types import JsonPath, JsonValue
from pages.shared.parameters import text as text_of
from pages.shared.parameters.text import KeyPath
from pages.shared.state.session import Session
from pages.shared.widgets.messages import escaped, plain_label

FEW_FIELDS = 12
"""Up to this many fields are shown at once; more get a search, and sections that open."""

_MOST_FOUND = 60
_MOST_IN_A_ROW = 4
_SHORT_CHOICES = 48
"""Choices with up to this many characters are side by side; longer ones are a menu."""


@dataclass(frozen=True)
class FormPosition:
    """The set that a form shows: its place, its own values and the fixed parameters.

    ``said`` collects the paths of the errors that are shown beside a field.
    """

    target: JsonPath
    own: Mapping[str, Any]
    fixed: Mapping[str, Any]
    faults: Sequence[KeyIssues]
    required: frozenset[KeyPath]
    said: set[JsonPath]

    def value(self, path: KeyPath) -> Any:
        """The value in the set itself at `path`, or `MISSING`."""
        return text_of.value_at(self.own, path)

    def inherited(self, path: KeyPath) -> Any:
        """The value that the set inherits from the fixed parameters at `path`, or `MISSING`."""
        return MISSING if path[0] in self.own else text_of.value_at(self.fixed, path)

    def messages(self, path: KeyPath) -> list[str]:
        """The errors of the value at `path`, as sentences."""
        return [f"{one.what}. {one.action}{_shared_by(fault)}" for fault, one in self.issues(path)]

    def issues(self, path: KeyPath) -> list[tuple[KeyIssues, Issue]]:
        """The errors of the value at `path`, each with the fault of all sets."""
        here = (*self.target, *path)
        return [
            (fault, one)
            for fault in self.faults
            for one in fault.issues
            if one.path[: len(here)] == here
        ]


def parameter_form(session: Session, form: FormField, check: ParameterCheck) -> Set[JsonPath]:
    """Draw every field of the schema; a large schema gets sections and a search.

    Returns the paths of the errors that are shown beside their fields.
    """
    place = _place(session, form, check)
    _draw(session, form, place)
    return place.said


def _draw(session: Session, form: FormField, place: FormPosition) -> None:
    count = sum(1 for _ in leaves(form))
    found = _search(form) if count > FEW_FIELDS else None
    if found is not None:
        if not found:
            st.info("No field name or description contains this.", icon=":material/info:")
        _grid(session, place, found[:_MOST_FOUND], full_names=True)
        return
    for section, fields in _sections(form):
        if section.path:
            _section(session, place, section, fields, is_small=count <= FEW_FIELDS)
        else:
            _top(session, place, fields)


def _place(session: Session, form: FormField, check: ParameterCheck) -> FormPosition:
    target = text_of.target_of(session, check)
    fixed = {} if target == (FIXED,) else (check.document or {}).get(FIXED, {})
    required = required_sections(form)
    faults = issues_by_key(check.error.issues if check.error else ())
    own = text_of.own_values(check.document, target)
    return FormPosition(target, own, fixed, faults, required, set())


def _shared_by(fault: KeyIssues) -> str:
    return f" (in {len(fault.sets):,} sets)" if len(fault.sets) > 1 else ""


def _sections(form: FormField) -> Iterator[tuple[FormField, list[FormField]]]:
    """(section, its fields with values): the form itself, then each object in it."""
    for section in [form, *sections_in(form)]:
        fields = [one for one in section.fields if one.kind != "section"]
        if fields:
            yield section, fields


def _search(form: FormField) -> list[FormField] | None:
    """The fields that match the search; None if the search is empty."""
    needle = st.text_input(
        "Find a field",
        placeholder="part of a name or description",
        icon=":material/search:",
        key="field-search",
    )
    words = needle.lower().split()
    if not words:
        return None
    return [one for one in leaves(form) if all(word in _searched(one) for word in words)]


def _searched(field: FormField) -> str:
    return " ".join((".".join(field.path), field.title, field.description)).lower()


def _top(session: Session, place: FormPosition, fields: Sequence[FormField]) -> None:
    """Draw the top-level fields; of many, the optional ones without a value are collapsed."""
    if len(fields) <= FEW_FIELDS:
        _grid(session, place, fields)
        return
    # decided once per epoch, so that no field moves while the user types
    key = (session.epoch, session.typed.schema_text, place.target)
    first = session.memo.remember(
        "first fields", key, lambda: [one.path for one in fields if _is_needed(place, one)]
    )
    _grid(session, place, [one for one in fields if one.path in first])
    rest = [one for one in fields if one.path not in first]
    label = f"Not set: {counted(len(rest), 'more field')}"
    fold = _fold(session, place, label, "more", is_open=not first)
    if fold.open:
        with fold:
            _grid(session, place, rest)


def _is_needed(place: FormPosition, field: FormField) -> bool:
    return field.is_required or place.value(field.path) is not MISSING


def _section(
    session: Session,
    place: FormPosition,
    section: FormField,
    fields: Sequence[FormField],
    *,
    is_small: bool,
) -> None:
    """Draw the fields of one object; a value that is not an object is drawn as JSON."""
    path, name = section.path, ".".join(section.path)
    value = place.value(path)
    if value is not MISSING and misfit(section, value):
        _field(session, place, replace(section, kind="json", reason=misfit(section, value)), name)
        return
    written = sum(place.value(one.path) is not MISSING for one in fields)
    said = "null" if value is None else f"{written} of {len(fields)} set"
    is_needed = is_small and _has_values(session, place, path)
    is_open = is_needed or bool(place.messages(path)) or section.is_required
    fold = _fold(session, place, f"**{escaped(name)}** · {said}", name, is_open=is_open)
    if fold.open:
        with fold:
            _grid(session, place, fields)
            if section.takes_null:
                _null_button(session, place, section, is_null=value is None)


def _has_values(session: Session, place: FormPosition, path: KeyPath) -> bool:
    """Whether the section has a value, or had one since the form was drawn anew."""
    had: set[KeyPath] = session.memo.remember(
        "sections with values", (session.epoch, place.target), set
    )
    if place.value(path) is not MISSING or place.inherited(path) is not MISSING:
        had.add(path)
    return path in had


def _null_button(
    session: Session, place: FormPosition, section: FormField, *, is_null: bool
) -> None:
    """Draw the button that sets an optional object to null and back."""
    st.button(
        "Unset instead of null" if is_null else "Set to null",
        type="tertiary",
        key=f"null-{session.epoch}-{place.target}-{section.path}",
        on_click=text_of.put_null,
        args=(session, place.target, section.path, not is_null),
    )


def _fold(session: Session, place: FormPosition, label: str, name: str, *, is_open: bool) -> Any:
    """An expander whose fields are drawn only while it is open."""
    key = f"fold-{session.epoch}-{place.target}-{name}"
    return st.expander(label, expanded=is_open, key=key, on_change="rerun")


def _grid(
    session: Session, place: FormPosition, fields: Sequence[FormField], *, full_names: bool = False
) -> None:
    """Short fields side by side, as many in a row as fit; long ones over the whole width."""
    grid: GridContainer | None = None
    for field in fields:
        shown = _as_it_can_be_drawn(place, field)
        if shown.kind in ("table", "dictionary", "json"):
            grid, box = None, st.container()
        else:
            grid = grid or st.grid(_MOST_IN_A_ROW, gap=("xsmall", "small"))
            box = grid.cell()
        with box:
            _field(session, place, shown, ".".join(field.path) if full_names else field.name)


def _as_it_can_be_drawn(place: FormPosition, field: FormField) -> FormField:
    """`field`, as JSON if its value is not of its kind."""
    value = place.value(field.path)
    reason = "" if value is MISSING else misfit(field, value)
    return replace(field, kind="json", reason=reason) if reason else field


def _field(session: Session, place: FormPosition, field: FormField, name: str) -> None:
    version = f"{session.epoch}.{session.views.form_version}"
    key = f"field-{version}-{json.dumps([place.target, field.path])}"
    label = plain_label(name) + (" *" if field.is_required else "")
    options: dict[str, Any] = {
        "label": label,
        "key": key,
        "help": _help(field) or None,
        "on_change": text_of.take_field,
        "args": (session, place.target, field, key, place.required),
    }
    value, draft = place.value(field.path), session.typed.drafts.get((place.target, field.path))
    if field.kind in ("table", "dictionary"):
        _table(session, field, value, draft, options)
    elif choices_of(field):
        _choice(place, field, value, options)
    else:
        _text(place, field, draft if draft is not None else write_field(field, value), options)
    if draft is not None:
        place.said.add((*place.target, *field.path))
        _say(f"{text_of.draft_fault(field, draft)}. The previous value is kept")
    place.said.update(one.path for _, one in place.issues(field.path))
    for message in place.messages(field.path):
        _say(message)


def _say(message: str) -> None:
    st.markdown(f":red[:small[:material/error: {escaped(message)}]]")


def _text(place: FormPosition, field: FormField, written: str, options: dict[str, Any]) -> None:
    hint = _not_set(place, field)
    if field.kind == "json":
        options["label"] += f" · JSON: {plain_label(field.reason)}"
        st.text_area(value=written, placeholder=hint, height=_height(written), **options)
    elif field.kind == "list":
        options["label"] += " · one in a line"
        st.text_area(value=written, placeholder=hint, height=_height(written), **options)
    elif field.kind == "union" and any(one.kind == "list" for one in field.fields):
        options["label"] += " · one value, or a list: one in a line"
        st.text_area(value=written, placeholder=hint, height=_height(written), **options)
    else:
        st.text_input(value=written, placeholder=hint, **options)


def _height(written: str) -> int:
    return min(260, max(68, 26 * (written.count("\n") + 1) + 16))


def _choice(place: FormPosition, field: FormField, value: Any, options: dict[str, Any]) -> None:
    choices = list(choices_of(field))
    index = _index(field, value)
    if sum(map(len, choices)) + 4 * len(choices) <= _SHORT_CHOICES:
        if value is MISSING:
            options["label"] += f" · {plain_label(_not_set(place, field))}"
        default = None if index is None else choices[index]
        st.segmented_control(options=choices, default=default, **options)
    else:
        st.selectbox(options=choices, index=index, placeholder=_not_set(place, field), **options)


def _index(field: FormField, value: Any) -> int | None:
    written = None if value is MISSING else write_field(field, value)
    choices = list(choices_of(field))
    return choices.index(written) if written in choices else None


def _table(
    session: Session, field: FormField, value: Any, draft: str | None, options: dict[str, Any]
) -> None:
    key, began = options["key"], session.typed.table_rows
    if key not in began:  # a table widget sends its edits relative to its initial rows
        rows = write_rows(field, value) if draft is None else json.loads(draft)
        session.keep_typed(table_rows={**began, key: rows})
    rows, columns = session.typed.table_rows[key], columns_of(field, value)
    st.markdown(f":small[{options.pop('label')}]", help=options.pop("help"))
    cells = [[row.get(name) for name in columns] for row in rows]
    st.data_editor(
        pd.DataFrame(cells, columns=list(columns), dtype="object").astype("string"),
        num_rows="dynamic",
        hide_index=True,
        placeholder="",
        column_config={
            one.name: st.column_config.SelectboxColumn(options=list(choices_of(one)))
            for one in field.fields
            if choices_of(one)
        },
        **options,
    )


def _help(field: FormField) -> str:
    """The schema's description of the field, and the values that it accepts."""
    title = field.title if field.title.lower().replace(" ", "_") != field.name.lower() else ""
    parts = [title, field.description, _typing(field)]
    return "  \n".join(escaped(part) for part in parts if part)


def _typing(field: FormField) -> str:
    words = _kind_in_words(field) + (f", {field.limits}" if field.limits else "")
    null = " or null" if field.takes_null else ""
    default = ""
    if field.default is not MISSING:
        default = f" The wrapper's default is {_short(field.default)}; it is not written here."
    return f"{words[:1].upper()}{words[1:]}{null}. Empty: not set.{default}"


def _kind_in_words(field: FormField) -> str:
    return {
        "text": 'a text ("" is the empty one)',
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "choice": "one of the choices",
        "constant": "this value",
        "list": "a list, one item in a line ([] is the empty one)",
        "table": "one object in a row",
        "dictionary": "keys and values",
    }.get(field.kind, "JSON")


def _not_set(place: FormPosition, field: FormField) -> str:
    """The value that applies while the field is empty."""
    inherited = place.inherited(field.path)
    if inherited is not MISSING:
        return f"{_short(inherited)}, from {FIXED}"
    if field.default is not MISSING:
        return f"not set; default {_short(field.default)}"
    return "not set"


def _short(value: JsonValue) -> str:
    written = write_value(value, takes_null=True)
    return written if len(written) <= 40 else f"{written[:40]}…"
