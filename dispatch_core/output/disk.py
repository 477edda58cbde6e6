"""The file system: complete writes, durable folders, and its errors in words."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from dispatch_core.errors import InvalidInput, Issue, WriteFailed

Wanted = Literal["file", "folder"]

OCCUPIED = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}
"""Errors of a rename onto something that another process put there first."""

_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP}

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class _CallersError(Exception):
    """Carries an OSError of the caller's own code through `disk_errors`, unchanged."""

    def __init__(self, error: OSError) -> None:
        self.error = error


@contextmanager
def callers_errors(kind: type[OSError] = OSError) -> Iterator[None]:
    """Marks an error of this kind as the caller's own: `disk_errors` passes it on unchanged."""
    try:
        yield
    except kind as error:
        raise _CallersError(error) from error


def not_a(target: Path, wanted: Wanted) -> InvalidInput:
    """The error for a target that is not a file or a folder, as `wanted` says."""
    there = nearest_existing(target)
    kind = _KINDS.get(stat.S_IFMT(os.stat(there).st_mode), "something else")
    subject = "this" if there == target else str(there)
    return InvalidInput(
        Issue(f"{subject} is {kind}, not a {wanted}", str(target), f"Choose another {wanted}.")
    )


def nearest_existing(path: Path) -> Path:
    """`path` itself, or its nearest parent that exists."""
    return next((one for one in (path, *path.parents) if os.path.exists(one)), path)


def check_accepts_entries(folder: Path, wanted: Wanted, target: Path) -> None:
    """Raises `WriteFailed` if the existing `folder` takes no new files or folders."""
    with disk_errors(target, wanted):
        if not os.access(folder, os.W_OK | os.X_OK):
            is_read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
            raise OSError(errno.EROFS if is_read_only else errno.EACCES, "")


def write_all(descriptor: int, content: bytes) -> None:
    """Writes all of `content`, also if the system takes it in several parts."""
    written = 0
    while written < len(content):
        written += os.write(descriptor, content[written:])


def sync_where_possible(descriptor: int) -> None:
    """Makes a folder or a device durable; does nothing if its kind cannot be synced."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` durable, if the file system can."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync_where_possible(descriptor)
    finally:
        os.close(descriptor)


def real_target(target: Path) -> Path:
    """The path without symbolic links, so that a stage beside it is on its file system."""
    return Path(os.path.realpath(target))


def status_of(path: Path) -> os.stat_result | None:
    """The status of the target of `path`, or None if it does not exist."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
    except ValueError as error:  # a null byte, which no file system takes
        raise OSError(errno.EINVAL, str(error)) from error


def make_parents(folder: Path) -> None:
    """Makes `folder` and its missing parents, each of them durable."""
    if status_of(folder) is not None:
        return
    make_parents(folder.parent)
    with suppress(FileExistsError):
        os.mkdir(folder)
    sync_folder(folder.parent)


_ADVICE = {
    errno.ENOSPC: (
        "no space left",
        "Free some space, or choose a {wanted} on another disk, then run again.",
    ),
    errno.EDQUOT: (
        "the quota is used up",
        "Free some space, or choose a {wanted} on another disk, then run again.",
    ),
    errno.EROFS: (
        "the file system is read-only",
        "Choose a {wanted} on a file system that you may write to.",
    ),
    errno.EACCES: ("no permission", "Choose a {wanted} that you may write to."),
    errno.EPERM: ("no permission", "Choose a {wanted} that you may write to."),
    errno.ENOENT: (
        "its folder does not exist, or no files can be made in it",
        "Make the folder, or choose a {wanted} in another one.",
    ),
    errno.ENOTDIR: ("a part of the path is not a folder", "Choose another {wanted}."),
    errno.EPIPE: ("its reader closed it", "Run again with a reader that reads to the end."),
    errno.EMFILE: ("too many open files", "Raise the limit (ulimit -n), then run again."),
    errno.ENFILE: ("too many open files on this machine", "Run again later."),
    errno.EIO: ("the disk reported an error", "Check the disk, or choose another {wanted}."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a {wanted} with a shorter name."),
}


@contextmanager
def disk_errors(target: Path, wanted: Wanted) -> Iterator[None]:
    """Raises `WriteFailed`, with words and advice, for an OSError of the block."""
    try:
        yield
    except _CallersError as carrier:
        raise carrier.error from None
    except OSError as error:
        raise _write_failed(error, target, wanted) from error


def _write_failed(error: OSError, target: Path, wanted: Wanted) -> WriteFailed:
    unknown = (error.strerror or str(error), "Run again, or choose another {wanted}.")
    what, action = _ADVICE.get(error.errno or 0, unknown)
    issue = Issue(f"cannot write the {wanted}: {what}", str(target), action.format(wanted=wanted))
    return WriteFailed(issue)
