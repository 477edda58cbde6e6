"""Runs the command line in tests, fills folders as buckets, and reads written jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.cli import main

ROOT = Path(__file__).resolve().parents[2]
Tree = dict[str, bytes]


def subject(text: str) -> str:
    """Return a query for the assets of one subject."""
    return json.dumps({"subject.subject_id": text})


def fill(root: Path, keys: Iterable[str]) -> None:
    """Create an empty file for each key below the bucket folder ``root/data``."""
    for key in keys:
        path = root / "data" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def tree_of(folder: Path) -> Tree:
    """Return the bytes of every file by its path below `folder`."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def jobs_of(folder: Path) -> list[dict[str, Any]]:
    """Return the jobs of a dispatch, worker by worker."""
    workers = sorted((path for path in folder.iterdir()), key=lambda path: int(path.name))
    return [json.loads(file.read_bytes()) for worker in workers for file in worker.iterdir()]


def sizes_of(folder: Path) -> list[int]:
    """Return the number of jobs in each worker folder, starting with folder 0."""
    return [len(os.listdir(folder / str(n))) for n in range(len(os.listdir(folder)))]


@dataclass(frozen=True)
class Ran:
    """Exit code and output of a run of the command line."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class CommandLine:
    """Runs the command line in this process."""

    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> Ran:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse's own errors, and --help
            code = int(stop.code or 0)
        output = self.capsys.readouterr()
        return Ran(code, output.out, output.err)


def run_process(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, stdin: str = ""
) -> Ran:
    """Run the command line in a new process."""
    command = [sys.executable, "-m", "dispatch_core", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment() | dict(environment or {}),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


SETTINGS = ("DOCDB_", "DISPATCH_", "AWS_", "CO_")


def clean_environment() -> dict[str, str]:
    """Return this environment without variables that select other sources."""
    return {name: text for name, text in os.environ.items() if not name.startswith(SETTINGS)}
