"""Cascading facets: clauses of the query that are recognised again, and their counts."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_core.builder.quality import NOT_RECORDED, PASSED, QUALITY_CLAUSES, either
from dispatch_core.connect import SourceSettings, open_metadata_source
from dispatch_core.errors import ServiceError
from dispatch_core.insight.facets import (
    FACETS,
    Facet,
    choose,
    chosen_values,
    count_facets,
    without_choice,
)
from dispatch_core.insight.fields import FieldCatalogue, FieldInfo, sample_fields
from dispatch_core.language.match import compile_filter
from dispatch_core.types import Filter, Pipeline, Record
from tests.fakes import Records, record, record_v2

PROJECT, SUBJECT, MODALITY, LEVEL, KIND, MONTH, QUALITY = FACETS
BOTH = FieldCatalogue(
    {path: FieldInfo(path, ("string",), 1, 1) for facet in FACETS for path in facet.paths}
)
ONLY_V1 = FieldCatalogue(
    {facet.paths[0]: BOTH.fields[facet.paths[0]] for facet in FACETS if facet.paths}
)


def description(project: str, level: str) -> dict[str, Any]:
    return {"project_name": project, "data_level": level}


WORLD = Records(
    [
        record("a", data_description=description("P", "raw")),
        record("b", data_description=description("P", "derived")),
        record("c", data_description=description("Q", "raw")),
        record_v2("d", data_description=description("Q", "raw")),
    ]
)


@pytest.mark.parametrize(
    ("facet", "values", "clause"),
    [
        (PROJECT, ("P",), {"data_description.project_name": "P"}),
        (PROJECT, ("P", "Q"), {"data_description.project_name": {"$in": ["P", "Q"]}}),
        (
            KIND,
            ("VR",),
            {"$or": [{"session.session_type": "VR"}, {"acquisition.acquisition_type": "VR"}]},
        ),
        (
            MONTH,
            ("2025-06", "2025-05"),
            {
                "$or": [
                    {"session.session_start_time": {"$regex": "^(?:2025-06|2025-05)"}},
                    {"acquisition.acquisition_start_time": {"$regex": "^(?:2025-06|2025-05)"}},
                ]
            },
        ),
        (QUALITY, ("passed",), {"$or": list(PASSED)}),
        (QUALITY, ("not recorded",), NOT_RECORDED[0]),
    ],
)
def test_a_choice_is_a_clause_that_is_recognised_again(
    facet: Facet, values: tuple[str, ...], clause: Filter
) -> None:
    query = choose({}, facet, values, BOTH)

    assert query == clause
    assert chosen_values(query, facet) == values
    assert without_choice(query, facet) == {}


def test_one_spelling_is_used_where_only_one_lives_in_the_source() -> None:
    assert choose({}, KIND, ["VR"], ONLY_V1) == {"session.session_type": "VR"}
    assert choose({}, QUALITY, ["failed"], ONLY_V1) == {
        "quality_control.evaluations.latest_status": "Fail"
    }
    assert chosen_values(choose({}, QUALITY, ["passed"], ONLY_V1), QUALITY) == ("passed",)


def test_every_facet_can_be_selected_in_one_query_and_cleared_in_any_order() -> None:
    rest: Filter = {"name": {"$regex": "^b"}, "$or": [{"location": "x"}, {"location": "y"}]}
    values = {facet.name: ("2025-06" if facet is MONTH else "passed",) for facet in FACETS}

    query = rest
    for facet in FACETS:
        query = choose(query, facet, values[facet.name], BOTH)
    chosen = {facet.name: chosen_values(query, facet) for facet in FACETS}
    for facet in FACETS:
        query = without_choice(query, facet)

    assert chosen == values
    assert query == rest


@pytest.mark.parametrize(
    "clause",
    [
        {"data_description.project_name": {"$regex": "^P"}},
        {"data_description.project_name": None},
        {"$or": [{"data_description.project_name": "P"}, {"name": "x"}]},
        {"session.session_start_time": {"$regex": "^2025.*T10"}},
    ],
)
def test_a_clause_of_another_shape_is_left_in_the_query(clause: Filter) -> None:
    assert [chosen_values(clause, facet) for facet in FACETS] == [()] * len(FACETS)
    assert choose(clause, LEVEL, ["raw"], BOTH) == {**clause, "data_description.data_level": "raw"}


def test_each_facet_counts_under_the_others_and_the_rest_of_the_query() -> None:
    query: Filter = {
        "data_description.project_name": "P",
        "data_description.data_level": "raw",
        "name": {"$ne": "c"},
    }

    project, level = count_facets(WORLD, sample_fields(WORLD), query, [PROJECT, LEVEL])

    assert [str(one) for one in project.values] == ["P (1)", "Q (1)"]
    assert [str(one) for one in level.values] == ["derived (1)", "raw (1)"]
    assert (project.chosen, level.chosen) == (("P",), ("raw",))


def test_months_are_listed_from_the_newest() -> None:
    times = ["2025-01-02", "2025-03-04T10:00:00", "2025-01-05 09:00"]
    source = Records(
        [record(f"a{n}", session={"session_start_time": t}) for n, t in enumerate(times)]
    )

    (found,) = count_facets(source, sample_fields(source), {}, [MONTH])

    assert [str(one) for one in found.values] == ["2025-03 (1)", "2025-01 (2)"]


def test_a_record_whose_date_is_not_a_text_does_not_cost_the_other_months() -> None:
    times = ["2025-01-02", {"date": "2025-01-02"}, True, 1749306675000, None]
    source = Records(
        [record(f"a{n}", session={"session_start_time": t}) for n, t in enumerate(times)]
    )

    (found,) = count_facets(source, sample_fields(source), {}, [MONTH])

    assert (found.error, [str(one) for one in found.values]) == ("", ["2025-01 (1)"])


def test_dates_in_another_layout_are_in_no_month_and_their_number_is_given() -> None:
    times = ["2025-01-02", "9/28/2022", "28 Sep 2022", "2025-13-01", "20250102", "2025-01", ""]
    records = [record(f"a{n}", session={"session_start_time": t}) for n, t in enumerate(times)]
    v2 = record_v2("b", acquisition={"acquisition_start_time": "2025-02-03T04:05:06Z"})
    source = Records([*records, v2])

    (found,) = count_facets(source, sample_fields(source), {}, [MONTH])

    assert [str(one) for one in found.values] == ["2025-02 (1)", "2025-01 (2)"]
    assert found.unread == 4


def test_dates_in_another_layout_are_counted_within_the_rest_of_the_query() -> None:
    records = [
        record(name, session={"session_start_time": day}, subject={"subject_id": subject})
        for name, day, subject in (("a", "9/28/2022", "1"), ("b", "9/29/2022", "2"))
    ]
    source = Records(records)

    (found,) = count_facets(source, sample_fields(source), {"subject.subject_id": "1"}, [MONTH])

    assert (found.values, found.unread) == ((), 1)


def test_a_facet_that_cannot_be_counted_says_so_and_stops_no_other() -> None:
    class Half(Records):
        def aggregate(self, pipeline: Pipeline) -> list[Record]:
            if "data_level" in str(pipeline):
                raise ServiceError("it is asleep")
            return super().aggregate(pipeline)

    source = Half(WORLD.records)

    project, level = count_facets(source, BOTH, {}, [PROJECT, LEVEL])

    assert (level.error, level.values) == ("it is asleep.", ())
    assert [str(one) for one in project.values] == ["P (2)", "Q (2)"]


# Quality control


def v1(*statuses: str | None) -> Record:
    return record("q", quality_control={"evaluations": [{"latest_status": s} for s in statuses]})


def v2(**histories: str) -> Record:
    """A metric for each history, its statuses from the oldest, with blanks between."""
    metrics = [
        {"name": name, "status_history": [{"status": one} for one in history.split()]}
        for name, history in histories.items()
    ]
    return record_v2("q", quality_control={"metrics": metrics})


@pytest.mark.parametrize(
    ("made", "meets"),
    [
        (v1("Pass", "Pass"), {"passed"}),
        (v1("Pass", "Fail"), {"failed"}),
        (v1("Pending", "Fail"), {"failed", "pending"}),
        (v1("Pass", None), set()),
        (v2(ecephys="Pass", probe="Pass"), {"passed"}),
        (v2(ecephys="Pass", probe="Fail"), {"failed"}),
        (v2(ecephys="Pending"), {"pending"}),
        (v2(ecephys="Pending Pass", probe="Fail Pending Pass"), {"passed"}),
        (v2(ecephys="Pass Fail", probe="Pass Pending"), {"failed", "pending"}),
        (v2(), {"not recorded"}),
        (record("q"), {"not recorded"}),
        (record("q", quality_control=None), {"not recorded"}),
    ],
)
def test_quality_clauses_tell_records_of_both_schemas_apart(made: Record, meets: set[str]) -> None:
    met = {name for name, both in QUALITY_CLAUSES.items() if compile_filter(either(both))(made)}

    assert met == meets


def test_on_the_demo_every_facet_has_values_and_a_selection_finds_as_many_as_counted() -> None:
    source = open_metadata_source(SourceSettings())
    fields = sample_fields(source)
    query: Filter = {"data_description.project_name": "Thalamic Ephys Survey"}

    for found in count_facets(source, fields, query):
        second = found.values[min(1, len(found.values) - 1)]
        chosen = choose(query, found.facet, [second.value], fields)

        assert source.count(chosen) == second.count, found.facet.name


@pytest.mark.parametrize("odd", [{"day": "2025-02-01"}, True, 20250201, None])
def test_a_record_whose_date_is_not_a_text_is_excluded_from_the_months_only(odd: Any) -> None:
    source = Records(
        [
            record("a", session={"session_start_time": "2025-03-04T10:00:00"}),
            record("b", session={"session_start_time": odd}, subject={"subject_id": "1"}),
        ]
    )

    months, subjects = count_facets(source, sample_fields(source), {}, [MONTH, SUBJECT])

    assert ([str(one) for one in months.values], months.error) == (["2025-03 (1)"], "")
    assert [str(one) for one in subjects.values] == ["1 (1)"]
