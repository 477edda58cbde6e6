"""A text that no record has in a field, and the values that are probably meant.

A part of a value, a pattern, another case, a day, a misspelling, a blank at the end, or
several values in one text: each has one repair, and the source is asked before it is
suggested. In a field of few values, these are listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from dispatch_core.insight.asking import (
    NAMES,
    Advice,
    Asking,
    Suggestion,
    as_operators,
    compared,
    exchanged,
    is_other_spelling,
    shown,
)
from dispatch_core.insight.date_slips import flat_texts, readings_of
from dispatch_core.insight.similar import edits, is_misspelling, ratio
from dispatch_core.insight.values import ValueCount
from dispatch_core.language.match import is_operator_document
from dispatch_core.language.paths import value_at
from dispatch_core.text.dates import DateReader
from dispatch_core.types import Filter, JsonValue, Pipeline

FEW_VALUES = 12
"""A field with at most this many values, each in many records, has them listed."""

MOST_IN_LIST = 100
_SIMILAR: Final = 0.6
_EACH_IN: Final = 5
_LETTERS: Final = re.compile("[^\\W\\d_]{3}")
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d"
_SEVERAL: Final = re.compile(r"\s*[,;|\n\t]\s*|\s+or\s+")
_SLASHES: Final = re.compile(r"/(.+)/([imsxgu]*)", re.DOTALL)
_SIGNS: Final = re.compile(r"^\^|\$$|\.[*+?]|\\[.dws]|\[[^\]]+\]|\([^)]*\|")


def value_advice(asking: Asking) -> Advice | None:
    """Advice on an equality with a text, or on ``$in``, if no record matches it."""
    operand = asking.condition.operand
    if is_operator_document(operand) and not operand.keys() <= {"$eq", "$in"}:
        return None
    values = [value for value in compared(operand) if isinstance(value, str)]
    if not values or asking.known is None or "string" not in asking.known.types:
        return None
    if asking.is_met() or asking.is_alternative() or is_other_spelling(asking):
        return None
    return _advice_on(asking, values[:5])


def _advice_on(asking: Asking, values: list[str]) -> Advice | None:
    path = asking.path
    for text in values:
        suggestions = tuple(asking.matching(_instead(asking, text)))
        if suggestions:
            message = f"No record has {shown(text)} as {path}"
            return Advice("value", path, message + listed(asking), suggestions)
    known = listed(asking)
    message = f"No record has {shown(values[0])} as {path}{known}"
    return Advice("value", path, message) if known else None


def _instead(asking: Asking, text: str) -> Iterator[tuple[str, JsonValue]]:
    """(label, operand) of what may be meant, the most certain first."""
    operand = asking.condition.operand
    is_list = is_operator_document(operand) and isinstance(operand.get("$in"), list)
    for value in values_instead(asking, text):
        yield str(value), exchanged(operand, text, value)
    if is_list and len(operand["$in"]) > 1:
        return
    for pattern in _patterns(asking, text):
        yield "", pattern
    near = near_values(asking, text)
    for one in near:
        yield str(one), exchanged(operand, text, one)


def values_instead(asking: Asking, text: str) -> Iterator[JsonValue]:
    """Values that `text` is with a blank, a quote or a letter case too many."""
    clean = cleaned(text)
    if clean != text:
        yield clean
    same = _same_but_case(asking, clean)
    yield from same


def cleaned(text: str) -> str:
    """`text` without blanks, quotes and invisible characters around it."""
    return text.strip().strip(_INVISIBLE).strip(_QUOTES).strip()


def _same_but_case(asking: Asking, text: str) -> list[str]:
    pattern = {"$regex": f"^{re.escape(text)}$", "$options": "i"}
    return [one for one in texts_with(asking, pattern, 20) if one.lower() == text.lower()][:3]


def _patterns(asking: Asking, text: str) -> Iterator[JsonValue]:
    """Operands in which `text` is several values, a pattern, a day or a part of a value."""
    parts = [cleaned(one) for one in _SEVERAL.split(text)]
    if len([one for one in parts if one]) > 1:
        yield {"$in": [one for one in parts if one]}
    elif len(text.split()) > 1:
        yield {"$in": text.split()}
    slashes = _SLASHES.fullmatch(text)
    if slashes:
        yield regex(slashes[1], slashes[2])
    if _SIGNS.search(text):
        yield {"$regex": text}
        yield regex(text, "i")
    if set("*%") & set(text):
        yield {"$regex": as_glob(text)}
    day = readings_of(text, DateReader()) if re.search(r"\d", text) else []
    if len(day) == 1 and len(day[0]) >= 10:
        yield {"$regex": f"^{day[0][:10]}"}
    yield from _as_part(asking, cleaned(text))


def regex(pattern: str, options: str) -> dict[str, JsonValue]:
    """A ``$regex`` operand; the letters that MongoDB has not are omitted."""
    kept = "".join(sorted(set(options) & set("imsx")))
    return {"$regex": pattern} | ({"$options": kept} if kept else {})


def as_glob(text: str) -> str:
    """The pattern of a text with ``*`` or ``%`` for any characters."""
    parts = [re.escape(one) for one in re.split(r"[*%]+", text)]
    start, end = ("^" if parts[0] else ""), ("$" if parts[-1] else "")
    return start + ".*".join(parts).removeprefix(".*").removesuffix(".*") + end


def _as_part(asking: Asking, text: str) -> Iterator[JsonValue]:
    """A pattern if values contain `text`, anchored if all of them begin with it."""
    if len(text) < 3:
        return
    escaped = escape(text)
    pattern = {"$regex": escaped, "$options": "i"}
    held = [one for one in texts_with(asking, pattern, 50) if text.lower() in one.lower()]
    if not held:
        return
    options = "" if any(text in one for one in held) else "i"
    starts = all(one.lower().startswith(text.lower()) for one in held)
    yield regex(f"^{escaped}" if starts else escaped, options)


def escape(text: str) -> str:
    """`text` as a pattern that matches itself; blanks and hyphens stay readable."""
    return re.sub(r"([.*+?^${}()|\[\]\\])", r"\\\1", text)


def texts_with(asking: Asking, pattern: Filter, most: int, path: str = "") -> list[str]:
    """Different texts of the field in records that match `pattern`, each once."""
    path = path or asking.path
    stages: Pipeline = [{"$match": {path: pattern}}, {"$limit": most}, {"$project": {path: 1}}]
    rows = asking.source.aggregate(stages)
    return list(dict.fromkeys(one for row in rows for one in flat_texts(value_at(row, path))))


def near_values(asking: Asking, text: str) -> list[str]:
    """Values of the field of which `text` may be a misspelling, the nearest first.

    In a field of few values, one that is hardly similar is meant, as ``raw`` by ``rw``.
    """
    text = cleaned(text)
    few = _few_texts(asking)
    if few:
        low = text.lower()
        near = [
            one
            for one in few
            if ratio(low, one.lower()) >= _SIMILAR or (low and one.lower().startswith(low))
        ]
    elif _LETTERS.search(text) or asking.path in NAMES:
        likely = {*known_texts(asking), *_by_piece(asking, text)}
        is_name = asking.path in NAMES
        near = [one for one in likely if is_misspelling(text, one, numbers_too=is_name)]
    else:
        near = []
    low = text.lower()
    return sorted(near, key=lambda one: (edits(low, one.lower(), 4), -ratio(low, one.lower()), one))


def _few_texts(asking: Asking) -> list[str]:
    """The texts of a field of few values, if they have letters; else none."""
    texts = known_texts(asking) if _is_few(asking) else []
    return texts if all(_LETTERS.search(one) for one in texts) else []


def known_texts(asking: Asking) -> list[str]:
    """The most common texts of the field; none for names, which are all different."""
    if asking.path in NAMES:
        return []
    return [one.value for one in asking.common_values.values if isinstance(one.value, str)]


def _by_piece(asking: Asking, text: str) -> Iterator[str]:
    """Values that contain a third of `text`: two edits leave one of the thirds intact."""
    if len(text) < 9 or (asking.path not in NAMES and not asking.common_values.more):
        return
    third = -(-len(text) // 3)
    for start in range(0, len(text), third):
        piece = {"$regex": escape(text[start : start + third]), "$options": "i"}
        yield from texts_with(asking, piece, 100)


def listed(asking: Asking) -> str:
    """The values of a field of few values, each with its count; else ""."""
    if not _is_few(asking):
        return ""
    return f"; it has {', '.join(str(one) for one in asking.common_values.values)}"


def _is_few(asking: Asking) -> bool:
    """Whether the field has few values, each in many records.

    With hardly more records than values, the values say nothing about others.
    """
    if asking.path in NAMES:
        return False
    found = asking.common_values
    records = sum(one.count for one in found.values)
    is_short = 0 < len(found.values) <= FEW_VALUES and not found.more
    return is_short and records >= _EACH_IN * len(found.values)


# Each value of a list


def list_advice(asking: Asking) -> Advice | None:
    """How many records have each value of ``$in``, if some of them have none.

    Where an ``$or`` asks the same of both spellings of a field, a record has the value in
    either of them.
    """
    operand = asking.condition.operand
    values = operand.get("$in") if is_operator_document(operand) else None
    if not isinstance(values, list) or not 1 < len(values) <= MOST_IN_LIST:
        return None
    plain = [one for one in values if isinstance(one, str | int | float)]
    counts = [ValueCount(one, asking.count_spelled({"$eq": one})) for one in plain]
    held = {str(one.value) for one in counts if one.count}
    unknown = [one.value for one in counts if not one.count and str(one.value) not in held]
    if not unknown or not held:
        return None
    found = ", ".join(str(one) for one in counts if one.count)
    missing = ", ".join(shown(one) for one in unknown)
    message = f"No record has {missing} as {asking.path}; found are {found}"
    suggestions = tuple(_for_unknown(asking, [one for one in unknown if isinstance(one, str)]))
    return Advice("values", asking.path, message, suggestions)


def _for_unknown(asking: Asking, unknown: list[str]) -> Iterator[Suggestion]:
    """The list with one value corrected, for each unknown value that has a repair."""
    operand = asking.condition.operand
    for text in unknown[:5]:
        candidates = [*values_instead(asking, text), *near_values(asking, text)]
        for one in candidates[:3]:
            if asking.has_match({asking.path: {"$eq": one}}):
                yield asking.with_operand(f"{one} for {text}", exchanged(operand, text, one))
                break
        else:
            parts = [cleaned(one) for one in _SEVERAL.split(text) if cleaned(one)]
            if len(parts) > 1 and asking.has_match({asking.path: {"$in": parts}}):
                items = [two for one in operand["$in"] for two in (parts if one == text else [one])]
                yield asking.with_operand(", ".join(parts), as_operators({"$in": items}))
