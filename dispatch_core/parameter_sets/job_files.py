"""Job files that are given as parameters: recognised, and the sets inside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dispatch_core.types import JsonValue

_PLACE = "s3_location"
_NAMES = frozenset(("asset_id", "asset_name", "docdb_record_id"))


def is_job(document: JsonValue) -> bool:
    """Whether `document` is the content of a job file, or a list of such."""
    if isinstance(document, list):
        return bool(document) and all(isinstance(one, dict) and is_job(one) for one in document)
    return isinstance(document, dict) and _PLACE in document and not _NAMES.isdisjoint(document)


def sets_of_jobs(document: JsonValue) -> list[dict[str, Any]]:
    """The distinct parameter sets of jobs of either format, in order; fixed ones are merged in."""
    jobs = document if isinstance(document, list) else [document]
    found = {json.dumps(one, sort_keys=True): one for job in jobs for one in _sets(job)}
    return list(found.values())


def _sets(job: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    code = job.get("analysis_code")
    fixed = code.get("parameters") if isinstance(code, dict) else None
    under = fixed if isinstance(fixed, dict) else {}
    own = job.get("distributed_parameters")
    listed = own if isinstance(own, list) else [own]
    for one in listed:
        if isinstance(one, dict) or under:
            yield {**under, **(one if isinstance(one, dict) else {})}
