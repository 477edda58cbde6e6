"""The standard streams, which may be closed, full or without a reader."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO, cast

from dispatch_core.errors import Issue, WriteFailed


@contextmanager
def standard_streams() -> Iterator[None]:
    """Streams that can be printed to, whatever the shell redirected them to.

    Closed streams discard what is printed. Standard output raises `WriteFailed` if it
    takes no text, or `BrokenPipeError` if its reader closed it; standard error then
    drops the text, because the exit code still says what happened.
    """
    _open_closed_streams()
    output = cast(TextIO, _Guarded(sys.stdout, _raise_write_failed))
    errors = cast(TextIO, _Guarded(sys.stderr, _drop))
    try:
        with redirect_stdout(output), redirect_stderr(errors):
            yield
    finally:
        _silence(sys.stdout)
        _silence(sys.stderr)


class _Guarded:
    """A stream whose failures are passed to a function."""

    def __init__(self, stream: TextIO, failed: Callable[[OSError], None]) -> None:
        self._stream = stream
        self._failed = failed

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError as error:
            self._failed(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._failed(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _raise_write_failed(error: OSError) -> None:
    if isinstance(error, BrokenPipeError):
        raise error
    what = f"cannot write to it: {(error.strerror or str(error)).lower()}"
    action = "Redirect it elsewhere and run again; outputs that are already written are confirmed"
    raise WriteFailed(Issue(what, "standard output", action)) from None


def _drop(error: OSError) -> None:
    """Ignores the failure: the stream that would report it is the one that failed."""


def _open_closed_streams() -> None:
    """Open the null device for closed standard streams.

    Otherwise an output file would get the number of a closed stream, and messages of a
    library would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - stays open


def _silence(stream: TextIO) -> None:
    """Send what a failed stream still holds to the null device.

    Python would try to write it again at exit, and end with an exit code of its own.
    """
    try:
        stream.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
