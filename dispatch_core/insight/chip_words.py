"""One condition of a query in plain words, as short as a chip: "Level: derived"."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from dispatch_core.builder.date_clauses import from_today, is_date_row
from dispatch_core.builder.form_translation import form_of
from dispatch_core.builder.query_form import (
    PATTERN_CONDITIONS,
    Elements,
    FormRow,
    Group,
    Locked,
    Node,
)
from dispatch_core.errors import InvalidInput
from dispatch_core.insight.facet_form import is_unfinished, values_of
from dispatch_core.insight.facets import FACETS
from dispatch_core.insight.plain_names import name_of_paths
from dispatch_core.query import parse_query
from dispatch_core.text.words import counted
from dispatch_core.types import JsonValue

MOST_VALUES: Final = 3
LONGEST: Final = 60
"""Characters of a chip; longer words are cut."""

_JOINS: Final = {"all": " and ", "any": " or ", "none": " or "}
_NO_VALUE: Final = {"exists": "is recorded", "is missing": "is missing"}
_SIGNS: Final = {"greater than": ">", "at least": "≥", "less than": "<", "at most": "≤"}


def words_of(node: Node) -> str:
    """A member of a form in words; one that is not complete ends with three dots."""
    words = _words(node)
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1].rstrip()}…"


def words_of_query(text: str) -> str:
    """A query in words, its conditions separated by dots; "" for a text that is not a query."""
    try:
        form = form_of(parse_query(text).value)
    except InvalidInput:
        return ""
    stages = [f"then {words_of(stage)}" for stage in form.stages or ()]
    return " · ".join([*map(words_of, form.root.members), *stages]) or "all records"


def _words(node: Node) -> str:
    for facet in FACETS:
        values = values_of(node, facet)
        if values and (facet.clauses or facet.start):
            return f"{facet.name}: {listed(values)}"
    if isinstance(node, Locked):
        return f"{_first_key(node)} (locked)"
    if isinstance(node, Group):
        return _group(node)
    if isinstance(node, Elements):
        has = "has no item with" if node.is_negated else "has an item with"
        return f"{name_of_paths([node.path])} {has} {_joined(node.members, ' and ')}"
    return _row(node)


def _first_key(node: Locked) -> str:
    value = json.loads(node.text)
    return next(iter(value), "empty filter") if isinstance(value, dict) else "clause"


def _group(group: Group) -> str:
    words = _joined(group.members, _JOINS[group.kind])
    if group.kind == "none":
        words = f"not ({words})"
    if len(words) <= LONGEST:
        return words
    return f"{group.kind} of {counted(len(group.members), 'condition')}"


def _joined(members: Sequence[Node], join: str) -> str:
    return join.join(
        f"({_words(one)})" if isinstance(one, Group) and len(one.members) > 1 else _words(one)
        for one in members
    )


def _row(row: FormRow) -> str:
    name = name_of_paths(row.paths) or ("item" if row.texts else "New condition")
    if is_date_row(row):
        denied = "not " if row.is_negated else ""
        return f"{name}: {denied}{words_of_days(row)}"
    if not row.texts and row.condition not in _NO_VALUE:
        return f"{name} …"
    return f"{name}{_rest(row)}"


def _rest(row: FormRow) -> str:
    """The condition and its values, with what comes between them and the name."""
    denied = "not " if row.is_negated else ""
    if row.condition in _NO_VALUE:
        return f" {'not: ' if denied else ''}{_NO_VALUE[row.condition]}"
    values = listed(row.texts)
    if row.condition in ("is", "is one of"):
        return f": {denied}{values}"
    if row.condition in ("is not", "is none of"):
        several = len(row.texts) > 1
        return f": {denied}{'none of' if several else 'not'} {values}"
    if row.condition in PATTERN_CONDITIONS:
        verb = f"does not {_bare(row.condition)}" if row.is_negated else row.condition
        return f" {verb} {values}"
    return f" {denied}{_SIGNS.get(row.condition, row.condition)} {values}"


def _bare(condition: str) -> str:
    """The verb without its ending: "start with" for "starts with"."""
    verb, _, rest = condition.partition(" ")
    bare = verb.removesuffix("es") if verb == "matches" else verb.removesuffix("s")
    return f"{bare} {rest}".strip()


def words_of_days(row: FormRow) -> str:
    """The days of a date condition in words: "last 6 months to 2025-07-15"."""
    texts = (*row.texts, "", "")
    if is_unfinished(row) and not row.texts:
        return "…"
    if row.condition == "in the last":
        number, unit, counted_from = texts[:3]
        end = "" if row == from_today(row) else f" to {counted_from}"
        last = f"last {unit.removesuffix('s')}" if number == "1" else f"last {number} {unit}"
        return last + end
    if row.condition == "between":
        return f"{texts[0] or '…'} to {texts[1] or '…'}"
    return f"{row.condition} {texts[0]}"


def listed(values: Sequence[JsonValue]) -> str:
    """The first values with commas, and how many more there are."""
    shown = ", ".join(_text(one) for one in values[:MOST_VALUES])
    more = len(values) - MOST_VALUES
    return f"{shown} and {more:,} more" if more > 0 else shown


def _text(value: JsonValue) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if text.strip() == text and text else json.dumps(text, ensure_ascii=False)
