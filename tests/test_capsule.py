"""The files for the dispatcher capsule: its run script, its panel, its settings, the app."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from benchmarks.browserless import AppServer, Tab
from tests.support.coroutines import result_of
from tests.support.panel import FILE, panel_text
from tests.support.world import ROOT, Ran, clean_environment, jobs_of, sizes_of, subject

KIT = ROOT / "docs" / "capsule"
PANEL = {
    "docdb_query": subject("900003"),
    "use_data_asset_csv": "0",
    "file_extension": ".nwb",
    "split_files": "1",
    "tasks_per_job": "1",
    "max_number_of_tasks_dispatched": "1000",
    "group_by": "",
    "filter_latest": "",
    "filter_by": "",
    "unwind_list_fields": "",
    "drop_null_groups": "1",
    "input_directory": "",
    "output_directory": "",
}
"""The thirteen fields of the existing panel, as it sends them."""

WRAPPER = {
    "url": "https://codeocean.example/capsule/1111111",
    "name": "demo-unit-quality",
    "version": "3.0",
}
"""One of those whose results the demo has."""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """The folder /code of a capsule, with the files that the page says."""
    folder = tmp_path / "code"
    folder.mkdir()
    for name in ("app.py", "pages", "dispatch_core", ".streamlit"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "run").write_bytes((KIT / "run").read_bytes())
    (folder / "run").chmod(0o755)
    return folder


def run_capsule(code: Path, panel: dict[str, str], **environment: str) -> Ran:
    """Run the capsule as the platform does, in another folder."""
    arguments = [part for name, text in panel.items() for part in (f"--{name}", text)]
    done = subprocess.run(
        [code / "run", *arguments],
        cwd=code.parent,
        env=clean_environment() | {"CO_CAPSULE_ID": "a", "CO_COMPUTATION_ID": "b"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_the_run_script_takes_the_panel_and_the_variables_of_the_template(
    code: Path, tmp_path: Path
) -> None:
    (code / ".env").write_text((KIT / "dispatch.env").read_text())
    inputs = tmp_path / "data" / "input_files"
    inputs.mkdir(parents=True)
    (inputs / "analysis_parameters.json").write_text('{"fixed_parameters": {"k": 1}}')
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "output").write_text("the log of the platform")
    places = {"input_directory": f"{tmp_path}/data", "output_directory": f"{tmp_path}/results"}

    ran = run_capsule(
        code,
        PANEL | places,
        DOCDB_HOST="demo",
        DOCDB_DATABASE="analysis",
        DOCDB_COLLECTION="my_project",
        ANALYSIS_CODE=json.dumps(WRAPPER),
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )

    (tmp_path / "results" / "output").unlink()
    line = next(line for line in ran.out.splitlines() if line.startswith('{"fingerprint": '))
    assert ran.code == 0, ran.err
    assert set(sizes_of(tmp_path / "results")) == {1}
    assert f"parameters file: {inputs}/analysis_parameters.json\n" in ran.out
    assert json.loads(line)["request"]["job_format"] == "pipeline"
    assert json.loads(line)["request"]["skip_processed"] == "exact"
    assert all(isinstance(job["s3_location"], list) for job in jobs_of(tmp_path / "results"))


@pytest.mark.slow
def test_the_run_script_replays_a_request_without_its_preset(code: Path, tmp_path: Path) -> None:
    request = {"query": {"subject.subject_id": "900003"}, "num_parallel_workers": 3}

    ran = run_capsule(
        code,
        {"request": json.dumps(request), "output_directory": f"{tmp_path}/results"},
        DOCDB_HOST="demo",
        FILE_EXTENSION=".nwb",
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )

    line = next(line for line in ran.out.splitlines() if line.startswith('{"fingerprint": '))
    assert ran.code == 0, ran.err
    assert json.loads(line)["request"] == {"version": 1, **request}
    assert len(sizes_of(tmp_path / "results")) == 3


@pytest.mark.slow
def test_the_run_script_stops_without_a_database(code: Path, tmp_path: Path) -> None:
    (code / ".env").write_text("# DOCDB_HOST is missing\n")

    ran = run_capsule(
        code,
        PANEL | {"output_directory": f"{tmp_path}/results"},
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )

    assert ran.code == 2
    assert "the embedded demo is refused: this is a platform (CO_COMPUTATION_ID is set)" in ran.err
    assert not (tmp_path / "results").exists()


def test_the_panel_has_the_fields_of_the_existing_one_and_is_made_from_the_options() -> None:
    fields = {one["param_name"]: one for one in json.loads(FILE.read_text())["parameters"]}

    assert FILE.read_text() == panel_text(), "run make docs"
    assert set(PANEL) <= set(fields)
    assert fields["tasks_per_job"]["value_type"] == "integer"
    assert fields["group_by"]["description"] == "assets that share these fields become one job"
    assert len({one["id"] for one in fields.values()}) == len(fields)


def test_the_page_explains_every_field_of_the_existing_panel() -> None:
    page = (ROOT / "docs" / "capsule.md").read_text()

    assert [name for name in PANEL if f"`{name}`" not in page] == []


@pytest.mark.slow
def test_the_app_runs_as_streamlit_app(code: Path) -> None:
    (code / "streamlit_app.py").symlink_to("app.py")

    async def first_page(url: str) -> tuple[list[str], str]:
        async with Tab(url) as tab:
            run = await tab.open("jobs")
            return run.errors, run.text

    with AppServer(code, str(code / "streamlit_app.py")) as server:
        errors, text = result_of(first_page(server.url))

    assert errors == []
    assert "The assets are not found yet." in text


@pytest.mark.slow
@pytest.mark.parametrize(("host", "is_refused"), [("", True), ("demo", False)])
def test_the_app_shows_the_demo_on_a_platform_only_if_it_is_chosen(
    code: Path, monkeypatch: pytest.MonkeyPatch, host: str, is_refused: bool
) -> None:
    monkeypatch.chdir(code)
    monkeypatch.setenv("CO_CAPSULE_ID", "a")
    monkeypatch.setenv("DOCDB_HOST", host)

    app = AppTest.from_file(str(code / "pages" / "frame.py"), default_timeout=30).run()

    assert [("demo is refused" in one.value) for one in app.error] == [True] * is_refused
    assert len(app.title) == (not is_refused)
