"""Shows that each engine runs a worker folder, and then only what failed: ``make engines``.

On each engine, 16 workers run 48 jobs, and the two workers with a broken input fail. Then the
input is repaired, and what `handover` says for the failed jobs is typed. The log of the jobs
has to say that the jobs of the two workers ran twice and all others once.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
from moto.core.config import default_user_config
from moto.server import ThreadedMotoServer

from dispatch_core.engines.handover import handover_files
from dispatch_core.engines.job_folder import JobFolder, read_job_folder
from dispatch_core.engines.lay import lay_beside
from dispatch_core.engines.order import Handover
from dispatch_core.engines.status import read_status
from dispatch_core.text.words import counted
from tests.support.slurm import Unavailable, running_slurm
from tests.support.world import ROOT, clean_environment, run_process, subject

WORKERS, SETS = 16, 3
BROKEN = (5, 11)
"""The workers whose jobs fail until their input is repaired."""

SNAKEMAKE = ROOT / ".venv-engines" / "bin"
AWS = ROOT / ".venv-awscli" / "bin"
JOB_TIME = "0.1"

# it notes its start and its end, and fails if it is of a broken worker
_ANALYSIS = """\
import os, pathlib, sys, time

job = pathlib.Path(sys.argv[1])
home = pathlib.Path(sys.argv[2])


def note(event):
    with open(home / "log of the jobs.txt", "a") as log:
        log.write(f"{event} {job.stem}\\n")


note("start")
time.sleep(float(os.environ["JOB_TIME"]))
broken = (home / "broken.txt").read_text().split()
if os.environ["DISPATCH_NAME"] in broken:
    sys.exit(3)
note("end")
"""


@dataclass(frozen=True)
class Place:
    """A folder with a dispatch, and the environment in which an engine is used there."""

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    folder: str = "out"

    @property
    def jobs(self) -> JobFolder:
        """The jobs of the dispatch."""
        return read_job_folder(self.home / self.folder)

    @property
    def command(self) -> str:
        """The command of a job; the file of the analysis is named as from its own folder."""
        return f"{sys.executable} 'the analysis.py' {{job}} '{self.home}'"

    def lay(self, engine: str, **more: Any) -> Handover:
        """Write the handover beside the worker folder."""
        more["python"] = sys.executable
        handover = handover_files(engine, self.folder, WORKERS, self.command, **more)
        lay_beside(handover, self.jobs.path, replace=False)
        return handover

    def type(self, lines: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the lines in a shell, in the folder that holds the worker folder."""
        return subprocess.run(
            ["bash", "-c", lines],
            cwd=self.home,
            env={**clean_environment(), "JOB_TIME": JOB_TIME, **self.variables, **more},
            capture_output=True,
            text=True,
        )

    def repair(self) -> None:
        """Repair the input of the workers that failed."""
        (self.home / "broken.txt").write_text("")

    def events(self) -> Counter[str]:
        """How often each job started and ended: ``start NAME``, ``end NAME``."""
        log = self.home / "log of the jobs.txt"
        return Counter(log.read_text().splitlines() if log.exists() else [])

    def check_first(self) -> str:
        """What the first run did, after a check that exactly the broken workers failed."""
        status = read_status(self.jobs, self.jobs.results)
        assert status.workers_with("failed") == list(BROKEN), status.summary()
        assert status.workers_with("running", "not started") == [], status.summary()
        return status.counted_states

    def check_again(self) -> str:
        """What the second run did, after a check that exactly the failed jobs ran again."""
        status = read_status(self.jobs, self.jobs.results)
        assert status.is_done, status.summary()
        events = self.events()
        broken = {name for number in BROKEN for name in self.jobs.workers[number]}
        wrong = {
            name: (events[f"start {name}"], events[f"end {name}"])
            for name in self.jobs.names
            if (events[f"start {name}"], events[f"end {name}"]) != (1 + (name in broken), 1)
        }
        assert wrong == {}, wrong
        return f"{len(broken)} jobs twice, {len(self.jobs.names) - len(broken)} once"


