"""Listing one place: the files and directory stores under a prefix.

Every file or directory store whose name ends with the extension is a match. The content
of a matching store is not listed: the delimiter of the listing is the extension with a
slash, so a store of a million chunks is one entry of one response. If a server does not
support this delimiter, the listing is flat and skips past each store.

A store that is only a directory marker, or has only files of the system, is not a match. A
listing by the delimiter cannot tell, so the stores of a place are opened, with one request
each, if the place has other markers or nothing except stores; of the others, some (`stores`).
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from dispatch_core.errors import AccessDenied, DelimiterRefused, Issue, ServiceError
from dispatch_core.listing.not_data import (
    EMPTIED,
    ONLY_SYSTEM,
    STORES_ONLY,
    NotData,
    counted_kinds,
    is_left_behind,
    is_marker,
    why_not_data,
)
from dispatch_core.sources.protocols import ListPage, ObjectLister
from dispatch_core.types import FileEntry, NestedStores

LAST = "\U0010ffff"
"""The last character: every key that sorts after ``a/`` with it is outside ``a/``."""

_STALLS_ALLOWED = 50
_MOST_EXTENSIONS = 1000


class S3Prefix(NamedTuple):
    """A place to list: a bucket, and a prefix that ends with exactly one slash."""

    bucket: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Search:
    """The extension to find, and whether the server groups the keys of a matching store."""

    extension: str
    nested_stores: NestedStores = "outermost"
    by_delimiter: bool = True

    @property
    def mark(self) -> str:
        """The end of a matching store's path within the keys inside it."""
        return self.extension + "/"

    @property
    def delimiter(self) -> str:
        """The delimiter to list with, or "" for a flat listing."""
        return self.mark if self.by_delimiter and self.nested_stores == "outermost" else ""


@dataclass(frozen=True, slots=True)
class Matches:
    """The matches under one prefix.

    Attributes
    ----------
    files
        Sorted by path, each path once.
    held
        Extension -> number of listed entries that did not match, most frequent first;
        a directory store counts once. Empty if anything matched.
    is_empty
        Whether the prefix has no keys, or only directory markers.
    not_data
        Names that end with the extension but are not data, and names that the store cannot
        list, by reason.
    is_store
        Whether the place itself is a Zarr store, although its name does not say so.
    other_case
        A file whose name ends with the extension in another case; "" without one.
    are_stores_opened
        Whether the directory stores are known to have content.
    delimiter_refused
        The server supports no delimiter such as ``.zarr/``, and the listing was flat.
    """

    files: tuple[FileEntry, ...]
    held: tuple[tuple[str, int], ...] = ()
    is_empty: bool = False
    delimiter_refused: bool = False
    not_data: tuple[NotData, ...] = ()
    is_store: bool = False
    other_case: str = ""
    are_stores_opened: bool = True


def list_matches(lister: ObjectLister, place: S3Prefix, search: Search) -> Matches:
    """The files and directory stores under a place whose names end with the extension.

    With ``outermost``, a store of any size costs one request if the server supports the
    delimiter, else two; with ``all``, every 1,000 keys cost one. If the name of the place
    ends with the extension, the place itself is the match.
    """
    if not place.prefix.endswith(search.mark):
        return _list_below(lister, place, search)
    itself = _itself(lister, place, search)
    if isinstance(itself, Matches):
        return itself
    # Not by the delimiter: a server that refuses it has the same matches.
    is_outermost = search.nested_stores == "outermost"
    if itself.kind == "file" or (is_outermost and _is_store(lister, place, search)):
        return Matches((itself,))
    below = _list_below(lister, place, search)
    if is_outermost and below.files:
        return below
    return replace(below, files=(itself, *below.files), held=())


def _itself(lister: ObjectLister, place: S3Prefix, search: Search) -> FileEntry | Matches:
    """The place as a match: a store, or the file whose key is the location; else no matches."""
    if not why_empty(lister, place):
        return FileEntry(f"s3://{place.bucket}/{place.prefix[:-1]}", "directory")
    key = place.prefix[:-1]
    try:
        page = lister.list_page(place.bucket, key)
    except AccessDenied:
        # A policy may allow only what is below the location, and there is nothing.
        return Matches((), is_empty=True)
    rejected = [one for one in page.skipped if _is_at_or_below(place, one[0])]
    if page.keys[:1] == [key]:
        _, size, modified = page.read(0)
        why = why_not_data(key.rpartition("/")[2], size)
        if not why:
            return FileEntry(f"s3://{place.bucket}/{key}", "file", size, modified)
        rejected.append((key, why))
    found = counted_kinds((f"s3://{place.bucket}/{path}", why) for path, why in rejected)
    return Matches((), is_empty=not found, not_data=found)


