"""Compares locating files with other tools, on the same bucket and in the same run.

Each tool runs in a fresh process, which connects before the measurement starts. Both
answers must equal the matches that the workload defines. The peer's glob also returns
stores nested in other stores: only its outermost matches are compared, except in the
workload that asks for nested stores.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
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
AT_ONCE = 16
MOST_REQUESTS = 1.2
"""Limit of the requests over the fewest possible."""
MOST_OF_LIMIT = 2.0
GRACE = 0.05
"""Seconds of CPU that a step may take beside twice the limit; longer where others work."""

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
    return best_of([_ours(server, workload) for _ in range(rounds)])


@dataclass(frozen=True)
class Limit:
    """What a listing takes at least, and how much longer than its CPU computing takes now."""

    seconds: float
    stretch: float

    def over(self, seconds: float) -> float:
        """`seconds` over what is allowed: twice the limit, and the time for some CPU."""
        return seconds / (MOST_OF_LIMIT * self.seconds + GRACE * self.stretch)


def run_in_turn(server: ListServer, workload: Workload) -> tuple[Run, Limit]:
    """Return our fastest run and the limit, each the best of runs that alternate."""
    task: Task = {"requests": workload.fewest_requests(), "at_once": AT_ONCE}
    around = environment(server)
    runs: list[Run] = []
    limits: list[float] = []
    loops: list[Measurement] = []
    for _ in range(ROUNDS):
        limits.append(measure("benchmarks.ours", "limit", task, environment=around).seconds)
        runs.append(_ours(server, workload))
        loops.append(measure("benchmarks.ours", "loop", {}))
    return best_of(runs), Limit(min(limits), min(one.seconds / one.cpu for one in loops))


def _ours(server: ListServer, workload: Workload) -> Run:
    return run(server, workload, "benchmarks.ours", "locate", OURS)


def best_of(runs: list[Run]) -> Run:
    """Return the fastest of `runs`, with the highest count of requests."""
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
            counts.requests / fewest, "x", MOST_REQUESTS, at_most=True, counted=True,
        ),
        Figure(
            f"{name}: bytes over the least", read / least, "x", 1.5,
            at_most=True, counted=True,
        ),
    ]  # fmt: skip


def listing(form: Form) -> Report:
    """Compare us with the limit and with ``s3fs.glob`` on every workload.

    The limit is as many requests as are possible at least, sixteen at a time, by a plain client
    that ignores the responses. It runs in turn with us, so that both meet the same machine.
    """
    rows: list[tuple[str, ...]] = []
    figures: list[Figure] = []
    for workload in workloads(form.is_short).values():
        with ListServer(workload.bucket) as server:
            ours, limit = run_in_turn(server, workload)
        peer = run_s3fs(workload, form.share_of(workload))
        rows.append(_row(workload, ours, limit, peer))
        figures += counts_of(workload, ours)
        if workload.name in "ABCD":
            name = f"listing {workload.name}: seconds over twice the limit and {GRACE} s of CPU"
            figures.append(Figure(name, limit.over(ours.seconds), "x", 1, at_most=True))
    columns = ("workload", "s3fs.glob", "requests", "peak", "limit", "requests", "ours", "requests")
    table = Table(
        f"Locating files, {LATENCY * 1000:.0f} ms a request",
        (*columns, "peak", "times faster", "same files"),
        tuple(rows),
        f"the limit is a plain client with the fewest possible requests, {AT_ONCE} at a time; s3fs "
        "lists one asset after another, as upstream does; ours and the limit are the best of "
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


def _row(workload: Workload, ours: Run, limit: Limit, peer: Run | None) -> tuple[str, ...]:
    theirs = ("", "", "")
    if peer:
        theirs = (seconds(peer.seconds), f"{peer.requests:,}", megabytes(peer))
    return (
        f"{workload.name}: {workload.what}",
        *theirs,
        seconds(limit.seconds),
        f"{workload.fewest_requests():,}",
        seconds(ours.seconds),
        f"{ours.counts.requests:,}",
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
        Figure(f"peak memory at {many:,} listed keys", larger.megabytes, " MB", 150, at_most=True),
    )
    return Report((Table("Listing every key", ("program", "CPU a key", "peak"), rows),), figures)
