"""Jobs that are already processed: what counts as the same work, and what happens to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dispatch_core.dispatch import plan_dispatch, require_jobs
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.errors import (
    AnswerTooLarge,
    DispatchError,
    InvalidInput,
    NothingFound,
    ServiceError,
)
from dispatch_core.output.record import dispatch_record
from dispatch_core.request import make_request
from dispatch_core.sources.gateway import GatewaySource
from dispatch_core.types import Pipeline, Record
from tests.fakes import Buckets, Records, record
from tests.servers.gateway import GatewayServer
from tests.support.results import FRAME, URL, code_of, result, result_of

A0, A1 = "s3://data/a0", "s3://data/a1"
ASSETS = Records([record("a0"), record("a1")])
FILES = Buckets({"data": ["a0/1.nwb", "a0/2.nwb", "a1/1.nwb"]})
TUNED = {"analysis_parameter": {"rate": 1, "mode": "fast", "deep": {"x": [1, 2], "y": None}}}
VALUES = TUNED["analysis_parameter"]


def plan(results: Records | None, **fields: Any) -> DispatchPlan:
    fields = {"query": {}, "analysis_code": FRAME, **fields}
    return plan_dispatch(make_request(**fields), ASSETS, FILES, results=results)


def verdicts(made: DispatchPlan) -> dict[str, str]:
    """Asset -> verdict, of the jobs that are already processed."""
    assert made.processed is not None
    found = made.processed.findings
    return {job.assets[0].asset.name: str(found[job.name].verdict) for job in made.processed_jobs}


def dispatched(made: DispatchPlan) -> list[str]:
    return [job.assets[0].asset.name for job in made.jobs]


def test_a_job_whose_record_has_the_name_that_the_wrapper_computes_is_done() -> None:
    made = plan(Records([result(A0)]))

    assert verdicts(made) == {"a0": "done"}
    assert dispatched(made) == ["a0", "a1"]


def test_an_excluded_job_is_in_the_ledger_with_its_record_and_in_the_equation() -> None:
    held = result(A0)

    made = plan(Records([held]), skip_processed="exact")

    (row,) = made.exclusions
    (job,) = made.processed_jobs
    assert dispatched(made) == ["a1"]
    assert (row.stage, row.reason, row.name) == ("processed", "already_processed", "a0")
    assert row.message == (
        f"already processed by wrapper 3.0 on 2026-11-02: s3://results/{held['name']} "
        f"(record {held['name']})"
    )
    assert row.action == f"Nothing; or dispatch it again with --run_anyway {job.name}"
    assert "2 inputs x 1 parameter set - 1 already processed = 1 job" in str(made.equation)


def test_the_record_of_the_dispatch_names_the_results_and_each_processed_job() -> None:
    held = result(A0)

    made = plan(Records([held]), skip_processed="exact")

    processed = dispatch_record(made, "written")["processed"]
    assert processed["results"] == "records in memory"
    assert processed["analysis_code"]["version"] == "3.0"
    assert [(one["verdict"], one["record"], one["by"]) for one in processed["jobs"]] == [
        ("done", held["name"], "wrapper 3.0")
    ]


def test_processed_jobs_do_not_count_for_the_cap() -> None:
    made = plan(Records([result(A0)]), skip_processed="exact", max_number_of_tasks_dispatched=1)

    assert dispatched(made) == ["a1"]
    assert made.capped == 0


def test_groups_that_share_their_assets_are_both_done() -> None:
    assets = Records([record("a0", k=["x", "y"])])
    request = make_request(query={}, group_by=["k"], unwind_list_fields=["k"], analysis_code=FRAME)

    made = plan_dispatch(request, assets, FILES, results=Records([result(A0)]))

    assert made.processed is not None
    assert [str(one.verdict) for one in made.processed.findings.values()] == ["done", "done"]


def test_a_location_that_no_database_holds_is_new_and_stops_no_other() -> None:
    odd = {**record("odd"), "location": "s3://data/\ud800"}
    request = make_request(query={}, analysis_code=FRAME)

    made = plan_dispatch(
        request, Records([odd, record("a0")]), FILES, results=Records([result(f"{A0}/")])
    )

    assert verdicts(made) == {"a0": "done, spelled otherwise"}


def test_a_job_that_is_run_anyway_is_dispatched_again_with_a_warning() -> None:
    results = Records([result(A0)])
    (job,) = plan(results).processed_jobs

    made = plan(results, skip_processed="exact", run_anyway=[f"{job.name}.json", "unknown"])

    assert dispatched(made) == ["a0", "a1"]
    assert [str(one) for one in made.warnings if "job" in str(one)] == [
        "1 job to run anyway, not in this plan",
        "1 job that is already processed will be dispatched again",
    ]


def other(**changes: Any) -> dict[str, Any]:
    return {**VALUES, **changes}


SAME_WORK = {
    "keys in another order": code_of([A0], dict(reversed(VALUES.items()))),
    "inner keys in another order": code_of([A0], other(deep={"y": None, "x": [1, 2]})),
    "1 as 1.0": code_of([A0], other(rate=1.0, deep={"x": [1.0, 2], "y": None})),
    "another panel value": code_of([A0], {"dry run": "1", **VALUES}),
    "a parameter without a name": code_of([A0], {"ordered_param_0": "7", **VALUES}),
    "a slash at the end": code_of([f"{A0}/"], VALUES),
    "slashes at the end": code_of([f"{A0}//"], VALUES) | {"input_data": [{"url": f"{A0}/"}]},
    "an input twice": code_of([A0, f"{A0}/"], VALUES),
    "a renamed capsule": code_of([A0], VALUES, name="renamed"),
    "another url of the capsule": code_of([A0], VALUES, url="https://codeocean.example/capsule/9"),
    "a slash after the url of the capsule": code_of([A0], VALUES, url=f"{URL}/", name=None),
    "an attached asset": code_of(["s3://attached/model", A0], VALUES),
    "an asset that is not attached any more": code_of([A0, "s3://attached/model/"], VALUES),
    "a later schema": code_of([A0], VALUES) | {"more": None},
}


@pytest.mark.parametrize("code", SAME_WORK.values(), ids=SAME_WORK)
def test_the_same_work_is_found_however_its_record_is_written(code: dict[str, Any]) -> None:
    frame = {**FRAME, "parameters": {"dry run": "0"}, "input_urls": ["s3://attached/model"]}
    results = Records([result_of(code), result("s3://data/unrelated")])
    fields = {"parameters": TUNED, "analysis_code": frame}

    assert verdicts(plan(results, **fields)) == {"a0": "done, spelled otherwise"}


OTHER_WORK = {
    "another value": code_of([A0], other(rate=2)),
    "true is not 1": code_of([A0], other(rate=True)),
    "a text is not a number": code_of([A0], other(rate="1")),
    "another order of a list": code_of([A0], other(deep={"x": [2, 1], "y": None})),
    "null is not a missing key": code_of([A0], other(deep={"x": [1, 2]})),
    "a further parameter": code_of([A0], other(sorter="ks4")),
    "a further number with a space": code_of([A0], {"a rate": 7, **VALUES}),
    "a missing parameter": code_of([A0], {"rate": 1, "mode": "fast"}),
    "a further input": code_of([A0, "s3://data/b"], VALUES),
    "another asset with a longer name": code_of([f"{A0}0"], VALUES),
    "files": code_of([A0], {"file_location": [f"{A0}/1.nwb"], **VALUES}),
    "another wrapper": code_of([A0], VALUES, url="https://codeocean.example/x", name="other"),
    "no code": code_of([A0], VALUES) | {"input_data": A0},
    "parameters as text": code_of([A0], VALUES) | {"parameters": "rate=1"},
    "files as text": code_of([A0], {"file_location": f"{A0}/1.nwb", **VALUES}),
}


@pytest.mark.parametrize("code", OTHER_WORK.values(), ids=OTHER_WORK)
def test_other_work_is_new(code: dict[str, Any]) -> None:
    results = Records([result_of(code)])

    assert verdicts(plan(results, parameters=TUNED)) == {}


def test_files_are_compared_as_a_set() -> None:
    files = [f"{A0}/2.nwb", f"{A0}/1.nwb"]
    results = Records([result(A0, parameters={"file_location": files})])

    together = plan(results, file_extension=".nwb", split_files=False)
    apart = plan(results, file_extension=".nwb", split_files=True)

    assert verdicts(together) == {"a0": "done, spelled otherwise"}
    assert verdicts(apart) == {}


def test_one_file_that_a_record_writes_without_a_list_is_the_same_file() -> None:
    held = result(A1, parameters={"file_location": "s3://data/a1/1.nwb"})

    made = plan(Records([held]), file_extension=".nwb")

    assert verdicts(made) == {"a1": "done, spelled otherwise"}


def test_a_process_that_is_not_in_a_list_is_the_only_one() -> None:
    held = result(A1) | {"name": "a name of its own"}
    (held["processing"]["data_processes"],) = held["processing"]["data_processes"]

    made = plan(Records([held]), analysis_code=None)

    assert verdicts(made) == {"a1": "done, spelled otherwise"}


def test_inputs_of_a_group_are_compared_as_a_set() -> None:
    assets = Records([record("a0", k=1), record("a1", k=1)])
    request = make_request(query={}, group_by=["k"], analysis_code=FRAME)

    made = plan_dispatch(request, assets, FILES, results=Records([result(A1, A0)]))
    other = plan_dispatch(request, assets, FILES, results=Records([result(A0)]))

    assert verdicts(made) == {"a0": "done, spelled otherwise"}
    assert verdicts(other) == {}


def test_an_attached_asset_that_is_also_the_input_of_a_job_still_counts_for_that_job() -> None:
    frame = {**FRAME, "input_urls": [A1]}

    made = plan(Records([result(A1, A0), result(A1, A1)]), analysis_code=frame)
    only = plan(Records([result(A0)]), analysis_code=frame)

    assert verdicts(made) == {"a0": "done", "a1": "done"}
    assert verdicts(only) == {"a0": "done, spelled otherwise"}


def test_a_label_of_the_panel_that_is_also_a_parameter_counts_as_the_parameter() -> None:
    frame = {**FRAME, "parameters": {"rate": "9"}}
    parameters = {"analysis_parameter": {"rate": 1}}

    made = plan(
        Records([result(A0, parameters={"rate": 1.0}), result(A1, parameters={"rate": 2})]),
        parameters=parameters,
        analysis_code=frame,
    )

    assert verdicts(made) == {"a0": "done, spelled otherwise"}


@pytest.mark.parametrize("version", ["2.0", "a1b2c3d", None])
def test_the_same_work_by_another_version_is_said_so(version: str | None) -> None:
    made = plan(Records([result(A0, version=version)]), skip_processed="any_version")

    assert verdicts(made) == {"a0": "done by another version"}
    assert f"by wrapper {version or ''}".rstrip() in made.exclusions[0].message


RULES = {
    "report": ["a0", "a1", "a2", "a3"],
    "exact": ["a1", "a2", "a3"],
    "same_version": ["a2", "a3"],
    "any_version": ["a3"],
}


@pytest.mark.parametrize(("rule", "left"), RULES.items())
def test_each_rule_excludes_what_its_name_says(rule: str, left: list[str]) -> None:
    assets = Records([record(f"a{number}") for number in range(4)])
    results = Records([result(A0), result(f"{A1}/"), result("s3://data/a2", version="2.0")])
    request = make_request(query={}, analysis_code=FRAME, skip_processed=rule)

    made = plan_dispatch(request, assets, FILES, results=results)

    assert dispatched(made) == left


def test_no_reads_no_result() -> None:
    made = plan(Failing(), skip_processed="no")

    assert made.processed is None
    assert dispatched(made) == ["a0", "a1"]


def test_of_several_records_the_exact_one_counts_and_else_the_latest() -> None:
    exact = result_of(code_of([A0]), "2026-01-01T00:00:00Z")
    old, late = (
        result_of(code_of([f"{A1}/"], {"dry run": str(day)}), f"2026-05-{day}T00:00:00Z")
        for day in (10, 20)
    )

    made = plan(Records([result(f"{A0}/"), exact, late, old]))

    assert made.processed is not None
    found = [made.processed.findings[job.name].record.name for job in made.processed_jobs]
    assert found == [exact["name"], late["name"]]


def test_fixed_parameters_are_found_merged_and_apart_in_both_formats() -> None:
    parameters = {"fixed_parameters": {"a": 1, "b": 2}, "distributed_parameters": [{"c": 3}]}
    swapped = {"fixed_parameters": {"c": 3}, "distributed_parameters": [{"a": 1, "b": 2}]}
    results = Records([result(A0, parameters={"a": 1, "b": 2, "c": 3})])

    for job_format in ("seed", "pipeline"):
        assert verdicts(plan(results, parameters=parameters, job_format=job_format)) == {
            "a0": "done"
        }
        assert verdicts(plan(results, parameters=swapped, job_format=job_format)) == {
            "a0": "done, spelled otherwise"
        }


def test_a_record_of_schema_2_7_is_done_although_its_name_was_not_asked_for() -> None:
    code = code_of([A0])
    code["input_data"] = [{"object_type": "Data asset", "url": A0}]

    assert verdicts(plan(Records([result_of(code)]))) == {"a0": "done"}


def test_a_record_that_has_only_its_name_is_found() -> None:
    name = result(A0)["name"]

    made = plan(Records([{"_id": name, "name": name}]), skip_processed="exact")

    assert made.exclusions[0].message == (
        f"already processed by unnamed code: no location (record {name})"
    )


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"processing": None},
        {"processing": {"data_processes": {"code": {}}}},
        {"processing": {"data_processes": [None, 7, {"code": None}]}},
        {"processing": {"data_processes": [{"code": {"input_data": [{"url": A0}, {}]}}]}},
        {"location": 7, "name": 7, "processing": {"data_processes": [{"code": {"url": 7}}]}},
    ],
)
def test_a_record_of_another_shape_is_ignored(odd: Record) -> None:
    made = plan(Records([result(A1), {"_id": "odd", **odd}]), analysis_code=None)

    assert verdicts(made) == {"a1": "done"}


def test_parameters_that_nest_too_deeply_equal_no_others() -> None:
    deep: dict[str, Any] = {}
    for _ in range(600):
        deep = {"x": deep}

    odd = result(A0)
    odd["processing"]["data_processes"][0]["code"]["parameters"] = deep
    by_record = plan(Records([{**odd, "name": "odd"}, result(A1)]))
    by_job = plan(Records([result(A1)]), parameters={"analysis_parameter": deep})

    assert verdicts(by_record) == {"a1": "done"}
    assert verdicts(by_job) == {}


# The frame


def test_the_only_wrapper_of_the_results_is_used_and_named() -> None:
    made = plan(Records([result(A0), result(A1)]), analysis_code=None, skip_processed="exact")

    assert made.processed is not None
    assert made.processed.summary(2) == "2 done; 0 new (by wrapper, version 3.0)"


SEVERAL = Records(
    [
        result_of(code_of([A0]), "2026-11-02T10:00:00Z"),
        result_of(code_of([A1]), "2026-10-01T10:00:00Z"),
        result_of(code_of([A1], version="2.0"), "2025-01-01T10:00:00Z"),
        result_of(code_of([A1], url="https://x/1", name=None, version=None), ""),
    ]
)


def test_several_wrappers_are_listed_with_their_counts_and_an_example() -> None:
    with pytest.raises(InvalidInput) as caught:
        plan(SEVERAL, analysis_code=None, skip_processed="exact")

    assert str(caught.value) == (
        "analysis_code, records in memory: 3 wrappers or versions have results, and the request "
        "names none. Choose one in the app, or name it: "
        '--analysis_code \'{"url": "...", "name": "...", "version": "..."}\'; '
        "the results have wrapper, version 3.0: 2 results, last 2026-11-02 "
        f"({URL}); https://x/1, no version: 1 result; wrapper, version 2.0: 1 result, last "
        f"2025-01-01 ({URL})."
    )
    assert [issue.path for issue in caught.value.issues] == [("analysis_code",)]


def test_several_wrappers_are_a_warning_if_the_check_was_not_asked_for() -> None:
    made = plan(SEVERAL, analysis_code=None)

    assert dispatched(made) == ["a0", "a1"]
    assert ["not checked: analysis_code" in str(one) for one in made.warnings][-1:] == [True]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"version": "3.0"}, {"a0": "done", "a1": "done"}),
        ({"version": "2.0"}, {"a0": "done by another version", "a1": "done"}),
        ({"url": "https://x/1"}, {"a1": "done"}),
    ],
)
def test_a_part_of_the_frame_chooses_among_several(
    asked: dict[str, str], found: dict[str, str]
) -> None:
    assert verdicts(plan(SEVERAL, analysis_code=asked)) == found


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"version": "9.9"}, "no result is by this wrapper and version."),
        ({"name": "wrapper"}, "2 wrappers or versions agree with the request."),
    ],
)
def test_a_frame_that_is_not_in_the_results_or_not_clear_is_an_error(
    asked: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        plan(SEVERAL, analysis_code=asked)


def test_the_panel_values_of_most_results_are_said_if_the_request_has_others() -> None:
    panel, parameters = {"dry run": "0", "mode x": "2"}, {"analysis_parameter": {"mode x": "1"}}
    first, second = (result(url, parameters={"dry run": "0", "mode x": "1"}) for url in (A0, A1))

    made = plan(Records([first, second]), parameters=parameters)
    same = plan(
        Records([first, second]),
        parameters=parameters,
        analysis_code={**FRAME, "parameters": panel},
    )

    assert [str(one) for one in made.warnings if "panel" in str(one)] == [
        'The results have the panel values {"dry run": "0"}. Give them as parameters of '
        "--analysis_code, so that the wrapper knows its jobs"
    ]
    assert verdicts(same) == {"a0": "done", "a1": "done"}


def test_further_inputs_by_which_results_differ_from_new_jobs_are_said() -> None:
    model = "s3://attached/model"
    results = Records([result(model, A0), result(A1), result(f"{model}/", A1)])

    made = plan(results)
    given = plan(results, analysis_code={**FRAME, "input_urls": [model]})

    assert verdicts(made) == {"a1": "done"}
    assert [str(one) for one in made.warnings if "inputs" in str(one)] == [
        f"New jobs differ from results only by further inputs: {model}. If they are attached to "
        "the wrapper, give them as input_urls of --analysis_code"
    ]
    assert verdicts(given) == {"a0": "done", "a1": "done, spelled otherwise"}
    assert not [one for one in given.warnings if "inputs" in str(one)]


def test_a_panel_value_that_is_not_text_is_ignored_as_the_label_is() -> None:
    frame = {**FRAME, "parameters": {"dry run": "0"}}

    made = plan(Records([result(A0, parameters={"dry run": [0]})]), analysis_code=frame)

    assert verdicts(made) == {"a0": "done, spelled otherwise"}


def test_a_key_of_a_job_that_is_done_is_not_a_label_of_the_others() -> None:
    parameters = {"distributed_parameters": [{"a key": "x"}, {"b": 1}]}
    results = Records(
        [result(A0, parameters={"a key": "x"}), result(A0, parameters={"a key": "x", "b": 1})]
    )

    made = plan(results, parameters=parameters)

    assert made.processed is not None
    assert [str(one.verdict) for one in made.processed.findings.values()] == ["done"]


def test_empty_results_mean_that_every_job_is_new_and_say_so() -> None:
    made = plan(Records([]), analysis_code=None, skip_processed="exact")

    assert dispatched(made) == ["a0", "a1"]
    assert [str(one) for one in made.warnings if "new" in str(one)] == [
        "Already processed: every job is new: records in memory has no result"
    ]


def test_a_rule_without_results_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="skip_processed=exact needs the results"):
        plan(None, skip_processed="exact")


def test_a_failed_listing_beside_processed_jobs_is_not_said_to_be_processed() -> None:
    lister = Buckets({"data": ["a0/1.nwb"]}, denied=["data/a1"])
    results = Records([result(A0, parameters={"file_location": [f"{A0}/1.nwb"]})])
    request = make_request(
        query={}, file_extension=".nwb", analysis_code=FRAME, skip_processed="exact"
    )

    with pytest.raises(ServiceError, match="1 already_processed"):
        require_jobs(plan_dispatch(request, ASSETS, lister, results=results))


def test_a_plan_whose_jobs_are_all_processed_stops_without_a_job() -> None:
    made = plan(Records([result(A0), result(A1)]), skip_processed="exact")

    with pytest.raises(NothingFound, match=r"every job is already processed \(2 jobs\)"):
        require_jobs(made)


# Failures and requests


class Failing(Records):
    """Results that fail."""

    def __init__(self, error: DispatchError | None = None) -> None:
        super().__init__([])
        self.error = error or ServiceError("it is down")

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        raise self.error


@pytest.mark.parametrize("error", [ServiceError("it is down"), InvalidInput("it is refused")])
@pytest.mark.parametrize("asked", [FRAME, None])
@pytest.mark.parametrize("rule", ["report", None])
def test_a_check_that_failed_is_the_failure_of_a_service_and_never_a_new_job(
    error: DispatchError, asked: Any, rule: str | None
) -> None:
    with pytest.raises(ServiceError, match="the check for processed jobs failed") as caught:
        plan(Failing(error), analysis_code=asked, skip_processed=rule)

    assert caught.value.exit_code == 4


class Narrow(Records):
    """Results whose answer has at most two records."""

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        found = super().aggregate(pipeline)
        if len(found) > 2:
            raise AnswerTooLarge("more than 2 records")
        return found


def test_an_answer_that_is_too_large_is_read_in_parts() -> None:
    assets = Records([record(f"b{number}") for number in range(9)])
    exact = [result(f"s3://data/b{number}") for number in range(5)]
    spelled = [result(f"s3://data/b{n}/", parameters={"dry run": str(n)}) for n in range(5, 9)]
    again = [result("s3://data/b8/", parameters={"dry run": f"x{n}"}) for n in range(4)]
    request = make_request(query={}, analysis_code=FRAME)

    made = plan_dispatch(request, assets, FILES, results=Narrow([*exact, *spelled, *again]))

    assert list(verdicts(made).values()) == ["done"] * 5 + ["done, spelled otherwise"] * 4


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayServer]:
    """A gateway with results on 200 of 388 assets, half of them written in another way."""
    records = [result(f"s3://data/n{n:03}{'/' * (n % 2)}") for n in range(200)]
    with GatewayServer((), collections={"analysis/project": records}) as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", running.ca_file)
        yield running


def test_388_jobs_take_2_requests(server: GatewayServer) -> None:
    assets = Records([record(f"n{number:03}") for number in range(388)])
    results = GatewaySource(server.host, database="analysis", collection="project")
    request = make_request(query={}, analysis_code=FRAME, skip_processed="same_version")

    made = plan_dispatch(request, assets, FILES, results=results)

    assert len(server.requests) == 2
    assert (len(made.jobs), made.equation.processed) == (188, 200)


@pytest.mark.parametrize(
    "held",
    [
        {"_id": "n", "name": "n"},
        {"_id": "n", "processing": {"data_processes": []}},
        {"_id": "n", "processing": {"data_processes": [{"code": None}, {"code": ["x"]}]}},
    ],
)
def test_results_without_any_wrapper_do_not_mean_that_jobs_are_new(held: Record) -> None:
    results = Records([held])

    unasked = plan(results, analysis_code=None)

    with pytest.raises(InvalidInput, match="1 record here, and none says which wrapper ran"):
        plan(results, analysis_code=None, skip_processed="exact")
    assert any("not checked: analysis_code, " in str(one) for one in unasked.warnings)


def test_of_several_processes_in_a_record_the_one_of_the_wrapper_is_named() -> None:
    held = result(A0)
    other = {"code": {"url": "u", "name": "other", "version": "1"}, "end_date_time": "2026-12-01"}
    held["processing"]["data_processes"].insert(0, other)

    made = plan(Records([held]), skip_processed="exact")

    (row,) = made.exclusions
    assert row.message.startswith("already processed by wrapper 3.0 on 2026-11-02: ")
