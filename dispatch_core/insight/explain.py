"""Why a query finds little or nothing: the effect of each clause, and which one blocks.

For each clause, the records that match it alone and the query without it are counted.
If no single clause blocks the result, the smallest set of clauses that exclude one
another is searched for. The number of requests is limited, so a long conjunction is
explained only in part.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dispatch_core.builder.conditions import joined
from dispatch_core.errors import InvalidInput
from dispatch_core.insight.clauses import all_of, clauses_of, comments_of
from dispatch_core.insight.together import ask_together
from dispatch_core.language.match import is_operator_document
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, Pipeline, Progress, no_progress

MOST_CLAUSES = 16
"""The most clauses that are counted; each costs two requests."""

Words = Callable[[Filter], str]
"""Writes a clause for the user."""

MOST_BRANCHES = 8
FEW = 5


@dataclass(frozen=True, slots=True)
class ClauseCount:
    """One clause of a query.

    ``alone`` is the number of records that match the clause alone, ``without`` that of
    the query without the clause. ``branches`` are the members of an ``$or`` that no
    record matches, each alone.
    """

    clause: Filter
    alone: int
    without: int
    branches: tuple[ClauseCount, ...] = ()

    @property
    def text(self) -> str:
        """The clause as JSON."""
        return json.dumps(self.clause, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class StageCount:
    """How many results remain after one stage of a pipeline."""

    number: int
    stage: str
    count: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """The effect of each part of a query on the count.

    Attributes
    ----------
    count
        Records that the whole query finds.
    total
        Records of the collection.
    clauses
        In the query's order; ``uncounted`` is the number of those above the limit.
    blocking
        Indices of the clauses that block the result: those that no record matches;
        else those whose removal helps; else several that exclude one another. If a
        few records are found, the clause that excludes the most.
    stages
        For a pipeline, the results after each stage; the clauses are those of its
        first ``$match``.
    refused
        The clauses or the stage that the source cannot evaluate, with its reason; they
        and what follows such a stage are not counted.
    """

    count: int
    total: int
    clauses: tuple[ClauseCount, ...] = ()
    blocking: tuple[int, ...] = ()
    uncounted: int = 0
    stages: tuple[StageCount, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The answer in one or two sentences, with the clauses as JSON."""
        return self.summary_in(_as_json)

    def summary_in(self, words: Words) -> str:
        """The answer in one or two sentences, with each clause as `words` writes it."""
        return _summary(self, words)


def explain(
    source: MetadataSource, query: Filter | Pipeline, progress: Progress = no_progress
) -> Explanation:
    """The effect of each clause of `query` on its count; see `Explanation`.

    At most about `MOST_CLAUSES` times four requests, four at a time; `progress` may
    raise to cancel.
    """
    if isinstance(query, list):
        return _explain_pipeline(source, query, progress)
    try:
        return _explain_filter(source, query, progress)
    except InvalidInput:
        kept, refused = _evaluated(source, clauses_of(query))
        if not refused:
            raise
        return replace(_explain_filter(source, all_of(kept), progress), refused=refused)


def _evaluated(
    source: MetadataSource, clauses: Sequence[Filter]
) -> tuple[list[Filter], tuple[str, ...]]:
    """The clauses that the source can evaluate, and the others with its reason."""
    kept, refused = [], []
    for clause in clauses:
        try:
            source.find_page(clause, {"_id": 1}, 1)
            kept.append(clause)
        except InvalidInput as error:
            text = json.dumps(clause, ensure_ascii=False)
            refused.append(f"{text}: {error.issues[0].what}")
    return kept, tuple(refused)


def _explain_filter(source: MetadataSource, query: Filter, progress: Progress) -> Explanation:
    clauses = clauses_of(query)
    kept = clauses[:MOST_CLAUSES]
    count, total, alone, without = _counts(source, query, clauses, len(kept), progress)
    found = [
        ClauseCount(clause, alone[number], without[number]) for number, clause in enumerate(kept)
    ]
    blocking = _blocking(source, count, found, clauses, progress)
    for number in blocking:
        if found[number].alone == 0:
            found[number] = _with_branches(source, found[number], progress)
    return Explanation(count, total, tuple(found), blocking, len(clauses) - len(kept))


