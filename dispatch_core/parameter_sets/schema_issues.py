"""The errors of a validator in words: what is wrong, where, and what may be there instead."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dispatch_core.errors import Issue
from dispatch_core.parameter_sets.formats import advice_of, format_of, name_of
from dispatch_core.parameter_sets.schema_words import ANOTHER, KINDS, alternatives, words_of
from dispatch_core.parameter_sets.unions import Branch, choose_branch, referenced, tag_named_by
from dispatch_core.text.invisible import invisible_in
from dispatch_core.types import JsonPath, JsonValue


def at_path(where: str, path: JsonPath) -> str:
    """Where the value at `path` is, for an issue: "set 1, fit.seed"."""
    return ", ".join((where, ".".join(map(str, path)))) if path else where


def value_issues(
    root: Mapping[str, Any], error: Any, where: str, reported: set[JsonPath]
) -> Iterator[Issue]:
    """The issues of a validator's `error`; for a union, those of the branch that is meant."""
    path: JsonPath = tuple(error.instance_path)
    if error.kind.name in _UNIONS:
        yield from _union_issues(root, error, where, reported)
    elif error.kind.name == "required":
        missing = error.kind.property
        if (*path, missing) not in reported:
            what = f"{missing!r} is missing"
            yield Issue(what, at_path(where, path), "Add it", path=(*path, missing))
    elif error.kind.name != "additionalProperties" or not _are_reported(error, path, reported):
        hidden = invisible_in(error.instance) if isinstance(error.instance, str) else ""
        what = _what(root, error) + (f"; it contains {hidden}" if hidden else "")
        yield Issue(what, at_path(where, path), _advice(error), path=path)


def _union_issues(
    root: Mapping[str, Any], error: Any, where: str, reported: set[JsonPath]
) -> Iterator[Issue]:
    path: JsonPath = tuple(error.instance_path)
    union = _schema_at(root, error.schema_path)
    chosen = choose_branch(root, union, error.instance) if isinstance(union, Mapping) else None
    if chosen is not None and chosen.index is None:
        yield _wrong_tag(error.instance[chosen.tag], chosen, where, (*path, chosen.tag))
        return
    tag = tag_named_by(union) if isinstance(union, Mapping) else ""
    if tag and (*path, tag) in reported:
        return  # which branch is meant is not known
    branches = list(getattr(error.kind, "context", ()))
    index = chosen.index if chosen else None
    inner = list(branches[index]) if index is not None and index < len(branches) else []
    if not inner and not _taken_by(error):
        inner = _errors_of_the_one(error)
    for one in inner:
        yield from value_issues(root, one, where, reported)
    if not inner:
        action = _advice(error) if _taken_by(error) else _nearest(root, error)
        yield Issue(_what(root, error), at_path(where, path), action, path=path)


def _schema_at(root: Mapping[str, Any], path: Sequence[str | int]) -> Any:
    """The schema that has the keyword at the end of `path`, which may lead through references."""
    node: Any = root
    for step in path[:-1]:
        if step == "$ref" and isinstance(node, dict):
            node = referenced(root, node.get("$ref", ""))
        elif isinstance(node, dict):
            node = node.get(str(step))
        else:
            node = node[step] if isinstance(node, list) and isinstance(step, int) else None
    return node


def _wrong_tag(value: JsonValue, branch: Branch, where: str, path: JsonPath) -> Issue:
    choices = [str(one) for one in branch.choices]
    near = difflib.get_close_matches(str(value), choices, 1)
    action = f"Did you mean {near[0]}?" if near else "Write one of them"
    what = f"{json.dumps(value, ensure_ascii=False)} is not one of {', '.join(choices)}"
    return Issue(what, at_path(where, path), action, path=path)


def _what(root: Mapping[str, Any], error: Any) -> str:
    """The message, in words where the validator names keywords of the schema."""
    names = _taken_by(error)
    shown = json.dumps(error.instance, ensure_ascii=False)
    if names:
        return f"{shown} is not {' or '.join(names)}"
    shown = shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."
    if error.kind.name in _UNIONS:
        return _what_of_union(root, error, shown)
    if error.kind.name == "falseSchema":
        return f"{shown} is not allowed here"
    if error.kind.name == "not":
        words = words_of(root, error.kind.schema)
        is_this = "" if words == ANOTHER else f"is {words}, which "
        return f"{shown} {is_this}is not allowed here"
    return str(error.message)


def _branches_at(root: Mapping[str, Any], error: Any) -> list[Any]:
    """The alternatives of the union whose `error` it is."""
    schema = _schema_at(root, error.schema_path)
    found = schema.get(error.schema_path[-1]) if isinstance(schema, Mapping) else None
    return found if isinstance(found, list) and len(found) == len(error.kind.context) else []


