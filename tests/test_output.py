"""The content of the worker folders and the zip, and the targets that are refused.

Crashes, faults and races are tested in ``test_output_crash.py``.
"""

from __future__ import annotations

import errno
import fcntl
import io
import itertools
import os
import re
import shutil
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.errors import InvalidInput, ServiceError, WriteFailed
from dispatch_core.output.folder import write_folder, write_marker
from dispatch_core.output.stream import JobFile, WriteResult
from dispatch_core.output.zip import write_zip, write_zip_file
from tests.support.file_operations import WRITING, failing, hooked

FILES: list[JobFile] = [
    ("0/a.json", b'{"asset_name": "a"}'),
    ("0/b.json", b'{"asset_name": "b"}'),
    ("1/c.json", b'{"asset_name": "c"}'),
]
WHOLE = dict(FILES)
LIVE_STAGE = ".results.tmp-0123456789abcdef"
INNER_STAGE = ".dispatch.tmp-0123456789abcdef"


def files() -> list[JobFile]:
    return FILES


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below the folder, hidden ones too, with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def put(folder: Path, content: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in content.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "results"


# Written files


def test_an_absent_folder_gets_the_worker_folders_and_nothing_else(target: Path) -> None:
    result = write_folder(files, target)

    assert result == WriteResult(target, "written", file_count=3, worker_count=2)
    assert tree(target) == WHOLE
    assert names(target) == ["0", "1"]
    assert names(target.parent) == ["results"]


def test_an_empty_folder_is_filled_and_stays_the_same_folder(target: Path) -> None:
    target.mkdir()
    before = target.stat().st_ino

    result = write_folder(files, target)

    assert result == WriteResult(target, "written", file_count=3, worker_count=2)
    assert tree(target) == WHOLE
    assert names(target) == ["0", "1"]
    assert target.stat().st_ino == before


def test_missing_parents_are_made(tmp_path: Path) -> None:
    write_folder(files, tmp_path / "runs" / "today" / "results")

    assert tree(tmp_path / "runs" / "today" / "results") == WHOLE


def test_more_files_than_a_batch_holds_are_all_written(target: Path) -> None:
    many = [(f"{n // 300}/{n}.json", str(n).encode()) for n in range(1_000)]

    result = write_folder(lambda: many, target)

    assert (result.file_count, result.worker_count) == (1_000, 4)
    assert tree(target) == dict(many)


def test_files_larger_than_a_batch_are_written_whole(target: Path) -> None:
    large = [("0/a.json", b"1" * 3_000_000), ("0/b.json", b""), ("1/c.json", b"2" * 1_100_000)]

    write_folder(lambda: large, target)

    assert tree(target) == dict(large)


def test_worker_folders_come_into_place_in_the_order_of_their_numbers(target: Path) -> None:
    target.mkdir()
    renamed = []

    def note(name: str, _number: int, arguments: tuple[Any, ...]) -> None:
        if name == "rename":
            renamed.append(Path(arguments[1]).name)

    with hooked(note, WRITING):
        write_folder(lambda: [(f"{n}/a.json", b"{}") for n in range(12)], target)

    assert renamed == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]


def test_permissions_follow_the_umask_because_another_user_reads_the_jobs(target: Path) -> None:
    before = os.umask(0o027)
    try:
        write_folder(files, target)
    finally:
        os.umask(before)

    assert stat.filemode(target.stat().st_mode) == "drwxr-x---"
    assert stat.filemode((target / "0").stat().st_mode) == "drwxr-x---"
    assert stat.filemode((target / "0" / "a.json").stat().st_mode) == "-rw-r-----"


def synced_by(write: Callable[[], object]) -> tuple[set[int], set[int]]:
    """The inodes that were synced before the first move into place, and after it."""
    synced: tuple[set[int], set[int]] = (set(), set())
    moved = []

    def note(name: str, _number: int, arguments: tuple[Any, ...]) -> None:
        if name in ("rename", "link"):
            moved.append(arguments)
        if name == "fsync":
            synced[bool(moved)].add(os.fstat(arguments[0]).st_ino)

    with hooked(note, WRITING):
        write()
    return synced


