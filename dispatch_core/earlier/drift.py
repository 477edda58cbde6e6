"""What drifted since a recorded dispatch: jobs that are new, jobs that are gone, and why."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from dispatch_core.earlier.jobs import EarlierJob, work_of
from dispatch_core.earlier.read import folder_of_record, read_earlier
from dispatch_core.earlier.record import as_record, recorded_jobs
from dispatch_core.errors import InvalidInput
from dispatch_core.find import FoundAssets
from dispatch_core.job_model import Job
from dispatch_core.processed.meaning import bare_url
from dispatch_core.request import DispatchRequest
from dispatch_core.text.strict_json import load_json
from dispatch_core.text.words import counted
from dispatch_core.types import DataAsset, Exclusion, LocatedAsset

_Content = tuple[frozenset[str], frozenset[str]]
"""The record ids and the files of a job."""

_WITHOUT_EFFECT = frozenset(
    (
        "version",
        "num_parallel_workers",
        "tasks_per_job",
        "job_format",
        "fixed_parameters",
        "on_missing",
    )
)
"""Fields of a request that change how jobs are written, but not which jobs there are."""

_FILE_FIELDS = frozenset(("file_extension", "nested_stores", "split_files", "several_files"))


class Planned(Protocol):
    """The parts of a plan that are compared and that explain a difference."""

    @property
    def request(self) -> DispatchRequest: ...
    @property
    def source(self) -> str: ...
    @property
    def found(self) -> FoundAssets: ...
    @property
    def located(self) -> tuple[LocatedAsset, ...]: ...
    @property
    def jobs(self) -> tuple[Job, ...]: ...
    @property
    def exclusions(self) -> tuple[Exclusion, ...]: ...


class Gone(NamedTuple):
    """A job of the record that the plan does not have, and why."""

    job: EarlierJob
    why: str


@dataclass(frozen=True, slots=True)
class Drift:
    """How the jobs of a plan differ from those of a record.

    Attributes
    ----------
    since
        When the recorded jobs were dispatched, in ISO 8601; empty if unknown.
    same
        How many jobs both have.
    changed
        The fields of the request that have other values than in the record.
    notes
        What makes the comparison uncertain: another source, or unknown jobs.
    is_known
        Whether the record says which jobs it dispatched; if not, nothing is compared.
    """

    since: str
    same: int = 0
    new: tuple[Job, ...] = ()
    gone: tuple[Gone, ...] = ()
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_known: bool = True

    def __str__(self) -> str:
        since = f" since {self.since[:10]}" if self.since else ""
        if not self.is_known:
            return f"drift{since}: unknown"
        if not self.new and not self.gone:
            return f"no drift{since}: the same {counted(self.same, 'job')}"
        fields = ", ".join(self.changed)
        cause = f", with other values of {fields}" if fields else ""
        if fields and self.new and not self.same:
            cause = f": with other values of {fields}, every job is another"
        return f"drift{since}: {len(self.new):,} new, {len(self.gone):,} gone{cause}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded dispatch, as far as its record says what it was.

    ``jobs`` is None if it is not known, and then `note` says why.
    """

    since: str
    source: str
    request: Mapping[str, Any]
    jobs: tuple[EarlierJob, ...] | None
    note: str = ""


def read_recorded(data: str | bytes, name: str, path: Path | None = None) -> Recorded | None:
    """The dispatch in the content of a record; None if it is a saved request.

    Parameters
    ----------
    name
        The name of the file in messages.
    path
        Where the file is: for a record of an older version, its folder is read.
    """
    record = as_record(load_json(data, name))
    if record is None:
        return None
    found = recorded_in(record, name)
    folder = folder_of_record(path) if path is not None else None
    if "jobs" in record or folder is None or not folder.is_dir():
        return found
    try:
        return replace(found, jobs=read_earlier(folder).jobs, note="")
    except InvalidInput as error:
        return replace(found, note=str(error))


def recorded_in(record: Mapping[str, Any], name: str) -> Recorded:
    """The dispatch of a record, without its folder."""
    since, source = str(record.get("dispatched_at") or ""), str(record.get("source") or "")
    try:
        jobs = recorded_jobs(record, name)
    except InvalidInput as error:
        return Recorded(since, source, record["request"], None, str(error))
    note = "" if jobs is not None else "the record is of an older version, without its jobs"
    return Recorded(since, source, record["request"], jobs, note)


