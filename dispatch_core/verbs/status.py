"""``status``: what is done, failed, running and not started."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from dispatch_core.engines.arguments import add_results, results_of
from dispatch_core.engines.job_folder import read_jobs
from dispatch_core.engines.status import State, Status, read_status
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.words import one_line

WORKERS_SHOWN = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``status``."""
    parser.add_argument(
        "folder", metavar="OUT", help="the worker folder of a dispatch, or its record"
    )
    add_results(parser)
    parser.add_argument(
        "--failed", action="store_true", help="print the jobs that failed, one a line"
    )
    parser.add_argument(
        "--missing", action="store_true", help="print the jobs that are not started, one a line"
    )
    parser.add_argument(
        "--workers",
        action="store_true",
        help="with --failed or --missing: print the numbers of their worker folders, as 5,11",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(given: argparse.Namespace) -> int:
    """Print the status; 0 all jobs are done, 1 some are not, 2 invalid input."""
    asked: dict[State, bool] = {"failed": given.failed, "not started": given.missing}
    wanted = [state for state, is_asked in asked.items() if is_asked]
    if given.workers and not wanted:
        action = "Add one of them"
        raise InvalidInput(Issue("it needs --failed or --missing", "--workers", action))
    if given.json and wanted:
        raise InvalidInput(Issue("it contradicts --failed and --missing", "--json", "Remove one"))
    jobs = read_jobs(given.folder)
    status = read_status(jobs, results_of(given, jobs))
    for warning in (*jobs.warnings(), *status.warnings()):
        print(one_line(f"warning: {warning}"), file=sys.stderr)
    for line in _lines(status, given, wanted):
        print(line)
    return 0 if status.is_done else 1


def _lines(status: Status, given: argparse.Namespace, wanted: list[State]) -> Iterator[str]:
    if given.json:
        yield json.dumps(status.to_json(), indent=2)
    elif given.workers:
        yield ",".join(map(str, status.workers_with(*wanted)))
    elif wanted:
        yield from status.names(*wanted)
    else:
        yield status.summary()
        yield from _worker_lines(status)


def _worker_lines(status: Status) -> Iterator[str]:
    """A line for each worker; of many workers, only for those that are not done."""
    shown = {number: Status({number: jobs}) for number, jobs in status.workers.items()}
    if len(shown) > WORKERS_SHOWN:
        shown = {number: one for number, one in shown.items() if not one.is_done}
    for number, one in list(shown.items())[:WORKERS_SHOWN]:
        yield f"  worker {number}: {one.counted_states}"
    if len(shown) > WORKERS_SHOWN:
        yield f"  ... and {len(shown) - WORKERS_SHOWN:,} more that are not done"
