"""The jobs of a worker folder, by worker, as they are on disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard

from dispatch_core.earlier.head import read_record
from dispatch_core.earlier.read import RESULTS, folder_of_record
from dispatch_core.earlier.record import SUFFIX, recorded_jobs
from dispatch_core.engines.run_worker import is_job, name_of
from dispatch_core.environment.limits import RECORD
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.output.disk import real_target
from dispatch_core.output.folder import MARKER
from dispatch_core.output.record import record_beside
from dispatch_core.text.limited import check_file
from dispatch_core.text.words import counted, shown_list


@dataclass(frozen=True)
class JobFolder:
    """The jobs of a worker folder.

    Attributes
    ----------
    path
        Without symbolic links, so that what is beside it is beside the jobs.
    workers
        Number of a worker folder -> the names of its jobs, both sorted.
    strange
        Entries that are neither a worker folder nor a job file; they are not run.
    """

    path: Path
    workers: dict[int, tuple[str, ...]]
    strange: tuple[str, ...] = ()

    @cached_property
    def names(self) -> frozenset[str]:
        """The name of every job."""
        return frozenset(name for names in self.workers.values() for name in names)

    @property
    def results(self) -> Path:
        """The default results folder: beside the worker folder, never in it."""
        return self.path.with_name(f"{self.path.name}{RESULTS}")

    def warnings(self) -> Iterator[str]:
        """What a user has to know about the folder, a sentence each."""
        if self.strange:
            yield f"not a job file, so not run: {shown_list(self.strange, 5)}"
        twice = [name for name, count in Counter(self._every_name()).items() if count > 1]
        if twice:
            jobs = counted(len(twice), "job")
            yield f"{jobs} in several worker folders, so run once: {shown_list(twice, 5)}"

    def _every_name(self) -> Iterator[str]:
        for names in self.workers.values():
            yield from names


def read_jobs(path: str | Path) -> JobFolder:
    """The jobs of a worker folder, or of the record (``*.dispatch.json``) of one."""
    is_record = str(path).endswith(SUFFIX) and os.path.isfile(path)
    return read_recorded_folder(Path(path)) if is_record else read_job_folder(path)


def read_job_folder(path: str | Path) -> JobFolder:
    """The jobs of the worker folder `path`; no job if its only content is the marker.

    Raises
    ------
    InvalidInput
        It is not a folder, or has no job.
    """
    folder = real_target(Path(path))
    record_beside(folder)  # raises if nothing can be beside it
    strange: list[str] = []
    try:
        workers = dict(sorted(_read_workers(folder, strange)))
    except OSError as error:
        what = f"cannot read the worker folder: {error.strerror}"
        raise InvalidInput(Issue(what, str(path), "Name the output folder of a dispatch")) from None
    if not workers and strange != [MARKER]:
        what = "no worker folder with job files (0/*.json) in it"
        raise InvalidInput(Issue(what, str(path), "Name the output folder of a dispatch"))
    return JobFolder(folder, workers, tuple(sorted(set(strange) - {MARKER})))


def read_recorded_folder(path: Path) -> JobFolder:
    """The jobs of the worker folder that the record `path` describes, which may be gone.

    Raises
    ------
    InvalidInput
        It is not a record, or an old one without the names of its jobs.
    """
    with suppress(OSError):
        check_file(path, RECORD, str(path))
    record = read_record(path)
    jobs = None if record is None else recorded_jobs(record, str(path))
    if record is None or jobs is None:
        what = "it is not a dispatch record" if record is None else "it does not name its jobs"
        raise InvalidInput(Issue(what, str(path), "Name the output folder of a dispatch"))
    sizes = record.get("worker_sizes")
    if not _are_sizes(sizes, len(jobs)):
        what = "its worker_sizes are not the numbers of its jobs"
        raise InvalidInput(Issue(what, str(path), "Give the record as it was written"))
    names = iter([job.name for job in jobs])
    workers = {n: tuple(islice(names, size)) for n, size in enumerate(sizes)}
    return JobFolder(folder_of_record(real_target(path)) or real_target(path), workers)


def _are_sizes(value: Any, total: int) -> TypeGuard[list[int]]:
    is_list = isinstance(value, list) and all(type(one) is int and one > 0 for one in value)
    return is_list and sum(value) == total


def _read_workers(folder: Path, strange: list[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each worker folder with its jobs; the names of other entries are added to `strange`."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not (_is_number(entry.name) and entry.is_dir()):
                strange.append(entry.name)
            elif names := tuple(sorted(_read_jobs(entry, strange))):
                yield int(entry.name), names
            else:
                strange.append(f"{entry.name} (no job)")


def _is_number(name: str) -> bool:
    """Whether it is a number as worker folders are named: without a sign or leading zeros."""
    return name.isascii() and name.isdecimal() and str(int(name)) == name


def _read_jobs(worker: os.DirEntry[str], strange: list[str]) -> Iterator[str]:
    with os.scandir(worker.path) as entries:
        for entry in entries:
            if is_job(entry):
                yield name_of(entry.name)
            else:
                strange.append(f"{worker.name}/{entry.name}")


def require_dense(jobs: JobFolder) -> None:
    """Raises `InvalidInput` if the worker folders are not numbered from 0 without a gap."""
    missing = sorted(set(range(max(jobs.workers, default=-1) + 1)) - set(jobs.workers))
    if missing:
        what = f"worker folders are missing: {', '.join(map(str, missing[:5]))}"
        action = "Dispatch again: engines number the workers from 0, without a gap"
        raise InvalidInput(Issue(what, str(jobs.path), action))


def read_names(lines: Iterable[str]) -> list[str]:
    """The names of jobs in a list, one a line: names, paths of job files, or of marks."""
    return list(dict.fromkeys(name_of(line) for line in lines if line.strip()))