def drift_since(recorded: Recorded, plan: Planned) -> Drift:
    """What differs between a recorded dispatch and a plan of today."""
    changed = tuple(_changed(recorded.request, plan.request))
    notes = [recorded.note] if recorded.note else []
    if recorded.source != plan.source:
        notes.append(f"the source is {plan.source}, and that of the record {recorded.source}")
    if recorded.jobs is None:
        return Drift(recorded.since, changed=changed, notes=tuple(notes), is_known=False)
    new, gone = _differences(recorded.jobs, plan.jobs)
    now = _Now(plan, new, frozenset(changed))
    return Drift(
        recorded.since,
        same=len(plan.jobs) - len(new),
        new=new,
        gone=tuple(Gone(job, now.why_gone(job)) for job in gone),
        changed=changed,
        notes=tuple(notes),
    )


def _changed(before: Mapping[str, Any], request: DispatchRequest) -> Iterator[str]:
    """The fields with another value that may change which jobs there are."""
    now = json.loads(request.to_json())
    for name in {**before, **now}:
        if before.get(name) != now.get(name) and name not in _WITHOUT_EFFECT:
            yield name


def _differences(
    before: Sequence[EarlierJob], jobs: Sequence[Job]
) -> tuple[tuple[Job, ...], tuple[EarlierJob, ...]]:
    """The jobs that only the plan has, and those that only the record has, each once."""
    names = {job.name for job in before if job.name}
    works = {job.work for job in before if not job.name}
    new = tuple(job for job in jobs if job.name not in names)
    held = {job.name for job in jobs}
    if not works:
        gone = {job.name: job for job in before if job.name not in held}
        return new, tuple(gone.values())
    held_works = {work_of(job) for job in jobs}
    gone_works = {
        job.name or job.work: job
        for job in before
        if (job.name not in held if job.name else job.work not in held_works)
    }
    return tuple(job for job in new if work_of(job) not in works), tuple(gone_works.values())


