"""Listing neighbours together: one listing covers many places of a bucket.

Assets are neighbours in their bucket, and a page of a listing has up to a thousand
entries of any of them. So the places of a bucket are sorted and listed under their
common prefix, and each page is distributed to the places that it covers. If a page ends
between two places, the next one starts at the next place: keys between them are not
listed, and it never takes more requests than listing each place separately. If places
are so far apart that a page covers only one, they are listed separately, because a page
of unrelated keys takes time although it is a single request.

A bucket may allow listing one place but deny a shorter prefix, and a server may deviate
from S3. So this listing returns a result for a place only if it is certain. All other
places are listed separately, and none of them is excluded for it.
"""

from __future__ import annotations

import random
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Literal

from dispatch_core.errors import (
    AccessDenied,
    DelimiterRefused,
    Issue,
    NoSuchBucket,
    ServiceError,
)
from dispatch_core.listing.collector import MatchCollector
from dispatch_core.listing.held import AFTER_SLASH
from dispatch_core.listing.matches import Matches, S3Prefix, Search
from dispatch_core.listing.page_text import PageText
from dispatch_core.listing.place import (
    LAST,
    are_ends_below,
    check_delimiter,
    checked_matches,
    is_ordered,
    list_matches,
)
from dispatch_core.sources.protocols import ListPage, ObjectLister
from dispatch_core.sources.turns import TURN
from dispatch_core.types import Reason

FULL = 0.95
"""The share of its pages that a run of neighbours is planned to fill."""

MOST_PAGES = 16
"""The most pages that a run of neighbours is planned to fill; their results arrive together."""

_BATCH = 16
_SPARSE = 32
_EMPTY_PAGES = 20

Trouble = Literal["", "denied", "failed", "no_such_bucket", "delimiter", "not_s3"]
"""Why a listing of neighbours ended early; the remaining places are listed another way."""


@dataclass(frozen=True, slots=True)
class Run:
    """One piece of work: some places of a bucket, as a picklable value.

    Attributes
    ----------
    prefixes
        Ascending, each once.
    together
        Whether they are listed as neighbours, or each separately.
    pages
        The most pages of neighbours; places after them are returned unlisted.
    alone
        How many are listed separately before a page of neighbours is tried.
    """

    bucket: str
    prefixes: tuple[str, ...]
    search: Search
    together: bool = False
    pages: int = 1
    alone: int = 0


@dataclass(frozen=True, slots=True)
class ListingFailed:
    """Why a place could not be listed: the reason of the exclusion, and the details."""

    reason: Reason
    issue: Issue


Listed = Matches | ListingFailed
"""The result of listing one place."""


@dataclass(slots=True)
class RunListed:
    """The result of a run, as a picklable value.

    Attributes
    ----------
    listed
        By prefix. Places without an entry were not reached, or not listed to the end.
    pages, covered
        The number of pages of neighbours, and of the places that they cover.
    trouble, issue
        Why the listing of neighbours ended early.
    requests, keys
        The total cost.
    """

    listed: dict[str, Listed] = field(default_factory=dict)
    pages: int = 0
    covered: int = 0
    trouble: Trouble = ""
    issue: Issue | None = None
    requests: int = 0
    keys: int = 0


def list_run(
    lister: ObjectLister,
    run: Run,
    pause: float = 0,
    halted: threading.Event | None = None,
) -> RunListed:
    """The places of a run, listed after a random wait of up to `pause` seconds.

    Runs on the executor. Its arguments and its result are picklable if the lister is,
    except `halted`, which only threads of this process receive. Repeating it is safe.
    """
    time.sleep(random.uniform(0, pause))
    counting = Counting(lister, halted)
    result = RunListed()
    with suppress(Halted), TURN.taken():
        if run.together:
            _list_neighbours(_Neighbours(counting, run, result), run)
        else:
            for prefix in run.prefixes:
                result.listed[prefix] = _list_alone(counting, run, prefix)
    result.requests, result.keys = counting.requests, counting.keys
    return result


def _list_neighbours(scan: _Neighbours, run: Run) -> None:
    alone = run.alone
    try:
        while scan.waiting and scan.result.pages < run.pages:
            for _ in range(min(alone, len(scan.waiting))):
                scan.list_next_alone()
            covered = scan.list_pages(run.pages)
            # After a page that covers a single place, twice as many are listed separately.
            alone = 0 if covered > 1 else 2 * alone + 1
    except ServiceError as error:
        scan.result.trouble, scan.result.issue = _trouble(error), error.issues[0]


