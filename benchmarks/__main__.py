"""Runs the benchmarks and prints what they found.

    python -m benchmarks                 everything, under ten minutes on two cores
    python -m benchmarks --short         scaled down, about three minutes; what CI runs
    python -m benchmarks --full          the slow peer over every asset too
    python -m benchmarks --full --readme the tables into the README and docs/benchmarks.md
    python -m benchmarks --only writing  one part

The exit code is 1 where a count (requests, bytes, passes) misses its bar. What a clock
says is printed beside its bar and fails nothing: it is the machine's as much as ours.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.child import ROOT
from benchmarks.command import whole_command
from benchmarks.inventory import inventory
from benchmarks.listing import Form, cost_of_a_key, listing, upstream
from benchmarks.planning import growth, planning
from benchmarks.report import Report, as_text, machine, merged, write_json, write_readme
from benchmarks.reruns import reruns
from benchmarks.startup import startup
from benchmarks.writing import writing, writing_counts

PARTS: dict[str, Callable[[Form], Report]] = {
    "listing": listing,
    "keys": cost_of_a_key,
    "upstream": upstream,
    "command": whole_command,
    "startup": startup,
    "inventory": inventory,
    "planning": planning,
    "writing": writing,
    "passes": lambda form: writing_counts(),
    "growth": growth,
    "reruns": reruns,
}


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--short", action="store_true", help="the scaled-down form")
    parser.add_argument("--full", action="store_true", help="the peer over every asset too")
    parser.add_argument("--readme", action="store_true", help="put the tables into the README")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--json", type=Path, default=ROOT / "test-artefacts" / "benchmarks.json")
    given = parser.parse_args()
    if given.readme and (given.short or given.only != list(PARTS)):
        parser.error("--readme needs a whole run: leave --short and --only out")
    told = machine()
    print(told, flush=True)
    report = merged(run(given.only, Form(given.short, given.full)), told)
    print(as_text(report.bars))
    write_json(report, given.json)
    if given.readme:
        write_readme(report, ROOT / "README.md", ROOT / "docs" / "benchmarks.md")
    return 1 if report.missed_counts else 0


def run(names: list[str], form: Form) -> Iterator[Report]:
    """Each part, printed as soon as it is there."""
    for name in names:
        start = time.perf_counter()
        report = PARTS[name](form)
        for table in report.tables:
            print(f"\n{as_text(table)}", flush=True)
        print(f"  [{name}: {time.perf_counter() - start:.0f} s]\n", flush=True)
        yield report


if __name__ == "__main__":
    sys.exit(main())
