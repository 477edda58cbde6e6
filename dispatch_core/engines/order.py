"""What an engine is asked to run, and what it gets: files to lay beside the worker folder."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from dispatch_core.earlier.read import RESULTS

MADE_BY = "Made by job-dispatch handover"
"""What the head of each file says, and how an earlier handover is recognized."""

AT_ONCE = 50
"""Workers that run at the same time, if the engine has a limit of its own."""


@dataclass(frozen=True, slots=True)
class Order:
    """The worker folder, and how each of its jobs is run.

    Attributes
    ----------
    folder
        The name of the worker folder. The files are started in the folder that holds it.
    workers
        The number of worker folders, named from 0.
    command
        The command of a job, with ``{job}`` and ``{name}``.
    results
        Where marks, outputs and logs go: a path from the folder that holds the worker
        folder, or a full path.
    python
        The Python of the machines that run the jobs.
    use_shell
        Whether ``/bin/sh`` runs the command.
    max_array
        Slurm's ``MaxArraySize`` at the site.
    s3
        AWS Batch: where the worker folder is copied to, ``s3://bucket/prefix``.
    queue, definition
        AWS Batch: the names of the job queue and of the job definition.
    only
        AWS Batch: the numbers of the workers to run; empty means all.
    """

    folder: str
    workers: int
    command: str
    results: str = ""
    python: str = "python3"
    time_limit: float | None = None
    use_shell: bool = False
    max_array: int = 1_001
    s3: str = ""
    queue: str = "dispatch"
    definition: str = "dispatch"
    only: tuple[int, ...] = ()

    @property
    def runner(self) -> str:
        """The name of the copy of ``run_worker.py``."""
        return f"{self.folder}.run_worker.py"

    @property
    def results_folder(self) -> str:
        """The results folder that was chosen, or the default one."""
        return self.results or f"{self.folder}{RESULTS}"

    @property
    def options(self) -> list[str]:
        """The arguments of ``run_worker.py`` that say how each job is run."""
        limit = [] if self.time_limit is None else [f"--time_limit={self.time_limit:.15g}"]
        shell = ["--shell"] if self.use_shell else []
        # with "=": a command may start with a dash
        return [f"--command={self.command}", *limit, *shell]

    @property
    def status_line(self) -> str:
        """The shell command that says what is done; options can follow."""
        results = [] if not self.results else [f"--results={self.results}"]
        return shlex.join(["job-dispatch", "status", here(self.folder), *results])


@dataclass(frozen=True, slots=True)
class HandoverFile:
    """A file to lay beside the worker folder."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Handover:
    """The files of an engine, and what to type, in the folder that holds the worker folder.

    Attributes
    ----------
    start
        The shell command that runs all jobs, one command a line.
    failed
        The shell command that then runs only what failed.
    notes
        What the user has to know before.
    """

    files: tuple[HandoverFile, ...]
    start: str
    failed: str
    notes: tuple[str, ...] = ()


def here(name: str) -> str:
    """A path that no program takes for an option."""
    return f"./{name}" if name.startswith("-") else name


def shell_words(words: Sequence[str]) -> str:
    """The words as a shell reads them, an option with its value as ``--results='a b'``."""
    return " ".join(map(_shell_word, words))


def _shell_word(word: str) -> str:
    name, sign, value = word.partition("=")
    if word.startswith("--") and sign:
        return f"{name}={shlex.quote(value)}"
    return shlex.quote(word)


def head(order: Order, what: str, handover: tuple[str, str], *more: str) -> list[str]:
    """The first lines of a file: what it is, how to start it, and how to run what failed."""
    start, failed = handover
    again = [] if start == failed else ["Then run only what failed:", f"  {failed}"]
    rest = "" if again else "; again, to run only what failed"
    return [
        f"{MADE_BY}: {what}.",  # no name: Python looks for "coding:" here
        *more,
        f"Start, in the folder of this file{rest}:",
        f"  {start}",
        *again,
        "What is done, failed and missing:",
        f"  {order.status_line}",
    ]
