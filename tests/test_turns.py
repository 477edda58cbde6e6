"""Turns: one background thread computes at a time, in order, and none waits for a service."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dispatch_core.locate import locate_files
from dispatch_core.sources.protocols import ListPage, StoredObject
from dispatch_core.sources.turns import SLICE, Turn
from dispatch_core.types import DataAsset

PATIENCE = 30


class Meter:
    """Counts how many threads are inside at once, at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self.most = 0

    def pass_through(self) -> None:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        time.sleep(0.002)  # lets the others in, if they may
        with self._lock:
            self._inside -= 1


def start(*calls: object) -> list[threading.Thread]:
    threads = [threading.Thread(target=call, daemon=True) for call in calls]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    return threads


def test_one_thread_computes_at_a_time() -> None:
    turn, meter = Turn(), Meter()

    def compute(_: int) -> None:
        with turn.taken():
            meter.pass_through()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(compute, range(40)))

    assert meter.most == 1


def test_a_thread_that_waits_for_a_service_lets_another_compute() -> None:
    turn, answered = Turn(), threading.Event()

    def answer() -> None:
        with turn.taken():
            answered.set()

    with turn.taken(), turn.given_up():
        start(answer)
        is_answered = answered.wait(PATIENCE)

    assert is_answered


def test_the_turn_comes_back_after_a_wait() -> None:
    turn, meter = Turn(), Meter()

    def compute(_: int) -> None:
        with turn.taken():
            with turn.given_up():
                pass
            meter.pass_through()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(compute, range(40)))

    assert meter.most == 1


def test_a_thread_that_has_the_turn_may_take_it_again() -> None:
    turn = Turn()

    with turn.taken(), turn.taken():
        pass
    others = start(turn.taken().__enter__)
    others[0].join(PATIENCE)

    assert not others[0].is_alive()  # it was passed on once, at the end


def test_an_error_passes_the_turn_on() -> None:
    turn = Turn()

    with pytest.raises(ValueError, match="broken"), turn.taken():
        raise ValueError("broken")
    others = start(turn.taken().__enter__)
    others[0].join(PATIENCE)

    assert not others[0].is_alive()


def test_a_long_computation_gives_way_to_the_next_thread() -> None:
    turn, other_ran = Turn(), threading.Event()

    def other() -> None:
        with turn.taken():
            other_ran.set()

    end = time.monotonic() + PATIENCE
    with turn.taken():
        start(other)
        while not other_ran.is_set() and time.monotonic() < end:
            turn.give_way()

    assert other_ran.is_set()
    assert SLICE < 0.1  # others wait for a slice


class Waiting:
    """A bucket whose answers arrive only after four requests wait for them at once."""

    label = "waiting"

    def __init__(self) -> None:
        self._together = threading.Barrier(4)
        self.meter = Meter()

    def list_page(self, bucket: str, prefix: str, **_: object) -> ListPage:
        self._together.wait(PATIENCE)
        key = f"{prefix}x.nwb"

        def read(index: int) -> StoredObject:
            self.meter.pass_through()
            return StoredObject(key)

        return ListPage([key], [], read=read)


def test_listings_wait_at_the_same_time_and_compute_one_by_one() -> None:
    lister = Waiting()
    assets = [DataAsset(f"r{n}", f"a{n}", f"s3://bucket-{n}/a{n}") for n in range(8)]

    located = locate_files(assets, lister, ".nwb", threads=4)

    assert len(located.located) == 8
    assert lister.meter.most == 1
