"""Compares locating files with other tools, on the same bucket and in the same run.

Each tool runs in a fresh process, which connects before the measurement starts. Both
answers must equal the matches that the workload defines. The peer's glob also returns
stores nested in other stores: only its outermost matches are compared, except in the
workload that asks for nested stores.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from benchmarks.child import OURS, Measurement, Task, measure
from benchmarks.list_server import LATENCY, Counts, ListServer, list_page, to_xml
from benchmarks.peers import BENCH_PYTHON, READERS_PYTHON
from benchmarks.report import Figure, Report, Table
from benchmarks.workloads import PAGE, Bucket, Tree, Workload, workloads

ROUNDS = 5
BYTES_OF_A_KEY = 266
"""Size of one key in a response from S3, for keys as long as those of the workloads."""
RATIOS = {
    True: {"B": 150, "C": 250, "D": 200},
    False: {"A": 80, "B": 2_000, "C": 3_000, "D": 600},
}
"""Bars of the short and of the complete run: times faster than ``s3fs.glob``."""


SHARES = {"B": 5, "D": 5}
"""In these workloads the peer processes one asset in 5, because all would take minutes."""


@dataclass(frozen=True)
class Form:
    """The size of a run: short or complete, and whether the peer processes every asset."""

    is_short: bool = False
    is_full: bool = False

    def share_of(self, workload: Workload) -> int:
        """Return n if the peer processes one asset in n; its time grows linearly."""
        return 1 if self.is_short or self.is_full else SHARES.get(workload.name, 1)

    @property
    def share_note(self) -> str:
        """What the note of the table says about the share of the peer."""
        if self.is_short or self.is_full:
            return ""
        shares = " and ".join(f"one asset in {share} of {name}" for name, share in SHARES.items())
        return f"; the peer processed {shares}, and its seconds and requests are scaled up"


@dataclass(frozen=True)
class Run:
    """One tool over one workload: its cost, the server's counts, and the files found."""

    measurement: Measurement
    counts: Counts
    files: list[str]
    share: int = 1

    @property
    def seconds(self) -> float:
        """Seconds of the work, scaled up if only one asset in `share` was processed."""
        return self.measurement.seconds * self.share

    @property
    def whole(self) -> float:
        """`seconds` plus the start of the process, which is not scaled up."""
        return self.seconds + self.measurement.whole - self.measurement.seconds

    @property
    def requests(self) -> int:
        """Requests, scaled up if only one asset in `share` was processed."""
        return self.counts.requests * self.share


def environment(server: ListServer) -> dict[str, str]:
    """Return the environment of a child that uses `server` as S3; user settings are ignored."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL_S3": server.url,
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def run(server: ListServer, workload: Workload, module: str, way: str, python: Path | str) -> Run:
    """Locate the files of a workload with one tool, in a fresh process."""
    task: Task = {"locations": workload.locations, "extension": workload.extension}
    task["nested"] = workload.nested
    server.counts()
    took = measure(module, way, task, str(python), environment(server))
    files = took.result["files"] if isinstance(took.result, dict) else took.result
    return Run(replace(took, result=None), server.counts(), files)


def run_ours(server: ListServer, workload: Workload, rounds: int = ROUNDS) -> Run:
    """Return our fastest of `rounds` runs, with the highest count of requests."""
    runs = [run(server, workload, "benchmarks.ours", "locate", OURS) for _ in range(rounds)]
    best = min(runs, key=lambda one: one.seconds)
    most = max(runs, key=lambda one: one.counts.requests)
    return replace(best, counts=most.counts)


def outermost(paths: list[str]) -> list[str]:
    """Return the sorted paths that are not inside another path."""
    known = set(paths)
    return sorted(path for path in known if not any(part in known for part in _parents(path)))


def _parents(path: str) -> Iterator[str]:
    end = path.find("/", len("s3://"))
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def same_answer(workload: Workload, ours: Run, peer: Run | None) -> bool:
    """Return whether our files and the peer's files are exactly those of the workload."""
    truth = list(workload.files())
    if peer is None:
        return ours.files == truth
    theirs = sorted(peer.files) if workload.nested else outermost(peer.files)
    return ours.files == truth and theirs == list(workload.sampled(peer.share).files())


def fewest_bytes(workload: Workload) -> int:
    """Return the minimum of bytes: one listing of each asset, and one full page.

    Stores count as one entry. The page of 1,000 entries is needed to measure how dense
    the bucket is.
    """
    prefix = f"{workload.bucket.name(0)}/"
    params = {"prefix": prefix, "encoding-type": "url", "start-after": ""}
    params |= {} if workload.nested else {"delimiter": f"{workload.extension}/"}
    total, token = 0, ""
    while True:
        page = list_page(workload.bucket, params | ({"continuation-token": token} if token else {}))
        total, token = total + len(to_xml(page, params)), page.token
        if not token:
            return total * len(workload.assets) + PAGE * BYTES_OF_A_KEY


def counts_of(workload: Workload, ours: Run) -> list[Figure]:
    """Return the counts of a run, which are the same on every machine."""
    counts, fewest = ours.counts, workload.fewest_requests()
    read, least = counts.bytes, fewest_bytes(workload)
    missing = len(set(workload.files()) ^ set(ours.files))
    name = f"listing {workload.name}"
    return [
        Figure(f"{name}: wrong or missing files", missing, "", 0, at_most=True, counted=True),
        Figure(
            f"{name}: requests over the fewest ({counts.requests:,} / {fewest:,})",
            counts.requests / fewest, "x", 1.5, at_most=True, counted=True,
        ),
        Figure(
            f"{name}: bytes over the least", read / least, "x", 1.5,
            at_most=True, counted=True,
        ),
    ]  # fmt: skip


