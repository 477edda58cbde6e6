"""A date bound that is compared as text with dates of another layout.

``{"created": {"$gte": "05/28/2025"}}`` matches every record that writes 2025-05-28, and
with ``$lte`` none. Nothing else reports that: the first one finds too much.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from dispatch_core.builder.conditions import item_at, replaced_at
from dispatch_core.builder.days import parse_day
from dispatch_core.errors import InvalidInput
from dispatch_core.insight.asking import Advice, Asking, Suggestion, shown
from dispatch_core.language.match import is_operator_document
from dispatch_core.language.paths import value_at
from dispatch_core.text.date_layouts import LAYOUTS, next_day, today
from dispatch_core.text.dates import DateReader, Moment, read
from dispatch_core.types import Filter, JsonPath, JsonValue

_BOUNDS: Final = frozenset(("$gt", "$gte", "$lt", "$lte"))
_SAMPLED: Final = 200
_PADDED: Final = re.compile(r"(?:(?:19|20)\d\d|\d{4}-\d\d(?:-\d\d(?:([T ])\d.*)?)?)-?")
_DAY_BEFORE_MONTH: Final = re.compile(r"(\d{4})-(1[3-9]|2\d|3[01])-(\d\d)(.*)", re.DOTALL)
_CALL: Final = re.compile(
    r"(?i)(?:new\s+)?(?:ISODate|Date|Timestamp|datetime|to_datetime|date|[a-z.]*datetime[a-z.]*)"
    r"\s*\(\s*(.*?)\s*\)?"
)
_AGO: Final = re.compile(r"(\d+|an?|one)? ?(day|week|month|year)s? ago")
_MONTH_YEAR: Final = re.compile(
    r"(?:(?P<m>\d\d?)[/.-])(?P<y>\d{4})|(?P<y2>\d{4})[/.-](?P<m2>\d\d?)"
)
_NAMED_MONTH: Final = re.compile(r"(?P<name>[A-Za-z]{3,9})\.?,? (?P<y>\d{4})")
_DAYS: Final = {"day": 1, "week": 7, "month": 30, "year": 365}
_WORDS: Final = {"now": 0, "today": 0, "yesterday": 1, "tomorrow": -1}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a field writes its dates: an example, ``T`` or a blank, and how to read others."""

    example: str
    separator: str
    reader: DateReader


def is_date_condition(asking: Asking) -> bool:
    """Whether it is a date condition as the form writes it, for a layout that the field has.

    It may be one branch of several: numbers are then right beside texts.
    """
    operand = asking.condition.operand
    if not isinstance(operand, dict) or not operand.keys() <= {"$gte", "$lt", "$regex"}:
        return False
    layouts = [one for one in LAYOUTS if one.span_of(operand) is not None]
    return any(asking.has_match({asking.path: one.operators((None, None))}) for one in layouts)


def date_advice(asking: Asking) -> Advice | None:
    """Advice on bounds that are not written as most dates of the field are."""
    known = asking.known
    return bounds_advice(asking) if known is not None and "string" in known.types else None


def has_odd_bounds(operand: JsonValue) -> bool:
    """Whether an operand has a bound that may be a date, and is not one of ISO 8601.

    A number may be one from ten digits on, as seconds since 1970.
    """
    bounds = (bound for _, bound in _bounds(operand, ()) if _may_be_odd(bound))
    return any(isinstance(one, str) or abs(one) >= 10**9 for one in bounds)


def bounds_advice(asking: Asking) -> Advice | None:
    """The same of a field that is not known; it has dates if its records say so."""
    operand = asking.condition.operand
    if not is_operator_document(operand):
        return None
    bounds = {place: one for place, one in _bounds(operand, ()) if _may_be_odd(one)}
    layout = layout_of(asking) if bounds else None
    if layout is None:
        return None
    odd = {place: one for place, one in bounds.items() if not fits(one, layout)}
    if not odd:
        return None
    suggestions = tuple(_suggestions(asking, operand, odd, layout))
    if all(_is_iso(one) for one in odd.values()):  # only a blank for the T, or the reverse
        suggestions = tuple(one for one in suggestions if _changes(asking, one))
        if not suggestions:
            return None
    return Advice("date", asking.path, _message(asking, odd, layout), suggestions)


