"""Locating files, beside what others do with the same bucket in the same run.

Each way runs in a fresh process, connects, and is then measured. The peer's answer must
be ours, and both must be what the workload holds. Where stores nest, the peer's glob
gives the inner ones too: it is compared after the same rule, outermost only, except in
the workload that asks for all.
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
"""Of an answer of S3's, with a key of this length."""
RATIOS = {
    True: {"B": 150, "C": 250, "D": 200},
    False: {"A": 80, "B": 2_000, "C": 3_000, "D": 600},
}
"""Bars of the short form and of the whole one: times faster than ``s3fs.glob``."""


SHARES = {"B": 5, "D": 5}
"""The peer is given one asset in so many, for it takes minutes over all of them."""


@dataclass(frozen=True)
class Form:
    """How much is run: the short form, the whole one, and the peer over every asset or not."""

    is_short: bool = False
    is_full: bool = False

    def share_of(self, workload: Workload) -> int:
        """The peer gets one asset in so many; its time is linear, for it asks one by one."""
        return 1 if self.is_short or self.is_full else SHARES.get(workload.name, 1)

    @property
    def told_shares(self) -> str:
        if self.is_short or self.is_full:
            return ""
        shares = " and ".join(f"one asset in {share} of {name}" for name, share in SHARES.items())
        return f"; the peer was given {shares}, and its seconds and requests are multiplied"


@dataclass(frozen=True)
class Run:
    """One way over one workload: what it took, what the server counted, what it found."""

    measurement: Measurement
    counts: Counts
    files: list[str]
    share: int = 1

    @property
    def seconds(self) -> float:
        """Of the work; where only one asset in `share` was given, `share` times that."""
        return self.measurement.seconds * self.share

    @property
    def whole(self) -> float:
        """The same with the start of the process, which comes once."""
        return self.seconds + self.measurement.whole - self.measurement.seconds

    @property
    def requests(self) -> int:
        return self.counts.requests * self.share


def environment(server: ListServer) -> dict[str, str]:
    """What a child needs to take the server for S3, whatever this user has set up."""
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
    """Locate the files of a workload one way, in a fresh process."""
    task: Task = {"locations": workload.locations, "extension": workload.extension}
    task["nested"] = workload.nested
    server.counts()
    took = measure(module, way, task, str(python), environment(server))
    files = took.result["files"] if isinstance(took.result, dict) else took.result
    return Run(replace(took, result=None), server.counts(), files)


def run_ours(server: ListServer, workload: Workload, rounds: int = ROUNDS) -> Run:
    """Our best of some rounds; every round has the same answer."""
    runs = [run(server, workload, "benchmarks.ours", "locate", OURS) for _ in range(rounds)]
    best = min(runs, key=lambda one: one.seconds)
    most = max(runs, key=lambda one: one.counts.requests)
    return replace(best, counts=most.counts)


def outermost(paths: list[str]) -> list[str]:
    """The sorted paths that lie inside no other one of them."""
    known = set(paths)
    return sorted(path for path in known if not any(part in known for part in _parents(path)))


def _parents(path: str) -> Iterator[str]:
    end = path.find("/", len("s3://"))
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def same_answer(workload: Workload, ours: Run, peer: Run | None) -> bool:
    """Whether we found what there is, and the peer the same."""
    truth = list(workload.files())
    if peer is None:
        return ours.files == truth
    theirs = sorted(peer.files) if workload.nested else outermost(peer.files)
    return ours.files == truth and theirs == list(workload.sampled(peer.share).files())


def fewest_bytes(workload: Workload) -> int:
    """The bytes of one listing of each asset, stores rolled up, and of one full page.

    A page of 1,000 entries is what it takes to see whether a bucket is dense.
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
    """What no clock changes."""
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
    """Only the counts of the short workloads, ours alone: seconds, and no peer needed."""
    figures: list[Figure] = []
    for workload in (names or workloads(short=True)).values():
        with ListServer(workload.bucket, latency=0) as server:
            figures += counts_of(workload, run_ours(server, workload, rounds=1))
    return Report((), tuple(figures))


def listing(form: Form) -> Report:
    """Every workload, ours and ``s3fs.glob``."""
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
        "the peer asks for one asset after another, as upstream does; ours is the best of "
        f"{ROUNDS} fresh processes" + form.told_shares,
    )
    return Report((table,), tuple(figures))


@cache
def run_s3fs(workload: Workload, share: int) -> Run | None:
    """The peer, given one asset in `share`; None where its environment is not there."""
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
    """Seconds with their unit."""
    return f"{value:,.2f} s" if value < 10 else f"{value:,.0f} s"


def megabytes(one: Run) -> str:
    """Peak memory with its unit."""
    return f"{one.measurement.megabytes:,.0f} MB"


def upstream(form: Form) -> Report:
    """Workload A through upstream's own function, which globs with one shared cache."""
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
    """A server without latency, of one asset of about so many keys."""
    tree = Tree(workloads(short=True)["D"].bucket.tree.runs)
    with ListServer(Bucket(keys // tree.size, tree), latency=0) as server:
        yield server


def cost_of_a_key(form: Form) -> Report:
    """CPU of a listed key beside plain boto3's, and memory where the keys are ten times as many."""
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