def without_clause(query: Filter, number: int) -> Filter:
    """`query` without its clause `number`, counted as in `Explanation.clauses`.

    Every ``$comment`` stays, except that of the clause.
    """
    clauses = clauses_of(query)
    rest: Filter = {}
    worded: list[Filter] = []
    for clause in [*clauses[:number], *clauses[number + 1 :]]:
        if "$comment" in clause:
            worded.append(clause)
        else:
            rest = _merged(rest, clause)
    for comment in comments_of(query):
        rest = joined(rest, {"$comment": comment})
    return _beside(rest, worded)


def _beside(rest: Filter, worded: Sequence[Filter]) -> Filter:
    """`rest` and clauses that have a ``$comment``, which each stay a member of their own."""
    if not worded:
        return rest
    members = [
        member
        for key, item in rest.items()
        for member in (item if key == "$and" else [{key: item}])
    ]
    return all_of([*members, *worded])


def _merged(rest: Filter, clause: Filter) -> Filter:
    """Both as one filter; different operators of one field share a document."""
    ((key, operand),) = clause.items()
    held = rest.get(key, {})
    if is_operator_document(held) and is_operator_document(operand) and not held.keys() & operand:
        return {**rest, key: {**held, **operand}}
    return joined(rest, clause)


def _counts(
    source: MetadataSource,
    query: Filter,
    clauses: list[Filter],
    kept: int,
    progress: Progress,
) -> tuple[int, int, list[int], list[int]]:
    """Counts of the query, the collection, each clause alone, and the query without each.

    Equal filters are counted once.
    """
    alone = clauses[:kept]
    without = [all_of([*clauses[:one], *clauses[one + 1 :]]) for one in range(kept)]
    asked = {json.dumps(one): one for one in [query, {}, *alone, *without]}
    calls = [partial(source.count, one) for one in asked.values()]
    counts = dict(zip(asked, ask_together(calls, "clauses", progress), strict=True))

    def counted(filters: Sequence[Filter]) -> list[int]:
        return [counts[json.dumps(one)] for one in filters]

    return counts[json.dumps(query)], counts[json.dumps({})], counted(alone), counted(without)


def _blocking(
    source: MetadataSource,
    count: int,
    found: Sequence[ClauseCount],
    clauses: Sequence[Filter],
    progress: Progress,
) -> tuple[int, ...]:
    """Indices of the clauses that explain the count; none if many records are found."""
    if not found or count > FEW:
        return ()
    impossible = tuple(number for number, one in enumerate(found) if one.alone == 0)
    if impossible:
        return impossible
    helping = [number for number, one in enumerate(found) if one.without > count]
    if count and helping:
        return (max(helping, key=lambda number: found[number].without),)
    if helping or count or len(clauses) < 2:
        return tuple(helping)
    return _conflict(source, clauses, progress)


def _conflict(
    source: MetadataSource, clauses: Sequence[Filter], progress: Progress
) -> tuple[int, ...]:
    """A smallest set of clauses that no record matches together: each one is needed."""
    kept = list(range(min(len(clauses), MOST_CLAUSES)))
    if len(clauses) > len(kept) and not _is_empty(source, all_of([clauses[n] for n in kept])):
        return ()
    for number in list(kept):
        progress("clauses that exclude one another", number, len(clauses))
        fewer = [other for other in kept if other != number]
        if _is_empty(source, all_of([clauses[other] for other in fewer])):
            kept = fewer
    return tuple(kept)


def _is_empty(source: MetadataSource, filter_query: Filter) -> bool:
    """Whether no record matches, from a request for one record: cheaper than a count."""
    return not source.find_page(filter_query, {"_id": 1}, 1)


def _with_branches(source: MetadataSource, one: ClauseCount, progress: Progress) -> ClauseCount:
    """`one` with counts of the conditions inside its ``$or`` or ``$elemMatch``."""
    inner = _inner_clauses(one.clause)[:MOST_BRANCHES]
    if not inner:
        return one
    calls = [partial(source.count, clause) for clause in inner]
    counts = ask_together(calls, "branches", progress)
    branches = tuple(
        ClauseCount(clause, count, 0) for clause, count in zip(inner, counts, strict=True)
    )
    return ClauseCount(one.clause, one.alone, one.without, branches)


