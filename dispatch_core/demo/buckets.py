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


class DemoLister:
    """An `ObjectLister` over the buckets of a `DemoCatalogue`."""

    def __init__(self, catalogue: DemoCatalogue) -> None:
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._indexes: dict[str, _BucketIndex] = {}

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
    """The assets of one bucket, indexed by the first component of their prefix.

    A component with its slash is never a prefix of another one, so sorting the
    components also sorts the keys.
    """

    def __init__(self, catalogue: DemoCatalogue, records: dict[str, list[Record]]) -> None:
        self._catalogue = catalogue
        self._heads = sorted(records)
        self._records = [records[head] for head in self._heads]
        # A listing with a delimiter seeks several times within one asset.
        self._keys = lru_cache(maxsize=64)(self._make_keys)

    def pieces(self, floor: str, prefix: str) -> Iterator[list[str]]:
        """The keys of each asset that may start with `prefix`, ascending, from `floor` on."""
        first = max(bisect_right(self._heads, floor) - 1, 0)
        for position in range(first, len(self._heads)):
            head = self._heads[position]
            if head.startswith(prefix) or prefix.startswith(head):
                yield self._keys(position)
            elif head > prefix:
                return

    def read(self, key: str) -> StoredObject:
        """The object of a key, with its size and time."""
        pairs = self._records_at(bisect_right(self._heads, key) - 1)
        around = [(prefix, record) for prefix, record in pairs if key.startswith(f"{prefix}/")]
        prefix, record = max(around, key=lambda pair: len(pair[0]))
        path = key[len(prefix) + 1 :]
        return StoredObject(key, size_of(path), written_at(record)(path))

    def _make_keys(self, position: int) -> list[str]:
        keys_of = self._catalogue.keys_of
        pairs = self._records_at(position)
        return sorted({f"{prefix}/{key}" for prefix, record in pairs for key in keys_of(record)})

    def _records_at(self, position: int) -> Iterator[tuple[str, Record]]:
        for record in self._records[position]:
            location = split_location(record["location"])
            assert location is not None, "the index has only records with a location"
            yield location[1], record


def _index_buckets(catalogue: DemoCatalogue) -> dict[str, _BucketIndex]:
    heads: dict[str, dict[str, list[Record]]] = {bucket: {} for bucket in catalogue.buckets}
    for record in catalogue.records:
        bucket, prefix = split_location(record.get("location")) or ("", "")
        if bucket in heads:
            head = f"{prefix.partition('/')[0]}/"
            heads[bucket].setdefault(head, []).append(record)
    return {bucket: _BucketIndex(catalogue, records) for bucket, records in heads.items()}
