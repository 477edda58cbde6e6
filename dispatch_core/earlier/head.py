"""The head of a record: everything before its assets and jobs, which are most of it.

A record is written with its assets and jobs last, their lines indented by four and their keys
by two spaces. A line break cannot occur inside a JSON string, so a line that begins like such a
key is one. Any other layout is parsed as a whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from dispatch_core.earlier.record import as_record, worker_sizes
from dispatch_core.environment.limits import RECORD
from dispatch_core.errors import InvalidInput
from dispatch_core.text.limited import read_file
from dispatch_core.text.strict_json import load_json

MAX_WHOLE = 64 << 20
"""The largest head, or record in another layout, that is parsed, in bytes."""

MAX_RECORD = 256 << 20
"""The largest record of which the names of the jobs are read, in bytes."""

_MOST_VALUES = 3_000_000
_PIECE = 1 << 16
_START = b'{\n  "record": '
_END = b'\n  "assets": {'
_EXCLUSIONS = b'\n  "exclusions": [\n'
_END_OF_EXCLUSIONS = b"\n  ],"
_JOBS = b'\n  "jobs": ['
_JOB = b'\n    ["'

Names = frozenset[bytes]


def read_record(path: Path) -> dict[str, Any] | None:
    """The dispatch record in the file `path`, or None if the file is something else.

    Of one that is over the limit it is the head, without the assets and jobs.
    """
    try:
        if path.stat().st_size <= RECORD.most:
            return as_record(load_json(read_file(path, RECORD, path.name), path.name, RECORD))
        with path.open("rb") as file:
            return read_head(file, with_names=False)[0]
    except (InvalidInput, OSError):
        return None


def read_head(file: BinaryIO, *, with_names: bool) -> tuple[dict[str, Any], Names | None]:
    """The head of a record, and the names of its jobs if they are asked for.

    The names are None, too, if the record does not have them.

    Raises
    ------
    InvalidInput
        It is not a record, or is too large to be parsed.
    """
    data, end = _through_head(file)
    if end < 0:
        return _whole(data)
    record = _record_of(_without_exclusions(data, end).rstrip().removesuffix(b",") + b"\n}")
    if not with_names:
        return record, None
    data += file.read(MAX_RECORD)
    names = _names_in(data[end:])
    if len(names) != sum(worker_sizes(record)):  # written again, in another layout
        return _whole(data)
    return record, names


def read_exclusions(file: BinaryIO) -> list[Any]:
    """The rows of the ledger in a record; raises as `read_head` does."""
    data, end = _through_head(file)
    record = _record_of(data if end < 0 else data[:end].rstrip().removesuffix(b",") + b"\n}")
    rows = record.get("exclusions")
    return rows if isinstance(rows, list) else []


def _through_head(file: BinaryIO) -> tuple[bytes, int]:
    """The record as far as it is read, and where its head ends; -1 in another layout."""
    data = file.read(_PIECE)
    if not data.startswith(_START):
        return data + file.read(MAX_WHOLE), -1
    end = data.find(_END)
    while end < 0 and len(data) <= MAX_WHOLE and (more := file.read(16 * _PIECE)):
        start = len(data) - len(_END)
        data += more
        end = data.find(_END, start)
    return data, end


def _names_in(tail: bytes) -> Names:
    start = tail.find(_JOBS)
    lines = tail[start:].split(_JOB)[1:] if start >= 0 else ()
    return frozenset(line.partition(b'"')[0] for line in lines)


def _without_exclusions(data: bytes, end: int) -> bytes:
    """The head without the rows of the ledger, which may be most of it."""
    start = data.find(_EXCLUSIONS, 0, end)
    stop = data.find(_END_OF_EXCLUSIONS, start, end)
    if start < 0 or stop < 0:
        return data[:end]
    return data[:start] + data[stop + len(_END_OF_EXCLUSIONS) : end]


def _whole(data: bytes) -> tuple[dict[str, Any], Names | None]:
    """A record in any layout, and the names of its jobs."""
    record = _record_of(data)
    rows = record.get("jobs")
    if not isinstance(rows, list):
        return record, None
    names = (row[0] for row in rows if isinstance(row, list) and row and isinstance(row[0], str))
    return record, frozenset(name.encode() for name in names)


def _record_of(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_WHOLE:
        raise InvalidInput(f"it is larger than {MAX_WHOLE >> 20} MB")
    if sum(map(data.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise InvalidInput(f"it has more than {_MOST_VALUES:,} values")
    record = as_record(load_json(data, "the record"))
    if record is None:
        raise InvalidInput("it is not the record of a dispatch")
    return record
