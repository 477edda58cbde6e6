"""The strict JSON loader: what it accepts, what it refuses, and where it locates an error."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.errors import InvalidInput
from dispatch_core.text.strict_json import load_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # A lone surrogate cannot be encoded as UTF-8.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=12,
)


def refusal(text: str | bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        load_json(text, "query")
    return str(caught.value)


@given(VALUES)
def test_any_json_value_survives_the_round_trip(value: object) -> None:
    assert load_json(json.dumps(value), "value") == value


@given(VALUES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]))
def test_bytes_are_read_in_every_encoding_of_json(value: object, encoding: str) -> None:
    assert load_json(json.dumps(value).encode(encoding), "value") == value


@given(st.binary() | st.text(st.sampled_from('{}[]",:\\ue1-.tN \n')))
def test_malformed_text_raises_only_invalid_input(text: str | bytes) -> None:
    with suppress(InvalidInput):
        load_json(text, "value")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "query: it is empty. Write a JSON value, such as {}."),
        ('{"a": 1,}', "line 1, column 8: there is a comma before the closing }. Remove the comma."),
        ('{\n "a": [1,\n]}', "line 2, column 9: there is a comma before the closing ]."),
        ('{"a": NaN}', "line 1, column 7: NaN is not a JSON number. Write a finite number"),
        ("[-Infinity]", "line 1, column 2: -Infinity is not a JSON number."),
        ("[1e999]", "line 1, column 2: 1e999 is not a JSON number."),
        ("[" + "9" * 5_000 + "]", "line 1, column 2: an integer has too many digits."),
        ('{"a": 1,\n "a": 2}', 'line 2, column 2: the key "a" appears twice in one object.'),
        ("{'a': 1}", 'line 1, column 2: strings are in single quotes. Write "double quotes".'),
        ("{a: 1}", 'line 1, column 2: a key is not in quotes. Write "key": value.'),
        ('{"a": True}', "column 7: this is Python, not JSON. Write true, false or null."),
        ("{\u201ca\u201d: 1}", "column 2: smart quotes are not JSON."),
        ('{"a": 1 // one\n}', "column 9: comments are not JSON. Remove the comment."),
        ('{"a": ISODate("2025")}', "column 7: a shell function is not JSON."),
        (r'{"a": "\d+"}', r"column 8: this is not a JSON escape. Write \\ for a backslash"),
        ('{"a": "b}', "column 7: the string that starts here does not end."),
        ('{"a": 1 "b": 2}', "column 9: a comma or a closing bracket is missing before this."),
        ('{"a" 1}', "column 6: a colon is missing after the key."),
        ('{"a": }', "column 7: this is not a JSON value."),
        ('{"a": 1', "column 8: the text ends too early. Close the open brackets."),
        ("{} {}", "column 4: more text follows the end of the value. Keep one value."),
        ('["\\ud800"]', "column 2: the text contains half of a surrogate pair"),
        (b'["\xff"]', "query: byte 3 is not UTF-8 text. Save the file as UTF-8."),
    ],
)
def test_a_syntax_error_is_reported_with_its_position_and_a_remedy(
    text: str | bytes, message: str
) -> None:
    assert message in refusal(text)


def test_the_caret_is_under_the_error() -> None:
    assert refusal('{\n  "a": 1,\n  "a": 2\n}').splitlines()[1:] == ['    "a": 2', "    ^"]


def test_the_caret_is_under_an_error_far_along_a_long_line() -> None:
    row, caret = refusal('{"a": "' + "x" * 500 + '", "b": NaN}').splitlines()[1:]

    assert row[caret.index("^") :].startswith("NaN")
    assert len(row) < 80


def test_nesting_of_100_levels_is_read_and_101_levels_are_refused() -> None:
    assert load_json("[" * 100 + "]" * 100, "query")

    assert "line 1, column 101: it is nested more than 100 levels deep" in refusal(
        "[" * 101 + "]" * 101
    )


def test_nesting_of_200_levels_is_refused_without_recursion() -> None:
    assert "nested more than 100 levels deep" in refusal('{"a":' * 200 + "1" + "}" * 200)


def test_brackets_inside_strings_do_not_count_as_nesting() -> None:
    assert load_json(json.dumps(["[{" * 500]), "query") == ["[{" * 500]


def test_one_key_in_two_objects_is_not_a_duplicate() -> None:
    assert load_json('[{"a": 1}, {"a": {"a": 2}}]', "query") == [{"a": 1}, {"a": {"a": 2}}]


def test_the_error_points_at_the_object_with_the_duplicate_key() -> None:
    assert "line 3, column 2" in refusal('{"x": {"k": 1},\n"y": [{"k": 1,\n "k": 2}]}')


def test_an_unclosed_string_with_many_quotes_is_reported_quickly() -> None:
    # A scan that restarts at each quote would take hours here.
    assert "does not end" in refusal("[" + "[]," * 200 + '"' + '\\"' * 500_000)
