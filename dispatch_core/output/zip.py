"""The dispatch as a zip: the same bytes under the same names as the folder."""

from __future__ import annotations

import errno
import filecmp
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.output.disk import (
    callers_errors,
    check_accepts_entries,
    disk_errors,
    make_parents,
    nearest_existing,
    not_a,
    real_target,
    status_of,
    sync_folder,
)
from dispatch_core.output.stage import new_file, new_stage, remove_dead_stages, stage_prefix
from dispatch_core.output.stream import JobFile, JobStream, Status, WriteResult

_ZIP_UNIX = 3
_CANNOT_LINK = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


def write_zip(files: Iterable[JobFile], destination: BinaryIO) -> None:
    """The dispatch as a zip, with the same bytes under the same names as the folder.

    The same stream gives the same zip: every entry is dated 1980-01-01, the first
    date a zip can hold.
    """
    name = str(getattr(destination, "name", "the zip"))
    with disk_errors(Path(name), "file"):
        _zip(JobStream(files), destination)


def write_zip_file(files: Iterable[JobFile], target: Path, *, replace: bool = False) -> WriteResult:
    """The dispatch as a zip in the file `target`, complete and durable, or an error.

    If `target` is the same zip, it is confirmed. Any other file is refused, or with
    `replace` overwritten in one step.
    """
    with staged_zip(files, target, replace=replace) as staged:
        return staged.publish()


@dataclass(frozen=True, slots=True)
class StagedZip:
    """A complete zip under a hidden name, which `publish` puts into place."""

    stage: Path
    target: Path
    stream: JobStream
    replace: bool

    def publish(self) -> WriteResult:
        """Gives the zip its name, durably; raises as `write_zip_file` does."""
        with disk_errors(self.target, "file"):
            status = self._move()
        return WriteResult(self.target, status, self.stream.file_count, self.stream.worker_count)

    def _move(self) -> Status:
        with suppress(FileExistsError):
            _link_new(self.stage, self.target)
            return "written"
        status = _compare(self.stage, self.target, self.replace)
        if status == "replaced":
            os.rename(self.stage, self.target)
        sync_folder(self.target.parent)
        return status


@contextmanager
def staged_zip(
    files: Iterable[JobFile], target: Path, *, replace: bool = False
) -> Iterator[StagedZip]:
    """The zip under a hidden name beside `target`; it is removed unless it is published.

    An existing `target` is compared here, so that a refusal is known before any other
    output of the same dispatch is published. Raises as `write_zip_file` does.
    """
    with disk_errors(target, "file"):
        stream = JobStream(files)
        real = real_target(target)
        make_parents(real.parent)
        remove_dead_stages(real)
        with new_stage(real.parent, stage_prefix(real), new_file) as stage:
            _fill(stage, stream)
            if status_of(real) is not None:
                _compare(stage, real, replace)
            with callers_errors():
                yield StagedZip(stage, real, stream, replace)


def check_zip_file(target: Path, *, replace: bool = False) -> None:
    """Raises what `write_zip_file` would raise, as far as it is known before a write."""
    with disk_errors(target, "file"):
        there = nearest_existing(target)
        if there == target:
            _refuse_other_kinds(target)
            if not replace and not zipfile.is_zipfile(target):
                raise _occupied(target)
        folder = nearest_existing(real_target(target).parent)
        if not folder.is_dir():
            raise not_a(folder, "folder")
        check_accepts_entries(folder, "file", target)


def _fill(stage: Path, stream: JobStream) -> None:
    with open(stage, "wb") as destination:
        _zip(stream, destination)
        destination.flush()
        os.fsync(destination.fileno())


def _zip(stream: Iterable[JobFile], destination: BinaryIO) -> None:
    archive = zipfile.ZipFile(destination, "w", zipfile.ZIP_DEFLATED)
    try:
        for path, content in stream:
            archive.writestr(_zip_entry(path), content)
        archive.close()
    except BaseException:
        # Closing, which also happens on deletion, would make a partial zip look complete.
        archive.fp = None
        raise


def _zip_entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = _ZIP_UNIX
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry


def _compare(stage: Path, target: Path, replace: bool) -> Status:
    """``confirmed`` or ``replaced`` for an existing file; raises `InvalidInput` otherwise."""
    _refuse_other_kinds(target)
    if filecmp.cmp(stage, target, shallow=False):
        return "confirmed"
    if not replace:
        raise _occupied(target)
    return "replaced"


def _refuse_other_kinds(target: Path) -> None:
    if not stat.S_ISREG(os.stat(target).st_mode):
        raise not_a(target, "file")


def _occupied(target: Path) -> InvalidInput:
    return InvalidInput(
        Issue("another file is there", str(target), "Choose another name, or use --replace.")
    )


def _link_new(stage: Path, target: Path) -> None:
    """Gives the file its name, durably; raises `FileExistsError` if the name is taken.

    A rename would replace what is there.
    """
    try:
        os.link(stage, target)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        if os.path.lexists(target):
            raise FileExistsError(target) from error
        os.rename(stage, target)
    try:
        sync_folder(target.parent)
    except BaseException:
        os.unlink(target)
        raise
