"""What is done, failed, running and not started, from the marks in a results folder."""

from __future__ import annotations

import fcntl
import json
import time
from pathlib import Path

import pytest

from dispatch_core.engines.job_folder import JobFolder
from dispatch_core.engines.status import read_status
from tests.support.workers import make_jobs
from tests.support.world import CommandLine, run_process, subject


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(capsys)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Three workers: one done, one with a failed job, one that did not start."""
    out = make_jobs(tmp_path / "out", ["a", "b"], ["c", "d"], ["e"])
    results = tmp_path / "out.results"
    results.mkdir()
    for name in ("a.done", "b.done", "c.failed", "d.done"):
        (results / name).write_text("{}")
    return out


def test_the_status_counts_jobs_by_state_and_worker(run: CommandLine, out: Path) -> None:
    ran = run("status", out)

    assert ran.code == 1
    assert ran.err == ""
    assert ran.out.splitlines() == [
        "3 done, 1 failed, 1 not started of 5 jobs in 3 workers",
        "  worker 0: 2 done",
        "  worker 1: 1 done, 1 failed",
        "  worker 2: 1 not started",
    ]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["--failed"], ["c"]),
        (["--missing"], ["e"]),
        (["--failed", "--missing"], ["c", "e"]),
        (["--failed", "--workers"], ["1"]),
        (["--missing", "--failed", "--workers"], ["1,2"]),
    ],
    ids=" ".join,
)
def test_names_and_workers_are_printed_for_other_commands(
    run: CommandLine, out: Path, options: list[str], lines: list[str]
) -> None:
    ran = run("status", out, *options)

    assert (ran.code, ran.err) == (1, "")
    assert ran.out.splitlines() == lines


def test_everything_done_is_exit_code_0_and_prints_no_name(run: CommandLine, out: Path) -> None:
    for name in ("c", "e"):
        (out.with_name("out.results") / f"{name}.done").touch()

    whole, failed = run("status", out), run("status", out, "--failed")

    assert whole.code == 0
    assert whole.out.startswith("5 done of 5 jobs in 3 workers\n")  # .done counts, not .failed
    assert (failed.code, failed.out) == (0, "")


def test_the_json_has_the_names_of_each_state(run: CommandLine, out: Path) -> None:
    document = json.loads(run("status", out, "--json").out)

    assert (document["jobs"], document["done"], document["not_started"]) == (5, 3, 1)
    assert document["workers"][1] == {
        "worker": 1,
        "done": ["d"],
        "running": [],
        "failed": ["c"],
        "not_started": [],
    }


def test_a_job_whose_lock_is_held_runs_and_one_without_was_interrupted(
    run: CommandLine, out: Path
) -> None:
    results = out.with_name("out.results")
    (results / "c.failed").rename(results / "c.running")
    (results / "d.running").touch()  # of a kill between the mark and the removal
    with (results / "e.running").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        ran = run("status", out)

    assert ran.out.startswith("3 done, 1 running, 1 failed of 5 jobs")
    assert ran.err == (
        "warning: 1 failed job interrupted: the worker was stopped or killed, or the disk failed\n"
    )


def test_marks_without_a_job_are_reported_and_other_files_are_not(
    run: CommandLine, out: Path
) -> None:
    results = out.with_name("out.results")
    (results / "stranger.done").touch()
    (results / "other.failed").touch()
    (results / ".a.mark").touch()
    (results / "notes.txt").touch()
    (results / "e.done").mkdir()  # the folder of a job with this name is not a mark

    ran = run("status", out)

    assert ran.err == ("warning: 2 names with a mark but without a job here: 'other', 'stranger'\n")
    assert "1 not started" in ran.out


def test_without_a_results_folder_nothing_is_started(run: CommandLine, tmp_path: Path) -> None:
    out = make_jobs(tmp_path / "out", ["a"])

    default, chosen = run("status", out), run("status", out, "--results", tmp_path / "other")

    assert default.out == chosen.out
    assert default.out.startswith("1 not started of 1 job in 1 worker\n")
    assert chosen.err == (
        f"warning: nothing ran yet, or --results is wrong: {tmp_path}/other does not exist\n"
    )


def test_of_many_workers_only_those_that_are_not_done_are_shown(
    run: CommandLine, tmp_path: Path
) -> None:
    out = make_jobs(tmp_path / "out", *([f"job{n}"] for n in range(60)))
    (tmp_path / "out.results").mkdir()
    for number in range(58):
        (tmp_path / "out.results" / f"job{number}.done").touch()

    ran = run("status", out)

    assert ran.out.splitlines() == [
        "58 done, 2 not started of 60 jobs in 60 workers",
        "  worker 58: 1 not started",
        "  worker 59: 1 not started",
    ]


def test_a_record_is_enough_if_the_folder_is_gone(run: CommandLine, tmp_path: Path) -> None:
    sizes = ["--num_parallel_workers", "3", "--output_directory", str(tmp_path / "out")]
    run_process("--docdb_query", subject("900003"), *sizes)
    names = sorted(path.stem for path in (tmp_path / "out" / "2").iterdir())
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    (tmp_path / "out.results").mkdir()
    (tmp_path / "out.results" / f"{names[0]}.failed").touch()

    ran = run("status", tmp_path / "out.dispatch.json", "--failed", "--workers")

    assert (ran.code, ran.out, ran.err) == (1, "2\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone"], "gone: cannot read the worker folder: No such file or directory."),
        (["empty"], "no worker folder with job files (0/*.json) in it."),
        (["file"], "cannot read the worker folder: Not a directory."),
        (["/"], "this is the root of the file system"),
        (["out", "--workers"], "--workers: it needs --failed or --missing."),
        (["out", "--json", "--failed"], "--json: it contradicts --failed and --missing."),
        (["out", "--results", "out/results"], "--results: out/results is inside the output folder"),
        (["out", "--results", "out"], "--results: out is the worker folder"),
        (["out", "--results", "file"], "cannot read the results folder: Not a directory."),
        (["not.dispatch.json"], "it is not a dispatch record."),
        (["old.dispatch.json"], "it does not name its jobs."),
        (["odd.dispatch.json"], "its worker_sizes are not the numbers of its jobs."),
        (["out", "--reslts", "x"], "Did you mean --results?"),
    ],
    ids=" ".join,
)
def test_invalid_input_is_exit_code_2_with_what_to_do(
    run: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_jobs(tmp_path / "out", ["a"])
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "not.dispatch.json").write_text("{}")
    record: dict[str, object] = {"record": 1, "request": {}}
    (tmp_path / "old.dispatch.json").write_text(json.dumps(record))
    record |= {"jobs": [["a", [], None], ["b", [], None]], "worker_sizes": [1]}
    (tmp_path / "odd.dispatch.json").write_text(json.dumps(record))

    ran = run("status", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_a_dispatch_that_had_nothing_to_do_is_done(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "no_new_jobs").touch()

    ran = run("status", tmp_path / "out")

    assert (ran.code, ran.out) == (0, "nothing to run of 0 jobs in 0 workers\n")


def test_other_entries_and_a_job_in_two_workers_are_warnings(
    run: CommandLine, tmp_path: Path
) -> None:
    out = make_jobs(tmp_path / "out", ["a", "b"], ["b"])
    (out / "notes.txt").touch()
    (out / "__MACOSX").mkdir()
    (out / "2").mkdir()
    (out / "0" / "x.csv").touch()
    (tmp_path / "out.results").mkdir()

    ran = run("status", out)

    assert ran.out.startswith("2 not started of 2 jobs in 2 workers\n")
    assert ran.err.splitlines() == [
        "warning: not a job file, so not run: '0/x.csv', '2 (no job)', '__MACOSX', 'notes.txt'",
        "warning: 1 job in several worker folders, so run once: 'b'",
    ]


def test_a_status_of_many_jobs_takes_one_look_at_the_results(tmp_path: Path) -> None:
    names = [f"job{number}" for number in range(2_000)]
    jobs = JobFolder(tmp_path / "out", {0: tuple(names)})
    (tmp_path / "out.results").mkdir()
    for name in names[::2]:
        (tmp_path / "out.results" / f"{name}.done").touch()

    begun = time.process_time()
    status = read_status(jobs, jobs.results)

    assert status.counts["done"] == 1_000
    assert time.process_time() - begun < 1
