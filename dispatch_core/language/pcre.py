"""MongoDB's regular expressions (PCRE), translated to Python's.

The two agree on nearly everything that filters use. The differences are rewritten:
``\\Z`` and ``\\z``, ASCII-only ``\\w \\d \\s \\b``, an inline ``(?i)`` inside a pattern,
``(?<name>``, ``\\Q..\\E``, POSIX classes. A construct that ``re`` cannot express
(recursion, ``\\K``, ``\\p{..}``) is refused with the pattern in the message.

A pattern with little backtracking runs on ``re``. Any other may backtrack
exponentially (``(a|aa)+$``) and runs on ``regex`` with a time limit: two seconds in
total for one clause of a query, then the query is refused. So does a long text, over
which also a simple pattern takes the square of its length (``1+y``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

import regex

from dispatch_core.errors import CannotEvaluate, InvalidInput, Issue

_FLAGS: Final = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}
_PLAIN: Final = re.compile(r"(?:\.\*)?([A-Za-z0-9 _/:,@=-]+)(?:\.\*)?")
_SCOPED: Final = re.compile(r"\(\?([imsx]*)(?:-([imsx]+))?\)")
_POSIX: Final = re.compile(r"\[:(\^?)([a-z]+):\]")
_NO_LOWER_BOUND: Final = re.compile(r"\{,\d*\}")
_CODE_POINT: Final = re.compile(r"\\x\{([0-9a-fA-F]{1,6})\}")
_NAMED_BACK: Final = re.compile(r"\\k(?:<(\w+)>|\{(\w+)\}|'(\w+)')")
_NUMBERED_BACK: Final = re.compile(r"\\g(?:\{(\d{1,2})\}|(\d{1,2}))")
_ESCAPED: Final = re.compile(r"\\\\|\\Q.*?(?:\\E|$)", re.DOTALL)
_PCRE_ONLY: Final = re.compile(
    r"\\[pPXKCGg]|\(\?(?:[R&|]|[-+]?\d|P>)|\(\*[A-Z]|\[\[?:\^?[a-z]+:\]|\(\?<[=!]|\(\?[imsxJUn^-]+"
)
"""What PCRE understands and ``re`` does not, or not always: a pattern with it may be valid."""

_WORD: Final = "a-zA-Z0-9_"
# ASCII only, as explicit ranges: (?a:\W) at the start of a pattern misses letters like é.
_CATEGORIES: Final = {
    "w": _WORD,
    "W": r"\x00-/:-@\[-^`{-\U0010ffff",
    "d": "0-9",
    "D": r"\x00-/:-\U0010ffff",
    "s": r"\t-\r ",
    "S": r"\x00-\x08\x0e-\x1f!-\U0010ffff",
    "h": r" \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000",
    "v": r"\n-\r\x85\u2028\u2029",
}
_REWRITTEN: Final = {
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "b": f"(?:(?<![{_WORD}])(?=[{_WORD}])|(?<=[{_WORD}])(?![{_WORD}]))",
    "B": f"(?:(?<![{_WORD}])(?![{_WORD}])|(?<=[{_WORD}])(?=[{_WORD}]))",
    "e": r"\x1b",
    "N": r"[^\n]",
    "R": rf"(?:\r\n|[{_CATEGORIES['v']}])",
    "H": f"[^{_CATEGORIES['h']}]",
    "V": f"[^{_CATEGORIES['v']}]",
} | {letter: f"[{members}]" for letter, members in _CATEGORIES.items()}
_REWRITTEN_IN_CLASS: Final = {"e": r"\x1b", **_CATEGORIES}
_POSIX_CLASSES: Final = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\t\n\x0b\f\r ",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "word": _WORD,
    "xdigit": "0-9a-fA-F",
}


_REPEATED_GROUP: Final = re.compile(r"\)[*+?{]")
_REPEAT: Final = re.compile(r"[*+]|\{\d|(?<![(*+}])\?")
_MOST_BRANCHES: Final = 8

_SHORT_TEXT: Final = 1_000

LONGEST_PATTERN = 32_764
"""Bytes of a pattern; the limit of MongoDB."""


class Pattern(Protocol):
    """The one method of a compiled pattern that is used here."""

    def search(self, text: str, /) -> object | None:
        """The first match in `text`, or None."""
        ...


@dataclass
class Budget:
    """The search time that is left for the patterns of one clause, over all texts."""

    seconds: float = 2.0


def text_test(pattern: str, options: str, path: str) -> Callable[[str], bool]:
    """A function that tells whether a string contains a match.

    ``.*text.*`` without options becomes a substring test, which is 20 times as fast.
    """
    plain = _PLAIN.fullmatch(pattern)
    if plain and not options:
        return _contains(plain.group(1))
    search = compile_pattern(pattern, options, path).search
    return lambda text: search(text) is not None


def _contains(part: str) -> Callable[[str], bool]:
    return lambda text: part in text


def compile_pattern(pattern: str, options: str, path: str, budget: Budget | None = None) -> Pattern:
    """The compiled pattern, or `InvalidInput` with `path` in its message.

    A search also raises `InvalidInput` once `budget` (two seconds by default) is used up.
    """
    for option in options:
        if option not in "imsxu":
            raise InvalidInput(
                Issue(f"$options contains the letter {option!r}", path, "Use only i, m, s and x")
            )
    letters = "".join(sorted(set(options) - {"u"}))
    try:
        compiled = _compile(pattern, letters)
    except (re.error, regex.error, OverflowError, RecursionError, ValueError) as error:
        if _PCRE_ONLY.search(_ESCAPED.sub("", pattern)):
            what = f"$regex {_shown(pattern)} is not supported: {error}"
            raise CannotEvaluate(Issue(what, path)) from None
        raise InvalidInput(
            Issue(
                f"$regex {_shown(pattern)} is not a valid pattern: {error}",
                path,
                "Correct the pattern; a literal ( [ { . * + ? needs a \\ before it",
            )
        ) from None
    limited = _TimeLimited(pattern, letters, path, budget or Budget())
    return _Quick(compiled, limited) if _is_always_fast(compiled.pattern) else limited


def _shown(pattern: str) -> str:
    return repr(pattern if len(pattern) <= 80 else f"{pattern[:80]}...")


@dataclass(frozen=True, slots=True)
class _Quick:
    """A pattern that is quick over a short text, and limited in time over a long one."""

    compiled: re.Pattern[str]
    limited: _TimeLimited

    def search(self, text: str, /) -> object | None:
        if len(text) > _SHORT_TEXT:
            return self.limited.search(text)
        return self.compiled.search(text)


@dataclass(frozen=True, slots=True)
class _TimeLimited:
    """A pattern that may backtrack exponentially, run with a time limit."""

    pattern: str
    letters: str
    path: str
    budget: Budget

    def search(self, text: str, /) -> object | None:
        started = time.perf_counter()
        try:
            if self.budget.seconds > 0:
                compiled = _compile_limited(self.pattern, self.letters)
                return compiled.search(text, timeout=self.budget.seconds)
        except (TimeoutError, regex.error):
            pass
        finally:
            self.budget.seconds -= time.perf_counter() - started
        what = f"$regex {_shown(self.pattern)} takes too long and was stopped"
        action = "Avoid nested or adjacent repeats, as in (a|aa)+"
        raise InvalidInput(Issue(what, self.path, action))


@lru_cache(maxsize=256)
def _compile(pattern: str, options: str) -> re.Pattern[str]:
    text, flags = _translated(pattern, options)
    compiled = re.compile(text, flags)  # always, so that `re` decides what is valid
    if not _is_always_fast(text):
        _compile_limited(pattern, options)
    return compiled


@lru_cache(maxsize=256)
def _compile_limited(pattern: str, options: str) -> regex.Pattern[str]:
    text, flags = _translated(pattern, options)
    return regex.compile(text, int(flags) | regex.VERSION0, cache_pattern=False)


@lru_cache(maxsize=256)
def _translated(pattern: str, options: str) -> tuple[str, re.RegexFlag]:
    if "\0" in pattern:
        raise re.error("it contains a null character")
    if len(pattern) > LONGEST_PATTERN:
        raise re.error(f"it has more than {LONGEST_PATTERN:,} characters")
    flags = re.NOFLAG
    for option in options:
        flags |= _FLAGS[option]
    return _Translation(pattern, verbose="x" in options).text(), flags


def _is_always_fast(text: str) -> bool:
    """Whether a search cannot backtrack much: one repeat of one character, few alternatives."""
    repeats, branches = len(_REPEAT.findall(text)), text.count("|")
    return repeats <= 1 and branches <= _MOST_BRANCHES and not _REPEATED_GROUP.search(text)


def _long_escape(found: re.Match[str]) -> str:
    name = found.group(found.lastindex or 0)
    if found.re is _CODE_POINT:
        return re.escape(chr(int(name, 16)))
    return f"(?P={name})" if found.re is _NAMED_BACK else f"(?:\\{name})"


@dataclass
class _Translation:
    """One pass over a pattern that copies it and rewrites the differences.

    ``opened`` has one entry for each open group: the ``(?i:`` heads that replace an
    inline ``(?i)``, which applies to the end of that group, across its ``|`` too.
    """

    pattern: str
    verbose: bool
    at: int = 0
    done: list[str] = field(default_factory=list)
    opened: list[list[str]] = field(default_factory=lambda: [[]])

    def text(self) -> str:
        while self.at < len(self.pattern):
            self.step()
        self.done.append(")" * len(self.opened[-1]))
        return "".join(self.done)

    def step(self) -> None:
        match self.pattern[self.at]:
            case "\\":
                self.escape()
            case "[":
                self.character_class()
            case "(":
                self.open_group()
            case ")":
                self.close_group()
            case "|":
                heads = self.opened[-1]
                self.copy(")" * len(heads) + "|" + "".join(heads), 1)
            case "{" if _NO_LOWER_BOUND.match(self.pattern, self.at):
                self.copy(r"\{", 1)
            case "#" if self.verbose:
                self.comment()
            case character:
                self.copy(character, 1)

    def copy(self, text: str, width: int) -> None:
        self.done.append(text)
        self.at += width

    def comment(self) -> None:
        end = self.pattern.find("\n", self.at)
        self.at = len(self.pattern) if end < 0 else end + 1

    def escape(self) -> None:
        if self.pattern.startswith(r"\Q", self.at):
            return self.quoted()
        for form in (_CODE_POINT, _NAMED_BACK, _NUMBERED_BACK):
            found = form.match(self.pattern, self.at)
            if found:
                return self.copy(_long_escape(found), len(found.group()))
        letter = self.pattern[self.at + 1 : self.at + 2]
        self.copy(_REWRITTEN.get(letter, "\\" + letter), 2)

    def quoted(self) -> None:
        end = self.pattern.find(r"\E", self.at)
        stop = len(self.pattern) if end < 0 else end
        literal = self.pattern[self.at + 2 : stop]
        self.copy(re.escape(literal), len(literal) + (2 if end < 0 else 4))

    def open_group(self) -> None:
        flags = _SCOPED.match(self.pattern, self.at)
        if flags:
            return self.inline_flags(flags)
        if self.pattern.startswith("(?#", self.at):
            end = self.pattern.find(")", self.at)
            self.at = len(self.pattern) if end < 0 else end + 1
            return
        self.opened.append([])
        named = re.match(r"\(\?(?:<(?![=!])|')(\w+)[>']", self.pattern[self.at :])
        if named:
            self.copy(f"(?P<{named.group(1)}>", len(named.group()))
        else:
            self.copy("(", 1)

    def inline_flags(self, flags: re.Match[str]) -> None:
        head = flags.group()[:-1] + ":"
        self.verbose = self.verbose or "x" in flags.group(1)
        self.opened[-1].append(head)
        self.copy(head, len(flags.group()))

    def close_group(self) -> None:
        if len(self.opened) == 1:
            raise re.error("unbalanced parenthesis", self.pattern, self.at)
        self.copy(")" * len(self.opened.pop()) + ")", 1)

    def character_class(self) -> None:
        self.copy("[", 1)
        for opening in ("^", "]"):
            if self.pattern.startswith(opening, self.at):
                self.copy("^" if opening == "^" else r"\]", 1)
        while not self.pattern.startswith("]", self.at):
            if self.at >= len(self.pattern):
                raise re.error("unterminated character set", self.pattern, self.at)
            self.class_member()
        self.copy("]", 1)

    def class_member(self) -> None:
        posix = _POSIX.match(self.pattern, self.at)
        if posix:
            return self.posix_class(posix)
        character = self.pattern[self.at]
        if character == "\\":
            return self.class_escape()
        # Python warns about nested sets and set operators, which are literals in PCRE.
        is_second_dash = character == "-" and self.pattern[self.at - 1] == "-"
        self.copy("\\" + character if character in "[&|~" or is_second_dash else character, 1)

    def class_escape(self) -> None:
        found = _CODE_POINT.match(self.pattern, self.at)
        if found:
            return self.copy(_long_escape(found), len(found.group()))
        letter = self.pattern[self.at + 1 : self.at + 2]
        self.copy(_REWRITTEN_IN_CLASS.get(letter, "\\" + letter), 2)

    def posix_class(self, posix: re.Match[str]) -> None:
        negated, name = posix.groups()
        if negated or name not in _POSIX_CLASSES:
            raise re.error(f"{posix.group()} is not supported", self.pattern, self.at)
        self.copy(_POSIX_CLASSES[name], len(posix.group()))
