"""MongoDB aggregation pipelines over records in memory.

Each stage is a function from records to records. ``$match``, ``$project``,
``$unwind`` and ``$limit`` process one record at a time; ``$sort`` and ``$group`` need
all records. Input records are never modified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Final, NoReturn, TypeAlias

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.allowance import Allowance
from dispatch_core.language.bson import (
    MISSING,
    MISSING_RANK,
    date_text,
    is_number,
    json_problem,
    sort_key,
    type_name,
)
from dispatch_core.language.expressions import compile_expression, scope_of
from dispatch_core.language.group import compile_group
from dispatch_core.language.match import MAX_DEPTH, compile_filter
from dispatch_core.language.projection import (
    compile_additions,
    compile_projection,
    compile_removals,
    project_record,
)
from dispatch_core.types import JsonValue, Pipeline, Record

__all__ = ["project_record", "run_pipeline", "sort_records", "supported_stages"]

Stage: TypeAlias = Callable[[Iterable[Record]], Iterable[Record]]

MAX_STAGES: Final = 1_000
"""Stages of a pipeline; the limit of MongoDB."""

_LONGEST = 2**63 - 1
_MAKES_NO_RECORDS: Final = frozenset({"$match", "$limit", "$skip", "$sort"})


def run_pipeline(records: Iterable[Record], pipeline: Pipeline) -> list[Record]:
    """The results of a pipeline, in its order; ``[]`` returns the records themselves.

    Dates are returned as ISO 8601 text in UTC. An unsupported stage or operator raises
    `InvalidInput` before the first record is read; a value that an operator does not
    accept (``$size`` of a string) raises it while records are read, and so does a value
    or a result over an `Allowance`.
    """
    allowance = Allowance()
    results = stream_pipeline(records, pipeline, allowance)
    if _makes_records(pipeline):
        results = allowance.hold(results, "pipeline")
    return list(results)


def stream_pipeline(
    records: Iterable[Record], pipeline: Pipeline, allowance: Allowance | None = None
) -> Iterator[Record]:
    """The results of `run_pipeline` one after another, so that they need not be kept."""
    left = allowance or Allowance()
    stages = compile_stages(pipeline, left)
    records = left.read(records)
    for stage in stages:
        records = stage(records)
    return map(_with_text_dates, records) if _makes_dates(pipeline) else iter(records)


def compile_stages(pipeline: Pipeline, allowance: Allowance | None = None) -> list[Stage]:
    """The stages of a pipeline as functions; `InvalidInput` for an unsupported or invalid one."""
    if not isinstance(pipeline, list):
        _refuse("pipeline", "a pipeline is a list of stages", "Write [{...}]")
    if len(pipeline) > MAX_STAGES:
        what = f"the pipeline has {len(pipeline):,} stages, more than {MAX_STAGES:,}"
        _refuse("pipeline", what, "Combine stages")
    problem = json_problem(pipeline, MAX_DEPTH)
    if problem:
        _refuse("pipeline", f"the pipeline cannot be used: {problem}")
    left = allowance or Allowance()
    stages = [compile_stage(number, spec, left) for number, spec in enumerate(pipeline, start=1)]
    return [
        _sorting_held(stage, left, f"stage {number}, $sort")
        if "$sort" in spec and _makes_records(pipeline[: number - 1])
        else stage
        for number, (stage, spec) in enumerate(zip(stages, pipeline, strict=True), start=1)
    ]


def _sorting_held(sort: Stage, allowance: Allowance, where: str) -> Stage:
    """A sort of records that earlier stages made, and that only the sort keeps in memory."""
    return lambda records: sort(allowance.hold(records, where))


def _makes_records(pipeline: Pipeline) -> bool:
    return any(name not in _MAKES_NO_RECORDS for stage in pipeline for name in stage)


def supported_stages() -> list[str]:
    """The names of all supported stages, sorted."""
    return sorted(_STAGES)


def _refuse(where: str, what: str, action: str = "") -> NoReturn:
    raise InvalidInput(Issue(what, where, action))


def compile_stage(number: int, spec: JsonValue, allowance: Allowance | None = None) -> Stage:
    """One stage as a function; `number` is its place in the pipeline, from 1."""
    if not isinstance(spec, dict) or len(spec) != 1:
        _refuse(f"stage {number}", "a stage is a document of one operator", "Split it up")
    ((name, argument),) = spec.items()
    if name not in _STAGES:
        supported = ", ".join(supported_stages())
        _refuse(f"stage {number}", f"{name} is not supported", f"Supported: {supported}")
    return _STAGES[name](argument, f"stage {number}, {name}", allowance or Allowance())


# JSON has no dates: they exist only between stages, if an operator creates them.


def _makes_dates(spec: JsonValue) -> bool:
    if isinstance(spec, list):
        return any(map(_makes_dates, spec))
    if not isinstance(spec, dict):
        return False
    return "$toDate" in spec or "$dateFromString" in spec or any(map(_makes_dates, spec.values()))


def _with_text_dates(value: JsonValue) -> JsonValue:
    if isinstance(value, datetime):
        return date_text(value)
    if isinstance(value, list):
        return [_with_text_dates(item) for item in value]
    if isinstance(value, dict):
        return {name: _with_text_dates(item) for name, item in value.items()}
    return value


# Stages that process one record at a time


def _each(change: Callable[[Record], Record]) -> Stage:
    return lambda records: map(change, records)


def _match(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    test = compile_filter(spec, allowance)
    return lambda records: filter(test, records)


def _project(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    return _each(compile_projection(spec, where, allowance))


def _add_fields(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    return _each(compile_additions(spec, where, allowance))


def _unset(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    return _each(compile_removals(spec, where))


def _replace_root(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    if not isinstance(spec, dict) or spec.keys() != {"newRoot"}:
        _refuse(where, "needs a document of newRoot")
    return _replace_with(spec["newRoot"], where, allowance)


def _replace_with(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    expression = compile_expression(spec, where, allowance)

    def change(record: Record) -> Record:
        root = expression(scope_of(record))
        if not isinstance(root, dict):
            _refuse(where, f"the new root is not a document but {type_name(root)}")
        return root

    return _each(change)


def _count_of(spec: JsonValue, where: str, least: int) -> int:
    if not is_number(spec) or spec % 1 != 0 or not least <= spec <= _LONGEST:
        _refuse(where, f"needs a whole number of at least {least} that fits in 64 bits")
    return int(spec)


def _limit(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    most = _count_of(spec, where, least=1)
    return lambda records: islice(records, most)


def _skip(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    first = _count_of(spec, where, least=0)
    return lambda records: islice(records, first, None)


# $unwind


def _unwind(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    options = {"path": spec} if isinstance(spec, str) else spec
    if not isinstance(options, dict) or not isinstance(options.get("path"), str):
        _refuse(where, "needs a path")
    for key in options.keys() - {"path", "includeArrayIndex", "preserveNullAndEmptyArrays"}:
        _refuse(where, f"does not take {key!r}")
    names = _unwound_names(options["path"], where)
    index = options.get("includeArrayIndex", "")
    keep = options.get("preserveNullAndEmptyArrays", False)
    if not isinstance(keep, bool) or not isinstance(index, str) or index.startswith("$"):
        _refuse(where, "preserveNullAndEmptyArrays is a bool and includeArrayIndex a field name")
    index_names = _unwound_names(f"${index}", where) if index else []

    def unwind(records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            for result in _unwound(record, names, keep, index_names):
                allowance.visit(1, where)
                yield result

    return unwind


def _unwound_names(path: str, where: str) -> list[str]:
    names = path[1:].split(".")
    if not path.startswith("$") or any(not name or name.startswith("$") for name in names):
        _refuse(where, f"{path[:80]!r} is not a field path with a $ before it", 'Write "$field"')
    if len(names) > MAX_DEPTH:
        _refuse(where, f"the path {path[:80]!r} has more than {MAX_DEPTH} names")
    return names


def _unwound(
    record: Record, names: list[str], keep: bool, index_names: list[str]
) -> Iterator[Record]:
    value = _inner(record, names)
    if isinstance(value, list) and value:
        for number, element in enumerate(value):
            yield _indexed(_replaced(record, names, element), index_names, number)
    elif value is not None and value is not MISSING and value != []:
        yield _indexed(record, index_names, None)
    elif keep:
        kept = _replaced(record, names, MISSING) if value == [] else record
        yield _indexed(kept, index_names, None)


def _inner(record: Record, names: list[str]) -> JsonValue:
    value: JsonValue = record
    for name in names:
        if not isinstance(value, dict):
            return MISSING
        value = value.get(name, MISSING)
    return value


def _indexed(record: Record, index_names: list[str], number: int | None) -> Record:
    return _replaced(record, index_names, number) if index_names else record


def _replaced(record: JsonValue, names: list[str], value: JsonValue) -> Record:
    """A copy of a record with one path set, or removed if `value` is `MISSING`.

    Unchanged parts are shared with the record.
    """
    copy = dict(record) if isinstance(record, dict) else {}
    if len(names) > 1:
        copy[names[0]] = _replaced(copy.get(names[0]), names[1:], value)
    elif value is MISSING:
        copy.pop(names[0], None)
    else:
        copy[names[0]] = value
    return copy


# Stages that need all records


def sort_records(
    records: Iterable[Record], spec: dict[str, int], where: str = "sort"
) -> list[Record]:
    """Records sorted by a sort document, ``{"path": 1 or -1}``; the sort is stable.

    Types sort as null, numbers, text, documents, arrays, bools. An array sorts by its
    least element, in descending order by its greatest.
    """
    if not isinstance(spec, dict) or not spec:
        _refuse(where, "needs a document of at least one path")
    for path, direction in spec.items():
        if not is_number(direction) or direction not in (1, -1):
            _refuse(where, f"{path!r} has the direction {direction!r}", "Use 1 or -1")
        if "" in path.split("."):
            _refuse(where, f"{path!r} is not a field path", "Use names joined by single dots")
    results = list(records)
    for path, direction in reversed(spec.items()):
        names, descending = path.split("."), direction == -1
        pick = max if descending else min
        results.sort(key=lambda r: pick(_sort_keys(r, names)), reverse=descending)
    return results


def _sort_keys(value: JsonValue, names: list[str], start: int = 0) -> list[tuple[object, ...]]:
    for position in range(start, len(names)):
        if isinstance(value, list):
            return _sort_keys_in_array(value, names, position)
        value = value.get(names[position]) if isinstance(value, dict) else None
    if isinstance(value, list):
        return [sort_key(item) for item in value] or [(MISSING_RANK,)]
    return [sort_key(value)]


def _sort_keys_in_array(
    array: list[JsonValue], names: list[str], position: int
) -> list[tuple[object, ...]]:
    index = names[position]
    if index.isdecimal() and index.isascii() and len(index) < 10 and int(index) < len(array):
        return _sort_keys(array[int(index)], names, position + 1)
    keys = [
        key
        for item in array
        for key in _sort_keys(item if isinstance(item, dict) else None, names, position)
    ]
    return keys or [sort_key(None)]


def _sort(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    sort_records([], spec, where)
    return lambda records: sort_records(records, spec, where)


def _group(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    return compile_group(spec, where, allowance)


def _sort_by_count(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    group = compile_group({"_id": spec, "count": {"$sum": 1}}, where, allowance)
    return lambda records: sort_records(group(records), {"count": -1})


def _count(spec: JsonValue, where: str, allowance: Allowance) -> Stage:
    if not isinstance(spec, str) or not spec or spec.startswith("$") or "." in spec:
        _refuse(where, "needs the name of a field", "Use a name without $ and dots")
    if spec == "_id":
        _refuse(where, "cannot write its number to _id", "Use another name")

    def count(records: Iterable[Record]) -> Iterator[Record]:
        number = sum(1 for _ in records)
        if number:
            yield {spec: number}

    return count


_STAGES: Final[dict[str, Callable[[JsonValue, str, Allowance], Stage]]] = {
    "$match": _match,
    "$project": _project,
    "$addFields": _add_fields,
    "$set": _add_fields,
    "$unset": _unset,
    "$replaceRoot": _replace_root,
    "$replaceWith": _replace_with,
    "$limit": _limit,
    "$skip": _skip,
    "$unwind": _unwind,
    "$sort": _sort,
    "$group": _group,
    "$sortByCount": _sort_by_count,
    "$count": _count,
}
