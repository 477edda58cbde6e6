"""Complete dispatches, planned over fakes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dispatch_core.asset_list import AssetRow, read_asset_table
from dispatch_core.dispatch import plan_dispatch, require_jobs
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.errors import InvalidInput, NothingFound, ServiceError
from dispatch_core.job_model import accepting_readers
from dispatch_core.output.record import dispatch_record
from dispatch_core.query import read_query
from dispatch_core.request import Trial, load_request, make_request
from dispatch_core.types import Notice
from tests.fakes import Buckets, Records, record, record_v2

TWO = Records([record("a0", ids=["id-a0"]), record("a1", ids=["id-a1"])])
FILES = Buckets({"data": ["a0/1.nwb", "a0/2.nwb", "a1/1.nwb", "a10/9.nwb"]})
NOWHERE = Buckets()


def plan(source: Records, lister: Buckets = NOWHERE, **fields: Any) -> DispatchPlan:
    if "asset_rows" not in fields:
        fields.setdefault("query", {})
    return plan_dispatch(make_request(**fields), source, lister)


def documents(made: DispatchPlan) -> list[dict[str, Any]]:
    return [json.loads(content) for _, content in made.files()]


def warnings(made: DispatchPlan) -> list[str]:
    return [str(warning) for warning in made.warnings]


def ledger(made: DispatchPlan) -> list[tuple[str, str, str]]:
    return [(row.name, row.stage, row.reason) for row in made.exclusions]


def numbered(count: int) -> Records:
    return Records([record(f"{number:05}") for number in range(count)])


def test_1_split_files_make_3_jobs_each_with_a_file_below_its_own_asset() -> None:
    jobs = documents(plan(TWO, FILES, file_extension=".nwb"))

    assert [(job["s3_location"], job["file_location"]) for job in jobs] == [
        (["s3://data/a0"], ["s3://data/a0/1.nwb"]),
        (["s3://data/a0"], ["s3://data/a0/2.nwb"]),
        (["s3://data/a1"], ["s3://data/a1/1.nwb"]),
    ]


def test_1_grouped_files_make_2_jobs() -> None:
    jobs = documents(plan(TWO, FILES, file_extension=".nwb", split_files=False))

    assert [job["file_location"] for job in jobs] == [
        ["s3://data/a0/1.nwb", "s3://data/a0/2.nwb"],
        ["s3://data/a1/1.nwb"],
    ]


def test_2_of_5_assets_the_3_with_trouble_are_in_the_ledger() -> None:
    source = Records(
        [
            record("bare"),
            record("denied"),
            record("fine"),
            record("good"),
            record("lost", location=None),
        ]
    )
    keys = ["bare/x.txt", "denied/1.nwb", "fine/1.nwb", "good/1.nwb"]
    lister = Buckets({"data": keys}, denied=["data/denied/"])

    made = plan(source, lister, file_extension=".nwb")

    assert [job["asset_name"] for job in documents(made)] == [["fine"], ["good"]]
    assert ledger(made) == [
        ("bare", "files", "no_matching_file"),
        ("denied", "files", "access_denied"),
        ("lost", "files", "no_location"),
    ]
    assert all(row.message and row.action for row in made.exclusions)


def test_3_an_inline_query_of_433_characters_works() -> None:
    ids = [str(number) for number in range(700_000, 700_040)]
    text = json.dumps({"subject.subject_id": {"$in": ids}})
    source = Records([record("a", subject={"subject_id": "700039"}), record("b")])

    made = plan(source, query=read_query(text).value)

    assert len(text) == 433
    assert [job["query"] for job in documents(made)] == [text]


def test_4_no_match_is_a_clear_stop() -> None:
    made = plan(TWO, query={"name": "unknown"})

    assert list(made.files()) == []
    with pytest.raises(NothingFound, match="source records in memory: no asset matches"):
        require_jobs(made)


def test_5_the_same_dispatch_twice_is_the_same_files() -> None:
    first, second = (
        plan(TWO, FILES, file_extension=".nwb", parameters={"fixed_parameters": {"a": 1}})
        for _ in range(2)
    )

    assert list(first.files()) == list(second.files())
    assert first.fingerprint == second.fingerprint


def test_6_a_cap_of_1_000_on_1_500_jobs_is_loud_and_the_ledger_has_the_500() -> None:
    made = plan(numbered(1_500), max_number_of_tasks_dispatched=1_000)

    assert len(made.jobs) == 1_000
    assert {row.reason for row in made.exclusions} == {"over_the_cap"}
    assert len(made.exclusions) == 500
    assert made.warnings[-1] == Notice(
        "THE CAP CUT 500 JOBS: only 1,000 are dispatched",
        "cap",
        "Raise --max_number_of_tasks_dispatched",
    )


def test_7_a_csv_with_bom_crlf_blank_and_duplicate_rows_finds_a_second_id() -> None:
    source = Records([record("a", ids=["id-1", "id-2"]), record("b", ids=["id-3"])])
    table = "\ufeffasset_id\r\nid-2\r\n\r\nid-3\r\nid-2\r\nid-9\r\n".encode()

    made = plan(source, asset_rows=read_asset_table(table).rows)

    assert [job["asset_name"] for job in documents(made)] == [["a"], ["b"]]
    assert [line.status for line in made.found.match_report] == [
        "matched",
        "matched",
        "duplicate",
        "not found",
    ]
    assert ledger(made) == [("a", "input", "duplicate"), ("id-9", "input", "not_found")]


def test_8_a_misspelt_parameter_is_an_error_that_suggests_the_right_one() -> None:
    with pytest.raises(InvalidInput, match="Did you mean isi_violations_cutoff"):
        plan(
            TWO,
            parameters={"analysis_parameter": {"isi_violation_cutof": 0.05}},
            parameters_schema={"properties": {"isi_violations_cutoff": {"type": "number"}}},
        )


def test_9_an_nwb_directory_counts_once_and_its_children_make_no_jobs() -> None:
    keys = ["a0/x.nwb/.zgroup", "a0/x.nwb/acquisition/0.0", "a0/x.nwb/inner.nwb", "a1/y.nwb"]

    jobs = documents(plan(TWO, Buckets({"data": keys}), file_extension=".nwb"))

    assert [job["file_location"] for job in jobs] == [
        ["s3://data/a0/x.nwb"],
        ["s3://data/a1/y.nwb"],
    ]


def test_10_every_job_of_the_pipeline_format_is_accepted_by_its_reader() -> None:
    made = plan(
        TWO,
        FILES,
        file_extension=".nwb",
        job_format="pipeline",
        group_by=["name"],
        parameters={"distributed_parameters": [{"a": 1}, {"a": 2}]},
    )

    accepted = [accepting_readers(document) for document in documents(made)]

    assert accepted == [["analysis-pipeline-utils 0.2 (aind-analysis-wrapper)"]] * 4


def test_worker_folders_are_numbered_and_contain_job_files_named_by_uuid() -> None:
    made = plan(numbered(10), num_parallel_workers=3)
    paths = [path for path, _ in made.files()]

    assert [path.split("/")[0] for path in paths] == list("0000111222")
    assert [path.split("/")[1] for path in paths] == [f"{job.name}.json" for job in made.jobs]


def test_names_of_jobs_do_not_depend_on_format_query_or_workers() -> None:
    by_query = plan(TWO, query={"name": {"$regex": "^a"}}, num_parallel_workers=1)
    by_list = plan(
        TWO, asset_rows=read_asset_table("asset_id\nid-a0\nid-a1\n").rows, job_format="pipeline"
    )

    assert [job.name for job in by_query.jobs] == [job.name for job in by_list.jobs]
    assert by_query.fingerprint != by_list.fingerprint


def test_records_of_both_schemas_at_one_location_double_nothing() -> None:
    source = Records([record("a0"), record_v2("a0"), record("a1"), record_v2("a1")])

    made = plan(source, FILES, file_extension=".nwb")

    assert len(made.jobs) == 3
    assert ledger(made) == [("a0", "assets", "duplicate"), ("a1", "assets", "duplicate")]


def test_every_asset_ends_as_jobs_or_as_a_row_of_the_ledger() -> None:
    source = Records([record("a0"), record("a1"), record("a2"), record("gone", location="/x")])

    made = plan(source, FILES, file_extension=".nwb", excluded=["r-a1"])
    in_jobs = {one.asset.record_id for job in made.jobs for one in job.assets}
    in_ledger = {row.record_id for row in made.exclusions}

    assert in_jobs == {"r-a0"}
    assert in_ledger == {"r-a1", "r-a2", "r-gone"}


def test_an_asset_name_that_begins_another_name_takes_none_of_its_files() -> None:
    source = Records([record("a1"), record("a10")])

    jobs = documents(plan(source, FILES, file_extension=".nwb"))

    assert [job["file_location"] for job in jobs] == [
        ["s3://data/a1/1.nwb"],
        ["s3://data/a10/9.nwb"],
    ]


def test_grouped_assets_share_a_job_with_their_common_values() -> None:
    source = Records(
        [
            record("a0", subject={"subject_id": "1"}),
            record("a1", subject={"subject_id": "1"}),
            record("a2"),
        ]
    )

    made = plan(source, FILES, file_extension=".nwb", group_by=["subject.subject_id"])

    assert documents(made)[0]["group_metadata"] == {"subject__subject_id": "1"}
    assert documents(made)[0]["file_location"] == [
        "s3://data/a0/1.nwb",
        "s3://data/a0/2.nwb",
        "s3://data/a1/1.nwb",
    ]
    assert ledger(made) == [("a2", "grouping", "null_group_field")]


def test_a_null_item_that_is_skipped_is_a_warning_of_the_plan_and_of_its_trial() -> None:
    source = Records([record("a0", tags=["x", None]), record("a1", tags=["x"])])
    grouped = {"group_by": ["tags"], "unwind_list_fields": ["tags"]}

    plans = [plan(source, **grouped), plan(source, **grouped, trial=Trial(first=1))]

    for made in plans:
        assert documents(made)[0]["asset_name"] == ["a0", "a1"]
        assert any(str(one).startswith("Items of tags that are null") for one in made.warnings)


def test_without_an_extension_nothing_is_listed() -> None:
    lister = Buckets()

    made = plan(TWO, lister)

    assert [job["file_location"] for job in documents(made)] == [None, None]
    assert lister.requests == 0


def test_a_plan_without_jobs_is_a_value_but_writing_it_stops() -> None:
    made = plan(TWO, Buckets({"data": []}), file_extension=".nwb")

    assert list(made.files()) == []
    with pytest.raises(NothingFound, match=r"no job can be made from 2 matched assets \(2 no_"):
        require_jobs(made)


def test_a_store_that_refuses_every_asset_is_a_service_error() -> None:
    made = plan(TWO, Buckets({"data": []}, denied=["data/"]), file_extension=".nwb")

    with pytest.raises(ServiceError, match="2 access_denied"):
        require_jobs(made)


def test_a_store_that_denies_every_asset_not_excluded_by_the_request_is_a_service_error() -> None:
    source = Records([record("a0"), record_v2("a0"), record("a1")])
    lister = Buckets({"data": []}, denied=["data/"])

    made = plan(source, lister, file_extension=".nwb", excluded=["r-a1"])

    assert [row.reason for row in made.exclusions] == [
        "duplicate",
        "excluded_by_hand",
        "access_denied",
    ]
    with pytest.raises(ServiceError, match="1 access_denied"):
        require_jobs(made)


def test_a_cap_counts_jobs_where_the_ledger_counts_the_assets_of_each() -> None:
    source = Records([record("a0", k=1), record("a1", k=2), record("a2", k=2)])

    made = plan(source, group_by=["k"], max_number_of_tasks_dispatched=1)

    assert (made.equation.capped, made.equation.excluded) == (1, 2)
    assert ledger(made) == [("a1", "workers", "over_the_cap"), ("a2", "workers", "over_the_cap")]


def test_on_missing_fail_stops_at_the_first_exclusion_and_report_does_not() -> None:
    source = Records([record("a0"), record("a2")])

    require_jobs(plan(source, FILES, file_extension=".nwb"))
    with pytest.raises(NothingFound, match=r"1 is excluded .* first: a2"):
        require_jobs(plan(source, FILES, file_extension=".nwb", on_missing="fail"))


def test_on_missing_fail_ignores_exclusions_that_the_request_asks_for() -> None:
    rows = [AssetRow(2, "a0"), AssetRow(3, "a0"), AssetRow(4, "a1")]

    made = plan(
        TWO,
        query=None,
        asset_rows=rows,
        max_number_of_tasks_dispatched=1,
        on_missing="fail",
    )

    require_jobs(made)
    assert [row.reason for row in made.exclusions] == ["duplicate", "over_the_cap"]


def test_a_trial_lists_only_the_files_of_the_assets_that_it_takes() -> None:
    lister = Buckets({"data": FILES.keys["data"]})

    made = plan(TWO, lister, file_extension=".nwb", trial={"first": 1})

    assert lister.requests == 1
    assert [job["asset_name"] for job in documents(made)] == [["a0"], ["a0"]]
    assert ledger(made) == [("a1", "grouping", "not_in_trial")]


def test_the_jobs_of_a_trial_are_jobs_of_the_whole_dispatch() -> None:
    whole, trial = (
        plan(numbered(20), group_by=["name"], trial=trial) for trial in (None, {"random": 5})
    )

    assert len(trial.jobs) == 5
    assert {job.name for job in trial.jobs} < {job.name for job in whole.jobs}


def test_a_trial_is_a_loud_warning_and_no_missing_asset() -> None:
    made = plan(TWO, query={"name": {"$ne": ""}}, trial={"first": 1}, on_missing="fail")

    require_jobs(made)
    assert warnings(made) == ["THIS IS A TRIAL: it takes the first 1 and excludes 1 asset"]


def test_a_trial_is_replayed_from_the_record_of_its_dispatch() -> None:
    made = plan(numbered(20), trial={"random": 5, "seed": 3})

    again = load_request(json.dumps(dispatch_record(made, "written")))

    assert plan_dispatch(again, numbered(20), NOWHERE).fingerprint == made.fingerprint


def test_the_field_of_a_trial_is_read_from_the_records() -> None:
    subjects = [record(name, subject={"id": name[0]}) for name in ("a0", "a1", "b0")]

    made = plan(Records(subjects), trial={"one_per": "subject.id"})

    assert [job["asset_name"] for job in documents(made)] == [["a0"], ["b0"]]


def test_a_list_of_which_nothing_matches_keeps_its_match_report() -> None:
    made = plan(TWO, query=None, asset_rows=[AssetRow(2, "unknown")])

    assert [line.status for line in made.found.match_report] == ["not found"]
    assert [row.reason for row in made.exclusions] == ["not_found"]
    with pytest.raises(NothingFound, match=r"no id of the list is found \(1 not_found\)"):
        require_jobs(made)


def test_split_files_of_groups_is_ignored_with_a_warning() -> None:
    made = plan(TWO, query={"name": "a0"}, group_by=["name"], split_files=True)

    assert len(made.jobs) == 1
    assert warnings(made) == [
        "split_files is ignored: assets are grouped, and a group is one job with all files",
    ]


def test_the_largest_of_several_files_is_used_and_the_others_are_not_missing_assets() -> None:
    made = plan(TWO, FILES, file_extension=".nwb", several_files="largest", on_missing="fail")

    require_jobs(made)
    assert [job["file_location"] for job in documents(made)] == [
        ["s3://data/a0/1.nwb"],
        ["s3://data/a1/1.nwb"],
    ]
    assert ledger(made) == [("a0", "files", "not_largest")]
    assert (made.equation.inputs, made.equation.jobs) == (2, 2)


def test_an_asset_with_several_files_is_missing_if_only_one_is_required() -> None:
    made = plan(TWO, FILES, file_extension=".nwb", several_files="only_one", on_missing="fail")

    assert [job["asset_name"] for job in documents(made)] == [["a1"]]
    with pytest.raises(NothingFound, match=r"1 is excluded \(1 several_files\), first: a0"):
        require_jobs(made)


def test_the_files_of_a_group_are_the_chosen_ones_of_its_assets() -> None:
    made = plan(
        TWO, FILES, file_extension=".nwb", several_files="largest", group_by=["external_links"]
    )

    assert [job["file_location"] for job in documents(made)] == [
        ["s3://data/a0/1.nwb"],
        ["s3://data/a1/1.nwb"],
    ]


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"group_by": ["name"], "several_files": "each"}, "several_files=each is ignored: assets"),
        ({"several_files": "each", "split_files": False}, "split_files=0 is ignored"),
        ({"several_files": "together", "split_files": True}, "split_files=1 is ignored"),
        ({"several_files": "newest", "file_extension": ""}, "does nothing without file_extension"),
    ],
)
def test_an_option_for_several_files_that_does_nothing_is_a_warning(
    fields: dict[str, Any], warning: str
) -> None:
    made = plan(TWO, FILES, **{"query": {"name": "a1"}, "file_extension": ".nwb", **fields})

    assert [warning in one for one in warnings(made)] == [True]


def test_an_asset_excluded_by_hand_joins_no_comparison_and_no_group() -> None:
    versions = [record(name, subject="1", rank=n) for n, name in enumerate(["old", "new"])]
    rules = {"filter_latest": "rank", "filter_by": ["subject"]}

    latest = plan(Records(versions), excluded=["r-new"], **rules)
    grouped = plan(Records(versions), excluded=["r-new"], group_by=["subject"])

    assert [job["asset_name"] for job in documents(latest)] == [["old"]]
    assert [job["asset_name"] for job in documents(grouped)] == [["old"]]


def test_a_record_excluded_by_hand_that_did_not_match_is_a_warning() -> None:
    made = plan(TWO, query={"name": "a0"}, excluded=["r-a1"])

    assert warnings(made) == ["1 record excluded by hand did not match the query"]


def test_unwinding_without_groups_is_a_warning() -> None:
    made = plan(TWO, query={"name": "a0"}, unwind_list_fields=["name"])

    assert warnings(made) == ["unwind_list_fields does nothing without group_by"]


def test_an_empty_query_is_a_warning_with_the_number_of_records() -> None:
    assert warnings(plan(TWO, query={})) == ["The query is empty: it matches all 2 records"]


def test_parameters_that_are_ignored_are_a_warning() -> None:
    parameters = {"analysis_parameter": {"a": 1}, "distributed_parameters": [{"a": 2}]}

    assert "analysis_parameter is ignored: distributed_parameters is present" in warnings(
        plan(TWO, parameters=parameters)
    )


def test_workers_that_are_ignored_are_a_warning() -> None:
    assert "num_parallel_workers is ignored: tasks_per_job is set" in warnings(
        plan(TWO, tasks_per_job=1, num_parallel_workers=7)
    )


def test_the_equation_counts_inputs_sets_and_jobs() -> None:
    made = plan(
        TWO,
        FILES,
        file_extension=".nwb",
        num_parallel_workers=4,
        parameters={"distributed_parameters": [{"a": 1}, {"a": 2}]},
        max_number_of_tasks_dispatched=5,
    )
    equation = made.equation

    assert (equation.matched, equation.inputs, equation.input_kind) == (2, 3, "file")
    assert (equation.sets, equation.capped, equation.jobs) == (2, 1, 5)
    assert (equation.workers, equation.smallest, equation.largest) == (4, 1, 2)
    assert equation.inputs * equation.sets - equation.capped == equation.jobs


def test_the_record_of_a_dispatch_replays_it() -> None:
    made = plan(TWO, FILES, file_extension=".nwb", num_parallel_workers=2)

    again = load_request(json.dumps(dispatch_record(made, "written")))

    assert plan_dispatch(again, TWO, FILES).fingerprint == made.fingerprint


def test_half_of_a_surrogate_pair_in_a_record_stops_no_dispatch() -> None:
    made = plan(Records([{**record("a"), "name": "a\ud800"}, record("b")]))

    assert [job["asset_name"] for job in documents(made)] == [["a\ud800"], ["b"]]


def test_a_notice_about_an_option_has_its_kind_and_what_differs_from_plan_to_plan() -> None:
    made = plan(TWO, FILES, file_extension=".nwb", nested_stores="all", tasks_per_job=1)

    notice = next(one for one in made.warnings if one.kind != "warning")
    assert (notice.kind, notice.text) == (
        "stores_searched",
        f"nested_stores=all listed {notice.details[0]}",
    )
