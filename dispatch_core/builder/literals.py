"""A reader of one value in Python, JavaScript, MongoDB shell or extended JSON notation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NoReturn

from dispatch_core.builder.calls import (
    CONSTANTS,
    EXTENDED,
    NOT_PLAIN,
    OtherLayout,
    RegexLiteral,
    call_named,
    is_plain,
    key_text,
    number_of,
    pattern_entries,
    plain_moment,
)
from dispatch_core.errors import InvalidInput
from dispatch_core.text.strict_json import MAX_DEPTH, issue_at
from dispatch_core.types import JsonValue

_NEAR: Final = 200
"""Characters before a string that are searched for an opening parenthesis."""
_SPACE: Final = re.compile(r"[\s\u200b\u2060\ufeff]+")
_COMMENT: Final = re.compile(r"(?:#|//)[^\n]*|/\*.*?(?:\*/|\Z)", re.S)
_WORD: Final = re.compile(r"(?:new\s+)?([A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)")
_KEY: Final = re.compile(r"[A-Za-z_$][\w$]*(?:\.[\w$]+)*")
_NUMBER: Final = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F]+|(?:[0-9][0-9_]*)?(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)"
)
_REGEX: Final = re.compile(r"/((?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)/([a-z]*)")
_PREFIX: Final = re.compile(r"([rRuUfFbB]{1,2})(?=[\"'])")
_CLOSING: Final = {
    '"': '"',
    "'": "'",
    "`": "`",
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", "\u201c\u201d\u201f\u2033"),
    **dict.fromkeys("\u2018\u2019\u201a\u201b", "\u2018\u2019\u201b"),
}
_LITERALS: Final = {"true": True, "false": False, "null": None}
_PYTHON: Final = {"True": True, "False": False, "None": None}
_SIMPLE: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\n": ""}
_ARGUMENT: Final = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)\s*")
_METHOD: Final = re.compile(r"\s*\.\s*isoformat\s*\(\s*\)")


@dataclass
class ValueReader:
    """Reads one value of `text` between `at` and `end`, in one pass.

    `notes` maps each kind of change to the line of its first occurrence and its count.
    `names` are the names that the text defines before, with their values. In a script
    (JavaScript, Java, R) an escape such as ``\\d`` is an error or another character; in
    Python it keeps its backslash.
    """

    text: str
    where: str
    at: int
    end: int
    names: Mapping[str, JsonValue] = field(default_factory=dict)
    is_script: bool = False
    notes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """One sentence for each kind of change, with its first line and its count."""
        return [
            f"{what} (line {line}{f'; {times} times' if times > 1 else ''})"
            for what, (line, times) in self.notes.items()
        ]

    def note(self, what: str, at: int) -> None:
        """Record a change at position `at`."""
        line, times = self.notes.get(what) or (self.text.count("\n", 0, at) + 1, 0)
        self.notes[what] = line, times + 1

    def refuse(self, what: str, action: str = "", at: int | None = None) -> NoReturn:
        """Raise `InvalidInput` for position `at`, by default the current one."""
        position = self.at if at is None else at
        raise InvalidInput(issue_at(self.text, position, what, self.where, action))

    def peek(self) -> str:
        """The next character that is neither space nor comment; "" at the end."""
        while True:
            space = _SPACE.match(self.text, self.at, self.end)
            comment = _COMMENT.match(self.text, space.end() if space else self.at, self.end)
            if comment:
                self.note("Removed a comment", comment.start())
            passed = comment or space
            if not passed:
                return self.text[self.at] if self.at < self.end else ""
            self.at = passed.end()

    def take(self, character: str) -> bool:
        """Whether `character` comes next; if so, move past it."""
        is_next = self.peek() == character
        self.at += is_next
        return is_next

    def value(self, depth: int) -> Any:
        """The next value of any kind; `depth` is the number of enclosing brackets."""
        self.peek()
        start = self.at
        value = self.object(depth)
        if not is_plain(value):
            self.refuse("this has no value in JSON", "Write the value itself", start)
        return plain_moment(value)

    def object(self, depth: int) -> Any:
        """The next value, which can be a date, a time zone or the flag of a pattern."""
        if depth > MAX_DEPTH:
            self.refuse(f"it is nested more than {MAX_DEPTH} levels deep", "Flatten it")
        character = self.peek()
        if character == "{":
            return self.mapping(depth)
        if character in ("[", "("):
            return self.sequence(character, depth)
        if character in _CLOSING or _PREFIX.match(self.text, self.at, self.end):
            return self.strings(depth)
        if character.isdigit() or character in ("+", "-", "."):
            return self.number()
        if character == "/":
            return self.pattern()
        if _WORD.match(self.text, self.at, self.end):
            return self.word(depth)
        if not character:
            self.refuse("the text ends too early", "Close what is open")
        self.refuse("this is not a value", "Write a string, number, object or list")

    # Objects and lists

    def mapping(self, depth: int) -> Any:
        """The object that starts here."""
        start, self.at = self.at, self.at + 1
        value: dict[str, Any] = {}
        while not self.take("}"):
            self.entry(value, depth)
            self.separator("}")
        return self.plain(value, start)

    def entry(self, value: dict[str, Any], depth: int) -> None:
        """Read one ``key: value`` entry into `value`; a duplicate key is an error."""
        self.peek()
        at = self.at
        key = self.key()
        if not self.take(":"):
            self.refuse("a colon is missing after the key", 'Write "key": value')
        item = self.value(depth + 1)
        for name, one in self.expanded(key, item, at).items():
            if name in value:
                what = f"the key {key_text(name)} appears twice in one object"
                self.refuse(what, "Keep one of them", at)
            value[name] = one

    def key(self) -> str:
        """The next key, with or without quotes."""
        character = self.peek()
        if character in _CLOSING or _PREFIX.match(self.text, self.at, self.end):
            return self.string()
        found = _KEY.match(self.text, self.at, self.end)
        if found and (found[0] in _PYTHON or found[0] in _LITERALS):
            self.refuse("a key is not a string", "Write the key in quotes")
        if found:
            self.note("Added quotes around keys", self.at)
            self.at = found.end()
            return found[0]
        if not character:
            self.refuse("the text ends too early", "Close what is open")
        self.refuse("a key is missing here", 'Write "key": value')

    def expanded(self, key: str, item: Any, at: int) -> dict[str, Any]:
        """The entries of `item` under `key`, with a pattern as ``$regex`` and ``$options``."""
        if not isinstance(item, RegexLiteral):
            return {key: item}
        self.note("Wrote a pattern as $regex", at)
        try:
            return pattern_entries(key, item)
        except ValueError as error:
            self.refuse(str(error), 'Write {"$regex": "..."}', at)

    def sequence(self, opening: str, depth: int) -> Any:
        """The list or tuple that starts here; ``(x)`` without a comma is x itself."""
        start, closing = self.at, "]" if opening == "[" else ")"
        self.at += 1
        items: list[Any] = []
        is_tuple = True
        while not self.take(closing):
            self.peek()
            at = self.at
            items.append(self.value(depth + 1))
            if isinstance(items[-1], RegexLiteral):
                action = "Write an $or of conditions with $regex"
                self.refuse("JSON cannot express a pattern inside a list", action, at)
            is_tuple = self.separator(closing)
        if opening == "(" and len(items) == 1 and not is_tuple:
            return items[0]
        if opening == "(":
            self.note("Wrote a tuple as a list", start)
        return items

    def separator(self, closing: str) -> bool:
        """Whether a comma comes next; move past it, and note one before `closing`."""
        at = self.at
        if self.take(","):
            if self.peek() == closing and closing != ")":
                self.note("Removed a comma before a closing bracket", at)
            return True
        if self.peek() == closing:
            return False
        if not self.peek():
            self.refuse("the text ends too early", f"Close the open bracket with {closing}")
        self.refuse(f"a comma or a closing {closing} is missing before this", "Add it")

    def plain(self, value: dict[str, Any], start: int) -> Any:
        """The plain value of extended JSON, such as ``{"$oid": ".."}``, or `value`."""
        if len(value) != 1:
            return value
        name, inner = next(iter(value.items()))
        read = EXTENDED.get(name)
        if read is None:
            return value
        self.note("Wrote extended JSON as plain values, as in the records", start)
        return self.called(read, [inner], {}, name, start)

    # Scalars

    def strings(self, depth: int) -> str:
        """The string that starts here, joined with those right after it, as Python does.

        Double quotes outside parentheses are not joined: there a comma may be missing.
        """
        start, parts = self.at, [self.string()]
        is_python = self.text[max(0, start - _NEAR) : start].rstrip().endswith("(")
        while self.peek() in ("'", '"') or _PREFIX.match(self.text, self.at, self.end):
            is_python = is_python or self.text[start] != '"' or self.text[self.at] != '"'
            if not is_python or self.is_script:
                what = "two strings are side by side; a comma or a closing bracket is missing"
                self.refuse(what, "Put a comma between them, or join them")
            self.note("Joined strings that are side by side, as Python does", start)
            parts.append(self.string())
        return "".join(parts)

    def string(self) -> str:
        """The string that starts here, with any quotes and any Python prefix but b."""
        prefix = _PREFIX.match(self.text, self.at, self.end)
        letters = prefix[1].lower() if prefix else ""
        start = self.at
        self.at += len(letters)
        if "b" in letters:
            self.refuse("bytes are not text", "Remove the b", start)
        quote = self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) and quote in "\"'" else quote
        self.at += len(mark)
        if mark != '"' or letters:
            smart = quote not in "\"'`"
            self.note(f"Replaced {'smart' if smart else 'other'} quotes with double quotes", start)
        parts: list[str] = []
        while not self.is_closed(mark, start):
            parts.append(self.part(mark, is_raw="r" in letters, start=start))
        body = "".join(parts)
        if ("f" in letters and "{" in body) or (quote == "`" and "${" in body):
            self.refuse("code inserts values into this string", "Write the whole text", start)
        return self.whole(body, start)

    def is_closed(self, mark: str, start: int) -> bool:
        """Whether the string ends here; if so, move past the closing quotes."""
        if self.at >= self.end:
            self.refuse("the string that starts here does not end", "Close it", start)
        if len(mark) == 3 or mark in "\"'`":
            is_closed = self.text.startswith(mark, self.at, self.end)
        else:
            is_closed = self.text[self.at] in _CLOSING[mark] and not self.is_apostrophe()
        self.at += len(mark) if is_closed else 0
        return is_closed

    def is_apostrophe(self) -> bool:
        """Whether a single smart quote is between letters, as in it's."""
        around = self.text[self.at - 1], self.text[self.at + 1 : self.at + 2]
        return self.text[self.at] == "\u2019" and all(one.isalpha() for one in around)

    def part(self, mark: str, *, is_raw: bool, start: int) -> str:
        """The next run of plain characters in a string, or the next escape or quote."""
        run = _RUN.match(self.text, self.at, self.end)
        if run:
            self.at = run.end()
            return run[0]
        character = self.text[self.at]
        if character == "\n" and len(mark) == 1 and mark != "`":
            self.refuse("a string contains a line break", "Write \\n", self.at)
        if character == "\\" and is_raw:
            self.at += 2
            return self.text[self.at - 2 : self.at]
        if character == "\\":
            return self.escape()
        self.at += 1
        return character

    def escape(self) -> str:
        """The text of the escape sequence that starts here."""
        start = self.at
        code = _CODE.match(self.text, self.at, self.end)
        if code:
            self.at = code.end()
            number = int(next(filter(None, code.groups())), 16)
            if number > 0x10FFFF:
                self.refuse("this is not a Unicode code point", "Write the character", start)
            return chr(number)
        character = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if character in _SIMPLE:
            return _SIMPLE[character]
        if character and character in "\"'`\\/":
            return character
        if character == "0" and not self.text[self.at : self.at + 1].isdigit():
            return "\0"
        if character in ("x", "u", "U", "N"):
            self.refuse("this escape is incomplete", "Write the character itself", start)
        if character.isdigit() or character == "a" or self.is_script:
            what = f"\\{character} differs between languages"
            self.refuse(what, "Write the character itself, or \\\\ for a backslash", start)
        self.note("Kept a backslash that is not part of an escape, as Python does", start)
        return f"\\{character}"

    def whole(self, body: str, start: int) -> str:
        """`body` with each surrogate pair combined into its character."""
        try:
            return body.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.refuse("the text contains half of a surrogate pair", "Write the character", start)

    def number(self) -> JsonValue:
        """The number that starts here, such as ``.5``, ``+1``, ``0x10`` or ``1_000``."""
        found = _NUMBER.match(self.text, self.at, self.end)
        token = found[0] if found else ""
        after = self.at + len(token)
        follows = self.text[after : after + 1]
        digits = token.lstrip("+-")
        if follows in ("n", "L"):
            after += 1
        elif follows.isalnum() or follows in ("_", "$"):
            digits = ""
        if not re.search("[0-9]", digits) or re.match("0[0-9_]", digits):
            self.refuse("this is not a JSON number", 'Write it as in 0.5, or as a "text"')
        if len(digits) > 400:
            self.refuse("a number has too many digits", "Write it as a string")
        value = number_of(token)
        if value in (float("inf"), float("-inf")):
            self.refuse(f"{token} is too large for a number", "Write a finite number")
        if not _is_json_number(self.text[self.at : after]):
            self.note("Wrote a number as in JSON", self.at)
        self.at = after
        return value

    def pattern(self) -> RegexLiteral:
        """The regular expression literal that starts here, such as ``/x/i``."""
        found = _REGEX.match(self.text, self.at, self.end)
        if not found:
            self.refuse("this is neither a pattern nor a comment", 'Write {"$regex": "..."}')
        try:
            pattern = RegexLiteral(found[1].replace("\\/", "/"), found[2]).checked()
        except ValueError as error:
            self.refuse(str(error), "Use i, m, s, x")
        self.at = found.end()
        return pattern

    # Words and calls

    def word(self, depth: int) -> Any:
        """The value of the literal, flag or call that starts here."""
        start = self.at
        found = _WORD.match(self.text, self.at, self.end)
        assert found
        name = found[1]
        self.at = found.end()
        if name in _LITERALS:
            return _LITERALS[name]
        if name in _PYTHON:
            self.note("Wrote True, False and None as in JSON", start)
            return _PYTHON[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        if self.peek() == "(":
            return self.call(name, start, depth)
        if name in self.names:
            self.note(f"Used the value of {name}", start)
            return json.loads(json.dumps(self.names[name]))
        if name in ("NaN", "Infinity", "undefined", "nan", "inf"):
            self.refuse(f"{name} is not a JSON value", "Write a finite number, or null", start)
        what = f"{name} is a name, and its value is not in this text"
        self.refuse(what, "Write the value itself", start)

    def call(self, name: str, start: int, depth: int) -> Any:
        """The plain value of a call such as ``ISODate(..)``; an unknown function is an error."""
        read = call_named(name)
        if read is None:
            what = f"{name}(..) is computed by code, and its value is not in this text"
            self.refuse(what, _ADVICE.get(name, "Write the value itself"), start)
        self.at += 1
        arguments, named = self.arguments(depth)
        value = self.called(read, arguments, named, name, start)
        method = _METHOD.match(self.text, self.at, self.end)
        if method and isinstance(value, date):
            self.at, value = method.end(), value.isoformat()
        if not isinstance(value, RegexLiteral) and is_plain(value):
            short = name.removeprefix("bson.").removeprefix("uuid.").removeprefix("datetime.")
            self.note(f"Wrote {short}(..) as a plain value, as in the records", start)
        return value

    def arguments(self, depth: int) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a call up to its closing bracket: by position, and by name."""
        by_position: list[Any] = []
        by_name: dict[str, Any] = {}
        while not self.take(")"):
            self.peek()
            name = _ARGUMENT.match(self.text, self.at, self.end)
            self.at = name.end() if name else self.at
            value = self.object(depth + 1)
            if name:
                by_name[name[1]] = value
            else:
                by_position.append(value)
            self.separator(")")
        return by_position, by_name

    def called(
        self,
        read: Callable[..., Any],
        arguments: list[Any],
        named: dict[str, Any],
        name: str,
        start: int,
    ) -> Any:
        """The result of `read`, or an error at `start` if the arguments do not fit."""
        try:
            return read(*arguments, **named)
        except OtherLayout as error:
            self.refuse(str(error), "Write it so", start)
        except NOT_PLAIN as error:
            known = str(error) if "options" in str(error) else ""
            what = known or f"{name} cannot be read as a plain value"
            self.refuse(what, "Write the value itself", start)


_ADVICE: Final = {
    "list": "In R, write toJSON(x, auto_unbox = TRUE) and paste what it prints",
    "struct": "In MATLAB, write jsonencode(x) and paste what it prints",
    "containers.Map": "In MATLAB, write jsonencode(x) and paste what it prints",
}
_RUN: Final = re.compile(r"[^\\\n\"'`\u2018-\u201f\u2033]+")
_CODE: Final = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|u\{([0-9a-fA-F]{1,6})\})"
)


def _is_json_number(token: str) -> bool:
    return re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", token) is not None
