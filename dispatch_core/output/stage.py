"""Stages and locks: hidden folders and files of our own, and moves that can be undone.

A stage is locked with ``flock`` while its process lives, and the lock ends with the
process. So a stage that can be locked was left by a dead process, and is removed. On a file
system without locks, a claim replaces the lock of a target, and stages beside it stay.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from dispatch_core.errors import Issue, ServiceError
from dispatch_core.output.claim import Claim, is_own_claim
from dispatch_core.output.disk import OCCUPIED, status_of

LOCK_TIMEOUT = 30.0
"""Seconds to wait for another dispatch that is writing into the same folder."""

ATTEMPTS = 20
"""Tries to make a stage or to write a folder, while other processes change its parent."""

INNER_PREFIX = ".dispatch.tmp-"
_STAGE_SUFFIX = "[0-9a-f]{16}"
_INNER_STAGE = re.compile(re.escape(INNER_PREFIX) + _STAGE_SUFFIX)
_CLAIM_SUFFIX = "0" * 16
_POLL = 0.02
_CANNOT_LOCK = {
    errno.EBADF,
    errno.EINVAL,
    errno.ENOLCK,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
}


def entries_of(folder: Path) -> dict[str, os.DirEntry[str]]:
    """Name -> entry of everything in `folder`, hidden entries too."""
    with os.scandir(folder) as entries:
        return {entry.name: entry for entry in entries}


class Moves:
    """Renames that are all undone if the block ends with an exception."""

    def __init__(self) -> None:
        self._moves: list[tuple[Path, Path]] = []

    def move(self, source: Path, goal: Path) -> None:
        """Renames `source` to `goal`, and remembers it."""
        self._moves.append((source, goal))
        os.rename(source, goal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            return
        for source, goal in reversed(self._moves):
            if not os.path.lexists(source):
                with suppress(OSError):
                    os.makedirs(source.parent, exist_ok=True)
                    os.rename(goal, source)


@dataclass
class Race:
    """Whether another process took the place first."""

    lost: bool = False


@contextmanager
def watch_race() -> Iterator[Race]:
    """A `Race` that is lost, instead of an error, if the goal of a rename is occupied."""
    race = Race()
    try:
        yield race
    except OSError as error:
        if error.errno not in OCCUPIED:
            raise
        race.lost = True


@dataclass(frozen=True, slots=True)
class Lock:
    """An open file or folder that can be locked, and the path it was opened by."""

    descriptor: int
    path: Path

    def holds(self) -> bool:
        """Whether the path still leads to what was locked."""
        there = status_of(self.path)
        return there is not None and os.path.samestat(there, os.fstat(self.descriptor))

    def release(self) -> None:
        """Closes the descriptor, which ends the lock."""
        # Nothing was written through it, so nothing is lost if closing fails.
        with suppress(OSError):
            os.close(self.descriptor)


@contextmanager
def locked(lock: Lock) -> Iterator[Lock]:
    """`lock`, held until the block ends; raises `ServiceError` after `LOCK_TIMEOUT`."""
    try:
        with ExitStack() as at_end:
            is_ours = _try_lock(lock.descriptor)
            if is_ours is None:
                claim = _claim_of(lock, at_end)
                _wait_for(partial(_take, claim, at_end), lock.path)
            elif not is_ours:
                _wait_for(partial(_try_lock, lock.descriptor), lock.path)
            yield lock
    finally:
        lock.release()


def _wait_for(take: Callable[[], bool | None], target: Path) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT
    while not take():
        if time.monotonic() >= deadline:
            raise _still_in_use(target)
        time.sleep(_POLL)


def _take(claim: Claim, at_end: ExitStack) -> bool:
    """Whether the claim is ours until `at_end`."""
    try:
        is_ours = claim.take()
    except FileNotFoundError:
        return True  # the folder is gone, and a lock on it is worth nothing: see `holds`
    if is_ours:
        at_end.callback(claim.release)
    return is_ours


def _claim_of(lock: Lock, at_end: ExitStack) -> Claim:
    """The claim that replaces the lock of a folder, in it, or of a file, beside it."""
    if stat.S_ISDIR(os.fstat(lock.descriptor).st_mode):
        return Claim(lock.descriptor, f"{INNER_PREFIX}{_CLAIM_SUFFIX}")
    folder = os.open(lock.path.parent, os.O_RDONLY | os.O_DIRECTORY)
    at_end.callback(os.close, folder)
    return Claim(folder, f"{stage_prefix(lock.path)}{_CLAIM_SUFFIX}")


def _still_in_use(target: Path) -> ServiceError:
    return ServiceError(
        Issue(
            f"another dispatch is writing here and did not end within {LOCK_TIMEOUT:g} s",
            str(target),
            "Run again when it has ended, or choose another folder.",
        )
    )


def _try_lock(descriptor: int) -> bool | None:
    """Whether the lock was free; None if the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _CANNOT_LOCK:
            raise
        return None
    return True


