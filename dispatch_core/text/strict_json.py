"""One strict JSON loader for every input: queries, parameters, schemas, saved requests.

`json.loads` accepts NaN and Infinity, silently keeps the last of two equal keys
and raises `RecursionError` on deep nesting. Here each is an `InvalidInput` with line,
column and a caret. The standard parser does the work; the text is scanned again
time only to locate an error.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from dispatch_core.environment.limits import Limit
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.file_kind import refuse_other_kind
from dispatch_core.text.limited import check_items, check_size, most_items
from dispatch_core.types import JsonValue

MAX_DEPTH = 100
"""Levels of nesting; the limit of MongoDB."""

# Possessive, and the closing quote is optional: one pass over any text, however malformed.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)
_LONG_INTEGER = re.compile(r"-?[0-9]{4300}")
_EXCERPT = 72
_OPENING, _CLOSING = frozenset("[{"), frozenset("]}")


def load_json(text: str | bytes, where: str, limit: Limit | None = None) -> JsonValue:
    """The value of a JSON text.

    Parameters
    ----------
    text
        JSON as text, or as bytes in UTF-8, UTF-16 or UTF-32, with or without a BOM.
    where
        Name of the input in messages: "query", "analysis_parameters.json".
    limit
        The most bytes of the text, which also bounds the number of its values.

    Raises
    ------
    InvalidInput
        For a text over the limit, before it is parsed; a syntax error, a duplicate key,
        NaN, Infinity, a number outside the range of a double, more than 100 levels, or a
        lone surrogate.
    """
    if limit is not None:
        check_size(text, limit, where)
    text = decode_json(text, where) if isinstance(text, bytes) else text.removeprefix("\ufeff")
    if limit is not None:
        check_items(_count_values(text, most_items(limit)), "values", limit, where)
    if not text.strip():
        raise InvalidInput(Issue("it is empty", where, "Write a JSON value, such as {}"))
    _check_depth(text, where)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(_syntax_issue(text, error, where)) from None
    except _Refused as refused:
        raise InvalidInput(_refused_issue(text, refused, where)) from None
    except ValueError:  # CPython does not parse integers of more than 4,300 digits
        at = next((at for at, token in scan_tokens(text) if _LONG_INTEGER.match(token)), 0)
        what = "an integer has too many digits"
        raise InvalidInput(issue_at(text, at, what, where, "Write it as a string")) from None
    _check_surrogates(text, value, where)
    return value


def _count_values(text: str, enough: int) -> int:
    """At least the number of values; exact beyond `enough`, as strings may contain the signs."""
    count = sum(map(text.count, ",[{"))
    if count <= enough:
        return count
    tokens = (token for _, token in scan_tokens(text))
    return 1 + sum(
        token == "," or (token in _OPENING and following not in _CLOSING)
        for token, following in pairwise(tokens)
    )


def readable_json(value: JsonValue, width: int = 88) -> str:
    """`value` as indented JSON; nested values that fit in `width` characters take one line."""

    def write(item: JsonValue, indent: int) -> str:
        line = json.dumps(item, ensure_ascii=False)
        if not isinstance(item, dict | list) or not item:
            return line
        if len(line) + indent <= width and (indent or len(item) == 1):
            return line
        inner = indent + 2
        if isinstance(item, dict):
            parts = [
                f"{json.dumps(key, ensure_ascii=False)}: {write(one, inner)}"
                for key, one in item.items()
            ]
        else:
            parts = [write(one, inner) for one in item]
        pad = " " * inner
        body = f",\n{pad}".join(parts)
        opening, closing = "{}" if isinstance(item, dict) else "[]"
        return f"{opening}\n{pad}{body}\n{' ' * indent}{closing}"

    return write(value, 0)


def decode_json(data: bytes, where: str, limit: Limit | None = None) -> str:
    """`data` as text; the encoding is detected from its BOM or its first bytes.

    Raises `InvalidInput` that names the format if it is, say, a workbook or an archive, and
    for more bytes than the limit.
    """
    if limit is not None:
        check_size(data, limit, where)
    refuse_other_kind(data, where)
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        what = f"byte {error.start + 1} is not {encoding.removesuffix('-sig').upper()} text"
        raise InvalidInput(Issue(what, where, "Save the file as UTF-8")) from None


def issue_at(
    text: str, position: int, what: str, where: str, action: str = "", *, caret: bool = True
) -> Issue:
    """An `Issue` with the line and column of `position`, and a caret below it."""
    line = text.count("\n", 0, position) + 1
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    row = text[start : end if end >= 0 else len(text)].replace("\t", " ")
    column = position - start + 1
    cut = max(0, column - _EXCERPT // 2)
    excerpt = f"  {row[cut : cut + _EXCERPT]}\n  {' ' * (column - 1 - cut)}^" if caret else ""
    return Issue(what, where, action, line, column, excerpt)


class _Refused(Exception):
    """Accepted by the standard parser, but not by this module."""


@dataclass
class _Duplicate(_Refused):
    key: str


@dataclass
class _Number(_Refused):
    token: str


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Duplicate(key)
            seen.add(key)
    return value


def _no_constant(token: str) -> Any:
    raise _Number(token)


def _finite(token: str) -> float:
    value = float(token)
    if math.isinf(value):
        raise _Number(token)
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_keys, parse_constant=_no_constant, parse_float=_finite
)


def scan_tokens(text: str) -> Iterator[tuple[int, str]]:
    """(position, token) of each JSON token in `text`, which may be malformed."""
    return ((match.start(), match.group()) for match in _TOKEN.finditer(text))


def _check_depth(text: str, where: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for position, token in scan_tokens(text):
        depth += (token in "[{") - (token in "]}") if len(token) == 1 else 0
        if depth > MAX_DEPTH:
            what = f"it is nested more than {MAX_DEPTH} levels deep"
            raise InvalidInput(issue_at(text, position, what, where, "Flatten it"))


def _check_surrogates(text: str, value: JsonValue, where: str) -> None:
    if "\\u" not in text and text.isascii():
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        at = next((at for at, token in scan_tokens(text) if _is_broken(token)), 0)
        what = "the text contains half of a surrogate pair, which is not a character"
        raise InvalidInput(issue_at(text, at, what, where, "Write the whole character")) from None


def _is_broken(token: str) -> bool:
    try:
        (json.loads(token) if token.startswith('"') else token).encode()
    except UnicodeEncodeError:
        return True
    return False


def _refused_issue(text: str, refused: _Refused, where: str) -> Issue:
    if isinstance(refused, _Duplicate):
        what = f"the key {json.dumps(refused.key)} appears twice in one object"
        at = _second_key(text, refused.key)
        return issue_at(text, at, what, where, "Keep one of them")
    assert isinstance(refused, _Number)
    at = next((at for at, token in scan_tokens(text) if token == refused.token), 0)
    what = f"{refused.token} is not a JSON number"
    return issue_at(text, at, what, where, "Write a finite number, or null")


def _second_key(text: str, key: str) -> int:
    seen: set[tuple[int, ...]] = set()
    for at, name, path in _keys(text):
        if name == key and path in seen:
            return at
        if name == key:
            seen.add(path)
    return 0


def _keys(text: str) -> Iterator[tuple[int, str, tuple[int, ...]]]:
    """(position, key, positions of the enclosing brackets) of each key in `text`."""
    stack: list[int] = []
    tokens = list(scan_tokens(text))
    for (at, token), (_, following) in pairwise(tokens):
        if token in ("{", "["):
            stack.append(at)
        elif token in ("}", "]"):
            stack.pop()
        elif following == ":" and token.startswith('"'):
            yield at, json.loads(token), tuple(stack)


def _syntax_issue(text: str, error: json.JSONDecodeError, where: str) -> Issue:
    """The syntax error in words, with a remedy for common mistakes."""
    at = error.pos
    rest = text[at:].lstrip()
    before = text[:at].rstrip()
    if before.endswith(",") and rest[:1] in ("}", "]"):
        at = len(before) - 1
        rest = text[at:]
    if re.match(r",\s*[}\]]", rest):
        close = rest[1:].lstrip()[:1]
        what = f"there is a comma before the closing {close}"
        return issue_at(text, at, what, where, "Remove the comma")
    if not rest:
        return issue_at(text, at, "the text ends too early", where, "Close the open brackets")
    what, action = _explain(rest, error.msg)
    return issue_at(text, at, what, where, action)


def _explain(rest: str, message: str) -> tuple[str, str]:
    for pattern, what, action in _MISTAKES:
        if re.match(pattern, rest):
            return what, action
    if message == "Extra data":
        return "more text follows the end of the value", "Keep one value"
    return next(
        (words for start, words in _MESSAGES.items() if message.startswith(start)), (message, "")
    )


_MESSAGES = {
    "Invalid control": ("a string contains a line break or a tab", "Write \\n or \\t"),
    "Invalid \\escape": ("this is not a JSON escape", "Write \\\\ for a backslash"),
    "Invalid \\u": ("this is not four hexadecimal digits", "Write it as in \\u00e9"),
    "Unterminated": ("the string that starts here does not end", 'Close it with "'),
    "Expecting ','": ("a comma or a closing bracket is missing before this", "Add it"),
    "Expecting ':'": ("a colon is missing after the key", 'Write "key": value'),
    "Expecting property": ("a key in double quotes is missing here", 'Write "key": value'),
    "Expecting value": ("this is not a JSON value", "Write a string, number, object or list"),
}

_MISTAKES = (
    (r"'", "strings are in single quotes", 'Write "double quotes"'),
    ("[\u201c\u201d\u2018\u2019]", "smart quotes are not JSON", 'Write "straight quotes"'),
    (r"(True|False|None)\b", "this is Python, not JSON", "Write true, false or null"),
    (r"(//|/\*|#)", "comments are not JSON", "Remove the comment"),
    (r"(ISODate|ObjectId|new Date)\b", "a shell function is not JSON", "Write a plain string"),
    (r"-?(NaN|Infinity)\b", "this is not a JSON number", "Write a finite number, or null"),
    (r"[A-Za-z_$][\w$.]*\s*:", "a key is not in quotes", 'Write "key": value'),
)
