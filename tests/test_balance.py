"""Jobs balanced over workers by the size of their files."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.balance.assign import balance_workers, loads_of
from dispatch_core.balance.sizes import is_any_size_known, measure_jobs
from dispatch_core.balance.spread import Spread
from dispatch_core.dispatch import plan_dispatch
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.job_model import Job
from dispatch_core.jobs import assign_workers
from dispatch_core.output.record import dispatch_record
from dispatch_core.request import load_request, make_request
from dispatch_core.types import FileEntry, LocatedAsset
from dispatch_core.views.notebook import job_rows, plan_html
from dispatch_core.views.worker_loads import range_bars, worker_bars
from tests.fakes import Buckets, Records, asset, record

GB = 10**9
SIZES = st.lists(st.integers(0, 10**12), max_size=120)
FEW_SIZES = st.lists(st.integers(0, 5), max_size=60)


def job(*sizes: int | None) -> Job:
    """A job with a file of each size; None is a directory store."""
    files = [
        FileEntry(f"s3://data/a/{n}", "directory" if size is None else "file", size)
        for n, size in enumerate(sizes)
    ]
    return Job("name", (LocatedAsset(asset("a"), tuple(files)),))


def lists(workers: Sequence[Sequence[int]]) -> list[list[int]]:
    return [list(worker) for worker in workers]


# Which worker gets a job


def test_the_largest_jobs_go_to_different_workers_and_small_ones_fill_up() -> None:
    workers = balance_workers([9, 1, 1, 1, 4, 4], num_parallel_workers=2)

    assert lists(workers) == [[0, 2], [1, 3, 4, 5]]


def test_among_equal_workers_the_one_with_the_fewest_jobs_is_first_then_the_first() -> None:
    workers = balance_workers([2, 2, 1, 1, 5, 4], num_parallel_workers=3)

    assert lists(workers) == [[4], [2, 5], [0, 1, 3]]


@pytest.mark.parametrize("sizes", [[], [7], [1] * 10, [0] * 10, [5, 5, 5, 5, 5]])
def test_equal_sizes_give_the_workers_of_a_balance_by_count(sizes: list[int]) -> None:
    workers = balance_workers(sizes, num_parallel_workers=3)

    assert workers == assign_workers(len(sizes), num_parallel_workers=3)


def test_a_balance_by_size_is_never_worse_than_one_by_count() -> None:
    sizes = [2, 2, 2, 3, 3]  # largest first would give 5 and 7

    workers = balance_workers(sizes, num_parallel_workers=2)

    assert loads_of(workers, sizes) == (6, 6)


def test_a_job_without_a_byte_still_fills_an_empty_worker() -> None:
    workers = balance_workers([0, 0, 0, 8, 0], num_parallel_workers=5)

    assert sorted(map(len, workers)) == [1, 1, 1, 1, 1]


def test_tasks_per_job_is_the_most_jobs_of_a_worker() -> None:
    sizes = [100, 1, 1, 1, 1, 100, 1, 1, 1, 100]

    workers = balance_workers(sizes, num_parallel_workers=1, tasks_per_job=4)

    assert [sizes[worker[0]] for worker in workers] == [100, 1, 1]
    assert max(loads_of(workers, sizes)) == 103


@given(SIZES | FEW_SIZES, st.integers(1, 40), st.none() | st.integers(1, 12))
def test_every_job_is_in_one_worker_in_order_and_no_worker_is_empty(
    sizes: list[int], most: int, each: int | None
) -> None:
    workers = balance_workers(sizes, num_parallel_workers=most, tasks_per_job=each)

    assert sorted(chain(*workers)) == list(range(len(sizes)))
    assert all(list(worker) == sorted(worker) for worker in workers)
    assert all(workers)
    assert len(workers) == (min(len(sizes), most) if each is None else -(-len(sizes) // each))
    assert each is None or all(len(worker) <= each for worker in workers)


@given(SIZES | FEW_SIZES, st.integers(1, 40))
def test_the_largest_worker_has_at_most_the_mean_and_the_largest_job(
    sizes: list[int], most: int
) -> None:
    loads = loads_of(balance_workers(sizes, num_parallel_workers=most), sizes)

    assert sum(loads) == sum(sizes)
    assert not sizes or max(loads) * len(loads) <= sum(sizes) + max(sizes) * (len(loads) - 1)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 3))
def test_the_largest_worker_is_within_a_third_of_the_best_possible(
    sizes: list[int], most: int
) -> None:
    workers = balance_workers(sizes, num_parallel_workers=most)
    count = len(workers)

    assert 3 * count * max(loads_of(workers, sizes)) <= (4 * count - 1) * least_load(sizes, count)


def least_load(sizes: list[int], count: int) -> int:
    """The smallest possible load of the largest of `count` workers, by trying everything."""
    reached = {(0,) * count}
    for size in sizes:
        reached = {
            tuple(sorted((*loads[:n], loads[n] + size, *loads[n + 1 :])))
            for loads in reached
            for n in range(count)
        }
    return min(map(max, reached))


@given(SIZES | FEW_SIZES, st.integers(1, 40), st.none() | st.integers(1, 12))
def test_a_balance_by_size_never_has_a_larger_worker_than_one_by_count(
    sizes: list[int], most: int, each: int | None
) -> None:
    limits: dict[str, Any] = {"num_parallel_workers": most, "tasks_per_job": each}

    by_size = loads_of(balance_workers(sizes, **limits), sizes)
    by_count = loads_of(assign_workers(len(sizes), **limits), sizes)

    assert max(by_size, default=0) <= max(by_count, default=0)


@pytest.mark.parametrize("most", [50, 1_000])
def test_100_000_jobs_take_well_under_a_second(most: int) -> None:
    chance = random.Random(1)
    sizes = [int(chance.lognormvariate(18, 1)) for _ in range(100_000)]
    begun = time.process_time()

    workers = balance_workers(sizes, num_parallel_workers=most)

    assert time.process_time() - begun < 1
    loads = loads_of(workers, sizes)
    assert max(loads) - min(loads) <= math.ceil(sum(sizes) / most / 1_000)


# The size of a job


def test_a_job_has_the_size_of_all_files_of_all_its_assets() -> None:
    group = Job("name", (*job(3, 4).assets, *job(5).assets))

    assert measure_jobs([group, job(2)]).sizes == (12, 2)


def test_a_directory_store_counts_as_the_median_of_the_known_sizes() -> None:
    measured = measure_jobs([job(9), job(None), job(1), job(2), job(None, None)])

    assert measured.sizes == (9, 2, 1, 2, 2)
    assert (measured.median, measured.unknown, measured.partial) == (2, 2, 0)


def test_the_median_of_an_even_number_of_sizes_is_the_mean_of_the_middle_two() -> None:
    assert measure_jobs([job(1), job(2), job(7), job(10**18 + 1), job(None)]).sizes[-1] == 4


def test_a_store_among_other_files_of_a_job_counts_as_the_median_file() -> None:
    measured = measure_jobs([job(4, 6), job(50, None), job(5, None, None), job(None)])

    assert measured.median_file == 5
    assert measured.sizes == (10, 55, 15, 10)
    assert (measured.unknown, measured.partial) == (1, 2)


def test_if_no_job_is_known_completely_the_median_is_that_of_the_estimates() -> None:
    measured = measure_jobs([job(10, None), job(30, None), job(20, None), job(None)])

    assert measured.sizes == (30, 50, 40, 40)


def test_without_a_known_size_each_job_counts_as_one() -> None:
    whole_asset = Job("name", (LocatedAsset(asset("a")),))

    measured = measure_jobs([job(None), whole_asset, job(None, None)])

    assert measured.sizes == (1, 1, 1)
    assert measured.median is None
    assert not is_any_size_known([job(None), whole_asset])
    assert is_any_size_known([job(None), job(None, 0)])


def test_a_size_below_0_is_unknown() -> None:
    assert measure_jobs([job(-5), job(4)]).sizes == (4, 4)


# A plan

NAMES = ("a", "b", "c", "d")
TWO_SETS = {"distributed_parameters": [{"p": 1}, {"p": 2}]}
RECORDS = Records([record(name) for name in NAMES])
STORE = Buckets(
    {"data": ["a/1.nwb", "b/1.nwb", "c/1.nwb", "d/1.nwb"]},
    sizes={"a/1.nwb": 8 * GB, "b/1.nwb": 5 * GB, "c/1.nwb": 2 * GB, "d/1.nwb": 1 * GB},
)


def plan(lister: Buckets = STORE, source: Records = RECORDS, **fields: Any) -> DispatchPlan:
    fields = {
        "query": {"name": {"$ne": ""}},
        "file_extension": ".nwb",
        "balance": "size",
        "num_parallel_workers": 2,
        **fields,
    }
    return plan_dispatch(make_request(**fields), source, lister)


def names_of(made: DispatchPlan) -> list[str]:
    """The assets of each worker, in the order of its jobs."""
    return [
        "".join(one.asset.name for index in worker for one in made.jobs[index].assets)
        for worker in made.workers
    ]


def test_a_plan_by_size_has_the_jobs_of_a_plan_by_count_in_other_workers() -> None:
    by_count, by_size = plan(balance="count"), plan()

    assert (names_of(by_count), names_of(by_size)) == (["ab", "cd"], ["a", "bcd"])
    assert by_count.jobs == by_size.jobs
    assert by_count.fingerprint != by_size.fingerprint


def test_the_files_of_a_plan_by_size_are_in_the_folders_of_their_workers() -> None:
    made = plan()

    assert [path for path, _ in made.files()] == [
        f"{number}/{made.jobs[index].name}.json"
        for number, index in [(0, 0), (1, 1), (1, 2), (1, 3)]
    ]


def test_the_fingerprint_without_a_balance_is_that_of_a_balance_by_count() -> None:
    request = make_request(
        query={"name": {"$ne": ""}}, file_extension=".nwb", num_parallel_workers=2
    )

    made = plan_dispatch(request, RECORDS, STORE)

    assert made.fingerprint == plan(balance="count").fingerprint
    assert "balance" not in request.to_json()


def test_a_saved_request_keeps_the_balance() -> None:
    made = plan()

    again = plan_dispatch(load_request(made.request.to_json()), RECORDS, STORE)

    assert again.fingerprint == made.fingerprint


def test_equation_counts_jobs_also_if_they_are_balanced_by_size() -> None:
    assert (plan().equation.smallest, plan().equation.largest) == (1, 3)


def test_a_plan_by_size_says_the_spread_before_and_after() -> None:
    assert list(plan().balance_lines()) == [
        "workers: 8 GB each; by count it would be 3 to 13 GB",
    ]
    assert list(plan(balance="count").balance_lines()) == []


def test_a_plan_by_size_says_how_many_stores_count_as_the_median() -> None:
    lister = Buckets(
        {"data": ["a/1.nwb", "b/1.nwb", "c/1.nwb/.zattrs", "d/1.nwb"]}, sizes=STORE.sizes
    )

    assert list(plan(lister).balance_lines()) == [
        "workers: 9 to 10 GB each; by count it would be 6 to 13 GB",
        "workers: directory stores have no known size: 1 of 4 jobs counts as the median, 5 GB",
    ]


def test_a_plan_by_size_says_in_how_many_jobs_a_store_counts_as_the_median_file() -> None:
    keys = ["a/1.nwb", "a/2.nwb/.zattrs", "b/1.nwb", "c/1.nwb", "d/1.nwb"]

    made = plan(Buckets({"data": keys}, sizes=STORE.sizes), split_files=False)

    assert list(made.balance_lines()) == [
        "workers: 8 to 11.5 GB each; by count it would be 3 to 16.5 GB",
        "workers: directory stores have no known size: each counts as the median file, 3.5 GB, "
        "in 1 of 4 jobs",
    ]


def test_a_balance_by_size_that_changes_nothing_says_so() -> None:
    made = plan(num_parallel_workers=50)

    assert list(made.balance_lines()) == [
        "workers: 1 to 8 GB each; by count it would be the same",
    ]


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"file_extension": ""}, "balance=size does nothing without file_extension"),
        (
            {"file_extension": ".zarr"},
            "balance=size does nothing: no file has a known size (directory stores have none)",
        ),
        ({"file_extension": ".nwb"}, None),
        ({"file_extension": ".zarr", "balance": "count"}, None),
        ({"file_extension": ".absent"}, None),
    ],
)
def test_a_balance_without_any_known_size_is_a_warning(
    fields: dict[str, Any], warning: str | None
) -> None:
    stores = [f"{name}/1.zarr/.zattrs" for name in NAMES]

    made = plan(Buckets({"data": [*STORE.keys["data"], *stores]}), **fields)

    assert [str(one) for one in made.warnings] == ([warning] if warning else [])
    assert warning is None or list(made.balance_lines()) == []


def test_groups_are_balanced_by_all_their_files() -> None:
    subjects = zip(NAMES, ("1", "2", "2", "3"), strict=True)
    source = Records([record(name, subject={"id": number}) for name, number in subjects])

    made = plan(source=source, group_by=["subject.id"])

    assert names_of(made) == ["a", "bcd"]


def test_the_largest_of_several_files_counts_and_the_others_do_not() -> None:
    keys = [*STORE.keys["data"], "d/2.nwb"]
    lister = Buckets({"data": keys}, sizes={**STORE.sizes, "d/2.nwb": 20 * GB})

    made = plan(lister, several_files="largest")

    assert names_of(made) == ["d", "abc"]
    assert list(made.balance_lines()) == [
        "workers: 15 to 20 GB each; by count it would be 13 to 22 GB"
    ]


def test_jobs_over_the_cap_and_assets_outside_a_trial_have_no_weight() -> None:
    capped = plan(max_number_of_tasks_dispatched=3)
    trial = plan(trial={"first": 3})

    assert names_of(capped) == names_of(trial) == ["a", "bc"]


def test_each_parameter_set_of_a_file_has_the_size_of_the_file() -> None:
    made = plan(parameters=TWO_SETS)

    assert names_of(made) == ["abcd", "abcd"]
    assert list(made.balance_lines()) == ["workers: 16 GB each; by count it would be 6 to 26 GB"]


def test_the_rows_of_a_notebook_are_worker_by_worker_with_the_files_of_their_job() -> None:
    source = Records([record(name) for name in ("a", "d", "b", "c")])

    rows = job_rows(plan(source=source, num_parallel_workers=3))

    paths = [path for path, _ in plan(source=source, num_parallel_workers=3).files()]
    assert [f"{row.worker}/{row.job}.json" for row in rows] == paths
    assert [(row.worker, row.files) for row in rows] == [
        (0, ["s3://data/a/1.nwb"]),
        (1, ["s3://data/b/1.nwb"]),
        (2, ["s3://data/c/1.nwb"]),
        (2, ["s3://data/d/1.nwb"]),
    ]


def test_the_record_has_the_jobs_worker_by_worker() -> None:
    source = Records([record(name) for name in ("d", "a", "b", "c")])
    made = plan(source=source, num_parallel_workers=3, parameters=TWO_SETS)

    written = dispatch_record(made, "written")

    paths = [path for path, _ in made.files()]
    numbers = [n for n, size in enumerate(written["worker_sizes"]) for _ in range(size)]
    rows = zip(numbers, written["jobs"], strict=True)
    assert [f"{number}/{name}.json" for number, (name, _, _) in rows] == paths
    assert [job.name for job in made.jobs] != [name for name, _, _ in written["jobs"]]


def test_a_notebook_shows_the_spread() -> None:
    assert "<p>workers: 8 GB each; by count it would be 3 to 13 GB</p>" in plan_html(plan())


# A chart


def test_the_chart_has_a_bar_for_each_worker_and_rule() -> None:
    assert worker_bars(plan().spread()) == [
        ("0", "count", 13 * GB, "13 GB"),
        ("1", "count", 3 * GB, "3 GB"),
        ("0", "size", 8 * GB, "8 GB"),
        ("1", "size", 8 * GB, "8 GB"),
    ]


def test_the_first_bars_are_those_by_count_also_in_a_plan_by_count() -> None:
    by_count, by_size = plan(balance="count").spread(), plan().spread()

    assert worker_bars(by_count) == worker_bars(by_size)


def spread(by_count: Sequence[int], by_size: Sequence[int]) -> Spread:
    return Spread("size", measure_jobs([job(1)]), tuple(by_size), tuple(by_count))


def test_a_chart_of_many_workers_counts_them_in_ranges_of_equal_width() -> None:
    bars = range_bars(spread([0, 600, 1_200], [550, 600, 650]))

    counts = {rule: [bar.height for bar in bars if bar.rule == rule] for rule in ("count", "size")}
    assert counts == {
        "count": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1],
        "size": [0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0],
    }
    assert [bar.label for bar in bars[4:8]] == [
        *("400 to 500 bytes", "500 to 600 bytes"),
        *("600 to 700 bytes", "700 to 800 bytes"),
    ]


@pytest.mark.parametrize("load", [0, 1, 10**9])
def test_workers_of_one_size_are_in_one_range(load: int) -> None:
    bars = range_bars(spread([load] * 200, [load] * 200))

    assert [(bar.rule, bar.height) for bar in bars] == [("count", 200), ("size", 200)]


def test_ranges_that_read_the_same_are_one() -> None:
    bars = range_bars(spread([10**9 + n for n in range(200)], [10**9] * 200))

    assert [(bar.label, bar.height) for bar in bars] == [("1 GB", 200), ("1 GB", 200)]


@given(
    st.lists(st.integers(0, 50) | st.integers(0, 10**13), min_size=1, max_size=60),
    st.lists(st.integers(0, 50) | st.integers(0, 10**13), min_size=1, max_size=60),
)
def test_each_worker_is_in_one_range(by_count: list[int], by_size: list[int]) -> None:
    bars = range_bars(spread(by_count, by_size))

    heights = {
        rule: sum(bar.height for bar in bars if bar.rule == rule) for rule in ("count", "size")
    }
    assert heights == {"count": len(by_count), "size": len(by_size)}
    assert len({(bar.label, bar.rule) for bar in bars}) == len(bars) <= 24
