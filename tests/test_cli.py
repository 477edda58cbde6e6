"""The command line: the contract's checks, every argument, exit codes, what is written where."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from dispatch_core.arguments import build_parser, parse_arguments
from tests.fakes import record, record_v2
from tests.servers.gateway import GatewayServer
from tests.servers.s3 import S3Server
from tests.support.world import (
    ROOT,
    SETTINGS,
    CommandLine,
    Ran,
    clean_environment,
    fill,
    jobs_of,
    run_process,
    sizes_of,
    subject,
    tree_of,
)


def of_subject(number: str, name: str, **fields: Any) -> dict[str, Any]:
    return record(name, subject={"subject_id": number}, **fields)


TEN = [f"ten-{number}" for number in range(10)]
RECORDS = [
    of_subject("1", "a0"),
    of_subject("1", "a1"),
    of_subject("2", "good-1"),
    of_subject("2", "denied"),
    {**of_subject("2", "nowhere"), "location": None},
    of_subject("2", "no-files"),
    of_subject("2", "good-2"),
    of_subject("6", "many"),
    of_subject("7", "two-ids", ids=["first-id", "second-id"]),
    {**record_v2("new", ids=["v2-id"]), "subject": {"subject_id": "7"}},
    of_subject("9", "stores"),
    *[of_subject("10", name) for name in TEN],
    of_subject("11", "s1_2025-01-01", session={"type": "A", "rank": 1, "tags": ["x", "y"]}),
    of_subject("11", "s1_2025-01-02", session={"type": "A", "rank": 2, "tags": ["x"]}),
    of_subject("11", "s1_2025-01-03", session={"type": "B", "rank": 3, "tags": ["y"]}),
    of_subject("11", "s1_none"),
    of_subject("12", "evil\x1b[2J\nname"),
]
KEYS = [
    *["a0/1.nwb", "a0/2.nwb", "a1/1.nwb"],
    *["good-1/x.nwb", "no-files/x.txt", "good-2/x.nwb"],
    *[f"many/{number:03}.nwb" for number in range(500)],
    *["two-ids/x.nwb", "new/x.nwb"],
    *["stores/a.nwb/0/0", "stores/a.nwb/inner.nwb", "stores/b.nwb"],
    *[f"{name}/x.nwb" for name in TEN],
]


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayServer]:
    with GatewayServer(RECORDS) as server:
        yield server


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("buckets")
    fill(root, KEYS)
    return root


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without services, and a separate working folder."""
    for name in [name for name in os.environ if name.startswith(SETTINGS)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(
    bare: None,
    gateway: GatewayServer,
    buckets: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    """The command line over the gateway and the bucket folders of this module."""
    monkeypatch.setenv("DOCDB_HOST", gateway.host)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", gateway.ca_file)
    monkeypatch.setenv("DISPATCH_BUCKETS", str(buckets))
    return CommandLine(capsys)


README = (Path(__file__).resolve().parents[1] / "README.md").read_text()
SAME_BY_COMMAND = README[README.index("## The same on the command line") :]


@pytest.fixture
def run_demo(bare: None, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line without any setting: the embedded demo."""
    return CommandLine(capsys)


@pytest.fixture
def inputs(tmp_path: Path) -> Callable[..., Path]:
    """Makes an input folder of these parameters and this CSV."""

    def make(parameters: object = None, csv: bytes | None = None) -> Path:
        folder = tmp_path / "in"
        folder.mkdir()
        if parameters is not None:
            (folder / "analysis_parameters.json").write_text(json.dumps(parameters))
        if csv is not None:
            (folder / "data_asset_input.csv").write_bytes(csv)
        return folder

    return make


def dispatch(run: CommandLine, number: str, *more: str | Path, out: str = "out") -> Ran:
    """Dispatches the .nwb of one subject to ./out, and expects it to work."""
    ran = run(
        *["--docdb_query", subject(number), "--file_extension", ".nwb"],
        *["--output_directory", out, *more],
    )
    assert ran.code == 0, ran.err
    return ran


def pairs(folder: Path) -> list[tuple[str, list[str]]]:
    """(asset, files) of every job, sorted."""
    return sorted((job["asset_name"][0], job["file_location"]) for job in jobs_of(folder))


# The contract's ten checks


def test_each_split_file_is_under_its_own_asset(run: CommandLine, tmp_path: Path) -> None:
    dispatch(run, "1")

    assert pairs(tmp_path / "out") == [
        ("a0", ["s3://data/a0/1.nwb"]),
        ("a0", ["s3://data/a0/2.nwb"]),
        ("a1", ["s3://data/a1/1.nwb"]),
    ]


def test_files_that_are_not_split_make_one_job_per_asset(run: CommandLine, tmp_path: Path) -> None:
    dispatch(run, "1", "--split_files=0")

    assert pairs(tmp_path / "out") == [
        ("a0", ["s3://data/a0/1.nwb", "s3://data/a0/2.nwb"]),
        ("a1", ["s3://data/a1/1.nwb"]),
    ]


@pytest.mark.parametrize(
    ("options", "files"),
    [
        (["--several_files=each"], [["a0/1.nwb"], ["a0/2.nwb"], ["a1/1.nwb"]]),
        (["--several_files=together"], [["a0/1.nwb", "a0/2.nwb"], ["a1/1.nwb"]]),
        (["--several_files=largest"], [["a0/1.nwb"], ["a1/1.nwb"]]),
        (["--several_files=only_one"], [["a1/1.nwb"]]),
    ],
)
def test_a_rule_says_which_of_several_files_are_used(
    run: CommandLine, tmp_path: Path, options: list[str], files: list[list[str]]
) -> None:
    dispatch(run, "1", *options)

    found = [[path[len("s3://data/") :] for path in some] for _, some in pairs(tmp_path / "out")]
    assert found == files


SEVERAL = ["--file_extension=.nwb,.txt"]


@pytest.mark.parametrize(
    "options", [SEVERAL, ["--file_extension=.nwb", "--file_extension", ".txt,"]]
)
def test_several_extensions_are_an_order_of_preference(
    run: CommandLine, tmp_path: Path, options: list[str]
) -> None:
    ran = run("--docdb_query", subject("2"), *options, "--output_directory=out")

    assert "extensions: .nwb in 2 assets, .txt in 1 asset\n" in ran.out
    assert pairs(tmp_path / "out") == [
        ("good-1", ["s3://data/good-1/x.nwb"]),
        ("good-2", ["s3://data/good-2/x.nwb"]),
        ("no-files", ["s3://data/no-files/x.txt"]),
    ]


def test_all_of_several_extensions_and_their_record_can_be_replayed(
    run: CommandLine, tmp_path: Path
) -> None:
    options = ["--file_extension=.txt,.nwb", "--several_extensions=all"]
    first = run("--docdb_query", subject("2"), *options, "--output_directory=out")
    record = json.loads((tmp_path / "out.dispatch.json").read_text())

    again = run("--request=out.dispatch.json", "--output_directory=again")

    assert (first.code, again.code) == (0, 0)
    assert "no drift since" in again.out
    assert tree_of(tmp_path / "again") == tree_of(tmp_path / "out")
    assert record["extensions"] == {".txt": 1, ".nwb": 2}
    assert record["request"]["several_extensions"] == "all"


def test_a_record_of_one_extension_does_not_count_extensions(
    run: CommandLine, tmp_path: Path
) -> None:
    dispatch(run, "1")

    record = json.loads((tmp_path / "out.dispatch.json").read_text())
    assert "extensions" not in record
    assert record["request"]["file_extension"] == ".nwb"
    assert "several_extensions" not in record["request"]


def test_an_extension_that_can_never_be_used_is_a_warning(run: CommandLine) -> None:
    ran = run("--docdb_query", subject("1"), "--file_extension=.nwb,1.nwb", "--plan")

    assert (
        "warning: The extension 1.nwb is never used: what ends with it also ends with .nwb, "
        "which is before it\n" in ran.out
    )


def test_a_wrong_extension_of_several_is_an_error_that_names_it(run: CommandLine) -> None:
    ran = run("--docdb_query", subject("1"), "--file_extension=.nwb,*.zarr", "--plan")

    assert ran.code == 2
    assert "'*.zarr' is a pattern or a path" in ran.err


def test_split_files_changes_a_saved_rule_for_several_files(
    run: CommandLine, tmp_path: Path
) -> None:
    dispatch(run, "1", "--several_files=together", "--save_request=saved.json", "--plan")

    run("--request=saved.json", "--split_files=1", "--output_directory=again")

    assert len(jobs_of(tmp_path / "again")) == 3


def test_of_five_assets_two_make_jobs_and_three_are_in_the_ledger(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [key.removeprefix("data/") for key in KEYS if key.startswith(("good", "no-files"))]
    with S3Server({"data": keys}) as s3:
        s3.denied = {"data/denied"}
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        dispatch(run, "2", "--buckets=s3", "--ledger=ledger.json")

    rows = json.loads((tmp_path / "ledger.json").read_text())
    assert [name for name, _ in pairs(tmp_path / "out")] == ["good-1", "good-2"]
    assert {row["name"]: row["reason"] for row in rows} == {
        "denied": "access_denied",
        "nowhere": "no_location",
        "no-files": "no_matching_file",
    }
    assert all(row["action"] for row in rows)


def test_an_inline_query_of_433_characters_is_never_taken_for_a_path(
    run: CommandLine, tmp_path: Path
) -> None:
    ids = ["1"] + [str(600_000 + n) for n in range(39)]
    query = json.dumps({"subject.subject_id": {"$in": ids}})
    query += " " * (433 - len(query))

    ran = run("--docdb_query", query, "--output_directory", "out")

    assert (len(query), ran.code) == (433, 0)
    assert len(jobs_of(tmp_path / "out")) == 2


def test_no_match_is_a_clear_stop_and_makes_no_folder(run: CommandLine, tmp_path: Path) -> None:
    ran = run("--docdb_query", subject("unknown"), "--output_directory", "out")

    assert ran.code == 3
    assert "no asset matches" in ran.err
    assert os.listdir(tmp_path) == []


def test_no_match_names_the_blocking_clause_and_a_suggestion(
    run_demo: CommandLine,
) -> None:
    ran = run_demo('--docdb_query={"subject.subject_idd": "900120"}', "--plan")

    assert ran.code == 3
    assert 'No record of the collection matches {"subject.subject_idd": "900120"}' in ran.out
    assert "No record has the field subject.subject_idd. Try subject.subject_id\n" in ran.out


def test_matches_without_a_single_job_are_a_clear_stop_and_make_no_folder(
    run: CommandLine, tmp_path: Path
) -> None:
    ran = run("--docdb_query", subject("1"), "--file_extension=.tif", "--output_directory=out")

    assert ran.code == 3
    assert "2 no_matching_file" in ran.err
    assert os.listdir(tmp_path) == []


def test_a_dispatch_twice_into_one_place_is_the_same_tree(run: CommandLine, tmp_path: Path) -> None:
    dispatch(run, "10", "--num_parallel_workers=3")
    first = tree_of(tmp_path / "out")
    record = (tmp_path / "out.dispatch.json").read_bytes()

    ran = dispatch(run, "10", "--num_parallel_workers=3")

    assert tree_of(tmp_path / "out") == first
    assert len(first) == 10
    assert "confirmed: out" in ran.out
    assert (tmp_path / "out.dispatch.json").read_bytes() == record


def test_a_cap_is_loud_and_the_ledger_has_what_it_cut(
    run: CommandLine, inputs: Callable[..., Path], tmp_path: Path
) -> None:
    folder = inputs({"distributed_parameters": [{"k": 1}, {"k": 2}, {"k": 3}]})

    ran = dispatch(
        run,
        "6",
        *["--max_number_of_tasks_dispatched=1000", "--ledger=ledger.json"],
        *["--input_directory", folder],
    )

    rows = json.loads((tmp_path / "ledger.json").read_text())
    assert len(tree_of(tmp_path / "out")) == 1_000
    assert [row["reason"] for row in rows] == ["over_the_cap"] * 500
    assert "THE CAP CUT 500 JOBS" in ran.out


def test_a_csv_with_a_bom_crlf_blank_and_duplicate_rows_is_read(
    run: CommandLine, inputs: Callable[..., Path], tmp_path: Path
) -> None:
    rows = ["name;Asset_ID", "x;second-id", ";", "", "y; first-id ", "z;v2-id", "n;unknown"]
    folder = inputs(csv=b"\xef\xbb\xbf" + "\r\n".join(rows).encode())

    ran = run(
        *["--use_data_asset_csv=1", "--input_directory", folder, "--file_extension=.nwb"],
        *["--output_directory=out", "--ledger=ledger.json"],
    )

    ledger = json.loads((tmp_path / "ledger.json").read_text())
    assert ran.code == 0
    assert [name for name, _ in pairs(tmp_path / "out")] == ["new", "two-ids"]
    assert [row["reason"] for row in ledger] == ["duplicate", "not_found"]


def test_a_misspelt_parameter_is_an_error_that_names_the_nearest_field(
    run: CommandLine, inputs: Callable[..., Path], tmp_path: Path
) -> None:
    folder = inputs({"analysis_parameter": {"isi_violation_cutof": 0.05}})
    schema = {"type": "object", "properties": {"isi_violations_cutoff": {"type": "number"}}}
    (tmp_path / "schema.json").write_text(json.dumps(schema))

    ran = run(
        *["--docdb_query", subject("1"), "--input_directory", folder],
        *["--parameters_schema=schema.json", "--output_directory=out"],
    )

    assert ran.code == 2
    assert "isi_violation_cutof" in ran.err
    assert "Did you mean isi_violations_cutoff?" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_parameters_file_given_as_the_schema_is_a_warning(
    run: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "schema.json").write_text('{"isi_violations_cutoff": 0.05}')

    ran = run("--docdb_query", subject("1"), "--plan", "--parameters_schema=schema.json")

    assert "warning: the schema checks nothing: 'isi_violations_cutoff' is not a key" in ran.out


def test_a_matching_directory_counts_once_and_its_children_make_no_jobs(
    run: CommandLine, tmp_path: Path
) -> None:
    dispatch(run, "9")

    assert pairs(tmp_path / "out") == [
        ("stores", ["s3://data/stores/a.nwb"]),
        ("stores", ["s3://data/stores/b.nwb"]),
    ]


def test_nested_stores_all_matches_inside_stores_too(run: CommandLine, tmp_path: Path) -> None:
    ran = dispatch(run, "9", "--nested_stores=all")

    assert [files[0].removeprefix("s3://data/stores/") for _, files in pairs(tmp_path / "out")] == [
        "a.nwb",
        "a.nwb/inner.nwb",
        "b.nwb",
    ]
    assert "nested_stores=all listed" in ran.out


# Arguments


def test_a_query_may_be_the_path_of_a_file(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "query.json").write_text(subject("1"))

    ran = run("--docdb_query=query.json", "--output_directory=out")

    assert ran.code == 0
    assert len(jobs_of(tmp_path / "out")) == 2


def test_a_query_may_be_a_pipeline_that_keeps_what_a_job_needs(
    run: CommandLine, tmp_path: Path
) -> None:
    stages = [{"$match": {"subject.subject_id": "7"}}, {"$sort": {"name": -1}}, {"$limit": 1}]

    ran = run("--docdb_query", json.dumps(stages), "--output_directory=out")

    assert ran.code == 0
    assert [job["asset_id"] for job in jobs_of(tmp_path / "out")] == [["first-id"]]


def test_a_pipeline_that_drops_a_needed_field_is_an_error_that_names_it(run: CommandLine) -> None:
    stages = [{"$match": {"subject.subject_id": "7"}}, {"$project": {"name": 1}}]

    ran = run("--docdb_query", json.dumps(stages), "--plan")

    assert ran.code == 2
    assert "no location" in ran.err


@pytest.mark.parametrize(
    ("option", "sizes"),
    [
        ("--num_parallel_workers=3", [4, 3, 3]),
        ("--num_parallel_workers=", [1] * 10),
        ("--tasks_per_job=4", [4, 4, 2]),
        ("--max_number_of_tasks_dispatched=2", [1, 1]),
    ],
)
def test_workers_are_filled_as_the_option_says(
    run: CommandLine, tmp_path: Path, option: str, sizes: list[int]
) -> None:
    dispatch(run, "10", option)

    assert sizes_of(tmp_path / "out") == sizes


@pytest.fixture
def sized_buckets(run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket folder in which the first of ten assets is as large as the nine others."""
    keys = [f"{name}/x.nwb" for name in TEN]
    fill(tmp_path / "sized", keys)
    for key in keys:
        size = 90_000 if key.startswith("ten-0") else 10_000
        os.truncate(tmp_path / "sized" / "data" / key, size)
    monkeypatch.setenv("DISPATCH_BUCKETS", str(tmp_path / "sized"))


@pytest.mark.usefixtures("sized_buckets")
def test_a_balance_by_size_gives_workers_about_the_same_bytes(
    run: CommandLine, tmp_path: Path
) -> None:
    ran = dispatch(run, "10", "--balance=size", "--num_parallel_workers=2")

    assert sizes_of(tmp_path / "out") == [1, 9]
    assert "workers: 90 kB each; by count it would be 50 to 130 kB\n" in ran.out


@pytest.mark.usefixtures("sized_buckets")
def test_a_balance_by_size_is_replayed_from_its_record_unless_an_option_changes_it(
    run: CommandLine, tmp_path: Path
) -> None:
    dispatch(run, "10", "--balance=size", "--num_parallel_workers=2")

    run("--request=out.dispatch.json", "--output_directory=same")
    run("--request=out.dispatch.json", "--output_directory=other", "--balance=count")

    assert tree_of(tmp_path / "same") == tree_of(tmp_path / "out")
    assert sizes_of(tmp_path / "other") == [5, 5]


@pytest.mark.usefixtures("sized_buckets")
def test_a_balance_may_be_given_by_a_variable(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPATCH_BALANCE", "size")

    dispatch(run, "10", "--num_parallel_workers=2")

    assert sizes_of(tmp_path / "out") == [1, 9]


def test_an_unknown_balance_is_an_error_that_names_both(run: CommandLine) -> None:
    ran = run("--plan", "--balance=bytes")

    assert ran.code == 2
    assert "argument --balance: 'bytes' is not one of count, size" in ran.err


def test_a_blank_value_of_every_option_means_unset(run: CommandLine, tmp_path: Path) -> None:
    dispatch(run, "1")
    named = ("--help", "--version", "--docdb_query", "--file_extension", "--output_directory")
    options = [a.option_strings[-1] for a in build_parser()._actions]
    blank = [f"{option}=" for option in options if option not in named]

    dispatch(run, "1", *blank, out="blank")
    dispatch(run, "1", *[f"{option} " for option in blank], out="spaces")

    assert len(blank) > 25
    assert tree_of(tmp_path / "blank") == tree_of(tmp_path / "out")
    assert tree_of(tmp_path / "spaces") == tree_of(tmp_path / "out")


@pytest.mark.parametrize("query", ["", "  "])
def test_a_blank_query_means_unset(run: CommandLine, query: str) -> None:
    ran = run("--docdb_query", query, "--plan")

    assert ran.code == 2
    assert "Give a query (--docdb_query)" in ran.err


@pytest.mark.parametrize("option", ["--group_by", "--filter_by", "--unwind_list_fields"])
@pytest.mark.parametrize(
    "values",
    [
        ["a.b,c"],
        ["a.b , c,"],
        ['["a.b", "c"]'],
        ["[a.b,c]"],
        ["[ 'a.b', c ]"],
        ["'a.b',\"c\""],
        ["a.b", "c"],
        ["", "a.b,c"],
        ["[]", "[a.b]", "[c]"],
    ],
)
def test_a_list_option_has_several_spellings(option: str, values: list[str]) -> None:
    arguments = [part for value in values for part in (option, value)]

    given = build_parser().parse_args(arguments)

    assert getattr(given, option.removeprefix("--")) == ("a.b", "c")


@pytest.mark.parametrize(
    "value",
    ['["a"', "[1]", '[{"a": 1}]', "[a.b", "a.b]", "['a]", "[a, null]", '["a", 1]', '[""b"]'],
)
def test_a_list_option_must_be_a_list_of_paths(run: CommandLine, value: str) -> None:
    ran = run("--docdb_query", subject("1"), "--plan", "--group_by", value)

    assert ran.code == 2
    assert "--group_by" in ran.err


VARIABLES = [
    ({"TASKS_PER_JOB": "4"}, [], [4, 4, 2]),
    ({"tasks_per_job": " 4 "}, [], [4, 4, 2]),
    ({"DISPATCH_TASKS_PER_JOB": "4"}, [], [4, 4, 2]),
    ({"DISPATCH_TASKS_PER_JOB": "4", "TASKS_PER_JOB": "4"}, [], [4, 4, 2]),
    ({"TASKS_PER_JOB": ""}, [], [1] * 10),
    ({"TASKS_PER_JOB": "4"}, ["--tasks_per_job=5"], [5, 5]),
    ({"TASKS_PER_JOB": "4"}, ["--tasks_per_job", ""], [4, 4, 2]),
    ({"TASKS_PER_JOB": "4"}, ["--num_parallel_workers=3"], [4, 3, 3]),
    ({"NUM_PARALLEL_WORKERS": "3"}, ["--tasks_per_job=5"], [5, 5]),
    ({"NUM_PARALLEL_WORKERS": "3"}, [], [4, 3, 3]),
]
PRESETS = [
    ({}, ["--preset=pipeline"], [1] * 10),
    ({"DISPATCH_PRESET": "pipeline"}, [], [1] * 10),
    ({}, ["--preset=pipeline", "--tasks_per_job=4"], [4, 4, 2]),
    ({"TASKS_PER_JOB": "4"}, ["--preset=pipeline"], [4, 4, 2]),
    ({}, ["--preset=pipeline", "--num_parallel_workers=3"], [4, 3, 3]),
    ({}, ["--preset="], [1] * 10),
    ({}, ["--preset=pipeline", "--max_number_of_tasks_dispatched=2"], [1, 1]),
]


@pytest.mark.parametrize(("environment", "options", "sizes"), [*VARIABLES, *PRESETS])
def test_an_option_goes_before_its_variable_and_both_before_the_preset(
    run: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    options: list[str],
    sizes: list[int],
) -> None:
    for name, text in environment.items():
        monkeypatch.setenv(name, text)

    dispatch(run, "10", *options)

    assert sizes_of(tmp_path / "out") == sizes


def test_a_variable_gives_the_same_jobs_as_its_option_and_the_record_says_so(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--group_by=session.type", "--drop_null_groups=off", "--output_directory=by_option"]
    run("--docdb_query", subject("11"), *options)
    for name, text in {
        "DOCDB_QUERY": subject("11"),
        "GROUP_BY": "[session.type]",
        "drop_null_groups": "off",
        "OUTPUT_DIRECTORY": "out",
    }.items():
        monkeypatch.setenv(name, text)

    ran = run("--tasks_per_job=")

    record = json.loads((tmp_path / "out.dispatch.json").read_text())
    assert ran.code == 0
    assert "group_by (GROUP_BY), drop_null_groups (drop_null_groups)" in ran.out
    assert tree_of(tmp_path / "out") == tree_of(tmp_path / "by_option")
    assert record["origins"]["group_by"] == "GROUP_BY"
    assert record["origins"]["docdb_host"] == "DOCDB_HOST"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("TASKS_PER_JOB", "many", "TASKS_PER_JOB: 'many' is not a whole number. Correct it, or"),
        ("TASKS_PER_JOB", "1_0", "TASKS_PER_JOB: '1_0' is not a whole number. Correct it, or"),
        ("TRIAL_SEED", "\u0663", "TRIAL_SEED: '\u0663' is not a whole number. Correct it, or"),
        ("tasks_per_job", "0", "tasks_per_job: 0 is less than 1. Correct it, or unset it."),
        ("SPLIT_FILES", "maybe", "SPLIT_FILES: 'maybe' is neither 0 nor 1 (or true, yes, on"),
        ("ON_MISSING", "stop", "ON_MISSING: 'stop' is not one of report, fail. Write one of"),
        ("GROUP_BY", "[a.b", "GROUP_BY: '[a.b' has only one bracket of a list. Close the"),
        ("GROUP_BY", "[1]", "GROUP_BY: the item 1 is not a name. Write names, such as"),
    ],
)
def test_a_variable_that_cannot_be_read_is_an_error_that_names_it(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str, text: str, message: str
) -> None:
    monkeypatch.setenv(name, text)

    ran = run("--docdb_query", subject("1"), "--plan")

    assert ran.code == 2
    assert ran.err.startswith(f"error: {message}")


def test_two_variables_of_one_option_that_differ_are_an_error(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKS_PER_JOB", "4")
    monkeypatch.setenv("tasks_per_job", "5")

    ran = run("--docdb_query", subject("1"), "--plan")

    assert ran.code == 2
    assert "--tasks_per_job: TASKS_PER_JOB and tasks_per_job have different values" in ran.err


def test_a_replayed_request_ignores_the_variables_of_a_request_and_says_so(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatch(run, "10", "--num_parallel_workers=3", "--save_request=saved.json", "--plan")
    monkeypatch.setenv("TASKS_PER_JOB", "1")
    monkeypatch.setenv("INPUT_DIRECTORY", str(tmp_path / "nowhere"))
    monkeypatch.setenv("OUTPUT_DIRECTORY", "again")

    ran = run("--request=saved.json")

    assert sizes_of(tmp_path / "again") == [4, 3, 3]
    assert "note: TASKS_PER_JOB, INPUT_DIRECTORY ignored: --request says what" in ran.err


@pytest.mark.parametrize("name", ["JOB_FORMAT", "job_format", "DISPATCH_JOB_FORMAT"])
def test_the_job_format_has_the_names_of_other_options(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "pipeline")

    ran = dispatch(run, "1", "--plan")

    assert f"settings: job_format ({name})\n" in ran.out


def test_a_single_word_is_a_variable_only_with_a_prefix(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZIP", "-9")
    monkeypatch.setenv("PLAN", "1")
    dispatch(run, "1")
    monkeypatch.setenv("DISPATCH_PLAN", "on")

    ran = dispatch(run, "1", out="planned")

    assert ran.out.endswith("no job was written (--plan)\n")
    assert sorted(os.listdir(tmp_path)) == ["out", "out.dispatch.json"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DISPATCH_PRESTE", "DISPATCH_PRESET"),
        ("DISPATCH_TASK_PER_JOB", "DISPATCH_TASKS_PER_JOB"),
        ("DISPATCH_BUCKET", "DISPATCH_BUCKETS"),
        ("DISPATCH_LINKS", ""),
        ("DISPATCH_OUTPUT_ROOT", ""),
        ("DISPATCH_MODEL", ""),
    ],
)
def test_a_misspelled_variable_is_a_warning(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")

    ran = dispatch(run, "1", "--plan")

    warning = f"warning: {name} is not a variable of this program: {meant} is\n"
    assert ran.out.count(warning) == bool(meant)


def test_the_database_of_results_is_not_that_of_the_assets(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCDB_DATABASE", "analysis")
    monkeypatch.setenv("DOCDB_COLLECTION", "my_project")

    ran = run("--docdb_query", subject("1"), "--plan", "--skip_processed=no")

    assert ran.code == 0
    assert "/v1/metadata_index/data_assets\n" in ran.out


SWITCHES = {
    True: ["1", "true", "TRUE", "t", "T", "yes", "Yes", "y", "on", "ON"],
    False: ["0", "false", "False", "f", "no", "NO", "n", "N", "off", "Off"],
}


@pytest.mark.parametrize(
    ("text", "value"), [(text, value) for value, texts in SWITCHES.items() for text in texts]
)
def test_a_switch_has_the_words_of_other_tools(text: str, value: bool) -> None:
    given = build_parser().parse_args([f"--split_files={text}", "--plan", text])

    assert (given.split_files, given.plan) == (value, value)


# The file .env and the demo


def test_the_variables_of_an_env_file_count_unless_they_exist(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["# the template's", "export TASKS_PER_JOB=4", 'MAX_NUMBER_OF_TASKS_DISPATCHED="2"']
    (tmp_path / ".env").write_text("\n".join(lines))
    for name in ("TASKS_PER_JOB", "MAX_NUMBER_OF_TASKS_DISPATCHED"):
        monkeypatch.setenv(name, "6")  # so that the test restores them
    monkeypatch.delenv("MAX_NUMBER_OF_TASKS_DISPATCHED")

    ran = dispatch(run, "10")

    assert sizes_of(tmp_path / "out") == [2]
    assert "tasks_per_job (TASKS_PER_JOB), max_number_of_tasks_dispatched (MAX_" in ran.out


@pytest.mark.parametrize("content", [b"NAME=\xff\xfe", b"NAME=a\0b"])
def test_an_env_file_that_cannot_be_read_is_an_error(
    run: CommandLine, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / ".env").write_bytes(content)

    ran = run("--docdb_query", subject("1"), "--plan")

    assert ran.code == 2
    assert ran.err.startswith("error: .env: it cannot be read: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("TASKS_PER_JOB\n", 1),
        ("# jobs\n\nTASKS_PER_JOB: 4\n", 3),
        ("A=1\r\nTASKS_PER_JOB 4\r\nB=2\r\n", 2),
        ("$env:TASKS_PER_JOB=4", 1),
        ('PASSWORD="secret\n', 1),
    ],
)
def test_a_line_of_an_env_file_that_is_not_an_assignment_is_an_error_that_shows_no_value(
    run: CommandLine, tmp_path: Path, text: str, line: int
) -> None:
    (tmp_path / ".env").write_text(text, newline="")

    ran = run("--docdb_query", subject("1"), "--plan")

    assert ran.code == 2
    where = f".env, line {line}"
    action = "Write NAME=value, or put # before it"
    assert ran.err == f"error: {where}: this line is not NAME=value. {action}.\n"


def test_an_env_file_may_start_with_a_bom_and_name_a_variable_that_is_set(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("\ufeffTASKS_PER_JOB=5\nHOME\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TASKS_PER_JOB", "6")  # so that the test restores it
    monkeypatch.delenv("TASKS_PER_JOB")

    dispatch(run, "10")

    assert sizes_of(tmp_path / "out") == [5, 5]


def test_a_folder_named_env_is_not_read(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()

    ran = run("--docdb_query", subject("1"), "--plan")

    assert ran.code == 0


@pytest.mark.parametrize("variable", ["CO_COMPUTATION_ID", "CO_CAPSULE_ID", "AWS_BATCH_JOB_ID"])
@pytest.mark.parametrize("output", ["--plan", "--output_directory=out", "--zip=out.zip"])
def test_the_demo_is_refused_on_a_platform_unless_it_is_chosen(
    run_demo: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    output: str,
) -> None:
    monkeypatch.setenv(variable, "7f3c")

    refused = run_demo("--docdb_query", subject("900003"), output)
    written = os.listdir(tmp_path)
    chosen = run_demo("--docdb_query", subject("900003"), output, "--docdb_host=demo")

    assert (refused.code, written, chosen.code) == (2, [], 0)
    assert refused.err == (
        "error: DOCDB_HOST: no database is configured, and the embedded demo is refused: this is "
        f"a platform ({variable} is set). Set it to the host of the metadata gateway, or to demo.\n"
    )


@pytest.mark.parametrize("output", [[], ["--output_directory=/results/"], ["--output_directory="]])
def test_the_demo_is_refused_for_the_default_output(
    run_demo: CommandLine, output: list[str]
) -> None:
    ran = run_demo("--docdb_query", subject("900003"), *output)

    assert ran.code == 2
    assert "the embedded demo is refused: the jobs would go to /results." in ran.err


def test_a_plan_and_a_zip_of_the_demo_need_no_output_folder(
    run_demo: CommandLine, tmp_path: Path
) -> None:
    planned = run_demo("--docdb_query", subject("900003"), "--plan")
    zipped = run_demo("--docdb_query", subject("900003"), "--zip=jobs.zip")

    assert (planned.code, zipped.code) == (0, 0)
    assert os.listdir(tmp_path) == ["jobs.zip"]


def test_assets_that_share_a_field_become_one_job(run: CommandLine, tmp_path: Path) -> None:
    ran = run(
        *["--docdb_query", subject("11"), "--group_by=session.type", "--output_directory=out"],
        *["--ledger=ledger.json"],
    )

    jobs = sorted(jobs_of(tmp_path / "out"), key=lambda job: job["asset_name"])
    assert ran.code == 0
    assert [job["asset_name"] for job in jobs] == [
        ["s1_2025-01-01", "s1_2025-01-02"],
        ["s1_2025-01-03"],
    ]
    assert [job["group_metadata"] for job in jobs] == [
        {"session__type": "A"},
        {"session__type": "B"},
    ]
    assert json.loads((tmp_path / "ledger.json").read_text())[0]["name"] == "s1_none"


def test_assets_without_the_grouping_field_can_be_kept(run: CommandLine, tmp_path: Path) -> None:
    run(
        *["--docdb_query", subject("11"), "--group_by=session.type", "--output_directory=out"],
        "--drop_null_groups=0",
    )

    assert ["s1_none"] in [job["asset_name"] for job in jobs_of(tmp_path / "out")]


@pytest.mark.parametrize(
    "options",
    [
        ["--trial_one_per=subject.subjet_id"],
        ["--group_by=subject.subjet_id", "--drop_null_groups=0"],
        ["--filter_latest=subject.subjet_id", "--filter_by=session.type"],
        ["--filter_latest=name", "--filter_by=subject.subjet_id"],
    ],
)
def test_a_field_that_no_asset_has_is_a_warning(run: CommandLine, options: list[str]) -> None:
    ran = run("--docdb_query", subject("11"), "--plan", *options)

    warning = (
        "warning: No matched asset has a value in the field subject.subjet_id: check its spelling"
    )
    assert ran.out.count(warning) == 1


def test_a_field_that_only_other_assets_have_is_not_its_own_correction(
    run_demo: CommandLine,
) -> None:
    query = '{"subject.subject_id": "900003"}'
    field = "data_description.modality.abbreviation"

    ran = run_demo("--plan", "--docdb_query", query, "--group_by", field)

    hint = next(line for line in (ran.out + ran.err).splitlines() if "did you mean" in line)
    assert hint == f"  {field}: did you mean data_description.modalities.abbreviation?"


def test_a_field_that_only_some_assets_have_gives_no_warning(run: CommandLine) -> None:
    ran = run("--docdb_query", subject("11"), "--plan", "--trial_one_per=session.type")

    assert "warning: No matched asset" not in ran.out


def test_a_list_field_is_unwound_so_that_each_item_counts(run: CommandLine, tmp_path: Path) -> None:
    run(
        *["--docdb_query", subject("11"), "--group_by=session.tags", "--output_directory=out"],
        "--unwind_list_fields=session.tags",
    )

    assert sorted(job["asset_name"] for job in jobs_of(tmp_path / "out")) == [
        ["s1_2025-01-01", "s1_2025-01-02"],
        ["s1_2025-01-01", "s1_2025-01-03"],
    ]


def test_only_the_latest_of_each_group_is_kept(run: CommandLine, tmp_path: Path) -> None:
    run(
        *["--docdb_query", subject("11"), "--output_directory=out", "--ledger=ledger.json"],
        *["--filter_latest=session.rank", "--filter_by=session.type"],
    )

    ledger = json.loads((tmp_path / "ledger.json").read_text())
    kept = {job["asset_name"][0] for job in jobs_of(tmp_path / "out")}
    assert {"s1_2025-01-02", "s1_2025-01-03"} <= kept
    assert "s1_2025-01-01" not in kept
    assert ("s1_2025-01-01", "superseded") in [(row["name"], row["reason"]) for row in ledger]


@pytest.mark.parametrize(
    ("environment", "flags", "kind"),
    [
        ("", [], list),
        (" ", [], list),
        ("seed", [], list),
        ("pipeline", [], dict),
        ("pipeline", ["--job_format=seed"], list),
        ("pipeline", ["--job_format="], dict),
        ("seed", ["--job_format=pipeline"], dict),
    ],
)
def test_the_job_format_is_the_flags_else_the_environments_else_seed(
    run: CommandLine,
    inputs: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: str,
    flags: list[str],
    kind: type,
) -> None:
    monkeypatch.setenv("DISPATCH_JOB_FORMAT", environment)
    folder = inputs({"analysis_parameter": {"k": 1}})

    dispatch(run, "1", *flags, "--input_directory", folder)

    assert {type(job["distributed_parameters"]) for job in jobs_of(tmp_path / "out")} == {kind}


def test_a_bad_job_format_in_the_environment_names_the_variable(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPATCH_JOB_FORMAT", "json")

    ran = run("--docdb_query", subject("1"), "--plan")

    assert ran.code == 2
    assert "DISPATCH_JOB_FORMAT" in ran.err


def test_parameters_are_looked_for_in_the_seeds_place_first(
    run: CommandLine, inputs: Callable[..., Path], tmp_path: Path
) -> None:
    folder = inputs({"analysis_parameter": {"from": "upstream"}})
    (folder / "analysis_parameters").mkdir()
    (folder / "analysis_parameters" / "analysis_parameters.json").write_text(
        '{"analysis_parameter": {"from": "seed"}}'
    )

    dispatch(run, "10", "--input_directory", folder)

    assert jobs_of(tmp_path / "out")[0]["distributed_parameters"] == [{"from": "seed"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_parameters_may_be_saved_in_any_unicode_encoding(
    run: CommandLine, inputs: Callable[..., Path], tmp_path: Path, encoding: str
) -> None:
    folder = inputs()
    text = '{"analysis_parameter": {"site": "Tromsø"}}'
    (folder / "analysis_parameters.json").write_bytes(text.encode(encoding))

    dispatch(run, "1", "--input_directory", folder)

    assert jobs_of(tmp_path / "out")[0]["distributed_parameters"] == [{"site": "Tromsø"}]


def test_parameters_that_are_not_unicode_are_refused(
    run: CommandLine, inputs: Callable[..., Path]
) -> None:
    folder = inputs()
    (folder / "analysis_parameters.json").write_bytes(b'{"analysis_parameter": {"a": "\xf8"}}')

    ran = run("--docdb_query", subject("1"), "--plan", "--input_directory", folder)

    assert ran.code == 2
    assert "analysis_parameters.json: byte 31 is not UTF-8 text" in ran.err


def test_an_input_folder_that_is_not_there_is_an_error(run: CommandLine) -> None:
    ran = run("--docdb_query", subject("1"), "--plan", "--input_directory=nowhere")

    assert ran.code == 2
    assert "--input_directory: nowhere is not a folder" in ran.err


def test_a_missing_list_of_ids_is_an_error_that_says_where_to_put_it(
    run: CommandLine, inputs: Callable[..., Path]
) -> None:
    ran = run("--use_data_asset_csv=1", "--plan", "--input_directory", inputs())

    assert ran.code == 2
    assert "data_asset_input.csv: neither " in ran.err
    assert "Put data_asset_input.csv with a column asset_id there" in ran.err


def test_the_layout_of_the_pipeline_template_is_read_and_said(
    run: CommandLine, tmp_path: Path
) -> None:
    parameters = tmp_path / "in" / "analysis_parameters" / "distributed_parameters.json"
    ids = tmp_path / "in" / "analysis_data_asset_ids" / "data_asset_input.csv"
    for path, text in ((parameters, '[{"k": 1}, {"k": 2}]'), (ids, "asset_id\nfirst-id\n")):
        path.parent.mkdir(parents=True)
        path.write_text(text)

    ran = run("--use_data_asset_csv=1", "--input_directory=in", "--output_directory=out")

    sets = [job["distributed_parameters"] for job in jobs_of(tmp_path / "out")]
    origins = json.loads((tmp_path / "out.dispatch.json").read_text())["origins"]
    assert ran.code == 0
    assert sorted(sets, key=str) == [[{"k": 1}], [{"k": 2}]]
    assert "asset list: in/analysis_data_asset_ids/data_asset_input.csv\n" in ran.out
    assert "parameters file: in/analysis_parameters/distributed_parameters.json\n" in ran.out
    assert origins["asset_rows"] == "in/analysis_data_asset_ids/data_asset_input.csv"
    assert origins["parameters"] == "in/analysis_parameters/distributed_parameters.json"


def test_files_that_are_not_read_are_a_warning(
    run: CommandLine, inputs: Callable[..., Path]
) -> None:
    folder = inputs({"analysis_parameter": {}}, csv=b"asset_id\nx\n")
    (folder / "query.json").write_text(subject("1"))
    (folder / "schema.json").write_text("{}")
    (folder / "notes.txt").write_text("mine")
    (folder / "old").mkdir()
    (folder / "old" / "analysis_parameters.json").write_text("{}")

    ran = run(
        *["--docdb_query", folder / "query.json", "--parameters_schema", folder / "schema.json"],
        *["--input_directory", folder, "--plan"],
    )

    assert ran.code == 0
    assert (
        f"warning: not read: {folder}/data_asset_input.csv, {folder}/old/analysis_parameters.json\n"
    ) in ran.out


@pytest.mark.parametrize(
    "name", ["a/b/analysis_parameters.json", "a/b/analysis_parameters/Distributed_Parameters.json"]
)
def test_a_parameters_file_two_folders_down_is_a_warning(
    run: CommandLine, tmp_path: Path, name: str
) -> None:
    (tmp_path / "in" / name).parent.mkdir(parents=True)
    (tmp_path / "in" / name).write_text('{"analysis_parameter": {"k": 1}}')

    ran = run("--docdb_query", subject("1"), "--input_directory=in", "--plan")

    assert ran.code == 0
    assert f"warning: not read: in/{name}\n" in ran.out


def test_a_replayed_request_reads_no_input_folder_unless_one_is_given(
    run: CommandLine, inputs: Callable[..., Path], tmp_path: Path
) -> None:
    dispatch(run, "1", "--save_request=saved.json")
    folder = inputs({"analysis_parameter": {"k": 1}})

    without = run("--request=saved.json", "--output_directory=without")
    given = run("--request=saved.json", "--input_directory", folder, "--output_directory=given")

    assert (without.code, given.code) == (0, 0)
    assert tree_of(tmp_path / "without") == tree_of(tmp_path / "out")
    assert jobs_of(tmp_path / "given")[0]["distributed_parameters"] == [{"k": 1}]


def test_a_csv_goes_before_a_query_and_says_so(
    run: CommandLine, inputs: Callable[..., Path], tmp_path: Path
) -> None:
    folder = inputs(csv=b"asset_id\nfirst-id\n")

    ran = dispatch(run, "1", "--use_data_asset_csv=1", "--input_directory", folder)

    assert [name for name, _ in pairs(tmp_path / "out")] == ["two-ids"]
    assert "--docdb_query is ignored" in ran.err


def test_on_missing_fail_turns_the_first_exclusion_into_a_stop(
    run: CommandLine, tmp_path: Path
) -> None:
    ran = run(
        *["--docdb_query", subject("2"), "--file_extension=.nwb", "--output_directory=out"],
        *["--on_missing=fail", "--ledger=ledger.csv"],
    )

    assert ran.code == 3
    assert "--on_missing=fail: 3 are excluded" in ran.err
    assert os.listdir(tmp_path) == ["ledger.csv"]


# What a pipeline needs


@pytest.mark.parametrize("query", [subject("unknown"), subject("11")])
def test_nothing_to_do_can_be_a_marker_and_exit_code_0(
    run: CommandLine, tmp_path: Path, query: str
) -> None:
    ran = run(
        *["--docdb_query", query, "--file_extension=.nwb", "--output_directory=out"],
        "--when_nothing=marker",
    )

    record = json.loads((tmp_path / "out.dispatch.json").read_text())
    assert ran.code == 0
    assert tree_of(tmp_path / "out") == {"no_new_jobs": b""}
    assert "warning: nothing to do: no " in ran.out
    assert "marked: out (no_new_jobs)\n" in ran.out
    assert (record["status"], record["equation"]["jobs"]) == ("marked", 0)


@pytest.mark.parametrize(
    "options",
    [
        ["--output_directory=out"],
        ["--output_directory=out", "--when_nothing=fail", "--preset=pipeline"],
        ["--zip=out.zip", "--when_nothing=marker"],
        ["--output_directory=out", "--when_nothing=marker", "--on_missing=fail"],
    ],
)
def test_nothing_to_do_is_otherwise_exit_code_3(
    run: CommandLine, tmp_path: Path, options: list[str]
) -> None:
    ran = run("--docdb_query", subject("11"), "--file_extension=.nwb", *options)

    assert ran.code == 3
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("options", [["--output_directory=out"], ["--plan"]])
def test_a_list_of_which_no_id_is_found_is_never_nothing_to_do(
    run: CommandLine, inputs: Callable[..., Path], tmp_path: Path, options: list[str]
) -> None:
    folder = inputs(csv=b"asset_id\nunknown-1\nunknown-2\n")

    ran = run(
        *["--use_data_asset_csv=1", "--input_directory", folder, "--when_nothing=marker"], *options
    )

    assert ran.code == 3
    assert "no id of the list is found (2 not_found)" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_marker_is_not_written_with_plan(run: CommandLine, tmp_path: Path) -> None:
    ran = run("--docdb_query", subject("unknown"), "--plan", "--when_nothing=marker")

    assert ran.code == 0
    assert ran.out.endswith("no job was written (--plan)\n")
    assert os.listdir(tmp_path) == []


def test_a_failed_service_is_never_nothing_to_do(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with S3Server({"data": ["denied/x.nwb"]}) as s3:
        s3.denied = {"data/"}
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        ran = run(
            *["--docdb_query", subject("1"), "--file_extension=.nwb", "--buckets=s3"],
            *["--output_directory=out", "--when_nothing=marker"],
        )

    assert ran.code == 4
    assert os.listdir(tmp_path) == []


def test_files_of_the_platform_can_be_allowed_by_a_variable(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "output").write_text("log")
    refused = run("--docdb_query", subject("1"), "--output_directory=out")
    monkeypatch.setenv("DISPATCH_ALLOWED_FILES", "output,*.log")

    dispatch(run, "1")

    assert refused.code == 2
    assert "(output). Choose another folder" in refused.err
    assert len(tree_of(tmp_path / "out")) == 4


def test_the_preset_of_the_pipeline_gives_its_defaults(
    run: CommandLine, inputs: Callable[..., Path], tmp_path: Path
) -> None:
    folder = inputs({"distributed_parameters": [{"k": 1}, {"k": 2}, {"k": 3}]})

    ran = dispatch(run, "6", "--preset=pipeline", "--input_directory", folder)

    record = json.loads((tmp_path / "out.dispatch.json").read_text())
    assert sizes_of(tmp_path / "out") == [1] * 1_000
    assert {type(job["distributed_parameters"]) for job in jobs_of(tmp_path / "out")} == {dict}
    assert "THE CAP CUT 500 JOBS" in ran.out
    assert record["origins"]["tasks_per_job"] == "preset pipeline"


def test_a_preset_of_the_environment_does_not_change_a_replayed_request(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatch(run, "10", "--num_parallel_workers=3", "--save_request=saved.json")
    monkeypatch.setenv("DISPATCH_PRESET", "pipeline")

    run("--request=saved.json", "--output_directory=again")
    run("--request=saved.json", "--output_directory=piped", "--preset=pipeline")

    assert tree_of(tmp_path / "again") == tree_of(tmp_path / "out")
    assert sizes_of(tmp_path / "piped") == [1] * 10


@pytest.mark.parametrize(("format_", "warnings"), [("pipeline", 1), ("seed", 0)])
def test_jobs_without_parameters_in_the_format_of_the_wrapper_are_a_warning(
    run: CommandLine, format_: str, warnings: int
) -> None:
    ran = dispatch(run, "1", "--plan", f"--job_format={format_}")

    text = "warning: The jobs have no parameters (null): the example model of the analysis wrapper"
    assert ran.out.count(text) == warnings


def test_the_printed_request_is_one_line_that_can_be_replayed(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = dispatch(run, "10", "--print_request", "--num_parallel_workers=3")
    line = next(line for line in ran.out.splitlines() if line.startswith('{"fingerprint": '))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line.encode())))

    run("--request=-", "--output_directory=again")

    record = json.loads((tmp_path / "out.dispatch.json").read_text())
    assert json.loads(line)["fingerprint"] == record["fingerprint"]
    assert tree_of(tmp_path / "again") == tree_of(tmp_path / "out")


def test_an_expected_fingerprint_is_written_and_another_stops_before_writing(
    run: CommandLine, tmp_path: Path
) -> None:
    dispatch(run, "10", "--trial_first=3", "--zip=out.zip", "--record=first.json")
    fingerprint = json.loads((tmp_path / "first.json").read_text())["fingerprint"]
    expect = f"--expect_fingerprint={fingerprint}"

    same = dispatch(run, "10", "--trial_first=3", expect[:-40])
    other = run(
        *["--request=first.json", "--no_trial", expect, "--ledger=ledger.csv"],
        *["--print_request", "--output_directory=other"],
    )
    unknown = run("--docdb_query", subject("10"), expect, "--output_directory=other")

    assert "confirmed: out" in same.out
    assert (other.code, unknown.code) == (2, 2)
    assert "other values of trial; assets 10 (expected 3); inputs 10 (expected 3); exc" in other.err
    assert "no record of the expected dispatch is beside the output" in unknown.err
    assert not {"other", "ledger.csv"} & set(os.listdir(tmp_path))


@pytest.mark.parametrize("text", ["abc", "x" * 64, "0" * 65, "--------------"])
def test_an_expected_fingerprint_that_is_not_one_is_an_error(run: CommandLine, text: str) -> None:
    ran = run("--docdb_query", subject("1"), f"--expect_fingerprint={text}", "--plan")

    assert ran.code == 2
    assert "--expect_fingerprint: " in ran.err
    assert "is not a fingerprint. Copy it from" in ran.err


# What is written, and where


def test_plan_prints_the_jobs_and_writes_nothing(run: CommandLine, tmp_path: Path) -> None:
    ran = dispatch(run, "1", "--plan", "--zip=out.zip", "--record=record.json")

    assert os.listdir(tmp_path) == []
    assert "s3://data/a0/2.nwb" in ran.out
    assert ran.out.endswith("no job was written (--plan)\n")


def test_the_output_holds_worker_folders_and_nothing_else(run: CommandLine, tmp_path: Path) -> None:
    dispatch(run, "10", "--num_parallel_workers=3")

    uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert sorted(os.listdir(tmp_path / "out")) == ["0", "1", "2"]
    assert sorted(os.listdir(tmp_path)) == ["out", "out.dispatch.json"]
    assert all(re.fullmatch(f"[0-2]/{uuid}.json", path) for path in tree_of(tmp_path / "out"))


@pytest.mark.parametrize("option", ["--ledger", "--save_request", "--record", "--zip"])
def test_our_own_files_are_refused_inside_the_output(
    run: CommandLine, tmp_path: Path, option: str
) -> None:
    ran = run("--docdb_query", subject("1"), "--output_directory=out", f"{option}=out/x.json")

    assert ran.code == 2
    assert f"{option}: out/x.json is inside the output folder" in ran.err
    assert os.listdir(tmp_path) == []


def test_the_ledger_is_csv_with_a_header_or_json(run: CommandLine, tmp_path: Path) -> None:
    for name in ("ledger.csv", "ledger.json"):
        ran = dispatch(run, "2", "--plan", f"--ledger={name}", "--buckets=")
        assert f"ledger: {name} (3 rows)" in ran.out

    lines = (tmp_path / "ledger.csv").read_text().splitlines()
    rows = json.loads((tmp_path / "ledger.json").read_text())
    assert lines[0] == "stage,reason,message,action,record_id,name,location"
    assert [line.split(",")[:2] for line in lines[1:]] == [[r["stage"], r["reason"]] for r in rows]
    assert len(rows) == 3


def test_the_zip_holds_the_same_bytes_under_the_same_names_as_the_folder(
    run: CommandLine, tmp_path: Path
) -> None:
    dispatch(run, "10", "--num_parallel_workers=3", "--zip=out.zip")

    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        zipped = {name: archive.read(name) for name in archive.namelist()}
    assert zipped == tree_of(tmp_path / "out")
    assert len(zipped) == 10


def test_a_zip_alone_makes_no_folder_and_a_record_where_one_is_named(
    run: CommandLine, tmp_path: Path
) -> None:
    ran = run("--docdb_query", subject("1"), "--zip=jobs.zip", "--record=record.json")

    assert ran.code == 0
    assert sorted(os.listdir(tmp_path)) == ["jobs.zip", "record.json"]
    assert json.loads((tmp_path / "record.json").read_text())["equation"]["jobs"] == 2


@pytest.mark.parametrize("stranger", ["notes.txt", "0/mine.json", "7/x.json"])
def test_an_output_that_holds_something_else_is_refused_and_untouched(
    run: CommandLine, tmp_path: Path, stranger: str
) -> None:
    (tmp_path / "out" / stranger).parent.mkdir(parents=True)
    (tmp_path / "out" / stranger).write_text("precious")

    ran = run("--docdb_query", subject("1"), "--output_directory=out")

    assert ran.code == 2
    assert stranger.partition("/")[0] in ran.err
    assert tree_of(tmp_path / "out") == {stranger: b"precious"}
    assert os.listdir(tmp_path) == ["out"]


def test_replace_moves_aside_what_was_there(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("precious")

    ran = dispatch(run, "1", "--replace")

    assert len(tree_of(tmp_path / "out")) == 3
    assert tree_of(tmp_path / "out.replaced-1") == {"notes.txt": b"precious"}
    assert "replaced: out" in ran.out
    assert "out.replaced-1" in ran.out


def test_the_record_of_what_is_moved_aside_goes_with_it(run: CommandLine, tmp_path: Path) -> None:
    dispatch(run, "1")
    first = (tmp_path / "out.dispatch.json").read_bytes()

    dispatch(run, "1", "--replace", "--num_parallel_workers=1")

    assert (tmp_path / "out.replaced-1.dispatch.json").read_bytes() == first
    assert json.loads((tmp_path / "out.dispatch.json").read_bytes())["status"] == "replaced"


@pytest.mark.parametrize("is_zip", [False, True])
def test_another_file_in_place_of_the_zip_stops_before_the_folder(
    run: CommandLine, tmp_path: Path, is_zip: bool
) -> None:
    (tmp_path / "jobs.zip").write_text("mine")
    if is_zip:
        with zipfile.ZipFile(tmp_path / "jobs.zip", "w") as archive:
            archive.writestr("0/other.json", "{}")
    before = (tmp_path / "jobs.zip").read_bytes()

    ran = run("--docdb_query", subject("1"), "--output_directory=new", "--zip=jobs.zip")

    assert ran.code == 2
    assert "jobs.zip: another file is there" in ran.err
    assert ("plan: " in ran.out) == is_zip
    assert tree_of(tmp_path) == {"jobs.zip": before}


def test_a_named_record_that_cannot_be_written_is_exit_code_4_and_the_jobs_are_there(
    run: CommandLine, tmp_path: Path
) -> None:
    record = full_device(tmp_path / "full")

    ran = run("--docdb_query", subject("1"), "--output_directory=out", f"--record={record}")

    assert ran.code == 4
    assert "written: out (2 jobs in 2 folders)" in ran.out
    assert f"error: {record}: the jobs are written, but their record is not: " in ran.err
    assert len(jobs_of(tmp_path / "out")) == 2
    assert stat.S_ISCHR(record.stat().st_mode)


def full_device(path: Path) -> Path:
    """A test device that is always full, like /dev/full."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 7))
        os.close(os.open(path, os.O_WRONLY))
    except PermissionError:
        pytest.skip("making and opening a device needs root and a file system with devices")
    return path


def test_a_default_record_that_cannot_be_written_is_a_note_and_exit_code_0(
    run: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "out.dispatch.json").mkdir()

    ran = run("--docdb_query", subject("1"), "--output_directory=out")

    assert ran.code == 0
    assert ran.err == (
        f"note: {tmp_path}/out.dispatch.json: the jobs are written, but their record is not: "
        "this is a folder, not a file. Solve this problem and dispatch again, which then writes "
        "only the record.\n"
    )
    assert len(jobs_of(tmp_path / "out")) == 2


@pytest.mark.parametrize("option", ["--record=notes.json", "--output_directory=notes"])
def test_a_file_in_place_of_the_record_stops_before_anything_is_listed(
    run: CommandLine, tmp_path: Path, option: str
) -> None:
    for name in ("notes.json", "notes.dispatch.json"):
        (tmp_path / name).write_text('{"my": "notes"}')

    ran = run("--docdb_query", subject("1"), "--output_directory=out", option)

    assert ran.code == 2
    assert "the existing file is not a dispatch record. Move it" in ran.err
    assert "plan: " not in ran.out
    assert sorted(os.listdir(tmp_path)) == ["notes.dispatch.json", "notes.json"]


@pytest.mark.parametrize(
    "output",
    [
        "--ledger=in/analysis_parameters.json",
        "--save_request=in/analysis_parameters.json",
        "--record=in/analysis_parameters.json",
        "--zip=in/analysis_parameters.json",
        "--output_directory=in",
        "--ledger=in/data_asset_input.csv",
        "--ledger=schema.json",
        "--ledger=linked.json",
    ],
)
def test_an_output_that_is_an_input_stops_before_anything_is_listed(
    run: CommandLine, inputs: Callable[..., Path], tmp_path: Path, output: str
) -> None:
    inputs({"analysis_parameter": {}}, csv=b"asset_id\nfirst-id\n")
    (tmp_path / "schema.json").write_text("{}")
    (tmp_path / "linked.json").symlink_to("schema.json")
    before = tree_of(tmp_path)

    ran = run(
        *["--use_data_asset_csv=1", "--input_directory=in", "--parameters_schema=schema.json"],
        *["--output_directory=out", "--replace", output],
    )

    assert ran.code == 2
    assert f"{output.partition('=')[0]}: " in ran.err
    assert "is, contains or is inside an input of this run" in ran.err
    assert "plan: " not in ran.out
    assert tree_of(tmp_path) == before


@pytest.mark.parametrize("option", ["--docdb_query", "--request"])
@pytest.mark.parametrize("output", ["--ledger", "--save_request", "--record"])
def test_a_query_or_request_file_is_not_overwritten(
    run: CommandLine, tmp_path: Path, option: str, output: str
) -> None:
    text = subject("1") if option == "--docdb_query" else '{"query": {}}'
    (tmp_path / "in.json").write_text(text)

    ran = run(f"{option}=in.json", f"{output}=in.json", "--output_directory=out", "--replace")

    assert ran.code == 2
    assert "is, contains or is inside an input of this run" in ran.err
    assert tree_of(tmp_path) == {"in.json": text.encode()}


@pytest.mark.parametrize(
    "output",
    [
        "--ledger=bk/data/a.nwb",
        "--zip=bk/data/a.nwb",
        "--output_directory=bk",
        "--record=bk/r.json",
    ],
)
def test_local_data_are_not_overwritten_or_moved(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    (tmp_path / "bk" / "data").mkdir(parents=True)
    (tmp_path / "bk" / "data" / "a.nwb").write_text("precious")
    monkeypatch.setenv("DISPATCH_BUCKETS", "bk")

    ran = run("--docdb_query", subject("1"), "--output_directory=out", "--replace", output)

    assert ran.code == 2
    assert f"{output.partition('=')[0]}: " in ran.err
    assert "is, contains or is inside an input of this run" in ran.err
    assert tree_of(tmp_path) == {"bk/data/a.nwb": b"precious"}


@pytest.mark.parametrize("option", ["--ledger", "--save_request"])
def test_a_file_of_another_kind_is_replaced_only_on_request(
    run: CommandLine, tmp_path: Path, option: str
) -> None:
    (tmp_path / "notes.json").write_text("my notes")
    command = ["--docdb_query", subject("1"), "--plan", f"{option}=notes.json"]

    refused = run(*command)
    kept = (tmp_path / "notes.json").read_text()
    replaced = run(*command, "--replace")
    again = run(*command)

    assert (refused.code, replaced.code, again.code) == (2, 0, 0)
    assert "notes.json: the " in refused.err
    assert "Move it, choose another path, or use --replace." in refused.err
    assert "plan: " not in refused.out
    assert kept == "my notes"


def test_two_outputs_with_one_path_are_refused(run: CommandLine, tmp_path: Path) -> None:
    ran = run("--docdb_query", subject("1"), "--ledger=x.json", "--zip=x.json")

    assert ran.code == 2
    assert "--zip: x.json is already the output of --ledger" in ran.err
    assert os.listdir(tmp_path) == []


def test_the_default_record_can_be_replayed_into_its_own_folder(
    run: CommandLine, tmp_path: Path
) -> None:
    dispatch(run, "1")

    ran = run("--request=out.dispatch.json", "--output_directory=out")

    assert ran.code == 0
    assert "confirmed: out (3 jobs in 3 folders)" in ran.out
    assert "(kept: it says who dispatched this, and when)" in ran.out


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: Path(path).write_text("mine")])
def test_an_output_that_is_not_a_folder_says_what_it_is(
    run: CommandLine, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "out")

    ran = run("--docdb_query", subject("1"), "--output_directory=out")

    assert ran.code == 2
    assert re.search("out: this is a (named pipe|file), not a folder. Choose another", ran.err)
    assert "plan: " not in ran.out


def test_a_folder_name_reaches_the_terminal_without_its_escape_codes(
    run: CommandLine, tmp_path: Path
) -> None:
    ran = dispatch(run, "1", "--ledger=l\x1b[2J.csv", "--zip=z\x1b[2J.zip", out="o\x1b[2J")

    assert "written: o\\x1b[2J (3 jobs in 3 folders)" in ran.out
    assert "ledger: l\\x1b[2J.csv (0 rows)" in ran.out
    assert "\x1b" not in ran.out + ran.err
    assert (tmp_path / "o\x1b[2J").is_dir()


def test_an_option_wins_over_the_mode_of_a_saved_request(run: CommandLine, tmp_path: Path) -> None:
    dispatch(run, "1", "--tasks_per_job=1", "--save_request=saved.json")

    run("--request=saved.json", "--num_parallel_workers=2", "--output_directory=again")

    assert len(list((tmp_path / "again").iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--trial_first=2"], ["ten-0", "ten-1"]),
        (["--trial_first="], TEN),
        (["--trial_one_per=subject.subject_id"], ["ten-0"]),
        (["--trial_random=3"], ["ten-2", "ten-5", "ten-6"]),
        (["--trial_random=3", "--trial_seed=-1"], ["ten-2", "ten-4", "ten-7"]),
    ],
)
def test_a_trial_takes_a_few_of_the_assets(
    run: CommandLine, tmp_path: Path, options: list[str], names: list[str]
) -> None:
    dispatch(run, "10", *options)

    assert [name for name, _ in pairs(tmp_path / "out")] == names


def test_a_saved_trial_becomes_the_whole_with_no_trial(run: CommandLine, tmp_path: Path) -> None:
    dispatch(run, "10", "--trial_first=2", "--save_request=saved.json", "--plan")

    run("--request=saved.json", "--output_directory=trial")
    run("--request=saved.json", "--output_directory=whole", "--no_trial")

    assert len(jobs_of(tmp_path / "trial")) == 2
    assert len(jobs_of(tmp_path / "whole")) == 10


def test_an_empty_output_folder_is_filled(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    dispatch(run, "1")

    assert len(tree_of(tmp_path / "out")) == 3


def test_an_output_below_a_file_is_refused(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")

    ran = run("--docdb_query", subject("1"), "--output_directory=file/out")

    assert ran.code in (2, 4)
    assert "file" in ran.err
    assert tree_of(tmp_path) == {"file": b"precious"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_that_may_not_be_written_is_a_failed_service(
    run: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)

    ran = run("--docdb_query", subject("1"), "--output_directory=locked/out")

    assert ran.code == 4
    assert "locked" in ran.err
    assert os.listdir(tmp_path / "locked") == []


def test_a_ledger_that_cannot_be_written_stops_before_any_job(
    run: CommandLine, tmp_path: Path
) -> None:
    ran = run("--docdb_query", subject("1"), "--output_directory=out", "--ledger=no/ledger.csv")

    assert ran.code == 4
    assert "no/ledger.csv: cannot write the file: its folder does not exist" in ran.err
    assert os.listdir(tmp_path) == []


def test_a_device_named_as_the_ledger_is_written_into(run: CommandLine, tmp_path: Path) -> None:
    null = tmp_path / "null"
    try:
        os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.close(os.open(null, os.O_WRONLY))
    except PermissionError:
        pytest.skip("making and opening a device needs root and a file system with devices")

    dispatch(run, "1", f"--ledger={null}", f"--save_request={null}", f"--record={null}")

    assert stat.S_ISCHR(null.stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["null", "out"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "read", "expected"),
    [
        ("--ledger", str.strip, "stage,reason,message,action,record_id,name,location"),
        ("--save_request", lambda text: json.loads(text)["query"], {"subject.subject_id": "1"}),
        ("--record", lambda text: json.loads(text)["status"], "written"),
    ],
)
def test_standard_output_holds_only_the_file_that_is_sent_there(
    elsewhere: dict[str, str],
    tmp_path: Path,
    option: str,
    read: Callable[[str], object],
    expected: object,
) -> None:
    command = ["--docdb_query", subject("1"), "--output_directory", tmp_path / "out"]

    ran = run_process(*command, f"{option}=-", environment=elsewhere)

    assert ran.code == 0
    assert read(ran.out) == expected
    assert "plan: " in ran.err


# Replaying


def test_a_saved_request_replays_to_the_same_tree_byte_for_byte(
    run: CommandLine, inputs: Callable[..., Path], tmp_path: Path
) -> None:
    folder = inputs({"distributed_parameters": [{"k": 1}, {"k": 2}]})
    options = ["--num_parallel_workers=3", "--job_format=pipeline", "--input_directory", folder]
    dispatch(run, "10", *options, "--save_request=request.json")

    for saved in ("request.json", "out.dispatch.json"):
        again = tmp_path / f"again-{saved}"
        ran = run("--request", saved, "--output_directory", again)
        assert ran.code == 0
        assert tree_of(again) == tree_of(tmp_path / "out")
    assert len(tree_of(tmp_path / "out")) == 20


def test_a_request_is_read_from_standard_input(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = json.dumps({"version": 1, "query": {"subject.subject_id": "1"}})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(request.encode())))

    ran = run("--request=-", "--output_directory=out")

    assert ran.code == 0
    assert len(jobs_of(tmp_path / "out")) == 2


def test_a_request_given_as_json_is_that_of_its_file(run: CommandLine, tmp_path: Path) -> None:
    rows = [{"number": 1, "text": "a0"}, {"number": 2, "text": "good-1"}]
    request = json.dumps({"asset_rows": rows, "parameters": {"fixed_parameters": {"k": "{x}"}}})
    (tmp_path / "request.json").write_text(request)

    by_file = run("--request=request.json", "--output_directory=file")
    as_text = run(f"--request= {request}", "--output_directory=text")

    assert (by_file.code, as_text.code) == (0, 0)
    assert len(jobs_of(tmp_path / "text")) == 2
    assert tree_of(tmp_path / "text") == tree_of(tmp_path / "file")


def test_a_request_as_json_that_is_cut_off_is_bad_input(run: CommandLine, tmp_path: Path) -> None:
    ran = run('--request={"query": {"name', "--output_directory=out")

    assert ran.code == 2
    assert ran.err.startswith("error: --request, line 1, column 12: ")
    assert not (tmp_path / "out").exists()


def test_options_beside_a_request_change_it(run: CommandLine, tmp_path: Path) -> None:
    dispatch(run, "10", "--num_parallel_workers=3", "--save_request=request.json", "--plan")

    run("--request=request.json", "--num_parallel_workers=2", "--output_directory=out")

    assert sizes_of(tmp_path / "out") == [5, 5]


def test_a_seed_alone_changes_that_of_a_saved_random_trial(
    run: CommandLine, tmp_path: Path
) -> None:
    dispatch(run, "10", "--trial_random=3", "--save_request=request.json", "--plan")

    ran = run("--request=request.json", "--trial_seed=4", "--plan", "--save_request=new.json")

    assert ran.code == 0
    saved = json.loads((tmp_path / "new.json").read_text())
    assert saved["trial"] == {"random": 3, "seed": 4}


def test_a_replayed_request_does_not_follow_the_environments_format(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatch(run, "1", "--save_request=request.json")
    monkeypatch.setenv("DISPATCH_JOB_FORMAT", "pipeline")

    run("--request=request.json", "--output_directory=again")

    assert tree_of(tmp_path / "again") == tree_of(tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"quer": {}}', "quer: this is not a field of a dispatch request"),
        ("[1]", "it is not a JSON object"),
        ("", "it is empty"),
        ('{"query": {}, "num_parallel_workers": 0}', "num_parallel_workers"),
    ],
)
def test_a_request_that_cannot_be_used_is_bad_input(
    run: CommandLine, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "request.json").write_text(text)

    ran = run("--request=request.json", "--plan")

    assert ran.code == 2
    assert said in ran.err


# Exit codes, messages, terminals


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--split_files=2"], "'2' is neither 0 nor 1"),
        (["--trial_first=0"], "0 is less than 1"),
        (["--trial_first=1", "--trial_random=1"], "a trial has one rule"),
        (["--trial_seed=1"], "it needs --trial_random"),
        (["--trial_first=1", "--no_trial"], "it contradicts --trial_"),
        (["--num_parallel_workers=0"], "0 is less than 1"),
        (["--tasks_per_job=1.5"], "'1.5' is not a whole number"),
        (["--on_missing=stop"], "'stop' is not one of report, fail"),
        (["--nested_stores=none"], "'none' is not one of outermost, all"),
        (["--num_parallel_worker=3"], "Did you mean --num_parallel_workers?"),
        (["--docdb_query"], "expected one argument"),
        (["surplus"], "unrecognized arguments: surplus"),
        (["--versoin"], "Did you mean --version? --help explains"),
        (["--plann", "--docdb_quer=3"], "Did you mean --plan or --docdb_query? --help explains"),
        (["--x\x1b[2J"], "unrecognized arguments: --x\\x1b[2J. --help explains"),
        (["--docdb_version=v3"], "'v3' is not one of v1, v2"),
        (["--dask_scheduler=rubbish"], "'rubbish' is not the address of a scheduler. Write tcp://"),
        (["--group_by", '["a", b]'], "        ^\n--help explains every option.\n"),
        (["--group_by", '["a", 1]'], "such as subject.subject_id. --help explains every option."),
        (["--docdb_query", "{'a': 1}"], "strings are in single quotes"),
        (["--docdb_query", "nosuch.json"], "neither JSON nor a file that can be read"),
        (["--docdb_query", '{"$where": "1"}'], "$where is not allowed"),
        (["--docdb_query", "{}", "--buckets=nosuch"], "'nosuch' is not a folder"),
        (["--docdb_query", "{}", "--file_extension=a/b"], "a/b"),
        (["--docdb_query", "{}", "--filter_latest=name"], "filter_latest needs filter_by"),
        (["--request=nosuch.json"], "cannot read nosuch.json"),
        (["--docdb_query", "{}", "--parameters_schema=nosuch.json"], "cannot read nosuch.json"),
        ([], "nothing says which data assets to dispatch"),
    ],
)
def test_bad_input_is_exit_code_2_and_a_message_of_a_few_lines(
    run: CommandLine, tmp_path: Path, arguments: list[str], said: str
) -> None:
    ran = run("--output_directory=out", *arguments)

    assert ran.code == 2
    assert said in ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") <= 4
    assert os.listdir(tmp_path) == []


def test_a_query_that_the_service_refuses_is_bad_input_in_its_own_words(run: CommandLine) -> None:
    ran = run("--docdb_query", '{"name": {"$in": "x"}}', "--plan")

    assert ran.code == 2
    assert "the service refuses the query: " in ran.err


def test_a_dead_gateway_is_exit_code_4_and_nothing_is_written(
    run: CommandLine, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        host = f"localhost:{free.getsockname()[1]}"

        ran = run(f"--docdb_host={host}", "--docdb_query={}", "--output_directory=out")

    assert ran.code == 4
    assert host in ran.err
    assert "Connection refused" in ran.err
    assert os.listdir(tmp_path) == []


def test_the_first_line_names_the_embedded_demo(run_demo: CommandLine) -> None:
    ran = run_demo("--docdb_query", subject("no such subject"), "--plan")

    assert ran.out.startswith("source: embedded demo, 2,400 generated assets")
    assert "DOCDB_HOST" in ran.out.splitlines()[0]


def test_the_first_line_names_the_gateway(run: CommandLine, gateway: GatewayServer) -> None:
    ran = run("--docdb_query", subject("1"), "--plan")

    assert ran.out.splitlines()[0] == (
        f"source: gateway {gateway.host}/v1/metadata_index/data_assets"
    )


def test_flags_choose_another_version_database_and_collection(
    run: CommandLine, gateway: GatewayServer
) -> None:
    flags = ["--docdb_version=v2", "--docdb_database=other", "--docdb_collection=things"]

    ran = run("--docdb_query", subject("1"), "--plan", *flags)

    assert ran.out.startswith(f"source: gateway {gateway.host}/v2/other/things\n")
    assert ran.code == 4
    assert "not found (404). Check its version" in ran.err


def test_names_reach_the_terminal_without_their_escape_codes(run: CommandLine) -> None:
    ran = run("--docdb_query", subject("12"), "--plan", "--file_extension=.nwb")

    assert r"evil\x1b[2J\nname" in ran.out
    assert "\x1b" not in ran.out


def test_no_progress_is_drawn_without_a_terminal(run: CommandLine) -> None:
    ran = dispatch(run, "1")

    assert ran.err == ""


def test_a_long_plan_is_cut_on_the_screen_and_says_where_the_rest_is(
    run_demo: CommandLine,
) -> None:
    ran = run_demo("--docdb_query={}", "--plan", "--file_extension=.nwb")

    assert ran.code == 0
    assert "(--ledger FILE writes every row)" in ran.out
    assert "more workers" in ran.out
    assert ran.out.count("\n") < 200


def commands_of(text: str) -> list[list[str]]:
    """The arguments of each example in the help, as a shell would split them."""
    examples = re.findall(r"^  python -m dispatch_core(.*?)\n\n", text, re.DOTALL | re.MULTILINE)
    return [shlex.split(example.replace("\\\n", " ")) for example in examples]


def test_help_names_every_option_and_teaches_by_examples_that_parse() -> None:
    text = build_parser().format_help()

    commands = commands_of(text)
    for action in build_parser()._actions:
        assert action.option_strings[-1] in text
        assert action.help
    assert len(commands) == 3
    for command in commands:
        given = build_parser().parse_args(command)
        assert given.docdb_query or given.use_data_asset_csv or given.request
    assert "exit codes: 0 written or planned, 2 invalid input, 3 nothing found" in text


def test_help_starts_with_the_examples_and_the_usual_options() -> None:
    text = build_parser().format_help()

    parts = [
        "examples:",
        "usual options:",
        "--docdb_query ",
        "--output_directory DIR",
        "which assets:",
    ]
    places = [text.rindex(f"  {part}" if part.startswith("--") else part) for part in parts]

    assert places == sorted(places)
    assert text.count("  --output_directory DIR") == 1


@pytest.mark.parametrize(
    ("started_as", "program"),
    [
        ("/opt/bin/job-dispatch", "job-dispatch"),
        ("/opt/dispatch_core/__main__.py", "python -m dispatch_core"),
    ],
)
def test_help_shows_the_program_as_it_was_started(
    monkeypatch: pytest.MonkeyPatch, started_as: str, program: str
) -> None:
    monkeypatch.setattr(sys, "argv", [started_as, "--help"])

    text = build_parser().format_help()

    assert text.startswith(f"usage: {program} [--option VALUE ...]")
    assert text.count(f"\n  {program} --") == 3


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["--nonsense"]])
def test_help_and_wrong_arguments_import_no_client_and_no_model(arguments: list[str]) -> None:
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sys.modules, sep='\\n'))\n"
        "from dispatch_core.cli import main\n"
        f"main({arguments!r})"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    modules = {line.partition(".")[0] for line in done.stdout.splitlines()}
    assert {"dispatch_core", "argparse"} <= modules
    assert modules & {"pydantic", "boto3", "requests", "aind_data_access_api", "regex"} == set()


@pytest.mark.slow
def test_a_plan_of_the_demo_without_files_imports_no_pandas_and_no_progress_bar(
    tmp_path: Path,
) -> None:
    code = (
        "import sys\n"
        "from dispatch_core.cli import main\n"
        f"main(['--plan', '--docdb_query', {subject('900003')!r}])\n"
        "print(*sys.modules, sep='\\n')"
    )

    printed = subprocess.check_output(
        [sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), text=True
    )

    modules = set(printed.splitlines())
    assert {"dispatch_core.dispatch", "pydantic"} <= modules
    assert modules & {"pandas", "streamlit", "rich", "pymongo", "duckdb", "distributed"} == set()


def test_the_query_of_the_help_finds_assets_in_the_demo(run_demo: CommandLine) -> None:
    command = commands_of(build_parser().format_help())[0]

    ran = run_demo(*command)

    assert ran.code == 0
    assert "--plan" in command


# In a separate process


@pytest.fixture
def elsewhere(gateway: GatewayServer, buckets: Path) -> dict[str, str]:
    """The environment of a process that reads from this module's servers."""
    return {
        "DOCDB_HOST": gateway.host,
        "REQUESTS_CA_BUNDLE": gateway.ca_file,
        "DISPATCH_BUCKETS": str(buckets),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--docdb_query", subject("1")], 0),
        (["--docdb_query", "{"], 2),
        (["--docdb_query", subject("unknown")], 3),
        (["--docdb_query", subject("1"), "--docdb_database=nosuch"], 4),
    ],
)
def test_the_process_ends_with_the_exit_code(
    elsewhere: dict[str, str], tmp_path: Path, arguments: list[str], code: int
) -> None:
    out = tmp_path / "out"

    ran = run_process(*arguments, "--output_directory", out, environment=elsewhere)

    assert ran.code == code
    assert out.exists() == (code == 0)
    assert "Traceback" not in ran.err


@pytest.mark.slow
def test_a_name_that_the_terminal_cannot_show_does_not_crash(elsewhere: dict[str, str]) -> None:
    environment = {**elsewhere, "PYTHONIOENCODING": "ascii"}

    ran = run_process(
        *["--docdb_query", subject("1"), "--group_by=Tromsø", "--plan"], environment=environment
    )

    assert ran.code == 3
    assert "Traceback" not in ran.err


@pytest.mark.slow
def test_a_closed_reader_of_the_output_is_exit_code_141(
    elsewhere: dict[str, str], tmp_path: Path
) -> None:
    gone, written = os.pipe()
    os.close(gone)

    done = subprocess.run(
        [sys.executable, "-m", "dispatch_core", "--docdb_query", subject("1"), "--plan"],
        cwd=ROOT,
        env=clean_environment() | elsewhere,
        stdout=written,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(written)

    assert (done.returncode, done.stderr) == (141, "")


QUERY = ["--docdb_query", subject("900003")]
FULL = "error: standard output: cannot write to it: no space left on device. "


STREAMS: list[tuple[list[str], str, int, str]] = [
    ([*QUERY, "--output_directory=out"], ">&-", 0, ""),
    ([*QUERY, "--output_directory=out"], ">&- 2>&- <&-", 0, ""),
    ([*QUERY, "--output_directory=out"], "2>&-", 0, ""),
    ([*QUERY, "--plan"], ">/dev/full", 4, FULL),
    (["--help"], ">/dev/full", 4, FULL),
    ([*QUERY, "--plan", "--ledger=-"], ">/dev/full", 4, "error: standard output: cannot"),
    ([*QUERY, "--plan", "--ledger=-"], ">&-", 4, "it is closed"),
    ([*QUERY, "--zip=-"], ">/dev/full", 4, "error: standard output: cannot write"),
    ([*QUERY, "--zip=-", "--ledger=-"], "", 2, "output is already the output of"),
    (["--docdb_query", "{"], "2>/dev/full", 2, ""),
    (["--nonsense"], "2>/dev/full", 2, ""),
    (["--request=-", "--plan"], "<&-", 2, "--request: cannot read standard input: it is cl"),
    (["--request=-", "--plan"], "</dev/null", 2, "error: --request: it is empty"),
    (
        ["--request=-", "--output_directory=out", "--record=-", "--ledger=-"],
        "",
        2,
        "output is already the output of",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "redirection", "code", "said", "unbuffered"),
    [
        *((*case, "") for case in STREAMS),
        # without a buffer, a full stream fails at the first line and not at the end
        *((*case, "1") for case in STREAMS if "/dev/full" in case[1]),
    ],
)
def test_a_closed_or_full_stream_gives_an_exit_code_of_the_table(
    tmp_path: Path,
    arguments: list[str],
    redirection: str,
    code: int,
    said: str,
    unbuffered: str,
) -> None:
    if "/dev/full" in redirection and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    environment = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}

    done = subprocess.run(
        ["sh", "-c", f'"$0" -m dispatch_core "$@" {redirection}', sys.executable, *arguments],
        cwd=tmp_path,
        env=clean_environment() | environment,
        input='{"query": {}}',
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert said in done.stderr
    assert (tmp_path / "out").exists() == (code == 0)


@pytest.mark.slow
def test_a_zip_on_standard_output_is_alone_there(elsewhere: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dispatch_core", "--docdb_query", subject("1")]
    options: dict[str, Any] = {"cwd": tmp_path, "capture_output": True, "check": False}
    environment = clean_environment() | elsewhere | {"PYTHONPATH": str(ROOT)}

    streamed = subprocess.run([*command, "--zip=-"], env=environment, **options)
    subprocess.run([*command, "--zip=jobs.zip"], env=environment, **options)

    assert streamed.returncode == 0
    assert streamed.stdout == (tmp_path / "jobs.zip").read_bytes()
    assert b"zip written: standard output (" in streamed.stderr
    assert os.listdir(tmp_path) == ["jobs.zip"]


def test_sigterm_is_taken_only_while_the_command_runs(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def terminate(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("dispatch_core.command.run_command", terminate)
    before = signal.getsignal(signal.SIGTERM)

    ran = run("--docdb_query", "{}")

    assert ran.code == 143
    assert ran.err == "error: terminated; no partial output is left\n"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_command_that_ignores_sigterm_and_one_in_a_thread_run_to_their_end(
    run: CommandLine,
) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    codes: list[int] = []
    try:
        ignoring = run("--docdb_query", subject("1"), "--plan")
        handler = signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    other = Thread(target=lambda: codes.append(run("--docdb_query", subject("1"), "--plan").code))
    other.start()
    other.join()

    assert (ignoring.code, handler) == (0, signal.SIG_IGN)
    assert codes == [0]


@pytest.mark.slow
def test_progress_is_drawn_on_a_terminal_and_gone_at_the_end(
    elsewhere: dict[str, str], tmp_path: Path
) -> None:
    terminal, child_side = pty.openpty()

    done = subprocess.run(
        [
            *[sys.executable, "-m", "dispatch_core", "--docdb_query", subject("1")],
            *["--file_extension=.nwb", "--output_directory", str(tmp_path / "out")],
        ],
        cwd=ROOT,
        env=clean_environment() | elsewhere | {"TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=child_side,
        check=False,
    )
    os.close(child_side)
    drawn = os.read(terminal, 100_000).decode()
    os.close(terminal)

    assert done.returncode == 0
    assert "files" in drawn
    assert "2/2" in drawn
    assert "writing" in drawn
    assert b"2/2" not in done.stdout


def test_each_reason_shows_its_first_rows_however_many_rows_another_has(
    run_demo: CommandLine,
) -> None:
    ran = run_demo("--docdb_query={}", "--plan", "--file_extension=.nwb", "--trial_first=40")

    shown = ran.out[ran.out.index("excluded:") : ran.out.index("jobs:")]
    assert "at grouping: not_in_trial" in shown
    assert "at files: no_matching_file" in shown
    assert shown.count("the trial takes the first 40") == 3
    assert shown.count("-> Dispatch without the trial") == 1


def test_a_missing_request_file_is_an_error_that_names_the_option(run: CommandLine) -> None:
    ran = run("--request", "nowhere.json")

    assert ran.code == 2
    assert ran.err == (
        "error: --request: cannot read nowhere.json: No such file or directory. Check the path.\n"
    )


def test_the_readme_prints_what_its_command_prints(run_demo: CommandLine) -> None:
    example, printed = re.findall(r"```(?:bash)?\n(.*?)```", SAME_BY_COMMAND, re.DOTALL)[:2]
    command = shlex.split(example.replace("\\\n", " "))

    ran = run_demo(*command[command.index("dispatch_core") + 1 :])

    lines = iter(ran.out.splitlines())
    shown = [line for line in printed.splitlines() if line.strip() != "..."]
    assert len(shown) > 5
    assert [line for line in shown if line not in lines] == []


def test_the_job_of_the_readme_is_a_job_of_its_command(
    run_demo: CommandLine, tmp_path: Path, inputs: Callable[..., Path]
) -> None:
    job = json.loads(re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0])
    parameters = {"distributed_parameters": job["distributed_parameters"]}

    run_demo(
        *["--docdb_query", job["query"], "--file_extension=.nwb", "--output_directory=out"],
        *["--input_directory", str(inputs(parameters))],
    )

    assert job in jobs_of(tmp_path / "out")


def test_an_option_that_is_given_again_without_a_value_starts_again() -> None:

    given = parse_arguments(["--file_extension=.nwb", "--file_extension=", "--plan"])
    several = parse_arguments(["--file_extension=.nwb", "--file_extension=.zarr", "--plan"])

    assert given.file_extension is None
    assert several.file_extension == ".nwb,.zarr"
