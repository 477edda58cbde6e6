"""The results of the demo: what two generated wrappers recorded about assets of the catalogue.

A record is as a wrapper writes it: the name is the digest of its ``code``. For most assets
there is one by the current version; some are by an earlier one, or by another wrapper.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from pydantic_core import to_json

from dispatch_core.demo.catalogue import DemoCatalogue
from dispatch_core.types import Record

DATABASE, COLLECTION = "analysis", "demo"
MOST_RESULTS = 600

_FIRST_END = datetime(2026, 9, 1, 8)


class _Wrapper(NamedTuple):
    """A wrapper and version, the values of its panel, and the share of assets it processed."""

    url: str
    name: str
    version: str
    panel: dict[str, str]
    each: int


_UNITS = "https://codeocean.example/capsule/1111111"
_WRAPPERS = (
    _Wrapper(_UNITS, "demo-unit-quality", "3.0", {"dry run": "0"}, 2),
    _Wrapper(_UNITS, "demo-unit-quality", "2.0", {"dry run": "0"}, 5),
    _Wrapper("https://codeocean.example/capsule/2222222", "demo-spectra", "1.0", {}, 7),
)


@lru_cache(maxsize=2)
def demo_results(catalogue: DemoCatalogue) -> tuple[Record, ...]:
    """At most 600 results on the derived assets of the catalogue, without files and parameters."""
    return tuple(islice(_results(catalogue), MOST_RESULTS))


def _results(catalogue: DemoCatalogue) -> Iterator[Record]:
    locations = [
        one["location"]
        for one in catalogue.records
        if str(one.get("location") or "").startswith("s3://") and _is_derived(one)
    ]
    for number, location in enumerate(dict.fromkeys(locations)):
        for wrapper in _WRAPPERS:
            if number % wrapper.each == 0:
                yield _result(wrapper, location, number)


def _is_derived(record: Record) -> bool:
    description = record.get("data_description")
    return isinstance(description, dict) and description.get("data_level") == "derived"


def _result(wrapper: _Wrapper, location: str, number: int) -> Record:
    code = _code(wrapper, location)
    name = hashlib.sha256(to_json(code)).hexdigest()
    ended = _FIRST_END + timedelta(minutes=17 * number)
    process = {
        "object_type": "Data process",
        "code": code,
        "end_date_time": f"{ended.isoformat()}Z",
    }
    return {
        "_id": name,
        "name": name,
        "location": f"s3://demo-analysis-results/{name}",
        "processing": {"object_type": "Processing", "data_processes": [process]},
    }


def _code(wrapper: _Wrapper, location: str) -> dict[str, Any]:
    return {
        "object_type": "Code",
        "url": wrapper.url,
        "name": wrapper.name,
        "version": wrapper.version,
        "commit_hash": None,
        "container": None,
        "run_script": "code/run",
        "language": None,
        "language_version": None,
        "input_data": [{"object_type": "Data asset", "name": None, "url": location}],
        "parameters": wrapper.panel,
        "core_dependency": None,
    }
