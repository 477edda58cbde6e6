"""The ``format`` of a JSON Schema: which ones a value must meet, and which ones are doubts.

For JSON Schema itself a format is only an annotation. pydantic writes it for types that
refuse other texts, so those formats are errors here, and pydantic decides: it takes
``2025-05-28 10:00`` for a date-time, although RFC 3339 does not. An e-mail address or a host
name is refused by some types and tools only, so it is a warning. Other formats
(``path``, ``password``) say nothing about the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final
from uuid import UUID

from pydantic import AnyUrl, TypeAdapter, ValidationError

Formats = dict[str, Callable[[str], bool]]
"""Format -> whether a text meets it."""

_TYPES: Final[Mapping[str, Any]] = {
    "date": date,
    "date-time": datetime,
    "time": time,
    "duration": timedelta,
    "uuid": UUID,
    "ipv4": IPv4Address,
    "ipv6": IPv6Address,
    "uri": AnyUrl,
}
"""Format -> the type for which pydantic writes it."""

_WORDS: Final = {
    "date": ("a date", "2025-05-28"),
    "date-time": ("a date with a time", "2025-05-28T10:30:00Z"),
    "time": ("a time", "10:30:00"),
    "duration": ("a duration", "PT1H30M"),
    "uuid": ("a UUID", "7f3c0000-0000-4000-8000-000000000000"),
    "ipv4": ("an IPv4 address", "10.0.0.1"),
    "ipv6": ("an IPv6 address", "2001:db8::1"),
    "uri": ("an address", "https://example.org/x"),
}
"""Format -> its name in a message, and an example."""

DOUBTFUL: Final = tuple(
    "email idn-email hostname idn-hostname regex json-pointer relative-json-pointer uri-reference"
    " iri iri-reference uri-template".split()
)
"""Formats that the validator knows, and that not every reader checks."""


def is_met(name: str, text: str) -> bool:
    """Whether pydantic takes `text` for the format `name`."""
    try:
        _adapter(name).validate_python(text)
    except ValidationError:
        return False
    return True


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_TYPES[name])


def name_of(name: str) -> str:
    """The format in a message: "a date"."""
    return _WORDS[name][0] if name in _WORDS else f"a valid {name}"


def advice_of(name: str) -> str:
    """What to do about a value that does not meet the format."""
    return f"Write it as in {_WORDS[name][1]}" if name in _WORDS else "Correct the value"


def _check(name: str) -> Callable[[str], bool]:
    return lambda text: is_met(name, text)


def _always(text: str) -> bool:
    return True


REQUIRED: Final[Formats] = {
    **{name: _check(name) for name in _TYPES},
    **dict.fromkeys(DOUBTFUL, _always),
}
"""The checks of a validator whose errors are errors: doubtful formats are always met."""


def doubtful_formats() -> Formats:
    """The checks of a validator whose further errors are doubts: its own for `DOUBTFUL`."""
    return dict.fromkeys(_TYPES, _always)


def format_of(error: Any) -> str:
    """The format that a validator's `error` is about, also in a union; ``""`` without."""
    branches = getattr(error.kind, "context", ())
    errors = [error, *(one for branch in branches for one in branch)]
    return next((str(one.kind.format) for one in errors if one.kind.name == "format"), "")


def has_doubtful(schema: Any) -> bool:
    """Whether a part of `schema` has one of the doubtful formats."""
    return any(part.get("format") in DOUBTFUL for part in _parts(schema))


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
