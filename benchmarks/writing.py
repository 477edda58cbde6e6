"""Measures writing against what the disk and the standard library can do.

    python -m benchmarks.writing [number of jobs: 20,000] [folder: that for temporary files]

Prints the time and the peak memory of each, and how our rate relates to raw creation and
fsync of as many files (goal: at least 0.5), and to plain ``zipfile`` (goal: at least 1).
Each runs in a process of its own, in turn, and the best of three rounds counts.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dispatch_core.output import JobFile, write_folder, write_zip, write_zip_file

WORKERS = 50
ROUNDS = 3
JOB = """{{
  "s3_location": "s3://example-bucket/behavior_{number:06d}_2024-05-01_12-00-00",
  "asset_id": "{name}",
  "asset_name": "behavior_{number:06d}_2024-05-01_12-00-00",
  "docdb_record_id": "{name}",
  "file_location": [
    "s3://example-bucket/behavior_{number:06d}_2024-05-01_12-00-00/nwb/experiment1.nwb"
  ],
  "distributed_parameters": [
    {{"analysis_name": "drift", "threshold": 0.{number}, "regions": ["VISp", "VISl", "LGd"]}}
  ]
}}
"""


@dataclass(frozen=True)
class Measurement:
    """Seconds, and megabytes of resident memory at the most."""

    seconds: float
    megabytes: float


def job_files(count: int) -> Iterator[JobFile]:
    """A stream of `count` job files, made as they are asked for."""
    for number in range(count):
        name = str(uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128))
        content = JOB.format(number=number, name=name).encode()
        yield f"{number * WORKERS // count}/{name}.json", content


def raw_folder(count: int, place: Path) -> None:
    """Creates, writes and syncs the files one after another, and nothing else."""
    for worker in range(WORKERS):
        os.makedirs(place / "raw" / str(worker))
    for path, content in job_files(count):
        descriptor = os.open(f"{place}/raw/{path}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(descriptor, content)
        os.fsync(descriptor)
        os.close(descriptor)


def our_folder(count: int, place: Path) -> None:
    """Writes the folder as a dispatch does."""
    write_folder(lambda: job_files(count), place / "results")


def plain_zip(count: int, place: Path) -> None:
    """Writes the zip as the standard library's documentation shows it."""
    with zipfile.ZipFile(place / "plain.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in job_files(count):
            archive.writestr(path, content)


def our_zip(count: int, place: Path) -> None:
    """Writes the zip as a download gets it."""
    with open(place / "ours.zip", "wb") as destination:
        write_zip(job_files(count), destination)


def our_zip_file(count: int, place: Path) -> None:
    """Writes the zip as a durable file."""
    write_zip_file(job_files(count), place / "durable.zip")


def stream_only(count: int, _place: Path) -> None:
    """Makes the stream and writes nothing: what is in every other line."""
    for _ in job_files(count):
        pass


WAYS: dict[str, Callable[[int, Path], None]] = {
    "stream": stream_only,
    "raw create + fsync": raw_folder,
    "write_folder": our_folder,
    "plain zipfile": plain_zip,
    "write_zip": our_zip,
    "write_zip_file": our_zip_file,
}


def _run(way: str, count: int, root: str, answers: multiprocessing.Queue[Measurement]) -> None:
    place = Path(tempfile.mkdtemp(dir=root))
    start = time.perf_counter()
    WAYS[way](count, place)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    shutil.rmtree(place)
    answers.put(Measurement(seconds, peak / (1 << (20 if sys.platform == "darwin" else 10))))


def measure(way: str, count: int, root: str) -> Measurement:
    """One run of one way in a fresh process."""
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[Measurement] = context.Queue()
    process = context.Process(target=_run, args=(way, count, root, answers))
    process.start()
    answer = answers.get()
    process.join()
    return answer


def best(measurements: list[Measurement]) -> Measurement:
    """The shortest time and the largest memory."""
    return Measurement(
        min(measurement.seconds for measurement in measurements),
        max(measurement.megabytes for measurement in measurements),
    )


def main() -> None:
    """Prints one line for each way, and the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    root = sys.argv[2] if len(sys.argv) > 2 else tempfile.gettempdir()
    rounds = [{way: measure(way, count, root) for way in WAYS} for _ in range(ROUNDS)]
    results = {way: best([measured[way] for measured in rounds]) for way in WAYS}
    print(f"{count:,} jobs below {root}")
    for way, result in results.items():
        each = result.seconds / count * 1e6
        print(f"{way:20}{result.seconds:9.2f} s{each:9.1f} us a job{result.megabytes:8.0f} MB")
    raw, plain = results["raw create + fsync"], results["plain zipfile"]
    print(f"write_folder at {raw.seconds / results['write_folder'].seconds:.2f} x the raw rate")
    print(f"write_zip at {plain.seconds / results['write_zip'].seconds:.2f} x plain zipfile")


if __name__ == "__main__":
    main()
