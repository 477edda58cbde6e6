"""`handover`: the files of each engine, their quotes, and what they start."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from dispatch_core.engines.handover import ENGINES, handover_files
from dispatch_core.engines.lay import lay_beside
from dispatch_core.engines.order import Handover
from dispatch_core.errors import InvalidInput
from tests.support.workers import make_jobs, marks_of
from tests.support.world import CommandLine

ANALYZE = "python3 analyze.py {job}"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(capsys)


def files(engine: str, folder: str = "out", workers: int = 16, **more: Any) -> Handover:
    more = {"s3": "s3://bucket/prefix", **more}
    return handover_files(engine, folder, workers, more.pop("command", ANALYZE), **more)


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_has_a_file_with_a_head_and_the_program(engine: str) -> None:
    handover = files(engine)

    first, program = handover.files
    assert first.name.startswith("out.")
    assert (program.name, program.text[:22]) == ("out.run_worker.py", "#!/usr/bin/env python3")
    assert len(first.text.splitlines()) < 50
    if engine != "aws-batch":  # JSON has no comments
        head = first.text[:1200]
        assert "Made by job-dispatch handover: runs" in head
        assert handover.start in head
        assert handover.failed in head
        assert "job-dispatch status out\n" in head


def test_the_script_for_slurm_is_short_and_readable() -> None:
    (script, _) = files("slurm").files

    assert script.name == "out.slurm.sh"
    assert script.text.splitlines()[-5:] == [
        "#SBATCH --job-name=dispatch",
        "#SBATCH --array=0-15%50",
        "",
        'exec python3 out.run_worker.py out/"$SLURM_ARRAY_TASK_ID" \\',
        "    --results=out.results --command='python3 analyze.py {job}'",
    ]


def test_slurm_runs_exactly_the_workers_that_failed() -> None:
    handover = files("slurm", results="results of mine", time_limit=1_234_567.5)

    assert handover.start == "sbatch out.slurm.sh"
    assert handover.failed == (
        """sbatch --array="$(job-dispatch status out '--results=results of mine' """
        """--failed --workers)" out.slurm.sh"""
    )
    assert "--results='results of mine'" in handover.files[0].text
    assert "--time_limit=1234567.5" in handover.files[0].text


@pytest.mark.parametrize(
    ("workers", "site", "notes"), [(1_001, 1_001, 0), (1_002, 1_001, 1), (5_000, 5_000, 0)]
)
def test_slurm_says_if_the_array_is_larger_than_the_site_allows(
    workers: int, site: int, notes: int
) -> None:
    handover = files("slurm", workers=workers, max_array=site)

    assert len(handover.notes) == notes
    assert (
        "".join(handover.notes)[:60]
        in "1,002 workers are more than the MaxArraySize of 1,001 allows"
    )


def test_snakemake_runs_what_has_no_mark() -> None:
    (snakefile, _), start = files("snakemake").files, files("snakemake").start

    assert start == (
        "snakemake --snakefile=out.Snakefile --cores all --keep-going --ignore-incomplete"
        " --rerun-triggers mtime"
    )
    assert files("snakemake").failed == start
    assert "ancient(JOBS[wildcards.name])" in snakefile.text
    assert '[f"{RESULTS}/{name}.done" for name in JOBS]' in snakefile.text


@pytest.mark.parametrize("more", [{"folder": "a{x}"}, {"results": "r}"}], ids=str)
def test_snakemake_takes_no_braces_in_paths(more: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="contains braces, which Snakemake takes for wildcards"):
        files("snakemake", **more)


def test_nextflow_says_that_it_was_not_run() -> None:
    (pipeline, _) = files("nextflow").files

    assert "// Not run where this project is tested" in pipeline.text
    assert "Channel.fromPath(\"out/[0-9]*\", type: 'dir') | run_worker" in pipeline.text
    assert files("nextflow").start == "nextflow run out.nf -resume"


# AWS Batch


def request(**more: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files("aws-batch", **more).files[0].text)
    return document


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ({"workers": 2}, 2),
        ({"workers": 10_000}, 10_000),
        ({"workers": 1}, None),
        ({"only": (5, 11)}, 2),
        ({"only": (5,)}, None),
        ({"workers": 20_000, "only": (5, 19_999)}, 2),
    ],
    ids=str,
)
def test_the_request_is_valid_for_aws_and_one_worker_is_a_plain_job(
    more: dict[str, Any], size: int | None
) -> None:
    session = boto3.session.Session(region_name="us-west-2")
    model = session.client("batch").meta.service_model.operation_model("SubmitJob")

    document = request(**more)

    report = ParamValidator().validate(document, model.input_shape)
    assert report.generate_report() == ""
    assert document.get("arrayProperties") == (None if size is None else {"size": size})


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"workers": 10_001}, "out: 10,001 workers are more than the 10,000 of an array job. "),
        ({"s3": ""}, "--s3: it is needed for AWS Batch. Write it as s3://bucket/prefix."),
        ({"s3": "bucket/x"}, "--s3: 'bucket/x' is not a place in S3."),
        ({"only": (5, 16)}, "--workers: worker 16 does not exist: they are 0 to 15."),
        ({"command": "x Ref::y"}, "--command: AWS Batch replaces texts that start with Ref::."),
        ({"command": "x" * 8_000}, "--command: the command of the container is longer than 8,192"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_aws_batch_refuses_or_changes_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(message)):
        request(**more)


