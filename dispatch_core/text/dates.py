"""Dates as records write them, read without guessing.

`read` looks at all values of one field and gives a `DateReader`. A value that can mean
two days, such as ``9/5/2022``, is read only if the field decides: ``9/28/2022`` in the
same field puts the month first. Otherwise every possible reading is returned and the
caller names the asset.

Understood are ISO 8601 (extended, basic, with a space, an underscore or ``T``, any number
of digits in the fraction), dates with month names as in mail or in `ctime`, numeric dates
separated by ``/``, ``-`` or ``.``, seconds, milliseconds, microseconds and nanoseconds
since 1970 as numbers or as text, and ``{"$date": ..}``.

Three conventions hold: a time without an offset is UTC, a day counts from its start, and
a year of two digits is between 1969 and 2068.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import MAXYEAR, UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, TypeAlias


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A point in time, to the nanosecond; moments compare in order of time.

    ``nanoseconds`` are those that ``at`` cannot hold (0 to 999). ``has_clock`` is unset for
    a day without a time, ``has_offset`` for a time that does not say its offset from UTC.
    """

    at: datetime
    nanoseconds: int = 0
    has_clock: bool = field(default=True, compare=False)
    has_offset: bool = field(default=True, compare=False)

    @property
    def iso(self) -> str:
        """The moment as ISO 8601 text: ``2022-09-28``, ``2022-09-28T14:31:00+00:00``."""
        return self.at.isoformat() if self.has_clock else self.at.date().isoformat()


LONGEST: Final = 100
"""The most characters of a date; a longer text is prose."""


def convention_between(one: Moment, other: Moment) -> str:
    """The convention that decided which of two moments is later, or ``""``.

    "a day counts from its start", or "a time without an offset is UTC".
    """
    apart = abs(one.at - other.at)
    if one.has_clock != other.has_clock and apart < timedelta(hours=24):
        return "a day counts from its start"
    if one.has_offset != other.has_offset and apart <= _GREATEST_OFFSET:
        return "a time without an offset is UTC"
    return ""


_GREATEST_OFFSET: Final = timedelta(hours=14)

_Layouts: TypeAlias = Mapping[str, Moment]
"""Layout ("month first", "milliseconds") -> what a value means in it."""


@dataclass(frozen=True, slots=True)
class _Readings:
    """All meanings of one value. Values of one ``family`` are written in the same layout.

    ``is_plain`` is set if the value may also be a number or a version (``2022.1.2``).
    """

    family: str = ""
    is_plain: bool = False
    layouts: _Layouts = field(default_factory=dict)


@dataclass(frozen=True)
class DateReader:
    """Reads the values of one field; make it with `read`.

    ``decided`` has, for each family of undecided values ("numbers separated by /"), the
    layouts in which all values of the field can be read. ``has_dates`` is set if any value
    is a date for sure, and not a number or a version that can also be a date.
    """

    decided: Mapping[str, frozenset[str]] = field(default_factory=dict)
    has_dates: bool = False

    def possible(self, value: Any) -> tuple[Moment, ...]:
        """Every moment that `value` can mean, in order of time; none if it is not a date."""
        readings = _readings(value)
        allowed = self.decided.get(readings.family, readings.layouts.keys())
        return tuple(sorted({one for name, one in readings.layouts.items() if name in allowed}))

    def moment(self, value: Any) -> Moment | None:
        """The only moment that `value` can mean; None if there is none or more than one."""
        possible = self.possible(value)
        return possible[0] if len(possible) == 1 else None


def read(values: Iterable[Any]) -> DateReader:
    """The reader of a field that has these `values`; lists count as their items.

    A layout holds for a family of values if every value of the family can be read in it.
    If no layout is left (``9/28/2022`` and ``28/9/2022`` in one field), the values
    contradict each other, and each keeps all its readings.
    """
    decided: dict[str, frozenset[str]] = {}
    has_dates = False
    for value in flat(values):
        readings = _readings(value)
        has_dates = has_dates or bool(readings.layouts and not readings.is_plain)
        if readings.layouts and readings.family:
            names = decided.get(readings.family, frozenset(readings.layouts))
            decided[readings.family] = names & readings.layouts.keys()
    kept = {family: names for family, names in decided.items() if names}
    return DateReader(kept, has_dates)


def moment_of(value: Any) -> Moment | None:
    """The only moment that `value` can mean by itself: ``9/28/2022`` but not ``9/5/2022``."""
    return DateReader().moment(value)


