"""Dotted paths into records, read as an aggregation expression reads ``"$a.b"``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final[Any] = _Missing()
"""What a path gives where the record has no such field; not the same as null."""


def value_at(value: Any, path: str) -> Any:
    """The value at `path`, or `MISSING`.

    A list on the way gives the list of what its items hold, without those that
    hold nothing: ``modality.abbreviation`` of two modalities is a list of two.
    """
    head, _, rest = path.partition(".")
    if isinstance(value, list):
        found = [value_at(item, path) for item in value]
        return [item for item in found if item is not MISSING]
    if not isinstance(value, dict) or head not in value:
        return MISSING
    return value_at(value[head], rest) if rest else value[head]


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
