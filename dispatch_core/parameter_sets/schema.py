"""The JSON Schema of one parameter set, as a wrapper's pydantic model writes it.

`jsonschema_rs` validates, with a retriever that denies every address: no schema can
open a file or a connection. It is imported for the first schema. In addition, a key that
the schema does not name is an issue with the nearest name. Pydantic models ignore such
keys, so that a typo would only be noticed after a run.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.parameter_sets.formats import (
    REQUIRED,
    Formats,
    doubtful_formats,
    format_of,
    has_doubtful,
    name_of,
)
from dispatch_core.parameter_sets.schema_issues import at_path, value_issues
from dispatch_core.parameter_sets.schema_text import load_schema_document
from dispatch_core.parameter_sets.schema_without_checks import why_nothing_is_checked
from dispatch_core.parameter_sets.unions import (
    choose_branch,
    referenced,
    tag_named_by,
    tag_values,
    union_of,
)
from dispatch_core.text.invisible import invisible_in
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
    """A schema that compiled; `check` lists what is wrong with one set.

    ``note`` says in which draft the schema is read, if that is not the latest, and why it
    accepts every set, if it does.
    """

    document: Mapping[str, Any]
    _validator: Any
    _unfolded: int
    note: str = ""
    _doubts: Any = None

    @property
    def names_keys(self) -> bool:
        """Whether the schema says which keys a set has; others are then unknown keys."""
        parts = _resolved(self.document, self.document, {})
        return any(part.get("properties") for part in parts)

    def check(self, one: Mapping[str, Any], where: str) -> Iterator[Issue]:
        """The issues of one merged set: unknown keys first, then values."""
        unknown = list(_unknown_keys(self.document, self.document, one, (), strict=True))
        for issue in unknown:
            yield replace(issue, where=at_path(where, issue.path[:-1]))
        if self._is_too_large(one):
            what = f"it is too large for a schema that unfolds to {self._unfolded:,} schemas"
            yield Issue(what, where, "Make the set or the schema smaller")
            return
        reported = {issue.path for issue in unknown}
        for error in self._validator.iter_errors(dict(one)):
            yield from value_issues(self.document, error, where, reported)

    def doubts(self, one: Mapping[str, Any]) -> Iterator[str]:
        """Values that do not meet a format which not every reader checks, such as an e-mail."""
        if self._doubts is None or self._is_too_large(one):
            return
        refused = {tuple(error.instance_path) for error in self._validator.iter_errors(dict(one))}
        for error in self._doubts.iter_errors(dict(one)):
            name, path = format_of(error), tuple(error.instance_path)
            if name and path not in refused:
                shown = json.dumps(error.instance, ensure_ascii=False)
                yield f"{'.'.join(map(str, path))}: {shown} is not {name_of(name)}"

    def _is_too_large(self, one: Mapping[str, Any]) -> bool:
        return self._unfolded * len(json.dumps(one)) > _MAX_WORK


def parse_schema(text: str | bytes, where: str = WHERE) -> ParameterSchema:
    """The schema in the JSON `text`, compiled."""
    return compile_schema(load_schema_document(text, where), where)


def compile_schema(document: JsonValue, where: str = WHERE) -> ParameterSchema:
    """`document` compiled, without its annotations.

    Pydantic users put arrays into ``description``, which the meta-schema refuses.
    References may only lead to places in the schema itself (``#/$defs/Name``).
    """
    if not isinstance(document, dict):
        raise InvalidInput(Issue("it is not a JSON object", where, "Give a JSON Schema"))
    bare = _without_annotations(document)
    unfolded = _unfold(bare, where)
    validator, draft = _validator_of(bare, where)
    drafts = f"the schema is read as {draft}: no later draft accepts it" if draft else ""
    nothing = why_nothing_is_checked(bare, _resolved(bare, bare, {}))
    note = "; ".join(filter(None, (drafts, nothing)))
    doubts = _validator_of(bare, where, doubtful_formats())[0] if has_doubtful(bare) else None
    return ParameterSchema(bare, validator, unfolded, note, doubts)


_OLDER = {
    "Draft 2019-09": "Draft201909Validator",
    "Draft 7": "Draft7Validator",
    "Draft 4": "Draft4Validator",
}
"""Validators of a schema without ``$schema`` that Draft 2020-12 refuses, latest first."""


def _validator_of(bare: dict[str, Any], where: str, formats: Formats = REQUIRED) -> tuple[Any, str]:
    """The validator, and the name of the draft if it is an older one that is not named."""
    import jsonschema_rs

    refusals = (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError)
    try:
        return _compiled("validator_for", bare, formats), ""
    except refusals as error:
        refused = error
    for draft, validator in _OLDER.items() if "$schema" not in bare else ():
        try:
            return _compiled(validator, bare, formats), draft
        except refusals:
            continue
    message = str(refused).partition("\n")[0]
    what = f"it is not a JSON Schema: {message}"
    raise InvalidInput(Issue(what, where, "Use one that pydantic wrote"))


def _compiled(make: str, bare: dict[str, Any], formats: Formats) -> Any:
    """What the function `make` of the library makes of a schema."""
    import jsonschema_rs

    options = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS)
    return getattr(jsonschema_rs, make)(
        bare, retriever=_deny, pattern_options=options, formats=formats, validate_formats=True
    )


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
    parts = list(_resolved(root, schema, value))
    if isinstance(value, list):
        for number, item in enumerate(value):
            below = _schema_of_item(parts, number)
            yield from _unknown_keys(root, below, item, (*path, number), strict=False)
        return
    if not isinstance(value, dict):
        return
    yield from _missing_tags(root, parts, value, path)
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


def _missing_tags(
    root: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], value: JsonValue, path: JsonPath
) -> Iterator[Issue]:
    """The key of a discriminator is needed even if each model has a default for it."""
    assert isinstance(value, dict)
    for part in parts:
        tag = tag_named_by(part)
        if tag and tag not in value:
            choices = ", ".join(json.dumps(one) for one in tag_values(root, part, tag))
            yield Issue(f"{tag!r} is missing", "", f"Add it: {choices}", path=(*path, tag))
            return  # a union inside a union has the same tag


def _schema_of_item(parts: Sequence[Mapping[str, Any]], number: int) -> Any:
    """The schema at a position of a list: a tuple has one for each, in either spelling."""
    for part in parts:
        for key in ("prefixItems", "items"):
            if len(_list(part.get(key))) > number:
                return part[key][number]
        if isinstance(part.get("items"), dict):
            return part["items"]
    return None


def _unknown_key(path: JsonPath, key: str, known: Mapping[str, Any]) -> Issue:
    near = difflib.get_close_matches(key, known, 1)
    action = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(known)}"
    hidden = invisible_in(key)
    what = f"unknown key {key!r}" + (f", which contains {hidden}" if hidden else "")
    return Issue(what, "", action, path=path, nearest="".join(near), is_unknown_key=True)


def _resolved(
    root: Mapping[str, Any], schema: Any, value: JsonValue
) -> Iterator[Mapping[str, Any]]:
    """`schema` and all schemas that it refers to or combines; of a union, one branch.

    The keys of conditions (``then``, ``dependentSchemas``) are known keys.
    """
    queue, seen = [schema], 0
    while queue and seen < _MAX_REFERENCES:
        part = queue.pop(0)
        seen += 1
        if not isinstance(part, dict):
            continue
        yield part
        if isinstance(part.get("$ref"), str):
            queue.append(referenced(root, part["$ref"]))
        queue.extend(part[key] for key in ("if", "then", "else") if key in part)
        for key in ("dependentSchemas", "dependencies"):
            queue.extend(part[key].values() if isinstance(part.get(key), dict) else [])
        queue.extend(part["allOf"] if isinstance(part.get("allOf"), list) else [])
        queue.extend(_branches(root, part, value))


def _branches(root: Mapping[str, Any], part: Mapping[str, Any], value: JsonValue) -> list[Any]:
    chosen = choose_branch(root, part, value)
    if chosen is None or chosen.index is None:
        return [one for key in ("anyOf", "oneOf") for one in _list(part.get(key))]
    return [union_of(part)[chosen.index]]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
