"""The query of a text that is not Python: JavaScript, Java, R, a log, a chat answer.

Values are read where they start. A value is taken only if nothing around it can change it:
no operator beside it, no unknown function around it, and no later line that sets, extends
or passes on the variable that holds it, except for the plain changes of `script_changes`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any, Final

from dispatch_core.builder.calls import as_json
from dispatch_core.builder.candidate import QUERY_CALLS, Candidate, Kind, is_query_name
from dispatch_core.builder.literals import ValueReader
from dispatch_core.builder.script_changes import Script, comments_of
from dispatch_core.errors import InvalidInput
from dispatch_core.language.shape import looks_like_query
from dispatch_core.text.strict_json import issue_at, load_json
from dispatch_core.types import JsonValue

MOST_VALUES: Final = 20
"""Values read of one text; the rest is ignored."""

_SCRIPT: Final = re.compile(
    r"[{,]\s*\$?[A-Za-z_][\w$]*\s*:(?!//)|\b(?:const|let|var|new|function|undefined)\b|=>|<-"
    r"|\bString\s+\w+\s*=|;\s*$|\b(?:ISODate|NumberLong|db)\b[.(]",
    re.M,
)
_PYTHON: Final = re.compile(r"\b(?:True|False|None|import|def|elif)\b|\b[rRbB][\"']")

_SKIPPED: Final = re.compile(r"(?:(?<=\s)|^)(?:#|//)[^\n]*|/\*.*?(?:\*/|\Z)", re.M | re.S)
MOST_CONSTANTS: Final = 50
"""Names with a literal value that are followed in one text."""

_NEAR: Final = 200
"""Characters looked at before and after a value."""
_LEAD: Final = re.compile(
    r"(?:\b[A-Za-z_]\w*::)?([A-Za-z_$][\w$.]*)[\"']?\s*(=|:=|<<-|<-|:|\()\s*$"
)
_TYPED: Final = re.compile(
    r"\b((?:const|let|var|val)\s+[A-Za-z_$][\w$]*)\s*:(?!//)[^=;{}\n]*=\s*$"  # TypeScript, Kotlin
)
_CAST: Final = re.compile(r"(=|<-)\s*(?:\(\s*[A-Za-z_][\w.]*(?:<[^<>;]*>)?\s*\)|<\w+>|\()\s*$")
_JOINED_BEFORE: Final = re.compile(r"(?:[|+*/%&?]=?|[-=!<>]=|\.\.\.|\*\*|&&|\?\?|(?<![<\-])-)\s*$")
_JOINED_AFTER: Final = re.compile(
    r"\s*(?:[|+*%?&]|[=!<>]=|-(?!-)|\.\s*[A-Za-z_]|\[|(?:if|else|or|and|for|in|is|not)\b(?=[^\n]*[\w({\[]))"
)
_CHAINED: Final = re.compile(r"[\s)]*\)\s*(?:\.\s*[A-Za-z_]|%>%|\|>|\[|\$[\w`])")
_STRING: Final = re.compile(r"(?:[rRuUbBfF]{0,2}(?:\"\"\"|'''|[\"'])|`)(?=\s*[{\[])")
_READERS: Final = frozenset(
    "stringify parse loads fromJSON toJSON dumps Document.parse BsonDocument.parse JSON.parse"
    " JSON.stringify BSON.parse EJSON.parse print console.log printjson paste0 c".split()
)
_HEADINGS: Final = frozenset("answer example json python output mongodb mongo result".split())
_BLOCK: Final = re.compile(r"(?:\)|=>|\belse|\btry|\bdo|\bfinally|\bclass\s+\w+)\s*$")


def is_script(text: str) -> bool:
    """Whether a text is written in JavaScript, Java or R rather than in Python."""
    return bool(_SCRIPT.search(text)) and not _PYTHON.search(text)


def is_python(text: str) -> bool:
    """Whether a text has words that only Python has."""
    return bool(_PYTHON.search(text)) and not re.search(r"\b(?:const|let|var)\b|=>|<-", text)


def candidates(text: str, where: str) -> list[Candidate]:
    """Every value of the text that could be its query, in the order of the text."""
    return list(_Scan(text, where).found())


class _Scan:
    """One pass over a text; `names` are the constants that it has defined so far.

    `changes` maps the start of each change that is part of a value before it to its end.
    """

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.names: dict[str, JsonValue] = {}
        self.script = is_script(text)
        self.changes: dict[int, int] = {}
        self.comments = comments_of(text)
        self._constants()

    def _constants(self) -> None:
        """Learn the names that are set once, to a number or a text without backslashes."""
        for match in list(_CONSTANT.finditer(self.text))[:MOST_CONSTANTS]:
            if self._is_constant(match[1]):
                with suppress(ValueError):
                    self.names[match[1]] = json.loads(re.sub(r"^'(.*)'$", r'"\1"', match[2]))

    def _is_constant(self, name: str) -> bool:
        """Whether a name is set once, and otherwise only a key or the value of a key."""
        found = list(re.finditer(rf"(?<![\w.$\"']){re.escape(name)}(?![\w\"'])", self.text))
        return sum(not self._is_plain_use(match) for match in found) == 1

    def _is_plain_use(self, match: re.Match[str]) -> bool:
        before = self.text[max(0, match.start() - _NEAR) : match.start()]
        after = self.text[match.end() : match.end() + _NEAR]
        is_key = re.search(r"[{,]\s*$", before) and re.match(r"\s*:", after)
        is_value = re.search(r":\s*$", before) and re.match(r"\s*[,}\]]", after)
        is_item = re.search(r"\[[^()\[\]]*$", before) and re.match(r"\s*[,\]](?!\s*=)", after)
        return bool(is_key or is_value or is_item)

    def found(self) -> Iterator[Candidate]:
        at, count = 0, 0
        while at < len(self.text) and count < MOST_VALUES:
            skipped = _SKIPPED.match(self.text, at)
            change = self.changes.get(at)
            string = _STRING.match(self.text, at)
            if skipped or change:
                at = change or (skipped.end() if skipped else at + 1)
            elif string and not self.text[at - 1 : at].isalnum():
                one, at = self._string(at)
                count += one is not None
                if one is not None:
                    yield one
            elif self._is_subscript(at):
                at = max(at + 1, self.text.find("]", at, at + _NEAR) + 1)
            elif self.text[at] in "{[":
                one, at = self._value(at)
                count += one is not None
                if one is not None:
                    yield one
            else:
                at += 1
        if at < len(self.text):
            problem = self._problem(at, f"the text contains more than {MOST_VALUES} values")
            yield Candidate("named", "", 0, at, at, None, problem)

    def _is_subscript(self, at: int) -> bool:
        before = self.text[at - 1 : at]
        return self.text[at] == "[" and (before.isalnum() or before in tuple("_])"))

    # One value

    def _value(self, at: int) -> tuple[Candidate | None, int]:
        """The value that starts at `at`, and where to go on."""
        reader = ValueReader(
            self.text, self.where, at, len(self.text), names=self.names, is_script=self.script
        )
        try:
            value = reader.value(0)
        except InvalidInput as error:
            if self._is_block(at):
                return None, at + 1
            return self._candidate(at, max(reader.at, at + 1), None, error), max(reader.at, at + 1)
        one = self._candidate(at, reader.at, value) if _is_object(value) or value == [] else None
        return one if one and (_is_object(one.value) or one.error) else None, reader.at

    def _is_block(self, at: int) -> bool:
        return self.text[at] == "{" and bool(_BLOCK.search(self._before(at)))

    def _string(self, at: int) -> tuple[Candidate | None, int]:
        """The string that starts at `at`, if its contents could be a query."""
        reader = ValueReader(self.text, self.where, at, len(self.text), is_script=self.script)
        try:
            value = reader.string()
        except InvalidInput as error:
            if "`" in self.text[at : at + 3] or self.script:
                return self._candidate(at, at + 1, None, error), at + 1
            return None, at + 1
        if value.rstrip()[-1:] not in ("}", "]"):
            broken = self._problem(at, "code joins this string to others")
            return self._candidate(at, reader.at, None, broken), reader.at
        problem: InvalidInput | None = None
        if "\\" in self.text[at : reader.at] and not self.script and not self._agrees(at, reader):
            problem = self._problem(at, "the backslashes of this string can be read in two ways")
        return self._candidate(at, reader.at, value, problem), reader.at

    def _agrees(self, at: int, reader: ValueReader) -> bool:
        """Whether a string has no backslash except before a quote of its own kind."""
        body = self.text[at : reader.at].lstrip("rRuUbBfF")
        is_raw = "r" in self.text[at : at + 2].lower() and self.text[at] not in "\"'`"
        return is_raw or not re.search(r"\\(?!" + re.escape(body[0]) + ")", body)

    # What is around it

    def _before(self, at: int) -> str:
        return re.sub(r"/\*.*?\*/", " ", self.text[max(0, at - _NEAR) : at], flags=re.S)

    def _candidate(
        self, start: int, end: int, value: JsonValue, error: InvalidInput | None = None
    ) -> Candidate:
        kind, name, problem = self._lead(start)
        error = error or problem or self._joined(start, end) or self._cut_off(start, end)
        error = error or self._chained(start, end)
        if kind == "other" and name and self._is_query_of_call(name, start, end):
            kind = "used"
        literal, changes = value, tuple[int, ...]()
        if error is None and name and name not in QUERY_CALLS:
            value, changes, error = self._followed(name, start, end, value)
        line, short = self._line(start), name.rpartition(".")[2]
        return Candidate(kind, short, line, start, end, value, error, literal, changes)

    def _lead(self, start: int) -> tuple[Kind, str, InvalidInput | None]:
        """How the text before a value names it: its kind, its name, and why it is refused."""
        before = _plain_lead(self._before(start))
        lead = _LEAD.search(before)
        while lead and lead[2] == "(" and _short(lead[1]) in _READERS:
            before = before[: lead.start()]
            before = _plain_lead(re.sub(r"\bnew\s+$", "", before))
            lead = _LEAD.search(before)
        if lead is None and re.search(r"[^}\s]\s*,\s*$", before):
            return "other", "", self._problem(start, "this value is one of several arguments")
        if lead is None:
            return "other", "", None
        name, sign = lead[1], lead[2]
        if sign == "(":
            return self._argument(name, start)
        if sign == "=" and re.search(r"[\"'`]\s*=\s*$", before):
            return "other", "", self._problem(start, f"{name} is a key of an object around this")
        if sign == ":":
            return self._labelled(name, before, lead, start)
        return ("named" if is_query_name(_short(name)) else "other"), name, None

    def _argument(self, name: str, start: int) -> tuple[Kind, str, InvalidInput | None]:
        if _short(name) in QUERY_CALLS:
            return "used", _short(name), None
        return "other", "", self._problem(start, f"{name}(..) may change this value")

    def _labelled(
        self, name: str, before: str, lead: re.Match[str], start: int
    ) -> tuple[Kind, str, InvalidInput | None]:
        """A value after ``name:``, which is a heading, an argument or a key."""
        quoted = re.search(r"[\"']\s*:\s*$", before) is not None
        if is_query_name(_short(name)) and not quoted:
            return "named", "", None
        sentence = re.search(r"(?:^|[ \t])[A-Za-z']+[,.]?[ \t]+[\w ]*$", before[: lead.start(1)])
        log = re.search(r"\b(?:INFO|DEBUG|WARNING|ERROR):$", before[: lead.start(1)])
        if not quoted and (name.lower() in _HEADINGS or sentence or log):
            return "other", "", None
        what = f"{name} is a key, and the object around it has no braces"
        action = "Put { and } around the whole object"
        return "other", "", self._problem(start, what, action)

    def _joined(self, start: int, end: int) -> InvalidInput | None:
        """The error of a value that an operator joins to something else."""
        before = self._before(start)
        after = self.text[end : end + _NEAR]
        is_joined = _JOINED_BEFORE.search(before) and not re.search(r"^\s*[-*+]\s*$", before, re.M)
        if is_joined or _JOINED_AFTER.match(after):
            return self._problem(start, "code joins this value to another, or changes it")
        return None

    def _chained(self, start: int, end: int) -> InvalidInput | None:
        """The error of ``parse("..").append("a", 1)``: a call that changes what is read."""
        lead = _LEAD.search(self._before(start))
        is_read = lead is not None and lead[2] == "(" and _short(lead[1]) in _READERS
        if is_read and _CHAINED.match(self.text, end):
            return self._problem(start, "code changes this value after it is read")
        return None

    def _cut_off(self, start: int, end: int) -> InvalidInput | None:
        """The error of a value that a bracket closes too early: more of it follows."""
        around = _open_brackets(self.text[max(0, start - _FAR) : start])
        is_first = not self.text[:start].strip()
        key = _KEY_AFTER.match(self.text, end)
        at = key.start(1) if key and not around and (key[2] or is_first) else None
        if at is None:
            at = _unmatched(self.text, end, around)
        if at is None:
            return None
        what = "a bracket closes too early, so this is outside of the value"
        return self._problem(at, what, "Remove the bracket before it, or open one")

    def _followed(
        self, name: str, start: int, end: int, value: JsonValue
    ) -> tuple[JsonValue, tuple[int, ...], InvalidInput | None]:
        """The value after the plain changes of its variable, their lines, or the error.

        The error is that of the first line that may set, change or pass on the variable.
        """
        script = Script(self.text, self.where, self.names)
        changed, at, used = value, end, self._first_use(name, start, end)
        lines: list[int] = []
        for match in self._uses(name, start, end):
            if match.start() < at and match.start() > end:
                continue  # inside a statement that is followed
            if self._is_harmless(match):
                continue
            line = self._line(match.start())
            after = None
            if end < match.start() < used:
                changed = changed if lines else self._object_of(changed)
                after = script.change(changed, name, match.start(), at)
            if after is None:
                what = f"{name} may change on line {line}"
                return value, (), self._problem(match.start(), what, "Paste the final query")
            lines.append(line)
            self.changes[match.start()] = after
            at = after
        return changed, tuple(lines), None

    def _object_of(self, value: JsonValue) -> JsonValue:
        """A copy of `value` to change; of a string, the object that it writes."""
        if isinstance(value, str):
            with suppress(InvalidInput, ValueError):
                return as_json(load_json(value, self.where), lambda: None)
        return deepcopy(value)

    def _uses(self, name: str, start: int, end: int) -> Iterator[re.Match[str]]:
        """Each place that names a variable, except where it gets its value."""
        pattern = rf"(?:(?<![\w.$])|(?<=\.\.\.)){re.escape(name)}(?![\w])"
        for match in re.finditer(pattern, self.text):
            if self._is_comment(match.start()):
                continue
            is_near = start - _NEAR <= match.start() < end
            if not (is_near and self._is_lead(match, start)) and not start <= match.start() < end:
                yield match

    def _is_comment(self, at: int) -> bool:
        number = bisect_right(self.comments, (at, len(self.text)))
        return number > 0 and at < self.comments[number - 1][1]

    def _is_query_of_call(self, name: str, start: int, end: int) -> bool:
        """Whether a call takes the variable as its first argument, a query."""
        for match in self._uses(name, start, end):
            before = self.text[max(0, match.start() - _NEAR) : match.start()]
            if before.rstrip().endswith("(") and self._call_before(before) in QUERY_CALLS:
                return True
        return False

    def _first_use(self, name: str, start: int, end: int, depth: int = 0) -> int:
        """Where a call first takes the variable, also by another name, as its query."""
        first = len(self.text)
        for match in self._uses(name, start, end) if depth < _MOST_ALIASES else ():
            before = self.text[max(0, match.start() - _NEAR) : match.start()]
            alias = _ALIAS.search(_plain_lead(before))
            if self._call_before(before) in QUERY_CALLS:
                first = min(first, match.start())
            elif alias:
                at = self._first_use(alias[1], match.start(), match.end(), depth + 1)
                first = min(first, at)
        return first

    def _line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1

    def _is_lead(self, match: re.Match[str], start: int) -> bool:
        return match.end() <= start and not re.search(r"[;\n]", self.text[match.end() : start])

    def _is_harmless(self, match: re.Match[str], depth: int = 0) -> bool:
        """Whether a later use of a variable only reads it, or is a word of a sentence."""
        before = self.text[max(0, match.start() - _NEAR) : match.start()]
        after = self.text[match.end() : match.end() + _NEAR]
        if re.match(r"\s*(?:\[|\$[\w`]|[-+|*/]?=(?!=)|:=|<-|[?!]?\.\s*[\w$#]|!\[)", after):
            return False
        alias = _ALIAS.search(_plain_lead(before))
        if alias:
            uses = self._uses(alias[1], match.start(), match.end())
            return depth < _MOST_ALIASES and all(self._is_harmless(one, depth + 1) for one in uses)
        if re.search(r"(?:\.\.\.|\*\*|=>\s*|[\[{,:]\s*|[|+]\s*)$", before) and not re.search(
            r"\b(?:filter|query)\s*[:=]\s*$", before
        ):
            return bool(self._call_before(before) in QUERY_CALLS and re.match(r"\s*[,)]", after))
        if re.search(r"\(\s*(?:\w+\s*=\s*)?$", before):
            call = self._call_before(before)
            return call in QUERY_CALLS or call in _READERS or call == "log"
        return True

    def _call_before(self, before: str) -> str:
        found = re.search(r"([A-Za-z_][\w$.]*)\s*\((?:[^()\n]*)$", before)
        return _short(found[1]) if found else ""

    def _problem(self, at: int, what: str, action: str = "Paste the query itself") -> InvalidInput:
        return InvalidInput(issue_at(self.text, at, what, self.where, action))


_FAR: Final = 20_000
"""Characters before a value that are searched for the brackets around it."""
_KEY_AFTER: Final = re.compile(
    r"(?:\s|(?:#|//)[^\n]*\n)*,(?:\s|(?:#|//)[^\n]*\n)*(([\"']?)[\w.$]+\2\s*:(?!//))"
)
_BRACKET: Final = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|(?<!\w)'(?:[^'\\\n]|\\.)*'(?!\w)|[(){}\[\]]")
_OPENING: Final = {")": "(", "]": "[", "}": "{"}


def _open_brackets(text: str) -> list[str]:
    """The brackets of `text` that it does not close, outside of quotes."""
    waiting: list[str] = []
    for found in _BRACKET.finditer(text):
        if found[0] in "([{":
            waiting.append(found[0])
        elif waiting and _OPENING.get(found[0]) == waiting[-1]:
            waiting.pop()
    return waiting


def _unmatched(text: str, at: int, around: list[str]) -> int | None:
    """Where ``}`` or ``]`` closes what neither the text from `at` nor `around` opens last."""
    waiting = around[-1:]
    is_inside = bool(waiting)
    for found in _BRACKET.finditer(text, at, at + _NEAR):
        if found[0] in "([{":
            waiting.append(found[0])
        elif waiting and _OPENING.get(found[0]) == waiting[-1]:
            waiting.pop()
            if is_inside and not waiting:
                return None
        elif found[0] in "}]":
            return found.start()
    return None


_CONSTANT: Final = re.compile(
    r"^[ \t]*(?:const |let |var |final |String |int |double |long )*\s*([A-Za-z_]\w*)\s*(?:=|<-)\s*"
    r"(\"[^\"\\\n]*\"|'[^'\"\\\n]*'|-?\d+(?:\.\d+)?)\s*;?\s*$",
    re.M,
)


_MOST_ALIASES: Final = 3
_ALIAS: Final = re.compile(r"([A-Za-z_$][\w$.]*)\s*(?:=|:=|<<-|<-)\s*$")


def _plain_lead(before: str) -> str:
    """The text before a value without the type of its variable, a cast, or a bracket around it."""
    before = _TYPED.sub(r"\1 = ", before)
    return _CAST.sub(r"\1 ", before)


def _short(name: str) -> str:
    return re.split(r"[.$]", name)[-1]


def _is_object(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict)


# Texts without the outer braces


_KEY_FIRST: Final = re.compile(r"\s*([\"']?)([\w.$]+)\1[ \t]*:(?!//)")


def without_braces(text: str, where: str) -> tuple[JsonValue, list[str]] | None:
    """The object whose outer braces are missing, and its notes; None for any other text.

    Raises
    ------
    InvalidInput
        For YAML, and for one name before an object, which can be a field or a heading.
    """
    first = _KEY_FIRST.match(text)
    if not first:
        return None
    whole = "{" + text.strip().rstrip(";,") + "}"
    reader = ValueReader(whole, where, 0, len(whole))
    try:
        value = reader.value(0)
    except InvalidInput:
        value = None
    if not isinstance(value, dict) or reader.at != len(whole):
        _refuse_yaml(text, where)
        return None
    only = next(iter(value.values())) if len(value) == 1 else None
    if not first[1] and isinstance(only, dict | list) and looks_like_query(only):
        if is_query_name(first[2]) or first[2].lower() in _HEADINGS:
            return only, [f"Took the value after {first[2]}"]
        what = f"{first[2]} can be a field or a heading"
        action = "Write the braces of the whole query"
        raise InvalidInput(issue_at(text, first.start(2), what, where, action))
    return value, ["Added the outer braces", *reader.sentences()]


def _refuse_yaml(text: str, where: str) -> None:
    lines = [line for line in text.split("\n") if line.strip()]
    keys = [re.match(r"\s*(?:- )?[\"']?[\w.$]+[\"']?\s*:(?:\s|$)|\s*- ", line) for line in lines]
    if all(keys) and not re.search(r"[{\[]\s*$", text.strip().split("\n")[0]):
        what = "this is YAML, not JSON"
        raise InvalidInput(issue_at(text, 0, what, where, 'Write {"key": value} with braces'))


# Notations that only a program of their own can read


def refuse_builder(text: str, where: str) -> None:
    """Raise an error for a program that builds an object by calls, such as ``list(a = 1)``."""
    for pattern, what, action in _BUILDERS:
        found = re.search(pattern, text)
        if found:
            raise InvalidInput(issue_at(text, found.start(), what, where, action))


def foreign_notation(text: str, where: str) -> InvalidInput | None:
    """The error that names a notation that is neither JSON nor near to it; None for others."""
    for pattern, what, action in (*_BUILDERS, *_FOREIGN):
        found = re.search(pattern, text)
        if found:
            return InvalidInput(issue_at(text, found.start(), what, where, action))
    return None


_BUILDERS: Final = (
    (
        r"\blist\s*\(\s*[\"'`]?[\w.$]+[\"'`]?\s*=(?!=)",
        "this is a list(..) of R",
        "Paste what jsonlite::toJSON(x, auto_unbox = TRUE) prints",
    ),
    (
        r"\bstruct\s*\(\s*[\"']|\bcontainers\.Map\s*\(",
        "this is a struct of MATLAB",
        "Paste what jsonencode(x) prints",
    ),
    (
        r"\bnew\s+(?:Document|BasicDBObject)\s*\(|\b(?:Filters|Aggregates)\.\w+\(",
        "this is a query that Java builds",
        "Paste what query.toJson() prints",
    ),
    (r"\bDict\s*\(\s*\"", "this is a Dict of Julia", "Paste what JSON.json(x) prints"),
)
"""Pattern of a notation without braces, what it is, and what to do."""

_FOREIGN: Final = (
    (r"\bbson\.[MDEA]\s*[{\[]", "this is a query of Go", "Write it as JSON"),
    (r"\bdoc!\s*[{(]", "this is a query of Rust", "Write it as JSON"),
    (r"[\"']\s*=>\s*[\"'\w\[{]", "this is an array of PHP or Ruby", "Write it as JSON"),
    (r"^\s*<\w+[^>]*>", "this is XML or HTML", "Paste the query itself"),
)
