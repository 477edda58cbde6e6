"""The real command line, killed at any moment: no partial output is left, and a rerun completes."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.tier import amount
from tests.support.world import ROOT, Tree, tree_of

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("killed")]

KILLS = amount(2, 50)
JOBS = '{"data_description.data_level": "derived"}'
PARAMETERS = '{"distributed_parameters": [{"a": 1}, {"a": 2}, {"a": 3}]}'


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "analysis_parameters.json").write_text(PARAMETERS)
    return folder


@pytest.fixture(scope="module")
def undisturbed(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tree, float]:
    """The dispatch if it is not killed, and how many seconds it takes."""
    took = []
    for _ in range(2):  # the first run may compile the modules
        target = tmp_path_factory.mktemp("whole") / "results"
        begun = time.monotonic()
        assert start(inputs, target).wait() == 0
        took.append(time.monotonic() - begun)
    return tree_of(target), min(took)


def start(inputs: Path, target: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dispatch_core", "--docdb_query", JOBS]
    command += ["--input_directory", str(inputs), "--output_directory", str(target)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=ROOT, stdout=quiet, stderr=quiet)


def visible(folder: Path) -> Tree:
    """The files below `folder`, and separately those in a hidden stage."""
    return {path: data for path, data in tree_of(folder).items() if path[0] != "."}


def is_absent_or_whole(target: Path, whole: Tree) -> bool:
    return not target.exists() or tree_of(target) == whole


def holds_only_whole_workers(target: Path, whole: Tree) -> bool:
    found = visible(target)
    workers = {path.partition("/")[0] for path in found}
    return found == {path: data for path, data in whole.items() if path.split("/")[0] in workers}


@pytest.mark.parametrize(
    ("is_mounted", "holds"),
    [(False, is_absent_or_whole), (True, holds_only_whole_workers)],
    ids=["absent", "empty"],
)
def test_a_killed_dispatch_leaves_nothing_partial_and_a_rerun_completes_it(
    inputs: Path,
    undisturbed: tuple[Tree, float],
    tmp_path: Path,
    is_mounted: bool,
    holds: Callable[[Path, Tree], bool],
) -> None:
    (whole, seconds), rng = undisturbed, random.Random(20 + is_mounted)
    killed = 0

    for number in range(KILLS):
        target = tmp_path / str(number) / "results"
        (target if is_mounted else target.parent).mkdir(parents=True)
        killed += _kill_after(start(inputs, target), seconds * rng.uniform(0.3, 0.8))

        assert holds(target, whole)
        assert start(inputs, target).wait() == 0
        assert tree_of(target) == whole
        assert _hidden(target.parent) == []

    assert killed


@pytest.mark.main
def test_a_terminated_dispatch_removes_what_is_under_way_and_keeps_what_was_written(
    inputs: Path, undisturbed: tuple[Tree, float], tmp_path: Path
) -> None:
    whole, _ = undisturbed
    codes = []

    for number in range(KILLS):
        target = tmp_path / str(number) / "results"
        earlier = target.parent / "earlier.txt"
        target.parent.mkdir()
        earlier.write_text("mine")
        process = start(inputs, target)
        while process.poll() is None and not _hidden(target.parent):
            time.sleep(0.002)
        process.terminate()
        codes.append(process.wait())

        assert is_absent_or_whole(target, whole)
        assert _hidden(target.parent) == []
        assert earlier.read_text() == "mine"

    assert 143 in codes
    assert set(codes) <= {0, 143}


def _hidden(folder: Path) -> list[str]:
    """The names in a folder that begin with a point, as those of stages do."""
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def _kill_after(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it was killed before its end."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait() == -9
