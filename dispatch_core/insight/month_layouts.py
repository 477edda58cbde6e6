"""Layouts in which the dates of a month have a pattern or a range, besides ISO 8601.

A numeric date such as ``5/9/2025`` has a pattern only where the values of the field decide
which number is the month.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, TypeAlias

from dispatch_core.text.date_layouts import LAYOUTS, NumberLayout, Span, TextLayout, layouts_in
from dispatch_core.text.dates import MONTHS, DateReader
from dispatch_core.types import Filter

ISO_MONTH: Filter = {"$regex": "^[0-9]{4}-(?:0[1-9]|1[0-2])(?![0-9])"}
"""Operators that match each date that starts with a year and a month, as in ISO 8601."""

_DAY: Final = "(?:0?[1-9]|[12][0-9]|3[01])"
_WEEKDAY: Final = "(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}[.]?,? )?"
_SUFFIX: Final = "(?:st|nd|rd|th|[.])?"


@dataclass(frozen=True, slots=True)
class _Written:
    """A layout in which a month has a pattern.

    In ``template``, YEAR, MONTH and NAME are replaced by those of a month. With ``family``, a
    value has two meanings unless the field decides for ``order``.
    """

    name: str
    template: str
    family: str = ""
    order: str = ""

    def operators(self, month: str = "") -> Filter:
        """The operators that match the dates of `month`, or of any month."""
        pattern = self.template
        for token, part in (_parts(month) if month else _ANY).items():
            pattern = pattern.replace(token, part)
        is_named = "NAME" in self.template
        return {"$regex": pattern} | ({"$options": "i"} if is_named else {})

    def fits(self, value: Any) -> bool:
        """Whether `value` is written in this layout."""
        pattern = self.operators()["$regex"]
        return isinstance(value, str) and re.search(pattern, value, re.IGNORECASE) is not None

    def is_certain(self, reader: DateReader) -> bool:
        """Whether the values of the field decide for this order of day and month."""
        return not self.family or reader.decided.get(self.family) == frozenset((self.order,))


@dataclass(frozen=True, slots=True)
class _Compared:
    """A layout in which a month is a range."""

    layout: TextLayout | NumberLayout

    @property
    def name(self) -> str:
        """The name of the layout."""
        return self.layout.name

    def operators(self, month: str = "") -> Filter:
        """The operators that match the dates of `month`, or of any month."""
        return self.layout.operators(_span(month) if month else (None, None))

    def fits(self, value: Any) -> bool:
        """Whether `value` is written in this layout."""
        return self.layout.has_shape_of(value)


MonthLayout: TypeAlias = _Written | _Compared


def _names(months: Sequence[str]) -> str:
    """An alternative of the names: ``(?:sep|sept|september)``."""
    forms = dict.fromkeys(form for month in months for form in (month[:3], month[:4], month))
    return f"(?:{'|'.join(sorted(forms, key=len, reverse=True))})"


def _parts(month: str) -> dict[str, str]:
    """The parts of a template for the year and the month of ``2025-05``."""
    year, number = month.split("-")
    return {"YEAR": year, "MONTH": f"0?{int(number)}", "NAME": _names([MONTHS[int(number) - 1]])}


_ANY: Final = {"YEAR": "[0-9]{4}", "MONTH": "(?:0?[1-9]|1[0-2])", "NAME": _names(MONTHS)}


def _span(month: str) -> Span:
    first = date.fromisoformat(f"{month}-01")
    return first, (first + timedelta(days=31)).replace(day=1)


def _year_first(mark: str) -> _Written:
    between = "[.]" if mark == "." else mark
    template = f"^{between.join(('YEAR', 'MONTH', _DAY))}(?![0-9])"
    return _Written(f"2025{mark}5{mark}28", template)


def _ordered(mark: str, order: str) -> _Written:
    between = "[.]" if mark == "." else mark
    parts = ("MONTH", _DAY, "YEAR") if order == "month first" else (_DAY, "MONTH", "YEAR")
    template = f"^{between.join(parts)}(?![0-9])"
    return _Written(f"{order} with {mark}", template, f"numbers separated by {mark}", order)


_WITH_NAMES: Final = (
    _Written(
        "28 May 2025",
        rf"^{_WEEKDAY}{_DAY}{_SUFFIX}[ /-]?NAME[.]?[ ,/-]{{0,2}}YEAR(?![0-9])",
    ),
    _Written(
        "May 28, 2025",
        rf"^{_WEEKDAY}NAME[.]?[ -]?{_DAY}{_SUFFIX},?[ -]YEAR(?![0-9])",
    ),
)
_WRITTEN: Final = (
    *map(_year_first, "-/_."),
    *(_ordered(mark, order) for mark in "/-." for order in ("month first", "day first")),
    *_WITH_NAMES,
)
_COMPARED: Final = tuple(
    _Compared(layout)
    for layout in LAYOUTS
    if isinstance(layout, NumberLayout) or not re.search("[-/_.]", layout.name)
)
MONTH_LAYOUTS: Final[dict[str, MonthLayout]] = {
    **{one.name: one for one in _WRITTEN},
    **{one.name: one for one in _COMPARED},
}
"""Every layout by its name."""


def certain_layouts(values: Sequence[Any], reader: DateReader) -> list[str]:
    """The names of the layouts in which every value of the field has one meaning."""
    ordered = layouts_in(values, reader)
    compared = [one.name for one in _COMPARED if one.name in ordered]
    others = [value for value in values if not is_iso(value) and reader.moment(value)]
    written = [
        one.name for one in _WRITTEN if one.is_certain(reader) and any(map(one.fits, others))
    ]
    return [*written, *compared]


def is_iso(value: Any) -> bool:
    return isinstance(value, str) and re.search(ISO_MONTH["$regex"], value) is not None


def is_number(name: str) -> bool:
    layout = MONTH_LAYOUTS[name]
    return isinstance(layout, _Compared) and isinstance(layout.layout, NumberLayout)
