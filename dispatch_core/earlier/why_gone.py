"""Why a job of an earlier dispatch is gone: what a plan of today has instead."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice, zip_longest
from typing import Protocol

from dispatch_core.earlier.jobs import EarlierJob
from dispatch_core.find import FoundAssets
from dispatch_core.job_model import Job
from dispatch_core.processed.meaning import bare_url
from dispatch_core.request import DispatchRequest
from dispatch_core.text.words import counted
from dispatch_core.types import DataAsset, Exclusion, LocatedAsset

_Content = tuple[frozenset[str], frozenset[str]]
"""The record ids and the files of a job."""

_FILE_FIELDS = frozenset(
    ("file_extension", "several_extensions", "nested_stores", "split_files", "several_files")
)


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


class PlanNow:
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
            is_matched = record in self._assets or record in self._rows_of_records
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
        if lost and (moved := self._moved(ids, lost[0])) is not None:
            return f"the asset {moved.name} is now at {moved.location}"
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

    def _moved(self, ids: Sequence[str], file: str) -> DataAsset | None:
        """The asset of a file, if the file is not below a location of today."""
        assets = [self._assets[one] for one in ids if one in self._assets]
        if any(file.startswith(f"{bare_url(one.location)}/") for one in assets):
            return None
        return assets[0] if len(assets) == 1 else None

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
        if self._changed:
            return f"with another {_fields(self._changed)}"
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
    def _assets(self) -> dict[str, DataAsset]:
        return {one.record_id: one for one in self._plan.found.assets}

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
