"""Runs a worker folder on this machine: one process of ``run_worker.py`` for each worker."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from dispatch_core.engines import run_worker
from dispatch_core.engines.job_folder import JobFolder
from dispatch_core.engines.order import Order


def run_here(
    jobs: JobFolder,
    results: Path,
    order: Order,
    *,
    parallel: int,
    only: Sequence[str] | None = None,
    on_line: Callable[[str], None],
) -> list[str]:
    """Run the jobs, `parallel` workers at once; what workers say that could not start.

    `on_line` gets each line that a worker prints, such as ``done NAME 1.2 s``, one at a time,
    in the threads of the workers.

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
    options = [f"--results={results}", "--stop_with_parent", *order.options]
    if only is not None:
        options.append(f"--only={only}")
    return [sys.executable, run_worker.__file__, str(worker), *options]


def _run_all(
    commands: Sequence[Sequence[str]], parallel: int, on_line: Callable[[str], None]
) -> list[str]:
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

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._running: set[subprocess.Popen[str]] = set()
        self._is_ended = False
        self._one_at_a_time = Lock()

    def run(self, command: Sequence[str]) -> str:
        """Run one worker to its end; what it says if it could not start, else empty."""
        if self._is_ended:
            return ""
        with subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            self._running.add(process)
            if self._is_ended:  # since the first look
                process.terminate()
            lines = self._follow(process)
        self._running.discard(process)
        return "\n".join(lines) if process.returncode == run_worker.INVALID_USE else ""

    def _follow(self, process: subprocess.Popen[str]) -> list[str]:
        """Pass on each line; the last lines, which say why a worker could not start."""
        last: deque[str] = deque(maxlen=5)
        for line in process.stdout or ():
            last.append(line.rstrip("\n"))
            with self._one_at_a_time:
                self._on_line(last[-1])
        return list(last)

    def end(self) -> None:
        """Ask every worker to stop; those that wait do not start."""
        self._is_ended = True
        for process in list(self._running):
            process.terminate()
