"""Pages of a listing, as ListObjectsV2 defines them, over keys that are already sorted.

`page_of` reads the keys through a `Seek`, so that a lister need not keep all in memory.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from dispatch_core.sources.protocols import ListPage, StoredObject

MAX_KEYS = 1000
_MAX_SKIPPED = 16
"""Keys of one common prefix that are skipped one by one before seeking past it."""


Seek = Callable[[str], Iterator[StoredObject]]
"""Function from a key to the objects from that key on, ascending by key."""


def page_of(
    objects: Sequence[StoredObject] | Seek,
    prefix: str,
    *,
    delimiter: str = "",
    start_after: str = "",
    token: str | None = None,
    max_keys: int = MAX_KEYS,
) -> ListPage:
    """One page of a listing, as ListObjectsV2 defines it.

    `objects` are sorted by key in code point order, which is the order of their UTF-8
    bytes. Objects and common prefixes together are at most `max_keys`, never more than
    1,000. A common prefix is listed if any key below it is after `start_after`. A token
    is the next key to list; it overrides `start_after`.
    """
    seek = objects if callable(objects) else seek_in(objects)
    floor = _floor(prefix, start_after, token)
    found: list[StoredObject] = []
    prefixes: list[str] = []
    limit = min(max_keys, MAX_KEYS)
    for stored, common in _entries(seek, floor, prefix, delimiter):
        if len(found) + len(prefixes) >= limit:
            return ListPage.of(found, prefixes, stored.key)
        if common:
            prefixes.append(common)
        else:
            found.append(stored)
    return ListPage.of(found, prefixes)


def page_of_keys(
    pieces: Callable[[str], Iterable[Sequence[str]]],
    prefix: str,
    *,
    delimiter: str = "",
    start_after: str = "",
    token: str | None = None,
    max_keys: int = MAX_KEYS,
) -> ListPage:
    """The page that `page_of` makes, from keys in sorted pieces, in a fifth of the time.

    `pieces` is a function from a key to the pieces from that with this key on, ascending.
    """
    floor, limit = _floor(prefix, start_after, token), min(max_keys, MAX_KEYS)
    keys: list[str] = []
    prefixes: list[str] = []
    for piece in pieces(floor):
        if not piece:
            continue
        at = bisect_left(piece, floor) if piece[0] < floor else 0
        end = _end_of(prefix, piece, at)
        while at < end:
            if prefixes and piece[at].startswith(prefixes[-1]):
                at = _end_of(prefixes[-1], piece, at)
                continue
            room = limit - len(keys) - len(prefixes)
            if room <= 0:
                return ListPage(keys, prefixes, piece[at])
            until = min(end, at + room)
            common = _first_with(delimiter, piece, range(at, until), len(prefix))
            keys += piece[at:common]
            if common < until:
                cut = piece[common].find(delimiter, len(prefix)) + len(delimiter)
                prefixes.append(piece[common][:cut])
            at = common
    return ListPage(keys, prefixes)


def _end_of(prefix: str, piece: Sequence[str], at: int) -> int:
    """The index after the keys with a prefix, which begin at the index `at`."""
    if at < len(piece) and piece[-1].startswith(prefix):
        return len(piece)
    return bisect_left(piece, True, at, key=lambda key: not key.startswith(prefix))


def _first_with(delimiter: str, piece: Sequence[str], within: range, start: int) -> int:
    """The first index whose key has the delimiter after `start`; the end of the range if none."""
    if not delimiter or delimiter not in "\n".join(piece[within.start : within.stop]):
        return within.stop
    has = (number for number in within if piece[number].find(delimiter, start) >= 0)
    return next(has, within.stop)


def seek_in(objects: Sequence[StoredObject]) -> Seek:
    """A `Seek` over objects that are sorted by key."""

    def seek(floor: str) -> Iterator[StoredObject]:
        return (objects[index] for index in range(first_index(objects, floor), len(objects)))

    return seek


def first_index(objects: Sequence[StoredObject], floor: str) -> int:
    """The index of the first object whose key is at least `floor`."""
    return bisect_left(objects, floor, key=lambda stored: stored.key)


def _entries(
    seek: Seek, floor: str, prefix: str, delimiter: str
) -> Iterator[tuple[StoredObject, str]]:
    """(first object, common prefix or "") of each entry of a listing."""
    stream = seek(floor)
    common, skipped = "", 0
    while (found := next(stream, None)) is not None and found.key.startswith(prefix):
        key = found.key
        if common and key.startswith(common):
            skipped += 1
            if skipped > _MAX_SKIPPED:
                stream = seek(_after_prefix(common))
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        common, skipped = key[: cut + len(delimiter)] if cut >= 0 else "", 0
        yield found, common


def _floor(prefix: str, start_after: str, token: str | None) -> str:
    """The first key that a page may have."""
    return max(prefix, _after_key(start_after)) if token is None else token


def _after_key(key: str) -> str:
    """The first text after `key`, or "" for no key."""
    return f"{key}\0" if key else ""


def _after_prefix(prefix: str) -> str:
    """The first text after everything that starts with `prefix`."""
    head = prefix.rstrip("\U0010ffff")
    if not head:
        return prefix + "\U0010ffff"
    following = ord(head[-1]) + 1
    # Skip the surrogates, which are not characters and never occur in a key.
    return head[:-1] + chr(0xE000 if following == 0xD800 else following)
