"""The ``$group`` stage: records gathered by key, each group folded by accumulators."""

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
"""What each accumulator makes of a group's values, in the order the records came."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One output field: what to take of each record, how to fold what was taken."""

    name: str
    take: Expression
    fold: Callable[[Sequence[JsonValue]], JsonValue]


def compile_group(spec: JsonValue, where: str) -> Callable[[Iterable[Record]], Iterator[Record]]:
    """A function from records to one record per group, in the order of first appearance.

    Missing keys count as null. `InvalidInput` names the field that is no accumulator.
    """
    if not isinstance(spec, dict) or "_id" not in spec:
        _refuse(where, "$group needs an _id", 'Write {"_id": null} for one group of all')
    key_of = compile_expression(spec["_id"], f"{where}._id")
    fields = [_field(name, spec[name], where) for name in spec if name != "_id"]
    return lambda records: _gathered(records, key_of, fields)


def _gathered(
    records: Iterable[Record], key_of: Expression, fields: list[_Field]
) -> Iterator[Record]:
    groups: dict[tuple[object, ...], tuple[JsonValue, list[list[JsonValue]]]] = {}
    for record in records:
        scope: Scope = scope_of(record)
        key = _null_if_missing(key_of(scope))
        _, taken = groups.setdefault(sort_key(key), (key, [[] for _ in fields]))
        for field, values in zip(fields, taken, strict=True):
            values.append(field.take(scope))
    for key, taken in groups.values():
        folded = {f.name: f.fold(values) for f, values in zip(fields, taken, strict=True)}
        yield {"_id": key, **folded}


def _field(name: str, spec: JsonValue, where: str) -> _Field:
    place = f"{where}.{name}"
    if "." in name or name.startswith("$"):
        _refuse(place, f"the output field {name!r} holds a dot or a $")
    if not isinstance(spec, dict) or len(spec) != 1 or next(iter(spec)) not in ACCUMULATORS:
        supported = ", ".join(sorted(ACCUMULATORS))
        _refuse(place, f"{name!r} is not one accumulator", f"Supported: {supported}")
    ((accumulator, argument),) = spec.items()
    if accumulator == "$count" and argument != {}:
        _refuse(place, "$count takes an empty document")
    if isinstance(argument, list):
        _refuse(place, f"{accumulator} takes one expression, not a list")
    return _Field(name, compile_expression(argument, place), ACCUMULATORS[accumulator])


def _refuse(where: str, what: str, action: str = "") -> NoReturn:
    raise InvalidInput(Issue(what, where, action))
