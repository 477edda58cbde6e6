"""The notebook interface: one call makes a plan, which shows itself, is a table, and writes."""

from __future__ import annotations

import doctest
import inspect
import json
import os
import subprocess
import sys
import zipfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas
import pytest

import dispatch_core as dispatch
from dispatch_core import errors
from dispatch_core.options import every_option
from dispatch_core.request import DispatchRequest
from tests.fakes import Buckets, Records, record
from tests.support.world import ROOT, SETTINGS, run_process, tree_of

RECORDS = Records([record("a0", ids=["id-0"]), record("a1"), record("a2")])
FILES = Buckets({"data": ["a0/1.nwb", "a0/2.nwb", "a1/1.nwb", "a2/x.txt"]})
HERE: dict[str, Any] = {"source": RECORDS, "buckets": FILES}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without settings, and a working folder of its own."""
    for name in [name for name in os.environ if name.startswith(SETTINGS)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def plan(**options: Any) -> dispatch.Plan:
    return dispatch.plan(**{"query": {}, "file_extension": ".nwb", **HERE, **options})


def refusal(**options: Any) -> str:
    with pytest.raises(dispatch.InvalidInput) as caught:
        plan(**options)
    return str(caught.value)


# A plan shows itself


def test_a_plan_is_one_line_in_a_shell() -> None:
    made = plan()

    assert repr(made) == (
        f"<Plan {made.fingerprint[:12]}: 3 assets matched, 2 usable -> "
        "3 files x 1 parameter set = 3 jobs -> 3 workers (1 job each); 1 excluded>"
    )


def test_a_plan_is_a_small_table_in_a_notebook() -> None:
    page = plan()._repr_html_()

    assert "<b>3 assets matched, 2 usable -&gt; 3 files x 1 parameter set = 3 jobs" in page
    assert "<tr><td>0</td><td>a0</td><td>s3://data/a0/1.nwb</td></tr>" in page
    assert "<tr><td>1</td><td>files</td><td>no_matching_file</td></tr>" in page
    assert "source: records in memory" in page


def test_what_a_record_holds_is_text_in_a_notebook() -> None:
    records = Records([record("<script>alert(1)</script>")])

    page = plan(source=records, file_extension="")._repr_html_()

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>" not in page


def test_a_job_of_many_files_is_cut_in_a_notebook() -> None:
    files = Buckets({"data": [f"a0/{number}.nwb" for number in range(1_000)]})

    page = plan(buckets=files, split_files=False)._repr_html_()

    assert "s3://data/a0/0.nwb, s3://data/a0/1.nwb and 998 more" in page
    assert len(page) < 2_000


def test_the_text_of_rows_has_their_number_and_not_their_content() -> None:
    assert repr(plan().jobs).startswith("<3 rows of jobs;")


# Rows of a table


def test_pandas_takes_the_jobs_as_they_are() -> None:
    table = pandas.DataFrame(plan(parameters={"analysis_parameter": {"k": 1}}).jobs)

    assert list(table.columns) == [
        *["job", "worker", "asset_names", "record_ids", "asset_ids", "locations"],
        *["files", "parameters"],
    ]
    assert list(table.worker) == [0, 1, 2]
    assert list(table.files) == [
        *[["s3://data/a0/1.nwb"], ["s3://data/a0/2.nwb"], ["s3://data/a1/1.nwb"]]
    ]
    assert table.asset_ids[0] == ["id-0"]
    assert table.parameters[2] == {"k": 1}


def test_pandas_takes_the_ledger_as_it_is() -> None:
    table = pandas.DataFrame(plan().ledger)

    assert table[["stage", "reason", "name", "record_id"]].values.tolist() == [
        ["files", "no_matching_file", "a2", "r-a2"]
    ]


def test_rows_are_a_sequence_whose_workers_are_those_of_the_folders() -> None:
    made = plan(num_parallel_workers=2)

    written = [(path.split("/")[0], path.split("/")[1]) for path, _ in made.files()]
    assert [(str(row.worker), f"{row.job}.json") for row in made.jobs] == written
    assert made.jobs[-1] == made.jobs[2]
    assert made.jobs[:2] == (made.jobs[0], made.jobs[1])
    with pytest.raises(IndexError):
        made.jobs[3]


def test_without_an_extension_a_job_has_no_files() -> None:
    assert [row.files for row in plan(file_extension="").jobs] == [None, None, None]


# Writing


def test_a_plan_writes_its_files_and_the_record_beside_them(tmp_path: Path) -> None:
    made = plan()

    result = made.write("out")

    assert result.status == "written"
    assert tree_of(tmp_path / "out") == dict(made.files())
    saved = json.loads((tmp_path / "out.dispatch.json").read_text())
    assert saved["fingerprint"] == made.fingerprint


def test_the_same_plan_twice_is_confirmed_and_anything_else_is_refused(tmp_path: Path) -> None:
    plan().write("out")
    record = (tmp_path / "out.dispatch.json").read_bytes()

    assert plan().write("out").status == "confirmed"
    assert (tmp_path / "out.dispatch.json").read_bytes() == record
    with pytest.raises(dispatch.InvalidInput):
        plan(split_files=False).write("out")
    assert plan(split_files=False).write("out", replace=True).status == "replaced"


def test_a_zip_holds_the_files_of_the_folder(tmp_path: Path) -> None:
    made = plan()

    made.write_zip("out.zip")

    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == dict(made.files())


def test_a_write_does_not_move_local_data_aside(tmp_path: Path) -> None:
    (tmp_path / "bk" / "data" / "a0").mkdir(parents=True)
    (tmp_path / "bk" / "data" / "a0" / "1.nwb").write_text("precious")
    made = plan(buckets=tmp_path / "bk")

    with pytest.raises(dispatch.InvalidInput, match="is, contains or is inside an input"):
        made.write("bk", replace=True)
    with pytest.raises(dispatch.InvalidInput, match="is, contains or is inside an input"):
        made.write_zip("bk/data/a0/1.nwb", replace=True)

    assert tree_of(tmp_path) == {"bk/data/a0/1.nwb": b"precious"}


def test_a_plan_without_jobs_is_shown_and_not_written(tmp_path: Path) -> None:
    made = plan(file_extension=".tif")

    assert len(made.jobs) == 0
    assert "no_matching_file" in made._repr_html_()
    for write in (made.write, made.write_zip):
        with pytest.raises(dispatch.NothingFound, match="3 no_matching_file"):
            write("out")
    assert list(tmp_path.iterdir()) == []


def test_the_notebook_writes_what_the_command_line_writes(tmp_path: Path) -> None:
    query = {"subject.subject_id": "900003"}
    dispatch.plan(query=query, file_extension=".nwb", trial_first=12).write("notebook")

    ran = run_process(
        *["--docdb_query", json.dumps(query), "--file_extension=.nwb", "--trial_first=12"],
        *["--output_directory", tmp_path / "command"],
    )

    assert ran.code == 0
    assert len(tree_of(tmp_path / "notebook")) == 6
    assert tree_of(tmp_path / "notebook") == tree_of(tmp_path / "command")


# Where records and files come from


def test_sources_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "buckets").mkdir()
    monkeypatch.setenv("DISPATCH_BUCKETS", "buckets")

    page = dispatch.plan(query={"subject.subject_id": "900003"})._repr_html_()

    assert "source: embedded demo, 2,400 generated assets" in page
    assert f"buckets: folder {tmp_path / 'buckets'}" in page


def test_an_argument_names_another_source_than_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCDB_HOST", "nowhere.invalid")

    page = dispatch.plan(query={"name": "none"}, source="demo", buckets="demo")._repr_html_()

    assert "source: embedded demo" in page
    assert "buckets: demo buckets" in page


def test_the_job_format_comes_from_the_environment_as_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DISPATCH_JOB_FORMAT", "pipeline")

    assert plan().request.job_format == "pipeline"
    assert plan(job_format="seed").request.job_format == "seed"
    assert plan(request=DispatchRequest()).request.job_format == "seed"


# What is asked for


def test_a_query_may_be_text_and_ids_may_be_given_instead() -> None:
    text = plan(query='{"name": "a0"}')
    ids = dispatch.plan(asset_ids=["id-0", "a1"], **HERE)

    assert text.request == plan(query={"name": "a0"}).request
    assert [row.asset_names for row in ids.jobs] == [["a0"], ["a1"]]


def test_a_saved_request_is_the_start_and_arguments_change_it(tmp_path: Path) -> None:
    first = plan(tasks_per_job=1, several_files="together")
    (tmp_path / "saved.json").write_text(first.request.to_json())

    again = dispatch.plan(request="saved.json", **HERE)
    changed = dispatch.plan(
        request=first.request, num_parallel_workers=2, split_files=True, asset_ids=["a0"], **HERE
    )

    assert again.fingerprint == first.fingerprint
    assert changed.equation.workers == 2
    assert [row.files for row in changed.jobs] == [["s3://data/a0/1.nwb"], ["s3://data/a0/2.nwb"]]


def test_the_rules_of_a_trial_have_the_names_of_the_command_line() -> None:
    assert plan(trial_first=1).request == plan(trial={"first": 1}).request
    assert plan(trial_first=None, trial_random=None).request.trial is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"file_extention": ".nwb"},
            "file_extention: this is not an argument of plan. Did you mean file_extension?",
        ),
        ({"bucket": "s3"}, "Did you mean buckets?"),
        ({"trial_frist": 1}, "Did you mean trial_first?"),
        ({"zzz": 1}, "help(dispatch_core.plan) lists them"),
        ({"file_extension": 3}, "file_extension: input should be a valid string."),
        ({"num_parallel_workers": 0}, "num_parallel_workers: input should be greater than"),
        ({"query": "text"}, "query: 'text' is neither JSON nor a file that can be read"),
        ({"query": '{"a": }'}, "query, line 1, column 7"),
        ({"query": 7}, "query: it is neither a filter (object) nor a pipeline"),
        ({"query": {"$where": "1"}}, "$where is not allowed"),
        ({"query": {"a": datetime(2025, 1, 1, tzinfo=UTC)}}, "a value of type datetime, which is"),
        ({"parameters": {"analysis_parameter": {"a": {1}}}}, "parameters: it contains a value of"),
        ({"parameters": 7}, "parameters: input should be a valid dictionary"),
        ({"parameters_schema": {"type": "x"}}, "JSON Schema"),
        ({"asset_ids": "id-0"}, "asset_ids: it is not a list of ids"),
        ({"asset_ids": [7]}, "asset_ids: it is not a list of ids"),
        ({"asset_ids": ["id-0"]}, "it has a query and an asset list; keep one of them."),
        (
            {"trial": {"first": 1}, "trial_random": 2},
            "trial: it is given together with trial_first",
        ),
        ({"trial_seed": 3}, "trial: a trial has one rule"),
        ({"source": 7}, "source: a value of the type int cannot be used"),
        ({"buckets": 7}, "buckets: a value of the type int cannot be used"),
        ({"buckets": "nowhere"}, "buckets: 'nowhere' is not a folder"),
        ({"request": 7}, "request: cannot read 7"),
        ({"request": "nowhere.json"}, "request: cannot read 'nowhere.json': No such file"),
    ],
)
def test_what_cannot_be_used_is_invalid_input_that_names_the_argument(
    options: dict[str, Any], message: str
) -> None:
    assert message in refusal(**options)


def test_a_value_that_contains_itself_is_invalid_input() -> None:
    query: dict[str, Any] = {}
    query["a"] = query

    assert "query: it is not JSON: Circular reference detected." in refusal(query=query)


def test_every_misspelled_argument_is_reported_at_once() -> None:
    assert len(refusal(file_extention=".nwb", querry={}).splitlines()) == 2


@pytest.mark.parametrize("value", [object(), float("nan"), -1, "\ud800", [[]], {"a": 1}, b"x"])
@pytest.mark.parametrize("name", [one.name for one in every_option() if one.field])
def test_a_bad_value_of_an_option_raises_only_our_errors(name: str, value: object) -> None:
    with suppress(dispatch.DispatchError):
        plan(**{name: value})


# The package


def test_every_example_of_the_page_on_notebooks_gives_what_the_page_shows(tmp_path: Path) -> None:
    page = str(ROOT / "docs" / "notebook.md")

    failed, tried = doctest.testfile(page, module_relative=False, encoding="utf-8")

    assert (failed, tried) == (0, 14)
    assert len(list((tmp_path / "out").iterdir())) == 8


def test_the_docstring_and_the_signature_name_every_option_of_a_request() -> None:
    names = [one.name for one in every_option() if one.field]
    text = inspect.getdoc(dispatch.plan) or ""

    assert len(names) > 24
    assert [name for name in names if f"\n{name}\n    " not in text] == []
    assert [*inspect.signature(dispatch.plan).parameters][: len(names)] == names
    assert text.endswith("is a row of the ledger instead.")


def test_importing_the_package_imports_no_other_module() -> None:
    code = "import dispatch_core, sys; print([m for m in sys.modules if 'dispatch_core.' in m])"

    printed = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)

    assert printed == "[]\n"


def test_no_module_has_the_name_of_something_that_is_exported() -> None:
    modules = {path.stem for path in (ROOT / "dispatch_core").iterdir()}

    assert {"api", "request", "sources"} <= modules
    assert modules & set(dispatch.__all__) == set()


def test_every_exported_name_is_there_and_every_error_is_exported() -> None:
    ours = {
        name
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, errors.DispatchError)
    }

    assert [name for name in dispatch.__all__ if not hasattr(dispatch, name)] == []
    assert len(ours) == 9
    assert ours <= set(dispatch.__all__)
    assert dir(dispatch) == sorted(dispatch.__all__)
    assert not hasattr(dispatch, "plam")
