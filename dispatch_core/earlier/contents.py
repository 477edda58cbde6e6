"""Every entry of a worker folder or a zip, with the content of its files.

Nothing is unpacked to the disk, no link is followed, and each file is read only up to a
limit, so a hostile zip costs no more than an honest one.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

MAX_FILE = 32 << 20
"""The largest job file that is read, in bytes."""

MAX_DEPTH = 16
"""Levels of folders below the first one."""

EntryKind = Literal["file", "folder", "link", "special", "too_large", "unreadable", "bad_name"]

_DIGITS = re.compile("([0-9]+)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: a file with its content, an empty folder, or what is not read, and why.

    ``path`` is relative, with ``/`` between its parts. ``content`` is None except for a file.
    """

    path: str
    kind: EntryKind = "file"
    content: bytes | None = None
    reason: str = ""


def folder_entries(folder: Path) -> Iterator[Entry]:
    """The entries of `folder` at any depth: files, empty folders, links, special files.

    Numbers in names count as numbers: ``2`` comes before ``10``. Raises `OSError` if `folder`
    itself cannot be read.
    """
    yield from _below(folder, "", os.listdir(folder), 0)


def _below(folder: Path, prefix: str, names: list[str], depth: int) -> Iterator[Entry]:
    for name in sorted(names, key=natural_key):
        path = f"{prefix}{name}"
        try:
            mode = os.lstat(folder / name).st_mode
            if stat.S_ISDIR(mode):
                yield from _folder(folder / name, path, depth + 1)
            else:
                yield _file(folder / name, path, mode)
        except OSError as error:
            yield Entry(path, "unreadable", reason=error.strerror or str(error))


def _folder(folder: Path, path: str, depth: int) -> Iterator[Entry]:
    names = os.listdir(folder)
    if depth > MAX_DEPTH:
        yield Entry(path, "unreadable", reason=f"it is more than {MAX_DEPTH} folders deep")
    elif names:
        yield from _below(folder, f"{path}/", names, depth)
    else:
        yield Entry(path, "folder")


def _file(file: Path, path: str, mode: int) -> Entry:
    if stat.S_ISLNK(mode):
        return Entry(path, "link", reason=f"a link to {os.readlink(file)}")
    if not stat.S_ISREG(mode):
        return Entry(path, "special", reason="neither a file nor a folder")
    with open(file, "rb") as stream:
        return _read(stream, path)


def _read(stream: BinaryIO, path: str) -> Entry:
    """The file that `stream` reads, if it is not larger than `MAX_FILE`."""
    content = stream.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        return Entry(path, "too_large", reason=f"more than {MAX_FILE >> 20} MB")
    return Entry(path, content=content)


def zip_entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    """The entries of a zip, in its own order, under the names that it gives them.

    A name that leads out of the folder into which the zip would be unpacked is ``bad_name``.
    """
    for info in archive.infolist():
        path = info.filename
        if _leads_out(path):
            yield Entry(path, "bad_name", reason="it leads out of the folder")
        elif info.is_dir():
            yield Entry(path.rstrip("/"), "folder")
        elif stat.S_ISLNK(info.external_attr >> 16):
            yield Entry(path, "link", reason="a link in the zip")
        else:
            yield _unpacked(archive, info)


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    if info.flag_bits & 1:
        return Entry(info.filename, "unreadable", reason="it is encrypted")
    try:
        with archive.open(info) as stream:
            return _read(stream, info.filename)  # type: ignore[arg-type]
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, EOFError) as error:
        return Entry(info.filename, "unreadable", reason=str(error) or type(error).__name__)


def _leads_out(path: str) -> bool:
    parts = path.replace("\\", "/").split("/")
    return path.startswith(("/", "\\")) or ".." in parts or bool(re.match("[A-Za-z]:", path))


def natural_key(name: str) -> list[tuple[int, int | str]]:
    """A sort key for which ``2`` comes before ``10``, and numbers before other text."""
    parts = [part for part in _DIGITS.split(name) if part]
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
