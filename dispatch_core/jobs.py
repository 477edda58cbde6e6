"""The steps "jobs are built" and "workers get them": pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from dispatch_core.job_model import Job, JobSet, canonical_text, make_jobs
from dispatch_core.parameter_sets.document import MergedSet
from dispatch_core.types import AssetGroup, Exclusion, LocatedAsset, Reason

Workers = tuple[Sequence[int], ...]
"""The jobs of worker 0, 1, ... as indices, ascending within a worker."""


@dataclass(frozen=True, slots=True)
class LocatedGroup:
    """A group whose assets have their files; excluded assets are not part of it."""

    assets: tuple[LocatedAsset, ...]
    metadata: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class BuiltJobs:
    """The jobs in order, each once, the ledger rows of repeats, and what they are made of.

    An input is what each parameter set makes one job of: a file or a group. ``assets`` is
    the number of different assets.
    """

    jobs: tuple[Job, ...]
    exclusions: tuple[Exclusion, ...]
    inputs: int
    assets: int


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
    groups: Iterable[LocatedGroup], parameter_sets: Sequence[MergedSet], *, split_files: bool
) -> BuiltJobs:
    """N inputs x M sets = N x M jobs, sets innermost; two identical jobs are one.

    An input is a file if `split_files` is set and files were located, else a group.
    """
    jobs: dict[str, Job] = {}
    repeats: list[Exclusion] = []
    sets = [_job_set(one) for one in parameter_sets] or [JobSet(None, None, "null")]
    inputs, found = 0, set[str]()
    for group in groups:
        found.update(one.asset.record_id for one in group.assets)
        for assets in _inputs(group, split_files):
            inputs += 1
            for job in make_jobs(assets, sets, group.metadata):
                if jobs.setdefault(job.name, job) is not job:
                    repeats.append(_repeat(job))
    return BuiltJobs(tuple(jobs.values()), tuple(repeats), inputs, len(found))


def _job_set(one: MergedSet) -> JobSet:
    return JobSet(one.values, one.distributed, canonical_text(one.values))


def choose_jobs(jobs: Sequence[Job], names: Container[str]) -> KeptJobs:
    """The jobs with one of these names, with a ledger row for each other one."""
    kept = tuple(job for job in jobs if job.name in names)
    return KeptJobs(kept, tuple(_not_chosen(job) for job in jobs if job.name not in names))


def exclude_before(jobs: Sequence[Job], messages: Mapping[str, str]) -> KeptJobs:
    """The jobs without a message, with a ledger row for each other one.

    `messages` maps the name of a job to the earlier dispatch that has it.
    """
    return _without(jobs, messages, _before)


def exclude_processed(jobs: Sequence[Job], messages: Mapping[str, str]) -> KeptJobs:
    """The jobs without a message, with a ledger row for each other one.

    `messages` maps the name of a job to who processed it, when, and where the results are.
    """
    return _without(jobs, messages, _processed)


def _without(
    jobs: Sequence[Job], messages: Mapping[str, str], row: Callable[[Job, str], Exclusion]
) -> KeptJobs:
    if not messages:
        return KeptJobs(tuple(jobs))
    kept = tuple(job for job in jobs if job.name not in messages)
    rows = (row(job, messages[job.name]) for job in jobs if job.name in messages)
    return KeptJobs(kept, tuple(rows))


def cap_jobs(jobs: Sequence[Job], most: int | None) -> KeptJobs:
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
    return KeptJobs(tuple(jobs[:most]), tuple(exclusions))


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
    for one in group.assets:
        if one.files is None or len(one.files) == 1:
            yield (one,)
        else:
            for file in one.files:
                yield (replace(one, files=(file,)),)


def _repeat(job: Job) -> Exclusion:
    message = f"identical to an earlier job ({job.name})"
    return replace(
        _job_row(job, Reason.DUPLICATE, message, "Nothing: the job is included once"), stage="jobs"
    )


def _not_chosen(job: Job) -> Exclusion:
    message = f"only_jobs does not name it ({job.name})"
    return _job_row(job, Reason.NOT_CHOSEN, message, "Nothing; or add its name to --only_jobs")


def _before(job: Job, message: str) -> Exclusion:
    action = "Nothing; or dispatch it again without this path in --not_in"
    return _job_row(job, Reason.DISPATCHED_BEFORE, message, action)


def _processed(job: Job, message: str) -> Exclusion:
    action = f"Nothing; or dispatch it again with --run_anyway {job.name}"
    return _job_row(job, Reason.ALREADY_PROCESSED, message, action)


def _over_the_cap(job: Job, most: int) -> Exclusion:
    message = f"over the cap of {most:,} jobs ({job.name})"
    return _job_row(job, Reason.OVER_THE_CAP, message, "Raise --max_number_of_tasks_dispatched")


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
