"""The notebook interface: one call makes a plan, which shows itself, is a table, and writes."""

from __future__ import annotations

import doctest
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
import zipfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

import dispatch_core as dispatch
from dispatch_core import errors
from dispatch_core.options import every_option
from dispatch_core.request import DispatchRequest
from tests.fakes import Buckets, Records, record
from tests.support.dispatches import planned
from tests.support.world import ROOT, SETTINGS, CommandLine, tree_of

RECORDS = Records([record("a0", ids=["id-0"]), record("a1"), record("a2")])
FILES = Buckets({"data": ["a0/1.nwb", "a0/2.nwb", "a1/1.nwb", "a2/x.txt"]})
SWEEP = (numpy.array([0.25, 0.5]), numpy.arange(1, 3))
TWO_COLUMNS = pandas.DataFrame([["id-0", "a1"]], columns=["asset_id", "asset_id"])
HERE: dict[str, Any] = {"source": RECORDS, "buckets": FILES}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without settings, and a separate working folder."""
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
    assert (
        "<tr><td>1</td><td>files</td><td>no_matching_file</td>"
        "<td>Nothing under the location ends with &#x27;.nwb&#x27;" in page
    )
    assert "<td>Use an extension that it has, or exclude the asset</td></tr>" in page
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
    made = plan()

    assert repr(made.jobs) == (
        "<3 JobRows; pandas.DataFrame(rows, columns=rows.columns) makes a table>"
    )
    assert repr(made.ledger).startswith("<1 LedgerRow;")


def test_no_character_reaches_a_notebook_that_hides_or_reverses_others() -> None:
    records = Records([record("a0", name="a\x1b[2Jb\u202ec\ud800")])

    page = plan(source=records, file_extension="")._repr_html_()

    assert "a\\x1b[2Jb\\u202ec\\ud800" in page
    assert page.encode()


# A plan stays as it is


def test_what_is_read_from_a_plan_is_a_copy() -> None:
    made = plan(parameters={"analysis_parameter": {"a": {"b": 1}}})
    before = list(made.files())

    made.jobs[0].parameters["a"]["b"] = 99
    made.jobs[0].asset_names.append("x")
    made.request.query["x"] = 1

    assert list(made.files()) == before
    assert made.request.query == {}
    assert made.jobs[0].parameters == {"a": {"b": 1}}


def test_a_plan_does_not_follow_what_it_was_made_from() -> None:
    query: dict[str, Any] = {"name": {"$in": ["a0"]}}
    saved = dispatch.make_request(query={"name": {"$in": ["a0"]}})
    of_query, of_request = plan(query=query), dispatch.plan(request=saved, **HERE)

    query["name"]["$in"].append("a1")
    saved.query["name"]["$in"].append("a1")

    assert of_query.request.query == {"name": {"$in": ["a0"]}}
    assert of_request.request.query == {"name": {"$in": ["a0"]}}


def test_equal_plans_have_equal_rows_and_can_be_sent_to_another_process() -> None:
    made, other = plan(), plan(num_parallel_workers=2)

    again = pickle.loads(pickle.dumps(made))

    assert made == plan() == again
    assert hash(made) == hash(again)
    assert made.jobs == plan().jobs == pickle.loads(pickle.dumps(made.jobs))
    assert made.ledger == other.ledger == pickle.loads(pickle.dumps(made.ledger))
    assert made != other
    assert made.jobs != other.jobs
    assert made.jobs != made.ledger
    assert made.jobs != list(made.jobs)


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


def test_a_ledger_without_rows_is_a_table_with_the_columns() -> None:
    ledger = plan(file_extension="").ledger

    table = pandas.DataFrame(ledger, columns=ledger.columns)

    assert len(table) == 0
    assert table.groupby(["stage", "reason"]).size().to_dict() == {}
    assert ledger.columns == ["stage", "reason", "name", *list(table.columns)[3:]]


def test_the_ledger_names_the_arguments_of_a_notebook() -> None:
    made = plan(group_by=["subject.subject_id"], file_extension="")

    assert made.ledger[0].action == "Fill the field in, or set drop_null_groups=0"


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


def test_the_notebook_writes_what_the_command_line_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = {"subject.subject_id": "900003"}
    dispatch.plan(query=query, file_extension=".nwb", trial_first=12).write("notebook")

    ran = CommandLine(capsys)(
        *["--docdb_query", json.dumps(query), "--file_extension=.nwb", "--trial_first=12"],
        *["--output_directory", tmp_path / "command"],
    )

    assert ran.code == 0
    assert len(tree_of(tmp_path / "notebook")) == 6
    assert tree_of(tmp_path / "notebook") == tree_of(tmp_path / "command")


@pytest.mark.parametrize(
    "path", [None, 5, b"x", [], float("nan"), "a\0", "\ud800", "", " ", Path("a\0")]
)
def test_an_output_is_a_path_that_is_not_blank(path: Any, tmp_path: Path) -> None:
    made = plan()

    for write in (made.write, made.write_zip):
        with pytest.raises(dispatch.InvalidInput, match='Give a path, such as "out"'):
            write(path, replace=True)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["no", 1, None])
def test_replace_is_true_or_false(value: Any) -> None:
    made = plan()

    for write in (made.write, made.write_zip):
        with pytest.raises(dispatch.InvalidInput, match=r"replace: .* is neither True nor False"):
            write("out", replace=value)


def test_the_errors_of_writing_name_the_arguments_of_a_notebook(tmp_path: Path) -> None:
    (tmp_path / "out.zip").write_text("mine")

    with pytest.raises(dispatch.InvalidInput, match="Choose another name, or use replace=True"):
        plan().write_zip("out.zip")
    with pytest.raises(dispatch.NothingFound, match=r"^on_missing=fail: .*or set on_missing=repor"):
        plan(on_missing="fail").write("out")


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


@pytest.mark.parametrize("name", ["source", "buckets"])
def test_a_blank_source_is_not_the_demo(name: str) -> None:
    assert f"{name}: it is blank. Give" in refusal(**{name: " "})


def test_an_invalid_host_is_named_by_where_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    given = refusal(source="http://docdb.example.org")
    monkeypatch.setenv("DOCDB_HOST", "user@docdb.example.org")
    of_environment = refusal(source=None)

    assert given.startswith("source: this is not the host of a metadata gateway.")
    assert of_environment.startswith("DOCDB_HOST: this is not the host of a metadata gateway.")


def test_a_source_of_the_user_that_fails_is_a_service_error() -> None:
    class Broken(Records):
        def find_page(self, *asked: Any) -> Any:
            return {}["x"]

    with pytest.raises(dispatch.ServiceError, match=r"Broken.find_page raised KeyError: 'x'"):
        plan(source=Broken([]))


# Requests


def test_the_query_may_be_given_without_its_name() -> None:
    assert dispatch.plan({"name": "a0"}, **HERE) == dispatch.plan(query={"name": "a0"}, **HERE)


def test_a_document_may_be_an_object_its_text_or_the_path_of_its_file(tmp_path: Path) -> None:
    parameters = {"analysis_parameter": {"k": 1}}
    (tmp_path / "q.json").write_text('{"name": "a0"}')
    (tmp_path / "p.json").write_text(json.dumps(parameters))
    first = plan(query={"name": "a0"}, parameters=parameters)

    as_text = plan(query='{"name": "a0"}', parameters=json.dumps(parameters))
    as_path = plan(query=Path("q.json"), parameters="p.json")

    assert first == as_text == as_path


def test_numbers_of_numpy_are_numbers_in_a_document_too() -> None:
    sweep = [{"cutoff": value, "n": number} for value, number in zip(*SWEEP, strict=True)]

    made = plan(parameters={"distributed_parameters": sweep}, num_parallel_workers=numpy.int64(2))

    assert made.jobs[1].parameters == {"cutoff": 0.5, "n": 2}
    assert made.equation.workers == 2


def test_none_and_blank_text_mean_that_an_option_is_not_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [one.name for one in every_option() if one.field not in ("", "query")]
    bare = dispatch.plan({}, **HERE)

    assert dispatch.plan({}, **dict.fromkeys(names), **HERE) == bare
    assert dispatch.plan({}, **dict.fromkeys(names, " "), **HERE) == bare
    monkeypatch.setenv("DISPATCH_JOB_FORMAT", "pipeline")
    assert plan(job_format=None).request.job_format == "pipeline"


def test_a_table_with_a_column_of_ids_is_a_list_of_ids() -> None:
    table = pandas.DataFrame({"n": [1, 2], "asset_id": ["id-0", "a1"]})

    of_table = dispatch.plan(asset_ids=table, **HERE)
    of_column = dispatch.plan(asset_ids=table.asset_id, **HERE)

    assert [row.asset_names for row in of_table.jobs] == [["a0"], ["a1"]]
    assert of_column == of_table


def test_a_set_of_ids_has_the_same_order_in_each_run() -> None:
    made = dispatch.plan(asset_ids={"a2", "a0", "a1"}, **HERE)

    assert [row.asset_names for row in made.jobs] == [["a0"], ["a1"], ["a2"]]


def test_a_request_to_start_from_may_be_a_plan_or_its_json(tmp_path: Path) -> None:
    first = plan(tasks_per_job=1)
    text = first.request.to_json()
    first.write("out")

    for request in (first, first.request, text, json.loads(text), Path("out.dispatch.json")):
        assert dispatch.plan(request=request, **HERE) == first
    with pytest.raises(dispatch.InvalidInput, match=r"Give the record .*/out\.dispatch\.json"):
        dispatch.plan(request="out", **HERE)


def test_the_seed_of_a_saved_random_trial_can_be_changed() -> None:
    saved = plan(trial_random=2, trial_seed=7)

    changed = dispatch.plan(request=saved, trial_seed=4, **HERE)

    assert str(changed.request.trial) == "2 at random (seed 4)"
    assert plan(trial_seed=0) == plan()


@pytest.mark.parametrize("progress", [None, print, lambda *report: None])
def test_progress_is_reported_to_any_function_of_three_values(progress: Any) -> None:
    assert plan(progress=progress) == plan()


@pytest.mark.parametrize(
    ("progress", "message"),
    [
        (5, "progress: 5 is not a function. Give a function of three values"),
        (lambda step: None, "progress: it cannot be called: too many positional arguments."),
    ],
)
def test_progress_that_cannot_be_called_is_refused_before_the_search(
    progress: Any, message: str
) -> None:
    records = Records([])

    assert message in refusal(progress=progress, source=records)
    assert records.pages == 0


def test_every_mistake_of_a_call_is_reported_at_once() -> None:
    text = refusal(
        file_extention=".nwb",
        query={"$were": 1},
        file_extension="*.nwb",
        num_parallel_workers=0,
        group_by=[".x"],
        filter_by=["a"],
        parameters={"x": 1},
        parameters_schema=object(),
        trial_first=0,
        source="",
        buckets="nowhere",
        progress=5,
    )

    assert [line.split(":")[0] for line in text.splitlines()] == [
        *["file_extention", "parameters_schema", "trial_first", "num_parallel_workers"],
        *["filter_latest", "group_by", "query", "parameters", "file extension"],
        *["progress", "source", "buckets"],
    ]


def test_a_mistake_hides_no_other_and_is_not_reported_as_another() -> None:
    assert refusal(query=7).count("\n") == 0
    assert refusal(request="nowhere.json", query=None).count("\n") == 0
    assert refusal(asset_ids=[], query=None).count("\n") == 0
    assert refusal(filter_by=5, filter_latest="a").startswith("filter_by: 5 is not a list of")
    assert "$where is not allowed" in refusal(query={"$where": 1}, asset_ids=["id-0"])


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
        ({"version": 10**400}, "version: this is not an argument of plan."),
        ({"file_extension": 3}, "file_extension: 3 is not text."),
        ({"file_extension": "[1]"}, 'not the end of a file name. Write for example ".nwb".'),
        ({"num_parallel_workers": 0}, "num_parallel_workers: 0 is not a whole number from 1."),
        ({"query": "text"}, "query: 'text' is neither JSON nor a file that can be read"),
        ({"query": '{"a": }'}, "query, line 1, column 7"),
        ({"query": 7}, "query: it is not a filter (object) or a pipeline (array of objects)"),
        ({"query": None}, "Give a query (query) or a list of ids (asset_ids)."),
        ({"query": {"$where": "1"}}, "$where is not allowed"),
        ({"query": {None: 1}}, "query: the key None of an object is not text."),
        ({"query": {"a": [{5: 1}]}}, "query: the key 5 of an object is not text."),
        ({"query": {"a": datetime(2025, 1, 1, tzinfo=UTC)}}, "a value of type datetime, which is"),
        ({"query": b"{}"}, "query: it contains a value of type bytes, which is not a JSON type"),
        ({"query": Path("nowhere.json")}, "query: 'nowhere.json' is neither JSON nor a file"),
        ({"parameters": {"analysis_parameter": {"a": {1}}}}, "parameters: it contains a value of"),
        ({"parameters": {"analysis_paramter": {}}}, "parameters: unknown key 'analysis_paramter'"),
        ({"parameters": 7}, "parameters: 7 is not an object"),
        ({"parameters": '{"a": }'}, "parameters, line 1, column 7"),
        ({"parameters_schema": {"type": "x"}}, "parameters_schema: it is not a JSON Schema"),
        ({"asset_ids": "id-0"}, "asset_ids: it is not a list of ids"),
        ({"asset_ids": {"id-0": 1}}, "asset_ids: it is not a list of ids"),
        ({"asset_ids": numpy.array("id-0")}, "asset_ids: it is not a list of ids"),
        ({"asset_ids": TWO_COLUMNS}, "asset_ids: the table has no single column asset_id."),
        ({"asset_ids": [7]}, "asset_ids: it is not a list of ids: item 1 is 7. Give each id as te"),
        ({"asset_ids": []}, "asset_ids: it has no id. Give at least one."),
        (
            {"asset_ids": pandas.DataFrame({"n": ["id-0"]})},
            "the table has no single column asset_id.",
        ),
        ({"asset_ids": ["id-0"], "asset_rows": []}, "asset_ids: it is given together with asset_r"),
        ({"asset_ids": ["id-0"]}, "query: the request has a query and a list of ids. Keep one of"),
        ({"asset_rows": [], "query": None}, "asset_rows: the list of ids is empty."),
        (
            {"trial": {"first": 1}, "trial_random": 2},
            "trial: it is given together with trial_first",
        ),
        ({"trial_first": 0}, "trial_first: 0 is not a whole number from 1."),
        ({"trial": {"first": 0}}, "trial.first: 0 is not a whole number from 1."),
        ({"trial_seed": 3}, "trial_seed: it needs trial_random. Give trial_random too."),
        ({"trial_first": 2, "trial_seed": 3}, "trial_seed: it needs trial_random."),
        ({"source": 7}, "source: a value of type int has no find_page"),
        ({"source": Records}, "source: Records is a class. Give an instance"),
        ({"buckets": 7}, "buckets: a value of type int has no list_page"),
        ({"buckets": "nowhere"}, "buckets: 'nowhere' is not a folder"),
        ({"request": 7}, "request: 7 is not a request. Give a request, a plan, or the path"),
        ({"request": ""}, "request: '' is not a request."),
        (
            {"request": {"querry": {}}},
            "request, querry: this is not a field of a dispatch request.",
        ),
        ({"request": "nowhere.json"}, "request: 'nowhere.json' cannot be read (No such file"),
    ],
)
def test_what_cannot_be_used_is_invalid_input_that_names_the_argument(
    options: dict[str, Any], message: str
) -> None:
    assert message in refusal(**options)


@pytest.mark.parametrize(
    ("positional", "named", "message"),
    [
        (({}, ".nwb"), {}, "'.nwb' is given without a name, as only the query may be."),
        (({},), {"query": {}}, "query: it is given twice. Keep one of them."),
    ],
)
def test_only_the_query_may_be_given_without_its_name(
    positional: tuple[Any, ...], named: dict[str, Any], message: str
) -> None:
    with pytest.raises(dispatch.InvalidInput) as caught:
        dispatch.plan(*positional, **named, **HERE)

    assert message in str(caught.value)


def test_a_value_that_contains_itself_is_invalid_input() -> None:
    query: dict[str, Any] = {}
    query["a"] = query

    assert "query: it is not JSON: Circular reference detected." in refusal(query=query)


def test_every_misspelled_argument_is_reported_at_once() -> None:
    assert len(refusal(file_extention=".nwb", querry={}).splitlines()) == 2


@pytest.mark.parametrize(
    "value",
    [object(), float("nan"), -1, "\ud800", [[]], {"a": 1}, b"x", pytest.param(10**5000, id="long")],
)
@pytest.mark.parametrize("name", [one.name for one in every_option() if one.field])
def test_a_bad_value_of_an_option_raises_only_our_errors(name: str, value: object) -> None:
    with suppress(dispatch.DispatchError):
        plan(**{name: value})


# The package


def test_every_example_of_the_page_on_notebooks_gives_what_the_page_shows(tmp_path: Path) -> None:
    page = str(ROOT / "docs" / "notebook.md")

    failed, tried = doctest.testfile(page, module_relative=False, encoding="utf-8")

    assert (failed, tried) == (0, 18)
    assert len(list((tmp_path / "out").iterdir())) == 8


def test_the_docstring_and_the_signature_name_every_option_of_a_request() -> None:
    names = [one.name for one in every_option() if one.field]
    text = inspect.getdoc(dispatch.plan) or ""

    documented = re.findall(r"^(\w+)\n    ", text, re.MULTILINE)
    parameters = [*inspect.signature(dispatch.plan).parameters]
    assert len(names) == 32
    assert set(names) <= set(parameters)
    assert documented[: len(parameters)] == parameters
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
    assert len(ours) == 11
    assert ours <= set(dispatch.__all__)
    assert dir(dispatch) == sorted(dispatch.__all__)
    assert not hasattr(dispatch, "plam")


def test_what_was_written_is_checked_compared_and_listed(tmp_path: Path) -> None:
    made, other = planned(), planned(parameters=None)
    made.write(tmp_path / "out")

    checked = dispatch.check(tmp_path / "out")
    compared = dispatch.compare(tmp_path / "out", other)
    listed = dispatch.history(tmp_path)

    assert repr(checked) == f"<Check of {tmp_path / 'out'}: 6 jobs in 6 workers, clean>"
    assert repr(compared) == "<Comparison: 0 new, 3 gone, 3 changed, 0 same>"
    assert not compared.is_equal
    assert dispatch.compare(made, tmp_path / "out").is_equal
    assert pandas.DataFrame(compared.jobs)["change"].to_list() == ["gone"] * 3 + ["changed"] * 3
    assert [(row.name, row.folder, row.fingerprint) for row in listed] == [
        ("out", "there", made.fingerprint)
    ]
    for shown in (checked, compared, listed):
        assert shown._repr_html_().count("<table>") == 1


def test_faults_are_rows_and_names_are_escaped_in_html(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "<b>.txt").touch()

    checked = dispatch.check(str(tmp_path / "out"))

    assert not checked.is_clean
    assert pandas.DataFrame(checked.faults)["kind"].to_list() == ["stray", "no_job"]
    assert "<b>" not in checked._repr_html_()
    assert "&lt;b&gt;.txt" in checked._repr_html_()


@pytest.mark.parametrize("path", ["", 5, "a\0b", "absent"])
def test_a_path_that_cannot_be_read_is_one_of_our_errors(path: Any) -> None:
    for read in (dispatch.check, dispatch.history, lambda one: dispatch.compare(one, one)):
        with pytest.raises(errors.InvalidInput):
            read(path)