def listing_counts(names: Mapping[str, Workload] | None = None) -> Report:
    """Return the counts of the short workloads; takes seconds and needs no peer."""
    figures: list[Figure] = []
    for workload in (names or workloads(short=True)).values():
        with ListServer(workload.bucket, latency=0) as server:
            figures += counts_of(workload, run_ours(server, workload, rounds=1))
    return Report((), tuple(figures))


def listing(form: Form) -> Report:
    """Compare us with ``s3fs.glob`` on every workload."""
    rows: list[tuple[str, ...]] = []
    figures: list[Figure] = []
    for workload in workloads(form.is_short).values():
        with ListServer(workload.bucket) as server:
            ours = run_ours(server, workload)
        peer = run_s3fs(workload, form.share_of(workload))
        rows.append(_row(workload, ours, peer))
        figures += counts_of(workload, ours)
        if peer and workload.name in RATIOS[form.is_short]:
            ratio = peer.seconds / ours.seconds
            bar = RATIOS[form.is_short][workload.name]
            figures.append(Figure(f"listing {workload.name}: times s3fs.glob", ratio, "x", bar))
    columns = ("workload", "s3fs.glob", "requests", "peak", "ours", "requests", "fewest possible")
    table = Table(
        f"Locating files, {LATENCY * 1000:.0f} ms a request",
        (*columns, "peak", "times faster", "same files"),
        tuple(rows),
        "the peer lists one asset after another, as upstream does; ours is the best of "
        f"{ROUNDS} fresh processes" + form.share_note,
    )
    return Report((table,), tuple(figures))


@cache
def run_s3fs(workload: Workload, share: int) -> Run | None:
    """Run the peer on one asset in `share`; None if its environment is not installed."""
    if not BENCH_PYTHON.exists():
        return None
    sampled = workload.sampled(share)
    with ListServer(workload.bucket) as server:
        ran = run(server, sampled, "benchmarks.peers", "s3fs_glob", BENCH_PYTHON)
    return replace(ran, share=share)


def _row(workload: Workload, ours: Run, peer: Run | None) -> tuple[str, ...]:
    theirs = ("", "", "")
    if peer:
        theirs = (seconds(peer.seconds), f"{peer.requests:,}", megabytes(peer))
    return (
        f"{workload.name}: {workload.what}",
        *theirs,
        seconds(ours.seconds),
        f"{ours.counts.requests:,}",
        f"{workload.fewest_requests():,}",
        megabytes(ours),
        f"{peer.seconds / ours.seconds:,.0f}x" if peer else "",
        "yes" if same_answer(workload, ours, peer) else "NO",
    )


def seconds(value: float) -> str:
    """Format seconds with their unit."""
    return f"{value:,.2f} s" if value < 10 else f"{value:,.0f} s"


def megabytes(one: Run) -> str:
    """Format the peak memory with its unit."""
    return f"{one.measurement.megabytes:,.0f} MB"


def upstream(form: Form) -> Report:
    """Compare us with upstream's own function, which globs with one shared cache."""
    workload = workloads(short=False)["A"]
    if form.is_short or not READERS_PYTHON.exists():
        return Report((), ())
    with ListServer(workload.bucket) as server:
        ours = run_ours(server, workload)
        theirs = run(server, workload, "benchmarks.peers", "upstream_locate", READERS_PYTHON)
    row = (
        "A, get_asset_file_path_records",
        seconds(theirs.seconds),
        f"{theirs.counts.requests:,}",
        f"{theirs.seconds / ours.seconds:,.0f}x",
        "yes" if same_answer(workload, ours, theirs) else "NO",
    )
    columns = ("analysis-pipeline-utils", "seconds", "requests", "ours is faster", "same files")
    return Report((Table("Upstream's own function", columns, (row,)),), ())


@contextmanager
def bucket_of(keys: int) -> Iterator[ListServer]:
    """Start a server without latency; its bucket has about `keys` keys."""
    tree = Tree(workloads(short=True)["D"].bucket.tree.runs)
    with ListServer(Bucket(keys // tree.size, tree), latency=0) as server:
        yield server


def cost_of_a_key(form: Form) -> Report:
    """Compare CPU per listed key with plain boto3, and memory at ten times as many keys."""
    few, many = (10_000, 100_000) if form.is_short else (100_000, 1_000_000)
    with bucket_of(few) as server:
        surroundings = environment(server)
        ours = measure("benchmarks.ours", "list_pages", {}, environment=surroundings)
        plain = measure("benchmarks.ours", "boto3_pages", {}, environment=surroundings)
    with bucket_of(many) as server:
        larger = measure("benchmarks.ours", "list_pages", {}, environment=environment(server))
    rows = tuple(
        (f"{name}, {count:,} keys", f"{one.cpu / count * 1e6:.1f} us", f"{one.megabytes:.0f} MB")
        for name, one, count in (
            ("boto3's paginator", plain, few), ("S3Lister", ours, few), ("S3Lister", larger, many)
        )
    )  # fmt: skip
    figures = (
        Figure(
            "CPU of a listed key: boto3 over ours",
            (plain.cpu / few) / (larger.cpu / many),
            "x",
            30,
        ),
        Figure(f"peak memory at {many:,} listed keys", larger.megabytes, " MB", 150, at_most=True),
    )
    return Report((Table("Listing every key", ("", "CPU a key", "peak"), rows),), figures)
