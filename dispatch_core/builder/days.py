"""The days that a date condition means, from its texts as typed.

A condition has one text (a day), two ("between"), or three ("in the last": a number, a
unit, and the day from which it counts back). That day is kept, so that a saved query finds
the same records on any later day; the form can count from today again.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from datetime import MAXYEAR, date, timedelta
from typing import Final, Literal, get_args

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.date_layouts import Span, next_day
from dispatch_core.text.dates import DateReader

DateCondition = Literal["on", "on or after", "on or before", "before", "between", "in the last"]
DATE_CONDITIONS: Final[tuple[DateCondition, ...]] = get_args(DateCondition)

UNITS: Final = ("days", "weeks", "months", "years")

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH: Final = re.compile(r"[0-9]{4}[-/][0-9]{2}")
_LAST: Final = f"{MAXYEAR - 1}-12-31"


def span_of(condition: DateCondition, texts: Sequence[str]) -> Span:
    """The days of a condition: the first one, and the day after the last one.

    "on or before 2025-05-28" ends before 2025-05-29, so that 23:59 of that day is in it.

    Raises
    ------
    InvalidInput
        If a text is missing or not a day, or the range ends before it starts.
    """
    if condition == "in the last":
        return _last(*texts)
    if condition == "between":
        return _between(texts)
    day = parse_day(texts[0] if texts else "")
    if condition == "on or after":
        return day, None
    if condition == "before":
        return None, day
    return (day if condition == "on" else None), next_day(day)


def _between(texts: Sequence[str]) -> Span:
    first, last = (parse_day(text) for text in (*texts, "", "")[:2])
    if last < first:
        what = f"the range ends before it starts: {first} to {last}"
        raise InvalidInput(Issue(what, "", "Exchange the two days"))
    return first, next_day(last)


def _last(number: str, unit: str, counted_from: str) -> Span:
    """From as long before the day `counted_from` to the end of that day."""
    last = parse_day(counted_from)
    if not re.fullmatch("[1-9][0-9]*", number.strip()):
        what = f"{number.strip()!r} is not a number of {unit}" if number.strip() else ""
        raise InvalidInput(
            Issue(what or f"the number of {unit} is missing", "", "Write it as in 30")
        )
    try:
        return _earlier(last, int(number), unit), next_day(last)
    except (OverflowError, ValueError) as error:
        what = f"{number.strip()} {unit} before {last} is before the year 1"
        raise InvalidInput(Issue(what, "", "Write a smaller number")) from error


def _earlier(day: date, number: int, unit: str) -> date:
    """The same day some months or years before, or the last day of a shorter month."""
    if unit in ("days", "weeks"):
        return day - timedelta(days=number * (7 if unit == "weeks" else 1))
    months = day.year * 12 + day.month - 1 - number * (12 if unit == "years" else 1)
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def parse_day(text: str) -> date:
    """The day that `text` writes as year-month-day; `InvalidInput` for any other text."""
    plain = text.strip()
    if not plain:
        raise InvalidInput(Issue("the day is missing", "", "Write it as in 2025-05-28"))
    if not _DAY.fullmatch(plain):
        raise InvalidInput(_not_a_day(plain))
    if plain > _LAST:
        raise InvalidInput(Issue(f"{plain} is too late", "", f"Write a day up to {_LAST}"))
    try:
        return date.fromisoformat(plain)
    except ValueError:
        raise InvalidInput(_does_not_exist(plain)) from None


def _does_not_exist(text: str) -> Issue:
    year, month, _ = map(int, text.split("-"))
    if not 1 <= month <= 12:
        return Issue(f"{text} does not exist: a month is 01 to 12", "", "Write year-month-day")
    if not year:
        return Issue(f"{text} does not exist: years start at 0001", "", "Write year-month-day")
    days = calendar.monthrange(year, month)[1]
    what = f"{text} does not exist: {calendar.month_name[month]} {year} has {days} days"
    return Issue(what, "", "Correct the day")


def _not_a_day(text: str) -> Issue:
    """What is wrong with a text of another layout, with the days that it can mean."""
    moments = () if _MONTH.fullmatch(text) else DateReader().possible(text)
    days = list(dict.fromkeys(str(one.at.date()) for one in moments))
    if len(days) > 1:
        meanings = " or ".join(days)
        return Issue(f"{text!r} can mean {meanings}", "", "Write the one that you mean")
    what = f"{text!r} is not a day written as year-month-day"
    return Issue(what, "", f"Write {days[0]}" if days else "Write it as in 2025-05-28")
