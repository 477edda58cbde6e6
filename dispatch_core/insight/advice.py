"""Advice on a query that is allowed but is probably not what the user means.

It detects a field that no record has, a value of a type that the field never has, and a
text that the field never has although a similar one is common. As a hint, it reports
that more records match in the other schema's spelling.

Sampled fields are only a first indication: the source is queried before anything is
reported, and only suggestions with matching records are made. To avoid false alarms, a
condition on absence (``$exists: false``), a negated one, and one spelling of an ``$or``
over both schemas are not checked.
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from dispatch_core.builder.conditions import (
    Condition,
    conditions_of,
    item_at,
    joined,
    match_filters,
    replaced_at,
    with_operand,
)
from dispatch_core.builder.spelling import (
    Version,
    other_spellings,
    rename_condition,
    respell_filter,
)
from dispatch_core.errors import AnswerTooLarge, InvalidInput
from dispatch_core.insight.fields import SCALARS, FieldCatalogue, FieldInfo
from dispatch_core.insight.together import ask_together
from dispatch_core.insight.values import count_values
from dispatch_core.language.match import is_operator_document
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, JsonPath, JsonValue, Pipeline, Progress, no_progress

Kind = Literal["unknown field", "type", "value", "spelling"]

MOST_CONDITIONS = 30
MOST_SUGGESTIONS = 3
CLOSE = 0.85
"""The similarity (0 to 1) from which a name may be a misspelling of another."""

_LETTERS = re.compile("[^\\W\\d_]{3}")  # the next number is another subject, not a misspelling
_NAMES = ("_id", "name", "location")
_COMPARISONS = frozenset(("$eq", "$in", "$gt", "$gte", "$lt", "$lte", "$regex", "$all"))
_ABSENCE = frozenset(("$exists", "$ne", "$nin", "$not", "$size", "$type"))


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A query to use instead: a label for the change, and the complete new query."""

    label: str
    query: Filter | Pipeline


@dataclass(frozen=True, slots=True)
class Advice:
    """A condition that no record can match as written, and suggestions to correct it.

    The kind "spelling" is only a hint on the whole query: more records match in the
    other schema's spelling.
    """

    kind: Kind
    path: str
    message: str
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class _Asking:
    """A condition with its filter and query, and with the source to check it against."""

    source: MetadataSource
    catalogue: FieldCatalogue
    query: Filter | Pipeline
    place: JsonPath
    filter_query: Filter
    condition: Condition

    def with_filter(self, label: str, changed: Filter) -> Suggestion:
        return Suggestion(label, replaced_at(self.query, self.place, changed))

    def has_match(self, test: Filter) -> bool:
        """Whether some record matches `test`, from a request for one id."""
        return bool(self.source.find_page(test, {"_id": 1}, 1))


def advise(
    source: MetadataSource,
    query: Filter | Pipeline,
    catalogue: FieldCatalogue,
    progress: Progress = no_progress,
) -> tuple[Advice, ...]:
    """Advice on the conditions of `query` that need it, in the query's order.

    A condition on a known field costs at most one request, an unknown one up to a dozen.
    """
    asked = [
        _Asking(source, catalogue, query, place, filter_query, condition)
        for place, filter_query in match_filters(query)
        for condition in conditions_of(filter_query)
        if _is_worth_asking(condition)
    ]
    calls = [partial(_advise, one) for one in asked[:MOST_CONDITIONS]]
    answers = ask_together(calls, "advice", progress)
    unknown = [
        one.place + one.condition.json_path
        for one, advice in zip(asked, answers, strict=False)
        if advice is not None and advice.kind == "unknown field"
    ]
    return tuple(
        advice
        for one, advice in zip(asked, answers, strict=False)
        if advice is not None and not _is_inside(one.place + one.condition.json_path, unknown)
    ) + tuple(_hints(source, query))


def _is_inside(place: JsonPath, outer: list[JsonPath]) -> bool:
    """Whether `place` is inside one of `outer`, whose advice already covers it."""
    return any(place != one and place[: len(one)] == one for one in outer)


def _is_worth_asking(condition: Condition) -> bool:
    if condition.is_negated or condition.operand is None:
        return False
    if is_operator_document(condition.operand):
        return not condition.operand.keys() <= _ABSENCE or _must_exist(condition.operand)
    return True


def _must_exist(operators: dict[str, Any]) -> bool:
    return operators.get("$exists") in (True, 1)


def _advise(asking: _Asking) -> Advice | None:
    path = asking.condition.path
    known = asking.catalogue.get(path)
    try:
        if known is None:
            return _unknown_field(asking)
        return _wrong_type(asking, known) or _unknown_value(asking, known)
    except (InvalidInput, AnswerTooLarge):
        return None  # the source refuses this condition; running the query reports why


# A field that no record has


