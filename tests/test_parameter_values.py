"""What is odd in the values of parameters: a second level of keys, placeholders, formats."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import AnyUrl, BaseModel, ValidationError

from dispatch_core.errors import InvalidInput
from dispatch_core.parameter_sets.document import (
    build_parameter_sets,
    check_parameters,
    parse_parameters,
)
from dispatch_core.parameter_sets.schema import compile_schema


def rejection(document: Any, schema: Any = None) -> str:
    compiled = None if schema is None else compile_schema(schema)
    with pytest.raises(InvalidInput) as caught:
        parse_parameters(json.dumps(document), compiled)
    return str(caught.value)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"analysis_parameter": {"analysis_parameter": {"a": 1}}},
            "column 25: analysis_parameter has the top-level key 'analysis_parameter' inside",
        ),
        (
            {"distributed_parameters": [{"a": 1}, {"distributed_parameters": [{"a": 2}]}]},
            "distributed_parameters, set 2 has the top-level key 'distributed_parameters' inside",
        ),
        (
            {"fixed_parameters": {"fixedParameters": {"a": 1}}},
            "fixed_parameters has the top-level key 'fixedParameters' inside",
        ),
    ],
)
@pytest.mark.parametrize("schema", [None, {"type": "object"}])
def test_a_document_that_is_wrapped_twice_is_an_error_unless_a_schema_names_the_keys(
    document: Any, message: str, schema: Any
) -> None:
    assert message in rejection(document, schema)


def test_a_set_may_have_a_top_level_key_beside_others_or_by_its_schema() -> None:
    beside = build_parameter_sets({"analysis_parameter": {"fixed_parameters": {"a": 1}, "b": 2}})
    schema = compile_schema({"properties": {"fixed_parameters": {"type": "object"}}})
    named = build_parameter_sets({"analysis_parameter": {"fixed_parameters": {"a": 1}}}, schema)

    what = "analysis_parameter has the top-level key 'fixed_parameters' inside"
    assert beside.notes == (f"{what}: it is one of its values",)
    assert named.notes == ()


@pytest.mark.parametrize(
    "text",
    [
        *["{{ subject }}", "s3://{{bucket}}/x", "<your value>", "<subject_id>", "s3://<bucket>/x"],
        *["${BUCKET}", "${HOME}/x", "$HOME/x", "%USERPROFILE%\\x", "$(BUCKET)", "__SUBJECT__"],
        *["TODO", "todo", "TBD: ask", "FIXME", "XXX", "???", "...", "CHANGE_ME", "replace me"],
        *["path/to/model.pt", "/path/to/data", "C:\\path\\to\\file", "s3://your-bucket/x"],
        *["Your Value Here", "insert_name_here", "to be determined", "[your value]", "@SUBJECT@"],
    ],
)
def test_a_placeholder_that_was_not_replaced_is_a_warning_that_names_it(text: str) -> None:
    document = {"distributed_parameters": [{"a": 1}, {"b": {"c": ["x", text]}}]}

    made = build_parameter_sets(document)

    named = f"b.c.1 is {json.dumps(text)}"
    what = "A parameter looks like a placeholder"
    assert made.notes == (f"{what}: {named}. Replace it, unless it is meant",)


@pytest.mark.parametrize(
    "text",
    [
        *["raw", "^<.*>$", "(?P<name>x)", "{subject}_out", "a{2}", "todo_list.csv", "mypath/to"],
        *["100%", "a<b", "<p>text</p>", "hello...", "$1.50", "$ref", "why???no", "s3://my/x"],
        *["__init__", "cost in $USD", "Todorov", "xx", "describe your data", "fix me up", "%d"],
        *["", "<", "[1]"],
    ],
)
def test_other_texts_are_not_placeholders(text: str) -> None:
    assert build_parameter_sets({"analysis_parameter": {"a": text}}).notes == ()


def test_many_placeholders_are_named_once_and_counted() -> None:
    sets = [{f"k{number}": "TODO", "s": "FIXME"} for number in range(8)]

    (note,) = build_parameter_sets({"distributed_parameters": sets}).notes

    assert note.startswith('Parameters look like placeholders: k0 is "TODO", s is "FIXME", k1 is ')
    assert note.endswith(" and 4 more. Replace them, unless they are meant")


class Formats(BaseModel):
    """The types for which pydantic writes a format, each also without a value."""

    a: date | None = None
    b: datetime | None = None
    c: time | None = None
    d: timedelta | None = None
    e: UUID | None = None
    f: AnyUrl | None = None
    g: IPv4Address | IPv6Address | None = None
    h: list[date] = []
    i: Literal["auto"] | date = "auto"


@pytest.mark.parametrize(
    "text",
    [
        *["2025-05-28", "05/28/2025", "2025-5-28", "2025-02-30", "2025-05-28 10:30", "10:30"],
        *["2025-05-28T10:30:00", "2025-05-28T10:30:00Z", "P1D", "PT90M", "1 day", "x", "auto"],
        *["7f3c0000-0000-4000-8000-000000000000", "7f3c", "s3://b/k", "10.0.0.1", "10.0.0", "/a/b"],
        *["8:30", "::1"],
    ],
)
def test_a_format_is_an_error_exactly_where_pydantic_refuses_the_text(text: str) -> None:
    schema = compile_schema(Formats.model_json_schema())

    for name in Formats.model_fields:
        value = [text] if name == "h" else text
        check = check_parameters(json.dumps({"analysis_parameter": {name: value}}), schema)

        with suppress(ValidationError):
            Formats(**{name: value})
            assert check.error is None, name
            continue
        assert check.error is not None, name


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("a", "05/28/2025", '"05/28/2025" is not a date or null. Write it as in 2025-05-28.'),
        ("h", ["x"], 'h.0, line 1, column 31: "x" is not a date. Write it as in 2025-05-28.'),
        ("i", "auot", '"auot" is not "auto" or a date. Did you mean auto?'),
        ("e", "7f3c", '"7f3c" is not a UUID or null. Write it as in 7f3c0000-0000-4000-8000-0'),
    ],
)
def test_a_format_that_is_not_met_says_what_to_write(key: str, value: Any, message: str) -> None:
    assert message in rejection({"analysis_parameter": {key: value}}, Formats.model_json_schema())


@pytest.mark.parametrize("draft", [{}, {"$schema": "http://json-schema.org/draft-07/schema#"}])
def test_a_format_that_not_every_reader_checks_is_a_warning(draft: dict[str, Any]) -> None:
    mail = {"anyOf": [{"type": "string", "format": "email"}, {"type": "null"}]}
    other = {"type": "string", "format": "path"}
    schema = compile_schema({**draft, "properties": {"mail": mail, "host": mail, "other": other}})
    values = {"mail": "ann", "host": "a@example.org", "other": "\u2603?"}

    sets = [values, {**values, "host": None}]
    made = build_parameter_sets({"distributed_parameters": sets}, schema)

    assert made.notes == ('mail: "ann" is not a valid email',)