def test_a_job_name_has_only_the_characters_that_aws_takes() -> None:
    document = request(folder=f"résumé of {'x' * 200}")

    assert re.fullmatch("dispatch-r-sum--of-x{109}", document["jobName"])


# Values in the languages of the files

HOSTILE = [
    "with space",
    "it's",
    'a "quoted" word',
    "$HOME `id` $(id) ${x}",
    "{name} {x} {} {{",
    "back\\slash \\n \\u0041 \\",
    "100% %s %(x)s",
    "a;b|c&d>e",
    "[x]",
    "ünïcödé ✓",
    "-dash",
    "~",
    "#x",
    "!x",
    "'''",
    '"""',
    "coding: none",
]


def hand_over(engine: str, home: Path, name: str) -> Path:
    """Lay what runs one job beside a folder of this name; what the job gets is in its log."""
    make_jobs(home / name, ["a"])
    show = f"{sys.executable} -c 'import json, sys; print(json.dumps(sys.argv[1:]))'"
    handover = handover_files(
        engine,
        name,
        1,
        f"{show} {shlex.quote(name)} {{job}}",
        results=f"{name} results",
        python=sys.executable,
        s3=f"s3://bucket/{name}",
    )
    lay_beside(handover, home / name, replace=False)
    return home / handover.files[0].name


def by_slurm(file: Path) -> None:
    environment = os.environ | {"SLURM_ARRAY_TASK_ID": "0"}
    subprocess.run(["bash", file], cwd=file.parent, env=environment, check=True)


def by_snakemake(file: Path) -> None:
    """The values as Python reads them; ``make engines`` runs the rules."""
    values, _, rules = file.read_text().partition("\n\nrule all:")
    ast.parse(values)
    names: dict[str, Any] = {}
    with chdir(file.parent):
        exec(values, names)
    words = [names["PYTHON"], names["RUNNER"], names["JOBS"]["a"]]
    options = [f"--results={names['RESULTS']}", *names["OPTIONS"]]
    assert '"{PYTHON:q} {RUNNER:q} {input:q} --results={RESULTS:q} {OPTIONS:q}"' in rules
    subprocess.run([*words, *options], cwd=file.parent, check=True)


def by_dask(file: Path) -> None:
    program = runpy.run_path(str(file), run_name="not main")
    code, text = program["run_worker"](0)
    assert code == 0, text


def by_nextflow(file: Path) -> None:
    """The script as Groovy reads it; ``make engines`` asks a real Groovy."""
    (script,) = re.findall('script:\n    """\n(.*)\n    """', file.read_text(), re.DOTALL)
    read = re.sub(r"\\(.)", r"\1", script.replace("${worker}", "0"))
    task = file.parent / "task"
    task.mkdir()
    name = file.name.removesuffix(".nf")
    (task / "0").symlink_to(file.parent / name / "0")
    subprocess.run(["bash", "-ue", "-c", read], cwd=task, check=True)


AWS = """\
#!{python}
# `aws s3 cp` and `aws s3 sync` between this machine and the folder "s3" beside this file.
import pathlib, shutil, sys

words = [word for word in sys.argv[3:] if not word.startswith("--only")]
here = pathlib.Path(__file__).parent / "s3"
source, target = (
    here / word[5:] if word.startswith("s3://") else pathlib.Path(word) for word in words[-2:]
)
if source.is_file():
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
elif source.is_dir():
    shutil.copytree(source, target, dirs_exist_ok=True)
"""


def by_aws_batch(file: Path) -> None:
    """The command of the container, with a stand-in for the command line of AWS."""
    name = file.name.removesuffix(".batch.json")
    (file.parent / "aws").write_text(AWS.format(python=sys.executable))
    (file.parent / "aws").chmod(0o755)
    bucket = file.parent / "s3" / "bucket" / name
    bucket.mkdir(parents=True)
    (file.parent / name).rename(bucket / name)
    (file.parent / f"{name}.run_worker.py").rename(bucket / f"{name}.run_worker.py")
    command = json.loads(file.read_text())["containerOverrides"]["command"]
    environment = os.environ | {"PATH": f"{file.parent}:{os.environ['PATH']}"}
    subprocess.run(command, cwd=file.parent, env=environment, check=True)
    (bucket / f"{name} results").rename(file.parent / f"{name} results")


