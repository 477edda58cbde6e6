"""The clauses of a filter that must all match, without compiling them.

A server understands more than the demo, so a clause is taken apart by its shape only.
"""

from __future__ import annotations

from collections.abc import Sequence

from dispatch_core.language.match import is_operator_document
from dispatch_core.types import Filter


def clauses_of(filter_query: Filter) -> list[Filter]:
    """Each clause as a filter, in order: one per operator, and the members of ``$and``.

    ``$regex`` and ``$options`` stay together.
    """
    found: list[Filter] = []
    for key, item in filter_query.items():
        if key == "$and" and isinstance(item, list) and all(isinstance(one, dict) for one in item):
            found += [clause for member in item for clause in clauses_of(member)]
        elif key.startswith("$") or not is_operator_document(item):
            found += [{key: item}] if key != "$comment" else []
        else:
            found += [{key: one} for one in _operators_of(item)]
    return found


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
