"""Runs a worker folder on this machine: one process of ``run_worker.py`` for each worker."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from dispatch_core.engines import run_worker
from dispatch_core.engines.job_folder import JobFolder
from dispatch_core.engines.order import Order

Line = Callable[[str, str, str], None]
"""Called with the state, the name and the rest of each line that a worker prints."""


def run_here(
    jobs: JobFolder,
    results: Path,
    order: Order,
    *,
    parallel: int,
    only: Sequence[str] | None = None,
    on_line: Line,
) -> list[str]:
    """Run the jobs, `parallel` workers at once; the errors of workers that could not start.

    If this process is interrupted, every worker ends its command, and no mark is made.
    """
    with _list_file(only) as listed:
        wanted = None if only is None else frozenset(only)
        commands = [
            _command(jobs.path / str(number), results, order, listed)
            for number, names in jobs.workers.items()
            if wanted is None or not wanted.isdisjoint(names)
        ]
        return _run_all(commands, parallel, on_line)


@contextmanager
def _list_file(only: Sequence[str] | None) -> Iterator[str | None]:
    """The path of a file with the names, one a line, or None for every job."""
    if only is None:
        yield None
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n".join(only))
        file.flush()
        yield file.name


def _command(worker: Path, results: Path, order: Order, only: str | None) -> list[str]:
    options = [f"--results={results}", f"--parent={os.getpid()}", *order.options]
    if only is not None:
        options.append(f"--only={only}")
    return [sys.executable, run_worker.__file__, str(worker), *options]


def _run_all(commands: Sequence[Sequence[str]], parallel: int, on_line: Line) -> list[str]:
    workers = _Workers(on_line)
    pool = ThreadPoolExecutor(parallel)
    try:
        return [error for error in pool.map(workers.run, commands) if error]
    except BaseException:
        workers.end()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Workers:
    """The processes that run now."""

    def __init__(self, on_line: Line) -> None:
        self._on_line = on_line
        self._running: set[subprocess.Popen[str]] = set()
        self._is_ended = False

    def run(self, command: Sequence[str]) -> str:
        """Run one worker to its end; what it says if its arguments are wrong."""
        if self._is_ended:
            return ""
        pipe = subprocess.PIPE
        with subprocess.Popen(  # noqa: S603 - our own program
            command, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL, text=True
        ) as process:
            self._running.add(process)
            assert process.stdout is not None and process.stderr is not None
            for line in process.stdout:
                state, name, rest = [*line.rstrip("\n").split(" ", 2), "", ""][:3]
                self._on_line(state, name, rest)
            errors = process.stderr.read()
        self._running.discard(process)
        return errors.strip()

    def end(self) -> None:
        """Ask every worker to stop; those that wait do not start."""
        self._is_ended = True
        for process in list(self._running):
            process.terminate()
