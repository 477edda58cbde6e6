"""Input whose size is checked before it is read whole or parsed.

Parsed JSON takes up to 200 bytes of memory for a value, which may be two bytes of text. So a
text has two limits: its bytes, and its values, whose number grows with the limit in bytes.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from dispatch_core.environment.limits import Limit, megabytes
from dispatch_core.errors import InvalidInput, Issue

_BYTES_A_VALUE = 16
"""The least bytes of text for each value, on average: ``{"cutoff": 0.5}`` has 15."""


def read_file(path: str | Path, limit: Limit, where: str) -> bytes:
    """The content of a file, or of a pipe; of one over the limit, at most the limit is read.

    Raises
    ------
    InvalidInput
        It is over the limit.
    OSError
        It cannot be read.
    """
    check_file(path, limit, where)
    with open(path, "rb") as file:
        return read_stream(file, limit, where)


def check_file(path: str | Path, limit: Limit, where: str) -> None:
    """Raises `InvalidInput` for a regular file over the limit, and `OSError` if there is none."""
    status = os.stat(path)
    if stat.S_ISREG(status.st_mode):
        _check_bytes(status.st_size, limit, where)


def read_stream(stream: BinaryIO, limit: Limit, where: str) -> bytes:
    """What is left of a stream; it is read only until it is over the limit."""
    data = stream.read(limit.most + 1)
    if len(data) > limit.most:
        what = f"it has more than {limit.text}, which is the limit"
        raise InvalidInput(Issue(what, where, _action(limit)))
    return data


def check_size(text: str | bytes, limit: Limit, where: str) -> None:
    """Raises `InvalidInput` for a text of more bytes, in UTF-8, than the limit."""
    size = len(text)
    if isinstance(text, str) and not text.isascii() and size <= limit.most:
        size = len(text.encode(errors="surrogatepass"))
    _check_bytes(size, limit, where)


def most_items(limit: Limit) -> int:
    """The most values, rows or names in a text of this limit."""
    return limit.most // _BYTES_A_VALUE


def check_items(count: int, noun: str, limit: Limit, where: str) -> None:
    """Raises `InvalidInput` for more items than a text of this limit may have."""
    if count > most_items(limit):
        what = f"it has {count:,} {noun}, and with {limit.text} the limit is {most_items(limit):,}"
        raise InvalidInput(Issue(what, where, _action(limit)))


def _check_bytes(size: int, limit: Limit, where: str) -> None:
    if size > limit.most:
        what = f"it has {megabytes(size)}, and the limit is {limit.text}"
        raise InvalidInput(Issue(what, where, _action(limit)))


def _action(limit: Limit) -> str:
    return f"Check that it is the right one, shorten it, or {limit.remedy}"
