"""Workloads for listing: buckets of any size whose keys are computed, not stored.

A bucket is a sorted sequence of keys. All of its assets have the same tree, so the n-th
key is computed from n, and a million keys need no memory. The expected matches and the
minimum of requests are computed in the same way.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

BUCKET = "bench-data"
PAGE = 1_000
"""The limit of entries in one response, as in S3."""


@dataclass(frozen=True)
class Run:
    """``count`` keys below one directory; with a count of 0, a single key."""

    path: str
    count: int = 0

    def span(self, start: int, stop: int) -> list[str]:
        """Return the keys from number `start` to before number `stop`."""
        if not self.count:
            return [self.path]
        return [f"{self.path}/{number:07}" for number in range(start, stop)]

    @property
    def first(self) -> str:
        return self.span(0, 1)[0]


@dataclass(frozen=True)
class Tree:
    """The keys of one asset, below its prefix; ``runs`` must not overlap."""

    runs: tuple[Run, ...]

    @cached_property
    def sorted_runs(self) -> list[Run]:
        return sorted(self.runs, key=lambda run: run.first)

    @cached_property
    def ends(self) -> list[int]:
        """The number of keys up to and including each run."""
        return list(accumulate(run.count or 1 for run in self.sorted_runs))

    @cached_property
    def size(self) -> int:
        return self.ends[-1]

    def span(self, start: int, stop: int) -> list[str]:
        """Return the keys from number `start` to before number `stop`."""
        keys: list[str] = []
        index = bisect_right(self.ends, start)
        while start < stop:
            run, end = self.sorted_runs[index], self.ends[index]
            first = end - (run.count or 1)
            keys += run.span(start - first, min(stop, end) - first)
            start, index = end, index + 1
        return keys

    def matches(self, extension: str, nested: bool) -> list[str]:
        """Return the paths that end with `extension`, nested ones only if `nested`."""
        found: set[str] = set()
        for run in self.runs:
            # Chunks have no extension, so only the directories of a run can match.
            parts = run.path.split("/")
            paths = ("/".join(parts[: end + 1]) for end in range(len(parts)))
            matching = [path for path in paths if path.endswith(extension)]
            found.update(matching if nested else matching[:1])
        return sorted(found)

    def entries(self, extension: str, nested: bool) -> int:
        """Return the entries in a listing of one asset; a store is one unless `nested`."""
        if nested:
            return self.size
        single, stores = 0, set()
        for run in self.runs:
            at = run.first.find(f"{extension}/")
            if at >= 0:
                stores.add(run.first[:at])
            else:
                single += run.count or 1
        return single + len(stores)


@dataclass(frozen=True)
class Bucket:
    """The sorted keys of ``assets`` assets with the same tree."""

    assets: int
    tree: Tree

    def __len__(self) -> int:
        return self.assets * self.tree.size

    def __getitem__(self, index: int) -> str:
        return self.span(index, index + 1)[0]

    def span(self, start: int, stop: int) -> list[str]:
        """Return the keys from number `start` to before number `stop`."""
        size = self.tree.size
        keys: list[str] = []
        while start < stop:
            asset, inside = divmod(start, size)
            end = min(size, inside + stop - start)
            base = self.name(asset)
            keys += [f"{base}/{key}" for key in self.tree.span(inside, end)]
            start += end - inside
        return keys

    @staticmethod
    def name(asset: int) -> str:
        """Return the prefix of an asset; names sort like their numbers."""
        return f"ecephys_{asset:07}_2025-06-07_14-31-15"


@dataclass(frozen=True)
class Workload:
    """A search for an extension in assets of a bucket.

    It covers every ``every``-th asset; ``nested`` includes matches inside matching stores.
    """

    name: str
    what: str
    bucket: Bucket
    extension: str
    every: int = 1
    nested: bool = False

    @property
    def assets(self) -> range:
        return range(0, self.bucket.assets, self.every)

    @property
    def locations(self) -> list[str]:
        return [f"s3://{BUCKET}/{self.bucket.name(asset)}" for asset in self.assets]

    @property
    def keys(self) -> int:
        """The number of keys below the requested assets."""
        return len(self.assets) * self.bucket.tree.size

    def files(self) -> Iterator[str]:
        """Yield the files that must be found, in order."""
        matches = self.bucket.tree.matches(self.extension, self.nested)
        for location in self.locations:
            yield from (f"{location}/{match}" for match in matches)

    def fewest_requests(self) -> int:
        """Return the minimum of responses with 1,000 entries that cover every asset.

        It assumes that the bucket is known in advance: each response starts at the first
        entry that is needed and not yet listed.
        """
        entries = self.bucket.tree.entries(self.extension, self.nested)
        requests, reached = 0, 0
        for asset in self.assets:
            end = (asset + 1) * entries
            reached = max(reached, asset * entries)
            pages = -(-(end - reached) // PAGE) if end > reached else 0
            requests, reached = requests + pages, reached + pages * PAGE
        return requests

    def sampled(self, share: int) -> Workload:
        """Return the workload reduced to one in `share` of its assets."""
        return replace(self, every=self.every * share)


def _files(count: int, matching: int = 2) -> tuple[Run, ...]:
    """Return `count` files of a recording, of which `matching` end with `.nwb`."""
    return tuple(
        Run(f"session/{number:03}{'.nwb' if number < matching else '.json'}")
        for number in range(count)
    )


def _probe(chunks: int) -> Tree:
    return Tree((*_files(10), Run("ecephys/probe.zarr/traces", chunks)))


def _tiles(tiles: int, chunks: int) -> Tree:
    """Return a light-sheet asset: `.zarr` stores inside one `.zarr`."""
    inner = (Run(f"SPIM.ome.zarr/tile_{tile:03}.zarr/0", chunks) for tile in range(tiles))
    return Tree((*_files(10), *inner))


def workloads(short: bool) -> dict[str, Workload]:
    """Return A to D, a sparse subset and nested stores; CI uses the `short` sizes."""
    b, c, d, sparse, nested = (4, 100_000, 500, 20, 2) if short else (50, 1_000_000, 5_000, 200, 5)
    fifty = Tree(_files(50))
    made = (
        Workload("A", "200 assets x 50 keys, 2 .nwb each", Bucket(200, fifty), ".nwb"),
        Workload(
            "B", f"{b} assets, a .zarr of 20,000 chunks each", Bucket(b, _probe(20_000)), ".zarr"
        ),
        Workload("C", f"one asset, a .zarr of {c:,} chunks", Bucket(1, _probe(c)), ".zarr"),
        Workload("D", f"{d:,} assets x 10 keys", Bucket(d, Tree(_files(10))), ".nwb"),
        Workload(
            "sparse",
            f"{sparse} of {sparse * 100:,} assets x 50 keys",
            Bucket(sparse * 100, fifty),
            ".nwb",
            every=100,
        ),
        Workload(
            "nested",
            f"{nested} assets, .zarr inside .zarr, 10,000 chunks, all stores",
            Bucket(nested, _tiles(10, 1_000)),
            ".zarr",
            nested=True,
        ),
    )
    return {workload.name: workload for workload in made}
