"""One worker folder, run by ``run_worker.py`` as on a compute node."""

from __future__ import annotations

import ast
import fcntl
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatch_core.engines.run_worker import is_abandoned, is_running, name_of
from tests.support.tier import amount
from tests.support.workers import (
    BARE_PYTHON,
    PROGRAM,
    make_jobs,
    mark,
    marks_of,
    run_to_end,
    start_worker,
)

pytestmark = pytest.mark.slow

SHOW_ARGUMENTS = "python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "
NOTE_RUN = """sh -c 'echo "start $0" >> "$1"; sleep 0.02; echo "end $0" >> "$1"' {name} """


def until(holds: Callable[[], object], seconds: float = 10) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it does not come to hold"
        time.sleep(0.01)


def is_alive(process: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_each_job_runs_in_a_folder_of_its_own_and_leaves_a_mark(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["b", "a"]) / "0"
    results = tmp_path / "results"

    code, printed = run_to_end(worker, results, "sh -c 'echo $DISPATCH_NAME; pwd; cat $0' {job}")

    assert code == 0
    assert [line.split()[:2] for line in printed.splitlines()] == [["done", "a"], ["done", "b"]]
    log = (results / "a" / "log.txt").read_text()
    assert log == f'a\n{results}/a\n{{"asset_name": "a"}}'
    assert marks_of(results) == ["a.done", "b.done"]
    done = mark(results, "a.done")
    assert (done["job"], done["exit_code"], done["reason"]) == ("a", 0, "")
    assert (done["signal"], done["time_limit"]) == (None, None)
    assert (done["host"], done["ended"][-1]) == (os.uname().nodename, "Z")
    assert 0 < done["seconds"] < 10


def test_a_job_that_fails_stops_no_other(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a", "b", "c"]) / "0"
    results = tmp_path / "results"

    code, printed = run_to_end(worker, results, "sh -c 'test $0 != b || exit 7' {name}")

    assert code == 1
    assert f"failed b exit code 7: {results}/b/log.txt" in printed
    assert marks_of(results) == ["a.done", "b.failed", "c.done"]
    assert mark(results, "b.failed")["exit_code"] == 7


def test_what_is_done_is_skipped_and_what_failed_runs_again(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a", "b"]) / "0"
    results = tmp_path / "results"
    run_to_end(worker, results, "sh -c 'echo first; test $0 = a' {name}")

    code, printed = run_to_end(worker, results, "echo second")

    assert code == 0
    assert "skipped a it is done" in printed
    assert marks_of(results) == ["a.done", "b.done"]
    assert (results / "a" / "log.txt").read_text() == "first\n"
    assert (results / "b" / "log.txt").read_text() == "second\n"
    assert (results / "b" / "log.previous.txt").read_text() == "first\n"


HOSTILE = [
    "with space",
    "it's",
    'a "quoted" word',
    "$HOME `id` $(id)",
    "{name} {job} {} {{x}}",
    "back\\slash\\",
    "100% %s",
    "a;b|c&d>e",
    "*?[x]",
    "ünïcödé ✓",
    "-dash",
    "~",
    "#x",
    "line\nbreak",
]


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_a_path_stays_one_argument_whatever_is_in_it(tmp_path: Path, name: str) -> None:
    worker = make_jobs(tmp_path / name, [name]) / "0"
    results = tmp_path / f"{name} results"

    code, _ = run_to_end(worker, results, SHOW_ARGUMENTS + "{job} --in={job} {name} '{x} {'")

    job = f"{tmp_path}/{name}/0/{name}.json"
    assert code == 0
    shown = json.loads((results / name / "log.txt").read_text())
    assert shown == [job, f"--in={job}", name, "{x} {"]


def test_a_shell_is_used_only_where_it_is_asked_for(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out it's", ["a"]) / "0"
    command = "cat {job} | tr a-z A-Z > upper.txt && echo $DISPATCH_NAME"

    without, printed = run_to_end(worker, tmp_path / "without", command)
    with_shell, _ = run_to_end(worker, tmp_path / "with", command, "--shell")

    assert (without, with_shell) == (1, 0)
    assert (
        "note: --command: | > && $DISPATCH_NAME is passed as it is; --shell uses a shell" in printed
    )
    assert (tmp_path / "with" / "a" / "upper.txt").read_text() == '{"ASSET_NAME": "A"}'
    assert (tmp_path / "with" / "a" / "log.txt").read_text() == "a\n"


def test_a_file_beside_the_start_is_found_from_the_folder_of_a_job(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"
    (tmp_path / "analyze.py").write_text("import sys; print(sys.argv[1:])")
    (tmp_path / "word").touch()
    home = os.environ | {"HOME": str(tmp_path)}
    command = "python3 ~/analyze.py analyze.py word ./gone.py ~/gone.py"

    code, _ = run_to_end(worker, tmp_path / "results", command, cwd=tmp_path, env=home)

    assert code == 0
    assert ast.literal_eval((tmp_path / "results/a/log.txt").read_text()) == [
        f"{tmp_path}/analyze.py",
        "word",
        "./gone.py",
        "~/gone.py",
    ]


SPAWN = """\
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
with open("pids.tmp", "w") as file:
    print(os.getpid(), child.pid, file=file)
os.rename("pids.tmp", "pids")
time.sleep(60)
"""


@pytest.fixture
def spawn(tmp_path: Path) -> str:
    """A command that starts a process of its own, writes both numbers, and does not end."""
    (tmp_path / "spawn.py").write_text(SPAWN)
    return f"python3 -S {tmp_path}/spawn.py"


def test_a_time_limit_ends_the_command_with_all_it_started(tmp_path: Path, spawn: str) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"
    results = tmp_path / "results"

    code, printed = run_to_end(worker, results, spawn, "--time_limit=0.6")

    assert code == 1
    assert "failed a time limit of 0.6 s" in printed
    failed = mark(results, "a.failed")
    assert (failed["time_limit"], failed["exit_code"], failed["signal"]) == (0.6, None, "SIGTERM")
    pids = [int(number) for number in (results / "a" / "pids").read_text().split()]
    until(lambda: not any(map(is_alive, pids)))


def test_a_command_that_ends_well_after_its_time_limit_failed(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"
    command = "sh -c \"trap 'exit 0' TERM; sleep 60 & wait\""

    code, _ = run_to_end(worker, tmp_path / "results", command, "--time_limit=0.3")

    assert code == 1
    assert mark(tmp_path / "results", "a.failed")["exit_code"] == 0


@pytest.mark.soak
@pytest.mark.long
def test_a_command_that_ignores_the_first_signal_is_killed(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"

    code, _ = run_to_end(
        worker, tmp_path / "results", "sh -c \"trap '' TERM; sleep 60\"", "--time_limit=0.3"
    )

    assert code == 1
    assert mark(tmp_path / "results", "a.failed")["signal"] == "SIGKILL"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_command_and_the_job_keeps_its_mark(
    tmp_path: Path, spawn: str, number: int, code: int
) -> None:
    worker = make_jobs(tmp_path / "out", ["a", "b"]) / "0"
    results = tmp_path / "results"
    results.mkdir()
    (results / "a.failed").write_text("earlier")

    process = start_worker(worker, results, spawn)
    until((results / "a" / "pids").exists)
    process.send_signal(number)

    assert process.wait(10) == code
    assert marks_of(results) == ["a.failed", "a.running"]
    assert not is_running(str(results / "a.running"))
    assert (results / "a.failed").read_text() == "earlier"
    pids = [int(number) for number in (results / "a" / "pids").read_text().split()]
    until(lambda: not any(map(is_alive, pids)))


def test_a_command_that_takes_the_signal_too_and_ends_with_0_is_not_done(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"
    results = tmp_path / "results"
    command = "sh -c \"trap 'exit 0' TERM; touch ready; sleep 60 & wait\""

    process = start_worker(worker, results, command)
    until((results / "a" / "ready").exists)
    process.terminate()

    assert process.wait(10) == 143
    assert marks_of(results) == ["a.running"]


def test_a_second_signal_kills_a_command_that_ignores_the_first(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"
    results = tmp_path / "results"
    command = "sh -c \"trap 'touch asked' TERM; touch ready; while :; do sleep 0.05; done\""

    process = start_worker(worker, results, command)
    until((results / "a" / "ready").exists)
    process.send_signal(signal.SIGINT)
    until((results / "a" / "asked").exists)
    process.send_signal(signal.SIGINT)

    assert process.wait(5) == 130  # of the 10 seconds that a command has to end
    assert marks_of(results) == ["a.running"]


def test_signals_that_the_caller_ignores_stay_ignored(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"
    results = tmp_path / "results"

    process = start_worker(
        worker,
        results,
        "sh -c 'touch ready; sleep 0.3'",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    until((results / "a" / "ready").exists)
    process.send_signal(signal.SIGHUP)

    assert process.wait(10) == 0


def test_a_worker_stops_with_the_process_that_started_it(tmp_path: Path, spawn: str) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"
    results = tmp_path / "results"
    words = [*BARE_PYTHON, PROGRAM, str(worker), f"--results={results}", f"--command={spawn}"]
    code = f"import subprocess; subprocess.run({words!r} + ['--stop_with_parent'])"

    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    until((results / "a" / "pids").exists)
    parent.kill()
    parent.wait()

    pids = [int(number) for number in (results / "a" / "pids").read_text().split()]
    until(lambda: not any(map(is_alive, pids)))
    assert marks_of(results) == ["a.running"]


# A worker that is killed


@pytest.mark.soak
def test_a_kill_at_any_moment_leaves_no_false_mark(tmp_path: Path) -> None:
    names = [f"job{number}" for number in range(6)]
    worker = make_jobs(tmp_path / "out", names) / "0"
    rng, kills = random.Random(4), amount(4, 300)
    results, log = tmp_path / "results-0", tmp_path / "log-0"

    for number in range(kills):
        process = start_worker(worker, results, f"{NOTE_RUN} {log}")
        time.sleep(rng.uniform(0.03, 0.5))
        process.kill()
        process.wait()

        ended = {line for line in lines_of(log) if line.startswith("end")}
        marks = marks_of(results) if results.exists() else []
        assert {f"end {name_of(one)}" for one in marks if one.endswith(".done")} <= ended
        assert not [one for one in marks if one.endswith(".failed")]
        if len(ended) == len(names):
            results, log = tmp_path / f"results-{number}", tmp_path / f"log-{number}"

    assert run_to_end(worker, results, f"{NOTE_RUN} {log}")[0] == 0
    assert [name for name in marks_of(results) if name[0] != "."] == [f"{n}.done" for n in names]


def lines_of(log: Path) -> list[str]:
    """The lines that jobs wrote so far."""
    return log.read_text().splitlines() if log.exists() else []


def test_the_job_of_a_killed_worker_runs_again_at_once(tmp_path: Path, spawn: str) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"
    results = tmp_path / "results"
    process = start_worker(worker, results, f"{spawn} x")
    until((results / "a" / "pids").exists)
    first = int((results / "a" / "pids").read_text().split()[0])

    process.kill()
    process.wait()
    code, _ = run_to_end(worker, results, "true", "--time_limit=9")

    assert code == 0
    assert not is_alive(first)
    assert marks_of(results) == ["a.done"]


# Two workers on one folder


@pytest.mark.soak
@pytest.mark.parametrize("locks", ["locks", "no locks"])
def test_workers_that_race_run_each_job_once(tmp_path: Path, locks: str) -> None:
    for race in range(amount(1, 20)):
        names = [f"job{number}" for number in range(8)]
        worker = make_jobs(tmp_path / f"out-{race}", names) / "0"
        results, log = tmp_path / f"results-{race}", tmp_path / f"log-{race}"
        start = start_worker if locks == "locks" else start_without_locks

        racers = [start(worker, results, f"{NOTE_RUN} {log}") for _ in range(3)]
        codes = [(racer.communicate()[0], racer.returncode)[1] for racer in racers]

        assert codes == [0, 0, 0]
        counts = Counter(lines_of(log))
        assert counts == Counter(f"{event} {name}" for name in names for event in ("start", "end"))
        assert marks_of(results) == [f"{name}.done" for name in names]


WITHOUT_LOCKS = f"""\
import errno, fcntl, runpy

def refuse(*arguments):
    raise OSError(errno.ENOTSUP, "no locks here")

fcntl.flock = refuse
runpy.run_path({PROGRAM!r}, run_name="__main__")
"""


def start_without_locks(worker: Path, results: Path, command: str) -> subprocess.Popen[str]:
    """Start a worker as on a file system that has no locks."""
    words = ["x", str(worker), f"--results={results}", f"--command={command}"]
    code = f"import sys; sys.argv = {words!r}\n{WITHOUT_LOCKS}"
    pipe = subprocess.PIPE
    return subprocess.Popen([*BARE_PYTHON, "-c", code], stdout=pipe, stderr=pipe, text=True)


def test_a_job_that_another_worker_runs_is_passed_over_until_it_is_free(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a", "b"]) / "0"
    results = tmp_path / "results"
    results.mkdir()
    held = (results / "a.running").open("w")
    fcntl.flock(held, fcntl.LOCK_EX)
    running = is_running(str(results / "a.running"))

    threading.Timer(0.8, held.close).start()
    code, printed = run_to_end(worker, results, "true {job}")

    assert running
    assert code == 0
    words = [line.split()[:2] for line in printed.splitlines()]
    assert words == [["busy", "a"], ["done", "b"], ["done", "a"]]
    assert not is_running(str(results / "a.running"))


@pytest.mark.parametrize(
    ("owner", "age", "expected"),
    [
        ({"host": os.uname().nodename, "pid": os.getpid()}, 0, False),
        ({"host": os.uname().nodename, "pid": 2**22 + 1}, 0, True),
        ({"host": "another", "pid": 1}, 600, False),
        ({"host": "another", "pid": 1}, 1_000, True),
        ({"host": os.uname().nodename, "pid": os.getpid()}, 1_000, True),
        (None, 0, False),
        (None, 1_000, True),
    ],
)
def test_without_locks_a_silent_or_dead_worker_has_abandoned_its_job(
    tmp_path: Path, owner: object, age: float, expected: bool
) -> None:
    claim = tmp_path / "a.running"
    claim.write_text(json.dumps(owner) if owner else "")
    os.utime(claim, (time.time() - age, time.time() - age))

    assert is_abandoned(str(claim)) is expected


def test_without_locks_the_job_of_a_dead_worker_runs(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"
    results = tmp_path / "results"
    results.mkdir()
    dead = {"host": os.uname().nodename, "pid": 2**22 + 1}
    (results / "a.running").write_text(json.dumps(dead))

    process = start_without_locks(worker, results, "true")
    printed, _ = process.communicate()

    assert process.returncode == 0
    assert f"note: {results} has no file locks" in printed
    assert marks_of(results) == ["a.done"]


# Input and output


def test_megabytes_of_output_go_to_the_log(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"
    code = "import sys; sys.stdout.write('x' * 30_000_000); sys.stderr.write('y' * 3_000_000)"

    ran, printed = run_to_end(worker, tmp_path / "results", f'python3 -S -c "{code}"')

    assert ran == 0
    assert len(printed) < 100
    assert (tmp_path / "results" / "a" / "log.txt").stat().st_size == 33_000_000


@pytest.mark.parametrize("stdout", ["closed", "without a reader"])
def test_a_worker_runs_its_jobs_though_no_one_reads_what_it_says(
    tmp_path: Path, stdout: str
) -> None:
    worker = make_jobs(tmp_path / "out", ["a", "b"]) / "0"
    words = f"{' '.join(BARE_PYTHON)} {PROGRAM} {worker} --results={tmp_path}/r --command=true"
    line = f"{words} >&-" if stdout == "closed" else f"{words} | true; exit ${{PIPESTATUS[0]}}"

    code = subprocess.run(["bash", "-c", line], stderr=subprocess.DEVNULL).returncode

    assert code == 0
    assert marks_of(tmp_path / "r") == ["a.done", "b.done"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"worker": "gone"}, "gone: cannot read the worker folder: No such file or directory."),
        ({"worker": "empty"}, "empty: no job file (*.json) in it."),
        ({"worker": "file"}, "file: cannot read the worker folder: Not a directory."),
        ({"command": "no_such_program {job}"}, "--command: no_such_program was not found"),
        ({"command": ""}, "--command is empty."),
        ({"command": "''"}, "--command:  was not found"),
        ({"command": "sh -c 'x"}, "--command: No closing quotation. Close the quote."),
        ({"results": "out/0/results"}, "is inside the worker folder. Put it beside."),
        ({"results": "file"}, "--results: cannot write into"),
        ({"options": ["--time_limit=0"]}, "argument --time_limit: invalid"),
        ({"options": ["--time_limit=nan"]}, "argument --time_limit: invalid"),
        ({"options": ["--only=gone"]}, "--only: cannot read gone: No such file or directory."),
    ],
    ids=str,
)
def test_invalid_input_is_a_message_and_nothing_is_run(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    make_jobs(tmp_path / "out", ["a"])
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    given = {"worker": "out/0", "results": "results", "command": "touch ran", "options": []}
    given |= change

    code, printed = run_to_end(
        Path(str(given["worker"])),
        Path(str(given["results"])),
        str(given["command"]),
        *given["options"],
        cwd=tmp_path,
    )

    assert code == 2
    assert message in printed
    assert list(tmp_path.rglob("ran")) == []


def test_a_command_that_cannot_be_started_is_a_failed_job(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"

    code, printed = run_to_end(worker, tmp_path / "results", "{job}")

    assert code == 1
    assert "failed a the command cannot be started: [Errno 13] Permission denied" in printed
    log = (tmp_path / "results" / "a" / "log.txt").read_text()
    assert log.startswith("the command cannot be started")


def test_a_job_that_cannot_be_marked_failed_and_the_next_one_runs(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a", "b"]) / "0"
    results = tmp_path / "results"

    code, printed = run_to_end(
        worker,
        results,
        "true",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )

    assert code == 1
    states = [line for line in printed.splitlines() if line.startswith("failed")]
    assert states == [f"failed {name} [Errno 27] File too large; it has no mark" for name in "ab"]
    assert not [name for name in marks_of(results) if name.endswith((".done", ".failed"))]
    assert not is_running(str(results / "a.running"))


def test_a_job_that_killed_itself_names_the_signal(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"

    code, printed = run_to_end(worker, tmp_path / "results", "sh -c 'kill -SEGV $$'")

    assert code == 1
    assert "failed a killed by SIGSEGV" in printed
    assert mark(tmp_path / "results", "a.failed")["signal"] == "SIGSEGV"


def test_another_job_of_the_same_name_is_not_taken_for_done(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"
    results = tmp_path / "results"
    run_to_end(worker, results, "true")
    (worker / "a.json").write_text('{"asset_name": "another"}')

    code, printed = run_to_end(worker, results, "touch ran")

    assert code == 1
    assert f"failed a another job of this name is done: remove {results}/a.done" in printed
    assert not (results / "a" / "ran").exists()


def test_only_the_named_jobs_run_and_a_job_file_is_a_worker_of_one(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a", "b", "c", "d"]) / "0"
    results = tmp_path / "results"
    (tmp_path / "list").write_text(f"a\n\nresults/b.failed\n{worker}/z.json\n")

    listed, _ = run_to_end(worker, results, "true", f"--only={tmp_path}/list")
    single, _ = run_to_end(worker / "d.json", results, "true")

    assert (listed, single) == (0, 0)
    assert marks_of(results) == ["a.done", "b.done", "d.done"]


def test_what_is_not_a_job_file_is_named_and_not_run(tmp_path: Path) -> None:
    worker = make_jobs(tmp_path / "out", ["a"]) / "0"
    (worker / "notes.txt").touch()
    (worker / ".hidden.json").touch()
    (worker / "folder.json").mkdir()

    code, printed = run_to_end(worker, tmp_path / "results", "true")

    assert code == 0
    assert "note: not a job file, so not run: .hidden.json, folder.json, notes.txt" in printed
    assert marks_of(tmp_path / "results") == ["a.done"]


def test_the_program_needs_only_the_standard_library_and_python_3_8() -> None:
    text = Path(PROGRAM).read_text()
    tree = ast.parse(text, feature_version=(3, 8))

    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert "fcntl" in modules
    assert modules - set(sys.stdlib_module_names) == set()