@dataclass(frozen=True, slots=True)
class Row:
    """What happened on one engine."""

    engine: str
    version: str
    first: str = ""
    again: str = ""
    note: str = ""
    is_wrong: bool = False


@contextmanager
def dispatched() -> Iterator[Place]:
    """A folder, with a space in its name, that holds a dispatch of the demo."""
    with tempfile.TemporaryDirectory(prefix="the dispatch ") as folder:
        home = Path(folder).resolve()
        sets = ", ".join(f'{{"set": {number}}}' for number in range(SETS))
        (home / "analysis_parameters.json").write_text(f'{{"distributed_parameters": [{sets}]}}')
        where = ["--input_directory", home, "--output_directory", home / "out"]
        workers = ["--num_parallel_workers", str(WORKERS)]
        ran = run_process("--docdb_query", subject("900003"), *where, *workers)
        assert ran.code == 0, ran.err
        (home / "the analysis.py").write_text(_ANALYSIS)
        jobs = read_job_folder(home / "out")
        broken = [name for number in BROKEN for name in jobs.workers[number]]
        (home / "broken.txt").write_text("\n".join(broken))
        yield Place(home, {"PATH": _path_with_script(home / "bin")})


def _path_with_script(folder: Path) -> str:
    """A search path with ``job-dispatch``, as the installed package has it."""
    folder.mkdir()
    script = folder / "job-dispatch"
    script.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m dispatch_core "$@"\n'
    )
    script.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def run_here(place: Place) -> Row:
    """`job-dispatch run`, without an engine."""
    line = f"job-dispatch run out --command {shlex.quote(place.command)}"
    assert place.type(line).returncode == 1
    first = place.check_first()
    place.repair()
    assert place.type(line).returncode == 0
    return Row("(this machine)", "", first, place.check_again())


def slurm(place: Place) -> Row:
    """A real Slurm on loopback: an array of 16, then an array of the two that failed."""
    with running_slurm() as variables:
        here = Place(place.home, {**place.variables, **variables})
        handover = here.lay("slurm")
        _submit(here, handover.start)
        first = here.check_first()
        here.repair()
        _submit(here, handover.failed)
        tasks = sorted(here.home.glob("slurm-*_*.out"), key=os.path.getmtime)
        again = {path.stem.partition("_")[2] for path in tasks[WORKERS:]}
        assert again == set(map(str, BROKEN)), again
        version = here.type("sbatch --version").stdout.split()[-1]
    return Row("Slurm", version, first, place.check_again(), f"array {','.join(sorted(again))}")


def _submit(place: Place, line: str) -> None:
    done = place.type(line)
    assert done.returncode == 0, done.stderr
    while place.type("squeue -h").stdout.strip():
        time.sleep(0.3)


def snakemake(place: Place) -> Row:
    """The real Snakemake: the same command twice, and nothing a third time."""
    program = SNAKEMAKE / "snakemake"
    if not program.exists():
        raise Unavailable("make .venv-engines/done installs it")
    here = Place(place.home, {"PATH": f"{SNAKEMAKE}:{place.variables['PATH']}"})
    handover = here.lay("snakemake")
    assert here.type(handover.start).returncode != 0
    first = here.check_first()
    here.repair()
    done = here.type(handover.failed)
    assert done.returncode == 0, done.stderr
    again = here.check_again()
    (here.home / "out").rename(here.home / "dispatched again")
    elsewhere = replace(here, folder="dispatched again")
    third = here.type(elsewhere.lay("snakemake", results="out.results").start)
    assert "Nothing to be done" in third.stdout + third.stderr
    version = here.type("snakemake --version").stdout.strip()
    return Row("Snakemake", version, first, again, "dispatched elsewhere: nothing")


