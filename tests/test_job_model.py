"""The job model: two formats with the same keys, and names that never change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dispatch_core.job_model import (
    JOB_FORMATS,
    MAX_QUERY_TEXT,
    READERS,
    Job,
    JobSet,
    accepting_readers,
    canonical_text,
    job_bytes,
    job_document,
    make_jobs,
    query_for_jobs,
)
from dispatch_core.types import DataAsset, FileEntry, JobFormat, LocatedAsset
from tests.fakes import make_job

ASSET = DataAsset("r1", "behavior_1", "s3://data/behavior_1", ("id-1",))
FILE = FileEntry("s3://data/behavior_1/a.nwb", size=7)
LOCATED = (LocatedAsset(ASSET, (FILE,)),)
CUTOFF = {"cutoff": 0.05, "method": "x"}


def job(parameters: dict[str, Any] | None = CUTOFF, group: dict[str, Any] | None = None) -> Job:
    return make_job(LOCATED, parameters, group)


def test_the_names_of_jobs_never_change() -> None:
    assert job().name == "9eaebf16-1ea8-53c6-ad29-efc4abadf214"
    assert job(None).name == "84959087-ad1d-5d39-b620-2acf67c05164"
    assert job(None, {"subject__subject_id": "1"}).name == "1577cc53-38b8-5229-ba1a-95b0f816fea1"


def test_the_order_of_parameters_does_not_change_the_name() -> None:
    assert job({"method": "x", "cutoff": 0.05}).name == job(CUTOFF).name


def test_the_content_of_a_job_changes_its_name() -> None:
    other_file = (LocatedAsset(ASSET, (FileEntry("s3://data/behavior_1/b.nwb"),)),)
    names = {
        job().name,
        job({"cutoff": 0.5, "method": "x"}).name,
        job(group={}).name,
        make_job(other_file, CUTOFF, None).name,
        make_job((LocatedAsset(ASSET),), CUTOFF, None).name,
    }

    assert len(names) == 5


def test_the_seed_format_is_the_one_that_the_seed_prints() -> None:
    text = job_bytes(job(), "seed").decode()

    assert text == (
        """{
    "s3_location": [
        "s3://data/behavior_1"
    ],
    "asset_id": [
        "id-1"
    ],
    "asset_name": [
        "behavior_1"
    ],
    "docdb_record_id": [
        "r1"
    ],
    "file_location": [
        "s3://data/behavior_1/a.nwb"
    ],
    "distributed_parameters": [
        {
            "cutoff": 0.05,
            "method": "x"
        }
    ]
}
"""
    )


def test_the_formats_differ_in_the_shape_of_distributed_parameters_only() -> None:
    seed, pipeline = (job_document(job(), name, "{}") for name in ("seed", "pipeline"))

    assert seed["distributed_parameters"] == [CUTOFF]
    assert pipeline["distributed_parameters"] == CUTOFF
    assert {**seed, "distributed_parameters": CUTOFF} == pipeline


def test_parameters_of_analysis_code_are_not_repeated_in_the_distributed_ones() -> None:
    one = JobSet({"a": 1, "b": 2}, {"b": 2}, canonical_text({"a": 1, "b": 2}))
    (apart,) = make_jobs(LOCATED, [one], None)

    pipeline = job_document(apart, "pipeline", None, {"a": 1})
    seed = job_document(apart, "seed", None, {"a": 1})
    nothing_fixed = job_document(apart, "pipeline", None, {})

    assert pipeline["distributed_parameters"] == {"b": 2}
    assert pipeline["analysis_code"] == {"url": "", "parameters": {"a": 1}}
    assert seed["distributed_parameters"] == [{"b": 2}]
    assert "analysis_code" not in nothing_fixed
    assert list(pipeline)[-1] == "analysis_code"


def test_fixed_parameters_alone_leave_no_distributed_ones() -> None:
    one = JobSet({"a": 1}, None, canonical_text({"a": 1}))
    (only,) = make_jobs(LOCATED, [one], None)

    for job_format in JOB_FORMATS:
        assert job_document(only, job_format, None, {"a": 1})["distributed_parameters"] is None


def test_the_name_of_a_job_does_not_depend_on_where_its_fixed_parameters_are() -> None:
    both = {"a": 1, "b": 2}
    sets = [JobSet(both, own, canonical_text(both)) for own in (both, {"b": 2})]

    merged, apart = make_jobs(LOCATED, sets, None)

    assert merged.name == apart.name


@pytest.mark.parametrize("job_format", ["seed", "pipeline"])
def test_a_job_without_parameters_says_null(job_format: JobFormat) -> None:
    assert job_document(job(None), job_format)["distributed_parameters"] is None


def test_file_location_is_null_if_no_files_were_listed() -> None:
    plain = make_job((LocatedAsset(ASSET),), None, None)

    assert job_document(plain, "seed")["file_location"] is None


def test_a_job_has_query_and_group_metadata_only_if_there_are_any() -> None:
    grouped = job(group={"subject__subject_id": "1"})

    assert "query" not in job_document(job(), "seed")
    assert "group_metadata" not in job_document(job(), "seed")
    assert job_document(grouped, "seed", '{"a": 1}')["query"] == '{"a": 1}'
    assert job_document(grouped, "seed")["group_metadata"] == {"subject__subject_id": "1"}


def test_text_is_written_as_it_is() -> None:
    assert '"é🐭"' in job_bytes(job({"name": "é🐭"}), "seed").decode()


def test_half_of_a_surrogate_pair_in_a_record_is_written_as_its_escape() -> None:
    odd = make_job((LocatedAsset(DataAsset("r1", "a\ud800", "s3://data/a")),), None, None)

    content = job_bytes(odd, "seed")

    assert b'"a\\ud800"' in content
    assert json.loads(content)["asset_name"] == ["a\ud800"]


def test_the_id_that_ends_the_location_is_the_asset_id() -> None:
    asset = DataAsset("r1", "a", "s3://codeocean/id-2/", ("id-1", "id-2"))

    assert job_document(make_job((LocatedAsset(asset),), None, None), "seed")["asset_id"] == [
        "id-2"
    ]


@pytest.mark.parametrize(
    ("job_format", "reader"),
    [
        ("seed", "the seed's AnalysisDispatchModel"),
        ("pipeline", "analysis-pipeline-utils 0.2 (aind-analysis-wrapper)"),
    ],
)
def test_a_job_with_parameters_is_accepted_by_the_reader_of_its_format_only(
    job_format: JobFormat, reader: str
) -> None:
    assert accepting_readers(job_document(job(), job_format)) == [reader]


@pytest.mark.parametrize("job_format", ["seed", "pipeline"])
def test_both_readers_accept_a_job_without_parameters(job_format: JobFormat) -> None:
    assert accepting_readers(job_document(job(None), job_format, "{}")) == list(READERS)


def test_a_job_has_a_short_query_in_full_and_the_digest_of_a_long_one() -> None:
    assert query_for_jobs("x" * MAX_QUERY_TEXT) == "x" * MAX_QUERY_TEXT

    assert query_for_jobs("x" * (MAX_QUERY_TEXT + 1)) == (
        "sha256:39061532d423f2d385027b9d40fc07e2bedf7bf3151e8f8bdd5ff005cd5136d1 "
        "(16,385 characters; the dispatch record holds the query)"
    )