@contextmanager
def new_stage(parent: Path, prefix: str, make: Callable[[Path], int]) -> Iterator[Path]:
    """A new folder or file of our own, locked; removed at the end if it is still there.

    `make` is `new_folder`, `new_file` or `new_private_file`.
    """
    for attempt in itertools.count(1):
        path = parent / f"{prefix}{secrets.token_hex(8)}"
        with ExitStack() as at_end, _removed_at_end(path):
            try:
                lock = Lock(make(path), path)
            except FileNotFoundError:
                # Another process removed the parent and made it again, or the parent is one
                # that takes no entries, like /proc.
                if attempt == ATTEMPTS or status_of(parent) is None:
                    raise
                continue
            at_end.callback(lock.release)
            if _try_lock(lock.descriptor) is False or not lock.holds():
                continue
            yield path
            return


@contextmanager
def _removed_at_end(path: Path) -> Iterator[None]:
    """Removes the stage at `path`, also if a signal ends its making or its removal."""
    try:
        yield
    finally:
        try:
            _remove(path)
        except BaseException:
            _remove(path)
            raise


def new_folder(path: Path) -> int:
    """A descriptor of the new folder `path`."""
    os.mkdir(path)
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except BaseException:
        _remove(path)
        raise


def new_file(path: Path) -> int:
    """A descriptor of the new, empty file `path`."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)


def new_private_file(path: Path) -> int:
    """A descriptor of the new, empty file `path`, which only this user may read and write."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def stage_prefix(target: Path) -> str:
    """How the names of all stages beside `target` begin."""
    return f".{target.name}.tmp-"


def is_inner_stage(entry: os.DirEntry[str]) -> bool:
    """Whether the entry is a stage of ours inside an output folder."""
    return bool(_INNER_STAGE.fullmatch(entry.name)) and entry.is_dir(follow_symlinks=False)


def remove_inner_stages(target: Path) -> None:
    """Removes the stages inside a locked target, all of them left by dead processes."""
    for entry in entries_of(target).values():
        if is_inner_stage(entry) and not is_own_claim(Path(entry.path)):
            shutil.rmtree(entry.path)


def remove_dead_stages(target: Path) -> None:
    """Removes the stages of dead processes beside `target`, as far as that is possible."""
    pattern = re.compile(re.escape(stage_prefix(target)) + _STAGE_SUFFIX)
    names: list[str] = []
    with suppress(OSError):
        names = os.listdir(target.parent)
    for name in names:
        if pattern.fullmatch(name):
            with suppress(OSError):
                _remove_if_dead(target.parent / name)


def _remove_if_dead(path: Path) -> None:
    # Without O_NONBLOCK, opening a named pipe of this name would never return.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        is_ours = os.fstat(descriptor).st_uid == os.geteuid()
        if is_ours and _try_lock(descriptor):
            _remove(path)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Removes a stage, as far as that is possible."""
    with suppress(OSError):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
