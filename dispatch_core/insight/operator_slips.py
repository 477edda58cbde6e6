"""A condition in which an operator, its ``$`` or the dotted path is missing.

``["X"]`` without ``$in``, ``{"in": [..]}`` without the ``$``, and an object where a
dotted path is meant are equalities with a list or an object, which no record has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dispatch_core.insight.asking import Advice, Asking, Suggestion, shown
from dispatch_core.language.match import is_operator_document
from dispatch_core.types import Filter, JsonValue

_OPERATORS: Final = frozenset(
    "eq ne gt gte lt lte in nin exists type size mod regex options not elemMatch all".split()
)
_ALIASES: Final = {"elem_match": "elemMatch", "contains": "regex", "pattern": "regex"} | {
    "=": "eq",
    "==": "eq",
    "!=": "ne",
    ">": "gt",
    ">=": "gte",
    "<": "lt",
    "<=": "lte",
}
_BY_LOWER: Final = {one.lower(): one for one in _OPERATORS} | _ALIASES


def operator_advice(asking: Asking) -> Advice | None:
    """Advice on a list or an object that no record equals; None for any other operand."""
    operand = asking.condition.operand
    if isinstance(operand, list):
        found = tuple(_list_as_in(asking, operand))
        what = f"{asking.path} is compared with the whole list {shown(operand)}"
        return _advice(asking, f"{what}, not with each of its values", found)
    if not isinstance(operand, dict) or not operand:
        return None
    with_dollar = _with_dollar(operand)
    if with_dollar is not None:
        found = tuple(asking.matching([("", with_dollar)]))
        names = ", ".join(key for key in operand if not key.startswith("$"))
        return _advice(asking, f"{names} below {asking.path} is read as a field name", found)
    if is_operator_document(operand):
        return None
    what = f"{asking.path} is compared with the whole object {shown(operand)}"
    return _advice(asking, f"{what}, with no other field in it", tuple(_as_paths(asking, operand)))


def _advice(asking: Asking, message: str, found: tuple[Suggestion, ...]) -> Advice | None:
    if not found or asking.is_met():
        return None
    return Advice("operator", asking.path, message, found)


def _list_as_in(asking: Asking, operand: list[JsonValue]) -> Iterator[Suggestion]:
    if not any(isinstance(item, list | dict) for item in operand) and operand:
        yield from asking.matching([("", {"$in": operand})])


def _with_dollar(operand: dict[str, JsonValue]) -> dict[str, JsonValue] | None:
    """`operand` with ``$`` before every operator; None if another key is in it."""
    bare = {key: _BY_LOWER.get(key.strip("$\\ ").lower()) for key in operand}
    changed = {f"${bare[key]}": item for key, item in operand.items() if bare[key]}
    is_complete = len(changed) == len(operand) and all(key.isascii() for key in operand)
    return changed if is_complete and changed.keys() != operand.keys() else None


def _as_paths(asking: Asking, operand: Filter) -> Iterator[Suggestion]:
    """The object as conditions on dotted paths; inside a list, all of one item first."""
    key, known = asking.condition.key, asking.known
    inner = dict(_flattened(operand))
    clauses: list[Filter] = [{f"{key}.{path}": item for path, item in inner.items()}]
    if known is not None and known.is_list and len(inner) > 1:
        clauses.insert(0, {key: {"$elemMatch": inner}})
    for clause in clauses:
        if asking.has_match(asking.below_parent(clause)):
            yield asking.with_clause(shown(clause), clause)


def _flattened(operand: Filter) -> Iterator[tuple[str, JsonValue]]:
    for name, item in operand.items():
        if isinstance(item, dict) and item and not is_operator_document(item):
            changed = _with_dollar(item)
            if changed is not None:
                yield name, changed
                continue
            for path, inner in _flattened(item):
                yield f"{name}.{path}", inner
        elif isinstance(item, list) and len(item) == 1 and isinstance(item[0], dict):
            for path, inner in _flattened(item[0]):
                yield f"{name}.{path}", inner
        else:
            yield name, item
