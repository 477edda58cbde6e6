"""A folder, a zip or a small file after a crash, a fault or a race.

Every file operation of a write is a crash point and a fault point: the tests
count through them until a write ends undisturbed.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import multiprocessing
import os
import shutil
import signal
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from dispatch_core.errors import DispatchError, InvalidInput, WriteFailed
from dispatch_core.output.folder import write_folder
from dispatch_core.output.stage import new_stage
from dispatch_core.output.stream import JobFile, WriteResult
from dispatch_core.output.text_file import write_text_file
from dispatch_core.output.zip import write_zip_file
from tests.support.file_operations import (
    READING,
    WRITING,
    Hook,
    failing,
    failing_to_grow,
    hooked,
    in_child,
    killing,
)
from tests.support.tier import amount

pytestmark = pytest.mark.soak

FILES: list[JobFile] = [
    ("0/a.json", b'{"asset_name": "a"}' * 20),
    ("0/b.json", b'{"asset_name": "b"}'),
    ("1/c.json", b'{"asset_name": "c"}'),
    ("1/d.json", b'{"asset_name": "d"}'),
    ("2/e.json", b'{"asset_name": "e"}'),
]
WHOLE = dict(FILES)
OLD = {"notes.txt": b"mine", "0/old.json": b"{}"}
FAULTS = [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EACCES, errno.EROFS]
NO_END = 1_000


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below the folder, hidden ones too, with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def put(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@dataclass(frozen=True)
class Case:
    """One way to write a folder: its content before, and the arguments of the write."""

    name: str
    before: dict[str, bytes] | None
    replace: bool = False

    def prepare(self, place: Path) -> Path:
        place.mkdir()
        if self.before is not None:
            put(place / "results", self.before)
        return place / "results"

    def write(self, target: Path) -> WriteResult:
        return write_folder(lambda: FILES, target, replace=self.replace)


ABSENT = Case("absent", None)
EMPTY = Case("empty", {})
FINISH = Case("finish", {name: WHOLE[name] for name in ("0/a.json", "0/b.json", "1/d.json")})
CONFIRM = Case("confirm", WHOLE)
REPLACE = Case("replace", OLD, replace=True)
CASES = pytest.mark.parametrize(
    "case", [ABSENT, EMPTY, FINISH, CONFIRM, REPLACE], ids=lambda case: case.name
)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Iterator[Path]]:
    """A new folder for each crash, on a RAM disk if possible, for speed."""
    memory = Path("/dev/shm")
    base = memory / f"dispatch-test-{os.getpid()}" if os.access(memory, os.W_OK) else tmp_path / "p"
    base.mkdir()
    yield (base / str(number) for number in itertools.count())
    shutil.rmtree(base)


def crashes(places: Iterator[Path], case: Case, write: Callable[[Path], object]) -> Iterator[Path]:
    """The target after a kill at the first file operation, at the second, and so on."""
    for number in range(1, NO_END):
        target = case.prepare(next(places))
        outcome = in_child(partial(write, target), killing(number))
        yield target
        if outcome != -signal.SIGKILL:
            assert outcome == 0
            assert number > 5, "too few operations for the hook to be in place"
            return
    raise AssertionError("the write does not come to its end")


# Crashes


def test_a_crash_leaves_an_absent_folder_absent_or_complete(places: Iterator[Path]) -> None:
    seen = []

    for target in crashes(places, ABSENT, ABSENT.write):
        seen.append(target.exists())
        assert not target.exists() or tree(target) == WHOLE

    assert seen[0] is False
    assert seen[-1] is True


def test_a_crash_leaves_only_whole_worker_folders_in_an_empty_folder(
    places: Iterator[Path],
) -> None:
    seen = set()

    for target in crashes(places, EMPTY, EMPTY.write):
        workers = [name for name in names(target) if not name.startswith(".")]
        seen.add(len(workers))
        visible = {path: content for path, content in tree(target).items() if path[0] != "."}
        assert workers == ["0", "1", "2"][: len(workers)]
        assert visible == {path: WHOLE[path] for path in WHOLE if path[0] in workers}

    assert seen == {0, 1, 2, 3}


def test_a_crash_while_finishing_loses_nothing_and_leaves_only_whole_files(
    places: Iterator[Path],
) -> None:
    assert FINISH.before is not None

    for target in crashes(places, FINISH, FINISH.write):
        visible = {path: content for path, content in tree(target).items() if path[0] != "."}

        assert visible.items() >= FINISH.before.items()
        assert visible.items() <= WHOLE.items()


def test_a_crash_while_replacing_keeps_the_old_folder_whole(places: Iterator[Path]) -> None:
    seen = set()

    for target in crashes(places, REPLACE, REPLACE.write):
        aside = target.with_name("results.replaced-1")
        there = tree(target) if target.exists() else None
        seen.add((there == OLD, there is None, there == WHOLE))
        assert (there == OLD) != (aside.exists() and tree(aside) == OLD)
        assert there in (OLD, None, WHOLE)

    assert seen == {(True, False, False), (False, True, False), (False, False, True)}


@dataclass(frozen=True)
class Recorded(Case):
    """A folder with the record of an earlier dispatch beside it."""

    def prepare(self, place: Path) -> Path:
        target = super().prepare(place)
        target.with_name("results.dispatch.json").write_text("the old record")
        return target


def test_a_crash_while_replacing_never_leaves_the_old_record_beside_the_new_folder(
    places: Iterator[Path],
) -> None:
    seen = set()

    for target in crashes(places, Recorded("replace", OLD, replace=True), REPLACE.write):
        records = [path.name for path in target.parent.glob("*.dispatch.json")]
        is_new = target.exists() and tree(target) == WHOLE
        seen.add((is_new, *records))

    assert seen == {
        (False, "results.dispatch.json"),
        (False, "results.replaced-1.dispatch.json"),
        (True, "results.replaced-1.dispatch.json"),
    }


@dataclass(frozen=True)
class SmallFile(Case):
    """A small file, absent or with an older text, in a new folder."""

    def prepare(self, place: Path) -> Path:
        return super().prepare(place) / "ledger.csv"

    def write_text(self, target: Path) -> None:
        write_text_file(target, "newer" * 20)


SMALL_FILES = pytest.mark.parametrize(
    "case",
    [SmallFile("absent", {}), SmallFile("older", {"ledger.csv": b"older"})],
    ids=lambda case: case.name,
)
NEWER = {"ledger.csv": b"newer" * 20}


@SMALL_FILES
def test_a_crash_leaves_a_small_file_as_it_was_or_whole_and_the_next_run_cleans_up(
    places: Iterator[Path], case: SmallFile
) -> None:
    seen = []

    for target in crashes(places, case, case.write_text):
        visible = {path: data for path, data in tree(target.parent).items() if path[0] != "."}
        seen.append(visible)

        case.write_text(target)

        assert visible in (case.before, NEWER)
        assert tree(target.parent) == NEWER
    assert seen[0] == case.before
    assert seen[-1] == NEWER


@pytest.mark.more
@CASES
def test_after_a_crash_the_next_run_completes_the_folder_and_cleans_up(
    places: Iterator[Path], case: Case
) -> None:
    for target in crashes(places, case, case.write):
        case.write(target)

        assert tree(target) == WHOLE
        assert names(target) == ["0", "1", "2"]
        assert names(target.parent) in (["results"], ["results", "results.replaced-1"])


def test_a_crash_leaves_a_zip_file_absent_or_complete(places: Iterator[Path]) -> None:
    for target in crashes(places, ABSENT, lambda path: write_zip_file(FILES, path)):
        if target.exists():
            with zipfile.ZipFile(target) as archive:
                assert {name: archive.read(name) for name in archive.namelist()} == WHOLE

        write_zip_file(FILES, target)

        assert names(target.parent) == ["results"]


# Faults


def faults(
    places: Iterator[Path],
    case: Case,
    hook: Callable[[int, int], Hook],
    write: Callable[[Path], object],
) -> Iterator[tuple[Path, DispatchError | None]]:
    """The target and the error after a fault at each operation, for each kind of fault."""
    for code in FAULTS:
        for number in range(1, NO_END):
            target = case.prepare(place := next(places))
            touched: list[str] = []
            error = _write_with(hook(number, code), touched, partial(write, target))
            yield target, error
            shutil.rmtree(place)
            if len(touched) < number:
                break
        else:
            raise AssertionError("the write does not come to its end")


def _write_with(
    hook: Hook, touched: list[str], write: Callable[[], object]
) -> DispatchError | None:
    def note(name: str, number: int, arguments: tuple[object, ...]) -> None:
        touched.append(name)
        hook(name, number, arguments)

    try:
        with hooked(note, WRITING + READING):
            write()
    except DispatchError as error:
        return error
    return None


@CASES
def test_a_fault_leaves_the_folder_as_it_was_and_is_a_typed_error(
    places: Iterator[Path], case: Case
) -> None:
    failed = 0

    for target, error in faults(places, case, failing_code, case.write):
        if error is None:
            assert tree(target) == WHOLE
            continue
        failed += 1
        assert isinstance(error, WriteFailed)
        assert names(target.parent) == ([] if case.before is None else ["results"])
        assert case.before is None or tree(target) == case.before

    assert failed > len(FAULTS) * 10


def failing_code(number: int, code: int) -> Hook:
    return failing(number, code)


@CASES
def test_a_disk_that_stays_full_leaves_the_folder_as_it_was(
    places: Iterator[Path], case: Case
) -> None:
    for target, error in faults(places, case, failing_to_grow, case.write):
        if error is None:
            assert tree(target) == WHOLE
            continue
        assert isinstance(error, WriteFailed)
        assert names(target.parent) == ([] if case.before is None else ["results"])
        assert case.before is None or tree(target) == case.before


def test_a_fault_leaves_no_zip_file_or_a_whole_one(places: Iterator[Path]) -> None:
    def write(target: Path) -> WriteResult:
        return write_zip_file(FILES, target)

    for target, error in faults(places, ABSENT, failing, write):
        if error is None:
            assert zipfile.ZipFile(target).namelist() == list(WHOLE)
            continue
        assert isinstance(error, WriteFailed)
        assert names(target.parent) == []


@SMALL_FILES
@pytest.mark.parametrize("hook", [failing, failing_to_grow])
def test_a_fault_leaves_a_small_file_as_it_was_or_whole_and_is_a_typed_error(
    places: Iterator[Path], case: SmallFile, hook: Callable[[int, int], Hook]
) -> None:
    failed = 0

    for target, error in faults(places, case, hook, case.write_text):
        found = tree(target.parent)

        assert found == NEWER or (found == case.before and error is not None)
        assert error is None or isinstance(error, WriteFailed)
        failed += error is not None

    assert failed > len(FAULTS)


# Races

ROUNDS = amount(5, 100, short=2)
RACERS = 4


def race(writes: list[Callable[[], WriteResult]]) -> list[str]:
    """The results of processes that write at the same time: a status or an error's name."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(len(writes))
    endings: multiprocessing.SimpleQueue[str] = context.SimpleQueue()

    def run(write: Callable[[], WriteResult]) -> None:
        start.wait()
        try:
            endings.put(write().status)
        except DispatchError as error:
            endings.put(type(error).__name__)

    racers = [context.Process(target=run, args=(write,)) for write in writes]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    return sorted(endings.get() for _ in racers)


