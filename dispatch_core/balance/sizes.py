"""The size of each job: the bytes of its files, as far as the listing knows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median_high, median_low
from typing import NamedTuple

from dispatch_core.job_model import Job
from dispatch_core.types import FileEntry


@dataclass(frozen=True, slots=True)
class JobSizes:
    """The size of each job in bytes, in the order of the jobs.

    A job with a file of unknown size counts as the median, or as its other files if those
    are larger. If no size is known, each job counts as 1.

    Attributes
    ----------
    median
        The median of the known sizes; None if none is known.
    as_median, as_part
        How many jobs count as the median, and how many as their other files.
    """

    sizes: tuple[int, ...]
    median: int | None
    as_median: int
    as_part: int


def measure_jobs(jobs: Iterable[Job]) -> JobSizes:
    """The sizes of `jobs`; parameters do not change the size of a job."""
    parts = [_known_part(job) for job in jobs]
    known = [part.size for part in parts if part.is_complete]
    # if each job has a file of unknown size, its other files are all that is known
    median = _median(known or [part.size for part in parts if part.has_file])
    least = 1 if median is None else median
    unknown = [part for part in parts if not part.is_complete]
    as_part = sum(part.size > least for part in unknown)
    return JobSizes(
        sizes=tuple(part.size if part.is_complete else max(part.size, least) for part in parts),
        median=median,
        as_median=len(unknown) - as_part,
        as_part=as_part,
    )


def is_any_size_known(jobs: Iterable[Job]) -> bool:
    """Whether a file of any job has a known size."""
    return any(_is_known(file) for job in jobs for file in _files_of(job))


class _Part(NamedTuple):
    """The bytes of the files of known size, and whether there are such files, and no others."""

    size: int
    has_file: bool
    is_complete: bool


def _known_part(job: Job) -> _Part:
    files = list(_files_of(job))
    sizes = [file.size for file in files if file.size is not None and _is_known(file)]
    return _Part(sum(sizes), bool(sizes), 0 < len(sizes) == len(files))


def _files_of(job: Job) -> Iterator[FileEntry]:
    for one in job.assets:
        yield from one.files or ()


def _is_known(file: FileEntry) -> bool:
    """Whether the listing has the size of `file`; one below 0 is an error of the listing."""
    return file.size is not None and file.size >= 0


def _median(sizes: list[int]) -> int | None:
    """The median, rounded down; None without sizes."""
    return (median_low(sizes) + median_high(sizes)) // 2 if sizes else None
