"""Why an asset is missing: the clause that it fails, the stage that excludes it, or its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from dispatch_core.connect import SourceSettings, open_metadata_source, open_object_lister
from dispatch_core.demo.catalogue import AWKWARD
from dispatch_core.dispatch import plan_dispatch
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.errors import AnswerTooLarge, InvalidInput
from dispatch_core.find import find_assets
from dispatch_core.insight.why_not import StepsSoFar, WhyNot, why_not
from dispatch_core.query import check_query
from dispatch_core.request import DispatchRequest
from dispatch_core.types import Filter, Record
from tests.fakes import Buckets, Records, record, record_v2

NOTHING_YET = StepsSoFar()
WORLD = Records(
    [
        record("a", ids=["co-1", "co-2"], kind="raw", subject={"subject_id": "1"}),
        record("b", kind="derived", session={"session_type": "VR"}),
        record_v2("c", kind="raw", acquisition={"acquisition_type": "VR"}),
        record("d", kind="raw", subject={"subject_id": "1"}),
    ]
)


def ask(text: str, query: Filter, steps: StepsSoFar = NOTHING_YET) -> WhyNot:
    (answer,) = why_not(WORLD, text, check_query(query), steps)
    return answer


def planned(**request: Any) -> tuple[DispatchPlan, StepsSoFar]:
    buckets = Buckets({"data": ["a/1.nwb", "a/2.nwb", "d/1.txt"]})
    plan = plan_dispatch(DispatchRequest(query={"kind": "raw"}, **request), WORLD, buckets)
    return plan, StepsSoFar(found=plan.found, plan=plan)


@pytest.mark.parametrize(
    ("text", "matched_by"),
    [
        ("b", "name"),
        (" r-b ", "_id"),
        ("s3://data/b", "location"),
        ("s3://data/b/", "location"),
    ],
)
def test_a_record_is_found_by_whatever_names_it(text: str, matched_by: str) -> None:
    answer = ask(text, {"kind": "raw"})

    assert (answer.record_id, answer.matched_by) == ("r-b", matched_by)


def test_the_second_code_ocean_id_is_as_good_as_the_first() -> None:
    answer = ask("co-2", {"kind": "raw"})

    assert (answer.name, answer.matched_by) == ("a", "external_links.Code Ocean")


def test_an_unknown_name_is_not_found_and_an_empty_one_is_refused() -> None:
    answer = ask("unknown", {})

    assert answer.verdict == "not found"
    with pytest.raises(InvalidInput, match="Enter a name or an id"):
        why_not(WORLD, "  ", None, NOTHING_YET)


def test_part_of_a_name_is_enough_if_one_record_has_it() -> None:
    world = Records([record("ecephys_1", kind="raw"), record("SPIM_2", kind="derived")])

    (answer,) = why_not(world, "spim", check_query({"kind": "raw"}), NOTHING_YET)

    assert (answer.name, answer.verdict) == ("SPIM_2", "fails the query")


def test_part_of_several_names_lists_them() -> None:
    world = Records([record(f"ecephys_{number}.x") for number in range(30)])

    (few,) = why_not(world, "_1.", None, NOTHING_YET)
    (some,) = why_not(world, "ecephys_1", None, NOTHING_YET)
    (many,) = why_not(world, "ecephys", None, NOTHING_YET)

    assert few.name == "ecephys_1.x"
    assert some.candidates[:2] == ("ecephys_1.x", "ecephys_10.x")
    assert some.message == "11 names contain it. Choose one"
    assert (len(many.candidates), many.has_more) == (20, True)


def test_the_failed_clause_is_named_with_the_values_of_the_record() -> None:
    answer = ask("b", {"name": {"$exists": True}, "kind": "raw"})

    assert answer.verdict == "fails the query"
    assert answer.message == (
        'The query excludes it: it does not meet kind: raw (kind is "derived")'
    )


def test_a_value_under_the_other_spelling_is_shown_beside_the_absent_one() -> None:
    answer = ask("c", {"session.session_type": "VR"})

    assert answer.failed[0].held == (
        ("session.session_type", "absent"),
        ("acquisition.acquisition_type", '"VR"'),
    )


def test_every_failed_clause_is_listed_also_of_an_or() -> None:
    answer = ask("b", {"kind": "raw", "$or": [{"name": "a"}, {"session.session_type": "X"}]})

    assert [one.text for one in answer.failed] == [
        '{"kind": "raw"}',
        '{"$or": [{"name": "a"}, {"session.session_type": "X"}]}',
    ]
    assert answer.failed[1].held == (("name", '"b"'), ("session.session_type", '"VR"'))


def test_before_anything_is_found_nothing_is_against_a_match() -> None:
    answer = ask("a", {"kind": "raw"})

    assert answer.verdict == "matches"
    assert answer.message == "Nothing has excluded it up to now: the search for assets has not run"


def test_what_is_in_has_its_jobs() -> None:
    plan, steps = planned(file_extension=".nwb", num_parallel_workers=2)

    answer = ask("a", {"kind": "raw"}, steps)

    assert (answer.verdict, answer.message) == ("in", "It is included: 2 jobs")
    assert answer.jobs == (f"0/{plan.jobs[0].name}.json", f"1/{plan.jobs[1].name}.json")


@pytest.mark.parametrize(
    ("request_", "text", "stage"),
    [
        ({"file_extension": ".nwb"}, "d", "files"),
        ({"excluded": ("r-d",)}, "d", "assets"),
        ({"group_by": ("subject.subject_id",), "drop_null_groups": True}, "c", "grouping"),
        ({"max_number_of_tasks_dispatched": 1}, "d", "workers"),
        ({"trial": {"first": 1}}, "c", "grouping"),
    ],
)
def test_an_excluded_asset_names_the_stage(request_: dict[str, Any], text: str, stage: str) -> None:
    _, steps = planned(**request_)

    answer = ask(text, {"kind": "raw"}, steps)

    assert (answer.verdict, answer.exclusions[0].stage) == ("excluded", stage)


def test_a_match_that_the_source_did_not_return_is_distinguished_from_one_it_did() -> None:
    query = check_query({"kind": "raw"})
    found = find_assets(WORLD, query)
    late = StepsSoFar(found=replace(found, assets=found.assets[1:]))

    answer = ask(found.assets[0].name, {"kind": "raw"}, late)

    assert answer.verdict == "not returned"


def test_a_pipeline_is_judged_by_its_matches_on_whole_records() -> None:
    query = check_query([{"$match": {"kind": "raw"}}, {"$sort": {"_id": 1}}, {"$limit": 1}])
    steps = StepsSoFar(found=find_assets(WORLD, query))

    (failing,) = why_not(WORLD, "b", query, steps)
    (cut,) = why_not(WORLD, "c", query, steps)

    assert failing.verdict == "fails the query"
    assert "a later stage of the pipeline" in cut.message


def test_two_records_of_one_name_are_answered_each() -> None:
    both = Records([record("a"), {**record_v2("a"), "kind": "raw"}])

    answers = why_not(both, "a", check_query({"kind": "raw"}), NOTHING_YET)

    assert [(one.record_id, one.verdict) for one in answers] == [
        ("r-a", "fails the query"),
        ("v2-a", "matches"),
    ]


@dataclass
class Heavy(Records):
    """Refuses to send a whole record."""

    def find_page(
        self, filter_query: Filter, projection: Mapping[str, Any], limit: int
    ) -> list[Record]:
        if not projection:
            raise AnswerTooLarge("a giant")
        return super().find_page(filter_query, projection, limit)


def test_of_a_record_too_large_to_send_only_the_asked_fields_are_read() -> None:
    (answer,) = why_not(
        Heavy(WORLD.records), "b", check_query({"session.session_type": "X"}), NOTHING_YET
    )

    assert answer.failed[0].held == (("session.session_type", '"VR"'),)


def test_every_awkward_asset_of_the_demo_gets_an_answer_that_fits_the_plan() -> None:
    settings = SourceSettings()
    source, lister = open_metadata_source(settings), open_object_lister(settings)
    query: Filter = {"data_description.project_name": "Edge Case Collection"}
    request = DispatchRequest(query=query, file_extension=".nwb")
    plan = plan_dispatch(request, source, lister)
    steps = StepsSoFar(found=plan.found, plan=plan)

    answers = {
        case: why_not(source, name, check_query(query), steps)[0].verdict
        for case, name in AWKWARD.items()
    }

    assert answers["several nwb"] == "in"
    assert answers["denied bucket"] == "excluded"
    assert answers["location missing"] == "excluded"
    assert answers["respelled project"] == "fails the query"
    assert set(answers.values()) == {"in", "excluded", "fails the query"}


BEYOND: Filter = {"$expr": {"$setIsSubset": [["x"], "$tags"]}}


def test_a_clause_that_only_a_server_can_evaluate_is_tested_by_the_source() -> None:
    @dataclass
    class Server(Records):
        """A source that evaluates what this program cannot: nothing matches it."""

        def find_page(
            self, filter_query: Filter, projection: Mapping[str, Any], limit: int
        ) -> list[Record]:
            return (
                [] if "$and" in filter_query else super().find_page(filter_query, projection, limit)
            )

    (answer,) = why_not(
        Server(WORLD.records), "a", check_query({"kind": "raw", **BEYOND}), NOTHING_YET
    )

    assert answer.verdict == "fails the query"
    assert [one.text for one in answer.failed] == ['{"$expr": {"$setIsSubset": [["x"], "$tags"]}}']


def test_a_clause_that_the_source_cannot_evaluate_either_is_named_and_the_others_are_tested() -> (
    None
):
    met = ask("a", {"kind": "raw", **BEYOND})
    failed = ask("b", {"kind": "raw", **BEYOND})

    assert met.verdict == "matches"
    assert met.unknown == ('{"$expr": {"$setIsSubset": [["x"], "$tags"]}}',)
    assert met.message.endswith(f". This source cannot evaluate {met.unknown[0]}")
    assert [one.text for one in failed.failed] == ['{"kind": "raw"}']
