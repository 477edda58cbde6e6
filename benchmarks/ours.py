"""Tasks done by this project and by plain code; run as children of a benchmark."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchmarks.child import Task, answer
from benchmarks.pairs import calibrate, cpu_of, in_turn, ratio
from benchmarks.workloads import BUCKET

if TYPE_CHECKING:
    from dispatch_core.dispatch_plan import DispatchPlan

WORKERS = 50
CALIBRATIONS = 5
"""How often the loop runs after a plan; the quickest counts."""


def locate(task: Task) -> Callable[[], dict[str, Any]]:
    """Call ``locate_files`` as a dispatch does; `task` has locations, extension, nested."""
    from dispatch_core.locate import locate_files
    from dispatch_core.sources.s3 import S3Lister
    from dispatch_core.types import DataAsset, NestedStores

    lister = S3Lister()
    lister.list_page(BUCKET, "none/")  # connects
    assets = [DataAsset(place, place, place) for place in task["locations"]]
    nested: NestedStores = "all" if task.get("nested") else "outermost"

    def work() -> dict[str, Any]:
        located = locate_files(assets, lister, task["extension"], nested_stores=nested)
        files = [file.location for one in located.located for file in one.files or ()]
        return {"files": files, "keys": located.keys_listed, "out": len(located.exclusions)}

    return work


def limit(task: Task) -> Callable[[], int]:
    """Send `requests` listings, `at_once` at a time, and count the bytes that come back."""
    address = urlsplit(os.environ["AWS_ENDPOINT_URL_S3"]).netloc
    target = f"/{BUCKET}?list-type=2&encoding-type=url&prefix=&delimiter=.nwb/"

    def ask(requests: int) -> int:
        connection = HTTPConnection(address)
        total = 0
        for _ in range(requests):
            connection.request("GET", target)
            total += len(connection.getresponse().read())
        connection.close()
        return total

    def work() -> int:
        threads = min(task["at_once"], task["requests"])
        each, more = divmod(task["requests"], threads)
        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(ask, [each + (one < more) for one in range(threads)]))

    return work


def loop(task: Task) -> Callable[[], None]:
    """The calibrating loop alone."""
    return calibrate


def list_pages(task: Task) -> Callable[[], int]:
    """Count the keys of the bucket with our lister."""
    from dispatch_core.sources.s3 import S3Lister

    lister = S3Lister()
    lister.list_page(BUCKET, "none/")

    def work() -> int:
        page = lister.list_page(BUCKET, "")
        count = len(page.keys)
        while page.token:
            page = lister.list_page(BUCKET, "", token=page.token)
            count += len(page.keys)
        return count

    return work


def boto3_pages(task: Task) -> Callable[[], int]:
    """Count the keys of the bucket with boto3's paginator."""
    import boto3

    client = boto3.client("s3")
    client.list_objects_v2(Bucket=BUCKET, Prefix="none/")

    def work() -> int:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return sum(1 for page in pages for entry in page["Contents"] if entry["Key"])

    return work


def plan(task: Task) -> Callable[[], dict[str, Any]]:
    """Plan a query over the embedded demo; `task` has assets, sets and query."""
    make = planner(task)

    def work() -> dict[str, Any]:
        start = time.process_time()
        made = make()
        cpu = time.process_time() - start
        return {
            "matched": made.found.matched,
            "jobs": len(made.jobs),
            "cpu": cpu,
            "calibrations": cpu / min(cpu_of(calibrate) for _ in range(CALIBRATIONS)),
        }

    return work


def planner(task: Task) -> Callable[[], DispatchPlan]:
    """Open the embedded demo; the returned function plans the query of `task` over it."""
    from dispatch_core.connect import SourceSettings, open_metadata_source, open_object_lister
    from dispatch_core.dispatch import plan_dispatch
    from dispatch_core.request import DispatchRequest

    settings = SourceSettings(demo_assets=task["assets"])
    source, lister = open_metadata_source(settings), open_object_lister(settings)
    source.count({})
    sets = [{"threshold": number} for number in range(task["sets"])]
    request = DispatchRequest(
        query=task["query"],
        file_extension=".nwb",
        parameters={"distributed_parameters": sets} if sets else None,
    )
    return lambda: plan_dispatch(request, source, lister)


