"""``handover codeocean``: a dispatch as a run of a Code Ocean pipeline, started and followed.

The same command again starts nothing: it shows the run that it started, and with ``--wait``
follows it further.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from dispatch_core.engines.codeocean import (
    REQUEST,
    PanelField,
    ResultItem,
    Run,
    Settings,
    StartUnknown,
    Target,
    dispatcher_in,
    read_settings,
    request_parameters,
    run_address,
)
from dispatch_core.engines.codeocean_client import CodeOceanService
from dispatch_core.engines.codeocean_follow import FIRST_WAIT, LONGEST_WAIT, follow
from dispatch_core.engines.codeocean_runs import (
    RunRow,
    last_run,
    new_row,
    read_runs,
    runs_file,
    seen,
    write_runs,
)
from dispatch_core.engines.handed_dispatch import HandedDispatch, read_dispatch
from dispatch_core.errors import DispatchError, InvalidInput, Issue, NothingFound
from dispatch_core.output.stage import Lock, locked
from dispatch_core.output.text_file import check_text_file
from dispatch_core.text.words import counted, one_line

ITEMS_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``handover codeocean``."""
    group = parser.add_argument_group("Code Ocean (CODEOCEAN_DOMAIN, CODEOCEAN_TOKEN)")
    add = group.add_argument
    add("--pipeline", metavar="ID", help="the pipeline to run")
    add("--capsule", metavar="ID", help="run the dispatcher capsule alone instead")
    add("--release", metavar="N", type=_positive, help="its released version (default: the draft)")
    add(
        "--process", metavar="NAME", default="", help="the dispatcher's name in main.nf, if unclear"
    )
    add(
        "--request_path",
        metavar="PATH",
        default="",
        help="the saved request is a file that the dispatcher sees here, such as "
        "/data/request.json; for a request that is too long for a parameter",
    )
    add("--dry_run", action="store_true", help="print the parameters and start nothing")
    add("--again", action="store_true", help="start another run of the same dispatch")
    add("--wait", action="store_true", help="wait until the run has ended")
    add("--wait_limit", metavar="SECONDS", type=_seconds, help="wait no longer than this")
    add(
        "--poll",
        metavar="SECONDS",
        type=_seconds,
        default=FIRST_WAIT,
        help=f"first wait between two looks (default: {FIRST_WAIT:g}), growing to {LONGEST_WAIT:g}",
    )


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def run(given: argparse.Namespace) -> int:
    """Start the run, or find the one that was started; 0, 1 if it failed or goes on too long."""
    dispatch = read_dispatch(Path(given.folder))
    order = _Order(dispatch, _target(given), read_settings(os.environ), runs_file(dispatch.record))
    try:
        return _hand_over(order, CodeOceanService(order.settings), given)
    except KeyboardInterrupt:
        print(f"interrupted: {order.whereabouts()}", file=sys.stderr)
        return 130


def _target(given: argparse.Namespace) -> Target:
    if bool(given.pipeline) == bool(given.capsule):
        action = "Give --pipeline ID, or --capsule ID to run the dispatcher alone"
        what = "both are given" if given.pipeline else "nothing says what to run"
        raise InvalidInput(Issue(what, "--pipeline, --capsule", action))
    if given.pipeline:
        return Target("pipeline", given.pipeline.strip(), given.release)
    return Target("capsule", given.capsule.strip(), given.release)


@dataclass(frozen=True, slots=True)
class _Order:
    """What is handed over, to where, and the file that has its runs."""

    dispatch: HandedDispatch
    target: Target
    settings: Settings
    file: Path

    def row(self) -> RunRow | None:
        """Its last run."""
        return last_run(read_runs(self.file), self.settings, self.target, self.dispatch.fingerprint)

    def note(self, row: RunRow) -> None:
        """Add `row` to the file; a note of the same run, or of none yet, is replaced."""
        rows = self._others(row.run)
        write_runs(self.file, [*rows, row])

    def forget(self) -> None:
        """Remove the note of a run that was not started."""
        write_runs(self.file, self._others(""))

    def _others(self, run_id: str) -> list[RunRow]:
        rows, last = list(read_runs(self.file)), self.row()
        if last is not None and last.run in ("", run_id):
            rows.remove(last)
        return rows

    def whereabouts(self) -> str:
        """What is known about its last run, and what to do to see it."""
        row = self.row()
        if row is None:
            return "no run was started"
        if not row.run:
            return "whether a run started is not known: look at the runs in Code Ocean"
        address = run_address(self.settings, row.run)
        return (
            f"run {row.run} goes on without this command (last seen: {row.state}; {address}); "
            "the same command looks at it again"
        )


def _hand_over(order: _Order, service: CodeOceanService, given: argparse.Namespace) -> int:
    dispatch = order.dispatch
    jobs = counted(dispatch.jobs, "job")
    print(
        one_line(f"dispatch: {dispatch.record} ({jobs}, fingerprint {dispatch.fingerprint[:12]})")
    )
    print(one_line(f"Code Ocean: {order.settings.domain}, {order.target}"), flush=True)
    for text in _warnings(order):
        print(f"warning: {text}")
    if given.dry_run:
        _print_parameters(*_parameters(order, service, given))
        return 0
    check_text_file(order.file)
    run = _run_of(order, service, given)
    print(one_line(f"state: {run}"), flush=True)
    if given.wait:
        run = _wait(order, service, run, given)
    return _end(order, service, run, given)


