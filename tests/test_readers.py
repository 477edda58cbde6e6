"""Jobs are valid for their downstream readers: the real model, and the seed's shape.

The real model is installed in a separate environment, ``.venv-readers`` in the project
root (``make test`` creates it). READERS_PYTHON selects another interpreter.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from dispatch_core.cli import main
from tests.support.readers import real_reader
from tests.support.world import ROOT, SETTINGS, jobs_of, subject

SCRIPT = ROOT / "tests" / "readers" / "validate_jobs.py"
PARAMETERS = {
    "fixed_parameters": {"sorter": "ks4", "free": {"a key": [1, None, [2.5, "x"]]}},
    "distributed_parameters": [{"cutoff": 0.03}, {"cutoff": 0.07, "sorter": "ks2"}],
}
GROUPS = ["--group_by=subject.subject_id", "--file_extension="]


class SeedModel(BaseModel):
    """The job as in the seed: five keys, each a list; additional keys are ignored."""

    model_config = ConfigDict(strict=True)

    s3_location: list[str]
    asset_id: list[str]
    asset_name: list[str]
    file_location: list[str] | None
    distributed_parameters: list[dict[str, Any]] | None


@pytest.fixture
def dispatched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder where `dispatch` writes, with the embedded demo as the source."""
    for name in [name for name in os.environ if name.startswith(SETTINGS)]:
        monkeypatch.delenv(name)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "analysis_parameters.json").write_text(json.dumps(PARAMETERS))
    return tmp_path / "out"


def dispatch(out: Path, *options: str) -> None:
    """Dispatch all .nwb of the demo, with two parameter sets."""
    code = main(
        [
            *["--docdb_query={}", "--file_extension=.nwb", "--output_directory", str(out)],
            *["--input_directory", str(out.parent / "in"), *options],
        ]
    )
    assert code == 0


@pytest.mark.parametrize(
    ("options", "least"),
    [([], 2_000), (["--split_files=0"], 2_000), (GROUPS, 100), (["--file_extension="], 4_000)],
    ids=["per file", "per asset", "per group", "without files"],
)
def test_the_real_model_accepts_every_pipeline_job_of_the_demo(
    dispatched: Path, options: list[str], least: int
) -> None:
    python = real_reader()
    dispatch(dispatched, "--job_format=pipeline", *options)

    done = subprocess.run([python, SCRIPT, dispatched], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(jobs_of(dispatched)) >= least


def test_the_real_model_rejects_a_seed_job_so_that_the_check_can_fail(
    dispatched: Path,
) -> None:
    python = real_reader()
    dispatch(dispatched, "--job_format=seed", "--max_number_of_tasks_dispatched=1")

    done = subprocess.run([python, SCRIPT, dispatched], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "distributed_parameters" in done.stderr


@pytest.mark.parametrize("options", [[], ["--split_files=0"], GROUPS, ["--file_extension="]])
def test_every_seed_job_of_the_demo_has_the_shape_of_the_seed(
    dispatched: Path, options: list[str]
) -> None:
    dispatch(dispatched, "--job_format=seed", *options)

    for job in jobs_of(dispatched):
        read = SeedModel.model_validate(job)
        assert list(job)[:3] == ["s3_location", "asset_id", "asset_name"]
        assert len(read.s3_location) == len(read.asset_id) == len(read.asset_name)
        assert [len(read.distributed_parameters or ())] == [1]


def test_a_pipeline_job_is_refused_by_the_shape_that_the_seed_prints(dispatched: Path) -> None:
    dispatch(dispatched, "--job_format=pipeline", "--max_number_of_tasks_dispatched=1")
    (job,) = jobs_of(dispatched)

    with pytest.raises(ValidationError, match="distributed_parameters"):
        SeedModel.model_validate(job)


@pytest.mark.parametrize("job_format", ["seed", "pipeline"])
def test_a_job_without_parameters_is_accepted_by_both_readers(
    dispatched: Path, job_format: str
) -> None:
    python = real_reader()
    (dispatched.parent / "in" / "analysis_parameters.json").unlink()
    cap = "--max_number_of_tasks_dispatched=1"
    dispatch(dispatched, f"--job_format={job_format}", cap)
    (job,) = jobs_of(dispatched)

    done = subprocess.run([python, SCRIPT, dispatched], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.strip()) == (0, "1")
    assert SeedModel.model_validate(job).distributed_parameters is None


def test_fixed_parameters_reach_the_wrapper_apart_from_the_distributed_ones(
    dispatched: Path,
) -> None:
    dispatch(dispatched, "--job_format=pipeline", "--docdb_query", subject("900060"))

    jobs = jobs_of(dispatched)
    fixed = PARAMETERS["fixed_parameters"]
    assert {"cutoff": 0.03} in [job["distributed_parameters"] for job in jobs]
    assert {"cutoff": 0.07, "sorter": "ks2"} in [job["distributed_parameters"] for job in jobs]
    assert [job["analysis_code"] for job in jobs] == [{"url": "", "parameters": fixed}] * len(jobs)


def test_merged_fixed_parameters_reach_the_wrapper_inside_the_distributed_ones(
    dispatched: Path,
) -> None:
    merged = "--fixed_parameters=merged"
    dispatch(dispatched, "--job_format=pipeline", merged, "--docdb_query", subject("900060"))

    sets = [job["distributed_parameters"] for job in jobs_of(dispatched)]
    free = PARAMETERS["fixed_parameters"]["free"]  # type: ignore[call-overload]
    assert {"sorter": "ks4", "free": free, "cutoff": 0.03} in sets
    assert {"sorter": "ks2", "free": free, "cutoff": 0.07} in sets
    assert not any("analysis_code" in job for job in jobs_of(dispatched))
