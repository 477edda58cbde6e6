"""Files come out: one stream of job files becomes a folder or a zip, whole or not at all.

Everything is first written and synced in a *stage*, a hidden folder on the same
file system, and then moved into place:

- the target is absent: one rename, which also decides races, because a folder
  cannot be renamed onto one that holds something;
- the target is empty, or holds a part of the same dispatch: worker folders are
  renamed into it one by one, each of them complete;
- the target holds anything else: it is refused, or moved aside as a whole.

A stage and a target in use are locked with ``flock``, a lock that dies with its
process. So what a dead process left is known from what a live one is using.
"""

from __future__ import annotations

import errno
import fcntl
import filecmp
import itertools
import os
import re
import secrets
import shutil
import stat
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

from dispatch_core.errors import InvalidInput, Issue, ServiceError, WriteFailed

JobFile = tuple[str, bytes]
"""A path below the output folder, ``0/<uuid>.json``, and the bytes of the file."""

LOCK_WAIT = 30.0
"""Seconds to wait for another dispatch that is writing into the same folder."""

_JOB_PATH = re.compile(r"(0|[1-9][0-9]{0,8})/([A-Za-z0-9][A-Za-z0-9._-]{0,199}\.json)")
_ZIP_UNIX = 3
_INNER_PREFIX = ".dispatch.tmp-"
_STAGE_SUFFIX = "[0-9a-f]{16}"
_INNER_STAGE = re.compile(re.escape(_INNER_PREFIX) + _STAGE_SUFFIX)
_ATTEMPTS = 20
_POLL = 0.02
_NAMED = 5

# An fsync is nearly all waiting, and waits of several threads share one commit of the
# file system: 16 threads write three to four times as fast as one. A batch is large
# enough that handing it over costs little where an fsync costs nothing (a RAM disk).
# One syncfs after all files took as long here (ext4), waits for what everybody else wrote
# too, and says neither which file failed nor, on older kernels, that one did.
_THREADS = 16
_BATCH_FILES = 64
_BATCH_BYTES = 1 << 20

_OCCUPIED = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}
_CANNOT_MOVE = {errno.EBUSY, errno.EXDEV, errno.EINVAL}
_CANNOT_SYNC_FOLDERS = {errno.EINVAL, errno.ENOTSUP}
_CANNOT_LINK = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
_CANNOT_LOCK = {
    errno.EBADF,
    errno.EINVAL,
    errno.ENOLCK,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
}


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What is now in place, all of it durable.

    Attributes
    ----------
    status
        ``written`` where nothing was before, ``finished`` where a part of this
        dispatch was, ``confirmed`` where all of it was and nothing was written,
        ``replaced`` where something else was.
    file_count, worker_count
        Of the whole dispatch, whoever wrote them.
    moved_aside
        Where the replaced folder is now; nothing in it was changed.
    """

    target: Path
    status: Literal["written", "finished", "confirmed", "replaced"]
    file_count: int
    worker_count: int
    moved_aside: Path | None = None


def write_folder(
    files: Callable[[], Iterable[JobFile]],
    target: Path,
    *,
    replace: bool = False,
    progress: Callable[[int], None] | None = None,
    wait: float = LOCK_WAIT,
) -> WriteResult:
    """The dispatch as worker folders in `target`, complete and durable, or an error.

    The same dispatch twice is the same tree: what is missing is added, and what is
    there is never written again. A failure leaves `target` as it was; after a crash
    it holds only whole worker folders, and the next run completes it.

    Parameters
    ----------
    files
        Gives a fresh stream at each call, worker by worker from 0; it is called
        once or twice.
    target
        The folder, absent, empty, or with a part of the same dispatch. A symbolic
        link stands for where it leads. Missing parents are made.
    replace
        Move anything else that is there to ``<name>.replaced-<n>``, else refuse it.
    progress
        Called with the number of files that are synced in the stage so far. An
        exception from it, or from the stream, undoes everything and is passed on.
    wait
        Seconds to wait for another dispatch that is writing into `target`.

    Raises
    ------
    InvalidInput
        `target` holds something else, or is no folder; nothing was touched.
    ServiceError
        Another dispatch still writes into `target` after `wait` seconds.
    WriteFailed
        The disk refused; nothing partial was left in place.
    """
    with _disk_errors(target):
        order = _Order(files, _real_target(target), replace, progress, wait)
        _remove_dead_stages(order.target)
        for _ in range(_ATTEMPTS):
            if result := _attempt(order):
                return result
    raise ServiceError(
        Issue("other dispatches keep changing the folder", str(target), "Run again later.")
    )


def write_zip(files: Iterable[JobFile], destination: BinaryIO) -> None:
    """The dispatch as a zip, with the same bytes under the same names as the folder.

    The same stream gives the same zip: every entry is dated 1980-01-01, the first
    date a zip can hold.
    """
    name = str(getattr(destination, "name", "the zip"))
    with _disk_errors(Path(name)):
        _zip(_Stream(files), destination)


def write_zip_file(files: Iterable[JobFile], target: Path, *, replace: bool = False) -> WriteResult:
    """The dispatch as a zip in the file `target`, complete and durable, or an error.

    The same zip in place is confirmed. Anything else there is refused, or with
    `replace` exchanged in one step and not kept.
    """
    with _disk_errors(target):
        stream = _Stream(files)
        real = _real_target(target)
        _make_parents(real.parent)
        _remove_dead_stages(real)
        with _stage(real.parent, _stage_prefix(real), _new_file) as stage:
            with open(stage, "wb") as destination:
                _zip(stream, destination)
                destination.flush()
                os.fsync(destination.fileno())
            status = _publish_zip(stage, real, replace)
        return WriteResult(real, status, stream.file_count, stream.worker_count)


# The stream


class _CallersError(Exception):
    """Carries an OSError of the caller's own code past the edge, unchanged."""

    def __init__(self, error: OSError) -> None:
        self.error = error


