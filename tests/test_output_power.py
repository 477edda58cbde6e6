"""A folder, a zip or a small file after a power failure at any operation of a write."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from dispatch_core.output.text_file import write_text_file
from dispatch_core.output.zip import write_zip_file
from tests.support.power import Disk, Tree, watched
from tests.test_output_crash import ABSENT, CONFIRM, EMPTY, FILES, FINISH, OLD, REPLACE, WHOLE, Case

Check = Callable[[Tree], bool]


def below(tree: Tree, folder: str) -> Tree:
    return {
        path.removeprefix(f"{folder}/"): data
        for path, data in tree.items()
        if path.startswith(f"{folder}/")
    }


def is_absent_or_whole(tree: Tree) -> bool:
    return below(tree, "results") in ({}, WHOLE)


def holds_only_whole_workers(tree: Tree) -> bool:
    found = below(tree, "results")
    workers = {path[0] for path in found}
    return found == {path: data for path, data in WHOLE.items() if path[0] in workers}


def holds_only_whole_files(tree: Tree) -> bool:
    found = below(tree, "results")
    return found.items() <= WHOLE.items() and found.items() >= (FINISH.before or {}).items()


def holds_all(tree: Tree) -> bool:
    return below(tree, "results") == WHOLE


def keeps_the_old_one(tree: Tree) -> bool:
    there, aside = below(tree, "results"), below(tree, "results.replaced-1")
    return there in ({}, OLD, WHOLE) and OLD in (there, aside)


@pytest.mark.parametrize(
    ("case", "check"),
    [
        (ABSENT, is_absent_or_whole),
        (EMPTY, holds_only_whole_workers),
        (FINISH, holds_only_whole_files),
        (CONFIRM, holds_all),
        (REPLACE, keeps_the_old_one),
    ],
    ids=lambda value: getattr(value, "name", getattr(value, "__name__", "")),
)
def test_after_a_power_failure_at_any_operation_nothing_partial_is_in_place(
    tmp_path: Path, case: Case, check: Check
) -> None:
    place = tmp_path / "place"
    target = case.prepare(place)
    wrong: list[tuple[int, Tree]] = []

    def look(disk: Disk) -> None:
        wrong.extend((disk.operations, tree) for tree in disk.after() if not check(tree))

    with watched(place, look) as disk:
        case.write(target)

    assert wrong == []
    assert disk.operations >= 5
    assert [below(tree, "results") for tree in disk.after()] == [WHOLE, WHOLE]


def test_after_a_power_failure_a_zip_is_absent_or_whole(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    wrong: list[Tree] = []

    def look(disk: Disk) -> None:
        wrong.extend(tree for tree in disk.after() if not _is_absent_or_a_whole_zip(tree))

    with watched(place, look) as disk:
        write_zip_file(FILES, place / "jobs.zip")

    assert wrong == []
    assert [list(tree) for tree in disk.after()] == [["jobs.zip"], ["jobs.zip"]]


def _is_absent_or_a_whole_zip(tree: Tree) -> bool:
    if "jobs.zip" not in tree:
        return True
    with zipfile.ZipFile(BytesIO(tree["jobs.zip"])) as archive:
        return archive.testzip() is None and archive.namelist() == list(WHOLE)


@pytest.mark.parametrize("older", [None, b"older"])
def test_after_a_power_failure_a_small_file_is_as_it_was_or_whole(
    tmp_path: Path, older: bytes | None
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    before = {} if older is None else {"ledger.csv": older}
    for name, content in before.items():
        (place / name).write_bytes(content)
    seen: list[Tree] = []

    with watched(place, lambda disk: seen.extend(disk.after())) as disk:
        write_text_file(place / "ledger.csv", "newer")

    assert [tree for tree in seen if tree not in (before, {"ledger.csv": b"newer"})] == []
    assert disk.operations == 4
    assert disk.after() == ({"ledger.csv": b"newer"}, {"ledger.csv": b"newer"})


def test_the_model_catches_a_writer_that_does_not_sync(tmp_path: Path) -> None:
    target = tmp_path / "results"

    with watched(tmp_path, lambda disk: None) as disk:
        os.mkdir(tmp_path / ".draft")
        os.close(os.open(tmp_path / ".draft" / "a.json", os.O_WRONLY | os.O_CREAT))
        (tmp_path / ".draft" / "a.json").write_bytes(b"{}")
        os.rename(tmp_path / ".draft", target)

    assert disk.after() == ({"results/a.json": b""}, {})
