"""The plain values of calls and extended JSON: ``ISODate(..)``, ``{"$oid": ..}``, `datetime(..)`.

A call is read only if its arguments determine its value: ``datetime(2024, 1, 1)`` is, and
``datetime.now()`` is not. Dates become ISO 8601 text, because the records hold text.
"""

from __future__ import annotations

import json
import math
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Final

from dispatch_core.text.strict_json import MAX_DEPTH
from dispatch_core.types import JsonValue


@dataclass(frozen=True, slots=True)
class RegexLiteral:
    """A regular expression, written in JSON as ``$regex`` and ``$options``."""

    pattern: str
    options: str = ""

    @property
    def operators(self) -> dict[str, str]:
        """``{"$regex": pattern}``, with ``$options`` if there are any."""
        options = {"$options": self.options} if self.options else {}
        return {"$regex": self.pattern} | options

    def checked(self) -> RegexLiteral:
        """The same with sorted options, without g and u; a ValueError for unknown options."""
        kept = "".join(sorted(set(self.options) - {"g", "u"}))
        if set(kept) - set("imsx"):
            raise ValueError(f"the options {self.options!r} of this pattern are not known")
        return RegexLiteral(self.pattern, kept)


class Flag(str):
    """The option letters of a pattern, as ``re.I`` writes them; not a value by itself."""


Call = Callable[..., Any]

NOT_PLAIN: Final = (TypeError, ValueError, OverflowError, OSError, LookupError, ArithmeticError)
"""What a call raises if its arguments do not determine a plain value."""

CONSTANTS: Final[Mapping[str, Any]] = {
    "re.I": Flag("i"),
    "re.IGNORECASE": Flag("i"),
    "re.M": Flag("m"),
    "re.MULTILINE": Flag("m"),
    "re.S": Flag("s"),
    "re.DOTALL": Flag("s"),
    "re.X": Flag("x"),
    "re.VERBOSE": Flag("x"),
    **dict.fromkeys(("timezone.utc", "datetime.timezone.utc", "UTC", "datetime.UTC"), UTC),
    **dict.fromkeys(("pytz.utc", "pytz.UTC", "dt.timezone.utc", "dt.UTC"), UTC),
}
"""Names with a fixed value; the letters are the flags of a pattern."""


def number_of(token: str) -> int | float:
    """The number that `token` writes, such as ``.5``, ``+1``, ``0x10`` or ``1_000``."""
    plain = token.replace("_", "")
    if re.search("0[xX]", plain):
        return int(plain, 16)
    return int(plain) if re.fullmatch("[+-]?[0-9]+", plain) else float(plain)


def plain_moment(value: JsonValue) -> JsonValue:
    """ISO 8601 text for a date or a time of day; any other value unchanged."""
    return value.isoformat() if isinstance(value, date | time) else value


def _text(text: JsonValue) -> str:
    if not isinstance(text, str):
        raise TypeError
    return text


