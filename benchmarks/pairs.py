"""CPU of several ways to work, in turn in one process.

Other work on the machine, and its clock, slow each of a round alike. So the ratio within a
round says more than any of the times, and the median of a few rounds is not moved by one that
met a burst of load.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

Round = tuple[float, ...]
"""CPU in seconds, or any other cost, of each way."""


def in_turn(rounds: int, *ways: Callable[[], Any]) -> list[Round]:
    """The CPU of each way in each round, over all threads; no garbage is left from before."""
    return [tuple(map(cpu_of, ways)) for _ in range(rounds)]


def cpu_of(work: Callable[[], Any]) -> float:
    """The CPU of one call in seconds, over all threads."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def ratio(rounds: Sequence[Round], way: int = 1, to: int = 0) -> float:
    """The median, over the rounds, of the cost of one way over that of another."""
    return statistics.median(one[way] / one[to] for one in rounds)


def calibrate() -> None:
    """A fixed loop of plain Python: its CPU says how fast this machine is just now."""
    counts = dict.fromkeys(range(64), 0)
    for number in range(1_500_000):
        counts[number & 63] += number
