"""Every entry of a worker folder or a zip, with the content of its files.

Nothing is unpacked to the disk, no link is followed, and files, entries and bytes are read
only up to a limit, so a hostile folder or zip costs no more than a large honest one.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal

from dispatch_core.errors import InvalidInput, Issue

MAX_FILE = 32 << 20
"""The largest job file that is read, in bytes."""

MAX_DEPTH = 16
"""Levels of folders below the first one."""

MAX_ENTRIES = 1_000_000
MAX_TOTAL = 8 << 30
"""The most bytes that are read of all files together."""

MAX_ZIP_LIST = 48 << 20
"""The longest list of entries in a zip, in bytes: that of half a million jobs."""

MAX_RATIO = 50
"""How many times larger than the zip its content may be; job files are packed 3 to 30 times."""

_ALWAYS_READ = 64 << 20
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_UNIX = 3
_NO_BLOCK = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)

_ZIP_ERRORS = (
    # what zipfile raises for malformed zips, beside its own error: offsets and names are not
    # checked before they are used
    *(zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, NotImplementedError),
    *(ValueError, OverflowError, RuntimeError),
)

EntryKind = Literal[
    "file", "folder", "link", "special", "too_large", "unreadable", "bad_name", "stopped"
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: a file with its content, an empty folder, or what is not read, and why.

    ``path`` is relative, with ``/`` between its parts. ``content`` is None except for a file.
    ``size`` is the number of bytes that reading it costs. ``stopped`` is the last
    entry: what follows is not read.
    """

    path: str
    kind: EntryKind = "file"
    content: bytes | None = None
    reason: str = ""
    size: int = 0


def folder_entries(folder: Path) -> Iterator[Entry]:
    """The entries of `folder` at any depth: files, empty folders, links, special files.

    Numbers in order: ``2`` comes before ``10``. Raises `OSError` if `folder` itself cannot be
    read.
    """
    names = _names_in(os.fspath(folder))
    return _limited(_below(os.fspath(folder), "", names, 0), MAX_TOTAL)


def _limited(entries: Iterable[Entry], most: int) -> Iterator[Entry]:
    """The entries, until there are too many, or more than `most` bytes."""
    total = 0
    for count, entry in enumerate(entries):
        total += entry.size
        if count == MAX_ENTRIES:
            yield Entry("", "stopped", reason=f"it has more than {MAX_ENTRIES:,} entries")
            return
        if total > most:
            yield Entry("", "stopped", reason=f"it contains more than {most >> 20:,} MB")
            return
        yield entry


def _names_in(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in islice(entries, MAX_ENTRIES + 1)]
    return sorted(names, key=number_first)


def number_first(name: str) -> tuple[bool, int, str]:
    """A sort key: numbers by their value, then other names as text."""
    is_number = name.isascii() and name.isdecimal()
    return not is_number, int(name) if is_number else 0, name


def _below(folder: str, prefix: str, names: list[str], depth: int) -> Iterator[Entry]:
    for name in names:
        file, path = f"{folder}/{name}", f"{prefix}{name}"
        try:
            mode = os.lstat(file).st_mode
            if stat.S_ISDIR(mode):
                yield from _folder(file, path, depth + 1)
            elif stat.S_ISLNK(mode):
                yield Entry(path, "link", reason=f"a link to {os.readlink(file)}")
            else:
                yield _file(file, path)
        except OSError as error:
            yield Entry(path, "unreadable", reason=error.strerror or str(error))


def _folder(folder: str, path: str, depth: int) -> Iterator[Entry]:
    if depth > MAX_DEPTH:
        yield Entry(path, "unreadable", reason=f"it is more than {MAX_DEPTH} folders deep")
    elif names := _names_in(folder):
        yield from _below(folder, f"{path}/", names, depth)
    else:
        yield Entry(path, "folder")


