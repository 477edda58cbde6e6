"""Why an asset is missing, or which jobs it has: a name or id in, an answer out.

The record is looked up as for an asset list. Then each clause of the query is tested
on it, and the answer shows the values that the record has. If it matches all clauses,
the results of the later steps, as far as they exist, say what happened to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dispatch_core.builder.conditions import conditions_of, match_filters
from dispatch_core.builder.form_translation import node_of
from dispatch_core.builder.spelling import other_spellings
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.errors import (
    AnswerTooLarge,
    CannotEvaluate,
    DispatchError,
    InvalidInput,
    Issue,
)
from dispatch_core.find import ID_PATHS, FoundAssets
from dispatch_core.grouping import Grouped
from dispatch_core.insight.chip_words import words_of
from dispatch_core.insight.clauses import clauses_of
from dispatch_core.language.bson import MISSING
from dispatch_core.language.match import compile_filter
from dispatch_core.language.paths import outermost_paths, value_at
from dispatch_core.locate import Located
from dispatch_core.query import Query
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.text.words import counted
from dispatch_core.types import Exclusion, Filter, Record

MOST_CANDIDATES = 20
MOST_SHOWN = 300
"""The most characters of a record's value that an answer shows."""

Verdict = Literal["not found", "fails the query", "excluded", "in", "matches", "not returned"]


@dataclass(frozen=True, slots=True)
class FailedClause:
    """A clause that the record does not match, and the values that it has instead.

    ``words`` is the clause in plain words, ``text`` the same as JSON. ``held`` are (path, value
    as JSON) for the fields of the clause, and for their spellings in the other schema if the
    record has those.
    """

    text: str
    words: str
    held: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        held = "; ".join(f"{path} is {value}" for path, value in self.held)
        return f"it does not meet {self.words}" + (f" ({held})" if held else "")


@dataclass(frozen=True, slots=True)
class StepsSoFar:
    """The results of the steps so far; later ones may be missing."""

    found: FoundAssets | None = None
    grouped: Grouped | None = None
    located: Located | None = None
    plan: DispatchPlan | None = None

    @property
    def exclusions(self) -> tuple[Exclusion, ...]:
        """The ledger so far."""
        if self.plan is not None:
            return self.plan.exclusions
        steps = (self.found, self.grouped, self.located)
        return tuple(row for step in steps if step is not None for row in step.exclusions)

    @property
    def reached(self) -> str:
        """The last step that has a result, as text."""
        if self.plan is not None:
            return "the plan"
        if self.located is not None:
            return "the located files"
        if self.grouped is not None or self.found is not None:
            return "the assets found"
        return "now: the search for assets has not run"


