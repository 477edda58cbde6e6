"""What replaces ``flock`` on a file system without locks: a folder that one process makes.

A claim is a folder of a fixed name with one empty file, whose name says which process made it:
machine, process number and start. A claim is taken over if its process has ended or, on another
machine, is an hour old. Both steps, making the folder and removing the file of the former
owner, succeed for one process only.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

OLDEST = 3600.0
"""Seconds after which the claim of a process of another machine is taken over."""

UNNAMED = 60.0
"""Seconds after which a claim is taken over whose process died before it named itself."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim, and the open folder it is in, whose path may change meanwhile."""

    folder: int
    name: str

    def take(self) -> bool:
        """Whether the claim is ours now; False if another process has it, or is taking it.

        Raises FileNotFoundError if the folder was removed.
        """
        try:
            os.mkdir(self.name, dir_fd=self.folder)
        except FileExistsError:
            if not self._is_freed():
                return False
        try:
            os.close(os.open(self._own_file, os.O_WRONLY | os.O_CREAT, dir_fd=self.folder))
        except FileNotFoundError:
            return False  # this process slept, and another took what had no owner yet
        return True

    def release(self) -> None:
        """Removes our claim, as far as that is possible."""
        with suppress(OSError):
            os.unlink(self._own_file, dir_fd=self.folder)
            os.rmdir(self.name, dir_fd=self.folder)

    @property
    def _own_file(self) -> str:
        return f"{self.name}/{_own_name()}"

    def _is_freed(self) -> bool:
        """Whether this call ended the claim of a dead process, whose folder is now ours."""
        try:
            names, age = self._owners()
            if not names and age > UNNAMED:
                os.rmdir(self.name, dir_fd=self.folder)  # the next attempt makes it again
            if len(names) != 1 or not _is_dead(names[0], age):
                return False
            os.unlink(f"{self.name}/{names[0]}", dir_fd=self.folder)
        except OSError:  # its owner released it, or another process freed it
            return False
        return True

    def _owners(self) -> tuple[list[str], float]:
        """The names in the claim, and its age in seconds."""
        claim = os.open(self.name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=self.folder)
        try:
            return os.listdir(claim), time.time() - os.fstat(claim).st_mtime
        finally:
            os.close(claim)


def is_own_claim(claim: Path) -> bool:
    """Whether this process has the claim."""
    return os.path.exists(claim / _own_name())


def _is_dead(name: str, age: float) -> bool:
    machine, _, process = name.partition("-")
    if machine != _machine():
        return age > OLDEST
    number, _, start = process.partition("-")
    return not number.isdigit() or _start_of(int(number)) != start


def _own_name() -> str:
    return f"{_machine()}-{os.getpid()}-{_start_of(os.getpid())}"


@cache
def _machine() -> str:
    """What tells apart the process numbers of machines, of their starts, and of containers."""
    parts = [os.uname().nodename]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def _start_of(process: int) -> str:
    """When the process started, in the clock of its machine; "" if it does not run.

    Without ``/proc``, "0" for a process that runs.
    """
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return "0" if not os.path.exists("/proc/self/stat") and _runs(process) else ""
    return stat.rpartition(")")[2].split()[19]


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
