"""Existing files that an output may replace: earlier outputs of the same kind.

Any other file may be someone's only copy, so without ``replace`` it is refused.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from dispatch_core.earlier.head import read_record
from dispatch_core.environment.limits import REQUEST
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.output.disk import disk_errors, status_of
from dispatch_core.output.text_file import STANDARD_OUTPUT, standard_stream
from dispatch_core.request import load_request
from dispatch_core.text.limited import read_file
from dispatch_core.types import LEDGER_COLUMNS

_BEGINNINGS = (
    f"{','.join(LEDGER_COLUMNS)}\r\n".encode(),
    f"{','.join(LEDGER_COLUMNS)}\n".encode(),  # after an editor or git changed the line ends
    f'[\n  {{\n    "{LEDGER_COLUMNS[0]}": "'.encode(),
)
"""How the content of a ledger with rows begins, as CSV and as JSON."""


def check_earlier_ledger(path: str | Path) -> None:
    """Raises `InvalidInput` if the file exists and is not an exclusion ledger."""
    refuse_other(path, "the exclusion ledger", "an exclusion ledger", _is_ledger)


def check_earlier_request(path: str | Path) -> None:
    """Raises `InvalidInput` if the file exists and is not a saved request; a record is not one."""
    refuse_other(path, "the request", "a saved request", _is_request)


def check_earlier_record(path: str | Path) -> None:
    """Raises `InvalidInput` if the file exists and is not a dispatch record."""
    refuse_other(
        path, "the record", "a dispatch record", lambda path: read_record(path) is not None
    )


def check_earlier_table(path: str | Path, columns: Sequence[str], content: str) -> None:
    """Raises `InvalidInput` if the file exists and is not a CSV with these columns."""
    head = ",".join(columns).encode()
    starts = (head, codecs.BOM_UTF8 + head)
    action = "Move it, or choose another path."
    refuse_other(path, content, "such a table", lambda path: _begins_with(path, starts), action)


def refuse_other(
    path: str | Path,
    output: str,
    expected: str,
    is_earlier: Callable[[Path], bool],
    action: str = "Move it, choose another path, or use --replace.",
) -> None:
    """Raises `InvalidInput` if the file exists, has content and is not an earlier output."""
    if path == STANDARD_OUTPUT or not _has_content(Path(path)) or is_earlier(Path(path)):
        return
    what = f"{output} is written here, but the existing file is not {expected}"
    raise InvalidInput(Issue(what, str(path), action))


def _has_content(path: Path) -> bool:
    """Whether it is a regular file with content, and not one that a shell just redirected to."""
    with disk_errors(path, "file"):
        status = status_of(path)
    if status is None or not os.path.isfile(path):
        return False
    return status.st_size > 0 and standard_stream(status) is None


def _is_ledger(path: Path) -> bool:
    """Whether it begins as a ledger does; only that much is read, for it may be a huge file."""
    return _begins_with(path, _BEGINNINGS) or _begins_with(path, (b"[]\n",), is_whole=True)


def _begins_with(path: Path, starts: tuple[bytes, ...], *, is_whole: bool = False) -> bool:
    """Whether the file begins with one of `starts`, and has nothing else if `is_whole`."""
    try:
        with path.open("rb") as file:
            start = file.read(max(map(len, starts)) + 1)
    except OSError:
        return False
    return start in starts if is_whole else start.startswith(starts)


def _is_request(path: Path) -> bool:
    try:
        load_request(read_file(path, REQUEST, path.name))
    except (InvalidInput, OSError):
        return False
    return read_record(path) is None
