"""The steps "jobs are built" and "workers get them": pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from dispatch_core.environment.limits import JOBS
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.job_model import Job, JobSet, canonical_text, make_jobs
from dispatch_core.parameter_sets.document import MergedSet
from dispatch_core.text.words import counted
from dispatch_core.types import (
    AssetGroup,
    Exclusion,
    LocatedAsset,
    Progress,
    Reason,
    exclude,
    no_progress,
)

Workers = tuple[Sequence[int], ...]
"""The jobs of worker 0, 1, ... as indices, ascending within a worker."""

MOST_JOB_ROWS = 100_000
"""Up to this many jobs over the cap are built, for a ledger row each; of more, none is."""

_TICK = 1_000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class LocatedGroup:
    """A group whose assets have their files; excluded assets are not part of it."""

    assets: tuple[LocatedAsset, ...]
    metadata: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class BuiltJobs:
    """The jobs in order, each once, the ledger rows of repeats, and what they are made of.

    An input is what each parameter set makes one job of: a file or a group. ``assets`` is
    the number of different assets, and ``total`` that of the jobs: inputs times sets. If the
    building stopped at the cap, ``stop`` is that cap, and ``left`` jobs are not built.
    """

    jobs: tuple[Job, ...]
    exclusions: tuple[Exclusion, ...]
    inputs: int
    assets: int
    total: int = 0
    stop: int | None = None
    left: int = 0


@dataclass(frozen=True, slots=True)
class KeptJobs:
    """The jobs that are dispatched, and the ledger rows of the others."""

    jobs: tuple[Job, ...]
    exclusions: tuple[Exclusion, ...] = ()


def locate_groups(
    groups: Iterable[AssetGroup], located: Mapping[str, LocatedAsset]
) -> tuple[LocatedGroup, ...]:
    """`groups` with the files of each asset; groups that keep no asset are omitted."""
    found = (
        LocatedGroup(
            tuple(located[a.record_id] for a in group.assets if a.record_id in located),
            group.metadata,
        )
        for group in groups
    )
    return tuple(group for group in found if group.assets)


def build_jobs(
    groups: Sequence[LocatedGroup],
    parameter_sets: Sequence[MergedSet],
    *,
    split_files: bool,
    cap: int | None = None,
    progress: Progress = no_progress,
) -> BuiltJobs:
    """N inputs x M sets = N x M jobs, sets innermost; two identical jobs are one.

    An input is a file if `split_files` is set and files were located, else a group.

    Parameters
    ----------
    cap
        How many jobs are dispatched, if that is known before they are built; see `stop_at`.

    Raises
    ------
    InvalidInput
        There would be more jobs than the limit; none is built.
    """
    inputs = sum(_input_count(group, split_files) for group in groups)
    total = inputs * (len(parameter_sets) or 1)
    stop = stop_at(total, cap)
    _check_count(inputs, total, stop)
    assets = len({one.asset.record_id for group in groups for one in group.assets})
    sets = [_job_set(one) for one in parameter_sets] or [JobSet(None, None, "null")]
    jobs: list[Job] = []
    names: set[str] = set()
    repeats: list[Exclusion] = []
    for job in ticked(_every_job(groups, sets, split_files), "jobs", stop or total, progress):
        if job.name in names:
            repeats.append(_repeat(job))
        else:
            names.add(job.name)
            jobs.append(job)
        if len(jobs) == stop:
            break
    made = len(jobs) + len(repeats)
    left = _left_over(groups, split_files, len(sets), made, stop) if stop is not None else ()
    rows = (*repeats, *left)
    return BuiltJobs(tuple(jobs), rows, inputs, assets, total, stop, total - made)


def stop_at(total: int, cap: int | None) -> int | None:
    """The number of jobs at which building stops; None if all `total` jobs are built.

    A few jobs over the cap are built, so that each has a row in the ledger.
    """
    return cap if cap is not None and total - cap > MOST_JOB_ROWS else None


def ticked(items: Iterable[_T], step: str, total: int, progress: Progress) -> Iterator[_T]:
    """The items, with a call of `progress` at every thousandth, which may raise to cancel.

    Of a thousand or fewer nothing is reported.
    """
    if total <= _TICK:
        yield from items
        return
    for number, item in enumerate(items):
        if number % _TICK == 0:
            progress(step, number, total)
        yield item


def _check_count(inputs: int, total: int, stop: int | None) -> None:
    if (total if stop is None else stop) <= JOBS.most:
        return
    what = f"{counted(inputs, 'input')} x {counted(total // inputs, 'parameter set')} would be "
    what += f"{total:,} jobs, and the limit is {JOBS.text}"
    action = "Select fewer assets or sets, or cap the jobs (--max_number_of_tasks_dispatched)"
    raise InvalidInput(Issue(what, "jobs", f"{action}; for more, {JOBS.remedy}"))


def _every_job(
    groups: Iterable[LocatedGroup], sets: Sequence[JobSet], split_files: bool
) -> Iterator[Job]:
    for group in groups:
        for assets in _inputs(group, split_files):
            yield from make_jobs(assets, sets, group.metadata)


def _left_over(
    groups: Iterable[LocatedGroup], split_files: bool, sets: int, made: int, cap: int
) -> Iterator[Exclusion]:
    """A row for each asset of which jobs are not built, in the order of the jobs."""
    for group in groups:
        parts = [replace(group, assets=(one,)) for one in group.assets] if split_files else [group]
        for part in parts:
            jobs = _input_count(part, split_files) * sets
            left = max(0, jobs - made)
            made = max(0, made - jobs)
            if left:
                yield from (_not_built(one, left, jobs, cap) for one in part.assets)


def _input_count(group: LocatedGroup, split_files: bool) -> int:
    """How many inputs `_inputs` yields."""
    if not split_files:
        return 1
    return sum(1 if one.files is None else len(one.files) for one in group.assets)


def _job_set(one: MergedSet) -> JobSet:
    return JobSet(one.values, one.distributed, canonical_text(one.values))


def choose_jobs(
    jobs: Sequence[Job], names: Container[str], progress: Progress = no_progress
) -> KeptJobs:
    """The jobs with one of these names, with a ledger row for each other one."""
    kept = tuple(job for job in jobs if job.name in names)
    others = (job for job in jobs if job.name not in names)
    rows = ticked(map(_not_chosen, others), "ledger", len(jobs) - len(kept), progress)
    return KeptJobs(kept, tuple(rows))


def exclude_before(
    jobs: Sequence[Job], messages: Mapping[str, str], progress: Progress = no_progress
) -> KeptJobs:
    """The jobs without a message, with a ledger row for each other one.

    `messages` maps the name of a job to the earlier dispatch that has it.
    """
    return _without(jobs, messages, _before, progress)


def exclude_processed(
    jobs: Sequence[Job], messages: Mapping[str, str], progress: Progress = no_progress
) -> KeptJobs:
    """The jobs without a message, with a ledger row for each other one.

    `messages` maps the name of a job to who processed it, when, and where the results are.
    """
    return _without(jobs, messages, _processed, progress)


def _without(
    jobs: Sequence[Job],
    messages: Mapping[str, str],
    row: Callable[[Job, str], Exclusion],
    progress: Progress,
) -> KeptJobs:
    if not messages:
        return KeptJobs(tuple(jobs))
    kept = tuple(job for job in jobs if job.name not in messages)
    rows = (row(job, messages[job.name]) for job in jobs if job.name in messages)
    return KeptJobs(kept, tuple(ticked(rows, "ledger", len(jobs) - len(kept), progress)))


def cap_jobs(jobs: Sequence[Job], most: int | None, progress: Progress = no_progress) -> KeptJobs:
    """The first `most` jobs, with a ledger row for each asset of the others.

    None means no cap.
    """
    if most is None or len(jobs) <= most:
        return KeptJobs(tuple(jobs))
    exclusions = (
        _over_the_cap(replace(job, assets=(one,)), most)
        for job in jobs[most:]
        for one in job.assets
    )
    rows = ticked(exclusions, "ledger", len(jobs) - most, progress)
    return KeptJobs(tuple(jobs[:most]), tuple(rows))


def assign_workers(
    job_count: int, *, num_parallel_workers: int, tasks_per_job: int | None = None
) -> Workers:
    """The jobs of each worker as ranges of indices, in the order of the jobs.

    10 jobs over 3 workers are 4, 3 and 3; with ``tasks_per_job=4`` they are 4, 4
    and 2. Every worker has at least one job.
    """
    if tasks_per_job is not None:
        starts = range(0, job_count, tasks_per_job)
        return tuple(range(s, min(s + tasks_per_job, job_count)) for s in starts)
    workers = min(job_count, num_parallel_workers)
    if not workers:
        return ()
    size, larger = divmod(job_count, workers)
    ends = [n * size + min(n, larger) for n in range(workers + 1)]
    return tuple(range(a, b) for a, b in pairwise(ends))


def _inputs(group: LocatedGroup, split_files: bool) -> Iterator[tuple[LocatedAsset, ...]]:
    if not split_files:
        yield group.assets
        return
    is_single = len(group.assets) == 1
    for one in group.assets:
        if one.files is None or len(one.files) == 1:
            yield group.assets if is_single else (one,)
        else:
            for file in one.files:
                yield (replace(one, files=(file,)),)


def _repeat(job: Job) -> Exclusion:
    row = _named_row(
        job, Reason.DUPLICATE, "identical to an earlier job", "Nothing: the job is included once"
    )
    return replace(row, stage="jobs")


def _not_chosen(job: Job) -> Exclusion:
    action = "Nothing; or add its name to --only_jobs"
    return _named_row(job, Reason.NOT_CHOSEN, "it is not among the chosen jobs", action)


def _before(job: Job, message: str) -> Exclusion:
    action = "Nothing; or dispatch it again without this path in --not_in"
    return _job_row(job, Reason.DISPATCHED_BEFORE, message, action)


def _processed(job: Job, message: str) -> Exclusion:
    action = f"Nothing; or dispatch it again with --run_anyway {job.name}"
    return _job_row(job, Reason.ALREADY_PROCESSED, message, action)


def _over_the_cap(job: Job, most: int) -> Exclusion:
    action = "Raise --max_number_of_tasks_dispatched"
    return _named_row(job, Reason.OVER_THE_CAP, f"over the cap of {most:,} jobs", action)


def _not_built(one: LocatedAsset, left: int, jobs: int, most: int) -> Exclusion:
    part = "all" if left == jobs else f"{left:,} of"
    shared = f"over the cap of {most:,} jobs"
    message = f"{shared}: {part} its {counted(jobs, 'job')}"
    action = "Raise --max_number_of_tasks_dispatched"
    return replace(exclude(one.asset, Reason.OVER_THE_CAP, message, action), shared=shared)


def _named_row(job: Job, reason: Reason, shared: str, action: str) -> Exclusion:
    """A row whose message is `shared`, with the name of the job."""
    return replace(_job_row(job, reason, f"{shared} ({job.name})", action), shared=shared)


def _job_row(job: Job, reason: Reason, message: str, action: str) -> Exclusion:
    first = job.assets[0].asset
    files = [file.location for one in job.assets for file in one.files or ()]
    return Exclusion(
        stage=reason.stage,
        reason=reason,
        message=message,
        action=action,
        record_id=first.record_id,
        name=", ".join(one.asset.name for one in job.assets),
        location=", ".join(files) or first.location,
        job=job.name,
    )
