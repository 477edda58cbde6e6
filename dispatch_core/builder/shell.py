"""The words of a shell command, as the shell would pass them to the program."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dispatch_core.errors import InvalidInput
from dispatch_core.text.strict_json import issue_at

_COMMAND: Final = re.compile(
    r"^\s*(?:[$%#] +)?(?:[A-Z_][A-Z0-9_]*=\S+\s+)*"
    r"(?:python[\d.]*|curl|mongo\w*|export|wget|https?|aws|docker|job-dispatch|srun|sbatch|bash"
    r"|sh|echo|printf|uv|uvx|nohup|time|sudo|jq|\./\S+)\s",
    re.M,
)
_FLAG: Final = re.compile(r"(?:^|\s)--?[A-Za-z][\w-]*[ =]['\"]")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command, and where it starts and ends in the text."""

    text: str
    start: int
    end: int


def is_command(text: str) -> bool:
    """Whether `text` is a shell command whose objects are all in quotes."""
    if not _COMMAND.search(text) and not _FLAG.search(text):
        return False
    bare = re.sub(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", "", text, flags=re.S)
    return "{" not in bare and "[" not in bare


def words(text: str, where: str) -> list[Word]:
    """The words of a command.

    Raises
    ------
    InvalidInput
        For a quote that does not end, and for a word that the shell itself computes.
    """
    found: list[Word] = []
    at = 0
    while at < len(text):
        space = _SPACE.match(text, at)
        if space:
            at = space.end()
            continue
        parts, start = [], at
        while at < len(text) and not _SPACE.match(text, at):
            part, at = _part(text, at, where)
            parts.append(part)
        found.append(Word("".join(parts), start, at))
    return found


_SPACE: Final = re.compile(r"(?:\s|\\\r?\n)+")
_SINGLE: Final = re.compile(r"'([^']*)'")
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
_EXPANDED: Final = re.compile(r"(?<!\\)(?:\\\\)*(?:\$[A-Za-z_{(]|`)")


def _part(text: str, at: int, where: str) -> tuple[str, int]:
    """The next quoted or bare part of a word, and where it ends."""
    single, double = _SINGLE.match(text, at), _DOUBLE.match(text, at)
    if text.startswith("$'", at):
        what = "a shell string with $'..' has escapes of its own"
        raise InvalidInput(issue_at(text, at, what, where, "Paste the query itself"))
    if single:
        return single[1], single.end()
    if double:
        return _between_double_quotes(double, text, where), double.end()
    if text[at] in "'\"":
        what = "the quote that starts here does not end"
        raise InvalidInput(issue_at(text, at, what, where, "Close it"))
    if text[at] == "\\":
        return text[at + 1 : at + 2], at + 2
    return text[at], at + 1


def _between_double_quotes(found: re.Match[str], text: str, where: str) -> str:
    expanded = _EXPANDED.search(found[1])
    if expanded and re.search(r"[{\[]", found[1]):
        what = "between double quotes the shell replaces $ and ` by other text"
        at = found.start(1) + expanded.start()
        raise InvalidInput(issue_at(text, at, what, where, "Use single quotes around the query"))
    return re.sub(r'\\([\\"$`\n])', lambda one: one[1].strip("\n"), found[1])
