"""What is typed into a field, and the value it stands for."""

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
def test_what_reads_as_json_is_that_value_and_other_words_are_a_text(text: str, value: Any) -> None:
    assert json.dumps(read_value(text)) == json.dumps(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", "5"), ("null", "null"), ('"5"', "5"), ('""', ""), ("{x}", "{x}"), ("True", "True")],
)
def test_in_a_field_of_text_what_is_typed_is_the_text(text: str, value: str) -> None:
    assert read_value(text, is_text=True) == value


def test_where_null_is_a_value_of_the_field_it_is_null_and_the_text_has_quotes() -> None:
    assert read_value("null", is_text=True, takes_null=True) is None
    assert read_value('"null"', is_text=True, takes_null=True) == "null"
    assert write_value("null", is_text=True, takes_null=True) == '"null"'


@pytest.mark.parametrize("text", ["True", "None", "NaN", "[1, 2", '{"a": 1', '"x'])
def test_python_and_broken_json_are_refused_instead_of_being_taken_as_texts(text: str) -> None:
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
def test_every_text_reads_back_in_a_field_of_text(value: str, takes_null: bool) -> None:
    text = write_value(value, is_text=True, takes_null=takes_null)

    assert "\n" not in text
    assert read_value(text, is_text=True, takes_null=takes_null) == value
