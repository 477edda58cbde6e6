"""Which of several values is the latest: as dates, numbers or numbered texts, never guessed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.text.dates import read
from dispatch_core.text.latest import Latest, latest_of


def latest(*values: Any, are_dates: bool = False) -> Latest:
    return latest_of(values, read(values), are_dates=are_dates)


@pytest.mark.parametrize(
    ("values", "best"),
    [
        (("1.9", "1.10"), 1),
        (("v1.9.0", "v1.10.0", "v1.2.30"), 1),
        (("2.0-rc1", "2.0", "2.0-beta"), 1),
        (("2.0a1", "2.0b1", "2.0rc1"), 2),
        (("1.0", "1.0.1"), 1),
        (("3a", "3"), 0),
        (("2022.1.2", "2022.10.0"), 1),
        (("run_9", "run_10"), 1),
        (("10/2021", "9/2021"), 0),
        (("session_712_2022-10-28", "session_712_2022-12-01"), 1),
        (("1.2-rc1", "1.3-beta2"), 1),
        (("-5", "-3"), 1),
        (("1e3", "999"), 0),
        (("a_2024-01-02", "a_2024-01-02_sorted_2024-02-01"), 1),
        ((9, 10.5, "10"), 1),
        ((None, "", [], 3), 3),
        ((["2024-01-01", "2025-01-01", None], "2024-06-01"), 0),
        ((["9/5/2022", "9/28/2022"], "10/1/2022"), 1),
        (("2022-09-05", "9/5/2022"), 0),
        ((20250607, 1749306675), 1),
    ],
    ids=repr,
)
def test_the_latest_is_certain(values: tuple[Any, ...], best: int) -> None:
    found = latest(*values)

    assert (found.best, found.uncertain) == (best, {})
    assert found.earlier == {index: best for index in range(len(values)) if index != best}


@pytest.mark.parametrize(
    ("values", "uncertain"),
    [
        (("alpha", "beta"), [0, 1]),
        (("run_9", "session_1", "run_8"), [0, 1]),
        ((True, False), [0, 1]),
        (({"a": 1}, {"a": 2}), [0, 1]),
        ((None, None), [0, 1]),
        (("alpha", None), [0]),
        (("10/2021", "9/2022"), [0, 1]),
        (("10.2021", "9.2022"), [0, 1]),
        (("10/21", "9/22"), [0, 1]),
        (("31/12", "1/1"), [0, 1]),
        (("28.10.", "1.12."), [0, 1]),
        (("Q4 2021", "Q1 2022"), [0, 1]),
        (("week 50 2021", "week 2 2022"), [0, 1]),
        (("28. Oktober 2022", "1. Dezember 2022"), [0, 1]),
        (("28 octobre 2022", "1 décembre 2022"), [0, 1]),
        (("28 de octubre de 2022", "1 de diciembre de 2022"), [0, 1]),
        (("28Oct22", "1Dec22"), [0, 1]),
        (("31 Jan", "1 Feb"), [0, 1]),
        (("10:00:00 2022-10-28", "09:00:00 2022-12-01"), [0, 1]),
        (("9/5/2022", "6/7/2022"), [0, 1]),
        (("28/9/2022", "9/28/2022", "10/1/2022", "1/1/2022"), [0, 1, 2]),
        (("2.0-rc", "2.0-alpha.1", "2.0-custom"), [0, 2]),
        (([1, "one"], ["b", {}]), [0, 1]),
    ],
    ids=repr,
)
def test_without_a_certain_latest_none_is_the_best(
    values: tuple[Any, ...], uncertain: list[int]
) -> None:
    found = latest(*values)

    assert found.best is None
    assert sorted(found.uncertain) == uncertain
    assert found.earlier.keys() | found.uncertain.keys() == set(range(len(values)))


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ("2022-09-28 10:00:00 (PDT)", False),
        ("2022-09-28T10:00:00[UTC+9]", False),
        ("2022-09-28 10:00 pm (PDT)", False),
        ("2022-09-28T10:00:00-07:00[America/Los_Angeles]", True),
        ("Wed Sep 28 2022 10:00:00 GMT-0700 (Pacific Daylight Time)", True),
        ("2022-09-28 (Wednesday)", True),
    ],
)
def test_the_zone_in_a_note_is_not_dropped_from_a_time_without_an_offset(
    text: str, is_read: bool
) -> None:
    found = latest(text, "2022-09-28T16:30:00Z", are_dates=True)

    assert (0 not in found.uncertain) == is_read


def test_numbers_are_times_only_if_that_is_known_or_makes_no_difference() -> None:
    seconds, milliseconds = 2_000_000_000, 1_500_000_000_000

    unknown = latest(seconds, milliseconds)
    known = latest(seconds, milliseconds, are_dates=True)
    beside_dates = latest(seconds, milliseconds, "2011-01-01")

    assert unknown.best is None
    assert unknown.uncertain == dict.fromkeys((0, 1), "which can be a number or a time")
    assert (known.best, beside_dates.best) == (0, 0)


def test_a_number_that_is_not_a_time_is_named_beside_times() -> None:
    found = latest(0, 1_749_306_675_000, are_dates=True)

    assert found == Latest(1, {}, {0: "which is not a date"})


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.integers(),
            st.floats(),
            st.text(max_size=8),
            st.sampled_from(["9/5/2022", "28/9/2022", "9/28/2022", "2022-09-05", "1.10", "2.0-rc"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_each_value_is_the_best_or_earlier_or_uncertain(values: list[Any]) -> None:
    found = latest(*values)

    best = [] if found.best is None else [found.best]
    assert sorted([*best, *found.earlier, *found.uncertain]) == list(range(len(values)))
    assert found.best is None or set(found.earlier.values()) <= {found.best}


@given(st.permutations(["9/5/2022", "2022-06-01", None, "x", "2020-01-01", "10/11/2022"]))
def test_the_order_of_the_assets_decides_nothing(values: list[Any]) -> None:
    found = latest(*values)

    assert found.best == values.index("10/11/2022")
    assert {values[index] for index in found.uncertain} == {"x"}
