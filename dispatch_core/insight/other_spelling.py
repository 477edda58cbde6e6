"""More records in the other schema's spelling, and a filter in either spelling."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from dispatch_core.builder.conditions import (
    Condition,
    conditions_of,
    item_at,
    joined,
    match_filters,
    replaced_at,
)
from dispatch_core.builder.spelling import Version, respell_filter
from dispatch_core.errors import AnswerTooLarge, InvalidInput
from dispatch_core.insight.asking import Advice, Suggestion
from dispatch_core.insight.together import ask_together
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, JsonPath, Pipeline

MOST_CLAUSES = 8
"""The most clauses in the other spelling that are counted."""


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause that has other spellings: where it is, the filters, the version of the others.

    The version is 0 for a path that mixes both schemas, which has a spelling in each.
    """

    place: JsonPath
    mine: Filter
    others: tuple[Filter, ...]
    version: Literal[0, 1, 2]


def spelling_advice(
    source: MetadataSource, query: Filter | Pipeline, is_plain: Callable[[Condition], bool]
) -> Iterator[Advice]:
    """Advice if more records match when each clause may be in either spelling.

    Only clauses that add records are doubled. A negated condition or one on absence is
    not, because either of two spellings would then match nearly every record.
    """
    place, filter_query = next(match_filters(query), ((), {}))
    clauses = list(_clauses(filter_query, (), is_plain))[:MOST_CLAUSES]
    if not clauses:
        return
    try:
        needed, further = _needed(source, filter_query, clauses)
    except (InvalidInput, AnswerTooLarge):
        return
    if further > 0:
        either = replaced_at(query, place, _doubled(filter_query, needed))
        versions = {one.version for one in needed}
        named = f"v{versions.pop()}" if versions in ({1}, {2}) else "other"
        records = "record matches" if further == 1 else "records match"
        message = f"{further:,} more {records} in the {named} spelling of the fields"
        yield Advice("spelling", "", message, (Suggestion("either spelling", either),))


def _clauses(
    filter_query: Filter, at: JsonPath, is_plain: Callable[[Condition], bool]
) -> Iterator[_Clause]:
    """Every clause that must match and that has another spelling."""
    for key, item in filter_query.items():
        if key == "$and" and isinstance(item, list):
            for number, member in enumerate(item):
                if isinstance(member, dict):
                    yield from _clauses(member, (*at, key, number), is_plain)
            continue
        mine = {key: item}
        if all(is_plain(one) for one in conditions_of(mine)):
            yield from _respelt(mine, (*at, key))


def _respelt(mine: Filter, place: JsonPath) -> Iterator[_Clause]:
    newer, older = respell_filter(mine, 2), respell_filter(mine, 1)
    if newer != mine:
        yield _Clause(place, mine, (newer,), 2)
    elif older != mine:
        newest = respell_filter(older, 2)  # of a mixed path, such as acquisition.session_type
        is_mixed = newest != mine
        others = (older, newest) if is_mixed else (older,)
        yield _Clause(place, mine, others, 0 if is_mixed else 1)


def _needed(
    source: MetadataSource, filter_query: Filter, clauses: list[_Clause]
) -> tuple[list[_Clause], int]:
    """The clauses without whose other spelling fewer match, and how many more match."""
    count = source.count(filter_query)
    most = source.count(_doubled(filter_query, clauses))
    needed = list(clauses)
    for clause in clauses if most > count else ():
        fewer = [one for one in needed if one is not clause]
        if source.count(_doubled(filter_query, fewer)) == most:
            needed = fewer
    return needed, most - count


def _doubled(filter_query: Filter, clauses: Iterable[_Clause]) -> Filter:
    """`filter_query` with each of `clauses` in either spelling."""
    for clause in clauses:
        document = item_at(filter_query, clause.place[:-1])
        rest = {key: item for key, item in document.items() if key != clause.place[-1]}
        changed = joined(rest, {"$or": _branches(clause)})
        filter_query = dict(replaced_at(filter_query, clause.place[:-1], changed))
    return filter_query


def _branches(clause: _Clause) -> list[Filter]:
    """Every spelling; those of an ``$or`` are members of one ``$or``."""
    found: list[Filter] = []
    for one in (clause.mine, *clause.others):
        members = one.get("$or")
        inner = members if isinstance(members, list) else [one]
        found += (member for member in inner if member not in found)
    return found


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
