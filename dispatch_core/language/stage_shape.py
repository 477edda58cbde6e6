"""The shape of a stage's argument: ``$limit`` takes a number, ``$match`` an object.

Only the shape: what an expression inside means is left to the source.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from dispatch_core.types import JsonValue

LONGEST_SHOWN: Final = 60
_LONGEST: Final = 2**63 - 1


class Misshapen(NamedTuple):
    """What is wrong with an argument, at which key of it (``""``: itself), and what to write."""

    key: str
    what: str
    action: str


def misshapen(stage: str, argument: JsonValue) -> Iterator[Misshapen]:
    """What is wrong with the shape of `argument`; nothing for a stage that is not known."""
    if stage == "$sort":
        yield from _of_sort(argument)
        return
    is_right, expected, example = _SHAPES.get(stage, _ANY)
    if not is_right(argument):
        what = f"{stage} takes {expected}, not {_shown(argument)}"
        yield Misshapen("", what, f'Write {{"{stage}": {example}}}')


def _of_sort(argument: JsonValue) -> Iterator[Misshapen]:
    if not isinstance(argument, dict) or not argument:
        what = f"$sort takes an object of fields, not {_shown(argument)}"
        yield Misshapen("", what, 'Write {"$sort": {"field": 1}}')
        return
    for path, direction in argument.items():
        is_score = isinstance(direction, dict) and direction.keys() == {"$meta"}
        if not is_score and (isinstance(direction, bool) or direction not in (1, -1)):
            what = f"a direction is 1 or -1, not {_shown(direction)}"
            yield Misshapen(path, what, "Write 1 for ascending, -1 for descending")


def _shown(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 4]} ..."


def _is_object(value: JsonValue) -> bool:
    return isinstance(value, dict)


def _has_fields(value: JsonValue) -> bool:
    return isinstance(value, dict) and bool(value)


def _is_whole(value: JsonValue, least: int) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and least <= value <= _LONGEST and value % 1 == 0


def _is_path(value: JsonValue) -> bool:
    return isinstance(value, str) and len(value) > 1 and value.startswith("$")


def _is_unwind(value: JsonValue) -> bool:
    return _is_path(value.get("path") if isinstance(value, dict) else value)


def _is_name(value: JsonValue) -> bool:
    return isinstance(value, str) and bool(value) and value[0] != "$" and "." not in value


def _are_names(value: JsonValue) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(one, str) and one for one in names)


def _is_computed(value: JsonValue) -> bool:
    return _is_path(value) or _has_fields(value)


def _has_root(value: JsonValue) -> bool:
    is_alone = isinstance(value, dict) and value.keys() == {"newRoot"}
    return is_alone and (_is_path(value["newRoot"]) or _is_object(value["newRoot"]))


_Shape = tuple[Callable[[Any], bool], str, str]
_ANY: Final[_Shape] = (lambda value: True, "", "")
_FIELDS: Final[_Shape] = (_has_fields, "an object of fields", '{"field": "$other"}')
_SHAPES: Final[dict[str, _Shape]] = {
    "$match": (_is_object, "a filter (an object)", '{"field": "value"}'),
    "$project": (_has_fields, "an object of fields", '{"field": 1}'),
    "$addFields": _FIELDS,
    "$set": _FIELDS,
    "$unset": (_are_names, "a field or a list of fields", '"field"'),
    "$group": (
        lambda value: isinstance(value, dict) and "_id" in value,
        "an object with _id",
        '{"_id": "$field"}',
    ),
    "$unwind": (_is_unwind, "a field with $ before it", '"$field"'),
    "$limit": (lambda value: _is_whole(value, 1), "a whole number from 1", "10"),
    "$skip": (lambda value: _is_whole(value, 0), "a whole number from 0", "10"),
    "$count": (_is_name, "the name of a new field, without $ and dots", '"number"'),
    "$sortByCount": (_is_computed, "a field with $ before it, or an expression", '"$field"'),
    "$replaceRoot": (_has_root, "an object with newRoot", '{"newRoot": "$field"}'),
    "$replaceWith": (
        lambda value: _is_path(value) or _is_object(value),
        "a field with $ before it, or an object",
        '"$field"',
    ),
}
