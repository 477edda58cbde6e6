"""What is wrong with a folder or a zip of jobs, as values: each fault once, and the counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

_LONGEST = 500
"""The most characters of a message."""


class FaultKind(StrEnum):
    """A kind of fault, with its heading and what to do; the value is its name in JSON."""

    heading: str
    action: str

    def __new__(cls, value: str, heading: str, action: str) -> FaultKind:
        member = str.__new__(cls, value)
        member._value_ = value
        member.heading, member.action = heading, action
        return member

    NOT_READ = (
        *("not_read", "not read to the end"),
        "Give the dispatch as it was written, in parts if it is this large",
    )
    LEADS_OUT = "leads_out", "name that cannot be unpacked", "Make the zip again without it"
    ENTRY_TWICE = "entry_twice", "name twice in the zip", "Make the zip again with one of them"
    LINK = "link", "link", "Replace it by the file that it leads to, or remove it"
    SPECIAL = "special", "neither a file nor a folder", "Remove it"
    TOO_LARGE = "too_large", "too large for a job file", "Split the job, or remove the file"
    UNREADABLE = "unreadable", "cannot be read", "Restore the file from the original dispatch"
    HALF_WRITTEN = (
        *("half_written", "left by a write that did not finish"),
        "Dispatch again into the same folder, which finishes it",
    )
    STRAY = (
        *("stray", "not a job file in a worker folder"),
        "Move it out: a pipeline starts a job for each entry",
    )
    HIDDEN = "hidden", "hidden entry", "Remove it: a pipeline starts a job for each entry"
    FOLDER_IN_WORKER = (
        *("folder_in_worker", "folder in a worker folder"),
        "Move it out: only the files of a worker folder are run",
    )
    WORKER_NAME = (
        *("worker_name", "worker folder whose name is not a number"),
        "Rename the worker folders to 0, 1, 2 and so on",
    )
    GAP = "gap", "worker folders are missing", "Restore them, or rename the others to 0, 1, 2, ..."
    EMPTY_WORKER = "empty_worker", "worker folder without a job", "Remove it, or restore its jobs"
    ONE_TOO_DEEP = (
        *("one_too_deep", "worker folders one folder too deep"),
        "Give the inner folder to what runs the jobs",
    )
    NO_JOB = "no_job", "no job", "Give the folder that contains the worker folders 0, 1, 2, ..."
    MARKER = (
        *("marker", "a marker for no jobs beside jobs"),
        "Remove no_new_jobs if the jobs are to run",
    )
    NOT_JSON = "not_json", "not JSON", "Correct the file, or restore it from the original dispatch"
    NOT_A_JOB = "not_a_job", "JSON, but not a job", "Move it out of the folder"
    NO_READER = (
        *("no_reader", "no reader accepts the job"),
        "Add what is missing, or dispatch these assets again",
    )
    MIXED_FORMATS = (
        *("mixed_formats", "two job formats in one dispatch"),
        "Dispatch again with one job format",
    )
    UNEVEN = (
        *("uneven", "lists of different lengths"),
        "Give each asset one location, one name and one id",
    )
    NOT_S3 = "not_s3", "location that is not s3://bucket/prefix", "Correct the location"
    FILE_OUTSIDE = (
        *("file_outside", "file outside the locations of its own job"),
        "Do not run it: it would analyze the file of another asset. Dispatch again",
    )
    FILE_TWICE = "file_twice", "the same file twice in one job", "Remove one of them"
    SAME_NAME = "same_name", "the same job twice", "Remove one of them"
    SAME_WORK = "same_work", "the same work under two names", "Remove one of them"
    NAME = (
        *("name", "name of another content"),
        "The file was edited or renamed. Restore it from the original dispatch",
    )
    NO_RECORD = "no_record", "the record beside it cannot be read", "Restore or remove the record"
    OTHER_RECORD = (
        *("other_record", "the record beside it is of another dispatch"),
        "Restore the record of this dispatch, or move this one away",
    )
    MISSING_JOB = (
        *("missing_job", "job of the record that is missing"),
        "Dispatch again into the same folder, which adds it",
    )
    EXTRA_JOB = "extra_job", "job that the record does not have", "Remove it if it is of another"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: its kind, which entry, and what exactly."""

    kind: FaultKind
    path: str
    message: str

    def __post_init__(self) -> None:
        if len(self.message) > _LONGEST:  # it may quote a file of 30 MB
            half = _LONGEST // 2
            cut = f"{self.message[:half]} ... {self.message[-half:]}"
            object.__setattr__(self, "message", cut)

    def texts(self) -> dict[str, str]:
        """The fault as it is in JSON and in a table."""
        return {
            "kind": self.kind.value,
            "path": self.path,
            "message": self.message,
            "action": self.kind.action,
        }


@dataclass(frozen=True)
class Checked:
    """A folder or a zip of jobs, checked.

    Attributes
    ----------
    label
        The path or the file name.
    faults
        Each once: kind by kind, and in a kind by path.
    notes
        What is unusual, but not wrong.
    workers
        Worker folder -> the number of its jobs.
    readers
        Reader -> the number of jobs that it accepts.
    foreign
        How many jobs are not named after their content, as those of other programs.
    paths
        The name of each job file without ``.json`` -> its path.
    """

    label: str
    kind: Literal["folder", "zip"]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...] = ()
    workers: Mapping[str, int] = field(default_factory=dict)
    jobs: int = 0
    readers: Mapping[str, int] = field(default_factory=dict)
    foreign: int = 0
    paths: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def by_kind(self) -> dict[FaultKind, list[Fault]]:
        """The faults of each kind that occurs."""
        grouped: dict[FaultKind, list[Fault]] = {}
        for fault in self.faults:
            grouped.setdefault(fault.kind, []).append(fault)
        return grouped

    def to_json(self) -> dict[str, Any]:
        """The check as a JSON object, as ``check --json`` prints it."""
        return {
            "path": self.label,
            "kind": self.kind,
            "is_clean": self.is_clean,
            "jobs": self.jobs,
            "foreign": self.foreign,
            "workers": dict(self.workers),
            "readers": dict(self.readers),
            "faults": [fault.texts() for fault in self.faults],
            "notes": list(self.notes),
        }


def in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """The faults kind by kind, in the order of the kinds; those of a kind as they come."""
    order = {kind: number for number, kind in enumerate(FaultKind)}
    return tuple(sorted(faults, key=lambda fault: order[fault.kind]))
