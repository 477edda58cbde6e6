"""The clauses of a filter that must all match, without compiling them.

A server understands more than the demo, so a clause is taken apart by its shape only.
"""

from __future__ import annotations

from collections.abc import Sequence

from dispatch_core.builder.date_clauses import date_row
from dispatch_core.language.match import is_operator_document
from dispatch_core.types import Filter, JsonValue


def clauses_of(filter_query: Filter) -> list[Filter]:
    """Each clause as a filter, in order: one per operator, and the members of ``$and``.

    ``$regex`` and ``$options`` stay together, and so does "in the last 6 months", which is a
    range of days with its words as a ``$comment``. Any other ``$comment`` is not a clause.
    """
    if _is_worded(filter_query):
        return [filter_query]
    found: list[Filter] = []
    for key, item in filter_query.items():
        if key == "$and" and isinstance(item, list) and all(isinstance(one, dict) for one in item):
            found += [clause for member in item for clause in clauses_of(member)]
        elif key.startswith("$") or not is_operator_document(item):
            found += [{key: item}] if key != "$comment" else []
        else:
            found += [{key: one} for one in _operators_of(item)]
    return found


def comments_of(filter_query: Filter) -> list[JsonValue]:
    """Each ``$comment`` that `clauses_of` keeps in no clause, in order."""
    if _is_worded(filter_query):
        return []
    found = [item for key, item in filter_query.items() if key == "$comment"]
    members = filter_query.get("$and")
    nested = [one for one in members if isinstance(one, dict)] if isinstance(members, list) else []
    return [*found, *(comment for member in nested for comment in comments_of(member))]


def _is_worded(filter_query: Filter) -> bool:
    """Whether `filter_query` is one date condition whose words are its ``$comment``."""
    return "$comment" in filter_query and date_row(filter_query) is not None


def _operators_of(operand: Filter) -> list[Filter]:
    if "$regex" not in operand:
        return [{name: argument} for name, argument in operand.items()]
    together: Filter = {name: operand[name] for name in ("$regex", "$options") if name in operand}
    return [
        together if name == "$regex" else {name: argument}
        for name, argument in operand.items()
        if name != "$options"
    ]


def all_of(clauses: Sequence[Filter]) -> Filter:
    """One filter of `clauses`; ``{}`` if there are none."""
    if len(clauses) == 1:
        return clauses[0]
    return {"$and": list(clauses)} if clauses else {}
