"""The locating step on a real Dask cluster of two worker processes on this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.list_server import ListServer
from benchmarks.listing import environment
from benchmarks.workloads import BUCKET, Bucket, workloads
from dispatch_core.dispatch import plan_dispatch
from dispatch_core.errors import InvalidInput, ServiceError
from dispatch_core.listing.cluster import DaskCluster, _in_own_words
from dispatch_core.locate import Located, locate_files
from dispatch_core.request import DispatchRequest
from dispatch_core.sources.s3 import S3Lister
from dispatch_core.text.file_extension import read_extensions
from dispatch_core.types import DataAsset
from tests.fakes import Buckets, Records, record

pytest.importorskip("distributed", reason="the extra requirements-dask.txt is not installed")

pytestmark = pytest.mark.xdist_group("cluster")

ROOT = Path(__file__).resolve().parents[1]
ASSETS = 8
STORES = Bucket(ASSETS, workloads(short=True)["nested"].bucket.tree)


@dataclass
class LocalCluster:
    """A scheduler and two workers of one thread each, as processes."""

    address: str
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def server() -> Iterator[ListServer]:
    with ListServer(STORES, latency=0.02) as server:
        yield server


@pytest.fixture(scope="module")
def local_cluster(
    server: ListServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalCluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"

    def start(*command: str) -> subprocess.Popen[bytes]:
        # as the README says, from the folder of the project
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *command, "--no-dashboard"],
            env=environment(server), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", str(port))
    options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder))
    workers = [start("worker", address, *options) for _ in range(2)]
    try:
        wait_for_threads(address, 2)
        yield LocalCluster(address, workers)
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def wait_for_threads(address: str, threads: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with DaskCluster(address) as cluster:
                if cluster.threads == threads:
                    return
        except ServiceError:
            time.sleep(0.2)
    pytest.fail("the cluster did not start")


@pytest.fixture
def assets(server: ListServer, monkeypatch: pytest.MonkeyPatch) -> list[DataAsset]:
    for name, value in environment(server).items():
        monkeypatch.setenv(name, value)
    places = (f"s3://{BUCKET}/{STORES.name(number)}" for number in range(ASSETS))
    return [DataAsset(place, place, place) for place in places]


def files_of(located: Located) -> list[str]:
    return [file.location for one in located.located for file in one.files or ()]


@pytest.mark.more
def test_a_cluster_that_loses_a_worker_in_the_middle_gives_the_answer_of_threads(
    local_cluster: LocalCluster, assets: list[DataAsset]
) -> None:
    victim = local_cluster.workers[0]
    done_at_the_kill: list[int] = []

    def kill_once(done: int) -> None:
        if not done_at_the_kill:
            os.kill(victim.pid, signal.SIGKILL)
            done_at_the_kill.append(done)

    with DaskCluster(local_cluster.address) as cluster:
        on_cluster = locate_files(
            assets, S3Lister(), ".zarr", nested_stores="all",
            executor=cluster, threads=cluster.threads, progress=kill_once,
        )  # fmt: skip
    by_threads = locate_files(assets, S3Lister(), ".zarr", nested_stores="all")

    assert victim.wait(10) == -signal.SIGKILL
    assert done_at_the_kill[0] < ASSETS
    assert len(files_of(on_cluster)) == ASSETS * 11
    assert on_cluster.located == by_threads.located
    assert on_cluster.exclusions == by_threads.exclusions == ()


def test_a_plan_on_a_cluster_is_the_plan_of_this_process(local_cluster: LocalCluster) -> None:
    source = Records([record("a1"), record("a2")])
    lister = Buckets({"data": ["a1/x.nwb", "a2/y.nwb"]})
    request = DispatchRequest(query={"name": {"$exists": True}}, file_extension=".nwb")

    with DaskCluster(local_cluster.address) as cluster:
        planned = plan_dispatch(request, source, lister, executor=cluster)

    assert planned.fingerprint == plan_dispatch(request, source, lister).fingerprint
    assert len(planned.jobs) == 2


def test_an_error_of_ours_comes_back_as_it_was(local_cluster: LocalCluster) -> None:
    with DaskCluster(local_cluster.address) as cluster, pytest.raises(InvalidInput) as caught:
        cluster.submit(read_extensions, "nwb/x.nwb").result(30)

    assert caught.value.issues[0].action == 'Did you mean "x.nwb"?'


def test_any_other_error_of_a_worker_becomes_a_service_error(local_cluster: LocalCluster) -> None:
    with DaskCluster(local_cluster.address) as cluster, pytest.raises(ServiceError) as caught:
        cluster.submit(int, "seven").result(30)

    assert "lost the work (ValueError)" in str(caught.value)


def test_a_cluster_that_cannot_import_this_code_is_an_error_that_says_where_to_start() -> None:
    cause = ModuleNotFoundError("No module named 'dispatch_core'", name="dispatch_core")
    error = RuntimeError("Error during deserialization of the task graph")
    error.__cause__ = cause
    theirs: Future[None] = Future()
    theirs.set_exception(error)

    with pytest.raises(ServiceError) as caught:
        _in_own_words(theirs, "tcp://scheduler:8786").result(1)

    assert "The cluster at tcp://scheduler:8786 cannot import dispatch_core" in str(caught.value)


def test_no_scheduler_at_the_address_is_a_service_error_that_says_what_to_do() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"

    with pytest.raises(ServiceError) as caught:
        _ = DaskCluster(address).threads

    assert str(caught.value) == (
        f"--dask_scheduler: No Dask scheduler answers at {address}. Start one (python -m dask "
        "scheduler, and python -m dask worker ADDRESS on each machine), or remove "
        "--dask_scheduler."
    )


@pytest.mark.parametrize("address", ["nonsense", "http://a:8786", "tcp://host", ":1", "a:65536"])
def test_an_invalid_address_is_invalid_input(address: str) -> None:
    with pytest.raises(InvalidInput, match="is not the address of a scheduler"):
        DaskCluster(address)


def test_without_the_extra_the_error_names_the_file_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(InvalidInput, match=r"pip install 'job-dispatch\[dask\]', or in a"):
        _ = DaskCluster("tcp://127.0.0.1:8786").threads