def processed(task: Task) -> Callable[[], dict[str, Any]]:
    """Look for `count` jobs among as many records, half of them written in another way."""
    from dispatch_core.jobs import LocatedGroup, build_jobs
    from dispatch_core.processed.judge import Verdict, check_processed
    from dispatch_core.request import make_request
    from dispatch_core.types import DataAsset, LocatedAsset

    code = {"url": "https://example.org/capsule/1", "name": "wrapper", "version": "3.0"}
    request = make_request(query={}, analysis_code=code)
    places = [f"s3://example-bucket/behavior_{number:07}" for number in range(task["count"])]
    groups = [LocatedGroup((LocatedAsset(DataAsset(one, one, one)),)) for one in places]
    jobs = build_jobs(groups, (), split_files=True).jobs
    results = ResultsInMemory(code, places)

    def work() -> dict[str, Any]:
        found = check_processed(jobs, {}, request, results).findings.values()
        verdicts = [one.verdict for one in found]
        return {
            "done": verdicts.count(Verdict.DONE),
            "otherwise": verdicts.count(Verdict.SPELLED_OTHERWISE),
            "requests": results.requests,
        }

    return work


def before(task: Task) -> Callable[[], dict[str, Any]]:
    """Exclude from `count` jobs those of an earlier dispatch, which has every other one."""
    from dispatch_core.dispatch_plan import remaining_jobs
    from dispatch_core.earlier.before import Before
    from dispatch_core.jobs import LocatedGroup, build_jobs
    from dispatch_core.request import make_request
    from dispatch_core.types import DataAsset, LocatedAsset

    places = [f"s3://example-bucket/behavior_{number:07}" for number in range(task["count"])]
    groups = [LocatedGroup((LocatedAsset(DataAsset(one, one, one)),)) for one in places]
    built = build_jobs(groups, (), split_files=True)
    others = (f"{number:036}" for number in range(task["count"] // 2))
    names = dict.fromkeys((job.name for job in built.jobs[::2]), "dispatched before")
    earlier = Before({**names, **dict.fromkeys(others, "dispatched before")}, {}, 1)
    request = make_request(query={})

    def work() -> dict[str, Any]:
        found = remaining_jobs(built, request, earlier)
        return {"new": len(found.jobs), "before": len(found.exclusions)}

    return work


class ResultsInMemory:
    """Results that answer from a dictionary: one for each place, every other with a slash."""

    label = "results in memory"

    def __init__(self, code: dict[str, Any], places: list[str]) -> None:
        self.requests = 0
        self._records: dict[str, dict[str, Any]] = {}
        for number, place in enumerate(places):
            url = place + "/" * (number % 2)
            whole = _code(code, url)
            name = hashlib.sha256(json.dumps(whole, separators=(",", ":")).encode()).hexdigest()
            record = {
                "name": name,
                "location": f"s3://example-results/{name}",
                "processing": {"data_processes": [{"code": whole}]},
            }
            self._records |= {name: record, url: record}

    def aggregate(self, pipeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The records whose name, or the url of whose input, is one of the given."""
        self.requests += 1
        (wanted,) = pipeline[0]["$match"].values()
        return [self._records[one] for one in wanted["$in"] if one in self._records]

    def find_page(self, *unused: object) -> list[dict[str, Any]]:
        """No record: the check asks by `aggregate` only."""
        return []

    def count(self, filter_query: dict[str, Any]) -> int:
        """The number of records."""
        return len(self._records) // 2


def _code(code: dict[str, Any], url: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("language", "language_version"))
    inputs = [{"object_type": "Data asset", "name": None, "url": url}]
    return {
        "object_type": "Code",
        **code,
        "commit_hash": None,
        "container": None,
        "run_script": "code/run",
        **nothing,
        "input_data": inputs,
        "parameters": {},
        "core_dependency": None,
    }


def inventory(task: Task) -> Callable[[], dict[str, Any]]:
    """Call ``locate_files`` with an inventory; `task` has place, locations, extension."""
    from dispatch_core.locate import locate_files
    from dispatch_core.sources.inventory import InventoryLister
    from dispatch_core.types import DataAsset

    assets = [DataAsset(place, place, place) for place in task["locations"]]

    def work() -> dict[str, Any]:
        located = locate_files(assets, InventoryLister([task["place"]]), task["extension"])
        return {"files": [file.location for one in located.located for file in one.files or ()]}

    return work


def job_files(count: int) -> Iterator[tuple[str, bytes]]:
    """Yield `count` job files, each computed when it is needed."""
    for number in range(count):
        name = f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"
        name = "-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:]))
        yield f"{number * WORKERS // count}/{name}.json", _JOB.format(number, name).encode()


_JOB = """{{
  "s3_location": ["s3://example-bucket/behavior_{0:07}_2025-06-07_14-31-15"],
  "asset_id": ["{1}"],
  "asset_name": ["behavior_{0:07}_2025-06-07_14-31-15"],
  "docdb_record_id": ["{1}"],
  "file_location": ["s3://example-bucket/behavior_{0:07}_2025-06-07_14-31-15/nwb/experiment1.nwb"],
  "distributed_parameters": [{{"analysis_name": "drift", "threshold": {0}}}]
}}
"""


def raw_files(task: Task) -> Callable[[], None]:
    """Create, write and sync as many files one by one, and do nothing else."""
    place = Path(task["folder"]) / "raw"

    def work() -> None:
        for worker in range(WORKERS):
            os.makedirs(place / str(worker))
        for path, content in job_files(task["count"]):
            descriptor = os.open(f"{place}/{path}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            os.write(descriptor, content)
            os.fsync(descriptor)
            os.close(descriptor)

    return work


def our_folder(task: Task) -> Callable[[], None]:
    """Write the folder as a dispatch does."""
    from dispatch_core.output.folder import write_folder

    place = Path(task["folder"]) / "ours"

    def work() -> None:
        write_folder(lambda: job_files(task["count"]), place)

    return work


def plain_zip(task: Task) -> Callable[[], None]:
    """Write the zip as in the documentation of the standard library."""

    def work() -> None:
        path = Path(task["folder"]) / "plain.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in job_files(task["count"]):
                archive.writestr(name, content)

    return work


def our_zip(task: Task) -> Callable[[], None]:
    """Write the zip as for a download."""
    from dispatch_core.output.zip import write_zip

    def work() -> None:
        with open(Path(task["folder"]) / "ours.zip", "wb") as destination:
            write_zip(job_files(task["count"]), destination)

    return work


def download_before(task: Task) -> Callable[[], None]:
    """Make the zip whole in memory, as a download was made before."""
    from dispatch_core.output.zip import write_zip

    def work() -> None:
        destination = io.BytesIO()
        write_zip(job_files(task["count"]), destination)
        destination.getvalue()

    return work


def download(task: Task) -> Callable[[], None]:
    """Make the zip in parts, as a download is read."""
    from dispatch_core.output.zip import zip_parts

    def work() -> None:
        for _ in zip_parts(job_files(task["count"])):
            pass

    return work


def zip_pairs(task: Task) -> Callable[[], dict[str, float]]:
    """The CPU of both zips, in turn in one process."""
    plain, ours = plain_zip(task), our_zip(task)

    def work() -> dict[str, float]:
        rounds = in_turn(task["rounds"], ours, plain)
        return {"rate": ratio(rounds), "ours": min(one[0] for one in rounds)}

    return work


def stream_only(task: Task) -> Callable[[], None]:
    """Make the stream without writing it; every way of writing includes this cost."""

    def work() -> None:
        for _ in job_files(task["count"]):
            pass

    return work


if __name__ == "__main__":
    made = (
        inventory,
        locate,
        limit,
        loop,
        list_pages,
        boto3_pages,
        plan,
        processed,
        before,
        stream_only,
        raw_files,
        our_folder,
        plain_zip,
        our_zip,
        download_before,
        download,
        zip_pairs,
    )
    answer({way.__name__: way for way in made})
