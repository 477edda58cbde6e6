"""``handover``: what starts a worker folder on an engine, written beside it."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from dispatch_core.engines import codeocean_handover
from dispatch_core.engines.arguments import (
    add_command,
    add_folder,
    add_results,
    positive,
    results_of,
)
from dispatch_core.engines.handover import ENGINES, check_command, handover_files
from dispatch_core.engines.job_folder import JobFolder, read_job_folder, require_dense
from dispatch_core.engines.lay import command_from, lay_beside, results_from
from dispatch_core.engines.order import Handover
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.words import one_line

CODE_OCEAN = "codeocean"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``handover``."""
    engines = (*ENGINES, CODE_OCEAN)
    parser.add_argument("engine", choices=engines, metavar="ENGINE", help=", ".join(engines))
    add_folder(parser)
    add_command(parser, is_required=False)  # not every engine has one
    add_results(parser)
    add = parser.add_argument
    add("--python", default="python3", help="the Python of the engine's machines, from 3.8 on")
    add("--replace", action="store_true", help="overwrite files of another origin too")
    slurm = parser.add_argument_group("Slurm")
    slurm.add_argument(
        "--max_array",
        metavar="N",
        type=positive,
        default=1_001,
        help="MaxArraySize of the site (default: 1001)",
    )
    batch = parser.add_argument_group("AWS Batch")
    add = batch.add_argument
    add("--s3", default="", metavar="URL", help="where the jobs are copied to: s3://bucket/prefix")
    add("--queue", default="dispatch", help="the job queue (default: dispatch)")
    add("--definition", default="dispatch", help="the job definition (default: dispatch)")
    add("--workers", type=_numbers, default=(), metavar="N,N", help="start only these workers")
    codeocean_handover.add_arguments(parser)


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers of workers, as ``status --failed --workers`` prints them."""
    parts = text.split(",")
    if not all(part.strip().isascii() and part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of worker numbers, such as 5,11")
    return tuple(dict.fromkeys(map(int, parts)))


def run(given: argparse.Namespace) -> int:
    """Write the files and print what to type; for Code Ocean, start the run. The exit code."""
    _check_engine(given)
    if given.engine == CODE_OCEAN:
        return codeocean_handover.run(given)
    check_command(given.command, is_for_shell=given.shell)
    if given.workers and given.engine != "aws-batch":
        action = "Remove it: the engine's own file says how to run the failed workers"
        raise InvalidInput(Issue("only aws-batch has it", "--workers", action))
    jobs = read_job_folder(given.folder)
    require_dense(jobs)
    handover = _handover(given, jobs)
    paths = lay_beside(handover, jobs.path, replace=given.replace)
    for text in (*jobs.warnings(), *handover.notes):
        print(one_line(f"note: {text}"), file=sys.stderr)
    for path in paths:
        print(one_line(f"written: {path}"))
    _print_lines(handover, jobs.path.parent)
    return 0


def _check_engine(given: argparse.Namespace) -> None:
    """Raises `InvalidInput` for an option of another kind of engine."""
    is_code_ocean = given.engine == CODE_OCEAN
    foreign = ("command", "results", "workers") if is_code_ocean else ("pipeline", "capsule")
    for name in foreign:
        if getattr(given, name):
            what = f"it is not an option of {given.engine}"
            raise InvalidInput(Issue(what, f"--{name}", "Remove it, or choose another engine"))


def _handover(given: argparse.Namespace, jobs: JobFolder) -> Handover:
    command = given.command
    if given.engine != "aws-batch":  # its containers have other files
        command = command_from(command, jobs.path.parent, use_shell=given.shell)
    return handover_files(
        given.engine,
        jobs.path.name,
        len(jobs.workers),
        command,
        results=results_from(results_of(given, jobs), jobs),
        python=given.python,
        time_limit=given.time_limit,
        use_shell=given.shell,
        max_array=given.max_array,
        s3=given.s3,
        queue=given.queue,
        definition=given.definition,
        only=given.workers,
    )


def _print_lines(handover: Handover, folder: Path) -> None:
    again = {} if handover.start == handover.failed else {"only what failed": handover.failed}
    title = "start" if again else "start, and again for only what failed"
    for name, lines in {title: f"cd {shlex.quote(str(folder))}\n{handover.start}", **again}.items():
        print(f"{name}:")
        for line in lines.splitlines():
            print(one_line(f"  {line}"))
