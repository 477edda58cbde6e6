"""A date in ``$in``, ``$nin`` or ``$ne`` that no record equals, because of its layout.

``{"created": {"$nin": ["05/28/2025"]}}`` excludes nothing where the records have
2025-05-28T10:30:00, and ``$in`` with a day finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dispatch_core.insight.asking import Advice, Asking, Suggestion, shown
from dispatch_core.insight.date_slips import Layout, fits, layout_of, readings_of
from dispatch_core.insight.value_slips import escape
from dispatch_core.language.match import is_operator_document
from dispatch_core.text.dates import DateReader
from dispatch_core.types import JsonValue

_MOST_VALUES = 20


def date_list_advice(asking: Asking) -> Advice | None:
    """Advice on dates that are compared as whole values and written in another layout."""
    known, found = asking.known, _members(asking.condition.operand)
    if found is None or known is None or "string" not in known.types:
        return None
    is_excluding, values = found
    layout = layout_of(asking) if any(map(_may_be_date, values)) else None
    if layout is None:
        return None
    odd = [one for one in values if _is_odd(asking, one, layout)]
    if not odd or (not is_excluding and asking.is_alternative()):
        return None
    suggestions = tuple(_suggestions(asking, values, odd, layout, is_excluding=is_excluding))
    named = " and ".join(map(shown, odd))
    effect = ", so it excludes nothing" if is_excluding else ""
    message = f"{asking.path} has dates such as {layout.example}, and none equals {named}{effect}"
    return Advice("date", asking.path, message, suggestions)


def _members(operand: JsonValue) -> tuple[bool, list[Any]] | None:
    """Whether the values of a condition are excluded, and the values; None for any other."""
    if not is_operator_document(operand) or len(operand) != 1:
        return None
    ((name, argument),) = operand.items()
    if name == "$not":
        inner = _members(argument)
        return None if inner is None else (not inner[0], inner[1])
    if name in ("$eq", "$ne"):
        return (name == "$ne", [argument])
    is_list = name in ("$in", "$nin") and isinstance(argument, list)
    return (name == "$nin", argument) if is_list and len(argument) <= _MOST_VALUES else None


def _may_be_date(value: JsonValue) -> bool:
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return is_plain and bool(readings_of(value, DateReader()))


def _is_odd(asking: Asking, value: JsonValue, layout: Layout) -> bool:
    """Whether a date is written otherwise than in the records, or without their time."""
    if not _may_be_date(value) or not readings_of(value, layout.reader, layout.separator):
        return False
    if fits(value, layout):
        is_shorter = len(str(value)) < len(layout.example)
        if not is_shorter or not asking.has_match({asking.path: _pattern([str(value)])}):
            return False
    return not asking.has_match({asking.path: {"$eq": value}})


def _suggestions(
    asking: Asking,
    values: Sequence[JsonValue],
    odd: Sequence[JsonValue],
    layout: Layout,
    *,
    is_excluding: bool,
) -> Iterator[Suggestion]:
    """The dates in the field's layout; two suggestions if day and month can be swapped."""
    readings = {shown(one): readings_of(one, layout.reader, layout.separator) for one in odd}
    for number in range(max(map(len, readings.values()))):
        dates: list[JsonValue] = []
        for one in values:
            found = readings.get(shown(one), [])
            dates.append(found[min(number, len(found) - 1)] if found else one)
        operand = _operand(asking, dates, is_excluding=is_excluding)
        label = ", ".join(map(str, dates))
        if asking.has_match({asking.path: _pattern([str(one) for one in dates])}):
            yield from asking.matching([(label, operand)])


def _operand(asking: Asking, dates: list[JsonValue], *, is_excluding: bool) -> JsonValue:
    """The dates as values if records have them so, else as what values begin with."""
    if all(asking.has_match({asking.path: {"$eq": one}}) for one in dates):
        return {"$nin" if is_excluding else "$in": dates}
    pattern = _pattern([str(one) for one in dates])
    return {"$not": pattern} if is_excluding else pattern


def _pattern(starts: Sequence[str]) -> dict[str, str]:
    escaped = [escape(one) for one in starts]
    return {"$regex": f"^{escaped[0]}" if len(escaped) == 1 else f"^(?:{'|'.join(escaped)})"}
