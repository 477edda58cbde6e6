"""Analysis parameters and their schema: six shapes of files, and errors for typos."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.errors import InvalidInput
from dispatch_core.parameter_sets.document import (
    build_parameter_sets,
    check_parameters,
    parse_parameters,
)
from dispatch_core.parameter_sets.edit import wrap_bare
from dispatch_core.parameter_sets.schema import ParameterSchema, compile_schema, parse_schema
from dispatch_core.parameter_sets.schema_text import load_schema_document
from dispatch_core.request import make_request
from dispatch_core.request_parts import check_request

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real files is missing")

CUTOFF = {
    "type": "object",
    "properties": {
        "analysis_name": {"type": "string", "title": "Analysis Name"},
        "isi_violations_cutoff": {"type": "number", "description": ["a cutoff", 0.05]},
    },
    "required": ["isi_violations_cutoff"],
}


def sets_of(document: Any, schema: ParameterSchema | None = None) -> list[dict[str, Any]]:
    return [dict(one) for one in build_parameter_sets(document, schema).sets]


def rejection(document: Any, schema: Any = None) -> str:
    compiled = None if schema is None else compile_schema(schema)
    with pytest.raises(InvalidInput) as caught:
        parse_parameters(json.dumps(document), compiled)
    return str(caught.value)


def test_analysis_parameter_gives_one_set() -> None:
    assert sets_of({"analysis_parameter": {"a": 1}}) == [{"a": 1}]


def test_distributed_parameters_give_their_sets_in_order() -> None:
    assert sets_of({"distributed_parameters": [{"a": 2}, {"a": 1}]}) == [{"a": 2}, {"a": 1}]


def test_distributed_sets_inherit_and_override_fixed_parameters() -> None:
    document = {"fixed_parameters": {"a": 0, "b": 0}, "distributed_parameters": [{"a": 1}, {}]}

    assert sets_of(document) == [{"a": 1, "b": 0}, {"a": 0, "b": 0}]


def test_fixed_parameters_alone_give_one_set() -> None:
    assert sets_of({"fixed_parameters": {"a": 1}}) == [{"a": 1}]


def test_analysis_parameter_beside_distributed_parameters_is_ignored_with_a_note() -> None:
    document = {"analysis_parameter": {"a": 0}, "distributed_parameters": [{"a": 1}]}

    built = build_parameter_sets(document)

    assert built.sets == ({"a": 1},)
    assert built.notes == ("analysis_parameter is ignored: distributed_parameters is present",)


def test_equal_sets_are_merged_with_a_note() -> None:
    document = {"distributed_parameters": [{"a": 1, "b": 2}, {"a": 2}, {"b": 2, "a": 1}]}

    built = build_parameter_sets(document)

    assert built.sets == ({"a": 1, "b": 2}, {"a": 2})
    assert built.notes == ("parameter sets 1 and 3 are the same; one is used",)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"analysis_paramter": {}},
            "analysis_parameters.json, line 1, column 2: unknown key 'analysis_paramter'; the keys "
            "are analysis_parameter, distributed_parameters, fixed_parameters. "
            "Did you mean analysis_parameter?",
        ),
        (
            {"distributed_parameters": [{}], "seed": 42},
            "line 1, column 34: unknown key 'seed'",
        ),
        ({"a": 1, "b": 2}, 'If it is one set, wrap it: {"analysis_parameter": {...}}.'),
        ({}, "it has none of the keys analysis_parameter, distributed_parameters"),
        ([{"a": 1}], 'Wrap the list: {"distributed_parameters": [...]}.'),
        (7, 'it is not a JSON object. Write {"analysis_parameter": {...}}.'),
        (
            {"distributed_parameters": []},
            "distributed_parameters is an empty list, which makes no jobs. "
            "Add a set, or remove the key to use analysis_parameter.",
        ),
        ({"distributed_parameters": {"a": 1}}, "distributed_parameters is an object, not a list."),
        ({"distributed_parameters": None}, "distributed_parameters is null, not a list."),
        (
            {"distributed_parameters": [{}, 0.05, "x"]},
            "distributed_parameters, set 2, is a number, not an object.",
        ),
        ({"analysis_parameter": [1]}, "analysis_parameter is a list, not an object."),
        ({"fixed_parameters": True}, "fixed_parameters is true, not an object."),
    ],
)
def test_an_invalid_file_is_rejected_with_advice(document: Any, message: str) -> None:
    assert message in rejection(document)


def test_every_item_that_is_not_an_object_is_reported() -> None:
    message = rejection({"distributed_parameters": [1, 2, 3]})

    assert message.count("is a number, not an object") == 3


def test_a_misspelt_key_is_reported_with_its_line_in_any_unicode_encoding() -> None:
    text = '{\n "fixed_parameters": {},\n "distributed_paramters": [{}]\n}'

    for data in (text, text.encode(), text.encode("utf-8-sig"), text.encode("utf-16")):
        with pytest.raises(InvalidInput, match="line 3, column 2: unknown key"):
            parse_parameters(data)


@given(st.binary() | st.text() | st.text(st.sampled_from('{}[]",:0fixed_paramts')))
def test_malformed_input_raises_only_invalid_input(text: str | bytes) -> None:
    for read in (parse_parameters, parse_schema):
        with suppress(InvalidInput):
            read(text)


def test_a_misspelt_parameter_is_reported_with_the_nearest_name() -> None:
    document = {"analysis_parameter": {"isi_violation_cutof": 0.05, "isi_violations_cutoff": 1}}

    assert rejection(document, CUTOFF).splitlines()[0] == (
        "analysis_parameters.json, parameter set 1, line 1, column 25: unknown key "
        "'isi_violation_cutof'. Did you mean isi_violations_cutoff?"
    )


def test_issues_of_all_sets_are_reported_at_once_with_their_numbers() -> None:
    document = {"distributed_parameters": [{"isi_violations_cutoff": "x"}, {"analysis_name": "y"}]}

    assert rejection(document, CUTOFF).splitlines()[::3] == [
        "analysis_parameters.json, parameter set 1, isi_violations_cutoff, line 1, column 55: "
        '"x" is not a number. Correct the value.',
        "analysis_parameters.json, parameter set 2, line 1, column 61: "
        "'isi_violations_cutoff' is missing. Add it.",
    ]


def test_the_merged_set_is_validated() -> None:
    document = {
        "fixed_parameters": {"isi_violations_cutoff": 0.05},
        "distributed_parameters": [{"analysis_name": "a"}],
    }

    assert len(sets_of(document, compile_schema(CUTOFF))) == 1


def test_unknown_keys_are_errors_even_if_the_model_would_accept_them() -> None:
    schema = {**CUTOFF, "additionalProperties": True}

    assert "unknown key 'tag'. Known keys: analysis_name, isi_violations_cutoff" in rejection(
        {"analysis_parameter": {"isi_violations_cutoff": 1, "tag": "x"}}, schema
    )


def test_a_nested_object_is_strict_unless_its_schema_is_open() -> None:
    schema = {
        "properties": {
            "closed": {"$ref": "#/$defs/Closed"},
            "open": {"type": "object", "additionalProperties": True, "properties": {"seed": {}}},
        },
        "$defs": {"Closed": {"properties": {"seed": {"type": "integer"}}}},
    }
    document = {"analysis_parameter": {"closed": {"sed": 1}, "open": {"sed": 1}}}

    assert rejection(document, schema).splitlines()[0] == (
        "analysis_parameters.json, parameter set 1, closed, line 1, column 36: "
        "unknown key 'sed'. Did you mean seed?"
    )


def test_properties_may_be_named_like_annotations() -> None:
    schema = compile_schema({"properties": {"title": {"type": "integer"}, "$id": {}}})

    assert [str(issue) for issue in schema.check({"title": "x", "$id": 1}, "set")] == [
        'set, title: "x" is not an integer. Correct the value.'
    ]


def test_a_schema_may_be_recursive() -> None:
    schema = compile_schema(
        {
            "$ref": "#/$defs/Node",
            "$defs": {"Node": {"properties": {"child": {"$ref": "#/$defs/Node"}, "n": {}}}},
        }
    )

    assert not list(schema.check({"child": {"child": {"n": 1}}}, "set"))
    assert len(list(schema.check({"child": {"child": {"m": 1}}}, "set"))) == 1


def doubling(reference: str, **more: Any) -> dict[str, Any]:
    """Return a short schema that a validator expands to 2^25 schemas."""
    levels = {
        f"d{n}": {"allOf": [{"$ref": reference.format(n + 1)}] * 2}
        | {key: value.format(n) for key, value in more.items()}
        for n in range(25)
    }
    last = {"type": "object"} | {key: value.format(25) for key, value in more.items()}
    return {"$ref": reference.format(0), "$defs": {**levels, "d25": last}}


def chain(length: int) -> dict[str, Any]:
    """Return a schema with a chain of `length` references, each one call deeper."""
    links = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{length}": {}}}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (doubling("#/$defs/d{}"), "its references unfold to more than 10,000 schemas"),
        (doubling("#/%24defs/d{}"), "its reference '#/%24defs/d0' leads nowhere in the schema"),
        (doubling("#d{}", **{"$anchor": "d{}"}), "its reference '#d0' leads nowhere in the schema"),
        (doubling("d{}", **{"$id": "d{}"}), "its reference 'd0' leads nowhere in the schema"),
        (
            chain(1_000),
            "its references unfold to more than 10,000 schemas",
        ),
        (
            {"anyOf": [{"anyOf": [{"type": "string"}] * 200}] * 200},
            "its references unfold to more than 10,000 schemas",
        ),
        ({"$ref": "http://127.0.0.1:9/x"}, "its reference 'http://127.0.0.1:9/x' leads nowhere"),
        ({"$ref": "file:///etc/hostname"}, "its reference 'file:///etc/hostname' leads nowhere"),
        ({"$schema": "http://127.0.0.1:9/x"}, "it is not a JSON Schema: Unknown meta-schema"),
        ({"$dynamicRef": "#n"}, "its reference '#n' leads nowhere in the schema"),
        ({"properties": {"a": {"pattern": "("}}}, 'it is not a JSON Schema: "(" is not a "regex"'),
        ({"properties": {"a": {"pattern": "((a{1000}){1000}){1000}"}}}, "it is not a JSON Schema"),
        ({"type": "strin"}, "it is not a JSON Schema"),
        ([], "it is not a JSON object. Give a JSON Schema."),
    ],
)
def test_a_schema_that_is_invalid_or_expensive_or_remote_is_rejected(
    schema: Any, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_schema(schema)

    assert message in str(caught.value)


NOTHING = "the schema checks nothing: "


@pytest.mark.parametrize(
    ("schema", "note"),
    [
        ({}, "every key and every value is accepted"),
        ({"type": "object"}, "every key and every value is accepted"),
        ({"type": ["object", "null"], "properties": {}, "required": []}, "every key"),
        ({"additionalProperties": True}, "every key and every value is accepted"),
        ({"title": "Cutoffs", "description": "what the wrapper reads"}, "every key"),
        ({"$defs": {"A": {"properties": {"a": {}}}}}, "every key and every value is accepted"),
        ({"$ref": "#"}, "every key and every value is accepted"),
        ({"threshold": 3}, "'threshold' is not a keyword of JSON Schema. Is it a parameters file?"),
        ({"analysis_parameter": {"a": 1}}, "'analysis_parameter' is not a keyword"),
        ({"a": {"type": "number"}, "b": {}}, "'a', 'b' are not keywords of JSON Schema."),
        ({"propertys": {"a": {}}}, "it has the key 'propertys'. Did you mean properties?"),
    ],
)
def test_a_schema_that_checks_nothing_is_a_warning(schema: Any, note: str) -> None:
    compiled = compile_schema(schema)
    texts = ('{"analysis_parameter": {"a": 1}}', "")

    checks = [check_parameters(text, compiled) for text in texts]

    for check in checks:
        assert check.error is None
        (said,) = check.sets.notes
        assert said.startswith(NOTHING + note)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {}}},
        {"additionalProperties": False},
        {"minProperties": 1},
        {"maxProperties": 0},
        {"required": ["a"]},
        {"type": "array"},
        {"const": {}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"a": {}}}}},
        {"anyOf": [{"type": "object"}, {"required": ["a"]}]},
        {"allOf": [{"patternProperties": {"^a": {"type": "number"}}}]},
    ],
)
def test_a_schema_that_can_refuse_a_set_has_no_such_warning(schema: Any) -> None:
    assert NOTHING not in compile_schema(schema).note


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a+)+\\1$", "^(?=(a+)+b)(a|aa)+$", "^(a|a)*$"])
def test_a_pattern_that_backtracks_exponentially_is_stopped(pattern: str) -> None:
    schema = compile_schema({"properties": {"a": {"pattern": pattern}}})

    assert len(list(schema.check({"a": "a" * 5_000 + "!"}, "set"))) == 1


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}])
def test_a_schema_that_only_refers_to_itself_accepts_every_set(schema: Any) -> None:
    assert list(compile_schema(schema).check({"a": 1}, "set")) == []


def test_a_set_that_is_too_large_for_its_schema_is_reported() -> None:
    schema = compile_schema({"anyOf": [{"anyOf": [{"type": "string"}] * 90}] * 90})

    issues = list(schema.check({"a": [[n] for n in range(1_000)]}, "set 1"))

    assert [str(issue) for issue in issues] == [
        "set 1: it is too large for a schema that unfolds to 8,191 schemas. "
        "Make the set or the schema smaller."
    ]


def test_an_invalid_fixed_value_is_reported_once_at_its_location() -> None:
    text = """{
  "fixed_parameters": {"isi_violations_cutoff": "x"},
  "distributed_parameters": [{"analysis_name": "a"}, {"isi_violations_cutoff": 1}, {}]
}"""

    check = check_parameters(text, compile_schema(CUTOFF))

    assert check.error is not None
    (issue,) = check.error.issues
    assert (issue.line, issue.column) == (2, 49)
    assert issue.where == "analysis_parameters.json, fixed_parameters, isi_violations_cutoff"
    assert issue.path == ("fixed_parameters", "isi_violations_cutoff")
    assert check.faulty == {1: 1, 3: 1}


def test_sets_that_fail_validation_are_still_returned() -> None:
    check = check_parameters('{"analysis_parameter": {"tag": 1}}', compile_schema(CUTOFF))

    assert check.error is not None
    assert [one.values for one in check.merged] == [{"tag": 1}]
    assert [(issue.path, issue.nearest) for issue in check.error.issues] == [
        (("analysis_parameter", "tag"), ""),
        (("analysis_parameter", "isi_violations_cutoff"), ""),
    ]


def test_errors_inside_an_optional_object_are_reported_there() -> None:
    schema = {
        "properties": {
            "fit": {"anyOf": [{"$ref": "#/$defs/Fit"}, {"type": "null"}]},
            "how": {"enum": ["isolation_distance", "amplitude"]},
        },
        "$defs": {"Fit": {"type": "object", "properties": {"seed": {"type": "integer"}}}},
    }
    one = {"fit": {"seed": "x"}, "how": "isolation_distnce"}

    assert [str(issue) for issue in compile_schema(schema).check(one, "set")] == [
        'set, fit.seed: "x" is not an integer. Correct the value.',
        'set, how: "isolation_distnce" is not one of "isolation_distance" or "amplitude". '
        "Did you mean isolation_distance?",
    ]


def test_values_of_a_dictionary_of_objects_are_strict_too() -> None:
    inner = {"type": "object", "properties": {"gain": {"type": "number"}}}
    schema = {"properties": {"d": {"type": "object", "additionalProperties": inner}}}

    issues = list(compile_schema(schema).check({"d": {"any key": {"gian": 1}}}, "set"))

    assert [(issue.path, issue.nearest) for issue in issues] == [(("d", "any key", "gian"), "gain")]


def test_a_key_that_a_closed_schema_rejects_is_reported_once() -> None:
    schema = {"properties": {"a": {}}, "additionalProperties": False}

    assert len(list(compile_schema(schema).check({"b": 1}, "set"))) == 1


REAL_SETS = {
    "009_analysis_parameters.json": 2,
    "060_analysis_parameters.json": 2,
    "123_analysis_parameters.json": 1,
    "132_docs_parameters.json": 2,
    "147_docs_parameters.json": 1,
    "154_docs_parameters.json": 2,
    "158_docs_parameters.json": 1,
    "338_analysis_parameters.json": 1,
}
REAL_REFUSALS = {
    "059_analysis_parameters.json": 'wrap it: {"analysis_parameter": {...}}',
    "071_analysis_parameters.json": 'wrap it: {"analysis_parameter": {...}}',
    "134_docs_parameters.json": 'wrap it: {"analysis_parameter": {...}}',
    "163_docs_parameters.json": 'wrap it: {"analysis_parameter": {...}}',
    "068_analysis_parameters.json": 'Wrap the list: {"distributed_parameters": [...]}',
    "162_docs_parameters.json": 'Wrap the list: {"distributed_parameters": [...]}',
    "164_docs_parameters.json": 'Wrap the list: {"distributed_parameters": [...]}',
}


@needs_corpus
@pytest.mark.parametrize(("name", "count"), REAL_SETS.items())
def test_real_files_with_a_known_key_give_their_sets(name: str, count: int) -> None:
    data = (CORPUS / "parameters" / name).read_bytes()

    assert len(parse_parameters(data)[1].sets) == count


@needs_corpus
@pytest.mark.parametrize(("name", "advice"), REAL_REFUSALS.items())
def test_real_files_of_older_shapes_are_rejected_with_the_right_advice(
    name: str, advice: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_parameters((CORPUS / "parameters" / name).read_bytes())

    assert advice in str(caught.value)


@needs_corpus
@pytest.mark.parametrize("name", REAL_REFUSALS)
def test_real_files_of_older_shapes_are_valid_once_wrapped(name: str) -> None:
    wrapped = wrap_bare((CORPUS / "parameters" / name).read_text("utf-8"))

    assert wrapped is not None
    assert len(parse_parameters(wrapped)[1].sets) == 1


@needs_corpus
def test_every_real_schema_compiles() -> None:
    compiled = 0

    for path in sorted((CORPUS / "parameters").glob("*.json")):
        document = json.loads(path.read_bytes())
        if isinstance(document, dict) and isinstance(document.get("properties"), dict):
            compile_schema(document)
            compiled += 1

    assert compiled >= 30


TUPLE = {
    "type": "object",
    "properties": {
        "window": {"type": "array", "items": [{"type": "number"}, {"type": "string"}]},
    },
    "required": ["window"],
}
THRESHOLD = {
    "type": "object",
    "properties": {"kind": {"const": "threshold"}, "cutoff": {"type": "number"}},
    "required": ["kind", "cutoff"],
}
TEMPLATE = {
    "type": "object",
    "properties": {"kind": {"enum": ["template"]}, "count": {"type": "integer"}},
    "required": ["kind", "count"],
}
DETECTOR = {
    "$defs": {"Threshold": THRESHOLD, "Template": TEMPLATE},
    "properties": {
        "detector": {
            "discriminator": {
                "propertyName": "kind",
                "mapping": {"threshold": "#/$defs/Threshold", "template": "#/$defs/Template"},
            },
            "oneOf": [{"$ref": "#/$defs/Threshold"}, {"$ref": "#/$defs/Template"}],
        }
    },
}


def issues_of(schema: Any, one: dict[str, Any]) -> list[str]:
    return [str(issue) for issue in compile_schema(schema).check(one, "set")]


def test_a_schema_without_a_draft_is_read_as_the_latest_that_accepts_it() -> None:
    compiled = compile_schema(TUPLE)

    check = check_parameters('{"analysis_parameter": {"window": [1, "s"]}}', compiled)

    assert check.error is None
    assert check.sets.notes == ("the schema is read as Draft 2019-09: no later draft accepts it",)
    assert issues_of(TUPLE, {"window": ["s", "s"]}) == [
        'set, window.0: "s" is not a number. Correct the value.'
    ]


def test_a_bound_that_only_draft_4_has_is_read_as_draft_4() -> None:
    schema = {"properties": {"a": {"type": "number", "minimum": 0, "exclusiveMinimum": True}}}

    assert compile_schema(schema).note.startswith("the schema is read as Draft 4")
    assert len(issues_of(schema, {"a": 0})) == 1


def test_a_schema_that_its_own_draft_refuses_is_an_error() -> None:
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}

    with pytest.raises(InvalidInput, match="it is not a JSON Schema"):
        compile_schema(draft | TUPLE)


@pytest.mark.parametrize(
    ("detector", "issues"),
    [
        ({"kind": "threshold", "cutoff": 5}, []),
        (
            {"kind": "threshold", "cutoff": "5"},
            ['set, detector.cutoff: "5" is not a number. Correct the value.'],
        ),
        (
            {"kind": "thresold", "cutoff": 5},
            [
                'set, detector.kind: "thresold" is not one of threshold, template. '
                "Did you mean threshold?"
            ],
        ),
        (
            {"kind": "threshold", "cutof": 5},
            [
                "set, detector: unknown key 'cutof'. Did you mean cutoff?",
                "set, detector: 'cutoff' is missing. Add it.",
            ],
        ),
        (
            {"kind": "threshold", "cutoff": 5, "count": 3},
            ["set, detector: unknown key 'count'. Known keys: kind, cutoff."],
        ),
        (
            {"count": 3},
            ['set, detector: \'kind\' is missing. Add it: "threshold", "template".'],
        ),
        (5, ["set, detector: 5 is not an object. Correct the value."]),
    ],
)
def test_the_errors_of_a_union_are_those_of_the_branch_that_its_tag_names(
    detector: Any, issues: list[str]
) -> None:
    assert issues_of(DETECTOR, {"detector": detector}) == issues


def test_a_union_without_a_discriminator_is_read_as_its_tag_or_its_nearest_branch() -> None:
    plain = {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}
    schema = {
        "properties": {
            "tagged": {"type": "array", "items": {"anyOf": [THRESHOLD, TEMPLATE]}},
            "nearest": {"anyOf": [TEMPLATE, plain, {"type": "null"}]},
        }
    }
    one = {
        "tagged": [{"kind": "template", "count": "3"}],
        "nearest": {"x": "1"},
    }

    assert issues_of(schema, one) == [
        'set, tagged.0.count: "3" is not an integer. Correct the value.',
        'set, nearest.x: "1" is not a number. Correct the value.',
    ]


def test_unions_of_unions_are_read_by_their_tags() -> None:
    inner = {
        "oneOf": [
            {"properties": {"kind": {"const": "a"}, "p": {"type": "number"}}, "required": ["p"]},
            {"properties": {"kind": {"const": "b"}, "q": {"type": "number"}}, "required": ["q"]},
        ]
    }
    schema = {"properties": {"m": {"oneOf": [THRESHOLD, inner]}}}

    assert issues_of(schema, {"m": {"kind": "b", "q": "1"}}) == [
        'set, m.q: "1" is not a number. Correct the value.'
    ]
    assert issues_of(schema, {"m": {"kind": "b", "q": 1, "p": 1}}) == [
        "set, m: unknown key 'p'. Known keys: kind, q."
    ]


def test_a_value_of_no_type_of_a_union_gets_all_of_them_in_words() -> None:
    texts = {"type": "array", "items": {"type": "string"}}
    schema = {"properties": {"u": {"anyOf": [{"type": "string"}, texts, {"type": "null"}]}}}

    assert issues_of(schema, {"u": 5}) == [
        "set, u: 5 is not a string or a list or null. Correct the value."
    ]
    assert issues_of(schema, {"u": ["a", 5]}) == ["set, u.1: 5 is not a string. Correct the value."]


def test_a_discriminator_is_needed_even_if_each_model_has_a_default_for_it() -> None:
    models = [
        {"properties": {"kind": {"const": "a", "default": "a"}, "x": {"type": "integer"}}},
        {"properties": {"kind": {"const": "b", "default": "b"}, "y": {"type": "integer"}}},
    ]
    schema = {"properties": {"m": {"discriminator": {"propertyName": "kind"}, "oneOf": models}}}

    assert issues_of(schema, {"m": {"x": 1}}) == ['set, m: \'kind\' is missing. Add it: "a", "b".']


def test_a_misspelt_choice_of_a_union_gets_the_nearest_one() -> None:
    schema = {"properties": {"bins": {"anyOf": [{"type": "integer"}, {"const": "auto"}]}}}

    assert issues_of(schema, {"bins": "atuo"}) == [
        'set, bins: "atuo" is not an integer or "auto". Did you mean auto?'
    ]


def test_keys_of_conditions_are_known_keys() -> None:
    schema = {
        "properties": {"a": {}},
        "if": {"properties": {"a": {"const": 1}}},
        "then": {"properties": {"b": {}}},
        "dependentSchemas": {"a": {"properties": {"c": {}}}},
    }

    assert issues_of(schema, {"a": 1, "b": 2, "c": 3}) == []


def test_an_invisible_character_in_a_key_or_a_value_is_named() -> None:
    schema = {"properties": {"mode": {"enum": ["fast"]}}}

    assert issues_of(schema, {"mode\u200b": "fast"}) == [
        "set: unknown key 'mode\\u200b', which contains U+200B (zero width space). "
        "Did you mean mode?"
    ]
    assert "it contains U+200B (zero width space)" in issues_of(schema, {"mode": "fast\u200b"})[0]


def test_no_parameters_are_checked_like_an_empty_set() -> None:
    check = check_parameters(" ", compile_schema(CUTOFF))

    assert str(check.error) == (
        "analysis_parameters.json, no parameters are given: "
        "'isi_violations_cutoff' is missing. Add it."
    )
    assert check_parameters(" ", compile_schema({"properties": {"a": {}}})).error is None


def test_a_request_without_parameters_has_the_errors_of_the_required_keys() -> None:
    request = make_request(query={"name": "a"}, parameters_schema=CUTOFF)

    with pytest.raises(InvalidInput, match="'isi_violations_cutoff' is missing"):
        check_request(request)


JOB = {
    "s3_location": ["s3://data/a"],
    "asset_id": ["x"],
    "asset_name": ["a"],
    "docdb_record_id": ["r"],
    "distributed_parameters": [{"a": 1}],
}


@pytest.mark.parametrize(
    ("document", "message", "kept"),
    [
        (
            JOB,
            "this is a job file; its set is under distributed_parameters. Use only the set",
            {"analysis_parameter": {"a": 1}},
        ),
        (
            {**JOB, "distributed_parameters": {"a": 2}},
            "this is a job file; its set is under distributed_parameters",
            {"analysis_parameter": {"a": 2}},
        ),
        (
            [JOB, JOB, {**JOB, "distributed_parameters": {"a": 2}}],
            "these are job files; their sets are under distributed_parameters. Use only the 2 sets",
            {"distributed_parameters": [{"a": 1}, {"a": 2}]},
        ),
        (
            {
                **JOB,
                "distributed_parameters": {"a": 1},
                "analysis_code": {"parameters": {"a": 0, "b": 0}},
            },
            "this is a job file; its set is under",
            {"analysis_parameter": {"a": 1, "b": 0}},
        ),
    ],
)
def test_a_job_file_is_recognised_and_its_sets_can_be_kept(
    document: Any, message: str, kept: Any
) -> None:
    text = json.dumps(document)

    assert message in rejection(document)
    assert json.loads(wrap_bare(text) or "") == kept


def test_a_job_file_without_parameters_is_recognised() -> None:
    document = {**JOB, "distributed_parameters": None}

    assert "this is a job file, and its distributed_parameters is empty" in rejection(document)
    assert wrap_bare(json.dumps(document)) is None


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ({"analysis_parameters": [{"a": 1}]}, "distributed_parameters"),
        ({"analysis_parameters": {"a": 1}}, "analysis_parameter"),
        ({"DISTRIBUTED_PARAMETERS": [{}]}, "distributed_parameters"),
        ({"distributedParameters": {}}, "analysis_parameter"),
        ({"parameters": {"a": 1}}, "analysis_parameter"),
        ({"params": [{}]}, "distributed_parameters"),
        ({"Fixed-Parameters": {}}, "fixed_parameters"),
        ({"analysis_parameter\u200b": {}}, "analysis_parameter"),
    ],
)
def test_the_key_that_fits_the_shape_of_the_value_is_suggested(document: Any, key: str) -> None:
    assert f"Did you mean {key}?" in rejection(document)


def test_a_bare_set_may_have_a_key_named_params() -> None:
    assert "If it is one set, wrap it" in rejection({"a": 1, "params": {}})


def test_an_archive_given_as_parameters_is_named() -> None:
    with pytest.raises(InvalidInput, match="this is a gzip archive"):
        parse_parameters(gzip.compress(b"{}"))


def test_numbers_that_json_lacks_are_read_in_annotations_of_a_schema() -> None:
    text = """{"properties": {"default": {"type": "number", "default": NaN},
        "b": {"examples": [-Infinity, "NaN"], "x-range": {"to": Infinity}}}}"""

    assert load_schema_document(text, "schema") == {
        "properties": {
            "default": {"type": "number", "default": None},
            "b": {"examples": [None, "NaN"], "x-range": {"to": None}},
        }
    }


@pytest.mark.parametrize(
    "text",
    [
        '{"maximum": Infinity}',
        '{"properties": {"default": {"minimum": -Infinity}}}',
        '{"enum": [1, NaN]}',
        '{"default": NaN, "const": NaN}',
    ],
)
def test_numbers_that_json_lacks_are_refused_where_they_decide(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a JSON number"):
        load_schema_document(text, "schema")
