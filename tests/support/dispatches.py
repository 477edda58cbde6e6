"""Small dispatches: of ours, and as another program writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dispatch_core import plan
from dispatch_core.api import Plan
from tests.fakes import Buckets, Records, record

SETS = {"fixed_parameters": {"rate": 1.5}, "distributed_parameters": [{"a": 1}, {"a": 1e5}]}


def planned(**options: Any) -> Plan:
    """Six jobs: three files times two sets."""
    buckets = Buckets({"data": ["a0/1.nwb", "a0/2.nwb", "a1/1.nwb"]})
    options = {"file_extension": ".nwb", "parameters": SETS, **options}
    query = () if "asset_ids" in options else ({},)
    return plan(*query, source=Records([record("a0"), record("a1")]), buckets=buckets, **options)


def document(name: str = "a0", file: str = "1.nwb", **keys: Any) -> dict[str, Any]:
    """The job of one file of one asset, which both readers accept."""
    return {
        "s3_location": [f"s3://data/{name}"],
        "asset_id": [f"id-{name}"],
        "asset_name": [name],
        "docdb_record_id": [f"r-{name}"],
        "file_location": [f"s3://data/{name}/{file}"],
        "distributed_parameters": None,
        **keys,
    }


def fill_folder(folder: Path, files: Mapping[str, Any]) -> Path:
    """`folder` with files by their paths: bytes as they are, anything else as JSON."""
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        is_raw = isinstance(content, bytes)
        file.write_bytes(content if is_raw else json.dumps(content).encode())
    return folder
