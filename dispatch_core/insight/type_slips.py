"""A value of a type that the field never has, or a plain value where it has objects."""

from __future__ import annotations

import json
from typing import Any

from dispatch_core.builder.spelling import rename_condition
from dispatch_core.insight.asking import (
    COMPARISONS,
    MOST_SUGGESTIONS,
    Advice,
    Asking,
    Suggestion,
    as_operators,
    compared,
    shown,
)
from dispatch_core.insight.fields import SCALARS, FieldInfo
from dispatch_core.language.match import is_operator_document
from dispatch_core.types import JsonValue

MANY_TIMES = 5
"""How many times as many records a field inside must match to be meant instead."""


def type_advice(asking: Asking) -> Advice | None:
    """Advice on values that no value of the field can equal."""
    known, operand = asking.known, asking.condition.operand
    values = list(compared(operand))
    if known is None or not values:
        return None
    if known.is_mostly_objects and not any(isinstance(one, list | dict) for one in values):
        return _inner_field(asking, known, values[0])
    odd = [value for value in values if not _may_equal(value, known)]
    if len(odd) < len(values) or not SCALARS & set(known.types) or asking.is_met():
        return None
    changed = _converted(operand, known)
    message = (
        f"{asking.path} has {_named(known)}; {shown(odd[0])} is {_kind_of(odd[0])} and equals"
        " none of them"
    )
    if changed is None or not asking.has_match({asking.path: as_operators(changed)}):
        return Advice("type", asking.path, message)
    return Advice("type", asking.path, message, (asking.with_operand(shown(changed), changed),))


def _may_equal(value: JsonValue, known: FieldInfo) -> bool:
    if value is None or isinstance(value, list | dict):
        return True
    return _type_of(value) in known.types


def _type_of(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "string"


def _kind_of(value: JsonValue) -> str:
    return {"boolean": "true or false", "number": "a number", "string": "a text"}[_type_of(value)]


def _named(known: FieldInfo) -> str:
    names = {"string": "texts", "number": "numbers", "boolean": "true or false"}
    return " and ".join(names[kind] for kind in known.types if kind in SCALARS)


def _converted(operand: JsonValue, known: FieldInfo) -> JsonValue:
    """The operand with its values converted to the type of the field, or None."""
    if is_operator_document(operand):
        changed = {
            name: _converted_values(argument, known) if name in COMPARISONS else argument
            for name, argument in operand.items()
        }
        kept = operand.keys() - {"$regex"} == operand.keys()
        return changed if kept and None not in changed.values() else None
    return _converted_values(operand, known)


def _converted_values(value: JsonValue, known: FieldInfo) -> JsonValue:
    if isinstance(value, list):
        items = [_converted_values(item, known) for item in value]
        return None if None in items else items
    if isinstance(value, str) and "boolean" in known.types and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, str) and "number" in known.types:
        return _number(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and "string" in known.types:
        whole = int(value) if value == value // 1 else value
        return json.dumps(whole)
    return None


def _number(text: str) -> int | float | None:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _inner_field(asking: Asking, known: FieldInfo, value: JsonValue) -> Advice | None:
    """A plain value compared with objects: suggests the fields inside that have it.

    Some records may have the plain value (old ones often do); a field inside is meant
    if several times as many records have it there.
    """
    operand = asking.condition.operand
    here = asking.count(operand)
    counted = [
        (one, _count_at(asking, one, operand))
        for one in [one.path for one in asking.catalogue.inside(known.path)][:8]
    ]
    held = [(one, count) for one, count in counted if count > MANY_TIMES * here]
    if not held and (here or SCALARS & set(known.types)):
        return None
    suggestions = tuple(_inner(asking, *one) for one in held[:MOST_SUGGESTIONS])
    few = "equals none of them" if not here else f"is the value itself in only {here:,}"
    message = f"{asking.path} has documents with fields of their own; {shown(value)} {few}"
    return Advice("type", asking.path, message, suggestions)


def _count_at(asking: Asking, path: str, operand: JsonValue) -> int:
    return asking.source.count({path: as_operators(operand)})


def _inner(asking: Asking, path: str, count: int) -> Suggestion:
    changed = rename_condition(asking.filter_query, asking.condition, path)
    return asking.with_filter(f"{path} ({count:,})", changed)
