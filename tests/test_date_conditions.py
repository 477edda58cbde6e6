"""Date conditions of the form: the clause of each layout, and the records that it matches."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch_core.builder.date_clauses import date_clause, date_row
from dispatch_core.builder.days import DATE_CONDITIONS, DateCondition, span_of
from dispatch_core.builder.form_translation import filter_of, form_of, query_of
from dispatch_core.builder.query_form import (
    OPERATORS,
    Elements,
    FormRow,
    Group,
    Kind,
    Node,
    QueryForm,
    faults,
    with_condition,
)
from dispatch_core.insight.date_fields import date_layouts, not_compared
from dispatch_core.language.match import compile_filter
from dispatch_core.language.projection import project_record
from dispatch_core.text.date_layouts import ISO, LAYOUTS, layouts_in, today
from dispatch_core.text.dates import read
from dispatch_core.types import Filter
from tests.fakes import Records, record

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
needs_corpus = pytest.mark.skipif(not CORPUS.exists(), reason="no corpus beside the project")

DAY = "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?:[Tt_, ]|$)"
SECONDS, MILLISECONDS = "seconds since 1970", "milliseconds since 1970"


def row(
    condition: DateCondition, *texts: str, layouts: tuple[str, ...] = (ISO,), path: str = "created"
) -> FormRow:
    return FormRow(path, condition, "date", texts, layouts=layouts)


def form(*members: Node) -> QueryForm:
    return QueryForm(Group("all", members))


def matched(query: Filter, *values: Any) -> list[Any]:
    """The values of which a record with that date of creation matches."""
    test = compile_filter(query)
    return [value for value in values if test({"created": value})]


@pytest.mark.parametrize(
    ("one", "bounds"),
    [
        (row("on", "2025-05-28"), {"$gte": "2025-05-28", "$lt": "2025-05-29"}),
        (row("on", "2025-12-31"), {"$gte": "2025-12-31", "$lt": "2026-01-01"}),
        (row("on or after", "2025-05-28"), {"$gte": "2025-05-28"}),
        (row("on or before", "2025-05-28"), {"$lt": "2025-05-29"}),
        (row("on or before", "2024-02-28"), {"$lt": "2024-02-29"}),
        (row("before", "2025-05-28"), {"$lt": "2025-05-28"}),
        (
            row("between", "2025-05-01", " 2025-05-28 "),
            {"$gte": "2025-05-01", "$lt": "2025-05-29"},
        ),
    ],
)
def test_a_condition_is_a_range_of_days_in_the_layout_of_the_field(
    one: FormRow, bounds: Filter
) -> None:
    assert filter_of(form(one)) == {"created": {**bounds, "$regex": f"^{DAY}"}}


@pytest.mark.parametrize(
    ("layout", "start", "end"),
    [
        ("2025/05/28", "2025/05/28", "2025/05/29"),
        ("2025_05_28", "2025_05_28", "2025_05_29"),
        ("2025.05.28", "2025.05.28", "2025.05.29"),
        ("20250528", "20250528", "20250529"),
        ("seconds since 1970 as text", "1748390400", "1748476800"),
        ("milliseconds since 1970 as text", "1748390400000", "1748476800000"),
        (SECONDS, 1748390400, 1748476800),
        (MILLISECONDS, 1748390400000, 1748476800000),
        ("microseconds since 1970", 1748390400000000, 1748476800000000),
        ("nanoseconds since 1970", 1748390400000000000, 1748476800000000000),
        ("20250528 as a number", 20250528, 20250529),
    ],
)
def test_a_day_is_written_as_the_field_writes_it(layout: str, start: Any, end: Any) -> None:
    written = filter_of(form(row("on", "2025-05-28", layouts=(layout,))))["created"]

    assert (written["$gte"], written["$lt"]) == (start, end)


def test_a_field_of_two_layouts_is_compared_in_both() -> None:
    both = row("on or after", "2025-05-28", layouts=(ISO, MILLISECONDS))

    assert filter_of(form(both)) == {
        "$or": [
            {"created": {"$gte": "2025-05-28", "$regex": f"^{DAY}"}},
            {"created": {"$gte": 1748390400000, "$lt": 10**13}},
        ]
    }


def test_the_last_minute_of_a_day_is_in_it_and_other_layouts_are_never_compared() -> None:
    values = ("2025-05-28", "2025-05-28T23:59:59.999999-07:00", "2025-05-28 10:30", "2025-05-29")
    odd = ("5/28/2022", "05/28/2025", "20250101", "soon", "", None, 20250528, 1748390400000, True)

    on_or_before = filter_of(form(row("on or before", "2025-05-28")))
    on_or_after = filter_of(form(row("on or after", "2025-05-28")))

    assert matched(on_or_before, *values, *odd) == list(values[:3])
    assert matched(on_or_after, *values, *odd) == list(values)


def test_in_the_last_keeps_its_words_beside_the_days_that_it_meant() -> None:
    last = row("in the last", "30", "days", "2025-05-28")

    query = filter_of(form(last))

    assert query == {
        "created": {"$gte": "2025-04-28", "$lt": "2025-05-29", "$regex": f"^{DAY}"},
        "$comment": "in the last 30 days",
    }
    assert form_of(query) == form(last)
    assert matched(query, "2025-04-27T23:59", "2025-04-28", "2025-05-28T23:59", "2025-05-29") == [
        "2025-04-28",
        "2025-05-28T23:59",
    ]


@pytest.mark.parametrize(
    ("number", "unit", "start"),
    [
        ("1", "days", "2024-02-28"),
        ("2", "weeks", "2024-02-15"),
        ("1", "months", "2024-01-29"),
        ("12", "months", "2023-02-28"),
        ("4", "years", "2020-02-29"),
        (" 1 ", "years", "2023-02-28"),
    ],
)
def test_months_and_years_back_end_on_the_last_day_of_a_shorter_month(
    number: str, unit: str, start: str
) -> None:
    assert span_of("in the last", (number, unit, "2024-02-29")) == (
        date.fromisoformat(start),
        date(2024, 3, 1),
    )


@pytest.mark.parametrize(
    ("one", "what", "do"),
    [
        (row("on"), "the day is missing", "Write it as in 2025-05-28"),
        (
            row("on", "2025-02-30"),
            "2025-02-30 does not exist: February 2025 has 28 days",
            "Correct the day",
        ),
        (
            row("on", "2025-13-01"),
            "2025-13-01 does not exist: a month is 01 to 12",
            "Write year-month-day",
        ),
        (
            row("on", "0000-01-01"),
            "0000-01-01 does not exist: years start at 0001",
            "Write year-month-day",
        ),
        (
            row("before", "05/28/2025"),
            "'05/28/2025' is not a day written as year-month-day",
            "Write 2025-05-28",
        ),
        (
            row("before", "9/5/2022"),
            "'9/5/2022' can mean 2022-05-09 or 2022-09-05",
            "Write the one that you mean",
        ),
        (
            row("on", "2025-05-28T10:30:00Z"),
            "'2025-05-28T10:30:00Z' is not a day written as year-month-day",
            "Write 2025-05-28",
        ),
        (
            row("on", "soon"),
            "'soon' is not a day written as year-month-day",
            "Write it as in 2025-05-28",
        ),
        (
            row("before", "2025-05"),
            "'2025-05' is not a day written as year-month-day",
            "Write it as in 2025-05-28",
        ),
        (
            row("between", "2025-06-01", "2025-05-01"),
            "the range ends before it starts: 2025-06-01 to 2025-05-01",
            "Exchange the two days",
        ),
        (row("between", "2025-06-01"), "the day is missing", "Write it as in 2025-05-28"),
        (
            row("in the last", "soon", "weeks", "2025-05-28"),
            "'soon' is not a number of weeks",
            "Write it as in 30",
        ),
        (
            row("in the last", "", "weeks", "2025-05-28"),
            "the number of weeks is missing",
            "Write it as in 30",
        ),
        (
            row("in the last", "0", "days", "2025-05-28"),
            "'0' is not a number of days",
            "Write it as in 30",
        ),
        (
            row("in the last", "9999", "years", "2025-05-28"),
            "9999 years before 2025-05-28 is before the year 1",
            "Write a smaller number",
        ),
        (
            row("in the last", "10000000", "days", "2025-05-28"),
            "10000000 days before 2025-05-28 is before the year 1",
            "Write a smaller number",
        ),
        (row("on", "9999-12-31"), "9999-12-31 is too late", "Write a day up to 9998-12-31"),
        (
            row("on", "2025-05-28", layouts=()),
            "how created writes its dates is not known, or cannot be compared",
            "Choose another field or condition",
        ),
    ],
)
def test_a_condition_without_certain_days_says_what_to_write(
    one: FormRow, what: str, do: str
) -> None:
    (fault,) = faults(form(one)).values()

    assert (fault.what, fault.action) == (what, do)


def test_a_date_condition_on_the_items_of_a_list_of_values_is_a_fault() -> None:
    items = Elements("times", (row("on", "2025-05-28", path=""),), of_values=True)

    (fault,) = faults(form(items)).values()

    assert fault.what == "'on' compares a field, and the items of this list have none"


@pytest.mark.parametrize(
    ("before", "condition", "texts"),
    [
        (FormRow("created", "is", "text", ("2025-05-28",)), "on", ("2025-05-28",)),
        (FormRow("created", "is", "number", ("5",)), "on", ()),
        (row("on", "2025-05-28"), "between", ("2025-05-28",)),
        (row("between", "2025-05-28", "2025-06-01"), "before", ("2025-05-28",)),
        (row("between", "2025-05-28", "2025-06-01"), "is one of", ("2025-05-28",)),
        (row("on", "soon"), "contains", ("soon",)),
        (row("on", "2025-05-28"), "exists", ()),
        (row("in the last", "30", "days", "2025-05-28"), "on", ()),
        (row("on", "2025-05-28"), "in the last", ("30", "days", str(today()))),
    ],
)
def test_another_condition_keeps_the_days_that_it_accepts(
    before: FormRow, condition: Any, texts: tuple[str, ...]
) -> None:
    after = with_condition(before, condition)

    assert (after.condition, after.texts) == (condition, texts)
    assert after.kind == ("date" if condition in DATE_CONDITIONS else "text")


@pytest.mark.parametrize("kind", ["text", "number", "true or false", "null", "JSON"])
def test_after_any_change_of_condition_a_row_has_as_many_texts_as_its_condition(kind: Kind) -> None:
    every: list[Any] = [*DATE_CONDITIONS, *OPERATORS]
    start = FormRow("created", "is", kind, ("5",))

    changed = [
        with_condition(with_condition(start, first), second)
        for first, second in itertools.product(every, repeat=2)
    ]

    assert {one.kind for one in changed if one.condition in DATE_CONDITIONS} == {"date"}
    assert all(one.condition in DATE_CONDITIONS for one in changed if one.kind == "date")
    assert all(len(one.texts) == 3 for one in changed if one.condition == "in the last")
    assert all(len(one.texts) <= 2 for one in changed if one.condition == "between")
    assert all(len(one.texts) <= 1 for one in changed if one.condition in ("on", "before"))


# Reading back

UNITS = ("days", "weeks", "months", "years")
DAYS = st.dates(date(1975, 1, 1), date(2099, 12, 28))  # that every layout of numbers can write


@st.composite
def rows(draw: st.DrawFn) -> FormRow:
    condition = draw(st.sampled_from(DATE_CONDITIONS))
    first, last = sorted((draw(DAYS), draw(DAYS)))
    texts = {
        "between": (str(first), str(last + timedelta(days=1))),
        "in the last": (str(draw(st.integers(1, 99))), draw(st.sampled_from(UNITS)), str(last)),
    }.get(condition, (str(first),))
    names = draw(st.sets(st.sampled_from([one.name for one in LAYOUTS]), min_size=1, max_size=3))
    layouts = tuple(one.name for one in LAYOUTS if one.name in names)
    return row(condition, *texts, layouts=layouts)


@settings(max_examples=40)
@given(rows())
def test_what_the_form_writes_reads_back_as_the_same_condition(one: FormRow) -> None:
    beside = FormRow("created", "exists")
    forms = [
        form(one),
        form(one, beside),
        form(beside, one, one),
        form(Group("any", (one, FormRow("a", "is", "text", ("x",))))),
        form(Group("none", (one,))),
        form(Elements("list", (one,))),
        form(Elements("list", (beside, one))),
    ]

    assert [form_of(query_of(each)) for each in forms] == forms


@pytest.mark.parametrize(
    "query",
    [
        {"created": {"$gte": "2025-05-28"}},
        {"created": {"$gte": "2025-05-28", "$lt": "2025-05-29"}},
        {"created": {"$gte": "2025-05-28T00:00:00Z", "$regex": f"^{DAY}"}},
        {"created": {"$lte": "2025-05-28", "$regex": f"^{DAY}"}},
        {"created": {"$gte": "2025-02-30", "$regex": f"^{DAY}"}},
        {"created": {"$gte": "2025-06-01", "$lt": "2025-05-01", "$regex": f"^{DAY}"}},
        {"created": {"$gte": "2025-05-28", "$regex": f"^{DAY}", "$options": "i"}},
        {"created": {"$gte": "2025-05-28", "$regex": f"^{DAY}", "$exists": True}},
        {"created": {"$gte": 1748390401, "$lt": 1748476800}},
        {"created": {"$gte": 1748390400.0, "$lt": 1748476800}},
        {"created": {"$gte": 20, "$lt": 40}},
        {"created": {"$gte": True, "$lt": 1748476800}},
        {"created": {"$regex": f"^{DAY}"}},
        {"created": {"$gte": "9" * 5_000, "$regex": "^[0-9]{10}(?:[.][0-9]+)?$"}},
        {"created": {"$gte": "9" * 19, "$regex": "^[0-9]{13}(?:[.][0-9]+)?$"}},
        {"created": {"$gte": 10**17, "$lt": 10**30}},
        {"created": {"$gte": "2025-05-28", "$lt": "2025-06-30", "$regex": f"^{DAY}"}}
        | {"$comment": "in the last 30 days"},
        {"created": {"$gte": "2025-05-28", "$regex": f"^{DAY}"}, "$comment": "note"},
        {
            "$or": [
                {"created": {"$gte": "2025-05-28", "$regex": f"^{DAY}"}},
                {"modified": {"$gte": 1748390400, "$lt": 10**10}},
            ]
        },
        {
            "$or": [
                {"created": {"$gte": "2025-05-28", "$regex": f"^{DAY}"}},
                {"created": {"$gte": 1748476800, "$lt": 10**10}},
            ]
        },
    ],
)
def test_a_clause_that_is_not_exactly_of_the_form_stays_what_it_was(query: Filter) -> None:
    assert date_row(query) is None
    assert json.dumps(query_of(form_of(query))) == json.dumps(query)


def test_the_order_of_the_operators_tells_on_or_before_from_before_the_next_day() -> None:
    on_or_before = date_clause(row("on or before", "2025-05-28"))
    before = date_clause(row("before", "2025-05-29"))

    assert on_or_before == before
    assert [date_row(one) for one in (on_or_before, before)] == [
        row("on or before", "2025-05-28"),
        row("before", "2025-05-29"),
    ]


# The records that a condition matches


WRITERS: dict[str, Callable[[datetime], Any]] = {
    "iso": lambda at: at.isoformat(),
    "zulu": lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "offset": lambda at: at.strftime("%Y-%m-%d %H:%M:%S-07:00"),
    "day": lambda at: at.date().isoformat(),
    "slashes": lambda at: at.strftime("%Y/%m/%d %H:%M"),
    "underscores": lambda at: at.strftime("%Y_%m_%d_%H-%M-%S"),
    "dots": lambda at: at.strftime("%Y.%m.%d"),
    "compact": lambda at: at.strftime("%Y%m%d"),
    "compact with a time": lambda at: at.strftime("%Y%m%d%H%M%S"),
    "compact number": lambda at: int(at.strftime("%Y%m%d")),
    "seconds": lambda at: int(at.timestamp()),
    "seconds with a fraction": lambda at: at.timestamp() + 0.75,
    "milliseconds": lambda at: int(at.timestamp()) * 1000 + 999,
    "microseconds": lambda at: int(at.timestamp()) * 10**6,
    "seconds as text": lambda at: str(int(at.timestamp())),
    "milliseconds as text": lambda at: str(int(at.timestamp()) * 1000),
    "US": lambda at: at.strftime("%m/%d/%Y %H:%M"),
    "day first": lambda at: at.strftime("%d.%m.%Y"),
    "named": lambda at: at.strftime("%d %b %Y"),
    "no date": lambda at: "soon",
    "a number": lambda at: at.day,
}
TIMES = st.datetimes(datetime(2002, 1, 1), datetime(2029, 12, 31)).map(
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
NEAR = st.tuples(st.sampled_from(sorted(WRITERS)), TIMES)


@settings(max_examples=60)
@given(st.lists(NEAR, min_size=1, max_size=8), st.data())
def test_a_condition_matches_the_days_it_means_and_every_other_date_is_counted(
    written: list[tuple[str, datetime]], data: st.DataObject
) -> None:
    values = [WRITERS[name](at) for name, at in written]
    reader = read(values)
    layouts = layouts_in(values, reader)
    named = data.draw(st.sampled_from([at.date() for _, at in written]))
    condition = data.draw(st.sampled_from(DATE_CONDITIONS))
    later = named + timedelta(days=data.draw(st.integers(0, 400)))
    texts = {
        "between": (str(named), str(later)),
        "in the last": ("5", "months", str(named)),
    }.get(condition, (str(named),))
    source = Records([record(str(n), created=value) for n, value in enumerate(values)])

    start, end = span_of(condition, texts)
    compared = [value for value in values if any(one.has_shape_of(value) for one in _of(layouts))]
    wanted = [
        value
        for value in compared
        if (moment := reader.moment(value))
        and (start is None or moment.at.date() >= start)
        and (end is None or moment.at.date() < end)
    ]

    odd = not_compared(source, "created", layouts)
    assert odd.count == len(values) - len(compared)
    if layouts:
        query = filter_of(form(row(condition, *texts, layouts=layouts)))
        assert matched(query, *values) == wanted


def _of(layouts: tuple[str, ...]) -> list[Any]:
    return [one for one in LAYOUTS if one.name in layouts]


# How a field writes its dates


def created(*values: Any) -> Records:
    return Records([record(str(n), created=value) for n, value in enumerate(values)])


@pytest.mark.parametrize(
    ("values", "layouts"),
    [
        (("2025-05-28T10:30:00Z", "2025-05-28 10:30", "2025-05-28"), (ISO,)),
        (("2025-05-28", 1748390400000), (ISO, MILLISECONDS)),
        ((1748390400, 1748390400.5), (SECONDS,)),
        (("5/28/2025", "2025-05-28"), (ISO,)),
        (("5/28/2025", "28 May 2025"), ()),
        ((2025052810, 2025052811), ()),
        ((2025052810, 1748390400), (SECONDS,)),
        ((["2025-05-28", "2025/05/29"],), (ISO, "2025/05/28")),
        (("soon", "later", "2025-05-28"), None),
        (("900120", "900122"), None),
        ((5, 7), None),
        ((None, ""), None),
    ],
)
def test_the_layouts_of_a_field_are_those_of_its_own_values(
    values: tuple[Any, ...], layouts: tuple[str, ...] | None
) -> None:
    assert date_layouts(created(*values), "created") == layouts


def test_numbers_are_times_only_where_the_name_of_the_field_says_so() -> None:
    names = ("size", "vendor_id", "start_time", "created", "born_at")

    source = Records([record("a", **dict.fromkeys(names, 1748390400))])

    assert {name: date_layouts(source, name) for name in names} == {
        "size": None,
        "vendor_id": None,
        "start_time": (SECONDS,),
        "created": (SECONDS,),
        "born_at": (SECONDS,),
    }


def test_a_layout_that_only_a_late_record_has_is_found() -> None:
    values = [*(f"2025-05-{n % 28 + 1:02}" for n in range(120)), 1748390400000]

    assert date_layouts(created(*values), "created") == (ISO, MILLISECONDS)


def test_records_whose_date_is_not_compared_are_counted_and_named() -> None:
    source = created("2025-05-28", "5/28/2025", None, "", [], {"day": 1}, "2025-13-01")

    found = not_compared(source, "created", (ISO,))

    assert found.count == 3
    assert [(one.name, one.value) for one in found.named] == [
        ("1", "5/28/2025"),
        ("5", {"day": 1}),
        ("6", "2025-13-01"),
    ]


def test_an_item_of_a_list_whose_date_is_not_compared_counts_its_record() -> None:
    steps = [{"start": "2025-05-28"}, {"start": "5/28/2025"}, {"note": "no start"}]
    source = Records([record("a", steps=steps), record("b", steps=steps[::2])])

    found = not_compared(source, "steps.start", (ISO,), within="steps")

    assert found.count == 1
    assert [(one.name, one.value) for one in found.named] == [("a", ["2025-05-28", "5/28/2025"])]


@needs_corpus
def test_every_time_of_the_real_records_is_compared_by_its_day() -> None:
    with gzip.open(CORPUS / "records.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line)["record"] for line in lines]
    paths = ["created", "session.session_start_time", "acquisition.acquisition_start_time"]
    shown = dict.fromkeys(paths, 1)
    source = Records([project_record(one, shown) for one in records])

    layouts = {path: date_layouts(source, path) for path in paths}
    odd = {path: not_compared(source, path, layouts[path] or ()).count for path in paths}

    assert layouts == dict.fromkeys(paths, (ISO,))
    assert odd == {
        "created": 0,
        "session.session_start_time": 0,
        "acquisition.acquisition_start_time": 0,
    }