def _trouble(error: ServiceError) -> Trouble:
    kinds: dict[type[ServiceError], Trouble] = {
        AccessDenied: "denied",
        NoSuchBucket: "no_such_bucket",
        DelimiterRefused: "delimiter",
        _NotS3: "not_s3",
    }
    return kinds.get(type(error), "failed")


class _NotS3(ServiceError):
    """The server does not list in the order that neighbours rely on."""


_REASONS: dict[type[ServiceError], Reason] = {
    AccessDenied: Reason.ACCESS_DENIED,
    NoSuchBucket: Reason.NO_SUCH_BUCKET,
}


def _list_alone(lister: ObjectLister, run: Run, prefix: str) -> Listed:
    try:
        return list_matches(lister, S3Prefix(run.bucket, prefix), run.search)
    except ServiceError as error:
        return ListingFailed(_REASONS.get(type(error), Reason.LISTING_FAILED), error.issues[0])


class _Neighbours:
    """One listing under the prefix that all places of a run share.

    Attributes
    ----------
    waiting
        Prefixes of the places that are not started, ascending.
    result
        Receives the results of the others.
    """

    def __init__(self, lister: Counting, run: Run, result: RunListed) -> None:
        self.waiting = deque(run.prefixes)
        self.result = result
        self._lister = lister
        self._run = run
        self._prefix = _shared(run.prefixes)
        self._open: list[MatchCollector] = []
        self._token: str | None = None
        self._after = ""
        self._empty = 0

    def list_next_alone(self) -> None:
        """Lists the next place by its own prefix."""
        prefix = self.waiting.popleft()
        self.result.listed[prefix] = _list_alone(self._lister, self._run, prefix)

    def list_pages(self, most: int) -> int:
        """The number of places covered by listing until a page ends between two places.

        After `most` pages it also stops inside a place if that place started on the last
        page; that place is then not listed.
        """
        covered = 0
        self._token, self._after = None, self.waiting[0] if self.waiting else ""
        older: list[MatchCollector] = []
        while self.waiting or self._open:
            covered += self._list_page()
            if not self._open or (self.result.pages >= most and self._open[0] not in older):
                break
            older = list(self._open)
        return covered

    def _list_page(self) -> int:
        page = self._lister.list_page(
            self._run.bucket,
            self._prefix,
            delimiter=self._run.search.delimiter,
            start_after="" if self._token else self._after,
            token=self._token,
        )
        self.result.pages += 1
        text = PageText(page, self._run.search)
        self._check(text)
        self._begin(page)
        for found in self._open:
            _distribute(text, found)
        covered = self._end(page)
        self._move(page)
        return covered

    def _check(self, text: PageText) -> None:
        """Raises unless the page is one that S3 could send."""
        page = text.page
        entries = [*page.keys[:1], *page.prefixes[:1]]
        self._empty = 0 if entries else self._empty + 1
        if (
            not is_ordered(page)
            or not are_ends_below(page, self._prefix)
            or any(entry <= self._after for entry in entries)
            or self._empty > _EMPTY_PAGES
        ):
            raise _NotS3("The server lists in another order, or outside the prefix")
        if self._run.search.delimiter:
            check_delimiter(text, self._run.search.mark, len(self._prefix))

    def _begin(self, page: ListPage) -> None:
        last = _last(page)
        while self.waiting and (page.token is None or self.waiting[0] <= last):
            place = S3Prefix(self._run.bucket, self.waiting.popleft())
            self._open.append(MatchCollector(place, self._run.search))

    def _end(self, page: ListPage) -> int:
        last, begun, self._open = _last(page), self._open, []
        for found in begun:
            # An empty page with a token does not tell how far the listing is.
            if page.token is not None and (not last or last.startswith(found.place.prefix)):
                self._open.append(found)
            else:
                self.result.listed[found.place.prefix] = checked_matches(self._lister, found)
        self.result.covered += len(begun) - len(self._open)
        return len(begun) - len(self._open)

    def _move(self, page: ListPage) -> None:
        self._token = page.token
        self._after = _last(page) or self._after
        store = self._open[0].store if self._open else ""
        if store:
            self._token, self._after = None, f"{store}/{LAST}"


def _last(page: ListPage) -> str:
    return max(page.keys[-1:] + page.prefixes[-1:], default="")


