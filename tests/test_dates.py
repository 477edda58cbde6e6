"""Dates as records write them: read for sure, or with every meaning that they can have."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.text.dates import moment_of, read

HALF_PAST_TWO = "2025-06-07T14:31:15+00:00"


def shown(value: Any, field: tuple[Any, ...] = ()) -> list[str]:
    """Every meaning of a value in a field with these values, as ISO 8601."""
    return [moment.iso for moment in read(field).possible(value)]


@pytest.mark.parametrize(
    "text",
    [
        "2025-06-07T14:31:15Z",
        "2025-06-07T14:31:15z",
        "2025-06-07 14:31:15",
        "2025-06-07T14:31:15+00:00",
        "2025-06-07 14:31:15 UTC",
        "2025-06-07_14-31-15",
        "2025-06-07T14-31-15+00:00",
        "2025/06/07 14:31:15",
        "2025.06.07 14:31:15",
        "2025-6-7 14:31:15",
        "20250607T143115",
        "20250607T143115Z",
        "20250607143115",
        "2025-W23-6T14:31:15",
        "2025-158T14:31:15",
        "7 June 2025 14:31:15",
        "7-Jun-2025 14:31:15",
        "7-Jun-25 14:31:15",
        "Saturday, 7-JUN-25 14:31:15 GMT",
        "Jun 7, 2025 2:31:15 PM",
        "June 7th, 2025 at 2:31:15 p.m.",
        "Sat, 07 Jun 2025 14:31:15 GMT",
        "Sat Jun  7 14:31:15 2025",
        "Sat Jun  7 14:31:15 UTC 2025",
        "  2025-06-07\u00a014:31:15 ",
        "1749306675",
        "1749306675000",
        "1749306675000000",
        1749306675,
        1749306675.0,
        1749306675000,
        1749306675000000,
        1749306675000000000,
        {"$date": "2025-06-07T14:31:15Z"},
        {"$date": 1749306675000},
        {"$date": {"$numberLong": "1749306675000"}},
        {"$numberLong": "1749306675000"},
        datetime(2025, 6, 7, 14, 31, 15),
        datetime(2025, 6, 7, 14, 31, 15, tzinfo=UTC),
    ],
    ids=repr,
)
def test_a_point_in_time_is_read_in_every_layout(text: Any) -> None:
    assert shown(text) == [HALF_PAST_TWO]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2025-06-07T14:31:15-07:00", "2025-06-07T14:31:15-07:00"),
        ("2025-06-07 14:31:15 -0700", "2025-06-07T14:31:15-07:00"),
        ("2025-06-07T14:31:15\u221207", "2025-06-07T14:31:15-07:00"),
        ("20250607T143115+0530", "2025-06-07T14:31:15+05:30"),
        ("2025-06-07T14-31-15-07:00", "2025-06-07T14:31:15-07:00"),
        ("Sat Jun 07 2025 14:31:15 GMT-0700 (Pacific Daylight Time)", "2025-06-07T14:31:15-07:00"),
        ("2025-06-07T14:31:15-07:00[America/Los_Angeles]", "2025-06-07T14:31:15-07:00"),
        ("Sat Jun  7 14:31:15 PDT 2025", "2025-06-07T14:31:15-07:00"),
        ("2025-06-07T24:00Z", "2025-06-08T00:00:00+00:00"),
        ("2025-06-30T23:59:60Z", "2025-07-01T00:00:00+00:00"),
        ("6/28/2025 12:05 AM", "2025-06-28T00:05:00+00:00"),
        ("6/28/2025 12:05 PM", "2025-06-28T12:05:00+00:00"),
    ],
)
def test_offsets_and_ends_of_days_are_read(text: str, iso: str) -> None:
    assert shown(text) == [iso]


@pytest.mark.parametrize(
    "value",
    ["2025-06-07", "20250607", 20250607, "7 Jun 2025", "June 7, 2025", date(2025, 6, 7)],
    ids=repr,
)
def test_a_day_has_no_clock_and_counts_from_its_start(value: Any) -> None:
    moment = moment_of(value)

    assert moment is not None
    assert (moment.iso, moment.has_clock) == ("2025-06-07", False)
    assert moment.at == datetime(2025, 6, 7, tzinfo=UTC)


def test_a_month_counts_from_its_first_day() -> None:
    assert shown("2025-06") == ["2025-06-01"]


@pytest.mark.parametrize("digits", range(1, 10))
def test_every_digit_of_a_fraction_counts(digits: int) -> None:
    low, high = "1" * digits, "1" * (digits - 1) + "2"

    first, second = (moment_of(f"2025-06-07T14:31:15.{one}Z") for one in (low, high))

    assert first is not None
    assert second is not None
    assert first < second


@pytest.mark.parametrize(
    "value",
    [
        *("", "unknown", "N/A", "14:31", "march", "May 2022", "1.10.0", "v2.3", "2.6.0.160"),
        *("2025-02-30", "2025-13-01", "13/13/2025", "2025-06-07T25:00", "31 Jun 2025", "2023-366"),
        *("31-Feb-22", "45-Sep-22", "28-Foo-22", "28-Sep 22"),
        *("2025-06-07 14:31 XYZ", "2025-06-07T", "13:00 PM", "1/12/24 - 1/16/24", "12345678", "99"),
        *(0, 99, -5, 1e300, float("nan"), float("inf"), True, None, {}, {"a": 1}, []),
        *({"$date": "soon"}, {"$date": None}, {"$oid": "1749306675"}, "9" * 5_000),
        "\uff12\uff10\uff12\uff15-06-07",
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_value_that_is_not_a_date_has_no_meaning(value: Any) -> None:
    assert shown(value) == []
    assert moment_of(value) is None


@pytest.mark.parametrize(
    ("text", "meanings"),
    [
        ("9/5/2022", ["2022-05-09", "2022-09-05"]),
        ("09-05-2022", ["2022-05-09", "2022-09-05"]),
        ("9.5.2022", ["2022-05-09", "2022-09-05"]),
        (
            "6/7/2025 14:31",
            ["2025-06-07T14:31:00+00:00", "2025-07-06T14:31:00+00:00"],
        ),
        ("28-Sep-22", ["2022-09-28", "2028-09-22"]),
        ("10/11/12", ["2010-11-12", "2012-10-11", "2012-11-10"]),
        ("202401020304", ["1976-05-31T14:30:20.304000+00:00", "2024-01-02T03:04:00+00:00"]),
    ],
)
def test_a_value_with_several_meanings_has_all_of_them(text: str, meanings: list[str]) -> None:
    assert shown(text) == meanings
    assert moment_of(text) is None


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("9/28/2022", "2022-09-28"),
        ("28/9/2022", "2022-09-28"),
        ("28.09.2022", "2022-09-28"),
        ("5/5/2022", "2022-05-05"),
        ("9/28/22", "2022-09-28"),
    ],
)
def test_a_value_that_has_one_meaning_needs_no_other_value(text: str, iso: str) -> None:
    assert shown(text) == [iso]


def test_a_day_above_12_decides_the_order_for_the_field() -> None:
    assert shown("9/5/2022", ("9/28/2022", "10/1/2022")) == ["2022-09-05"]
    assert shown("9/5/2022", ("28/9/2022", "1/10/2022")) == ["2022-05-09"]
    assert shown("9/5/22 14:31", ("9/28/2022",)) == ["2022-09-05T14:31:00+00:00"]
    assert shown("9/5/2022", (["10/1/2022", "9/28/2022"], None, "unknown")) == ["2022-09-05"]


def test_a_day_above_12_decides_nothing_for_another_separator() -> None:
    assert shown("9-5-2022", ("9/28/2022",)) == ["2022-05-09", "2022-09-05"]


def test_values_that_contradict_each_other_decide_nothing() -> None:
    field = ("9/28/2022", "28/9/2022", "10/28/2022")

    assert shown("9/5/2022", field) == ["2022-05-09", "2022-09-05"]
    assert shown("9/28/2022", field) == ["2022-09-28"]


def test_digits_that_can_be_two_units_are_decided_by_the_field() -> None:
    assert shown("202401020304", ("202413999999",)) == ["1976-05-31T14:30:20.304000+00:00"]


def test_moments_compare_in_time_whatever_their_layout() -> None:
    layouts = (
        "2025-06-07T14:00:00-07:00",
        "6/13/2025",
        1749306675000,
        "20250607",
        "2025-06-07 20:30",
    )

    ordered = sorted(layouts, key=lambda value: moment_of(value) or pytest.fail(str(value)))

    assert ordered == [
        "20250607",
        1749306675000,
        "2025-06-07 20:30",
        "2025-06-07T14:00:00-07:00",
        "6/13/2025",
    ]


def test_the_extremes_of_the_calendar_do_not_overflow() -> None:
    first, last = moment_of("0001-01-01T00:00:00+14:00"), moment_of("9999-12-31T23:59:59-14:00")

    assert first is not None
    assert last is not None
    assert first < last
    assert moment_of("9999-12-31T24:00") is None
    assert moment_of({"$date": 10**30}) is None


ZONES = st.builds(
    lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-14 * 60, 14 * 60)
)


def could_be_a_day_and_an_hour(digits: str) -> bool:
    try:
        return bool(datetime.strptime(digits, "%Y%m%d%H")) and digits[:2] in ("19", "20")
    except ValueError:
        return False


def test_digits_that_are_seconds_or_a_day_and_an_hour_are_not_read() -> None:
    assert could_be_a_day_and_an_hour("2026081100")
    assert moment_of("2026081100") is None
    assert moment_of("2026081124") is not None  # 24 is not an hour


@given(st.datetimes(datetime(1973, 6, 1), datetime(2200, 1, 1), timezones=ZONES))
def test_whatever_is_written_is_read_as_the_same_point_in_time(at: datetime) -> None:
    second = at.replace(microsecond=0)
    texts = (
        second.isoformat(),
        second.isoformat(" "),
        f"{second:%Y%m%dT%H%M%S%z}",
        f"{second:%d %b %Y %H:%M:%S %z}",
        f"{second:%a, %d %b %Y %H:%M:%S %z}",
        f"{second:%b %d, %Y %I:%M:%S %p %z}",
    )
    seconds = str(int(second.timestamp()))
    if not could_be_a_day_and_an_hour(seconds):
        texts = (*texts, seconds)

    assert [moment.at for text in texts if (moment := moment_of(text))] == [second] * len(texts)
    assert moment_of(at.isoformat()) == moment_of({"$date": at.isoformat()})


@given(st.dates(date(1970, 1, 1), date(2060, 1, 1)), st.sampled_from("/-."))
def test_a_numeric_date_always_has_its_meaning_among_the_possible(day: date, mark: str) -> None:
    us, european = (day.strftime(f"%{a}{mark}%{b}{mark}%Y") for a, b in ("md", "dm"))

    assert day.isoformat() in shown(us)
    assert day.isoformat() in shown(european)
    assert len(shown(us)) == (1 if day.day > 12 or day.day == day.month else 2)
