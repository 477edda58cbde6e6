"""Records of results, written field by field as the wrapper writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import to_json

from dispatch_core.types import Record

URL = "https://codeocean.example/capsule/123"
FRAME = {"url": URL, "name": "wrapper", "version": "3.0"}


def code_of(
    inputs: Iterable[str], parameters: Mapping[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """Return the ``code`` of a record, as schema 2.8 writes it."""
    assets = [{"object_type": "Data asset", "name": None, "url": url} for url in inputs]
    return {
        "object_type": "Code",
        **FRAME,
        "commit_hash": None,
        "container": None,
        "run_script": "code/run",
        "language": None,
        "language_version": None,
        "input_data": assets,
        "parameters": parameters or {},
        "core_dependency": None,
    } | changes


def result_of(code: dict[str, Any], ended: str = "2026-11-02T10:00:00Z") -> Record:
    """Return the record of a run of `code`; its name is the digest of the code."""
    name = hashlib.sha256(to_json(code)).hexdigest()
    return {
        "_id": name,
        "name": name,
        "location": f"s3://results/{name}",
        "processing": {"data_processes": [{"code": code, "end_date_time": ended}]},
    }


def result(*inputs: str, **more: Any) -> Record:
    """Return the record of a run on these inputs; `more` goes to `code_of`."""
    return result_of(code_of(inputs, **more))
