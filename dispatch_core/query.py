"""Queries: text in, a checked MongoDB filter or aggregation pipeline out.

The check is a recursive allow-list: any other operator is refused at every depth,
also inside literals, where it would be harmless today. A query whose operators are
all known may still be one that the server refuses (``$or`` under a field); that is a
warning here, and the source reports the error itself.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from dispatch_core.environment.limits import QUERY
from dispatch_core.errors import CannotEvaluate, DispatchError, InvalidInput, Issue
from dispatch_core.language.aggregate import compile_stage
from dispatch_core.language.match import compile_filter, is_operator_document
from dispatch_core.language.shape import (
    FIELD_OPERATORS,
    OTHER_STAGES,
    STAGES,
    as_stages,
    envelopes_of,
    repaired_exists,
    repaired_patterns,
)
from dispatch_core.language.stage_shape import misshapen
from dispatch_core.text.invisible import invisible_in, texts_with_invisible
from dispatch_core.text.limited import read_file
from dispatch_core.text.strict_json import MAX_DEPTH, load_json
from dispatch_core.types import Filter, JsonValue, Pipeline

LOGICAL = frozenset({"$and", "$or", "$nor"})
FILTER_OPERATORS = FIELD_OPERATORS | LOGICAL | {"$expr", "$comment"}
EXPRESSIONS = frozenset(
    "$abs $add $addToSet $allElementsTrue $and $anyElementTrue $arrayElemAt $arrayToObject $avg"
    " $ceil $cmp $concat $concatArrays $cond $count $dateFromString $dateToString $dayOfMonth"
    " $dayOfWeek $dayOfYear $divide $eq $exp $filter $first $floor $gt $gte $hour $ifNull $in"
    " $indexOfArray $isArray $isNumber $last $let $literal $ln $log10 $lt $lte $ltrim $map $max"
    " $mergeObjects $min $minute $mod $month $multiply $ne $not $objectToArray $or $pow $push"
    " $range $reduce $regexFind $regexMatch $reverseArray $round $rtrim $second $setDifference"
    " $setIntersection $setIsSubset $setUnion $size $slice $split $sqrt $strLenCP $substr"
    " $substrBytes $substrCP $subtract $sum $switch $toDate $toDouble $toInt $toLong $toLower"
    " $toString $toUpper $trim $trunc $type $year $zip".split()
)
FORBIDDEN = {
    "$where": "it runs code in the database",
    "$function": "it runs code in the database",
    "$accumulator": "it runs code in the database",
    "$out": "it writes to the database",
    "$merge": "it writes to the database",
    "$lookup": "it reads another collection",
    "$graphLookup": "it reads another collection",
    "$unionWith": "it reads another collection",
}
_EXTENDED = frozenset(
    "$date $oid $uuid $numberLong $numberInt $numberDouble $numberDecimal"
    " $regularExpression".split()
)
_OF_MONGODB = OTHER_STAGES | frozenset(
    "$text $jsonSchema $geoWithin $geoIntersects $near $nearSphere $bitsAllSet $bitsAllClear"
    " $bitsAnySet $bitsAnyClear $rand $sampleRate $meta $dateDiff $dateAdd $dateSubtract $dateTrunc"
    " $dateFromParts $dateToParts $isoWeek $isoWeekYear $isoDayOfWeek $week $millisecond $convert"
    " $toBool $toDecimal $toObjectId $toUUID $getField $setField $unsetField $regexFindAll"
    " $replaceOne $replaceAll $sortArray $firstN $lastN $maxN $minN $top $topN $bottom $bottomN"
    " $percentile $median $stdDevPop $stdDevSamp $strcasecmp $strLenBytes $indexOfCP"
    " $indexOfBytes $setEquals $bsonSize $binarySize $bitAnd $bitOr $bitXor $bitNot $log $sin $cos"
    " $tan $asin $acos $atan $atan2 $sinh $cosh $tanh $degreesToRadians $radiansToDegrees"
    " $tsSecond $tsIncrement $covariancePop $covarianceSamp $derivative $integral $rank"
    " $denseRank $documentNumber $shift $expMovingAvg $linearFill $locf".split()
)
"""Operators and stages that MongoDB knows and this project does not support."""

_INSTEAD = {
    "$sample": "Use a trial run, which takes some assets at random",
    "$facet": "Run one query for each facet",
    "$regexFindAll": "Use $regexMatch",
    "$strcasecmp": "Compare the output of $toLower",
}
_KNOWN = FILTER_OPERATORS | STAGES | EXPRESSIONS

QueryPart = Literal["filter", "expression"]


@dataclass(frozen=True, slots=True)
class Repair:
    """What a query probably means instead: the ``reason``, a ``label``, and the new query."""

    reason: str
    label: str
    value: Filter | Pipeline


@dataclass(frozen=True, slots=True)
class Query:
    """A query that passed the check.

    ``value`` is an object (a filter) or an array (an aggregation pipeline).
    ``warnings`` are sentences for the user; none of them stops a dispatch. ``repairs``
    belong to the first warnings, and are offered, never applied.
    """

    value: Filter | Pipeline
    warnings: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()

    @property
    def is_pipeline(self) -> bool:
        """Whether it is an aggregation pipeline."""
        return isinstance(self.value, list)

    @property
    def text(self) -> str:
        """The query as one line of JSON, as in the job files."""
        return json.dumps(self.value, ensure_ascii=False)


def read_query(text: str, where: str = "query") -> Query:
    """The checked query in `text`, or in the file that `text` names.

    Text that starts with ``{`` or ``[`` is JSON and never a path: with 40 subject ids
    it would be too long for a file name, and testing the path would fail.

    Raises
    ------
    InvalidInput
        With every issue of the text at once.
    """
    text = text.removeprefix("\ufeff").strip()
    if text[:1] in ("{", "["):
        return parse_query(text, where)
    if not text:
        raise InvalidInput(Issue("it is empty", where, 'Write a filter, such as {"name": "..."}'))
    return parse_query(_read_file(text, where), Path(text).name)


_MOST_ISSUES = 1_000


def parse_query(text: str | bytes, where: str = "query") -> Query:
    """The checked query in the JSON `text`."""
    return check_query(load_json(text, where, QUERY), where)


def check_query(value: JsonValue, where: str = "query") -> Query:
    """`value` as a `Query`, with every operator on the allow-list.

    Raises
    ------
    InvalidInput
        One issue for each operator that is not allowed, with its path.
    """
    if as_stages(value) is not None:
        raise InvalidInput(_stage_issue(value, where))
    if isinstance(value, dict):
        issues = list(islice(_walk(value, where, "filter", 0), _MOST_ISSUES))
    elif isinstance(value, list):
        issues = list(islice(_pipeline_issues(value, where), _MOST_ISSUES))
    else:
        kind = type(value).__name__
        raise InvalidInput(
            Issue(f"it is a {kind}, not an object or an array", where, 'Write {"field": value}')
        )
    if issues:
        raise InvalidInput(issues)
    repairs = tuple(_repairs(value))
    warnings = (*(repair.reason for repair in repairs), *_warnings(value))
    return Query(value, warnings, repairs)


def _read_file(name: str, where: str) -> bytes:
    try:
        return read_file(name, QUERY, where)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        shown = name if len(name) <= 60 else name[:57] + "..."
        raise InvalidInput(
            Issue(
                f"{shown!r} is neither JSON nor a file that can be read ({reason})",
                where,
                "Write a filter that starts with {, or the path of a file with a filter",
            )
        ) from None


def _pipeline_issues(stages: list[Any], where: str) -> Iterator[Issue]:
    if not stages:
        yield Issue("the pipeline has no stage", where, 'Write [{"$match": {...}}]')
    for number, stage in enumerate(stages):
        at = f"{where}[{number}]"
        if not isinstance(stage, dict) or len(stage) != 1:
            yield Issue(
                "a stage is an object with one key", at, 'Write one stage, such as {"$match": {}}'
            )
            continue
        name, body = next(iter(stage.items()))
        if name not in STAGES:
            yield _refused(name, at, STAGES, "stage")
            continue
        if name == "$match" and isinstance(body, dict):
            yield from _walk(body, f"{at}.$match", "filter", 0)
        else:
            yield from _walk(body, f"{at}.{name}", "expression", 2)
        for odd in misshapen(name, body):
            place = f"{at}.{name}.{odd.key}" if odd.key else f"{at}.{name}"
            yield Issue(odd.what, place, odd.action)


def _stage_issue(stages: dict[str, Any], where: str) -> Issue:
    """The issue of ``{"$match": ..}``, which is a stage without the ``[ ]`` of a pipeline."""
    name = next(iter(stages))
    if len(stages) == 1:
        return Issue(
            f"{name} is a stage of a pipeline", where, f'Put it in [ ]: [{{"{name}": ...}}]'
        )
    second = list(stages)[1]
    action = f'Make each stage an object in [ ]: [{{"{name}": ...}}, {{"{second}": ...}}]'
    return Issue(f"{name} and {second} are stages of a pipeline", where, action)


def _walk(value: JsonValue, where: str, place: QueryPart, depth: int) -> Iterator[Issue]:
    if depth > MAX_DEPTH:
        yield Issue(f"it is nested more than {MAX_DEPTH} levels deep", where, "Flatten it")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(item, f"{where}[{number}]", place, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                yield Issue(f"the key {key!r} is not a text", where, "Write the key in quotes")
            yield from _entry(str(key), item, f"{where}.{key}", place, depth)
    elif not _is_scalar(value):
        what = f"{value!r:.60} has no value in JSON"
        yield Issue(what, where, 'Write the plain value, such as "2025-06-01"')


def _is_scalar(value: Any) -> bool:
    is_finite = not isinstance(value, float) or math.isfinite(value)
    return value is None or (isinstance(value, str | int | float) and is_finite)


def _entry(key: str, item: JsonValue, where: str, place: QueryPart, depth: int) -> Iterator[Issue]:
    allowed = EXPRESSIONS if place == "expression" else FILTER_OPERATORS
    if key.startswith("$") and key not in allowed:
        yield _refused(key, where.removesuffix(f".{key}"), allowed, "operator")
    else:
        inner: QueryPart = "expression" if key == "$expr" else place
        yield from _walk(item, where, inner, depth + 1)


def _refused(name: str, where: str, allowed: Iterable[str], kind: str) -> Issue:
    if name in FORBIDDEN:
        return Issue(f"{name} is not allowed: {FORBIDDEN[name]}", where, "Remove it")
    if name in _EXTENDED:
        what = f"{name} is not allowed: records are plain JSON, with dates as strings"
        pattern = 'Write {"$regex": "...", "$options": "i"}'
        plain = 'Write the plain value, such as "2025-06-01"'
        return Issue(what, where, pattern if name == "$regularExpression" else plain)
    if name in _OF_MONGODB:
        what = f"{name} is known to MongoDB, and it is not supported here"
        return Issue(what, where, _INSTEAD.get(name, "Remove it, or ask for it"))
    if kind == "operator" and name in STAGES - EXPRESSIONS:
        what = f"{name} is a stage of a pipeline, not an operator"
        return Issue(what, where, f'Write it in a pipeline: [{{"{name}": ...}}]')
    near = difflib.get_close_matches(name.lower(), allowed, 1, 0.7)
    if near:
        return Issue(f"{name} is not a known {kind}", where, f"Did you mean {near[0]}?")
    if name in _KNOWN:
        return Issue(f"{name} is not allowed here", where, "Move it or remove it")
    action = f"Use one of {' '.join(sorted(STAGES))}" if kind == "stage" else "Remove it"
    return Issue(f"{name} is not a known {kind}", where, action)


def _repairs(value: Filter | Pipeline) -> Iterator[Repair]:
    """What a valid query probably means instead: a request around it, slashes, a false as text."""
    around = envelopes_of(value) if isinstance(value, dict) else []
    queries = {json.dumps(one.value): one for one in around}
    if len(queries) == 1:
        inner = _inner_query(around[0].value)
        others = f", without {', '.join(around[0].others)}" if around[0].others else ""
        reason = (
            f"{around[0].where} is read as the name of a field. Probably the query is the value "
            f"under {around[0].where}{others}"
        )
        if inner is not None:
            yield Repair(f"{reason}.", f"Use the query under {around[0].where}", inner)
    repaired, patterns = repaired_patterns(value)
    if patterns:
        reason = f"The slashes of {patterns[0]} are part of the pattern, so it matches slashes."
        yield Repair(reason, "Remove the slashes of the pattern", repaired)
    repaired, texts = repaired_exists(value)
    if texts:
        reason = f'{{"$exists": {json.dumps(texts[0])}}} finds the records that have the field.'
        yield Repair(reason, "Write false without quotes", repaired)


def _inner_query(value: JsonValue) -> Filter | Pipeline | None:
    if isinstance(value, str):
        try:
            value = load_json(value, "query")
        except InvalidInput:
            return None
    return value if isinstance(value, dict | list) else None


def _warnings(value: Filter | Pipeline) -> Iterator[str]:
    filters = [value] if isinstance(value, dict) else [s["$match"] for s in value if "$match" in s]
    for found in filters:
        yield from _odd_keys(found)
        yield from _misplaced(found)
        yield from _invisible(found)
        yield from _refusal(partial(compile_filter, found))
    for number, stage in enumerate(value if isinstance(value, list) else (), 1):
        if "$match" not in stage:
            yield from _refusal(partial(compile_stage, number, stage))


def _refusal(compile_part: Callable[[], object]) -> Iterator[str]:
    """A warning if a part of a query cannot be compiled: its shape is right, but not more."""
    try:
        compile_part()
    except CannotEvaluate as error:
        yield f"The demo cannot evaluate this query; a server can. {error}"
    except DispatchError as error:
        yield f"A server will refuse this query. {error}"


def _invisible(found: Filter) -> Iterator[str]:
    for path, text, is_key in texts_with_invisible(found):
        noun = "the key" if is_key else "the value at"
        place = ".".join(map(str, path))
        names = invisible_in(text)
        yield f"{noun} {place} contains {names}, so it equals no text that only looks the same"


def _odd_keys(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            probable = _probable_key(key)
            if probable != key:
                yield f"{key!r} is read as a field name. Did you mean {probable}?"
            yield from _odd_keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _odd_keys(item)


def _probable_key(key: str) -> str:
    """The operator or path that `key` probably means; `key` itself if it is not odd.

    Odd are a backslash, a blank or a full-width sign before an operator, and in a path
    blanks at the ends, empty parts and the brackets of an index.
    """
    bare = unicodedata.normalize("NFKC", key).strip("\\ ")
    if bare in _KNOWN:
        return bare
    path = re.sub(r"\[(\d+)\]", r".\1", key.strip(" "))
    steps = [step for step in path.split(".") if step]
    return ".".join(steps) or key


def _misplaced(found: JsonValue, path: str = "") -> Iterator[str]:
    """Operators inside a value that is compared as a whole."""
    for key, item in found.items() if isinstance(found, dict) else ():
        if key in LOGICAL and isinstance(item, list):
            for one in item:
                yield from _misplaced(one, path)
        elif not key.startswith("$"):
            yield from _misplaced_in(item, f"{path}.{key}".lstrip("."))


def _misplaced_in(operand: JsonValue, path: str) -> Iterator[str]:
    if not is_operator_document(operand):
        names = sorted(_operators_in(operand))
        if names:
            yield (
                f"the value of {path} is compared as a whole, so {names[0]} inside it is not "
                "an operator. Write conditions on inner fields as dotted paths."
            )
        return
    for operator, item in operand.items():
        if operator == "$not" or (operator == "$elemMatch" and is_operator_document(item)):
            yield from _misplaced_in(item, path)
        elif operator == "$elemMatch":
            yield from _misplaced(item, path)


def _operators_in(value: JsonValue) -> set[str]:
    if isinstance(value, dict):
        own = {key for key in value if key in FIELD_OPERATORS}
        return own.union(*map(_operators_in, value.values()))
    return set().union(*map(_operators_in, value)) if isinstance(value, list) else set()
