"""Measures planning on the embedded demo, and how the time grows with the size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from benchmarks.child import Measurement, measure
from benchmarks.list_server import ListServer
from benchmarks.listing import Form, run_ours
from benchmarks.pairs import ratio
from benchmarks.report import Figure, Report, Table
from benchmarks.workloads import Bucket, Workload, workloads
from benchmarks.writing import once

ROUNDS = 3
MOST_LOOPS = {True: 5, False: 150}
"""Limits of the CPU of a plan over that of the calibrating loop, short and complete."""
DOUBLED = 2.2
"""Limit of the ratio at twice the size: twice the CPU, plus a tenth for variation."""
EVERYTHING = {"name": {"$exists": True}}


def planning(form: Form) -> Report:
    """Measure 100,000 assets x 1 set, and 1,000 assets x 100 sets."""
    many, few, sets = (2_000, 100, 20) if form.is_short else (100_000, 1_000, 100)
    wide, deep = plan(many, 0), plan(few, sets)
    rows = (_row(f"{many:,} assets", wide), _row(f"{few:,} assets x {sets} sets", deep))
    figures = (
        Figure(
            f"query to plan, {many:,} assets: CPU over the calibrating loop",
            wide.result["calibrations"],
            "x",
            MOST_LOOPS[form.is_short],
            at_most=True,
        ),
        Figure(f"query to plan, {many:,} assets: peak", wide.megabytes, " MB", 450, at_most=True),
    )
    columns = ("embedded demo", "matched", "jobs", "query to plan, CPU", "over the loop", "peak")
    (processed, cpu), (before, quick) = _processed(many), _before(many)
    tables = (Table("Planning", columns, rows), processed, before)
    return Report(tables, (*figures, cpu, quick))


def _processed(count: int) -> tuple[Table, Figure]:
    """Check as many jobs as there are records, half of them written in another way."""
    one = measure("benchmarks.ours", "processed", {"count": count})
    name = f"{count:,} jobs, {count:,} records"
    done = f"{one.result['done']:,} by name, {one.result['otherwise']:,} by meaning"
    row = (name, done, f"{one.result['requests']:,}", f"{one.cpu:.2f} s")
    columns = ("already processed, results in memory", "found", "requests", "CPU")
    figure = Figure(f"already processed, {name}: CPU", one.cpu, " s", 10, at_most=True)
    return Table("Already processed", columns, (row,)), figure


def _before(count: int) -> tuple[Table, Figure]:
    """Exclude every other job, by the names of an earlier dispatch with as many jobs."""
    one = measure("benchmarks.ours", "before", {"count": count})
    name = f"{count:,} jobs, {count:,} names"
    row = (name, f"{one.result['before']:,}", f"{one.result['new']:,}", f"{one.cpu:.2f} s")
    columns = ("dispatched before", "excluded", "new", "CPU")
    figure = Figure(f"dispatched before, {name}: CPU", one.cpu, " s", 1, at_most=True)
    return Table("Dispatched before", columns, (row,)), figure


def plan(assets: int, sets: int) -> Measurement:
    """Make one plan in a fresh process."""
    return measure("benchmarks.ours", "plan", {"assets": assets, "sets": sets, "query": EVERYTHING})


def _row(name: str, one: Measurement) -> tuple[str, ...]:
    matched, jobs, loops = (one.result[key] for key in ("matched", "jobs", "calibrations"))
    costs = (f"{one.result['cpu']:.2f} s", f"{loops:.1f}x", f"{one.megabytes:.0f} MB")
    return (name, f"{matched:,}", f"{jobs:,}", *costs)


def growth(form: Form) -> Report:
    """Compare the CPU of each step at one size and at twice the size, in turn.

    Waiting, for a listing or for the disk, does not count. The median of the rounds does.
    """
    assets, jobs = (1_000, 2_000) if form.is_short else (12_500, 12_500)
    steps: dict[str, tuple[Callable[[int], float], int]] = {
        "plan, {:,} assets": (lambda size: plan(size, 0).result["cpu"], assets),
        "folder, {:,} jobs": (lambda size: once("our_folder", size).cpu, jobs),
        "zip, {:,} jobs": (lambda size: once("our_zip", size).cpu, 4 * jobs),
        **_growth_of_locating(form),
    }
    rows: list[tuple[str, ...]] = []
    figures: list[Figure] = []
    for name, (run, size) in steps.items():
        name = name.format(size)
        turns = [(run(size), run(2 * size)) for _ in range(ROUNDS)]
        single, double = (min(seconds) for seconds in zip(*turns, strict=True))
        grown = ratio(turns)
        rows.append((name, f"{single:.2f} s", f"{double:.2f} s", f"{grown:.2f}x"))
        figures.append(Figure(f"growth: {name}, doubled", grown, "x", DOUBLED, at_most=True))
    note = f"CPU; the ratio is the median of {ROUNDS} rounds in turn"
    table = Table("Growth", ("step", "once", "twice", "ratio"), tuple(rows), note)
    return Report((table,), tuple(figures))


def _growth_of_locating(form: Form) -> dict[str, tuple[Callable[[int], float], int]]:
    """Return the steps with twice the assets (D) and twice the listed keys (nested)."""

    def cpu_of(workload: Workload) -> Callable[[int], float]:
        def run(assets: int) -> float:
            sized = replace(workload, bucket=Bucket(assets, workload.bucket.tree))
            with ListServer(sized.bucket) as server:
                return run_ours(server, sized, rounds=1).measurement.cpu

        return run

    chosen = (workloads(form.is_short)[name] for name in ("D", "nested"))
    return {
        f"locate {one.name}, {{:,}} assets": (cpu_of(one), one.bucket.assets // 2) for one in chosen
    }