def _unknown_field(asking: _Asking) -> Advice | None:
    path, others = asking.condition.path, asking.condition.others
    if asking.has_match({path: {"$exists": True}}):
        return None
    spellings = other_spellings(path)
    if any(one in others and one in asking.catalogue for one in spellings):
        return None
    suggestions = tuple(_paths_instead(asking, spellings))
    return Advice("unknown field", path, f"No record has the field {path}", suggestions)


def _paths_instead(asking: _Asking, spellings: tuple[str, ...]) -> Iterator[Suggestion]:
    """Suggestions of similar fields that exist; only those with matches, if any has some.

    If both spellings of one field have matches, the first suggestion is either of them.
    """
    condition, catalogue = asking.condition, asking.catalogue
    likely = [*spellings, *catalogue.nearest(condition.path)]
    known = [one for one in dict.fromkeys(likely) if one in catalogue]
    usable = [one for one in known if _renamed(asking, one) != asking.filter_query]
    answering = [one for one in usable if asking.has_match({one: condition.operand})]
    if len(answering) > 1 and answering[1] in other_spellings(answering[0]):
        yield from _either(asking, answering[0], answering[1])
    close = [one for one in usable if one in spellings or _are_close(one, condition.path)]
    for one in (answering or close)[:MOST_SUGGESTIONS]:
        yield asking.with_filter(one, _renamed(asking, one))


def _are_close(one: str, path: str) -> bool:
    """Whether `path` is `one` without its beginning, or a misspelling of it."""
    names, others = one.lower().split("."), path.lower().split(".")
    while names and others and names[0] == others[0]:
        names, others = names[1:], others[1:]
    likeness = difflib.SequenceMatcher(None, ".".join(names), ".".join(others)).ratio()
    return likeness >= CLOSE or one.endswith(f".{path}")


def _renamed(asking: _Asking, path: str) -> Filter:
    return rename_condition(asking.filter_query, asking.condition, path)


def _either(asking: _Asking, *paths: str) -> Iterator[Suggestion]:
    """The condition on any of `paths`; not inside ``$elemMatch``, where keys are relative."""
    condition = asking.condition
    if condition.path != condition.key:
        return
    branches = {"$or": [{path: condition.operand} for path in paths]}
    document = item_at(asking.filter_query, condition.json_path[:-1])
    rest = {key: item for key, item in document.items() if key != condition.key}
    new = replaced_at(asking.filter_query, condition.json_path[:-1], joined(rest, branches))
    yield asking.with_filter("either spelling", new)


# A type that the field never has


def _wrong_type(asking: _Asking, known: FieldInfo) -> Advice | None:
    operand = asking.condition.operand
    values = list(_compared(operand))
    odd = [value for value in values if not _may_equal(value, known)]
    if not odd or len(odd) < len(values):
        return None
    if asking.has_match({asking.condition.path: _as_filter(operand)}):
        return None
    if known.is_container:
        return _inner_field(asking, known, odd[0])
    if not SCALARS & set(known.types):
        return None  # only null was seen, so the type elsewhere is unknown
    changed = _converted(operand, known)
    path, shown = asking.condition.path, json.dumps(odd[0], ensure_ascii=False)
    message = f"{path} has {_named(known)}; {shown} is {_kind_of(odd[0])} and equals none of them"
    if changed is None:
        return Advice("type", path, message)
    new = with_operand(asking.filter_query, asking.condition, changed)
    label = json.dumps(changed, ensure_ascii=False)
    return Advice("type", path, message, (asking.with_filter(label, new),))


def _as_filter(operand: JsonValue) -> JsonValue:
    return operand if is_operator_document(operand) else {"$eq": operand}


def _compared(operand: JsonValue) -> Iterator[JsonValue]:
    """The plain values that a condition compares the field with."""
    if not is_operator_document(operand):
        yield operand
        return
    for name, argument in operand.items():
        if name in ("$in", "$all") and isinstance(argument, list):
            yield from argument
        elif name in _COMPARISONS:
            yield argument


def _may_equal(value: JsonValue, known: FieldInfo) -> bool:
    if value is None or isinstance(value, list | dict):
        return True
    return _type_of(value) in known.types


