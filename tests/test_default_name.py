"""The name of a dispatch made of its query and the day, and the sentence before a write."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dispatch_core.asset_list import AssetRow
from dispatch_core.dispatch import plan_dispatch
from dispatch_core.output.default_name import default_name
from dispatch_core.output.root import check_folder_name
from dispatch_core.request import DispatchRequest, make_request
from dispatch_core.types import DataAsset, LocatedAsset
from dispatch_core.views.summary import summary_of
from tests.fakes import Buckets, Records, record

DAY = date(2026, 11, 29)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (
            {
                "data_description.project_name": "Thalamic Ephys Survey",
                "data_description.data_level": "derived",
            },
            "thalamic-ephys-survey-derived-2026-11-29",
        ),
        ({"subject.subject_id": {"$in": ["900003", "900004"]}}, "900003-900004-2026-11-29"),
        ({"a": {"$regex": "^ecephys_", "$options": "i"}}, "ecephys-2026-11-29"),
        ([{"$match": {"a": "x"}}, {"$limit": 3}], "x-3-2026-11-29"),
        ({}, "dispatch-2026-11-29"),
        ({"a": "日本"}, "dispatch-2026-11-29"),
        ({"a": ["../..", True, None, 1.5]}, "dispatch-2026-11-29"),
    ],
)
def test_a_dispatch_is_named_after_the_values_of_its_query(query: Any, name: str) -> None:
    assert default_name(DispatchRequest(query=query), DAY) == name


def test_a_list_of_ids_is_named_after_its_length() -> None:
    rows = tuple(AssetRow(number, str(number)) for number in (1, 2, 3))

    assert default_name(DispatchRequest(asset_rows=rows), DAY) == "3-assets-2026-11-29"


@pytest.mark.parametrize("value", ["x" * 500, "con.dispatch.json", "a.replaced-1", "-", ". ."])
def test_the_name_is_always_valid_for_a_folder(value: str) -> None:
    name = default_name(DispatchRequest(query={"a": value}), DAY)

    assert check_folder_name(name) == name


def test_a_plan_is_one_sentence_before_it_is_written() -> None:
    records = Records([record("a0"), record("a1"), record("a2")])
    files = Buckets({"data": ["a0/1.nwb", "a1/1.nwb", "a2/1.csv"]})
    request = make_request(query={}, file_extension=".nwb")

    text = summary_of(plan_dispatch(request, records, files))

    assert text.startswith("2 jobs for 2 workers, from 2 assets")
    assert ", with 2 files" in text
    assert text.endswith("Excluded: 1 without a matching file.")


def test_the_sentence_has_subjects_and_days_if_they_were_read() -> None:
    fields = {"subject": {"subject_id": "1"}, "session": {"session_start_time": "2026-01-02T03:04"}}
    assets = [DataAsset(str(n), str(n), "", fields=fields) for n in range(2)]
    plan = plan_dispatch(make_request(query={}), Records([record("a0"), record("a1")]), Buckets())
    jobs = tuple(
        replace(job, assets=(LocatedAsset(asset),))
        for job, asset in zip(plan.jobs, assets, strict=True)
    )

    text = summary_of(replace(plan, jobs=jobs))

    assert text == (
        "2 jobs for 2 workers, from 2 assets of 1 subject, acquired on 2026-01-02. "
        "Nothing is excluded."
    )
