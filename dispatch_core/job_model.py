"""The job model: one job as the JSON that an analysis wrapper reads.

Both formats carry the same keys; only the shape of ``distributed_parameters``
differs: a list of one object in ``seed``, the object itself in ``pipeline``.
The name of a job is a UUID of what it is to do, so the same job always has the
same name, whatever the format and whichever query found its assets.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from dispatch_core.types import JobFormat, LocatedAsset

JOB_FORMATS: tuple[JobFormat, ...] = get_args(JobFormat)

NAMESPACE = uuid.UUID("6f1d3f0e-6a55-5b0f-9c5e-2b1d8a4f7c30")
MAX_QUERY_TEXT = 16_384
"""Characters of a query that each job carries whole; 20,000 jobs of a query with
20,000 ids would otherwise be 16 GB."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job: its assets, each with the files of this job, and one parameter set.

    ``parameters`` is None where the request has none.
    """

    name: str
    assets: tuple[LocatedAsset, ...]
    parameters: Mapping[str, Any] | None = None
    group_metadata: Mapping[str, Any] | None = None


def make_job(
    assets: tuple[LocatedAsset, ...],
    parameters: Mapping[str, Any] | None,
    group_metadata: Mapping[str, Any] | None,
) -> Job:
    """A job with its name; see `make_jobs`."""
    return next(make_jobs(assets, [(parameters, canonical_text(parameters))], group_metadata))


def make_jobs(
    assets: tuple[LocatedAsset, ...],
    sets: Iterable[tuple[Mapping[str, Any] | None, str]],
    group_metadata: Mapping[str, Any] | None,
) -> Iterator[Job]:
    """A job for each parameter set, which comes with its canonical text.

    The name is ``uuid5`` of the canonical text of all that the job is to do; what the
    jobs of one input share is encoded and hashed once.
    """
    before, after = _canonical_parts(assets, group_metadata)
    begun = hashlib.sha1(NAMESPACE.bytes + before.encode(), usedforsecurity=False)
    for parameters, text in sets:
        digest = begun.copy()
        digest.update(f"{text}{after}".encode())
        name = str(uuid.UUID(bytes=digest.digest()[:16], version=5))
        yield Job(name, assets, parameters, group_metadata)


canonical_text = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
"""JSON with sorted keys and no spaces: the same for equal values."""


def _canonical_parts(
    assets: tuple[LocatedAsset, ...], group_metadata: Mapping[str, Any] | None
) -> tuple[str, str]:
    """The canonical text of a job before and after the value of its parameters."""
    files = "null"
    if any(one.files is not None for one in assets):
        files = _array(file.location for one in assets for file in one.files or ())
    group = ""
    if group_metadata is not None:
        group = f'"group_metadata":{canonical_text(group_metadata)},'
    before = (
        f'{{"asset_id":{_array(one.asset.asset_id for one in assets)},'
        f'"asset_name":{_array(one.asset.name for one in assets)},"distributed_parameters":'
    )
    after = (
        f',"docdb_record_id":{_array(one.asset.record_id for one in assets)},'
        f'"file_location":{files},{group}'
        f'"s3_location":{_array(one.asset.location for one in assets)}}}'
    )
    return before, after


def _array(texts: Iterable[str]) -> str:
    return f"[{','.join(map(encode_basestring_ascii, texts))}]"


def job_document(job: Job, job_format: JobFormat, query: str | None = None) -> dict[str, Any]:
    """The job as a JSON object, keys in the order in which the seed prints them."""
    document = _common(job.assets, job.parameters)
    if job_format == "seed" and job.parameters is not None:
        document["distributed_parameters"] = [job.parameters]
    if job.group_metadata is not None:
        document["group_metadata"] = job.group_metadata
    if query is not None:
        document["query"] = query
    return document


def job_bytes(job: Job, job_format: JobFormat, query: str | None = None) -> bytes:
    """The job file: UTF-8, indented by four, one newline at the end.

    This says what the bytes are; `JobTexts` gives the same for many jobs quickly.
    """
    text = json.dumps(job_document(job, job_format, query), indent=4, ensure_ascii=False)
    # half a surrogate pair, which a record may hold, becomes its JSON escape
    return text.encode(errors="backslashreplace") + b"\n"


def query_for_jobs(text: str) -> str:
    """`text` where it is short enough to stand in every job, else what identifies it."""
    if len(text) <= MAX_QUERY_TEXT:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"sha256:{digest} ({len(text):,} characters; the dispatch record holds the query)"


def _common(
    assets: tuple[LocatedAsset, ...], parameters: Mapping[str, Any] | None
) -> dict[str, Any]:
    files = [file.location for one in assets for file in one.files or ()]
    return {
        "s3_location": [one.asset.location for one in assets],
        "asset_id": [one.asset.asset_id for one in assets],
        "asset_name": [one.asset.name for one in assets],
        "docdb_record_id": [one.asset.record_id for one in assets],
        "file_location": None if all(one.files is None for one in assets) else files,
        "distributed_parameters": parameters,
    }


class SeedReader(BaseModel):
    """What the seed's `AnalysisDispatchModel` requires; it ignores other keys."""

    s3_location: list[str]
    asset_id: list[str]
    asset_name: list[str]
    file_location: list[str] | None = None
    distributed_parameters: list[dict[str, Any]] | None = None


class PipelineReader(BaseModel):
    """What analysis-pipeline-utils 0.2 requires; it ignores other keys."""

    s3_location: list[str]
    asset_name: list[str]
    docdb_record_id: list[str]
    file_location: list[str] | None = None
    distributed_parameters: dict[str, Any] | None = None
    group_metadata: dict[str, Any] | None = None
    query: str | None = None


READERS: dict[str, type[BaseModel]] = {
    "the seed's AnalysisDispatchModel": SeedReader,
    "analysis-pipeline-utils 0.2 (aind-analysis-wrapper)": PipelineReader,
}


def refusing_readers(document: Mapping[str, Any]) -> dict[str, str]:
    """Reader -> why it refuses this job; empty where all accept it."""
    refusals: dict[str, str] = {}
    for name, reader in READERS.items():
        try:
            reader.model_validate(document)
        except ValidationError as error:
            first = error.errors()[0]
            refusals[name] = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return refusals


def refusals_of(
    jobs: Iterable[Job], job_format: JobFormat, query: str | None = None
) -> dict[str, str]:
    """Reader -> why it refuses one of these jobs; empty where all accept every job.

    A reader looks at which values are there and of which type, and jobs of one shape are
    alike in both: one of each is validated, at most eight, however many jobs there are.
    """
    shapes = {_shape(job): job for job in jobs}
    refusals: dict[str, str] = {}
    for job in shapes.values():
        refusals = refusing_readers(job_document(job, job_format, query)) | refusals
    return refusals


def _shape(job: Job) -> tuple[bool, ...]:
    has_files = any(one.files is not None for one in job.assets)
    return has_files, job.parameters is not None, job.group_metadata is not None
