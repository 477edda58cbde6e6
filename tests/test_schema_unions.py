"""Errors of a union without a discriminator: what is wrong, where, and what may be there."""

from __future__ import annotations

import time
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from dispatch_core.parameter_sets.schema import compile_schema
from dispatch_core.parameter_sets.schema_words import words_of

LIST_OF: dict[str, Any] = {
    kind: {"type": "array", "items": {"type": kind}} for kind in ("string", "integer")
}
AT_LEAST_0 = {"type": "number", "minimum": 0}
LOW = {"type": "integer", "maximum": -5}
MILLISECONDS = {"type": "string", "pattern": "^[0-9]+ms$"}


def issues(schema: dict[str, Any], value: Any) -> list[str]:
    compiled = compile_schema({"properties": {"x": schema}})
    return [str(issue) for issue in compiled.check({"x": value}, "set")]


@pytest.mark.parametrize(
    ("branches", "value", "message"),
    [
        ([AT_LEAST_0, LOW], -1, "x: -1 is not a number of at least 0 or an integer of at most -5."),
        ([AT_LEAST_0, {"anyOf": [LOW, {"type": "null"}]}], -1, "or an integer of at most -5 or nu"),
        ([{"const": "auto"}, MILLISECONDS], "9s", '"9s" is not "auto" or a string that matches ^['),
        (
            [{"type": "string", "maxLength": 2}, {"type": "string", "minLength": 9}],
            "abc",
            '"abc" is not a string of at most 2 characters or a string of at least 9 characters.',
        ),
        ([{"multipleOf": 2}, {"multipleOf": 3}], 5, "5 is not a multiple of 2 or a multiple of 3."),
        ([{"required": ["a"]}, {"required": ["b"]}], {}, "{} is not an object with 'a' or an obj"),
        ([False, {"type": "number", "minimum": 3}], 2, "2 is less than the minimum of 3"),
        ([False, {"type": "number"}], "x", '"x" is not a number. Write one of them.'),
        ([{"enum": ["a", "b"]}, {"type": "number", "minimum": 3}], 2, "2 is less than the minimum"),
        ([{"not": {"type": "string"}}, LOW], "x", '"x" is a string, which is not allowed here.'),
        ([{}, False], 1, ""),
    ],
)
@pytest.mark.parametrize("word", ["anyOf", "oneOf"])
def test_the_alternatives_are_named_in_words(
    word: Literal["anyOf", "oneOf"], branches: list[Any], value: Any, message: str
) -> None:
    found = issues({word: branches}, value)

    assert len(found) == bool(message)
    assert all(message in one and "schemas listed" not in one for one in found)


@pytest.mark.parametrize(
    ("branches", "value", "message"),
    [
        (
            [LIST_OF["string"], LIST_OF["integer"]],
            ["a", "b", 1],
            'x: ["a", "b", 1] is not a list of strings or a list of integers. '
            "To make it a list of strings, correct x.2: 1 is not a string.",
        ),
        ([LIST_OF["string"], LIST_OF["integer"]], [1.5], "a list of integers, correct x.0: 1.5 is"),
        (
            [
                {"type": "object", "additionalProperties": {"type": kind}}
                for kind in ("null", "array")
            ],
            {"q": 1},
            "object whose items are each null or an object of lists. To make it an object whose",
        ),
        (
            [{"type": "array", "items": {"required": [key]}} for key in ("a", "b")],
            [{"b": 1}, {}],
            "a list whose items are each an object with 'b', correct x.1: 'b' is missing",
        ),
        (
            [
                {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]},
                {"type": "array", "prefixItems": [{"type": "string"}, {"type": "boolean"}]},
            ],
            ["a", "b"],
            "is not a list of 2 items (a string, a number) or a list of 2 items (a string, true or",
        ),
    ],
)
def test_the_nearest_alternative_says_what_to_correct(
    branches: list[Any], value: Any, message: str
) -> None:
    (found,) = issues({"anyOf": branches}, value)

    assert message in found


def test_a_value_that_fits_several_alternatives_of_which_one_may_fit_names_them() -> None:
    (found,) = issues({"oneOf": [AT_LEAST_0, {"type": "number", "maximum": 9}, LOW]}, 5)

    assert found == (
        "set, x: 5 fits 2 alternatives, where exactly one must fit: a number of at least 0; "
        "a number of at most 9. Change it so that it fits one only."
    )


def test_alternatives_that_words_cannot_tell_apart_are_counted() -> None:
    branches = [{"type": "string", "contentEncoding": "x", "pattern": "^a"}] * 2

    (found,) = issues({"anyOf": branches}, "b" * 200)

    assert found == (
        f'set, x: "{"b" * 79}... fits none of the 2 alternatives of the schema. Write one of them.'
    )


class Window(BaseModel):
    low: float
    high: float


class Settings(BaseModel):
    size: list[int] | list[str] | tuple[float, float] = Field(default=[1])
    window: Window | list[Window] | None = None


@pytest.mark.parametrize(
    ("value", "where", "message"),
    [
        ({"size": ["a", 1.5, 2.5]}, "size", "correct size."),
        ({"size": 3}, "size", "3 is not a list"),
        ({"window": [{"low": 1, "high": 2}, {"low": "x", "high": 2}]}, "window.1.low", '"x" is'),
        ({"window": {"low": 1}}, "window", "'high' is missing"),
    ],
)
def test_unions_as_pydantic_writes_them(value: Any, where: str, message: str) -> None:
    compiled = compile_schema(Settings.model_json_schema())

    (found,) = compiled.check(value, "set")

    assert str(found).startswith(f"set, {where}: ")
    assert message in str(found)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "exclusiveMinimum": 0, "maximum": 9}, "an integer above 0 and of at"),
        ({"type": "array", "minItems": 1, "maxItems": 1}, "a list of 1 item"),
        (
            {"type": "array", "items": {"type": "number"}, "minItems": 2},
            "a list of at least 2 numb",
        ),
        ({"type": ["string", "null"], "format": "date"}, "a date or null"),
        ({"enum": list(range(9))}, "0 or 1 or 2 or 3 or 4 or 5 or 6 or 7 or ..."),
        ({}, "another value"),
    ],
)
def test_a_schema_in_words(schema: dict[str, Any], words: str) -> None:
    assert words_of(schema, schema).startswith(words)


def test_a_union_of_many_references_to_itself_is_described_soon() -> None:
    itself = [{"$ref": "#/$defs/U"}] * 99
    schema = {"allOf": itself[:2], "anyOf": [*itself, {"type": "array", "items": itself[0]}]}
    started = time.process_time()

    words_of({"$defs": {"U": schema}}, schema)

    assert time.process_time() - started < 5
