"""Converts the value of a form field to the text that a user edits, and back.

Blank text means no value (`MISSING`); ``null`` means null if the field accepts null.
Text that no alternative of a union takes as JSON is a string.
Lists have one item per line, tables and dictionaries one per row; each cell follows the
rules of `value_text`. A value that is not edited keeps its type.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.bson import MISSING, Missing
from dispatch_core.parameter_sets.schema_form import FormField, kinds_of_union, misfit
from dispatch_core.text.strict_json import load_json
from dispatch_core.text.value_text import read_value, write_value
from dispatch_core.types import JsonValue

KEY, VALUE = "Key", "Value"
"""The columns in which a dictionary is edited."""

TableRow = dict[str, str | None]
"""A row of a table by column; None means that the row has no value there."""

_EXAMPLES = {
    "integer": ("an integer", "Write a whole number, such as 5"),
    "number": ("a number", "Write a number, such as 0.05"),
}


def is_text(field: FormField | None) -> bool:
    """Return whether the text typed into `field` is taken literally."""
    if field is None:
        return False
    choices = field.choices if field.kind in ("choice", "constant") else ()
    return field.kind == "text" or (bool(choices) and all(isinstance(one, str) for one in choices))


def write_field(field: FormField, value: JsonValue | Missing) -> str:
    """Return `value` as the text of `field`; blank without a value."""
    if value is MISSING:
        return ""
    if field.kind == "json":
        return json.dumps(value, indent=2, ensure_ascii=False)
    if field.kind == "list" and isinstance(value, list):
        return _write_lines(field, value)
    if field.kind == "union":
        return _write_union(field, value)
    return write_value(value, is_text=is_text(field), takes_null=field.takes_null)


def _write_union(field: FormField, value: JsonValue) -> str:
    """A string without quotes if it reads back the same, anything else as JSON."""
    if isinstance(value, str) and value.strip():
        try:
            if _read_union(field, value, "") == value:
                return value
        except InvalidInput:
            pass
    return json.dumps(value, ensure_ascii=False)


def _write_lines(field: FormField, values: Sequence[JsonValue]) -> str:
    lines = [_write_item(field.item, value) for value in values]
    if len(lines) == 1 and lines[0] in ("null", "[]") and isinstance(values[0], str):
        return json.dumps(values[0])
    return "\n".join(lines) or "[]"


def _write_item(item: FormField | None, value: JsonValue) -> str:
    if item is not None and item.kind == "union":
        return _write_union(item, value)
    takes_null = item is not None and item.takes_null
    return write_value(value, is_text=is_text(item), takes_null=takes_null)


def read_field(field: FormField, text: str) -> JsonValue | Missing:
    """Return the value that `text` gives `field`, or `MISSING` if it is blank.

    Raises
    ------
    InvalidInput
        If the text is not a value of the field's kind.
    """
    if not text.strip():
        return MISSING
    where = ".".join(field.path)
    if field.kind == "json":
        return load_json(text, where)
    if field.kind == "list":
        return _read_lines(field, text.strip(), where)
    return _read_scalar(field, text, where)


def _read_lines(field: FormField, text: str, where: str) -> JsonValue:
    if text == "[]":
        return []
    if text == "null" and field.takes_null:
        return None
    lines = [line for line in text.split("\n") if line.strip()]
    return [
        _read_item(field.item, line, f"{where}, line {number}")
        for number, line in enumerate(lines, 1)
    ]


def _read_item(item: FormField | None, text: str, where: str) -> JsonValue:
    return read_value(text, where) if item is None else _read_scalar(item, text, where)


def _read_union(field: FormField, text: str, where: str) -> JsonValue:
    """The value of the first reading that an alternative takes: JSON, lines of a list, text."""
    for value in _readings(field, text.strip(), where):
        if not misfit(field, value):
            return value
    what = f"{text.strip()} is not {kinds_of_union(field)}"
    raise InvalidInput(Issue(what, where, 'Write one, such as 5, "text" or ["a", "b"]'))


def _readings(field: FormField, text: str, where: str) -> Iterator[JsonValue]:
    """The values that `text` may mean; 1.5 for an integer or a text is not meant as a text."""
    lists = [one for one in field.fields if one.kind == "list"]
    scalars = [one for one in field.fields if one.kind != "list"]
    if "\n" in text and text[:1] != '"':
        for one in lists:
            yield _read_lines(one, text, where)
    is_words = _is_all_text(scalars) and text[:1] != "["
    value = read_value(text, where, is_text=is_words, takes_null=field.takes_null)
    yield value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and any(one.kind in _EXAMPLES for one in scalars)):
        yield text


def _is_all_text(fields: Sequence[FormField]) -> bool:
    return bool(fields) and all(map(is_text, fields))


def _read_scalar(field: FormField, text: str, where: str) -> JsonValue:
    if field.kind == "union":
        return _read_union(field, text, where)
    value = read_value(text, where, is_text=is_text(field), takes_null=field.takes_null)
    if field.kind not in _EXAMPLES or (value is None and field.takes_null):
        return value
    kinds = int if field.kind == "integer" else int | float
    if not isinstance(value, kinds) or isinstance(value, bool):
        name, action = _EXAMPLES[field.kind]
        raise InvalidInput(Issue(f"{text.strip()} is not {name}", where, action))
    return value


def choices_of(field: FormField) -> dict[str, JsonValue]:
    """Return the values to choose from, by their text; empty for a field with free text."""
    if field.kind == "boolean":
        values: tuple[JsonValue, ...] = (True, False)
    else:
        values = field.choices if field.kind in ("choice", "constant") else ()
    if values and field.takes_null:
        values = (*values, None)
    return {
        write_value(one, is_text=is_text(field), takes_null=field.takes_null): one for one in values
    }


def columns_of(field: FormField, value: JsonValue | Missing) -> tuple[str, ...]:
    """Return the columns of `field`: those of its schema, then further keys in `value`."""
    if field.kind == "dictionary":
        return (KEY, VALUE)
    rows = value if isinstance(value, list) else []
    names = [one.name for one in field.fields] + [key for row in rows for key in row]
    return tuple(dict.fromkeys(names))


def write_rows(field: FormField, value: JsonValue | Missing) -> list[TableRow]:
    """Return the `value` of a dictionary or a table as rows of text cells."""
    if field.kind == "dictionary":
        items = value.items() if isinstance(value, dict) else ()
        return [{KEY: key, VALUE: _write_item(field.item, one)} for key, one in items]
    columns, items_of = columns_of(field, value), {one.name: one for one in field.fields}
    return [
        {
            name: _write_item(items_of.get(name), row[name]) if name in row else None
            for name in columns
        }
        for row in (value if isinstance(value, list) else [])
    ]


def read_rows(field: FormField, rows: Sequence[Mapping[str, Any]]) -> JsonValue | Missing:
    """Return the value that `rows` give `field`; blank rows are skipped.

    Without a row that has content, the result is `MISSING`.
    """
    filled = [
        (number, row)
        for number, row in enumerate(rows, 1)
        if any(cell not in (None, "") for cell in row.values())
    ]
    if not filled:
        return MISSING
    where = ".".join(field.path)
    if field.kind == "dictionary":
        return _read_dictionary(field, filled, where)
    items = {one.name: one for one in field.fields}
    return [
        {
            name: _read_item(items.get(name), cell, f"{where}, row {number}, {name}")
            for name, cell in row.items()
            if cell not in (None, "")
        }
        for number, row in filled
    ]


def _read_dictionary(
    field: FormField, rows: Sequence[tuple[int, Mapping[str, Any]]], where: str
) -> JsonValue:
    found: dict[str, JsonValue] = {}
    for number, row in rows:
        place = f"{where}, row {number}"
        key, text = row.get(KEY), row.get(VALUE) or ""
        if key is None:
            raise InvalidInput(Issue(f"{text} has no key", place, "Write a key for it"))
        if not text:
            action = 'Write a value, or "" for an empty string'
            raise InvalidInput(Issue(f"{key} has no value", place, action))
        if key in found:
            raise InvalidInput(Issue(f"the key {key!r} is repeated", place, "Keep one of them"))
        found[key] = _read_item(field.item, text, place)
    return found


def edited_rows(rows: Sequence[TableRow], edits: Mapping[str, Any]) -> list[TableRow]:
    """Return `rows` after the changes, additions and deletions made in a table widget."""
    changed = edits.get("edited_rows", {})
    deleted = set(edits.get("deleted_rows", ()))
    kept = [
        {**row, **changed.get(number, {})}
        for number, row in enumerate(rows)
        if number not in deleted
    ]
    return [*kept, *(dict(row) for row in edits.get("added_rows", ()))]
