"""Turns a JSON Schema, as pydantic writes it, into a tree of form fields to display.

It reads references, ``allOf`` around a reference, ``anyOf`` with null (an optional
value), enums, constants, bounds, nested objects, lists, tables and free dictionaries.
Any other part of a schema becomes a JSON field that states the reason. Schemas are
checked in `schema.py`; here they are only displayed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.bson import MISSING, Missing
from dispatch_core.parameter_sets.schema import WHERE
from dispatch_core.parameter_sets.unions import referenced, union_of
from dispatch_core.text.json_edit import is_same
from dispatch_core.types import JsonValue

FieldKind = Literal[
    "text",
    "integer",
    "number",
    "boolean",
    "choice",
    "constant",
    "section",
    "list",
    "table",
    "dictionary",
    "union",
    "json",
]

MAX_FIELDS = 2_000
ONLY_NULL = "only null is valid"
"""Why a field of the type null is JSON."""

_MAX_LEVELS = 6
"""Levels of nested objects that get fields; deeper objects are edited as JSON."""

_SCALARS = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}
_KINDS = frozenset((*_SCALARS, "object", "array", "null"))
_NAMES = {
    "string": "a string",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


@dataclass(frozen=True, slots=True)
class FormField:
    """One field; `path` leads from the parameter set to its value.

    ``fields`` are the fields of a section, the columns of a table, or the alternatives of a
    union, which are scalars or lists of scalars. ``item`` describes
    an item of a list or a value of a dictionary. ``reason`` says why a field is JSON.
    """

    path: tuple[str, ...]
    kind: FieldKind
    title: str
    description: str = ""
    is_required: bool = False
    takes_null: bool = False
    default: JsonValue | Missing = MISSING
    choices: tuple[JsonValue, ...] = ()
    limits: str = ""
    fields: tuple[FormField, ...] = ()
    item: FormField | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """The last key of the path; empty for the set itself and for an item."""
        return self.path[-1] if self.path else ""


@dataclass(frozen=True, slots=True)
class FormFigures:
    """How many fields of a form have an input of their own, and which are edited as JSON."""

    as_form: int
    as_json: tuple[FormField, ...]


def make_form(schema: Mapping[str, Any]) -> FormField:
    """Return the form of one parameter set: a section of fields in the schema's order.

    Raises
    ------
    InvalidInput
        If the schema names no properties, so that the form would have no field.
    """
    form = _Reader(schema).field((), schema, required=True)
    if form.kind != "section":
        what = f"no form can be made from it: {form.reason or 'it names no properties'}"
        raise InvalidInput(Issue(what, WHERE, "Edit the parameters as JSON"))
    return form


def leaves(form: FormField) -> Iterator[FormField]:
    """Yield the fields that have a value, which are all fields except sections."""
    for one in form.fields:
        if one.kind == "section":
            yield from leaves(one)
        else:
            yield one


def sections_in(form: FormField) -> Iterator[FormField]:
    """Yield the objects inside `form`, at every level."""
    for one in form.fields:
        if one.kind == "section":
            yield one
            yield from sections_in(one)


def required_sections(form: FormField) -> frozenset[tuple[str, ...]]:
    """Return the paths of the objects that a set must have."""
    return frozenset(one.path for one in sections_in(form) if one.is_required)


def form_figures(form: FormField) -> FormFigures:
    """Count the leaves of `form` by how they are edited."""
    every = list(leaves(form))
    as_json = tuple(one for one in every if one.kind == "json")
    return FormFigures(len(every) - len(as_json), as_json)


def _is_plain(item: FormField | None) -> bool:
    return item is not None and item.kind in (*_SCALARS.values(), "choice", "constant")


def misfit(field: FormField, value: JsonValue) -> str:
    """Return why `value` does not fit the kind of `field`; empty if it does.

    The JSON editor accepts any value. One that does not fit is shown as JSON, unchanged.
    """
    if value is None and (field.takes_null or field.kind == "json"):
        return ""
    if field.kind in ("choice", "constant"):
        fits = any(is_same(value, one) for one in field.choices)
        return "" if fits else "it is not one of the choices"
    if field.kind == "union":
        fits = any(not misfit(one, value) for one in field.fields)
        return "" if fits else f"its value is not {kinds_of_union(field)}"
    return "" if _fits(field, value) else f"its value is not {_words(field.kind)}"


def kinds_of_union(field: FormField) -> str:
    """The alternatives of a union in words: ``a string or a list of such values``."""
    names = [
        " or ".join(map(str, one.choices)) if one.choices else _words(one.kind)
        for one in field.fields
    ]
    return " or ".join(dict.fromkeys(names))


def _fits(field: FormField, value: JsonValue) -> bool:
    if field.kind == "table":
        return isinstance(value, list) and all(isinstance(row, dict) for row in value)
    if field.kind == "list":
        # As text, [null] and [[]] would be read back as null and as an empty list.
        if not isinstance(value, list) or value in ([None], [[]]):
            return False
        return all(field.item is None or not misfit(field.item, one) for one in value)
    if field.kind in ("integer", "number"):
        kinds = int if field.kind == "integer" else int | float
        return isinstance(value, kinds) and not isinstance(value, bool)
    kinds_of = {"text": str, "boolean": bool, "section": dict, "dictionary": dict}
    return isinstance(value, kinds_of.get(field.kind, object))


def _words(kind: FieldKind) -> str:
    return {
        "text": "a string",
        "integer": "an integer",
        "number": "a number",
        "boolean": "true or false",
        "list": "a list of such values",
        "table": "a list of objects",
    }.get(kind, "an object")


class _Reader:
    """Reads one schema and counts its fields, so that the size of the form is bounded."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.count = 0

    def field(
        self,
        path: tuple[str, ...],
        schema: Any,
        *,
        required: bool = False,
        within: frozenset[str] = frozenset(),
        level: int = 0,
    ) -> FormField:
        """Return the field of `schema`, which was reached through the references `within`."""
        self.count += 1
        whole, seen, reason = self._merged(schema, within)
        merged, takes_null = whole, False
        if not reason:
            merged, seen, takes_null, reason = self._without_null(whole, seen)
        field = _annotated(path, merged, required, takes_null)
        if reason and self.count <= MAX_FIELDS:
            alternatives = self._alternatives(whole, seen, level)
            if alternatives:
                return replace(field, kind="union", fields=alternatives)
        if reason or self.count > MAX_FIELDS:
            return replace(field, reason=reason or f"the form has over {MAX_FIELDS:,} fields")
        return self._of_kind(field, merged, seen, level)

    def _merged(
        self, schema: Any, within: frozenset[str]
    ) -> tuple[dict[str, Any], frozenset[str], str]:
        """Merge `schema` with its references and ``allOf``; its own keys take precedence."""
        if not isinstance(schema, dict):
            reason = "its schema allows any value" if schema is True else "no value is valid"
            return {}, within, reason
        parts = [{"$ref": schema["$ref"]}] if "$ref" in schema else []
        parts += schema.get("allOf") or []
        own = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        if not parts:
            return own, within, ""
        if set(schema) == {"$ref"}:
            reference = schema["$ref"]
            if reference in within:
                return {}, within, "its schema contains itself"
            return self._merged(referenced(self.root, reference), within | {reference})
        below: dict[str, Any] = {}
        for part in parts:
            one, within, reason = self._merged(part, within)
            clash = reason or _clash(below, one)
            if clash:
                return own, within, clash
            below = _combined(below, one)
        return _combined(below, own), within, ""

    def _without_null(
        self, schema: dict[str, Any], within: frozenset[str]
    ) -> tuple[dict[str, Any], frozenset[str], bool, str]:
        """Return the one schema of values that are not null, and whether null is valid."""
        kinds = schema.get("type")
        if isinstance(kinds, list):
            rest = [kind for kind in kinds if kind != "null"]
            if len(rest) == 1:
                return {**schema, "type": rest[0]}, within, "null" in kinds, ""
            return schema, within, "null" in kinds, _alternatives([{"type": k} for k in rest])
        word = next((word for word in ("anyOf", "oneOf") if schema.get(word)), None)
        if word is None:
            return schema, within, False, ""
        merged = [self._merged(branch, within) for branch in schema[word]]
        rest_of = [one for one in merged if one[0].get("type") != "null"]
        takes_null = len(rest_of) < len(merged)
        outer = {key: value for key, value in schema.items() if key != word}
        chosen = _one_of([one for one, _, _ in rest_of])
        reason = next((reason for _, _, reason in rest_of if reason), "")
        if chosen is None or reason:
            reason = reason or _alternatives([one for one, _, _ in rest_of])
            return outer, within, takes_null, reason
        seen = within.union(*(seen for _, seen, _ in rest_of))
        inner, seen, inner_null, reason = self._without_null(chosen, seen)
        return _combined(inner, outer), seen, takes_null or inner_null, reason

    def _alternatives(
        self, schema: dict[str, Any], within: frozenset[str], level: int
    ) -> tuple[FormField, ...]:
        """The alternatives of a union of scalars and lists of scalars; none of any other."""
        kinds = schema.get("type")
        branches = union_of(schema) or [
            {**schema, "type": kind} for kind in (kinds if isinstance(kinds, list) else ())
        ]
        found: list[FormField] = []
        for branch in branches if level <= _MAX_LEVELS else ():
            field = self.field((), branch, within=within, level=level + 1)
            if field.reason == ONLY_NULL:
                continue
            found += field.fields if field.kind == "union" else [field]
        is_plain = all(
            _is_plain(one) or (one.kind == "list" and _is_plain(one.item)) for one in found
        )
        return tuple(found) if is_plain and len(found) > 1 else ()

    def _of_kind(
        self, field: FormField, schema: dict[str, Any], within: frozenset[str], level: int
    ) -> FormField:
        if "const" in schema:
            return replace(field, kind="constant", choices=(schema["const"],))
        if isinstance(schema.get("enum"), list):
            return _choice(field, schema["enum"])
        kind = schema.get("type") or _implied(schema)
        if kind in _SCALARS:
            scalar: Any = _SCALARS[kind]
            return replace(field, kind=scalar, limits=_limits(schema))
        if kind == "array":
            return self._list(replace(field, limits=_limits(schema)), schema, within, level)
        if kind == "object":
            return self._object(field, schema, within, level)
        known = kind is None or kind in _KINDS
        reason = "its schema allows any value" if known else f"{kind!r} is not a JSON type"
        return replace(field, reason=ONLY_NULL if kind == "null" else reason)

    def _object(
        self, field: FormField, schema: dict[str, Any], within: frozenset[str], level: int
    ) -> FormField:
        properties = schema.get("properties")
        if not properties:
            return self._dictionary(field, schema, within, level)
        if level >= _MAX_LEVELS:
            return replace(field, reason=f"it is nested more than {_MAX_LEVELS} objects deep")
        needed = schema.get("required") or ()
        fields = tuple(
            self.field(
                (*field.path, name), part, required=name in needed, within=within, level=level + 1
            )
            for name, part in properties.items()
        )
        return replace(field, kind="section", fields=fields)

    def _dictionary(
        self, field: FormField, schema: dict[str, Any], within: frozenset[str], level: int
    ) -> FormField:
        values = schema.get("additionalProperties", True)
        if values is False:
            return replace(field, reason="its schema allows no keys")
        if schema.get("patternProperties"):
            return replace(field, reason="the type of a value depends on the pattern of its key")
        item = self.field((), values, within=within, level=level + 1)
        return replace(field, kind="dictionary", item=item)

    def _list(
        self, field: FormField, schema: dict[str, Any], within: frozenset[str], level: int
    ) -> FormField:
        if isinstance(schema.get("prefixItems"), list) or isinstance(schema.get("items"), list):
            return replace(field, reason="each position of the list has its own type")
        item = self.field((), schema.get("items", True), within=within, level=level + 1)
        if item.kind == "section" and not any(one.kind == "section" for one in item.fields):
            return replace(field, kind="table", fields=item.fields)
        return replace(field, kind="list", item=item)


