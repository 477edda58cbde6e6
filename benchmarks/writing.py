"""Compares writing jobs with raw files and ``zipfile``, for the same bytes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

from benchmarks.child import OURS, ROOT, Measurement, measure
from benchmarks.listing import Form
from benchmarks.ours import job_files
from benchmarks.peers import READERS_PYTHON
from benchmarks.report import Figure, Report, Table
from dispatch_core.output.folder import write_folder
from dispatch_core.output.zip import write_zip, zip_parts

ROUNDS = 3
_DOWNLOAD = "a zip as a download"
ZIP_ROUNDS = 9
AS_QUICK = 0.95
"""As quick as the other: what is less than a twentieth apart, no run tells for certain."""
WAYS = {
    "making the stream, no writing": "stream_only",
    "create + fsync, one by one": "raw_files",
    "write_folder": "our_folder",
    "plain zipfile": "plain_zip",
    "write_zip": "our_zip",
    "a zip whole in memory": "download_before",
    _DOWNLOAD: "download",
}


def writing(form: Form) -> Report:
    """Compare the folder with raw files, the zip with ``zipfile``, and upstream's writer."""
    count = 2_000 if form.is_short else 100_000
    best = {name: once(way, count) for name, way in WAYS.items()}
    best |= best_in_turns(("create + fsync, one by one", "write_folder"), count)
    rate = _rate_of_zip(count)
    rows = [_row(name, one, count) for name, one in best.items()]
    if READERS_PYTHON.exists():
        few = count // 10
        theirs = once("upstream_write", few, "benchmarks.peers", str(READERS_PYTHON))
        rows.append(_row(f"upstream's write_input_model_list, {few:,} jobs, no fsync", theirs, few))
    folder, archive = best["write_folder"], best["write_zip"]
    streamed = best[_DOWNLOAD]
    raw = best["create + fsync, one by one"]
    figures = (
        Figure("folder: rate over raw create + fsync", raw.seconds / folder.seconds, "x", 0.5),
        Figure("zip: rate over plain zipfile, CPU", rate, "x", AS_QUICK),
        Figure(f"folder: peak memory at {count:,} jobs", folder.megabytes, " MB", 200, True),
        Figure(f"zip: peak memory at {count:,} jobs", archive.megabytes, " MB", 200, True),
        Figure(f"download: peak memory at {count:,} jobs", streamed.megabytes, " MB", 60, True),
    )
    title = f"Writing {count:,} jobs durably, and as a zip"
    table = Table(title, ("way", "seconds", "a job", "peak"), tuple(rows))
    return Report((table,), figures)


def _row(name: str, one: Measurement, count: int) -> tuple[str, ...]:
    each = one.seconds / count * 1e6
    return (name, f"{one.seconds:.2f} s", f"{each:.0f} us", f"{one.megabytes:.0f} MB")


def best_in_turns(names: tuple[str, ...], count: int) -> dict[str, Measurement]:
    """Return the fastest run of each way; ways alternate, so that load affects all equally."""
    rounds = [{name: once(WAYS[name], count) for name in names} for _ in range(ROUNDS)]
    return {name: min((one[name] for one in rounds), key=attrgetter("seconds")) for name in names}


def _rate_of_zip(count: int) -> float:
    """The rate of our zip over plain ``zipfile``, which only compute, so by their CPU."""
    place = tempfile.mkdtemp(prefix=".bench-", dir=ROOT)
    try:
        task = {"count": min(count, 20_000), "folder": place, "rounds": ZIP_ROUNDS}
        return float(measure("benchmarks.ours", "zip_pairs", task).result["rate"])
    finally:
        shutil.rmtree(place)


def once(way: str, count: int, module: str = "benchmarks.ours", python: str = OURS) -> Measurement:
    """Run one way in a fresh process and a new folder."""
    # The folder for temporary files may be in memory, so this one is beside the code.
    place = tempfile.mkdtemp(prefix=".bench-", dir=ROOT)
    try:
        return measure(module, way, {"count": count, "folder": place}, python)
    finally:
        shutil.rmtree(place)


def writing_counts() -> Report:
    """Count how often the stream of jobs is made, because each pass builds every job."""
    passes = _Passes(500)
    with tempfile.TemporaryDirectory() as folder:
        write_folder(passes.files, Path(folder) / "out")
        first = passes.made
        write_folder(passes.files, Path(folder) / "out")
        with open(Path(folder) / "out.zip", "wb") as destination:
            write_zip(passes.files(), destination)
    first_part = _Passes(100_000)
    next(zip_parts(first_part.files()))
    return Report(
        (),
        (
            Figure("folder: passes over the jobs", first / 500, "", 1, True, counted=True),
            Figure(
                "confirming and zip: passes", (passes.made - first) / 500, "", 2, True, counted=True
            ),
            Figure(
                "download of 100,000 jobs: jobs made before its first bytes",
                first_part.made,
                "",
                2_000,
                True,
                counted=True,
            ),
        ),
    )


class _Passes:
    """A repeatable stream that counts the jobs that it made."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.made = 0

    def files(self) -> Iterator[tuple[str, bytes]]:
        for file in job_files(self.count):
            self.made += 1
            yield file