def _met(error: Any) -> list[int]:
    """The indices of the alternatives that a value fits, although only one may fit."""
    return [at for at, branch in enumerate(error.kind.context) if not branch]


def _what_of_union(root: Mapping[str, Any], error: Any, shown: str) -> str:
    branches = _branches_at(root, error)
    met = _met(error)
    if met:
        words = dict.fromkeys(words_of(root, branches[at]) for at in met if branches)
        named = f": {'; '.join(words)}" if len(words) > 1 else ""
        return f"{shown} fits {len(met)} alternatives, where exactly one must fit{named}"
    words = dict.fromkeys(alternatives(root, {"anyOf": branches}))
    is_clear = len(words) > 1 or sum(one is not False for one in branches) == 1
    if ANOTHER in words or not is_clear:
        return f"{shown} fits none of the {len(error.kind.context)} alternatives of the schema"
    return f"{shown} is not {' or '.join(words)}"


def _nearest(root: Mapping[str, Any], error: Any) -> str:
    """What to correct so that a value fits the alternative that it resembles most."""
    if _met(error):
        return "Change it so that it fits one only"
    here = list(error.instance_path)
    branches = _of_its_type(error, error.kind.context)
    inside = [one for _, one in branches if all(list(each.instance_path) != here for each in one)]
    if not inside:
        return "Write one of them"
    best = min(inside, key=lambda one: (len(one), not all(map(_is_a_fraction, one))))
    at = next(number for number, one in branches if one is best)
    known = _branches_at(root, error)
    words = words_of(root, known[at]) if known else ANOTHER
    wanted = "it fit" if words == ANOTHER else f"it {words}"
    place = ".".join(map(str, best[0].instance_path))
    return f"To make {wanted}, correct {place}: {_problem(root, best[0])}"


def _is_a_fraction(error: Any) -> bool:
    """Whether a number is wrong because it is not whole."""
    return isinstance(error.instance, float) and "an integer" in _types(error)


def _problem(root: Mapping[str, Any], error: Any) -> str:
    is_missing = error.kind.name == "required"
    return f"{error.kind.property!r} is missing" if is_missing else _what(root, error)


def _of_its_type(error: Any, branches: Sequence[Any]) -> list[tuple[int, list[Any]]]:
    """(index, errors) of the alternatives that have the type of the value."""
    here = list(error.instance_path)
    return [
        (number, list(branch))
        for number, branch in enumerate(branches)
        if not any(list(one.instance_path) == here and _is_of_another_type(one) for one in branch)
    ]


def _is_of_another_type(error: Any) -> bool:
    options = [json.loads(one) for one in _choices(error)]
    is_chosen = bool(options) and not any(type(one) is type(error.instance) for one in options)
    return is_chosen or error.kind.name in ("type", "falseSchema")


def _taken_by(error: Any) -> dict[str, None]:
    """What a value may be instead, if only its type, format or choice is wrong; else nothing."""
    is_union = error.kind.name in _UNIONS
    context = getattr(error.kind, "context", ()) if is_union else ([error],)
    errors = [one for branch in context for one in branch]
    here = list(error.instance_path)
    if any(list(one.instance_path) != here for one in errors):
        return {}
    known = ("type", "format")
    if not all(one.kind.name in known or (is_union and _choices(one)) for one in errors):
        return {}
    return dict.fromkeys(name for one in errors for name in _choices(one) or _types(one))


def _types(error: Any) -> list[str]:
    if error.kind.name == "format":
        return [name_of(error.kind.format)]
    kinds = re.findall(r'"(\w+)"', error.message.rpartition("type")[2])
    return [KINDS.get(kind, kind) for kind in kinds]


def _choices(error: Any) -> list[str]:
    if error.kind.name == "const":
        return [json.dumps(error.kind.expected_value, ensure_ascii=False)]
    options = error.kind.options if error.kind.name == "enum" else ()
    return [json.dumps(one, ensure_ascii=False) for one in options]


_UNIONS = ("anyOf", "oneOfNotValid", "oneOf")
_MOST_SHOWN = 80


def _errors_of_the_one(error: Any) -> list[Any]:
    """The errors of the only alternative whose type matches the value."""
    branches = _of_its_type(error, getattr(error.kind, "context", ()))
    return branches[0][1] if len(branches) == 1 else []


def _are_reported(error: Any, path: JsonPath, reported: set[JsonPath]) -> bool:
    return all((*path, key) in reported for key in error.kind.unexpected)


def _advice(error: Any) -> str:
    names = _taken_by(error) if error.kind.name in _UNIONS else _choices(error)
    if isinstance(error.instance, str):
        choices = [json.loads(one) for one in names if one.startswith('"')]
        near = difflib.get_close_matches(error.instance, choices, 1)
        if near:
            return f"Did you mean {near[0]}?"
    name = format_of(error)
    return advice_of(name) if name else "Correct the value"
