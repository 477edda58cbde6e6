"""Queries: text in, a checked filter or aggregation pipeline out."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.errors import InvalidInput
from dispatch_core.query import FORBIDDEN, check_query, parse_query, read_query

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["a", "$and", "$expr", "$in", "$match", "$not", "$where", "$project"]),
            inner,
        )
    ),
    max_leaves=15,
)


def refusal(query: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        check_query(query)
    return str(caught.value)


def test_text_that_starts_with_a_bracket_is_json_however_long() -> None:
    ids = [str(number) for number in range(700_000, 700_040)]
    text = json.dumps({"subject.subject_id": {"$in": ids}})

    query = read_query(f"\ufeff  {text}\n")

    assert len(text) == 433
    assert query.value == {"subject.subject_id": {"$in": ids}}


def test_other_text_is_the_path_of_a_file_in_any_unicode_encoding(tmp_path: Path) -> None:
    path = tmp_path / "query.json"
    path.write_bytes('{"name": "é"}'.encode("utf-16"))

    assert read_query(str(path)).value == {"name": "é"}


@pytest.mark.parametrize("text", ["no-such-file.json", "x" * 5_000, "a\0b", ".", "\ud800"])
def test_a_path_that_cannot_be_read_is_reported_in_one_sentence(text: str) -> None:
    with pytest.raises(InvalidInput, match="is neither JSON nor a file that can be read"):
        read_query(text)


def test_an_issue_of_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"a": 1,}')

    with pytest.raises(InvalidInput, match=r"mine\.json, line 1, column 8"):
        read_query(str(path))


def test_an_array_is_an_aggregation_pipeline() -> None:
    query = parse_query('[{"$match": {"name": "a"}}, {"$limit": 3}]')

    assert query.is_pipeline
    assert query.text == '[{"$match": {"name": "a"}}, {"$limit": 3}]'


@pytest.mark.parametrize("text", ["", "   ", '"a"', "7", "null", "[]", "[7]", "[{}]"])
def test_a_value_that_is_not_a_query_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_query(text)


@given(st.binary() | st.text())
def test_malformed_input_raises_nothing_but_invalid_input(text: str | bytes) -> None:
    with suppress(InvalidInput):
        parse_query(text)


@given(JSON)
def test_a_json_value_of_any_shape_raises_nothing_but_invalid_input(value: Any) -> None:
    with suppress(InvalidInput):
        check_query(value)


def test_an_operator_inside_elem_match_is_refused_with_its_path() -> None:
    query = {"acquisition.streams": {"$elemMatch": {"a": {"$where": "sleep(1)"}}}}

    assert refusal(query) == (
        "query.acquisition.streams.$elemMatch.a: $where is not allowed: "
        "it runs code in the database. Remove it."
    )


def test_every_issue_is_reported_at_once() -> None:
    text = refusal({"$where": "1", "a": {"$inn": [1]}, "$or": [{"b": {"$date": "2025"}}]})

    assert text.splitlines() == [
        "query: $where is not allowed: it runs code in the database. Remove it.",
        "query.a: $inn is not a known operator. Did you mean $in?",
        "query.$or[0].b: $date is not allowed: records are plain JSON, with dates as strings. "
        'Write the plain value, such as "2025-06-01".',
    ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"a": {"$IN": [1]}}, "query.a: $IN is not a known operator. Did you mean $in?"),
        ({"a": {"$sum": 1}}, "query.a: $sum is not allowed here. Move it or remove it."),
        ([{"$mach": {}}], "query[0]: $mach is not a known stage. Did you mean $match?"),
        ([{"$out": "x"}], "query[0]: $out is not allowed: it writes to the database."),
        (
            [{"$facet": {"a": [{"$out": "x"}]}}],
            "query[0]: $facet is known to MongoDB, and it is not",
        ),
        ([{"$match": {"$expr": {"$function": {}}}}], "query[0].$match.$expr: $function is not"),
        ([{"$group": {"_id": {"$accumulator": 1}}}], "query[0].$group._id: $accumulator is not"),
        ({"$where.x": 1}, "query: $where.x is not a known operator."),
    ],
)
def test_a_refusal_says_where_and_what_to_do(query: Any, message: str) -> None:
    assert message in refusal(query)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"$match": {"a": 1}}, 'query: $match is a stage of a pipeline. Put it in [ ]: [{"$match"'),
        ({"$match": {}, "$limit": 5}, "$match and $limit are stages of a pipeline. Make each"),
        ({"a": 1, "$match": {}}, "query: $match is a stage of a pipeline, not an operator."),
        ([{"$sample": {"size": 3}}], "$sample is known to MongoDB, and it is not supported here."),
        ([{"$sample": {"size": 3}}], "Use a trial run"),
        ({"$expr": {"$dateDiff": {}}}, "$dateDiff is known to MongoDB, and it is not supported"),
        ({"a": {"$regularExpression": {}}}, "$regularExpression is not allowed: records are plain"),
    ],
)
def test_an_operator_that_mongodb_knows_is_not_called_unknown(query: Any, message: str) -> None:
    assert message in refusal(query)


def test_slashes_around_a_pattern_are_a_warning_with_a_repair() -> None:
    query = check_query({"name": {"$regex": "/^a\\/b/i", "$options": "m"}})

    (repair,) = query.repairs
    assert repair.value == {"name": {"$regex": "^a/b", "$options": "im"}}
    assert query.warnings == (
        "The slashes of /^a\\/b/i are part of the pattern, so it matches slashes.",
    )


@pytest.mark.parametrize("pattern", ["/data/sub/", "a/b", "/", "//", "/x/q", "s3://b/x/"])
def test_a_pattern_of_a_path_is_not_taken_for_slashes(pattern: str) -> None:
    assert check_query({"location": {"$regex": pattern}}).repairs == ()


def test_a_request_around_a_query_is_a_warning_with_the_query_inside() -> None:
    query = check_query({"filter": {"a": 1}, "projection": {"b": 1}, "limit": 5})

    (repair,) = query.repairs
    assert repair.value == {"a": 1}
    assert query.warnings == (
        "filter is read as the name of a field. Probably the query is the value under filter, "
        "without projection, limit.",
    )


@pytest.mark.parametrize(
    "query", [{"query": {"$exists": True}}, {"filter": "x"}, {"a.b": 1, "query": {"c": 1}}]
)
def test_a_filter_with_a_field_of_that_name_is_not_a_request(query: Any) -> None:
    assert check_query(query).repairs == ()


FILTER_PLACES = ["a", "a.b", "$eq", "$not", "$elemMatch", "$all", "$or", "$nor", "$in", "$comment"]
EXPRESSION_PLACES = ["a", "$and", "$cond", "$ifNull", "$map", "$concat", "$literal"]


def wrapped(choices: random.Random, value: Any, places: list[str]) -> Any:
    """`value` up to 15 levels down, below allowed operators and fields only."""
    for _ in range(choices.randrange(15)):
        place = choices.choice(places)
        value = choices.choice([{place: value}, {"z": 1, place: [0, value]}])
    return value


def nested(choices: random.Random, operator: str) -> Any:
    """A filter or pipeline in which nothing but `operator`, somewhere, is not allowed."""
    value: Any = {operator: choices.choice(["x", {}, [1]])}
    if choices.random() < 0.5:
        value = wrapped(choices, value, EXPRESSION_PLACES)
        if choices.random() < 0.5:
            stage = choices.choice(["$project", "$addFields", "$group", "$replaceRoot"])
            return [{"$limit": 1}, {stage: value}]
        value = {"$expr": value}
    value = wrapped(choices, value, FILTER_PLACES)
    return choices.choice([value, [{"$limit": 1}, {"$match": value}]])


def test_10_000_forbidden_operators_at_random_depth_are_all_caught() -> None:
    choices = random.Random(20250607)
    missed = []

    for _ in range(10_000):
        operator = choices.choice(list(FORBIDDEN))
        query = nested(choices, operator)
        try:
            check_query(query)
        except InvalidInput as error:
            if error.issues[0].what.startswith(f"{operator} is not allowed"):
                continue
        missed.append(query)

    assert missed == []


def test_a_query_of_more_than_100_levels_is_refused_also_as_a_value() -> None:
    query: Any = 1
    for _ in range(5_000):
        query = {"a": query}

    assert "nested more than 100 levels deep" in refusal(query)


def test_what_a_server_will_refuse_is_a_warning() -> None:
    query = check_query({"name": {"$or": [{"name": "a"}]}})

    assert query.warnings == (
        "A server will refuse this query. name: $or is used under a field. "
        "Move it out of the field, and name the field inside it.",
    )


def test_an_escaped_operator_is_a_field_name_and_a_warning() -> None:
    query = check_query({"a": {"\\$in": [1]}})

    assert query.warnings == ("'\\\\$in' is read as a field name. Did you mean $in?",)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real queries is not here")
def test_no_real_query_is_refused() -> None:
    refused = {}

    for line in (CORPUS / "queries.jsonl").read_text().splitlines():
        row = json.loads(line)
        try:
            check_query(row["query"])
        except InvalidInput as error:
            refused[row["id"]] = str(error)

    assert refused == {}


def test_an_invisible_character_in_a_query_is_a_warning_that_names_it() -> None:
    query = check_query({"subject\u200b.id": {"$in": ["ok", "90\u00ad1"]}, "note": "a\u00a0b c"})

    assert query.warnings == (
        "the key subject\u200b.id contains U+200B (zero width space), "
        "so it equals no text that only looks the same",
        "the value at subject\u200b.id.$in.1 contains U+00AD (soft hyphen), "
        "so it equals no text that only looks the same",
    )


@pytest.mark.parametrize(
    "query",
    [
        {"$expr": {"$setIsSubset": [["a"], "$b"]}},
        {"$expr": {"$eq": [{"$trim": {"input": "$a"}}, "x"]}},
        {"name": {"$regex": "\\p{L}"}},
        {"name": {"$regex": "a\\Kb"}},
        {"name": {"$regex": "(?R)?a"}},
        {"name": {"$regex": "[[:^alpha:]]"}},
    ],
)
def test_what_only_a_server_evaluates_is_not_called_refused(query: dict[str, Any]) -> None:
    (warning,) = check_query(query).warnings

    assert warning.startswith("The demo cannot evaluate this query; a server can. ")


@pytest.mark.parametrize(
    "query",
    [
        {"name": {"$regex": "a("}},
        {"name": {"$regex": "[a"}},
        {"$expr": {"$push": "$a"}},
        {"$expr": {"$eq": [1]}},
    ],
)
def test_what_a_server_refuses_is_called_refused(query: dict[str, Any]) -> None:
    (warning,) = check_query(query).warnings

    assert warning.startswith("A server will refuse this query. ")


@pytest.mark.parametrize(
    ("query", "warning"),
    [
        (
            {"a": {"b": {"$gt": 1}}},
            "the value of a is compared as a whole, so $gt inside it is not",
        ),
        ({"a": [{"$in": [1]}]}, "the value of a is compared as a whole, so $in inside it is not"),
        (
            {"$or": [{"x": 1}, {"a.b": {"c": 1, "$lt": 2}}]},
            "the value of a.b is compared as a whole",
        ),
        (
            {"a": {"$elemMatch": {"b": {"c": {"$ne": 1}}}}},
            "the value of a.b is compared as a whole",
        ),
        ({"a ": 1}, "'a ' is read as a field name. Did you mean a?"),
        ({"a..b": 1}, "'a..b' is read as a field name. Did you mean a.b?"),
        ({"a[0].b": 1}, "'a[0].b' is read as a field name. Did you mean a.0.b?"),
        ({"a": {"\uff04in": [1]}}, "Did you mean $in?"),
    ],
)
def test_a_condition_that_can_match_nothing_by_its_form_is_a_warning(
    query: dict[str, Any], warning: str
) -> None:
    assert warning in " ".join(check_query(query).warnings)


@pytest.mark.parametrize(
    "query",
    [
        {"a": {"b": 1, "c": [{"d": 2}]}},
        {"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}},
        {"a": {"$elemMatch": {"b": {"$in": [1]}, "c.d": {"$not": {"$exists": False}}}}},
        {"$nor": [{"a b": {"$exists": True}}, {"a.0": {"$size": 2}}]},
    ],
)
def test_conditions_in_their_place_have_no_warning(query: dict[str, Any]) -> None:
    assert check_query(query).warnings == ()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({1: 2}, "the key 1 is not a text"),
        ({"a": {"$in": [float("nan")]}}, "query.a.$in[0]: nan has no value in JSON"),
        ({"a": {"x", "y"}}, "has no value in JSON"),
    ],
)
def test_a_query_that_json_cannot_write_is_refused(query: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_query(query)

    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["false", "False", "no", "0", ""])
def test_exists_with_a_text_for_false_is_a_warning_with_a_repair(text: str) -> None:
    checked = check_query({"$or": [{"a.b": {"$exists": text}}, {"c": {"$exists": False}}]})

    (repair,) = checked.repairs
    assert repair.value == {"$or": [{"a.b": {"$exists": False}}, {"c": {"$exists": False}}]}
    assert checked.warnings == (f'{{"$exists": "{text}"}} finds the records that have the field.',)


@pytest.mark.parametrize("operand", [True, False, 0, 1, "true", "yes"])
def test_exists_that_means_what_it_says_gets_no_warning(operand: Any) -> None:
    assert check_query({"a": {"$exists": operand}}).warnings == ()


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (
            {"$limit": "5"},
            '$limit: $limit takes a whole number from 1, not "5". Write {"$limit": 10}',
        ),
        ({"$limit": 0}, "$limit takes a whole number from 1, not 0"),
        ({"$limit": True}, "$limit takes a whole number from 1, not true"),
        ({"$limit": 2.5}, "$limit takes a whole number from 1, not 2.5"),
        ({"$skip": -1}, "$skip takes a whole number from 0, not -1"),
        ({"$match": []}, '$match takes a filter (an object), not []. Write {"$match": {"field":'),
        ({"$match": "name"}, '$match takes a filter (an object), not "name"'),
        ({"$sort": 1}, "$sort takes an object of fields, not 1"),
        ({"$sort": {"a": 1, "b": "desc"}}, '$sort.b: a direction is 1 or -1, not "desc"'),
        ({"$sort": [["a", 1]]}, '$sort takes an object of fields, not [["a", 1]]'),
        ({"$project": "x"}, '$project takes an object of fields, not "x"'),
        ({"$addFields": {}}, "$addFields takes an object of fields, not {}"),
        ({"$set": ["a"]}, '$set takes an object of fields, not ["a"]'),
        ({"$unset": {"a": 1}}, '$unset takes a field or a list of fields, not {"a": 1}'),
        ({"$unwind": "a"}, '$unwind takes a field with $ before it, not "a"'),
        ({"$unwind": {"path": "a"}}, '$unwind takes a field with $ before it, not {"path": "a"}'),
        ({"$group": {"n": {"$sum": 1}}}, "$group takes an object with _id, not"),
        ({"$count": "$a"}, '$count takes the name of a new field, without $ and dots, not "$a"'),
        ({"$sortByCount": "a"}, "$sortByCount takes a field with $ before it, or an expression"),
        ({"$replaceRoot": "$a"}, '$replaceRoot takes an object with newRoot, not "$a"'),
        ({"$replaceWith": 1}, "$replaceWith takes a field with $ before it, or an object, not 1"),
    ],
)
def test_the_argument_of_a_stage_has_its_shape(stage: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_query([{"$match": {}}, stage])

    assert str(caught.value).startswith("query[1].$")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "stage",
    [
        *[{"$limit": 5.0}, {"$skip": 0}, {"$match": {}}, {"$sort": {"a": -1.0}}, {"$unset": ["a"]}],
        *[{"$unwind": "$a"}, {"$unwind": {"path": "$a", "preserveNullAndEmptyArrays": True}}],
        *[{"$group": {"_id": None}}, {"$count": "n"}, {"$sortByCount": {"$toLower": "$a"}}],
        *[{"$replaceRoot": {"newRoot": {"a": 1}}}, {"$replaceWith": "$a"}, {"$project": {"a": 0}}],
    ],
)
def test_a_stage_of_the_right_shape_has_no_warning(stage: dict[str, Any]) -> None:
    assert check_query([stage]).warnings == ()


def test_a_stage_that_a_server_refuses_for_more_than_its_shape_is_a_warning() -> None:
    query = check_query([{"$project": {"a": 1, "b": 0}}])

    (warning,) = query.warnings
    assert warning.startswith("A server will refuse this query. stage 1, $project: 'b' is excluded")