def flat(values: Iterable[Any]) -> Iterator[Any]:
    """The values, with the items of lists at any depth in their place."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from flat(value)
        else:
            yield value


# One value


def _readings(value: Any) -> _Readings:
    if isinstance(value, str):
        if len(value) > LONGEST:
            return _Readings()
        common = _common_iso(value)
        return _text_readings(value) if common is None else _sure(common)
    if isinstance(value, bool):
        return _Readings()
    if isinstance(value, int | float):
        return _number_readings(value)
    if isinstance(value, datetime):
        has_offset = value.tzinfo is not None
        return _sure(
            Moment(value if has_offset else value.replace(tzinfo=UTC), 0, True, has_offset)
        )
    if isinstance(value, date):
        return _sure(_day(value.year, value.month, value.day))
    return _extended(value) if isinstance(value, dict) and len(value) == 1 else _Readings()


def _extended(value: Mapping[str, Any]) -> _Readings:
    """Extended JSON; the number of a ``$date`` is always milliseconds."""
    ((key, inner),) = value.items()
    if key in ("$numberLong", "$numberInt", "$numberDouble", "$numberDecimal"):
        return _readings(inner)
    if key != "$date":
        return _Readings()
    if isinstance(inner, dict):
        inner = inner.get("$numberLong")
    number = _decimal(inner)
    return _readings(inner) if number is None else _sure(_since_1970(number, 1_000))


def _sure(moment: Moment | None) -> _Readings:
    return _Readings() if moment is None else _Readings(layouts={"": moment})


def _common_iso(text: str) -> Moment | None:
    """The moment of the layouts that most records have, 20 times as fast as a pattern."""
    if text[4:5] != "-" or text[10:11] not in _BEFORE_CLOCK or text[26:27] not in _AFTER_MICRO:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if at.tzinfo:
        return Moment(at)
    return Moment(at.replace(tzinfo=UTC), has_clock=len(text) > 10, has_offset=False)


_BEFORE_CLOCK: Final = ("", "T", " ")
_AFTER_MICRO: Final = ("", "Z", "+", "-")
"""What may follow six digits of a fraction; `fromisoformat` would cut a seventh off."""


@lru_cache(maxsize=65_536)
def _text_readings(text: str) -> _Readings:
    plain = " ".join(text.split()).replace("\u2212", "-")
    number = _decimal(plain)
    if number is not None:
        return _number_readings(number)
    plain = _WEEKDAY.sub("", plain)
    note = _NOTES.search(plain)
    if note is not None:
        plain = plain[: note.start()]
        if ":" in plain and not _OFFSET.search(plain):
            return _Readings()  # the note may name the zone of the time
    for pattern, meaning in _PATTERNS:
        found = pattern.fullmatch(plain)
        if found:
            return meaning(found)
    return _Readings()


# Numbers

UNITS: Final = {
    "seconds": (1, 10**8, 10**10),
    "milliseconds": (10**3, 10**11, 10**13),
    "microseconds": (10**6, 10**14, 10**16),
    "nanoseconds": (10**9, 10**17, 10**19),
}
"""Unit -> how many are a second, and the range that is between 1973 and 2286."""

_COMPACT: Final = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""Number of digits -> the date that they can be, if the year is of this or the last century."""

_PLAIN_NUMBER: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, str) and not _PLAIN_NUMBER.fullmatch(value):
        return None
    try:
        return Decimal(str(value)) if isinstance(value, str | int | float) else None
    except InvalidOperation:
        return None


def _number_readings(value: Decimal | float) -> _Readings:
    number = value if isinstance(value, Decimal) else _decimal(value)
    if number is None or not 0 < number < 10**19:
        return _Readings()
    layouts: dict[str, Moment] = {}
    for name, (a_second, least, most) in UNITS.items():
        moment = _since_1970(number, a_second) if least <= number < most else None
        if moment:
            layouts[name] = moment
    if number == int(number):
        layouts |= _compact(str(int(number)))
    return _Readings(f"{len(str(int(number)))} digits", True, layouts)


def _compact(digits: str) -> dict[str, Moment]:
    """{"compact": moment} if the digits can be a date and a time without separators."""
    layout = _COMPACT.get(len(digits))
    if layout is None or digits[:2] not in ("19", "20"):
        return {}
    try:
        at = datetime.strptime(digits, layout).replace(tzinfo=UTC)
    except ValueError:
        return {}
    return {"compact": Moment(at, has_clock=len(digits) > 8, has_offset=False)}