@contextmanager
def _callers_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _CallersError(error) from error


class _Stream:
    """The checked stream, which counts what goes by.

    The first file is drawn at once: before that nothing is made.
    """

    def __init__(self, files: Iterable[JobFile]) -> None:
        self.file_count = 0
        self.worker_count = 0
        self._files = self._checked(files)
        first = next(self._files, None)
        if first is None:
            raise ValueError("a dispatch without files is not written")
        self._first = first

    def __iter__(self) -> Iterator[JobFile]:
        return itertools.chain([self._first], self._files)

    def _checked(self, files: Iterable[JobFile]) -> Iterator[JobFile]:
        worker = ""
        names: set[str] = set()
        with _callers_errors():
            for path, content in files:
                match = _JOB_PATH.fullmatch(path)
                if match is None:
                    raise ValueError(f"not a path of a job file: {path!r}")
                if match[1] != worker:
                    worker = self._next_worker(match[1])
                    names.clear()
                if match[2] in names:
                    raise ValueError(f"twice in one dispatch: {path!r}")
                names.add(match[2])
                self.file_count += 1
                yield path, content

    def _next_worker(self, worker: str) -> str:
        if worker != str(self.worker_count):
            raise ValueError(f"worker {worker} where worker {self.worker_count} comes next")
        self.worker_count += 1
        return worker


def _worker_of(path: str) -> str:
    return path.partition("/")[0]


# The folder


@dataclass(frozen=True, slots=True)
class _Order:
    """What was asked for."""

    files: Callable[[], Iterable[JobFile]]
    target: Path
    replace: bool
    progress: Callable[[int], None] | None
    wait: float

    def stream(self) -> _Stream:
        with _callers_errors():
            files = self.files()
        return _Stream(files)

    def report(self, count: int) -> None:
        if self.progress is not None:
            with _callers_errors():
                self.progress(count)

    def result(
        self,
        status: Literal["written", "finished", "confirmed", "replaced"],
        stream: _Stream,
        moved_aside: Path | None = None,
    ) -> WriteResult:
        return WriteResult(self.target, status, stream.file_count, stream.worker_count, moved_aside)


