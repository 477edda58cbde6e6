"""Compares parameter sets: which values differ, which are shared, which sets repeat.

Only values written in the document are compared. Defaults of a schema are not values
of a set, so they are never filled in here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from dispatch_core.parameter_sets.document import MergedSet
from dispatch_core.parameter_sets.sweep import flat
from dispatch_core.types import JsonValue

KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComparedValue:
    """A value and the top-level key of the document that it comes from."""

    value: JsonValue
    origin: str


@dataclass(frozen=True, slots=True)
class ComparedSet:
    """The values of one set by path; `same_as` is the number of an earlier, equal set."""

    number: int
    values: dict[KeyPath, ComparedValue]
    same_as: int | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The sets, the paths whose values differ, and the paths whose values all sets share.

    1, 1.0, true and "1" differ from each other. A path that one set lacks differs too.
    """

    sets: tuple[ComparedSet, ...]
    differing: tuple[KeyPath, ...]
    shared: tuple[KeyPath, ...]


def compare_sets(sets: Sequence[MergedSet]) -> Comparison:
    """Compare `sets`; paths keep the order in which they first appear."""
    first: dict[str, int] = {}
    compared = tuple(_compared(one, first) for one in sets)
    paths = list(dict.fromkeys(path for one in compared for path in one.values))
    differing = {path for path in paths if _differs(path, compared)}
    return Comparison(
        compared,
        tuple(path for path in paths if path in differing),
        tuple(path for path in paths if path not in differing),
    )


def _compared(one: MergedSet, first: dict[str, int]) -> ComparedSet:
    values = {path: ComparedValue(value, one.origin(path[0])) for path, value in flat(one.values)}
    earlier = first.setdefault(json.dumps(one.values, sort_keys=True), one.number)
    return ComparedSet(one.number, values, None if earlier == one.number else earlier)


def _differs(path: KeyPath, sets: Sequence[ComparedSet]) -> bool:
    written = {
        json.dumps(one.values[path].value, sort_keys=True) if path in one.values else None
        for one in sets
    }
    return len(written) > 1
