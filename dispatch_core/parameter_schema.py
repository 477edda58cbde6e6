"""The JSON Schema of one parameter set, as a wrapper's pydantic model writes it.

Validation is `jsonschema_rs`, with a retriever that denies every address: no
schema can make us open a file or a connection. On top of it, a key that the
schema does not name is an issue with the nearest name, although pydantic models
take such keys in silence: a typo otherwise costs a run.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.strict_json import load_json
from dispatch_core.types import JsonValue

WHERE = "parameters schema"
_MAX_REFERENCES = 50
_MAX_UNFOLDED = 10_000
_MAX_WORK = 10_000_000
"""Schemas times characters of a set; the validator copies what it finds wrong."""

_BACKTRACKS = 100_000
_MAPS = frozenset(
    "properties patternProperties $defs definitions dependentSchemas dependencies".split()
)
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
# an address of its own would change where the references below it lead
_LEFT_OUT = frozenset(
    "description title examples $comment $id id $anchor $dynamicAnchor $recursiveAnchor".split()
)


@dataclass(frozen=True, slots=True)
class ParameterSchema:
    """A schema that compiled; `check` lists what is wrong with one set."""

    document: Mapping[str, Any]
    _validator: Any
    _unfolded: int

    def check(self, one: Mapping[str, Any], where: str) -> Iterator[Issue]:
        """Every issue of one merged set: unknown keys first, then values."""
        yield from _unknown_keys(self.document, self.document, one, where, strict=True)
        if self._unfolded * len(json.dumps(one)) > _MAX_WORK:
            what = f"it is too large for a schema that unfolds to {self._unfolded:,} schemas"
            yield Issue(what, where, "Make the set or the schema smaller")
            return
        for error in self._validator.iter_errors(dict(one)):
            path = ".".join(map(str, error.instance_path))
            yield Issue(error.message, f"{where}, {path}" if path else where, "Correct the value")


def parse_schema(text: str | bytes, where: str = WHERE) -> ParameterSchema:
    """The schema that JSON `text` holds, compiled."""
    return compile_schema(load_json(text, where), where)


def compile_schema(document: JsonValue, where: str = WHERE) -> ParameterSchema:
    """`document` compiled; annotations are left out, because pydantic users put
    arrays into ``description`` and the meta-schema refuses those.

    References may lead to places in it (``#/$defs/Name``) and nowhere else.
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
            Issue(f"it is no JSON Schema: {message}", where, "Give it as pydantic writes it")
        ) from None
    return ParameterSchema(bare, validator, unfolded)


def _deny(uri: str) -> Any:
    raise ValueError(f"{uri} is not fetched; only #/ references are followed")


def _without_annotations(schema: JsonValue) -> Any:
    """`schema` without annotations and addresses, but with properties of these names."""
    if isinstance(schema, list):
        return [_without_annotations(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _LEFT_OUT:
            continue
        if key in _MAPS and isinstance(value, dict):
            kept[key] = {name: _without_annotations(item) for name, item in value.items()}
        elif key in ("const", "enum", "default"):
            kept[key] = value
        else:
            kept[key] = _without_annotations(value)
    return kept


def _unfold(root: Mapping[str, Any], where: str) -> int:
    """How many schemas a validator may visit: a 1 kB schema can unfold to millions.

    A reference to what is being unfolded ends there: a schema may hold itself.
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
    target = _referenced(root, reference)
    if target is None:
        what = f"its reference {reference[:80]!r} leads to no place in it"
        raise InvalidInput(Issue(what, where, "Refer to #/$defs/Name, as pydantic does"))
    return target


def _unknown_keys(
    root: Mapping[str, Any], schema: Any, value: JsonValue, where: str, *, strict: bool
) -> Iterator[Issue]:
    """Keys of `value` that `schema` does not name.

    The set itself is always strict; a nested object only where its schema names
    properties and does not open itself to others (free dictionaries are common).
    """
    parts = list(_resolved(root, schema))
    if isinstance(value, list):
        items = [part["items"] for part in parts if isinstance(part.get("items"), dict)]
        for number, item in enumerate(value if items else []):
            yield from _unknown_keys(root, items[0], item, f"{where}[{number}]", strict=False)
        return
    known: dict[str, Any] = {}
    for part in parts:
        known |= part.get("properties", {})
    if not isinstance(value, dict) or not known:
        return
    is_open = any(part.get("additionalProperties") or "patternProperties" in part for part in parts)
    for key, item in value.items():
        if key in known:
            yield from _unknown_keys(root, known[key], item, f"{where}, {key}", strict=False)
        elif strict or not is_open:
            near = difflib.get_close_matches(key, known, 1)
            action = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(known)}"
            yield Issue(f"unknown key {key!r}", where, action)


def _resolved(root: Mapping[str, Any], schema: Any) -> Iterator[Mapping[str, Any]]:
    """`schema` and all that it refers to or is made of, each once."""
    queue, seen = [schema], 0
    while queue and seen < _MAX_REFERENCES:
        part = queue.pop(0)
        seen += 1
        if not isinstance(part, dict):
            continue
        yield part
        if isinstance(part.get("$ref"), str):
            queue.append(_referenced(root, part["$ref"]))
        for key in ("allOf", "anyOf", "oneOf"):
            queue.extend(part[key] if isinstance(part.get(key), list) else [])


def _referenced(root: Mapping[str, Any], reference: str) -> Any:
    """What ``#/a/b`` leads to in `root`, None where it leads nowhere."""
    head, *steps = reference.split("/")
    node: Any = root if head == "#" else None
    for step in steps:
        key = step.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, dict) else None
    return node
