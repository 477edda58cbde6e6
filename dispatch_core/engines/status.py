"""What is done, failed, running and not started, from the marks in a results folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from dispatch_core.engines.job_folder import JobFolder
from dispatch_core.engines.run_worker import DONE, FAILED, RUNNING, is_running
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.words import counted, shown_list

State = Literal["done", "running", "failed", "not started"]
"""The state of a job: the first of these that holds. An interrupted job counts as failed."""

_INTERRUPTED = "interrupted"

STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True)
class Status:
    """The state of each job, by worker.

    Attributes
    ----------
    interrupted
        Jobs whose worker was stopped or killed, and that no worker runs now.
    strangers
        Names with a mark that are not a job of the folder.
    missing_results
        The path of the results folder if it does not exist.
    """

    workers: Mapping[int, Mapping[str, State]]
    interrupted: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    missing_results: str = ""

    @cached_property
    def states(self) -> dict[str, State]:
        """Name of each job -> its state."""
        return {name: state for jobs in self.workers.values() for name, state in jobs.items()}

    @cached_property
    def counts(self) -> dict[State, int]:
        """Number of jobs by state."""
        found = list(self.states.values())
        return {state: found.count(state) for state in STATES}

    @property
    def is_done(self) -> bool:
        """Whether every job is done."""
        return self.counts["done"] == len(self.states)

    def names(self, *states: State) -> list[str]:
        """The jobs in one of the states, worker by worker."""
        return [name for name, state in self.states.items() if state in states]

    def workers_with(self, *states: State) -> list[int]:
        """The numbers of the workers that have a job in one of the states."""
        return [n for n, jobs in self.workers.items() if any(s in states for s in jobs.values())]

    @property
    def counted_states(self) -> str:
        """The counts in words: "118 done, 2 failed"."""
        shown = [f"{count:,} {state}" for state, count in self.counts.items() if count]
        return ", ".join(shown) or "nothing to run"

    def summary(self) -> str:
        """All in words: "118 done, 2 failed of 120 jobs in 16 workers"."""
        jobs = counted(len(self.states), "job")
        return f"{self.counted_states} of {jobs} in {counted(len(self.workers), 'worker')}"

    def warnings(self) -> Iterator[str]:
        """What a user has to know about the marks, a sentence each."""
        if self.missing_results and self.states:
            yield f"nothing ran yet, or --results is wrong: {self.missing_results} does not exist"
        if self.interrupted:
            jobs = counted(len(self.interrupted), "failed job")
            yield f"{jobs} interrupted: the worker was stopped or killed, or the disk failed"
        if self.strangers:
            marks = counted(len(self.strangers), "name")
            yield f"{marks} with a mark but without a job here: {shown_list(self.strangers, 3)}"

    def to_json(self) -> dict[str, Any]:
        """The counts, and the names by state and worker, as a JSON object."""
        workers = [
            {"worker": number}
            | {state.replace(" ", "_"): _in_state(jobs, state) for state in STATES}
            for number, jobs in self.workers.items()
        ]
        return {
            "jobs": len(self.states),
            **{state.replace(" ", "_"): count for state, count in self.counts.items()},
            "workers": workers,
            "interrupted": list(self.interrupted),
            "marks_without_a_job": list(self.strangers),
        }


def _in_state(jobs: Mapping[str, State], state: State) -> list[str]:
    return [name for name, one in jobs.items() if one == state]


def read_status(jobs: JobFolder, results: Path) -> Status:
    """The state of each job, by the marks in `results`, which is read once.

    Raises
    ------
    InvalidInput
        The results folder cannot be read; one that does not exist means that nothing ran.
    """
    marks = _read_marks(results)

    def state_of(name: str) -> State:
        if name in marks[DONE]:
            return "done"
        if name in marks[RUNNING]:
            return "running"
        return "failed" if name in marks[FAILED] else "not started"

    workers = {n: {name: state_of(name) for name in names} for n, names in jobs.workers.items()}
    stopped = sorted(marks[_INTERRUPTED] & jobs.names)
    strangers = sorted(set().union(*marks.values()) - jobs.names)
    missing = "" if results.exists() else str(results)
    return Status(workers, tuple(stopped), tuple(strangers), missing)


def failed_names(results: Path) -> frozenset[str]:
    """The names that are marked as failed in `results` and not done since."""
    marks = _read_marks(results)
    return frozenset(marks[FAILED] - marks[DONE])


def _read_marks(results: Path) -> dict[str, set[str]]:
    """End of the name of a mark -> the jobs that have it; working folders are not marks.

    ``.running`` without a live worker means that the job was interrupted: it failed.
    """
    found = _scan_marks(results)
    claimed = found[RUNNING] - found[DONE]
    running = {name for name in claimed if is_running(str(results / f"{name}{RUNNING}"))}
    stopped = claimed - running
    failed = (found[FAILED] | stopped) - running
    return {DONE: found[DONE], RUNNING: running, FAILED: failed, _INTERRUPTED: stopped}


def _scan_marks(results: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {DONE: set(), FAILED: set(), RUNNING: set()}
    try:
        with os.scandir(results) as entries:
            for entry in entries:
                name, dot, end = entry.name.rpartition(".")
                if name and name[0] != "." and f"{dot}{end}" in found and entry.is_file():
                    found[f"{dot}{end}"].add(name)
    except FileNotFoundError:
        return found
    except OSError as error:
        what = f"cannot read the results folder: {error.strerror}"
        raise InvalidInput(Issue(what, str(results), "Name the folder with the marks")) from None
    return found