def inodes(*paths: Path) -> set[int]:
    return {path.stat().st_ino for path in paths}


def test_all_is_synced_before_the_rename_and_the_parent_after_it(target: Path) -> None:
    before, after = synced_by(lambda: write_folder(files, target))

    assert before == inodes(target, *target.rglob("*"))
    assert after == inodes(target.parent)


def test_finishing_syncs_the_new_files_and_every_folder_they_are_moved_into(target: Path) -> None:
    put(target, {"0/a.json": WHOLE["0/a.json"]})

    before, after = synced_by(lambda: write_folder(files, target))

    assert before >= inodes(target / "0" / "b.json", target / "1" / "c.json", target / "1")
    assert after == inodes(target / "0", target, target.parent)


def test_confirming_syncs_again_because_the_first_writer_may_have_died(target: Path) -> None:
    put(target, WHOLE)

    before, _ = synced_by(lambda: write_folder(files, target))

    assert before == inodes(target / "0", target / "1", target, target.parent)


def test_missing_parents_are_synced_too(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "today" / "results"

    before, _ = synced_by(lambda: write_folder(files, target))

    assert before >= inodes(tmp_path, tmp_path / "runs")


def test_a_short_write_is_continued(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:5]))

    write_folder(files, target)

    assert tree(target) == WHOLE


def test_progress_counts_the_files_that_are_synced(target: Path) -> None:
    counts: list[int] = []
    many = [(f"0/{n}.json", b"{}") for n in range(150)]

    write_folder(lambda: many, target, progress=counts.append)

    assert counts == [64, 128, 150]


def test_a_symbolic_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "disk")

    result = write_folder(files, tmp_path / "results")

    assert result.target == tmp_path / "disk"
    assert tree(tmp_path / "disk") == WHOLE
    assert (tmp_path / "results").is_symlink()


# The same dispatch again


def test_the_same_dispatch_again_is_confirmed_and_no_file_is_touched(target: Path) -> None:
    write_folder(files, target)
    before = {path: path.stat() for path in target.rglob("*")}

    result = write_folder(files, target)

    assert result == WriteResult(target, "confirmed", file_count=3, worker_count=2)
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*")} == {
        path: there.st_mtime_ns for path, there in before.items()
    }


@pytest.mark.parametrize(
    "there",
    [
        part
        for size in range(len(FILES) + 1)
        for part in itertools.combinations(sorted(WHOLE), size)
    ],
    ids=" ".join,
)
def test_any_part_of_the_same_dispatch_is_finished(target: Path, there: tuple[str, ...]) -> None:
    put(target, {name: WHOLE[name] for name in there})

    result = write_folder(files, target)

    assert result.status == {0: "written", 3: "confirmed"}.get(len(there), "finished")
    assert (result.file_count, result.worker_count) == (3, 2)
    assert tree(target) == WHOLE
    assert names(target) == ["0", "1"]


def test_an_empty_worker_folder_is_filled(target: Path) -> None:
    put(target, {})
    (target / "1").mkdir()

    write_folder(files, target)

    assert tree(target) == WHOLE


# Refused targets


@pytest.mark.parametrize(
    ("stranger", "named"),
    [
        ({"notes.txt": b"mine"}, "notes.txt"),
        ({"2/z.json": b"{}"}, "2"),
        ({"0/z.json": b"{}"}, "0/z.json"),
        ({"0/a.json": b'{"asset_name": "z"}'}, "0/a.json"),
        ({"0/a.json": b"{"}, "0/a.json"),
        ({"0": b"a file, no folder"}, "0"),
        ({".dispatch.tmp-mine/a": b"no stage of ours"}, ".dispatch.tmp-mine"),
        ({INNER_STAGE: b"a file, no stage of ours"}, INNER_STAGE),
    ],
)
def test_anything_else_in_the_folder_is_named_and_nothing_is_touched(
    target: Path, stranger: dict[str, bytes], named: str
) -> None:
    put(target, stranger)

    with pytest.raises(InvalidInput) as refusal:
        write_folder(files, target)

    assert str(refusal.value).startswith(
        f"{target}: the folder holds 1 entry that this dispatch does not have ({named}). "
        "Choose another folder, or move this one aside (--replace)"
    )
    assert tree(target) == stranger
    assert names(target.parent) == ["results"]


