"""Shows that this package replaces the body of the dispatcher capsule: ``make drop-in``.

For each layout of the input folder, the capsule's run script dispatches, and the reading and
skipping code of the real wrapper gets the written folder. Half of the jobs become results, and
both run again. The metadata gateway, with the results, and S3 are servers on this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from tests.fakes import record
from tests.servers.gateway import GatewayServer
from tests.servers.s3 import S3Server
from tests.support.readers import real_reader
from tests.support.results import FRAME
from tests.support.world import ROOT, subject
from tests.test_capsule import KIT, PANEL, run_capsule

LAYOUTS = (
    ("analysis_parameters/analysis_parameters.json",),
    ("analysis_parameters.json",),
    ("input_files/analysis_parameters.json",),
    ("input_data/analysis_parameters.json",),
    ("input_files/analysis_parameters/analysis_parameters.json",),
    ("distributed_parameters.json",),
    ("input_data/distributed_parameters.json",),
    ("analysis_parameters/distributed_parameters.json",),
    ("data_asset_input.csv", "analysis_parameters.json"),
    ("analysis_data_asset_ids/data_asset_input.csv", "analysis_parameters.json"),
    ("my_assets.csv", "input_files/analysis_parameters.json"),
)
"""The files of each documented input folder."""

FEW = ("a0/x.nwb", "a1/x.nwb/.zgroup", "a1/x.nwb/0/0", "a2/x.nwb", "a2/y.nwb", "a3/x.json")
"""A file, a store, two files, and an asset without any: four entries of ``.nwb``."""

MANY = tuple(f"b{number}/{name}.nwb" for number in range(100) for name in "xy")
SETS = [{"cutoff": 0.03}, {"cutoff": 1e16}]
JOBS = 8
"""Each layout makes a job of each entry of `FEW` and each of `SETS`."""

RESULTS = "analysis/my_project"
HEADS = ("jobs", "wrapper reads", "recorded", "it skips", "next jobs", "it skips")
INTRODUCTION = """\
Each layout is dispatched twice, with results for half of the jobs in between. About a minute.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """What happened with one layout.

    Attributes
    ----------
    jobs, read
        Jobs of the first dispatch, and those that the wrapper reads.
    recorded, skipped
        Jobs that became results, and those that the wrapper then skips.
    jobs_next, skipped_next
        Jobs of the second dispatch, and those of them that the wrapper skips.
    """

    layout: str
    jobs: int
    read: int
    recorded: int
    skipped: int
    jobs_next: int
    skipped_next: int

    @property
    def is_correct(self) -> bool:
        """Whether every job is read, and exactly those that the wrapper skips are excluded."""
        is_read = self.jobs == self.read == JOBS
        is_skipped = self.skipped == self.recorded > self.skipped_next == 0
        return is_read and is_skipped and self.jobs_next == self.jobs - self.recorded


