"""The jobs of earlier dispatches: a worker folder, a zip, a record, or a folder with those."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Literal

from dispatch_core.earlier.contents import (
    Entry,
    folder_entries,
    open_file,
    open_zip,
    zip_entries,
)
from dispatch_core.earlier.head import read_record
from dispatch_core.earlier.jobs import EarlierJob, JobReader, Work, earlier_job
from dispatch_core.earlier.record import SUFFIX, VERSION, as_record, recorded_jobs
from dispatch_core.environment.limits import RECORD
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.job_model import Job
from dispatch_core.text.limited import read_stream
from dispatch_core.text.strict_json import load_json
from dispatch_core.types import Progress, no_progress

Kind = Literal["folder", "zip", "record", "several", "plan"]

RESULTS = ".results"
"""How the name of the folder ends in which the runs of a dispatch leave their marks."""

_BESIDE = (SUFFIX, ".request.json", ".codeocean.json", ".batch.json")
"""How files end that are written beside worker folders: not a job."""

STEP = 500
"""Entries between two reports of the progress."""

_CHOOSE = "Give a worker folder, a zip or a record (*.dispatch.json)"


@dataclass(frozen=True)
class Earlier:
    """The jobs of an earlier dispatch, or of several.

    Attributes
    ----------
    label
        The path or the file name.
    jobs
        In the order of the workers, as they are read; a job may come twice.
    not_jobs
        Why each of the other entries is not a job.
    unread
        Files that cannot be read, each with the reason: jobs perhaps.
    dispatched_at
        When, in ISO 8601; empty if no record says so.
    """

    label: str
    kind: Kind
    jobs: tuple[EarlierJob, ...]
    not_jobs: tuple[Issue, ...] = ()
    unread: tuple[str, ...] = ()
    dispatched_at: str = ""

    @property
    def others(self) -> int:
        """How many entries are not jobs."""
        return len(self.not_jobs)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the jobs that are named after their content."""
        return frozenset(job.name for job in self.jobs if job.name)

    @cached_property
    def works(self) -> frozenset[Work]:
        """The works of the other jobs."""
        return frozenset(
            work for job in self.jobs if not job.name and (work := job.work) is not None
        )


def read_earlier(
    path: Path, reader: JobReader | None = None, progress: Progress = no_progress
) -> Earlier:
    """The earlier dispatch at `path`.

    Parameters
    ----------
    path
        A worker folder (``0/<uuid>.json``), a zip or a record of one; or a folder that
        contains several of them, such as the one into which the app writes.
    reader
        Shared by dispatches that are read to be compared.

    Raises
    ------
    InvalidInput
        It is not there, is something else, or is an old record without the names of its
        jobs whose folder is gone.
    """
    reader = reader or JobReader()
    places = dispatches_at(path)
    if places == [path]:
        return _read_one(path, reader, progress)
    if not places:
        raise InvalidInput(Issue("it contains no job and no record", str(path), _CHOOSE))
    return _together(str(path), [_read_one(one, reader, progress) for one in places])


def dispatches_at(path: Path) -> list[Path]:
    """The dispatches at `path`: itself, or those that a folder contains, perhaps none.

    Raises
    ------
    InvalidInput
        It is not there, or cannot be read.
    """
    with file_errors(path):
        if not path.is_dir():
            path.stat()
            return [path]
        names = os.listdir(path)
        return [path] if is_dispatch(path, names) else list(dispatches_in(path, names))


def _read_one(path: Path, reader: JobReader, progress: Progress) -> Earlier:
    with file_errors(path):
        if path.is_dir():
            record = read_record(path.with_name(f"{path.name}{SUFFIX}")) if path.name else None
            read = _read_jobs(str(path), "folder", folder_entries(path), reader, progress)
            return replace(read, dispatched_at=_time_of(record or {}))
        with open_file(path) as file:
            return read_earlier_file(file, str(path), path, reader, progress)


def read_earlier_file(
    file: BinaryIO,
    name: str,
    path: Path | None = None,
    reader: JobReader | None = None,
    progress: Progress = no_progress,
) -> Earlier:
    """The earlier dispatch in an open file, a zip or a record; raises as `read_earlier` does.

    ``path`` is where the file is, if it is on this machine: for an old record, its folder is
    read instead.
    """
    reader = reader or JobReader()
    if zipfile.is_zipfile(file):
        with open_zip(file, name) as archive:
            return _read_jobs(name, "zip", zip_entries(archive), reader, progress)
    if name.endswith(".zip"):
        raise InvalidInput(Issue("it is not a readable zip", name, "Make the zip again"))
    file.seek(0)
    record = as_record(load_json(read_stream(file, RECORD, name), name, RECORD))
    if record is None:
        raise InvalidInput(Issue("it is neither a zip nor a dispatch record", name, _CHOOSE))
    jobs = recorded_jobs(record, name)
    if jobs is not None:
        return Earlier(name, "record", jobs, dispatched_at=_time_of(record))
    if record["record"] > VERSION:
        what = "this record is of a later version"
        raise InvalidInput(Issue(what, name, "Read it with a newer job-dispatch"))
    folder = folder_of_record(path) if path is not None else None
    if folder is None or not folder.is_dir():
        what = "this record is from an older version, which did not record the jobs"
        raise InvalidInput(Issue(what, name, "Give its worker folder or zip instead"))
    return replace(read_earlier(folder, reader, progress), dispatched_at=_time_of(record))


