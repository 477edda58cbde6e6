"""``run``: every job of a worker folder on this machine."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from dispatch_core.engines.arguments import (
    add_command,
    add_folder,
    add_results,
    positive,
    results_of,
)
from dispatch_core.engines.handover import check_command
from dispatch_core.engines.job_folder import JobFolder, read_job_folder, read_names
from dispatch_core.engines.local import run_here
from dispatch_core.engines.order import Order
from dispatch_core.engines.status import read_status
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.words import counted, one_line, shown_list
from dispatch_core.types import Progress
from dispatch_core.views.terminal import shown_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``run``."""
    add_folder(parser)
    add_command(parser)
    add_results(parser)
    parser.add_argument(
        "--parallel",
        metavar="N",
        type=positive,
        default=os.cpu_count() or 1,
        help="workers that run at the same time (default: the number of processors)",
    )
    parser.add_argument(
        "--only",
        metavar="FILE|-",
        help="run only the jobs that the file names, one a line: names, paths or marks",
    )


def run(given: argparse.Namespace) -> int:
    """Run the jobs; 0 all done, 1 some are not, 2 invalid input."""
    check_command(given.command, is_for_shell=given.shell)
    jobs = read_job_folder(given.folder)
    for warning in jobs.warnings():
        print(one_line(f"warning: {warning}"), file=sys.stderr)
    results = results_of(given, jobs)
    only = _chosen(given.only, jobs)
    order = Order(
        jobs.path.name,
        len(jobs.workers),
        given.command,
        time_limit=given.time_limit,
        use_shell=given.shell,
    )
    total = len(jobs.names) if only is None else len(only)
    with shown_progress(sys.stderr) as progress:
        show = _Lines(progress, total).show
        errors = run_here(jobs, results, order, parallel=given.parallel, only=only, on_line=show)
    if errors:
        raise InvalidInput(Issue(errors[0].removeprefix("error: ")))
    return _report(jobs, results, only)


def _chosen(listed: str | None, jobs: JobFolder) -> list[str] | None:
    """The names in the file of ``--only`` that a job has; None without the option."""
    if listed is None:
        return None
    names = read_names(_lines_of(listed))
    unknown = [name for name in names if name not in jobs.names]
    if unknown:
        what = f"{counted(len(unknown), 'name')} that no job has: {shown_list(unknown, 5)}"
        print(one_line(f"warning: --only: {what}"), file=sys.stderr)
    known = [name for name in names if name in jobs.names]
    if not known:
        raise InvalidInput(Issue(f"{listed} names no job of {jobs.path}", "--only"))
    return known


def _lines_of(listed: str) -> list[str]:
    if listed == "-":
        return sys.stdin.read().splitlines()
    try:
        return Path(listed).read_text("utf-8-sig", "surrogateescape").splitlines()
    except OSError as error:
        what = f"cannot read {listed}: {error.strerror}"
        raise InvalidInput(Issue(what, "--only", "Name a file with a job in each line")) from None


class _Lines:
    """What workers print: failures and notes are shown, the rest is counted."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._ended = 0
        self._shown: set[str] = set()

    def show(self, line: str) -> None:
        state = line.partition(" ")[0]
        if state in ("done", "failed", "skipped"):
            self._ended += 1
            self._progress("jobs", self._ended, self._total)
        if state in ("failed", "busy", "stopped", "note:") and line not in self._shown:
            self._shown.add(line)  # every worker has the same notes about the command
            print(one_line(line), file=sys.stderr, flush=True)


def _report(jobs: JobFolder, results: Path, only: list[str] | None) -> int:
    status = read_status(jobs, results)
    print(one_line(f"run: {status.summary()}"))
    print(one_line(f"results: {results}"))
    wanted = jobs.names if only is None else frozenset(only)
    is_done = wanted <= set(status.names("done"))
    if not is_done:
        print("The same command runs what is not done; status OUT --failed names what failed.")
    return 0 if is_done else 1
