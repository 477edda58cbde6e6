"""Makes parameter sets from lists of values for some keys: a sweep.

``product`` makes every combination, and the last key changes fastest (3 and 2 values:
6 sets). ``zip`` combines the first values of all keys, then the second values.
``append`` changes one key at a time, one key after another (3 and 2 values: 5 sets).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from dispatch_core.environment.limits import SWEEP
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.parameter_sets.document import ParameterSet
from dispatch_core.parameter_sets.sweep_ranges import read_range, split_values
from dispatch_core.text.strict_json import load_json
from dispatch_core.text.value_text import read_value
from dispatch_core.types import JsonValue

SweepMode = Literal["product", "zip", "append"]

WHERE = "sweep"

_NUMBER = r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][-+]?[0-9]{1,3})?"
_RANGE = re.compile(rf"({_NUMBER})\s+to\s+({_NUMBER})\s+(step|count)\s+({_NUMBER})")
_DIGITS = 15
"""Decimal digits that a double represents exactly."""


@dataclass(frozen=True, slots=True)
class SweptKey:
    """A key, given as a path, and the values that it takes in turn."""

    path: tuple[str, ...]
    values: tuple[JsonValue, ...]

    @property
    def name(self) -> str:
        """The path as displayed: ``fit_kwargs.seed``."""
        return ".".join(self.path)


def read_path(text: str) -> tuple[str, ...]:
    """Split a dotted path into keys; use a JSON list (``["a.b", "c"]``) if a key has a dot."""
    text = text.strip()
    if text.startswith("["):
        keys = load_json(text, f"{WHERE}, key")
        if isinstance(keys, list) and keys and all(isinstance(key, str) for key in keys):
            return tuple(keys)
    path = tuple(text.split("."))
    if text.startswith("[") or not all(path):
        action = 'Write a.b, or ["a", "b"] if a key contains a dot'
        raise InvalidInput(Issue(f"{text!r} is not the path of a key", WHERE, action))
    return path


def read_values(text: str, where: str = WHERE, *, is_text: bool = False) -> tuple[JsonValue, ...]:
    """Return the values listed in `text`: a JSON list, or values separated by commas or lines.

    ``0.1 to 0.5 step 0.1`` and ``0 to 1 count 5`` are ranges. Both ends are included, and
    decimals are exact (0.3, not 0.30000000000000004). Types are kept: 1, 1.0 and "1" are
    three values. With `is_text`, bare words and numbers are strings. Ranges in the spelling
    of Python, NumPy, MATLAB and Hydra are read as those tools mean them (`sweep_ranges`).
    """
    if text.strip().startswith("["):
        listed = _whole_list(text)
        if listed is not None:
            return listed
    values: list[JsonValue] = []
    for part in split_values(text, where):
        values.extend(_range(part, where) or _foreign(part, where, is_text=is_text))
        _check_count(len(values), "the list")
    if not values:
        raise InvalidInput(Issue("no value is given", where, "Write values separated by commas"))
    if not is_text:
        _refuse_thousands(values, where)
    return tuple(values)


def _refuse_thousands(values: Sequence[JsonValue], where: str) -> None:
    """Numbers beside texts such as ``000`` come from ``1,000``, which is two values here."""
    odd = next((one for one in values if isinstance(one, str) and re.fullmatch(r"0\d+", one)), None)
    if odd and any(isinstance(one, int | float) for one in values):
        what = f"{odd!r} beside numbers is not a number"
        raise InvalidInput(Issue(what, where, f'Write 1000 for 1,000, or "{odd}" for the text'))


def _foreign(part: str, where: str, *, is_text: bool) -> Sequence[JsonValue]:
    """The values of a range in another tool's spelling, else `part` as one value."""
    listed = None if part.startswith('"') else read_range(part, where, is_text=is_text)
    if listed is None:
        return [read_value(part, where, is_text=is_text)]
    _check_count(listed.count, part)
    return [
        one if isinstance(one, str) else _number(one, listed.is_integer) for one in listed.values()
    ]


def _whole_list(text: str) -> tuple[JsonValue, ...] | None:
    """Return the items of one JSON list; None if `text` is several lists."""
    try:
        value = load_json(text, WHERE)
    except InvalidInput:
        return None
    if not isinstance(value, list) or not value:
        return None
    _check_count(len(value), "the list")
    return tuple(value)


def _range(part: str, where: str) -> list[JsonValue]:
    match = _RANGE.fullmatch(part)
    if match is None:
        return []
    first, last, word, amount = match.groups()
    start, stop, size = Decimal(first), Decimal(last), Decimal(amount)
    is_integer = all(re.fullmatch(r"-?\d+", one) for one in (first, last, amount))
    if word == "count":
        return _by_count(start, stop, size, where)
    if not size or (stop - start) / size < 0:
        action = "Use a step that leads from the first number to the last"
        raise InvalidInput(Issue(f"the step of {part!r} never reaches its end", where, action))
    steps = (stop - start) / size
    _check_count(steps + 1, part)
    return [_number(start + size * n, is_integer) for n in range(int(steps) + 1)]


