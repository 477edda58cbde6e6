"""JSON Schemas, as pydantic writes them, become form fields or JSON with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from dispatch_core.errors import InvalidInput
from dispatch_core.language.bson import MISSING
from dispatch_core.parameter_sets.field_text import (
    choices_of,
    read_field,
    read_rows,
    write_field,
    write_rows,
)
from dispatch_core.parameter_sets.schema import compile_schema
from dispatch_core.parameter_sets.schema_form import (
    MAX_FIELDS,
    FormField,
    form_figures,
    leaves,
    make_form,
    misfit,
)
from dispatch_core.text.json_edit import is_same
from tests.support.tier import amount

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "parameters"
needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the corpus of real schemas is missing"
)


def field_of(schema: Any, definitions: dict[str, Any] | None = None) -> FormField:
    form = make_form({"properties": {"x": schema}, "$defs": definitions or {}})
    (field,) = form.fields
    return field


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "text"),
        ({"type": "integer"}, "integer"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "boolean"),
        ({"enum": ["a", 1, None]}, "choice"),
        ({"const": "a", "default": "a"}, "constant"),
        ({"anyOf": [{"const": "a"}, {"enum": ["b", 2]}]}, "choice"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "number"),
        ({"type": "array", "items": {"type": "number"}}, "list"),
        ({"type": "array", "items": {"properties": {"a": {"type": "number"}}}}, "table"),
        ({"type": "object"}, "dictionary"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "dictionary"),
        ({"properties": {"a": {"type": "string"}}}, "section"),
    ],
)
def test_each_schema_has_the_matching_kind_of_field(schema: Any, kind: str) -> None:
    assert field_of(schema).kind == kind


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"type": "null"}, {"allOf": [{"$ref": "#/$defs/Text"}]}]},
        {"type": ["string", "null"]},
        {"anyOf": [{"anyOf": [{"type": "string"}, {"type": "null"}]}]},
    ],
)
def test_an_optional_value_is_a_field_that_accepts_null(schema: Any) -> None:
    field = field_of(schema, {"Text": {"type": "string"}})

    assert (field.kind, field.takes_null) == ("text", True)


def test_keys_beside_a_reference_override_the_referenced_schema() -> None:
    inner = {"type": "string", "title": "Method", "enum": ["a", "b"], "description": "below"}

    for schema in ({"$ref": "#/$defs/M"}, {"allOf": [{"$ref": "#/$defs/M"}]}):
        field = field_of({**schema, "title": "How", "default": "a"}, {"M": inner})

        assert (field.kind, field.title, field.description) == ("choice", "How", "below")
        assert (field.choices, field.default) == (("a", "b"), "a")


def test_the_parts_of_all_of_are_merged() -> None:
    field = field_of(
        {
            "allOf": [{"$ref": "#/$defs/A"}, {"properties": {"b": {"type": "integer"}}}],
            "required": ["b"],
        },
        {"A": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}},
    )

    assert [(one.path, one.kind, one.is_required) for one in field.fields] == [
        (("x", "a"), "text", True),
        (("x", "b"), "integer", True),
    ]


def test_a_description_given_as_a_list_is_joined() -> None:
    assert field_of({"type": "string", "description": ["one", "two\n three"]}).description == (
        "one two three"
    )


def test_a_missing_default_differs_from_the_default_null() -> None:
    assert field_of({"type": "string"}).default is MISSING
    assert field_of({"type": "string", "default": None}).default is None


def test_bounds_are_described_in_words() -> None:
    schema = {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "multipleOf": 0.5}

    assert field_of(schema).limits == "at least 0, below 1, a multiple of 0.5"


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "array"}]}, "it may be a string or a list"),
        (
            {"oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]},
            "it may be Alpha or Beta",
        ),
        ({}, "its schema allows any value"),
        (True, "its schema allows any value"),
        (False, "no value is valid"),
        ({"type": "null"}, "only null is valid"),
        ({"enum": [[1], {}]}, "its choices are objects or lists"),
        ({"type": "array", "prefixItems": [{}]}, "each position of the list has its own type"),
        (
            {"type": "object", "patternProperties": {"^x": {}}},
            "the type of a value depends on the pattern of its key",
        ),
        ({"type": "object", "additionalProperties": False}, "its schema allows no keys"),
        ({"allOf": [{"type": "string"}, {"type": "number"}]}, "parts of its schema differ in type"),
        ({"$ref": "#/$defs/Loop"}, "its schema contains itself"),
    ],
)
def test_a_schema_without_a_matching_field_is_json_with_a_reason(schema: Any, reason: str) -> None:
    definitions = {
        "A": {"title": "Alpha", "type": "object", "properties": {"a": {}}},
        "B": {"title": "Beta", "type": "object", "properties": {"b": {}}},
        "Loop": {"$ref": "#/$defs/Loop"},
    }

    field = field_of(schema, definitions)

    assert (field.kind, field.reason) == ("json", reason)


def test_a_recursive_object_has_fields_at_its_first_level_only() -> None:
    node = {"properties": {"n": {"type": "integer"}, "child": {"$ref": "#/$defs/Node"}}}

    field = field_of({"$ref": "#/$defs/Node"}, {"Node": node})

    assert [(one.kind, one.reason) for one in field.fields] == [
        ("integer", ""),
        ("json", "its schema contains itself"),
    ]


def test_objects_nested_more_than_6_levels_deep_are_json() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(8):
        schema = {"properties": {"x": schema}}

    (field,) = leaves(make_form(schema))

    assert (len(field.path), field.reason) == (6, "it is nested more than 6 objects deep")


def test_the_number_of_fields_is_limited() -> None:
    many = {f"f{n}": {"type": "string"} for n in range(MAX_FIELDS + 10)}

    assert len(form_figures(make_form({"properties": many})).as_json) == 11


@pytest.mark.parametrize("schema", [{}, {"type": "string"}, {"type": "object"}])
def test_a_schema_without_properties_is_rejected(schema: Any) -> None:
    with pytest.raises(InvalidInput, match="no form can be made from it"):
        make_form(schema)


@pytest.mark.parametrize(
    ("schema", "value", "reason"),
    [
        ({"type": "number"}, 1, ""),
        ({"type": "number"}, True, "its value is not a number"),
        ({"type": "integer"}, 1.0, "its value is not an integer"),
        ({"type": "string"}, None, "its value is not a string"),
        ({"type": ["string", "null"]}, None, ""),
        ({"enum": ["a", 1]}, 1, ""),
        ({"enum": ["a", 1]}, 1.0, "it is not one of the choices"),
        ({"enum": ["a", 1]}, True, "it is not one of the choices"),
        ({"type": "array", "items": {"type": "string"}}, ["a", 1], "not a list of such values"),
        ({"type": "array", "items": {"properties": {"a": {}}}}, [{}, 1], "not a list of objects"),
        ({"type": "object"}, [], "its value is not an object"),
        ({}, [1], ""),
    ],
)
def test_a_value_of_the_wrong_kind_is_reported(schema: Any, value: Any, reason: str) -> None:
    reported = misfit(field_of(schema), value)

    assert reason in reported if reason else reported == ""


class Method(StrEnum):
    DISTANCE = "isolation_distance"
    AMPLITUDE = "amplitude_cutoff"


class Fit(BaseModel):
    seed: int | None = None
    methods: list[Method] = Field(default=[Method.DISTANCE])


class Channel(BaseModel):
    name: str
    gain: float = 1.0


class Everything(BaseModel):
    analysis_name: str = Field(description="the name", min_length=1)
    cutoff: float = Field(0.5, ge=0, le=1)
    method: Method = Method.DISTANCE
    version: Literal["1"] = "1"
    mode: Literal["fast", "slow"] | None = None
    dry_run: bool = True
    fit: Fit = Fit()
    other_fit: Fit | None = None
    channels: list[Channel] = []
    labels: dict[str, str] = {}
    extra: dict[str, Any] = {}
    pairs: list[tuple[str, str]] = []
    path: str | list[str] = ""


def test_a_pydantic_model_becomes_a_form() -> None:
    form = make_form(Everything.model_json_schema())

    assert [(".".join(one.path), one.kind) for one in leaves(form)] == [
        ("analysis_name", "text"),
        ("cutoff", "number"),
        ("method", "choice"),
        ("version", "constant"),
        ("mode", "choice"),
        ("dry_run", "boolean"),
        ("fit.seed", "integer"),
        ("fit.methods", "list"),
        ("other_fit.seed", "integer"),
        ("other_fit.methods", "list"),
        ("channels", "table"),
        ("labels", "dictionary"),
        ("extra", "dictionary"),
        ("pairs", "list"),
        ("path", "union"),
    ]


@needs_corpus
def test_every_real_schema_gives_a_form_and_reports_the_parts_that_are_json() -> None:
    index = json.loads((CORPUS / "index.json").read_bytes())
    names = [one["file"] for one in index if one["kind"] == "pydantic_json_schema"]
    figures = {}
    for name in names:
        schema = json.loads((CORPUS / name).read_bytes())
        compile_schema(schema)
        figures[name] = form_figures(make_form(schema))

    as_json = {
        (name, *one.path): one.reason for name, found in figures.items() for one in found.as_json
    }

    assert len(names) == 33
    assert sum(found.as_form for found in figures.values()) == 209
    assert as_json == {}


TYPES = ("string", "integer", "number", "boolean", "null", "array", "object")
SCALARS = (None, True, False, 0, 1, 1.0, -2.5, "", "null", "[]", "1", "two words", '"')


def any_value(random: Random, depth: int = 2) -> Any:
    kind = random.randrange(4) if depth else 0
    if kind == 1:
        return [any_value(random, depth - 1) for _ in range(random.randrange(3))]
    if kind == 2:
        return {key: any_value(random, depth - 1) for key in "abc"[: random.randrange(3)]}
    return random.choice(SCALARS)


def any_schema(random: Random, depth: int = 3) -> Any:
    """Return a schema of random keywords, which need not make sense."""
    if not depth or random.random() < 0.05:
        return random.choice([True, False, {}, {"type": random.choice(TYPES)}])

    def some() -> list[Any]:
        return [any_schema(random, depth - 1) for _ in range(random.randint(1, 3))]

    parts: dict[str, Callable[[], Any]] = {
        "type": lambda: random.choice([random.choice(TYPES), random.sample(TYPES, 2)]),
        "enum": lambda: [any_value(random) for _ in range(random.randint(1, 3))],
        "const": lambda: any_value(random),
        "default": lambda: any_value(random),
        "title": lambda: any_value(random),
        "description": lambda: any_value(random),
        "minimum": lambda: 1,
        "$ref": lambda: random.choice(["#", "#/$defs/A", "#/properties/x"]),
        "properties": lambda: dict(zip("abc", some(), strict=False)),
        "required": lambda: ["a"],
        "additionalProperties": lambda: some()[0],
        "items": lambda: some()[0],
        "prefixItems": some,
        "anyOf": some,
        "allOf": some,
        "oneOf": some,
    }
    return {key: parts[key]() for key in random.sample(list(parts), random.randint(1, 4))}


def test_every_schema_that_compiles_gives_a_form_whose_values_read_back() -> None:
    random, compiled, tried = Random(1), 0, amount(3_000, 30_000, short=500)

    for _ in range(tried):
        schema = {"properties": {"x": any_schema(random)}, "$defs": {"A": any_schema(random)}}
        try:
            compile_schema(schema)
        except InvalidInput:
            continue
        compiled += 1
        for field in leaves(make_form(schema)):
            for value in (any_value(random), any_value(random), field.default):
                if value is not MISSING and not misfit(field, value):
                    assert reads_back(field, value), (schema, field, value)

    assert compiled > tried / 3


def reads_back(field: FormField, value: Any) -> bool:
    if field.kind in ("table", "dictionary") and value is not None:
        rows = [row for row in value if row] if isinstance(value, list) else value
        read = read_rows(field, write_rows(field, value))
        return is_same(read, rows) if rows else read is MISSING
    choices = choices_of(field)
    written = write_field(field, value)
    return is_same(choices[written] if choices else read_field(field, written), value)