class _Now:
    """What a plan has, to explain why a job of the record is gone."""

    def __init__(self, plan: Planned, new: Sequence[Job], changed: frozenset[str]) -> None:
        self._plan = plan
        self._changed = changed
        self._alike: defaultdict[_Content, deque[Job]] = defaultdict(deque)
        self._of_assets: defaultdict[frozenset[str], deque[Job]] = defaultdict(deque)
        self._used = set[str]()
        for job in new:
            records = frozenset(_records_of(job))
            self._alike[records, frozenset(_files_of(job))].append(job)
            self._of_assets[records].append(job)

    def why_gone(self, job: EarlierJob) -> str:
        """Why the plan does not have `job`, in a few words."""
        row = self._rows_of_jobs.get(job.name)
        if row is not None:
            return _text_of(row)
        assets = list(self._assets_of(job))
        unmatched = [label for label, record in assets if not record]
        if unmatched:
            return self._why_unmatched(unmatched)
        ids = [record for _, record in assets]
        return self._why_excluded(assets) or self._why_replaced(job, ids)

    def _assets_of(self, job: EarlierJob) -> Iterator[tuple[str, str]]:
        """Each asset of a job: what the record calls it, and its record id if it is matched."""
        places = [bare_url(one) for one in job.locations]
        for record, name, place in zip_longest(job.records, job.assets, places, fillvalue=""):
            is_matched = record in self._matched or record in self._rows_of_records
            found = record if is_matched else "" if record else self._by_place.get(place, "")
            yield name or place or record, found

    def _why_unmatched(self, labels: Sequence[str]) -> str:
        others = [self._by_name[one] for one in labels if one in self._by_name]
        if others:
            return f"the asset {others[0].name} now has the record id {others[0].record_id}"
        which = "list of ids" if self._plan.request.asset_rows is not None else "query"
        changed = self._changed.intersection(("query", "asset_rows"))
        verb = "does not match the changed" if changed else "no longer matches the"
        return f"the asset {labels[0]} {verb} {which}"

    def _why_excluded(self, assets: Sequence[tuple[str, str]]) -> str:
        """The ledger row of the first asset that is not located now; empty without one."""
        for label, record in assets:
            rows = self._rows_of_records.get(record)
            if rows and record not in self._files:
                several = f"the asset {label}: " if len(assets) > 1 else ""
                return f"{several}{_text_of(rows[0])}"
        return ""

    def _why_replaced(self, job: EarlierJob, ids: Sequence[str]) -> str:
        held = set[str]().union(*(self._files.get(one, ()) for one in ids))
        lost = [file for file in job.files or () if file not in held]
        if lost and (row := self._row_of_file(ids, lost[0])) is not None:
            return _text_of(row)
        if lost and (fields := self._changed & _FILE_FIELDS):
            return f"{lost[0]} is not among the files with another {_fields(fields)}"
        is_one_file = bool(lost) and len(job.files or ()) == 1
        other = None if is_one_file else self._replacement(job, ids)
        if lost and other is None:
            more = f" nor {counted(len(lost) - 1, 'other')}" if len(lost) > 1 else ""
            return f"the file {lost[0]} is not there any more{more}"
        if other is None:
            cause = f", with another {_fields(self._changed)}" if self._changed else ""
            return f"no job replaces it{cause}"
        return f"now {self._difference(job, ids, other)}: {other.name}"

    def _replacement(self, job: EarlierJob, ids: Sequence[str]) -> Job | None:
        """The new job of the same assets and files, else of the same assets, else of a group.

        In the order of the jobs, and each replaces one; a group may replace several.
        """
        records = frozenset(ids)
        for queue in (self._alike[records, frozenset(job.files or ())], self._of_assets[records]):
            while queue:
                other = queue.popleft()
                if other.name not in self._used:
                    self._used.add(other.name)
                    return other
        groups = (one for record in ids for one in self._groups.get(record, ()))
        return max(groups, key=lambda one: _likeness(records, one), default=None)

    def _difference(self, job: EarlierJob, ids: Sequence[str], other: Job) -> str:
        if set(ids) != set(_records_of(other)):
            return f"in a group of {counted(len(other.assets), 'asset')}"
        if set(job.files or ()) != set(_files_of(other)):
            return "with other files"
        if "parameters" in self._changed:
            return "with other parameters"
        if set(job.assets) != {one.asset.name for one in other.assets}:
            return "with another asset name"
        return "with another asset id, location or group value"

    def _row_of_file(self, ids: Sequence[str], file: str) -> Exclusion | None:
        rows = (row for record in ids for row in self._rows_of_records.get(record, ()))
        return next((row for row in rows if row.location == file), None)

    @cached_property
    def _files(self) -> dict[str, set[str]]:
        return {
            one.asset.record_id: {file.location for file in one.files or ()}
            for one in self._plan.located
        }

    @cached_property
    def _groups(self) -> dict[str, list[Job]]:
        """Record id -> the first new jobs of it together with other assets."""
        groups: defaultdict[str, list[Job]] = defaultdict(list)
        for records, jobs in self._of_assets.items():
            for record in records if len(records) > 1 else ():
                groups[record] += islice(jobs, 1)
        return groups

    @cached_property
    def _matched(self) -> frozenset[str]:
        return frozenset(one.record_id for one in self._plan.found.assets)

    @cached_property
    def _by_name(self) -> dict[str, DataAsset]:
        return {one.name: one for one in self._plan.found.assets}

    @cached_property
    def _by_place(self) -> dict[str, str]:
        return {bare_url(one.location): one.record_id for one in self._plan.found.assets}

    @cached_property
    def _rows_of_jobs(self) -> dict[str, Exclusion]:
        return {row.job: row for row in self._plan.exclusions if row.job}

    @cached_property
    def _rows_of_records(self) -> dict[str, list[Exclusion]]:
        """The rows about assets and their files."""
        rows: defaultdict[str, list[Exclusion]] = defaultdict(list)
        for row in self._plan.exclusions:
            if not row.job:
                rows[row.record_id].append(row)
        return rows


def _likeness(records: frozenset[str], other: Job) -> int:
    """How many of the assets `other` has, less those that only it has."""
    others = set(_records_of(other))
    return len(others & records) - len(others - records)


def _records_of(job: Job) -> Iterator[str]:
    return (one.asset.record_id for one in job.assets)


def _files_of(job: Job) -> Iterator[str]:
    return (file.location for one in job.assets for file in one.files or ())


def _text_of(row: Exclusion) -> str:
    return f"{row.reason}: {row.message}"


def _fields(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))
