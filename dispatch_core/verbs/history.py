"""``history [ROOT]``: the dispatches that are recorded below a folder."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from dispatch_core.earlier.history import HistoryRow, read_history
from dispatch_core.environment.platform import output_root
from dispatch_core.text.words import counted, one_line

FINGERPRINT_SHOWN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    default = "DISPATCH_OUTPUT_ROOT, else ./dispatches, as in the app"
    parser.add_argument(
        "root",
        metavar="ROOT",
        nargs="?",
        help=f"the folder into which dispatches are written (default: {default})",
    )
    parser.add_argument("--json", action="store_true", help="print every field as JSON")


def run(given: argparse.Namespace) -> int:
    """Print the records, newest first; 0 also without any."""
    root = Path(given.root) if given.root else output_root(os.environ)
    is_there = given.root or root.exists()
    rows = read_history(root) if is_there else ()
    if given.json:
        print(json.dumps([row.to_json() for row in rows], indent=2))
        return 0
    for row in rows:
        _print_row(row)
    print(one_line(f"{counted(len(rows), 'record')} below {root}"))
    return 0


def _print_row(row: HistoryRow) -> None:
    who = f" by {row.who}" if row.who else ""
    runs = f"; {row.runs}" if row.runs else ""
    print(one_line(f"{row.at or 'unknown time'}  {row.name}{who}"))
    if row.problem:
        print(one_line(f"  not readable here: {row.problem}"))
    if row.source:
        print(one_line(f"  {row.source}: {row.query}"))
    if row.equation:
        print(one_line(f"  {row.equation}"))
    if row.fingerprint:
        fingerprint = row.fingerprint[:FINGERPRINT_SHOWN]
        print(one_line(f"  {row.status} {fingerprint}; folder {row.folder}{runs}"))
