"""Cascading facets: common questions about a collection, answered with counts.

A selection in a facet is a clause of the query, which can be recognised again; `facet_form`
changes it in the form of the query. Each facet counts the records that match the rest of the
query and the other facets, so a count is the result of selecting that value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dispatch_core.builder.conditions import joined
from dispatch_core.builder.quality import QUALITY_CLAUSES, either
from dispatch_core.errors import DispatchError
from dispatch_core.insight.date_fields import NotCompared, records_named
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.insight.month_layouts import ISO_MONTH
from dispatch_core.insight.months import (
    Layouts,
    month_clause,
    months_of_clause,
    odd_months,
    without_month,
)
from dispatch_core.insight.plain_names import NAMES
from dispatch_core.insight.together import ask_together
from dispatch_core.insight.values import FieldValues, ValueCount, count_values
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, JsonValue

MONTH = 7
"""The number of leading characters of a date that give its month, in ISO 8601."""


@dataclass(frozen=True)
class Facet:
    """One facet: a name, and the v1 and v2 spelling of its field.

    With ``start``, the values are months: the leading characters of a date, and those of
    the other ``layouts`` that the field has. With ``clauses``, the values are names of
    predefined filters, one for each spelling.
    """

    name: str
    paths: tuple[str, ...]
    start: int = 0
    layouts: Layouts = ()
    clauses: tuple[tuple[str, tuple[Filter, ...]], ...] = ()

    @property
    def known_clauses(self) -> Iterator[tuple[str, Filter]]:
        """(name, filter) of every clause that selecting a predefined filter can write."""
        for name, filters in self.clauses:
            both = either(filters)
            yield name, both
            yield from ((name, one) for one in filters if one != both)


FACETS = (
    *(Facet(name, NAMES[name]) for name in ("Project", "Subject", "Modality", "Level")),
    Facet("Acquired", NAMES["Acquired"], start=MONTH),
    Facet("Type", NAMES["Type"]),
    Facet("Quality", NAMES["Quality"], clauses=tuple(QUALITY_CLAUSES.items())),
)
"""The facets, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """A facet with the selected and the possible values, or the ``error`` of its count.

    ``unread`` counts the records with a value that belongs to no month, because it is not a
    date, or its day is not certain; `unread_records` names them.
    """

    facet: Facet
    chosen: tuple[JsonValue, ...]
    values: tuple[ValueCount, ...] = ()
    more: int = 0
    unread: int = 0
    error: str = ""


# A clause <-> the values that it selects


def values_of_clause(clause: Filter, facet: Facet) -> tuple[JsonValue, ...]:
    """The values that a clause selects, if a choice of `facet` can have written it."""
    for name, known in facet.known_clauses:
        if clause == known:
            return (name,)
    if facet.clauses or len(clause) != 1:
        return ()
    if facet.start:
        return months_of_clause(clause, facet.paths)
    ((key, item),) = clause.items()
    if key in facet.paths:
        return _values_in(item)
    if key != "$or" or not isinstance(item, list):
        return ()
    branches = [next(iter(one.items())) for one in item if isinstance(one, dict) and len(one) == 1]
    operands = [operand for path, operand in branches if path in facet.paths]
    is_ours = len(operands) == len(item) > 0 and all(one == operands[0] for one in operands)
    return _values_in(operands[0]) if is_ours else ()


def _values_in(operand: JsonValue) -> tuple[JsonValue, ...]:
    if isinstance(operand, dict):
        values = operand.get("$in") if len(operand) == 1 else None
        return tuple(values) if isinstance(values, list) and _are_plain(values) else ()
    return (operand,) if _are_plain([operand]) else ()


def _are_plain(values: Sequence[JsonValue]) -> bool:
    return all(isinstance(value, str | int | float) for value in values)


