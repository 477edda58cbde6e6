"""A pattern that no record matches, and the pattern that is probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from dispatch_core.insight.asking import NAMES, Advice, Asking, is_other_spelling, shown
from dispatch_core.insight.date_slips import readings_of, texts_of
from dispatch_core.insight.similar import edits, is_misspelling, ratio
from dispatch_core.insight.value_slips import as_glob, cleaned, escape, known_texts, regex
from dispatch_core.language.match import is_operator_document
from dispatch_core.text.dates import DateReader
from dispatch_core.types import JsonValue

_SAMPLED: Final = 300
_SLASHES: Final = re.compile(r"/(.+)/([imsxgu]*)", re.DOTALL)
_LITERAL: Final = re.compile(r"(?:[^.*+?^${}()|\[\]\\]|\\[^A-Za-z0-9]|\.(?![*+?{]))+")
"""A run of a pattern that matches itself; a lone dot counts, as it is often one."""

_WORD: Final = re.compile(r"[^\W_]+")


def pattern_advice(asking: Asking) -> Advice | None:
    """Advice on a ``$regex`` that no record matches."""
    operand = asking.condition.operand
    if not is_operator_document(operand) or not isinstance(operand.get("$regex"), str):
        return None
    if asking.known is None or "string" not in asking.known.types:
        return None
    if asking.is_met() or asking.is_alternative() or is_other_spelling(asking):
        return None
    suggestions = tuple(asking.matching((("", one) for one in _instead(asking, operand)), 3))
    pattern, options = operand["$regex"], operand.get("$options", "")
    what = f"No record matches the pattern {shown(pattern)} in {asking.path}"
    if _SLASHES.fullmatch(pattern):
        what += ": the slashes are part of it"
    elif suggestions and _only_case(suggestions[0].query, options, asking):
        what += ": it distinguishes upper and lower case"
    return Advice("pattern", asking.path, what, suggestions) if suggestions else None


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
        for near in _nearest_parts(plain, texts, numbers_too=asking.path in NAMES)[:2]:
            yield pattern[: run.start()] + escape(near) + pattern[run.end() :]


def _nearest_parts(text: str, values: list[str], *, numbers_too: bool) -> list[str]:
    """Parts of `values`, as many words long as `text`, that it may be a misspelling of."""
    words = list(_WORD.finditer(text))
    if not words or not re.search(r"[^\W\d]", text):
        return []
    head, tail = text[: words[0].start()], text[words[-1].end() :]
    core = text[words[0].start() : words[-1].end()]
    parts = {part for value in values for part in _parts(value, len(words))}
    near = [one for one in parts if one != core and is_misspelling(core, one)]
    low = core.lower()
    near.sort(key=lambda one: (edits(low, one.lower(), 4), -ratio(low, one.lower()), one))
    return [f"{head}{one}{tail}" for one in near]


def _parts(value: str, length: int) -> Iterator[str]:
    words = list(_WORD.finditer(value))
    for first in range(len(words) - length + 1):
        yield value[words[first].start() : words[first + length - 1].end()]
