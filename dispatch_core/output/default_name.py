"""The name of a dispatch that has none: made of its query and the day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from dispatch_core.output.root import LONGEST_NAME
from dispatch_core.request import DispatchRequest
from dispatch_core.text.words import counted

_MOST_VALUES = 4
_SIGNS = re.compile(r"[^a-z0-9]+")


def default_name(request: DispatchRequest, day: date) -> str:
    """A valid folder name, such as ``thalamic-ephys-survey-derived-2026-11-29``.

    It has the first values that the query compares with, or the number of listed ids.
    """
    if request.asset_rows is not None:
        words = [counted(len(request.asset_rows), "asset")]
    else:
        words = _distinct(_values(request.query))
    end = f"-{day.isoformat()}"
    text = _SIGNS.sub("-", " ".join(words).lower()).strip("-") or "dispatch"
    return f"{text[: LONGEST_NAME - len(end)].rstrip('-')}{end}"


def _distinct(values: Iterator[str]) -> list[str]:
    found: dict[str, None] = {}
    for value in values:
        if _SIGNS.sub("", value.lower()):
            found[value] = None
        if len(found) == _MOST_VALUES:
            break
    return list(found)


def _values(query: Any) -> Iterator[str]:
    """The texts and numbers that a query compares with, in its order."""
    if isinstance(query, dict):
        for key, value in query.items():
            if key != "$options":
                yield from _values(value)
    elif isinstance(query, list | tuple):
        for one in query:
            yield from _values(one)
    elif isinstance(query, str) or (isinstance(query, int) and not isinstance(query, bool)):
        yield str(query)
