"""``compare OLD NEW``: which jobs are new, gone, changed and the same."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout

from dispatch_core.earlier.compare import Changed, Compared, Side, compare_paths
from dispatch_core.earlier.jobs import EarlierJob
from dispatch_core.output.earlier import check_earlier_table
from dispatch_core.output.target import check_separate
from dispatch_core.output.text_file import STANDARD_OUTPUT, check_text_file, write_text_file
from dispatch_core.text.words import counted, one_line
from dispatch_core.verbs.path_argument import path_argument
from dispatch_core.views.compared import COLUMNS, compared_text

SHOWN = 5
LONGEST = 300
EQUAL, DIFFERENT = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    what = "a worker folder, a zip, a record, or a folder of several"
    old, new = f"the dispatch before: {what}", "the dispatch after, the same"
    parser.add_argument("old", metavar="OLD", type=path_argument, help=old)
    parser.add_argument("new", metavar="NEW", type=path_argument, help=new)
    parser.add_argument("--json", action="store_true", help="print every job as JSON")
    parser.add_argument(
        "--csv", metavar="FILE", help="write every job as CSV, - is standard output"
    )


def run(given: argparse.Namespace) -> int:
    """Print the comparison; 0 if the dispatches are equal, else 1."""
    old, new = given.old, given.new
    if given.csv:
        check_separate({"--csv": given.csv}, [old, new])
        check_text_file(given.csv)
        check_earlier_table(given.csv, list(COLUMNS), "the comparison")
    compared = compare_paths(old, new)
    if given.csv:
        write_text_file(given.csv, compared_text(compared))
    with redirect_stdout(sys.stderr) if given.csv == STANDARD_OUTPUT else nullcontext():
        if given.json:
            print(json.dumps(compared.to_json(), indent=2))
        else:
            print_compared(compared)
    return EQUAL if compared.is_equal else DIFFERENT


def print_compared(compared: Compared) -> None:
    """Print the counts, and the first jobs that are new, gone or changed."""
    for name, side in zip(("old", "new"), compared.sides, strict=True):
        _print_side(name, side)
    for note in compared.notes:
        print(f"note: {note}")
    _print_jobs("changed", [_changed_line(one) for one in compared.changed[:SHOWN]], compared)
    for name in ("new", "gone"):
        _print_jobs(name, list(map(_job_line, getattr(compared, name)[:SHOWN])), compared)
    print(f"{'equal' if compared.is_equal else 'different'}: {compared}")


def _print_side(name: str, side: Side) -> None:
    print(one_line(f"{name}: {side.label} ({side.kind}, {counted(side.jobs, 'job')})"))
    for job in side.repeated[:SHOWN]:
        print(one_line(f"  twice: {_job_line(job)}"))
    for issue in side.not_jobs[:SHOWN]:
        print(one_line(f"  not a job: {issue.where}: {issue.what}"))
    more = len(side.repeated[SHOWN:]) + len(side.not_jobs[SHOWN:])
    if more:
        print(f"  ... and {more:,} more")


def _print_jobs(name: str, lines: Sequence[str], compared: Compared) -> None:
    count = len(getattr(compared, name))
    if count:
        print(f"{name}: {count:,}")
    for line in lines:
        print(one_line(f"  {line}"))
    if count > len(lines):
        print(f"  ... and {count - len(lines):,} more (--json and --csv have every one)")


def _changed_line(one: Changed) -> str:
    text = str(one)
    more = "..." if len(text) > LONGEST else ""
    return f"{_job_line(one.new)}: {text[:LONGEST]}{more}"


def _job_line(job: EarlierJob) -> str:
    return f"{job.file_name}  {_shown(job)}"


def _shown(job: EarlierJob) -> str:
    texts = job.files or job.locations or job.assets or job.records
    more = f" and {len(texts) - 1:,} more" if len(texts) > 1 else ""
    return f"{texts[0]}{more}" if texts else ""
