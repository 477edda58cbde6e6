"""Public suites of hard cases: JSONTestSuite, the JSON Schema Test Suite, csv-spectrum."""

from __future__ import annotations

import csv
import io

from dispatch_core.asset_list import read_asset_csv
from dispatch_core.errors import InvalidInput
from dispatch_core.parameter_sets.schema import compile_schema
from dispatch_core.text.strict_json import load_json
from tests.support.corpora import csv_spectrum, json_schema_test_suite, json_test_suite

REFUSED_BY_DESIGN = {
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
}
"""Valid JSON that we refuse: of two equal keys nobody knows which one is meant."""


def is_read(text: str) -> bool:
    try:
        load_json(text, "text")
    except InvalidInput:
        return False
    return True


def test_no_invalid_text_of_json_test_suite_is_read_and_every_valid_one_is() -> None:
    suite = json_test_suite()

    wrong = {name for name, text in suite if name[0] != "i" and is_read(text) != (name[0] == "y")}

    assert len(suite) > 300
    assert wrong == REFUSED_BY_DESIGN


def test_what_json_leaves_open_is_read_or_refused() -> None:
    answers = {is_read(text) for name, text in json_test_suite() if name[0] == "i"}

    assert answers == {True, False}


def test_an_object_is_judged_as_the_json_schema_test_suite_does_unknown_keys_apart() -> None:
    draft = {"$schema": "http://json-schema.org/draft-04/schema#"}
    judged, wrong, refused = 0, [], []

    for what, schema, value, is_valid in json_schema_test_suite():
        try:
            found = compile_schema({**draft, **schema})
        except InvalidInput as error:
            refused += [] if _leads_elsewhere(error) else [what]
            continue
        if isinstance(value, dict):
            judged += 1
            issues = [issue for issue in found.check(value, "set") if not issue.is_unknown_key]
            wrong += [what] if is_valid and issues else []
            wrong += [what] if not is_valid and not list(found.check(value, "set")) else []

    assert judged > 40
    assert wrong == []
    assert refused == []


def _leads_elsewhere(error: InvalidInput) -> bool:
    """Whether a schema was refused for a reference out of itself."""
    return "not fetched" in str(error) or "leads nowhere" in str(error)


def test_the_ids_of_csv_spectrum_are_read_or_refused_for_a_line_break_in_one() -> None:
    tables = csv_spectrum()
    del tables["location_coordinates"]  # its table and its JSON hold different numbers
    wrong = []

    for name, (data, rows) in tables.items():
        read, expected = _first_column(data.decode()), _first_values(rows)
        if read != (None if any("\n" in text for text in expected) else expected):
            wrong.append((name, read, expected))

    assert wrong == []


def _first_column(table: str) -> list[str] | None:
    """The cells of the first column, read as ids; None where they are refused."""
    header = next(csv.reader(io.StringIO(table)))[0]
    try:
        rows = read_asset_csv(table.replace(header, "asset_id", 1))
    except InvalidInput:
        return None
    return [row.text for row in rows]


def _first_values(rows: list[dict[str, str]] | dict[str, str]) -> list[str]:
    listed = rows if isinstance(rows, list) else [rows]
    return [next(iter(row.values())).strip() for row in listed if any(row.values())]