def _is_at_or_below(place: S3Prefix, key: str) -> bool:
    """Whether a place is `key` itself or below it, as a place below a link is."""
    return place.prefix.startswith(f"{key}/")


def _is_store(lister: ObjectLister, place: S3Prefix, search: Search) -> bool:
    """Whether a folder that is named like a match is one store, and not a folder of files."""
    if search.extension.endswith(STORES_ONLY):
        return True
    page = lister.list_page(*place)
    return any(_is_zarr_mark(key, len(place.prefix)) for key in page.keys)


def why_empty(lister: ObjectLister, place: S3Prefix) -> str:
    """Why a place is not a store: only directory markers or files of the system; else "".

    The content of a store begins at its top, so the first request lists only that.
    """
    start, why = len(place.prefix), EMPTIED
    for page in chain(_top_of(lister, place), _Walk(lister, place)):
        for key in page.keys:
            inside = why_not_content(key, start)
            if not inside:
                return ""
            why = ONLY_SYSTEM if inside == ONLY_SYSTEM else why
        if page.token is None and not page.prefixes:
            break
    return why


def _top_of(lister: ObjectLister, place: S3Prefix) -> Iterator[ListPage]:
    """The first page of the keys directly in a place, if the server takes a slash."""
    with suppress(DelimiterRefused):
        yield lister.list_page(*place, delimiter="/")


def why_not_content(key: str, start: int) -> str:
    """Why a key of a store is not content; "" if it is. ``start`` is where its path begins."""
    if is_marker(key):
        return EMPTIED
    return ONLY_SYSTEM if is_left_behind(key[start:]) else ""


_ZARR_MARKS = frozenset((".zgroup", ".zarray", ".zattrs", ".zmetadata", "zarr.json"))
_LONGEST_MARK = max(map(len, _ZARR_MARKS))


def _is_zarr_mark(key: str, start: int) -> bool:
    return len(key) - start <= _LONGEST_MARK and key[start:] in _ZARR_MARKS


def _list_below(lister: ObjectLister, place: S3Prefix, search: Search) -> Matches:
    if not search.delimiter:
        return _list_flat(lister, place, search)
    try:
        return _list_by_delimiter(lister, place, search)
    except DelimiterRefused:
        flat = replace(search, by_delimiter=False)
        return replace(_list_flat(lister, place, flat), delimiter_refused=True)


def _list_by_delimiter(lister: ObjectLister, place: S3Prefix, search: Search) -> Matches:
    found = MatchCollector(place, search)
    for page in _Walk(lister, place, search.delimiter):
        check_delimiter(page, search.mark, len(place.prefix))
        found.take(page, range(len(page.keys)), page.prefixes)
    return checked_matches(lister, found)


def checked_matches(lister: ObjectLister, found: MatchCollector) -> Matches:
    """The result of a listing, without those doubtful stores that have no content.

    A lister with ``rolls_up_content_only`` returns no common prefix of mere markers.
    """
    if getattr(lister, "rolls_up_content_only", False):
        return found.matches()
    doubtful = found.doubtful_stores()
    for store in doubtful:
        why = why_empty(lister, S3Prefix(found.place.bucket, f"{store}/"))
        if why:
            found.reject_store(store, why)
    return replace(found.matches(), are_stores_opened=bool(doubtful))


def check_delimiter(page: ListPage, mark: str, start: int) -> None:
    """Raises `DelimiterRefused` unless keys are grouped at the first `mark` after `start`."""
    if any(key.find(mark, start) >= 0 for key in page.keys if mark in key):
        raise DelimiterRefused(f"The server ignored the delimiter {mark!r}")
    if any(
        prefix.find(mark, start) + len(mark) != len(prefix) or not prefix.endswith(mark)
        for prefix in page.prefixes
    ):
        raise DelimiterRefused(f"The server misapplied the delimiter {mark!r}")


def _list_flat(lister: ObjectLister, place: S3Prefix, search: Search, jump: bool = True) -> Matches:
    found = MatchCollector(place, search)
    walk = _Walk(lister, place)
    for page in walk:
        found.take(page, range(len(page.keys)), page.prefixes)
        if not (jump and found.store):
            continue
        if not walk.ordered:
            # Skipping in unordered keys would miss some (S3's directory buckets).
            return _list_flat(lister, place, search, jump=False)
        walk.skip_past(found.store)
    return found.matches()


