"""Measures checking and comparing dispatches, and the history of many records."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.child import ROOT, Measurement, Task, answer, measure
from benchmarks.listing import Form
from benchmarks.report import Figure, Report, Table

WORKERS = 50


def earlier(form: Form) -> Report:
    """Check and compare zips of 100,000 jobs, and list 1,000 records of 1,000 jobs."""
    count, records = (2_000, 50) if form.is_short else (100_000, 1_000)
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=ROOT) as place:
        task = {"count": count, "records": records, "folder": place}
        _write_zips(Path(place), count)
        _write_records(Path(place), records)
        ways = {way: measure("benchmarks.earlier", way, task) for way in WAYS}
    jobs = f"{count:,} jobs"
    names = {
        "checked": f"check a zip, {jobs}",
        "compared": f"compare two zips, {jobs} each",
        "sets": f"the set arithmetic alone, {jobs} each",
        "listed": f"history, {records:,} records",
    }
    rows = tuple(_row(names[way], one) for way, one in ways.items())
    figures = (
        Figure(f"{names['sets']}: CPU", ways["sets"].cpu, " s", 1, at_most=True),
        Figure(f"{names['compared']}: peak", ways["compared"].megabytes, " MB", 600, at_most=True),
        Figure(f"{names['checked']}: peak", ways["checked"].megabytes, " MB", 400, at_most=True),
        Figure(f"{names['listed']}: CPU", ways["listed"].cpu, " s", 2, at_most=True),
    )
    columns = ("earlier dispatches", "result", "CPU", "peak")
    return Report((Table("Earlier dispatches", columns, rows),), figures)


def _row(name: str, one: Measurement) -> tuple[str, ...]:
    return (name, one.result, f"{one.cpu:.2f} s", f"{one.megabytes:.0f} MB")


def _write_zips(place: Path, count: int) -> None:
    """Two zips, of which the second has one job in a hundred less and as many others."""
    from dispatch_core.job_model import job_bytes

    for name, start in (("old", 0), ("new", count // 100)):
        with zipfile.ZipFile(place / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for number, job in enumerate(_jobs(start, count)):
                path = f"{number * WORKERS // count}/{job.name}.json"
                archive.writestr(path, job_bytes(job, "seed"))


def _jobs(start: int, count: int) -> Iterator[Any]:
    from dispatch_core.job_model import JobSet, canonical_text, make_jobs
    from dispatch_core.types import DataAsset, FileEntry, LocatedAsset

    values = {"threshold": 0.5, "filter": {"low": 300, "high": 6_000}}
    sets = [JobSet(values, values, canonical_text(values))]
    for number in range(start, start + count):
        name = f"behavior_{number:07}_2025-06-07_14-31-15"
        asset = DataAsset(f"{number:032x}", name, f"s3://example-bucket/{name}")
        file = FileEntry(f"{asset.location}/nwb/experiment1.nwb")
        yield from make_jobs((LocatedAsset(asset, (file,)),), sets, None)


def _write_records(place: Path, records: int) -> None:
    """Records of 1,000 jobs each; every tenth has its folder beside it."""
    import dispatch_core as dispatch
    from dispatch_core.output.record import record_text

    made = dispatch.plan({}, source="demo", buckets="demo", max_number_of_tasks_dispatched=1_000)
    text = record_text(made._planned, "written")
    for number in range(records):
        folder = place / "dispatches" / f"{number:04}"
        folder.parent.mkdir(exist_ok=True)
        folder.with_name(f"{folder.name}.dispatch.json").write_text(text)
        if number % 10 == 0:
            for path, _ in made.files():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).touch()


def checked(task: Task) -> Callable[[], str]:
    """Check one of the zips."""
    from dispatch_core.earlier.check import check_dispatch

    def work() -> str:
        found = check_dispatch(Path(task["folder"]) / "old.zip")
        return f"{len(found.faults):,} faults"

    return work


def compared(task: Task) -> Callable[[], str]:
    """Compare the zips, reading included."""
    from dispatch_core.earlier.compare import compare_paths

    place = Path(task["folder"])
    return lambda: str(compare_paths(place / "old.zip", place / "new.zip"))


def sets(task: Task) -> Callable[[], str]:
    """Compare jobs that are in memory."""
    from dispatch_core.earlier.compare import compare_dispatches
    from dispatch_core.earlier.read import earlier_of_jobs

    count = task["count"]
    old, new = (
        earlier_of_jobs(name, _jobs(start, count))
        for name, start in (("old", 0), ("new", count // 100))
    )
    return lambda: str(compare_dispatches(old, new))


def listed(task: Task) -> Callable[[], str]:
    """List the records, with what is there of each dispatch."""
    from dispatch_core.earlier.history import read_history

    def work() -> str:
        rows = read_history(Path(task["folder"]) / "dispatches")
        return f"{sum(row.folder == 'there' for row in rows):,} folders there"

    return work


WAYS = {way.__name__: way for way in (checked, compared, sets, listed)}

if __name__ == "__main__":
    answer(WAYS)
