"""Edits the text of analysis_parameters.json as a form does: one value or one set at a time.

Form and JSON editor share this text. Each function returns the changed text and keeps
the layout of everything else. An empty text means no parameters.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from dispatch_core.environment.limits import PARAMETERS, SWEEP, megabytes
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.parameter_sets.document import (
    DISTRIBUTED,
    FILE_NAME,
    FIXED,
    SINGLE,
    nearest_keys,
)
from dispatch_core.parameter_sets.job_files import is_job, sets_of_jobs
from dispatch_core.parameter_sets.sweep import WHERE, SweepMode, SweptKey, count_sets, sweep_sets
from dispatch_core.text.json_edit import (
    append_items,
    insert_item,
    put_value,
    raw_value,
    remove_value,
    rename_key,
    swap_items,
)
from dispatch_core.text.strict_json import load_json
from dispatch_core.types import JsonPath, JsonValue

_INDENT = 2

EMPTY = json.dumps({SINGLE: {}}, indent=2)


def set_value(text: str, target: JsonPath, path: tuple[str, ...], value: JsonValue) -> str:
    """Return `text` with `value` at `path` of the set at `target`.

    A set replaces a fixed object as a whole. The first change to a member of a fixed
    object therefore copies the whole object into the set, with the change.
    """
    text = text if text.strip() else EMPTY
    document = json.loads(text)
    own = _follow(document, target)
    fixed = document.get(FIXED)
    is_inherited = isinstance(fixed, dict) and path[0] in fixed and path[0] not in (own or ())
    if len(path) > 1 and target != (FIXED,) and is_inherited:
        text = put_value(text, (*target, path[0]), fixed[path[0]])
    return put_value(text, (*target, *path), value)


def unset_value(
    text: str, target: JsonPath, path: tuple[str, ...], required: Collection[tuple[str, ...]] = ()
) -> str:
    """Return `text` without the value at `path` of the set at `target`.

    Objects that become empty are removed too, unless they are `required`: setting a
    value and unsetting it restores the text.
    """
    text = remove_value(text, (*target, *path))
    for depth in range(len(path) - 1, 0, -1):
        is_empty = _follow(json.loads(text), (*target, *path[:depth])) == {}
        if not is_empty or path[:depth] in required:
            break
        text = remove_value(text, (*target, *path[:depth]))
    return text


def _follow(document: Any, path: JsonPath) -> Any:
    for step in path:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def wrap_bare(text: str) -> str | None:
    """Wrap a bare set or a bare list of sets, as older dispatchers accepted, in its key.

    Of job files, only the sets are kept. Returns None for any other text. A file with a
    misspelt top-level key is not wrapped, because the typo would then hide inside a set.
    """
    try:
        document = load_json(text, FILE_NAME, PARAMETERS)
    except InvalidInput:
        return None
    if is_job(document):
        return _of_jobs(sets_of_jobs(document))
    if isinstance(document, list) and document and all(isinstance(one, dict) for one in document):
        return _wrapped(text, DISTRIBUTED)
    is_file = isinstance(document, dict) and any(nearest_keys(document).values())
    return _wrapped(text, SINGLE) if isinstance(document, dict) and not is_file else None


def _of_jobs(sets: Sequence[Mapping[str, Any]]) -> str | None:
    if not sets:
        return None
    document = {SINGLE: sets[0]} if len(sets) == 1 else {DISTRIBUTED: sets}
    return json.dumps(document, indent=_INDENT, ensure_ascii=False)


def _wrapped(text: str, key: str) -> str:
    inner = text.strip().replace("\n", "\n" + " " * _INDENT)
    gap = "\n" if "\n" in inner else ""
    return f"{{{gap}{' ' * _INDENT if gap else ''}{json.dumps(key)}: {inner}{gap}}}"


def to_distributed(text: str) -> str:
    """Return `text` with its single set as a list of one; fixed parameters are kept."""
    document = json.loads(text) if text.strip() else {}
    if DISTRIBUTED in document:
        return text
    if SINGLE not in document:
        return put_value(text if text.strip() else "{}", (DISTRIBUTED,), [{}])
    text = put_value(text, (SINGLE,), [document[SINGLE]])
    return rename_key(text, (SINGLE,), DISTRIBUTED)


def to_single(text: str) -> str:
    """Return `text` with its first distributed set as the single set; other sets are removed."""
    document = json.loads(text)
    text = remove_value(text, (SINGLE,))
    first = document[DISTRIBUTED][0]
    text = put_value(text, (DISTRIBUTED,), first)
    return rename_key(text, (DISTRIBUTED,), SINGLE)


def add_set(text: str) -> str:
    """Return `text` with an empty set appended to the distributed sets."""
    count = len(json.loads(text)[DISTRIBUTED])
    return insert_item(text, (DISTRIBUTED,), count, "{}")


def copy_set(text: str, index: int) -> str:
    """Return `text` with a copy of set `index`, in the same layout, directly after it."""
    raw = raw_value(text, (DISTRIBUTED, index))
    return insert_item(text, (DISTRIBUTED,), index + 1, raw)


def remove_set(text: str, index: int) -> str:
    """Return `text` without set `index`."""
    return remove_value(text, (DISTRIBUTED, index))


def move_set(text: str, index: int, by: int) -> str:
    """Return `text` with set `index` and set `index + by` swapped."""
    return swap_items(text, (DISTRIBUTED,), index, index + by)


def swept_sets(
    text: str, keys: Sequence[SweptKey], mode: SweepMode, base: Sequence[int] = ()
) -> list[dict[str, Any]]:
    """Return the sets that a sweep makes from each of the distributed sets `base`.

    Without a base, the new sets contain only the swept keys. They then inherit the fixed
    parameters and, if the text has a single set, the values of that set.
    """
    document = json.loads(text) if text.strip() else {}
    listed = document.get(DISTRIBUTED)
    fixed = document.get(FIXED, {})
    under = fixed if listed is not None else {**fixed, **document.get(SINGLE, {})}
    bases = [listed[index] for index in base] if listed is not None and base else [{}]
    choices = count_sets(keys, mode)
    _check_total(choices * len(bases))
    _check_size(bases, under, keys, choices)
    return [one for own in bases for one in sweep_sets(keys, mode, own, under)]


def _check_total(total: int) -> None:
    if total > SWEEP.most:
        what = f"there would be {total:,} parameter sets; the limit is {SWEEP.text}"
        action = f"Give fewer values, replace the sets, or {SWEEP.remedy}"
        raise InvalidInput(Issue(what, WHERE, action))


def _check_size(
    bases: Sequence[Mapping[str, Any]],
    under: Mapping[str, Any],
    keys: Sequence[SweptKey],
    choices: int,
) -> None:
    """Count the text of the sets before they are made: each has a copy of its base."""
    nested = {key.path[0] for key in keys if len(key.path) > 1}
    added = sum(_size_of(under[name]) for name in nested if name in under)
    added += sum(max(map(_size_of, key.values)) for key in keys)
    size = choices * (sum(map(_size_of, bases)) + added * len(bases))
    if size > PARAMETERS.most:
        sets = f"{choices * len(bases):,} parameter sets would take {megabytes(size)}"
        action = f"Give fewer values, move what they share to {FIXED}, or {PARAMETERS.remedy}"
        raise InvalidInput(Issue(f"{sets}; the limit is {PARAMETERS.text}", WHERE, action))


def _size_of(value: object) -> int:
    return len(json.dumps(value))


def replace_sets(text: str, sets: Sequence[Mapping[str, Any]]) -> str:
    """Return `text` with `sets` as its distributed sets; a single set becomes fixed."""
    text = _with_fixed(text if text.strip() else EMPTY)
    return put_value(text, (DISTRIBUTED,), [dict(one) for one in sets])


def append_sets(text: str, sets: Sequence[Mapping[str, Any]]) -> str:
    """Return `text` with `sets` appended to its distributed sets."""
    text = to_distributed(text)
    _check_total(len(json.loads(text)[DISTRIBUTED]) + len(sets))
    return append_items(text, (DISTRIBUTED,), [dict(one) for one in sets])


def _with_fixed(text: str) -> str:
    """Move the values of `analysis_parameter` into the fixed parameters."""
    document = json.loads(text)
    if SINGLE not in document or DISTRIBUTED in document:
        return text
    one = document[SINGLE]
    if not one:
        return remove_value(text, (SINGLE,))
    if FIXED not in document:
        return rename_key(text, (SINGLE,), FIXED)
    return remove_value(put_value(text, (FIXED,), {**document[FIXED], **one}), (SINGLE,))