def _bounds(operand: JsonValue, at: JsonPath) -> Iterator[tuple[JsonPath, JsonValue]]:
    """The bounds of a condition with their places in it, also those under ``$not``."""
    for name, argument in operand.items() if isinstance(operand, dict) else ():
        if name in _BOUNDS:
            yield (*at, name), argument
        elif name == "$not":
            yield from _bounds(argument, (*at, name))


def _may_be_odd(bound: JsonValue) -> bool:
    """Whether `bound` is anything but a day, month or year of ISO 8601."""
    if isinstance(bound, bool) or not isinstance(bound, str | int | float):
        return False
    found = _PADDED.fullmatch(bound) if isinstance(bound, str) else None
    return found is None or bool(found[1]) or not _is_iso(bound)


def _is_iso(bound: JsonValue) -> bool:
    """Whether `bound` is written as ISO 8601, with the month before the day."""
    is_text = isinstance(bound, str) and bool(_PADDED.fullmatch(bound))
    return is_text and not _DAY_BEFORE_MONTH.fullmatch(str(bound))


def _changes(asking: Asking, suggestion: Suggestion) -> bool:
    """Whether the suggested filter matches another number of records than the given one."""
    changed = item_at(suggestion.query, asking.place)
    return asking.source.count(changed) != asking.source.count(asking.filter_query)


def fits(bound: JsonValue, layout: Layout) -> bool:
    """Whether `bound` is written as the dates of the field are, or as the beginning of one."""
    found = _PADDED.fullmatch(bound) if isinstance(bound, str) else None
    return found is not None and found[1] in (None, layout.separator) and _is_iso(bound)


def layout_of(asking: Asking) -> Layout | None:
    """The layout of most of the field's dates, or None if it has no ISO dates."""
    texts = list(texts_of(asking, asking.path, _SAMPLED))
    iso = [text for text in texts if _PADDED.fullmatch(text) and len(text) >= 10]
    if len(iso) * 2 <= len(texts):
        return None
    separators = Counter(text[10:11] or "T" for text in iso)
    separator = separators.most_common(1)[0][0]
    return Layout(iso[0], separator, read(texts))


def texts_of(asking: Asking, path: str, most: int) -> Iterator[str]:
    """The texts at `path` in the first records that have one."""
    rows = asking.source.aggregate(
        [{"$match": {path: {"$type": "string"}}}, {"$limit": most}, {"$project": {path: 1}}]
    )
    for row in rows:
        yield from flat_texts(value_at(row, path))


def flat_texts(value: Any) -> Iterator[str]:
    """`value` if it is a text, and the texts of a list at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from flat_texts(item)


def _message(asking: Asking, odd: dict[JsonPath, JsonValue], layout: Layout) -> str:
    bounds = " and ".join(shown(one) for one in odd.values())
    count = asking.count(asking.condition.operand)
    matched = {0: "no record matches", 1: "1 record matches"}.get(count, f"{count:,} records match")
    if any(not isinstance(one, str) for one in odd.values()):
        how = "a number is never compared with a text"
    else:
        how = "it is compared with them as text"
    return f"{asking.path} has dates such as {layout.example}, not {bounds}: {how}; {matched}"


def _suggestions(
    asking: Asking, operand: dict[str, JsonValue], odd: dict[JsonPath, JsonValue], layout: Layout
) -> Iterator[Suggestion]:
    """The bounds in the field's layout; two suggestions if day and month can be swapped."""
    readings = {
        place: readings_of(one, layout.reader, layout.separator) for place, one in odd.items()
    }
    if not all(readings.values()):
        return
    most = max(len(one) for one in readings.values())
    plain: list[tuple[str, JsonValue]] = []
    for number in range(most):
        changed, dates = operand, []
        for place, found in readings.items():
            dates.append(found[min(number, len(found) - 1)])
            changed = replaced_at(changed, place, dates[-1])
        plain.append((" and ".join(dates), changed))
    whole = [
        (f"{label}, the whole day", ended)
        for label, one in plain
        if (ended := _to_the_end(one)) != one and asking.count(ended) != asking.count(one)
    ]
    yield from asking.matching([*plain, *whole])


