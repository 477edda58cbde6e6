"""Each common slip in a query, with the repair that the advice names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatch_core import plan
from dispatch_core.builder.days import DATE_CONDITIONS, DateCondition
from dispatch_core.builder.form_translation import filter_of
from dispatch_core.builder.query_form import FormRow, Group, QueryForm
from dispatch_core.insight.advice import Advice, advise
from dispatch_core.insight.date_fields import date_layouts
from dispatch_core.insight.fields import sample_fields
from dispatch_core.types import Filter, Pipeline, Record
from tests.fakes import Buckets, Records, record, record_v2

LEVELS = ("raw", "derived")
PROJECTS = ("Thalamic Survey", "Cortex Survey", "Amygdala Study")


def old(number: int, **description: Any) -> Record:
    """A v1 record of the day `number` of May 2025."""
    return record(
        f"fiber_90{number:04}_2025-05-{number:02}_10-30-00",
        created=f"2025-05-{number:02}T10:30:00Z",
        subject={"subject_id": f"90{number:04}"},
        data_description={
            "project_name": PROJECTS[number % 3],
            "data_level": LEVELS[number % 2],
            "modality": [{"abbreviation": "fib", "name": "Fiber photometry"}],
            **description,
        },
        session={"session_type": "VR", "rig_id": f"rig {number % 2}"},
    )


def new(number: int) -> Record:
    return record_v2(
        f"v2_{number}",
        data_description={
            "project_name": PROJECTS[number % 3],
            "data_level": "raw",
            "modalities": [{"abbreviation": "fib"}],
        },
        subject={"subject_id": f"90{number:04}"},
        acquisition={"acquisition_type": "VR"},
    )


WORLD = Records(
    [
        *(old(number) for number in range(1, 25)),
        old(25, modality="fib"),
        old(26, modality="fib"),
        *(new(number) for number in range(1, 5)),
    ]
)
FIELDS = sample_fields(WORLD)


def warnings(query: Filter) -> list[Advice]:
    return [one for one in advise(WORLD, query, FIELDS) if not one.is_hint]


def hints(query: Filter) -> list[Advice]:
    return [one for one in advise(WORLD, query, FIELDS) if one.is_hint]


PROJECT = "data_description.project_name"
LEVEL = "data_description.data_level"


@pytest.mark.parametrize(
    ("query", "repaired"),
    [
        ({"data_description.modality": "fib"}, {"data_description.modality.abbreviation": "fib"}),
        ({PROJECT: ["Cortex Survey"]}, {PROJECT: {"$in": ["Cortex Survey"]}}),
        (
            {"subject.subject_id": {"in": ["900001"]}},
            {"subject.subject_id": {"$in": ["900001"]}},
        ),
        ({"name": {"regex": "^fiber"}}, {"name": {"$regex": "^fiber"}}),
        (
            {"name": {"$regex": "^FIBER", "options": "i"}},
            {"name": {"$regex": "^FIBER", "$options": "i"}},
        ),
        ({"created": {">=": "2025-05-20"}}, {"created": {"$gte": "2025-05-20"}}),
        ({"data_description": {"project_name": "Cortex Survey"}}, {PROJECT: "Cortex Survey"}),
        (
            {"data_description": {"modality": {"abbreviation": "fib"}}, "name": {"$ne": "x"}},
            {"name": {"$ne": "x"}, "data_description.modality.abbreviation": "fib"},
        ),
        ({"location": "^s3://"}, {"location": {"$regex": "^s3://"}}),
        ({PROJECT: "Thalamic"}, {PROJECT: {"$regex": "^Thalamic"}}),
        ({PROJECT: "Survey"}, {PROJECT: {"$regex": "Survey"}}),
        ({"created": "2025-05-02"}, {"created": {"$regex": "^2025-05-02"}}),
        ({"created": "5/22/2025"}, {"created": {"$regex": "^2025-05-22"}}),
        ({"name": "*90000*"}, {"name": {"$regex": "90000"}}),
        (
            {PROJECT: {"$regex": "thalamic"}},
            {PROJECT: {"$regex": "thalamic", "$options": "i"}},
        ),
        ({PROJECT: {"$regex": "/^Thal/"}}, {PROJECT: {"$regex": "^Thal"}}),
        ({PROJECT: {"$regex": "^/Thal/"}}, {PROJECT: {"$regex": "^Thal"}}),
        ({LEVEL: "d"}, {LEVEL: "derived"}),
        ({"subject.id": "900001"}, {"subject.subject_id": "900001"}),
        (
            {"subject.subject_id": "900001 900002"},
            {"subject.subject_id": {"$in": ["900001", "900002"]}},
        ),
        ({PROJECT: {"$regex": "/^thal/i"}}, {PROJECT: {"$regex": "^thal", "$options": "i"}}),
        ({PROJECT: {"$regex": "^Survey"}}, {PROJECT: {"$regex": "Survey"}}),
        ({PROJECT: {"$regex": "Thalmic Survey"}}, {PROJECT: {"$regex": "Thalamic Survey"}}),
        ({PROJECT: {"$regex": "*Survey*"}}, {PROJECT: {"$regex": "Survey"}}),
        ({LEVEL: "rw"}, {LEVEL: "raw"}),
        ({LEVEL: "Raw"}, {LEVEL: "raw"}),
        ({PROJECT: "Cortex Survey "}, {PROJECT: "Cortex Survey"}),
        ({PROJECT: '"Cortex Survey"'}, {PROJECT: "Cortex Survey"}),
        (
            {"name": "fiber_900007_2025-05-07_10-30-0"},
            {"name": {"$regex": "^fiber_900007_2025-05-07_10-30-0"}},
        ),
        (
            {"name": "fiber_900007_2025-05-07_10-31-00"},
            {"name": "fiber_900007_2025-05-07_10-30-00"},
        ),
        (
            {"name": "fibre_900007_2025-05-07_10-30-00"},
            {"name": "fiber_900007_2025-05-07_10-30-00"},
        ),
        (
            {"name": "FIBER_900007_2025-05-07_10-30-00"},
            {"name": "fiber_900007_2025-05-07_10-30-00"},
        ),
        (
            {"subject.subject_id": "900001, 900002"},
            {"subject.subject_id": {"$in": ["900001", "900002"]}},
        ),
        ({"subject.subject_id": 900001.0}, {"subject.subject_id": "900001"}),
        ({"subject.subjectId": "900001"}, {"subject.subject_id": "900001"}),
        ({"data description.project name": "Cortex Survey"}, {PROJECT: "Cortex Survey"}),
        (
            {"session.sesion_type": {"$exists": False}},
            {"session.session_type": {"$exists": False}},
        ),
    ],
)
def test_a_slip_gets_its_repair_first(query: Filter, repaired: Filter) -> None:
    (found,) = warnings(query)

    assert found.suggestions[0].query == repaired


@pytest.mark.parametrize(
    ("bound", "repaired"),
    [
        ("05/28/2025", "2025-05-28"),
        ("2025/05/14", "2025-05-14"),
        ("2025-5-14", "2025-05-14"),
        ("14.05.2025", "2025-05-14"),
        ("May 14, 2025", "2025-05-14"),
        ("14 May 2025", "2025-05-14"),
        ("May 2025", "2025-05"),
        ("05/2025", "2025-05"),
        ('ISODate("2025-05-14")', "2025-05-14"),
        ("new Date('2025-05-14T00:00:00Z')", "2025-05-14T00:00:00Z"),
        ("datetime(2025, 5, 14)", "2025-05-14"),
        ("datetime.datetime(2025, 5, 14, 10, 45)", "2025-05-14T10:45:00"),
        ("date(2025, 5, 14)", "2025-05-14"),
        ("new Date(2025, 4, 14)", "2025-05-14"),
        ("2025-14-05", "2025-05-14"),
        ("2025_05_14", "2025-05-14"),
        ("2025-05-14 10:45:00", "2025-05-14T10:45:00"),
        ("20250514", "2025-05-14"),
        (20250514, "2025-05-14"),
        (2025, "2025"),
        (1747218600, "2025-05-14T10:30:00"),
        (1747218600000, "2025-05-14T10:30:00"),
    ],
)
def test_a_date_bound_of_another_layout_is_a_warning_with_the_iso_date(
    bound: str | int, repaired: str
) -> None:
    query = {"created": {"$lte": bound}}

    (found,) = warnings(query)

    assert found.kind == "date"
    assert "has dates such as 2025-05-01T10:30:00Z, not" in found.message
    suggested = [one.query for one in found.suggestions]
    wanted = {"created": {"$lte": repaired}}
    assert suggested[:1] == ([wanted] if WORLD.count(wanted) else [])


def test_a_last_day_is_also_suggested_to_its_end_because_10_30_is_after_it_as_text() -> None:
    (found,) = warnings({"created": {"$lte": "05/20/2025"}})

    assert [(one.label, one.query) for one in found.suggestions] == [
        ("2025-05-20 (19)", {"created": {"$lte": "2025-05-20"}}),
        ("2025-05-20, the whole day (20)", {"created": {"$lt": "2025-05-21"}}),
    ]


def test_a_day_that_is_excluded_is_also_suggested_without_its_times() -> None:
    (found,) = warnings({"created": {"$gt": "05/20/2025", "$lt": "2026"}})

    assert [(one.label, one.query["created"]) for one in found.suggestions] == [  # type: ignore[call-overload]
        ("2025-05-20 (7)", {"$gt": "2025-05-20", "$lt": "2026"}),
        ("2025-05-20, the whole day (6)", {"$gte": "2025-05-21", "$lt": "2026"}),
    ]


@pytest.mark.parametrize("condition", DATE_CONDITIONS)
@pytest.mark.parametrize("day", ["2025-05-20", "1999-01-01", "2999-01-01"])
def test_a_date_condition_of_the_form_gets_no_warning(condition: DateCondition, day: str) -> None:
    mixed = Records(
        [
            *WORLD.records,
            record("seconds", created=1_747_218_600),
            record("slashes", created="2025/05/14 10:30"),
        ]
    )
    texts = {"between": (day, day), "in the last": ("2", "weeks", day)}.get(condition, (day,))
    layouts = date_layouts(mixed, "created") or ()
    row = FormRow("created", condition, "date", texts, layouts=layouts)

    query = filter_of(QueryForm(Group("all", (row,))))

    assert len(layouts) == 3
    assert advise(mixed, query, sample_fields(WORLD)) == ()


HOUR = 3_600_000
NUMBERS = Records(
    [record(f"a{n}", created=1_748_390_400_000 + n * 12 * HOUR, n=n) for n in range(40)]
)
"""Two records for each day from 2025-05-28."""


@pytest.mark.parametrize(
    ("bounds", "repaired", "count"),
    [
        ({"$gte": "2025-06-01"}, {"$gte": 1748736000000, "$lt": 10**13}, 32),
        ({"$gt": "2025-06-01"}, {"$gte": 1748822400000, "$lt": 10**13}, 30),
        ({"$lt": "2025-06-01"}, {"$gte": 10**11, "$lt": 1748736000000}, 8),
        ({"$lte": "2025-06-01"}, {"$gte": 10**11, "$lt": 1748822400000}, 10),
        ({"$gte": "2025-06-01T00:00:00Z"}, {"$gte": 1748736000000, "$lt": 10**13}, 32),
        ({"$gte": "06/13/2025"}, {"$gte": 1749772800000, "$lt": 10**13}, 8),
        (
            {"$gte": "2025-06-01", "$lte": "2025-06-02", "$exists": True},
            {"$exists": True, "$gte": 1748736000000, "$lt": 1748908800000},
            4,
        ),
    ],
)
def test_a_day_compared_with_times_as_numbers_is_repaired_as_the_form_writes_it(
    bounds: Filter, repaired: Filter, count: int
) -> None:
    (found,) = advise(NUMBERS, {"created": bounds}, sample_fields(NUMBERS))

    assert "created has milliseconds since 1970, not" in found.message
    assert [one.query for one in found.suggestions] == [{"created": repaired}]
    assert NUMBERS.count({"created": repaired}) == count


def test_a_text_that_is_not_a_day_beside_times_as_numbers_is_named_without_a_suggestion() -> None:
    (found,) = advise(NUMBERS, {"created": {"$gte": "soon"}}, sample_fields(NUMBERS))

    assert (found.kind, found.suggestions) == ("date", ())


def test_a_text_compared_with_numbers_that_are_not_times_is_a_type_slip() -> None:
    (found,) = advise(NUMBERS, {"n": {"$gte": "3"}}, sample_fields(NUMBERS))

    assert found.kind == "type"


def test_seconds_compared_with_a_field_of_texts_are_still_a_slip() -> None:
    (found,) = warnings({"created": {"$gte": 1_747_353_600, "$lt": 1_747_440_000}})

    assert (found.kind, "a number is never compared with a text" in found.message) == ("date", True)


@pytest.mark.parametrize("bound", ["2025-02-31", "2999-01-01", "9999-12", "1066-10-14"])
def test_an_iso_date_beyond_the_records_gets_no_warning(bound: str) -> None:
    assert warnings({"created": {"$lte": bound}}) == []


@pytest.mark.parametrize("bound", ["datetime(2025, 14, 5)", "2025-14-14", "new Date(2025, 12, 1)"])
def test_a_bound_that_is_not_a_date_is_named_without_a_suggestion(bound: str) -> None:
    (found,) = warnings({"created": {"$lte": bound}})

    assert (found.kind, found.suggestions) == ("date", ())


def test_the_last_hours_of_time_in_another_zone_are_still_a_date() -> None:
    (found,) = warnings({"created": {"$lte": "12/31/9999 23:59 -1200"}})

    assert [one.query for one in found.suggestions] == [
        {"created": {"$lte": "9999-12-31T23:59:00"}}
    ]


def test_a_bound_that_matches_too_much_says_how_many_records_it_matches() -> None:
    (found,) = warnings({"created": {"$gte": "05/20/2025"}})

    assert found.message == (
        'created has dates such as 2025-05-01T10:30:00Z, not "05/20/2025": it is compared with'
        " them as text; 26 records match"
    )
    assert [one.label for one in found.suggestions] == ["2025-05-20 (7)"]


def test_day_and_month_that_can_be_swapped_are_both_suggested_if_both_match() -> None:
    (found,) = warnings({"created": {"$gte": "1/5/2025"}})

    assert [one.query["created"]["$gte"] for one in found.suggestions] == [  # type: ignore[call-overload]
        "2025-01-05",
        "2025-05-01",
    ]


@pytest.mark.parametrize(
    ("word", "days"), [("yesterday", 1), ("today", 0), ("last week", 7), ("3 days ago", 3)]
)
def test_a_word_for_a_day_is_that_day(word: str, days: int) -> None:
    today = datetime.now(UTC).date()
    latest = Records([record("a", created=f"{today}T23:59:59Z"), *WORLD.records])

    (found,) = advise(latest, {"created": {"$gte": word}}, sample_fields(latest))

    assert found.suggestions[0].query == {"created": {"$gte": str(today - timedelta(days=days))}}


@pytest.mark.parametrize(
    "query",
    [
        {"created": {"$gte": "2025-05-20", "$lt": "2025-05-21T10:00:00"}},
        {"created": {"$gte": "2025"}},
        {"data_description.modality.abbreviation": "fib"},
        {PROJECT: {"$regex": "no such project"}},
        {PROJECT: "Omfish"},
        {"name": "fiber_123456_2024-01-01_09-08-07"},
        {"subject.subject_id": "777777"},
        {"$or": [{PROJECT: "Cortex Survey"}, {PROJECT: "Thalamic Surve"}]},
        {"$nor": [{PROJECT: "Thalamic Surve"}]},
        {PROJECT: {"$not": {"$regex": "thalamic"}}},
        {"x.y.zebra": {"$ne": 1}},
    ],
)
def test_what_may_be_meant_gets_no_suggestion(query: Filter) -> None:
    assert [one.suggestions for one in warnings(query) if one.suggestions] == []


@pytest.mark.parametrize("tail", ["zebra", "xylophone", "quux"])
def test_an_unknown_field_gets_no_distant_neighbours(tail: str) -> None:
    (found,) = warnings({f"data_description.modality.{tail}": {"$exists": True}})

    assert (found.kind, found.suggestions) == ("unknown field", ())


def test_a_field_of_few_values_lists_them_with_counts() -> None:
    (found,) = warnings({LEVEL: "simulated"})

    assert found.message == (
        'No record has "simulated" as data_description.data_level; it has raw (17), derived (13)'
    )


def test_each_unknown_value_of_a_list_is_named_beside_the_counts_of_the_others() -> None:
    (found,) = hints({"subject.subject_id": {"$in": ["900001", "900999"]}})

    assert found.message == ('No record has "900999" as subject.subject_id; found are 900001 (2)')


def test_a_value_of_a_list_that_one_of_the_spellings_has_is_not_reported() -> None:
    v1, v2 = "data_description.modality.abbreviation", "data_description.modalities.abbreviation"
    source = Records(
        [
            *(old(number, modality=[{"abbreviation": "slap"}]) for number in range(1, 8)),
            *(old(number, modality=[{"abbreviation": "BARseq"}]) for number in range(8, 19)),
            record_v2("v2", data_description={"modalities": [{"abbreviation": "slap"}]}),
        ]
    )
    both = {"$in": ["slap", "BARseq"]}

    silent = advise(source, {"$or": [{v1: both}, {v2: both}]}, sample_fields(source))
    one_only = advise(source, {"$or": [{v1: {"$in": ["slap"]}}, {v2: both}]}, sample_fields(source))

    assert silent == ()
    assert [one.message for one in one_only if one.kind == "values"] == [
        f'No record has "BARseq" as {v2}; found are slap (1)'
    ]


def test_several_values_in_one_item_of_a_list_are_separated() -> None:
    (found,) = hints({"subject.subject_id": {"$in": ["900001", "900002; 900003"]}})

    assert found.suggestions[0].query == {
        "subject.subject_id": {"$in": ["900001", "900002", "900003"]}
    }


def test_only_the_clause_with_another_spelling_is_doubled() -> None:
    query = {"data_description.modality.abbreviation": "fib", "subject.subject_id": "900001"}

    (found,) = hints(query)

    assert found.message == "1 more record matches in the v2 spelling of the fields"
    assert found.suggestions[0].query == {
        "subject.subject_id": "900001",
        "$or": [
            {"data_description.modality.abbreviation": "fib"},
            {"data_description.modalities.abbreviation": "fib"},
        ],
    }


def test_clauses_in_two_spellings_are_each_doubled() -> None:
    query = {"data_description.modality.abbreviation": "fib", "acquisition.acquisition_type": "VR"}

    (found,) = hints(query)

    assert found.message == "28 more records match in the other spelling of the fields"
    assert WORLD.count(dict(found.suggestions[0].query)) == 28


def test_of_two_slips_each_is_repaired_by_itself() -> None:
    found = warnings({PROJECT: "cortex survey", LEVEL: "rw"})

    assert [one.suggestions[0].query for one in found] == [
        {PROJECT: "Cortex Survey", LEVEL: "rw"},
        {PROJECT: "cortex survey", LEVEL: "raw"},
    ]


# Dates in lists and under a negation; words of patterns


@pytest.mark.parametrize(
    ("operand", "repaired"),
    [
        ({"$not": {"$gte": "05/20/2025"}}, {"$not": {"$gte": "2025-05-20"}}),
        (
            {"$gte": "2025-05-02", "$not": {"$gte": 'ISODate("2025-05-20")'}},
            {"$gte": "2025-05-02", "$not": {"$gte": "2025-05-20"}},
        ),
        ({"$ne": "05/20/2025"}, {"$not": {"$regex": "^2025-05-20"}}),
        ({"$ne": "2025-05-20"}, {"$not": {"$regex": "^2025-05-20"}}),
        ({"$ne": 20250520}, {"$not": {"$regex": "^2025-05-20"}}),
        (
            {"$nin": ["05/20/2025", "May 21, 2025"]},
            {"$not": {"$regex": "^(?:2025-05-20|2025-05-21)"}},
        ),
        ({"$not": {"$in": ["20.05.2025"]}}, {"$not": {"$regex": "^2025-05-20"}}),
        ({"$in": ["05/20/2025", "2025-05-21"]}, {"$regex": "^(?:2025-05-20|2025-05-21)"}),
        ({"$eq": 'ISODate("2025-05-20")'}, {"$regex": "^2025-05-20"}),
        ({"$nin": ["2025-05-20 10:30:00Z"]}, {"$nin": ["2025-05-20T10:30:00Z"]}),
    ],
)
def test_a_date_in_another_layout_is_found_in_lists_and_under_a_negation(
    operand: Any, repaired: Any
) -> None:
    (advice,) = warnings({"created": operand})

    assert advice.kind == "date"
    assert advice.suggestions[0].query == {"created": repaired}


def test_a_bound_under_nor_is_read_too_and_an_excluding_date_is_said_to_exclude_nothing() -> None:
    (bound,) = warnings({"$nor": [{"created": {"$gte": "05/20/2025"}}]})
    (member,) = warnings({"created": {"$nin": ["yesterday"]}})

    assert bound.suggestions[0].query == {"$nor": [{"created": {"$gte": "2025-05-20"}}]}
    assert member.suggestions == ()
    assert member.message.endswith('none equals "yesterday", so it excludes nothing')


@pytest.mark.parametrize(
    "operand",
    [
        *[{"$ne": "2025-05-20T10:30:00Z"}, {"$ne": None}, {"$ne": ""}, {"$nin": ["none", "x 5"]}],
        *[{"$ne": "2025-06-30T10:30:00Z"}, {"$not": {"$gte": "2025-05-20"}}, {"$nin": []}],
        {"$nin": ["2025-06-30"]},
    ],
)
def test_a_date_in_the_layout_of_the_records_gets_no_advice_under_a_negation(operand: Any) -> None:
    assert warnings({"created": operand}) == []


@pytest.mark.parametrize(
    ("query", "repaired"),
    [
        ({PROJECT: {"$regex": "Thalmic|Cortex"}}, {PROJECT: {"$regex": "Thalamic|Cortex"}}),
        ({PROJECT: {"$regex": "^(?!Thalmic)"}}, {PROJECT: {"$regex": "^(?!Thalamic)"}}),
        (
            {PROJECT: {"$not": {"$regex": "Thalmic", "$options": "i"}}},
            {PROJECT: {"$not": {"$regex": "Thalamic", "$options": "i"}}},
        ),
        ({LEVEL: {"$regex": "^rwa$"}}, {LEVEL: {"$regex": "^raw$"}}),
        ({PROJECT: {"$regex": "Amgdla Stdy"}}, {PROJECT: {"$regex": "Amygdala Study"}}),
    ],
)
def test_a_word_of_a_pattern_that_no_record_has_is_corrected(query: Filter, repaired: Any) -> None:
    (advice,) = warnings(query)

    assert advice.kind == "pattern"
    assert advice.suggestions[0].query == repaired


def test_a_pattern_without_a_repair_is_a_note_with_the_values() -> None:
    (advice,) = warnings({PROJECT: {"$regex": "Zebrafish"}})

    assert advice.suggestions == ()
    assert 'No record matches the pattern "Zebrafish"' in advice.message
    assert "; it has Cortex Survey (" in advice.message


@pytest.mark.parametrize(
    "pattern", ["Thalamic|Cortex", "^(?!Thalamic)", "(Thalamic )?Survey", "Thalamic|Zebrafish"]
)
def test_a_pattern_whose_words_the_records_have_gets_no_advice(pattern: str) -> None:
    assert warnings({PROJECT: {"$regex": pattern}}) == []


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ({"created": {"$gte": "05/28/2025"}}, "2025-05-28"),
        ([{"$match": {"created": {"$lt": "28.05.2025"}}}], "2025-05-28"),
        ({"$or": [{"created": {"$gte": "05/28/2025"}}, {"name": "a10"}]}, "2025-05-28"),
        ({"created": {"$gte": "2025-05-28"}}, None),
        ({"created": {"$gte": "2025-05-28T10:00:00Z", "$lt": "2026"}}, None),
        ({"name": {"$gte": "a"}}, None),
        ({"created": {"$gte": 3}}, None),
    ],
)
def test_a_plan_warns_of_a_bound_that_is_not_written_as_the_dates_of_its_field(
    query: Any, meant: str | None
) -> None:
    records = [record(f"a{day}", created=f"2025-05-{day}T10:00:00Z") for day in range(10, 31)]

    warnings = plan(query=query, source=Records(records), buckets=Buckets({})).warnings

    odd = [one for one in warnings if "compared with them as text" in one]
    assert len(odd) == (meant is not None)
    assert all(f"Did you mean {meant}" in one for one in odd)


def test_a_source_that_cannot_say_how_its_dates_are_written_makes_the_plan_all_the_same() -> None:
    class Plain(Records):
        def aggregate(self, pipeline: Pipeline) -> list[Record]:
            raise NotImplementedError

    records = [record(f"a{day}", created=f"2025-05-{day}T10:00:00Z") for day in range(10, 31)]
    query = {"created": {"$gte": "05/28/2025"}}

    made = plan(query=query, source=Plain(records), buckets=Buckets({}))

    assert len(made.jobs) == 21
    assert not [one for one in made.warnings if "as text" in one]
