"""One page of a listing, as ListObjectsV2 defines it, over keys that are already sorted.

`page_of` takes the keys from a `Seek`, so that a lister need not hold all of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from dispatch_core.sources.protocols import ListPage, StoredObject

MAX_KEYS = 1000
_READ_ON = 16
"""Keys of one common prefix that are read past before seeking behind it."""


Seek = Callable[[str], Iterator[StoredObject]]
"""Gives objects ascending by key, from the first key that is not before the one named."""


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

    `objects` ascend by key in code point order, which is the order of their UTF-8
    bytes. Objects and common prefixes together are at most `max_keys`, never more
    than 1,000. A common prefix is listed when any key below it comes after
    `start_after`. A token is the next key to look at; it overrules `start_after`.
    """
    seek = objects if callable(objects) else seek_in(objects)
    floor = max(prefix, _behind_key(start_after)) if token is None else token
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


def seek_in(objects: Sequence[StoredObject]) -> Seek:
    """A `Seek` over objects that ascend by key."""

    def seek(floor: str) -> Iterator[StoredObject]:
        return (objects[index] for index in range(first_index(objects, floor), len(objects)))

    return seek


def first_index(objects: Sequence[StoredObject], floor: str) -> int:
    return bisect_left(objects, floor, key=lambda stored: stored.key)


def _entries(
    seek: Seek, floor: str, prefix: str, delimiter: str
) -> Iterator[tuple[StoredObject, str]]:
    """The (first) object and the common prefix ("" for none) of each entry of a listing."""
    stream = seek(floor)
    behind, passed = "", 0
    while (found := next(stream, None)) is not None and found.key.startswith(prefix):
        key = found.key
        if behind and key.startswith(behind):
            passed += 1
            if passed > _READ_ON:
                stream = seek(_behind_prefix(behind))
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        behind, passed = key[: cut + len(delimiter)] if cut >= 0 else "", 0
        yield found, behind


def _behind_key(key: str) -> str:
    """The first text after `key`, or "" for no key."""
    return f"{key}\0" if key else ""


def _behind_prefix(prefix: str) -> str:
    """The first text after everything that starts with `prefix`."""
    head = prefix.rstrip("\U0010ffff")
    if not head:
        return prefix + "\U0010ffff"
    following = ord(head[-1]) + 1
    # surrogates are no characters: no key holds one
    return head[:-1] + chr(0xE000 if following == 0xD800 else following)
