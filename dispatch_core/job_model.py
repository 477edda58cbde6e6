"""The job model: one job as the JSON that an analysis wrapper reads.

Both formats carry the same keys; only the shape of ``distributed_parameters``
differs: a list of one object in ``seed``, the object itself in ``pipeline``. The fixed
parameters are in it, or apart from it in ``analysis_code``.
The name of a job is a UUID of its content, so the same job always has the same
name, independent of the format, of the place of the fixed parameters and of the query
that found its assets.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple, get_args

from dispatch_core.types import JobFormat, LocatedAsset

JOB_FORMATS: tuple[JobFormat, ...] = get_args(JobFormat)

NAMESPACE = uuid.UUID("6f1d3f0e-6a55-5b0f-9c5e-2b1d8a4f7c30")
MAX_QUERY_TEXT = 16_384
"""The longest query, in characters, that each job contains in full; 20,000 jobs of a
query with 20,000 ids would otherwise take 16 GB."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job: its assets, each with the files of this job, and one parameter set.

    ``parameters`` has the fixed values too, and ``distributed`` has not; both are None if
    the request has no parameters.
    """

    name: str
    assets: tuple[LocatedAsset, ...]
    parameters: Mapping[str, Any] | None = None
    group_metadata: Mapping[str, Any] | None = None
    distributed: Mapping[str, Any] | None = None


class JobSet(NamedTuple):
    """The parameters of a job, without the fixed ones, and the canonical text of all."""

    parameters: Mapping[str, Any] | None
    distributed: Mapping[str, Any] | None
    text: str


def make_jobs(
    assets: tuple[LocatedAsset, ...],
    sets: Iterable[JobSet],
    group_metadata: Mapping[str, Any] | None,
) -> Iterator[Job]:
    """A job for each parameter set.

    The name is ``uuid5`` of the canonical text of the job's content. The part that the
    jobs of one input share is encoded and hashed only once.
    """
    before, after = _canonical_parts(assets, group_metadata)
    begun = hashlib.sha1(NAMESPACE.bytes + before.encode(), usedforsecurity=False)
    for one in sets:
        digest = begun.copy()
        digest.update(f"{one.text}{after}".encode())
        name = str(uuid.UUID(bytes=digest.digest()[:16], version=5))
        yield Job(name, assets, one.parameters, group_metadata, one.distributed)


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


def document_name(document: Mapping[str, Any], parameters: Any) -> str | None:
    """The name of the job that a job file contains, with its merged `parameters`.

    None if the file lacks a key that the name covers.
    """
    if not document.keys() >= _NAMED_KEYS:
        return None
    named: dict[str, Any] = {key: document[key] for key in _NAMED_KEYS}
    if "group_metadata" in document:
        named["group_metadata"] = document["group_metadata"]
    return str(
        uuid.uuid5(NAMESPACE, canonical_text({**named, "distributed_parameters": parameters}))
    )


_NAMED_KEYS = frozenset(
    ("asset_id", "asset_name", "docdb_record_id", "file_location", "s3_location")
)
"""Keys of a job file that its name covers, beside the parameters and the values of a group."""


def _array(texts: Iterable[str]) -> str:
    return f"[{','.join(map(encode_basestring_ascii, texts))}]"


def written_parameters(
    job: Job, job_format: JobFormat, code_parameters: Mapping[str, Any] | None
) -> Any:
    """The value of ``distributed_parameters`` in the job file."""
    parameters = job.parameters if code_parameters is None else job.distributed
    return [parameters] if job_format == "seed" and parameters is not None else parameters


def analysis_code(code_parameters: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The value of ``analysis_code`` in the job file; None if the file has no such key.

    The wrapper reads only its parameters, but requires a ``url``.
    """
    return {"url": "", "parameters": code_parameters} if code_parameters else None


def job_document(
    job: Job,
    job_format: JobFormat,
    query: str | None = None,
    code_parameters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The job as a JSON object, with its keys in the order of the seed format.

    ``code_parameters`` are those of ``analysis_code``: the fixed parameters, which are then
    not repeated in ``distributed_parameters``. None means that both are merged.
    """
    document = _common(job.assets, written_parameters(job, job_format, code_parameters))
    if job.group_metadata is not None:
        document["group_metadata"] = job.group_metadata
    if query is not None:
        document["query"] = query
    code = analysis_code(code_parameters)
    return document if code is None else {**document, "analysis_code": code}


def job_bytes(
    job: Job,
    job_format: JobFormat,
    query: str | None = None,
    code_parameters: Mapping[str, Any] | None = None,
) -> bytes:
    """The job file: UTF-8, indented by four, one newline at the end.

    This defines the bytes; `JobTexts` makes the same ones faster for many jobs.
    """
    document = job_document(job, job_format, query, code_parameters)
    text = json.dumps(document, indent=4, ensure_ascii=False)
    # a lone surrogate, which a record may contain, becomes its JSON escape
    return text.encode(errors="backslashreplace") + b"\n"


def query_for_jobs(text: str) -> str:
    """`text` if it is short enough for every job, otherwise its digest."""
    if len(text) <= MAX_QUERY_TEXT:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"sha256:{digest} ({len(text):,} characters; the dispatch record holds the query)"


def _common(assets: tuple[LocatedAsset, ...], parameters: Any) -> dict[str, Any]:
    files = [file.location for one in assets for file in one.files or ()]
    return {
        "s3_location": [one.asset.location for one in assets],
        "asset_id": [one.asset.asset_id for one in assets],
        "asset_name": [one.asset.name for one in assets],
        "docdb_record_id": [one.asset.record_id for one in assets],
        "file_location": None if all(one.files is None for one in assets) else files,
        "distributed_parameters": parameters,
    }


READERS: Mapping[str, type] = {
    "the seed's AnalysisDispatchModel": list,
    "analysis-pipeline-utils 0.2 (aind-analysis-wrapper)": dict,
}
"""Reader -> the type in which it takes ``distributed_parameters``.

Every job has the other keys that they require; the tests run the real readers.
"""


def accepting_readers(document: Mapping[str, Any]) -> list[str]:
    """The readers that accept a job document; all of them if it has no parameters."""
    parameters = document["distributed_parameters"]
    return [
        name for name, kind in READERS.items() if parameters is None or isinstance(parameters, kind)
    ]