def test_of_many_other_entries_five_are_named_and_the_rest_is_counted(target: Path) -> None:
    put(target, {f"{letter}.txt": b"" for letter in "abcdefgh"})

    with pytest.raises(InvalidInput) as refusal:
        write_folder(files, target)

    assert "holds 8 entries" in str(refusal.value)
    assert "(a.txt, b.txt, c.txt, d.txt, e.txt and 3 more)" in str(refusal.value)


def test_a_symbolic_link_does_not_count_as_a_job_file(target: Path) -> None:
    write_folder(files, target)
    (target / "0" / "a.json").rename(target.parent / "elsewhere.json")
    (target / "0" / "a.json").symlink_to(target.parent / "elsewhere.json")

    with pytest.raises(InvalidInput, match=r"\(0/a\.json\)"):
        write_folder(files, target)


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_is_refused_as_the_folder(target: Path, replace: bool) -> None:
    target.write_text("mine")

    with pytest.raises(InvalidInput, match="this is a file, not a folder"):
        write_folder(files, target, replace=replace)

    assert target.read_text() == "mine"


def test_a_link_to_a_file_is_refused(target: Path) -> None:
    (target.parent / "file").write_text("mine")
    target.symlink_to(target.parent / "file")

    with pytest.raises(InvalidInput, match="this is a file, not a folder"):
        write_folder(files, target)


def test_a_file_is_refused_as_a_parent_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(InvalidInput, match="/file is a file, not a folder"):
        write_folder(files, tmp_path / "file" / "results")


# Replacing


def test_replacing_moves_the_old_folder_aside_and_keeps_it(target: Path) -> None:
    put(target, {"notes.txt": b"mine"})

    result = write_folder(files, target, replace=True)

    aside = target.with_name("results.replaced-1")
    assert result == WriteResult(target, "replaced", 3, 2, moved_aside=aside)
    assert tree(target) == WHOLE
    assert tree(aside) == {"notes.txt": b"mine"}
    assert names(target.parent) == ["results", "results.replaced-1"]


def test_the_record_beside_the_old_folder_is_moved_with_it(target: Path) -> None:
    put(target, {"notes.txt": b"mine"})
    target.with_name("results.dispatch.json").write_text("the old record")

    write_folder(files, target, replace=True)

    aside = target.with_name("results.replaced-1.dispatch.json")
    assert aside.read_text() == "the old record"
    assert not target.with_name("results.dispatch.json").exists()


def test_a_record_that_was_moved_aside_before_is_not_overwritten(target: Path) -> None:
    target.with_name("results.replaced-1.dispatch.json").write_text("an older record")
    put(target, {"notes.txt": b"mine"})

    result = write_folder(files, target, replace=True)

    assert result.moved_aside == target.with_name("results.replaced-2")


def test_a_record_stays_where_the_folder_cannot_be_moved_aside(target: Path) -> None:
    put(target, {"notes.txt": b"mine"})
    target.with_name("results.dispatch.json").write_text("the old record")

    def busy(name: str, _number: int, arguments: tuple[Any, ...]) -> None:
        if name == "rename" and arguments[0] == target:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    with hooked(busy, WRITING), pytest.raises(InvalidInput):
        write_folder(files, target, replace=True)

    assert names(target.parent) == ["results", "results.dispatch.json"]


@pytest.mark.parametrize("replace", [False, True])
def test_a_named_pipe_is_refused_as_the_folder(target: Path, replace: bool) -> None:
    os.mkfifo(target)

    with pytest.raises(InvalidInput, match=r"this is a named pipe, not a folder\. Choose another"):
        write_folder(files, target, replace=replace)

    assert stat.S_ISFIFO(target.stat().st_mode)


