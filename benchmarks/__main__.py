"""Runs the benchmarks and prints their results.

    python -m benchmarks                 all parts, under ten minutes on two cores
    python -m benchmarks --short         smaller sizes, about three minutes; runs in CI
    python -m benchmarks --full          the slow peer processes every asset too; a million jobs
    python -m benchmarks --full --docs   also write docs/benchmarks.md
    python -m benchmarks --only writing  one part

The exit code is 1 if a count (requests, bytes, passes) misses its bar. Other figures are
printed beside their bars but never fail a run. They hold on a busy machine too: what only
computes is measured in CPU, as the ratio to something else in the same run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.advice import advice
from benchmarks.child import ROOT
from benchmarks.command import whole_command
from benchmarks.earlier import earlier
from benchmarks.inventory import inventory
from benchmarks.listing import Form, cost_of_a_key, listing, upstream
from benchmarks.million import million
from benchmarks.planning import growth, planning
from benchmarks.replay import dealing
from benchmarks.report import Report, as_text, machine, merged, write_json, write_page
from benchmarks.reruns import reruns
from benchmarks.startup import startup
from benchmarks.writing import writing, writing_counts

PARTS: dict[str, Callable[[Form], Report]] = {
    "listing": listing,
    "keys": cost_of_a_key,
    "dealing": dealing,
    "upstream": upstream,
    "command": whole_command,
    "startup": startup,
    "inventory": inventory,
    "planning": planning,
    "writing": writing,
    "million": million,
    "passes": lambda form: writing_counts(),
    "earlier": earlier,
    "growth": growth,
    "reruns": reruns,
    "advice": advice,
}


def main() -> int:
    """Run the parts that the arguments select; 1 if a count misses its bar, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--short", action="store_true", help="use smaller sizes")
    parser.add_argument(
        "--full",
        action="store_true",
        help="give the slow peer every asset, and write a million jobs",
    )
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--json", type=Path, default=ROOT / "test-artefacts" / "benchmarks.json")
    given = parser.parse_args()
    if given.docs and (given.short or given.only != list(PARTS)):
        parser.error("--docs needs a complete run: remove --short and --only")
    described = machine()
    print(described, flush=True)
    report = merged(run(given.only, Form(given.short, given.full)), described)
    print(as_text(report.bars))
    write_json(report, given.json)
    if given.docs:
        write_page(report, ROOT / "docs" / "benchmarks.md")
    return 1 if report.missed_counts else 0


def run(names: list[str], form: Form) -> Iterator[Report]:
    """Run each part and print its tables as soon as they are complete."""
    for name in names:
        start = time.perf_counter()
        report = PARTS[name](form)
        for table in report.tables:
            print(f"\n{as_text(table)}", flush=True)
        print(f"  [{name}: {time.perf_counter() - start:.0f} s]\n", flush=True)
        yield report


if __name__ == "__main__":
    sys.exit(main())
