"""A date condition of the form as a clause of the query, and back.

The clause compares each layout in which the field writes its dates with bounds of that
layout, as one clause or as an ``$or``:

- ``on or after``: ``{"created": {"$gte": "2025-05-28", "$regex": "^[0-9]{4}-.."}}``
- ``between``: the same with ``"$lt"`` and the day after the last one.

Conditions that end with the day they name ("on", "on or before") write the operators in
reverse order: "on or before 2025-05-28" and "before 2025-05-29" are the same test, and the
order says which of the two was chosen. "in the last 30 days" is the range that it meant,
with its words as a ``$comment`` beside it, which changes no result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeGuard

from dispatch_core.builder.days import DATE_CONDITIONS, DateCondition, span_of
from dispatch_core.builder.query_form import FormRow, Spelling
from dispatch_core.builder.spelling import are_spellings
from dispatch_core.errors import InvalidInput
from dispatch_core.text.date_layouts import LAYOUTS, Span, layouts_named, today
from dispatch_core.types import Filter, JsonValue

_REVERSED: Final = ("on", "on or before")
_IN_THE_LAST: Final = re.compile("in the last ([1-9][0-9]{0,6}) (days|weeks|months|years)")


def is_date_row(node: object) -> TypeGuard[FormRow]:
    """Whether `node` of a form is a date condition."""
    return isinstance(node, FormRow) and node.condition in DATE_CONDITIONS


def date_clause(row: FormRow) -> Filter:
    """The clause of a valid date condition; "in the last" also has a ``$comment``."""
    condition = _date_condition(row)
    span = span_of(condition, row.texts)
    branches: list[Filter] = [
        {path: _ordered(layout.operators(span), condition)}
        for path, names in _spelled(row)
        for layout in layouts_named(names)
    ]
    if row.is_negated:
        only = branches[0] if len(branches) == 1 else None
        path = next(iter(only)) if only else ""
        return {path: {"$not": only[path]}} if only else {"$nor": branches}
    clause: Filter = branches[0] if len(branches) == 1 else {"$or": branches}
    if condition != "in the last":
        return clause
    number, unit, _ = row.texts
    return {**clause, "$comment": f"in the last {number.strip()} {unit}"}


def _spelled(row: FormRow) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield row.path, row.layouts
    yield from ((one.path, one.layouts) for one in row.others)


def from_today(row: FormRow) -> FormRow:
    """`row`, counted back from today if it is "in the last"; else unchanged."""
    if row.condition != "in the last":
        return row
    return replace(row, texts=(*row.texts[:2], str(today())))


def _date_condition(row: FormRow) -> DateCondition:
    return next(one for one in DATE_CONDITIONS if one == row.condition)


def _ordered(operators: Filter, condition: DateCondition) -> Filter:
    return dict(reversed(operators.items())) if condition in _REVERSED else operators


# Clause -> row


def date_row(clause: Filter) -> FormRow | None:
    """The row whose clause is exactly `clause`, also in the order of its keys; or None."""
    return next((row for row in _candidates(clause) if _writes(row, clause)), None)


def _writes(row: FormRow, clause: Filter) -> bool:
    try:
        return json.dumps(date_clause(row)) == json.dumps(clause)
    except InvalidInput:
        return False


def _candidates(clause: Filter) -> Iterator[FormRow]:
    """Rows that may have written `clause`."""
    comment = clause.get("$comment", "")
    rest = {name: item for name, item in clause.items() if name != "$comment"}
    branches = rest.get("$or") if list(rest) == ["$or"] else [rest]
    found = [_branch(one) for one in branches] if isinstance(branches, list) else []
    known = [one for one in found if one is not None]
    paths = list(dict.fromkeys(path for path, _, _ in known))
    if not known or len(known) < len(found) or not are_spellings(paths):
        return
    first, *others = (
        Spelling(path, tuple(name for at, name, _ in known if at == path)) for path in paths
    )
    for span in dict.fromkeys(span for _, _, span in known):
        for condition, texts in _conditions(span, comment):
            yield FormRow(
                first.path, condition, "date", texts, layouts=first.layouts, others=tuple(others)
            )


def _branch(branch: JsonValue) -> tuple[str, str, Span] | None:
    """The path, the layout and the days of one comparison."""
    if not isinstance(branch, dict) or len(branch) != 1:
        return None
    ((path, operators),) = branch.items()
    if not path.strip() or path.startswith("$") or not isinstance(operators, dict):
        return None
    spans = ((one.name, one.span_of(operators)) for one in LAYOUTS)
    return next(((path, name, span) for name, span in spans if span), None)


def _conditions(span: Span, comment: JsonValue) -> Iterator[tuple[DateCondition, tuple[str, ...]]]:
    """Every condition with its texts that means these days."""
    start, end = span
    last = end - timedelta(days=1) if end and end.toordinal() > 1 else None
    relative = _IN_THE_LAST.fullmatch(comment) if isinstance(comment, str) else None
    if relative and last:
        yield "in the last", (relative[1], relative[2], str(last))
    elif start and last:
        yield "between", (str(start), str(last))
        yield "on", (str(start),)
    elif start:
        yield "on or after", (str(start),)
    elif end:
        yield "before", (str(end),)
        yield "on or before", (str(last),)
