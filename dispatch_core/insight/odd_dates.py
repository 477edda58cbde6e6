"""A warning of a plan: a date bound that is compared as text with dates of another layout.

``{"created": {"$gte": "05/28/2025"}}`` finds nearly every record. The page Assets advises on it
while the query is typed; a command and a notebook have only the plan.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.errors import DispatchError
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, Notice, Pipeline

_BOUND: Final = re.compile(r'"\$[gl]te?"')
_MOST: Final = 5
"""The most conditions that the source is asked about."""


def with_odd_dates(plan: DispatchPlan, source: MetadataSource) -> DispatchPlan:
    """`plan` with a warning for each bound that is not written as the dates of its field.

    The source is asked only about bounds in another layout than ISO 8601, with a few requests for
    each. If it does not answer, the plan has no warning of this kind.
    """
    query = plan.request.query
    if query is None or not plan.found.matched or not _BOUND.search(json.dumps(query)):
        return plan
    notices = tuple(_notices(source, query))
    return replace(plan, warnings=(*plan.warnings, *notices)) if notices else plan


def _notices(source: MetadataSource, query: Filter | Pipeline) -> Iterator[Notice]:
    # imported here: most queries have no bound, and their commands start sooner
    from dispatch_core.builder.conditions import conditions_of, match_filters
    from dispatch_core.insight.asking import Asking
    from dispatch_core.insight.date_slips import bounds_advice, has_odd_bounds, is_date_condition
    from dispatch_core.insight.fields import FieldCatalogue

    asked = (
        Asking(source, FieldCatalogue({}), query, place, filter_query, condition)
        for place, filter_query in match_filters(query)
        for condition in conditions_of(filter_query)
        if has_odd_bounds(condition.operand)
    )
    with suppress(DispatchError):
        for _, one in zip(range(_MOST), asked, strict=False):
            advice = None if is_date_condition(one) else bounds_advice(one)
            if advice is not None:
                labels = " or ".join(suggestion.label for suggestion in advice.suggestions)
                yield Notice(advice.message, action=f"Did you mean {labels}?" if labels else "")