def _since_1970(number: Decimal, a_second: int) -> Moment | None:
    nanoseconds = int(number * (10**9 // a_second))
    micro, rest = divmod(nanoseconds, 1_000)
    try:
        return Moment(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micro), rest)
    except OverflowError:
        return None


# Texts

MONTHS: Final = (
    "january february march april may june july august september october november december".split()
)
_ZONES: Final = {"edt": -4, "est": -5, "cdt": -5, "cst": -6, "mdt": -6, "mst": -7, "pdt": -7} | {
    "pst": -8,
    "z": 0,
    "ut": 0,
    "utc": 0,
    "gmt": 0,
}
"""The names of RFC 5322 -> hours from UTC."""

_WEEKDAY = re.compile(r"(?i)^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?,? ")
_NOTES = re.compile(r" ?\([^()]*\)$|\[[A-Za-z0-9_/+-]+\]$")
"""The name of a zone after its offset: ``(PDT)``, ``[America/Los_Angeles]``."""

_OFFSET = re.compile(r"(?:(?<![AaPp])[A-Za-z]|[+-]\d\d?(?::?\d\d)?)$")
"""A time with a zone: ``10:00Z``, ``10:00 GMT``, ``10:00-07:00``; not ``10:00 pm``."""

_ZONE = r"(?:(?P<zone>[A-Za-z]{1,3})|(?:UTC|GMT)?(?P<sign>[+-])(?P<zh>\d\d?):?(?P<zm>\d\d)?)"
_CLOCK = (
    r"(?P<hour>\d\d?)(?:"
    r":(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,30}))?)?"
    r"|(?P<dash>-)(?P<minute_2>\d\d)-(?P<second_2>\d\d)"
    r"|(?P<minute_3>\d\d)(?:(?P<second_3>\d\d)(?:[.,](?P<fraction_3>\d{1,30}))?)?"
    r")?(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
    rf"(?: ?{_ZONE})?"
)
_THEN_CLOCK = rf"(?:(?:[Tt_]|,? (?:at )?){_CLOCK})?"
_MONTH = r"(?P<name>[A-Za-z]{3,9})\.?"
_THREE = r"(?P<a>\d\d?)(?P<s>[-/])(?P<b>\d\d?)(?P=s)"
_DAY = r"(?P<d>\d\d?)(?:st|nd|rd|th|\.)?"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.ASCII)


def _year_first(found: re.Match[str]) -> _Readings:
    return _sure(_at(int(found["y"]), int(found["m"]), int(found["d"]), found))


def _like_a_version(found: re.Match[str]) -> _Readings:
    return replace(_year_first(found), is_plain=found["hour"] is None)


def _week(found: re.Match[str]) -> _Readings:
    try:
        day = date.fromisocalendar(int(found["y"]), int(found["w"]), int(found["d"] or 1))
    except ValueError:
        return _Readings()
    return _sure(_at(day.year, day.month, day.day, found))


def _day_of_year(found: re.Match[str]) -> _Readings:
    day = _day(int(found["y"]), 1, 1)
    if day is None or not 1 <= int(found["n"]) <= 366 or day.at.year == MAXYEAR:
        return _Readings()
    at = day.at + timedelta(days=int(found["n"]) - 1)
    return _sure(_at(at.year, at.month, at.day, found)) if at.year == day.at.year else _Readings()


def _month_only(found: re.Match[str]) -> _Readings:
    return _sure(_day(int(found["y"]), int(found["m"]), 1))


def _with_name(found: re.Match[str]) -> _Readings:
    month = _month_number(found["name"])
    return _sure(_at(int(found["y"]), month, int(found["d"]), found)) if month else _Readings()


def _short_with_name(found: re.Match[str]) -> _Readings:
    """``28-Sep-22`` as day, month, year; then also as year, month, day, which is rare."""
    month = _month_number(found["name"])
    orders = {"day first": (found["b"], found["a"]), "year first": (found["a"], found["b"])}
    moments = {
        name: _at(_full_year(int(year), year), month, int(day), found)
        for name, (year, day) in orders.items()
        if month and len(year) == 2
    }
    kept = {name: moment for name, moment in moments.items() if moment}
    return _Readings("a month name between two numbers", False, kept if "day first" in kept else {})


def _month_number(name: str) -> int:
    """1 to 12 for an English month name or its first three letters or more, else 0."""
    fitting = [n for n, month in enumerate(MONTHS, 1) if month.startswith(name.lower())]
    return fitting[0] if len(fitting) == 1 else 0


def _three_numbers(found: re.Match[str]) -> _Readings:
    """The numbers as month, day, year and as day, month, year; short ones also year first."""
    first, second, third = int(found["a"]), int(found["b"]), int(found["c"])
    year = _full_year(third, found["c"])
    orders = {"month first": (year, first, second), "day first": (year, second, first)}
    if len(found["c"]) == 2 and len(found["a"]) == 2:
        orders["year first"] = (_full_year(first, found["a"]), second, third)
    moments = {name: _at(*numbers, found) for name, numbers in orders.items()}
    kept = {name: moment for name, moment in moments.items() if moment}
    return _Readings(f"numbers separated by {found['s']}", False, kept)


