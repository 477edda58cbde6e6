"""Aggregation operators as functions of their evaluated arguments.

Operators that evaluate lazily or define variables are in `expressions`. Most of these
return null for an argument that is null or missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dispatch_core.language.allowance import document_weight, list_weight, text_weight
from dispatch_core.language.bson import MISSING, date_text, is_number, sort_key, type_name
from dispatch_core.types import JsonValue


class OperandError(Exception):
    """An argument that an operator does not accept; `expressions` adds operator and position."""


@dataclass(frozen=True, slots=True)
class Function:
    """An operator with eagerly evaluated arguments, and how many of them it takes.

    ``weight`` is the weight of its result by its arguments, for one that may be larger than
    they are. ``weighs`` is set if it reads its arguments whole, as a comparison does.
    """

    call: Callable[..., JsonValue]
    least: int = 1
    most: float = 1
    weight: Callable[[Sequence[JsonValue]], int] | None = None
    weighs: bool = False

    @property
    def arity(self) -> str:
        """The number of arguments in words: "1 value", "2 values", "1 to 2 values"."""
        if self.least == self.most:
            return "1 value" if self.least == 1 else f"{self.least} values"
        return f"{self.least} to {self.most} values"


def _is_nullish(value: JsonValue) -> bool:
    """Whether a value is null or missing ("nullish" in MongoDB's terms)."""
    return value is None or value is MISSING


def _array_of(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise OperandError(f"needs an array, not {type_name(value)}")
    return value


def _text_of(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise OperandError(f"needs a string, not {type_name(value)}")
    return value


def _number_of(value: JsonValue) -> Any:
    if not is_number(value):
        raise OperandError(f"needs a number, not {type_name(value)}")
    return in_64_bits(value)


def in_64_bits(number: Any) -> Any:
    """`number`, as a double if it is an integer of more than 64 bits, as in MongoDB."""
    return number if isinstance(number, float) or -(2**63) <= number < 2**63 else float(number)


def _whole_number_of(value: JsonValue) -> int:
    number = _number_of(value)
    if number != number or number in (math.inf, -math.inf) or number != int(number):
        raise OperandError(f"needs a whole number, not {number}")
    return int(number)


def _date_of(value: JsonValue) -> datetime:
    if not isinstance(value, datetime):
        raise OperandError(f"needs a date, not {type_name(value)}")
    return value


# Arithmetic


def _add(*values: JsonValue) -> JsonValue:
    if any(map(_is_nullish, values)):
        return None
    dates = [value for value in values if isinstance(value, datetime)]
    if len(dates) > 1:
        raise OperandError("takes only one date")
    total = sum(_number_of(value) for value in values if not isinstance(value, datetime))
    return dates[0] + timedelta(milliseconds=total) if dates else in_64_bits(total)


def _subtract(left: JsonValue, right: JsonValue) -> JsonValue:
    if _is_nullish(left) or _is_nullish(right):
        return None
    if isinstance(left, datetime) and isinstance(right, datetime):
        return (left - right) // timedelta(milliseconds=1)
    if isinstance(left, datetime):
        return left - timedelta(milliseconds=_number_of(right))
    return in_64_bits(_number_of(left) - _number_of(right))


def _multiply(*values: JsonValue) -> JsonValue:
    if any(map(_is_nullish, values)):
        return None
    product: Any = 1
    for value in values:
        product = in_64_bits(product * _number_of(value))
    return product


def _divide(left: JsonValue, right: JsonValue) -> JsonValue:
    if _is_nullish(left) or _is_nullish(right):
        return None
    if _number_of(right) == 0:
        raise OperandError("cannot divide by zero")
    return float(_number_of(left) / right)


def _mod(left: JsonValue, right: JsonValue) -> JsonValue:
    if _is_nullish(left) or _is_nullish(right):
        return None
    if _number_of(right) == 0:
        raise OperandError("cannot divide by zero")
    if isinstance(_number_of(left), int) and isinstance(right, int):
        return remainder(left, right)
    return math.fmod(left, right)


def remainder(dividend: int, divisor: int) -> int:
    """The remainder with the sign of the dividend, as in MongoDB: -7 by 3 is -1."""
    rest = abs(dividend) % abs(divisor)
    return -rest if dividend < 0 else rest


def _rounded(how: Callable[[Any], Any]) -> Callable[[JsonValue], JsonValue]:
    def call(value: JsonValue) -> JsonValue:
        if _is_nullish(value):
            return None
        return how(value) if math.isfinite(_number_of(value)) else value

    return call


def _round(value: JsonValue, place: JsonValue = 0) -> JsonValue:
    if _is_nullish(value):
        return None
    digits = _whole_number_of(place)
    if not -20 <= digits <= 100:
        raise OperandError("needs a place from -20 to 100")
    return round(_number_of(value), digits)


# Arrays and documents


def _size(value: JsonValue) -> JsonValue:
    return len(_array_of(value))


def _array_elem_at(value: JsonValue, index: JsonValue) -> JsonValue:
    if _is_nullish(value) or _is_nullish(index):
        return None
    elements, position = _array_of(value), _whole_number_of(index)
    return elements[position] if -len(elements) <= position < len(elements) else MISSING


def _first(value: JsonValue) -> JsonValue:
    return _array_elem_at(value, 0)


def _last(value: JsonValue) -> JsonValue:
    return _array_elem_at(value, -1)


def _in(value: JsonValue, array: JsonValue) -> JsonValue:
    key = sort_key(value)
    return any(sort_key(element) == key for element in _array_of(array))


def _concat_arrays(*values: JsonValue) -> JsonValue:
    if any(map(_is_nullish, values)):
        return None
    return [element for value in values for element in _array_of(value)]


def _slice(value: JsonValue, first: JsonValue, count: JsonValue = MISSING) -> JsonValue:
    if _is_nullish(value) or _is_nullish(first):
        return None
    elements, start = _array_of(value), _whole_number_of(first)
    if count is MISSING:
        return elements[:start] if start >= 0 else elements[start:]
    if _whole_number_of(count) <= 0:
        raise OperandError("needs a positive count")
    begin = max(start + len(elements), 0) if start < 0 else start
    return elements[begin : begin + _whole_number_of(count)]


def _object_to_array(value: JsonValue) -> JsonValue:
    if _is_nullish(value):
        return None
    if not isinstance(value, dict):
        raise OperandError(f"needs a document, not {type_name(value)}")
    return [{"k": name, "v": item} for name, item in value.items()]


def _merge_objects(*values: JsonValue) -> JsonValue:
    merged: dict[str, JsonValue] = {}
    for value in values:
        if not _is_nullish(value) and not isinstance(value, dict):
            raise OperandError(f"needs documents, not {type_name(value)}")
        merged.update(value or {})
    return merged


# Operators over many values: an array as the only argument is replaced by its elements


def _spread(values: Sequence[JsonValue]) -> Sequence[JsonValue]:
    return values[0] if len(values) == 1 and isinstance(values[0], list) else values


def total_of(values: Sequence[JsonValue]) -> JsonValue:
    """The sum of the numbers among the values; 0 if there are none."""
    return in_64_bits(sum(value for value in values if is_number(value)))


def average_of(values: Sequence[JsonValue]) -> JsonValue:
    """The mean of the numbers among the values; None if there are none."""
    numbers = [value for value in values if is_number(value)]
    return sum(numbers) / len(numbers) if numbers else None


def least_of(values: Sequence[JsonValue]) -> JsonValue:
    """The least value in MongoDB's sort order, ignoring null and missing; None if none is left."""
    return min((value for value in values if not _is_nullish(value)), key=sort_key, default=None)


def greatest_of(values: Sequence[JsonValue]) -> JsonValue:
    """The greatest value in MongoDB's sort order, ignoring null and missing; else None."""
    return max((value for value in values if not _is_nullish(value)), key=sort_key, default=None)


def _over(fold: Callable[[Sequence[JsonValue]], JsonValue]) -> Function:
    return Function(lambda *values: fold(_spread(values)), 0, math.inf, weighs=True)


# Text


def _concat(*values: JsonValue) -> JsonValue:
    return None if any(map(_is_nullish, values)) else "".join(map(_text_of, values))


def _split(value: JsonValue, separator: JsonValue) -> JsonValue:
    if _is_nullish(value) or _is_nullish(separator):
        return None
    if not _text_of(separator):
        raise OperandError("needs a separator that is not empty")
    return _text_of(value).split(separator)


def as_text(value: JsonValue) -> str:
    """A value as the string operators read it: null is ``""``, a date is ISO 8601 text."""
    if _is_nullish(value):
        return ""
    if isinstance(value, dict | list | bool):
        raise OperandError(f"needs a string, not {type_name(value)}")
    return str(_to_string(value))


def _substr_bytes(value: JsonValue, start: JsonValue, length: JsonValue) -> JsonValue:
    text, first, count = as_text(value).encode(), int(_number_of(start)), int(_number_of(length))
    if first < 0:
        return ""
    try:
        return (text[first:] if count < 0 else text[first : first + count]).decode()
    except UnicodeDecodeError:
        raise OperandError("cuts through a character; use $substrCP") from None


def _substr_cp(value: JsonValue, start: JsonValue, length: JsonValue) -> JsonValue:
    first, count = _whole_number_of(start), _whole_number_of(length)
    if first < 0 or count < 0:
        raise OperandError("needs a start and a length of at least 0")
    return as_text(value)[first : first + count]


def _to_lower(value: JsonValue) -> JsonValue:
    return as_text(value).encode().lower().decode()


def _to_upper(value: JsonValue) -> JsonValue:
    return as_text(value).encode().upper().decode()


# Types


def _to_string(value: JsonValue) -> JsonValue:
    if _is_nullish(value) or isinstance(value, str):
        return None if _is_nullish(value) else value
    if isinstance(value, datetime):
        return date_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(_number_of(value))


_LONGEST_FORMAT: Final = 1_000
_DECIMAL: Final = re.compile(
    r"[+-]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?\d+)?|[+-]?(?:inf|nan)", re.I
)


def _to_double(value: JsonValue) -> JsonValue:
    if _is_nullish(value):
        return None
    if isinstance(value, datetime):
        return value.timestamp() * 1000
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value):
            raise OperandError(f"cannot read {value[:60]!r} as a number")
        return float(value)
    return float(value if isinstance(value, bool) else _number_of(value))


def _to_int(value: JsonValue) -> JsonValue:
    if _is_nullish(value):
        return None
    if isinstance(value, str):
        if not re.fullmatch(r"[+-]?\d{1,19}", value):
            raise OperandError(f"cannot read {value[:60]!r} as a whole number")
        return int(value)
    number = value if isinstance(value, bool) else _number_of(value)
    return _whole_number_of(math.trunc(number) if math.isfinite(number) else number)


def _not(value: JsonValue) -> JsonValue:
    return _is_nullish(value) or (isinstance(value, bool | int | float) and not value)


# Dates


def parse_date(text: JsonValue, form: JsonValue = None) -> datetime:
    """The date of a text, in UTC and truncated to milliseconds; without an offset it is UTC.

    `form` is a MongoDB format (``%Y-%m-%d %H:%M:%S.%L``); the default is ISO 8601.
    """
    try:
        if isinstance(form, str):
            _check_format(form)
            date = datetime.strptime(_text_of(text), form.replace("%L", "%f"))
        else:
            date = datetime.fromisoformat(_text_of(text).strip())
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        utc = aware.astimezone(UTC)
    except (ValueError, OverflowError, re.error):  # re.error: a part of the format twice
        raise OperandError(f"cannot read {str(text)[:60]!r} as a date") from None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _to_date(value: JsonValue) -> JsonValue:
    if _is_nullish(value) or isinstance(value, datetime):
        return None if _is_nullish(value) else value
    if isinstance(value, str):
        return parse_date(value)
    if type_name(value) == "int":
        raise OperandError("takes a long or a double, not int")
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=_number_of(value))


def _part(read: Callable[[datetime], JsonValue]) -> Function:
    def call(value: JsonValue) -> JsonValue:
        date = value.get("date", MISSING) if isinstance(value, dict) else value
        return None if _is_nullish(date) else read(_date_of(date))

    return Function(call)


def _date_to_string(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict) or value.keys() - {"date", "format", "onNull"}:
        raise OperandError("needs a document of date, format and onNull")
    if _is_nullish(value.get("date")):
        return value.get("onNull")
    date, form = _date_of(value["date"]), value.get("format")
    if form is None:
        return date_text(date)
    _check_format(_text_of(form))
    milliseconds = f"{date.microsecond // 1000:03d}"
    return date.strftime(form.replace("%L", milliseconds))


def _check_format(form: str) -> None:
    if len(form) > _LONGEST_FORMAT:
        raise OperandError(f"needs a format of at most {_LONGEST_FORMAT:,} characters")


# Weights of results that can be larger than the arguments


def _joined(values: Sequence[JsonValue]) -> int:
    return sum(text_weight(value) for value in values if isinstance(value, str))


def _pieces(values: Sequence[JsonValue]) -> int:
    text, separator = values
    if not isinstance(text, str) or not isinstance(separator, str) or not separator:
        return 0
    count = text.count(separator) + 1
    return list_weight(count) + text_weight("") * count + text_weight(text)


def _chained(values: Sequence[JsonValue]) -> int:
    return sum(list_weight(len(value)) for value in values if isinstance(value, list))


def _merged(values: Sequence[JsonValue]) -> int:
    return sum(document_weight(len(value)) for value in values if isinstance(value, dict))


def _pairs(values: Sequence[JsonValue]) -> int:
    fields = len(values[0]) if isinstance(values[0], dict) else 0
    return list_weight(fields) + document_weight(2) * fields


FUNCTIONS: Final[dict[str, Function]] = {
    "$add": Function(_add, 0, math.inf),
    "$subtract": Function(_subtract, 2, 2),
    "$multiply": Function(_multiply, 0, math.inf),
    "$divide": Function(_divide, 2, 2),
    "$mod": Function(_mod, 2, 2),
    "$abs": Function(_rounded(abs)),
    "$ceil": Function(_rounded(math.ceil)),
    "$floor": Function(_rounded(math.floor)),
    "$round": Function(_round, 1, 2),
    "$not": Function(_not),
    "$cmp": Function(
        lambda a, b: (sort_key(a) > sort_key(b)) - (sort_key(a) < sort_key(b)), 2, 2, weighs=True
    ),
    "$in": Function(_in, 2, 2, weighs=True),
    "$size": Function(_size),
    "$isArray": Function(lambda value: isinstance(value, list)),
    "$isNumber": Function(is_number),
    "$type": Function(type_name),
    "$arrayElemAt": Function(_array_elem_at, 2, 2),
    "$first": Function(_first),
    "$last": Function(_last),
    "$concatArrays": Function(_concat_arrays, 0, math.inf, _chained, weighs=True),
    "$slice": Function(_slice, 2, 3),
    "$objectToArray": Function(_object_to_array, weight=_pairs, weighs=True),
    "$mergeObjects": Function(_merge_objects, 0, math.inf, _merged, weighs=True),
    "$sum": _over(total_of),
    "$avg": _over(average_of),
    "$min": _over(least_of),
    "$max": _over(greatest_of),
    "$concat": Function(_concat, 0, math.inf, _joined),
    "$split": Function(_split, 2, 2, _pieces),
    "$substr": Function(_substr_bytes, 3, 3),
    "$substrBytes": Function(_substr_bytes, 3, 3),
    "$substrCP": Function(_substr_cp, 3, 3),
    "$strLenCP": Function(lambda value: len(_text_of(value))),
    "$toLower": Function(_to_lower),
    "$toUpper": Function(_to_upper),
    "$toString": Function(_to_string),
    "$toDouble": Function(_to_double),
    "$toInt": Function(_to_int),
    "$toLong": Function(_to_int),
    "$toDate": Function(_to_date),
    "$dateToString": Function(_date_to_string),
    "$year": _part(lambda date: date.year),
    "$month": _part(lambda date: date.month),
    "$dayOfMonth": _part(lambda date: date.day),
    "$dayOfYear": _part(lambda date: date.timetuple().tm_yday),
    "$dayOfWeek": _part(lambda date: date.isoweekday() % 7 + 1),
    "$hour": _part(lambda date: date.hour),
    "$minute": _part(lambda date: date.minute),
    "$second": _part(lambda date: date.second),
}
"""Operator name -> its function."""
