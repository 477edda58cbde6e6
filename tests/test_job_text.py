"""Jobs written quickly are, byte for byte and name for name, what the model says."""

from __future__ import annotations

import json
import tracemalloc
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.dispatch import plan_dispatch
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.job_model import (
    JOB_FORMATS,
    NAMESPACE,
    Job,
    job_bytes,
    job_document,
)
from dispatch_core.job_text import JobTexts
from dispatch_core.request import make_request
from dispatch_core.types import DataAsset, FileEntry, JobFormat, LocatedAsset
from tests.fakes import Buckets, Records, make_job, record

TEXT = st.text(max_size=6) | st.sampled_from(["a\n    b", '"', "\\", "\u2028", "é🐭", "\x00", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ASSETS = st.builds(DataAsset, TEXT, TEXT, TEXT, st.lists(TEXT, max_size=2).map(tuple))
FILES = st.none() | st.lists(st.builds(FileEntry, TEXT), max_size=3).map(tuple)
LOCATED = st.lists(st.builds(LocatedAsset, ASSETS, FILES), min_size=1, max_size=3).map(tuple)
OBJECTS = st.none() | st.dictionaries(TEXT, JSON, max_size=3)


@given(st.lists(st.tuples(LOCATED, OBJECTS, OBJECTS), max_size=4), st.none() | TEXT, OBJECTS)
def test_the_text_of_a_job_is_that_of_its_document(
    parts: list[Any], query: str | None, code: dict[str, Any] | None
) -> None:
    jobs = [make_job(*one) for one in parts]

    for job_format in JOB_FORMATS:
        texts = JobTexts(job_format, query, code)

        assert [texts.bytes_of(one) for one in [*jobs, *jobs]] == [
            job_bytes(one, job_format, query, code) for one in [*jobs, *jobs]
        ]


@given(LOCATED, OBJECTS, OBJECTS)
def test_the_name_of_a_job_is_the_uuid5_of_its_canonical_content(
    assets: tuple[LocatedAsset, ...], parameters: Any, metadata: Any
) -> None:
    job = make_job(assets, parameters, metadata)
    content = job_document(job, "pipeline")

    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))

    assert job.name == str(uuid.uuid5(NAMESPACE, canonical))


def planned(job_format: JobFormat, **fields: Any) -> DispatchPlan:
    """60 assets with a file, 4 parameter sets, and an odd asset among them."""
    records = [
        record(f"a{number:02}", ids=[f"id-{number}"], lab=number % 7) for number in range(60)
    ]
    records.append(record("odd é\ud800\n", location="s3://data/odd", lab=None))
    keys = [f"a{number:02}/{name}.nwb" for number in range(60) for name in "xy"]
    parameters = {
        "fixed_parameters": {"name": "drift", "free": {"a key": [[1, "x"], []]}},
        "distributed_parameters": [{"cutoff": cutoff} for cutoff in (0.1, 1, None, "é")],
    }
    request = make_request(
        query={"_id": {"$ne": ""}}, parameters=parameters, job_format=job_format, **fields
    )
    return plan_dispatch(request, Records(records), Buckets({"data": keys}))


@pytest.mark.parametrize("job_format", JOB_FORMATS)
@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"file_extension": ".nwb"}, 480),
        ({"file_extension": ".nwb", "several_files": "together"}, 240),
        ({"group_by": ("lab",)}, 28),
        ({}, 244),
    ],
)
def test_every_file_of_a_dispatch_is_read_back_as_the_document_of_its_job(
    job_format: JobFormat, fields: dict[str, Any], count: int
) -> None:
    plan = planned(job_format, **fields)

    written = dict(plan.files())

    assert len(written) == count
    for number, worker in enumerate(plan.workers):
        for job in (plan.jobs[index] for index in worker):
            content = written.pop(f"{number}/{job.name}.json")
            document = job_document(job, job_format, plan.query_text, plan.code_parameters)
            assert content == job_bytes(job, job_format, plan.query_text, plan.code_parameters)
            assert json.loads(content) == document
    assert written == {}


def test_shared_parts_are_distinguished_by_their_value_and_not_by_their_position() -> None:
    one, other = (LocatedAsset(DataAsset(name, name, f"s3://b/{name}")) for name in "ab")
    texts = JobTexts("seed", None)
    jobs = [Job("x", (asset,), {"p": number}) for asset in (one, other, one) for number in (1, 2)]

    documents = [json.loads(texts.bytes_of(job)) for job in jobs]

    assert [(d["asset_name"], d["distributed_parameters"]) for d in documents] == [
        ([name], [{"p": number}]) for name in "aba" for number in (1, 2)
    ]


def test_sets_that_do_not_fit_in_the_cache_are_written_too() -> None:
    jobs = planned("seed", file_extension=".nwb").jobs
    texts = JobTexts("seed", None, most_held=50)

    assert [texts.bytes_of(job) for job in jobs] == [job_bytes(job, "seed") for job in jobs]


def test_files_are_made_one_at_a_time_on_demand() -> None:
    plan = planned("seed", file_extension=".nwb", num_parallel_workers=1)
    total = sum(len(content) for _, content in plan.files())

    tracemalloc.start()
    for _ in plan.files():
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert total > 250_000
    assert peak < 50_000
