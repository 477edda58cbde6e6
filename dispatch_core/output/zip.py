"""The dispatch as a zip: the same bytes under the same names as the folder."""

from __future__ import annotations

import errno
import filecmp
import io
import os
import stat
import sys
import zipfile
from array import array
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

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
from dispatch_core.output.text_file import write_standard_output

_ZIP_UNIX = 3
_CANNOT_LINK = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}

PART = 256 << 10
"""Bytes of a part of a zip: some hundred jobs, in a slice of computing."""


def write_zip(files: Iterable[JobFile], destination: BinaryIO) -> None:
    """The dispatch as a zip, with the same bytes under the same names as the folder.

    The same stream gives the same zip: every entry is dated 1980-01-01, the first
    date a zip can hold.
    """
    name = str(getattr(destination, "name", "the zip"))
    with disk_errors(Path(name), "file"):
        _zip(JobStream(files), destination)


def zip_parts(files: Iterable[JobFile], size: int = PART) -> Generator[bytes, None, None]:
    """The zip of `write_zip`, byte for byte, in parts of `size` bytes, each made when it is read.

    A part is larger by at most one job, and the last one may be smaller. An iterator that is
    closed early lets go of `files` at once.
    """
    window = _Window()
    with closing(JobStream(files)) as stream:
        for _ in _entries_written(stream, window):
            if window.held >= size:
                yield window.take()
    with window.getbuffer() as rest:  # with the names of all jobs at the end
        for start in range(0, window.held, size):
            yield bytes(rest[start : min(start + size, window.held)])


def packed_size(files: Iterable[JobFile]) -> int:
    """The bytes of the zip of these files, which may be any of a dispatch."""
    destination = io.BytesIO()
    _zip(files, destination)
    return destination.tell()


def write_zip_file(files: Iterable[JobFile], target: Path, *, replace: bool = False) -> WriteResult:
    """The dispatch as a zip in the file `target`, complete and durable, or an error.

    If `target` is the same zip, it is confirmed. Any other file is refused, or with
    `replace` overwritten in one step.
    """
    with staged_zip(files, target, replace=replace) as staged:
        return staged.publish()


def stream_zip(files: Iterable[JobFile]) -> WriteResult:
    """The zip of `write_zip` on standard output, in parts; raises as `write_standard_output` does.

    After an error, standard output has a part of the zip.
    """
    stream = JobStream(files)
    for part in zip_parts(stream):
        write_standard_output(part)
    place = Path("standard output")
    return WriteResult(place, "written", stream.file_count, stream.worker_count)


def check_zip_stream() -> None:
    """Raises `InvalidInput` if standard output is a terminal, which cannot show a zip."""
    if sys.__stdout__ is not None and not sys.__stdout__.closed and sys.__stdout__.isatty():
        what = "a zip is not written to a terminal"
        action = "Redirect it to a file or a command, or name a file"
        raise InvalidInput(Issue(what, "standard output", action))


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


class _Window(io.BytesIO):
    """The end of a file; what is before it was taken and cannot be written again.

    `zipfile` completes the header of an entry after its content, and nothing before it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._taken = 0

    @property
    def held(self) -> int:
        """The number of bytes that are not taken."""
        return super().tell()

    def take(self) -> bytes:
        """All bytes since the last call."""
        content = self.getvalue()
        self._taken += len(content)
        super().seek(0)
        self.truncate()
        return content

    def tell(self) -> int:
        return self._taken + super().tell()

    def seek(self, position: int, origin: int = os.SEEK_SET, /) -> int:
        if origin != os.SEEK_SET:
            raise io.UnsupportedOperation("only from the beginning")
        return self._taken + super().seek(position - self._taken)


class _Entries(list[zipfile.ZipInfo]):
    """The entries of a zip of job files, in 75 bytes each instead of 500."""

    def __init__(self) -> None:
        super().__init__()
        self._paths = bytearray()
        self._numbers = array("Q")

    def append(self, entry: zipfile.ZipInfo) -> None:
        self._paths += f"{entry.filename}\n".encode()
        self._numbers.extend((entry.CRC, entry.compress_size, entry.file_size, entry.header_offset))

    def __len__(self) -> int:
        return len(self._numbers) // 4

    def __iter__(self) -> Iterator[zipfile.ZipInfo]:
        for number, path in enumerate(io.BytesIO(self._paths)):
            entry = _zip_entry(path.decode().rstrip("\n"))
            entry.CRC, entry.compress_size, entry.file_size, entry.header_offset = self._numbers[
                4 * number : 4 * number + 4
            ]
            yield entry


class _Unkept(dict[str, Any]):
    """Keeps nothing: `JobStream` has checked that no path is there twice."""

    def __setitem__(self, key: str, value: object) -> None:
        pass


def _zip(stream: Iterable[JobFile], destination: BinaryIO) -> None:
    for _ in _entries_written(stream, destination):
        pass


def _entries_written(stream: Iterable[JobFile], destination: BinaryIO) -> Iterator[None]:
    """Write a zip, with a stop after each entry and at the end."""
    archive = zipfile.ZipFile(destination, "w", zipfile.ZIP_DEFLATED)
    archive.filelist, archive.NameToInfo = _Entries(), _Unkept()
    try:
        for path, content in stream:
            archive.writestr(_zip_entry(path), content)
            yield
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
