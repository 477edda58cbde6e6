"""The arguments that say how jobs are run, and where their results go."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from dispatch_core.engines.job_folder import JobFolder
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.output.disk import real_target
from dispatch_core.output.target import check_outside


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add the worker folder."""
    parser.add_argument("folder", metavar="OUT", help="the worker folder of a dispatch")


def add_results(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--results``."""
    parser.add_argument(
        "--results",
        metavar="DIR",
        help="the folder with marks, logs and outputs of jobs (default: OUT.results)",
    )


def add_command(parser: argparse.ArgumentParser, *, is_required: bool = True) -> None:
    """Add the options that say how each job is run."""
    parser.add_argument(
        "--command",
        required=is_required,
        default="",
        help="the command of a job; {job} is the path of its file, {name} its name. It runs in "
        "<results>/{name}, so name other files by their full path, except files of this folder",
    )
    parser.add_argument(
        "--shell",
        action="store_true",
        help="run the command with /bin/sh, for pipes and variables; {job} is quoted already",
    )
    parser.add_argument(
        "--time_limit", metavar="SECONDS", type=_seconds, help="end a job that takes longer"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def positive(text: str) -> int:
    """A whole number from 1, for ``type=``."""
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def results_of(given: argparse.Namespace, jobs: JobFolder) -> Path:
    """The results folder that was chosen, or the default one; never in the worker folder."""
    if given.results is None:
        return jobs.results
    check_outside(jobs.path, {"--results": given.results})
    if real_target(Path(given.results)) == jobs.path:
        what = f"{given.results} is the worker folder, where only job files may be"
        raise InvalidInput(Issue(what, "--results", "Put it beside the folder"))
    return Path(given.results)