def different(number: int) -> list[JobFile]:
    return [(path, content + str(number).encode()) for path, content in FILES]


DISPATCHES = [partial(different, number) for number in range(RACERS)]


@pytest.fixture(params=["locks", "no locks"])
def locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system with locks, and one without."""

    def no_locks(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    if request.param == "no locks":
        monkeypatch.setattr(fcntl, "flock", no_locks)


ON_EACH_FILE_SYSTEM = pytest.mark.usefixtures("locks")


@ON_EACH_FILE_SYSTEM
@pytest.mark.parametrize("case", [ABSENT, EMPTY], ids=lambda case: case.name)
def test_of_four_equal_dispatches_at_once_one_writes_and_three_confirm(
    places: Iterator[Path], case: Case
) -> None:
    for _ in range(ROUNDS):
        target = case.prepare(next(places))

        endings = race([partial(case.write, target)] * RACERS)

        assert endings == ["confirmed", "confirmed", "confirmed", "written"]
        assert tree(target) == WHOLE
        assert names(target.parent) == ["results"]


@ON_EACH_FILE_SYSTEM
@pytest.mark.parametrize("case", [ABSENT, EMPTY], ids=lambda case: case.name)
def test_of_four_different_dispatches_at_once_one_writes_and_three_are_refused(
    places: Iterator[Path], case: Case
) -> None:
    for _ in range(ROUNDS):
        target = case.prepare(next(places))

        endings = race([partial(write_folder, files, target) for files in DISPATCHES])

        assert endings == [InvalidInput.__name__] * 3 + ["written"]
        assert tree(target) in [dict(files()) for files in DISPATCHES]
        assert names(target.parent) == ["results"]


@ON_EACH_FILE_SYSTEM
def test_four_dispatches_that_replace_one_folder_at_once_lose_nothing(
    places: Iterator[Path],
) -> None:
    for _ in range(ROUNDS):
        target = REPLACE.prepare(next(places))

        endings = race([partial(write_folder, files, target, replace=True) for files in DISPATCHES])

        folders = [tree(target.parent / name) for name in names(target.parent)]
        assert set(endings) <= {"replaced", "written"}
        assert OLD in folders
        assert all(dict(files()) in folders for files in DISPATCHES)
        assert len(folders) == RACERS + 1


def test_of_four_different_zip_files_at_once_one_is_written_and_three_are_refused(
    places: Iterator[Path],
) -> None:
    for _ in range(ROUNDS):
        target = ABSENT.prepare(next(places))

        endings = race([partial(write_zip_file, files(), target) for files in DISPATCHES])

        assert endings == [InvalidInput.__name__] * 3 + ["written"]
        assert names(target.parent) == ["results"]


def test_a_stage_is_removed_if_a_signal_ends_its_making(tmp_path: Path) -> None:
    def make(path: Path) -> int:
        path.mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), new_stage(tmp_path, ".out.tmp-", make):
        pass

    assert list(tmp_path.iterdir()) == []