def _annotated(
    path: tuple[str, ...], schema: Mapping[str, Any], required: bool, takes_null: bool
) -> FormField:
    title = _as_text(schema.get("title"))
    return FormField(
        path,
        "json",
        title or (path[-1] if path else ""),
        _as_text(schema.get("description")),
        required,
        takes_null,
        schema.get("default", MISSING),
    )


def _as_text(annotation: Any) -> str:
    """Return a title or description as one line; users of pydantic also write lists there."""
    if isinstance(annotation, list):
        return " ".join(_as_text(part) for part in annotation)
    return "" if annotation is None else " ".join(str(annotation).split())


def _clash(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    for key in one.keys() & other.keys() - {"properties", "required", "title", "description"}:
        if not is_same(one[key], other[key]):
            return f"parts of its schema differ in {key}"
    return ""


def _combined(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Merge two schemas; properties and required keys are united, else `above` wins."""
    both = {**below, **above}
    for key in ("properties", "required"):
        one, other = below.get(key), above.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            both[key] = {**one, **other}
        elif isinstance(one, list) and isinstance(other, list):
            both[key] = [*one, *other]
    return both


def _one_of(branches: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return one schema equivalent to `branches`, or None if they differ in kind."""
    if len(branches) == 1:
        return branches[0]
    choices = [_choices_of(branch) for branch in branches]
    if branches and all(one is not None for one in choices):
        return {"enum": [value for one in choices if one is not None for value in one]}
    if branches and {str(branch.get("type")) for branch in branches} == {"integer", "number"}:
        is_bare = not any(_limits(branch) for branch in branches)
        return {"type": "number"} if is_bare else None
    return None


def _choices_of(schema: Mapping[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    choices = schema.get("enum")
    return choices if isinstance(choices, list) else None


def _alternatives(branches: list[dict[str, Any]]) -> str:
    names = dict.fromkeys(_name_of(branch) for branch in branches)
    return f"it may be {' or '.join(names)}" if names else ONLY_NULL


def _name_of(branch: Mapping[str, Any]) -> str:
    kind = branch.get("type")
    title = _as_text(branch.get("title"))
    if kind == "object" and title:
        return title
    return _NAMES.get(str(kind), f"a value of type {kind}" if kind else "anything")


def _choice(field: FormField, choices: list[Any]) -> FormField:
    if any(isinstance(one, dict | list) for one in choices):
        return replace(field, reason="its choices are objects or lists")
    takes_null = field.takes_null or None in choices
    kept = tuple(one for one in choices if one is not None)
    return replace(field, kind="choice", choices=kept, takes_null=takes_null)


def _implied(schema: Mapping[str, Any]) -> str | None:
    """Return the type that the keywords of a schema without ``type`` imply."""
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else None


def _limits(schema: Mapping[str, Any]) -> str:
    """Return the bounds in words: ``at least 0, below 1``."""
    return ", ".join(words.format(schema[key]) for key, words in _LIMITS.items() if key in schema)


_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matches {}",
    "format": "format {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "uniqueItems": "no repeated items",
}
