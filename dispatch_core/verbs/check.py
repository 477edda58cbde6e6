"""``check PATH``: every fault of a folder or a zip of jobs."""

from __future__ import annotations

import argparse
import json

from dispatch_core.earlier.check import check_dispatch
from dispatch_core.earlier.faults import Checked, Fault, FaultKind
from dispatch_core.text.words import counted, one_line
from dispatch_core.verbs.path_argument import path_argument

SHOWN = 5
CLEAN, FAULTS = 0, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    what = "a folder or a zip of jobs, from any program"
    parser.add_argument("path", metavar="PATH", type=path_argument, help=what)
    parser.add_argument("--json", action="store_true", help="print every fault as JSON")


def run(given: argparse.Namespace) -> int:
    """Print the faults; 0 if there are none, else 2."""
    checked = check_dispatch(given.path)
    if given.json:
        print(json.dumps(checked.to_json(), indent=2))
    else:
        print_checked(checked)
    return CLEAN if checked.is_clean else FAULTS


def print_checked(checked: Checked) -> None:
    """Print the counts, and of each kind of fault the number and the first ones."""
    jobs, workers = counted(checked.jobs, "job"), counted(len(checked.workers), "worker")
    print(one_line(f"{checked.label}: {jobs} in {workers}"))
    for reader, count in checked.readers.items():
        print(f"accepted by {reader}: {count:,} of {jobs}")
    for note in checked.notes:
        print(one_line(f"note: {note}"))
    for kind, faults in checked.by_kind.items():
        _print_kind(kind, faults)
    print("clean" if checked.is_clean else counted(len(checked.faults), "fault"))


def _print_kind(kind: FaultKind, faults: list[Fault]) -> None:
    print(f"fault: {kind.heading} ({len(faults):,})")
    for fault in faults[:SHOWN]:
        path = f"{fault.path}: " if fault.path else ""
        print(one_line(f"  {path}{fault.message}"))
    if len(faults) > SHOWN:
        print(f"  ... and {len(faults) - SHOWN:,} more (--json has every one)")
    print(f"    -> {kind.action}")
