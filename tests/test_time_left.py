"""The estimate of the time left, on simulated clocks: first none, then within a factor of two."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from pages.shared.state.time_left import TimeLeft

Reports = Sequence[tuple[float, int]]
"""(seconds since the start, done) of a step of 10,000; the last one is its end."""

TOTAL = 10_000


def even(seconds: float, reports: int, start: float = 0.0) -> Reports:
    """Equal portions at equal times, the first after `start`."""
    portions = range(1, reports + 1)
    return [(start + seconds * n / reports, TOTAL * n // reports) for n in portions]


def uneven(seed: int) -> Reports:
    """Two hundred portions of different sizes; each takes 0.5 to 1.5 times its share of 50 s."""
    rng = random.Random(seed)
    ends = [*sorted(rng.sample(range(1, TOTAL), 199)), TOTAL]
    now, before, reports = rng.uniform(0, 5), 0, list[tuple[float, int]]()
    for end in ends:
        now += (end - before) * 0.005 * rng.uniform(0.5, 1.5)
        reports.append((now, end))
        before = end
    return reports


def estimates(reports: Reports) -> list[tuple[float, float | None]]:
    """(seconds that are really left, estimate), each tenth of a second."""
    left, end = TimeLeft(), reports[-1][0]
    waiting, shown = list(reports), list[tuple[float, float | None]]()
    for tick in range(int(end * 10) + 1):
        while waiting and waiting[0][0] <= tick / 10:
            at, done = waiting.pop(0)
            left.note(at, "files", done, TOTAL)
        shown.append((end - tick / 10, left.seconds(tick / 10)))
    return shown


TRACES = {
    "even": even(60, 600),
    "few portions": even(60, 30),
    "a slow start": even(60, 600, start=20),
    "short": even(8, 80),
    "long": even(6_000, 600),
    **{f"uneven {seed}": uneven(seed) for seed in range(5)},
}


@pytest.mark.parametrize("name", TRACES)
def test_it_is_never_off_by_more_than_a_factor_of_two(name: str) -> None:
    shown = [(real, said) for real, said in estimates(TRACES[name]) if said is not None]

    wrong = [(real, said) for real, said in shown if real > 1 and not real / 2 <= said <= real * 2]

    assert wrong == []
    assert len(shown) > 10


def test_there_is_none_before_three_seconds_and_five_percent() -> None:
    quick, slow = estimates(even(8, 80)), estimates(even(600, 6_000))

    assert {said for real, said in quick if 8 - real < 2.9} == {None}
    assert {said for real, said in slow if 600 - real < 29.9} == {None}


def test_a_start_that_takes_long_is_not_taken_for_the_pace() -> None:
    left = TimeLeft()

    for at, done in ((20.0, 5), (21.0, 400), (23.0, 1_190), (23.5, 1_387)):
        left.note(at, "files", done, TOTAL)

    assert left.seconds(23.5) == pytest.approx(21.8, abs=0.1)  # by the time since 0: 146


def test_it_counts_down_between_reports_but_does_not_end_before_the_step() -> None:
    left = TimeLeft()
    for number in range(1, 5):
        left.note(float(number), "files", 1_000 * number, TOTAL)

    assert [left.seconds(4.0), left.seconds(4.5), left.seconds(9.0)] == [6.0, 5.5, 5.0]


def test_the_next_step_begins_anew() -> None:
    left = TimeLeft()
    for number in range(1, 5):
        left.note(float(number), "assets", 2_000 * number, TOTAL)

    left.note(5.0, "files", 0, TOTAL)
    first = left.seconds(9.0)
    left.note(10.0, "files", 1_000, TOTAL)

    assert first is None
    assert left.seconds(10.0) == 45.0


def test_there_is_none_while_the_total_is_unknown() -> None:
    left = TimeLeft()

    for number in range(1, 9):
        left.note(float(number), "assets", 2_000 * number, 0)

    assert left.seconds(9.0) is None
