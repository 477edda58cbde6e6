"""The query as a form: every form reads back the same, and every query keeps its meaning."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.builder.form_translation import filter_of, form_of, query_of
from dispatch_core.builder.query_form import (
    ConditionKind,
    Elements,
    FormRow,
    Group,
    Locked,
    Node,
    QueryForm,
    add,
    faults,
    finished_part,
    move,
    put,
    remove,
    started_as_date,
    typed_values,
    with_condition,
)
from dispatch_core.demo.catalogue import DemoCatalogue
from dispatch_core.errors import InvalidInput
from dispatch_core.language.match import compile_filter
from dispatch_core.types import Filter, Record

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside the project")


def members_of(query: Filter) -> tuple[Node, ...]:
    return form_of(query).root.members


# Rows, groups and lists of items


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ({"a.b": "x"}, FormRow("a.b", "is", "text", ("x",))),
        ({"a": "774659"}, FormRow("a", "is", "text", ("774659",))),
        ({"a": 774659}, FormRow("a", "is", "number", ("774659",))),
        ({"a": 0.5}, FormRow("a", "is", "number", ("0.5",))),
        ({"a": True}, FormRow("a", "is", "true or false", ("true",))),
        ({"a": None}, FormRow("a", "is", "null", ("null",))),
        ({"a": {"b": 1}}, FormRow("a", "is", "JSON", ('{"b": 1}',))),
        ({"a": ["x"]}, FormRow("a", "is", "JSON", ('["x"]',))),
        ({"a": {"$ne": None}}, FormRow("a", "is not", "null", ("null",))),
        ({"a": {"$in": ["x", "y"]}}, FormRow("a", "is one of", "text", ("x", "y"))),
        ({"a": {"$in": [1, 2.5]}}, FormRow("a", "is one of", "number", ("1", "2.5"))),
        ({"a": {"$in": ["x", None]}}, FormRow("a", "is one of", "JSON", ('["x", null]',))),
        ({"a": {"$in": []}}, FormRow("a", "is one of", "JSON", ("[]",))),
        ({"a": {"$nin": ["x"]}}, FormRow("a", "is none of", "text", ("x",))),
        ({"a": {"$all": ["x", "y"]}}, FormRow("a", "has all of", "text", ("x", "y"))),
        ({"a": {"$gte": "2025-06-01"}}, FormRow("a", "at least", "text", ("2025-06-01",))),
        ({"a": {"$lt": 5}}, FormRow("a", "less than", "number", ("5",))),
        ({"a": {"$exists": True}}, FormRow("a", "exists")),
        ({"a": {"$exists": False}}, FormRow("a", "is missing")),
        ({"a": {"$size": 2}}, FormRow("a", "has size", "number", ("2",))),
        ({"a": {"$type": "string"}}, FormRow("a", "has type", "text", ("string",))),
        ({"a": {"$type": ["int", "long"]}}, FormRow("a", "has type", "text", ("int", "long"))),
        ({"a": {"$regex": "x"}}, FormRow("a", "contains", "text", ("x",))),
        ({"a": {"$regex": "^s3://a\\.b"}}, FormRow("a", "starts with", "text", ("s3://a.b",))),
        ({"a": {"$regex": "nwb$"}}, FormRow("a", "ends with", "text", ("nwb",))),
        ({"a": {"$regex": "^x$"}}, FormRow("a", "matches", "text", ("^x$",))),
        ({"a": {"$regex": "price\\$"}}, FormRow("a", "contains", "text", ("price$",))),
        ({"a": {"$regex": "^b_(?!.*c)"}}, FormRow("a", "matches", "text", ("^b_(?!.*c)",))),
        ({"a": {"$regex": "X", "$options": "i"}}, FormRow("a", "contains", "text", ("X",), "i")),
        ({"a": {"$regex": "a b", "$options": "x"}}, FormRow("a", "matches", "text", ("a b",), "x")),
        (
            {"a": {"$not": {"$regex": "x"}}},
            FormRow("a", "contains", "text", ("x",), is_negated=True),
        ),
        (
            {"a": {"$not": {"$gt": 1}}},
            FormRow("a", "greater than", "number", ("1",), is_negated=True),
        ),
        (
            {"external_links.Code Ocean.0": "x"},
            FormRow("external_links.Code Ocean.0", "is", "text", ("x",)),
        ),
    ],
)
def test_one_condition_is_one_row_and_reads_back_unchanged(query: Filter, row: FormRow) -> None:
    form = form_of(query)

    assert form.root.members == (row,)
    assert json.dumps(query_of(form)) == json.dumps(query)


@pytest.mark.parametrize(
    ("query", "members"),
    [
        (
            {"a": {"$gte": 1, "$lt": 5}},
            (
                FormRow("a", "at least", "number", ("1",)),
                FormRow("a", "less than", "number", ("5",)),
            ),
        ),
        (
            {"name": {"$regex": "^FIP", "$not": {"$regex": "done"}}},
            (
                FormRow("name", "starts with", "text", ("FIP",)),
                FormRow("name", "contains", "text", ("done",), is_negated=True),
            ),
        ),
        (
            {"a": "x", "$or": [{"b": 1}, {"c": 2, "d": 3}]},
            (
                FormRow("a", "is", "text", ("x",)),
                Group(
                    "any",
                    (
                        FormRow("b", "is", "number", ("1",)),
                        Group(
                            "all",
                            (
                                FormRow("c", "is", "number", ("2",)),
                                FormRow("d", "is", "number", ("3",)),
                            ),
                        ),
                    ),
                ),
            ),
        ),
        ({"$nor": [{"a": None}]}, (Group("none", (FormRow("a", "is", "null", ("null",)),)),)),
        (
            {"$and": [{"a": 1}, {"a": 2}]},
            (FormRow("a", "is", "number", ("1",)), FormRow("a", "is", "number", ("2",))),
        ),
        (
            {"o": {"$elemMatch": {"maker": "Nikon", "zoom": {"$gte": 20}}}},
            (
                Elements(
                    "o",
                    (
                        FormRow("maker", "is", "text", ("Nikon",)),
                        FormRow("zoom", "at least", "number", ("20",)),
                    ),
                ),
            ),
        ),
        (
            {"o": {"$not": {"$elemMatch": {"a": 1}}}},
            (Elements("o", (FormRow("a", "is", "number", ("1",)),), is_negated=True),),
        ),
        (
            {"o": {"$elemMatch": {"$gt": 1, "$not": {"$gt": 5}}}},
            (
                Elements(
                    "o",
                    (
                        FormRow("", "greater than", "number", ("1",)),
                        FormRow("", "greater than", "number", ("5",), is_negated=True),
                    ),
                    of_values=True,
                ),
            ),
        ),
    ],
)
def test_several_conditions_are_rows_in_groups_and_read_back_unchanged(
    query: Filter, members: tuple[Node, ...]
) -> None:
    form = form_of(query)

    assert form.root.members == members
    assert json.dumps(query_of(form)) == json.dumps(query)


def test_not_over_two_operators_becomes_a_group_of_kind_none() -> None:
    form = form_of({"a": {"$not": {"$gte": 1, "$lt": 5}}})

    assert not form.locked
    assert query_of(form) == {"$nor": [{"a": {"$gte": 1, "$lt": 5}}]}


@pytest.mark.parametrize(
    ("query", "text", "reason"),
    [
        ({"$expr": {"$gt": ["$a", "$b"]}}, '{"$expr": {"$gt": ["$a", "$b"]}}', "several fields"),
        ({"a": {"$mod": [2, 0]}}, '{"a": {"$mod": [2, 0]}}', "$mod"),
        ({"a": {"$regex": 5, "$options": "i"}}, '{"a": {"$regex": 5, "$options": "i"}}', "$regex"),
        ({"a": {"$gt": 1, "b": 2}}, '{"a": {"$gt": 1, "b": 2}}', "b is not valid beside"),
        ({"a": {"$options": "i"}}, '{"a": {"$options": "i"}}', "$options is not valid beside"),
        ({"$or": []}, '{"$or": []}', "a list of filters"),
        ({"$or": [1]}, '{"$or": [1]}', "not a filter"),
        ({"$comment": "mine"}, '{"$comment": "mine"}', "a comment"),
        ({"": 1}, '{"": 1}', "a field without a name"),
        ({" ": {"$elemMatch": {"y": 1}}}, '{" ": {"$elemMatch": {"y": 1}}}', "without a name"),
    ],
)
def test_a_clause_that_no_row_can_express_is_locked_with_its_text_and_the_reason(
    query: Filter, text: str, reason: str
) -> None:
    (locked,) = form_of(query).locked

    assert locked.text == text
    assert reason in locked.reason
    assert query_of(form_of(query)) == query


def test_a_locked_clause_keeps_its_position_among_the_operators_of_its_field() -> None:
    query = {"a": {"$gte": 1, "$mod": [2, 0]}, "b": 1}

    first, second, third = members_of(query)

    assert isinstance(first, FormRow)
    assert isinstance(second, Locked)
    assert isinstance(third, FormRow)
    assert json.dumps(query_of(form_of(query))) == json.dumps(query)


def test_groups_nested_too_deep_for_a_page_are_locked_and_keep_their_text() -> None:
    query: Filter = {"a": 1}
    for _ in range(40):
        query = {"$or": [query]}

    form = form_of(query)

    assert len(form.locked) == 1
    assert query_of(form) == query


def test_a_pipeline_opens_its_leading_match_and_keeps_the_other_stages_locked() -> None:
    pipeline = [{"$match": {"a": 1}}, {"$sort": {"name": 1}}, {"$match": {"b": 2}}]

    form = form_of(pipeline)

    assert form.root.members == (FormRow("a", "is", "number", ("1",)),)
    assert form.stages is not None
    assert [stage.text for stage in form.stages] == [
        '{"$sort": {"name": 1}}',
        '{"$match": {"b": 2}}',
    ]
    assert query_of(form) == pipeline


def test_a_condition_added_to_a_pipeline_without_a_match_goes_before_its_stages() -> None:
    form = form_of([{"$sort": {"name": 1}}])

    grown = add(form, form.root.key, FormRow("a", "is", "text", ("x",)))

    assert query_of(form) == [{"$sort": {"name": 1}}]
    assert query_of(grown) == [{"$match": {"a": "x"}}, {"$sort": {"name": 1}}]


# Validation


@pytest.mark.parametrize(
    ("node", "what"),
    [
        (FormRow("", "is", "text", ("x",)), "the field is missing"),
        (FormRow("$where", "is", "text", ("x",)), "a field does not start with $"),
        (FormRow("a", "is", "text", ()), "the value is missing"),
        (FormRow("a", "at least", "number", ("1o",)), "'1o' is not a number"),
        (FormRow("a", "at least", "number", ('"1"',)), "'\"1\"' is not a number"),
        (FormRow("a", "is", "JSON", ("{",)), "the text ends too early"),
        (FormRow("a", "is one of", "JSON", ("1",)), "this condition takes a list"),
        (FormRow("a", "is one of", "JSON", ('[{"$gt": 1}]',)), "the list contains an operator"),
        (FormRow("a", "has size", "number", ("1.5",)), "a size is a whole number of at least 0"),
        (Group("any"), "the group is empty"),
        (Elements("a"), "the group is empty"),
        (Elements("", (FormRow("a", "exists"),)), "the field is missing"),
        (
            Elements("a", (FormRow("", "exists"), FormRow("", "exists")), of_values=True),
            "two conditions on the items use the same operator",
        ),
    ],
)
def test_an_unfinished_row_or_group_is_reported_and_gives_no_query(node: Node, what: str) -> None:
    form = QueryForm(Group("all", (node, FormRow("b", "exists"))))

    assert [issue.what for issue in faults(form).values()] == [what]
    with pytest.raises(InvalidInput, match="condition 1"):
        query_of(form)
    assert query_of(finished_part(form)) == {"b": {"$exists": True}}


def test_a_group_with_only_unfinished_rows_is_omitted() -> None:
    form = QueryForm(Group("all", (Group("any", (FormRow(),)), FormRow("b", "exists"))))

    assert query_of(finished_part(form)) == {"b": {"$exists": True}}


# Changes


def test_two_rows_on_one_field_are_both_kept() -> None:
    form = form_of({"a": 1})

    grown = add(form, form.root.key, FormRow("a", "is", "number", ("2",)))

    assert query_of(grown) == {"$and": [{"a": 1}, {"a": 2}]}


def test_moving_changing_and_removing_rows_keeps_the_text_of_a_locked_clause() -> None:
    form = form_of({"a": 1, "$expr": {"$gt": ["$x", "$y"]}, "b": 2})
    first, locked, last = form.root.members
    assert isinstance(last, FormRow)

    moved = move(form, locked.key, -1)
    changed = put(moved, FormRow("c", "exists", key=last.key))
    removed = remove(changed, first.key)

    assert list(query_of(moved)) == ["$expr", "a", "b"]
    assert query_of(removed) == {"$expr": {"$gt": ["$x", "$y"]}, "c": {"$exists": True}}


def test_a_node_at_the_end_of_its_group_does_not_move_further() -> None:
    form = form_of({"a": 1, "b": 2})

    up = move(form, form.root.members[0].key, -1)
    down = move(form, form.root.members[1].key, 1)

    assert query_of(up) == query_of(down) == {"a": 1, "b": 2}


def test_a_pipeline_without_its_last_other_stage_is_a_filter() -> None:
    form = form_of([{"$match": {"a": 1}}, {"$limit": 5}])
    assert form.stages is not None

    assert query_of(remove(form, form.stages[0].key)) == {"a": 1}


# Properties

PATHS = st.sampled_from(["a", "b", "a.b", "list", "list.0", "with space.c"])
VALUES = st.sampled_from(
    ["", "x", "x.y", "5", 5, 0.5, -1, True, False, None, [], ["x", 1], {}, {"k": None}, {"$k": 1}]
)
PATTERNS = st.sampled_from(
    ["x", "^x", "x$", "^x$", "x\\.y", "x.*y", "\\$", "\\\\$", "", "^", "5|x"]
)


def operators() -> st.SearchStrategy[dict[str, Any]]:
    plain: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte"), VALUES),
        **dict.fromkeys(("$in", "$nin", "$all"), st.lists(VALUES, max_size=3)),
        "$exists": st.booleans(),
        "$size": st.integers(0, 3),
        "$type": st.sampled_from(["string", ["int", "null"], 2, "number"]),
        "$mod": st.just([2, 1]),
    }
    some = st.lists(st.sampled_from(sorted(plain)), min_size=1, max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: plain[name] for name in names})
    )
    pattern = st.fixed_dictionaries(
        {"$regex": PATTERNS}, optional={"$options": st.sampled_from(["i", "s"])}
    )
    return some | pattern


def conditions() -> st.SearchStrategy[Any]:
    def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.builds(lambda one: {"$not": one}, inner) | st.builds(
            lambda one, other: one | {"$not": other}, inner, inner
        )

    return VALUES | st.recursive(operators(), nested, max_leaves=3)


def fields_and_groups(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    listed = st.lists(inner, min_size=1, max_size=3)
    grouped = st.builds(
        lambda name, members: {name: members}, st.sampled_from(["$and", "$or", "$nor"]), listed
    )
    items = st.builds(
        lambda path, one: {path: {"$elemMatch": one}}, PATHS, inner.filter(bool) | operators()
    )
    return st.builds(
        lambda *parts: {k: v for part in parts for k, v in part.items()}, grouped | items, inner
    )


FILTERS = st.recursive(
    st.dictionaries(PATHS, conditions(), max_size=3), fields_and_groups, max_leaves=6
)
SCALARS = st.sampled_from(["", "x", "x.y", "5", 5, 0.5, True, False, None])
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "a": SCALARS | st.fixed_dictionaries({}, optional={"b": SCALARS}),
        "b": SCALARS,
        "list": st.lists(SCALARS | st.fixed_dictionaries({"a": SCALARS}), max_size=3),
        "with space": st.fixed_dictionaries({"c": SCALARS}),
    },
)


def answers(query: Filter, records: list[Record]) -> list[Any]:
    """The result of a filter for each record, or "refused" for an invalid filter."""
    try:
        test = compile_filter(query)
    except InvalidInput:
        return ["refused"]
    return [answer(test, record) for record in records]


def answer(test: Any, record: Record) -> bool | str:
    try:
        return bool(test(record))
    except InvalidInput as error:  # an $expr without a value for this record
        return str(error)


@given(FILTERS, st.lists(RECORDS, min_size=5, max_size=5))
def test_a_filter_that_goes_through_a_form_matches_the_same_records(
    query: Filter, records: list[Record]
) -> None:
    again = filter_of(form_of(query))

    assert answers(again, records) == answers(query, records)


@given(FILTERS)
def test_a_form_converted_to_a_query_reads_back_as_the_same_form(query: Filter) -> None:
    form = form_of(query)

    assert form_of(query_of(form)) == form


def rows() -> st.SearchStrategy[FormRow]:
    def made(path: str, condition: ConditionKind, text: str, is_negated: bool) -> FormRow:
        texts = () if condition in ("exists", "is missing") else (text,)
        return FormRow(path, condition, "text", texts, is_negated=is_negated)

    texts = st.text(st.characters(codec="utf-8"), max_size=6)
    names: list[ConditionKind] = ["is", "is not", "is one of", "contains", "at least", "exists"]
    return st.builds(made, PATHS, st.sampled_from(names), texts, st.booleans())


def nodes() -> st.SearchStrategy[Node]:
    def holding(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        some = st.lists(inner, min_size=1, max_size=3).map(tuple)
        groups = st.builds(Group, st.sampled_from(["all", "any", "none"]), some)
        return groups | st.builds(Elements, PATHS, some, is_negated=st.booleans())

    locked = st.just(Locked('{"m": {"$mod": [2, 0]}}', "no row of the form can express this $mod"))
    return st.recursive(rows() | locked, holding, max_leaves=6)


@given(st.lists(nodes(), max_size=4))
def test_a_form_built_by_hand_reads_back_unchanged(members: list[Node]) -> None:
    form = QueryForm(Group("all", tuple(members)))

    assert form_of(query_of(form)) == form


# Real filters


def real_filters() -> Iterator[tuple[str, Filter]]:
    for line in (CORPUS / "queries.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["kind"] == "filter":
            yield "filter", entry["query"]
        else:
            yield from (
                ("$match", stage["$match"]) for stage in entry["query"] if "$match" in stage
            )


@needs_corpus
def test_98_percent_of_real_filters_and_96_percent_of_real_matches_need_no_locked_clause() -> None:
    opened: dict[str, list[bool]] = {"filter": [], "$match": []}
    for kind, query in real_filters():
        opened[kind].append(not form_of(query).locked)

    assert (len(opened["filter"]), sum(opened["filter"])) == (134, 132)
    assert (len(opened["$match"]), sum(opened["$match"])) == (119, 115)


@needs_corpus
def test_every_real_filter_reads_back_from_its_form_as_the_same_json() -> None:
    for _, query in real_filters():
        assert json.dumps(query_of(form_of(query))) == json.dumps(query)


@needs_corpus
def test_every_real_filter_finds_the_same_records_before_and_after() -> None:
    with gzip.open(CORPUS / "records.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line)["record"] for line in lines]
    records += DemoCatalogue(200).records

    for _, query in real_filters():
        again = filter_of(form_of(query))

        assert answers(again, records) == answers(query, records)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("900120, 900122", ("900120", "900122")),
        ("900120,900122;\t900123\n\n 900124 ", ("900120", "900122", "900123", "900124")),
        ("ecephys_1,fib_2", ("ecephys_1", "fib_2")),
        ("Cells, sorted", ("Cells, sorted",)),
        ("Survey 2024, batch 2", ("Survey 2024, batch 2",)),
        ("1,500", ("1,500",)),
        ("kept_1,kept_2", ("kept_1,kept_2",)),
        ("900120,", ("900120",)),
        (" , ", (",",)),
        ("", ()),
    ],
)
def test_ids_with_commas_between_them_are_values_of_their_own(
    text: str, values: tuple[str, ...]
) -> None:
    assert typed_values(text, before=("kept_1,kept_2",)) == values


def test_known_values_with_commas_between_them_are_values_of_their_own() -> None:
    known = ("raw", "derived", "raw, derived?")

    assert typed_values("raw, derived", known=known) == ("raw", "derived")
    assert typed_values("raw, other", known=known) == ("raw, other",)
    assert typed_values("raw, derived?", known=known) == ("raw, derived?",)


def test_only_a_new_row_without_a_value_starts_as_a_date() -> None:
    new = FormRow("created", is_new=True)
    typed = replace(new, texts=("2025",))
    chosen = with_condition(with_condition(new, "is not"), "is")

    started = [started_as_date(one) for one in (new, typed, chosen, FormRow("created"))]

    assert started == [FormRow("created", "on", "date"), typed, chosen, FormRow("created")]
