"""Worker folders for tests, and ``run_worker.py`` as a compute node starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dispatch_core.engines import run_worker

PROGRAM = run_worker.__file__
BARE_PYTHON = (sys.executable, "-I", "-S")
"""Python as on a node: without this project and without any package."""


def make_jobs(folder: Path, *workers: Iterable[str]) -> Path:
    """Write a job file for each name, in a worker folder for each list of names."""
    for number, names in enumerate(workers):
        (folder / str(number)).mkdir(parents=True)
        for name in names:
            (folder / str(number) / f"{name}.json").write_text(json.dumps({"asset_name": name}))
    return folder


def start_worker(
    worker: Path, results: Path, command: str, *options: str, **more: Any
) -> subprocess.Popen[str]:
    """Start ``run_worker.py``; its output and its errors are in one pipe."""
    words = [*BARE_PYTHON, PROGRAM, str(worker), f"--results={results}", f"--command={command}"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen([*words, *options], text=True, **{**pipes, **more})


def run_to_end(
    worker: Path, results: Path, command: str, *options: str, **more: Any
) -> tuple[int, str]:
    """Run ``run_worker.py``: its exit code, and what it printed."""
    with start_worker(worker, results, command, *options, **more) as process:
        output = process.stdout.read() if process.stdout else ""
    return process.returncode, output


def marks_of(results: Path) -> list[str]:
    """The names of the marks and of all other files."""
    return sorted(path.name for path in results.iterdir() if path.is_file())


def mark(results: Path, name: str) -> dict[str, Any]:
    """The content of a mark."""
    content: dict[str, Any] = json.loads((results / name).read_bytes())
    return content
