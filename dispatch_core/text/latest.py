"""Which of several values of one field is the latest, if that is certain.

Values are compared as dates, as numbers or as numbered texts, whichever reads all of them.
If none does, or if the field has dates, the first that reads any is used, and the other
values are not comparable.
In numbered texts, such as versions and names, numbers count as numbers: 1.10 is later
than 1.9, and 2.0-rc1 is earlier than 2.0. Texts that differ in their words have no order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from dispatch_core.text.dates import DateReader


@dataclass(frozen=True, slots=True)
class Latest:
    """The result of a comparison; values are named by their index.

    Attributes
    ----------
    best
        The latest value, the last one of equals; None if it is not certain.
    earlier
        Index of each value that is not the latest -> index of one that is not earlier.
    uncertain
        Index of each value that has no certain order -> why: "which is not a date".
    """

    best: int | None
    earlier: Mapping[int, int] = field(default_factory=dict)
    uncertain: Mapping[int, str] = field(default_factory=dict)


_MOST_TOPS: Final = 50

_Bounds: TypeAlias = tuple[Any, Any]
"""The least and the greatest that a value can mean; equal if it has one meaning."""


def latest_of(values: Sequence[Any], reader: DateReader, *, are_dates: bool = False) -> Latest:
    """The latest of `values`; of a list, its latest item counts.

    A missing value (None, NaN, an empty text or list) is earlier than any other.

    Parameters
    ----------
    reader
        The reader of the whole field, which may have more values than these.
    are_dates
        Plain numbers are times. If this is not known and numbers have another order than
        the times that they can mean, the latest is not certain.
    """
    if len(values) == 1:
        return Latest(0)
    items = {index: own for index, value in enumerate(values) if (own := list(_items(value)))}
    if not items:
        return Latest(None, {}, dict.fromkeys(range(len(values)), "as in the others"))
    readings = _readings(items, reader, are_dates)
    latest = [_latest_in(what, bounds, len(values), items) for what, bounds in readings]
    best = {one.best for one in latest}
    return latest[0] if len(best) == 1 else _of_two_kinds(latest, best)


def _of_two_kinds(latest: Sequence[Latest], best: Collection[int | None]) -> Latest:
    """The latest if each kind has another: none, and they are uncertain."""
    why = dict.fromkeys((one for one in best if one is not None), "which can be a number or a time")
    uncertain = {**why, **latest[0].uncertain}
    earlier = {index: later for index, later in latest[0].earlier.items() if index not in uncertain}
    return Latest(None, earlier, uncertain)


def _latest_in(
    what: str, bounds: Mapping[int, _Bounds], count: int, present: Collection[int]
) -> Latest:
    """The latest if the values are what `bounds` says."""
    uncertain = {index: f"which is not a {what}" for index in present if index not in bounds}
    tops = _tops(bounds)
    best = _best(bounds, tops)
    earlier: dict[int, int] = {}
    for index in range(count):
        if index == best or index in uncertain:
            continue
        later = best if best is not None else _later(index, bounds, tops or list(present))
        if later is None:
            uncertain[index] = _meanings(*bounds[index])
        else:
            earlier[index] = later
    return Latest(best, earlier, uncertain)


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _items(item)
    elif not (value is None or value == "" or (isinstance(value, float) and math.isnan(value))):
        yield value


def _readings(
    items: Mapping[int, list[Any]], reader: DateReader, are_dates: bool
) -> list[tuple[str, dict[int, _Bounds]]]:
    """What the values can be, with the bounds of those that can be read as it.

    Two kinds only for numbers that can be times; otherwise one.
    """
    kinds: dict[str, Callable[[Any], _Bounds | None]] = {
        "date": lambda value: _date_bounds(value, reader),
        "number": _number_bounds,
        "text with a number": _text_bounds,
    }
    readings = [(what, _bounds_of(items, read)) for what, read in kinds.items()]
    if readings[0][1] and (are_dates or reader.has_dates):
        return readings[:1]
    complete = [one for one in readings if len(one[1]) == len(items)]
    partly = [one for one in readings if one[1]]
    both = [one for one in complete if one[0] != "text with a number"]
    return both or (complete or partly or readings)[:1]


def _bounds_of(
    items: Mapping[int, list[Any]], read: Callable[[Any], _Bounds | None]
) -> dict[int, _Bounds]:
    """The bounds of the values of which every item can be read."""
    bounds: dict[int, _Bounds] = {}
    for index, own in items.items():
        readings = [found for item in own if (found := read(item)) is not None]
        if len(readings) == len(own):
            low, high = (_greatest(ends) for ends in zip(*readings, strict=True))
            if low is not None:
                bounds[index] = (low, high)
    return bounds


def _greatest(values: Sequence[Any]) -> Any:
    """The first value that none is above; None if some of them have no order."""
    return next((one for one in values if all(one >= other for other in values)), None)


def _date_bounds(value: Any, reader: DateReader) -> _Bounds | None:
    possible = reader.possible(value)
    return (possible[0], possible[-1]) if possible else None


_WITH_EXPONENT: Final = re.compile(r"[+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?[eE][+-]?[0-9]{1,3}")


def _number_bounds(value: Any) -> _Bounds | None:
    if isinstance(value, str) and re.fullmatch("[+-]?[0-9]{1,1000}", value.strip()):
        value = int(value)
    elif isinstance(value, str) and _WITH_EXPONENT.fullmatch(value.strip()):
        value = float(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (value, value) if is_number and math.isfinite(value) else None


def _text_bounds(value: Any) -> _Bounds | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = _Numbered(value if isinstance(value, str) else repr(value))
    return (text, text) if any(isinstance(part, int) for part in text.parts) else None


def _tops(bounds: Mapping[int, _Bounds]) -> list[int]:
    """The values that none is later than, without equals; more than one for texts only.

    Of many texts without an order, only the last `_MOST_TOPS` are returned.
    """
    tops: list[int] = []
    for index, (low, _) in bounds.items():
        if not any(bounds[top][0] >= low for top in tops):
            tops = [*(top for top in tops if not bounds[top][0] < low), index][-_MOST_TOPS:]
    return tops


def _best(bounds: Mapping[int, _Bounds], tops: Sequence[int]) -> int | None:
    """The value that is not earlier than any other; the last one of equals."""
    if len(tops) != 1:
        return None
    least = bounds[tops[0]][0]
    equals = [index for index, (low, _) in bounds.items() if low >= least]
    best = equals[0]
    for index in equals:
        best = index if bounds[index][1] >= bounds[best][1] else best
    others = (high for index, (_, high) in bounds.items() if index != best)
    return best if all(bounds[best][0] >= high for high in others) else None


def _later(index: int, bounds: Mapping[int, _Bounds], tops: Sequence[int]) -> int | None:
    """A value that is certainly later; for a missing value any, None for a value that has none."""
    if index not in bounds:
        return tops[0]
    return next((top for top in tops if bounds[index][1] < bounds[top][0]), None)


def _meanings(low: Any, high: Any) -> str:
    if low != high:
        return f"which can mean {low.iso} or {high.iso}"
    return "and the order with the others is not certain"


# Numbered texts

_PRE_RELEASES: Final = {
    "dev": 0,
    "nightly": 0,
    "snapshot": 0,
    "alpha": 1,
    "beta": 2,
} | dict.fromkeys(("rc", "pre", "preview"), 3)
_SHORT: Final = {"a": 1, "b": 2, "c": 3}
"""Pre-releases only before a number: 1.0a1 is earlier than 1.0, and 3a is not earlier than 3."""


_Parts: TypeAlias = tuple[int | str, ...]

_MONTHS: Final = frozenset(
    "jan ene gen feb fév fev mar mär mrz apr abr avr may mai mei mag maj jun jui giu jul lug aug"
    " ago aoû aou sep set oct okt ott out nov dec dez dic déc".split()
)
"""How the names of months begin in English and its neighbours."""


def _from_a_year(parts: _Parts) -> _Parts:
    """The numbers from the first one that can be a year on."""
    numbers = [one for one in parts if isinstance(one, int)]
    return next((tuple(numbers[at:]) for at, one in enumerate(numbers) if 1900 <= one < 2100), ())


def _months(parts: _Parts) -> _Parts:
    """The words that begin as the name of a month."""
    words = (word for one in parts if isinstance(one, str) for word in re.findall(r"[^\W_]+", one))
    return tuple(word for word in words if word[:3] in _MONTHS)


def _after_a_slash(parts: _Parts) -> _Parts:
    """What follows a slash, or a dot in a text that ends with one, as in 28.10."""
    is_day = parts[:1] == ("/",) or (parts[:1] == (".",) and parts[-1] == ".")
    return parts[1:] if is_day else ()


_PARTS_OF_DATES: Final = (_from_a_year, _months, _after_a_slash)


class _Numbered:
    """A text as words and numbers. The order is partial: texts with other words have none."""

    def __init__(self, text: str) -> None:
        plain = re.sub("^v(?=[0-9])", "", " ".join(text.casefold().split()))
        runs = re.findall("[0-9]{1,1000}|[^0-9]+", plain)
        self.parts = [int(run) if run[0] in "0123456789" else run for run in runs]

    def __lt__(self, other: _Numbered) -> bool:
        return (self._compared(other) or 0) < 0

    def __ge__(self, other: _Numbered) -> bool:
        compared = self._compared(other)
        return compared is not None and compared >= 0

    def _compared(self, other: _Numbered) -> int | None:
        """Below, at or above 0 as this text is before, at or after `other`; None without order."""
        common = 0
        for mine, its in zip(self.parts, other.parts, strict=False):
            if mine != its:
                return self._at_difference(other, common)
            common += 1
        longer = len(self.parts) - len(other.parts)
        if longer == 0:
            return 0
        rest = (self if longer > 0 else other)._pre_release(common)
        return longer if rest is None else -longer

    def _at_difference(self, other: _Numbered, at: int) -> int | None:
        mine, its = self.parts[at], other.parts[at]
        if isinstance(mine, int) and isinstance(its, int):
            return None if self._may_be_dates(other, at) else mine - its
        if at == 0:
            return None
        ranks = [one._rank(at) for one in (self, other)]
        if ranks[0] is None or ranks[1] is None or ranks[0] == ranks[1]:
            return None
        return ranks[0] - ranks[1]

    def _may_be_dates(self, other: _Numbered, at: int) -> bool:
        """Whether numbers that differ may be days or months, with more after them that decides.

        A year, the name of a month, or another number after a slash: ``10/2021`` is before
        ``9/2022``, and ``28. Oktober`` before ``1. Dezember``.
        """
        mine, its = tuple(self.parts[at + 1 :]), tuple(other.parts[at + 1 :])
        found = ((rule(mine), rule(its)) for rule in _PARTS_OF_DATES)
        return any(one and another and one != another for one, another in found)

    def _rank(self, at: int) -> int | None:
        """The rank of a part after a number: a pre-release, or a mark such as a dot after all."""
        rank = self._pre_release(at)
        has_word = any(character.isalpha() for character in str(self.parts[at]))
        return len(_PRE_RELEASES) if rank is None and not has_word else rank

    def _pre_release(self, at: int) -> int | None:
        """The rank of the pre-release that this part names, if it names one after a number."""
        part = self.parts[at]
        if at == 0 or not isinstance(part, str):
            return None
        word = part.strip(" .-_+")
        return _PRE_RELEASES.get(word, _SHORT.get(word) if self.parts[at + 1 :] else None)
