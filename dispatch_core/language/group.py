"""The ``$group`` stage: records grouped by key, each group reduced by accumulators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.allowance import Allowance
from dispatch_core.language.bson import MISSING, sort_key
from dispatch_core.language.expression_functions import average_of, greatest_of, least_of, total_of
from dispatch_core.language.expressions import Expression, Scope, compile_expression, scope_of
from dispatch_core.types import JsonValue, Record


def _present(values: Iterable[JsonValue]) -> Iterator[JsonValue]:
    return (value for value in values if value is not MISSING)


def _distinct(values: Iterable[JsonValue]) -> Iterator[JsonValue]:
    found: set[tuple[object, ...]] = set()
    for value in _present(values):
        key = sort_key(value)
        if key not in found:
            found.add(key)
            yield value


def _null_if_missing(value: JsonValue) -> JsonValue:
    return None if value is MISSING else value


ACCUMULATORS: Final[dict[str, Callable[[Sequence[JsonValue]], JsonValue]]] = {
    "$sum": total_of,
    "$avg": average_of,
    "$min": least_of,
    "$max": greatest_of,
    "$first": lambda values: _null_if_missing(values[0]),
    "$last": lambda values: _null_if_missing(values[-1]),
    "$count": len,
}
"""Accumulator -> function of a group's values, which are in the order of the records."""

COLLECTORS: Final[dict[str, Callable[[Iterable[JsonValue]], Iterator[JsonValue]]]] = {
    "$push": _present,
    "$addToSet": _distinct,
}
"""Accumulator -> function of a group's values to those of its list."""

_GROUP: Final = 400
_VALUE: Final = 16
"""About the bytes of a group, and of a value that it keeps."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One output field: the value of each record, and the accumulator over these values."""

    name: str
    value_of: Expression
    accumulate: Callable[[Sequence[JsonValue]], JsonValue]


def compile_group(
    spec: JsonValue, where: str, allowance: Allowance
) -> Callable[[Iterable[Record]], Iterator[Record]]:
    """A function from records to one record per group, in order of first appearance.

    A missing key counts as null. A field that is not an accumulator raises `InvalidInput`.
    """
    if not isinstance(spec, dict) or "_id" not in spec:
        _refuse(where, "$group needs an _id", 'Write {"_id": null} for a single group')
    key_of = compile_expression(spec["_id"], f"{where}._id", allowance)
    fields = [_field(name, spec[name], where, allowance) for name in spec if name != "_id"]
    count = partial(_count_value, allowance, where, _VALUE * len(fields))
    return lambda records: _grouped(records, key_of, fields, count)


def _count_value(allowance: Allowance, where: str, weight: int, new_key: JsonValue) -> None:
    """Count the values of a record, and its key if that begins a group."""
    is_new = new_key is not MISSING
    allowance.build(weight + (_GROUP + allowance.weigh([new_key], where) if is_new else 0), where)


def _grouped(
    records: Iterable[Record],
    key_of: Expression,
    fields: list[_Field],
    count: Callable[[JsonValue], None],
) -> Iterator[Record]:
    groups: dict[tuple[object, ...], tuple[JsonValue, list[list[JsonValue]]]] = {}
    for record in records:
        scope: Scope = scope_of(record)
        key = _null_if_missing(key_of(scope))
        ordered = sort_key(key)
        count(MISSING if ordered in groups else key)
        _, columns = groups.setdefault(ordered, (key, [[] for _ in fields]))
        for field, values in zip(fields, columns, strict=True):
            values.append(field.value_of(scope))
    for key, columns in groups.values():
        results = {f.name: f.accumulate(values) for f, values in zip(fields, columns, strict=True)}
        yield {"_id": key, **results}


def _field(name: str, spec: JsonValue, where: str, allowance: Allowance) -> _Field:
    where = f"{where}.{name}"
    if "." in name or name.startswith("$"):
        _refuse(where, f"the output field {name!r} contains a dot or starts with $")
    known = ACCUMULATORS.keys() | COLLECTORS.keys()
    if not isinstance(spec, dict) or len(spec) != 1 or next(iter(spec)) not in known:
        supported = ", ".join(sorted(known))
        _refuse(where, f"{name!r} is not one accumulator", f"Supported: {supported}")
    ((accumulator, argument),) = spec.items()
    if accumulator == "$count" and argument != {}:
        _refuse(where, "$count takes an empty document")
    if isinstance(argument, list):
        _refuse(where, f"{accumulator} takes one expression, not a list")
    value_of = compile_expression(argument, where, allowance)
    if accumulator not in COLLECTORS:
        return _Field(name, value_of, ACCUMULATORS[accumulator])
    collect = COLLECTORS[accumulator]
    return _Field(name, value_of, lambda values: list(allowance.fitting(collect(values), where)))


def _refuse(where: str, what: str, action: str = "") -> NoReturn:
    raise InvalidInput(Issue(what, where, action))
