"""Conversion of pasted text to strict JSON: programs, shells, logs, requests, chat answers.

`convert` lists what it changed. It never evaluates code and never guesses. Followed: what
literals alone determine (assignments, items, merged objects, names defined above, the
escapes of strings). Refused, with line and column: what a condition, a loop, a function or
an unknown name decides, and a choice between several queries. Reported: everything that the
conversion changed, ignored or took from inside something else. (json5 reads neither Python
nor shell syntax, and lenient parsers such as json-repair and demjson repair silently, so
this project has its own reader.)
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from dispatch_core.builder import program, scan, shell
from dispatch_core.builder.calls import as_json
from dispatch_core.builder.candidate import (
    Candidate,
    chosen,
    is_query_name,
    may_be_query,
)
from dispatch_core.builder.literals import ValueReader
from dispatch_core.builder.wrapping import unwrapped
from dispatch_core.environment.limits import PASTED
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.shape import Envelope, as_stages, envelopes_of, kind_of
from dispatch_core.text.limited import check_size
from dispatch_core.text.strict_json import issue_at, load_json, readable_json
from dispatch_core.types import JsonValue

MOST_LAYERS: Final = 5
"""Strings within strings, and requests within requests."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A `value`, its strict JSON `text`, and one sentence for each kind of change."""

    text: str
    value: JsonValue
    notes: tuple[str, ...]


def convert(text: str, where: str = "query", *, is_query: bool = True) -> Conversion:
    """The single query in `text`, as strict JSON.

    Parameters
    ----------
    is_query
        False for any other object (parameters): a request or a stage is not unwrapped.

    Raises
    ------
    InvalidInput
        With line, column and a remedy, if the text contains no query, several queries,
        or a value that only running code could determine.
    """
    check_size(text, PASTED, where)
    found = _read(text, where, MOST_LAYERS)
    if is_query:
        found = _query_inside(found, where)
    written = readable_json(found.value)
    load_json(written, where)
    return Conversion(written, found.value, found.notes)


@dataclass(frozen=True, slots=True)
class _Found:
    """A value and the notes about how it was found."""

    value: JsonValue
    notes: tuple[str, ...] = ()

    def after(self, *notes: str) -> _Found:
        return replace(self, notes=(*notes, *self.notes))


# Texts and strings in texts