def _inner_clauses(clause: Filter) -> list[Filter]:
    """The parts of an ``$or`` branch or ``$elemMatch``, as filters on the whole record."""
    ((key, operand),) = ((name, item) for name, item in clause.items() if name != "$comment")
    if key == "$or":
        parts = [clause for branch in operand for clause in clauses_of(branch)]
        return parts if len(parts) > 1 else []
    inner = operand.get("$elemMatch") if isinstance(operand, dict) else None
    if isinstance(inner, dict) and len(inner) > 1 and not next(iter(inner)).startswith("$"):
        return [{key: {"$elemMatch": {name: item}}} for name, item in inner.items()]
    return []


# Pipelines


def _explain_pipeline(
    source: MetadataSource, pipeline: Pipeline, progress: Progress
) -> Explanation:
    """The first ``$match`` clause by clause, then the results after each stage."""
    first = pipeline[0].get("$match", {}) if pipeline else {}
    start = explain(source, first, progress)
    stages = pipeline[:MOST_CLAUSES]
    calls = [_stage_count(source, pipeline[:length]) for length in range(1, len(stages) + 1)]
    answers = ask_together(calls, "stages", progress)
    counts, refused = _counted_stages(answers)
    found = tuple(
        StageCount(number, next(iter(stage)), count)
        for number, (stage, count) in enumerate(zip(stages, counts, strict=False), 1)
    )
    count = counts[-1] if counts and len(counts) == len(pipeline) else start.count
    blocking = start.blocking if start.count == 0 else ()
    return Explanation(count, start.total, start.clauses, blocking, start.uncounted, found, refused)


def _counted_stages(answers: Sequence[int | str]) -> tuple[list[int], tuple[str, ...]]:
    """The counts up to the first stage that the source cannot evaluate, and its reason."""
    counts: list[int] = []
    for number, answer in enumerate(answers, 1):
        if isinstance(answer, str):
            return counts, (f"stage {number}: {answer}",)
        counts.append(answer)
    return counts, ()


def _stage_count(source: MetadataSource, pipeline: Pipeline) -> Callable[[], int | str]:
    """A function that gives the number of results, or why the source cannot give it."""

    def count() -> int | str:
        try:
            rows = source.aggregate([*pipeline, {"$count": "count"}])
        except InvalidInput as error:
            return error.issues[0].what
        return int(rows[0]["count"]) if rows else 0

    return count


# Words


def _summary(found: Explanation, words: Words) -> str:
    if not found.refused:
        return _summary_of_counts(found, words)
    named = "; ".join(one if len(one) <= 300 else f"{one[:290]}..." for one in found.refused)
    return f"This source cannot evaluate {named}. Without that: {_summary_of_counts(found, words)}"


def _summary_of_counts(found: Explanation, words: Words) -> str:
    if not found.total:
        return "The collection has no records."
    emptied = next((stage for stage in found.stages if stage.count == 0), None)
    if emptied is not None and emptied.number > 1:
        return f"No result remains after stage {emptied.number} ({emptied.stage})."
    blocking = [found.clauses[number] for number in found.blocking]
    records = "record matches" if found.count == 1 else "records match"
    counted = f"{found.count:,} {records}" if found.count else "No record matches"
    if not blocking:
        return f"{counted} of {found.total:,}."
    impossible = [one for one in blocking if one.alone == 0]
    if impossible:
        return f"No record of the collection matches {_listed(impossible, words, ' or ')}."
    if len(blocking) > 1:
        end = "Remove one of them" if blocking[0].without else "There are other conflicts, too"
        return f"No record matches these together: {_listed(blocking, words)}. {end}."
    one = blocking[0]
    return (
        f"{counted}: most are excluded by {_listed([one], words)}. Without it {one.without:,} "
        f"match; alone it matches {one.alone:,}."
    )


def _listed(clauses: Sequence[ClauseCount], words: Words, join: str = " and ") -> str:
    return join.join(words(one.clause) for one in clauses)


def _as_json(clause: Filter) -> str:
    """The clause as JSON, a long one cut."""
    text = json.dumps(clause, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:150]}..."
