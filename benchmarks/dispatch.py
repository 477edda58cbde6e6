"""From a query to written folders on the embedded demo: seconds of each step, and peak memory.

    python -m benchmarks.dispatch [ASSETS ...]     default: 2400 100000

Each size runs in a process of its own, start included. Seconds drift with the machine;
what to compare is the growth from one size to the other, and memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUERY = {"data_description.data_level": "derived"}


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [2_400, 100_000]
    print(f"{'assets':>8} {'jobs':>8}  seconds: open    plan   write     all   peak MB")
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.dispatch", "--child", str(size)]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        print(
            "{assets:8,} {jobs:8,}        {open:8.2f}{plan:8.2f}{write:8.2f}{all:8.2f}"
            "{peak:10.0f}".format(**figures)
        )


def child(size: int) -> None:
    """One dispatch of all derived assets with `.nwb`; prints the figures as JSON."""
    from dispatch_core import DispatchRequest, plan_dispatch, write_folder
    from dispatch_core.connect import SourceSettings, open_metadata_source, open_object_lister

    figures: dict[str, float] = {"assets": size}
    settings = SourceSettings(demo_assets=size)
    started = time.perf_counter()
    with timed(figures, "open"):
        source, lister = open_metadata_source(settings), open_object_lister(settings)
    with timed(figures, "plan"):
        request = DispatchRequest(query=QUERY, file_extension=".nwb")
        plan = plan_dispatch(request, source, lister)
    with tempfile.TemporaryDirectory() as folder:
        with timed(figures, "write"):
            write_folder(plan.files, Path(folder) / "out")
        figures["all"] = time.perf_counter() - started
    figures["jobs"] = len(plan.jobs)
    figures["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(figures))


@contextmanager
def timed(figures: dict[str, float], name: str) -> Iterator[None]:
    """Seconds of the block, kept under `name`."""
    started = time.perf_counter()
    yield
    figures[name] = time.perf_counter() - started


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]))
    else:
        main()
