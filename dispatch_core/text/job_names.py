"""The names of jobs, as people and programs write them: names, paths, marks of a run."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dispatch_core.environment.limits import LIST
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.limited import check_items
from dispatch_core.text.strict_json import decode_json, load_json

_SUFFIXES = (".json", ".failed", ".done")
_COMMENT = re.compile(r"(^|\s)#.*")


def job_name(entry: str) -> str:
    """The name of the job in `entry`: a name, ``3/<name>.json``, or ``<name>.failed``.

    Names of jobs are in lower case, so that of the entry is too.
    """
    name = re.split(r"[/\\]", entry.strip().rstrip("/\\"))[-1].lower()
    while name.endswith(_SUFFIXES):
        name = name.rpartition(".")[0]
    return name


def job_names(entries: Iterable[str]) -> frozenset[str]:
    """The names of the jobs in `entries`."""
    return frozenset(map(job_name, entries))


def read_job_names(data: bytes, where: str) -> tuple[str, ...]:
    """The names of jobs in a file, each once: one a line, or a JSON list; may be empty.

    Blank lines, and comments that start with ``#``, are ignored.

    Raises
    ------
    InvalidInput
        The file is not text, or its JSON is not a list of texts.
    """
    text = decode_json(data, where, LIST)
    check_items(text.count("\n"), "lines", LIST, where)
    if text.lstrip()[:1] in ("[", "{"):
        entries = _listed(text, where)
    else:
        entries = [_COMMENT.sub("", line) for line in text.splitlines()]
    return tuple(dict.fromkeys(job_name(one) for one in entries if one.strip()))


def _listed(text: str, where: str) -> list[str]:
    entries = load_json(text, where, LIST)
    if not isinstance(entries, list) or not all(isinstance(one, str) for one in entries):
        action = "Give the names one a line, or as a JSON list of texts"
        raise InvalidInput(Issue("it is not a list of the names of jobs", where, action))
    return entries
