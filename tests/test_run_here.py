"""`run`: a worker folder on this machine."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.workers import make_jobs, marks_of
from tests.support.world import ROOT, CommandLine, clean_environment, run_process

pytestmark = pytest.mark.slow

NOTE = "sh -c 'echo $0 >> \"$1\"' {name} "


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(capsys)


def test_every_job_runs_and_the_results_are_beside_the_folder(
    run: CommandLine, tmp_path: Path
) -> None:
    out = make_jobs(tmp_path / "out", ["a", "b"], ["c"], ["d"])

    ran = run("run", out, "--command", "cat {job}", "--parallel", 2)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "run: 4 done of 4 jobs in 3 workers",
        f"results: {tmp_path}/out.results",
    ]
    assert marks_of(tmp_path / "out.results") == ["a.done", "b.done", "c.done", "d.done"]
    assert (tmp_path / "out.results/d/log.txt").read_text() == '{"asset_name": "d"}'
    assert sorted(path.name for path in out.rglob("*.*")) == [
        "a.json",
        "b.json",
        "c.json",
        "d.json",
    ]


def test_the_same_command_runs_only_what_failed(run: CommandLine, tmp_path: Path) -> None:
    out = make_jobs(tmp_path / "out", ["a", "b"], ["c"])
    command = f"sh -c 'echo $0 >> {tmp_path}/log; test -e {tmp_path}/repaired || test $0 != b'"

    first = run("run", out, "--command", command + " {name}")
    (tmp_path / "repaired").touch()
    second = run("run", out, "--command", command + " {name}")

    assert (first.code, second.code) == (1, 0)
    assert f"failed b exit code 1: {tmp_path}/out.results/b/log.txt" in first.err
    assert "run: 2 done, 1 failed of 3 jobs in 2 workers" in first.out
    assert "The same command runs what is not done" in first.out
    assert sorted((tmp_path / "log").read_text().split()) == ["a", "b", "b", "c"]


def test_only_the_named_jobs_run_and_unknown_names_are_reported(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = make_jobs(tmp_path / "out", ["a", "b"], ["c"], ["d"])
    (tmp_path / "list").write_text(f"\ufeffb\r\n{out}/1/c.json\nout.results/a.failed\nzzz\n")

    ran = run("run", out, "--command", f"{NOTE} {tmp_path}/log", "--only", tmp_path / "list")

    assert ran.code == 0
    assert ran.err == "warning: --only: 1 name that no job has: 'zzz'\n"
    assert sorted((tmp_path / "log").read_text().split()) == ["a", "b", "c"]
    assert "run: 3 done, 1 not started of 4 jobs" in ran.out


def test_failed_names_of_the_status_are_the_list_of_the_next_run(tmp_path: Path) -> None:
    out = make_jobs(tmp_path / "out", ["a", "b"], ["c"])
    run_process("run", out, "--command", "sh -c 'test $0 != b' {name}")
    names = run_process("status", out, "--failed").out

    ran = run_process("run", out, "--command", f"{NOTE} {tmp_path}/log", "--only=-", stdin=names)

    assert names == "b\n"
    assert (ran.code, (tmp_path / "log").read_text()) == (0, "b\n")


def test_workers_run_at_the_same_time(run: CommandLine, tmp_path: Path) -> None:
    out = make_jobs(tmp_path / "out", ["a"], ["b"])
    # each job waits until the other one has started
    meet = "sh -c 'touch $1/$0.here; until test -e $1/a.here -a -e $1/b.here; do sleep 0.05; done'"

    ran = run(
        *("run", out, "--command", f"{meet} {{name}} {tmp_path}"),
        *("--parallel", 2, "--time_limit", 20),
    )

    assert ran.code == 0


def test_a_time_limit_and_a_shell_reach_the_jobs(run: CommandLine, tmp_path: Path) -> None:
    out = make_jobs(tmp_path / "out", ["a"])

    late = run("run", out, "--command", "sleep 60", "--time_limit", "0.3")
    shell = run("run", out, "--command", "cat {job} | tr a-z A-Z", "--shell")

    assert (late.code, shell.code) == (1, 0)
    assert "failed a time limit of 0.3 s" in late.err
    assert (tmp_path / "out.results/a/log.txt").read_text() == '{"ASSET_NAME": "A"}'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone", "--command", "true"], "gone: cannot read the worker folder"),
        (["out", "--command", " "], "--command: it is empty. Write the command of a job"),
        (["out", "--command", "sh 'x"], "--command: no closing quotation: sh 'x. Close the quote."),
        (["out", "--command", "no_such_program"], "--command: no_such_program was not found"),
        (["out"], "the following arguments are required: --command"),
        (["out", "--command", "true", "--parallel", "0"], "'0' is not a whole number above 0"),
        (["out", "--command", "true", "--time_limit", "-1"], "'-1' is not a number of seconds"),
        (["out", "--command", "true", "--results", "out/r"], "out/r is inside the output folder"),
        (["out", "--command", "true", "--results", "file"], "--results: cannot write into"),
        (["out", "--command", "true", "--only", "gone"], "--only: cannot read gone"),
        (["out", "--command", "true", "--only", "file"], "--only: file names no job of"),
    ],
    ids=" ".join,
)
def test_invalid_input_is_exit_code_2_and_nothing_runs(
    run: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_jobs(tmp_path / "out", ["a"], ["b"])
    (tmp_path / "file").touch()

    ran = run("run", *arguments)

    assert ran.code == 2
    assert message in ran.err
    assert not (tmp_path / "out.results" / "a").exists()


def test_a_dispatch_that_had_nothing_to_do_is_done(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "no_new_jobs").touch()

    ran = run("run", tmp_path / "out", "--command", "true")

    assert ran.code == 0
    assert ran.out.startswith("run: nothing to run of 0 jobs")


def test_a_link_to_the_folder_has_the_results_beside_the_folder(
    run: CommandLine, tmp_path: Path
) -> None:
    out = make_jobs(tmp_path / "real place" / "out", ["a"])
    (tmp_path / "link").symlink_to(out)

    ran = run("run", tmp_path / "link", "--command", "true")

    assert ran.code == 0
    assert marks_of(tmp_path / "real place" / "out.results") == ["a.done"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_ends_its_jobs_and_marks_none(tmp_path: Path, number: int) -> None:
    out = make_jobs(tmp_path / "out", ["a"], ["b"], ["c"])
    results = tmp_path / "out.results"
    words = [sys.executable, "-m", "dispatch_core", "run", str(out), "--parallel", "2"]
    command = f"sh -c 'echo $$ > {tmp_path}/$0.pid; exec sleep 60' {{name}}"

    process = subprocess.Popen(
        [*words, "--command", command], cwd=ROOT, env=clean_environment(), stderr=subprocess.PIPE
    )
    while len(pids := running(tmp_path)) < 2:
        time.sleep(0.02)
    process.send_signal(number)
    process.communicate(timeout=20)

    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert process.returncode != 0
    assert [name for name in marks_of(results) if not name.endswith(".running")] == []
    assert not (results / "c").exists()


def running(folder: Path) -> list[int]:
    """The process numbers that jobs wrote."""
    return [int(text) for path in folder.glob("*.pid") if (text := path.read_text().strip())]
