"""Translation of paths between the two schemas, and changes of one condition in a filter."""

from __future__ import annotations

import pytest

from dispatch_core.builder.conditions import (
    conditions_of,
    joined,
    match_filters,
    with_key,
    with_operand,
)
from dispatch_core.builder.spelling import (
    other_spellings,
    rename_condition,
    respell_filter,
    respell_path,
)
from dispatch_core.types import Filter


@pytest.mark.parametrize(
    ("v1", "v2"),
    [
        ("session.session_type", "acquisition.acquisition_type"),
        ("session.notes", "acquisition.notes"),
        ("rig.rig_id", "instrument.instrument_id"),
        ("rig.modification_date", "instrument.modification_date"),
        (
            "data_description.modality.abbreviation",
            "data_description.modalities.abbreviation",
        ),
        ("external_links.Code Ocean", "other_identifiers.Code Ocean"),
        ("subject.genotype", "subject.subject_details.genotype"),
        (
            "processing.processing_pipeline.data_processes.code_url",
            "processing.data_processes.code.url",
        ),
    ],
)
def test_the_longest_pair_translates_a_path_in_both_directions(v1: str, v2: str) -> None:
    there, back = respell_path(v1, 2), respell_path(v2, 1)

    assert (there, back) == (v2, v1)


@pytest.mark.parametrize("path", ["name", "subject.subject_id", "sessions.x", "created_by"])
def test_a_path_common_to_both_schemas_is_unchanged(path: str) -> None:
    assert other_spellings(path) == ()


def test_a_path_that_mixes_both_schemas_gives_the_paths_of_both() -> None:
    assert other_spellings("acquisition.session_type") == (
        "session.session_type",
        "acquisition.acquisition_type",
    )


def test_a_filter_is_translated_at_every_depth_and_its_values_are_unchanged() -> None:
    query: Filter = {
        "$or": [{"session.session_type": "A"}, {"name": "session.session_type"}],
        "session.data_streams": {"$elemMatch": {"stream_modalities.abbreviation": "fib"}},
    }

    assert respell_filter(query, 2) == {
        "$or": [{"acquisition.acquisition_type": "A"}, {"name": "session.session_type"}],
        "acquisition.data_streams": {"$elemMatch": {"modalities.abbreviation": "fib"}},
    }


def test_two_conditions_that_translate_to_one_field_are_both_kept() -> None:
    query: Filter = {"session.notes": "a", "acquisition.notes": "b"}

    assert respell_filter(query, 2) == {
        "$and": [{"acquisition.notes": "b"}, {"acquisition.notes": "a"}]
    }


def test_conditions_have_their_full_path_and_the_paths_of_the_other_branches() -> None:
    query: Filter = {"$or": [{"a.b": 1}, {"c": {"$elemMatch": {"d": 2}}}], "$nor": [{"e": 3}]}

    found = {one.path: (one.others, one.is_negated) for one in conditions_of(query)}

    assert found == {
        "a.b": (frozenset({"c", "c.d"}), False),
        "c": (frozenset({"a.b"}), False),
        "c.d": (frozenset({"a.b"}), False),
        "e": (frozenset(), True),
    }


def test_renaming_and_changing_an_operand_copy_the_filter_and_keep_its_order() -> None:
    query: Filter = {"a": 1, "b": 2, "c": 3}
    _, second, _ = conditions_of(query)

    changed = with_operand(with_key(query, second, "x"), conditions_of(query)[0], 9)

    assert list(changed.items()) == [("a", 9), ("x", 2), ("c", 3)]
    assert query == {"a": 1, "b": 2, "c": 3}


def test_a_path_outside_its_elemmatch_changes_nothing() -> None:
    query: Filter = {"a": {"$elemMatch": {"b": 1}}}

    assert rename_condition(query, conditions_of(query)[1], "x.y") == query


def test_only_match_stages_before_a_change_of_shape_test_whole_records() -> None:
    pipeline = [
        {"$match": {"a": 1}},
        {"$sort": {"a": 1}},
        {"$match": {"b": 1}},
        {"$group": {"_id": "$a"}},
        {"$match": {"_id": 1}},
    ]

    assert list(match_filters(pipeline)) == [((0, "$match"), {"a": 1}), ((2, "$match"), {"b": 1})]


def test_a_clause_with_a_new_key_is_added_directly_and_with_a_shared_key_under_and() -> None:
    free = joined({"a": 1}, {"b": 2})
    taken = joined({"a": 1, "$or": [{"b": 1}]}, {"$or": [{"c": 1}]})

    assert free == {"a": 1, "b": 2}
    assert taken == {"a": 1, "$and": [{"$or": [{"b": 1}]}, {"$or": [{"c": 1}]}]}
