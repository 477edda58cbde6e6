"""The branch of a union that an object is meant for: by its tag, else the nearest.

Pydantic writes a union of models as ``anyOf`` or ``oneOf``, with a ``discriminator`` if one
key says which model it is. Errors are then those of one branch, and the keys of the other
branches are unknown keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dispatch_core.types import JsonValue

_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Branch:
    """The chosen branch; ``index`` is None if the value of the key ``tag`` names none.

    ``choices`` are the values that the tag may have.
    """

    index: int | None
    tag: str = ""
    choices: tuple[JsonValue, ...] = ()


def union_of(schema: Any) -> Sequence[Any]:
    """The branches of a schema that is a union; empty for any other."""
    if not isinstance(schema, Mapping):
        return ()
    for word in ("oneOf", "anyOf"):
        branches = schema.get(word)
        if isinstance(branches, list) and branches:
            return branches
    return ()


def choose_branch(root: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> Branch | None:
    """The branch of the union `schema` for the object `value`; None if no branch is an object."""
    branches = union_of(schema)
    objects = [n for n, one in enumerate(branches) if _has_properties(root, one)]
    if not isinstance(value, dict) or not objects:
        return None
    tag = _tag_of(root, schema, [branches[n] for n in objects])
    if tag and tag in value:
        allowed = {n: _allowed(root, schema, branches[n], tag) for n in objects}
        fitting = [n for n in objects if _is_among(value[tag], allowed[n])]
        if not fitting:
            return Branch(None, tag, tuple(tag_values(root, schema, tag)))
        objects = fitting
    return Branch(max(objects, key=lambda n: _likeness(root, branches[n], value)))


def _is_among(value: Any, choices: Sequence[Any]) -> bool:
    return json.dumps(value) in map(json.dumps, choices)


def parts_of(root: Mapping[str, Any], schema: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """`schema` with what it refers to and combines, but without the branches of unions."""
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return
    yield schema
    below = [referenced(root, schema["$ref"])] if isinstance(schema.get("$ref"), str) else []
    for part in (*below, *_list(schema.get("allOf"))):
        yield from parts_of(root, part, depth + 1)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def referenced(root: Mapping[str, Any], reference: str) -> Any:
    """The value at ``#/a/b`` in `root`, or None if there is none."""
    head, *steps = reference.split("/")
    node: Any = root if head == "#" else None
    for step in steps:
        key = step.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _leaves(
    root: Mapping[str, Any], branch: Any, depth: int = 0
) -> Iterator[list[Mapping[str, Any]]]:
    """The parts of each branch, and of the branches of a union inside it."""
    parts = list(parts_of(root, branch))
    unions = [one for part in parts for one in union_of(part)]
    if not unions or depth > _MAX_DEPTH:
        yield parts
    for one in unions if depth <= _MAX_DEPTH else ():
        yield from ([*parts, *leaf] for leaf in _leaves(root, one, depth + 1))


def _has_properties(root: Mapping[str, Any], branch: Any) -> bool:
    return any(_properties(leaf) for leaf in _leaves(root, branch))


def _properties(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        if isinstance(part.get("properties"), dict):
            found |= part["properties"]
    return found


def _tag_of(root: Mapping[str, Any], schema: Mapping[str, Any], branches: Sequence[Any]) -> str:
    """The key that says which branch is meant; empty if none differs in each branch."""
    if named := tag_named_by(schema):
        return named
    leaves = [leaf for one in branches for leaf in _leaves(root, one)]
    for key in _properties(leaves[0]):
        values = [_constants(root, _properties(leaf).get(key)) for leaf in leaves]
        every = [json.dumps(one) for some in values for one in some]
        if len(leaves) > 1 and all(values) and len(set(every)) == len(every):
            return key
    return ""


def tag_named_by(schema: Mapping[str, Any]) -> str:
    """The key that the ``discriminator`` of a schema names; empty without one."""
    named = schema.get("discriminator")
    name = named.get("propertyName") if isinstance(named, Mapping) else None
    return name if isinstance(name, str) and union_of(schema) else ""


def tag_values(root: Mapping[str, Any], schema: Mapping[str, Any], tag: str) -> list[JsonValue]:
    """The values of `tag` that name a branch of the union `schema`."""
    return [one for branch in union_of(schema) for one in _allowed(root, schema, branch, tag)]


def _constants(root: Mapping[str, Any], schema: Any) -> list[JsonValue]:
    for part in parts_of(root, schema):
        if "const" in part:
            return [part["const"]]
        if isinstance(part.get("enum"), list):
            return list(part["enum"])
    return []


def _allowed(
    root: Mapping[str, Any], schema: Mapping[str, Any], branch: Any, tag: str
) -> list[JsonValue]:
    found = [
        one
        for leaf in _leaves(root, branch)
        for one in _constants(root, _properties(leaf).get(tag))
    ]
    named = schema.get("discriminator")
    mapping = named.get("mapping") if isinstance(named, Mapping) else None
    if isinstance(mapping, Mapping) and isinstance(branch, Mapping):
        found += [key for key, ref in mapping.items() if ref == branch.get("$ref")]
    return list({json.dumps(one): one for one in found}.values())


def _likeness(root: Mapping[str, Any], branch: Any, value: Mapping[str, Any]) -> int:
    """How many keys of `value` the branch knows, less those it lacks or does not know."""
    return max(_likeness_of(leaf, value) for leaf in _leaves(root, branch))


def _likeness_of(parts: Sequence[Mapping[str, Any]], value: Mapping[str, Any]) -> int:
    known = _properties(parts)
    required = {key for part in parts for key in _list(part.get("required"))}
    shared = len(value.keys() & known.keys())
    return 2 * shared - len(value) - len(required - value.keys())
