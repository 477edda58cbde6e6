"""The command line over a source that grows: only what is new, only what failed."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes import record
from tests.servers.gateway import GatewayServer
from tests.support.world import SETTINGS, CommandLine, Ran, fill, jobs_of, tree_of

ALL = ("--docdb_query={}", "--file_extension=.nwb")


@dataclass
class World:
    """A source that grows, and the command line over it."""

    gateway: GatewayServer
    buckets: Path
    run: CommandLine
    count: int = 0

    def add(self, count: int) -> None:
        """Add this many assets, each with a file."""
        names = [f"a{number:02}" for number in range(self.count, self.count + count)]
        self.gateway.add("metadata_index/data_assets", [record(name) for name in names])
        fill(self.buckets, [f"{name}/1.nwb" for name in names])
        self.count += count

    def monday(self, day: str, *more: str) -> Ran:
        """Run the line of a cron table on a day."""
        options = ("--not_in=dispatches", f"--output_directory=dispatches/{day}")
        return self.run(*ALL, *options, *more)


@pytest.fixture
def world(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[World]:
    """Eight assets, and an empty folder for dispatches."""
    for name in [name for name in os.environ if name.startswith(SETTINGS)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dispatches").mkdir()
    with GatewayServer([]) as gateway:
        monkeypatch.setenv("DOCDB_HOST", gateway.host)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", gateway.ca_file)
        monkeypatch.setenv("DISPATCH_BUCKETS", str(tmp_path / "buckets"))
        world = World(gateway, tmp_path / "buckets", CommandLine(capsys))
        world.add(8)
        yield world


def names(day: str) -> list[str]:
    return sorted(job["asset_name"][0] for job in jobs_of(Path("dispatches", day)))


def send(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Make `text` the standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_every_monday_what_is_new_is_dispatched_and_what_failed_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.monday("2026-11-02")
    world.add(3)
    second = world.monday("2026-11-09")
    failed = sorted(path.stem for path in Path("dispatches/2026-11-09").rglob("*.json"))[:1]
    send(monkeypatch, f"# from status --failed\n{failed[0]}.failed\n")
    third = world.run(*ALL, "--only_jobs=-", "--output_directory=again")

    assert (first.code, second.code, third.code) == (0, 0, 0)
    assert names("2026-11-02") == [f"a{number:02}" for number in range(8)]
    assert names("2026-11-09") == ["a08", "a09", "a10"]
    assert "11 files x 1 parameter set - 8 dispatched before = 3 jobs" in second.out
    assert "excluded: 8 at before: dispatched_before\n" in second.out
    assert "11 files x 1 parameter set - 10 not chosen = 1 job" in third.out
    assert [path.stem for path in Path("again").rglob("*.json")] == failed


def test_the_records_replace_folders_that_are_gone(world: World) -> None:
    world.monday("2026-11-02")
    shutil.rmtree("dispatches/2026-11-02")
    world.add(1)

    ran = world.monday("2026-11-09")

    assert (ran.code, names("2026-11-09")) == (0, ["a08"])


def test_the_same_line_on_the_same_day_confirms_its_output(world: World) -> None:
    world.monday("2026-11-02")
    world.add(2)
    world.monday("2026-11-09")
    before = tree_of(Path("dispatches"))

    again = world.monday("2026-11-09")

    assert again.code == 0
    assert "confirmed: dispatches/2026-11-09 (2 jobs in 2 folders)\n" in again.out
    assert (
        "warning: not_in: dispatches/2026-11-09.dispatch.json is this dispatch itself, so its "
        "jobs do not count as dispatched before\n"
    ) in again.out
    assert tree_of(Path("dispatches")) == before


def test_new_assets_on_the_same_day_do_not_change_an_output_that_may_run(world: World) -> None:
    world.monday("2026-11-02")
    world.add(1)

    again = world.monday("2026-11-02", "--num_parallel_workers=3")
    replaced = world.monday("2026-11-02", "--num_parallel_workers=3", "--replace")
    next_day = world.monday("2026-11-03")

    assert (again.code, replaced.code, next_day.code) == (2, 0, 3)
    assert "Choose another folder" in again.err
    assert len(names("2026-11-02")) == 9
    assert "every job was dispatched before (9 jobs)" in next_day.err


def test_nothing_new_is_an_exit_code_or_a_marker(world: World) -> None:
    world.monday("2026-11-02")

    stopped = world.monday("2026-11-09")
    is_written = Path("dispatches/2026-11-09").exists()
    marked = world.monday("2026-11-09", "--when_nothing=marker")
    world.add(1)
    filled = world.monday("2026-11-09")

    assert (stopped.code, is_written, marked.code, filled.code) == (3, False, 0, 0)
    assert "not_in: every job was dispatched before (8 jobs). Nothing was written." in stopped.err
    assert "warning: nothing to do: every job was dispatched before (8 jobs)" in marked.out
    assert names("2026-11-09") == ["a08"]


@pytest.mark.parametrize("option", ["--plan", "--ledger=ledger.csv"])
def test_a_path_that_is_absent_stops_before_anything_is_asked(world: World, option: str) -> None:
    ran = world.run(*ALL, "--not_in=dispatches,old", "--output_directory=out", option)

    assert (ran.code, world.gateway.requests, Path("out").exists()) == (2, [], False)
    assert "error: --not_in old: it does not exist" in ran.err


def test_an_output_that_is_named_as_an_earlier_dispatch_is_an_error(world: World) -> None:
    world.monday("2026-11-02")

    ran = world.run(
        *ALL, "--not_in=dispatches/2026-11-02", "--output_directory=dispatches/2026-11-02"
    )

    assert ran.code == 2
    assert "--not_in dispatches/2026-11-02: it is the output of this dispatch" in ran.err


def test_a_zip_is_an_earlier_dispatch_of_the_next_one(world: World) -> None:
    world.run(*ALL, "--not_in=dispatches", "--zip=dispatches/one.zip")
    world.add(1)

    again = world.run(*ALL, "--not_in=dispatches", "--zip=dispatches/two.zip")

    assert again.code == 0
    assert "zip written: dispatches/two.zip (1 job)" in again.out


def test_a_record_replays_its_own_jobs_although_its_folder_has_them(world: World) -> None:
    world.monday("2026-11-02")
    world.add(2)
    world.monday("2026-11-09")

    again = world.run("--request=dispatches/2026-11-09.dispatch.json", "--output_directory=again")

    assert again.code == 0
    assert tree_of(Path("again")) == tree_of(Path("dispatches/2026-11-09"))


def test_a_record_with_another_not_in_is_an_earlier_dispatch_itself(world: World) -> None:
    world.run(*ALL, "--output_directory=dispatches/first")
    world.add(2)

    ran = world.run(
        "--request=dispatches/first.dispatch.json",
        *("--not_in=dispatches", "--output_directory=dispatches/second"),
    )

    assert (ran.code, names("second")) == (0, ["a08", "a09"])


def test_the_record_has_what_was_excluded_and_replays_it(world: World) -> None:
    world.monday("2026-11-02")
    world.add(1)
    world.monday("2026-11-09", "--ledger=ledger.json")

    saved = json.loads(Path("dispatches/2026-11-09.dispatch.json").read_text())

    assert saved["request"]["not_in"] == ["dispatches"]
    assert saved["equation"]["dispatched_before"] == 8
    assert [row["reason"] for row in saved["exclusions"]] == ["dispatched_before"] * 8
    assert json.loads(Path("ledger.json").read_text()) == saved["exclusions"]


def test_variables_name_earlier_dispatches_and_jobs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.monday("2026-11-02")
    world.add(2)
    Path("none.txt").write_text("# none failed\n")
    monkeypatch.setenv("DISPATCH_NOT_IN", "dispatches")
    monkeypatch.setenv("DISPATCH_ONLY_JOBS", "none.txt")

    ran = world.run(*ALL, "--output_directory=out")

    assert ran.code == 3
    assert "settings: not_in (DISPATCH_NOT_IN), only_jobs (DISPATCH_ONLY_JOBS)" in ran.out
    assert "only_jobs: none of 10 jobs has a name in only_jobs (0 names)" in ran.err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--only_jobs=absent.txt", "--only_jobs: cannot read absent.txt"),
        ("--only_jobs=names.json", "names.json: it is not a list of the names of jobs"),
        ("--not_in=[dispatches", "has only one bracket of a list"),
    ],
)
def test_a_file_of_names_that_cannot_be_used_is_an_error(
    world: World, option: str, message: str
) -> None:
    Path("names.json").write_text('{"a": 1}')

    ran = world.run(*ALL, "--output_directory=out", option)

    assert (ran.code, Path("out").exists()) == (2, False)
    assert message in ran.err


def test_standard_input_is_either_a_request_or_names_of_jobs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(monkeypatch, '{"query": {}}')

    ran = world.run("--request=-", "--only_jobs=-", "--output_directory=out")

    assert ran.code == 2
    assert "--only_jobs: standard input is already that of --request" in ran.err


def test_no_output_replaces_the_file_of_names(world: World) -> None:
    Path("names.txt").write_text("x")

    ran = world.run(*ALL, "--only_jobs=names.txt", "--output_directory=out", "--ledger=names.txt")

    assert ran.code == 2
    assert "names.txt is, contains or is inside an input of this run" in ran.err


def test_a_replayed_record_says_in_one_line_what_drifted(world: World) -> None:
    world.run(*ALL, "--output_directory=out")
    day = json.loads(Path("out.dispatch.json").read_text())["dispatched_at"][:10]
    replay = ("--request=out.dispatch.json", "--output_directory=again")
    same = world.run(*replay, "--plan")
    world.add(4)
    Path("buckets/data/a05/1.nwb").unlink()

    ran = world.run(*replay)

    assert f"\nno drift since {day}: the same 8 jobs\n" in same.out
    assert (
        f"\ndrift since {day}: 4 new, 1 gone\n  new: a08; a09; a10, ...\n  gone: a05 (" in ran.out
    )
    saved = json.loads(Path("again.dispatch.json").read_text())["drift"]
    assert (saved["since"][:10], saved["same"], len(saved["new"])) == (day, 7, 4)
    assert saved["gone"][0]["why"].startswith("no_matching_file: ")


def test_ten_jobs_that_are_gone_are_printed_and_all_with_a_plan(world: World) -> None:
    world.add(5)
    world.run(*ALL, "--output_directory=out")

    Path("none.txt").write_text("")
    replay = ("--request=out.dispatch.json", "--output_directory=x", "--only_jobs=none.txt")
    short, whole = world.run(*replay), world.run(*replay, "--plan")

    assert short.out.count("  gone: ") == 10
    assert "  ... and 3 more gone (--plan prints every one)\n" in short.out
    assert whole.out.count("  gone: ") == 13
    assert ": 0 new, 13 gone, with other values of only_jobs\n" in short.out


def test_another_fingerprint_than_expected_names_the_first_job_that_drifted(world: World) -> None:
    world.run(*ALL, "--output_directory=out")
    fingerprint = json.loads(Path("out.dispatch.json").read_text())["fingerprint"]
    Path("buckets/data/a05/1.nwb").rename("buckets/data/a05/2.nwb")

    ran = world.run(
        "--request=out.dispatch.json",
        *("--output_directory=again", f"--expect_fingerprint={fingerprint}"),
    )

    assert (ran.code, Path("again").exists()) == (2, False)
    assert "1 new, 1 gone; gone is a05 (" in ran.err
    assert "the file s3://data/a05/1.nwb is not there any more; new is a05 (" in ran.err
