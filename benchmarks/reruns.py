"""Measures the CPU of a rerun of each page on the server, and the rows that it sends."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.child import ROOT, Task, answer, measure
from benchmarks.listing import Form
from benchmarks.report import Figure, Report, Table

LIMIT = 40.0
"""Limit of a rerun in milliseconds of CPU, at any number of assets."""

MOST_ROWS = 1_000
RERUNS = 15
PAGES = {
    "Assets": "plan/assets.py",
    "Files": "plan/files.py",
    "Parameters": "plan/parameters.py",
    "Jobs": "dispatch/jobs.py",
    "Deliver": "dispatch/deliver.py",
}


def reruns(form: Form) -> Report:
    """Measure every page with all files located and five parameter sets."""
    sizes = (500, 2_000) if form.is_short else (2_000, 10_000, 20_000)
    results = {size: visit(size) for size in sizes}
    rows = tuple(
        (page, *(f"{results[size]['milliseconds'][page]:.0f} ms" for size in sizes))
        for page in PAGES
    )
    jobs = ", ".join(f"{results[size]['jobs']:,}" for size in sizes)
    note = f"median CPU of {RERUNS} reruns, including the test client; {jobs} jobs"
    columns = ("rerun of a page", *(f"{size:,} assets" for size in sizes))
    worst = max(results[sizes[-1]]["milliseconds"].values())
    most = max(one["rows"] for one in results.values())
    figures = (
        Figure(f"rerun, {sizes[-1]:,} assets: CPU", worst, " ms", LIMIT, at_most=True),
        Figure("rows a page sends", most, "", MOST_ROWS, at_most=True, counted=True),
    )
    return Report((Table("Pages", columns, rows, note),), figures)


def visit(assets: int) -> dict[str, Any]:
    """Visit every page with a demo of `assets` assets, in a fresh process."""
    environment = {**os.environ, "DISPATCH_DEMO_ASSETS": str(assets)}
    environment.pop("DOCDB_HOST", None)
    with TemporaryDirectory() as state:
        environment["DISPATCH_STATE_ROOT"] = state
        result: dict[str, Any] = measure(
            "benchmarks.reruns", "visit", {}, environment=environment
        ).result
    return result


def _visit(task: Task) -> Callable[[], dict[str, Any]]:
    from streamlit.testing.v1 import AppTest

    from pages.shared.state.edits import as_text
    from pages.shared.state.steps import now, start_find, start_locate

    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=600).run()
    session = app.session_state["dispatch"]
    session.edit(
        query={"_id": {"$exists": True}},
        file_extension=".nwb",
        parameters={"distributed_parameters": [{"seed": seed} for seed in range(5)]},
    )
    session.keep_typed(
        query_text=as_text(session.request.query),
        extension_text=".nwb",
        parameters_text=as_text(session.request.parameters),
    )
    session.reload_editors()
    app.run()
    start_find(session)
    session.work.found.wait(600)
    start_locate(session)
    session.work.listed.wait(600)

    def work() -> dict[str, Any]:
        results: dict[str, Any] = {"milliseconds": {}, "rows": 0}
        for name, page in PAGES.items():
            app.switch_page(page).run()
            app.run()
            results["milliseconds"][name] = statistics.median(_cost(app.run) for _ in range(RERUNS))
            sent = [len(table.value) for table in app.dataframe]
            results["rows"] = max([results["rows"], *sent])
            assert not app.exception
        plan = now(session).plan
        assert plan is not None
        return {**results, "jobs": len(plan.jobs)}

    return work


def _cost(run: Callable[[], Any]) -> float:
    """Return the CPU of one call in milliseconds, over all threads."""
    start = time.process_time()
    run()
    return (time.process_time() - start) * 1_000


if __name__ == "__main__":
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  Streamlit warns without a server
    answer({"visit": _visit})