@dataclass(frozen=True, slots=True)
class Place:
    """The capsule and the wrapper on this machine, with the servers that they use."""

    folder: Path
    gateway: GatewayServer
    variables: Mapping[str, str]
    python: Path

    def dispatch(self, layout: Sequence[str], results: str, assets: str = "few") -> Path:
        """Run the capsule on input files in this layout; the folder with its jobs."""
        root = self.folder / "+".join(layout).replace("/", "_")
        _lay_out(root / "data", layout)
        has_list = any(name.endswith(".csv") for name in layout)
        panel = PANEL | {
            "docdb_query": "" if has_list else subject(assets),
            "use_data_asset_csv": str(int(has_list)),
            "input_directory": f"{root}/data",
            "output_directory": f"{root}/{results}",
        }
        ran = run_capsule(self.folder / "code", panel, **self.variables)
        assert ran.code == 0, f"{layout}: {ran.err}"
        return root / results

    def wrapper(self, *folders: Path) -> Mapping[Path, list[dict[str, Any]]]:
        """For each folder, ``record`` and ``is_skipped`` of each job that the wrapper reads."""
        done = subprocess.run(
            [self.python, ROOT / "tests" / "readers" / "record_jobs.py", *folders],
            env=os.environ | self.variables,
            input=json.dumps(FRAME),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found = defaultdict(list)
        for job in map(json.loads, done.stdout.splitlines()):
            found[Path(job["file"]).parents[1]].append(job)
        return found

    def result_requests(self) -> int:
        """The number of requests about results so far."""
        return sum(f"/{RESULTS}/" in request.target for request in self.gateway.requests)


def main() -> int:
    """Print the table and the requests; 1 if dispatcher and wrapper disagree on a layout."""
    print(INTRODUCTION, flush=True)
    with tempfile.TemporaryDirectory() as folder, running_place(Path(folder)) as place:
        rows = check_layouts(place, LAYOUTS)
        print(table(rows), flush=True)
        print(f"\n{compare_requests(place)}")
    return 0 if all(row.is_correct for row in rows) else 1


@contextmanager
def running_place(folder: Path) -> Iterator[Place]:
    """The capsule in ``folder/code``, and both servers while the context is open."""
    python = real_reader()
    code = folder / "code"
    code.mkdir()
    (code / "dispatch_core").symlink_to(ROOT / "dispatch_core")
    (code / ".env").write_bytes((KIT / "dispatch.env").read_bytes())
    (code / "run").write_bytes((KIT / "run").read_bytes())
    (code / "run").chmod(0o755)
    with (
        GatewayServer(_assets(), collections={RESULTS: []}) as gateway,
        S3Server({"data": [*FEW, *MANY]}) as s3,
    ):
        yield Place(folder, gateway, _variables(gateway, s3), python)


def _assets() -> Iterator[dict[str, Any]]:
    """An asset for each first part of a key, of the subject ``few`` or ``many``."""
    for whose, keys in (("few", FEW), ("many", MANY)):
        for name in dict.fromkeys(key.partition("/")[0] for key in keys):
            yield record(name, ids=[f"co-{name}"], subject={"subject_id": whose})


def _variables(gateway: GatewayServer, s3: S3Server) -> dict[str, str]:
    """What the template sets; the rest leads to the servers and to this Python."""
    database, collection = RESULTS.split("/")
    return {
        "DOCDB_HOST": gateway.host,
        "DOCDB_DATABASE": database,
        "DOCDB_COLLECTION": collection,
        "REQUESTS_CA_BUNDLE": gateway.ca_file,
        "AWS_ENDPOINT_URL_S3": s3.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def _lay_out(folder: Path, layout: Sequence[str]) -> None:
    """Write the files of a layout; its name is a parameter, so that layouts share no job."""
    fixed = {"layout": " + ".join(layout)}
    texts = {
        "analysis_parameters.json": {"fixed_parameters": fixed, "distributed_parameters": SETS},
        "distributed_parameters.json": [fixed | one for one in SETS],
    }
    for path in (folder / name for name in layout):
        path.parent.mkdir(parents=True, exist_ok=True)
        is_list = path.suffix == ".csv"
        path.write_text(
            "asset_id\nco-a0\nco-a1\na2\na3" if is_list else json.dumps(texts[path.name])
        )


def check_layouts(place: Place, layouts: Sequence[Sequence[str]]) -> list[Row]:
    """A row for each layout, dispatched before and after half of its jobs became results."""
    first = [place.dispatch(layout, "results") for layout in layouts]
    read = place.wrapper(*first)
    recorded = [read[folder][::2] for folder in first]
    for jobs in recorded:
        place.gateway.add(RESULTS, [job["record"] for job in jobs])
    second = [place.dispatch(layout, "next") for layout in layouts]
    judged = place.wrapper(*first, *second)
    return [
        Row(
            " + ".join(layout),
            *(_files(one), len(read[one]), len(jobs), _skipped(judged[one])),
            *(_files(two), _skipped(judged[two])),
        )
        for layout, one, jobs, two in zip(layouts, first, recorded, second, strict=True)
    ]


def _files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def _skipped(jobs: Sequence[Mapping[str, Any]]) -> int:
    return sum(job["is_skipped"] for job in jobs)


def compare_requests(place: Place) -> str:
    """The requests about results for 400 jobs: of the dispatcher, and one by one."""
    start = place.result_requests()
    folder = place.dispatch(LAYOUTS[0], "many", assets="many")
    ours = place.result_requests() - start
    jobs = len(place.wrapper(folder)[folder])
    one_by_one = place.result_requests() - start - ours
    return (
        f"{jobs} jobs: {ours} requests about results. Upstream: {one_by_one}, because its"
        " dispatcher calls docdb_record_exists for each job."
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as text, a line each; an incorrect one ends with WRONG."""
    width = max(len(row.layout) for row in rows)
    lines = ["  ".join(["layout".ljust(width), *HEADS])]
    for row in rows:
        layout, *counts = astuple(row)
        cells = [f"{count:>{len(head)}}" for head, count in zip(HEADS, counts, strict=True)]
        mark = [] if row.is_correct else ["WRONG"]
        lines.append("  ".join([layout.ljust(width), *cells, *mark]))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
