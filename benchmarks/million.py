"""What a million jobs cost: planned over the demo, and written with their record.

Only the complete form measures it, because it writes 4 GB in a million files.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.child import ROOT, Task, answer, measure
from benchmarks.listing import Form
from benchmarks.ours import planner
from benchmarks.pairs import calibrate, cpu_of
from benchmarks.planning import EVERYTHING
from benchmarks.report import Figure, Report, Table

ASSETS, SETS = 100_000, 23
LOOPS = 5
"""How often the calibrating loop runs before the plan; the quickest counts."""
MOST_CPU = 60
"""Seconds of CPU in our own code; the file system has its own, which the kernel counts."""
MOST_MEMORY = 800


def million(form: Form) -> Report:
    """Plan and write a million jobs once, in a fresh process."""
    if not form.is_full:
        return Report((), ())
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=ROOT) as place:
        task = {"assets": ASSETS, "sets": SETS, "folder": place}
        one = measure("benchmarks.million", "planned_and_written", task)
    found = one.result
    name = f"{found['jobs']:,} jobs ({found['inputs']:,} files x {SETS} sets)"
    row = (
        name,
        f"{found['plan']:.1f} s",
        f"{found['write']:.1f} s",
        f"{found['system']:.1f} s",
        f"{found['cpu'] / found['loop']:,.0f}x",
        f"{one.megabytes:.0f} MB",
    )
    columns = ("planned and written", "plan", "write", "in the kernel", "over the loop", "peak")
    note = "CPU: of our own code, then of the kernel in both; a loop is the calibrating loop"
    figures = (
        Figure(
            "a million jobs: missing files",
            found["jobs"] - found["written"],
            "",
            0,
            True,
            counted=True,
        ),
        Figure("a million jobs: CPU of our own code", found["cpu"], " s", MOST_CPU, True),
        Figure("a million jobs: peak", one.megabytes, " MB", MOST_MEMORY, True),
    )
    return Report((Table("A million jobs", columns, (row,), note),), figures)


def planned_and_written(task: Task) -> Callable[[], dict[str, Any]]:
    """Plan all assets of a demo with several parameter sets, and write the worker folders."""
    from dispatch_core.output.deliver import deliver
    from dispatch_core.output.target import Target

    make = planner({**task, "query": EVERYTHING})
    loop = min(cpu_of(calibrate) for _ in range(LOOPS))
    place = Path(task["folder"]) / "jobs"

    def work() -> dict[str, Any]:
        begun = _cpu()
        plan = make()
        planned = _cpu()
        deliver(plan, Target(folder=place))
        ended = _cpu()
        return {
            "jobs": len(plan.jobs),
            "inputs": len(plan.jobs) // task["sets"],
            "written": _files_in(place),
            "plan": planned[0] - begun[0],
            "write": ended[0] - planned[0],
            "cpu": ended[0] - begun[0],
            "system": ended[1] - begun[1],
            "loop": loop,
        }

    return work


def _cpu() -> tuple[float, float]:
    """The CPU of this process so far in seconds: in its own code, and in the kernel."""
    times = os.times()
    return times.user, times.system


def _files_in(place: Path) -> int:
    return sum(len(files) for folder, _, files in os.walk(place) if Path(folder) != place)


if __name__ == "__main__":
    answer({"planned_and_written": planned_and_written})
