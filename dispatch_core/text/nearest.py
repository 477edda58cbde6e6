"""The nearest existing texts of many unknown ones, in one pass over what exists.

Near means, from nearest to farthest: the same letters and digits in another case or with
other signs; one character more, less, different or swapped; a text that begins so; a place
inside an existing location; an existing id among other words. 100,000 known and 20,000
unknown texts take a few seconds: nothing is compared with everything.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dispatch_core.text.invisible import visible

MOST_NEAREST = 3
_SHORTEST = 4
"""Shorter texts have too many neighbours."""

_LARGEST_GROUP = 100
_SIGNS = "_- ./:,()\t"
_WORD = re.compile(r"[\w.:/-]+")


Wanted = Mapping[str, str]
"""Unknown text -> as it looks, in lower case."""

Known = Sequence[tuple[str, str]]
"""(in lower case, as it is) of each known text."""

Near = dict[str, list[str]]
_Halves = tuple[dict[str, list[str]], dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest known texts of an unknown one, at most three, and how they differ."""

    texts: tuple[str, ...]
    how: str
    count: int


def nearest_of(unknown: Collection[str], known: Iterable[str]) -> dict[str, Nearest]:
    """Unknown text -> its nearest known ones; without an entry if there is none."""
    wanted = {text: visible(text).casefold() for text in unknown}
    wanted = {text: folded for text, folded in wanted.items() if len(folded) >= _SHORTEST}
    lowered = [(one.casefold(), one) for one in known] if wanted else []
    found: dict[str, Nearest] = {}
    for how, matches in _KINDS.items():
        left = {text: folded for text, folded in wanted.items() if text not in found}
        for text, near in matches(left, lowered).items():
            texts = sorted(set(near))
            found[text] = Nearest(tuple(texts[:MOST_NEAREST]), how, len(texts))
    return found


def _same_letters(wanted: Wanted, known: Known) -> Near:
    by_letters = _grouped(wanted, lambda text: _letters(wanted[text]))
    found: Near = defaultdict(list)
    for folded, one in known if by_letters else ():
        for text in by_letters.get(_letters(folded), ()):
            found[text].append(one)
    return found


def _letters(folded: str) -> str:
    for sign in _SIGNS:
        folded = folded.replace(sign, "")
    return folded


def _grouped(texts: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        groups[key(text)].append(text)
    return groups


def _one_off(wanted: Wanted, known: Known) -> Near:
    """One edit leaves the first or the second half of the last part of a text as it was."""
    halves = _halves(wanted)
    reach = {length + more for length in halves for more in (-1, 0, 1)}
    found: Near = defaultdict(list)
    for folded, one in known:
        part = _last_part(folded)
        if len(part) in reach:
            for text in _with_a_half_of(part, halves):
                if _is_one_off(wanted[text], folded):
                    found[text].append(one)
    return found


def _last_part(folded: str) -> str:
    return folded.rstrip("/").rpartition("/")[2]


def _halves(wanted: Wanted) -> dict[int, _Halves]:
    """Length of the last part -> the texts by its first and by its second half."""
    by_length: dict[int, list[str]] = defaultdict(list)
    for text, folded in wanted.items():
        by_length[len(_last_part(folded))].append(text)
    return {
        length: (
            _by_half(texts, wanted, slice(None, length // 2)),
            _by_half(texts, wanted, slice(length // 2, None)),
        )
        for length, texts in by_length.items()
    }


def _by_half(texts: Iterable[str], wanted: Wanted, half: slice) -> dict[str, list[str]]:
    """Half -> texts, without a half that many texts share, such as ``asset-``."""
    groups = _grouped(texts, lambda text: _last_part(wanted[text])[half])
    return {key: some for key, some in groups.items() if len(some) <= _LARGEST_GROUP}


def _with_a_half_of(part: str, halves: Mapping[int, _Halves]) -> Iterable[str]:
    found: list[str] = []
    for length in (len(part) - 1, len(part), len(part) + 1):
        if length in halves:
            heads, tails = halves[length]
            found += heads.get(part[: length // 2], ())
            found += tails.get(part[length // 2 - length :], ())
    return dict.fromkeys(found)


def _is_one_off(one: str, other: str) -> bool:
    """Whether one insertion, deletion, change or swap of neighbours makes them equal."""
    shorter, longer = sorted((one, other), key=len)
    start = next((n for n, c in enumerate(shorter) if c != longer[n]), len(shorter))
    if len(shorter) < len(longer):
        return shorter[start:] == longer[start + 1 :]
    if shorter[start + 1 :] == longer[start + 1 :]:
        return True
    swapped = shorter[start + 1 : start + 2] + shorter[start : start + 1]
    return swapped == longer[start : start + 2] and shorter[start + 2 :] == longer[start + 2 :]


def _begins_so(wanted: Wanted, known: Known) -> Near:
    by_length: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for text, folded in wanted.items():
        by_length[len(folded)][folded].append(text)
    found: Near = defaultdict(list)
    for length, starts in by_length.items():
        for folded, one in known:
            for text in starts.get(folded[:length], ()):
                found[text].append(one)
    return found


def _enclosing(wanted: Wanted, known: Known) -> Near:
    """A file or folder of an asset is given instead of the asset: its parents are looked up."""
    inside = [text for text in wanted if "/" in text]
    places = {one.rstrip("/") for _, one in known if "/" in one} if inside else set()
    found: Near = {}
    for text in inside:
        parents = [text[: at.start()] for at in re.finditer("/", text)]
        near = [parent for parent in reversed(parents) if parent in places]
        if near:
            found[text] = near[:1]
    return found


def _contained(wanted: Wanted, known: Known) -> Near:
    """An id among other words, such as a note."""
    words = {text: _WORD.findall(visible(text)) for text in wanted}
    words = {text: some for text, some in words.items() if len(some) > 1}
    every = {one for _, one in known} if words else set()
    found = {
        text: [one for word in some for one in (word, word.strip(".:/-")) if one in every]
        for text, some in words.items()
    }
    return {text: near for text, near in found.items() if near}


_KINDS: dict[str, Callable[[Wanted, Known], Near]] = {
    "the same except for case, blanks or signs": _same_letters,
    "one character differs": _one_off,
    "it begins so": _begins_so,
    "the place is inside it": _enclosing,
    "the text contains it": _contained,
}
"""How texts differ, from nearest to farthest -> the function that finds them."""
