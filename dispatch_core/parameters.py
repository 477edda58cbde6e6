"""Analysis parameters: `analysis_parameters.json` in, parameter sets out.

Three keys are known. ``analysis_parameter`` is one set for every asset;
``distributed_parameters`` is a list of sets, each for every asset;
``fixed_parameters`` lies *under* each of them, or stands alone as the one set.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.parameter_schema import ParameterSchema
from dispatch_core.strict_json import decode_json, issue_at, load_json, position_of_key
from dispatch_core.types import JsonValue

FILE_NAME = "analysis_parameters.json"
SINGLE, DISTRIBUTED, FIXED = "analysis_parameter", "distributed_parameters", "fixed_parameters"
KEYS = (SINGLE, DISTRIBUTED, FIXED)

ParameterSet = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """The merged sets in their order, without repeats; empty where none were given.

    N assets and M sets make N x M jobs; no set at all makes N jobs whose
    ``distributed_parameters`` is null. ``notes`` say what was merged or ignored.
    """

    sets: tuple[ParameterSet, ...] = ()
    notes: tuple[str, ...] = field(default=())


def find_parameters_file(input_directory: Path) -> Path | None:
    """The parameters file of an input folder: the seed's place first, then upstream's."""
    for path in (
        input_directory / "analysis_parameters" / FILE_NAME,
        input_directory / FILE_NAME,
    ):
        if path.is_file():
            return path
    return None


def parse_parameters(
    text: str | bytes, schema: ParameterSchema | None = None, where: str = FILE_NAME
) -> tuple[dict[str, Any], ParameterSets]:
    """The document that `text` holds, as written, and the sets it gives.

    Raises
    ------
    InvalidInput
        With every issue at once; misspelt top-level keys carry line and column.
    """
    text = decode_json(text, where) if isinstance(text, bytes) else text.removeprefix("\ufeff")
    document = load_json(text, where)
    try:
        return document, build_parameter_sets(document, schema, where)
    except InvalidInput as error:
        if not isinstance(document, dict):
            raise
        raise InvalidInput([_placed(issue, text, document) for issue in error.issues]) from None


def build_parameter_sets(
    document: JsonValue, schema: ParameterSchema | None = None, where: str = FILE_NAME
) -> ParameterSets:
    """The sets of a parsed document, each checked against `schema` where there is one."""
    issues = list(_document_issues(document, where))
    if issues:
        raise InvalidInput(issues)
    merged, notes = _merged(document)
    sets, repeats = _without_repeats(merged)
    issues = [issue for n, one in sets for issue in _schema_issues(one, n, schema, where)]
    if issues:
        raise InvalidInput(issues)
    return ParameterSets(tuple(one for _, one in sets), (*notes, *repeats))


def _document_issues(document: JsonValue, where: str) -> Iterator[Issue]:
    if isinstance(document, list):
        action = f'Wrap the list: {{"{DISTRIBUTED}": [...]}}'
        yield Issue("a list is not a parameters file", where, action)
    elif not isinstance(document, dict):
        yield Issue("it is not a JSON object", where, f'Write {{"{SINGLE}": {{...}}}}')
    else:
        yield from _key_issues(document, where)
        if SINGLE in document and DISTRIBUTED not in document:
            yield from _object_issues(document[SINGLE], SINGLE, where)
        if FIXED in document:
            yield from _object_issues(document[FIXED], FIXED, where)
        if DISTRIBUTED in document:
            yield from _list_issues(document[DISTRIBUTED], where)


def _key_issues(document: dict[str, Any], where: str) -> Iterator[Issue]:
    near = {key: difflib.get_close_matches(key, KEYS, 1, 0.8) for key in document}
    if not any(near.values()):
        what = f"it has none of the keys {', '.join(KEYS)}"
        yield Issue(what, where, f'If it is one set, wrap it: {{"{SINGLE}": {{...}}}}')
        return
    for key in document:
        if key not in KEYS:
            action = f"Did you mean {near[key][0]}?" if near[key] else "Put it inside a set"
            yield Issue(f"unknown key {key!r}; the keys are {', '.join(KEYS)}", where, action)


def _object_issues(value: JsonValue, key: str, where: str) -> Iterator[Issue]:
    if not isinstance(value, dict):
        yield Issue(f"{key} is {_kind(value)}, not an object", where, 'Write {"name": value}')


def _list_issues(value: JsonValue, where: str) -> Iterator[Issue]:
    if not isinstance(value, list):
        yield Issue(f"{DISTRIBUTED} is {_kind(value)}, not a list", where, "Write [{...}, {...}]")
    elif not value:
        action = f"Add a set, or remove the key to use {SINGLE}"
        yield Issue(f"{DISTRIBUTED} is an empty list: no job would be made", where, action)
    else:
        for number, item in enumerate(value, 1):
            yield from _object_issues(item, f"{DISTRIBUTED}, set {number},", where)


def _kind(value: JsonValue) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    names = {str: "a text", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object")


def _merged(document: dict[str, Any]) -> tuple[list[ParameterSet], list[str]]:
    fixed = document.get(FIXED, {})
    if DISTRIBUTED in document:
        notes = [f"{SINGLE} is ignored: {DISTRIBUTED} is present"] if SINGLE in document else []
        return [{**fixed, **one} for one in document[DISTRIBUTED]], notes
    if SINGLE in document and FIXED in document:
        return [{**fixed, **document[SINGLE]}], [f"{FIXED} lies under {SINGLE}"]
    return [document.get(SINGLE, fixed)], []


def _without_repeats(
    sets: list[ParameterSet],
) -> tuple[list[tuple[int, ParameterSet]], list[str]]:
    """(number from 1, set) of each distinct set, and a note for each repeat."""
    first: dict[str, int] = {}
    kept: list[tuple[int, ParameterSet]] = []
    notes: list[str] = []
    for number, one in enumerate(sets, 1):
        earlier = first.setdefault(json.dumps(one, sort_keys=True), number)
        if earlier == number:
            kept.append((number, one))
        else:
            notes.append(f"parameter sets {earlier} and {number} are the same; one is used")
    return kept, notes


def _schema_issues(
    one: ParameterSet, number: int, schema: ParameterSchema | None, where: str
) -> Iterator[Issue]:
    if schema is not None:
        yield from schema.check(one, f"{where}, parameter set {number}")


def _placed(issue: Issue, text: str, document: dict[str, Any]) -> Issue:
    """`issue` with the line and column of the top-level key it speaks of, where it does."""
    for key in document:
        if issue.what.startswith(f"unknown key {key!r};"):
            at = position_of_key(text, key)
            return issue_at(text, at, issue.what, issue.where, issue.action)
    return issue
