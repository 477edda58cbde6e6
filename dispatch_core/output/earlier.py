"""Existing files that an output may replace: earlier outputs of the same kind.

Any other file may be someone's only copy, so without ``replace`` it is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from dispatch_core.earlier.record import read_record
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.output.disk import disk_errors, status_of
from dispatch_core.output.text_file import STANDARD_OUTPUT, standard_stream
from dispatch_core.request import load_request
from dispatch_core.types import LEDGER_COLUMNS

_BEGINNINGS = (
    f"{','.join(LEDGER_COLUMNS)}\r\n".encode(),
    f"{','.join(LEDGER_COLUMNS)}\n".encode(),  # after an editor or git changed the line ends
    f'[\n  {{\n    "{LEDGER_COLUMNS[0]}": "'.encode(),
)
"""How the content of a ledger with rows begins, as CSV and as JSON."""


def check_earlier_ledger(path: str | Path) -> None:
    """Raises `InvalidInput` if the file exists and is not an exclusion ledger."""
    _refuse_other(path, "the exclusion ledger", "an exclusion ledger", _is_ledger)


def check_earlier_request(path: str | Path) -> None:
    """Raises `InvalidInput` if the file exists and is not a saved request; a record is not one."""
    _refuse_other(path, "the request", "a saved request", _is_request)


def check_earlier_record(path: str | Path) -> None:
    """Raises `InvalidInput` if the file exists and is not a dispatch record."""
    _refuse_other(
        path, "the record", "a dispatch record", lambda path: read_record(path) is not None
    )


def _refuse_other(
    path: str | Path, output: str, expected: str, is_earlier: Callable[[Path], bool]
) -> None:
    if path == STANDARD_OUTPUT or not _has_content(Path(path)) or is_earlier(Path(path)):
        return
    what = f"{output} is written here, but the existing file is not {expected}"
    action = "Move it, choose another path, or use --replace."
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
    try:
        with path.open("rb") as file:
            start = file.read(max(map(len, _BEGINNINGS)))
    except OSError:
        return False
    return start.startswith(_BEGINNINGS) or start == b"[]\n"


def _is_request(path: Path) -> bool:
    try:
        load_request(path.read_bytes())
    except (InvalidInput, OSError):
        return False
    return read_record(path) is None