def _full_year(number: int, digits: str) -> int:
    """A year of two digits is in 1969 to 2068, as POSIX has it."""
    if len(digits) > 2:
        return number
    return number + (1900 if number >= 69 else 2000)


_PATTERNS: Final = tuple(
    (_pattern(text), meaning)
    for text, meaning in (
        (rf"(?P<y>\d{{4}})(?P<s>[-/_])(?P<m>\d\d?)(?P=s)(?P<d>\d\d?){_THEN_CLOCK}", _year_first),
        (rf"(?P<y>\d{{4}})\.(?P<m>\d\d?)\.(?P<d>\d\d?){_THEN_CLOCK}", _like_a_version),
        (rf"(?P<y>\d{{4}})(?P<m>\d\d)(?P<d>\d\d){_THEN_CLOCK}", _year_first),
        (rf"{_THREE}(?P<c>\d{{4}}|\d\d){_THEN_CLOCK}", _three_numbers),
        (rf"(?P<a>\d\d?)(?P<s>\.)(?P<b>\d\d?)\.(?P<c>\d{{4}}){_THEN_CLOCK}", _three_numbers),
        (rf"(?P<a>\d\d)(?P<s>\.)(?P<b>\d\d)\.(?P<c>\d\d){_THEN_CLOCK}", _three_numbers),
        (rf"{_DAY}[ -/]?{_MONTH}[ -/,]{{0,2}}(?P<y>\d{{4}}){_THEN_CLOCK}", _with_name),
        (rf"(?P<a>\d\d?)(?P<s>[- /]){_MONTH}(?P=s)(?P<b>\d\d){_THEN_CLOCK}", _short_with_name),
        (rf"{_MONTH}[ -]?{_DAY},?[ -](?P<y>\d{{4}}){_THEN_CLOCK}", _with_name),
        (rf"(?P<y>\d{{4}})[ -/]?{_MONTH}[ -/]?(?P<d>\d\d?){_THEN_CLOCK}", _with_name),
        (rf"{_MONTH} (?P<d>\d\d?) {_CLOCK} (?P<y>\d{{4}})", _with_name),
        (rf"(?P<y>\d{{4}})-?W(?P<w>\d\d)(?:-?(?P<d>\d))?{_THEN_CLOCK}", _week),
        (rf"(?P<y>\d{{4}})-(?P<n>\d{{3}}){_THEN_CLOCK}", _day_of_year),
        (r"(?P<y>\d{4})[-/](?P<m>\d\d)", _month_only),
    )
)


# Parts of a date


def _day(year: int, month: int, day: int) -> Moment | None:
    try:
        return Moment(datetime(year, month, day, tzinfo=UTC), has_clock=False, has_offset=False)
    except ValueError:
        return None


def _at(year: int, month: int, day: int, found: re.Match[str]) -> Moment | None:
    """That day at the time that `found` has, if any; None if one of them does not exist."""
    start = _day(year, month, day)
    if start is None or found["hour"] is None:
        return start
    clock, zone = _clock(found), _zone(found)
    if clock is None or zone is None:
        return None
    try:
        at = start.at.replace(tzinfo=zone) + clock
    except OverflowError:
        return None
    return Moment(at, _fraction(found) % 1_000, has_offset=bool(found["zone"] or found["sign"]))


def _clock(found: re.Match[str]) -> timedelta | None:
    """The time since midnight; 24:00 and the second 60 are the start of what follows."""
    hour, minute, second = (int(_part(found, name) or 0) for name in ("hour", "minute", "second"))
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"] in "pP" else 0)
    elif len(found["hour"]) < 2 and _part(found, "minute") is None:
        return None
    if minute > 59 or second > 60 or hour > 24 or (hour == 24 and (minute or second)):
        return None
    micro = _fraction(found) // 1_000
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micro)


def _part(found: re.Match[str], name: str) -> str | None:
    """A named part of the time, whichever way the parts are separated."""
    groups = found.groupdict()
    return next((groups[key] for key in (name, f"{name}_2", f"{name}_3") if groups.get(key)), None)


def _fraction(found: re.Match[str]) -> int:
    """The fraction of the second in nanoseconds; further digits are cut off."""
    return int((_part(found, "fraction") or "0").ljust(9, "0")[:9])


def _zone(found: re.Match[str]) -> timezone | None:
    """The offset from UTC, and UTC if there is none; None for an unknown name."""
    if found["sign"]:
        minutes = int(found["zh"]) * 60 + int(found["zm"] or 0)
        if int(found["zm"] or 0) > 59 or minutes >= 24 * 60:
            return None
        return timezone(timedelta(minutes=-minutes if found["sign"] == "-" else minutes))
    hours = _ZONES.get((found["zone"] or "z").lower())
    return None if hours is None else timezone(timedelta(hours=hours))
