"""A pattern that no record matches, and the pattern that is probably meant.

Also a word that no record has, in a part of a pattern that need not match: ``(?!.*pocessed)``
excludes nothing, and nothing else tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from dispatch_core.insight.asking import (
    NAMES,
    Advice,
    Asking,
    exchanged,
    is_other_spelling,
    shown,
)
from dispatch_core.insight.date_slips import readings_of, texts_of
from dispatch_core.insight.similar import edits, is_misspelling, ratio
from dispatch_core.insight.value_slips import (
    as_glob,
    cleaned,
    escape,
    known_texts,
    listed,
    regex,
    texts_with,
)
from dispatch_core.language.match import is_operator_document
from dispatch_core.text.dates import DateReader
from dispatch_core.types import JsonValue

_SAMPLED: Final = 300
_SLASHES: Final = re.compile(r"/(.+)/([imsxgu]*)", re.DOTALL)
_LITERAL: Final = re.compile(r"(?:[^.*+?^${}()|\[\]\\]|\\[^A-Za-z0-9]|\.(?![*+?{]))+")
"""A run of a pattern that matches itself; a lone dot counts, as it is often one."""

_OPTIONAL: Final = re.compile(r"\||\(\?[!<=]|\)[?*]|\){0")
"""A pattern with a part that need not match, or must not."""

_WORDS: Final = re.compile(r"[A-Za-z]{5,}")
_SHORT_WORD: Final = 3
_LONG_WORD: Final = 9
_WORD: Final = re.compile(r"[^\W_]+")


def pattern_advice(asking: Asking) -> Advice | None:
    """Advice on a ``$regex`` that no record matches, or that has a word that none has."""
    operand = asking.condition.operand
    if not is_operator_document(operand) or not isinstance(operand.get("$regex"), str):
        return None
    if asking.known is None or "string" not in asking.known.types:
        return None
    if asking.is_met():
        return _unknown_word(asking, operand, operand["$regex"])
    if asking.is_alternative() or is_other_spelling(asking):
        return None
    suggestions = tuple(asking.matching((("", one) for one in _instead(asking, operand)), 3))
    pattern, options = operand["$regex"], operand.get("$options", "")
    what = f"No record matches the pattern {shown(pattern)} in {asking.path}"
    if _SLASHES.fullmatch(pattern):
        what += ": the slashes are part of it"
    elif suggestions and _only_case(suggestions[0].query, options, asking):
        what += ": it distinguishes upper and lower case"
    return Advice("pattern", asking.path, what + listed(asking), suggestions)


def negated_pattern_advice(asking: Asking) -> Advice | None:
    """Advice on a pattern under ``$not`` with a word that no record has: it excludes nothing."""
    operand = asking.condition.operand
    inner = operand.get("$not") if is_operator_document(operand) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("$regex"), str):
        return None
    if asking.known is None or "string" not in asking.known.types:
        return None
    return _unknown_word(asking, operand, inner["$regex"], is_certain=True)


def _unknown_word(
    asking: Asking, operand: JsonValue, pattern: str, *, is_certain: bool = False
) -> Advice | None:
    """Advice on the first word of a pattern that is near to one in the records, and in none.

    Unless `is_certain`, the pattern is met, so only a part that need not match can have one.
    """
    if not is_certain and not _OPTIONAL.search(pattern):
        return None
    for found in [one for one in _WORDS.finditer(pattern) if _is_literal(pattern, one)][:3]:
        word = found.group()
        if asking.has_match({asking.path: regex(word, "i")}):
            continue
        named = {one.lower() for one in _WORDS.findall(pattern)}
        near = [one for one in _near_words(asking, word) if one.lower() not in named]
        changed = (pattern[: found.start()] + one + pattern[found.end() :] for one in near[:2])
        operands = ((one, exchanged(operand, pattern, one)) for one in changed)
        suggestions = tuple(asking.matching(operands))
        if suggestions:
            message = f"No record has {shown(word)} in {asking.path}, so that part has no effect"
            return Advice("pattern", asking.path, message, suggestions)
    return None


def _is_literal(pattern: str, word: re.Match[str]) -> bool:
    """Whether a word of a pattern matches itself: not a class, a group name or an escape."""
    before = pattern[: word.start()]
    is_name = before.endswith(("(?P<", "(?<", "\\", "{"))
    return not is_name and before.count("[") == before.count("]")


def _near_words(asking: Asking, word: str) -> list[str]:
    """Words of the records of which `word` is a misspelling by one letter, or two if long."""
    most = 1 if len(word) < _LONG_WORD else 2
    words = {one for text in _texts_near(asking, word) for one in _WORDS.findall(text)}
    low = word.lower()
    near = [one for one in words if edits(low, one.lower(), most) <= most]
    return sorted(near, key=lambda one: (edits(low, one.lower(), most), one))


def _texts_near(asking: Asking, word: str) -> list[str]:
    """Values with one half of `word`: one wrong letter leaves the other half intact."""
    half = len(word) // 2
    pieces = (word[:half], word[half:], word[1:-1])
    return [
        text
        for piece in pieces
        if len(piece) > 1
        for text in texts_with(asking, regex(escape(piece), "i"), _SAMPLED)
    ]


def _only_case(query: Any, options: str, asking: Asking) -> bool:
    """Whether the first suggestion is the same pattern with the option ``i``."""
    pattern = asking.condition.operand["$regex"]
    same = asking.with_operand("", {**asking.condition.operand, **regex(pattern, f"{options}i")})
    return bool(same.query == query)


def _instead(asking: Asking, operand: dict[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    """Operands to try, the most certain first."""
    options = str(operand.get("$options", ""))
    rest = {key: one for key, one in operand.items() if key not in ("$regex", "$options")}
    for pattern, further in _written_otherwise(operand["$regex"]):
        for letters in (further, f"{further}i"):
            yield regex(pattern, options + letters) | rest
    for pattern in _corrected(asking, _bare(operand["$regex"])):
        yield regex(pattern, options) | rest


def _bare(pattern: str) -> str:
    slashes = _SLASHES.fullmatch(pattern)
    return slashes[1] if slashes else pattern


def _written_otherwise(pattern: str) -> Iterator[tuple[str, str]]:
    """(pattern, options) of the same pattern without what other tools write."""
    yield pattern, ""
    slashes = _SLASHES.fullmatch(pattern) or _SLASHES.fullmatch(pattern.strip("^$"))
    if slashes:
        start, end = "^" * pattern.startswith("^"), "$" * pattern.endswith("$")
        pattern = f"{start}{slashes[1]}{end}"
        yield pattern, slashes[2]
    if cleaned(pattern) != pattern:
        yield cleaned(pattern), ""
    if "\\\\" in pattern:
        yield pattern.replace("\\\\", "\\"), ""
    for bare in (pattern.lstrip("^"), pattern.rstrip("$"), pattern.strip("^$"), _swapped(pattern)):
        if bare and bare != pattern:
            yield bare, ""
    if set("*%") & set(pattern.replace(".*", "")):
        yield as_glob(pattern.replace(".*", "*")), ""
    if escape(pattern) != pattern:
        yield escape(pattern), ""
        start, end = "^" * pattern.startswith("^"), "$" * pattern.endswith("$")
        yield f"{start}{escape(pattern.strip('^$'))}{end}", ""


def _swapped(pattern: str) -> str:
    """`pattern` with the anchors of the other ends: ``$raw`` and ``raw^``."""
    if pattern.startswith("$"):
        return f"^{pattern.strip('^$')}"
    return f"{pattern.strip('^$')}$" if pattern.endswith("^") else pattern


def _corrected(asking: Asking, pattern: str) -> Iterator[str]:
    """The pattern with its longest misspelt run replaced, or with a date as ISO 8601."""
    core = pattern.strip("^$")
    dates = readings_of(core, DateReader()) if re.search(r"\d", core) else []
    if len(dates) == 1 and dates[0] != core:
        yield f"^{dates[0][:10]}"
    texts = known_texts(asking) or list(texts_of(asking, asking.path, _SAMPLED))
    runs = sorted(_LITERAL.finditer(pattern), key=lambda one: -len(one.group()))
    for run in runs[:3]:
        plain = re.sub(r"\\(.)", r"\1", run.group())
        near_parts = _nearest_parts(plain, texts, numbers_too=asking.path in NAMES)
        for near in near_parts[:2] or _with_one_word(asking, plain):
            yield pattern[: run.start()] + escape(near) + pattern[run.end() :]


def _nearest_parts(text: str, values: list[str], *, numbers_too: bool) -> list[str]:
    """Parts of `values`, as many words long as `text`, that it may be a misspelling of."""
    words = list(_WORD.finditer(text))
    if not words or not re.search(r"[^\W\d]", text):
        return []
    head, tail = text[: words[0].start()], text[words[-1].end() :]
    core = text[words[0].start() : words[-1].end()]
    parts = {part for value in values for part in _parts(value, len(words))}
    near = [one for one in parts if one != core and _may_be_meant(core, one)]
    low = core.lower()
    near.sort(key=lambda one: (edits(low, one.lower(), 4), -ratio(low, one.lower()), one))
    return [f"{head}{one}{tail}" for one in near]


def _may_be_meant(text: str, part: str) -> bool:
    """Whether `part` may be meant by `text`: also one wrong letter of three, or three of many.

    What is suggested finds records, so that more is worth trying than for a plain value.
    """
    if is_misspelling(text, part):
        return True
    low, other = text.lower(), part.lower()
    if len(low) == _SHORT_WORD and low.isalpha():
        return len(other) in (2, 3, 4) and edits(low, other, 1) <= 1
    return len(low) >= _LONG_WORD and edits(low, other, 3) <= 3


def _with_one_word(asking: Asking, text: str) -> list[str]:
    """`text` with one word corrected that no record has; it may be a part of a longer word."""
    for found in _WORDS.finditer(text):
        word = found.group()
        if not asking.has_match({asking.path: regex(escape(word), "i")}):
            starts = _near_starts(_texts_near(asking, word), word)
            return [text[: found.start()] + one + text[found.end() :] for one in starts[:2]]
    return []


def _near_starts(texts: list[str], word: str) -> list[str]:
    """Beginnings of words of `texts`, about as long as `word`, that it is one letter off."""
    low, length = word.lower(), len(word)
    words = {one for text in texts for one in _WORDS.findall(text)}
    starts = {one[:size] for one in words for size in (length - 1, length, length + 1)}
    near = [one for one in starts if edits(low, one.lower(), 1) <= 1]
    return sorted(near, key=lambda one: (abs(len(one) - length), one))


def _parts(value: str, length: int) -> Iterator[str]:
    words = list(_WORD.finditer(value))
    for first in range(len(words) - length + 1):
        yield value[words[first].start() : words[first + length - 1].end()]
