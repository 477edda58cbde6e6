"""A date written as text, compared with a field that writes its times as numbers.

``{"created": {"$gte": "2025-05-28"}}`` matches no record with milliseconds since 1970. The
repair is the condition that the form writes for the same days.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from dispatch_core.builder.days import parse_day
from dispatch_core.errors import InvalidInput
from dispatch_core.insight.asking import Advice, Asking, shown
from dispatch_core.insight.date_fields import date_layouts
from dispatch_core.insight.date_slips import readings_of
from dispatch_core.language.match import is_operator_document
from dispatch_core.text.date_layouts import NumberLayout, Span, layouts_named, next_day
from dispatch_core.text.dates import DateReader
from dispatch_core.types import JsonValue

_STARTS: Final = ("$gte", "$gt")
_ENDS: Final = ("$lt", "$lte")
_MIDNIGHT: Final = re.compile(r"[T ]00:00(?::00(?:[.]0+)?)?(?:Z|[+]00:?00)?$")


def time_advice(asking: Asking) -> Advice | None:
    """Advice on bounds that are texts where the field has times as numbers."""
    operand, known = asking.condition.operand, asking.known
    types = set(known.types) if known else set()
    if not is_operator_document(operand) or "number" not in types or "string" in types:
        return None
    texts = {name: one for name, one in operand.items() if name in (*_STARTS, *_ENDS)}
    if not texts or not all(isinstance(one, str) for one in texts.values()):
        return None
    layout = _number_layout(asking)
    if layout is None:
        return None
    rest = {name: one for name, one in operand.items() if name not in texts}
    bounds = " and ".join(shown(one) for one in texts.values())
    message = (
        f"{asking.path} has {layout.name}, not {bounds}: a text is never compared with a number"
    )
    suggested = (
        (f"{label} as {layout.name}", {**rest, **layout.operators(span)})
        for label, span in _spans(texts)
    )
    return Advice("date", asking.path, message, tuple(asking.matching(suggested)))


def _number_layout(asking: Asking) -> NumberLayout | None:
    """The layout of the field's numbers, if they are times in one layout."""
    layouts = layouts_named(date_layouts(asking.source, asking.path) or ())
    numbers = [one for one in layouts if isinstance(one, NumberLayout)]
    return numbers[0] if len(numbers) == 1 else None


def _spans(texts: dict[str, JsonValue]) -> Iterator[tuple[str, Span]]:
    """The days of the bounds with a label, once for each meaning that they can have."""
    meanings = [[(name, day) for day in _days_of(one)] for name, one in texts.items()]
    for bounds in itertools.product(*meanings):
        starts = [
            next_day(day) if name == "$gt" else day for name, day in bounds if name in _STARTS
        ]
        ends = [next_day(day) if name == "$lte" else day for name, day in bounds if name in _ENDS]
        span = (max(starts, default=None), min(ends, default=None))
        yield " and ".join(str(day) for _, day in bounds), span


def _days_of(bound: JsonValue) -> list[date]:
    """The days that `bound` can mean; a time within a day is none."""
    found: list[date] = []
    for text in readings_of(bound, DateReader()):
        try:
            found.append(parse_day(_MIDNIGHT.sub("", text)))
        except InvalidInput:
            continue
    return found
