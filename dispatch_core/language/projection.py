"""Projections of records: the find projection and the stages that set or remove fields.

A projection is compiled into a tree of field names. A path through an array applies to
each document in it. Only the changed parts of a record are copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NoReturn, TypeAlias

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.allowance import MAX_LEVELS, Allowance
from dispatch_core.language.bson import MISSING, is_number
from dispatch_core.language.expressions import Expression, Scope, compile_expression, scope_of
from dispatch_core.types import JsonValue, Record

_FIND_ONLY: Final = ("$slice", "$elemMatch", "$meta")


def project_record(record: Record, projection: dict[str, JsonValue]) -> Record:
    """`record` under a find projection (dotted path -> 1 or 0).

    ``_id`` is kept unless it is 0; ``{"a.b": 1}`` of ``{"a": [{"b": 1, "c": 2}, 3]}`` is
    ``{"a": [{"b": 1}]}``; an empty projection returns the record itself.
    """
    return compile_projection(projection)(record) if projection else record


def compile_projection(
    projection: dict[str, JsonValue],
    where: str = "projection",
    allowance: Allowance | None = None,
) -> Callable[[Record], Record]:
    """A function that projects a record; `InvalidInput` if MongoDB refuses the projection."""
    if not isinstance(projection, dict) or not projection:
        _refuse(where, "needs a document of at least one field", 'Write {"field": 1}')
    left = allowance or Allowance()
    tree = _Fields(where, left)
    for path, value in projection.items():
        for names, leaf in _leaves(where, [*_names(where, path)], value, left):
            tree.add(names, leaf)
    return _excluder(tree) if _is_exclusion(where, tree, projection) else _includer(tree)


def compile_additions(
    spec: JsonValue, where: str, allowance: Allowance
) -> Callable[[Record], Record]:
    """A function that sets computed fields of a record, the ``$addFields`` stage."""
    if not isinstance(spec, dict) or not spec:
        _refuse(where, "needs a document of at least one field")
    tree = _Fields(where, allowance)
    for path, value in spec.items():
        for names, leaf in _additions(where, [*_names(where, path)], value, allowance):
            tree.add(names, leaf)
    return lambda record: tree.compute(record, scope_of(record))


def compile_removals(paths: JsonValue, where: str) -> Callable[[Record], Record]:
    """A function that removes paths from a record, the ``$unset`` stage."""
    given = paths if isinstance(paths, list) else [paths]
    if not given or not all(isinstance(path, str) for path in given):
        _refuse(where, "needs a field path or a list of them")
    tree = _Fields(where, Allowance())
    for path in given:
        tree.add([*_names(where, path)], False)
    return _excluder(tree)


def _refuse(where: str, what: str, action: str = "") -> NoReturn:
    raise InvalidInput(Issue(what, where, action))


def _names(where: str, path: str) -> list[str]:
    names = path.split(".")
    if any(not name or name.startswith("$") for name in names):
        _refuse(where, f"{path[:80]!r} is not a field path", "Use names joined by single dots")
    return names


Leaf: TypeAlias = bool | Expression
"""True to keep a field, False to drop it, an expression to compute it."""


@dataclass
class _Fields:
    """One level of a projection: the action for each field name of a document."""

    where: str
    allowance: Allowance
    leaves: dict[str, bool] = field(default_factory=dict)
    computed: dict[str, Expression] = field(default_factory=dict)
    inner: dict[str, _Fields] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def add(self, names: list[str], leaf: Leaf) -> None:
        """Add the action for one path; two actions for the same path raise `InvalidInput`."""
        name, rest = names[0], names[1:]
        if len(names) > MAX_LEVELS:
            _refuse(self.where, f"a path has more than {MAX_LEVELS} names", "Use a shorter path")
        if name in self.leaves or name in self.computed or (not rest and name in self.inner):
            _refuse(self.where, f"two entries conflict at {'.'.join(names)!r}", "Keep one of them")
        if name not in self.inner:
            self.order.append(name)
        if rest:
            below = self.inner.setdefault(name, _Fields(f"{self.where}.{name}", self.allowance))
            below.add(rest, leaf)
        elif isinstance(leaf, bool):
            self.leaves[name] = leaf
        else:
            self.computed[name] = leaf

    def kinds(self) -> Iterator[tuple[str, bool | None]]:
        """(path, action) of each leaf: True to keep, False to drop, None to compute."""
        yield from self.leaves.items()
        yield from ((name, None) for name in self.computed)
        for name, below in self.inner.items():
            yield from ((f"{name}.{path}", kind) for path, kind in below.kinds())

    @cached_property
    def computes(self) -> bool:
        """Whether any field at this level or below is computed."""
        return bool(self.computed) or any(below.computes for below in self.inner.values())

    def keep(self, value: JsonValue) -> JsonValue:
        """The named parts of a value; `MISSING` for a value without fields.

        If parts are computed, `MISSING` items of a list are kept for `compute` to fill.
        """
        if isinstance(value, list):
            kept = [self.keep(item) for item in value]
            return kept if self.computes else [item for item in kept if item is not MISSING]
        if not isinstance(value, dict):
            return MISSING
        parts = ((name, self.keep_field(name, item)) for name, item in value.items())
        return {name: part for name, part in parts if part is not MISSING}

    def keep_field(self, name: str, value: JsonValue) -> JsonValue:
        """The kept part of one field, or `MISSING` if the projection does not name it."""
        if name in self.leaves:
            return value
        return self.inner[name].keep(value) if name in self.inner else MISSING

    def drop(self, value: JsonValue) -> JsonValue:
        """A value without the named parts."""
        if isinstance(value, list):
            return [self.drop(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            name: self.inner[name].drop(item) if name in self.inner else item
            for name, item in value.items()
            if name not in self.leaves
        }

    def compute(self, value: JsonValue, scope: Scope) -> JsonValue:
        """A value with the computed parts set; a value without fields becomes a document."""
        if isinstance(value, list):
            self.allowance.visit(len(value), self.where)
            return [self.compute(item, scope) for item in value]
        document = dict(value) if isinstance(value, dict) else {}
        self.set_computed(document, scope)
        computed = [document[name] for name in self.computed if name in document]
        self.allowance.add_fields(document, computed, self.where)
        return document

    def set_computed(self, document: Record, scope: Scope) -> None:
        """Set the computed fields of a document, at this level and below."""
        for name in self.order:
            if name in self.computed:
                document[name] = self.computed[name](scope)
            elif name in self.inner and self.inner[name].computes:
                document[name] = self.inner[name].compute(document.get(name, MISSING), scope)
            if name in document and document[name] is MISSING:
                del document[name]


def _includer(tree: _Fields) -> Callable[[Record], Record]:
    if not tree.computes:
        return lambda record: tree.keep(record)
    return lambda record: tree.compute(tree.keep(record), scope_of(record))


def _excluder(tree: _Fields) -> Callable[[Record], Record]:
    return lambda record: tree.drop(record)


def _is_exclusion(where: str, tree: _Fields, projection: dict[str, JsonValue]) -> bool:
    """Whether the named fields are dropped; also sets the action for ``_id``.

    ``_id`` is the only field whose action may differ from the others.
    """
    kinds = dict(tree.kinds())
    own = kinds.pop("_id", True)
    if not kinds:
        return own is False
    excludes = False in kinds.values()
    if excludes and (set(kinds.values()) != {False} or own is None):
        dropped = next(path for path, kind in kinds.items() if kind is False)
        _refuse(where, f"{dropped!r} is excluded beside included fields", "Only _id may be 0 there")
    if own is excludes:
        tree.leaves.pop("_id", None)
    if not excludes and "_id" not in projection and "_id" not in tree.inner:
        tree.leaves["_id"] = True
    return excludes


def _leaves(
    where: str, names: list[str], value: JsonValue, allowance: Allowance
) -> Iterator[tuple[list[str], Leaf]]:
    if isinstance(value, bool) or is_number(value):
        yield names, bool(value)
    elif not isinstance(value, dict) or any(key.startswith("$") for key in value):
        yield names, _computed(where, names, value, allowance)
    elif not value:
        _refuse(f"{where}.{'.'.join(names)}", "has an empty document")
    else:
        for path, inner in value.items():
            yield from _leaves(where, [*names, *_names(where, path)], inner, allowance)


def _additions(
    where: str, names: list[str], value: JsonValue, allowance: Allowance
) -> Iterator[tuple[list[str], Leaf]]:
    is_plain = isinstance(value, dict) and value and not any(k.startswith("$") for k in value)
    if not is_plain:
        yield names, _computed(where, names, value, allowance)
        return
    for path, inner in value.items():
        yield from _additions(where, [*names, *_names(where, path)], inner, allowance)


def _computed(where: str, names: list[str], value: JsonValue, allowance: Allowance) -> Expression:
    field = f"{where}.{'.'.join(names)}"
    operator = next(iter(value)) if isinstance(value, dict) and value else ""
    if where == "projection" and operator in _FIND_ONLY:
        _refuse(field, f"the projection operator {operator} is not supported", "Use a path and 1")
    return compile_expression(value, field, allowance)
