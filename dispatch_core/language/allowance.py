"""What one pipeline may build and go through, counted before it is built.

A server bounds a document (16 MB), the memory of a stage (100 MB) and the time of a query.
Here a value is weighed as about the bytes that it takes in Python, and as if nothing in it
were shared: a list that contains one record twice is written twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from dispatch_core.environment.limits import DEMO_MEMORY, DEMO_STEPS, DEMO_VALUE, Limit
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.pcre import Budget
from dispatch_core.types import JsonValue, Record

MAX_LEVELS: Final = 100
"""Levels of nesting of a value; the limit of MongoDB for a document."""

TOO_DEEP: Final = 1 << 62

_PLAIN, _CONTAINER, _ITEM, _FIELD = 32, 64, 8, 100
"""Bytes of a number, of an empty container, of an item in a list, of a field in a document."""
_EACH, _STEPS_EACH = 5_000, 100
"""Bytes and steps for each record that is read: a large collection has more to compute."""
_SMALL: Final = 1_000_000
"""Fields of at most this weight are added to a record without weighing it whole."""


def weight_of(value: JsonValue, most: int) -> int:
    """About the bytes of `value`, as if nothing in it were shared; it stops beyond `most`.

    A value of more than `MAX_LEVELS` levels weighs `TOO_DEEP`.
    """
    if isinstance(value, str):
        return text_weight(value)
    if not isinstance(value, dict | list):
        return _PLAIN
    total, level = 0, [value]
    for _ in range(MAX_LEVELS):
        below: list[JsonValue] = []
        for item in level:
            if isinstance(item, str):
                total += text_weight(item)
            elif isinstance(item, list):
                total += list_weight(len(item))
                if total <= most:
                    below += item
            elif isinstance(item, dict):
                total += document_weight(len(item))
                if total <= most:
                    below += item.values()
            else:
                total += _PLAIN
        if not below or total > most:
            return total
        level = below
    return TOO_DEEP


def text_weight(text: str) -> int:
    """About the bytes of a text."""
    return 56 + len(text) * (1 if text.isascii() else 4)


def list_weight(length: int) -> int:
    """About the bytes of a list of this length, without those of its items."""
    return _CONTAINER + _ITEM * length


def document_weight(length: int) -> int:
    """About the bytes of a document of this many fields, without those of its values."""
    return _CONTAINER + _FIELD * length


@dataclass(slots=True)
class Allowance:
    """What is left for one pipeline: bytes to build, items to visit, time for its patterns.

    Every method raises `InvalidInput`, which names the limit, its variable and the stage.
    """

    value_limit: int = field(default_factory=lambda: DEMO_VALUE.most)
    memory: int = field(default_factory=lambda: DEMO_MEMORY.most)
    steps: int = field(default_factory=lambda: DEMO_STEPS.most)
    patterns: Budget = field(default_factory=Budget)

    def read(self, records: Iterable[Record]) -> Iterator[Record]:
        """These records of the source; each adds to what may be built and gone through."""
        for record in records:
            self.memory += _EACH
            self.steps += _STEPS_EACH
            yield record

    def build(self, weight: int, where: str) -> None:
        """Count a value of this weight that is built now."""
        self._check(weight, where)
        self.memory -= weight
        if self.memory < 0:
            _refuse("the values that the pipeline builds take more than", DEMO_MEMORY, where)

    def fitting(self, values: Iterable[JsonValue], where: str) -> Iterator[JsonValue]:
        """These values, as long as one value can hold them all."""
        total = 0
        for value in values:
            total += weight_of(value, self.value_limit - total)
            self._check(total, where)
            yield value

    def weigh(self, values: Iterable[JsonValue], where: str) -> int:
        """The weight of these values together, at most that of one value."""
        total = 0
        for value in values:
            total += weight_of(value, self.value_limit - total)
            self._check(total, where)
        return total

    def build_list(self, values: Sequence[JsonValue], where: str) -> None:
        """Count a list of these values that is built now."""
        self.build(list_weight(len(values)) + self.weigh(values, where), where)

    def add_fields(self, record: Record, values: Sequence[JsonValue], where: str) -> None:
        """Count values that were set as fields of `record`."""
        weight = self.weigh(values, where)
        self.build(weight, where)
        if weight > _SMALL:
            self.weigh([record], where)

    def _check(self, weight: int, where: str) -> None:
        if weight >= TOO_DEEP:
            what = f"a value here is nested more than {MAX_LEVELS} levels deep"
            raise InvalidInput(Issue(what, where, "Build a flatter value"))
        if weight > self.value_limit:
            _refuse("a value here would take more than", DEMO_VALUE, where)

    def visit(self, items: int, where: str) -> None:
        """Count items of a list that are gone through."""
        self.steps -= items
        if self.steps < 0:
            _refuse("the items that the pipeline goes through are more than", DEMO_STEPS, where)

    def hold(self, records: Iterable[Record], where: str) -> Iterator[Record]:
        """These records, each counted as it is kept in memory."""
        for record in records:
            self.build(document_weight(len(record)), where)
            yield record


def _refuse(what: str, limit: Limit, where: str) -> NoReturn:
    action = (
        "Select fewer records first ($match, $limit), or build less at once; for more on the "
        f"embedded demo, {limit.remedy}"
    )
    raise InvalidInput(Issue(f"{what} {limit.text}", where, action))