def _to_the_end(operand: JsonValue) -> JsonValue:
    """`operand` with the end of the day where a bound is a day: as text, 10:30 is after it."""
    if not isinstance(operand, dict):
        return operand
    changed: Filter = {}
    for name, bound in operand.items():
        day = _day_of(bound) if name in ("$lte", "$gt") else None
        after = {"$lt" if name == "$lte" else "$gte": str(next_day(day))} if day else {}
        changed |= {name: bound} if not after or after.keys() & operand.keys() else after
    return changed


def _day_of(bound: JsonValue) -> date | None:
    try:
        return parse_day(bound) if isinstance(bound, str) else None
    except InvalidInput:
        return None


def readings_of(bound: JsonValue, reader: DateReader, separator: str = "T") -> list[str]:
    """Every date that `bound` can mean, as ISO 8601, the most likely first."""
    if isinstance(bound, str):
        bound = _month_first(_inside_call(bound.strip().strip("\"'")))
        if _PADDED.fullmatch(bound):
            return [bound[:10] + bound[10:].replace("T", separator).replace(" ", separator)]
    plain = _partial_date(str(bound)) or _relative(str(bound).lower())
    if plain:
        return [plain]
    moments = reader.possible(bound) or DateReader().possible(bound)
    return [_text_of(one, separator) for one in moments]


def _month_first(text: str) -> str:
    """``2025-28-05`` as ``2025-05-28``; any other text itself."""
    found = _DAY_BEFORE_MONTH.fullmatch(text)
    if not found or not 1 <= int(found[3]) <= 12:
        return text
    year, day, month, rest = found.groups()
    return f"{year}-{month}-{day}{rest}"


def _inside_call(text: str) -> str:
    """The argument of ``ISODate("..")``, ``datetime(2025, 5, 28)``; else the text itself."""
    found = _CALL.fullmatch(text)
    if not found:
        return text
    inner = found[1].split(", tz")[0].strip("\"' ")
    numbers = [int(one) for one in re.findall(r"\d+", inner)]
    if re.fullmatch(r"[\d ,]+", inner) and 3 <= len(numbers) <= 7:
        return _of_numbers(numbers, is_javascript=text.lower().startswith("new"))
    return inner


def _of_numbers(numbers: list[int], *, is_javascript: bool) -> str:
    """The date of ``datetime(2025, 5, 28, 10, 30)``; JavaScript counts months from 0."""
    year, month, day, hour, minute, second = (*numbers, 0, 0, 0)[:6]
    try:
        at = datetime(year, month + is_javascript, day, hour, minute, second)
    except ValueError:
        return ""
    return at.isoformat() if len(numbers) > 3 else str(at.date())


def _partial_date(text: str) -> str:
    """A year or a month as ISO 8601: ``2025``, ``2025-05`` for May 2025 and 05/2025."""
    if re.fullmatch(r"(?:19|20)\d\d(?:\.0)?", text):
        return text[:4]
    found = _MONTH_YEAR.fullmatch(text)
    if found:
        year, month = found["y"] or found["y2"], int(found["m"] or found["m2"])
        return f"{year}-{month:02}" if 1 <= month <= 12 else ""
    named = _NAMED_MONTH.fullmatch(text)
    first = read(()).moment(f"1 {named['name']} {named['y']}") if named else None
    return f"{first.at:%Y-%m}" if first else ""


def _relative(text: str) -> str:
    """``yesterday``, ``last week``, ``3 days ago`` as a day, counted from today in UTC."""
    text = " ".join(text.replace("_", " ").split()).removesuffix("()")
    text = re.sub(r"^(?:the )?(?:last|past|previous) (\d* ?[a-z]+)$", r"\1 ago", text)
    days = _WORDS.get(text)
    found = _AGO.fullmatch(text)
    if found:
        number = int(found[1]) if (found[1] or "").isdecimal() else 1
        days = min(number * _DAYS[found[2]], 100_000)
    return "" if days is None else str(today() - timedelta(days=days))


def _text_of(moment: Moment, separator: str) -> str:
    if not moment.has_clock:
        return moment.iso
    at = moment.at
    with suppress(OverflowError):  # the last day of the year 9999 is not in UTC
        at = at.astimezone(UTC)
    return at.replace(tzinfo=None).isoformat(separator, "seconds")
