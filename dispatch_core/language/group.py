"""The ``$group`` stage: records grouped by key, each group reduced by accumulators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.bson import MISSING, sort_key
from dispatch_core.language.expression_functions import average_of, greatest_of, least_of, total_of
from dispatch_core.language.expressions import Expression, Scope, compile_expression, scope_of
from dispatch_core.types import JsonValue, Record


def _present(values: Sequence[JsonValue]) -> list[JsonValue]:
    return [value for value in values if value is not MISSING]


def _distinct(values: Sequence[JsonValue]) -> JsonValue:
    found: dict[tuple[object, ...], JsonValue] = {}
    for value in _present(values):
        found.setdefault(sort_key(value), value)
    return list(found.values())


def _null_if_missing(value: JsonValue) -> JsonValue:
    return None if value is MISSING else value


ACCUMULATORS: Final[dict[str, Callable[[Sequence[JsonValue]], JsonValue]]] = {
    "$sum": total_of,
    "$avg": average_of,
    "$min": least_of,
    "$max": greatest_of,
    "$first": lambda values: _null_if_missing(values[0]),
    "$last": lambda values: _null_if_missing(values[-1]),
    "$push": _present,
    "$addToSet": _distinct,
    "$count": len,
}
"""Accumulator -> function of a group's values, which are in the order of the records."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One output field: the value of each record, and the accumulator over these values."""

    name: str
    value_of: Expression
    accumulate: Callable[[Sequence[JsonValue]], JsonValue]


def compile_group(spec: JsonValue, where: str) -> Callable[[Iterable[Record]], Iterator[Record]]:
    """A function from records to one record per group, in order of first appearance.

    A missing key counts as null. A field that is not an accumulator raises `InvalidInput`.
    """
    if not isinstance(spec, dict) or "_id" not in spec:
        _refuse(where, "$group needs an _id", 'Write {"_id": null} for a single group')
    key_of = compile_expression(spec["_id"], f"{where}._id")
    fields = [_field(name, spec[name], where) for name in spec if name != "_id"]
    return lambda records: _grouped(records, key_of, fields)


def _grouped(
    records: Iterable[Record], key_of: Expression, fields: list[_Field]
) -> Iterator[Record]:
    groups: dict[tuple[object, ...], tuple[JsonValue, list[list[JsonValue]]]] = {}
    for record in records:
        scope: Scope = scope_of(record)
        key = _null_if_missing(key_of(scope))
        _, columns = groups.setdefault(sort_key(key), (key, [[] for _ in fields]))
        for field, values in zip(fields, columns, strict=True):
            values.append(field.value_of(scope))
    for key, columns in groups.values():
        results = {f.name: f.accumulate(values) for f, values in zip(fields, columns, strict=True)}
        yield {"_id": key, **results}


def _field(name: str, spec: JsonValue, where: str) -> _Field:
    where = f"{where}.{name}"
    if "." in name or name.startswith("$"):
        _refuse(where, f"the output field {name!r} contains a dot or starts with $")
    if not isinstance(spec, dict) or len(spec) != 1 or next(iter(spec)) not in ACCUMULATORS:
        supported = ", ".join(sorted(ACCUMULATORS))
        _refuse(where, f"{name!r} is not one accumulator", f"Supported: {supported}")
    ((accumulator, argument),) = spec.items()
    if accumulator == "$count" and argument != {}:
        _refuse(where, "$count takes an empty document")
    if isinstance(argument, list):
        _refuse(where, f"{accumulator} takes one expression, not a list")
    return _Field(name, compile_expression(argument, where), ACCUMULATORS[accumulator])


def _refuse(where: str, what: str, action: str = "") -> NoReturn:
    raise InvalidInput(Issue(what, where, action))