def dask(place: Place) -> Row:
    """A real scheduler with two workers, of which one is killed in the middle of a job."""
    import distributed

    here = Place(place.home, {**place.variables, "JOB_TIME": "0.5"})
    handover = here.lay("dask")
    address = f"tcp://127.0.0.1:{_free_port()}"
    with _dask_cluster(here, address) as victim:
        killer = subprocess.Popen([sys.executable, "-c", _KILL_SOON, str(victim), str(here.home)])
        first_run = here.type(f"{handover.start} {address}")
        assert killer.wait() == 0
        assert first_run.returncode == 1, first_run.stderr
        first = here.check_first()
        here.repair()
        events = here.events()
        twice = [name for name in here.jobs.names if events[f"start {name}"] > 1]
        assert len(twice) <= 1, twice
        _forget(here, twice)
        done = here.type(f"{handover.failed} {address}")
        assert done.returncode == 0, done.stderr
    note = f"one of two machines killed, in {counted(len(twice), 'job')} that ran again"
    return Row("Dask", distributed.__version__, first, place.check_again(), note)


_KILL_SOON = """\
import os, pathlib, signal, sys, time


def children(process):
    files = pathlib.Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def has_a_job():
    return any(map(children, children(victim)))


victim = int(sys.argv[1])
log = pathlib.Path(sys.argv[2], "log of the jobs.txt")
while not (log.exists() and len(log.read_text().splitlines()) > 5 and has_a_job()):
    time.sleep(0.02)
time.sleep(0.25)
os.kill(victim, signal.SIGKILL)
"""


def _forget(place: Place, names: list[str]) -> None:
    """Remove what jobs did before their machine died, so that the rest can be counted.

    The machine may die after the end of a job and before its mark.
    """
    log = place.home / "log of the jobs.txt"
    text = log.read_text()
    for name in names:
        text = text.replace(f"start {name}\n", "", 1)
        if text.count(f"end {name}\n") > 1:
            text = text.replace(f"end {name}\n", "", 1)
    log.write_text(text)


@contextmanager
def _dask_cluster(place: Place, address: str) -> Iterator[int]:
    """A scheduler and two workers, each a process: the number of one of them."""
    environment = {**clean_environment(), **place.variables}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    base = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads=1"]
    scheduler = [*base, f"--port={address.rpartition(':')[2]}", "--host=127.0.0.1"]
    commands = [[*scheduler, "--no-dashboard"], *[[*worker, "--no-nanny", "--no-dashboard"]] * 2]
    running = [subprocess.Popen(one, cwd=place.home, env=environment, **quiet) for one in commands]
    try:
        from distributed import Client

        with Client(address, timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
        yield running[1].pid
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def nextflow(place: Place) -> Row:
    """The file as Groovy evaluates it, and its script as bash runs it; not Nextflow itself."""
    _require_groovy()
    handover = place.lay("nextflow")
    _run_scripts(place, range(WORKERS))
    first = place.check_first()
    place.repair()
    _run_scripts(place, BROKEN)
    assert handover.start == "nextflow run out.nf -resume"
    return Row("Nextflow", "-", first, place.check_again(), "only its script, as Groovy reads it")


def _require_groovy() -> None:
    if shutil.which("groovy"):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unavailable("needs the Debian package groovy")
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "groovy"]
    if subprocess.run(install, capture_output=True).returncode:
        raise Unavailable("apt-get install groovy failed")


def _run_scripts(place: Place, workers: Any) -> None:
    java = Path(shutil.which("java") or "/").resolve().parents[1]
    groovy = f"JAVA_HOME={java} groovy '{ROOT}/tests/support/groovy.groovy' out.nf WORKER"
    script = place.type(groovy)
    assert "channel: out/[0-9]*" in script.stderr, script.stderr
    for number in workers:
        with tempfile.TemporaryDirectory() as task:
            Path(task, str(number)).symlink_to(place.home / "out" / str(number))
            text = script.stdout.replace("WORKER", str(number))
            place.type(f"cd '{task}'; set -ue; {text}")


