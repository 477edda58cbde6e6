"""Requests, keys and seconds of locating files, against a peer in the same run.

The store is the test suite's S3 endpoint in a process of its own, 30 ms a request;
the workloads are those of a real bucket, scaled down. The peer asks one asset after
another: ``s3fs.glob`` where s3fs is installed, otherwise boto3's flat listing.

    python -m benchmarks.listing [A B C D]
"""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from dispatch_core.locate import locate_files
from dispatch_core.s3 import S3Lister
from dispatch_core.types import DataAsset
from tests.servers.s3 import S3Server

LATENCY = 0.03
BUCKET = "bench-data"


@dataclass(frozen=True)
class Workload:
    """``assets`` assets, each with some files, of them matches, and chunks in one store."""

    what: str
    extension: str
    assets: int
    files: int
    chunks: int = 0

    def keys(self) -> Iterator[str]:
        for asset in range(self.assets):
            for number in range(self.files):
                end = ".nwb" if number < 2 else ".json"
                yield f"asset{asset}/session/{number:03}{end}"
            for chunk in range(self.chunks):
                yield f"asset{asset}/ecephys/probe.zarr/traces/{chunk}.0"


WORKLOADS = {
    "A": Workload("200 assets x 50 keys, 2 .nwb each", ".nwb", 200, 50),
    "B": Workload("4 assets, a .zarr of 20,000 chunks in each", ".zarr", 4, 10, 20_000),
    "C": Workload("one asset, a .zarr of 100,000 chunks", ".zarr", 1, 10, 100_000),
    "D": Workload("500 assets x 10 keys", ".nwb", 500, 10),
}


@contextmanager
def endpoint(workload: Workload) -> Iterator[Callable[[], int]]:
    """An endpoint in a process of its own; gives what counts its requests since last asked."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(workload, theirs), daemon=True)
    process.start()
    os.environ["AWS_ENDPOINT_URL_S3"] = ours.recv()

    def count() -> int:
        ours.send("count")
        return int(ours.recv())

    yield count
    ours.send("end")
    process.join()


def serve(workload: Workload, pipe: Connection) -> None:
    with S3Server({BUCKET: workload.keys()}) as server:
        server.latency = LATENCY
        pipe.send(server.url)
        while pipe.recv() == "count":
            pipe.send(len(server.requests))
            server.requests.clear()


def ours(workload: Workload, locations: list[str]) -> tuple[list[str], int]:
    assets = [DataAsset(location, location, location) for location in locations]
    result = locate_files(assets, S3Lister(32), workload.extension, threads=32)
    files = [file.location for found in result.located for file in found.files or ()]
    return files, result.keys_listed


def s3fs_glob(workload: Workload, locations: list[str]) -> tuple[list[str], int]:
    s3fs: Any = importlib.import_module("s3fs")
    system = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    files: list[str] = []
    for location in locations:
        files += [f"s3://{path}" for path in system.glob(f"{location}/**/*{workload.extension}")]
    return files, 0


def boto3_flat(workload: Workload, locations: list[str]) -> tuple[list[str], int]:
    import boto3

    pages = boto3.client("s3").get_paginator("list_objects_v2")
    files: dict[str, None] = {}
    keys = 0
    for location in locations:
        prefix = location.removeprefix(f"s3://{BUCKET}/") + "/"
        for page in pages.paginate(Bucket=BUCKET, Prefix=prefix):
            for entry in page.get("Contents", ()):
                keys += 1
                parts = entry["Key"].split("/")
                ends = [i for i, part in enumerate(parts) if part.endswith(workload.extension)]
                if ends:
                    files[f"s3://{BUCKET}/" + "/".join(parts[: ends[0] + 1])] = None
    return list(files), keys


def main(names: list[str]) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "benchmark"
    os.environ.update(AWS_DEFAULT_REGION="us-west-2", AWS_EC2_METADATA_DISABLED="true")
    peer = s3fs_glob if importlib.util.find_spec("s3fs") else boto3_flat
    print(f"peer: {peer.__name__}, one asset after another; {LATENCY * 1000:.0f} ms a request")
    for name in names or WORKLOADS:
        compare(name, WORKLOADS[name], peer)


def compare(name: str, workload: Workload, peer: Callable[..., tuple[list[str], int]]) -> None:
    locations = [f"s3://{BUCKET}/asset{asset}" for asset in range(workload.assets)]
    results = {}
    print(f"\n{name}: {workload.what}")
    with endpoint(workload) as count:
        for run in (ours, peer):
            start = time.perf_counter()
            files, keys = run(workload, locations)
            seconds = time.perf_counter() - start
            results[run] = (sorted(files), seconds)
            print(
                f"  {run.__name__:12} {seconds:8.2f} s {count():7,} requests {keys:9,} keys "
                f"{len(files):5,} files"
            )
    same = results[ours][0] == results[peer][0]
    print(f"  {results[peer][1] / results[ours][1]:.0f}x; results {'equal' if same else 'DIFFER'}")


if __name__ == "__main__":
    main(sys.argv[1:])