def _str(value: JsonValue = "") -> str:
    """As Python's `str`: a datetime has a space before its time."""
    if isinstance(value, str | date):
        return str(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise TypeError


def _number(number: JsonValue) -> int | float:
    if isinstance(number, bool) or not isinstance(number, int | float | str):
        raise TypeError
    if not isinstance(number, str):
        return number
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", number.strip()):
        raise ValueError
    return number_of(number.strip())


def _int(number: JsonValue) -> int:
    if isinstance(number, bool) or not isinstance(number, int | float | str):
        raise TypeError
    return int(number)


def _float(number: JsonValue) -> float:
    return float(_number(number))


class OtherLayout(ValueError):
    """A date in another layout than that of the records; the message is for users."""


def _moment(moment: JsonValue) -> str:
    """A text of ISO 8601 unchanged; milliseconds since 1970 as one, in UTC.

    Another text, such as ``Jan 1, 2024`` or ``01/02/2024``, would be compared as it is written.
    """
    if isinstance(moment, int | float) and not isinstance(moment, bool):
        return datetime.fromtimestamp(moment / 1000, UTC).isoformat().replace("+00:00", "Z")
    text = _text(moment)
    if not _ISO.match(text):
        raise OtherLayout(f"the date {text[:40]!r} is not written as in the records, 2024-01-31")
    return text


_ISO: Final = re.compile(r"\s*[+-]?\d{4,6}(?:-|\s*$)")


def _pattern(pattern: JsonValue, options: JsonValue = "") -> RegexLiteral:
    if isinstance(pattern, RegexLiteral):
        return RegexLiteral(pattern.pattern, _text(options) or pattern.options).checked()
    return RegexLiteral(_text(pattern), _text(options)).checked()


def _compiled(pattern: JsonValue, flags: JsonValue = "") -> RegexLiteral:
    return _pattern(pattern, flags)


def _extended_pattern(value: JsonValue) -> RegexLiteral:
    if not isinstance(value, dict) or set(value) - {"pattern", "options"}:
        raise TypeError
    return _pattern(value["pattern"], value.get("options", ""))


def _zone(name: JsonValue) -> zoneinfo.ZoneInfo | timezone:
    return UTC if name == "UTC" else zoneinfo.ZoneInfo(_text(name))


_DATES: Final[Mapping[str, Call]] = {
    "datetime": datetime,
    "date": date,
    "time": time,
    "fromisoformat": datetime.fromisoformat,
    "datetime.fromisoformat": datetime.fromisoformat,
    "date.fromisoformat": date.fromisoformat,
    "timezone": timezone,
    "timedelta": timedelta,
    "ZoneInfo": _zone,
    "zoneinfo.ZoneInfo": _zone,
}
_NUMBERS: Final = (
    "NumberLong NumberInt NumberDouble NumberDecimal Int32 Int64 Long Double Decimal128"
    " Decimal np.int64 np.int32 np.float64 np.float32"
)
CALLS: Final[Mapping[str, Call]] = {
    **_DATES,
    **dict.fromkeys(("ISODate", "Date"), _moment),
    **dict.fromkeys(("ObjectId", "ObjectID", "UUID", "np.str_"), _text),
    "str": _str,
    "String": _text,
    "int": _int,
    "float": _float,
    **dict.fromkeys(_NUMBERS.split(), _number),
    "re.compile": _compiled,
    "RegExp": _pattern,
    "Regex": _pattern,
    "BSONRegExp": _pattern,
}
"""Function -> its plain value; the arguments are those of the call, by position or name."""

EXTENDED: Final[Mapping[str, Call]] = {
    "$date": _moment,
    "$oid": _text,
    "$uuid": _text,
    "$regularExpression": _extended_pattern,
    **dict.fromkeys(("$numberLong", "$numberInt", "$numberDouble", "$numberDecimal"), _number),
}
"""Key of extended JSON -> the plain value of what it wraps."""

_PREFIXES: Final = ("bson.objectid.", "bson.regex.", "bson.", "uuid.", "numpy.", "decimal.", "dt.")


def call_named(name: str) -> Call | None:
    """The known function of a dotted name, with or without its module."""
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            name = ("np." if prefix == "numpy." else "") + name.removeprefix(prefix)
    if name.startswith("datetime.") and name not in CALLS:
        name = name.removeprefix("datetime.")
    return CALLS.get(name)


def is_plain(value: Any) -> bool:
    """Whether `value` has a plain JSON form; a time zone, a duration and a flag have none."""
    return not isinstance(value, tzinfo | timedelta | Flag)


def as_json(value: Any, step: Callable[[], None], depth: int = 0) -> JsonValue:
    """`value` as JSON: dates as text, patterns as ``$regex``, extended JSON as plain values.

    `step` is called for each value. A ValueError says what JSON cannot express.
    """
    step()
    value = _pattern_in(value)
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, RegexLiteral):
        raise ValueError("JSON cannot express a pattern inside a list")
    if not is_plain(value) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("this has no value in JSON")
    if isinstance(value, list | tuple):
        return [as_json(item, step, depth + 1) for item in value]
    if isinstance(value, dict):
        return _plain_object(value, step, depth)
    if not isinstance(value, str | int | float | date | time | None):
        raise ValueError("this has no value in JSON")
    return plain_moment(value)


def _pattern_in(value: Any) -> Any:
    """The pattern that ``{"$regularExpression": ..}`` wraps; any other value as it is."""
    if not isinstance(value, dict) or value.keys() != {"$regularExpression"}:
        return value
    try:
        return _extended_pattern(value["$regularExpression"])
    except NOT_PLAIN:
        raise ValueError("$regularExpression cannot be read as a plain value") from None


def _plain_object(value: dict[str, Any], step: Callable[[], None], depth: int) -> JsonValue:
    plain: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise ValueError(f"the key {key!r} is not a string")
        pattern = _pattern_in(item)
        entries = (
            pattern_entries(key, pattern)
            if isinstance(pattern, RegexLiteral)
            else {key: as_json(item, step, depth + 1)}
        )
        if plain.keys() & entries.keys():
            raise ValueError("a pattern has its options twice")
        plain |= entries
    name, inner = next(iter(plain.items()), ("", None))
    if len(plain) != 1 or name not in EXTENDED:
        return plain
    try:
        read = EXTENDED[name](inner)
    except OtherLayout:
        raise
    except NOT_PLAIN:
        raise ValueError(f"{name} cannot be read as a plain value") from None
    return read


def pattern_entries(key: str, pattern: RegexLiteral) -> dict[str, Any]:
    """The entries of a pattern under `key`; a ValueError below an operator that takes none."""
    if key == "$regex":
        return dict(pattern.operators)
    if key.startswith("$") and key != "$not":
        raise ValueError(f"JSON cannot express a pattern under {key}")
    return {key: pattern.operators}


def key_text(key: str) -> str:
    """A key in double quotes, as JSON writes it."""
    return json.dumps(key, ensure_ascii=False)
