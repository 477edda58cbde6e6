"""Layouts of dates that a query can compare by day: how each writes a day, and its bounds.

A text is compared from its first character, so only a text that starts with the year, the
month and the day in a fixed width has the order of time: ``2025-05-28T10:30`` has, and
``5/28/2025`` does not. A number since 1970 has it too.

The operators of a range match values of their own layout only. Without the pattern,
``{"$gte": "2025-05-28"}`` also matches ``5/28/2022``; without the second bound, seconds are
compared with milliseconds.

A text counts on the day that it writes, whatever its offset from UTC; a number counts on its
day in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeAlias

from dispatch_core.text.dates import UNITS, DateReader
from dispatch_core.types import Filter, JsonValue

Span: TypeAlias = tuple[date | None, date | None]
"""The first day, and the day after the last one; None where the range is open."""

ISO: Final = "2025-05-28"
"""The name of the layout that most records have; every layout is named by an example."""

_DAY: Final = timedelta(days=1)
_INT64: Final = 2**63 - 1
"""The greatest whole number of a database."""

_MONTH_AND_DAY: Final = ("(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])")
_CLOCK_OR_END: Final = "(?:[Tt_, ]|$)"


@dataclass(frozen=True, slots=True)
class TextLayout:
    """A layout whose texts sort by day; ``pattern`` matches each of them and no other."""

    name: str
    pattern: str
    write: Callable[[date], str]
    day_of: Callable[[str], date | None]

    def operators(self, span: Span) -> Filter:
        """The operators that match the texts of these days."""
        start, end = span
        bounds: Filter = {"$gte": self.write(start)} if start else {}
        bounds |= {"$lt": self.write(end)} if end else {}
        return {**bounds, "$regex": self.pattern}

    def span_of(self, operators: Filter) -> Span | None:
        """The days that `operators` may have been made from; None for another layout."""
        if operators.get("$regex") != self.pattern:
            return None
        start, end = (self._day(operators.get(name)) for name in ("$gte", "$lt"))
        return start, end

    def _day(self, bound: JsonValue) -> date | None:
        return self.day_of(bound) if isinstance(bound, str) else None

    def has_shape_of(self, value: Any) -> bool:
        """Whether `value` is compared by the operators of this layout."""
        return isinstance(value, str) and re.search(self.pattern, value) is not None


@dataclass(frozen=True, slots=True)
class NumberLayout:
    """Numbers from ``least`` to below ``most``."""

    name: str
    least: int
    most: int
    number: Callable[[date], int]
    day_of: Callable[[int], date | None]

    def operators(self, span: Span) -> Filter:
        """The operators that match the numbers of these days."""
        start, end = span
        return {
            "$gte": self.write(start) if start else self.least,
            "$lt": self.write(end) if end else self.most,
        }

    def write(self, day: date) -> int:
        """The start of `day`, within the numbers of this layout."""
        return min(max(self.number(day), self.least), self.most)

    def span_of(self, operators: Filter) -> Span | None:
        """The days that `operators` may have been made from; None for another layout."""
        low, high = operators.get("$gte"), operators.get("$lt")
        if type(low) is not int or type(high) is not int:
            return None
        if not self.least <= low <= high <= self.most:
            return None
        start = None if low == self.least else self.day_of(low)
        return start, None if high == self.most else self.day_of(high)

    def has_shape_of(self, value: Any) -> bool:
        """Whether `value` is compared by the operators of this layout."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and self.least <= value < self.most


DayLayout: TypeAlias = TextLayout | NumberLayout


def _since_1970(a_second: int) -> tuple[Callable[[date], int], Callable[[int], date | None]]:
    """Day -> its start in UTC as a number, and back."""

    def number(day: date) -> int:
        return (day - date(1970, 1, 1)).days * 86_400 * a_second

    def day_of(value: int) -> date | None:
        days, rest = divmod(value, 86_400 * a_second)
        return None if rest else date(1970, 1, 1) + timedelta(days=days)

    return number, day_of


def _digits(day: date) -> int:
    return int(day.isoformat().replace("-", ""))


def _day_of_digits(value: int) -> date | None:
    return _existing(f"{value:08}", "")


def _existing(text: str, mark: str) -> date | None:
    """The day that `text` writes with `mark` between its numbers; None if there is none."""
    found = re.fullmatch(
        f"([0-9]{{4}}){re.escape(mark)}([0-9]{{2}}){re.escape(mark)}([0-9]{{2}})", text
    )
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _separated(mark: str) -> TextLayout:
    """Texts such as 2025/05/28 and 2025/05/28 10:30, with `mark` between the numbers."""
    between = "[.]" if mark == "." else mark
    after = _CLOCK_OR_END if mark else "(?:[Tt_, ]|(?:[0-9]{6})?$)"
    return TextLayout(
        ISO.replace("-", mark),
        f"^[0-9]{{4}}{between}{between.join(_MONTH_AND_DAY)}{after}",
        lambda day: day.isoformat().replace("-", mark),
        lambda text: _existing(text, mark),
    )


def _number(unit: str) -> NumberLayout:
    a_second, least, most = UNITS[unit]
    return NumberLayout(f"{unit} since 1970", least, min(most, _INT64), *_since_1970(a_second))


def _number_as_text(unit: str, length: int) -> TextLayout:
    """Texts of a fixed number of digits, because ``999`` is after ``1000`` as text."""
    number, day_of = _since_1970(UNITS[unit][0])

    def write(day: date) -> str:
        return f"{min(max(number(day), 0), 10**length - 1):0{length}}"

    return TextLayout(
        f"{unit} since 1970 as text",
        f"^[0-9]{{{length}}}(?:[.][0-9]+)?$",
        write,
        lambda text: day_of(int(text)) if re.fullmatch(f"[0-9]{{{length}}}", text) else None,
    )


LAYOUTS: Final[tuple[DayLayout, ...]] = (
    *(_separated(mark) for mark in ("-", "/", "_", ".", "")),
    _number_as_text("seconds", 10),
    _number_as_text("milliseconds", 13),
    *map(_number, UNITS),
    NumberLayout("20250528 as a number", 19_000_101, 21_000_101, _digits, _day_of_digits),
)


def layouts_named(names: Iterable[str]) -> tuple[DayLayout, ...]:
    """The layouts with these names, in the order of `LAYOUTS`."""
    wanted = set(names)
    return tuple(one for one in LAYOUTS if one.name in wanted)


def layouts_in(values: Iterable[Any], reader: DateReader) -> tuple[str, ...]:
    """The names of the layouts in which a field with these `values` can be compared by day.

    A layout with a value that can mean two days (2025052810 as seconds and as an hour) is
    not among them.
    """
    seen: dict[str, bool] = {}
    for value in values:
        for layout in LAYOUTS:
            meanings = len(reader.possible(value)) if layout.has_shape_of(value) else 0
            if meanings:
                seen[layout.name] = seen.get(layout.name, True) and meanings == 1
    return tuple(layout.name for layout in LAYOUTS if seen.get(layout.name))


def next_day(day: date) -> date:
    """The day after `day`."""
    return day + _DAY


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()
