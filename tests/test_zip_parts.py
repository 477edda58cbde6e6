"""The zip as a stream of parts: its bytes, what is held meanwhile, its size beforehand."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from dispatch_core.dispatch import plan_dispatch
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.output.stream import JobFile
from dispatch_core.output.zip import PART, write_zip, zip_parts
from dispatch_core.output.zip_size import zip_size
from dispatch_core.request import make_request
from tests.fakes import Buckets, Records, record


def job_files(jobs: int, workers: int = 3) -> Iterator[JobFile]:
    """Files of different lengths, with names as long as those of jobs."""
    for worker in range(workers):
        for number in range(worker, jobs, workers):
            content = {"number": number, "text": "é" * (number % 200)}
            yield f"{worker}/{number:036}.json", json.dumps(content).encode()


def zipped(files: Iterator[JobFile]) -> bytes:
    destination = io.BytesIO()
    write_zip(files, destination)
    return destination.getvalue()


def planned(assets: int, **fields: Any) -> DispatchPlan:
    source = Records([record(f"asset-{number:05}") for number in range(assets)])
    return plan_dispatch(make_request(query={}, **fields), source, Buckets())


@pytest.mark.parametrize("size", [1, 100, 5_000, PART, 1 << 30])
def test_the_parts_are_the_zip_byte_for_byte(size: int) -> None:
    parts = list(zip_parts(job_files(500), size))

    assert b"".join(parts) == zipped(job_files(500))
    assert all(0 < len(part) < size + 1_000 for part in parts)


def test_the_zip_is_what_pythons_own_module_makes() -> None:
    destination = io.BytesIO()
    with zipfile.ZipFile(destination, "w") as archive:
        for path, content in job_files(70):
            entry = zipfile.ZipInfo(path)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)

    assert zipped(job_files(70)) == destination.getvalue()


def test_a_part_is_made_when_it_is_read() -> None:
    read: list[str] = []

    def noted() -> Iterator[JobFile]:
        for path, content in job_files(10_000):
            read.append(path)
            yield path, content

    parts = zip_parts(noted())
    before = len(read)
    first = next(parts)
    after = len(read)

    assert before == 0
    assert PART <= len(first) < PART + 1_000
    assert len(first) // 200 < after < len(first) // 100  # its own jobs, of 100 to 200 bytes


def test_a_stream_that_is_closed_early_ends_what_makes_it() -> None:
    ended: list[bool] = []

    def noted() -> Iterator[JobFile]:
        try:
            yield from job_files(10_000)
        finally:
            ended.append(True)

    parts = zip_parts(noted())
    next(parts)
    parts.close()

    assert ended == [True]


def test_the_zip_is_never_whole_in_memory() -> None:
    jobs = 20_000
    tracemalloc.start()
    try:
        size = sum(map(len, zip_parts(job_files(jobs))))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size > 4_000_000
    assert peak < jobs * 250 + 4 * PART  # the names of all jobs twice, and some parts


@pytest.mark.parametrize("jobs", [1, 499, 500])
def test_the_size_of_a_small_zip_is_exact(jobs: int) -> None:
    plan = planned(jobs)

    size = zip_size(plan)

    assert size.is_exact
    assert size.packed == len(zipped(plan.files()))
    assert size.unpacked == sum(len(content) for _, content in plan.files())


def test_the_size_of_a_large_zip_is_estimated_from_jobs_all_over_the_plan() -> None:
    sets = [{"text": "a" * (300 * number)} for number in range(10)]
    plan = planned(250, parameters={"distributed_parameters": sets})

    size = zip_size(plan)

    assert not size.is_exact
    assert size.packed == pytest.approx(len(zipped(plan.files())), rel=0.02)
    assert str(size).startswith("a zip of about ")