def _distribute(text: PageText, found: MatchCollector) -> None:
    """Adds to a place the part of a page that is under it."""
    page, start = text.page, found.place.prefix
    end = start[:-1] + AFTER_SLASH
    first = bisect_left(page.keys, start)
    keys = range(first, bisect_left(page.keys, end, first))
    prefixes = page.prefixes
    if prefixes:
        low = bisect_left(prefixes, start)
        prefixes = prefixes[low : bisect_left(prefixes, end, low)]
    found.take(text, keys, prefixes)


class Halted(Exception):
    """The step was stopped while a listing was under way."""


class Counting:
    """A lister that counts requests and keys, and stops once `halted` is set."""

    def __init__(self, lister: ObjectLister, halted: threading.Event | None) -> None:
        self._lister = lister
        self._halted = halted
        self.rolls_up_content_only = getattr(lister, "rolls_up_content_only", False)
        self.requests = 0
        self.keys = 0

    @property
    def label(self) -> str:
        return self._lister.label

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
    ) -> ListPage:
        if self._halted is not None and self._halted.is_set():
            raise Halted
        self.requests += 1
        with TURN.given_up():
            page = self._lister.list_page(
                bucket, prefix, delimiter=delimiter, start_after=start_after, token=token
            )
        self.keys += len(page.keys) + len(page.prefixes)
        return page


def first_runs(places: Iterable[S3Prefix], search: Search, parallel: int) -> Iterator[Run]:
    """The first runs: for each bucket one page of neighbours, which shows their density.

    A place that is a matching store, or inside one, would be grouped with it, so it is listed
    separately.
    """
    buckets: dict[str, list[str]] = {}
    for place in places:
        buckets.setdefault(place.bucket, []).append(place.prefix)
    for bucket, prefixes in buckets.items():
        prefixes.sort()
        shared = len(_shared(prefixes))
        inside = [one for one in prefixes if _needs_own_listing(one, shared, search.mark)]
        apart = frozenset(inside)
        outside = [one for one in prefixes if one not in apart] if apart else prefixes
        if len(outside) > 1:
            yield Run(bucket, tuple(outside), search, together=True)
        else:
            inside = prefixes
        yield from single_runs(Run(bucket, (), search), inside, parallel)


def _needs_own_listing(prefix: str, shared: int, mark: str) -> bool:
    return mark in prefix[shared:] or prefix.endswith(mark)


def next_runs(run: Run, result: RunListed, parallel: int) -> list[Run]:
    """The rest of a run of neighbours, split by its density into pieces for `parallel` threads.

    A dense piece is planned to fill whole pages: with 20 places per page, 19 or twice 19
    of them. Of the sparse pieces, every fourth tries a page of neighbours halfway.
    """
    rest = rest_of(run, result)
    density = result.covered / max(1, result.pages)
    if density < 2:
        size = max(1, min(_SPARSE, len(rest) // (2 * parallel)))
        pieces = _pieces(replace(run, pages=_SPARSE), rest, size)
        return [
            replace(piece, alone=_SPARSE if number % 4 else _SPARSE // 2)
            for number, piece in enumerate(pieces)
        ]
    to_a_page = FULL * density
    pages = min(MOST_PAGES, ceil(len(rest) / (to_a_page * parallel)))
    return _pieces(replace(run, pages=2 * pages, alone=0), rest, int(to_a_page * pages))


def _shared(ascending: Sequence[str]) -> str:
    """The longest common prefix of `ascending`."""
    first, last = ascending[0], ascending[-1]
    differing = (
        at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other
    )
    return first[: next(differing, min(len(first), len(last)))]


def rest_of(run: Run, result: RunListed) -> tuple[str, ...]:
    """The places of a run that are not listed yet."""
    return tuple(prefix for prefix in run.prefixes if prefix not in result.listed)


def single_runs(run: Run, prefixes: Sequence[str], parallel: int) -> list[Run]:
    """Runs that list each of `prefixes` separately, in pieces for `parallel` threads."""
    # Submitting one place costs about 50 us, which adds up for many places.
    size = max(1, min(_BATCH, len(prefixes) // (_BATCH * parallel)))
    return _pieces(replace(run, together=False), prefixes, size)


def _pieces(run: Run, prefixes: Sequence[str], size: int) -> list[Run]:
    pieces = (tuple(prefixes[at : at + size]) for at in range(0, len(prefixes), size))
    return [
        replace(run, prefixes=piece, together=run.together and len(piece) > 1) for piece in pieces
    ]
