"""The dispatch request: one frozen value that is edited by copying, saved and replayed."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.asset_list import AssetRow
from dispatch_core.errors import InvalidInput
from dispatch_core.parameter_sets.document import ParameterSets
from dispatch_core.request import (
    DispatchRequest,
    changed_trial,
    edit_request,
    fields_from,
    load_request,
    make_request,
    override_request,
    separate_copy,
)
from dispatch_core.request_parts import check_request

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
    "balance": "size",
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
    request = make_request(query={}, trial={"first": 1})

    with pytest.raises(InvalidInput, match=r"Make a changed copy: edit_request\(request, query="):
        request.query = {"a": 1}
    with pytest.raises(InvalidInput, match="a request cannot be changed in place"):
        del request.query
    with pytest.raises(InvalidInput, match="a request cannot be changed in place"):
        request.trial.first = 2


def test_a_separate_copy_shares_nothing_that_can_be_changed() -> None:
    request = make_request(query={"a": {"b": [1]}}, parameters={"analysis_parameter": {"c": {}}})

    copy = separate_copy(request)
    copy.query["a"]["b"].append(2)
    copy.parameters["analysis_parameter"]["c"]["d"] = 1

    assert request.query == {"a": {"b": [1]}}
    assert request.parameters == {"analysis_parameter": {"c": {}}}
    assert separate_copy(request) == request
    assert separate_copy(request).to_json() == request.to_json()


def test_an_edit_keeps_each_unchanged_field_as_the_same_object() -> None:
    request = make_request(**FULL)

    edited = edit_request(request, job_format="seed")

    names = [name for name in FULL if name != "job_format"]
    assert [name for name in names if getattr(edited, name) is not getattr(request, name)] == []


@pytest.mark.parametrize("unset", [None, "", "  "])
@pytest.mark.parametrize("name", [name for name in FULL if name != "query"])
def test_none_and_blank_text_mean_that_a_field_is_unset(name: str, unset: str | None) -> None:
    request = make_request(query={}, **{name: unset})

    assert request == make_request(query={})
    assert name not in request.to_json()


def test_an_extension_of_spaces_lists_no_files() -> None:
    assert make_request(file_extension="  ").file_extension == ""


def test_fields_may_be_given_as_a_notebook_has_them() -> None:
    request = make_request(
        group_by=" a.b , c",
        unwind_list_fields='["d", "e"]',
        excluded={"r-2", "r-10", "r-1"},
        num_parallel_workers=numpy.int64(3),
        drop_null_groups=numpy.bool_(False),
        trial={"random": numpy.int32(2), "seed": numpy.int64(4)},
    )

    assert request == make_request(
        group_by=("a.b", "c"),
        unwind_list_fields=("d", "e"),
        excluded=("r-1", "r-10", "r-2"),
        num_parallel_workers=3,
        drop_null_groups=False,
        trial={"random": 2, "seed": 4},
    )
    assert type(request.num_parallel_workers) is int


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
        ({"version": 2}, "version: 2 is not a version of this layout. Give 1, or read it"),
        pytest.param(
            {"version": 10**5000}, "version: this value of type int is not a version", id="long"
        ),
        ({"num_parallel_workers": 0}, "num_parallel_workers: 0 is not a whole number from 1. Give"),
        ({"num_parallel_workers": True}, "True is not a whole number from 1."),
        ({"tasks_per_job": "x"}, "tasks_per_job: 'x' is not a whole number from 1."),
        ({"tasks_per_job": 1.5}, "tasks_per_job: 1.5 is not a whole number from 1."),
        ({"tasks_per_job": 2**63}, "tasks_per_job: 9223372036854775808 is too large. Give a sma"),
        pytest.param({"tasks_per_job": 10**5000}, "this value of type int is too large", id="l"),
        ({"job_format": "yaml"}, "job_format: 'yaml' is not one of seed, pipeline. Give one of"),
        ({"job_format": "Seed"}, "job_format: 'Seed' is not one of seed, pipeline. Did you mean s"),
        (
            {"on_missing": "fial"},
            "on_missing: 'fial' is not one of report, fail. Did you mean fail?",
        ),
        ({"nested_stores": 7}, "nested_stores: 7 is not one of outermost, all. Give one of them."),
        ({"several_files": "newst"}, "Did you mean newest?"),
        ({"group_by": [""]}, "group_by: '' is not a field path. Give a list such as"),
        ({"group_by": 5}, "group_by: 5 is not a list of field paths. Give a list such as"),
        ({"group_by": '["a"'}, "group_by: it is not a list: the text ends too early."),
        ({"group_by": ["\ud800"]}, "group_by: it contains half of a surrogate pair"),
        ({"excluded": "r-1"}, "excluded: 'r-1' is not a list of record ids."),
        ({"excluded": [5]}, "excluded: 5 is not a record id."),
        ({"file_extension": b".nwb"}, "file_extension: b'.nwb' is not text."),
        ({"file_extension": object()}, "file_extension: a value of type object is not text."),
        ({"filter_latest": ["x" * 90]}, "x ... is not text."),
        ({"drop_null_groups": "maybe"}, "drop_null_groups: 'maybe' is not true or false. Give"),
        ({"parameters": 7}, "parameters: 7 is not an object. Give an object, such as"),
        ({"parameters_schema": [1]}, "parameters_schema: [1] is not an object."),
        ({"asset_rows": [{"number": "1_0", "text": "x"}]}, "asset_rows: '1_0' is not an asset row"),
        ({"asset_rows": [{"number": True, "text": "x"}]}, "asset_rows: True is not an asset row"),
        ({"asset_rows": ["id"]}, "asset_rows: 'id' is not an asset row. Give rows such as"),
        ({"query": {}, "asset_rows": []}, "query: the request has a query and a list of ids."),
        ({"filter_by": ["a"]}, "filter_latest: filter_by needs filter_latest. Give the field"),
        ({"filter_latest": "a"}, "filter_by: filter_latest needs filter_by. Give the fields"),
        ({"trial": {}}, "trial: a trial has one rule: first, random or one_per."),
        ({"trial": 5}, 'trial: 5 is not a trial. Give one rule, such as {"first": 3}.'),
        ({"trial": {"first": 1, "one_per": "a"}}, "trial: a trial has one rule"),
        ({"trial": {"first": 0}}, "trial.first: 0 is not a whole number from 1."),
        ({"trial": {"random": 1, "seed": "x"}}, "trial.seed: 'x' is not a whole number. Give"),
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
        "query: it is not a filter (object) or a pipeline (array of objects). "
        'Give {"field": value}.'
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
    assert checked.extensions == (".nwb",)
    assert checked.parameter_sets == ParameterSets()


def test_a_check_reports_the_issues_of_all_parts_at_once() -> None:
    request = make_request(
        query={"$where": "1"}, parameters={"distributed_parameters": []}, file_extension="*.nwb"
    )

    with pytest.raises(InvalidInput) as caught:
        check_request(request)

    first_words = [str(issue).split(":")[0] for issue in caught.value.issues]
    assert first_words == ["query", "parameters", "file extension"]


def test_a_request_that_names_no_assets_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing says which data assets to dispatch"):
        check_request(DispatchRequest())


def test_an_empty_list_of_ids_is_refused() -> None:
    with pytest.raises(InvalidInput, match="asset_rows: the list of ids is empty"):
        check_request(make_request(asset_rows=()))


@pytest.mark.parametrize("path", [".x", "x.", "a..b", "$x", "a.$b", "a\0"])
def test_a_field_path_that_no_database_accepts_is_reported_by_its_option(path: str) -> None:
    request = make_request(
        query={"$where": "1"},
        group_by=[path],
        filter_latest=path,
        filter_by=["subject.subject_id", path],
        unwind_list_fields=[path],
        trial={"one_per": path},
    )

    with pytest.raises(InvalidInput) as caught:
        check_request(request)

    assert [issue.where for issue in caught.value.issues] == [
        *["group_by", "filter_latest", "filter_by", "unwind_list_fields", "trial_one_per"],
        "query",
    ]
    assert "is not a field path. Write names with dots between them" in str(caught.value)


@pytest.mark.parametrize(
    ("rules", "trial"),
    [
        ({}, None),
        ({"seed": 0}, None),
        ({"first": None, "one_per": " "}, None),
        ({"first": 2, "seed": 0}, {"first": 2}),
        ({"random": 2, "seed": 4}, {"random": 2, "seed": 4}),
    ],
)
def test_the_rules_that_are_given_make_a_trial(
    rules: dict[str, Any], trial: dict[str, Any] | None
) -> None:
    assert changed_trial(None, rules) == trial


def test_a_seed_needs_a_random_trial_which_may_be_the_saved_one() -> None:
    saved = make_request(trial={"random": 3, "seed": 7}).trial

    assert changed_trial(saved, {"seed": 4}) == {"random": 3, "seed": 4}
    assert changed_trial(saved, {"seed": 0}) == {"random": 3, "seed": 0}
    for rules in ({"seed": 4, "first": 2}, {"seed": 4, "one_per": "a"}):
        with pytest.raises(InvalidInput, match="--trial_seed: it needs --trial_random"):
            changed_trial(saved, rules, "--")
    with pytest.raises(InvalidInput, match="trial_seed: it needs trial_random"):
        changed_trial(make_request(trial={"first": 3}).trial, {"seed": 4})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load_request(Path("x.json")), "is not the text of a saved request. Give the text"),
        (lambda: load_request(None), "None is not the text of a saved request."),
        (lambda: edit_request(None, query={}), "request: None is not a request."),
        (lambda: edit_request(DispatchRequest(), {}), "a value has no name: {}. Name each field"),
        (lambda: make_request({"query": {}}), "a value has no name: {'query': {}}. Name each"),
    ],
)
def test_a_call_with_a_wrong_value_says_what_to_give(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        call()

    assert message in str(caught.value)


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
