"""The steps "jobs are built" and "workers get them": pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from dispatch_core.job_model import Job, canonical_text, make_jobs
from dispatch_core.parameter_sets.document import ParameterSet
from dispatch_core.types import AssetGroup, Exclusion, LocatedAsset, Reason


@dataclass(frozen=True, slots=True)
class LocatedGroup:
    """A group whose assets carry their files; assets without any are not in it."""

    assets: tuple[LocatedAsset, ...]
    metadata: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class BuiltJobs:
    """The jobs in order, each once, and the ledger rows of those that are excluded.

    ``inputs`` counts what was multiplied by the parameter sets: files where files are
    split, else groups.
    """

    jobs: tuple[Job, ...]
    inputs: int
    exclusions: tuple[Exclusion, ...] = ()


def locate_groups(
    groups: Iterable[AssetGroup], located: Mapping[str, LocatedAsset]
) -> tuple[LocatedGroup, ...]:
    """`groups` with the files of each asset; a group that keeps no asset is left out."""
    found = (
        LocatedGroup(
            tuple(located[a.record_id] for a in group.assets if a.record_id in located),
            group.metadata,
        )
        for group in groups
    )
    return tuple(group for group in found if group.assets)


def build_jobs(
    groups: Iterable[LocatedGroup], parameter_sets: Sequence[ParameterSet], *, split_files: bool
) -> BuiltJobs:
    """N inputs x M sets = N x M jobs, sets innermost; two identical jobs are one.

    An input is a file where `split_files` and files were located, else a group.
    """
    jobs: dict[str, Job] = {}
    repeats: list[Exclusion] = []
    sets = [(one, canonical_text(one)) for one in parameter_sets or (None,)]
    inputs = [(one, group.metadata) for group in groups for one in _inputs(group, split_files)]
    for assets, metadata in inputs:
        for job in make_jobs(assets, sets, metadata):
            if jobs.setdefault(job.name, job) is not job:
                repeats.append(_repeat(job))
    return BuiltJobs(tuple(jobs.values()), len(inputs), tuple(repeats))


def cap_jobs(built: BuiltJobs, most: int | None) -> BuiltJobs:
    """The first `most` jobs, each asset of the others as a row of the ledger; None means no cap."""
    if most is None or len(built.jobs) <= most:
        return built
    gone = (
        _over_the_cap(replace(job, assets=(one,)), most)
        for job in built.jobs[most:]
        for one in job.assets
    )
    return replace(built, jobs=built.jobs[:most], exclusions=(*built.exclusions, *gone))


def assign_workers(
    job_count: int, *, num_parallel_workers: int, tasks_per_job: int | None = None
) -> tuple[range, ...]:
    """The jobs of each worker as ranges of indices, order kept.

    10 jobs over 3 workers are 4, 3 and 3; with ``tasks_per_job=4`` they are 4, 4
    and 2. Never a worker without a job.
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
    message = f"an identical job is in ({job.name})"
    return replace(
        _job_row(job, Reason.DUPLICATE, message, "Nothing: the job is in once"), stage="jobs"
    )


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
    )
