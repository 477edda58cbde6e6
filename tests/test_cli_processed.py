"""The command line, where some jobs are already processed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import record
from tests.servers.gateway import Fault, GatewayServer
from tests.support.readers import real_reader
from tests.support.results import FRAME, code_of, result, result_of
from tests.support.world import ROOT, SETTINGS, CommandLine, jobs_of, tree_of

RESULTS = [
    result("s3://data/a0"),
    result("s3://data/a1/"),
    result("s3://data/a2", version="2.0"),
    result_of(code_of(["s3://data/a3"], {"p": 1, "q": 2})),
]
CODE = f"--analysis_code={json.dumps(FRAME)}"


@pytest.fixture
def gateway() -> Iterator[GatewayServer]:
    """Five assets, and results on four of them."""
    assets = [record(f"a{number}") for number in range(5)]
    with GatewayServer(assets, collections={"analysis/project": RESULTS}) as running:
        yield running


@pytest.fixture
def run(
    gateway: GatewayServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    """The command line with the results in the environment, as the pipeline sets them."""
    for name in [name for name in os.environ if name.startswith(SETTINGS)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCDB_HOST", gateway.host)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", gateway.ca_file)
    monkeypatch.setenv("DOCDB_DATABASE", "analysis")
    monkeypatch.setenv("DOCDB_COLLECTION", "project")
    return CommandLine(capsys)


ALL = ("--docdb_query={}", "--output_directory=out")


def names(folder: str = "out") -> list[str]:
    return [job["asset_name"][0] for job in jobs_of(Path(folder))]


def test_assets_come_from_their_own_collection_and_processed_jobs_are_reported(
    run: CommandLine, gateway: GatewayServer
) -> None:
    ran = run(*ALL, CODE)

    assert ran.code == 0
    assert names() == ["a0", "a1", "a2", "a3", "a4"]
    assert f"results: gateway {gateway.host}/v1/analysis/project\n" in ran.out
    assert (
        "processed: 1 done; 1 done, spelled otherwise; 1 done by another version; 2 new "
        "(by wrapper, version 3.0)\n"
    ) in ran.out


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("no", ["a0", "a1", "a2", "a3", "a4"]),
        ("report", ["a0", "a1", "a2", "a3", "a4"]),
        ("exact", ["a1", "a2", "a3", "a4"]),
        ("same_version", ["a2", "a3", "a4"]),
        ("any_version", ["a3", "a4"]),
    ],
)
def test_a_rule_excludes_jobs_before_they_get_workers(
    run: CommandLine, rule: str, left: list[str]
) -> None:
    ran = run(*ALL, CODE, f"--skip_processed={rule}", "--ledger=ledger.json")

    assert ran.code == 0
    assert names() == left
    ledger = json.loads(Path("ledger.json").read_text())
    assert [row["reason"] for row in ledger] == ["already_processed"] * (5 - len(left))


def test_a_service_without_a_collection_of_results_does_not_stop_the_first_dispatch(
    run: CommandLine, gateway: GatewayServer
) -> None:
    missing = Fault("raw", 404, body=b'{"message": "Collection first does not exist"}')
    gateway.faults = chain([None] * 3, repeat(missing))

    ran = run(*ALL, CODE, "--results_collection=first", "--skip_processed=exact")

    assert ran.code == 0
    assert names() == ["a0", "a1", "a2", "a3", "a4"]
    assert "warning: Already processed: every job is new: gateway " in ran.out


def test_the_preset_of_the_pipeline_excludes_what_the_wrapper_would_skip(run: CommandLine) -> None:
    ran = run(*ALL, CODE, "--preset=pipeline")

    assert ran.code == 0
    assert names() == ["a1", "a2", "a3", "a4"]


def test_a_second_run_with_a_cap_goes_on_with_the_next_jobs(run: CommandLine) -> None:
    ran = run(*ALL, CODE, "--skip_processed=any_version", "--max_number_of_tasks_dispatched=1")

    assert names() == ["a3"]
    assert "- 3 already processed - 1 over the cap = 1 job" in ran.out


def test_a_job_is_run_anyway_by_its_name_and_the_record_replays_it(run: CommandLine) -> None:
    run(*ALL, CODE, "--plan", "--skip_processed=exact", "--ledger=ledger.json")
    (row,) = json.loads(Path("ledger.json").read_text())
    name = row["action"].rpartition(" ")[2]

    first = run(*ALL, CODE, "--skip_processed=exact", f"--run_anyway={name}")
    again = run("--request=out.dispatch.json", "--output_directory=again")

    assert (first.code, again.code) == (0, 0)
    assert names() == ["a0", "a1", "a2", "a3", "a4"]
    assert tree_of(Path("out")) == tree_of(Path("again"))


def test_the_wrapper_can_be_a_file_or_the_code_of_a_record(run: CommandLine) -> None:
    Path("code.json").write_text(json.dumps(code_of(["s3://attached/model"])))

    ran = run(*ALL, "--analysis_code=code.json", "--skip_processed=same_version")

    saved = json.loads(Path("out.dispatch.json").read_text())
    assert ran.code == 0
    assert names() == ["a2", "a3", "a4"]
    assert saved["request"]["analysis_code"] == {
        **FRAME,
        "input_urls": ["s3://attached/model"],
    }


def test_several_wrappers_stop_a_command_that_excludes_and_warn_another(run: CommandLine) -> None:
    asked = run(*ALL, "--skip_processed=exact")
    missing = not Path("out").exists()
    unasked = run(*ALL)

    assert (asked.code, missing, unasked.code) == (2, True, 0)
    assert "2 wrappers or versions have results" in asked.err
    assert "warning: Already processed: not checked: " in unasked.out


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--results_collection=missing"], 4, "the check for processed jobs failed"),
        (["--results_collection=missing", "--skip_processed=exact"], 4, "not found (404)"),
        (["--results_host=127.0.0.1:9", "--docdb_version=v2"], 4, "the check for processed"),
        (["--skip_processed=sometimes"], 2, "'sometimes' is not one of no, report, exact"),
        (["--analysis_code={"], 2, "--analysis_code, line 1"),
        (["--analysis_code=missing.json"], 2, "cannot read missing.json"),
        (["--analysis_code=[]"], 2, "analysis_code: [] is not an object"),
        (['--analysis_code={"urls": "x"}'], 2, "Did you mean url?"),
        (['--analysis_code={"version": 3.0}'], 2, "analysis_code.version: 3.0 is not text"),
        (
            ['--analysis_code={"parameters": {"dry run": 0}}'],
            2,
            "analysis_code.parameters.dry run: 0 is not text. Give text in quotes.",
        ),
        (
            ['--analysis_code={"input_urls": "s3://x"}'],
            2,
            "analysis_code.input_urls: 's3://x' is not a list of urls",
        ),
        (['--analysis_code={"input_data": [{"name": "x"}]}'], 2, "None is not text"),
        (["--fixed_parameters=mixed"], 2, "'mixed' is not one of merged, analysis_code"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    run: CommandLine, options: list[str], code: int, message: str
) -> None:
    ran = run(*ALL, *([] if "analysis_code" in options[0] else [CODE]), *options)

    assert (ran.code, Path("out").exists()) == (code, False)
    assert message in ran.err


@pytest.mark.parametrize("name", ["DOCDB_DATABASE", "DOCDB_COLLECTION"])
def test_a_rule_needs_both_names_of_the_results(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)

    asked, unasked = run(*ALL, "--skip_processed=exact"), run(*ALL)

    assert (asked.code, unasked.code) == (2, 0)
    assert "skip_processed=exact needs the results, and none are configured" in asked.err


def test_parameters_of_the_panel_are_in_the_jobs_of_the_format_pipeline(
    run: CommandLine, tmp_path: Path
) -> None:
    parameters = {"fixed_parameters": {"p": 1}, "distributed_parameters": [{"q": 2}]}
    (tmp_path / "analysis_parameters.json").write_text(json.dumps(parameters))
    code: dict[str, Any] = {**FRAME, "parameters": {"dry run": "0", "empty": ""}}

    def job_of(*options: str) -> dict[str, Any]:
        ran = run(
            *("--docdb_query", '{"name": "a3"}', "--output_directory=out", "--replace"),
            *("--input_directory=.", f"--analysis_code={json.dumps(code)}", *options),
        )
        assert ran.code == 0, ran.err
        (job,) = jobs_of(Path("out"))
        return job

    pipeline, seed = job_of("--job_format=pipeline"), job_of("--job_format=seed")
    apart = job_of("--job_format=seed", "--fixed_parameters=analysis_code")

    expected = {"url": "", "parameters": {"dry run": "0", "p": 1}}
    assert (pipeline["distributed_parameters"], pipeline["analysis_code"]) == ({"q": 2}, expected)
    assert (apart["distributed_parameters"], apart["analysis_code"]) == ([{"q": 2}], expected)
    assert seed["distributed_parameters"] == [{"p": 1, "q": 2}]
    assert "analysis_code" not in seed


@pytest.mark.slow
def test_exactly_the_excluded_jobs_are_those_that_the_real_wrapper_skips(
    run: CommandLine, gateway: GatewayServer, tmp_path: Path
) -> None:
    python = real_reader()
    code = {**FRAME, "parameters": {"dry run": "0"}}
    parameters = {"fixed_parameters": {"p": 1e16}, "distributed_parameters": [{"q": 2.0}]}
    (tmp_path / "analysis_parameters.json").write_text(json.dumps(parameters))
    options = (
        *("--docdb_query={}", "--input_directory=.", "--job_format=pipeline"),
        *(f"--analysis_code={json.dumps(code)}", "--skip_processed=exact"),
    )

    def wrapper(folder: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [python, ROOT / "tests" / "readers" / "record_jobs.py", tmp_path / folder],
            input=json.dumps(FRAME),
            capture_output=True,
            text=True,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    run(*options, "--output_directory=all")
    gateway.add("analysis/project", [one["record"] for one in wrapper("all")[:3]])
    run(*options, "--output_directory=rest")

    assert sorted(one["is_skipped"] for one in wrapper("all")) == [False] * 2 + [True] * 3
    assert [one["is_skipped"] for one in wrapper("rest")] == [False] * 2


def test_the_demo_has_results_without_any_network(
    monkeypatch: pytest.MonkeyPatch, run: CommandLine
) -> None:
    for name in ("DOCDB_HOST", "DOCDB_DATABASE", "DOCDB_COLLECTION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("DISPATCH_DEMO_ASSETS", "120")
    derived = '--docdb_query={"data_description.data_level": "derived"}'

    code = '--analysis_code={"version": "3.0", "parameters": {"dry run": "0"}}'
    ran = run(derived, code, "--plan", "--skip_processed=exact")

    assert ran.code == 0
    assert "results: embedded demo, 76 generated results\n" in ran.out
    assert " - 45 already processed = " in ran.out


@pytest.mark.parametrize("name", ["DOCDB_DATABASE", "DOCDB_COLLECTION"])
def test_a_pipeline_with_half_of_the_names_says_that_nothing_is_looked_for(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)

    unset, chosen = run(*ALL, CODE, "--preset=pipeline"), run(*ALL, CODE, "--plan")
    off = run(*ALL, CODE, "--plan", "--skip_processed=no")

    warning = f"warning: processed jobs are not looked for: {name} not set\n"
    assert (unset.code, chosen.code, off.code) == (0, 0, 0)
    assert warning in unset.out
    assert warning in chosen.out
    assert "not looked for" not in off.out
