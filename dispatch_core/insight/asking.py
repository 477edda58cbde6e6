"""What the checks of a query share: one condition, its source, and the advice they give."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Literal

from dispatch_core.builder.conditions import (
    Condition,
    conditions_of,
    item_at,
    joined,
    replaced_at,
    with_operand,
)
from dispatch_core.builder.spelling import other_spellings
from dispatch_core.errors import AnswerTooLarge, InvalidInput
from dispatch_core.insight.fields import FieldCatalogue, FieldInfo
from dispatch_core.insight.values import FieldValues, count_values
from dispatch_core.language.match import is_operator_document
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, JsonPath, JsonValue, Pipeline

Kind = Literal[
    "unknown field", "type", "value", "pattern", "operator", "date", "values", "spelling"
]

MOST_SUGGESTIONS = 3
MOST_VALUES = 200
COMPARISONS = frozenset(("$eq", "$in", "$gt", "$gte", "$lt", "$lte", "$regex", "$all"))
NAMES = ("_id", "name", "location")
"""Fields in which nearly every record has a value of its own."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A query to use instead: a label for the change, and the complete new query."""

    label: str
    query: Filter | Pipeline


@dataclass(frozen=True, slots=True)
class Advice:
    """A condition that does not do what it seems to, and suggestions to correct it.

    The kinds "spelling" (more records match in the other schema's spelling) and
    "values" (how many records have each value of a list) are hints: the query may be
    what the user means.
    """

    kind: Kind
    path: str
    message: str
    suggestions: tuple[Suggestion, ...] = ()

    @property
    def is_hint(self) -> bool:
        """Whether it is information about the query and no warning."""
        return self.kind in ("spelling", "values")


@dataclass(frozen=True)
class Asking:
    """A condition with its filter and query, and with the source to check it against."""

    source: MetadataSource
    catalogue: FieldCatalogue
    query: Filter | Pipeline
    place: JsonPath
    filter_query: Filter
    condition: Condition

    @property
    def path(self) -> str:
        """The full dotted path of the condition."""
        return self.condition.path

    @property
    def known(self) -> FieldInfo | None:
        """The field of the condition, if the sample has it."""
        return self.catalogue.get(self.condition.path)

    @cached_property
    def common_values(self) -> FieldValues:
        """The most common values of the field, from one request."""
        path = self.path if self.known is None else self.known.path
        return count_values(self.source, path, self.catalogue, limit=MOST_VALUES)

    def has_match(self, test: Filter) -> bool:
        """Whether some record matches `test`, from a request for one id.

        A test that the source refuses (an invalid pattern) matches nothing.
        """
        try:
            return bool(self.source.find_page(test, {"_id": 1}, 1))
        except (InvalidInput, AnswerTooLarge):
            return False

    def count(self, operand: JsonValue) -> int:
        """The number of records that match `operand` at the path of the condition."""
        return self.source.count({self.path: as_operators(operand)})

    def count_spelled(self, operand: JsonValue) -> int:
        """The same, also at the other spellings of which an ``$or`` asks the same."""
        others = {*other_spellings(self.path)} & self.condition.others
        paths = [
            one.path
            for one in conditions_of(self.filter_query)
            if one.path in others and one.operand == self.condition.operand
        ]
        tests = [{path: as_operators(operand)} for path in (self.path, *paths)]
        return self.source.count({"$or": tests} if paths else tests[0])

    def is_met(self) -> bool:
        """Whether some record matches the condition as written."""
        return self.has_match({self.path: as_operators(self.condition.operand)})

    def is_alternative(self) -> bool:
        """Whether it is one branch of an ``$or`` that some record matches as a whole.

        Then the branch may be the spelling of the other schema, or a value for later.
        """
        steps = self.condition.json_path
        if "$or" not in steps or self.condition.path != self.condition.key:
            return False
        return self.has_match({"$or": item_at(self.filter_query, steps[: steps.index("$or") + 1])})

    def with_filter(self, label: str, changed: Filter) -> Suggestion:
        """The query with `changed` instead of the filter."""
        return Suggestion(label, replaced_at(self.query, self.place, changed))

    def with_operand(self, label: str, operand: JsonValue) -> Suggestion:
        """The query with another operand for the condition."""
        return self.with_filter(label, with_operand(self.filter_query, self.condition, operand))

    def with_clause(self, label: str, clause: Filter) -> Suggestion:
        """The query with `clause` instead of the condition; its keys as in the filter."""
        at = self.condition.json_path[:-1]
        document = item_at(self.filter_query, at)
        rest = {key: item for key, item in document.items() if key != self.condition.key}
        return self.with_filter(label, replaced_at(self.filter_query, at, joined(rest, clause)))

    def below_parent(self, clause: Filter) -> Filter:
        """`clause` with the full paths of its keys, for a test on whole records."""
        parent = self.path[: len(self.path) - len(self.condition.key)]
        return {f"{parent}{key}": item for key, item in clause.items()}

    def matching(
        self, operands: Iterable[tuple[str, JsonValue]], most: int = MOST_SUGGESTIONS
    ) -> Iterator[Suggestion]:
        """A suggestion for each (label, operand) that some record matches.

        The label is followed by the number of records; without a label it is the operand.
        """
        seen: list[JsonValue] = [self.condition.operand]
        found = (self._counted(label, one, seen) for label, one in operands)
        yield from islice((one for one in found if one is not None), most)

    def _counted(self, label: str, operand: JsonValue, seen: list[JsonValue]) -> Suggestion | None:
        if operand in seen:
            return None
        seen.append(operand)
        try:
            count = self.count(operand)
        except (InvalidInput, AnswerTooLarge):
            return None
        if not count:
            return None
        return self.with_operand(f"{label or shown(operand)} ({count:,})", operand)


def as_operators(operand: JsonValue) -> JsonValue:
    """`operand` as a document of operators, so that an object is compared as a whole."""
    return operand if is_operator_document(operand) else {"$eq": operand}


def compared(operand: JsonValue) -> Iterator[JsonValue]:
    """The plain values that a condition compares the field with."""
    if not is_operator_document(operand):
        yield operand
        return
    for name, argument in operand.items():
        if name in ("$in", "$all") and isinstance(argument, list):
            yield from argument
        elif name in COMPARISONS:
            yield argument


def exchanged(operand: JsonValue, old: JsonValue, new: JsonValue) -> JsonValue:
    """`operand` with `new` instead of `old`, also in ``$eq`` and ``$in``."""
    if isinstance(operand, dict):
        return {name: exchanged(argument, old, new) for name, argument in operand.items()}
    if isinstance(operand, list):
        return [exchanged(item, old, new) for item in operand]
    return new if operand == old and type(operand) is type(old) else operand


def shown(value: JsonValue) -> str:
    """`value` as JSON, cut to a length that fits in a sentence."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:110]}..."


def is_other_spelling(asking: Asking) -> bool:
    """Whether another branch of the ``$or`` tests the same field in the other schema."""
    return any(one in asking.condition.others for one in other_spellings(asking.path))
