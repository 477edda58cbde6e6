"""MongoDB's types, equality and sort order over JSON values.

Two values are equal if their `sort_key` is equal: 1 equals 1.0, True does not equal
1, and the order of a document's fields matters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from dispatch_core.types import JsonValue


class Missing:
    """The type of `MISSING`, the value of a path that does not exist."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()

SortKey: TypeAlias = tuple[Any, ...]

MISSING_RANK: Final = 0
NULL_RANK: Final = 5
NUMBER_RANK: Final = 10
STRING_RANK: Final = 15
DOCUMENT_RANK: Final = 20
ARRAY_RANK: Final = 25
BOOL_RANK: Final = 40
DATE_RANK: Final = 45

_RANKS: Final[dict[type, int]] = {
    Missing: MISSING_RANK,
    type(None): NULL_RANK,
    int: NUMBER_RANK,
    float: NUMBER_RANK,
    str: STRING_RANK,
    dict: DOCUMENT_RANK,
    list: ARRAY_RANK,
    bool: BOOL_RANK,
    datetime: DATE_RANK,
}


def rank_of(value: JsonValue) -> int:
    """The rank of a value's type in the sort order; ``$gt`` and ``$lt`` compare within one rank.

    Missing 0, null 5, number 10, string 15, document 20, array 25, bool 40, date 45.
    """
    rank = _RANKS.get(value.__class__)
    return rank if rank is not None else _rank_by_base(value)


def _rank_by_base(value: JsonValue) -> int:
    for base, rank in _RANKS.items():
        if isinstance(value, base) and not (base is int and isinstance(value, bool)):
            return rank
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def sort_key(value: JsonValue) -> SortKey:
    """A hashable tuple that sorts and compares equal as the value does in MongoDB.

    NaN sorts before every other number; strings sort by code point, which is the
    order of their UTF-8 bytes.
    """
    rank = rank_of(value)
    if rank == DOCUMENT_RANK:
        return (rank, tuple(_field_key(name, item) for name, item in value.items()))
    if rank == ARRAY_RANK:
        return (rank, tuple(map(sort_key, value)))
    if rank <= NULL_RANK or (isinstance(value, float) and math.isnan(value)):
        return (rank,)
    return (rank, value)


def _field_key(name: str, value: JsonValue) -> SortKey:
    key = sort_key(value)
    return (key[0], name, key)


def is_number(value: JsonValue) -> bool:
    """Whether a value is a number; a bool is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


INT32_LIMIT: Final = 2**31

TYPE_CODES: Final[dict[str, int]] = {
    "minKey": -1,
    "double": 1,
    "string": 2,
    "object": 3,
    "array": 4,
    "binData": 5,
    "undefined": 6,
    "objectId": 7,
    "bool": 8,
    "date": 9,
    "null": 10,
    "regex": 11,
    "dbPointer": 12,
    "javascript": 13,
    "symbol": 14,
    "javascriptWithScope": 15,
    "int": 16,
    "timestamp": 17,
    "long": 18,
    "decimal": 19,
    "maxKey": 127,
}
"""Every type alias that ``$type`` accepts; JSON values have nine of these types."""

_NAMES: Final[dict[int, str]] = {
    MISSING_RANK: "missing",
    NULL_RANK: "null",
    STRING_RANK: "string",
    DOCUMENT_RANK: "object",
    ARRAY_RANK: "array",
    BOOL_RANK: "bool",
    DATE_RANK: "date",
}


def type_name(value: JsonValue) -> str:
    """The alias of a value's type; an int of 2**31 or more is a ``long``."""
    rank = rank_of(value)
    if rank != NUMBER_RANK:
        return _NAMES[rank]
    if isinstance(value, float):
        return "double"
    return "int" if -INT32_LIMIT <= value < INT32_LIMIT else "long"


def date_text(date: datetime) -> str:
    """A date as ISO 8601 text in UTC with milliseconds, ``2025-01-31T09:30:00.000Z``."""
    utc = date.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def json_problem(value: JsonValue, limit: int) -> str:
    """Why a value is not JSON of at most `limit` levels, or ``""`` if it is.

    Iterative, and called before any other check, so that later code can recurse safely.
    """
    level: list[JsonValue] = [value]
    for _ in range(limit + 1):
        problem = next(filter(None, map(_own_problem, level)), "")
        level = [item for part in level for item in _parts_of(part)]
        if problem or not level:
            return problem
    return f"it nests deeper than {limit} levels"


def _own_problem(value: JsonValue) -> str:
    if value.__class__ not in _RANKS or value is MISSING:
        return f"it contains a value of type {type(value).__name__}, which is not a JSON type"
    keys = value if isinstance(value, dict) else ()
    return next((f"the key {key!r} is not a string" for key in keys if type(key) is not str), "")


def _parts_of(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
