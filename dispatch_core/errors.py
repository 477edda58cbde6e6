"""The errors of this project, as a tree.

::

    DispatchError
    ├── InvalidInput            you can fix it            exit code 2
    │   └── CannotEvaluate      valid for a server, not supported by the demo
    ├── NothingFound            it is not there           exit code 3
    └── ServiceError            a service failed          exit code 4
        ├── AccessDenied        the service denies access
        ├── NoSuchBucket        the bucket does not exist
        ├── DelimiterRefused    the server does not support the delimiter
        ├── EmptyCollection     the service says that the collection is empty or absent
        ├── AnswerTooLarge      HTTP 413 or a truncated answer: request less
        └── WriteFailed         the disk, not the network

A message says what, where (line, column, field, row, asset) and what to do.
Exceptions of other libraries are caught in ``sources`` and ``output`` and become
one of these.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

_E = TypeVar("_E", bound=Exception)

LONGEST = 1_000
"""The most characters that each part of an issue may have."""

# Halves of surrogate pairs, which cannot be shown; control characters, which can move a
# terminal's cursor; and the marks that reverse the direction of the text after them.
_UNSHOWABLE = re.compile("[\ud800-\udfff\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem: what is wrong, where, and what to do.

    ``line`` and ``column`` count from 1 and are 0 if the text has no
    meaningful position (a command-line flag, a row of a table). A message may quote
    user input, so unsafe characters are replaced by their escapes, and text longer
    than `LONGEST` is cut in the middle.
    ``path`` leads to the value in the document that the issue is about. If
    ``is_unknown_key`` is set, the issue is about the key itself, and ``nearest`` is the
    most similar known key, for a page that offers to correct it.
    """

    what: str
    where: str = ""
    action: str = ""
    line: int = 0
    column: int = 0
    excerpt: str = ""
    path: tuple[str | int, ...] = ()
    nearest: str = ""
    is_unknown_key: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str) and (len(value) > LONGEST or _UNSHOWABLE.search(value)):
                object.__setattr__(self, field.name, _cut(showable(value)))

    def __str__(self) -> str:
        where = self.where
        if self.line:
            where = f"{where}, " if where else ""
            where += f"line {self.line}, column {self.column}"
        head = f"{where}: {self.what}" if where else self.what
        text = " ".join(part for part in (_sentence(head), _sentence(self.action)) if part)
        return f"{text}\n{self.excerpt}" if self.excerpt else text


def showable(text: str) -> str:
    """`text` with unsafe characters replaced by their escapes: ``\\x1b``, ``\\u202e``."""
    return _UNSHOWABLE.sub(_escape, text)


def _cut(text: str) -> str:
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]} ... {text[-half:]}"


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "?", "!")) else f"{text}."


class DispatchError(Exception):
    """The base class; it carries every issue found, not only the first.

    Parameters
    ----------
    issues
        A sentence, one `Issue`, or several; never empty.
    """

    exit_code = 1

    def __init__(self, issues: str | Issue | Sequence[Issue]) -> None:
        if isinstance(issues, str):
            issues = Issue(issues)
        self.issues: tuple[Issue, ...] = (issues,) if isinstance(issues, Issue) else tuple(issues)
        super().__init__("\n".join(str(issue) for issue in self.issues))


def as_value(error: _E) -> _E:
    """`error` to be kept as a value: without its traceback.

    A traceback refers to everything that was in use where the error was raised, such as all
    results of a session, and would keep it in memory.
    """
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


class InvalidInput(DispatchError):
    """The input cannot be used; the user can fix it."""

    exit_code = 2


class CannotEvaluate(InvalidInput):
    """A part of MongoDB's language that a server evaluates and the demo does not support."""


class NothingFound(DispatchError):
    """The input is valid, but nothing matches it."""

    exit_code = 3


class ServiceError(DispatchError):
    """A service or a disk failed; the input may be fine."""

    exit_code = 4


class AccessDenied(ServiceError):
    """The service denies access to the requested resource."""


class NoSuchBucket(ServiceError):
    """The bucket of a location does not exist."""


class DelimiterRefused(ServiceError):
    """The object store supports no delimiter except ``/``."""


class EmptyCollection(ServiceError):
    """The service says that the collection has no records or does not exist yet."""


class AnswerTooLarge(ServiceError):
    """The answer exceeds the size limit of the service; request less at a time."""


class WriteFailed(ServiceError):
    """The output could not be made durable; no partial output remains."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends the command line as Ctrl+C does, with another exit code."""