def clause_of_choice(
    facet: Facet, values: tuple[JsonValue, ...], catalogue: FieldCatalogue
) -> Filter:
    """The clause that selects `values`, in the spellings that the source has."""
    if not values:
        return {}
    if facet.clauses:
        return _ready_clause(facet, str(values[0]), catalogue)
    live = live_paths(facet.paths, catalogue)
    if facet.start:
        return month_clause(live, [str(value) for value in values], facet.layouts)
    operand: JsonValue = values[0] if len(values) == 1 else {"$in": list(values)}
    tests = [{path: operand} for path in live]
    return tests[0] if len(tests) == 1 else {"$or": tests}


def _ready_clause(facet: Facet, name: str, catalogue: FieldCatalogue) -> Filter:
    """The predefined filter `name` in the spellings that the source has."""
    filters = dict(facet.clauses).get(name, ())
    live = live_paths(facet.paths, catalogue)
    if len(filters) == len(facet.paths):
        filters = tuple(one for path, one in zip(facet.paths, filters, strict=True) if path in live)
    return either(filters) if filters else {}


def live_paths(paths: Sequence[str], catalogue: FieldCatalogue) -> tuple[str, ...]:
    """The `paths` that records of the source have; all of them if none was seen."""
    return tuple(path for path in paths if path in catalogue) or tuple(paths)


# Counting


def count_facet(
    source: MetadataSource,
    catalogue: FieldCatalogue,
    rest: Filter,
    facet: Facet,
    chosen: tuple[JsonValue, ...] = (),
    *,
    search: str = "",
    limit: int = 50,
) -> FacetCounts:
    """The counts of one facet in the records that match `rest`, the query without its choice.

    With `search`, only values that contain this text are counted, in any case. One request,
    one more if there are more values than `limit`, and four for predefined filters. Months
    take three, and one more for each month that has dates in another layout than ISO 8601.
    If the source cannot count, the result has the error.
    """
    try:
        if facet.clauses:
            return FacetCounts(facet, chosen, _clause_counts(source, catalogue, rest, facet))
        found = count_values(
            source,
            live_paths(facet.paths, catalogue),
            catalogue,
            rest,
            search=search,
            start=facet.start,
            test=ISO_MONTH if facet.start else None,
            limit=limit,
        )
        if facet.start:
            return _month_counts(source, catalogue, rest, FacetCounts(facet, chosen), found)
    except DispatchError as error:
        return FacetCounts(facet, chosen, error=str(error))
    return FacetCounts(facet, chosen, found.values, found.more)


def _month_counts(
    source: MetadataSource,
    catalogue: FieldCatalogue,
    rest: Filter,
    counts: FacetCounts,
    found: FieldValues,
) -> FacetCounts:
    """The months from newest to oldest; one with other layouts is counted by its clause."""
    paths = live_paths(counts.facet.paths, catalogue)
    odd = odd_months(source, paths)
    facet = replace(counts.facet, layouts=odd.layouts)
    calls = [
        partial(source.count, joined(rest, clause_of_choice(facet, (month,), catalogue)))
        for month in odd.months
    ]
    by_month = {str(one.value): one.count for one in found.values}
    by_month |= zip(odd.months, ask_together(calls), strict=True)
    values = tuple(
        ValueCount(month, by_month[month])
        for month in sorted(by_month, reverse=True)
        if by_month[month]
    )
    unread = source.count(joined(rest, without_month(paths, facet.layouts)))
    return replace(counts, facet=facet, values=values, more=found.more, unread=unread)


def unread_records(
    source: MetadataSource, catalogue: FieldCatalogue, rest: Filter, counts: FacetCounts
) -> NotCompared:
    """The records that `counts.unread` counts, the first ones by name; `rest` as for the counts."""
    paths = live_paths(counts.facet.paths, catalogue)
    wanted = joined(rest, without_month(paths, counts.facet.layouts))
    return records_named(source, wanted, paths)


def _clause_counts(
    source: MetadataSource, catalogue: FieldCatalogue, rest: Filter, facet: Facet
) -> tuple[ValueCount, ...]:
    counts = []
    for name, _ in facet.clauses:
        clause = _ready_clause(facet, name, catalogue)
        counts.append(ValueCount(name, source.count(joined(rest, clause))))
    return tuple(one for one in counts if one.count)
