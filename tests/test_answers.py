"""Answers about the collection: shared, bounded, and retried after a failure."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dispatch_core.errors import ServiceError
from dispatch_core.types import Progress
from pages.shared.state.answers import Answers

POOL = ThreadPoolExecutor(2)


def answers(**limits: float) -> Answers:
    most = int(limits.pop("most", 10))
    return Answers(POOL, most=most, **{"seconds": 60, "seconds_failed": 60, **limits})


def test_the_same_question_is_computed_once() -> None:
    calls: list[int] = []
    asked = answers()

    def call(progress: Progress) -> int:
        calls.append(1)
        return 7

    works = [asked.ask(("count", "a"), call) for _ in range(3)]

    assert [work.future.result(5) for work in works] == [7, 7, 7]
    assert calls == [1]


def test_the_least_recently_used_answer_is_dropped_first() -> None:
    asked = answers(most=2)
    first = asked.ask("a", lambda progress: 1)
    asked.ask("b", lambda progress: 2)
    asked.ask("a", lambda progress: 1)
    asked.ask("c", lambda progress: 3)

    assert len(asked) == 2
    assert asked.ask("a", lambda progress: 9) is first
    assert asked.ask("b", lambda progress: 9).future.result(5) == 9


@pytest.mark.parametrize(
    ("limits", "second"), [({"seconds": 0}, 2), ({"seconds": 60}, 1)], ids=["old", "fresh"]
)
def test_an_old_answer_is_computed_again(limits: dict[str, float], second: int) -> None:
    asked = answers(**limits)
    asked.ask("a", lambda progress: 1).future.result(5)

    assert asked.ask("a", lambda progress: 2).future.result(5) == second


def test_an_old_answer_is_used_until_the_new_one_is_there() -> None:
    asked, may_end = answers(), threading.Event()
    old = asked.ask("a", lambda progress: 1)
    old.wait(5)
    old.started -= 61
    calls: list[int] = []

    def call(progress: Progress) -> int:
        calls.append(1)
        may_end.wait(5)
        return 2

    meanwhile = [asked.ask("a", call).result for _ in range(3)]
    may_end.set()
    end = time.monotonic() + 5
    while asked.ask("a", call) is old and time.monotonic() < end:
        time.sleep(0.001)

    assert meanwhile == [1, 1, 1]
    assert asked.ask("a", call).result == 2
    assert calls == [1]


@pytest.mark.parametrize(
    ("age", "first"), [(61, 1), (121, None)], ids=["up to twice as old", "older"]
)
def test_an_answer_is_used_after_a_failure_up_to_twice_as_old(age: float, first: int) -> None:
    asked = answers()
    old = asked.ask("a", lambda progress: 1)
    old.wait(5)
    old.started -= age

    def fail(progress: Progress) -> int:
        raise ServiceError("asleep")

    asked.ask("a", fail).wait(5)
    last = asked.ask("a", fail)
    last.wait(5)

    assert last.result == first
    assert (last.error is None) == (first is not None)


def test_a_failure_is_retried_sooner_than_an_answer_is_computed_again() -> None:
    asked = answers(seconds_failed=0)

    def fail(progress: Progress) -> int:
        raise ServiceError("asleep")

    failed = asked.ask("a", fail)
    failed.wait(5)

    assert str(failed.error) == "asleep."
    assert asked.ask("a", lambda progress: 1).future.result(5) == 1
