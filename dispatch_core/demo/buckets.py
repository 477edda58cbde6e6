"""The buckets of the demo, listed as S3 does.

`DemoLister` generates the keys of an asset only when a page reaches it.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from dispatch_core.demo.catalogue import DemoCatalogue, split_location
from dispatch_core.demo.trees import size_of, written_at
from dispatch_core.errors import AccessDenied, Issue, NoSuchBucket
from dispatch_core.sources.paging import page_of_keys
from dispatch_core.sources.protocols import ListPage, StoredObject
from dispatch_core.sources.turns import TURN
from dispatch_core.types import Record

READY_ASSETS = 5_000
"""Up to this many assets the pages are kept, so that they are made once: about 25 MB."""


class DemoLister:
    """An `ObjectLister` over the buckets of a `DemoCatalogue`."""

    def __init__(self, catalogue: DemoCatalogue) -> None:
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._indexes: dict[str, _BucketIndex] = {}
        kept = 1_024 if catalogue.asset_count <= READY_ASSETS else 0
        self._page = lru_cache(maxsize=kept)(self._make_page)

    def __reduce__(self) -> tuple[type[DemoLister], tuple[DemoCatalogue]]:
        return DemoLister, (self._catalogue,)

    @property
    def label(self) -> str:
        """A one-line description for display."""
        return "demo buckets (generated, no network)"

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
    ) -> ListPage:
        """One page of at most 1,000 entries; see `ObjectLister.list_page`."""
        self._check(bucket)
        return self._page(bucket, prefix, delimiter, start_after, token)

    def _make_page(
        self, bucket: str, prefix: str, delimiter: str, start_after: str, token: str | None
    ) -> ListPage:
        index = self._index(bucket)
        with TURN.taken():
            page = page_of_keys(
                lambda floor: index.pieces(floor, prefix),
                prefix,
                delimiter=delimiter,
                start_after=start_after,
                token=token,
            )
        return replace(page, read=lambda number: index.read(page.keys[number]))

    def _check(self, bucket: str) -> None:
        if bucket not in self._catalogue.buckets:
            action = "Correct the location in the record, or exclude the asset"
            raise NoSuchBucket(Issue("the bucket does not exist", f"s3://{bucket}", action))
        if bucket in self._catalogue.denied_buckets:
            action = "Request access from the bucket's owner"
            raise AccessDenied(Issue("listing is denied", f"s3://{bucket}", action))

    def _index(self, bucket: str) -> _BucketIndex:
        with self._lock:
            if not self._indexes:
                self._indexes = _index_buckets(self._catalogue)
        return self._indexes[bucket]


class _BucketIndex:
    """The assets of one bucket, in the order of the first component of their prefix: the head.

    A head has its slash, so none is the prefix of another one, and sorting the heads also sorts
    the keys. Assets with the same head are neighbours. A head is computed where it is compared:
    to keep those of a hundred thousand assets would take 20 MB.
    """

    def __init__(self, catalogue: DemoCatalogue, records: list[Record]) -> None:
        self._catalogue = catalogue
        self._records = sorted(records, key=_head_of)
        # A listing with a delimiter seeks several times within one asset.
        self._keys = lru_cache(maxsize=64)(self._make_keys)

    def pieces(self, floor: str, prefix: str) -> Iterator[list[str]]:
        """The keys of each head that may start with `prefix`, ascending, from `floor` on."""
        within = self._within(floor)
        while within:
            head = _head_of(self._records[within.start])
            if head.startswith(prefix) or prefix.startswith(head):
                yield self._keys(within)
            elif head > prefix:
                return
            within = self._sharing(within.stop)

    def read(self, key: str) -> StoredObject:
        """The object of a key, with its size and time."""
        pairs = self._records_at(self._within(key))
        around = [(prefix, record) for prefix, record in pairs if key.startswith(f"{prefix}/")]
        prefix, record = max(around, key=lambda pair: len(pair[0]))
        path = key[len(prefix) + 1 :]
        return StoredObject(key, size_of(path), written_at(record)(path))

    def _within(self, key: str) -> range:
        """The assets with the last head that is not after `key`, else those with the first."""
        end = bisect_right(self._records, key, key=_head_of)
        if not end:
            return self._sharing(0)
        first, head = end - 1, _head_of(self._records[end - 1])
        while first and _head_of(self._records[first - 1]) == head:
            first -= 1
        return range(first, end)

    def _sharing(self, first: int) -> range:
        """The assets from `first` on that have its head; none at the end."""
        if first == len(self._records):
            return range(0)
        head, end = _head_of(self._records[first]), first + 1
        while end < len(self._records) and _head_of(self._records[end]) == head:
            end += 1
        return range(first, end)

    def _make_keys(self, within: range) -> list[str]:
        keys_of = self._catalogue.keys_of
        pairs = self._records_at(within)
        return sorted({f"{prefix}/{key}" for prefix, record in pairs for key in keys_of(record)})

    def _records_at(self, within: range) -> Iterator[tuple[str, Record]]:
        for record in self._records[within.start : within.stop]:
            yield _prefix_of(record), record


def _prefix_of(record: Record) -> str:
    location = split_location(record["location"])
    assert location is not None, "the index has only records with a location"
    return location[1]


def _head_of(record: Record) -> str:
    head, _, _ = _prefix_of(record).partition("/")
    return f"{head}/"


def _index_buckets(catalogue: DemoCatalogue) -> dict[str, _BucketIndex]:
    records: dict[str, list[Record]] = {bucket: [] for bucket in catalogue.buckets}
    for record in catalogue.records:
        bucket, _ = split_location(record.get("location")) or ("", "")
        if bucket in records:
            records[bucket].append(record)
    return {bucket: _BucketIndex(catalogue, held) for bucket, held in records.items()}
