"""Measures a task in a fresh process: time, CPU, peak memory and result.

The parent calls `measure`; the child is a module whose main calls `answer` with its
ways to do the task. This module imports only the standard library, because a child may
run in another environment.
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
"""Prepares a task (imports, clients) and returns the function to measure."""


@dataclass(frozen=True)
class Measurement:
    """The cost of a task in one fresh process.

    ``seconds`` and ``cpu`` cover the task alone; ``whole`` is seconds including the start
    of the process and its imports; ``megabytes`` is the peak of the process.
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
    """Run `way` of `module` once in a new process."""
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
    """Do the task given by the arguments and standard input, as the child process."""
    task = json.load(sys.stdin)
    work = ways[sys.argv[1]](task)
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3"):
        urlopen(endpoint + COUNTS).close()  # resets the counts: preparation is not measured
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "megabytes": _peak(), "result": result}))


def _peak() -> float:
    try:
        # getrusage may report the peak of the parent, from before the exec.
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except (OSError, IndexError):
        scale = 1 << (20 if sys.platform == "darwin" else 10)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
