"""The dispatch as worker folders, written completely or not at all.

Everything is first written and synced in a *stage*, a hidden folder on the same
file system, and then moved into place:

- the target is absent: one rename, which also decides races, because a folder
  cannot be renamed onto one that has entries;
- the target is empty, or contains a part of the same dispatch: worker folders are
  renamed into it one by one, each of them complete;
- the target contains anything else: it is refused, or moved aside as a whole, together
  with the record beside it.

A stage and a target in use are locked with ``flock``. The lock ends with its process, so a
stage without a lock was left by a dead process.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from dispatch_core.errors import InvalidInput, Issue, ServiceError
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
    write_all,
)
from dispatch_core.output.record import record_beside
from dispatch_core.output.stage import (
    ATTEMPTS,
    INNER_PREFIX,
    Lock,
    Moves,
    Race,
    entries_of,
    is_inner_stage,
    locked,
    new_folder,
    new_stage,
    remove_dead_stages,
    remove_inner_stages,
    stage_prefix,
    watch_race,
)
from dispatch_core.output.stream import JobFile, JobStream, Status, WriteResult, worker_of

MARKER = "no_new_jobs"
"""The file that says that a dispatch has no job, where a pipeline waits for its output."""

_NAMED = 5
"""Entries that a refusal names; the others are counted."""

# An fsync mostly waits, and several threads share one commit of the file system:
# 16 threads write three to four times as fast as one. A batch is large enough that
# handing it to a thread costs little if an fsync costs nothing (a RAM disk). One
# syncfs after all files took as long (ext4), also waits for the files of other
# processes, and does not report which file failed or, on older kernels, that one did.
_THREADS = 16
_BATCH_FILES = 64
_BATCH_BYTES = 1 << 20

_CANNOT_MOVE = {errno.EBUSY, errno.EXDEV, errno.EINVAL}


def write_folder(
    files: Callable[[], Iterable[JobFile]],
    target: Path,
    *,
    replace: bool = False,
    progress: Callable[[int], None] | None = None,
    allowed: Sequence[str] = (),
) -> WriteResult:
    """The dispatch as worker folders in `target`, complete and durable, or an error.

    The same dispatch twice is the same tree: missing files are added, and existing files
    are not written again. A failure leaves `target` unchanged; after a crash it contains
    only complete worker folders, and the next run adds the others.

    Parameters
    ----------
    files
        Gives a fresh stream at each call, worker by worker from 0; it is called
        once or twice.
    target
        The folder, absent, empty, or with a part of the same dispatch. A symbolic
        link is followed. Missing parents are made.
    replace
        Move a folder that contains anything else to ``<name>.replaced-<n>``, with the
        record beside it, instead of refusing it.
    progress
        Called with the number of files that are synced in the stage so far. An
        exception from it, or from the stream, undoes everything and is passed on.
    allowed
        Names or patterns (``*.log``) of files that a platform may have in the folder.

    Raises
    ------
    InvalidInput
        `target` contains something else, or is not a folder; nothing was changed.
    ServiceError
        Another dispatch still writes into `target` after half a minute.
    WriteFailed
        The disk failed; no partial output is left.
    """
    with disk_errors(target, "folder"):
        order = _Order(files, real_target(target), replace, progress, tuple(allowed))
        remove_dead_stages(order.target)
        for _ in range(ATTEMPTS):
            if result := _attempt(order):
                return result
    raise _still_changing(target)


def write_marker(
    target: Path, *, replace: bool = False, allowed: Sequence[str] = ()
) -> WriteResult:
    """The empty file `MARKER` alone in the folder `target`, durable: the dispatch has no job.

    A part of an earlier dispatch in the folder would be run as if it were new, so it is
    refused, or with `replace` moved aside; raises as `write_folder` does.
    """
    with disk_errors(target, "folder"):
        order = _Order(tuple, real_target(target), replace, None, tuple(allowed))
        remove_dead_stages(order.target)
        for _ in range(ATTEMPTS):
            make_parents(order.target)
            if result := _mark(order):
                return result
    raise _still_changing(target)


def _still_changing(target: Path) -> ServiceError:
    what = "other dispatches keep changing the folder"
    return ServiceError(Issue(what, str(target), "Run again later."))


def _mark(order: _Order) -> WriteResult | None:
    """The result, or None if another dispatch changed the target meanwhile."""
    descriptor = os.open(order.target, os.O_RDONLY | os.O_DIRECTORY)
    with locked(Lock(descriptor, order.target)) as lock:
        found = _compare((), order)
        if found.unexpected_count and not order.replace:
            raise _occupied(order.target, found)
        if found.unexpected_count:
            return _replace_by_marker(order)
        remove_inner_stages(order.target)
        # in the locked folder, also if its path leads to another one now
        os.close(os.open(MARKER, os.O_WRONLY | os.O_CREAT, 0o666, dir_fd=descriptor))
        _sync_target(order.target)
        return WriteResult(order.target, "marked", 0, 0) if lock.holds() else None


def _replace_by_marker(order: _Order) -> WriteResult | None:
    """Moves the target and its record aside, and a folder with the marker into place."""
    _refuse_mount(order.target)
    with new_stage(order.target.parent, stage_prefix(order.target), new_folder) as stage:
        _write_file(str(stage / MARKER), b"")
        sync_folder(stage)
        race, aside = _swap(stage, order.target)
    return None if race.lost else WriteResult(order.target, "marked", 0, 0, aside)


def check_folder(target: Path) -> None:
    """Raises what `write_folder` would raise, as far as it is known before a write."""
    with disk_errors(target, "folder"):
        there = nearest_existing(real_target(target))
        if not there.is_dir():
            raise not_a(target, "folder")
        if there != real_target(target):
            check_accepts_entries(there, "folder", target)


@dataclass(frozen=True, slots=True)
class _Order:
    """The arguments of one write."""

    files: Callable[[], Iterable[JobFile]]
    target: Path
    replace: bool
    progress: Callable[[int], None] | None
    allowed: tuple[str, ...] = ()

    def allows(self, entry: os.DirEntry[str]) -> bool:
        """Whether the entry may be beside worker folders: an allowed file, or our marker."""
        if not entry.is_file(follow_symlinks=False):
            return False
        if entry.name == MARKER:
            return entry.stat(follow_symlinks=False).st_size == 0
        return any(fnmatchcase(entry.name, pattern) for pattern in self.allowed)

    def stream(self) -> JobStream:
        with callers_errors():
            files = self.files()
        return JobStream(files)

    def report(self, count: int) -> None:
        if self.progress is not None:
            with callers_errors():
                self.progress(count)

    def result(
        self, status: Status, stream: JobStream, moved_aside: Path | None = None
    ) -> WriteResult:
        return WriteResult(self.target, status, stream.file_count, stream.worker_count, moved_aside)


def _attempt(order: _Order) -> WriteResult | None:
    """The result, or None if another dispatch changed the target meanwhile."""
    try:
        descriptor = os.open(order.target, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return _create(order)
    except NotADirectoryError as error:
        raise not_a(order.target, "folder") from error
    with locked(Lock(descriptor, order.target)) as lock:
        return _settle(order, lock) if lock.holds() else None


def _create(order: _Order) -> WriteResult | None:
    stream = order.stream()
    parent = order.target.parent
    make_parents(parent)
    with new_stage(parent, stage_prefix(order.target), new_folder) as stage:
        _fill(stage, stream, order)
        with watch_race() as race, Moves() as moves:
            moves.move(stage, order.target)
            sync_folder(parent)
    return None if race.lost else order.result("written", stream)


def _settle(order: _Order, lock: Lock) -> WriteResult | None:
    """The result for a target that exists and is locked."""
    stream = order.stream()
    found = _compare(stream, order)
    if found.unexpected_count and not order.replace:
        raise _occupied(order.target, found)
    if found.unexpected_count:
        return _replace(order)
    remove_inner_stages(order.target)
    if found.matched < stream.file_count:
        return _finish(order, lock, "finished" if found.matched else "written")
    # A process that died after its renames may not have made them durable.
    for entry in entries_of(order.target).values():
        if entry.is_dir(follow_symlinks=False):
            sync_folder(Path(entry.path))
    _remove_marker(order.target)
    _sync_target(order.target)
    return order.result("confirmed", stream)


def _remove_marker(target: Path) -> None:
    """Removes the file that said that a dispatch had no job."""
    with suppress(FileNotFoundError):
        os.unlink(target / MARKER)


def _finish(order: _Order, lock: Lock, status: Status) -> WriteResult | None:
    """Adds what is missing, through a stage inside the target.

    The parent of a mount may be another file system or not writable.
    """
    stream = order.stream()
    with new_stage(order.target, INNER_PREFIX, new_folder) as stage:
        # Another dispatch that found no folder may have renamed its own onto an empty
        # one. With the stage in it, the folder is not empty and cannot be replaced.
        if not lock.holds():
            return None
        _fill(stage, stream, order, order.target)
        with watch_race() as race, Moves() as moves:
            _place(moves, stage, order.target)
            os.rmdir(stage)
            _remove_marker(order.target)
            _sync_target(order.target)
    return None if race.lost else order.result(status, stream)


def _place(moves: Moves, stage: Path, target: Path) -> None:
    for worker in sorted(os.listdir(stage), key=int):
        source, goal = stage / worker, target / worker
        if status_of(goal) is None:
            moves.move(source, goal)
            continue
        for name in sorted(os.listdir(source)):
            moves.move(source / name, goal / name)
        sync_folder(goal)
        os.rmdir(source)


def _replace(order: _Order) -> WriteResult | None:
    """Moves the target and its record aside and the new folder into place, or changes nothing."""
    _refuse_mount(order.target)
    stream = order.stream()
    with new_stage(order.target.parent, stage_prefix(order.target), new_folder) as stage:
        _fill(stage, stream, order)
        race, aside = _swap(stage, order.target)
    return None if race.lost else order.result("replaced", stream, aside)


def _refuse_mount(target: Path) -> None:
    if os.path.ismount(target):
        raise _cannot_move(target)


def _swap(stage: Path, target: Path) -> tuple[Race, Path]:
    """Moves the target with its record aside and the stage into its place: where it is now."""
    aside = _free_name(target)
    with watch_race() as race, Moves() as moves:
        # first the record: after a crash it must not describe the new folder
        if os.path.lexists(record_beside(target)):
            moves.move(record_beside(target), record_beside(aside))
        _move_aside(moves, target, aside)
        moves.move(stage, target)
        sync_folder(target.parent)
    return race, aside


def _move_aside(moves: Moves, target: Path, aside: Path) -> None:
    try:
        moves.move(target, aside)
    except OSError as error:
        if error.errno in _CANNOT_MOVE:
            raise _cannot_move(target) from error
        raise


def _cannot_move(target: Path) -> InvalidInput:
    return InvalidInput(
        Issue(
            "the folder holds something else and cannot be moved aside: it may be a mount point",
            str(target),
            "Empty it, or choose another folder.",
        )
    )


def _free_name(target: Path) -> Path:
    for number in itertools.count(1):
        aside = target.with_name(f"{target.name}.replaced-{number}")
        if not os.path.lexists(aside) and not os.path.lexists(record_beside(aside)):
            return aside
    raise AssertionError("count() does not end")


@dataclass
class _Comparison:
    """How the content of a folder compares with a dispatch."""

    matched: int = 0
    unexpected: list[str] = field(default_factory=list)
    unexpected_count: int = 0
    loose_files: int = 0

    def add_unexpected(self, path: str) -> None:
        self.unexpected_count += 1
        if len(self.unexpected) < _NAMED:
            self.unexpected.append(path)


def _compare(stream: Iterable[JobFile], order: _Order) -> _Comparison:
    found, target = _Comparison(), order.target
    there = {
        name: entry
        for name, entry in entries_of(target).items()
        if not is_inner_stage(entry) and not order.allows(entry)
    }
    for worker, group in itertools.groupby(stream, lambda file: worker_of(file[0])):
        entry = there.pop(worker, None)
        if entry is not None and entry.is_dir(follow_symlinks=False):
            _compare_worker(group, target, worker, found)
        elif entry is not None:
            found.add_unexpected(worker)
    for name in sorted(there):
        found.add_unexpected(name)
        found.loose_files += there[name].is_file(follow_symlinks=False)
    return found


def _compare_worker(
    group: Iterable[JobFile], target: Path, worker: str, found: _Comparison
) -> None:
    there = entries_of(target / worker)
    for path, content in group:
        entry = there.pop(path.partition("/")[2], None)
        if entry is None:
            continue
        if _holds(entry, content):
            found.matched += 1
        else:
            found.add_unexpected(path)
    for name in sorted(there):
        found.add_unexpected(f"{worker}/{name}")


def _holds(entry: os.DirEntry[str], content: bytes) -> bool:
    """Whether the entry is a plain file with these bytes; a larger one is not read."""
    if not entry.is_file(follow_symlinks=False):
        return False
    if entry.stat(follow_symlinks=False).st_size != len(content):
        return False
    with open(os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read(len(content) + 1) == content


def _occupied(target: Path, found: _Comparison) -> InvalidInput:
    names = ", ".join(found.unexpected)
    more = found.unexpected_count - len(found.unexpected)
    names += f" and {more} more" if more else ""
    entries = "1 entry" if found.unexpected_count == 1 else f"{found.unexpected_count} entries"
    other = "empty this one" if os.path.ismount(target) else "move this one aside (--replace)"
    if found.loose_files == found.unexpected_count:
        other += "; the command line can allow files of a platform by name (--allowed_files)"
    return InvalidInput(
        Issue(
            f"the folder holds {entries} that this dispatch does not have ({names})",
            str(target),
            f"Choose another folder, or {other}.",
        )
    )


def _fill(stage: Path, stream: Iterable[JobFile], order: _Order, known: Path | None = None) -> None:
    """Writes and syncs the stream into the stage, except the files that `known` has."""
    if known is not None:
        stream = (file for file in stream if status_of(known / file[0]) is None)
    workers: dict[str, None] = {}
    pending: deque[Future[int]] = deque()
    count = 0
    with ThreadPoolExecutor(_THREADS) as pool:
        for batch in _batches(stream):
            for worker in {worker_of(path): None for path, _ in batch}:
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
        deque(pool.map(sync_folder, [stage / worker for worker in workers]), maxlen=0)
    sync_folder(stage)


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
        write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_target(target: Path) -> None:
    sync_folder(target)
    # The parent of a mount point may not be readable; then nothing was renamed in it.
    with suppress(PermissionError):
        sync_folder(target.parent)
