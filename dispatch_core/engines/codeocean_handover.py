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
from typing import TYPE_CHECKING

from dispatch_core.engines.codeocean import (
    PanelField,
    ResultItem,
    Run,
    StartUnknown,
    Target,
    dispatcher_in,
    read_settings,
    request_parameters,
    run_address,
)
from dispatch_core.engines.codeocean_follow import FIRST_WAIT, LONGEST_WAIT, follow
from dispatch_core.engines.codeocean_runs import RunNotes, runs_file
from dispatch_core.engines.handed_dispatch import HandedDispatch, read_dispatch
from dispatch_core.errors import DispatchError, InvalidInput, Issue, NothingFound, Terminated
from dispatch_core.output.stage import Lock, locked
from dispatch_core.output.text_file import check_text_file
from dispatch_core.text.words import counted, one_line

if TYPE_CHECKING:
    from dispatch_core.engines.codeocean_client import CodeOceanService

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
    # imported here: the arguments of other engines need no client
    from dispatch_core.engines.codeocean_client import CodeOceanService

    dispatch, target = read_dispatch(Path(given.folder)), _target(given)
    settings = read_settings(os.environ)
    notes = RunNotes(runs_file(dispatch.record), settings, target, dispatch.fingerprint)
    handover = _Handover(dispatch, target, CodeOceanService(settings), notes, given)
    try:
        return handover.run()
    except KeyboardInterrupt as stop:
        print(one_line(f"interrupted: {notes.whereabouts()}"), file=sys.stderr)
        return 143 if isinstance(stop, Terminated) else 130


def _target(given: argparse.Namespace) -> Target:
    if bool(given.pipeline) == bool(given.capsule):
        action = "Give --pipeline ID, or --capsule ID to run the dispatcher alone"
        what = "both are given" if given.pipeline else "nothing says what to run"
        raise InvalidInput(Issue(what, "--pipeline, --capsule", action))
    if given.pipeline:
        return Target("pipeline", given.pipeline.strip(), given.release)
    return Target("capsule", given.capsule.strip(), given.release)


@dataclass(frozen=True, slots=True)
class _Handover:
    """One command: what is handed over, to where, and the notes of its runs."""

    dispatch: HandedDispatch
    target: Target
    service: CodeOceanService
    notes: RunNotes
    given: argparse.Namespace

    def run(self) -> int:
        """Do what the arguments say, and return the exit code."""
        self._print_head()
        if self.given.dry_run:
            _print_parameters(*self._parameters())
            return 0
        check_text_file(self.notes.file)
        run = self._run()
        print(one_line(f"state: {run}"), flush=True)
        if self.given.wait:
            run = self._wait(run)
        return self._end(run)

    def _print_head(self) -> None:
        jobs, fingerprint = counted(self.dispatch.jobs, "job"), self.dispatch.fingerprint[:12]
        print(one_line(f"dispatch: {self.dispatch.record} ({jobs}, fingerprint {fingerprint})"))
        print(one_line(f"Code Ocean: {self.notes.settings.domain}, {self.target}"), flush=True)
        if self.dispatch.source.startswith("embedded demo"):
            print(
                "warning: planned on the embedded demo: the dispatcher stops unless it is on it too"
            )
        if self.target.kind == "pipeline" and self.dispatch.request.job_format == "seed":
            print("warning: jobs of the format seed: current wrappers read --job_format pipeline")

    def _parameters(self) -> tuple[str, dict[str, str]]:
        """The dispatcher's process, and its named parameters."""
        dispatch, path = self.dispatch, self.given.request_path
        if path and not dispatch.is_recorded_request:
            what = "the record names earlier dispatches (not_in) that are on this machine only"
            action = "Remove it: the request names the jobs that remained instead"
            raise InvalidInput(Issue(what, "--request_path", action))
        process, fields = self._dispatcher()
        return process, request_parameters(dispatch.request, dispatch.fingerprint, fields, path)

    def _dispatcher(self) -> tuple[str, Sequence[PanelField]]:
        """The dispatcher's process and the fields of its panel, none if only its name is known."""
        named = self.given.process
        try:
            panel = self.service.panel(self.target)
        except NothingFound as error:
            if not named:
                raise
            print(one_line(f"warning: no panel, so the fields of {named} are not checked: {error}"))
            return named, ()
        process = dispatcher_in(panel, self.target, named)
        return process, panel[process]

    def _run(self) -> Run:
        """The run that was started by this command or by an earlier one."""
        record = self.dispatch.record
        # two commands at once would both find no run, and start two
        with locked(Lock(os.open(record, os.O_RDONLY), record)):
            row = self.notes.last()
            if row is None or self.given.again:
                return self._start()
        if not row.run:
            what = f"a run was requested at {row.started_at}, and whether it started is not known"
            action = "Look at the runs in Code Ocean, then use --again if there is none"
            raise InvalidInput(Issue(what, str(self.notes.file), action))
        run = self.service.look(row.run)
        started = f"already started: run {run.id} at {row.started_at}"
        print(one_line(f"{started} (--again starts another)"))
        self.notes.note(run)
        return run

    def _start(self) -> Run:
        """A new run, noted before it is requested."""
        process, parameters = self._parameters()
        self.notes.note_start()
        try:
            run = self.service.start(self.target, process, parameters)
        except StartUnknown:
            raise
        except DispatchError:
            self.notes.forget_start()
            raise
        size = counted(sum(map(len, parameters.values())), "byte")
        print(one_line(f"parameters of {process or 'the run'}: {', '.join(parameters)} ({size})"))
        print(one_line(f"started: run {run.id} ({run_address(self.notes.settings, run.id)})"))
        self.notes.note(run)
        for name in run.lost(parameters):
            print(
                f"warning: Code Ocean reports another {name}, or none: look at the log of the run"
            )
        return run

    def _wait(self, run: Run) -> Run:
        """The run after it has ended, or when the time is over; each new state is noted."""
        last, given = run, self.given
        for last in follow(self.service.look, run, first=given.poll, limit=given.wait_limit):
            self.notes.note(last)
            print(one_line(f"state: {last} after {last.seconds:,} s"), flush=True)
        return last

    def _end(self, run: Run) -> int:
        """Print how the run ended and its results; the exit code."""
        if run.outcome == "under way":
            print(one_line(self.notes.whereabouts()))
            return 1 if self.given.wait else 0
        _print_results(self.service, run)
        if run.outcome == "succeeded":
            return 0
        print(*_why(run), sep="\n")
        return 1


def _print_parameters(process: str, parameters: dict[str, str]) -> None:
    print(one_line(f"process: {process or 'the run itself'}"))
    for name, text in parameters.items():
        print(one_line(f"  {name}={text}"))
    print("no run was started (--dry_run)")


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
