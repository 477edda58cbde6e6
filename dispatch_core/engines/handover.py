"""What starts a worker folder on an engine: files to lay beside it, and what to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from dispatch_core.engines import aws_batch, dask, nextflow, run_worker, slurm, snakemake
from dispatch_core.engines.order import MADE_BY, Handover, HandoverFile, Order
from dispatch_core.errors import InvalidInput, Issue

_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")


class Engine(NamedTuple):
    """An engine: its name for users, and the function that makes its files."""

    label: str
    hand_over: Callable[[Order], Handover]


ENGINES: dict[str, Engine] = {
    "slurm": Engine("Slurm", slurm.hand_over),
    "snakemake": Engine("Snakemake", snakemake.hand_over),
    "nextflow": Engine("Nextflow", nextflow.hand_over),
    "aws-batch": Engine("AWS Batch", aws_batch.hand_over),
    "dask": Engine("Dask", dask.hand_over),
}
"""Name on the command line -> the engine, in the order in which they are offered."""


def handover_files(
    engine: str, folder_name: str, workers: int, command: str, **more: Any
) -> Handover:
    """The files that start the worker folder on `engine`, and the commands to type.

    Nothing is read or written. The last file is the copy of ``run_worker.py`` that the
    others use. `more` are the other fields of `Order`.

    Raises
    ------
    InvalidInput
        The command cannot be used, or the engine cannot run this many workers.
    """
    order = Order(folder_name, workers, command, **more)
    _check(order)
    if engine not in ENGINES:
        what = f"{engine!r} is not an engine"
        raise InvalidInput(Issue(what, "engine", f"Choose {', '.join(ENGINES)}"))
    made = ENGINES[engine].hand_over(order)
    return replace(made, files=(*made.files, HandoverFile(order.runner, worker_program())))


def worker_program() -> str:
    """The text of ``run_worker.py``, with its origin."""
    text = Path(run_worker.__file__).read_text("utf-8")
    start, rest = text.split("\n", 1)
    return f"{start}\n# {MADE_BY}.\n{rest}"


def _check(order: Order) -> None:
    texts = {
        "the worker folder": order.folder,
        "--command": order.command,
        "--results": order.results,
        "--python": order.python,
        "--s3": order.s3,
        "--queue": order.queue,
        "--definition": order.definition,
    }
    for where, text in texts.items():
        if _NOT_IN_A_LINE.search(text):
            what = f"{text!r} contains a line break or a control character, or is not UTF-8"
            raise InvalidInput(Issue(what, where, "Write it on one line, without them"))
    check_command(order.command, is_for_shell=order.use_shell)
    if order.workers < 1:
        raise InvalidInput(Issue("it has no worker folder", order.folder))


def check_command(command: str, *, is_for_shell: bool = False) -> None:
    """Raises `InvalidInput` if the command of a job is empty or its quotes do not match."""
    try:
        words = command.split() if is_for_shell else shlex.split(command)
    except ValueError as error:
        what = f"{str(error)[:1].lower()}{str(error)[1:]}: {command}"
        raise InvalidInput(Issue(what, "--command", "Close the quote")) from None
    if not words or not words[0]:
        action = "Write the command of a job, such as 'python analyze.py {job}'"
        raise InvalidInput(Issue("it is empty", "--command", action))
