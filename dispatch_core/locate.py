"""Files are located: from data assets to their files, over any object lister.

Below each asset's location, every file or directory store whose name ends with
the extension is a match. Inside a matched directory store nothing is listed: the
listing asks with the extension and a slash as its delimiter, so that a store of a
million chunks comes back as one entry of one request. A server that takes no such
delimiter is listed flat, with a jump past each store.

Trouble with one asset excludes that asset and stops nothing; only an endpoint that
answers no one ends the step.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from queue import Empty, SimpleQueue
from typing import NamedTuple

from dispatch_core.errors import (
    AccessDenied,
    DelimiterRefused,
    Issue,
    NoSuchBucket,
    ServiceError,
)
from dispatch_core.file_extension import NestedStores, check_extension, is_utf8
from dispatch_core.sources import ListPage, ObjectLister
from dispatch_core.types import DataAsset, Exclusion, FileEntry, LocatedAsset, exclude

DEAD_AFTER = 20
"""So many listings that failed before any succeeded, and the endpoint is dead."""

HELD_SHOWN = 8
"""How many of the extensions that an asset does hold its exclusion names."""

PAUSE = 0.5
"""Seconds to wait, at most, before a failed listing is tried again."""

_POLL = 0.1
_BATCH = 16
_STALLS_ALLOWED = 50
_LAST = "\U0010ffff"


class Place(NamedTuple):
    """Where to list: a bucket, and a prefix that ends with exactly one slash."""

    bucket: str
    prefix: str


_LOCATION = re.compile(r"s3://([A-Za-z0-9._-]{1,255})/(.*[^/])/*", re.DOTALL)


def _place(location: str) -> Place | None:
    match = _LOCATION.fullmatch(location)
    return Place(match[1], match[2] + "/") if match and is_utf8(location) else None


def check_locations(
    assets: Iterable[DataAsset],
) -> tuple[tuple[DataAsset, ...], tuple[Exclusion, ...]]:
    """The assets with a usable location, and an exclusion for each of the others.

    Usable is ``s3://bucket/prefix``; a bucket alone is not, for it would take in
    every other asset there. Both are in the order given.
    """
    usable: list[DataAsset] = []
    exclusions: list[Exclusion] = []
    for asset in assets:
        if _place(asset.location) is None:
            exclusions.append(_exclude_unplaced(asset))
        else:
            usable.append(asset)
    return tuple(usable), tuple(exclusions)


def _exclude_unplaced(asset: DataAsset) -> Exclusion:
    if asset.location.strip():
        message = f"The location {asset.location!r} is not s3://bucket/prefix"
        action = "Correct the location in the metadata record, or leave the asset out"
        return exclude(asset, "files", "location_not_s3", message, action)
    message = "The record has no location"
    action = "Add a location to the metadata record, or leave the asset out"
    return exclude(asset, "files", "no_location", message, action)


@dataclass(frozen=True, slots=True)
class Matches:
    """What lies below one prefix.

    Attributes
    ----------
    files
        Sorted by path, each path once.
    held
        Extension -> how many, most frequent first, of what was listed and did not
        match; a directory store counts once. Empty as soon as something matched.
    is_empty
        There is no key below the prefix.
    delimiter_refused
        The server takes no delimiter like ``.zarr/``, and was listed another way.
    """

    files: tuple[FileEntry, ...]
    held: tuple[tuple[str, int], ...] = ()
    is_empty: bool = False
    delimiter_refused: bool = False


def list_matches(
    lister: ObjectLister,
    place: Place,
    extension: str,
    *,
    nested_stores: NestedStores = "outermost",
    use_delimiter: bool = True,
) -> Matches:
    """The files and directory stores below a place whose names end with `extension`.

    With ``outermost``, a store of any size costs one request where the server takes
    the delimiter and two where it does not; with ``all``, each 1,000 keys cost one.
    """
    if nested_stores == "all":
        return _list_everything(lister, place, extension)
    if not use_delimiter:
        return _list_past_stores(lister, place, extension)
    try:
        return _list_by_delimiter(lister, place, extension)
    except DelimiterRefused:
        return replace(_list_past_stores(lister, place, extension), delimiter_refused=True)


def _list_by_delimiter(lister: ObjectLister, place: Place, extension: str) -> Matches:
    mark = extension + "/"
    found = _Found(place, extension)
    for page in _Walk(lister, place, delimiter=mark):
        for index, key in enumerate(page.keys):
            if found.add_outermost(key, page, index):
                raise DelimiterRefused(f"The delimiter {mark!r} was not heeded")
        for prefix in page.prefixes:
            if prefix.find(mark, len(place.prefix)) != len(prefix) - len(mark):
                raise DelimiterRefused(f"The delimiter {mark!r} was misunderstood")
            found.add_store(prefix.removesuffix("/"))
    return found.matches()


def _list_past_stores(lister: ObjectLister, place: Place, extension: str) -> Matches:
    found = _Found(place, extension)
    walk = _Walk(lister, place)
    for page in walk:
        store = ""
        for index, key in enumerate(page.keys):
            store = found.add_outermost(key, page, index)
        if not walk.ordered:
            # A jump over keys in no order misses some (S3's directory buckets).
            return _list_flat(lister, place, extension)
        if store:
            walk.skip_past(store)
    return found.matches()


def _list_flat(lister: ObjectLister, place: Place, extension: str) -> Matches:
    found = _Found(place, extension)
    for page in _Walk(lister, place):
        for index, key in enumerate(page.keys):
            found.add_outermost(key, page, index)
    return found.matches()


def _list_everything(lister: ObjectLister, place: Place, extension: str) -> Matches:
    found = _Found(place, extension)
    for page in _Walk(lister, place):
        for index, key in enumerate(page.keys):
            found.add_nested(key, page, index)
    return found.matches()


class _Found:
    """Collects the matches below one place."""

    def __init__(self, place: Place, extension: str) -> None:
        self._base = f"s3://{place.bucket}/"
        self._start = len(place.prefix)
        self._extension = extension
        self._mark = extension + "/"
        self._store = ""
        self._entries: dict[str, FileEntry] = {}
        self._held = _Held(self._start)
        self._is_empty = True

    def add_outermost(self, key: str, page: ListPage, index: int) -> str:
        """Takes in one key; the outermost matching store that holds it, or ``""``."""
        if self._store and key.startswith(self._store + "/"):
            return self._store
        end = key.find(self._mark, self._start)
        if end < 0:
            self._store = ""
            self._add_file(key, page, index)
        else:
            self._store = key[: end + len(self._extension)]
            self.add_store(self._store)
        return self._store

    def add_nested(self, key: str, page: ListPage, index: int) -> None:
        """Takes in one key with every matching store that holds it."""
        end = key.find(self._mark, self._start)
        while end >= 0:
            self.add_store(key[: end + len(self._extension)])
            end = key.find(self._mark, end + len(self._mark))
        self._add_file(key, page, index)

    def add_store(self, path: str) -> None:
        # A store wins over a file of the same path, whichever comes first.
        location = self._base + path
        self._entries[location] = FileEntry(location, "directory")

    def _add_file(self, key: str, page: ListPage, index: int) -> None:
        if key.endswith(self._extension):
            location = self._base + key
            _, size, modified = page.read(index)
            self._entries.setdefault(location, FileEntry(location, "file", size, modified))
        elif not self._entries and len(key) > self._start:
            self._is_empty = False
            self._held.add(key)

    def matches(self) -> Matches:
        files = tuple(self._entries[location] for location in sorted(self._entries))
        if files:
            return Matches(files)
        return Matches((), self._held.most_common(), self._is_empty)


class _Held:
    """Counts the extensions of keys; what lies inside a known kind of store counts once."""

    _STORE = re.compile(r"(?:\.(?:ome|nwb))?\.(?:zarr|n5|nwb)(?=/)")
    _FILE = re.compile(
        r"(?<=[^/])(?:\.(?:ome|nwb)\.\w{1,12}|\.\w{1,5}\.(?:gz|bz2|xz|zst)"
        r"|\.(?=\w*[A-Za-z])\w{1,12})\Z"
    )

    def __init__(self, start: int) -> None:
        self._start = start
        self._store = ""
        self._counts: Counter[str] = Counter()

    def add(self, key: str) -> None:
        if self._store and key.startswith(self._store):
            return
        match = self._STORE.search(key, self._start)
        self._store = key[: match.end() + 1] if match else ""
        match = match or self._FILE.search(key, self._start)
        if match:
            self._counts[match[0]] += 1

    def most_common(self) -> tuple[tuple[str, int], ...]:
        return tuple(sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0])))


class _Walk:
    """The pages of one listing, to their end, on servers that are not quite S3 too.

    Some give the same token again, some repeat keys, some do not heed
    ``start_after``. A walk moves on by the other means then, and raises
    `ServiceError` after 50 requests in a row without a new key.
    """

    def __init__(self, lister: ObjectLister, place: Place, delimiter: str = "") -> None:
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
            self._check_order(page)
            self._move(page)
            yield page
            if page.token is None:
                return

    def skip_past(self, store: str) -> None:
        """Go on after all that is inside `store`, once: what the server makes of it is seen."""
        target = f"{store}/{_LAST}"
        if target > self._skipped:
            self._skipped = self._after = target
            self._token = None

    def _move(self, page: ListPage) -> None:
        top = max(page.keys + page.prefixes, default="")
        self._stalls = 0 if top > self._position else self._stalls + 1
        if self._stalls > _STALLS_ALLOWED:
            what = "The store repeats one page of its listing without end"
            raise ServiceError(Issue(what, "s3://" + "/".join(self._place), "Try again later"))
        self._position = max(self._position, top)
        repeated = page.token is not None and page.token == self._token
        self._token = None if repeated else page.token
        self._after = self._end_of(self._position) if repeated else ""

    def _end_of(self, entry: str) -> str:
        rolled_up = self._delimiter and entry.endswith(self._delimiter)
        return entry + _LAST if rolled_up else entry

    def _check_order(self, page: ListPage) -> None:
        if any(later < earlier for earlier, later in pairwise(page.keys)):
            self.ordered = False


@dataclass(frozen=True, slots=True)
class Listed:
    """What became of listing one place, as a value that can come from another machine.

    ``matches`` is None where it failed; then ``reason`` is that of an exclusion.
    """

    matches: Matches | None
    reason: str = ""
    issue: Issue | None = None
    requests: int = 0
    keys: int = 0


class _Halted(Exception):
    """Nobody waits for this listing any more."""


class _Counting:
    """A lister that counts, and can be halted between two requests."""

    def __init__(self, lister: ObjectLister, halted: threading.Event | None) -> None:
        self._lister = lister
        self._halted = halted
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
            raise _Halted
        self.requests += 1
        page = self._lister.list_page(
            bucket, prefix, delimiter=delimiter, start_after=start_after, token=token
        )
        self.keys += len(page.keys) + len(page.prefixes)
        return page


_STOPPED = Issue("The listing was stopped before this asset", action="Locate the files again")
_REASONS: dict[type[ServiceError], str] = {
    AccessDenied: "access_denied",
    NoSuchBucket: "no_such_bucket",
}


def list_places(
    lister: ObjectLister,
    places: Sequence[tuple[Place, bool]],
    extension: str,
    nested_stores: NestedStores,
    pause: float = 0,
    halted: threading.Event | None = None,
) -> list[Listed]:
    """What `list_matches` finds in each place, or how it failed, in the order given.

    Each place comes with whether to use the delimiter; up to `pause` seconds are
    waited first. Runs on the executor: apart from `halted`, which only threads of
    this process are given, all that goes in and out can be pickled if the lister can.
    """
    time.sleep(random.uniform(0, pause))
    return [
        _list_place(_Counting(lister, halted), place, extension, nested_stores, use_delimiter)
        for place, use_delimiter in places
    ]


def _list_place(
    lister: _Counting,
    place: Place,
    extension: str,
    nested_stores: NestedStores,
    use_delimiter: bool,
) -> Listed:
    matches, reason, issue = None, "", None
    try:
        matches = list_matches(
            lister, place, extension, nested_stores=nested_stores, use_delimiter=use_delimiter
        )
    except ServiceError as error:
        reason, issue = _REASONS.get(type(error), "listing_failed"), error.issues[0]
    except _Halted:
        reason, issue = "not_listed", _STOPPED
    return Listed(matches, reason, issue, lister.requests, lister.keys)


@dataclass(frozen=True, slots=True)
class Located:
    """The step's result: assets with their files, and those that are out.

    Attributes
    ----------
    located, exclusions
        In the order of the assets given; each asset is in exactly one of the two.
    requests, keys_listed
        What the listing cost, over all assets.
    warnings
        What went another way than usual and was still right.
    """

    located: tuple[LocatedAsset, ...]
    exclusions: tuple[Exclusion, ...] = ()
    requests: int = 0
    keys_listed: int = 0
    warnings: tuple[str, ...] = ()


def locate_files(
    assets: Sequence[DataAsset],
    lister: ObjectLister,
    file_extension: str,
    *,
    nested_stores: NestedStores = "outermost",
    threads: int = 16,
    executor: Executor | None = None,
    progress: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    pause: float = PAUSE,
) -> Located:
    """Each asset with its own files, and an exclusion for each asset without.

    Assets that share a location are listed once; a listing that failed is tried
    once more at the end. An empty extension lists nothing, and ``files`` is None.

    Parameters
    ----------
    executor
        Where listings run; `threads` threads of this process unless given. No more than
        twice `threads` pieces of work, of 1 to 16 locations each, are under way at a time.
    progress
        Called in this thread with the number of assets that are done.
    should_stop
        Asked in this thread ten times a second or more; assets that are not listed
        by then are excluded as ``not_listed``.
    pause
        Seconds to wait, at most, before a second try.

    Raises
    ------
    InvalidInput
        The extension is a pattern or a path.
    ServiceError
        The first 20 listings all failed: the endpoint is dead.
    """
    extension = check_extension(file_extension)
    usable, unusable = check_locations(assets)
    if not extension:
        return Located(tuple(LocatedAsset(asset) for asset in usable), unusable)
    sweep = _Sweep(lister, extension, nested_stores, 2 * threads)
    sweep.should_stop = should_stop or sweep.should_stop
    sweep.report = _reporter(progress, usable, len(unusable))
    if executor is not None:
        sweep.run(_places(usable), executor, pause)
    else:
        _run_in_threads(sweep, _places(usable), threads, pause)
    return _gather(assets, sweep, extension)


def _run_in_threads(sweep: _Sweep, places: Sequence[Place], threads: int, pause: float) -> None:
    executor = ThreadPoolExecutor(threads, "locate")
    sweep.halted = threading.Event()
    try:
        sweep.run(places, executor, pause)
    finally:
        # Not waited for: a request that is out may hang until its time limit.
        sweep.halted.set()
        executor.shutdown(wait=False, cancel_futures=True)


def _places(assets: Iterable[DataAsset]) -> list[Place]:
    places = (_place(asset.location) for asset in assets)
    return [place for place in dict.fromkeys(places) if place is not None]


def _reporter(
    progress: Callable[[int], None] | None, usable: Iterable[DataAsset], done: int
) -> Callable[[Place], None]:
    """Counts assets where places are listed: several may share one."""
    sharing = Counter(_place(asset.location) for asset in usable)

    def report(place: Place) -> None:
        nonlocal done
        done += sharing[place]
        if progress is not None:
            progress(done)

    return report


class _Sweep:
    """Lists many places with a bounded number under way, and keeps what became of each."""

    def __init__(
        self, lister: ObjectLister, extension: str, nested_stores: NestedStores, window: int
    ) -> None:
        self._work = (lister, extension, nested_stores)
        self._window = window
        self._under_way: dict[Future[list[Listed]], list[Place]] = {}
        self._ended: SimpleQueue[Future[list[Listed]]] = SimpleQueue()
        self._failed_at_first: int | None = 0
        self._missing: dict[str, Listed] = {}
        self._retrying = False
        self._pause = 0.0
        self.should_stop: Callable[[], bool] = lambda: False
        self.report: Callable[[Place], None] = lambda place: None
        self.halted: threading.Event | None = None
        self.listed: dict[Place, Listed] = {}
        self.refusing: set[str] = set()
        self.requests = 0
        self.keys = 0

    def run(self, places: Sequence[Place], executor: Executor, pause: float) -> None:
        """Lists each place once, and then those that failed once more."""
        try:
            self._round(places, executor)
            self._retrying, self._pause = True, pause
            self._round([place for place in places if self._has_failed(place)], executor)
        finally:
            for future in self._under_way:
                future.cancel()

    def _has_failed(self, place: Place) -> bool:
        return place in self.listed and self.listed[place].reason == "listing_failed"

    def _round(self, places: Sequence[Place], executor: Executor) -> None:
        waiting = deque(places)
        # To hand over one place costs about 50 us: worth saving where there are many.
        largest = max(1, min(_BATCH, len(places) // (_BATCH * self._window)))
        while (waiting or self._under_way) and not self.should_stop():
            while waiting and len(self._under_way) < self._window:
                size = largest if self._failed_at_first is None else 1
                self._start(self._take(waiting, size), executor)
            self._collect()

    def _take(self, waiting: deque[Place], size: int) -> list[Place]:
        batch: list[Place] = []
        while waiting and len(batch) < size:
            place = waiting.popleft()
            if place.bucket in self._missing:
                self._settle(place, self._missing[place.bucket])
            else:
                batch.append(place)
        return batch

    def _start(self, places: list[Place], executor: Executor) -> None:
        if not places:
            return
        lister, extension, nested_stores = self._work
        asked = [(place, place.bucket not in self.refusing) for place in places]
        work = (lister, asked, extension, nested_stores, self._pause, self.halted)
        future = executor.submit(list_places, *work)
        self._under_way[future] = places
        future.add_done_callback(self._ended.put)

    def _collect(self) -> None:
        if not self._under_way:
            return
        try:
            future = self._ended.get(timeout=_POLL)
        except Empty:
            return
        places = self._under_way.pop(future)
        for place, listed in zip(places, future.result(), strict=True):
            self._learn(place, listed)
            self._settle(place, listed)

    def _settle(self, place: Place, listed: Listed) -> None:
        self.listed[place] = listed
        if self._retrying or listed.reason != "listing_failed":
            self.report(place)

    def _learn(self, place: Place, listed: Listed) -> None:
        self.requests += listed.requests
        self.keys += listed.keys
        if listed.reason == "no_such_bucket":
            self._missing[place.bucket] = listed
        if listed.matches and listed.matches.delimiter_refused:
            self.refusing.add(place.bucket)
        if self._failed_at_first is not None:
            self._check_alive(listed)

    def _check_alive(self, listed: Listed) -> None:
        failed, issue = self._failed_at_first or 0, listed.issue
        if listed.reason != "listing_failed" or issue is None or self._retrying:
            self._failed_at_first = None
        elif failed + 1 < DEAD_AFTER:
            self._failed_at_first = failed + 1
        else:
            what = f"{issue.what}, and so did the first {DEAD_AFTER} listings, all of them"
            raise ServiceError(Issue(what, action=issue.action))


def _gather(assets: Iterable[DataAsset], sweep: _Sweep, extension: str) -> Located:
    located: list[LocatedAsset] = []
    exclusions: list[Exclusion] = []
    for asset in assets:
        answer = _answer(asset, sweep.listed, extension)
        if isinstance(answer, Exclusion):
            exclusions.append(answer)
        else:
            located.append(LocatedAsset(asset, answer))
    warnings = tuple(
        f"The bucket {bucket} takes no delimiter but a slash and was listed another way, "
        "with more requests"
        for bucket in sorted(sweep.refusing)
    )
    return Located(tuple(located), tuple(exclusions), sweep.requests, sweep.keys, warnings)


def _answer(
    asset: DataAsset, listed: Mapping[Place, Listed], extension: str
) -> tuple[FileEntry, ...] | Exclusion:
    place = _place(asset.location)
    if place is None:
        return _exclude_unplaced(asset)
    outcome = listed.get(place, Listed(None, "not_listed", _STOPPED))
    if outcome.matches is None:
        issue = outcome.issue or _STOPPED
        return exclude(asset, "files", outcome.reason, issue.what, issue.action)
    if not outcome.matches.files:
        return _no_match(asset, outcome.matches, extension)
    return outcome.matches.files


def _no_match(asset: DataAsset, matches: Matches, extension: str) -> Exclusion:
    message = f"Nothing below the location ends with {extension!r}"
    action = "Ask for an extension that it holds, or leave the asset out"
    if matches.held:
        shown = (f"{held} ({count:,})" for held, count in matches.held[:HELD_SHOWN])
        message += f"; it holds {', '.join(shown)}"
    elif matches.is_empty:
        message = "Nothing is stored below the location"
        action = "Correct the location in the metadata record, or leave the asset out"
    return exclude(asset, "files", "no_matching_file", message, action)
