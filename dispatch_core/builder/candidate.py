"""The values of a text that could be its query, and the choice between them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.shape import HOLDERS, as_stages
from dispatch_core.text.strict_json import issue_at
from dispatch_core.types import JsonValue

QUERY_NAMES: Final = HOLDERS | {"aggregation", "q", "db_query", "filters"}
"""Names of variables and arguments whose value is a query."""

QUERY_CALLS: Final = frozenset(
    "find find_one findOne aggregate count_documents countDocuments retrieve_docdb_records"
    " aggregate_docdb_records fetch_records_by_filter_query fetch_docdb_records".split()
)
"""Functions whose first argument is a query."""

SIDE_NAMES: Final = frozenset(
    "projection project sort sorting limit skip options hint collation headers schema".split()
)
"""Names of values beside a query."""

MOST_NAMED: Final = 5
"""Candidates that a message names."""

Kind = Literal["used", "named", "other"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that could be the query: where it is, its name, and its value or error.

    ``literal`` is the value as it is written, if later lines, the ``changes``, change it.
    """

    kind: Kind
    name: str
    line: int
    start: int
    end: int
    value: JsonValue = None
    error: InvalidInput | None = None
    literal: JsonValue = None
    changes: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """The name, if there is one, and the line."""
        return f"{self.name} on line {self.line}" if self.name else f"line {self.line}"


def is_query_name(name: str) -> bool:
    """Whether a variable or an argument of this name is a query."""
    lower = name.lower()
    return lower in QUERY_NAMES or lower.endswith(("_query", "_filter", "_pipeline"))


def may_be_query(value: Any) -> bool:
    """Whether a value can be a query: an object, a list of objects, or text of either."""
    if isinstance(value, str):
        return value.lstrip()[:1] in ("{", "[") and len(value.strip()) > 1
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict)


def chosen(found: Sequence[Candidate], text: str, where: str) -> Candidate:
    """The query among the candidates: the one used as a query, else the one named so.

    Raises
    ------
    InvalidInput
        If there is none, if several differ, or with the error of the one that it is.
    """
    used = [one for one in found if one.kind == "used"]
    named = [one for one in found if one.kind == "named"]
    pool = _distinct([*used, *named] or found)
    if not pool:
        action = "Paste an object, or an array of stages"
        raise InvalidInput(Issue("the text contains no query", where, action))
    if all(one.error is not None for one in pool) and pool[0].error is not None:
        raise pool[0].error
    if len(pool) > 1:
        return _stages_of(pool, text) or _refuse_several(pool, text, where)
    return pool[0]


def _distinct(found: Sequence[Candidate]) -> list[Candidate]:
    """The candidates with different values; an error differs from everything else."""
    by_value: dict[str, Candidate] = {}
    for one in found:
        key = f"error {one.error}" if one.error is not None else json.dumps(one.value)
        by_value.setdefault(key, one)
    return sorted(by_value.values(), key=lambda one: one.start)


def _stages_of(pool: Sequence[Candidate], text: str) -> Candidate | None:
    """The pipeline of stages that only commas separate; None for other candidates."""
    stages = [as_stages(one.value) for one in pool]
    gaps = [text[one.end : after.start] for one, after in pairwise(pool)]
    outside = text[: pool[0].start] + text[pool[-1].end :]
    if not all(stages) or any(gap.strip() != "," for gap in gaps) or outside.strip(" \n\t,"):
        return None
    value = [stage for one in stages if one for stage in one]
    first = pool[0]
    return Candidate("other", "", first.line, first.start, pool[-1].end, value)


def _refuse_several(pool: Sequence[Candidate], text: str, where: str) -> Candidate:
    shown = ", ".join(one.label for one in pool[:MOST_NAMED])
    more = f" and {len(pool) - MOST_NAMED} more" if len(pool) > MOST_NAMED else ""
    what = f"the text contains {len(pool)} values that could be the query: {shown}{more}"
    broken = next((one.error for one in pool if one.error is not None), None)
    action = "Keep only the query"
    if broken is not None:
        action += f". One of them cannot be read: {broken.issues[0].what}"
    raise InvalidInput(issue_at(text, pool[1].start, what, where, action))
