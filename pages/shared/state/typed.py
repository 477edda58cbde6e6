"""The texts that a user typed, unchanged, also if they do not parse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dispatch_core.asset_list import AssetRow
from dispatch_core.builder.query_form import QueryForm, renewed
from dispatch_core.parameter_sets.field_text import TableRow
from dispatch_core.parameter_sets.sweep import SweepMode
from dispatch_core.types import JsonPath

EXAMPLE_QUERY = """{
  "data_description.project_name": "Thalamic Ephys Survey",
  "data_description.data_level": "derived"
}"""

EVERYTHING_QUERY = "{}"
"""The query of a new session on a real source, where the example would match nothing."""

QUERY, LIST = "Query", "List of ids"
"""The two ways to choose assets."""

Draft = tuple[JsonPath, tuple[str, ...]]
"""A field of the parameters' form: where its set is, and its path in that set."""


@dataclass(frozen=True)
class Typed:
    """Texts, uploaded lists and unfinished forms of a session.

    Attributes
    ----------
    query_form, form_text
        The form of the query, and the text that it was made from or wrote.
    conversion, converted_text
        The changes of the last conversion to JSON, and its result.
    parameters_before
        The parameters that a button replaced, for Undo.
    grouping
        The choice of latest only and groups that lacks a field, by the name in the request.
    target_name
        The name of the dispatch; "" for the one made of its query and the day.
    drafts
        Texts of form fields that are not valid values.
    numbers
        Numbers that are too small, by the field of the request.
    table_rows
        The initial rows of each table widget, by the key of the widget.
    """

    source: str = QUERY
    query_text: str = EXAMPLE_QUERY
    query_form: QueryForm | None = None
    form_text: str = ""
    conversion: tuple[str, ...] = ()
    converted_text: str = ""
    list_text: str = ""
    list_name: str = ""
    list_rows: tuple[AssetRow, ...] = ()
    list_notes: tuple[str, ...] = ()
    extension_text: str = ""
    parameters_text: str = ""
    parameters_before: str | None = None
    schema_text: str = ""
    drafts: Mapping[Draft, str] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    table_rows: Mapping[str, list[TableRow]] = field(default_factory=dict)
    sweep_rows: tuple[tuple[str, str], ...] = (("", ""), ("", ""))
    sweep_mode: SweepMode = "product"
    grouping: Mapping[str, str | tuple[str, ...] | None] = field(default_factory=dict)
    target_name: str = ""
    why_text: str = ""
    engine: str = ""
    job_command: str = ""
    s3_folder: str = ""
    pipeline: str = ""

    def with_new_keys(self) -> Typed:
        """A copy whose query form is shown by new widgets, which have its texts."""
        form = self.query_form
        return self if form is None else replace(self, query_form=renewed(form))
