"""Dotted paths into records, evaluated as the aggregation expression ``"$a.b"``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dispatch_core.language.bson import MISSING
from dispatch_core.types import JsonValue


def value_at(value: JsonValue, path: str) -> JsonValue:
    """The value at a dotted path, or `MISSING`; see `value_along`."""
    return value_along(value, path.split("."))


def value_along(value: JsonValue, segments: Sequence[str], start: int = 0) -> JsonValue:
    """The value at a path of an expression; through an array, the list of its documents' values.

    A number in the path is a field name, never an index. Elements without the field
    are skipped: ``$a.b`` of ``{"a": [{"b": 1}, {}, 2]}`` is ``[1]``.
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


def spellings_in(field: str) -> tuple[str, ...]:
    """The paths of a field that has several, as ``session.rig_id|instrument.instrument_id``."""
    return tuple(path.strip() for path in field.split("|"))


def spelling_of(value: JsonValue, field: str) -> str:
    """The first path of `field` with a value that is not null; the first one if there is none."""
    paths = spellings_in(field)
    return next((path for path in paths if value_at(value, path) not in (MISSING, None)), paths[0])


def field_value(value: JsonValue, field: str) -> JsonValue:
    """The value at the first path of `field` that has one, or `MISSING`; see `value_at`.

    If `field` has several paths, a list of one item counts as this item: one schema has a
    text where the other has a list.
    """
    found = value_at(value, spelling_of(value, field))
    if "|" in field and isinstance(found, list) and len(found) == 1:
        return found[0]
    return found


def is_below(path: str, parent: str) -> bool:
    """Whether `path` is `parent` or a path inside it."""
    return path == parent or path.startswith(parent + ".")


def outermost_paths(paths: Iterable[str]) -> list[str]:
    """`paths`, sorted, without those below another one: a projection cannot contain both."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(is_below(path, parent) for parent in kept):
            kept.append(path)
    return kept
