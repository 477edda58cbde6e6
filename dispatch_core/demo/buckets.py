"""The demo's buckets, listed as S3 lists them.

`page_of` is the whole of ListObjectsV2 over keys that are already sorted; it takes
them from a `Seek`, so that nobody has to hold them all. `DemoLister` makes the keys
of an asset when a page reaches it.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from dispatch_core.demo.catalogue import DemoCatalogue, split_location
from dispatch_core.demo.trees import size_of, written_at
from dispatch_core.errors import AccessDenied, Issue, NoSuchBucket
from dispatch_core.sources.paging import page_of
from dispatch_core.sources.protocols import ListPage, StoredObject
from dispatch_core.types import Record


class DemoLister:
    """An `ObjectLister` over the buckets of a `DemoCatalogue`."""

    def __init__(self, catalogue: DemoCatalogue) -> None:
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._shelves: dict[str, _Shelf] = {}

    def __reduce__(self) -> tuple[type[DemoLister], tuple[DemoCatalogue]]:
        return DemoLister, (self._catalogue,)

    @property
    def label(self) -> str:
        """What it is, for a person."""
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
        shelf = self._shelf(bucket)
        page = page_of(
            lambda floor: shelf.seek(floor, prefix),
            prefix,
            delimiter=delimiter,
            start_after=start_after,
            token=token,
        )
        return replace(page, read=lambda index: shelf.read(page.keys[index]))

    def _check(self, bucket: str) -> None:
        if bucket not in self._catalogue.buckets:
            action = "Correct the location in the record, or exclude the asset"
            raise NoSuchBucket(Issue("the bucket does not exist", f"s3://{bucket}", action))
        if bucket in self._catalogue.denied_buckets:
            action = "Ask the bucket's owner for access"
            raise AccessDenied(Issue("listing is denied", f"s3://{bucket}", action))

    def _shelf(self, bucket: str) -> _Shelf:
        with self._lock:
            if not self._shelves:
                self._shelves = _shelves_of(self._catalogue)
        return self._shelves[bucket]


class _Shelf:
    """The assets of one bucket by the first part of their prefix.

    No first part with its slash starts another, so keys in the order of these
    heads are keys in order.
    """

    def __init__(self, catalogue: DemoCatalogue, records: dict[str, list[Record]]) -> None:
        self._catalogue = catalogue
        self._heads = sorted(records)
        self._records = [records[head] for head in self._heads]
        # one listing with a delimiter seeks several times within an asset
        self._keys = lru_cache(maxsize=64)(self._make_keys)

    def seek(self, floor: str, prefix: str) -> Iterator[StoredObject]:
        """Bare keys that may start with `prefix`, ascending, from the first not before `floor`."""
        first = max(bisect_right(self._heads, floor) - 1, 0)
        for position in range(first, len(self._heads)):
            head = self._heads[position]
            if head.startswith(prefix) or prefix.startswith(head):
                keys = self._keys(position)
                start = bisect_left(keys, floor) if position == first else 0
                yield from map(StoredObject, keys[start:])
            elif head > prefix:
                return

    def read(self, key: str) -> StoredObject:
        """The object of a key, with its size and time."""
        placed = self._placed(bisect_right(self._heads, key) - 1)
        around = [(place, record) for place, record in placed if key.startswith(f"{place}/")]
        place, record = max(around, key=lambda pair: len(pair[0]))
        path = key[len(place) + 1 :]
        return StoredObject(key, size_of(path), written_at(record)(path))

    def _make_keys(self, position: int) -> list[str]:
        keys_of = self._catalogue.keys_of
        placed = self._placed(position)
        return sorted({f"{place}/{key}" for place, record in placed for key in keys_of(record)})

    def _placed(self, position: int) -> Iterator[tuple[str, Record]]:
        for record in self._records[position]:
            location = split_location(record["location"])
            assert location is not None, "only records with a location are on a shelf"
            yield location[1], record


def _shelves_of(catalogue: DemoCatalogue) -> dict[str, _Shelf]:
    heads: dict[str, dict[str, list[Record]]] = {bucket: {} for bucket in catalogue.buckets}
    for record in catalogue.records:
        bucket, prefix = split_location(record.get("location")) or ("", "")
        if bucket in heads:
            head = f"{prefix.partition('/')[0]}/"
            heads[bucket].setdefault(head, []).append(record)
    return {bucket: _Shelf(catalogue, records) for bucket, records in heads.items()}
