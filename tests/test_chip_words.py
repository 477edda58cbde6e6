"""Conditions in words, plain names of fields, and rows about both spellings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dispatch_core.builder.form_translation import form_of, query_of
from dispatch_core.builder.query_form import FormRow, Group, QueryForm, Spelling, with_condition
from dispatch_core.insight.chip_words import words_of, words_of_query
from dispatch_core.insight.facet_form import (
    choose_in,
    chosen_in,
    exclude_in,
    replace_choice,
    rest_of,
)
from dispatch_core.insight.facets import FACETS
from dispatch_core.insight.fields import FieldCatalogue, FieldInfo
from dispatch_core.insight.plain_names import (
    field_of,
    label_of,
    name_of_field,
    offered_names,
    paths_of,
    shown_field,
)
from dispatch_core.text.date_layouts import LAYOUTS, today

PROJECT, SUBJECT, MODALITY, LEVEL, ACQUIRED, _TYPE, QUALITY = FACETS
V1, V2 = MODALITY.paths
START, START_2 = ACQUIRED.paths
BOTH = FieldCatalogue(
    {
        path: FieldInfo(path, ("string",), 1, 1)
        for facet in FACETS
        for path in (*facet.paths, "subject.sex")
    }
)


def chips(query: Any) -> list[str]:
    return [words_of(node) for node in form_of(query).root.members]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (
            {"data_description.project_name": "Thalamic Ephys Survey"},
            "Project: Thalamic Ephys Survey",
        ),
        ({"subject.subject_id": {"$in": ["900120", "900122"]}}, "Subject: 900120, 900122"),
        ({"subject.subject_id": {"$in": list("abcde")}}, "Subject: a, b, c and 2 more"),
        ({"data_description.data_level": {"$ne": "raw"}}, "Level: not raw"),
        ({"data_description.data_level": {"$nin": ["raw", "x"]}}, "Level: none of raw, x"),
        ({"name": {"$regex": "^ecephys_"}}, "Name starts with ecephys_"),
        ({"name": {"$not": {"$regex": "processed"}}}, "Name does not contain processed"),
        ({"a.b": {"$gte": 0.5}}, "a.b ≥ 0.5"),
        ({"a": {"$exists": False}}, "a is missing"),
        ({"a": " x"}, 'a: " x"'),
        ({"$or": [{V1: "ecephys"}, {V2: "ecephys"}]}, "Modality: ecephys"),
        ({"$nor": [{V1: "ecephys"}, {V2: "ecephys"}]}, "Modality: not ecephys"),
        ({"$or": [{"a": 1}, {"b": 2}]}, "a: 1 or b: 2"),
        ({"$or": [{"name": "x" * 40}, {"name": "y" * 40}]}, "any of 2 conditions"),
        ({"$nor": [{"a": 1}]}, "not (a: 1)"),
        ({"$expr": {"$gt": ["$a", "$b"]}}, "$expr (locked)"),
        ({START: {"$regex": "^2025-06(?![0-9])"}}, "Acquired: 2025-06"),
        ({"list": {"$elemMatch": {"a": 1}}}, "list has an item with a: 1"),
    ],
)
def test_a_condition_is_a_chip_in_plain_words(query: Any, words: str) -> None:
    assert chips(query) == [words]


def test_a_row_about_both_spellings_is_written_and_read_again() -> None:
    row = FormRow(V1, "is", "text", ("ecephys",), others=(Spelling(V2),))
    form = QueryForm(Group("all", (row,)))

    assert query_of(form) == {"$or": [{V1: "ecephys"}, {V2: "ecephys"}]}
    assert form_of(query_of(form)) == form


@pytest.mark.parametrize("condition", ["is not", "is none of", "is missing"])
def test_a_negative_condition_holds_for_no_spelling(condition: Any) -> None:
    row = FormRow(V1, "is", "text", ("ecephys",), others=(Spelling(V2),))

    form = QueryForm(Group("all", (with_condition(row, condition),)))

    assert list(query_of(form)) == ["$nor"]
    assert form_of(query_of(form)) == form


@pytest.mark.parametrize(
    "query",
    [
        {"$or": [{V1: "ecephys"}, {V2: "fib"}]},
        {"$or": [{V1: {"$ne": "a"}}, {V2: {"$ne": "a"}}]},
        {"$or": [{V1: "a"}, {V1: "a"}]},
        {"$or": [{"name": "a"}, {"location": "a"}]},
        {"$nor": [{V1: {"$nin": ["a"]}}, {V2: {"$nin": ["a"]}}]},
        {"$or": [{V1: "a", "name": "b"}, {V2: "a"}]},
    ],
)
def test_other_alternatives_keep_their_meaning(query: Any) -> None:
    assert query_of(form_of(query)) == query


def test_a_date_of_both_spellings_is_one_relative_condition() -> None:
    row = FormRow(
        START,
        "in the last",
        "date",
        ("6", "months", "2026-06-30"),
        layouts=_iso(),
        others=(Spelling(START_2, _iso()),),
    )
    form = replace_choice(form_of({"data_description.data_level": "derived"}), ACQUIRED, row)

    again = form_of(query_of(form))

    assert again == form
    assert [words_of(one) for one in again.root.members] == [
        "Level: derived",
        "Acquired: last 6 months to 2026-06-30",
    ]
    assert rest_of(again, ACQUIRED) == {"data_description.data_level": "derived"}


@pytest.mark.parametrize(
    ("counted_from", "words"),
    [
        (str(today()), "Acquired: last 6 months"),
        ("2025-07-15", "Acquired: last 6 months to 2025-07-15"),
    ],
)
def test_only_days_that_count_back_from_today_are_without_their_last_day(
    counted_from: str, words: str
) -> None:
    texts = ("6", "months", counted_from)
    row = FormRow(START, "in the last", "date", texts, layouts=_iso())

    assert words_of(row) == words
    assert words_of_query(json.dumps(query_of(QueryForm(Group("all", (row,)))))) == words


def _iso() -> tuple[str, ...]:
    return (LAYOUTS[0].name,)


def test_a_choice_of_a_facet_takes_the_place_of_the_one_before() -> None:
    form = form_of({"data_description.data_level": "raw", "name": "x"})

    form = choose_in(form, LEVEL, ["derived"], BOTH)
    form = choose_in(form, MODALITY, ["ecephys", "fib"], BOTH)
    form = choose_in(form, QUALITY, ["passed"], BOTH)
    form = choose_in(form, ACQUIRED, ["2025-06"], BOTH)
    again = form_of(query_of(form))

    assert [words_of(one) for one in again.root.members] == [
        "Level: derived",
        "Name: x",
        "Modality: ecephys, fib",
        "Quality: passed",
        "Acquired: 2025-06",
    ]
    assert chosen_in(again, MODALITY) == ("ecephys", "fib")
    assert query_of(choose_in(choose_in(again, QUALITY, [], BOTH), ACQUIRED, [], BOTH)) == {
        "data_description.data_level": "derived",
        "name": "x",
        "$or": [{V1: {"$in": ["ecephys", "fib"]}}, {V2: {"$in": ["ecephys", "fib"]}}],
    }


def test_a_value_that_is_excluded_is_one_chip_and_is_added_once() -> None:
    form = form_of({"name": "x"})

    for _ in range(2):
        form = exclude_in(form, MODALITY, "fib", BOTH)
        form = exclude_in(form, LEVEL, "raw", BOTH)

    assert query_of(form) == {
        "name": "x",
        "$nor": [{V1: "fib"}, {V2: "fib"}],
        "data_description.data_level": {"$ne": "raw"},
    }
    assert [words_of(one) for one in form_of(query_of(form)).root.members] == [
        "Name: x",
        "Modality: not fib",
        "Level: not raw",
    ]


@pytest.mark.parametrize("name", ["passed", "failed", "pending", "not recorded"])
def test_each_quality_is_one_chip(name: str) -> None:
    form = choose_in(form_of({"name": "x"}), QUALITY, [name], BOTH)

    again = form_of(query_of(form))

    assert [words_of(one) for one in again.root.members] == ["Name: x", f"Quality: {name}"]
    assert query_of(choose_in(again, QUALITY, [], BOTH)) == {"name": "x"}


@pytest.mark.parametrize(
    ("typed", "paths"),
    [
        ("Modality", (V1, V2)),
        ("modality", (V1, V2)),
        ("subject_id", ("subject.subject_id",)),
        ("Subject ID", ("subject.subject_id",)),
        ("data_level", ("data_description.data_level",)),
        ("session_type", ("session.session_type", "acquisition.acquisition_type")),
        ("subject.sex", ("subject.sex",)),
        ("no_such", ("no_such",)),
    ],
)
def test_a_name_or_the_end_of_a_path_means_the_field_that_exists(
    typed: str, paths: tuple[str, ...]
) -> None:
    assert paths_of(typed, BOTH) == paths


def test_names_are_offered_for_fields_of_the_source_with_a_path_as_a_hint() -> None:
    assert offered_names(BOTH)[:3] == ["Project", "Subject", "Modality"]
    assert "Rig" not in offered_names(BOTH)
    assert label_of("Subject") == "Subject · subject_id"
    assert shown_field((V1, V2), BOTH) == "Modality"
    assert shown_field((V1,), BOTH) == V1


@pytest.mark.parametrize(
    ("text", "field", "catalogue"),
    [
        ("Modality", f"{V1}|{V2}", BOTH),
        ("Modality", V2, FieldCatalogue({V2: FieldInfo(V2, ("string",), 1, 1)})),
        ("Modality", f"{V1}|{V2}", None),
        ("subject.age", "subject.age", BOTH),
        ("no.such", "no.such", BOTH),
    ],
)
def test_a_field_of_grouping_has_every_path_of_its_name(
    text: str, field: str, catalogue: FieldCatalogue | None
) -> None:
    assert field_of(text, catalogue) == field
    assert name_of_field(field, catalogue) == text


def test_a_field_with_only_one_of_two_paths_is_not_called_by_the_name_of_both() -> None:
    assert name_of_field(V1, BOTH) == V1
    assert name_of_field(f"{V1}|{V2}|x", BOTH) == f"{V1}|{V2}|x"
    assert name_of_field(f"{V1}|{V2}", FieldCatalogue({V2: FieldInfo(V2, (), 1, 1)})) == "Modality"