@dataclass(frozen=True, slots=True)
class WhyNot:
    """The answer for one record.

    Attributes
    ----------
    verdict
        "in" if it has jobs; "matches" if nothing has excluded it so far; "not returned"
        if it matches the query but the source did not return it.
    failed
        The clauses that it does not match.
    exclusions
        Its ledger rows.
    jobs
        ``worker/name.json`` of each of its jobs.
    unknown
        The clauses that neither this program nor the source can evaluate.
    candidates
        The names that contain the text, if no record has it as a whole; at most
        `MOST_CANDIDATES`, and ``has_more`` says whether that is not all.
    """

    verdict: Verdict
    message: str
    record_id: str = ""
    name: str = ""
    matched_by: str = ""
    failed: tuple[FailedClause, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    jobs: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    has_more: bool = False


def why_not(
    source: MetadataSource, text: str, query: Query | None, steps: StepsSoFar
) -> tuple[WhyNot, ...]:
    """The answers for every record that `text` names: a name, an id or a location.

    Part of a name is enough if one record has it. If several have, the answer lists them.

    Parameters
    ----------
    query
        None if assets are selected by a list of ids.

    Raises
    ------
    InvalidInput
        If the text is empty.
    """
    text = text.strip()
    if not text:
        raise InvalidInput(Issue("it is empty", "asset", "Enter a name or an id"))
    path, records = find_records(source, text, query)
    if not records:
        names = names_with(source, text)
        if len(names) != 1 or names[0] == text:
            return (_several(text, names),)
        path, records = find_records(source, names[0], query)
    return tuple(_answer(source, record, path, query, steps) for record in records)


def _several(text: str, names: Sequence[str]) -> WhyNot:
    """The answer to part of a name that no record or more than one has."""
    shown, has_more = tuple(names[:MOST_CANDIDATES]), len(names) > MOST_CANDIDATES
    if not shown:
        message = f"No record has {text} as {', '.join(ID_PATHS)}, or as part of its name"
    elif has_more:
        message = f"More than {MOST_CANDIDATES} names contain it. Enter more of the name"
    else:
        message = f"{counted(len(shown), 'name')} contain it. Choose one"
    return WhyNot("not found", message, name=text, candidates=shown, has_more=has_more)


def names_with(source: MetadataSource, text: str) -> list[str]:
    """The names that contain `text`, ignoring case; at most one more than `MOST_CANDIDATES`."""
    test: Filter = {"name": {"$regex": re.escape(text), "$options": "i"}}
    try:
        found = source.find_page(test, {"_id": 1, "name": 1}, MOST_CANDIDATES + 1)
    except (InvalidInput, AnswerTooLarge):  # a server that limits the length of patterns
        return []
    return sorted({str(one["name"]) for one in found})


def find_records(
    source: MetadataSource, text: str, query: Query | None = None
) -> tuple[str, list[Record]]:
    """(the first path that has `text`, the records there), complete unless too large."""
    for path in ID_PATHS:
        texts = [text]
        if path == "location":
            texts = [text.rstrip("/"), f"{text.rstrip('/')}/"]
        test: Filter = {path: texts[0] if len(texts) == 1 else {"$in": texts}}
        ids = [one["_id"] for one in source.find_page(test, {"_id": 1}, MOST_CANDIDATES)]
        if ids:
            return path, [_record(source, one, query) for one in ids]
    return "", []


def _record(source: MetadataSource, record_id: Any, query: Query | None) -> Record:
    try:
        found = source.find_page({"_id": record_id}, {}, 1)
    except AnswerTooLarge:
        found = source.find_page({"_id": record_id}, dict.fromkeys(_asked_paths(query), 1), 1)
    return found[0] if found else {"_id": record_id}


def _asked_paths(query: Query | None) -> list[str]:
    """The paths that are read of a record too large to be sent as a whole."""
    paths = ["name", "location"]
    for _, one in match_filters(query.value) if query is not None else ():
        paths += [condition.path for condition in conditions_of(one)]
    return outermost_paths(paths)


def _answer(
    source: MetadataSource, record: Record, path: str, query: Query | None, steps: StepsSoFar
) -> WhyNot:
    tests = list(_tests(source, record, query)) if query is not None else []
    verdict, message, failed = _judge(tuple(_failed(record, tests)))
    unknown = tuple(json.dumps(clause, ensure_ascii=False) for clause, met in tests if met is None)
    record_id, name = str(record["_id"]), str(record.get("name") or record["_id"])
    exclusions = tuple(_rows_of(record_id, record.get("location"), steps.exclusions))
    jobs = tuple(_jobs_of(record_id, steps.plan))
    if jobs:
        verdict, message = "in", f"It is included: {counted(len(jobs), 'job')}"
    elif not failed and exclusions:
        row = exclusions[0]
        verdict, message = "excluded", f"Excluded at the stage {row.stage}: {row.message}"
    elif not failed and steps.found is not None and not _is_found(record_id, steps.found):
        verdict, message = _not_returned(query)
    elif not failed:
        message = f"Nothing has excluded it up to {steps.reached}"
    if unknown:
        message += f". This source cannot evaluate {'; '.join(unknown)}"
    return WhyNot(verdict, message, record_id, name, path, failed, exclusions, jobs, unknown)


def _judge(
    failed: tuple[FailedClause, ...],
) -> tuple[Verdict, str, tuple[FailedClause, ...]]:
    if not failed:
        return "matches", "", ()
    more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
    return "fails the query", f"The query excludes it: {failed[0]}{more}", failed


def _tests(
    source: MetadataSource, record: Record, query: Query
) -> Iterator[tuple[Filter, bool | None]]:
    """(clause, whether the record matches it) of each clause; None if that is unknown."""
    for _, filter_query in match_filters(query.value):
        for clause in clauses_of(filter_query):
            yield clause, _is_met(source, record, clause)


def _is_met(source: MetadataSource, record: Record, clause: Filter) -> bool | None:
    """Whether `record` matches `clause`; the source is asked what is not supported here."""
    try:
        test = compile_filter(clause)
    except CannotEvaluate:
        asked: Filter = {"$and": [{"_id": record["_id"]}, clause]}
        try:
            return bool(source.find_page(asked, {"_id": 1}, 1))
        except (InvalidInput, AnswerTooLarge):
            return None
    except DispatchError:
        return None  # the server refuses the query, and the search for assets reports that
    try:
        return test(record)
    except DispatchError:
        return False  # an $expr that has no value for this record


def _failed(record: Record, tests: Sequence[tuple[Filter, bool | None]]) -> Iterator[FailedClause]:
    for clause, is_met in tests:
        if is_met is False:
            text = json.dumps(clause, ensure_ascii=False)
            held = tuple(_held(record, clause))
            yield FailedClause(text, words_of(node_of(clause)), held)


def _held(record: Record, clause: Filter) -> Iterator[tuple[str, str]]:
    """The record's value at each path of the clause, or at its other spelling."""
    for path in dict.fromkeys(one.path for one in conditions_of(clause)):
        value = value_at(record, path)
        yield path, _shown(value)
        for other in other_spellings(path) if value is MISSING else ():
            held = value_at(record, other)
            if held is not MISSING:
                yield other, _shown(held)


def _shown(value: Any) -> str:
    if value is MISSING:
        return "absent"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _rows_of(
    record_id: str, location: object, exclusions: Sequence[Exclusion]
) -> Iterator[Exclusion]:
    """The rows of this record; a row of a list of ids may have only the location."""
    for row in exclusions:
        if row.record_id == record_id or (not row.record_id and row.location == location != ""):
            yield row


def _jobs_of(record_id: str, plan: DispatchPlan | None) -> Iterator[str]:
    if plan is None:
        return
    for number, job in plan.assigned_jobs():
        if any(one.asset.record_id == record_id for one in job.assets):
            yield f"{number}/{job.name}.json"


def _is_found(record_id: str, found: FoundAssets) -> bool:
    return any(asset.record_id == record_id for asset in found.assets)


def _not_returned(query: Query | None) -> tuple[Verdict, str]:
    if query is None:
        return "not returned", "It is not in the list of ids"
    if query.is_pipeline:
        later = "a later stage of the pipeline ($limit, $group, ...) removes it"
        return "not returned", f"It matches each condition on whole records; {later}"
    action = "it has changed, or the source reads the query differently. Find assets again"
    return "not returned", f"It matches every condition, but the source did not return it: {action}"