def _file(file: str, path: str) -> Entry:
    # opening a named pipe would wait, and another process may put a link here meanwhile
    descriptor = os.open(file, os.O_RDONLY | _NO_BLOCK | _NO_LINK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Entry(path, "special", reason="neither a file nor a folder")
        if status.st_size > MAX_FILE:
            return _too_large(path)
        content = _content(descriptor, status.st_size)
    finally:
        os.close(descriptor)
    return Entry(path, content=content, size=len(content))


def _content(descriptor: int, size: int) -> bytes:
    """The bytes of an open file; one that grows meanwhile is cut at the size that it had."""
    content = os.read(descriptor, size)
    while len(content) < size and (more := os.read(descriptor, size - len(content))):
        content += more
    return content


def _too_large(path: str) -> Entry:
    return Entry(path, "too_large", reason=f"it is larger than {MAX_FILE >> 20} MB")


@contextmanager
def open_file(path: Path, *, follow: bool = True) -> Iterator[BinaryIO]:
    """The regular file at `path`, open for reading; raises `OSError` for anything else.

    With ``follow=False`` a link is an error, too. A named pipe does not make it wait.
    """
    if not follow and os.path.islink(path):
        raise OSError(errno.ELOOP, "it is a link, which is not followed")
    descriptor = os.open(path, os.O_RDONLY | _NO_BLOCK | (0 if follow else _NO_LINK))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is neither a file nor a folder")
        yield file


@contextmanager
def open_zip(file: BinaryIO, name: str) -> Iterator[zipfile.ZipFile]:
    """The zip in `file`; raises `InvalidInput` if it is malformed or lists too much."""
    try:
        archive = zipfile.ZipFile(_Limited(file))
    except _ZIP_ERRORS as error:
        what = f"it is not a readable zip: {error}"
        raise InvalidInput(Issue(what, name, "Make the zip again")) from None
    with archive:
        yield archive


class _Limited:
    """A file of which `zipfile` cannot read more at once than the list of entries may have.

    `zipfile` reads the list in one piece, and then makes an object of each entry.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if size > MAX_ZIP_LIST:
            raise zipfile.BadZipFile(f"it lists more than {MAX_ZIP_LIST >> 20} MB of names")
        return self._file.read(MAX_ZIP_LIST if size < 0 else size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def zip_entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    """The entries of a zip, in its own order, under the names that it gives them.

    A name that leads out of the folder into which the zip would be unpacked is ``bad_name``.
    """
    size = _size_of(archive)
    if sum(info.compress_size for info in archive.infolist()) > size:
        return iter([Entry("", "stopped", reason="its entries overlap, as in a zip bomb")])
    most = min(max(MAX_RATIO * size, _ALWAYS_READ), MAX_TOTAL)
    return _limited(_with_content(archive), most)


def _size_of(archive: zipfile.ZipFile) -> int:
    assert archive.fp is not None, "the zip is open"
    return archive.fp.seek(0, os.SEEK_END)


def _with_content(archive: zipfile.ZipFile) -> Iterator[Entry]:
    """The entries, without the folders that have others in them."""
    filled = {path for name in archive.namelist() for path in _folders_of(path_in_zip(name))}
    for info in archive.infolist():
        if path_in_zip(info.filename) not in filled:
            yield _zip_entry(archive, info)


def path_in_zip(name: str) -> str:
    """The path of an entry without the ``./`` with which some programs begin it."""
    return name.removeprefix("./")


def _folders_of(path: str) -> Iterator[str]:
    end = path.rstrip("/").rfind("/")
    while end >= 0:
        yield path[: end + 1]
        end = path.rfind("/", 0, end)


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    path, mode = path_in_zip(info.filename), info.external_attr >> 16
    if reason := _bad_name(info):
        return Entry(path, "bad_name", reason=reason)
    if info.is_dir():
        return Entry(path.rstrip("/"), "folder")
    if info.create_system == _UNIX and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        is_link = stat.S_ISLNK(mode)
        reason = "a link" if is_link else "neither a file nor a folder"
        return Entry(path, "link" if is_link else "special", reason=f"{reason}, in a zip")
    return _unpacked(archive, info)


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    path = path_in_zip(info.filename)
    if info.flag_bits & 1:
        return Entry(path, "unreadable", reason="it is encrypted")
    # the other methods unpack without a limit
    if info.compress_type not in _METHODS:
        return Entry(path, "unreadable", reason="it is packed with another method than deflate")
    if info.file_size > MAX_FILE:
        return _too_large(path)
    try:
        with archive.open(info) as stream:
            content = stream.read(MAX_FILE)
    except _ZIP_ERRORS as error:
        reason = f"it is damaged: {error or type(error).__name__}"
        return Entry(path, "unreadable", reason=reason, size=info.file_size)
    if len(content) != info.file_size:
        return Entry(path, "unreadable", reason="it is damaged: it ends too early")
    return Entry(path, content=content, size=len(content))


def _bad_name(info: zipfile.ZipInfo) -> str:
    """Why the name of an entry cannot be used, or ``""``."""
    path = path_in_zip(info.filename)
    parts = path.replace("\\", "/").split("/")
    if path.startswith(("/", "\\")) or ".." in parts or re.match("[A-Za-z]:", path):
        return "it leads out of the folder"
    if info.filename != info.orig_filename:
        return "it has a zero byte"
    if "\\" in path:
        return "it has a backslash, which is a folder on Windows and a character elsewhere"
    return "it has an empty part" if "" in parts[:-1] or "." in parts or not parts[0] else ""
