"""Efficiency that does not depend on the machine: requests, bytes, passes over the jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.list_server import ListServer
from benchmarks.listing import Form, Limit, counts_of, outermost, run_ours
from benchmarks.million import million, planned_and_written
from benchmarks.pairs import ratio
from benchmarks.replay import replayed
from benchmarks.report import Figure, Report, Table, write_page
from benchmarks.workloads import workloads
from benchmarks.writing import writing_counts

SHORT = workloads(short=True)


@pytest.mark.parametrize("name", SHORT)
def test_listing_finds_every_file_with_few_requests_and_few_bytes(name: str) -> None:
    workload = SHORT[name]

    with ListServer(workload.bucket, latency=0) as server:
        ours = run_ours(server, workload, rounds=1)
    wrong, requests, read = counts_of(workload, ours)

    assert wrong.value == 0
    assert requests.is_met, f"times the minimum of {workload.fewest_requests()}"
    assert read.value <= 1.5, "times the minimum of bytes"


@pytest.mark.main
def test_the_jobs_are_made_once_for_a_folder_once_for_a_zip_and_once_to_compare() -> None:
    folder, archive, download = writing_counts().figures

    assert [folder.value, archive.value] == [1, 2]
    assert 0 < download.value < 2_000


def test_the_limit_allows_for_the_work_of_others_only_what_is_computed() -> None:
    quiet, busy = Limit(seconds=0.05, stretch=1), Limit(seconds=0.05, stretch=5)

    assert quiet.over(0.15) == pytest.approx(1)
    assert quiet.over(0.30) == pytest.approx(2)
    assert busy.over(0.35) == pytest.approx(1)


@pytest.mark.main
def test_a_round_that_met_a_burst_of_load_does_not_move_the_ratio() -> None:
    rounds = [(1.0, 2.0), (10.0, 20.0), (1.0, 9.0)]

    assert ratio(rounds) == 2


def test_dealing_out_is_measured_beside_parsing_the_same_responses() -> None:
    found = replayed({"assets": 200})()

    assert found["keys"] > 1_000
    assert found["ratio"] > 1
    assert found["botocore"] > 5


def test_only_the_complete_form_writes_a_million_jobs_and_it_counts_their_files(
    tmp_path: Path,
) -> None:
    found = planned_and_written({"assets": 200, "sets": 3, "folder": str(tmp_path)})()

    assert found["jobs"] == found["written"] == 3 * found["inputs"] > 100
    assert million(Form()).tables == ()


def test_only_outermost_paths_of_the_peer_are_compared() -> None:
    paths = ["s3://b/a/y.zarr/x.zarr", "s3://b/a/y.zarr", "s3://b/a/y.zarr-old", "s3://b/z.zarr"]

    assert outermost(paths) == ["s3://b/a/y.zarr", "s3://b/a/y.zarr-old", "s3://b/z.zarr"]


def test_the_table_says_if_the_peer_processed_one_asset_in_five() -> None:
    assert Form().share_of(SHORT["D"]) == 5
    assert "the peer processed one asset in 5 of B and one asset in 5 of D" in Form().share_note
    assert Form(is_full=True).share_note == ""


@pytest.mark.main
def test_the_page_of_the_documentation_has_every_table_and_bar(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("old")
    table = Table("Locating", ("workload", "seconds"), (("A", "0.1 s"),))
    other = Table("Planning", ("size", "seconds"), (("100", "2 s"),))
    counted = Figure("requests", 2, "", 1, at_most=True, counted=True)
    figures = (Figure("times faster", 81.4, "x", 80), counted)

    write_page(Report((table, other), figures, "2026-11-25, 2 cores"), page)

    text = page.read_text()
    assert text.startswith("# Benchmarks\n\nMeasured on 2026-11-25, 2 cores. ")
    assert "| A | 0.1 s |" in text
    assert "| 100 | 2 s |" in text
    assert "| times faster | 81.4x | at least 80x | met |" in text
    assert "| requests | 2 | at most 1 | MISSED |" in text


@pytest.mark.main
def test_a_run_fails_only_if_a_count_misses_its_bar() -> None:
    slow = Figure("times faster", 3, "x", 80)
    wasteful = Figure("requests", 3, "x", 1.5, at_most=True, counted=True)

    assert Report((), (slow,)).missed_counts == []
    assert Report((), (slow, wasteful)).missed_counts == [wasteful]