def test_a_folder_that_was_moved_aside_before_is_not_overwritten(target: Path) -> None:
    put(target.with_name("results.replaced-1"), {})
    put(target, {"notes.txt": b"mine"})

    result = write_folder(files, target, replace=True)

    assert result.moved_aside == target.with_name("results.replaced-2")
    assert tree(target.with_name("results.replaced-1")) == {}


@pytest.mark.parametrize(
    ("there", "status"),
    [({}, "written"), ({"0/a.json": WHOLE["0/a.json"]}, "finished"), (WHOLE, "confirmed")],
)
def test_replacing_moves_nothing_aside_where_nothing_else_is_there(
    target: Path, there: dict[str, bytes], status: str
) -> None:
    put(target, there)

    result = write_folder(files, target, replace=True)

    assert (result.status, result.moved_aside) == (status, None)
    assert names(target.parent) == ["results"]


@pytest.mark.skipif(not os.path.ismount("/proc"), reason="needs a mount point that is in use")
def test_a_mount_point_that_is_in_use_cannot_be_replaced() -> None:
    with pytest.raises(InvalidInput, match="cannot be moved aside: it may be a mount point"):
        write_folder(files, Path("/proc"), replace=True)


def test_a_folder_that_the_system_does_not_let_be_renamed_cannot_be_replaced(target: Path) -> None:
    put(target, {"notes.txt": b"mine"})

    def busy(name: str, _number: int, arguments: tuple[Any, ...]) -> None:
        if name == "rename" and arguments[0] == target:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    with (
        hooked(busy, WRITING),
        pytest.raises(InvalidInput, match="cannot be moved aside: it may be a mount point"),
    ):
        write_folder(files, target, replace=True)

    assert tree(target) == {"notes.txt": b"mine"}
    assert names(target.parent) == ["results"]


# Stages and locks


@pytest.fixture
def hold() -> Iterator[Callable[[Path], None]]:
    """Locks folders as a living dispatch does."""
    descriptors = []

    def lock(folder: Path) -> None:
        descriptors.append(os.open(folder, os.O_RDONLY))
        fcntl.flock(descriptors[-1], fcntl.LOCK_EX)

    yield lock
    for descriptor in descriptors:
        os.close(descriptor)


def test_a_stage_that_a_dead_dispatch_left_beside_the_folder_is_removed(target: Path) -> None:
    put(target.with_name(LIVE_STAGE), {"0/a.json": b"{"})

    write_folder(files, target)

    assert names(target.parent) == ["results"]


@pytest.mark.parametrize("there", [{}, {"0/a.json": WHOLE["0/a.json"]}, WHOLE])
def test_a_stage_that_a_dead_dispatch_left_in_the_folder_is_removed(
    target: Path, there: dict[str, bytes]
) -> None:
    put(target, there)
    put(target / INNER_STAGE, {"0/z.json": b"{"})

    write_folder(files, target)

    assert tree(target) == WHOLE
    assert names(target) == ["0", "1"]


def test_the_stage_of_a_living_dispatch_is_left_alone(
    target: Path, hold: Callable[[Path], None]
) -> None:
    hold(put(target.with_name(LIVE_STAGE), {"0/a.json": b"{"}))

    write_folder(files, target)

    assert names(target.parent) == [LIVE_STAGE, "results"]
    assert tree(target.with_name(LIVE_STAGE)) == {"0/a.json": b"{"}


@pytest.mark.parametrize(
    "name", [".results.tmp-mine", ".results.tmp-0123456789ABCDEF", ".other.tmp-0123456789abcdef"]
)
def test_a_folder_that_only_looks_like_a_stage_is_left_alone(target: Path, name: str) -> None:
    put(target.with_name(name), {"notes.txt": b"mine"})

    write_folder(files, target)

    assert tree(target.with_name(name)) == {"notes.txt": b"mine"}


