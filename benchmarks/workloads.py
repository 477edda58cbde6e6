"""What there is to list: buckets of any size that are computed and not kept.

A bucket is a sorted sequence of keys. All of its assets hold the same tree, so the
n-th key is worked out from n, and a million keys cost no memory. The same holds for
what a listing must find, and for the fewest requests that could find it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

BUCKET = "bench-data"
PAGE = 1_000
"""The most entries of one answer, as of S3's."""


@dataclass(frozen=True)
class Run:
    """``count`` keys below one directory, or (count 0) one key."""

    path: str
    count: int = 0

    def span(self, start: int, stop: int) -> list[str]:
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
        """How many keys there are up to and with each run."""
        return list(accumulate(run.count or 1 for run in self.sorted_runs))

    @cached_property
    def size(self) -> int:
        return self.ends[-1]

    def span(self, start: int, stop: int) -> list[str]:
        """The keys from number `start` to before number `stop`."""
        keys: list[str] = []
        index = bisect_right(self.ends, start)
        while start < stop:
            run, end = self.sorted_runs[index], self.ends[index]
            first = end - (run.count or 1)
            keys += run.span(start - first, min(stop, end) - first)
            start, index = end, index + 1
        return keys

    def matches(self, extension: str, nested: bool) -> list[str]:
        """The paths that end with `extension`, those inside another one only if `nested`."""
        found: set[str] = set()
        for run in self.runs:
            # Of all keys of a run only the directories can match: chunks have no extension.
            parts = run.path.split("/")
            paths = ("/".join(parts[: end + 1]) for end in range(len(parts)))
            matching = [path for path in paths if path.endswith(extension)]
            found.update(matching if nested else matching[:1])
        return sorted(found)

    def entries(self, extension: str, nested: bool) -> int:
        """How many entries a listing of one asset has, stores rolled up unless `nested`."""
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
        """The keys from number `start` to before number `stop`."""
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
        """The prefix of an asset; names ascend as numbers do."""
        return f"ecephys_{asset:07}_2025-06-07_14-31-15"


@dataclass(frozen=True)
class Workload:
    """Which assets of which bucket are asked for which extension.

    Every ``every``-th asset of the bucket is asked for; ``nested`` asks for what lies
    inside matching stores too.
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
        """How many keys lie below the assets asked for."""
        return len(self.assets) * self.bucket.tree.size

    def files(self) -> Iterator[str]:
        """What must be found, sorted."""
        matches = self.bucket.tree.matches(self.extension, self.nested)
        for location in self.locations:
            yield from (f"{location}/{match}" for match in matches)

    def fewest_requests(self) -> int:
        """The fewest answers of 1,000 entries in a row that hold every asset asked for.

        Whoever knew the bucket beforehand could do with these: each answer starts at
        the first entry that no earlier one held.
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
        """The same bucket, asked for one in `share` of the assets."""
        return replace(self, every=self.every * share)


def _files(count: int, matching: int = 2) -> tuple[Run, ...]:
    """`count` files of a recording, `matching` of them `.nwb`."""
    return tuple(
        Run(f"session/{number:03}{'.nwb' if number < matching else '.json'}")
        for number in range(count)
    )


def _probe(chunks: int) -> Tree:
    return Tree((*_files(10), Run("ecephys/probe.zarr/traces", chunks)))


def _tiles(tiles: int, chunks: int) -> Tree:
    """A light-sheet asset: `.zarr` stores inside one `.zarr`."""
    inner = (Run(f"SPIM.ome.zarr/tile_{tile:03}.zarr/0", chunks) for tile in range(tiles))
    return Tree((*_files(10), *inner))


def workloads(short: bool) -> dict[str, Workload]:
    """A to D, a sparse subset, and nested stores; `short` is the form of every CI run."""
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
