"""Which texts are so close that one is probably a misspelling of the other."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

CLOSE = 0.85
"""The similarity (0 to 1) from which a name may be a misspelling of another."""

LONG = 12
"""From this length on, two edits are a misspelling, and one in a number is, too."""

_NUMBER = re.compile(r"\d+")
_SEPARATORS = re.compile(r"[\s_/:-]+|__")


def ratio(one: str, other: str) -> float:
    """The similarity of two texts, from 0 to 1."""
    return SequenceMatcher(None, one, other).ratio()


def edits(one: str, other: str, most: int = 2) -> int:
    """The insertions, deletions, replacements and swaps between two texts, up to `most` + 1."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


def is_misspelling(text: str, value: str, *, numbers_too: bool = False) -> bool:
    """Whether `text` may be a misspelling of `value`, ignoring case.

    A text that differs only in a number (``mouse 12``) names something else, except
    with `numbers_too`, for long names that are unique.
    """
    text, value = text.lower(), value.lower()
    if text != value and _NUMBER.sub("0", text) == _NUMBER.sub("0", value):
        return numbers_too and len(text) >= LONG and edits(text, value, 1) <= 1
    if len(text) >= LONG and edits(text, value) <= 2:
        return True
    if len(text) >= 4 and edits(text, value, 1) <= 1:
        return True
    return ratio(text, value) >= (CLOSE if not numbers_too else 0.95)


def plain_path(path: str) -> str:
    """`path` in lower case, with every separator between words as a dot."""
    return _SEPARATORS.sub(".", path.lower())


def is_close_path(one: str, path: str) -> bool:
    """Whether `path` is `one` without its beginning, or a misspelling of what differs.

    The parts that both begin with say nothing about the rest.
    """
    names, others = one.lower().split("."), path.lower().split(".")
    if plain_path(one) == plain_path(path):
        return True
    while names and others and names[0] == others[0]:
        names, others = names[1:], others[1:]
    while len(names) > 1 and len(others) > 1 and names[-1] == others[-1]:
        names, others = names[:-1], others[:-1]
    mine, theirs = ".".join(names), ".".join(others)
    if one.lower().endswith(f".{path.lower()}"):
        return True
    return ratio(mine, theirs) >= CLOSE or (len(theirs) >= 4 and edits(mine, theirs, 1) <= 1)