class MatchCollector:
    """Collects the matches under one place, page by page.

    Attributes
    ----------
    place
        The place.
    store
        The matching store that contains the last key of a flat listing, or "": the
        rest of it need not be listed.
    """

    def __init__(self, place: S3Prefix, search: Search) -> None:
        self.place = place
        self.store = ""
        self._base = f"s3://{place.bucket}/"
        self._start = len(place.prefix)
        self._search = search
        self._mark = search.mark
        self._entries: dict[str, FileEntry] = {}
        self._held = _Held(self._start)
        self._is_empty = True
        self._is_store = False
        self._has_markers = False
        self._rejected: dict[str, str] = {}
        self._other_case = ""
        self._lower = search.extension.lower()

    def take(self, page: ListPage, keys: range, prefixes: list[str]) -> None:
        """Adds the part of a page under this place: the keys at these indices, and `prefixes`."""
        self._note_others(page, keys)
        for key, why in page.skipped:
            if key.startswith(self.place.prefix) or _is_at_or_below(self.place, key):
                self._rejected[key] = why
        for prefix in prefixes:
            self._add_store(prefix[:-1])
        if self._search.nested_stores == "all":
            self._take_nested(page, keys)
        elif self._search.by_delimiter:
            self._take_files(page, keys)
        else:
            self._take_outermost(page, keys)

    def _note_others(self, page: ListPage, keys: range) -> None:
        names = page.keys[keys.start : keys.stop]
        if not self._has_markers:
            self._has_markers = any(map(is_marker, names))
        if self._is_empty:
            self._is_empty = all(map(is_marker, names))

    def _take_files(self, page: ListPage, keys: range) -> None:
        names, extension, lower = page.keys, self._search.extension, self._lower
        size = len(extension)
        for index in [index for index in keys if names[index][-size:].lower() == lower]:
            if names[index].endswith(extension):
                self._add_file(page, index)
            else:
                self._note_case(names[index])
        # keys of a store in the right case are grouped, so any other is in another case
        if not self._other_case and f"{lower}/" in "\n".join(names[keys.start : keys.stop]).lower():
            for index in keys:
                self._note_case(names[index])
        if not self._entries:
            self._hold(names[keys.start : keys.stop])

    def _take_outermost(self, page: ListPage, keys: range) -> None:
        for index in keys:
            key = page.keys[index]
            if self.store and key.startswith(self.store + "/"):
                continue
            end = key.find(self._mark, self._start)
            self.store = key[: end + len(self._mark) - 1] if end >= 0 else ""
            why = why_not_content(key, len(self.store) + 1) if self.store else ""
            if why:
                self._reject(self.store, why)
                self.store = ""
            elif self.store:
                self._add_store(self.store)
            else:
                self._add_other(page, index)

    def _take_nested(self, page: ListPage, keys: range) -> None:
        for index in keys:
            key = page.keys[index]
            end = key.find(self._mark, self._start)
            while end >= 0:
                store = key[: end + len(self._mark) - 1]
                why = why_not_content(key, len(store) + 1)
                if why:
                    self._reject(store, why)
                else:
                    self._add_store(store)
                end = key.find(self._mark, end + len(self._mark))
            self._add_other(page, index)

    def _reject(self, store: str, why: str) -> None:
        """Remembers that a key of a store is not content; files say more than markers."""
        if why == ONLY_SYSTEM or store not in self._rejected:
            self._rejected[store] = why

    def _add_store(self, path: str) -> None:
        why = why_not_data(path[self._start :])
        if why:
            self._rejected[path] = why
            return
        # A store wins over a file of the same path, whichever comes first.
        location = self._base + path
        self._entries[location] = FileEntry(location, "directory")

    def _add_file(self, page: ListPage, index: int) -> None:
        key, size, modified = page.read(index)
        why = why_not_data(key[self._start :], size if size is not None else 1)
        if why:
            self._rejected[key] = why
            return
        location = self._base + key
        self._entries.setdefault(location, FileEntry(location, "file", size, modified))

    def doubtful_stores(self) -> list[str]:
        """The stores that a listing by the delimiter found and that may be mere markers."""
        if not self._search.delimiter or not (self._has_markers or self._is_empty):
            return []
        stores = (entry for entry in self._entries.values() if entry.kind == "directory")
        return [store.location.removeprefix(self._base) for store in stores]

    def reject_store(self, path: str, why: str) -> None:
        """Excludes a store that has no content."""
        del self._entries[self._base + path]
        self._rejected[path] = why

    def _add_other(self, page: ListPage, index: int) -> None:
        if page.keys[index].endswith(self._search.extension):
            self._add_file(page, index)
            return
        self._note_case(page.keys[index])
        if not self._entries:
            self._hold(page.keys[index : index + 1])

    def _note_case(self, key: str) -> None:
        """Remembers the first file or store whose extension is in another case."""
        if not self._other_case:
            at = f"{key[self._start :].lower()}/".find(f"{self._lower}/")
            end = self._start + at + len(self._lower)
            is_other = at >= 0 and not key.endswith(self._search.extension, 0, end)
            self._other_case = key[:end] if is_other else ""

    def _hold(self, keys: Iterable[str]) -> None:
        start, rejected = self._start, self._rejected
        for key in keys:
            if _is_zarr_mark(key, start):
                self._is_store = True
            if len(key) > start and not is_marker(key) and key not in rejected:
                self._held.add(key)

    def matches(self) -> Matches:
        """The result, after everything under the place was added."""
        files = tuple(self._entries[location] for location in sorted(self._entries))
        other_case = self._base + self._other_case if self._other_case else ""
        rejected = [
            (self._base + path, why)
            for path, why in self._rejected.items()
            if self._base + path not in self._entries
        ]
        not_data = counted_kinds(rejected)
        if files:
            return Matches(files, not_data=not_data, other_case=other_case)
        held, is_empty = self._held.most_common(), self._is_empty and not rejected
        return Matches(
            (),
            held,
            is_empty,
            not_data=not_data,
            is_store=self._is_store,
            other_case=other_case,
        )


