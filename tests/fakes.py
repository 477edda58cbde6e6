"""Small fakes for both kinds of sources: a list of records, and buckets as lists of keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dispatch_core.errors import AccessDenied, AnswerTooLarge, Issue, NoSuchBucket
from dispatch_core.job_model import Job, JobSet, canonical_text, make_jobs
from dispatch_core.language.aggregate import run_pipeline
from dispatch_core.language.match import compile_filter
from dispatch_core.language.projection import project_record
from dispatch_core.sources.protocols import ListPage, StoredObject
from dispatch_core.types import DataAsset, Filter, LocatedAsset, Pipeline, Record


def record(name: str, /, *, ids: Iterable[str] = (), **fields: Any) -> Record:
    """Return a v1 record ``r-NAME`` whose location is ``s3://data/NAME``."""
    return {
        "_id": f"r-{name}",
        "name": name,
        "location": f"s3://data/{name}",
        "external_links": {"Code Ocean": list(ids)},
        **fields,
    }


def record_v2(name: str, /, *, ids: Iterable[str] = (), **fields: Any) -> Record:
    """Return the v2 record of the same asset: another ``_id``, the same location."""
    links = {"Code Ocean": list(ids)}
    v2 = {**record(name), "_id": f"v2-{name}", "other_identifiers": links, **fields}
    return {key: value for key, value in v2.items() if key != "external_links"}


def asset(name: str, /, **fields: Any) -> DataAsset:
    """Return the asset of ``record(name)``; `fields` are its other top-level fields."""
    return DataAsset(f"r-{name}", name, f"s3://data/{name}", fields=fields)


def make_job(
    assets: tuple[LocatedAsset, ...],
    parameters: Mapping[str, Any] | None,
    group_metadata: Mapping[str, Any] | None,
) -> Job:
    """One job with its name."""
    one = JobSet(parameters, parameters, canonical_text(parameters))
    return next(make_jobs(assets, [one], group_metadata))


@dataclass
class Records:
    """A `MetadataSource` over a list, by brute force.

    A page has at most ``short`` records, whatever the limit, because the gateway also
    sends short pages. A limit above ``most`` raises `AnswerTooLarge`. ``before_page`` is
    called with the number of each page and may change the list.
    """

    records: list[Record]
    short: int = 1_000_000
    most: int = 1_000_000
    before_page: Callable[[int], None] = lambda number: None
    label: str = "records in memory"
    pages: int = 0
    limits: list[int] = field(default_factory=list)

    def find_page(
        self, filter_query: Filter, projection: Mapping[str, Any], limit: int
    ) -> list[Record]:
        self.limits.append(limit)
        if limit > self.most:
            raise AnswerTooLarge(f"more than {self.most} records")
        self.before_page(self.pages)
        self.pages += 1
        matches = compile_filter(filter_query)
        found = sorted(filter(matches, self.records), key=lambda one: one["_id"])
        return [project_record(one, dict(projection)) for one in found[: min(limit, self.short)]]

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        return run_pipeline(json.loads(json.dumps(self.records)), pipeline)

    def count(self, filter_query: Filter) -> int:
        return sum(map(compile_filter(filter_query), self.records))


class Buckets:
    """An `ObjectLister` over bucket -> keys, by brute force.

    A ``denied`` prefix cannot be listed, nor can a prefix that contains a denied one. An
    object has 7 bytes unless ``sizes`` says otherwise.
    """

    label = "buckets in memory"

    def __init__(
        self,
        keys: Mapping[str, Iterable[str]] | None = None,
        denied: Iterable[str] = (),
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self.keys = {bucket: sorted(held) for bucket, held in (keys or {}).items()}
        self.denied = tuple(denied)
        self.sizes = sizes or {}
        self.requests = 0

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
    ) -> ListPage:
        self.requests += 1
        asked = f"{bucket}/{prefix}"
        if any(asked.startswith(place) or place.startswith(asked) for place in self.denied):
            raise AccessDenied(Issue("access denied", f"s3://{bucket}/{prefix}", "Ask for access"))
        if bucket not in self.keys:
            raise NoSuchBucket(Issue("no such bucket", bucket, "Correct the location"))
        after = token or start_after
        held = [key for key in self.keys[bucket] if key.startswith(prefix) and key > after]
        rolled = dict.fromkeys(cut(key, prefix, delimiter) for key in held)
        prefixes = [entry for entry in rolled if delimiter and entry.endswith(delimiter)]
        objects = [
            StoredObject(entry, self.sizes.get(entry, 7))
            for entry in rolled
            if entry not in prefixes
        ]
        return ListPage.of(objects, prefixes)


def cut(key: str, prefix: str, delimiter: str) -> str:
    """Return `key` up to and including the first `delimiter` after `prefix`."""
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return key if end < 0 else key[: end + len(delimiter)]
