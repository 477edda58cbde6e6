"""The bytes of each worker, by both rules of balance, as the rows of a chart."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from dispatch_core.balance.spread import Spread
from dispatch_core.text.byte_size import size_range, size_text
from dispatch_core.types import Balance

_RANGES = 12


class Bar(NamedTuple):
    """A bar of the chart: what it is about, the rule of balance, its height and that as text."""

    label: str
    rule: Balance
    height: int
    text: str


def worker_bars(spread: Spread) -> list[Bar]:
    """The bytes of each worker, worker by worker."""
    return [
        Bar(str(number), rule, load, size_text(load))
        for rule, loads in spread.by_rule.items()
        for number, load in enumerate(loads)
    ]


def range_bars(spread: Spread) -> list[Bar]:
    """How many workers have how many bytes, in up to 12 ranges of equal width, ascending.

    Ranges that read the same are one, because a chart puts equal labels in one place.
    """
    rules = spread.by_rule
    ends = _ends([load for loads in rules.values() for load in loads])
    labels = [size_range(pair) for pair in pairwise(ends)]
    counts = {
        rule: Counter(labels[_range_of(load, ends)] for load in loads)
        for rule, loads in rules.items()
    }
    return [
        Bar(label, rule, counts[rule][label], f"{counts[rule][label]:,}")
        for rule in rules
        for label in dict.fromkeys(labels)
    ]


def _ends(loads: Sequence[int]) -> list[int]:
    """The ends of the ranges from the least to the greatest load: one more than ranges."""
    least, width = min(loads), max(loads) - min(loads)
    ranges = min(_RANGES, width) or 1
    return [least + width * number // ranges for number in range(ranges + 1)]


def _range_of(load: int, ends: Sequence[int]) -> int:
    """The number of the range that has `load`; one at an end is in the range below."""
    return max(bisect_left(ends, load) - 1, 0)
