"""The dispatch request: one frozen value that is edited by copying, saved and replayed."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dispatch_core.asset_list import AssetRow
from dispatch_core.errors import InvalidInput
from dispatch_core.parameter_sets.document import ParameterSets
from dispatch_core.request import (
    DispatchRequest,
    check_request,
    edit_request,
    fields_from,
    load_request,
    make_request,
    override_request,
)

FULL: dict[str, Any] = {
    "query": {"name": {"$regex": "^ecephys_é"}},
    "excluded": ("r-1",),
    "group_by": ("subject.subject_id", "session.session_type"),
    "filter_latest": "session.session_start_time",
    "filter_by": ("subject.subject_id",),
    "unwind_list_fields": ("subject.subject_id",),
    "drop_null_groups": False,
    "trial": {"random": 3, "seed": 7},
    "file_extension": ".nwb",
    "nested_stores": "all",
    "split_files": False,
    "several_files": "newest",
    "parameters": {"distributed_parameters": [{"a": None, "b": {"c": [1.5, True]}}]},
    "parameters_schema": {"properties": {"a": {}, "b": {}}},
    "tasks_per_job": 4,
    "max_number_of_tasks_dispatched": 1_000,
    "job_format": "pipeline",
    "on_missing": "fail",
}


def refusal(**fields: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        make_request(**fields)
    return str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        FULL,
        {"query": [{"$match": {"a": 1}}, {"$limit": 5}]},
        {"asset_rows": (AssetRow(2, "id-1"), AssetRow(5, ""))},
    ],
)
def test_a_saved_request_is_read_back_as_it_was(fields: dict[str, Any]) -> None:
    request = make_request(**fields)

    assert load_request(request.to_json()) == request


def test_a_saved_request_holds_only_what_differs_from_the_defaults() -> None:
    request = make_request(query={"name": "a"}, num_parallel_workers=50, split_files=None)

    assert json.loads(request.to_json()) == {"version": 1, "query": {"name": "a"}}


def test_the_defaults_are_those_of_the_command_line() -> None:
    request = DispatchRequest()

    assert (request.file_extension, request.num_parallel_workers) == ("", 50)
    assert request.is_split
    assert request.max_number_of_tasks_dispatched is None
    assert request.job_format == "seed"


def test_a_request_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        DispatchRequest().file_extension = ".nwb"


def test_an_edited_request_is_a_checked_copy() -> None:
    request = make_request(**FULL)

    edited = edit_request(request, file_extension=".zarr")

    assert (request.file_extension, edited.file_extension) == (".nwb", ".zarr")
    assert edit_request(edited, file_extension=".nwb") == request
    with pytest.raises(InvalidInput, match="filter_by needs filter_latest"):
        edit_request(request, filter_latest=None)


def test_a_record_of_an_earlier_dispatch_is_replayed_by_the_request_it_holds() -> None:
    record = {"record": 1, "request": {"version": 1, "query": {"a": 1}}}

    assert load_request(json.dumps(record)) == make_request(query={"a": 1})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"querry": {}}, "querry: this is not a field of a dispatch request."),
        ({"version": 2}, "version: input should be 1."),
        ({"num_parallel_workers": 0}, "num_parallel_workers: input should be greater than"),
        ({"tasks_per_job": "x"}, "tasks_per_job: input should be a valid integer"),
        ({"job_format": "yaml"}, "job_format: input should be 'seed' or 'pipeline'."),
        ({"group_by": [""]}, "group_by.0: string should have at least 1 character."),
        ({"query": {}, "asset_rows": []}, "it has a query and an asset list; keep one of them."),
        ({"filter_by": ["a"]}, "filter_by needs filter_latest"),
        ({"filter_latest": "a"}, "filter_latest needs filter_by"),
        ({"trial": {}}, "trial: a trial has one rule: first, random or one_per."),
        ({"trial": {"first": 1, "one_per": "a"}}, "trial: a trial has one rule"),
        ({"trial": {"first": 0}}, "trial.first: input should be greater than"),
        (
            {"trial": {"frist": 1}},
            "request. Did you mean first?",
        ),
        (
            {"file_extention": ""},
            "request. Did you mean file_extension?",
        ),
        ({"trial": {"last": 1}}, "trial.last: this is not a field of a dispatch request."),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(fields: dict[str, Any], message: str) -> None:
    assert message in refusal(**fields)


@pytest.mark.parametrize("query", [[7], "x", 7, [{}, []]])
def test_a_query_that_is_neither_an_object_nor_an_array_is_one_issue(query: Any) -> None:
    assert refusal(query=query) == (
        "query: it is neither a filter (object) nor a pipeline (array of them)."
    )


def test_a_request_that_is_made_directly_raises_the_same_error() -> None:
    with pytest.raises(InvalidInput) as caught:
        DispatchRequest(querry={}, file_extension=3)

    assert str(caught.value) == refusal(querry={}, file_extension=3)


def test_all_wrong_fields_are_reported_at_once() -> None:
    assert len(refusal(querry={}, num_parallel_workers=0, on_missing="x").splitlines()) == 3


def test_grouped_assets_are_not_split_unless_that_is_asked_for() -> None:
    assert not make_request(group_by=["a"]).is_split
    assert not make_request(split_files=False).is_split
    assert make_request(split_files=True).is_split


def test_the_rule_for_several_files_wins_over_split_files() -> None:
    assert make_request(split_files=False, several_files="each").is_split
    assert not make_request(split_files=True, several_files="together").is_split
    assert not make_request(split_files=False, several_files="newest").is_split


def test_a_change_of_a_saved_request_replaces_what_it_contradicts() -> None:
    saved = make_request(query={}, tasks_per_job=4, several_files="together")

    changed = override_request(
        saved, asset_rows=[AssetRow(2, "id-1")], num_parallel_workers=3, split_files=True
    )

    assert changed == make_request(
        asset_rows=[AssetRow(2, "id-1")], num_parallel_workers=3, split_files=True
    )
    assert override_request(saved, several_files="each").several_files == "each"


def test_a_job_format_of_the_environment_is_checked() -> None:
    assert fields_from({"DISPATCH_JOB_FORMAT": " pipeline "}) == {"job_format": "pipeline"}
    assert fields_from({"DISPATCH_JOB_FORMAT": " "}) == {}
    with pytest.raises(InvalidInput, match="DISPATCH_JOB_FORMAT: 'yaml' is not a job format"):
        fields_from({"DISPATCH_JOB_FORMAT": "yaml"})


def test_a_check_reads_every_part() -> None:
    checked = check_request(make_request(query={"a": 1}, file_extension=" .nwb "))

    assert checked.selection.query is not None
    assert checked.selection.query.value == {"a": 1}
    assert checked.file_extension == ".nwb"
    assert checked.parameter_sets == ParameterSets()


def test_a_check_reports_the_issues_of_all_parts_at_once() -> None:
    request = make_request(
        query={"$where": "1"}, parameters={"distributed_parameters": []}, file_extension="*.nwb"
    )

    with pytest.raises(InvalidInput) as caught:
        check_request(request)

    first_words = [str(issue).split(":")[0] for issue in caught.value.issues]
    assert first_words == ["query", "analysis_parameters.json", "file extension"]


def test_a_request_that_names_no_assets_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing says which data assets to dispatch"):
        check_request(DispatchRequest())


@given(
    st.binary()
    | st.text()
    | st.dictionaries(
        st.sampled_from([*DispatchRequest.model_fields, "request", "x"]),
        st.recursive(
            st.none() | st.integers() | st.text(),
            lambda i: st.lists(i) | st.dictionaries(st.text(), i),
        ),
    ).map(json.dumps)
)
def test_a_malformed_file_raises_nothing_but_invalid_input(text: str | bytes) -> None:
    with suppress(InvalidInput):
        check_request(load_request(text))
