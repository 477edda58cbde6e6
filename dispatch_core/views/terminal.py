"""A plan as a terminal shows it: the equation, the ledger, the first jobs, and progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter
from typing import Any, TextIO

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.drift import Drift
from dispatch_core.text.words import counted, one_line
from dispatch_core.types import Exclusion, Progress, no_progress
from dispatch_core.views.ledger_groups import group_exclusions

EXAMPLES_SHOWN = 3
WORKERS_SHOWN = 20
GONE_SHOWN = 10


def print_plan(plan: DispatchPlan, *, whole: bool) -> None:
    """Print the numbers, the warnings and the head of the ledger; with `whole` the jobs too."""
    sets = len(plan.parameter_sets.sets)
    print(f"parameters: {counted(sets, 'set')}" if sets else "parameters: none (null in the jobs)")
    print(f"plan: {plan.equation}")
    for line in (*plan.extension_lines(), *plan.balance_lines()):
        print(one_line(line))
    print(f"fingerprint: {plan.fingerprint}")
    if plan.processed is not None and not plan.processed.note:
        jobs = len(plan.jobs) + plan.equation.processed + plan.capped
        print(one_line(f"processed: {plan.processed.summary(jobs)}"))
    if plan.drift is not None:
        _print_drift(plan.drift, len(plan.drift.gone) if whole else GONE_SHOWN)
    for warning in plan.warnings:
        print(f"warning: {one_line(str(warning))}")
    _print_ledger(plan.exclusions)
    if whole and plan.jobs:
        _print_jobs(plan)


def _print_drift(drift: Drift, most: int) -> None:
    """Print what drifted in one line, and below it the first new jobs, and why jobs are gone."""
    print(one_line(str(drift)))
    for note in drift.notes:
        print(one_line(f"  note: {note}"))
    if drift.new:
        names = [", ".join(one.asset.name for one in job.assets) for job in drift.new]
        more = ", ..." if len(names) > EXAMPLES_SHOWN else ""
        print(one_line(f"  new: {'; '.join(names[:EXAMPLES_SHOWN])}{more}"))
    for gone in drift.gone[:most]:
        print(one_line(f"  gone: {gone.job.title} ({gone.job.file_name}): {gone.why}"))
    if len(drift.gone) > most:
        print(f"  ... and {len(drift.gone) - most:,} more gone (--plan prints every one)")


def _print_ledger(exclusions: tuple[Exclusion, ...]) -> None:
    """Print the number of rows of each reason and the first of them, so that none is hidden."""
    groups = group_exclusions(exclusions)
    for group in groups:
        print(f"excluded: {len(group.rows):,} at {group.stage}: {group.reason}")
        _print_rows(group.rows[:EXAMPLES_SHOWN])
        if len(group.rows) > EXAMPLES_SHOWN:
            print(f"  ... and {len(group.rows) - EXAMPLES_SHOWN:,} more")
    if any(len(group.rows) > EXAMPLES_SHOWN for group in groups):
        print("(--ledger FILE writes every row)")


def _print_rows(rows: Sequence[Exclusion]) -> None:
    """Print rows of one reason; an action that several share is printed once, below them."""
    for action, alike in groupby(rows, key=attrgetter("action")):
        for row in alike:
            print(one_line(f"  {row.name or row.record_id}: {row.message}"))
        print(one_line(f"    -> {action}"))


def _print_jobs(plan: DispatchPlan) -> None:
    print("jobs:")
    for number, worker in enumerate(plan.workers[:WORKERS_SHOWN]):
        print(f"  worker {number}: {counted(len(worker), 'job')}")
        for index in worker[:3]:
            job = plan.jobs[index]
            files = [file.location for one in job.assets for file in one.files or ()]
            shown = files or [one.asset.location for one in job.assets]
            more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
            print(one_line(f"    {job.name}.json  {shown[0]}{more}"))
        if len(worker) > 3:
            print(f"    ... and {len(worker) - 3:,} more")
    if len(plan.workers) > WORKERS_SHOWN:
        print(f"  ... and {len(plan.workers) - WORKERS_SHOWN:,} more workers")


@contextmanager
def shown_progress(stream: TextIO) -> Iterator[Progress]:
    """A callback that draws a progress bar on a terminal, and nothing elsewhere."""
    if not stream.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=Console(file=stream), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total or None)
            bars.update(tasks[step], completed=done, total=total or None)

        yield show
