"""The size of each job: the bytes of its files, as far as the listing knows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dispatch_core.job_model import Job


@dataclass(frozen=True, slots=True)
class JobSizes:
    """The size of each job in bytes, in the order of the jobs.

    A job without a file of known size counts as the median job, and a store among other
    files of a job as the median file. If no size is known, each job counts as 1.

    Attributes
    ----------
    median, median_file
        The medians of the known sizes of jobs and of files; None if no size is known.
    unknown, partial
        How many jobs have no file of known size, and how many have such a file and a store.
    """

    sizes: tuple[int, ...]
    median: int | None
    median_file: int | None
    unknown: int
    partial: int


def measure_jobs(jobs: Iterable[Job]) -> JobSizes:
    """The sizes of `jobs`; parameters do not change the size of a job."""
    parts = [_files_of(job) for job in jobs]
    known = [size for part in parts for size in part.known]
    if not known:
        return JobSizes((1,) * len(parts), None, None, len(parts), 0)
    median_file = _median(known)
    partial = [part for part in parts if part.known and part.stores]
    complete = [part for part in parts if part.known and not part.stores]
    median = _median([part.size(median_file) for part in complete or partial])
    return JobSizes(
        sizes=tuple(part.size(median_file) if part.known else median for part in parts),
        median=median,
        median_file=median_file,
        unknown=len(parts) - len(complete) - len(partial),
        partial=len(partial),
    )


def is_any_size_known(jobs: Iterable[Job]) -> bool:
    """Whether a file of any job has a known size."""
    return any(_files_of(job).known for job in jobs)


class _Files(NamedTuple):
    """The known sizes of the files of a job, and the number of its files without one."""

    known: list[int]
    stores: int

    def size(self, store: int) -> int:
        """The bytes of the job if each store has `store` bytes."""
        return sum(self.known) + self.stores * store


def _files_of(job: Job) -> _Files:
    sizes = [file.size for one in job.assets for file in one.files or ()]
    # a size below 0 is an error of the listing
    known = [size for size in sizes if size is not None and size >= 0]
    return _Files(known, len(sizes) - len(known))


def _median(sizes: Sequence[int]) -> int:
    """The median, rounded down; there is at least one size."""
    ascending, middle = sorted(sizes), len(sizes) // 2
    return (ascending[middle] + ascending[~middle]) // 2