RUNNERS: dict[str, Callable[[Path], None]] = {
    "slurm": by_slurm,
    "snakemake": by_snakemake,
    "dask": by_dask,
    "nextflow": by_nextflow,
    "aws-batch": by_aws_batch,
}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_a_command_and_paths_reach_the_job_whatever_is_in_them(
    tmp_path: Path, engine: str, name: str
) -> None:
    if engine == "snakemake" and "{" in name:
        name = name.replace("{", "(").replace("}", ")")

    file = hand_over(engine, tmp_path, name)

    RUNNERS[engine](file)

    results = tmp_path / f"{name} results"
    assert marks_of(results) == ["a.done"]
    shown = json.loads((results / "a" / "log.txt").read_text())
    # {name} in the command is the name of the job
    assert shown[0] == name.replace("{name}", "a")
    assert shown[1].endswith("/a.json")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"command": "a\nb"},
            "--command: 'a\\nb' contains a line break or a control character, or",
        ),
        ({"command": "a\x00b"}, "contains a line break or a control character, or"),
        ({"folder": "a\u2028b"}, "the worker folder: 'a\\u2028b' contains a line break"),
        ({"results": "a\rb"}, "--results: 'a\\rb' contains a line break"),
        ({"python": "a\nb"}, "--python: 'a\\nb' contains a line break"),
        ({"queue": "a\nb"}, "--queue: 'a\\nb' contains a line break"),
        ({"folder": "a\udcffb"}, "the worker folder: 'a\\udcffb' contains a line break"),
        ({"command": " "}, "--command: it is empty. Write the command of a job"),
        ({"command": "a 'b"}, "--command: no closing quotation: a 'b. Close the quote."),
        ({"workers": 0}, "out: it has no worker folder."),
    ],
    ids=str,
)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_no_file_can_hold_is_refused(engine: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        files(engine, **more)

    assert message in str(caught.value)


def test_an_unknown_engine_is_an_error_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput) as caught:
        files("slrum")

    assert str(caught.value) == (
        "engine: 'slrum' is not an engine. Choose slurm, snakemake, nextflow, aws-batch, dask."
    )


# On the command line


def test_the_files_are_beside_the_folder_and_the_lines_are_printed(
    run: CommandLine, tmp_path: Path
) -> None:
    out = make_jobs(tmp_path / "out", ["a"], ["b"])

    ran = run("handover", "slurm", out, "--command", ANALYZE)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"written: {tmp_path}/out.slurm.sh",
        f"written: {tmp_path}/out.run_worker.py",
        "start:",
        f"  cd {tmp_path}",
        "  sbatch out.slurm.sh",
        "only what failed:",
        '  sbatch --array="$(job-dispatch status out --failed --workers)" out.slurm.sh',
    ]
    assert sorted(os.listdir(tmp_path)) == ["out", "out.run_worker.py", "out.slurm.sh"]
    assert sorted(os.listdir(out)) == ["0", "1"]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_earlier_handover_is_replaced_and_other_files_are_refused(
    run: CommandLine, tmp_path: Path, engine: str
) -> None:
    out = make_jobs(tmp_path / "out", ["a"], ["b"])
    arguments = ["handover", engine, out, "--s3", "s3://bucket/x", "--command"]
    run(*arguments, "first {job}")
    (file,) = set(tmp_path.iterdir()) - {out, tmp_path / "out.run_worker.py"}

    second = run(*arguments, "second {job}")
    changed = "second {job}" in file.read_text()
    file.write_text("mine")
    refused = run(*arguments, "third {job}")
    kept = file.read_text()
    replaced = run(*arguments, "third {job}", "--replace")

    assert (second.code, changed) == (0, True)
    assert (refused.code, kept) == (2, "mine")
    assert f"{file}: the handover is written here, but the existing file is not" in refused.err
    assert (replaced.code, "third {job}" in file.read_text()) == (0, True)


def test_a_command_typed_elsewhere_names_its_files_completely(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_jobs(tmp_path / "runs" / "out", ["a"])
    (tmp_path / "analyze.py").touch()
    monkeypatch.chdir(tmp_path)

    run("handover", "slurm", "runs/out", "--command", ANALYZE, "--results", "runs/mine")

    text = (tmp_path / "runs" / "out.slurm.sh").read_text()
    assert f"--results=mine --command='python3 {tmp_path}/analyze.py '\"'\"'{{job}}'\"'\"" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["slrum", "out"], "invalid choice: 'slrum'"),
        (["slurm", "gone"], "gone: cannot read the worker folder"),
        (["slurm", "gaps"], "worker folders are missing: 0, 2. Dispatch again"),
        (["slurm", "out", "--workers", "1"], "--workers: only aws-batch has it."),
        (["aws-batch", "out", "--s3=s3://b/c", "--workers", "a"], "'a' is not a list of worker"),
        (["aws-batch", "out"], "--s3: it is needed for AWS Batch."),
        (["slurm", "out", "--max_array", "x"], "'x' is not a whole number above 0"),
        (["slurm", "out", "--results", "out/x"], "out/x is inside the output folder"),
        (["slurm", "out", "--command="], "--command: it is empty. Write the command of a job"),
    ],
    ids=" ".join,
)
def test_invalid_input_is_exit_code_2_and_nothing_is_written(
    run: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_jobs(tmp_path / "out", ["a"])
    make_jobs(tmp_path / "gaps", [], ["a"], [], ["b"])

    ran = run("handover", "--command", ANALYZE, *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert sorted(os.listdir(tmp_path)) == ["gaps", "out"]
