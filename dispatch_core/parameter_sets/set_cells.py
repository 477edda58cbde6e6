"""Parameter sets side by side as cells of text, which are edited in place.

A cell follows the rules of its field in the form; without a field, those of `value_text`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from dispatch_core.language.bson import Missing
from dispatch_core.parameter_sets.compare import ComparedSet, Comparison, KeyPath
from dispatch_core.parameter_sets.document import DISTRIBUTED, FIXED
from dispatch_core.parameter_sets.field_text import TableRow, read_field, write_field
from dispatch_core.parameter_sets.schema_form import FormField, leaves
from dispatch_core.types import JsonPath, JsonValue

MOST_COLUMNS = 40
_IN_A_LINE = ("text", "integer", "number", "boolean", "choice", "constant")
_INHERITED = " (fixed)"
"""What follows the text of a value that a set inherits from the fixed parameters."""


@dataclass(frozen=True, slots=True)
class CellColumn:
    """One key of the sets, and the field that reads and writes its cells."""

    field: FormField
    differs: bool

    @property
    def title(self) -> str:
        """The key, another one for each path."""
        return ".".join(json.dumps(key) if "." in key else key for key in self.field.path)

    @property
    def label(self) -> str:
        """The key, marked if its values differ."""
        return f"{'≠' if self.differs else '='} {self.title}"


def cell_columns(compared: Comparison, form: FormField | None) -> tuple[CellColumn, ...]:
    """The keys that differ or that a set has itself, in the order of the text.

    Of more than `MOST_COLUMNS` keys, only those that differ, and not more than that.
    """
    fields = {one.path: one for one in leaves(form) if one.kind in _IN_A_LINE} if form else {}
    differing = set(compared.differing)
    columns = [
        CellColumn(fields.get(path) or FormField(path, "choice", path[-1]), path in differing)
        for path in dict.fromkeys(path for one in compared.sets for path in one.values)
        if path in differing or any(_has(one, path) for one in compared.sets)
    ]
    if len(columns) > MOST_COLUMNS:
        columns = [column for column in columns if column.differs][:MOST_COLUMNS]
    return tuple(columns)


def _has(one: ComparedSet, path: KeyPath) -> bool:
    return path in one.values and one.values[path].origin != FIXED


def write_cells(
    compared: Comparison,
    columns: tuple[CellColumn, ...],
    drafts: Mapping[tuple[JsonPath, KeyPath], str],
) -> list[TableRow]:
    """One row a set: the texts by title, None without a value; an invalid text as it is typed."""
    return [
        {column.title: _written(one, column.field, drafts) for column in columns}
        for one in compared.sets
    ]


def _written(
    one: ComparedSet, field: FormField, drafts: Mapping[tuple[JsonPath, KeyPath], str]
) -> str | None:
    draft = drafts.get((place_of(one.number), field.path))
    found = one.values.get(field.path)
    if draft is not None or found is None:
        return draft
    return write_field(field, found.value) + (_INHERITED if found.origin == FIXED else "")


def place_of(number: int) -> JsonPath:
    """The path in the document of the set with this number, from 1."""
    return (DISTRIBUTED, number - 1)


def read_cell(column: CellColumn, text: str | None) -> JsonValue | Missing:
    """The value that a text gives the set; `MISSING` if it is blank.

    Raises
    ------
    InvalidInput
        The text is not a value of the field.
    """
    return read_field(column.field, typed_in(text))


def typed_in(text: str | None) -> str:
    """The text of a cell without the note that the value is inherited."""
    return (text or "").removesuffix(_INHERITED)
