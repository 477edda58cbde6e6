"""The jobs of earlier dispatches: a worker folder, a zip, a record, or a folder with those."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Literal

from dispatch_core.earlier.contents import Entry, folder_entries, zip_entries
from dispatch_core.earlier.jobs import EarlierJob, JobReader, Work
from dispatch_core.earlier.record import SUFFIX, as_record, recorded_jobs
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.strict_json import load_json

Kind = Literal["folder", "zip", "record", "several"]

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
    others
        How many entries are not jobs.
    """

    label: str
    kind: Kind
    jobs: tuple[EarlierJob, ...]
    others: int = 0

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


def read_earlier(path: Path) -> Earlier:
    """The earlier dispatch at `path`.

    Parameters
    ----------
    path
        A worker folder (``0/<uuid>.json``), a zip or a record of one; or a folder that
        contains several of them, such as the one into which the app writes.

    Raises
    ------
    InvalidInput
        It is not there, is something else, or is an old record without the names of its
        jobs whose folder is gone.
    """
    with _file_errors(path):
        if not path.is_dir():
            with open(path, "rb") as file:
                return read_earlier_file(file, str(path), path)
        entries = os.listdir(path)
        if _is_dispatch(path, entries):
            return _read_jobs(str(path), "folder", folder_entries(path))
        found = [read_earlier(one) for one in _dispatches_in(path, entries)]
    if not found:
        raise InvalidInput(Issue("it contains no job and no record", str(path), _CHOOSE))
    return _together(str(path), found)


def read_earlier_file(file: BinaryIO, name: str, path: Path | None = None) -> Earlier:
    """The earlier dispatch in an open file, a zip or a record; raises as `read_earlier` does.

    ``path`` is where the file is, if it is on this machine: for an old record, its folder is
    read instead.
    """
    if zipfile.is_zipfile(file):
        try:
            with zipfile.ZipFile(file) as archive:
                return _read_jobs(name, "zip", zip_entries(archive))
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise InvalidInput(Issue(f"it is not a readable zip: {error}", name)) from None
    file.seek(0)
    record = as_record(load_json(file.read(), name))
    if record is None:
        raise InvalidInput(Issue("it is neither a zip nor a dispatch record", name, _CHOOSE))
    jobs = recorded_jobs(record, name)
    if jobs is not None:
        return Earlier(name, "record", jobs)
    folder = folder_of_record(path) if path is not None else None
    if folder is None or not folder.is_dir():
        what = "this record is from an older version, which did not record the jobs"
        raise InvalidInput(Issue(what, name, "Give its worker folder or zip instead"))
    return read_earlier(folder)


def folder_of_record(record: Path) -> Path | None:
    """The worker folder beside which `record` was written; None for another name."""
    name = record.name.removesuffix(SUFFIX)
    return record.with_name(name) if name and name != record.name else None


def _is_dispatch(folder: Path, names: Iterable[str]) -> bool:
    """Whether a folder has workers, or is one: numbered folders or job files."""
    return any(_is_worker(folder, name) or _is_job_file(name) for name in names)


def _is_worker(folder: Path, name: str) -> bool:
    return name.isdecimal() and (folder / name).is_dir()


def _is_job_file(name: str) -> bool:
    return name.endswith(".json") and not name.endswith((SUFFIX, ".request.json"))


def _dispatches_in(root: Path, names: Iterable[str]) -> Iterator[Path]:
    """The records in `root`, and the worker folders and zips without one, by name."""
    paths = [root / name for name in sorted(names) if not name.startswith(".")]
    records = [one for one in paths if one.name.endswith(SUFFIX)]
    covered = {folder_of_record(one) for one in records}
    yield from records
    for path in paths:
        if path.is_dir():
            is_one = path not in covered and _is_dispatch(path, os.listdir(path))
        else:
            is_one = path.name.endswith(".zip") and zipfile.is_zipfile(path)
        if is_one:
            yield path


def _read_jobs(label: str, kind: Kind, entries: Iterable[Entry]) -> Earlier:
    reader, jobs, others = JobReader(), list[EarlierJob](), 0
    for entry in entries:
        try:
            if entry.content is None:
                raise InvalidInput(Issue("it is not a file", entry.path))
            jobs.append(reader.read(entry.path, entry.content))
        except InvalidInput:
            others += 1
    return Earlier(label, kind, tuple(jobs), others)


def _together(label: str, found: list[Earlier]) -> Earlier:
    jobs = tuple(job for one in found for job in one.jobs)
    return Earlier(label, "several", jobs, sum(one.others for one in found))


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Errors of the disk as `InvalidInput` about `path`."""
    try:
        yield
    except FileNotFoundError:
        raise InvalidInput(Issue("it does not exist", str(path), _CHOOSE)) from None
    except OSError as error:
        what = f"it cannot be read: {error.strerror or error}"
        raise InvalidInput(Issue(what, str(path), "Check its permissions")) from None
