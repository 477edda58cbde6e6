"""A field that no record has, and the fields that are probably meant."""

from __future__ import annotations

from collections.abc import Iterator

from dispatch_core.builder.spelling import other_spellings, rename_condition
from dispatch_core.insight.asking import (
    MOST_SUGGESTIONS,
    Advice,
    Asking,
    Suggestion,
    is_other_spelling,
)
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.insight.similar import is_close_path, plain_path
from dispatch_core.language.match import is_operator_document
from dispatch_core.types import Filter


def field_advice(asking: Asking) -> Advice | None:
    """Advice on a field that no record has; the source is asked, not only the sample."""
    path, others = asking.path, asking.condition.others
    if asking.known is not None or asking.has_match({path: {"$exists": True}}):
        return None
    if is_other_spelling(asking) and any(one in asking.catalogue for one in others):
        return None
    suggestions = tuple(_paths_instead(asking))
    return Advice("unknown field", path, f"No record has the field {path}", suggestions)


def negated_field_advice(asking: Asking) -> Advice | None:
    """Advice on a misspelt field in a condition that every record without it matches.

    A field that no record has is common there, so only a close one is reported.
    """
    if asking.known is not None or asking.has_match({asking.path: {"$exists": True}}):
        return None
    others = other_spellings(asking.path)
    near = [one for one in nearest_fields(asking.catalogue, asking.path) if one not in others]
    suggestions = tuple(asking.with_filter(one, _renamed(asking, one)) for one in near[:2])
    if not suggestions:
        return None
    message = f"No record has the field {asking.path}, so the condition excludes nothing"
    return Advice("unknown field", asking.path, message, suggestions)


def nearest_fields(catalogue: FieldCatalogue, path: str, limit: int = 8) -> list[str]:
    """Known fields that `path` may be a misspelling of; none if no field is close."""
    likely = [one for one in other_spellings(path) if one in catalogue]
    plain = plain_path(path)
    likely += [one.path for one in catalogue.ordered if plain_path(one.path) == plain]
    likely += [
        one.path for one in catalogue.ordered if one.path.lower().endswith(f".{path.lower()}")
    ]
    likely += [one for one in catalogue.nearest(path, 8) if is_close_path(one, path)]
    return list(dict.fromkeys(likely))[:limit]


def _paths_instead(asking: Asking) -> Iterator[Suggestion]:
    """Suggestions of fields in which a record matches the condition.

    If both spellings of one field have matches, the first suggestion is either of them.
    """
    usable = [one for one in _likely(asking) if _renamed(asking, one) != asking.filter_query]
    answering = [one for one in usable if asking.has_match({one: asking.condition.operand})]
    if len(answering) > 1 and answering[1] in other_spellings(answering[0]):
        yield from _either(asking, answering[0], answering[1])
    for one in answering[:MOST_SUGGESTIONS]:
        yield asking.with_filter(one, _renamed(asking, one))


def _likely(asking: Asking) -> list[str]:
    """Close fields, and fields of the same last name.

    That the last name is the same says enough only if the value matches as well, so not
    for a test of existence.
    """
    likely = nearest_fields(asking.catalogue, asking.path)
    if _tests_a_value(asking):
        head, _, tail = asking.path.lower().rpartition(".")
        likely += [
            one.path
            for one in asking.catalogue.ordered
            if one.path.lower().startswith(f"{head}.") and one.path.lower().endswith(f"_{tail}")
        ][:3]
        likely += [
            one
            for one in asking.catalogue.nearest(asking.path)
            if one.rpartition(".")[2].lower() == tail
        ]
    return list(dict.fromkeys(likely))[:10]


def _tests_a_value(asking: Asking) -> bool:
    operand = asking.condition.operand
    return not is_operator_document(operand) or bool(operand.keys() & {"$eq", "$in", "$regex"})


def _renamed(asking: Asking, path: str) -> Filter:
    return rename_condition(asking.filter_query, asking.condition, path)


def _either(asking: Asking, *paths: str) -> Iterator[Suggestion]:
    """The condition on any of `paths`; not inside ``$elemMatch``, where keys are relative."""
    condition = asking.condition
    if condition.path == condition.key:
        branches = [{path: condition.operand} for path in paths]
        yield asking.with_clause("either spelling", {"$or": branches})
