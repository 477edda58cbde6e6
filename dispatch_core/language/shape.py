"""What surrounds a query: a request, a log record or a job file, or a stage without ``[ ]``.

Used by the check of a query, which warns, and by the conversion of pasted text, which
takes the query inside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from dispatch_core.types import JsonPath, JsonValue

HOLDERS: Final = frozenset(
    "filter filter_query query docdb_query mongo_query mongo_filter query_filter pipeline"
    " aggregate_pipeline agg_pipeline".split()
)
"""Keys that hold a query in a request, a log record or a job file."""

_AROUND: Final = frozenset(
    "arguments args kwargs input inputs tool_input parameters params body payload data json"
    " function function_call tool_calls call request command attr context extra event message"
    " content fields details result response jsonrpc method ctx".split()
)
"""Keys that can lead to a holder."""

_LOG_WORDS: Final = frozenset(
    "level levelname severity time timestamp ts asctime msg message logger logger_name t s c"
    " @timestamp".split()
)
_JOB_WORDS: Final = frozenset(
    "s3_location asset_id asset_name docdb_record_id file_location distributed_parameters".split()
)
FIELD_OPERATORS: Final = frozenset(
    "$eq $ne $gt $gte $lt $lte $in $nin $exists $type $size $mod $regex $options $not"
    " $elemMatch $all".split()
)
MOST_DEPTH: Final = 6


@dataclass(frozen=True, slots=True)
class Envelope:
    """A query inside another object: its `path`, its `value`, and the keys around it."""

    path: JsonPath
    value: JsonValue
    others: tuple[str, ...]

    @property
    def where(self) -> str:
        """The path in words, as ``arguments.filter``."""
        return ".".join(str(part) for part in self.path)


STAGES: Final = frozenset(
    "$match $project $addFields $set $unset $group $unwind $sort $limit $skip $count"
    " $replaceRoot $replaceWith $sortByCount".split()
)
"""The aggregation stages that a query may have."""

OTHER_STAGES: Final = frozenset(
    "$bucket $bucketAuto $changeStream $collStats $currentOp $densify $documents $facet $fill"
    " $geoNear $indexStats $listLocalSessions $listSessions $planCacheStats $querySettings"
    " $redact $sample $search $searchMeta $setWindowFields $vectorSearch".split()
)
"""Stages that MongoDB knows and this project does not support."""


def as_stages(value: JsonValue) -> list[dict[str, Any]] | None:
    """A pipeline of the stages of one object: ``{"$match": ..}`` as ``[{"$match": ..}]``.

    None for an object with any other key: a filter has ``$and``, ``$or`` and fields.
    """
    if not isinstance(value, dict) or not value:
        return None
    if not all(key in STAGES | OTHER_STAGES for key in value):
        return None
    return [{key: item} for key, item in value.items()]


def looks_like_query(value: JsonValue) -> bool:
    """Whether `value` is a filter or a pipeline, and not the condition of a field."""
    if isinstance(value, str):
        text = value.strip()
        return text[:1] in ("{", "[") and text[-1:] in ("}", "]")
    if isinstance(value, list):
        return bool(value) and all(
            isinstance(item, dict) and len(item) == 1 and next(iter(item)).startswith("$")
            for item in value
        )
    if not isinstance(value, dict):
        return False
    return not any(key in FIELD_OPERATORS for key in value)


def envelopes_of(value: JsonValue) -> list[Envelope]:
    """Every query that `value` holds, if `value` surrounds queries; none for a plain filter."""
    if not isinstance(value, dict | list) or not value:
        return []
    found = list(_held(value, (), 0))
    return found if all(_is_around(one, value) for one in found) else []


def _held(value: JsonValue, path: JsonPath, depth: int) -> Iterator[Envelope]:
    if depth > MOST_DEPTH:
        return
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            yield from _held(json.loads(value), path, depth + 1)
        return
    if isinstance(value, list):
        for number, item in enumerate(value):
            if isinstance(item, dict) and not any(str(key).startswith("$") for key in item):
                yield from _held(item, (*path, number), depth + 1)
        return
    if not isinstance(value, dict):
        return
    held = [key for key, item in value.items() if key in HOLDERS and looks_like_query(item)]
    for key in held:
        others = tuple(name for name in value if name != key)
        yield Envelope((*path, key), value[key], others)
    if not held:
        for key, item in value.items():
            if key in _AROUND:
                yield from _held(item, (*path, key), depth + 1)


def _is_around(found: Envelope, whole: JsonValue) -> bool:
    """Whether the object around a query is not a filter itself: no operators, no dotted fields."""
    if not isinstance(whole, dict):
        return True
    return not any(str(key).startswith("$") or "." in str(key) for key in whole)


def kind_of(value: JsonValue) -> str:
    """What an object is that surrounds or replaces a query: "job file", "log record", or ""."""
    if not isinstance(value, dict):
        return ""
    if len(_JOB_WORDS & value.keys()) >= 3:
        return "job file"
    if len(_LOG_WORDS & value.keys()) >= 2 and not any("." in key for key in value):
        return "log record"
    if value.get("version") == 1 and ("asset_rows" in value or "query" in value):
        return "saved request"
    return ""


# Patterns with slashes

_SLASHES: Final = re.compile(r"/(.+)/([imsxgu]*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Slashes:
    """A ``$regex`` that is written with slashes: its `pattern`, and the repaired operators."""

    pattern: str
    repaired: dict[str, str]


def without_slashes(condition: dict[str, JsonValue]) -> Slashes | None:
    """The operators that ``{"$regex": "/x/i"}`` means; None for a pattern without slashes."""
    pattern, options = condition.get("$regex"), condition.get("$options", "")
    if not isinstance(pattern, str) or not isinstance(options, str):
        return None
    found = _SLASHES.fullmatch(pattern)
    if not found or re.search(r"(?<!\\)/", found[1]):
        return None
    letters = "".join(sorted(set(found[2] + options) - {"g", "u"}))
    repaired = {"$regex": found[1].replace("\\/", "/")}
    return Slashes(pattern, repaired | ({"$options": letters} if letters else {}))


def repaired_patterns(value: JsonValue) -> tuple[JsonValue, list[str]]:
    """A copy of `value` without slashes around patterns, and the patterns that had them."""
    found: list[str] = []

    def copy(item: JsonValue) -> JsonValue:
        if isinstance(item, list):
            return [copy(one) for one in item]
        if not isinstance(item, dict):
            return item
        slashes = without_slashes(item)
        if slashes is None:
            return {key: copy(one) for key, one in item.items()}
        found.append(slashes.pattern)
        rest = {key: copy(one) for key, one in item.items() if key not in ("$regex", "$options")}
        return slashes.repaired | rest

    return copy(value), found


_NO: Final = frozenset(("false", "no", "0", "off", "none", "null", ""))


def repaired_exists(value: JsonValue) -> tuple[JsonValue, list[str]]:
    """A copy of `value` with false for ``{"$exists": "false"}``, and the texts that say so.

    For a database every text is true, so the condition is the opposite of what it says.
    """
    found: list[str] = []

    def copy(item: JsonValue) -> JsonValue:
        if isinstance(item, list):
            return [copy(one) for one in item]
        if not isinstance(item, dict):
            return item
        return {key: argument(key, one) for key, one in item.items()}

    def argument(key: str, item: JsonValue) -> JsonValue:
        if key != "$exists" or not isinstance(item, str) or item.strip().lower() not in _NO:
            return copy(item)
        found.append(item)
        return False

    return copy(value), found