def _time_of(record: Mapping[str, Any]) -> str:
    """When the dispatch of a record was made; empty if it does not say."""
    when = record.get("dispatched_at")
    return when if isinstance(when, str) else ""


def earlier_of_jobs(label: str, jobs: Iterable[Job]) -> Earlier:
    """The jobs of a plan, to be compared with an earlier dispatch; `label` names the plan."""
    return Earlier(label, "plan", tuple(map(earlier_job, jobs)))


def folder_of_record(record: Path) -> Path | None:
    """The worker folder beside which `record` was written; None for another name."""
    name = record.name.removesuffix(SUFFIX)
    return record.with_name(name) if name and name != record.name else None


def is_dispatch(folder: Path, names: Collection[str]) -> bool:
    """Whether a folder has workers, or is one: numbered folders or job files.

    One with records or zips contains several dispatches, whatever else is in it.
    """
    if any(name.endswith((SUFFIX, ".zip")) for name in names):
        return False
    return _has_workers(folder, names) or any(map(_is_job_file, names))


def _has_workers(folder: Path, names: Iterable[str]) -> bool:
    return any(_is_worker(folder, name) for name in names)


def _is_worker(folder: Path, name: str) -> bool:
    """Whether it is numbered and has job files, or is empty: ``2026`` may be a year."""
    if not name.isdecimal() or not (folder / name).is_dir():
        return False
    names = os.listdir(folder / name)
    return not names or any(map(_is_job_file, names))


def _is_job_file(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".") and not name.endswith(_BESIDE)


def dispatches_in(root: Path, names: Iterable[str], *, is_inner: bool = False) -> Iterator[Path]:
    """The records in `root`, and the worker folders and zips without one, by name.

    Folders of `root` are searched too, but not the folders in them: they may be results.
    """
    paths = [root / name for name in sorted(names) if not name.startswith(".")]
    records = [one for one in paths if one.name.endswith(SUFFIX)]
    covered = {folder_of_record(one) for one in records}
    yield from records
    for path in paths:
        if not path.is_dir():
            if path.name.endswith(".zip"):  # a damaged one is an error, not skipped
                yield path
        elif path not in covered and not path.name.endswith(RESULTS):
            yield from _dispatches_of(path, is_inner)


def _dispatches_of(folder: Path, is_inner: bool) -> Iterator[Path]:
    """A folder in a root: itself if it is a dispatch, else those in it."""
    names = os.listdir(folder)
    if _has_workers(folder, names) if is_inner else is_dispatch(folder, names):
        yield folder
    elif not is_inner:
        yield from dispatches_in(folder, names, is_inner=True)


def _read_jobs(
    label: str, kind: Kind, entries: Iterable[Entry], reader: JobReader, progress: Progress
) -> Earlier:
    jobs, not_jobs, unread = list[EarlierJob](), list[Issue](), list[str]()
    for number, entry in enumerate(entries):
        if number % STEP == 0:
            progress("jobs read", number, 0)
        if entry.kind == "stopped":
            what = f"it cannot be read to its end: {entry.reason}"
            raise InvalidInput(Issue(what, label, "Give the dispatch as it was written"))
        try:
            if entry.content is None:
                raise InvalidInput(Issue(_not_a_file(entry), entry.path))
            if _is_hidden(entry.path):
                raise InvalidInput(Issue("it is hidden, as an unfinished write is", entry.path))
            jobs.append(reader.read(entry.path, entry.content))
        except InvalidInput as error:
            not_jobs += error.issues
        if entry.kind in ("unreadable", "too_large"):
            unread.append(f"{entry.path} ({entry.reason})")
    return Earlier(label, kind, tuple(jobs), tuple(not_jobs), tuple(unread))


def _is_hidden(path: str) -> bool:
    return path.startswith(".") or "/." in path


def _not_a_file(entry: Entry) -> str:
    return "an empty folder" if entry.kind == "folder" else entry.reason


def _together(label: str, found: list[Earlier]) -> Earlier:
    jobs = tuple(job for one in found for job in one.jobs)
    not_jobs = (issue for one in found for issue in one.not_jobs)
    unread = tuple(f"{one.label}: {file}" for one in found for file in one.unread)
    when = max(one.dispatched_at for one in found)
    return Earlier(label, "several", jobs, tuple(not_jobs), unread, when)


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Errors of the disk as `InvalidInput` about `path`."""
    try:
        yield
    except FileNotFoundError:
        raise InvalidInput(Issue("it does not exist", str(path), _CHOOSE)) from None
    except OSError as error:
        what = f"it cannot be read: {error.strerror or error}"
        raise InvalidInput(Issue(what, str(path), "Check its permissions")) from None