def aws_batch(place: Place) -> Row:
    """The real AWS command line against moto; each container of the array runs here."""
    if not (AWS / "aws").exists():
        raise Unavailable("make .venv-awscli/done installs the AWS command line")
    with _moto() as (variables, names):
        path = f"{place.home / 'bin'}:{AWS}:{os.environ['PATH']}"
        here = Place(place.home, {**variables, "PATH": path})
        handover = here.lay("aws-batch", s3="s3://jobs/my runs", **names)
        _run_array(here, handover.start, WORKERS)
        _copy_marks(here)
        first = here.check_first()
        here.repair()
        _run_array(here, handover.failed, len(BROKEN))
        _copy_marks(here)
        version = here.type("aws --version").stdout.split()[0].partition("/")[2]
    return Row("AWS Batch", version, first, place.check_again(), "array of 16, then of 2; moto")


@contextmanager
def _moto() -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """The variables that lead to a server of moto, and the names of a queue and a definition."""
    default_user_config["batch"] = {"use_docker": False}
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-west-2",
    }
    try:
        yield variables, _make_queue(variables)
    finally:
        server.stop()


def _client(name: str, variables: Mapping[str, str]) -> Any:
    return boto3.client(
        name,
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=variables["AWS_DEFAULT_REGION"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _make_queue(variables: Mapping[str, str]) -> dict[str, str]:
    _client("s3", variables).create_bucket(
        Bucket="jobs", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    role = _client("iam", variables).create_role(RoleName="batch", AssumeRolePolicyDocument="{}")
    batch = _client("batch", variables)
    batch.create_compute_environment(
        computeEnvironmentName="machines",
        type="UNMANAGED",
        state="ENABLED",
        serviceRole=role["Role"]["Arn"],
    )
    order = [{"order": 1, "computeEnvironment": "machines"}]
    batch.create_job_queue(
        jobQueueName="analyses", state="ENABLED", priority=1, computeEnvironmentOrder=order
    )
    container = {"image": "analysis", "vcpus": 1, "memory": 128, "command": ["true"]}
    batch.register_job_definition(
        jobDefinitionName="analysis", type="container", containerProperties=container
    )
    return {"queue": "analyses", "definition": "analysis"}


def _run_array(place: Place, lines: str, size: int) -> None:
    """Type the lines; then run the command of each container of the array that was submitted."""
    done = place.type(lines)
    assert done.returncode == 0, done.stderr
    (number,) = re.findall('"jobId": "([^"]+)"', done.stdout)
    (job,) = _client("batch", place.variables).describe_jobs(jobs=[number])["jobs"]
    assert job["arrayProperties"]["size"] == size, job
    request = json.loads((place.home / "out.batch.json").read_text())
    script = shlex.join(request["containerOverrides"]["command"])
    for index in range(size):
        place.type(script, AWS_BATCH_JOB_ARRAY_INDEX=str(index))


def _copy_marks(place: Place) -> None:
    done = place.type("aws s3 sync --only-show-errors 's3://jobs/my runs/out.results' out.results")
    assert done.returncode == 0, done.stderr


ENGINES: tuple[Callable[[Place], Row], ...] = (
    run_here,
    slurm,
    snakemake,
    dask,
    nextflow,
    aws_batch,
)


def main(names: list[str]) -> int:
    """Print a row for each engine; 1 if one of them did anything else than it should."""
    rows = [_tried(run) for run in ENGINES if not names or run.__name__ in names]
    print(table(rows), flush=True)
    return int(any(row.is_wrong for row in rows))


def _tried(run: Callable[[Place], Row]) -> Row:
    name = run.__name__.replace("_", " ")
    print(f"{name} ...", file=sys.stderr, flush=True)
    with dispatched() as place:
        try:
            return run(place)
        except Unavailable as reason:
            return Row(name, "-", "skipped", note=str(reason))
        except AssertionError as error:
            return Row(name, "-", "WRONG", note=str(error), is_wrong=True)


def table(rows: list[Row]) -> str:
    """The rows as text, a line each."""
    heads = ("engine", "version", "first run", "then", "note")
    cells = [heads, *((r.engine, r.version, r.first, r.again, r.note) for r in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(heads) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(w) for cell, w in zip(line, widths, strict=False)), line[-1]])
        for line in cells
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
