"""Every error that a reader of this tool can meet.

::

    DispatchError
    ├── InvalidInput            you can fix it            exit code 2
    ├── NothingFound            it is not there           exit code 3
    └── ServiceError            a service failed          exit code 4
        ├── AccessDenied        the service said no
        ├── NoSuchBucket        the bucket does not exist
        ├── DelimiterRefused    the server takes no delimiter of this kind
        ├── AnswerTooLarge      413, or a cut answer: ask for less
        └── WriteFailed         the disk, not the network

A message says what, where (line, column, field, row, asset) and what to do.
Foreign exceptions are caught at the edges (``docdb``, ``mongodb``, ``s3``,
``output``) and become one of these.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

LONGEST = 1_000
"""Characters of each part of an issue."""

# Halves of surrogate pairs, which nothing can show; control characters, which move a
# terminal's cursor or worse; and the signs that turn the direction of what follows.
_UNSHOWABLE = re.compile("[\ud800-\udfff\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong: what, where, and what to do.

    ``line`` and ``column`` count from 1 and are 0 where the text has no
    meaningful position (a command-line flag, a row of a table). Characters that a
    page or a terminal must not get are written as their escapes, and what is longer
    than `LONGEST` is cut in its middle: a message may quote what a person gave.
    ``path`` leads to the value in the document that the issue is about. Where
    ``is_unknown_key`` is set, the issue is about the key itself, and ``nearest`` is the
    known key that was likely meant, for a page that offers to correct it.
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
    """`text` with escapes for what a page or a terminal must not get: ``\\x1b``, ``\\u202e``."""
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
    """The base of all; carries every issue found, not only the first.

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


class InvalidInput(DispatchError):
    """Something that was given cannot be used; the giver can fix it."""

    exit_code = 2


class NothingFound(DispatchError):
    """The input is well formed, and nothing answers to it."""

    exit_code = 3


class ServiceError(DispatchError):
    """A service or a disk failed; the input may be fine."""

    exit_code = 4


class AccessDenied(ServiceError):
    """The service knows the thing asked for and will not show it."""


class NoSuchBucket(ServiceError):
    """The bucket of a location does not exist."""


class DelimiterRefused(ServiceError):
    """The object store takes no delimiter but ``/``; list another way."""


class AnswerTooLarge(ServiceError):
    """The answer passes what the service may send; ask for less at a time."""


class WriteFailed(ServiceError):
    """The output could not be made durable; nothing partial was left in place."""
