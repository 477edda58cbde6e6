"""The text typed into a field, and its value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.errors import InvalidInput
from dispatch_core.text.value_text import read_value, write_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("5.0", 5.0),
        ('"5"', "5"),
        ("five words", "five words"),
        ("true", True),
        ("null", None),
        ("2025-06-07", "2025-06-07"),
        ('{"a": [1]}', {"a": [1]}),
        ('""', ""),
        ("NAcc: DA", "NAcc: DA"),
    ],
)
def test_text_that_parses_as_json_is_that_value_and_other_text_is_a_string(
    text: str, value: Any
) -> None:
    assert json.dumps(read_value(text)) == json.dumps(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", "5"), ("null", "null"), ('"5"', "5"), ('""', ""), ("{x}", "{x}"), ("True", "True")],
)
def test_in_a_string_field_the_typed_text_is_the_value(text: str, value: str) -> None:
    assert read_value(text, is_text=True) == value


def test_in_a_nullable_field_null_is_null_and_the_string_null_has_quotes() -> None:
    assert read_value("null", is_text=True, takes_null=True) is None
    assert read_value('"null"', is_text=True, takes_null=True) == "null"
    assert write_value("null", is_text=True, takes_null=True) == '"null"'


@pytest.mark.parametrize("text", ["True", "None", "NaN", "[1, 2", '{"a": 1', '"x'])
def test_python_literals_and_malformed_json_are_refused_and_not_read_as_strings(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_value(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")) | st.sampled_from(["null", "1", "True", "NaN", "{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(json_values)
def test_every_value_reads_back_as_itself(value: Any) -> None:
    text = write_value(value)

    assert json.dumps(read_value(text)) == json.dumps(value)


@given(st.text(st.characters(codec="utf-8")) | st.sampled_from(["null", '"', '""']), st.booleans())
def test_every_string_reads_back_in_a_string_field(value: str, takes_null: bool) -> None:
    text = write_value(value, is_text=True, takes_null=takes_null)

    assert "\n" not in text
    assert read_value(text, is_text=True, takes_null=takes_null) == value
