"""Measures locating files in an S3 Inventory; `docs/scale.md` extrapolates from it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.child import ROOT, measure
from benchmarks.listing import Form
from benchmarks.report import Figure, Report, Table
from benchmarks.workloads import BUCKET, Bucket, Run, Tree, Workload

CHUNKS = 10_000


def inventory(form: Form) -> Report:
    """Make and read a Parquet inventory of assets with one store of 10,000 chunks each."""
    rows, figures = [], []
    for objects in (100_000,) if form.is_short else (1_000_000, 10_000_000):
        bucket = Bucket(objects // CHUNKS, Tree((Run("ecephys/probe.zarr/traces", CHUNKS),)))
        workload = Workload("inventory", "", bucket, ".zarr")
        with tempfile.TemporaryDirectory(prefix=".bench-", dir=ROOT) as folder:
            place = Path(folder) / "inventory.parquet"
            write_parquet(bucket, place)
            size = place.stat().st_size / 1e6
            task = {"place": str(place), "locations": workload.locations, "extension": ".zarr"}
            took = measure("benchmarks.ours", "inventory", task)
        wrong = len(set(took.result["files"]) ^ set(workload.files()))
        figures.append(Figure(f"inventory of {objects:,}: wrong files", wrong, "", 0, True, True))
        each = took.seconds / objects * 1e6
        rows.append((
            f"{objects:,} objects, {bucket.assets:,} assets", f"{size:,.0f} MB",
            f"{took.seconds:.2f} s", f"{each:.2f} us", f"{took.megabytes:.0f} MB",
        ))  # fmt: skip
    columns = ("S3 Inventory, Parquet", "file", "to located files", "an object", "peak")
    table = Table("Locating files in an inventory", columns, tuple(rows))
    return Report((table,), tuple(figures))


def write_parquet(bucket: Bucket, place: Path) -> None:
    """Write the keys of `bucket` in the format of S3 Inventory."""
    import duckdb

    name = bucket.name(0).replace("0000000", "%s").split("%s")
    asset = f"'{name[0]}' || lpad((i // {CHUNKS})::VARCHAR, 7, '0') || '{name[1]}'"
    chunk = f"'/ecephys/probe.zarr/traces/' || lpad((i % {CHUNKS})::VARCHAR, 7, '0')"
    duckdb.execute(
        f"COPY (SELECT '{BUCKET}' AS bucket, {asset} || {chunk} AS key, true AS is_latest, "
        "false AS is_delete_marker, 65536 AS size, TIMESTAMP '2025-06-07' AS last_modified_date "
        f"FROM range({len(bucket)}) t(i)) TO '{place}' (FORMAT parquet)"
    )
