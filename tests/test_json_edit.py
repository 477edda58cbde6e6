"""Edits of a JSON text change one value and leave the rest unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.text.json_edit import (
    append_items,
    insert_item,
    put_value,
    read_spans,
    remove_value,
    rename_key,
    span_at,
    swap_items,
)

WRITTEN = """{
    "b": 1e-3,   "a": {"deep": [1.0, 2,
       3]},
    "text": "\\u00e9 \\"quoted\\" {not, an: object}"
}
"""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def test_only_the_edited_value_changes() -> None:
    assert put_value(WRITTEN, ("a", "deep", 1), 2.5) == WRITTEN.replace("2,", "2.5,")


def test_an_equal_value_keeps_its_original_text() -> None:
    assert put_value(WRITTEN, ("b",), 0.001) == WRITTEN


@pytest.mark.parametrize(
    ("value", "written"), [(1, "1"), (1.0, "1.0"), ("1", '"1"'), (True, "true"), (None, "null")]
)
def test_types_are_kept_as_typed(value: Any, written: str) -> None:
    assert put_value('{"a": 0}', ("a",), value) == f'{{"a": {written}}}'


def test_a_missing_key_is_added_at_the_end_in_the_style_of_its_object() -> None:
    assert put_value('{"a": 1}', ("b",), 2) == '{"a": 1, "b": 2}'
    assert put_value('{\n   "a": 1\n}', ("b",), {"c": 2}) == (
        '{\n   "a": 1,\n   "b": {\n     "c": 2\n   }\n}'
    )


def test_missing_objects_on_the_way_to_a_key_are_created() -> None:
    assert put_value("{}", ("a", "b", "c"), 1) == (
        '{\n  "a": {\n    "b": {\n      "c": 1\n    }\n  }\n}'
    )


def test_a_scalar_on_the_way_is_replaced_by_an_object() -> None:
    assert put_value('{"a": null, "z": 0}', ("a", "b"), 1) == '{"a": {"b": 1}, "z": 0}'


def test_only_the_members_of_an_object_that_differ_change() -> None:
    text = '{"o": {"same": 1e2, "other":  1, "gone": 0}}'

    changed = put_value(text, ("o",), {"same": 100.0, "other": 2, "new": 3})

    assert changed == '{"o": {"same": 1e2, "other":  2, "new": 3}}'


@pytest.mark.parametrize(
    ("path", "left"),
    [
        (("a",), '{"b": 2, "c": [1, 2]}'),
        (("b",), '{"a": 1, "c": [1, 2]}'),
        (("c", 0), '{"a": 1, "b": 2, "c": [2]}'),
        (("c",), '{"a": 1, "b": 2}'),
        (("nowhere", "at all"), '{"a": 1, "b": 2, "c": [1, 2]}'),
    ],
)
def test_a_member_is_removed_with_its_comma(path: tuple[str | int, ...], left: str) -> None:
    assert remove_value('{"a": 1, "b": 2, "c": [1, 2]}', path) == left


def test_removing_the_last_member_leaves_empty_brackets() -> None:
    assert remove_value('{"a": {\n  "b": 1\n}}', ("a", "b")) == '{"a": {}}'


def test_a_key_is_renamed_in_its_place() -> None:
    assert rename_key('{"\\u0061" : 1, "b": 2}', ("a",), "c") == '{"c" : 1, "b": 2}'


def test_a_key_is_not_renamed_to_an_existing_key() -> None:
    assert rename_key('{"a": 1, "b": 2}', ("a",), "b") == '{"a": 1, "b": 2}'


def test_items_are_inserted_swapped_and_appended_verbatim() -> None:
    text = '[{"n": 1e0},\n {"n": 2}]'

    assert insert_item(text, (), 1, '{"n": 1e0}') == '[{"n": 1e0},\n {"n": 1e0}, {"n": 2}]'
    assert swap_items(text, (), 1, 0) == '[{"n": 2},\n {"n": 1e0}]'
    assert append_items("[1]", (), [2, 3]) == "[1, 2, 3]"


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, min_size=1), st.data())
@pytest.mark.parametrize("indent", [None, 3])
def test_a_change_of_any_value_leaves_all_others(
    indent: int | None, document: dict[str, Any], data: st.DataObject
) -> None:
    text = json.dumps(document, indent=indent)
    key = data.draw(st.sampled_from(sorted(document)))
    value = data.draw(json_values)

    put, removed = put_value(text, (key,), value), remove_value(text, (key,))

    assert json.loads(put) == {**document, key: value}
    assert json.dumps(json.loads(put)) == json.dumps({**document, key: value})
    assert json.loads(removed) == {name: one for name, one in document.items() if name != key}
    assert list(json.loads(put)) == list(document)


@given(json_values)
def test_the_span_of_every_value_contains_it(value: Any) -> None:
    text = json.dumps({"x": [value]}, indent=1)

    span = span_at(text, ("x", 0))

    assert span is not None
    assert json.dumps(json.loads(text[span.start : span.end])) == json.dumps(value)
    assert read_spans(text).end == len(text)