def _type_of(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "string"


def _kind_of(value: JsonValue) -> str:
    return {"boolean": "true or false", "number": "a number", "string": "a text"}[_type_of(value)]


def _named(known: FieldInfo) -> str:
    names = {"string": "texts", "number": "numbers", "boolean": "true or false"}
    return " and ".join(names[kind] for kind in known.types if kind in SCALARS) or "no plain value"


def _converted(operand: JsonValue, known: FieldInfo) -> JsonValue:
    """The operand with its values converted to the type of the field, or None."""
    if is_operator_document(operand):
        changed = {
            name: _converted_values(argument, known) if name in _COMPARISONS else argument
            for name, argument in operand.items()
        }
        kept = operand.keys() - {"$regex"} == operand.keys()
        return changed if kept and None not in changed.values() else None
    return _converted_values(operand, known)


def _converted_values(value: JsonValue, known: FieldInfo) -> JsonValue:
    if isinstance(value, list):
        items = [_converted_values(item, known) for item in value]
        return None if None in items else items
    if isinstance(value, str) and "boolean" in known.types and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, str) and "number" in known.types:
        return _number(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and "string" in known.types:
        return json.dumps(value)
    return None


def _number(text: str) -> int | float | None:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _inner_field(asking: _Asking, known: FieldInfo, value: JsonValue) -> Advice | None:
    """A plain value compared with documents: suggests the fields inside that have it."""
    path = asking.condition.path
    operand = asking.condition.operand
    inner = [one.path for one in asking.catalogue.inside(known.path)][:8]
    held = [one for one in inner if asking.has_match({one: operand})][:MOST_SUGGESTIONS]
    suggestions = tuple(
        asking.with_filter(one, rename_condition(asking.filter_query, asking.condition, one))
        for one in held
    )
    shown = json.dumps(value, ensure_ascii=False)
    message = f"{path} has documents with fields of their own; {shown} equals none of them"
    return Advice("type", path, message, suggestions)


# A text that the field never has, although a similar one is common


def _unknown_value(asking: _Asking, known: FieldInfo) -> Advice | None:
    operand = asking.condition.operand
    values = [operand] if isinstance(operand, str) else []
    if is_operator_document(operand) and operand.keys() <= {"$eq", "$in"}:
        values = [value for value in _compared(operand) if isinstance(value, str)]
    if not values or not _LETTERS.search(values[0]) or known.path in _NAMES:
        return None
    path = asking.condition.path
    if asking.has_match({path: {"$in": values}}):
        return None
    found = count_values(asking.source, known.path, asking.catalogue, limit=200)
    suggestions = tuple(_values_instead(asking, values, found.nearest(values[0])))
    if not suggestions:
        return None
    shown = json.dumps(values[0], ensure_ascii=False)
    return Advice("value", path, f"No record has {shown} as {path}", suggestions)


def _values_instead(asking: _Asking, values: list[str], near: list[Any]) -> Iterator[Suggestion]:
    for one in near[:MOST_SUGGESTIONS]:
        changed = _exchanged(asking.condition.operand, values[0], one.value)
        new = with_operand(asking.filter_query, asking.condition, changed)
        yield asking.with_filter(str(one), new)


def _exchanged(operand: JsonValue, old: str, new: JsonValue) -> JsonValue:
    """`operand` with `new` instead of `old`, also in ``$eq`` and ``$in``."""
    if isinstance(operand, dict):
        return {name: _exchanged(argument, old, new) for name, argument in operand.items()}
    if isinstance(operand, list):
        return [_exchanged(item, old, new) for item in operand]
    return new if operand == old else operand


# A whole query in the other spelling


def _hints(source: MetadataSource, query: Filter | Pipeline) -> Iterator[Advice]:
    """Advice if more records match the first filter in the other schema's spelling."""
    for place, filter_query in itertools.islice(match_filters(query), 1):
        for version in (1, 2):
            other = respell_filter(filter_query, version)
            if other == filter_query:
                continue
            try:
                further = source.count({"$and": [other, {"$nor": [filter_query]}]})
            except (InvalidInput, AnswerTooLarge):
                continue
            if further:
                either = replaced_at(query, place, _both_spellings(filter_query, other))
                records = "record matches" if further == 1 else "records match"
                message = f"{further:,} more {records} in the v{version} spelling of the fields"
                yield Advice("spelling", "", message, (Suggestion("either spelling", either),))


def _both_spellings(filter_query: Filter, other: Filter) -> Filter:
    """Either of two filters; if one clause differs, the shared ones are written once."""
    ours = [(key, item) for key, item in filter_query.items() if other.get(key) != item]
    theirs = [(key, item) for key, item in other.items() if filter_query.get(key) != item]
    if len(ours) == len(theirs) == 1 and len(filter_query) == len(other):
        rest = {key: item for key, item in filter_query.items() if key != ours[0][0]}
        return joined(rest, {"$or": [dict(ours), dict(theirs)]})
    return {"$or": [filter_query, other]}


@dataclass(frozen=True, slots=True)
class Translation:
    """A filter in the spelling of one schema, or of either (``version`` 0), with its count."""

    version: Literal[0, 1, 2]
    query: Filter
    count: int


def translate(source: MetadataSource, query: Filter) -> tuple[Translation, ...]:
    """`query` in the v1 and v2 spelling and as an ``$or`` of both, each with its count.

    Empty if both spellings are the same.
    """
    spelled: dict[Version, Filter] = {1: respell_filter(query, 1), 2: respell_filter(query, 2)}
    if spelled[1] == spelled[2]:
        return ()
    queries: dict[Literal[0, 1, 2], Filter] = {
        1: spelled[1],
        2: spelled[2],
        0: {"$or": [spelled[1], spelled[2]]},
    }
    counts = ask_together([partial(source.count, one) for one in queries.values()])
    return tuple(
        Translation(version, one, count)
        for (version, one), count in zip(queries.items(), counts, strict=True)
    )
