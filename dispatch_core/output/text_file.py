"""One durable write for every small file: ledger, saved request, dispatch record."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from dispatch_core.output.disk import (
    callers_errors,
    check_accepts_entries,
    disk_errors,
    not_a,
    real_target,
    status_of,
    sync_folder,
    sync_where_possible,
    write_all,
)
from dispatch_core.output.stage import (
    new_file,
    new_private_file,
    new_stage,
    remove_dead_stages,
    stage_prefix,
)

STANDARD_OUTPUT = "-"


def write_text_file(target: str | Path, text: str, *, is_private: bool = False) -> None:
    """`text` as the whole content of `target`, in UTF-8: the old content or all of the new.

    A regular file is replaced in one step, and keeps its permissions. A new one can be read by
    others as the umask says, or only by this user if `is_private` is set. A symbolic link
    is followed and stays. A device or a named pipe is written into, never replaced; so
    is the file that standard output or standard error is redirected to. The text ``-``
    is standard output; ``Path("-")`` is a file of that name.

    Raises
    ------
    InvalidInput
        `target` is a folder or a socket.
    WriteFailed
        The disk failed; a regular file is unchanged, or has all of `text`.
    BrokenPipeError
        The reader of standard output closed it.
    """
    # half a surrogate pair, which a record may contain, becomes its JSON escape
    content = text.encode("utf-8", errors="backslashreplace")
    if target == STANDARD_OUTPUT:
        write_standard_output(content)
        return
    path = Path(target)
    with disk_errors(path, "file"):
        before = status_of(path)
        _refuse_unwritable_kinds(path, before)
        stream = None if before is None else standard_stream(before)
        if stream is not None:
            _write_stream(stream, content)
        elif before is None or stat.S_ISREG(before.st_mode):
            make = new_private_file if is_private else new_file
            _replace(real_target(path), content, before, make)
        else:
            _write_into(path, content)


def check_text_file(target: str | Path) -> None:
    """Raises what `write_text_file` would raise, as far as it is known before a write."""
    if target == STANDARD_OUTPUT:
        return
    path = Path(target)
    with disk_errors(path, "file"):
        before = status_of(path)
        _refuse_unwritable_kinds(path, before)
        if before is not None and not stat.S_ISREG(before.st_mode):
            return
        folder = real_target(path).parent
        os.stat(folder)
        check_accepts_entries(folder, "file", path)


def _refuse_unwritable_kinds(path: Path, status: os.stat_result | None) -> None:
    if status and (stat.S_ISDIR(status.st_mode) or stat.S_ISSOCK(status.st_mode)):
        raise not_a(path, "file")


def standard_output_status() -> os.stat_result | None:
    """The status of what standard output writes to, or None if it is closed."""
    with suppress(OSError, ValueError):
        return os.fstat(sys.__stdout__.fileno()) if sys.__stdout__ else None
    return None


def standard_stream(status: os.stat_result) -> TextIO | None:
    """The standard stream that is redirected to the file of `status`."""
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError):
            if stream and os.path.samestat(os.fstat(stream.fileno()), status):
                return stream
    return None


def write_standard_output(content: bytes) -> None:
    """Writes `content` as it is.

    Raises `WriteFailed` if that fails, or `BrokenPipeError` if its reader closed it.
    """
    place = Path("standard output")
    with disk_errors(place, "file"), callers_errors(BrokenPipeError):
        if sys.__stdout__ is None:
            raise OSError(errno.EBADF, "it is closed")
        _write_stream(sys.__stdout__, content)


def _write_stream(stream: TextIO, content: bytes) -> None:
    stream.flush()
    stream.buffer.write(content)
    stream.buffer.flush()


def _write_into(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOCTTY)
    try:
        write_all(descriptor, content)
        sync_where_possible(descriptor)
    finally:
        os.close(descriptor)


def _replace(
    path: Path, content: bytes, before: os.stat_result | None, make: Callable[[Path], int]
) -> None:
    remove_dead_stages(path)
    with new_stage(path.parent, stage_prefix(path), make) as stage:
        _fill(stage, content, before)
        os.rename(stage, path)
    sync_folder(path.parent)


def _fill(stage: Path, content: bytes, before: os.stat_result | None) -> None:
    descriptor = os.open(stage, os.O_WRONLY)
    try:
        if before is not None:
            _copy_permissions(descriptor, before)
        write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_permissions(descriptor: int, before: os.stat_result) -> None:
    with suppress(PermissionError):  # only root may give a file to another user
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
