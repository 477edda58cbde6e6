"""Advice on a query that is allowed but is probably not what the user means.

Each kind of slip has its own module: a field that no record has, a type or a text that
the field never has, a pattern that matches nothing, a date bound in another layout, an
operator without ``$``. As a hint, it reports that more records match in the other
schema's spelling, and which values of a list no record has.

Sampled fields are only a first indication: the source is queried before anything is
reported, and only suggestions with matching records are made. To avoid false alarms, of a
condition on absence (``$exists: false``) or a negated one only the spelling of the field
is checked, and of one branch of an ``$or`` that matches as a whole nothing but the field.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from dispatch_core.builder.conditions import Condition, conditions_of, match_filters
from dispatch_core.errors import AnswerTooLarge, InvalidInput
from dispatch_core.insight.asking import Advice, Asking, Kind, Suggestion
from dispatch_core.insight.date_list_slips import date_list_advice
from dispatch_core.insight.date_slips import date_advice, is_date_condition
from dispatch_core.insight.field_slips import field_advice, negated_field_advice
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.insight.operator_slips import operator_advice
from dispatch_core.insight.other_spelling import Translation, spelling_advice, translate
from dispatch_core.insight.pattern_slips import negated_pattern_advice, pattern_advice
from dispatch_core.insight.time_slips import time_advice
from dispatch_core.insight.together import ask_together
from dispatch_core.insight.type_slips import type_advice
from dispatch_core.insight.value_slips import list_advice, value_advice
from dispatch_core.language.match import is_operator_document
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, JsonPath, Pipeline, Progress, no_progress

__all__ = ["Advice", "Kind", "Suggestion", "Translation", "advise", "translate"]

MOST_CONDITIONS = 30

_CHECKS = (
    operator_advice,
    field_advice,
    date_advice,
    time_advice,
    date_list_advice,
    type_advice,
    pattern_advice,
    value_advice,
    list_advice,
)
"""In this order, the first advice on a condition counts."""

_NEGATED_CHECKS = (
    negated_field_advice,
    date_advice,
    date_list_advice,
    negated_pattern_advice,
)

_ABSENCE = frozenset(("$exists", "$ne", "$nin", "$not", "$size", "$type"))


def advise(
    source: MetadataSource,
    query: Filter | Pipeline,
    catalogue: FieldCatalogue,
    progress: Progress = no_progress,
) -> tuple[Advice, ...]:
    """Advice on the conditions of `query` that need it, in the query's order.

    A condition that records match costs one to three requests, any other up to two dozen.
    """
    asked = [
        Asking(source, catalogue, query, place, filter_query, condition)
        for place, filter_query in match_filters(query)
        for condition in conditions_of(filter_query)
        if condition.operand is not None
    ][:MOST_CONDITIONS]
    answers = ask_together([partial(_advise, one) for one in asked], "advice", progress)
    found = [
        (one.place + one.condition.json_path, advice)
        for one, advice in zip(asked, answers, strict=True)
        if advice is not None
    ]
    unknown = [place for place, advice in found if advice.kind in ("unknown field", "operator")]
    kept = tuple(advice for place, advice in found if not _is_inside(place, unknown))
    return kept + tuple(spelling_advice(source, query, _is_positive))


def _advise(asking: Asking) -> Advice | None:
    checks = _CHECKS if _is_positive(asking.condition) else _NEGATED_CHECKS
    try:
        if is_date_condition(asking):
            return None
        answers = (check(asking) for check in checks)
        found = next((one for one in answers if one is not None), None)
    except (InvalidInput, AnswerTooLarge):
        return None  # the source refuses this condition; running the query reports why
    return None if found is None else _with_results(asking.source, found)


def _with_results(source: MetadataSource, advice: Advice) -> Advice:
    """`advice` with only the suggestions whose whole query matches, if there are any.

    If there are none, another condition of the query matches nothing either.
    """
    if len(advice.suggestions) < 2:
        return advice
    kept = tuple(one for one in advice.suggestions if _finds(source, one.query))
    return replace(advice, suggestions=kept or advice.suggestions)


def _finds(source: MetadataSource, query: Filter | Pipeline) -> bool:
    try:
        if isinstance(query, dict):
            return bool(source.find_page(query, {"_id": 1}, 1))
        return bool(source.aggregate([*query, {"$limit": 1}]))
    except (InvalidInput, AnswerTooLarge):
        return False


def _is_inside(place: JsonPath, outer: list[JsonPath]) -> bool:
    """Whether `place` is inside one of `outer`, whose advice already covers it."""
    return any(place != one and place[: len(one)] == one for one in outer)


def _is_positive(condition: Condition) -> bool:
    """Whether a record without the field does not match."""
    if condition.is_negated or condition.operand is None:
        return False
    if is_operator_document(condition.operand):
        return not condition.operand.keys() <= _ABSENCE or _must_exist(condition.operand)
    return True


def _must_exist(operators: dict[str, Any]) -> bool:
    return operators.get("$exists") in (True, 1)
