"""From a query to a plan on the embedded demo, and how time grows with what there is."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.child import Measurement, measure
from benchmarks.list_server import ListServer
from benchmarks.listing import Form, run_ours
from benchmarks.report import Figure, Report, Table
from benchmarks.workloads import Bucket, Workload, workloads
from benchmarks.writing import best_of

EVERYTHING = {"name": {"$exists": True}}


def planning(form: Form) -> Report:
    """100,000 assets x 1 set, and 1,000 assets x 100 sets."""
    many, few, sets = (2_000, 100, 20) if form.is_short else (100_000, 1_000, 100)
    wide, deep = plan(many, 0), plan(few, sets)
    rows = (_row(f"{many:,} assets", wide), _row(f"{few:,} assets x {sets} sets", deep))
    figures = (
        Figure(f"query to plan, {many:,} assets", wide.seconds, " s", 20, at_most=True),
        Figure(f"query to plan, {many:,} assets: peak", wide.megabytes, " MB", 600, at_most=True),
    )
    columns = ("embedded demo", "matched", "jobs", "query to plan", "peak")
    return Report((Table("Planning", columns, rows),), figures)


def plan(assets: int, sets: int) -> Measurement:
    """One plan in a fresh process."""
    return measure("benchmarks.ours", "plan", {"assets": assets, "sets": sets, "query": EVERYTHING})


def _row(name: str, one: Measurement) -> tuple[str, ...]:
    matched, jobs = one.result["matched"], one.result["jobs"]
    return (name, f"{matched:,}", f"{jobs:,}", f"{one.seconds:.2f} s", f"{one.megabytes:.0f} MB")


def growth(form: Form) -> Report:
    """Each step at a size and at twice the size."""
    assets, jobs = (1_000, 2_000) if form.is_short else (25_000, 25_000)
    pairs: dict[str, tuple[float, ...]] = {
        f"plan, {assets:,} assets": (plan(assets, 0).seconds, plan(2 * assets, 0).seconds),
        f"folder, {jobs:,} jobs": tuple(best_of("our_folder", n).seconds for n in (jobs, 2 * jobs)),
        f"zip, {jobs:,} jobs": tuple(best_of("our_zip", n).seconds for n in (jobs, 2 * jobs)),
        **_growth_of_locating(form),
    }
    rows: list[tuple[str, ...]] = []
    figures: list[Figure] = []
    for name, (once, twice) in pairs.items():
        rows.append((name, f"{once:.2f} s", f"{twice:.2f} s", f"{twice / once:.2f}x"))
        figures.append(Figure(f"growth: {name}, doubled", twice / once, "x", 2, at_most=True))
    table = Table("Growth", ("", "once", "twice", "ratio"), tuple(rows))
    return Report((table,), tuple(figures))


def _growth_of_locating(form: Form) -> dict[str, tuple[float, ...]]:
    """Twice the assets (D), and twice the keys that must be listed (nested)."""
    found = {}
    for name in ("D", "nested"):
        workload = workloads(form.is_short)[name]
        sizes = (workload.bucket.assets // 2, workload.bucket.assets // 2 * 2)
        found[f"locate {name}, {sizes[0]:,} assets"] = tuple(
            _locating(replace(workload, bucket=Bucket(size, workload.bucket.tree)))
            for size in sizes
        )
    return found


def _locating(workload: Workload) -> float:
    with ListServer(workload.bucket) as server:
        return run_ours(server, workload).seconds
