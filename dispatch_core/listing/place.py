"""Listing one place: the files and directory stores under a prefix.

Every file or directory store whose name ends with the extension is a match. The content
of a matching store is not listed: the delimiter of the listing is the extension with a
slash, so a store of a million chunks is one entry of one response. If a server does not
support this delimiter, the listing is flat and skips past each store.

A store that is only a directory marker, or has only files of the system, is not a match. A
listing by the delimiter cannot tell, so the stores of a place are opened, with one request
each, if the place has other markers, a file of the same path as a store, or nothing except
stores; of the others, some (`stores`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain

from dispatch_core.errors import AccessDenied, DelimiterRefused, Issue, ServiceError
from dispatch_core.listing.collector import MatchCollector
from dispatch_core.listing.matches import Matches, S3Prefix, Search
from dispatch_core.listing.not_data import (
    EMPTIED,
    ONLY_SYSTEM,
    STORES_ONLY,
    counted_kinds,
    is_zarr_mark,
    why_not_content,
    why_not_data,
)
from dispatch_core.listing.page_text import PageText
from dispatch_core.sources.protocols import ListPage, ObjectLister
from dispatch_core.types import FileEntry

LAST = "\U0010ffff"
"""The last character: every key that sorts after ``a/`` with it is outside ``a/``."""

_STALLS_ALLOWED = 50


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
    return below._replace(files=(itself, *below.files), held=())


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
    rejected = [one for one in page.skipped if place.is_at_or_below(one[0])]
    if page.keys[:1] == [key]:
        _, size, modified = page.read(0)
        why = why_not_data(key.rpartition("/")[2], size)
        if not why:
            return FileEntry(f"s3://{place.bucket}/{key}", "file", size, modified)
        rejected.append((key, why))
    found = counted_kinds((f"s3://{place.bucket}/{path}", why) for path, why in rejected)
    return Matches((), is_empty=not found, not_data=found)


def _is_store(lister: ObjectLister, place: S3Prefix, search: Search) -> bool:
    """Whether a folder that is named like a match is one store, and not a folder of files."""
    if search.extension.endswith(STORES_ONLY):
        return True
    page = lister.list_page(*place)
    return any(is_zarr_mark(key, len(place.prefix)) for key in page.keys)


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


def _list_below(lister: ObjectLister, place: S3Prefix, search: Search) -> Matches:
    if not search.delimiter:
        return _list_flat(lister, place, search)
    try:
        return _list_by_delimiter(lister, place, search)
    except DelimiterRefused:
        flat = replace(search, by_delimiter=False)
        return _list_flat(lister, place, flat)._replace(delimiter_refused=True)


def _list_by_delimiter(lister: ObjectLister, place: S3Prefix, search: Search) -> Matches:
    found = MatchCollector(place, search)
    for page in _Walk(lister, place, search.delimiter):
        text = PageText(page, search)
        check_delimiter(text, search.mark, len(place.prefix))
        found.take(text, range(len(page.keys)), page.prefixes)
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
    return found.matches(are_stores_opened=bool(doubtful))


def check_delimiter(text: PageText, mark: str, start: int) -> None:
    """Raises `DelimiterRefused` unless keys are grouped at the first `mark` after `start`."""
    page = text.page
    if text.may_have_folders and any(
        key.find(mark, start) >= 0 for key in page.keys if mark in key
    ):
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
        found.take(PageText(page, search), range(len(page.keys)), page.prefixes)
        if not (jump and found.store):
            continue
        if not walk.ordered:
            # Skipping in unordered keys would miss some (S3's directory buckets).
            return _list_flat(lister, place, search, jump=False)
        walk.skip_past(found.store)
    return found.matches()


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


def are_ends_below(page: ListPage, prefix: str) -> bool:
    """Whether every entry of a page that `is_ordered` starts with `prefix`."""
    ends = (names[end] for names in (page.keys, page.prefixes) if names for end in (0, -1))
    return all(name.startswith(prefix) for name in ends)
