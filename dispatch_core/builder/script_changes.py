"""Plain changes of an object in JavaScript, Java or R: ``q.a = 1``, ``q.put("a", 1)``.

A change is followed only if it surely runs, once, and after the value: nothing between them
is a condition, a loop or a function, and its key and its value are literals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dispatch_core.builder.calls import RegexLiteral
from dispatch_core.builder.literals import ValueReader
from dispatch_core.errors import InvalidInput
from dispatch_core.types import JsonValue

_STRING_OR_COMMENT: Final = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*\"|(?<!\w)'(?:[^'\\\n]|\\.)*'|`[^`]*`"
    r"|((?<![:\w])//[^\n]*|(?:(?<=\s)|^)\#[^\n]*|/\*.*?(?:\*/|\Z))",
    re.M | re.S,
)
"""A string, or a comment, which is the first group."""

_BRANCHES: Final = re.compile(
    r"\b(?:if|else|for|foreach|while|do|repeat|until|switch|case|try|catch|finally|function|return"
    r"|throw|break|continue|next|yield|unless|with)\b|=>|->|\?|&&|\|\|"
)
_STEP: Final = re.compile(
    r"\s*(?:\.\s*([A-Za-z_$][\w$]*)|\$([A-Za-z_.][\w.]*)|\$`([^`]+)`"
    r"|\[\s*(?:(\d{1,4})|\"([^\"\\\n]*)\"|'([^'\\\n]*)')\s*\]"
    r"|\[\[\s*(?:\"([^\"\\\n]*)\"|'([^'\\\n]*)')\s*\]\])"
)
_SET: Final = re.compile(r"\s*(?:=(?![=>])|<-)\s*")
_PUT: Final = re.compile(r"\s*\.\s*(?:put|append)\s*\(")
_PUSH: Final = re.compile(r"\s*\.\s*push\s*\(")
_ASSIGN: Final = re.compile(r"Object\s*\.\s*assign\s*\(\s*$")
_END: Final = re.compile(r"[ \t]*(?:;|\n|\Z|\}|//|#|/\*)")
_NEAR: Final = 400
_GOES_ON: Final = tuple("+-*/%&|?:.,[(<>=^`")
_OPENING: Final = {")": "(", "]": "[", "}": "{"}


class _NotPlain(Exception):
    """The change cannot be followed."""


@dataclass
class Script:
    """The text of a program, and the names that it sets once to a literal."""

    text: str
    where: str
    names: Mapping[str, JsonValue]

    def change(self, value: Any, name: str, at: int, since: int) -> int | None:
        """Change `value` as the statement does that names `name` at `at`; where it ends.

        None if the statement is not plain, or not sure to run after `since`; `value` may
        then be changed in part.
        """
        head = _ASSIGN.search(self.text, max(since, at - 40), at)
        start = head.start() if head else at
        if not self._is_straight(since, start):
            return None
        after = at + len(name)
        try:
            end = self._assigned(value, after) if head else self._changed(value, after)
        except (_NotPlain, InvalidInput, ValueError):
            return None
        return end if self._is_end(end) else None

    def _is_end(self, at: int) -> bool:
        """Whether a statement ends at `at`; an operator on the next line continues it."""
        sign = _END.match(self.text, at)
        if sign is None or sign[0].strip() in (";", "}"):
            return sign is not None
        rest = _STRING_OR_COMMENT.sub(_blank, self.text[at : at + _NEAR]).lstrip()
        return not rest.startswith(_GOES_ON)

    def _is_straight(self, since: int, start: int) -> bool:
        """Whether a statement that begins at `start` surely runs, once, after `since`."""
        gap = _STRING_OR_COMMENT.sub(_blank, self.text[since:start])
        gap = re.sub(r"^[\s)]*", "", gap)  # of the call that reads the value
        if _BRANCHES.search(gap) or not _is_balanced(gap):
            return False
        before = gap.rstrip()
        is_next = not before or before[-1] in ";}" or "\n" in gap[len(before) :]
        is_first = bool(before) or bool(re.search(r"[;\n]", self.text[since:start]))
        return is_next and is_first and before[-1:] not in tuple("=+-*/%<>!,(.[{:&|")

    def _changed(self, value: Any, at: int) -> int:
        if _PUT.match(self.text, at):
            return self._put(value, at)
        pushed = _PUSH.match(self.text, at)
        if pushed:
            items, end = self._arguments(pushed.end())
            if not isinstance(value, list) or not all(isinstance(one, dict) for one in items):
                raise _NotPlain
            value.extend(items)
            return end
        return self._set(value, at)

    def _put(self, value: Any, at: int) -> int:
        """``.put("a", 1)`` and ``.append("a", 1).append("b", 2)``."""
        found = _PUT.match(self.text, at)
        while found:
            arguments, at = self._arguments(found.end())
            if len(arguments) != 2 or not isinstance(value, dict):
                raise _NotPlain
            _store(value, arguments[0], arguments[1])
            found = _PUT.match(self.text, at)
        return at

    def _assigned(self, value: Any, at: int) -> int:
        """The rest of ``Object.assign(q, {..})``."""
        comma = re.compile(r"\s*,").match(self.text, at)
        if comma is None or not isinstance(value, dict):
            raise _NotPlain
        added, end = self._arguments(comma.end())
        for one in added:
            if not isinstance(one, dict):
                raise _NotPlain
            value.update(one)
        return end

    def _set(self, value: Any, at: int) -> int:
        """``q.a.b = 1``, ``q["a"] = 1``, ``q$a <- 1``: only the last key may be new."""
        keys: list[str | int] = []
        step = _STEP.match(self.text, at)
        while step:
            key = next(part for part in step.groups() if part is not None)
            keys.append(int(key) if step[4] else key)
            at = step.end()
            step = _STEP.match(self.text, at)
        sign = _SET.match(self.text, at)
        if not keys or sign is None:
            raise _NotPlain
        for key in keys[:-1]:
            value = _item(value, key)
        new, end = self._literal(sign.end())
        _store(value, keys[-1], new)
        return end

    def _arguments(self, at: int) -> tuple[list[Any], int]:
        """The literal arguments of a call from after its bracket, and where the call ends."""
        found: list[Any] = []
        while True:
            one, at = self._literal(at)
            found.append(one)
            sign = re.compile(r"\s*([,)])").match(self.text, at)
            if sign is None:
                raise _NotPlain
            at = sign.end()
            if sign[1] == ")":
                return found, at

    def _literal(self, at: int) -> tuple[Any, int]:
        """The literal at `at`, which reads alike in each language, and where it ends."""
        names, readings = {**self.names, "TRUE": True, "FALSE": False}, []
        for is_script in (True, False):
            reader = ValueReader(
                self.text, self.where, at, len(self.text), names=names, is_script=is_script
            )
            value = reader.value(0)
            readings.append((value, at + len(self.text[at : reader.at].rstrip())))
        (one, end), (other, _) = readings
        if repr(one) != repr(other) or one is None:  # NULL of R removes a key
            raise _NotPlain
        return one, end


def comments_of(text: str) -> list[tuple[int, int]]:
    """Where each comment of a program starts and ends; the signs in a string are none."""
    return [found.span() for found in _STRING_OR_COMMENT.finditer(text) if found[1]]


def _blank(found: re.Match[str]) -> str:
    """A comment as a space, keeping the end of its line, and a string without its text."""
    return " " if found[1] else '""'


def _is_balanced(text: str) -> bool:
    waiting: list[str] = []
    for bracket in re.findall(r"[(){}\[\]]", text):
        if bracket in "([{":
            waiting.append(bracket)
        elif not waiting or waiting.pop() != _OPENING[bracket]:
            return False
    return not waiting


def _item(value: Any, key: str | int) -> Any:
    is_entry = isinstance(value, dict) and isinstance(key, str) and key in value
    is_item = isinstance(value, list) and isinstance(key, int) and key < len(value)
    if not is_entry and not is_item:
        raise _NotPlain
    return value[key]


def _store(value: Any, key: Any, new: Any) -> None:
    if isinstance(value, list) and isinstance(key, int):
        _item(value, key)
    elif not isinstance(value, dict) or not isinstance(key, str) or key == "__proto__":
        raise _NotPlain
    if isinstance(new, RegexLiteral):
        new = new.checked().operators
    value[key] = new
