"""What a projection leaves of a record: the ``$project`` stage and the find projection.

A projection becomes a tree of field names; arrays on the way are walked, so a
path means "in each document of the array". Records are copied where they change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NoReturn, TypeAlias

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.bson import MISSING, is_number
from dispatch_core.language.expressions import Expression, Scope, compile_expression, scope_of
from dispatch_core.types import JsonValue, Record

_FIND_ONLY: Final = ("$slice", "$elemMatch", "$meta")


def project_record(record: Record, projection: dict[str, JsonValue]) -> Record:
    """What a find projection (dotted path -> 1 or 0) gives of a record.

    ``_id`` stays unless it is 0; ``{"a.b": 1}`` of ``{"a": [{"b": 1, "c": 2}, 3]}`` is
    ``{"a": [{"b": 1}]}``; an empty projection gives the record itself.
    """
    return compile_projection(projection)(record) if projection else record


def compile_projection(
    projection: dict[str, JsonValue], where: str = "projection"
) -> Callable[[Record], Record]:
    """A function that projects a record; raises `InvalidInput` on what MongoDB refuses."""
    if not isinstance(projection, dict) or not projection:
        _refuse(where, "needs a document of at least one field", 'Write {"field": 1}')
    tree = _Fields(where)
    for path, value in projection.items():
        for names, leaf in _leaves(where, [*_names(where, path)], value):
            tree.put(names, leaf)
    return _excluder(tree) if _is_exclusion(where, tree, projection) else _includer(tree)


def compile_additions(spec: JsonValue, where: str) -> Callable[[Record], Record]:
    """The ``$addFields`` stage: the record with computed fields set, the rest as it was."""
    if not isinstance(spec, dict) or not spec:
        _refuse(where, "needs a document of at least one field")
    tree = _Fields(where)
    for path, value in spec.items():
        for names, leaf in _additions(where, [*_names(where, path)], value):
            tree.put(names, leaf)
    return lambda record: tree.compute(record, scope_of(record))


def compile_removals(paths: JsonValue, where: str) -> Callable[[Record], Record]:
    """The ``$unset`` stage: the record without some paths."""
    given = paths if isinstance(paths, list) else [paths]
    if not given or not all(isinstance(path, str) for path in given):
        _refuse(where, "needs a field path or a list of them")
    tree = _Fields(where)
    for path in given:
        tree.put([*_names(where, path)], False)
    return _excluder(tree)


def _refuse(where: str, what: str, action: str = "") -> NoReturn:
    raise InvalidInput(Issue(what, where, action))


def _names(where: str, path: str) -> list[str]:
    names = path.split(".")
    if any(not name or name.startswith("$") for name in names):
        _refuse(where, f"{path!r} is not a field path", "Use names joined by single dots")
    return names


Leaf: TypeAlias = bool | Expression
"""Keep it, drop it, or compute it."""


@dataclass
class _Fields:
    """One level of a projection: what happens to each name of a document."""

    where: str
    leaves: dict[str, bool] = field(default_factory=dict)
    computed: dict[str, Expression] = field(default_factory=dict)
    inner: dict[str, _Fields] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def put(self, names: list[str], leaf: Leaf) -> None:
        name, rest = names[0], names[1:]
        if name in self.leaves or name in self.computed or (not rest and name in self.inner):
            _refuse(self.where, f"two entries meet in {'.'.join(names)!r}", "Keep one of them")
        if name not in self.inner:
            self.order.append(name)
        if rest:
            below = self.inner.setdefault(name, _Fields(f"{self.where}.{name}"))
            below.put(rest, leaf)
        elif isinstance(leaf, bool):
            self.leaves[name] = leaf
        else:
            self.computed[name] = leaf

    def kinds(self) -> Iterator[tuple[str, bool | None]]:
        """Each leaf with True (keep), False (drop) or None (compute)."""
        yield from self.leaves.items()
        yield from ((name, None) for name in self.computed)
        for name, below in self.inner.items():
            yield from ((f"{name}.{path}", kind) for path, kind in below.kinds())

    @cached_property
    def computes(self) -> bool:
        return bool(self.computed) or any(below.computes for below in self.inner.values())

    def keep(self, value: JsonValue) -> JsonValue:
        """The named parts of a value; `MISSING` for what has no fields.

        Where parts are to be computed, `MISSING` stands for `compute` to fill.
        """
        if isinstance(value, list):
            kept = [self.keep(item) for item in value]
            return kept if self.computes else [item for item in kept if item is not MISSING]
        if not isinstance(value, dict):
            return MISSING
        parts = ((name, self.keep_field(name, item)) for name, item in value.items())
        return {name: part for name, part in parts if part is not MISSING}

    def keep_field(self, name: str, value: JsonValue) -> JsonValue:
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
        """A value with the computed parts set; what has no fields becomes a document."""
        if isinstance(value, list):
            return [self.compute(item, scope) for item in value]
        document = dict(value) if isinstance(value, dict) else {}
        for name in self.order:
            if name in self.computed:
                document[name] = self.computed[name](scope)
            elif name in self.inner and self.inner[name].computes:
                document[name] = self.inner[name].compute(document.get(name, MISSING), scope)
            if name in document and document[name] is MISSING:
                del document[name]
        return document


def _includer(tree: _Fields) -> Callable[[Record], Record]:
    if not tree.computes:
        return lambda record: tree.keep(record)
    return lambda record: tree.compute(tree.keep(record), scope_of(record))


def _excluder(tree: _Fields) -> Callable[[Record], Record]:
    return lambda record: tree.drop(record)


def _is_exclusion(where: str, tree: _Fields, projection: dict[str, JsonValue]) -> bool:
    """Whether the fields named are dropped; settles ``_id``, which may differ from the rest."""
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


def _leaves(where: str, names: list[str], value: JsonValue) -> Iterator[tuple[list[str], Leaf]]:
    if isinstance(value, bool) or is_number(value):
        yield names, bool(value)
    elif not isinstance(value, dict) or any(key.startswith("$") for key in value):
        yield names, _computed(where, names, value)
    elif not value:
        _refuse(f"{where}.{'.'.join(names)}", "has an empty document")
    else:
        for path, inner in value.items():
            yield from _leaves(where, [*names, *_names(where, path)], inner)


def _additions(where: str, names: list[str], value: JsonValue) -> Iterator[tuple[list[str], Leaf]]:
    is_plain = isinstance(value, dict) and value and not any(k.startswith("$") for k in value)
    if not is_plain:
        yield names, _computed(where, names, value)
        return
    for path, inner in value.items():
        yield from _additions(where, [*names, *_names(where, path)], inner)


def _computed(where: str, names: list[str], value: JsonValue) -> Expression:
    place = f"{where}.{'.'.join(names)}"
    operator = next(iter(value)) if isinstance(value, dict) and value else ""
    if where == "projection" and operator in _FIND_ONLY:
        _refuse(place, f"the projection operator {operator} is not supported", "Use a path and 1")
    return compile_expression(value, place)
