"""The dispatch as a zip: the same bytes under the same names as the folder."""

from __future__ import annotations

import errno
import filecmp
import os
import stat
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.output.disk import disk_errors, make_parents, not_a, real_target, sync_folder
from dispatch_core.output.stage import new_file, new_stage, remove_dead_stages, stage_prefix
from dispatch_core.output.stream import JobFile, JobStream, WriteResult

_ZIP_UNIX = 3
_CANNOT_LINK = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


def write_zip(files: Iterable[JobFile], destination: BinaryIO) -> None:
    """The dispatch as a zip, with the same bytes under the same names as the folder.

    The same stream gives the same zip: every entry is dated 1980-01-01, the first
    date a zip can hold.
    """
    name = str(getattr(destination, "name", "the zip"))
    with disk_errors(Path(name)):
        _zip(JobStream(files), destination)


def write_zip_file(files: Iterable[JobFile], target: Path, *, replace: bool = False) -> WriteResult:
    """The dispatch as a zip in the file `target`, complete and durable, or an error.

    The same zip in place is confirmed. Anything else there is refused, or with
    `replace` exchanged in one step and not kept.
    """
    with disk_errors(target):
        stream = JobStream(files)
        real = real_target(target)
        make_parents(real.parent)
        remove_dead_stages(real)
        with new_stage(real.parent, stage_prefix(real), new_file) as stage:
            with open(stage, "wb") as destination:
                _zip(stream, destination)
                destination.flush()
                os.fsync(destination.fileno())
            status = _publish_zip(stage, real, replace)
        return WriteResult(real, status, stream.file_count, stream.worker_count)


def _zip(stream: Iterable[JobFile], destination: BinaryIO) -> None:
    archive = zipfile.ZipFile(destination, "w", zipfile.ZIP_DEFLATED)
    try:
        for path, content in stream:
            archive.writestr(_zip_entry(path), content)
        archive.close()
    except BaseException:
        # Closing, which also happens on deletion, would end a part like a whole zip.
        archive.fp = None
        raise


def _zip_entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = _ZIP_UNIX
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry


def _publish_zip(
    stage: Path, target: Path, replace: bool
) -> Literal["written", "confirmed", "replaced"]:
    with suppress(FileExistsError):
        _link_new(stage, target)
        return "written"
    if not stat.S_ISREG(os.stat(target).st_mode):
        raise not_a(target, "file")
    if filecmp.cmp(stage, target, shallow=False):
        sync_folder(target.parent)
        return "confirmed"
    if not replace:
        raise InvalidInput(
            Issue("another file is there", str(target), "Choose another name, or use --replace.")
        )
    os.rename(stage, target)
    sync_folder(target.parent)
    return "replaced"


def _link_new(stage: Path, target: Path) -> None:
    """Gives the file its name, durably, unless the name is taken; a rename would take it."""
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
