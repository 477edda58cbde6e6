"""The JSON Schema of one parameter set, as a wrapper's pydantic model writes it.

`jsonschema_rs` validates, with a retriever that denies every address: no schema can
open a file or a connection. In addition, a key that the schema does not name is an
issue with the nearest name. Pydantic models ignore such keys, so that a typo would only
be noticed after a run.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jsonschema_rs

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.strict_json import load_json
from dispatch_core.types import JsonPath, JsonValue

WHERE = "parameters schema"
_MAX_REFERENCES = 50
_MAX_UNFOLDED = 10_000
_MAX_WORK = 10_000_000
"""Limit of schemas times characters of a set; the validator copies each wrong value."""

_BACKTRACKS = 100_000
_MAPS = frozenset(
    "properties patternProperties $defs definitions dependentSchemas dependencies".split()
)
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
# an $id would change the base of the references inside it
_OMITTED = frozenset(
    "description title examples $comment $id id $anchor $dynamicAnchor $recursiveAnchor".split()
)


@dataclass(frozen=True, slots=True)
class ParameterSchema:
    """A schema that compiled; `check` lists what is wrong with one set."""

    document: Mapping[str, Any]
    _validator: Any
    _unfolded: int

    def check(self, one: Mapping[str, Any], where: str) -> Iterator[Issue]:
        """The issues of one merged set: unknown keys first, then values."""
        unknown = list(_unknown_keys(self.document, self.document, one, (), strict=True))
        for issue in unknown:
            yield replace(issue, where=_at(where, issue.path[:-1]))
        if self._unfolded * len(json.dumps(one)) > _MAX_WORK:
            what = f"it is too large for a schema that unfolds to {self._unfolded:,} schemas"
            yield Issue(what, where, "Make the set or the schema smaller")
            return
        reported = {issue.path for issue in unknown}
        for error in self._validator.iter_errors(dict(one)):
            yield from _value_issues(error, where, reported)


def _at(where: str, path: JsonPath) -> str:
    return ", ".join((where, ".".join(map(str, path)))) if path else where


def _value_issues(error: Any, where: str, reported: set[JsonPath]) -> Iterator[Issue]:
    """The issues of a validator's `error`; for an optional value, those of the value."""
    path: JsonPath = tuple(error.instance_path)
    inner = _errors_of_the_one(error)
    if inner:
        for one in inner:
            yield from _value_issues(one, where, reported)
    elif error.kind.name == "required":
        missing = error.kind.property
        what = f"{missing!r} is missing"
        yield Issue(what, _at(where, path), "Add it", path=(*path, missing))
    elif error.kind.name != "additionalProperties" or not _are_reported(error, path, reported):
        yield Issue(error.message, _at(where, path), _advice(error), path=path)


def _errors_of_the_one(error: Any) -> list[Any]:
    """The errors of the only alternative whose type matches the value."""
    if error.kind.name not in ("anyOf", "oneOfNotValid"):
        return []
    here = list(error.instance_path)
    branches = [
        branch
        for branch in error.kind.context
        if not any(one.kind.name == "type" and list(one.instance_path) == here for one in branch)
    ]
    return list(branches[0]) if len(branches) == 1 else []


def _are_reported(error: Any, path: JsonPath, reported: set[JsonPath]) -> bool:
    return all((*path, key) in reported for key in error.kind.unexpected)


def _advice(error: Any) -> str:
    if error.kind.name == "enum" and isinstance(error.instance, str):
        choices = [one for one in error.kind.options if isinstance(one, str)]
        near = difflib.get_close_matches(error.instance, choices, 1)
        if near:
            return f"Did you mean {near[0]}?"
    return "Correct the value"


def parse_schema(text: str | bytes, where: str = WHERE) -> ParameterSchema:
    """The schema in the JSON `text`, compiled."""
    return compile_schema(load_json(text, where), where)


