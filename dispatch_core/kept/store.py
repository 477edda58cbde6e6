"""Texts on the disk of the server, each found only with its owner and its secret name.

A text is one private file. Its file name is a hash of owner and name, so that a listing of the
folder, a backup or a log never has the secret. Anything else in the folder is ignored.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from dispatch_core.errors import InvalidInput, Issue, WriteFailed
from dispatch_core.output.disk import disk_errors, make_parents, sync_folder
from dispatch_core.output.stage import Lock, locked
from dispatch_core.output.text_file import write_text_file

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_FILE: Final = re.compile(r"[0-9a-f]{64}\.json")
_STAGE: Final = re.compile(r"\.[0-9a-f]{64}\.json\.tmp-[0-9a-f]{16}")
_TIDY_SECONDS: Final = 60.0
_DEAD_SECONDS: Final = 3600.0
"""A stage this old was left by a process that ended."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many texts are kept, the bytes of each and of all, and for how long after a change."""

    most: int
    bytes_each: int
    bytes_all: int
    seconds: float


@dataclass(frozen=True, slots=True)
class KeptText:
    """A text, and when it was written: seconds since 1970."""

    text: str
    written: float


class KeptTexts:
    """The texts in one folder; safe to use from several threads and processes.

    Parameters
    ----------
    folder
        Made when the first text is written, for this user only.
    bounds
        Above them the texts that were changed least recently are removed.
    """

    def __init__(
        self, folder: Path, bounds: Bounds, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder, self.bounds, self._clock = folder, bounds, clock
        self._tidied = float("-inf")

    def write(self, owner: str, name: str, text: str) -> None:
        """Keep `text`; the one that was kept before is replaced as a whole.

        Raises
        ------
        InvalidInput
            The text is larger than the bound, or the name is not one of ours.
        WriteFailed
            The disk failed, or other users of the machine may write into the folder.
        """
        path = self._required_path(owner, name)
        size = len(text.encode("utf-8", "backslashreplace"))
        if size > self.bounds.bytes_each:
            what = f"it has {size:,} bytes, and at most {self.bounds.bytes_each:,} are kept"
            raise InvalidInput(Issue(what, "", "Save the request on the page Deliver instead"))
        self._make_folder()
        is_new = not os.path.lexists(path)
        self._make_way(path)
        write_text_file(path, text, is_private=True)
        if is_new or self._clock() - self._tidied > _TIDY_SECONDS:
            self._tidy()

    def change(self, owner: str, name: str, edit: Callable[[str | None], str]) -> None:
        """Replace a text by what `edit` makes of it; None without one. No other change is lost.

        Raises what `edit` raises, and then the text stays; otherwise as `write`.
        """
        path = self._required_path(owner, name)
        self._make_folder()
        with disk_errors(self._folder, "folder"):
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        with locked(Lock(descriptor, self._folder)):
            kept = self._read(path)
            self.write(owner, name, edit(None if kept is None else kept.text))

    def read(self, owner: str, name: str) -> KeptText | None:
        """The text that is kept under this name for this owner; None without a valid one."""
        path = self._path(owner, name)
        return None if path is None else self._read(path)

    def remove(self, owner: str, name: str) -> None:
        """Keep nothing under this name any more."""
        path = self._path(owner, name)
        if path is not None:
            with suppress(OSError):
                os.unlink(path)

    def last_day(self) -> date:
        """The last whole day on which a text that is written now is kept."""
        return date.fromtimestamp(self._clock() + self.bounds.seconds) - timedelta(days=1)

    def _required_path(self, owner: str, name: str) -> Path:
        path = self._path(owner, name)
        if path is None:
            raise InvalidInput(Issue(f"{name[:80]!r} is not a name of a kept text"))
        return path

    def _path(self, owner: str, name: str) -> Path | None:
        if not _NAME.fullmatch(name):
            return None
        secret = f"{owner}\0{name}".encode("utf-8", "surrogatepass")
        return self._folder / f"{hashlib.sha256(secret).hexdigest()}.json"

    def _read(self, path: Path) -> KeptText | None:
        try:
            # without O_NONBLOCK, opening a named pipe would never return
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with suppress(OSError, UnicodeDecodeError), open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if self._is_valid(status):
                content = file.read(self.bounds.bytes_each + 1)
                if len(content) <= self.bounds.bytes_each:
                    return KeptText(content.decode(), status.st_mtime)
        return None

    def _is_valid(self, status: os.stat_result) -> bool:
        is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        return is_ours and not self._is_old(status)

    def _is_old(self, status: os.stat_result) -> bool:
        return self._clock() - status.st_mtime > self.bounds.seconds

    def _make_folder(self) -> None:
        with disk_errors(self._folder, "folder"):
            make_parents(self._folder.parent)
            with suppress(FileExistsError):
                os.mkdir(self._folder, 0o700)
                sync_folder(self._folder.parent)
            status = os.lstat(self._folder)
        is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
        if not is_ours or status.st_mode & 0o077:
            what = "other users of this machine may use the folder, so nothing is kept in it"
            action = "Set DISPATCH_STATE_ROOT to a folder of the user who runs the app"
            raise WriteFailed(Issue(what, str(self._folder), action))

    def _make_way(self, path: Path) -> None:
        """Remove what is not a file: a write would follow a link, and wait for a pipe."""
        with disk_errors(path, "file"), suppress(FileNotFoundError):
            mode = os.lstat(path).st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                os.unlink(path)

    def _tidy(self) -> None:
        """Apply the bounds: drop old texts first, then those that changed least recently."""
        self._tidied = self._clock()
        kept: list[tuple[float, int, str]] = []
        for entry, status in self._entries():
            if _STAGE.fullmatch(entry.name):
                if self._clock() - status.st_mtime > _DEAD_SECONDS:
                    _unlink(entry.path)
            elif self._is_old(status):
                _unlink(entry.path)
            else:
                kept.append((status.st_mtime, status.st_size, entry.path))
        number = size = 0
        for _, bytes_of, path in sorted(kept, reverse=True):
            number, size = number + 1, size + bytes_of
            if number > self.bounds.most or size > self.bounds.bytes_all:
                _unlink(path)

    def _entries(self) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
        """The regular files with names of ours."""
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                if _FILE.fullmatch(entry.name) or _STAGE.fullmatch(entry.name):
                    with suppress(OSError):
                        if entry.is_file(follow_symlinks=False):
                            yield entry, entry.stat(follow_symlinks=False)


def _unlink(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
