"""Which extensions a place has whose keys do not match."""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import lru_cache
from operator import itemgetter

AFTER_SLASH = "0"
"""The character after "/": where what is below a prefix ends."""

_MOST_EXTENSIONS = 1000
_STORE = re.compile(r"\.(?:zarr|n5|nwb)(?=/)", re.IGNORECASE)
_DOUBLED = (".ome", ".nwb")
"""Extensions that belong to the one that follows: ``.ome.zarr``."""

Counts = tuple[tuple[str, int], ...]
"""(extension, number) of each extension."""


class Held:
    """Counts the extensions of keys below a place; a store of a known kind counts once."""

    __slots__ = ("_counts", "_start", "_store")

    def __init__(self, start: int) -> None:
        self._start = start
        self._store = ""
        self._counts: dict[str, int] = {}

    def add(self, keys: list[str]) -> None:
        """Adds keys in the order of the listing."""
        has_stores = self._store or _STORE.search("\n".join(keys), self._start)
        counts = self._counts
        for found in self._kinds(keys) if has_stores else _extensions_of(keys):
            if found in counts:
                counts[found] += 1
            elif found and len(counts) < _MOST_EXTENSIONS:
                counts[found] = 1

    def _kinds(self, keys: list[str]) -> Iterator[str]:
        """The extension of each key or store, once for the keys of a store."""
        start, store, at = self._start, self._store, 0
        while at < len(keys):
            key = keys[at]
            if store and key.startswith(store):
                # the other keys of the store follow; a server that does not sort is read key by key
                end = bisect_left(keys, store[:-1] + AFTER_SLASH, at)
                at = end if end > at and keys[end - 1].startswith(store) else at + 1
                continue
            match = _STORE.search(key, start)
            store = key[: match.end() + 1] if match else ""
            yield self._kind_of(match) if match else _extension_in(key[key.rfind("/") + 1 :])
            at += 1
        self._store = store

    def _kind_of(self, match: re.Match[str]) -> str:
        key, at = match.string, match.start()
        before = key[max(self._start, at - len(_DOUBLED[0])) : at]
        return sys.intern((before if before.lower() in _DOUBLED else "") + match[0])

    @property
    def counts(self) -> Counts:
        """The extensions in the order in which they were first seen."""
        return tuple(self._counts.items())


def most_common(counts: Counts) -> Counts:
    """`counts`, most frequent first."""
    return tuple(sorted(sorted(counts), key=itemgetter(1), reverse=True))


_EXTENSION = re.compile(
    r"(?<=.)(?:\.(?:ome|nwb)\.\w{1,12}|\.\w{1,5}\.(?:gz|bz2|xz|zst)|\.(?=\w*[A-Za-z])\w{1,12})\Z",
    re.DOTALL,
)


def _extensions_of(keys: Iterable[str]) -> Iterator[str]:
    return map(_extension_in, [key.rpartition("/")[2] for key in keys])


@lru_cache(maxsize=4096)
def _extension_in(name: str) -> str:
    """The extension of a file, "" without one; the files of many assets have the same names."""
    match = _EXTENSION.search(name)
    return sys.intern(match[0]) if match else ""
