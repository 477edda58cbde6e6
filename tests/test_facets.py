"""Cascading facets: clauses of the query that are recognised again, and their counts."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_core.builder.quality import NOT_RECORDED, PASSED, QUALITY_CLAUSES, either
from dispatch_core.connect import SourceSettings, open_metadata_source
from dispatch_core.errors import ServiceError
from dispatch_core.insight.facets import FACETS, Facet, unread_records
from dispatch_core.insight.fields import FieldCatalogue, FieldInfo, sample_fields
from dispatch_core.insight.month_layouts import ISO_MONTH
from dispatch_core.insight.months import odd_months
from dispatch_core.language.match import compile_filter
from dispatch_core.types import Filter, Pipeline, Record
from tests.fakes import Records, record, record_v2
from tests.support.facets import choose, chosen_values, count_facets, without_choice

PROJECT, SUBJECT, MODALITY, LEVEL, MONTH, KIND, QUALITY = FACETS
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
                    {"session.session_start_time": {"$regex": "^(?:2025-06|2025-05)(?![0-9])"}},
                    {
                        "acquisition.acquisition_start_time": {
                            "$regex": "^(?:2025-06|2025-05)(?![0-9])"
                        }
                    },
                ]
            },
        ),
        (QUALITY, ("passed",), {"$or": list(PASSED)}),
        (QUALITY, ("not recorded",), {"$and": list(NOT_RECORDED)}),
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

    assert (found.error, [str(one) for one in found.values]) == (
        "",
        ["2025-06 (1)", "2025-01 (1)"],
    )
    assert found.unread == 2


def started(*times: Any) -> Records:
    """A record for each start of a session, named a0, a1, ..."""
    return Records(
        [record(f"a{n}", session={"session_start_time": t}) for n, t in enumerate(times)]
    )


@pytest.mark.parametrize(
    ("odd", "month"),
    [
        (1749306675, "2025-06"),
        (1749306675.25, "2025-06"),
        (1749306675000, "2025-06"),
        (20250607, "2025-06"),
        ("1749306675", "2025-06"),
        ("1749306675000", "2025-06"),
        ("20250607", "2025-06"),
        ("20250607T143115", "2025-06"),
        ("20250607143115", "2025-06"),
        ("2025/06/07 14:31", "2025-06"),
        ("2025_06_07_14-31-15", "2025-06"),
        ("2025.06.07", "2025-06"),
        ("2025-6-7", "2025-06"),
        ("6/27/2025 14:31", "2025-06"),
        ("27/06/2025", "2025-06"),
        ("27.6.2025", "2025-06"),
        ("06-27-2025", "2025-06"),
        ("7 Jun 2025", "2025-06"),
        ("07-Jun-2025", "2025-06"),
        ("Sat, 07 Jun 2025 14:31:15 GMT", "2025-06"),
        ("June 7, 2025", "2025-06"),
        ("Sept 7, 2025", "2025-09"),
        ("6/30/2025 24:00", "2025-06"),
        (1751327999, "2025-06"),
        (1751328000, "2025-07"),
    ],
)
def test_a_date_in_another_layout_is_counted_in_its_month_and_found_by_it(
    odd: Any, month: str
) -> None:
    source = started("2025-01-02", odd)
    fields = sample_fields(source)

    (found,) = count_facets(source, fields, {}, [MONTH])
    chosen = choose({}, found.facet, [month], fields)

    assert [str(one) for one in found.values] == [f"{month} (1)", "2025-01 (1)"]
    assert (found.unread, source.count(chosen)) == (0, 1)
    assert chosen_values(chosen, MONTH) == (month,)
    assert without_choice(chosen, MONTH) == {}


def test_a_value_of_the_field_decides_whether_the_month_is_first() -> None:
    source = started("9/5/2022", "9/28/2022")

    (found,) = count_facets(source, sample_fields(source), {}, [MONTH])

    assert ([str(one) for one in found.values], found.unread) == (["2022-09 (2)"], 0)


@pytest.mark.parametrize(
    "times",
    [
        ("9/5/2022", "10/5/2022"),
        ("9/28/2022", "28/9/2022"),
        ("2025-13-01", "soon"),
        ("9/28/22", "2025-W20-1"),
        (2025052810, 2025052811),
        (True, {"day": "2025-02-01"}),
    ],
)
def test_a_date_without_a_certain_month_is_in_none_and_its_record_is_named(
    times: tuple[Any, Any],
) -> None:
    source = started("2025-01-02", *times, "")
    fields = sample_fields(source)

    (found,) = count_facets(source, fields, {}, [MONTH])
    named = unread_records(source, fields, {}, found)

    assert [str(one) for one in found.values] == ["2025-01 (1)"]
    assert (found.unread, named.count) == (2, 2)
    assert [(one.name, one.value) for one in named.named] == [("a1", times[0]), ("a2", times[1])]


def test_the_whole_field_decides_also_for_a_query_of_few_records() -> None:
    days = (("a", "5/9/2022", "1"), ("b", "28/9/2022", "2"), ("c", "soon", "2"), ("d", "x", "1"))
    source = Records(
        [
            record(name, session={"session_start_time": day}, subject={"subject_id": subject})
            for name, day, subject in days
        ]
    )

    (found,) = count_facets(source, sample_fields(source), {"subject.subject_id": "1"}, [MONTH])

    assert ([str(one) for one in found.values], found.unread) == (["2022-09 (1)"], 1)


def test_a_record_with_a_date_in_both_spellings_is_counted_in_the_months_that_find_it() -> None:
    both = record(
        "a",
        session={"session_start_time": "2025-01-02"},
        acquisition={"acquisition_start_time": "2025-02-03"},
    )
    source = Records([both, record("b", session={"session_start_time": "2025-01-09"})])
    fields = sample_fields(source)

    (found,) = count_facets(source, fields, {}, [MONTH])

    assert [str(one) for one in found.values] == ["2025-02 (1)", "2025-01 (2)"]
    assert source.count(choose({}, found.facet, ["2025-02"], fields)) == 1


def test_of_more_dates_than_are_read_only_numbers_have_months() -> None:
    source = started(1_748_736_000, 1_748_736_001, 1_756_684_800, 5, "9/28/2025")
    path = "session.session_start_time"

    found = odd_months(source, [path], most=2)

    assert found.layouts == ((path, "seconds since 1970"),)
    assert {"2025-06", "2025-07", "2025-08", "2025-09"} <= set(found.months)


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


def test_on_the_demo_each_month_finds_as_many_records_as_it_counts_also_with_odd_dates() -> None:
    source = open_metadata_source(SourceSettings())
    fields = sample_fields(source)

    (found,) = count_facets(source, fields, {}, [MONTH])
    clauses = {one.value: choose({}, found.facet, [one.value], fields) for one in found.values}
    is_odd = {"session.session_start_time": {"$exists": True, "$not": ISO_MONTH}}
    odd = source.find_page({"$and": [clauses["2025-05"], is_odd]}, {"session": 1}, 10)

    assert {month: source.count(clause) for month, clause in clauses.items()} == {
        one.value: one.count for one in found.values
    }
    assert sum(one.count for one in found.values) + found.unread == source.count({})
    assert {one["session"]["session_start_time"] for one in odd} == {
        "5/20/2025 10:00",
        1_747_414_800_000,
    }
    assert found.unread == 2


@pytest.mark.parametrize("odd", [{"day": "2025-02-01"}, True, 25, None])
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