def _by_count(start: Decimal, stop: Decimal, count: Decimal, where: str) -> list[JsonValue]:
    if count != count.to_integral_value() or count < 1:
        raise InvalidInput(Issue(f"{count} is not a count", where, "Use a whole number from 1"))
    _check_count(count, f"a count of {count}")
    gap = (stop - start) / max(1, int(count) - 1)
    numbers = [start + gap * n for n in range(int(count))]
    is_integer = all(one == one.to_integral_value() for one in (start, stop, *numbers))
    return [_number(one, is_integer) for one in numbers]


def _number(value: Decimal, is_integer: bool) -> int | float:
    number = float(f"{value:.{_DIGITS}g}")
    if math.isinf(number):
        raise InvalidInput(Issue(f"{value} is too large", WHERE, "Use smaller numbers"))
    return int(value) if is_integer else number


def count_sets(keys: Sequence[SweptKey], mode: SweepMode) -> int:
    """Return how many sets a sweep makes, without making them.

    Raises
    ------
    InvalidInput
        If no key is given, two keys change the same value, lists of different lengths
        are zipped, or the sweep makes more sets than the limit (2,000).
    """
    lengths = [len(key.values) for key in keys]
    _check_keys(keys)
    if mode == "zip" and len(set(lengths)) > 1:
        listed = ", ".join(f"{key.name} {len(key.values)}" for key in keys)
        what = f"the lists differ in length: {listed}"
        action = "Use the same number of values for each key, or every combination"
        raise InvalidInput(Issue(what, WHERE, action))
    counts = {"product": math.prod(lengths), "zip": lengths[0], "append": sum(lengths)}
    _check_count(
        counts[mode], " × ".join(map(str, lengths)) if mode == "product" else f"the {mode}"
    )
    return counts[mode]


def _check_keys(keys: Sequence[SweptKey]) -> None:
    if not keys:
        raise InvalidInput(Issue("no key is chosen", WHERE, "Choose a key and list its values"))
    for one, other in itertools.combinations(keys, 2):
        shorter = min(len(one.path), len(other.path))
        if one.path[:shorter] == other.path[:shorter]:
            what = f"{one.name} and {other.name} change the same value"
            raise InvalidInput(Issue(what, WHERE, "Keep one of them"))


def _check_count(count: int | Decimal, origin: str) -> None:
    if count > SWEEP.most:
        what = f"{origin} would make {int(count):,}; the limit is {SWEEP.text}"
        action = f"Use fewer values, sweep in parts, or {SWEEP.remedy}"
        raise InvalidInput(Issue(what, WHERE, action))


def sweep_sets(
    keys: Sequence[SweptKey],
    mode: SweepMode,
    own: ParameterSet,
    fixed: ParameterSet | None = None,
) -> list[dict[str, Any]]:
    """Return one copy of the set `own` for each choice of values, in order.

    Fixed parameters are not copied into the sets. The exception is a nested key: a set
    replaces a fixed object as a whole, so the other members of that object are copied.
    """
    count_sets(keys, mode)
    under = fixed or {}
    return [_changed(own, under, choice) for choice in _choices(keys, mode)]


def _choices(
    keys: Sequence[SweptKey], mode: SweepMode
) -> Iterator[list[tuple[tuple[str, ...], JsonValue]]]:
    if mode == "append":
        yield from ([(key.path, value)] for key in keys for value in key.values)
        return
    lists = [key.values for key in keys]
    rows = itertools.product(*lists) if mode == "product" else zip(*lists, strict=True)
    for row in rows:
        yield [(key.path, value) for key, value in zip(keys, row, strict=True)]


def _changed(
    own: ParameterSet,
    fixed: ParameterSet,
    choice: Sequence[tuple[tuple[str, ...], JsonValue]],
) -> dict[str, Any]:
    changed = deepcopy(dict(own))
    for path, value in choice:
        if len(path) > 1 and path[0] not in changed and path[0] in fixed:
            changed[path[0]] = deepcopy(fixed[path[0]])
        holder = _holder(changed, path)
        holder[path[-1]] = value
    return changed


def _holder(values: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for depth, key in enumerate(path[:-1], 1):
        below = values.setdefault(key, {})
        if not isinstance(below, dict):
            name = ".".join(path[:depth])
            what = f"{name} is not an object, so {'.'.join(path)} cannot be set"
            raise InvalidInput(Issue(what, WHERE, "Choose another key"))
        values = below
    return values


def known_paths(sets: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the distinct paths of all values in `sets` that are not objects."""
    found: dict[tuple[str, ...], None] = {}
    for one in sets:
        found.update(dict.fromkeys(path for path, _ in flat(one)))
    return list(found)


def flat(
    values: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], JsonValue]]:
    """Yield the path and value of everything in `values` except objects with keys."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from flat(value, (*path, key))
        else:
            yield (*path, key), value
