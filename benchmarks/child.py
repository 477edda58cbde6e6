"""One piece of work in a fresh process: its time, its CPU, its peak memory, its result.

The parent calls `measure`; the child is a module whose main calls `answer` with its
ways of doing the work. Only the standard library is imported here, for a child may run
in an environment of its own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[1]
COUNTS = "/-/counts"
OURS = sys.executable

Task = dict[str, Any]
Way = Callable[[Task], Callable[[], Any]]
"""Prepares a task (imports, clients), and gives what is to be measured."""


@dataclass(frozen=True)
class Measurement:
    """What one fresh process took.

    ``seconds`` and ``cpu`` are of the work alone, ``whole`` with the start of the
    process and its imports; ``megabytes`` is the peak of the process.
    """

    seconds: float
    cpu: float
    megabytes: float
    result: Any = None
    whole: float = 0.0


def measure(
    module: str,
    way: str,
    task: Task,
    python: str = OURS,
    environment: Mapping[str, str] = os.environ,
) -> Measurement:
    """Run `way` of `module` once, in a process of its own."""
    start = time.perf_counter()
    ended = subprocess.run(
        [python, "-m", module, way],
        input=json.dumps(task),
        env=dict(environment),
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    whole = time.perf_counter() - start
    return Measurement(**json.loads(ended.stdout.splitlines()[-1]), whole=whole)


def answer(ways: Mapping[str, Way]) -> None:
    """The child's part: do the work that the arguments and the standard input name."""
    task = json.load(sys.stdin)
    work = ways[sys.argv[1]](task)
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3"):
        urlopen(endpoint + COUNTS).close()  # what preparing has cost does not count
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "megabytes": _peak(), "result": result}))


def _peak() -> float:
    try:
        # Of this program alone; what getrusage tells may be the parent's, before the exec.
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except (OSError, IndexError):
        scale = 1 << (20 if sys.platform == "darwin" else 10)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
