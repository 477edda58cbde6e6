"""Form fields as text: the typed text, its value, and the value written back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.errors import InvalidInput
from dispatch_core.language.bson import MISSING
from dispatch_core.parameter_sets.field_text import (
    choices_of,
    columns_of,
    edited_rows,
    read_field,
    read_rows,
    write_field,
    write_rows,
)
from dispatch_core.parameter_sets.schema_form import FormField, make_form

NUMBER = {"type": "number"}
OPTIONAL_TEXT = {"type": ["string", "null"]}
TEXTS = {"type": ["array", "null"], "items": {"type": "string"}}
ANYTHING = {"type": "object"}
CHANNELS = {
    "type": "array",
    "items": {"properties": {"name": {"type": "string"}, "gain": {"type": "number"}}},
}


def field_of(schema: Any) -> FormField:
    return make_form({"properties": {"x": schema}}).fields[0]


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (NUMBER, "1", 1),
        (NUMBER, " 1.0 ", 1.0),
        (NUMBER, "1e-3", 0.001),
        ({"type": "integer"}, "90071992547409930", 90071992547409930),
        ({"type": "string"}, "1", "1"),
        (OPTIONAL_TEXT, "null", None),
        (OPTIONAL_TEXT, '""', ""),
        (TEXTS, "one\n\n2\n", ["one", "2"]),
        (TEXTS, "[]", []),
        (TEXTS, "null", None),
        ({"type": "array", "items": NUMBER}, "1\n2.0", [1, 2.0]),
        ({"type": "array", "items": {"type": "array"}}, '["a", "b"]\n[]', [["a", "b"], []]),
        ({}, '{"a": [1.0]}', {"a": [1.0]}),
    ],
)
def test_the_text_of_a_field_is_read_as_its_value(schema: Any, text: str, value: Any) -> None:
    assert json.dumps(read_field(field_of(schema), text)) == json.dumps(value)


def test_blank_text_means_no_value() -> None:
    for schema in (NUMBER, OPTIONAL_TEXT, TEXTS, {}):
        assert read_field(field_of(schema), " ") is MISSING
        assert write_field(field_of(schema), MISSING) == ""


@pytest.mark.parametrize(
    ("schema", "text", "message"),
    [
        (NUMBER, "abc", "x: abc is not a number. Write a number, such as 0.05."),
        (NUMBER, "null", "x: null is not a number."),
        (NUMBER, "true", "x: true is not a number."),
        ({"type": "integer"}, "5.0", "x: 5.0 is not an integer. Write a whole number, such as 5."),
        ({"type": "array", "items": NUMBER}, "1\ntwo", "x, line 2: two is not a number."),
        ({}, "{", "x, line 1, column 2: the text ends too early"),
    ],
)
def test_text_of_the_wrong_kind_is_rejected_with_a_message(
    schema: Any, text: str, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_field(field_of(schema), text)

    assert message in str(caught.value)


texts = st.text(st.characters(codec="utf-8")) | st.sampled_from(["null", "[]", "", '"', "1"])


@given(st.lists(texts) | st.none())
def test_every_list_of_strings_reads_back(value: list[str] | None) -> None:
    field = field_of(TEXTS)

    assert read_field(field, write_field(field, value)) == value


@given(st.dictionaries(texts, texts | st.integers() | st.lists(st.floats(0, 1)), min_size=1))
def test_every_free_dictionary_reads_back_in_its_order(value: dict[str, Any]) -> None:
    field = field_of(ANYTHING)

    read = read_rows(field, write_rows(field, value))

    assert json.dumps(read) == json.dumps(value)


def test_a_row_keeps_unset_values_null_and_additional_keys() -> None:
    value = [{"name": "a", "gain": 1}, {"name": "1", "gain": 1.0, "more": None}]
    field = field_of(CHANNELS)

    rows = write_rows(field, value)

    assert columns_of(field, value) == ("name", "gain", "more")
    assert rows[0] == {"name": "a", "gain": "1", "more": None}
    assert json.dumps(read_rows(field, rows)) == json.dumps(value)


def test_blank_rows_are_skipped_and_only_blank_rows_mean_no_value() -> None:
    assert read_rows(field_of(CHANNELS), [{"name": None}, {"name": ""}]) is MISSING
    assert read_rows(field_of(CHANNELS), [{"name": None}, {"name": "a"}]) == [{"name": "a"}]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], "row 2: the key 'a' is repeat"),
        ([{"Key": "a", "Value": None}], "row 1: a has no value"),
        ([{"Key": None, "Value": "b"}], "row 1: b has no key"),
        ([{"Key": "a", "Value": "[1"}], "row 1, line 1, column"),
    ],
)
def test_an_invalid_row_is_rejected_with_its_number(rows: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_rows(field_of(ANYTHING), rows)

    assert message in str(caught.value)


def test_a_cell_of_the_wrong_kind_is_rejected_with_row_and_column() -> None:
    with pytest.raises(InvalidInput, match="x, row 1, gain: loud is not a number"):
        read_rows(field_of(CHANNELS), [{"name": "a", "gain": "loud"}])


@pytest.mark.parametrize(
    ("schema", "choices"),
    [
        ({"type": ["boolean", "null"]}, {"true": True, "false": False, "null": None}),
        ({"enum": ["null", "1", None]}, {'"null"': "null", "1": "1", "null": None}),
        ({"enum": ["1", 1, 1.0]}, {'"1"': "1", "1": 1, "1.0": 1.0}),
        ({"const": "v1"}, {"v1": "v1"}),
        (NUMBER, {}),
    ],
)
def test_choices_of_different_types_have_different_texts(schema: Any, choices: Any) -> None:
    assert json.dumps(choices_of(field_of(schema))) == json.dumps(choices)


def test_a_table_applies_changed_cells_added_rows_and_deleted_rows() -> None:
    rows = [{"a": "1"}, {"a": "2"}, {"a": "3"}]

    edits = {"edited_rows": {2: {"a": "4"}}, "added_rows": [{"a": "5"}], "deleted_rows": [0]}

    assert edited_rows(rows, edits) == [{"a": "2"}, {"a": "4"}, {"a": "5"}]


TEXT_OR_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
WHOLE_OR_TEXT = {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]}
AUTO_OR_NUMBERS = {"anyOf": [{"const": "auto"}, NUMBER, {"type": "array", "items": NUMBER}]}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (TEXT_OR_TEXTS, "5", "5"),
        (TEXT_OR_TEXTS, "a b", "a b"),
        (TEXT_OR_TEXTS, '["a", "b"]', ["a", "b"]),
        (TEXT_OR_TEXTS, "a\nb", ["a", "b"]),
        (TEXT_OR_TEXTS, "[]", []),
        (WHOLE_OR_TEXT, "5", 5),
        (WHOLE_OR_TEXT, '"5"', "5"),
        (WHOLE_OR_TEXT, "five", "five"),
        (WHOLE_OR_TEXT, "null", None),
        (WHOLE_OR_TEXT, "true", "true"),
        (WHOLE_OR_TEXT, '"1.5"', "1.5"),
        (AUTO_OR_NUMBERS, "auto", "auto"),
        (AUTO_OR_NUMBERS, "0.5", 0.5),
        (AUTO_OR_NUMBERS, "1\n2", [1, 2]),
        ({"type": ["integer", "string"]}, "5", 5),
        ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, "true", True),
    ],
)
def test_a_union_takes_the_text_of_each_alternative_and_writes_it_back(
    schema: Any, text: str, value: Any
) -> None:
    field = field_of(schema)

    read = read_field(field, text)

    assert field.kind == "union"
    assert json.dumps(read) == json.dumps(value)
    assert json.dumps(read_field(field, write_field(field, read))) == json.dumps(value)


@pytest.mark.parametrize(
    ("schema", "text", "message"),
    [
        (WHOLE_OR_TEXT, "1.5", "1.5 is not an integer or a string"),
        (AUTO_OR_NUMBERS, "atuo", "atuo is not auto or a number or a list"),
    ],
)
def test_text_of_no_alternative_of_a_union_is_an_error(
    schema: Any, text: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_field(field_of(schema), text)