def _read(text: str, where: str, layers: int) -> _Found:
    """The value of a text, which can be a string that contains a text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # all three end a line of a program
    value = _json_value(text)
    if may_be_query(value):
        return _opened(_plain(value, text, where), where, layers)
    plain = unwrapped(text, where)
    if plain.notes:
        return _deeper(plain.text, where, layers).after(*plain.notes)
    try:
        found = _found(text, where)
    except InvalidInput as error:
        raise scan.foreign_notation(text, where) or error from None
    return _opened(found, where, layers)


def _plain(value: JsonValue, text: str, where: str) -> _Found:
    """A JSON value with its extended JSON as plain values."""
    try:
        plain = as_json(value, lambda: None)
    except ValueError as error:
        raise InvalidInput(issue_at(text, 0, str(error), where, "Write the plain value")) from None
    notes = () if plain == value else ("Wrote extended JSON as plain values, as in the records",)
    return _Found(plain, notes)


def _json_value(text: str) -> JsonValue:
    """The value of a text that is JSON; None for any other text, and for null."""
    if text.lstrip("\ufeff \t\r\n")[:1] not in ("{", "[", '"'):
        return None
    try:
        return load_json(text, "")
    except InvalidInput:
        return None


def _opened(found: _Found, where: str, layers: int) -> _Found:
    """The contents of a value that is a string; any other value unchanged."""
    if not isinstance(found.value, str):
        return found
    inner = _deeper(found.value, where, layers)
    return inner.after(*found.notes, "Read the contents of the string")


def _deeper(text: str, where: str, layers: int) -> _Found:
    if not layers:
        what = f"the query is inside more than {MOST_LAYERS} layers of text"
        raise InvalidInput(Issue(what, where, "Paste the query itself"))
    return _read(text, where, layers - 1)


def _found(text: str, where: str) -> _Found:
    code = _code_of(text)
    tree = program.parsed(code)
    is_key_first = tree is None or not program.is_annotated(tree)
    bare = scan.without_braces(code, where) if is_key_first else None
    if bare is not None:
        return _Found(bare[0], tuple(bare[1]))
    if tree is None:
        return _outside_python(code, where)
    lone = _lone(code, where)
    if lone is None:
        found = program.candidates(tree, code, where)
        return _noted(chosen(found, code, where), code, where) if found else _other(code, where)
    return _in_every_language(lone, code, where)


_FENCE: Final = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.M | re.S)
_MAGIC: Final = re.compile(r"^[ \t]*[%!][^\n]*", re.M)
_NOT_BREAKS: Final = re.compile(r"[^\n]")


def _code_of(text: str) -> str:
    """`text` with everything outside its fenced blocks as spaces, without its indentation."""
    text = text.replace("\ufeff", " ").replace("\u200b", " ").replace("\r\n", "\n")
    blocks = [block.span(2) for block in _FENCE.finditer(text)]
    at, parts = 0, []
    for start, end in blocks:
        parts += [_NOT_BREAKS.sub(" ", text[at:start]), text[start:end]]
        at = end
    if blocks:
        text = "".join([*parts, _NOT_BREAKS.sub(" ", text[at:])])
    return textwrap.dedent(_MAGIC.sub("", text))


# One value that is the whole text


def _lone(code: str, where: str) -> _Found | InvalidInput | None:
    """The value that is the whole text, or its error; None for a text with more than that."""
    stripped = code.strip()
    if stripped[:1] not in ("{", "[", "("):
        return None
    reader = ValueReader(code, where, 0, len(code), is_script=scan.is_script(code))
    try:
        value = reader.value(0)
        after = reader.peek()
    except InvalidInput as error:
        return error
    is_whole = not after or not code[reader.at :].strip().strip(";")
    return _Found(value, tuple(reader.sentences())) if is_whole and may_be_query(value) else None


def _in_every_language(lone: _Found | InvalidInput, code: str, where: str) -> _Found:
    """A value that Python and other languages write alike, or the one of its language."""
    tree = program.parsed(code)
    assert tree is not None
    try:
        one = chosen(program.candidates(tree, code, where), code, where)
    except InvalidInput as error:
        if isinstance(lone, InvalidInput):
            is_single = len(tree.body) == 1 and code.strip()[-1:] in ("}", "]", ")")
            raise (lone if is_single and not program.has_operator(tree) else error) from None
        return lone
    if isinstance(lone, InvalidInput):
        if program.joins_double_quotes(tree, code):
            raise lone
        return _noted(one, code, where)
    return lone if _is_equal(lone.value, one.value) else _by_language(lone, one, code, where)


def _by_language(lone: _Found, one: Candidate, code: str, where: str) -> _Found:
    if scan.is_script(code):
        return lone
    if scan.is_python(code):
        return _Found(one.value, ("Read the escapes as Python does", *lone.notes))
    if "\\" not in code:
        what = "this is a tuple or an expression around the query"
        raise InvalidInput(issue_at(code, one.start, what, where, "Paste the query itself"))
    at = code.find("\\")
    what = "this has one value in Python and another one in JavaScript"
    action = "Write \\\\ for a backslash, or the character itself"
    raise InvalidInput(issue_at(code, at, what, where, action))


def _is_equal(one: JsonValue, other: JsonValue) -> bool:
    return json.dumps(one) == json.dumps(other)


# Programs and other texts


def _outside_python(code: str, where: str) -> _Found:
    if shell.is_command(code):
        return _in_command(code, where)
    lone = _lone(code, where)
    return lone if isinstance(lone, _Found) else _other(code, where)


def _other(code: str, where: str) -> _Found:
    """The query of a text that is neither Python nor a command nor one value."""
    scan.refuse_builder(code, where)
    found = scan.candidates(code, where)
    return _noted(chosen(found, code, where), code, where)


def _in_command(code: str, where: str) -> _Found:
    """The argument of a command that is a query."""
    found: list[Candidate] = []
    flag = ""
    for word in shell.words(code, where):
        name, _, value = word.text.partition("=") if _ASSIGNED.match(word.text) else ("", "", "")
        name, value = (name or flag), (value or word.text)
        flag = value.lstrip("-") if value.startswith("-") else ""
        if may_be_query(value) or (name in ("eval", "c", "e") and "{" in value):
            line = code.count("\n", 0, word.start) + 1
            kind = "named" if is_query_name(name.lstrip("-")) else "other"
            shown = name.lstrip("-")
            found.append(Candidate(kind, shown, line, word.start, word.end, value))  # type: ignore[arg-type]
    one = chosen(found, code, where)
    return _Found(one.value, (_taken(one),))


_ASSIGNED: Final = re.compile(r"-{0,2}[\w.-]+=\s*[{\[]")


def _noted(one: Candidate, code: str, where: str) -> _Found:
    """The value of a candidate, and how the text writes it."""
    literal = code[one.start : one.end]
    outside = code[: one.start].strip() + code[one.end :].strip().strip(";")
    notes = (_taken(one),) if outside else ()
    if one.changes:
        notes = (*notes, f"Followed the changes of {one.name} on {_lines(one.changes)}")
    if isinstance(one.literal if one.changes else one.value, str):
        return _Found(one.value, notes)
    reader = ValueReader(code, where, one.start, one.end)
    try:
        value = reader.value(0) if literal[:1] in ("{", "[", "(") else None
    except InvalidInput:
        value = None
    written = one.literal if one.changes else one.value
    if value is not None and not reader.peek() and _is_equal(value, written):
        return _Found(one.value, (*notes, *reader.sentences()))
    if value is not None and not reader.peek() and scan.is_script(code) and "\\" in literal:
        what = "the backslashes of this text can be read in two ways"
        at = one.start + literal.find("\\")
        raise InvalidInput(issue_at(code, at, what, where, "Write \\\\ for a backslash"))
    return _Found(one.value, (*notes, "Followed the statements of the program to its value"))


def _lines(numbers: Sequence[int]) -> str:
    """ "line 2", "lines 2, 3 and 5"; each line once."""
    *others, last = dict.fromkeys(map(str, numbers))
    return f"lines {', '.join(others)} and {last}" if others else f"line {last}"


def _taken(one: Candidate) -> str:
    name = f"the value of {one.name}" if one.name else "the value"
    return f"Took {name} on line {one.line} and ignored the text around it"


# Requests, log records and job files


def _query_inside(found: _Found, where: str) -> _Found:
    """The query of a request, a log record or a job file, and stages as a pipeline."""
    for _ in range(MOST_LAYERS):
        stages = as_stages(found.value)
        if stages is not None:
            note = "Put the stage in [ ]" if len(stages) == 1 else "Made each stage an object"
            return replace(found, value=stages, notes=(*found.notes, note))
        envelope = _envelope(found.value, where)
        if envelope is None:
            return found
        inner = envelope.value
        if isinstance(inner, str):
            inner = _read(inner, where, MOST_LAYERS).value
        found = _Found(inner, (*found.notes, told(envelope)))
    return found


def told(envelope: Envelope) -> str:
    """What is taken of an object around a query, and what is ignored."""
    others = ", ".join(envelope.others)
    return f"Took the query under {envelope.where}" + (f" and ignored {others}" if others else "")


def _envelope(value: JsonValue, where: str) -> Envelope | None:
    found = {json.dumps(one.value): one for one in envelopes_of(value)}
    if len(found) > 1:
        names = " and ".join(one.where for one in found.values())
        what = f"the text contains {len(found)} queries, under {names}"
        raise InvalidInput(Issue(what, where, "Paste only one of them"))
    kind = kind_of(value)
    if not found and kind:
        what = f"this is a {kind}, and it contains no query"
        raise InvalidInput(Issue(what, where, "Paste the query itself"))
    return next(iter(found.values()), None)
