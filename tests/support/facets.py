"""The choices and counts of facets for a query that is not a form yet."""

from __future__ import annotations

from collections.abc import Sequence

from dispatch_core.builder.form_translation import form_of, query_of
from dispatch_core.insight.facet_form import choose_in, chosen_in, rest_of
from dispatch_core.insight.facets import FACETS, Facet, FacetCounts, count_facet
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, JsonValue


def choose(
    query: Filter, facet: Facet, values: Sequence[JsonValue], catalogue: FieldCatalogue
) -> Filter:
    """`query` with `facet` selecting `values`; without values, without a clause for it."""
    chosen = query_of(choose_in(form_of(query), facet, values, catalogue))
    assert isinstance(chosen, dict)
    return chosen


def chosen_values(query: Filter, facet: Facet) -> tuple[JsonValue, ...]:
    """The values that the query's clause of this facet selects."""
    return chosen_in(form_of(query), facet)


def without_choice(query: Filter, facet: Facet) -> Filter:
    """`query` without the clause of this facet."""
    return rest_of(form_of(query), facet)


def count_facets(
    source: MetadataSource,
    catalogue: FieldCatalogue,
    query: Filter,
    facets: Sequence[Facet] = FACETS,
    *,
    limit: int = 50,
) -> tuple[FacetCounts, ...]:
    """The counts of every facet, restricted by the selections of the others."""
    form = form_of(query)
    return tuple(
        count_facet(
            source, catalogue, rest_of(form, facet), facet, chosen_in(form, facet), limit=limit
        )
        for facet in facets
    )
