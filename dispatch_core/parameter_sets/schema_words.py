"""What a schema accepts, in a few words: "a number of at least 0", "a list of strings"."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from dispatch_core.parameter_sets.formats import REQUIRED, name_of
from dispatch_core.parameter_sets.unions import parts_of, union_of
from dispatch_core.text.words import counted

ANOTHER: Final = "another value"
"""The words for a schema that says too little, or too much for a message."""

KINDS: Final = {
    "number": "a number",
    "integer": "an integer",
    "string": "a string",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}
"""Type in a schema -> the words for it."""

_PLURALS: Final = {
    "number": "numbers",
    "integer": "integers",
    "string": "strings",
    "array": "lists",
    "object": "objects",
}
_TYPE_OF_KEYWORD: Final = {
    "number": "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split(),
    "string": "pattern minLength maxLength format".split(),
    "array": "items prefixItems minItems maxItems".split(),
    "object": "required properties additionalProperties".split(),
}
_LIMITS: Final = {
    "minimum": "of at least",
    "exclusiveMinimum": "above",
    "maximum": "of at most",
    "exclusiveMaximum": "below",
}
_MOST = (20, 8, 4, 4)
"""The most alternatives that are named at each depth: a schema may contain itself."""
_MAX_DEPTH = len(_MOST)
_MAX_PARTS = 20
_MAX_SHOWN = 8


def alternatives(root: Mapping[str, Any], union: Any, depth: int = 0) -> list[str]:
    """The words of each branch of `union`, each once; of a union inside it, each branch."""
    branches = (one for part in _parts(root, union) for one in union_of(part))
    found: dict[str, None] = {}
    for branch in islice(branches, _MOST[depth] if depth < _MAX_DEPTH else 0):
        inner = alternatives(root, branch, depth + 1)
        words = inner or [words_of(root, branch, depth + 1)]
        found |= dict.fromkeys(words if branch is not False else ())
    return list(found)


def words_of(root: Mapping[str, Any], schema: Any, depth: int = 0) -> str:
    """What `schema` accepts, in words; `ANOTHER` if that cannot be said shortly."""
    several = alternatives(root, schema, depth)
    if several or depth >= _MAX_DEPTH:
        return " or ".join(several) or ANOTHER
    merged: dict[str, Any] = {}
    for part in _parts(root, schema):
        merged |= part
    if "const" in merged:
        return _json(merged["const"])
    if isinstance(merged.get("enum"), list):
        shown = list(map(_json, merged["enum"]))
        return " or ".join(shown[:_MAX_SHOWN] + ["..."] * (len(shown) > _MAX_SHOWN))
    return " or ".join(_of_kind(root, kind, merged, depth) for kind in _kinds(merged)) or ANOTHER


def _parts(root: Mapping[str, Any], schema: Any) -> Iterator[Mapping[str, Any]]:
    # A schema may refer to itself several times.
    return islice(parts_of(root, schema), _MAX_PARTS)


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    given = schema.get("type")
    if isinstance(given, str):
        return [given]
    if isinstance(given, list):
        return given
    return [kind for kind, words in _TYPE_OF_KEYWORD.items() if any(one in schema for one in words)]


def _of_kind(root: Mapping[str, Any], kind: str, schema: Mapping[str, Any], depth: int) -> str:
    if kind in ("number", "integer"):
        return " and ".join(_number(KINDS[kind], schema))
    if kind == "string":
        return _string(schema)
    if kind == "array":
        return _list(root, schema, depth)
    return _object(root, schema, depth) if kind == "object" else KINDS.get(kind, kind)


def _number(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    limits = [f"{word} {schema[key]}" for key, word in _LIMITS.items() if key in schema]
    has_multiple = "multipleOf" in schema
    if limits or not has_multiple:
        yield " ".join([name, *limits[:1]])
    yield from limits[1:]
    if has_multiple:
        yield f"a multiple of {schema['multipleOf']}"


def _string(schema: Mapping[str, Any]) -> str:
    form = schema.get("format")
    name = name_of(form) if isinstance(form, str) and form in REQUIRED else "a string"
    size = _size(schema.get("minLength"), schema.get("maxLength"))
    name += f" of {size} character{'s' * (size != '1')}" if size else ""
    return name + (f" that matches {schema['pattern']}" if "pattern" in schema else "")


def _size(least: Any, most: Any) -> str:
    """The count in words: "2", "2 to 3", "at least 2", "at most 3", or nothing."""
    if least and most is not None:
        return f"{least}" if least == most else f"{least} to {most}"
    return f"at least {least}" if least else f"at most {most}" if most is not None else ""


def _list(root: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> str:
    items = schema.get("items")
    plural, each = _each(root, items, depth) if isinstance(items, dict) else ("", "")
    size = _size(schema.get("minItems"), schema.get("maxItems"))
    positions = schema.get("prefixItems")
    if isinstance(positions, list) and positions:
        each = ", ".join(words_of(root, one, depth + 1) for one in positions)
        return f"a list of {counted(len(positions), 'item')} ({each})"
    noun = plural or ("items" if size else "")
    noun = noun.removesuffix("s") if size == "1" else noun
    return "a list" + (f" of {f'{size} {noun}'.strip()}" if noun else "") + each


def _object(root: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> str:
    required = schema.get("required")
    if isinstance(required, list) and required:
        return f"an object with {_and(required)}"
    others = schema.get("additionalProperties")
    plural, each = _each(root, others, depth) if isinstance(others, dict) and others else ("", "")
    return "an object" + (f" of {plural}" if plural else "") + each


def _each(root: Mapping[str, Any], schema: Any, depth: int) -> tuple[str, str]:
    """The items of a list or an object: a plural if their type says all, else what each is."""
    if set(schema) == {"type"} and schema["type"] in _PLURALS:
        return _PLURALS[schema["type"]], ""
    words = words_of(root, schema, depth + 1)
    return "", "" if words == ANOTHER else f" whose items are each {words}"


def _and(names: Sequence[Any]) -> str:
    shown = [repr(name) for name in names[:_MAX_SHOWN]]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