def test_a_folder_that_a_living_dispatch_writes_into_is_an_error_after_30_seconds(
    target: Path, hold: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(put(target, {}))
    slept: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: 10.0 * len(slept))
    monkeypatch.setattr(time, "sleep", slept.append)

    with pytest.raises(ServiceError, match="another dispatch is writing here"):
        write_folder(files, target)

    assert len(slept) == 3
    assert names(target) == []


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks."""

    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("there", [None, {}, {"0/a.json": WHOLE["0/a.json"]}, WHOLE])
def test_a_file_system_without_locks_is_written_too(
    target: Path, there: dict[str, bytes] | None
) -> None:
    if there is not None:
        put(target, there)

    write_folder(files, target)

    assert tree(target) == WHOLE
    assert names(target.parent) == ["results"]
    assert names(target) == ["0", "1"]


CLAIM = ".dispatch.tmp-0000000000000000"
"""What replaces a lock, in a folder on a file system without locks."""


def claim_of_this_process(target: Path) -> str:
    """How a claim names the process that made it."""
    found: list[str] = []

    def look(name: str, _number: int, _arguments: tuple[Any, ...]) -> None:
        if name == "rename" and not found:
            found.extend(os.listdir(target / CLAIM))

    with hooked(look, ("rename",)):
        write_folder(files, put(target, {}))
    shutil.rmtree(target)
    target.mkdir()
    (claim,) = found
    return claim


@pytest.mark.usefixtures("no_locks")
def test_without_locks_the_claim_of_a_process_that_runs_is_an_error_after_30_seconds(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = claim_of_this_process(target)
    put(target / CLAIM, {claim: b""})
    slept: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: 10.0 * len(slept))
    monkeypatch.setattr(time, "sleep", slept.append)

    with pytest.raises(ServiceError, match="another dispatch is writing here"):
        write_folder(files, target)

    assert tree(target) == {f"{CLAIM}/{claim}": b""}


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize(
    ("change", "hours"),
    [
        (lambda claim: claim.rpartition("-")[0] + "-1", 0),  # its number has a newer process
        (lambda claim: re.sub("-[0-9]+-", "-4194304999-", claim), 0),
        (lambda claim: "0123456789abcdef-12-34567", 2),  # of another machine
        (lambda claim: "", 1),  # ended before it named itself
    ],
)
def test_without_locks_the_claim_of_a_dead_process_is_taken_over(
    target: Path, change: Callable[[str], str], hours: int
) -> None:
    left = change(claim_of_this_process(target))
    claim = put(target / CLAIM, {left: b""} if left else {})
    then = time.time() - 3600 * hours
    os.utime(claim, (then, then))

    write_folder(files, target)

    assert tree(target) == WHOLE
    assert names(target) == ["0", "1"]


@pytest.mark.usefixtures("no_locks")
def test_without_locks_the_claim_of_another_machine_holds_for_an_hour(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.mkdir()
    claim = put(target / CLAIM, {"0123456789abcdef-12-34567": b""})
    then = time.time() - 3000
    os.utime(claim, (then, then))
    monkeypatch.setattr("dispatch_core.output.stage.LOCK_TIMEOUT", 0.0)

    with pytest.raises(ServiceError, match="another dispatch is writing here"):
        write_folder(files, target)

    assert names(target) == [CLAIM]


@pytest.mark.parametrize(
    ("other", "ending"), [(FILES, "confirmed"), ([("0/z.json", b"{}")], "InvalidInput")]
)
def test_a_dispatch_that_replaces_the_empty_folder_during_a_write_is_not_mixed_with_it(
    target: Path, other: list[JobFile], ending: str
) -> None:
    target.mkdir()
    faster = put(target.with_name("faster"), dict(other))

    def overtake(name: str, _number: int, arguments: tuple[Any, ...]) -> None:
        if name == "mkdir" and faster.exists() and arguments[0].parent == target:
            faster.rename(target)

    with hooked(overtake, ("mkdir",)):
        try:
            outcome: str = write_folder(files, target).status
        except InvalidInput as error:
            outcome = type(error).__name__

    assert outcome == ending
    assert tree(target) == dict(other)


def test_when_the_folder_is_moved_aside_before_the_lock_the_new_one_is_locked(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = put(target, {"notes.txt": b"mine"}).stat().st_ino
    new = put(target.with_name("new"), WHOLE).stat().st_ino
    lock = fcntl.flock
    locked: list[int] = []

    def overtaken(descriptor: int, operation: int) -> None:
        if not locked:
            target.rename(target.with_name("aside"))
            target.with_name("new").rename(target)
        locked.append(os.fstat(descriptor).st_ino)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", overtaken)
    result = write_folder(files, target)

    assert result.status == "confirmed"
    assert locked == [old, new]


def test_a_file_system_that_cannot_sync_folders_is_written_too(target: Path) -> None:
    def no_folders(name: str, _number: int, arguments: tuple[Any, ...]) -> None:
        if name == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    with hooked(no_folders, WRITING):
        write_folder(files, target)

    assert tree(target) == WHOLE


# Failures during a write


class Cancelled(Exception):
    """Raised by a caller, to stop."""


@pytest.mark.parametrize("error", [Cancelled(), KeyboardInterrupt(), TimeoutError("too slow")])
@pytest.mark.parametrize("there", [None, {}, {"0/a.json": WHOLE["0/a.json"]}])
def test_an_exception_from_the_stream_is_passed_on_and_leaves_all_as_it_was(
    target: Path, there: dict[str, bytes] | None, error: BaseException
) -> None:
    if there is not None:
        put(target, there)
    calls = itertools.count()
    last = 0 if there is None else 1  # the first stream compares, where there is something

    def stream() -> Iterator[JobFile]:
        fails = next(calls) == last
        yield from FILES
        if fails:
            raise error

    with pytest.raises(type(error)) as raised:
        write_folder(stream, target)

    assert raised.value is error
    assert names(target.parent) == ([] if there is None else ["results"])
    assert there is None or tree(target) == there


@pytest.mark.parametrize("error", [Cancelled(), KeyboardInterrupt(), BrokenPipeError()])
def test_an_exception_from_progress_is_passed_on_and_leaves_nothing(
    target: Path, error: BaseException
) -> None:
    def stop(_count: int) -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        write_folder(files, target, progress=stop)

    assert raised.value is error
    assert names(target.parent) == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "no space left. Free some space, or choose a folder on another disk"),
        (errno.EROFS, "the file system is read-only. Choose a folder on a file system that"),
        (errno.EACCES, "no permission. Choose a folder that you may write to"),
        (errno.EMFILE, r"too many open files. Raise the limit \(ulimit -n\)"),
        (errno.EIO, "the disk reported an error. Check the disk"),
        (errno.ESTALE, "Stale file handle. Run again"),
    ],
)
def test_a_disk_error_names_the_problem_the_path_and_a_remedy(
    target: Path, code: int, message: str
) -> None:
    with (
        hooked(failing(3, code), ("write",)),
        pytest.raises(WriteFailed, match=f"results: cannot write the folder: {message}"),
    ):
        write_folder(files, target)


def test_a_name_that_the_disk_does_not_take_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match="the name is too long"):
        write_folder(files, tmp_path / ("n" * 250))


# The stream


@pytest.mark.parametrize(
    "path",
    [
        "../0/a.json",
        "0/../a.json",
        "/0/a.json",
        "0/a.txt",
        "0/.json",
        "0/.a.json",
        "0/b/a.json",
        "0//a.json",
        "0\\a.json",
        "00/a.json",
        "-1/a.json",
        "a.json",
        "0/a.json\n",
        "\u0660/a.json",
        "0/" + "a" * 300 + ".json",
        "",
    ],
)
def test_a_path_that_is_not_one_of_a_job_file_is_an_error(target: Path, path: str) -> None:
    with pytest.raises(ValueError, match="not a path of a job file"):
        write_folder(lambda: [*FILES, (path, b"{}")], target)

    assert names(target.parent) == []


@pytest.mark.parametrize("workers", [(1,), (0, 2), (0, 1, 0)])
def test_workers_that_do_not_come_in_order_are_an_error(
    target: Path, workers: tuple[int, ...]
) -> None:
    stream = [(f"{worker}/{n}.json", b"{}") for n, worker in enumerate(workers)]

    with pytest.raises(ValueError, match="comes next"):
        write_folder(lambda: stream, target)


def test_the_same_path_twice_is_an_error(target: Path) -> None:
    with pytest.raises(ValueError, match=r"twice in one dispatch: '0/a\.json'"):
        write_folder(lambda: [("0/a.json", b"{}"), ("0/a.json", b"{}")], target)


def test_a_dispatch_without_files_is_an_error_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no files"):
        write_folder(list, tmp_path / "runs" / "results")

    assert names(tmp_path) == []


# The zip


def zipped(stream: list[JobFile]) -> bytes:
    destination = io.BytesIO()
    write_zip(stream, destination)
    return destination.getvalue()


def test_the_zip_holds_the_same_bytes_under_the_same_names_as_the_folder(target: Path) -> None:
    write_folder(files, target)

    with zipfile.ZipFile(io.BytesIO(zipped(FILES))) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}

    assert content == tree(target)


def test_the_same_stream_gives_the_same_zip_whenever_it_is_written() -> None:
    content = zipped(FILES)

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
    assert content == zipped(FILES)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def test_a_stream_that_fails_leaves_no_zip_that_looks_whole() -> None:
    destination = io.BytesIO()

    def stream() -> Iterator[JobFile]:
        yield from FILES
        raise Cancelled

    with pytest.raises(Cancelled):
        write_zip(stream(), destination)

    assert destination.getvalue() != b""
    assert not zipfile.is_zipfile(destination)


def test_a_destination_that_fails_is_a_typed_error() -> None:
    class Full(io.BytesIO):
        def write(self, _content: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(WriteFailed, match="no space left"):
        write_zip(FILES, Full())


def test_a_zip_file_is_written_once_and_then_confirmed(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "jobs.zip"

    first = write_zip_file(FILES, target)
    second = write_zip_file(FILES, target)

    assert first == WriteResult(target, "written", file_count=3, worker_count=2)
    assert second == WriteResult(target, "confirmed", file_count=3, worker_count=2)
    assert target.read_bytes() == zipped(FILES)
    assert names(target.parent) == ["jobs.zip"]


def test_a_zip_file_is_synced_before_it_gets_its_name_and_its_folder_after(tmp_path: Path) -> None:
    target = tmp_path / "jobs.zip"

    before, after = synced_by(lambda: write_zip_file(FILES, target))

    assert before == inodes(target)
    assert after == inodes(tmp_path)


def test_another_file_is_not_overwritten_by_the_zip(tmp_path: Path) -> None:
    (tmp_path / "jobs.zip").write_text("mine")

    with pytest.raises(InvalidInput, match="another file is there"):
        write_zip_file(FILES, tmp_path / "jobs.zip")

    assert (tmp_path / "jobs.zip").read_text() == "mine"
    assert names(tmp_path) == ["jobs.zip"]


def test_another_file_is_replaced_by_the_zip_on_request(tmp_path: Path) -> None:
    (tmp_path / "jobs.zip").write_text("mine")

    result = write_zip_file(FILES, tmp_path / "jobs.zip", replace=True)

    assert result.status == "replaced"
    assert (tmp_path / "jobs.zip").read_bytes() == zipped(FILES)


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_is_refused_as_the_zip(tmp_path: Path, replace: bool) -> None:
    put(tmp_path / "jobs.zip", {"notes.txt": b"mine"})

    with pytest.raises(InvalidInput, match="this is a folder, not a file"):
        write_zip_file(FILES, tmp_path / "jobs.zip", replace=replace)

    assert tree(tmp_path / "jobs.zip") == {"notes.txt": b"mine"}


@pytest.mark.parametrize("replace", [False, True])
def test_a_named_pipe_is_refused_as_the_zip(tmp_path: Path, replace: bool) -> None:
    os.mkfifo(tmp_path / "jobs.zip")

    with pytest.raises(InvalidInput, match="this is a named pipe, not a file"):
        write_zip_file(FILES, tmp_path / "jobs.zip", replace=replace)

    assert names(tmp_path) == ["jobs.zip"]


def test_a_zip_file_is_written_where_the_disk_has_no_hard_links(tmp_path: Path) -> None:
    with hooked(failing(1, errno.EPERM), ("link",)):
        write_zip_file(FILES, tmp_path / "jobs.zip")

    assert (tmp_path / "jobs.zip").read_bytes() == zipped(FILES)


def test_a_stage_that_a_dead_process_left_beside_the_zip_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".jobs.zip.tmp-0123456789abcdef").write_bytes(b"PK")

    write_zip_file(FILES, tmp_path / "jobs.zip")

    assert names(tmp_path) == ["jobs.zip"]


def test_a_parent_that_accepts_no_folder_is_a_typed_error_and_the_retries_end() -> None:
    parent = Path("/proc")
    if not parent.is_dir():
        pytest.skip("no /proc here: another file system whose folders refuse every name")

    with pytest.raises(WriteFailed):
        write_folder(lambda: [("0/a.json", b"{}")], parent / "never-there")


# Files of a platform, and the marker


def test_files_of_the_platform_are_named_with_the_option_that_allows_them(target: Path) -> None:
    put(target, {"output": b"log", "set-up.log": b"log"})

    with pytest.raises(InvalidInput, match=r"of a platform by name \(--allowed_files\)\.$"):
        write_folder(files, target)


def test_allowed_files_stay_beside_the_workers(target: Path) -> None:
    put(target, {"output": b"log", "set-up.log": b"log"})

    first = write_folder(files, target, allowed=["output", "*.log"])
    again = write_folder(files, target, allowed=["output", "*.log"])

    assert (first.status, again.status) == ("written", "confirmed")
    assert tree(target) == {**dict(files()), "output": b"log", "set-up.log": b"log"}


@pytest.mark.parametrize("name", ["output/x", "7/x.json", "0/other.json", "notes.txt"])
def test_a_pattern_allows_no_folder_and_no_other_file(target: Path, name: str) -> None:
    put(target, {name: b"mine"})
    allowed = ["output", "7", "0", "other.json", "*"] if "/" in name else ["output"]

    with pytest.raises(InvalidInput, match="the folder holds 1 entry"):
        write_folder(files, target, allowed=allowed)


@pytest.mark.parametrize("before", [None, {}, {"output": b"log"}, {"no_new_jobs": b""}])
def test_a_marker_is_the_only_file_beside_allowed_ones(
    target: Path, before: dict[str, bytes] | None
) -> None:
    if before is not None:
        put(target, before)

    result = write_marker(target, allowed=["output"])

    assert (result.status, result.file_count) == ("marked", 0)
    assert tree(target) == {**(before or {}), "no_new_jobs": b""}


@pytest.mark.parametrize("name", ["0/a.json", "notes.txt"])
def test_a_marker_is_refused_beside_anything_else_or_replaces_it(target: Path, name: str) -> None:
    put(target, {name: b"mine"})
    with pytest.raises(InvalidInput, match="the folder holds 1 entry"):
        write_marker(target)
    refused = tree(target)

    result = write_marker(target, replace=True)

    assert refused == {name: b"mine"}
    assert tree(target) == {"no_new_jobs": b""}
    assert result.moved_aside is not None
    assert tree(result.moved_aside) == {name: b"mine"}


def test_jobs_replace_the_marker_of_an_earlier_run(target: Path) -> None:
    write_marker(target)

    result = write_folder(files, target)

    assert result.status == "written"
    assert tree(target) == dict(files())


def test_a_marker_beside_complete_jobs_is_removed(target: Path) -> None:
    write_folder(files, target)
    (target / "no_new_jobs").touch()

    result = write_folder(files, target)

    assert result.status == "confirmed"
    assert tree(target) == dict(files())


def test_a_file_with_content_under_the_name_of_the_marker_is_not_ours(target: Path) -> None:
    put(target, {"no_new_jobs": b"mine"})

    with pytest.raises(InvalidInput, match="no_new_jobs"):
        write_folder(files, target)

    assert tree(target) == {"no_new_jobs": b"mine"}