class _Held:
    """Counts the extensions of keys; a store of a known kind counts once."""

    _STORE = re.compile(r"(?:\.(?:ome|nwb))?\.(?:zarr|n5|nwb)(?=/)", re.IGNORECASE)

    def __init__(self, start: int) -> None:
        self._start = start
        self._store = ""
        self._counts: Counter[str] = Counter()

    def add(self, key: str) -> None:
        if self._store and key.startswith(self._store):
            return
        is_below = key.find("/", self._start) >= 0
        match = self._STORE.search(key, self._start) if is_below else None
        self._store = key[: match.end() + 1] if match else ""
        found = sys.intern(match[0]) if match else _extension_in(key[key.rfind("/") + 1 :])
        if found and (found in self._counts or len(self._counts) < _MOST_EXTENSIONS):
            self._counts[found] += 1

    def most_common(self) -> tuple[tuple[str, int], ...]:
        return tuple(sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0])))


_EXTENSION = re.compile(
    r"(?<=.)(?:\.(?:ome|nwb)\.\w{1,12}|\.\w{1,5}\.(?:gz|bz2|xz|zst)|\.(?=\w*[A-Za-z])\w{1,12})\Z",
    re.DOTALL,
)


@lru_cache(maxsize=4096)
def _extension_in(name: str) -> str:
    """The extension of a file, "" without one; the files of many assets have the same names."""
    match = _EXTENSION.search(name)
    return sys.intern(match[0]) if match else ""


class _Walk:
    """All pages of one listing, also from servers that deviate from S3.

    Some return the same token again, repeat keys, or ignore ``start_after``. The walk
    then continues by the other means, and raises `ServiceError` after 50 consecutive
    requests without a new key.
    """

    def __init__(self, lister: ObjectLister, place: S3Prefix, delimiter: str = "") -> None:
        self._lister = lister
        self._place = place
        self._delimiter = delimiter
        self._token: str | None = None
        self._after = ""
        self._position = ""
        self._skipped = ""
        self._stalls = 0
        self.ordered = True

    def __iter__(self) -> Iterator[ListPage]:
        while True:
            page = self._lister.list_page(
                *self._place,
                delimiter=self._delimiter,
                start_after="" if self._token else self._after,
                token=self._token,
            )
            self._check(page)
            self._move(page)
            yield page
            if page.token is None:
                return

    def skip_past(self, store: str) -> None:
        """Continues after everything inside `store`; done once, as a server may ignore it."""
        target = f"{store}/{LAST}"
        if target > self._skipped:
            self._skipped = self._after = target
            self._token = None

    def _move(self, page: ListPage) -> None:
        top = max(page.keys + page.prefixes, default="")
        self._stalls = 0 if top > self._position else self._stalls + 1
        if self._stalls > _STALLS_ALLOWED:
            what = "The server repeats the same page of its listing endlessly"
            raise ServiceError(Issue(what, "s3://" + "/".join(self._place), "Try again later"))
        self._position = max(self._position, top)
        repeated = page.token is not None and page.token == self._token
        self._token = None if repeated else page.token
        self._after = self._end_of(self._position) if repeated else ""

    def _end_of(self, entry: str) -> str:
        rolled_up = self._delimiter and entry.endswith(self._delimiter)
        return entry + LAST if rolled_up else entry

    def _check(self, page: ListPage) -> None:
        if not is_ordered(page):
            self.ordered = False
        if not page.is_below(self._place.prefix):
            what = "The server lists keys outside the requested prefix"
            raise ServiceError(Issue(what, "s3://" + "/".join(self._place), "Try again later"))


def is_ordered(page: ListPage) -> bool:
    """Whether keys and prefixes are in ascending order, as in S3."""
    return page.keys == sorted(page.keys) and page.prefixes == sorted(page.prefixes)
