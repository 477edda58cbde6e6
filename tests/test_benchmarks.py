"""What no clock changes about speed: requests, bytes, passes over the jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.list_server import ListServer
from benchmarks.listing import Form, counts_of, outermost, run_ours
from benchmarks.report import MARKS, Figure, Report, Table, write_readme
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
    assert requests.value <= 1.5, f"times the {workload.fewest_requests()} that would do"
    assert read.value <= 1.5, "times the bytes that would do"


def test_the_jobs_are_made_once_for_a_folder_once_for_a_zip_and_once_to_confirm() -> None:
    assert [figure.value for figure in writing_counts().figures] == [1, 2]


def test_of_the_peers_paths_only_those_inside_no_other_are_compared() -> None:
    paths = ["s3://b/a/y.zarr/x.zarr", "s3://b/a/y.zarr", "s3://b/a/y.zarr-old", "s3://b/z.zarr"]

    assert outermost(paths) == ["s3://b/a/y.zarr", "s3://b/a/y.zarr-old", "s3://b/z.zarr"]


def test_where_the_peer_got_one_asset_in_five_the_table_says_so() -> None:
    assert Form().share_of(SHORT["D"]) == 5
    assert "the peer was given one asset in 5 of B and one asset in 5 of D" in Form().told_shares
    assert Form(is_full=True).told_shares == ""


def test_a_run_rewrites_only_the_marked_part_of_the_readme(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    table = Table("Locating", ("workload", "seconds"), (("A", "0.1 s"),))
    other = Table("Planning", ("size", "seconds"), (("100", "2 s"),))
    counted = Figure("requests", 2, "", 1, at_most=True, counted=True)
    figures = (Figure("times faster", 81.4, "x", 80), counted)

    page = tmp_path / "page.md"
    write_readme(Report((table, other), figures, "2026-11-25, 2 cores"), readme, page)

    text = readme.read_text()
    assert text.startswith(f"before\n{MARKS[0]}\nMeasured on 2026-11-25, 2 cores:")
    assert "| A | 0.1 s |" in text
    assert "| times faster | 81.4x | at least 80x | met |" in text
    assert "0 of 1 counts are met too" in text.lower()
    assert "Planning" not in text
    assert "| requests | 2 | at most 1 | MISSED |" in page.read_text()
    assert "| 100 | 2 s |" in page.read_text()
    assert text.endswith(f"{MARKS[1]}\nafter\n")
    assert "old" not in text


def test_only_a_missed_count_fails_a_run() -> None:
    slow = Figure("times faster", 3, "x", 80)
    wasteful = Figure("requests", 3, "x", 1.5, at_most=True, counted=True)

    assert Report((), (slow,)).missed_counts == []
    assert Report((), (slow, wasteful)).missed_counts == [wasteful]
