"""Analysis parameters: `analysis_parameters.json` in, parameter sets out.

There are three keys. ``analysis_parameter`` is one set for every asset;
``distributed_parameters`` is a list of sets, each for every asset;
``fixed_parameters`` has the defaults of each set, or is itself the only set.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from dispatch_core.environment.limits import PARAMETERS, SETS, megabytes
from dispatch_core.errors import InvalidInput, Issue, as_value
from dispatch_core.parameter_sets.job_files import is_job, sets_of_jobs
from dispatch_core.parameter_sets.placeholders import placeholder_note
from dispatch_core.parameter_sets.schema import ParameterSchema
from dispatch_core.text.json_edit import Span, read_spans
from dispatch_core.text.limited import check_size
from dispatch_core.text.strict_json import decode_json, issue_at, load_json
from dispatch_core.text.words import counted
from dispatch_core.types import JsonPath, JsonValue

FILE_NAME = "analysis_parameters.json"
_MOST_ISSUES = 10_000
SINGLE, DISTRIBUTED, FIXED = "analysis_parameter", "distributed_parameters", "fixed_parameters"
KEYS = (SINGLE, DISTRIBUTED, FIXED)

ParameterSet = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """The merged sets in their order, without repeats; empty if there are none.

    N assets and M sets make N x M jobs; without sets there are N jobs whose
    ``distributed_parameters`` is null. ``notes`` say what was merged or ignored, and
    ``fixed`` has the fixed parameters, which each set already contains.
    """

    merged: tuple[MergedSet, ...] = ()
    notes: tuple[str, ...] = ()
    fixed: ParameterSet = field(default_factory=dict)

    @property
    def sets(self) -> tuple[ParameterSet, ...]:
        """The values of each merged set."""
        return tuple(one.values for one in self.merged)


@dataclass(frozen=True, slots=True)
class MergedSet:
    """One set as its jobs get it, and where its values are in the document.

    ``own`` is the path of the set itself; the keys ``inherited`` come from
    ``fixed_parameters``. Merging is shallow, as upstream: a key of the set replaces
    the whole fixed value. ``number`` counts from 1. ``distributed`` is the set as it is
    written, without the fixed values; None if they are the only set.
    """

    number: int
    values: ParameterSet
    own: JsonPath
    inherited: frozenset[str] = frozenset()
    distributed: ParameterSet | None = None

    def place(self, path: JsonPath) -> JsonPath:
        """The path in the document of the value at `path` of this set."""
        return (FIXED, *path) if path and path[0] in self.inherited else (*self.own, *path)

    def origin(self, key: str) -> str:
        """The top-level key of the document that `key` of this set comes from."""
        return FIXED if key in self.inherited else str(self.own[0])


@dataclass(frozen=True, slots=True)
class ParameterCheck:
    """The content of a text as far as it is well formed; `error` has its issues.

    ``merged`` has every set of a well-formed document, including repeats and those
    that the schema refuses; ``faulty`` maps the number of a set to that of its issues.
    """

    document: dict[str, Any] | None = None
    sets: ParameterSets = ParameterSets()
    merged: tuple[MergedSet, ...] = ()
    faulty: Mapping[int, int] = field(default_factory=dict)
    error: InvalidInput | None = None


def check_parameters(
    text: str, schema: ParameterSchema | None = None, where: str = FILE_NAME
) -> ParameterCheck:
    """`text` checked as a whole, without an exception; empty text has no parameters.

    Every issue of the document has a line and a column.
    """
    if not text.strip():
        return check_absent(schema, where)
    try:
        document = load_json(text, where, PARAMETERS)
    except InvalidInput as error:
        return ParameterCheck(error=as_value(error))
    check = check_document(document, schema, where)
    if check.error is None:
        return check
    return replace(check, error=InvalidInput(_placed(check.error.issues, text)))


def check_absent(schema: ParameterSchema | None, where: str = FILE_NAME) -> ParameterCheck:
    """No parameters at all: an error of each key that `schema` requires, as of an empty set."""
    one = MergedSet(1, {}, (SINGLE,))
    issues = list(schema.check({}, f"{where}, no parameters are given")) if schema else []
    if not issues:
        notes = (schema.note,) if schema is not None and schema.note else ()
        return ParameterCheck(sets=ParameterSets(notes=notes))
    placed = [replace(issue, path=one.place(issue.path)) for issue in issues]
    return ParameterCheck(None, ParameterSets(), (one,), {1: len(issues)}, InvalidInput(placed))


def check_document(
    document: JsonValue, schema: ParameterSchema | None = None, where: str = FILE_NAME
) -> ParameterCheck:
    """A parsed document checked as a whole; its issues have paths but no lines."""
    issues = list(_document_issues(document, where))
    nested = [] if issues or (schema and schema.names_keys) else list(_nested_keys(document))
    issues += [_nested_issue(path, where) for path, is_alone in nested if is_alone]
    issues += [] if issues else list(_size_issues(document, where))
    if issues:
        return ParameterCheck(error=InvalidInput(issues))
    merged = merge_sets(document)
    kept, repeats = _without_repeats(merged)
    found = dict(_issues_of_sets(kept, schema, where))
    about = (schema.note if schema is not None else "", placeholder_note([m.values for m in kept]))
    doubts = _doubts(kept, schema)
    wrapped = (f"{_nested_issue(path, '').what}: it is one of its values" for path, _ in nested)
    notes = (*filter(None, about), *doubts, *wrapped, *_merge_notes(document), *repeats)
    sets = ParameterSets(tuple(kept), notes, document.get(FIXED, {}))
    faulty = {number: len(issues) for number, issues in found.items() if issues}
    every = dict.fromkeys(issue for issues in found.values() for issue in issues)
    error = InvalidInput(list(every)) if every else None
    return ParameterCheck(document, sets, merged, faulty, error)


def _issues_of_sets(
    sets: Sequence[MergedSet], schema: ParameterSchema | None, where: str
) -> Iterator[tuple[int, list[Issue]]]:
    """(number, issues) of each set, until there are too many to be read."""
    left = _MOST_ISSUES
    for one in sets:
        issues = list(islice(set_issues(one, schema, where), left))
        left -= len(issues)
        if not left:
            what = f"more than {_MOST_ISSUES:,} faults; the sets after this are not checked"
            issues.append(Issue(what, f"{where}, parameter set {one.number}", path=one.own))
        yield one.number, issues
        if not left:
            return


def _doubts(sets: Sequence[MergedSet], schema: ParameterSchema | None) -> list[str]:
    """Each doubt of the schema once; sets may share a value."""
    found = (doubt for one in sets for doubt in (schema.doubts(one.values) if schema else ()))
    return list(dict.fromkeys(found))


def parse_parameters(
    text: str | bytes, schema: ParameterSchema | None = None, where: str = FILE_NAME
) -> tuple[dict[str, Any], ParameterSets]:
    """The document in `text`, as written, and its sets.

    Raises
    ------
    InvalidInput
        With every issue at once, each with line and column.
    """
    check_size(text, PARAMETERS, where)
    text = decode_json(text, where) if isinstance(text, bytes) else text.removeprefix("\ufeff")
    if not text.strip():
        load_json(text, where)  # raises that it is empty
    check = check_parameters(text, schema, where)
    if check.error is not None:
        raise check.error
    assert check.document is not None
    return check.document, check.sets


def build_parameter_sets(
    document: JsonValue, schema: ParameterSchema | None = None, where: str = FILE_NAME
) -> ParameterSets:
    """The sets of a parsed document, each checked against `schema` if there is one."""
    check = check_document(document, schema, where)
    if check.error is not None:
        raise check.error
    return check.sets


def set_issues(
    one: MergedSet, schema: ParameterSchema | None, where: str = FILE_NAME
) -> Iterator[Issue]:
    """The issues of one merged set, with paths in the document.

    Issues of a fixed value name ``fixed_parameters``, so that they are equal for all
    sets that inherit the value.
    """
    if schema is None:
        return
    here, fixed = f"{where}, parameter set {one.number}", f"{where}, {FIXED}"
    for issue in schema.check(one.values, here):
        path = one.place(issue.path)
        is_fixed = path[0] == FIXED != one.own[0]
        named = issue.where.replace(here, fixed, 1) if is_fixed else issue.where
        yield replace(issue, path=path, where=named)


def _document_issues(document: JsonValue, where: str) -> Iterator[Issue]:
    if is_job(document):
        yield _job_issue(document, where)
    elif isinstance(document, list):
        action = f'Wrap the list: {{"{DISTRIBUTED}": [...]}}'
        yield Issue("a list is not a parameters file", where, action)
    elif not isinstance(document, dict):
        yield Issue("it is not a JSON object", where, f'Write {{"{SINGLE}": {{...}}}}')
    else:
        yield from _key_issues(document, where)
        if SINGLE in document and DISTRIBUTED not in document:
            yield from _object_issues(document[SINGLE], SINGLE, where, (SINGLE,))
        if FIXED in document:
            yield from _object_issues(document[FIXED], FIXED, where, (FIXED,))
        if DISTRIBUTED in document:
            yield from _list_issues(document[DISTRIBUTED], where)


def _job_issue(document: JsonValue, where: str) -> Issue:
    sets = sets_of_jobs(document)
    what, whose = ("these are job files", "their") if isinstance(document, list) else _ONE_JOB
    if not sets:
        action = f'Write {{"{SINGLE}": {{...}}}}'
        return Issue(f"{what}, and {whose} {DISTRIBUTED} is empty", where, action)
    action = f"Use only {'the set' if len(sets) == 1 else f'the {len(sets):,} sets'}"
    is_one = len(sets) == 1
    key = f'{{"{SINGLE}": {{...}}}}' if is_one else f'{{"{DISTRIBUTED}": [...]}}'
    noun = "set is" if is_one else "sets are"
    return Issue(f"{what}; {whose} {noun} under {DISTRIBUTED}", where, f"{action}: {key}")


_ONE_JOB = ("this is a job file", "its")


def _key_issues(document: dict[str, Any], where: str) -> Iterator[Issue]:
    near = nearest_keys(document)
    if not any(near.values()):
        what = f"it has none of the keys {', '.join(KEYS)}"
        yield Issue(what, where, f'If it is one set, wrap it: {{"{SINGLE}": {{...}}}}')
        return
    for key in document:
        if key not in KEYS:
            action = f"Did you mean {near[key]}?" if near[key] else "Put it inside a set"
            what = f"unknown key {key!r}; the keys are {', '.join(KEYS)}"
            yield Issue(what, where, action, path=(key,), nearest=near[key], is_unknown_key=True)


def nearest_keys(document: Mapping[str, Any]) -> dict[str, str]:
    """Key of a document -> the top-level key that it is or resembles, or ``""``.

    Of the names for sets, a list means ``distributed_parameters`` and an object
    ``analysis_parameter``. A name such as ``params`` counts only if every key resembles one,
    because a bare set may have such a key.
    """
    near = {key: _nearest_key(key, value) for key, value in document.items()}
    loose = {
        key: near[key] or (_by_shape(value) if _is_for_sets(key, value) else "")
        for key, value in document.items()
    }
    return loose if all(loose.values()) else near


def _nearest_key(key: str, value: JsonValue) -> str:
    if key in KEYS:
        return key
    close = "".join(difflib.get_close_matches(key.lower(), KEYS, 1, 0.8))
    bare = _bare_name(key)
    close = close or next((one for one in KEYS if _bare_name(one) == bare), "")
    return close if close in ("", FIXED) else _by_shape(value) or close


def _by_shape(value: JsonValue) -> str:
    return DISTRIBUTED if isinstance(value, list) else SINGLE if isinstance(value, dict) else ""


def _bare_name(key: str) -> str:
    """`key` without case, signs and the plural: ``distributedParameters``, ``Fixed-Parameter``."""
    return re.sub(r"[\W_]+", "", key).lower().removesuffix("s")


def _is_for_sets(key: str, value: JsonValue) -> bool:
    items = value if isinstance(value, list) else [value]
    return _bare_name(key) in _LOOSE and all(isinstance(item, dict) for item in items)


_LOOSE = frozenset(
    "parameter param parameterset paramset set analysisparam distributedparam".split()
)


def _nested_keys(document: Mapping[str, Any]) -> Iterator[tuple[JsonPath, bool]]:
    """The path of each top-level key inside a set, and whether the set has no other keys."""
    listed = document.get(DISTRIBUTED)
    places: list[tuple[JsonPath, Mapping[str, Any]]] = [
        ((DISTRIBUTED, index), one) for index, one in enumerate(listed or ())
    ]
    names = (FIXED,) if DISTRIBUTED in document else (SINGLE, FIXED)
    places += [((name,), document[name]) for name in names if name in document]
    for place, one in places:
        nested = [key for key, value in one.items() if _is_top_level(key, value)]
        yield from (((*place, key), len(nested) == len(one)) for key in nested)


def _is_top_level(key: str, value: JsonValue) -> bool:
    """Whether `key` is or resembles a top-level key, with the sets that such a key has."""
    items = value if isinstance(value, list) else [value]
    is_named = _bare_name(key) in {_bare_name(one) for one in KEYS}
    return is_named and all(isinstance(item, dict) for item in items)


def _nested_issue(path: JsonPath, where: str) -> Issue:
    outer = ", set ".join(str(n + 1) if isinstance(n, int) else n for n in path[:-1])
    what = f"{outer} has the top-level key {path[-1]!r} inside"
    return Issue(what, where, "Remove one of the two levels", path=path, is_unknown_key=True)


def _object_issues(value: JsonValue, name: str, where: str, path: JsonPath) -> Iterator[Issue]:
    if not isinstance(value, dict):
        what = f"{name} is {_kind(value)}, not an object"
        yield Issue(what, where, 'Write {"name": value}', path=path)


def _list_issues(value: JsonValue, where: str) -> Iterator[Issue]:
    if not isinstance(value, list):
        what = f"{DISTRIBUTED} is {_kind(value)}, not a list"
        yield Issue(what, where, "Write [{...}, {...}]", path=(DISTRIBUTED,))
    elif not value:
        action = f"Add a set, or remove the key to use {SINGLE}"
        what = f"{DISTRIBUTED} is an empty list, which makes no jobs"
        yield Issue(what, where, action, path=(DISTRIBUTED,))
    else:
        for index, item in enumerate(value):
            name = f"{DISTRIBUTED}, set {index + 1},"
            yield from _object_issues(item, name, where, (DISTRIBUTED, index))


def _kind(value: JsonValue) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    names = {str: "a text", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object")


def merge_sets(document: Mapping[str, Any]) -> tuple[MergedSet, ...]:
    """The sets of a well-formed document, each merged with the fixed values; with repeats."""
    fixed = document.get(FIXED, {})
    if DISTRIBUTED in document:
        return tuple(
            _merge(number, fixed, one, (DISTRIBUTED, number - 1))
            for number, one in enumerate(document[DISTRIBUTED], 1)
        )
    if SINGLE in document:
        return (_merge(1, fixed, document[SINGLE], (SINGLE,)),)
    return (MergedSet(1, fixed, (FIXED,)),)


_KEY_BYTES, _SET_BYTES = 100, 1_000
"""About the bytes of a key, and of a set, in memory, beside their text."""


def _size_issues(document: Mapping[str, Any], where: str) -> Iterator[Issue]:
    """An issue if the sets would be too large: each gets a copy of the fixed parameters."""
    fixed, number = document.get(FIXED, {}), len(document.get(DISTRIBUTED, (1,)))
    copied = number * (_SET_BYTES + len(json.dumps(fixed)) + _KEY_BYTES * len(fixed))
    size = copied + len(json.dumps(document.get(DISTRIBUTED, ())))
    if size > SETS.most:
        what = f"{number:,} sets with {counted(len(fixed), 'fixed parameter')} each would take "
        what += f"{megabytes(size)}; the limit is {SETS.text}"
        yield Issue(what, where, f"Use fewer sets or fixed parameters, or {SETS.remedy}")


def _merge(number: int, fixed: ParameterSet, one: ParameterSet, own: JsonPath) -> MergedSet:
    inherited = frozenset(fixed.keys() - one.keys())
    return MergedSet(number, {**fixed, **one}, own, inherited, one)


def _merge_notes(document: Mapping[str, Any]) -> Iterator[str]:
    if DISTRIBUTED in document and SINGLE in document:
        yield f"{SINGLE} is ignored: {DISTRIBUTED} is present"
    elif SINGLE in document and FIXED in document:
        yield f"{FIXED} has the defaults of {SINGLE}"


def _without_repeats(sets: Sequence[MergedSet]) -> tuple[list[MergedSet], list[str]]:
    """The distinct sets, and a note for each repeat."""
    first: dict[str, int] = {}
    kept: list[MergedSet] = []
    notes: list[str] = []
    for one in sets:
        earlier = first.setdefault(json.dumps(one.values, sort_keys=True), one.number)
        if earlier == one.number:
            kept.append(one)
        else:
            notes.append(f"parameter sets {earlier} and {one.number} are the same; one is used")
    if len(notes) > _MOST_NOTES:
        more = counted(len(notes) - _MOST_NOTES, "more parameter set")
        notes = [*notes[:_MOST_NOTES], f"{more} repeat earlier ones"]
    return kept, notes


_MOST_NOTES = 100


def _placed(issues: Sequence[Issue], text: str) -> list[Issue]:
    """`issues` with the line and column of their value, or of what should contain it."""
    spans = read_spans(text)
    return [_placed_in(spans, issue, text) for issue in issues]


def _placed_in(spans: Span, issue: Issue, text: str) -> Issue:
    if not issue.path:
        return issue
    span = spans.deepest(issue.path)
    at = span.first if issue.is_unknown_key else span.start
    found = issue_at(text, at, issue.what, issue.where, issue.action)
    return replace(issue, line=found.line, column=found.column, excerpt=found.excerpt)
