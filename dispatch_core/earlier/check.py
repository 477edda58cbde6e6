"""Checks a folder or a zip of jobs, made by any program: every fault once, and nothing is run.

Entries go in, one at a time, and a `Checked` comes out, so a dispatch is never in memory as a
whole, and the check of a hostile zip costs what `contents` lets it cost.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal

from dispatch_core.earlier.beside import compare_with_record
from dispatch_core.earlier.contents import (
    Entry,
    folder_entries,
    number_first,
    open_file,
    open_zip,
    path_in_zip,
    zip_entries,
)
from dispatch_core.earlier.faults import Checked, Fault, FaultKind, in_order
from dispatch_core.earlier.job_check import JobChecker
from dispatch_core.earlier.read import STEP, file_errors
from dispatch_core.earlier.record import SUFFIX
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.words import counted, shown_list
from dispatch_core.types import Progress, no_progress

MARKER = "no_new_jobs"
STAGE = ".dispatch.tmp-"
"""How the name of a folder begins that a write had not moved into place when it ended."""

_WORKER = re.compile("0|[1-9][0-9]{0,17}")
_OF_MAC = "__MACOSX"
"""What macOS adds to its zips: a second tree, of attributes of the files."""

_NAMED = 5
_OF_ENTRY = {
    "bad_name": FaultKind.LEADS_OUT,
    "link": FaultKind.LINK,
    "special": FaultKind.SPECIAL,
    "stopped": FaultKind.NOT_READ,
    "too_large": FaultKind.TOO_LARGE,
    "unreadable": FaultKind.UNREADABLE,
}


def check_dispatch(path: Path, progress: Progress = no_progress) -> Checked:
    """The faults of the folder or the zip at `path`, with the record beside a folder.

    Raises
    ------
    InvalidInput
        It cannot be read, is neither a folder nor a zip, or contains several dispatches.
    """
    with file_errors(path):
        if not path.is_dir():
            with open_file(path) as file:
                return check_dispatch_file(file, str(path), progress)
        names = os.listdir(path)
        inner = _inner_folder(path, names)
        checked = check_entries(folder_entries(path), str(path), "folder", inner, progress)
        return checked if inner else compare_with_record(checked, path)


def check_dispatch_file(file: BinaryIO, name: str, progress: Progress = no_progress) -> Checked:
    """The faults of the zip in an open file; raises as `check_dispatch` does."""
    if not zipfile.is_zipfile(file):
        action = "Give the folder or the zip that has the jobs"
        raise InvalidInput(Issue("it is neither a folder nor a zip", name, action))
    with open_zip(file, name) as archive:
        inner = _inner_of_zip(map(path_in_zip, archive.namelist()))
        return check_entries(zip_entries(archive), name, "zip", inner, progress)


def check_entries(
    entries: Iterable[Entry],
    label: str,
    kind: Literal["folder", "zip"],
    inner: str = "",
    progress: Progress = no_progress,
) -> Checked:
    """The faults of the entries; the worker folders are in the folder `inner`, if it is given."""
    check = _Check(inner)
    for number, entry in enumerate(entries):
        if number % STEP == 0:
            progress("entries checked", number, 0)
        check.add(entry)
    return check.result(label, kind)


def _inner_folder(path: Path, names: list[str]) -> str:
    """The folder in `path` that has the worker folders, if `path` has none; else ``""``.

    Raises `InvalidInput` for a folder of dispatches, such as the one into which the app writes.
    """
    if any(map(_WORKER.fullmatch, names)):
        return ""
    inner = [name for name in names if name[0] != "." and _has_workers(path / name)]
    found = sorted([*inner, *(name for name in names if name.endswith(".zip"))])
    if len(found) > 1 or any(name.endswith(SUFFIX) for name in names):
        what = "it contains dispatches, and is not one itself"
        action = f"Check one of them: {shown_list(found)}" if found else "Give one that is there"
        raise InvalidInput(Issue(what, str(path), action))
    return "".join(inner)


def _has_workers(folder: Path) -> bool:
    """Whether it is a folder with worker folders; a link is not, wherever it leads."""
    try:
        return not folder.is_symlink() and any(map(_WORKER.fullmatch, os.listdir(folder)))
    except OSError:  # a file, or a folder that may not be read
        return False


def _inner_of_zip(paths: Iterable[str]) -> str:
    """The only folder in a zip that has worker folders, if it has none at the top; else ``""``."""
    tops, inner = set[str](), set[str]()
    for path in paths:
        top, _, rest = path.partition("/")
        tops.add(top)
        name, is_folder, _ = rest.partition("/")
        if is_folder and _WORKER.fullmatch(name) and not top.startswith((".", _OF_MAC)):
            inner.add(top)
    is_deeper = len(inner) == 1 and not any(map(_WORKER.fullmatch, tops))
    return inner.pop() if is_deeper else ""


@dataclass
class _Folder:
    """A folder at the top: how many jobs and other entries it has, and what is wrong in it."""

    jobs: int = 0
    entries: int = 0
    has_files: bool = False
    faults: list[Fault] = field(default_factory=list)
    inner: Counter[str] = field(default_factory=Counter)


class _Check:
    """What is known after the entries so far."""

    def __init__(self, inner: str) -> None:
        self._prefix = f"{inner}/" if inner else ""
        self._faults: list[Fault] = []
        self._folders: dict[str, _Folder] = {}
        self._beside: Counter[str] = Counter()
        self._linked: set[str] = set()
        self._paths: set[str] = set()
        self._jobs = JobChecker()
        self._is_marked = False
        self._is_whole = True

    def add(self, entry: Entry) -> None:
        """Take one entry into account."""
        path = entry.path.removeprefix(self._prefix)
        is_outside = bool(self._prefix) and path == entry.path
        if entry.kind in ("bad_name", "stopped"):
            self._is_whole = self._is_whole and entry.kind != "stopped"
            self._faults.append(_fault_of(entry))
        elif entry.path in self._paths:
            what = "the zip has another entry of this name, and a program takes one of them"
            self._faults.append(Fault(FaultKind.ENTRY_TWICE, entry.path, what))
        elif is_outside or path.startswith("."):
            top = path.partition("/")[0]
            self._beside[top if is_outside else f"{self._prefix}{top}"] += "/" in path
        elif "/" in path or entry.kind == "folder":
            self._add_below(entry, *path.split("/"))
        else:
            self._add_at_the_top(entry, path)
        self._paths.add(entry.path)

    def _add_at_the_top(self, entry: Entry, path: str) -> None:
        if path == MARKER and entry.content == b"":
            self._is_marked = True
        elif entry.kind != "file":
            self._linked.add(path)
            self._faults.append(_fault_of(entry))
        else:
            is_job = path.endswith(".json") and self._jobs.is_job(entry)
            what = "a job outside the worker folders" if is_job else "a file at the top level"
            self._faults.append(Fault(FaultKind.STRAY, entry.path, what))

    def _add_below(self, entry: Entry, top: str, name: str = "", *deeper: str) -> None:
        folder = self._folders.setdefault(top, _Folder())
        folder.entries += bool(name)
        if deeper or (name and entry.kind == "folder"):
            folder.inner[name] += bool(deeper)
        elif name:
            self._add_to_worker(entry, name, folder)

    def _add_to_worker(self, entry: Entry, name: str, folder: _Folder) -> None:
        folder.has_files = folder.has_files or (name.endswith(".json") and name[0] != ".")
        if entry.kind != "file":
            folder.faults.append(_fault_of(entry))
        elif name.startswith("."):
            folder.faults.append(Fault(FaultKind.HIDDEN, entry.path, "a hidden file"))
        elif not name.endswith(".json"):
            what = "a file whose name does not end with .json"
            folder.faults.append(Fault(FaultKind.STRAY, entry.path, what))
        else:
            faults = self._jobs.check(entry)
            folder.jobs += not any(one.kind in NOT_JOBS for one in faults)
            folder.faults += faults

    def result(self, label: str, kind: Literal["folder", "zip"]) -> Checked:
        """The check of all entries."""
        faults = [*self._faults, *self._of_folders(), *self._of_beside(), *self._of_all()]
        names = sorted((name for name, one in self._folders.items() if one.jobs), key=number_first)
        return Checked(
            label,
            kind,
            in_order([*faults, *self._jobs.faults()]),
            tuple(self._notes()),
            {name: self._folders[name].jobs for name in names},
            sum(one.jobs for one in self._folders.values()),
            self._jobs.readers,
            self._jobs.foreign,
            self._jobs.paths,
        )

    def _of_folders(self) -> Iterator[Fault]:
        for top, folder in self._folders.items():
            path, is_worker = f"{self._prefix}{top}", bool(_WORKER.fullmatch(top))
            if not is_worker and not folder.jobs:
                what = f"a folder with {_entries(folder.entries)}, without a job"
                yield Fault(FaultKind.STRAY, path, what)
                continue
            if not is_worker:
                what = f"{top!r} is not a number such as 0 or 12"
                yield Fault(FaultKind.WORKER_NAME, path, what)
            if not folder.has_files:
                yield Fault(FaultKind.EMPTY_WORKER, path, "it has no job")
            yield from folder.faults
            for name, count in folder.inner.items():
                what = f"a folder with {_entries(count)}"
                yield Fault(FaultKind.FOLDER_IN_WORKER, f"{path}/{name}", what)

    def _of_beside(self) -> Iterator[Fault]:
        for path, count in self._beside.items():
            name = path.rpartition("/")[2]
            if name.startswith(STAGE):
                yield Fault(FaultKind.HALF_WRITTEN, path, f"a folder with {_entries(count)}")
            elif name.startswith("."):
                yield Fault(FaultKind.HIDDEN, path, "its name begins with a dot")
            else:
                what = f"it is beside {self._prefix}, which has the worker folders"
                yield Fault(FaultKind.STRAY, path, what)

    def _of_all(self) -> Iterator[Fault]:
        jobs = sum(one.jobs for one in self._folders.values())
        workers = [name for name in self._folders if _WORKER.fullmatch(name)]
        if self._prefix and workers:
            what = f"the worker folders are in {self._prefix}"
            yield Fault(FaultKind.ONE_TOO_DEEP, self._prefix.rstrip("/"), what)
        if self._is_marked and jobs:
            yield Fault(FaultKind.MARKER, MARKER, f"it is beside {counted(jobs, 'job')}")
        if not jobs and not self._is_marked and self._is_whole:
            yield Fault(FaultKind.NO_JOB, "", "it contains no job in a worker folder")
        if workers and self._is_whole:
            linked = filter(_WORKER.fullmatch, self._linked)  # a fault already
            yield from _gaps({int(name) for name in (*workers, *linked)})

    def _notes(self) -> Iterator[str]:
        if self._is_marked:
            yield f"{MARKER} says that this dispatch has no job"
        if self._jobs.foreign:
            files = counted(self._jobs.foreign, "file")
            yield (
                f"{files} not named after the content, as those of another program: "
                "such jobs are compared by what they do"
            )


NOT_JOBS = {FaultKind.NOT_JSON, FaultKind.NOT_A_JOB, FaultKind.TOO_LARGE}
"""What is wrong with a file that is not a job."""


def _gaps(numbers: set[int]) -> Iterator[Fault]:
    last = max(numbers)
    count = last + 1 - len(numbers)
    if count:
        missing = islice((one for one in range(last) if one not in numbers), _NAMED)
        more = f" and {count - _NAMED:,} more" if count > _NAMED else ""
        what = f"0 to {last} without {', '.join(map(str, missing))}{more}"
        yield Fault(FaultKind.GAP, "", what)


def _fault_of(entry: Entry) -> Fault:
    return Fault(_OF_ENTRY[entry.kind], entry.path, entry.reason)


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count:,} entries"
