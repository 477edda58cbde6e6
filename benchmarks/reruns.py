"""What a rerun of each page of the app costs on the server, and how many rows it sends."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.child import ROOT, Task, answer, measure
from benchmarks.listing import Form
from benchmarks.report import Figure, Report, Table

LIMIT = 40.0
"""Milliseconds of CPU that a rerun may take, at any number of assets."""

MOST_ROWS = 1_000
RERUNS = 15
PAGES = {
    "Assets": "pages/plan/assets.py",
    "Files": "pages/plan/files.py",
    "Parameters": "pages/plan/parameters.py",
    "Jobs": "pages/dispatch/jobs.py",
    "Deliver": "pages/dispatch/deliver.py",
}


def reruns(form: Form) -> Report:
    """Every page, with the files of all assets located and five parameter sets."""
    sizes = (500, 2_000) if form.is_short else (2_000, 10_000, 20_000)
    told = {size: visit(size) for size in sizes}
    rows = tuple(
        (page, *(f"{told[size]['milliseconds'][page]:.0f} ms" for size in sizes)) for page in PAGES
    )
    jobs = ", ".join(f"{told[size]['jobs']:,}" for size in sizes)
    note = f"median CPU of {RERUNS} reruns, tests' client included; {jobs} jobs"
    columns = ("rerun of a page", *(f"{size:,} assets" for size in sizes))
    worst = max(told[sizes[-1]]["milliseconds"].values())
    most = max(one["rows"] for one in told.values())
    figures = (
        Figure(f"rerun, {sizes[-1]:,} assets: CPU", worst, " ms", LIMIT, at_most=True),
        Figure("rows a page sends", most, "", MOST_ROWS, at_most=True, counted=True),
    )
    return Report((Table("Pages", columns, rows, note),), figures)


def visit(assets: int) -> dict[str, Any]:
    """The pages over a demo of so many assets, in a fresh process."""
    environment = {**os.environ, "DISPATCH_DEMO_ASSETS": str(assets)}
    environment.pop("DOCDB_HOST", None)
    told: dict[str, Any] = measure("benchmarks.reruns", "visit", {}, environment=environment).result
    return told


def _visit(task: Task) -> Callable[[], dict[str, Any]]:
    from streamlit.testing.v1 import AppTest

    from pages.shared.state.edits import as_text
    from pages.shared.state.steps import now, start_find, start_locate

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=600).run()
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
        told: dict[str, Any] = {"milliseconds": {}, "rows": 0}
        for name, page in PAGES.items():
            app.switch_page(page).run()
            app.run()
            told["milliseconds"][name] = statistics.median(_cost(app.run) for _ in range(RERUNS))
            sent = [len(table.value) for table in app.dataframe]
            told["rows"] = max([told["rows"], *sent])
            assert not app.exception
        plan = now(session).plan
        assert plan is not None
        return {**told, "jobs": len(plan.jobs)}

    return work


def _cost(run: Callable[[], Any]) -> float:
    """Milliseconds of CPU, over all threads."""
    start = time.process_time()
    run()
    return (time.process_time() - start) * 1_000


if __name__ == "__main__":
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  Streamlit warns of every bare run
    answer({"visit": _visit})