def _attempt(order: _Order) -> WriteResult | None:
    """The result, or None where another dispatch changed the target meanwhile."""
    try:
        descriptor = os.open(order.target, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return _create(order)
    except NotADirectoryError as error:
        raise _not_a(order.target, "folder") from error
    with _locked(_Lock(descriptor, order.target), order.wait) as lock:
        return _settle(order, lock) if lock.holds() else None


def _create(order: _Order) -> WriteResult | None:
    stream = order.stream()
    parent = order.target.parent
    _make_parents(parent)
    with _stage(parent, _stage_prefix(order.target), _new_folder) as stage:
        _fill(stage, stream, order)
        with _race() as race, _Moves() as moves:
            moves.move(stage, order.target)
            _sync_folder(parent)
    return None if race.lost else order.result("written", stream)


def _settle(order: _Order, lock: _Lock) -> WriteResult | None:
    """The result for a target that exists and is locked."""
    stream = order.stream()
    found = _compare(stream, order.target)
    if found.stranger_count and not order.replace:
        raise _occupied(order.target, found)
    if found.stranger_count:
        return _replace(order)
    _remove_inner_stages(order.target)
    if found.matched < stream.file_count:
        return _finish(order, lock, "finished" if found.matched else "written")
    # A process that died after its renames may not have made them durable.
    for worker in os.listdir(order.target):
        _sync_folder(order.target / worker)
    _sync_target(order.target)
    return order.result("confirmed", stream)


def _finish(
    order: _Order, lock: _Lock, status: Literal["written", "finished"]
) -> WriteResult | None:
    """Adds what is missing, through a stage inside the target.

    The parent of a mount may be another file system or not writable.
    """
    stream = order.stream()
    with _stage(order.target, _INNER_PREFIX, _new_folder) as stage:
        # A dispatch that had found no folder may have put its own in place of an
        # empty one; from here on, with the stage in it, this one stays.
        if not lock.holds():
            return None
        _fill(stage, stream, order, order.target)
        with _race() as race, _Moves() as moves:
            _place(moves, stage, order.target)
            os.rmdir(stage)
            _sync_target(order.target)
    return None if race.lost else order.result(status, stream)


def _place(moves: _Moves, stage: Path, target: Path) -> None:
    for worker in sorted(os.listdir(stage), key=int):
        source, goal = stage / worker, target / worker
        if _stat(goal) is None:
            moves.move(source, goal)
            continue
        for name in sorted(os.listdir(source)):
            moves.move(source / name, goal / name)
        _sync_folder(goal)
        os.rmdir(source)


def _replace(order: _Order) -> WriteResult | None:
    """Moves the target aside and the new one in, or neither."""
    if os.path.ismount(order.target):
        raise _cannot_move(order.target)
    stream = order.stream()
    with _stage(order.target.parent, _stage_prefix(order.target), _new_folder) as stage:
        _fill(stage, stream, order)
        aside = _free_name(order.target)
        with _race() as race, _Moves() as moves:
            _move_aside(moves, order.target, aside)
            moves.move(stage, order.target)
            _sync_folder(order.target.parent)
    return None if race.lost else order.result("replaced", stream, aside)


def _move_aside(moves: _Moves, target: Path, aside: Path) -> None:
    try:
        moves.move(target, aside)
    except OSError as error:
        if error.errno in _CANNOT_MOVE:
            raise _cannot_move(target) from error
        raise


def _cannot_move(target: Path) -> InvalidInput:
    return InvalidInput(
        Issue(
            "the folder holds something else, and cannot be moved aside, as a mount point cannot",
            str(target),
            "Empty it, or choose another folder.",
        )
    )


def _free_name(target: Path) -> Path:
    for number in itertools.count(1):
        aside = target.with_name(f"{target.name}.replaced-{number}")
        if not os.path.lexists(aside):
            return aside
    raise AssertionError("count() does not end")


# What is there


@dataclass
class _Found:
    """How the content of a folder compares with a dispatch."""

    matched: int = 0
    strangers: list[str] = field(default_factory=list)
    stranger_count: int = 0

    def add_stranger(self, path: str) -> None:
        self.stranger_count += 1
        if len(self.strangers) < _NAMED:
            self.strangers.append(path)


def _compare(stream: Iterable[JobFile], target: Path) -> _Found:
    found = _Found()
    there = _entries(target)
    for name in [name for name, entry in there.items() if _is_inner_stage(entry)]:
        del there[name]
    for worker, group in itertools.groupby(stream, lambda file: _worker_of(file[0])):
        entry = there.pop(worker, None)
        if entry is not None and entry.is_dir(follow_symlinks=False):
            _compare_worker(group, target, worker, found)
        elif entry is not None:
            found.add_stranger(worker)
    for name in sorted(there):
        found.add_stranger(name)
    return found


def _compare_worker(group: Iterable[JobFile], target: Path, worker: str, found: _Found) -> None:
    there = _entries(target / worker)
    for path, content in group:
        entry = there.pop(path.partition("/")[2], None)
        if entry is None:
            continue
        if _holds(entry, content):
            found.matched += 1
        else:
            found.add_stranger(path)
    for name in sorted(there):
        found.add_stranger(f"{worker}/{name}")


def _entries(folder: Path) -> dict[str, os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return {entry.name: entry for entry in entries}


def _holds(entry: os.DirEntry[str], content: bytes) -> bool:
    """Whether the entry is a plain file with these bytes; a larger one is not read."""
    if not entry.is_file(follow_symlinks=False):
        return False
    if entry.stat(follow_symlinks=False).st_size != len(content):
        return False
    with open(os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read(len(content) + 1) == content


def _occupied(target: Path, found: _Found) -> InvalidInput:
    names = ", ".join(found.strangers)
    more = found.stranger_count - len(found.strangers)
    names += f" and {more} more" if more else ""
    entries = "1 entry" if found.stranger_count == 1 else f"{found.stranger_count} entries"
    other = "empty this one" if os.path.ismount(target) else "move this one aside (--replace)"
    return InvalidInput(
        Issue(
            f"the folder holds {entries} that this dispatch does not have ({names})",
            str(target),
            f"Choose another folder, or {other}.",
        )
    )


def _not_a(target: Path, wanted: Literal["file", "folder"]) -> InvalidInput:
    other = "folder" if wanted == "file" else "file"
    return InvalidInput(
        Issue(
            f"this leads to a {other}, not to a {wanted}", str(target), f"Choose another {wanted}."
        )
    )


# Staging


def _fill(stage: Path, stream: Iterable[JobFile], order: _Order, known: Path | None = None) -> None:
    """Writes and syncs the stream into the stage, but for files that `known` has."""
    if known is not None:
        stream = (file for file in stream if _stat(known / file[0]) is None)
    workers: dict[str, None] = {}
    pending: deque[Future[int]] = deque()
    count = 0
    with ThreadPoolExecutor(_THREADS) as pool:
        for batch in _batches(stream):
            for worker in {_worker_of(path): None for path, _ in batch}:
                if worker not in workers:
                    os.mkdir(stage / worker)
                    workers[worker] = None
            pending.append(pool.submit(_write_files, stage, batch))
            if len(pending) > _THREADS:
                count += pending.popleft().result()
                order.report(count)
        for future in pending:
            count += future.result()
            order.report(count)
        deque(pool.map(_sync_folder, [stage / worker for worker in workers]), maxlen=0)
    _sync_folder(stage)


def _batches(stream: Iterable[JobFile]) -> Iterator[list[JobFile]]:
    batch: list[JobFile] = []
    size = 0
    for file in stream:
        batch.append(file)
        size += len(file[1])
        if len(batch) == _BATCH_FILES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _write_files(stage: Path, batch: list[JobFile]) -> int:
    for path, content in batch:
        _write_file(f"{stage}/{path}", content)
    return len(batch)


def _write_file(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        written = 0
        while written < len(content):
            written += os.write(descriptor, content[written:])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_FOLDERS:
            raise
    finally:
        os.close(descriptor)


def _sync_target(target: Path) -> None:
    _sync_folder(target)
    # The parent of a mount may not be ours to read; then nothing was renamed in it.
    with suppress(PermissionError):
        _sync_folder(target.parent)


class _Moves:
    """Renames that are all taken back where the block ends with an exception."""

    def __init__(self) -> None:
        self._moves: list[tuple[Path, Path]] = []

    def move(self, source: Path, goal: Path) -> None:
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
class _Race:
    lost: bool = False


@contextmanager
def _race() -> Iterator[_Race]:
    """Notes, instead of an error, that something else came into place first."""
    race = _Race()
    try:
        yield race
    except OSError as error:
        if error.errno not in _OCCUPIED:
            raise
        race.lost = True


# Stages and locks


@dataclass(frozen=True, slots=True)
class _Lock:
    descriptor: int
    path: Path

    def holds(self) -> bool:
        """Whether the path still leads to what was locked."""
        there = _stat(self.path)
        return there is not None and os.path.samestat(there, os.fstat(self.descriptor))

    def release(self) -> None:
        # Nothing was written through it, so nothing is lost where closing fails.
        with suppress(OSError):
            os.close(self.descriptor)


@contextmanager
def _locked(lock: _Lock, wait: float) -> Iterator[_Lock]:
    try:
        deadline = time.monotonic() + wait
        while not _try_lock(lock.descriptor):
            if time.monotonic() >= deadline:
                raise _still_in_use(lock.path, wait)
            time.sleep(_POLL)
        yield lock
    finally:
        lock.release()


def _still_in_use(target: Path, wait: float) -> ServiceError:
    return ServiceError(
        Issue(
            f"another dispatch is writing here, and did not end within {wait:g} s",
            str(target),
            "Run again when it has ended, or choose another folder.",
        )
    )


def _try_lock(descriptor: int, *, otherwise: bool = True) -> bool:
    """Whether nobody else holds the lock; `otherwise` where a file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _CANNOT_LOCK:
            raise
        return otherwise
    return True


@contextmanager
def _stage(parent: Path, prefix: str, make: Callable[[Path], int]) -> Iterator[Path]:
    """A new folder or file of our own, locked; removed at the end if it is still there."""
    for attempt in itertools.count(1):
        path = parent / f"{prefix}{secrets.token_hex(8)}"
        try:
            lock = _Lock(make(path), path)
        except FileNotFoundError:
            # The parent went and came back, or it is one like /proc that takes no folder.
            if attempt == _ATTEMPTS or _stat(parent) is None:
                raise
            continue
        try:
            if not _try_lock(lock.descriptor) or not lock.holds():
                continue
            yield path
            return
        finally:
            _remove(path)
            lock.release()


def _new_folder(path: Path) -> int:
    os.mkdir(path)
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except BaseException:
        _remove(path)
        raise


def _new_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)


def _stage_prefix(target: Path) -> str:
    return f".{target.name}.tmp-"


def _is_inner_stage(entry: os.DirEntry[str]) -> bool:
    return bool(_INNER_STAGE.fullmatch(entry.name)) and entry.is_dir(follow_symlinks=False)


def _remove_inner_stages(target: Path) -> None:
    """Removes the stages inside a locked target: whoever made them is dead."""
    for entry in _entries(target).values():
        if _is_inner_stage(entry):
            shutil.rmtree(entry.path)


def _remove_dead_stages(target: Path) -> None:
    """Removes what dead processes left beside the target, as far as that is possible."""
    pattern = re.compile(re.escape(_stage_prefix(target)) + _STAGE_SUFFIX)
    names: list[str] = []
    with suppress(OSError):
        names = os.listdir(target.parent)
    for name in names:
        if pattern.fullmatch(name):
            with suppress(OSError):
                _remove_if_dead(target.parent / name)


def _remove_if_dead(path: Path) -> None:
    # Without O_NONBLOCK, a named pipe of this name would hold us for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        is_ours = os.fstat(descriptor).st_uid == os.geteuid()
        if is_ours and _try_lock(descriptor, otherwise=False):
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


# The zip


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
        raise _not_a(target, "file")
    if filecmp.cmp(stage, target, shallow=False):
        _sync_folder(target.parent)
        return "confirmed"
    if not replace:
        raise InvalidInput(
            Issue("another file is there", str(target), "Choose another name, or use --replace.")
        )
    os.rename(stage, target)
    _sync_folder(target.parent)
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
        _sync_folder(target.parent)
    except BaseException:
        os.unlink(target)
        raise


# The edge


def _real_target(target: Path) -> Path:
    """The path without symbolic links, so that a stage beside it is on its file system."""
    return Path(os.path.realpath(target))


def _stat(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _make_parents(folder: Path) -> None:
    if _stat(folder) is not None:
        return
    _make_parents(folder.parent)
    with suppress(FileExistsError):
        os.mkdir(folder)
    _sync_folder(folder.parent)


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
def _disk_errors(target: Path) -> Iterator[None]:
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
