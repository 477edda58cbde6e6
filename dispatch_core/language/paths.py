"""Dotted paths into records, read as an aggregation expression reads ``"$a.b"``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dispatch_core.language.bson import MISSING
from dispatch_core.types import JsonValue


def value_at(value: JsonValue, path: str) -> JsonValue:
    """The value at a dotted path, or `MISSING`; see `value_along`."""
    return value_along(value, path.split("."))


def value_along(value: JsonValue, segments: Sequence[str], start: int = 0) -> JsonValue:
    """What an expression's path gives: through an array, the list of what its documents hold.

    A number in the path is a field name, never an index; elements without the
    field are left out, so ``$a.b`` of ``{"a": [{"b": 1}, {}, 2]}`` is ``[1]``.
    """
    for position in range(start, len(segments)):
        if isinstance(value, list):
            documents = (item for item in value if isinstance(item, dict))
            found = [value_along(item, segments, position) for item in documents]
            return [item for item in found if item is not MISSING]
        if not isinstance(value, dict):
            return MISSING
        value = value.get(segments[position], MISSING)
    return value


def is_below(path: str, parent: str) -> bool:
    """Whether `path` is `parent` or lies below it."""
    return path == parent or path.startswith(parent + ".")


def outermost_paths(paths: Iterable[str]) -> list[str]:
    """`paths` without those below another one: a projection may not hold both."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(is_below(path, parent) for parent in kept):
            kept.append(path)
    return kept
