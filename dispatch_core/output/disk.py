"""The file system: durable folders, and its errors in words."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from dispatch_core.errors import InvalidInput, Issue, WriteFailed

OCCUPIED = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}
_CANNOT_SYNC_FOLDERS = {errno.EINVAL, errno.ENOTSUP}


class _CallersError(Exception):
    """Carries an OSError of the caller's own code past the edge, unchanged."""

    def __init__(self, error: OSError) -> None:
        self.error = error


@contextmanager
def callers_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _CallersError(error) from error


def not_a(target: Path, wanted: Literal["file", "folder"]) -> InvalidInput:
    other = "folder" if wanted == "file" else "file"
    return InvalidInput(
        Issue(
            f"this leads to a {other}, not to a {wanted}", str(target), f"Choose another {wanted}."
        )
    )


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_FOLDERS:
            raise
    finally:
        os.close(descriptor)


def real_target(target: Path) -> Path:
    """The path without symbolic links, so that a stage beside it is on its file system."""
    return Path(os.path.realpath(target))


def status_of(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def make_parents(folder: Path) -> None:
    if status_of(folder) is not None:
        return
    make_parents(folder.parent)
    with suppress(FileExistsError):
        os.mkdir(folder)
    sync_folder(folder.parent)


_ADVICE = {
    errno.ENOSPC: ("no space left", "Free some space or choose another folder, then run again."),
    errno.EDQUOT: ("the quota is used up", "Free some space or choose another folder."),
    errno.EROFS: ("the file system is read-only", "Choose another folder."),
    errno.EACCES: ("no permission", "Choose a folder that you may write to."),
    errno.EPERM: ("no permission", "Choose a folder that you may write to."),
    errno.EMFILE: ("too many open files", "Raise the limit (ulimit -n), then run again."),
    errno.ENFILE: ("too many open files on this machine", "Run again later."),
    errno.EIO: ("the disk reported an error", "Check the disk, or choose another folder."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a folder with a shorter name."),
    errno.ENOTDIR: ("a part of the path is a file", "Choose another folder."),
}


@contextmanager
def disk_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except _CallersError as carrier:
        raise carrier.error from None
    except OSError as error:
        raise _write_failed(error, target) from error


def _write_failed(error: OSError, target: Path) -> WriteFailed:
    unknown = (error.strerror or str(error), "Run again, or choose another folder.")
    what, action = _ADVICE.get(error.errno or 0, unknown)
    return WriteFailed(Issue(f"cannot write the dispatch: {what}", str(target), action))
