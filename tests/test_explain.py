"""Why a query finds nothing: each clause alone, the query without each, the blocking ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from dispatch_core.insight.explain import MOST_CLAUSES, Explanation, explain, without_clause
from dispatch_core.types import Filter, Pipeline, Record
from tests.fakes import Records, record

WORLD = Records(
    [
        record("a", kind="raw", level=1, tags=[{"x": 1, "y": 2}]),
        record("b", kind="raw", level=2, tags=[{"x": 2, "y": 2}]),
        record("c", kind="derived", level=1),
        record("d", kind="derived", level=3),
    ]
)


def blamed(found: Explanation) -> list[str]:
    return [found.clauses[number].text for number in found.blocking]


def test_a_clause_that_no_record_meets_is_named() -> None:
    found = explain(WORLD, {"kind": "raw", "name": "unknown"})

    assert blamed(found) == ['{"name": "unknown"}']
    assert found.summary == ('No record of the collection matches {"name": "unknown"}.')


def test_the_summary_has_the_clauses_in_the_words_of_a_face() -> None:
    found = explain(WORLD, {"kind": "raw", "name": "unknown"})

    said = found.summary_in(lambda clause: f"the {next(iter(clause))}")

    assert said == "No record of the collection matches the name."


def test_each_clause_is_counted_alone_and_removed() -> None:
    found = explain(WORLD, {"kind": "raw", "level": {"$gte": 1, "$lt": 3}, "name": "unknown"})

    assert [(one.text, one.alone, one.without) for one in found.clauses] == [
        ('{"kind": "raw"}', 2, 0),
        ('{"level": {"$gte": 1}}', 4, 0),
        ('{"level": {"$lt": 3}}', 3, 0),
        ('{"name": "unknown"}', 0, 2),
    ]


DAYS = "^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?:[Tt_, ]|$)"
LATELY: Filter = {
    "created": {"$gte": "2025-01-15", "$lt": "2025-07-16", "$regex": DAYS},
    "$comment": "in the last 6 months",
}


def test_a_relative_range_of_days_is_one_clause_with_its_words() -> None:
    query: Filter = {"$and": [{"kind": "raw"}, {"level": 1}, LATELY]}

    found = explain(WORLD, query)

    assert [one.clause for one in found.clauses] == [{"kind": "raw"}, {"level": 1}, LATELY]
    assert without_clause(query, 0) == {"$and": [{"level": 1}, LATELY]}
    assert without_clause(query, 2) == {"kind": "raw", "level": 1}
    assert without_clause({"$and": [{"kind": "raw"}, LATELY]}, 0) == LATELY


def test_a_comment_of_the_query_stays_without_one_of_its_clauses() -> None:
    noted: Filter = {"kind": "raw", "level": 1, "$comment": "for the paper"}
    nested: Filter = {"$and": [noted, {"name": "a"}], "$comment": "as agreed"}

    assert without_clause(noted, 1) == {"kind": "raw", "$comment": "for the paper"}
    assert without_clause(nested, 2) == {
        "kind": "raw",
        "level": 1,
        "$and": [{"$comment": "as agreed"}, {"$comment": "for the paper"}],
    }


def test_clauses_whose_removal_helps_are_named_together() -> None:
    found = explain(WORLD, {"$and": [{"kind": "raw"}, {"level": 3}], "location": {"$ne": "x"}})

    assert blamed(found) == ['{"kind": "raw"}', '{"level": 3}']
    assert found.summary == (
        'No record matches these together: {"kind": "raw"} and {"level": 3}. Remove one of them.'
    )


def test_with_two_conflicts_a_smallest_one_is_found() -> None:
    query: Filter = {"kind": "raw", "level": 3, "name": "a", "location": "s3://data/d"}

    found = explain(WORLD, query)

    assert len(found.blocking) == 2
    assert WORLD.count({"$and": [found.clauses[n].clause for n in found.blocking]}) == 0
    assert found.summary.endswith("There are other conflicts, too.")


def test_few_results_are_explained_by_the_clause_that_excludes_the_most() -> None:
    found = explain(WORLD, {"kind": "raw", "level": 1})

    assert found.summary == (
        '1 record matches: most are excluded by {"kind": "raw"}. Without it 2 match; '
        "alone it matches 2."
    )


def test_each_branch_of_an_or_that_no_record_matches_is_counted() -> None:
    found = explain(WORLD, {"$or": [{"kind": "raw", "level": 3}, {"name": "unknown"}]})

    assert [(one.text, one.alone) for one in found.clauses[0].branches] == [
        ('{"kind": "raw"}', 2),
        ('{"level": 3}', 1),
        ('{"name": "unknown"}', 0),
    ]


def test_inside_an_elemmatch_each_condition_is_counted() -> None:
    found = explain(WORLD, {"tags": {"$elemMatch": {"x": 1, "y": 3}}})

    assert [(one.text, one.alone) for one in found.clauses[0].branches] == [
        ('{"tags": {"$elemMatch": {"x": 1}}}', 1),
        ('{"tags": {"$elemMatch": {"y": 3}}}', 0),
    ]


def test_a_pipeline_is_explained_stage_by_stage() -> None:
    pipeline: Pipeline = [
        {"$match": {"kind": "raw"}},
        {"$project": {"name": 1}},
        {"$match": {"level": 1}},
        {"$limit": 5},
    ]

    found = explain(WORLD, pipeline)

    assert [(one.stage, one.count) for one in found.stages] == [
        ("$match", 2),
        ("$project", 2),
        ("$match", 0),
        ("$limit", 0),
    ]
    assert found.summary == "No result remains after stage 3 ($match)."


@pytest.mark.parametrize(
    ("query", "summary"),
    [({}, "4 records match of 4."), ({"name": {"$ne": "x"}}, "4 records match of 4.")],
)
def test_no_clause_blocks_a_query_with_many_results(query: Filter, summary: str) -> None:
    few = Records(WORLD.records)

    found = explain(few, query)

    assert (found.blocking, found.summary) == ((), summary)


def test_an_empty_collection_is_reported_as_empty() -> None:
    assert explain(Records([]), {"a": 1}).summary == "The collection has no records."


@dataclass
class Counted(Records):
    """Counts its requests of any kind."""

    requests: int = 0

    def count(self, filter_query: Filter) -> int:
        self.requests += 1
        return super().count(filter_query)

    def find_page(
        self, filter_query: Filter, projection: Mapping[str, Any], limit: int
    ) -> list[Record]:
        self.requests += 1
        return super().find_page(filter_query, projection, limit)


def test_a_long_conjunction_costs_a_bounded_number_of_requests() -> None:
    source = Counted(WORLD.records)
    query: Filter = {"$and": [{"level": {"$ne": number}} for number in range(10, 200)]}
    query["name"] = "unknown"

    found = explain(source, query)

    assert (len(found.clauses), found.uncounted) == (MOST_CLAUSES, 191 - MOST_CLAUSES)
    assert source.requests <= 4 * MOST_CLAUSES


def test_progress_is_reported_and_can_cancel() -> None:
    reported: list[tuple[str, int, int]] = []

    def stop(step: str, done: int, total: int) -> None:
        reported.append((step, done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explain(WORLD, {"kind": "raw", "level": 3}, stop)
    assert reported == [("clauses", 0, 4), ("clauses", 1, 4), ("clauses", 2, 4)]


@pytest.mark.parametrize(
    "beyond",
    [
        {"$expr": {"$setIsSubset": [["a"], "$tags"]}},
        {"$expr": {"$gt": [{"$sqrt": "$level"}, 3]}},
        {"kind": {"$regex": "^\\p{L}+$"}},
        {"$or": [{"kind": "raw"}, {"$expr": {"$anyElementTrue": ["$tags"]}}]},
    ],
)
def test_what_the_demo_cannot_evaluate_is_named_and_the_rest_is_explained(beyond: Filter) -> None:
    found = explain(WORLD, {"name": "unknown", **beyond})

    (refused,) = found.refused
    assert refused.startswith(f"{json.dumps(beyond)}: ")
    assert found.summary.startswith("This source cannot evaluate {")
    assert found.summary.endswith(
        'Without that: No record of the collection matches {"name": "unknown"}.'
    )


def test_the_stages_before_one_that_the_demo_cannot_evaluate_are_counted() -> None:
    pipeline: Pipeline = [
        {"$match": {"kind": "raw"}},
        {"$addFields": {"a": {"$setUnion": [["a"], ["b"]]}}},
    ]

    found = explain(WORLD, pipeline)

    assert [(one.stage, one.count) for one in found.stages] == [("$match", 2)]
    assert found.refused == ("stage 2: the expression $setUnion is not supported",)
