"""Conversion of pasted text to strict JSON: Python, JavaScript, MongoDB shell, chat answers.

`convert` lists what it changed. It never evaluates code and never guesses: a name or
a call whose value is not in the text is an error with line and column. (json5 reads
neither Python nor shell syntax, and lenient parsers such as json-repair and demjson
repair silently, so this project has its own reader.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dispatch_core.builder.literals import ValueReader
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.strict_json import issue_at, load_json, readable_json
from dispatch_core.types import JsonValue

MAX_LENGTH: Final = 1_000_000
"""Characters; a longer text is refused without parsing."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A `value`, its strict JSON `text`, and one sentence for each kind of change."""

    text: str
    value: JsonValue
    notes: tuple[str, ...]


def convert(text: str, where: str = "query") -> Conversion:
    """The single query in `text`, as strict JSON.

    Raises
    ------
    InvalidInput
        With line, column and a remedy, if the text contains no query, several queries,
        or a value that only running code could determine.
    """
    if len(text) > MAX_LENGTH:
        what = f"the text is longer than {MAX_LENGTH:,} characters"
        raise InvalidInput(Issue(what, where, "Keep only the query"))
    whole = _json_string(text)
    if whole is not None:
        inner = convert(whole, where)
        note = "Read the contents of the string"
        return Conversion(inner.text, inner.value, (note, *inner.notes))
    found = _chosen(text, where)
    written = readable_json(found.value)
    load_json(written, where)
    return Conversion(written, found.value, tuple(found.notes))


def _json_string(text: str) -> str | None:
    """The contents of a text that is one JSON string; None for any other text."""
    if not text.lstrip().startswith('"'):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


# Locating the query in the text


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A value that could be the query, with its position and the name before it."""

    value: JsonValue
    start: int
    end: int
    name: str
    is_argument: bool
    notes: list[str]


_FENCE: Final = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.M | re.S)
_LEAD: Final = re.compile(r"([A-Za-z_$][\w$.]*)[\"']?\s*([=:(])\s*$")
_SKIPPED: Final = re.compile(r"(?:(?<=\s)|^)(?:#|//)[^\n]*|/\*.*?(?:\*/|\Z)", re.M | re.S)
_NEAR: Final = 200
"""Characters searched before a value for a name, or after ``[`` for the end of a subscript."""
_MOST_VALUES: Final = 20
_NAMES: Final = frozenset(
    "filter filter_query query docdb_query mongo_query pipeline aggregation agg_pipeline q".split()
)
_CALLS: Final = frozenset(
    "find find_one findOne aggregate count_documents countDocuments retrieve_docdb_records"
    " aggregate_docdb_records fetch_records_by_filter_query".split()
)


def _chosen(text: str, where: str) -> _Candidate:
    blocks = [block.span(2) for block in _FENCE.finditer(text)]
    found, failure = _search(text, blocks or [(0, len(text))], where)
    named = [one for one in found if one.name in _NAMES]
    called = [one for one in found if one.is_argument and one.name in _CALLS]
    if len(named) == 1:
        return _noted(named[0], text)
    if not named and len(called) == 1:
        return _noted(called[0], text)
    if failure is not None:
        raise failure
    if len(found) == 1:
        return _noted(found[0], text)
    if not found:
        action = "Paste an object, or an array of stages"
        raise InvalidInput(Issue("the text contains no query", where, action))
    what = f"the text contains {len(found)} values, and this is the second"
    raise InvalidInput(issue_at(text, found[1].start, what, where, "Keep only the query"))


def _noted(found: _Candidate, text: str) -> _Candidate:
    after = text[found.end :].strip().strip(";")
    if text[: found.start].strip() or after:
        line = text.count("\n", 0, found.start) + 1
        name = f"the value of {found.name}" if found.name else "the value"
        found.notes.insert(0, f"Took {name} on line {line} and ignored the text around it")
    return found


def _search(
    text: str, spans: list[tuple[int, int]], where: str
) -> tuple[list[_Candidate], InvalidInput | None]:
    """Every value that could be a query, up to the first that cannot be read, and its error."""
    found: list[_Candidate] = []
    try:
        for start, end in spans:
            for one in _values(text, start, end, where):
                found.append(one)
                if len(found) == _MOST_VALUES:
                    return found, None
    except InvalidInput as error:
        return found, error
    return found, None


def _values(text: str, start: int, end: int, where: str) -> Iterator[_Candidate]:
    at = start
    while at < end:
        skipped = _SKIPPED.match(text, at, end)
        if skipped:
            at = skipped.end()
        elif text[at] == "[" and at > start and (text[at - 1].isalnum() or text[at - 1] in "_])"):
            # a subscript, as in client["name"]
            at = max(at + 1, text.find("]", at, min(end, at + _NEAR)) + 1)
        elif text[at] in "{[":
            reader = ValueReader(text, where, at, end)
            value = reader.value(0)
            if _may_be_query(value):
                lead = _LEAD.search(text, max(start, at - _NEAR), at)
                name, opening = (lead[1].rpartition(".")[2], lead[2]) if lead else ("", "")
                yield _Candidate(value, at, reader.at, name, opening == "(", reader.sentences())
            at = reader.at
        else:
            at += 1


def _may_be_query(value: JsonValue) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict)
