"""The dispatches that are recorded below a folder, newest first.

Only the head of a record is parsed. The folder and the results beside it are listed, and no file
in them is opened. A record that cannot be read is a row with the reason.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from dispatch_core.earlier.contents import MAX_ENTRIES, open_file
from dispatch_core.earlier.head import Names, read_exclusions, read_head
from dispatch_core.earlier.read import RESULTS, file_errors
from dispatch_core.earlier.record import (
    SUFFIX,
    VERSION,
    is_count,
    worker_sizes,
)
from dispatch_core.equation import Equation
from dispatch_core.errors import InvalidInput, showable
from dispatch_core.text.reasons import reason_in_words
from dispatch_core.text.words import counted, one_line
from dispatch_core.types import Progress, no_progress

FolderState = Literal["there", "changed", "gone", "unknown"]

_MOST_TEXT = 500
_MOST_REASONS = 50
_MARKED = "marked"
"""The status of a dispatch without jobs."""

_ADDED = ("listed", "repeated", "not_chosen", "dispatched_before")
"""Numbers of the equation that records of an older version do not have."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What the runs of the jobs left: how many are done, failed, and not started.

    ``unfinished`` jobs run now or were interrupted; `dispatch_core.engines.status` tells which.
    """

    done: int
    failed: int
    not_started: int
    unfinished: int = 0

    def __str__(self) -> str:
        under_way = f"{self.unfinished:,} running or interrupted, " if self.unfinished else ""
        return (
            f"{self.done:,} done, {self.failed:,} failed, {under_way}"
            f"{self.not_started:,} not started"
        )


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One record: what was dispatched, by whom and when, and what is there of it now.

    Attributes
    ----------
    path
        The record; `name` is the name of the dispatch.
    problem
        Why the record cannot be opened; empty if it can. Then the other fields may be empty.
    at
        When, as ISO 8601 in UTC; of a record that cannot be read, when the file was written.
    source, buckets, query
        Where records and files came from, and the query in one line, or the number of ids.
    equation
        The numbers in one line.
    folder
        Whether the worker folder beside the record is ``there``, ``changed`` (other job files
        than recorded) or ``gone``; ``unknown`` if the record does not say which jobs it has.
    runs
        What the results folder beside it says; None if there is none.
    """

    path: Path
    name: str
    problem: str = ""
    at: str = ""
    who: str = ""
    source: str = ""
    buckets: str = ""
    query: str = ""
    equation: str = ""
    status: str = ""
    fingerprint: str = ""
    jobs: int = 0
    workers: int = 0
    folder: FolderState = "unknown"
    runs: Runs | None = None

    @property
    def worker_folder(self) -> Path:
        """Where the worker folders were written."""
        return self.path.with_name(self.name)

    def to_json(self) -> dict[str, Any]:
        """The row as a JSON object, as ``history --json`` prints it."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        runs = self.runs and {one: getattr(self.runs, one) for one in Runs.__slots__}
        return {**fields, "path": str(self.path), "runs": runs}


def read_history(
    root: Path, *, looks_inside: bool = True, progress: Progress = no_progress
) -> tuple[HistoryRow, ...]:
    """A row for each record in `root` and in the folders directly in it, newest first.

    Without ``looks_inside``, worker folders and results are not listed: ``folder`` is
    ``gone`` or ``unknown``, and ``runs`` is None.

    Raises
    ------
    InvalidInput
        `root` is not a folder, or cannot be read.
    """
    with file_errors(root):
        names = _names_in(root)
    rows = list[HistoryRow]()
    for path in _records_below(root, names):
        progress("records", len(rows), 0)
        rows.append(_row(path, looks_inside))
    return tuple(sorted(rows, key=lambda row: (row.at, row.name), reverse=True))


def _names_in(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry, _ in zip(entries, range(MAX_ENTRIES), strict=False)]


def _records_below(root: Path, names: list[str]) -> Iterator[Path]:
    yield from (root / name for name in names if _is_record(name))
    for name in names:
        folder = root / name
        if name.endswith(SUFFIX) or folder.is_symlink():  # a link may lead to `root` itself
            continue
        with suppress(OSError):  # a file, or a folder that may not be read
            yield from (folder / one for one in _names_in(folder) if _is_record(one))


def _is_record(name: str) -> bool:
    """Whether a file is named like a record: a dispatch without a name has none."""
    return name.endswith(SUFFIX) and name != SUFFIX


def _row(path: Path, looks_inside: bool) -> HistoryRow:
    name = path.name.removesuffix(SUFFIX)
    has_more = any(map(os.path.isdir, (path.with_name(name), _results_of(path, name))))
    try:
        with open_file(path, follow=False) as file:
            record, names = read_head(file, with_names=has_more and looks_inside)
    except (InvalidInput, OSError) as error:
        what = error.issues[0].what if isinstance(error, InvalidInput) else error.strerror
        return HistoryRow(path, name, f"it cannot be read: {what or error}", _written(path))
    row = _row_of(path, name, record)
    if not has_more:
        return replace(row, folder="gone")
    if not looks_inside:
        return row
    state = _folder_state(row, names)
    return replace(row, folder=state, runs=_runs(_results_of(path, name), row.jobs, names))


def _results_of(path: Path, name: str) -> Path:
    return path.with_name(f"{name}{RESULTS}")


def _written(path: Path) -> str:
    """When a file was written, as ISO 8601; empty if that is unknown."""
    try:
        seconds = os.lstat(path).st_mtime
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OSError, ValueError, OverflowError):
        return ""


@dataclass(frozen=True, slots=True)
class RecordedNames:
    """When a dispatch was made, as its record says it, and the names of its jobs."""

    dispatched_at: str
    names: frozenset[str]


def read_names(path: Path) -> RecordedNames | None:
    """The names in a record, read without its rows; None for any other file.

    The jobs are not parsed, so this is 20 times faster than reading the whole record.
    """
    try:
        with open_file(path) as file:
            record, names = read_head(file, with_names=True)
    except (InvalidInput, OSError):
        return None
    when = record.get("dispatched_at")
    if names is None or len(names) != sum(worker_sizes(record)):
        return None
    texts = frozenset(name.decode(errors="replace") for name in names)
    return RecordedNames(when if isinstance(when, str) else "", texts)


def read_ledger(path: Path) -> tuple[tuple[int, str, str, str], ...]:
    """The exclusions in a record as (rows, stage, reason, action), the most frequent first.

    At most 50, and none for a file that cannot be read.
    """
    try:
        with open_file(path, follow=False) as file:
            rows = read_exclusions(file)
    except (InvalidInput, OSError):
        return ()
    keys = ("stage", "reason", "action")
    counts = Counter(
        tuple(_text(row.get(key)) for key in keys) for row in rows if isinstance(row, dict)
    )
    return tuple(
        (count, stage, reason_in_words(reason), action)
        for (stage, reason, action), count in counts.most_common(_MOST_REASONS)
    )


def _row_of(path: Path, name: str, record: Mapping[str, Any]) -> HistoryRow:
    request, equation = record["request"], record.get("equation")
    sizes = worker_sizes(record)
    return HistoryRow(
        path,
        name,
        _problem(record),
        _when(record.get("dispatched_at")) or _written(path),
        who=_text(record.get("dispatched_by")),
        source=_text(record.get("source")),
        buckets=_text(record.get("buckets")),
        query=_query(request),
        equation=_equation(equation if isinstance(equation, dict) else {}),
        status=_text(record.get("status")),
        fingerprint=_text(record.get("fingerprint")),
        jobs=sum(sizes),
        workers=len(sizes),
    )


def _problem(record: Mapping[str, Any]) -> str:
    version = record["record"]
    if version > VERSION:
        return f"it is from a later version (record {version}, this one reads {VERSION})"
    return "" if version > 0 else f"record {version} is not a version of a record"


def _when(value: object) -> str:
    """A time in UTC as ISO 8601; empty for a text that is not a time."""
    try:
        when = datetime.fromisoformat(value if isinstance(value, str) else "")
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return when.astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return ""


def _text(value: object) -> str:
    """A text for one line; empty for a value that is not a text."""
    text = one_line(showable(value)) if isinstance(value, str) else ""
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}..."


def _query(request: Mapping[str, Any]) -> str:
    query, rows = request.get("query"), request.get("asset_rows")
    if query is None and isinstance(rows, list):
        return counted(len(rows), "id")
    return "" if query is None else _text(json.dumps(query, ensure_ascii=False))


def _equation(values: Mapping[str, Any]) -> str:
    """The numbers of a plan in one line; empty if one is missing."""
    names = [field.name for field in fields(Equation) if field.name != "input_kind"]
    numbers = dict.fromkeys(_ADDED, 0) | {name: values[name] for name in names if name in values}
    if len(numbers) != len(names) or not all(map(is_count, numbers.values())):
        return ""
    return str(Equation(input_kind=_text(values.get("input_kind")) or "input", **numbers))


def _folder_state(row: HistoryRow, names: Names | None) -> FolderState:
    """What is in the worker folder now, compared with the record; only names are read."""
    try:
        found = list(_job_files(os.fsencode(row.worker_folder), row.jobs))
    except (FileNotFoundError, NotADirectoryError):
        return "gone"
    except OSError:
        return "unknown"
    if not row.workers and row.status != _MARKED:
        return "unknown"
    if len(found) != row.jobs:
        return "changed"
    is_same = names is None or names == {name.removesuffix(b".json") for name in found}
    return "there" if is_same else "changed"


def _job_files(folder: bytes, expected: int) -> Iterator[bytes]:
    """The names of the files in worker folders, until there are more than `expected`."""
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if count <= expected and entry.is_dir(follow_symlinks=False):
                names = os.listdir(entry.path)
                count += len(names)
                yield from names


def _runs(folder: Path, jobs: int, names: Names | None) -> Runs | None:
    """What the marks in a results folder say of the jobs; None without such a folder."""
    marks: dict[bytes, set[bytes]] = {b"done": set(), b"failed": set(), b"running": set()}
    try:
        for mark in map(os.fsencode, _names_in(folder)):
            name, _, state = mark.rpartition(b".")
            if state in marks and (names is None or name in names):
                marks[state].add(name)
    except OSError:
        return None
    unfinished = marks[b"running"] - marks[b"done"]
    failed = marks[b"failed"] - marks[b"done"] - unfinished
    counts = len(marks[b"done"]), len(failed), len(unfinished)
    return Runs(counts[0], counts[1], max(0, jobs - sum(counts)), counts[2])
