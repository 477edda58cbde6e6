"""What drifted since a recorded dispatch: jobs that are new, jobs that are gone, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from dispatch_core.earlier.jobs import EarlierJob, work_of
from dispatch_core.earlier.read import folder_of_record, read_earlier
from dispatch_core.earlier.record import VERSION, as_record, recorded_jobs
from dispatch_core.earlier.why_gone import Planned, PlanNow
from dispatch_core.environment.limits import RECORD
from dispatch_core.errors import InvalidInput
from dispatch_core.job_model import Job, canonical_text
from dispatch_core.request import DispatchRequest
from dispatch_core.text.strict_json import load_json
from dispatch_core.text.words import counted

_WITHOUT_EFFECT = frozenset(
    (
        "version",
        "num_parallel_workers",
        "tasks_per_job",
        "balance",
        "job_format",
        "fixed_parameters",
        "on_missing",
    )
)
"""Fields of a request that change how jobs are written, but not which jobs there are."""


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
    record = as_record(load_json(data, name, RECORD))
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
    age = "a later" if record["record"] > VERSION else "an older"
    note = "" if jobs is not None else f"the record is of {age} version, without known jobs"
    return Recorded(since, source, record["request"], jobs, note)


def drift_since(recorded: Recorded, plan: Planned) -> Drift:
    """What differs between a recorded dispatch and a plan of today."""
    changed = tuple(_changed(recorded.request, plan.request))
    notes = [recorded.note] if recorded.note else []
    if recorded.source not in ("", plan.source):
        notes.append(f"the source is {plan.source}, and that of the record {recorded.source}")
    if recorded.jobs is None:
        return Drift(recorded.since, changed=changed, notes=tuple(notes), is_known=False)
    new, gone = _differences(recorded.jobs, plan.jobs)
    now = PlanNow(plan, new, frozenset(changed))
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
        is_same = canonical_text(before.get(name)) == canonical_text(now.get(name))  # 1 is not 1.0
        if not is_same and name not in _WITHOUT_EFFECT:
            yield name


def _differences(
    before: Sequence[EarlierJob], jobs: Sequence[Job]
) -> tuple[tuple[Job, ...], tuple[EarlierJob, ...]]:
    """The jobs that only the plan has, and those that only the record has, each once.

    A job of the record is identified by its name, or by its work if it has none.
    """
    known = {job.name or job.work: job for job in before}
    has_works = not all(job.name for job in before)
    works = {job.name: work_of(job) for job in jobs} if has_works else {}
    new = (job for job in jobs if job.name not in known and works.get(job.name) not in known)
    held = {job.name for job in jobs}.union(works.values())
    return tuple(new), tuple(job for identity, job in known.items() if identity not in held)
