"""The dispatches that are recorded below a folder, newest first.

Only the head of a record is read: its assets and jobs are its last keys, one in a line. The
folder and the results beside it are listed, never opened. A record that cannot be read is a row
with the reason.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

from dispatch_core.earlier.contents import MAX_ENTRIES, open_file
from dispatch_core.earlier.read import file_errors
from dispatch_core.earlier.record import (
    MAX_RECORD,
    SUFFIX,
    VERSION,
    as_record,
    is_count,
    worker_sizes,
)
from dispatch_core.errors import InvalidInput, showable
from dispatch_core.text.strict_json import load_json
from dispatch_core.text.words import counted, one_line
from dispatch_core.types import Progress, no_progress

FolderState = Literal["there", "changed", "gone", "unknown"]

RESULTS = ".results"
"""How the name of the folder ends in which the runs of a dispatch leave their marks."""

_PIECE = 1 << 16
_START = b'{\n  "record": '
_END_OF_HEAD = b'\n  "assets": {'
_START_OF_JOBS = b'\n  "jobs": [\n'
_JOB_LINE = re.compile(rb'^    \["([^"\\]{1,255})", ', re.MULTILINE)
_MOST_TEXT = 500
_MOST_REASONS = 50
_EQUATION = ("matched", "assets", "inputs", "sets", "excluded", "jobs", "workers")
_SUBTRACTED = {"processed": "already processed", "capped": "over the cap"}


@dataclass(frozen=True, slots=True)
class Runs:
    """What the runs of the jobs left: how many are done, failed, and not started."""

    done: int
    failed: int
    not_started: int

    def __str__(self) -> str:
        return f"{self.done:,} done, {self.failed:,} failed, {self.not_started:,} not started"


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
            record, names = _read(file, with_names=has_more and looks_inside)
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
    """The names in a record whose layout is as this version writes it; None for another file.

    The jobs are not parsed, so this is 20 times faster than reading the whole record.
    """
    try:
        with open_file(path) as file:
            head, end, rest = _split(file)
            record = _head_of(head) if end else {}
            names = _names_after(rest, file, record) if end else None
    except (InvalidInput, OSError):
        return None
    when = record.get("dispatched_at")
    if names is None:
        return None
    texts = frozenset(name.decode(errors="replace") for name in names)
    return RecordedNames(when if isinstance(when, str) else "", texts)


def read_ledger(path: Path) -> tuple[tuple[int, str, str, str], ...]:
    """The exclusions in a record as (rows, stage, reason, action), the most frequent first.

    At most 50, and none for a file that cannot be read.
    """
    try:
        with open_file(path, follow=False) as file:
            head, end, rest = _split(file)
            record = _record_of(_closed(head)) if end else _read_whole(rest)[0]
    except (InvalidInput, OSError):
        return ()
    rows = record.get("exclusions")
    keys = ("stage", "reason", "action")
    counts = Counter(
        tuple(_text(row.get(key)) for key in keys)
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict)
    )
    return tuple(
        (count, stage, reason.replace("_", " "), action)
        for (stage, reason, action), count in counts.most_common(_MOST_REASONS)
    )


def _split(file: BinaryIO) -> tuple[bytes, bytes, bytes]:
    """The head of a record, its end, and what is read behind it.

    Without a head as this version writes it, head and end are empty, and the rest is all.
    """
    data = file.read(_PIECE)
    if not data.startswith(_START):
        return b"", b"", data + file.read(MAX_RECORD + 1)
    while _END_OF_HEAD not in data[-2 * _PIECE :] and (more := file.read(_PIECE)):
        data += more
        if len(data) > MAX_RECORD:
            raise _too_large()
    head, end, rest = data.partition(_END_OF_HEAD)
    return (head, end, rest) if end else (b"", b"", data)


def _read(file: BinaryIO, *, with_names: bool) -> tuple[dict[str, Any], frozenset[bytes] | None]:
    """A record, without its jobs where that is possible, and the names of the jobs.

    The names are None if they are not asked for, or if the record does not have them.
    """
    head, end, rest = _split(file)
    if not end:
        return _read_whole(rest)
    record = _head_of(head)
    if not with_names:
        return record, None
    rest += file.read(MAX_RECORD)
    names = _names_after(rest, file, record)
    return _read_whole(head + end + rest) if names is None else (record, names)


def _head_of(head: bytes) -> dict[str, Any]:
    return _record_of(_closed(_without_exclusions(head)))


def _closed(head: bytes) -> bytes:
    """The head of a record as a complete object."""
    return head.rstrip().removesuffix(b",") + b"\n}"


def _names_after(rest: bytes, file: BinaryIO, record: Mapping[str, Any]) -> frozenset[bytes] | None:
    """The names of the jobs behind the head; None if they are written in another layout."""
    rest += file.read(MAX_RECORD)
    names = frozenset(_JOB_LINE.findall(rest.partition(_START_OF_JOBS)[2]))
    return names if len(names) == sum(worker_sizes(record)) else None


def _read_whole(data: bytes) -> tuple[dict[str, Any], frozenset[bytes] | None]:
    if len(data) > MAX_RECORD:
        raise _too_large()
    record = _record_of(data)
    rows = record.get("jobs")
    if not isinstance(rows, list):
        return record, None
    names = (row[0] for row in rows if isinstance(row, list) and row and isinstance(row[0], str))
    return record, frozenset(name.encode() for name in names)


def _record_of(data: bytes) -> dict[str, Any]:
    record = as_record(load_json(data, "the record"))
    if record is None:
        raise InvalidInput("it is not the record of a dispatch")
    return record


def _too_large() -> InvalidInput:
    return InvalidInput(f"it is larger than {MAX_RECORD >> 20} MB")


def _without_exclusions(head: bytes) -> bytes:
    """The head without the rows of the ledger, which may be most of it."""
    before, start, after = head.partition(b'\n  "exclusions": [\n')
    return before + after.partition(b"\n  ],")[2] if start else head


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
    if not all(is_count(values.get(name)) for name in _EQUATION):
        return ""
    kind = values.get("input_kind")
    inputs = counted(values["inputs"], _text(kind) if kind else "input")
    counts = {words: values.get(name) for name, words in _SUBTRACTED.items()}
    cut = "".join(f" - {n:,} {words}" for words, n in counts.items() if n and is_count(n))
    return (
        f"{counted(values['matched'], 'asset')} matched, {values['assets']:,} usable -> "
        f"{inputs} x {counted(values['sets'], 'parameter set')}{cut} = "
        f"{counted(values['jobs'], 'job')} -> {counted(values['workers'], 'worker')}; "
        f"{values['excluded']:,} excluded"
    )


def _folder_state(row: HistoryRow, names: frozenset[bytes] | None) -> FolderState:
    """What is in the worker folder now, compared with the record; only names are read."""
    try:
        found = list(_job_files(os.fsencode(row.worker_folder), row.jobs))
    except (FileNotFoundError, NotADirectoryError):
        return "gone"
    except OSError:
        return "unknown"
    if len(found) != row.jobs:
        return "changed"
    is_same = names is None or names == {name.removesuffix(b".json") for name in found}
    return "there" if is_same else "changed"


def _job_files(folder: bytes, expected: int) -> Iterator[bytes]:
    """The names of the files in worker folders; at most one more than `expected`."""
    count = 0
    with os.scandir(folder) as workers:
        for worker in workers:
            if not worker.is_dir(follow_symlinks=False):
                continue
            with os.scandir(worker.path) as files:
                for file in files:
                    yield file.name
                    count += 1
                    if count > expected:
                        return


def _runs(folder: Path, jobs: int, names: frozenset[bytes] | None) -> Runs | None:
    """What the marks in a results folder say of the jobs; None without such a folder."""
    marks: dict[bytes, set[bytes]] = {b"done": set(), b"failed": set()}
    try:
        for mark in map(os.fsencode, _names_in(folder)):
            name, _, state = mark.rpartition(b".")
            if state in marks and (names is None or name in names):
                marks[state].add(name)
    except OSError:
        return None
    done, failed = len(marks[b"done"]), len(marks[b"failed"] - marks[b"done"])
    return Runs(done, failed, max(0, jobs - done - failed))