def compile_schema(document: JsonValue, where: str = WHERE) -> ParameterSchema:
    """`document` compiled, without its annotations.

    Pydantic users put arrays into ``description``, which the meta-schema refuses.
    References may only lead to places in the schema itself (``#/$defs/Name``).
    """
    if not isinstance(document, dict):
        raise InvalidInput(Issue("it is not a JSON object", where, "Give a JSON Schema"))
    bare = _without_annotations(document)
    unfolded = _unfold(bare, where)
    try:
        validator = jsonschema_rs.validator_for(
            bare,
            retriever=_deny,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        message = str(error).partition("\n")[0]
        raise InvalidInput(
            Issue(f"it is not a JSON Schema: {message}", where, "Use one that pydantic wrote")
        ) from None
    return ParameterSchema(bare, validator, unfolded)


def _deny(uri: str) -> Any:
    raise ValueError(f"{uri} is not fetched; only #/ references are followed")


def _without_annotations(schema: JsonValue) -> Any:
    """`schema` without annotations and addresses; properties of these names are kept."""
    if isinstance(schema, list):
        return [_without_annotations(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _OMITTED:
            continue
        if key in _MAPS and isinstance(value, dict):
            kept[key] = {name: _without_annotations(item) for name, item in value.items()}
        elif key in ("const", "enum", "default"):
            kept[key] = value
        else:
            kept[key] = _without_annotations(value)
    return kept


def _unfold(root: Mapping[str, Any], where: str) -> int:
    """The number of schemas that a validator may visit; 1 kB can unfold to millions.

    A reference to an enclosing schema is not followed: a schema may contain itself.
    """
    waiting: list[tuple[Any, frozenset[str]]] = [(root, frozenset())]
    count = 0
    while waiting:
        part, within = waiting.pop()
        if isinstance(part, list):
            waiting.extend((item, within) for item in part)
        if not isinstance(part, dict):
            continue
        count += 1
        if count > _MAX_UNFOLDED:
            what = f"its references unfold to more than {_MAX_UNFOLDED:,} schemas"
            raise InvalidInput(Issue(what, where, "Give a schema without nested repeats"))
        waiting.extend((item, within) for item in part.values())
        for reference in _references(part):
            if reference not in within:
                target = _target(root, reference, where)
                waiting.append((target, within | {reference}))
    return count


def _references(part: Mapping[str, Any]) -> list[str]:
    return [part[key] for key in _REFERENCES if isinstance(part.get(key), str)]


def _target(root: Mapping[str, Any], reference: str, where: str) -> Any:
    target = referenced(root, reference)
    if target is None:
        what = f"its reference {reference[:80]!r} leads nowhere in the schema"
        raise InvalidInput(Issue(what, where, "Refer to #/$defs/Name, as pydantic does"))
    return target


def _unknown_keys(
    root: Mapping[str, Any], schema: Any, value: JsonValue, path: JsonPath, *, strict: bool
) -> Iterator[Issue]:
    """Keys of `value` that `schema` does not name; their paths start at the set.

    The set itself is always strict. A nested object is strict only if its schema names
    properties and allows no others, because free dictionaries are common.
    """
    parts = list(_resolved(root, schema))
    if isinstance(value, list):
        items = [part["items"] for part in parts if isinstance(part.get("items"), dict)]
        for number, item in enumerate(value if items else []):
            yield from _unknown_keys(root, items[0], item, (*path, number), strict=False)
        return
    if not isinstance(value, dict):
        return
    known: dict[str, Any] = {}
    for part in parts:
        known |= part.get("properties", {})
    others = [part.get("additionalProperties") for part in parts]
    schema_of_others = next((one for one in others if isinstance(one, dict)), None)
    is_open = any(others) or any("patternProperties" in part for part in parts)
    for key, item in value.items():
        below = known.get(key, schema_of_others)
        if below is not None:
            yield from _unknown_keys(root, below, item, (*path, key), strict=False)
        if key not in known and known and (strict or not is_open):
            yield _unknown_key((*path, key), key, known)


def _unknown_key(path: JsonPath, key: str, known: Mapping[str, Any]) -> Issue:
    near = difflib.get_close_matches(key, known, 1)
    action = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(known)}"
    return Issue(
        f"unknown key {key!r}", "", action, path=path, nearest="".join(near), is_unknown_key=True
    )


def _resolved(root: Mapping[str, Any], schema: Any) -> Iterator[Mapping[str, Any]]:
    """`schema` and all schemas that it refers to or combines."""
    queue, seen = [schema], 0
    while queue and seen < _MAX_REFERENCES:
        part = queue.pop(0)
        seen += 1
        if not isinstance(part, dict):
            continue
        yield part
        if isinstance(part.get("$ref"), str):
            queue.append(referenced(root, part["$ref"]))
        for key in ("allOf", "anyOf", "oneOf"):
            queue.extend(part[key] if isinstance(part.get(key), list) else [])


def referenced(root: Mapping[str, Any], reference: str) -> Any:
    """The value at ``#/a/b`` in `root`, or None if there is none."""
    head, *steps = reference.split("/")
    node: Any = root if head == "#" else None
    for step in steps:
        key = step.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, dict) else None
    return node
