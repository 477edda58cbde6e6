"""The steps "jobs are built" and "workers get them"."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.job_model import Job
from dispatch_core.jobs import (
    KeptJobs,
    LocatedGroup,
    assign_workers,
    build_jobs,
    cap_jobs,
    locate_groups,
)
from dispatch_core.parameter_sets.document import merge_sets
from dispatch_core.types import AssetGroup, FileEntry, LocatedAsset
from tests.fakes import asset


def located(name: str, *files: str) -> LocatedAsset:
    return LocatedAsset(asset(name), tuple(FileEntry(f"s3://data/{name}/{file}") for file in files))


A = located("a", "1.nwb", "2.nwb")
B = located("b", "1.nwb")
APART = (LocatedGroup((A,)), LocatedGroup((B,)))
TWO_SETS = merge_sets({"distributed_parameters": [{"p": 1}, {"p": 2}]})


def files_of(job: Job) -> list[str]:
    return [file.location for one in job.assets for file in one.files or ()]


def sizes(count: int, workers: int) -> list[int]:
    return [len(worker) for worker in assign_workers(count, num_parallel_workers=workers)]


def test_a_split_asset_makes_one_job_for_each_file() -> None:
    built = build_jobs(APART, (), split_files=True)

    assert [files_of(job) for job in built.jobs] == [
        ["s3://data/a/1.nwb"],
        ["s3://data/a/2.nwb"],
        ["s3://data/b/1.nwb"],
    ]


def test_an_asset_that_is_not_split_makes_one_job_with_all_its_files() -> None:
    built = build_jobs(APART, (), split_files=False)

    assert [files_of(job) for job in built.jobs] == [
        ["s3://data/a/1.nwb", "s3://data/a/2.nwb"],
        ["s3://data/b/1.nwb"],
    ]


def test_an_asset_whose_files_were_not_listed_makes_one_job_even_if_split() -> None:
    built = build_jobs([LocatedGroup((LocatedAsset(asset("a")),))], (), split_files=True)

    assert [job.assets[0].files for job in built.jobs] == [None]


def test_inputs_times_sets_are_the_jobs_with_the_sets_innermost() -> None:
    built = build_jobs(APART, TWO_SETS, split_files=True)

    assert [(files_of(job)[0], job.parameters) for job in built.jobs] == [
        ("s3://data/a/1.nwb", {"p": 1}),
        ("s3://data/a/1.nwb", {"p": 2}),
        ("s3://data/a/2.nwb", {"p": 1}),
        ("s3://data/a/2.nwb", {"p": 2}),
        ("s3://data/b/1.nwb", {"p": 1}),
        ("s3://data/b/1.nwb", {"p": 2}),
    ]


@pytest.mark.parametrize(("is_split", "inputs"), [(True, 3), (False, 2)])
def test_files_or_groups_are_counted_as_inputs_however_many_sets_there_are(
    is_split: bool, inputs: int
) -> None:
    built = build_jobs(APART, TWO_SETS, split_files=is_split)

    assert built.inputs == inputs


def test_two_identical_jobs_are_one_and_a_row_of_the_ledger() -> None:
    built = build_jobs([*APART, LocatedGroup((B,))], (), split_files=False)

    assert (len(built.jobs), built.inputs) == (2, 3)
    assert [(row.stage, row.reason, row.name) for row in built.exclusions] == [
        ("jobs", "duplicate", "b")
    ]


def test_a_group_keeps_its_located_assets_and_is_omitted_without_any() -> None:
    groups = [AssetGroup((asset("a"), asset("lost")), {"k": 1}), AssetGroup((asset("lost"),))]

    assert locate_groups(groups, {"r-a": A}) == (LocatedGroup((A,), {"k": 1}),)


def test_jobs_over_the_cap_are_rows_of_the_ledger() -> None:
    jobs = build_jobs(APART, (), split_files=True).jobs

    capped = cap_jobs(jobs, 2)

    assert capped.jobs == jobs[:2]
    assert [(row.stage, row.reason, row.location) for row in capped.exclusions] == [
        ("workers", "over_the_cap", "s3://data/b/1.nwb")
    ]
    assert capped.exclusions[0].action == "Raise --max_number_of_tasks_dispatched"


def test_each_asset_of_a_group_over_the_cap_has_a_row_of_its_own() -> None:
    jobs = build_jobs([LocatedGroup((A,)), LocatedGroup((A, B))], (), split_files=False).jobs

    capped = cap_jobs(jobs, 1)

    assert [(row.record_id, row.location) for row in capped.exclusions] == [
        ("r-a", "s3://data/a/1.nwb, s3://data/a/2.nwb"),
        ("r-b", "s3://data/b/1.nwb"),
    ]


@pytest.mark.parametrize("most", [None, 3, 4])
def test_a_cap_that_is_not_reached_cuts_nothing(most: int | None) -> None:
    jobs = build_jobs(APART, (), split_files=True).jobs

    assert cap_jobs(jobs, most) == KeptJobs(jobs)


def test_10_jobs_over_3_workers_are_4_3_and_3() -> None:
    assert sizes(10, 3) == [4, 3, 3]


def test_there_is_never_a_worker_without_a_job() -> None:
    assert sizes(3, 50) == [1, 1, 1]
    assert sizes(0, 50) == []


def test_tasks_per_job_fills_each_worker_before_the_next() -> None:
    workers = assign_workers(10, num_parallel_workers=3, tasks_per_job=4)

    assert workers == (range(4), range(4, 8), range(8, 10))


@given(st.integers(0, 2_000), st.integers(1, 200))
def test_sizes_differ_by_at_most_one_in_order_and_nothing_is_lost(count: int, most: int) -> None:
    workers = assign_workers(count, num_parallel_workers=most)
    lengths = [len(worker) for worker in workers]

    assert list(chain(*workers)) == list(range(count))
    assert len(workers) == min(count, most)
    assert lengths == sorted(lengths, reverse=True)
    assert not lengths or lengths[0] - lengths[-1] <= 1


@given(st.integers(0, 2_000), st.integers(1, 200))
def test_tasks_per_job_loses_nothing_and_leaves_only_the_last_worker_short(
    count: int, each: int
) -> None:
    workers = assign_workers(count, num_parallel_workers=1, tasks_per_job=each)

    assert list(chain(*workers)) == list(range(count))
    assert all(len(worker) == each for worker in workers[:-1])