def _warnings(order: _Order) -> Iterator[str]:
    """What a user should know before a run, a sentence each."""
    if order.dispatch.source.startswith("embedded demo"):
        yield "planned on the embedded demo: the dispatcher stops unless it runs on the demo too"
    if order.target.kind == "pipeline" and order.dispatch.request.job_format == "seed":
        yield "the jobs have the format seed: the current wrapper reads --job_format pipeline"


def _parameters(
    order: _Order, service: CodeOceanService, given: argparse.Namespace
) -> tuple[str, dict[str, str]]:
    """The dispatcher's process, and its named parameters."""
    process, fields = _dispatcher(order, service, given.process)
    dispatch = order.dispatch
    parameters = request_parameters(
        dispatch.request, dispatch.fingerprint, fields, given.request_path
    )
    return process, parameters


def _dispatcher(
    order: _Order, service: CodeOceanService, named: str
) -> tuple[str, Sequence[PanelField]]:
    """The dispatcher's process and the fields of its panel, none if only its name is known."""
    try:
        panel = service.panel(order.target)
    except NothingFound as error:
        if not named:
            raise
        print(one_line(f"warning: no panel, so the fields of {named} are not checked: {error}"))
        return named, ()
    process = dispatcher_in(panel, order.target, named)
    return process, panel[process]


def _print_parameters(process: str, parameters: dict[str, str]) -> None:
    print(one_line(f"process: {process or 'the run itself'}"))
    for name, text in parameters.items():
        print(one_line(f"  {name}={text}"))
    print("no run was started (--dry_run)")


def _run_of(order: _Order, service: CodeOceanService, given: argparse.Namespace) -> Run:
    """The run that was started by this command or by an earlier one."""
    record = order.dispatch.record
    # two commands at once would both find no run, and start two
    with locked(Lock(os.open(record, os.O_RDONLY), record)):
        row = order.row()
        if row is None or given.again:
            return _start(order, service, given)
        if not row.run:
            raise InvalidInput(Issue(*_unknown_start(row, order.file)))
    run = service.look(row.run)
    print(one_line(f"already started: run {run.id} at {row.started_at} (--again starts another)"))
    order.note(seen(row, run))
    return run


def _unknown_start(row: RunRow, file: Path) -> tuple[str, str, str]:
    what = f"a run was requested at {row.started_at}, and whether it started is not known"
    return what, str(file), "Look at the runs in Code Ocean, then use --again if there is none"


def _start(order: _Order, service: CodeOceanService, given: argparse.Namespace) -> Run:
    """A new run, noted before it is requested."""
    process, parameters = _parameters(order, service, given)
    row = new_row(order.settings, order.target, order.dispatch.fingerprint)
    order.note(row)
    try:
        run = service.start(order.target, process, parameters)
    except StartUnknown:
        raise
    except DispatchError:
        order.forget()
        raise
    size = len(parameters[REQUEST])
    print(
        one_line(
            f"parameters: request ({size:,} bytes) and fingerprint, for {process or 'the run'}"
        )
    )
    print(one_line(f"started: run {run.id} ({run_address(order.settings, run.id)})"), flush=True)
    order.note(seen(row, run))
    return run


def _wait(order: _Order, service: CodeOceanService, run: Run, given: argparse.Namespace) -> Run:
    """The run after it has ended, or when the time is over; each new state is noted."""
    row, last = order.row(), run
    for last in follow(service.look, run, first=given.poll, limit=given.wait_limit):
        if row is not None:
            order.note(seen(row, last))
        print(one_line(f"state: {last} after {last.seconds:,} s"), flush=True)
    return last


def _end(order: _Order, service: CodeOceanService, run: Run, given: argparse.Namespace) -> int:
    """Print how the run ended and its results; the exit code."""
    if run.outcome == "under way":
        print(one_line(order.whereabouts()))
        return 1 if given.wait else 0
    _print_results(service, run)
    if run.outcome == "succeeded":
        return 0
    for line in _why(run):
        print(one_line(line))
    return 1


def _print_results(service: CodeOceanService, run: Run) -> None:
    """Print the results of a run; how it ended is known, also if they cannot be listed."""
    if not run.has_results:
        print("results: none")
        return
    try:
        _print_items(service.results(run.id))
    except DispatchError as error:
        print(one_line(f"note: the results cannot be listed: {error}"), file=sys.stderr)


def _print_items(items: Sequence[ResultItem]) -> None:
    total = f"{len(items):,} {'entry' if len(items) == 1 else 'entries'}"
    print(f"results: {total} at the top level")
    for item in islice(items, ITEMS_SHOWN):
        size = "/" if item.is_folder else "" if item.size is None else f"  {item.size:,} bytes"
        print(one_line(f"  {item.path}{size}"))
    if len(items) > ITEMS_SHOWN:
        print(f"  ... and {len(items) - ITEMS_SHOWN:,} more")


def _why(run: Run) -> Iterator[str]:
    """What to look at if a run did not succeed."""
    if run.outcome == "unknown":
        yield "Code Ocean gives neither an end status nor an exit code: look at its log"
    if run.outcome == "failed":
        yield (
            "If the dispatcher failed, its log says why: most often the plan is not the expected "
            "one any more. Dispatch again and hand that over."
        )
    yield "--again starts another run of the same dispatch"
