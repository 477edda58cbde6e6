"""The conditions of a filter with their positions, so that each can be changed by itself.

Every change returns a copy; the given filter is never modified.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dispatch_core.language.match import is_operator_document
from dispatch_core.types import Filter, JsonPath, JsonValue, Pipeline

_LOGICAL = ("$and", "$or", "$nor")

_SHAPE_KEEPING = frozenset(("$match", "$sort", "$limit", "$skip"))


@dataclass(frozen=True, slots=True)
class Condition:
    """One field with its condition, at any depth of a filter.

    Attributes
    ----------
    json_path
        Keys and indices from the filter to the operand; the last is ``key``.
    path
        The full dotted path, including the outer field of an ``$elemMatch``.
    key
        The path as written in the filter.
    operand
        A value, or a document of operators.
    others
        Paths tested by the other branches of the enclosing ``$or``.
    is_negated
        Whether the condition is below ``$nor``.
    """

    json_path: JsonPath
    path: str
    key: str
    operand: JsonValue
    others: frozenset[str] = frozenset()
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class _Around:
    """The context of a nested filter: its position, outer field, and sibling branches."""

    json_path: JsonPath = ()
    parent: str = ""
    others: frozenset[str] = frozenset()
    is_negated: bool = False


def conditions_of(filter_query: Filter) -> tuple[Condition, ...]:
    """Every condition of a filter, in order; ``$expr`` has none."""
    return tuple(_conditions(filter_query, _Around()))


def _conditions(filter_query: Filter, around: _Around) -> Iterator[Condition]:
    for key, operand in filter_query.items():
        if key in _LOGICAL and isinstance(operand, list):
            yield from _of_branches(key, operand, around)
        elif not key.startswith("$"):
            yield from _of_field(key, operand, around)


def _of_branches(key: str, branches: list[Any], around: _Around) -> Iterator[Condition]:
    paths = [_paths_in(branch, around.parent) for branch in branches]
    for number, branch in enumerate(branches):
        if isinstance(branch, dict):
            beside = (paths[other] for other in range(len(paths)) if other != number)
            others = around.others.union(*beside) if key == "$or" else around.others
            negated = around.is_negated or key == "$nor"
            json_path = (*around.json_path, key, number)
            yield from _conditions(branch, _Around(json_path, around.parent, others, negated))


def _paths_in(branch: JsonValue, parent: str) -> frozenset[str]:
    if not isinstance(branch, dict):
        return frozenset()
    return frozenset(one.path for one in _conditions(branch, _Around((), parent)))


def _of_field(key: str, operand: JsonValue, around: _Around) -> Iterator[Condition]:
    path = f"{around.parent}.{key}" if around.parent else key
    json_path = (*around.json_path, key)
    yield Condition(json_path, path, key, operand, around.others, around.is_negated)
    inner = operand.get("$elemMatch") if is_operator_document(operand) else None
    if isinstance(inner, dict) and not is_operator_document(inner):
        at = (*json_path, "$elemMatch")
        yield from _conditions(inner, _Around(at, path, around.others, around.is_negated))


def match_filters(query: Filter | Pipeline) -> Iterator[tuple[JsonPath, Filter]]:
    """(json_path, filter) of each part of a query that tests whole records, not computed fields.

    For a filter, the filter itself; for a pipeline, every ``$match`` before the
    first stage that changes the shape of records.
    """
    if isinstance(query, dict):
        yield (), query
        return
    for number, stage in enumerate(query):
        name = next(iter(stage), "")
        if name not in _SHAPE_KEEPING:
            return
        if name == "$match" and isinstance(stage[name], dict):
            yield (number, name), stage[name]


def replaced_at(value: Any, json_path: JsonPath, new: JsonValue) -> Any:
    """A copy of `value` with the item at `json_path` replaced by `new`."""
    if not json_path:
        return new
    step, rest = json_path[0], json_path[1:]
    if isinstance(value, dict):
        return {k: replaced_at(v, rest, new) if k == step else v for k, v in value.items()}
    return [replaced_at(v, rest, new) if n == step else v for n, v in enumerate(value)]


def item_at(value: Any, json_path: JsonPath) -> Any:
    """The item of `value` at `json_path`."""
    for step in json_path:
        value = value[step]
    return value


def with_key(filter_query: Filter, condition: Condition, key: str) -> Filter:
    """`filter_query` with the condition under another key, in the same order.

    If the document already has that key, ``$and`` keeps both conditions.
    """
    if key == condition.key:
        return filter_query
    document = item_at(filter_query, condition.json_path[:-1])
    operand = document[condition.key]
    if key in document:
        rest = {name: item for name, item in document.items() if name != condition.key}
        new: Filter = {"$and": [rest, {key: operand}]}
    else:
        new = {key if name == condition.key else name: item for name, item in document.items()}
    return dict(replaced_at(filter_query, condition.json_path[:-1], new))


def with_operand(filter_query: Filter, condition: Condition, operand: JsonValue) -> Filter:
    """`filter_query` with another operand for the condition."""
    return dict(replaced_at(filter_query, condition.json_path, operand))


def joined(query: Filter, clause: Filter) -> Filter:
    """`query` and `clause` in one document, or as members of ``$and`` if they share a key."""
    taken = [key for key in query if key in clause]
    if not taken:
        return {**query, **clause}
    members = query.get("$and")
    kept = list(members) if isinstance(members, list) else []
    kept += [{key: query[key]} for key in taken if key != "$and"]
    rest = {key: item for key, item in query.items() if key not in taken and key != "$and"}
    return {**rest, "$and": [*kept, clause]}
