"""Files are located: from data assets to their files, over any object lister.

Below each asset's location, every file or directory store whose name ends with the
extension is a match (`listing`). Assets that are neighbours in their bucket are
listed together where they are dense (`scan`); this module hands out the work, learns
from what comes back, and keeps the account: each asset ends with files or with a
reason.

Trouble with one asset excludes that asset and stops nothing; only an endpoint that
answers no one ends the step.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

from dispatch_core.errors import Issue, ServiceError
from dispatch_core.listing.place import Matches, S3Prefix, Search
from dispatch_core.listing.scan import (
    Listed,
    Run,
    RunListed,
    first_runs,
    list_run,
    next_runs,
    rest_of,
    single_runs,
)
from dispatch_core.sources.protocols import ObjectLister
from dispatch_core.text.file_extension import check_extension, is_utf8
from dispatch_core.types import DataAsset, Exclusion, LocatedAsset, NestedStores, exclude

DEAD_AFTER = 20
"""So many listings that failed before any succeeded, and the endpoint is dead."""

MOST_FAILURES = 10
"""So many listings of neighbours that failed, and a bucket's places are listed one by one."""

HELD_SHOWN = 8
"""How many of the extensions that an asset does hold its exclusion names."""

PAUSE = 0.5
"""Seconds to wait, at most, before a failed listing is tried again."""

AssetFiles = LocatedAsset | Exclusion
"""What became of one asset."""

_POLL = 0.1
_STOPPED = Issue("The listing was stopped before this asset", action="Locate the files again")
_LOCATION = re.compile(r"s3://([A-Za-z0-9._-]{1,255})/(.*[^/])/*", re.DOTALL)


def _place(location: str) -> S3Prefix | None:
    match = _LOCATION.fullmatch(location)
    return S3Prefix(match[1], match[2] + "/") if match and is_utf8(location) else None


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
    found: Callable[[Sequence[AssetFiles]], None] | None = None,
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
        twice `threads` pieces of work (`Run`) are under way at a time.
    progress
        Called in this thread with the number of assets that are done.
    found
        Called in this thread with what became of some assets, as soon as it is known and
        in the order in which it comes; each asset once.
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
    account = _Account(assets, extension, progress or _ignore, found or _ignore)
    if not extension:
        return account.closed()
    sweep = _Sweep(lister, Search(extension, nested_stores), threads, account)
    sweep.should_stop = should_stop or sweep.should_stop
    if executor is not None:
        sweep.run(executor, pause)
    else:
        _run_in_threads(sweep, threads, pause)
    return replace(
        account.closed(),
        requests=sweep.requests,
        keys_listed=sweep.keys,
        warnings=tuple(map(_refused, sorted(sweep.refusing))),
    )


def _ignore(_: object) -> None:
    """Nobody wants to know."""


def _refused(bucket: str) -> str:
    return (
        f"The bucket {bucket} takes no delimiter but a slash and was listed another way, "
        "with more requests"
    )


def _run_in_threads(sweep: _Sweep, threads: int, pause: float) -> None:
    executor = ThreadPoolExecutor(threads, "locate")
    sweep.halted = threading.Event()
    try:
        sweep.run(executor, pause)
    finally:
        # Not waited for: a request that is out may hang until its time limit.
        sweep.halted.set()
        executor.shutdown(wait=False, cancel_futures=True)


class _Account:
    """What became of each asset; several may share one place."""

    def __init__(
        self,
        assets: Sequence[DataAsset],
        extension: str,
        progress: Callable[[int], None],
        found: Callable[[Sequence[AssetFiles]], None],
    ) -> None:
        self._assets = assets
        self._extension = extension
        self._tell_progress, self._tell_found = progress, found
        self._answers: dict[int, AssetFiles] = {}
        self._sharing: dict[S3Prefix, list[int]] = {}
        for index, asset in enumerate(assets):
            place = _place(asset.location)
            if place is None:
                self._answers[index] = _exclude_unplaced(asset)
            elif extension:
                self._sharing.setdefault(place, []).append(index)
            else:
                self._answers[index] = LocatedAsset(asset)
        if self._answers:
            found(list(self._answers.values()))

    @property
    def places(self) -> list[S3Prefix]:
        """Where the assets lie, each place once."""
        return list(self._sharing)

    def settle(self, listed: Iterable[tuple[S3Prefix, Listed]]) -> None:
        """Enters the assets of these places, and tells of them; what is entered stays."""
        answers = {
            index: _answer(self._assets[index], outcome, self._extension)
            for place, outcome in listed
            for index in self._sharing[place]
            if index not in self._answers
        }
        if answers:
            self._answers |= answers
            self._tell_progress(len(self._answers))
            self._tell_found(list(answers.values()))

    def closed(self) -> Located:
        """The account; an asset that is not in it yet was not listed."""
        missing = {
            index: _answer(asset, Listed(None, "not_listed", _STOPPED), self._extension)
            for index, asset in enumerate(self._assets)
            if index not in self._answers
        }
        if missing:
            self._answers |= missing
            self._tell_found(list(missing.values()))
        answers = [self._answers[index] for index in range(len(self._assets))]
        return Located(
            tuple(answer for answer in answers if isinstance(answer, LocatedAsset)),
            tuple(answer for answer in answers if isinstance(answer, Exclusion)),
        )


class _Sweep:
    """Lists all places with a bounded number of runs under way, and learns on the way."""

    def __init__(
        self, lister: ObjectLister, search: Search, parallel: int, account: _Account
    ) -> None:
        self._lister = lister
        self._search = search
        self._parallel = parallel
        self._account = account
        self._waiting: deque[Run] = deque()
        self._under_way: dict[Future[RunListed], Run] = {}
        self._ended: SimpleQueue[Future[RunListed]] = SimpleQueue()
        self._failed: dict[S3Prefix, Listed] = {}
        self._failed_at_first: int | None = 0
        self._missing: dict[str, Listed] = {}
        self._apart: set[str] = set()
        self._dense: set[str] = set()
        self._failures: Counter[str] = Counter()
        self.should_stop: Callable[[], bool] = lambda: False
        self.halted: threading.Event | None = None
        self.refusing: set[str] = set()
        self.requests = 0
        self.keys = 0

    def run(self, executor: Executor, pause: float) -> None:
        """Lists each place once, and then those that failed once more."""
        try:
            self._waiting.extend(first_runs(self._account.places, self._search, self._parallel))
            self._work(executor, 0)
            again, self._failed = self._failed, {}
            self._failed_at_first = None
            self._waiting.extend(
                Run(place.bucket, (place.prefix,), self._search) for place in again
            )
            self._work(executor, pause)
            self._account.settle({**again, **self._failed}.items())
        finally:
            for future in self._under_way:
                future.cancel()

    def _work(self, executor: Executor, pause: float) -> None:
        while (self._waiting or self._under_way) and not self.should_stop():
            while self._waiting and len(self._under_way) < 2 * self._parallel:
                self._start(self._waiting.popleft(), executor, pause)
            self._collect()

    def _start(self, run: Run, executor: Executor, pause: float) -> None:
        if run.bucket in self._missing:
            self._settle(run, dict.fromkeys(run.prefixes, self._missing[run.bucket]))
            return
        if run.together and run.bucket in self._apart:
            self._waiting.extendleft(self._singles(run, run.prefixes))
            return
        if run.together and run.bucket in self._dense:
            run = replace(run, alone=0)
        if run.bucket in self.refusing:
            run = replace(run, search=replace(run.search, by_delimiter=False))
        future = executor.submit(list_run, self._lister, run, pause, self.halted)
        self._under_way[future] = run
        future.add_done_callback(self._ended.put)

    def _collect(self) -> None:
        if not self._under_way:
            return
        try:
            future = self._ended.get(timeout=_POLL)
        except Empty:
            return
        run, result = self._under_way.pop(future), future.result()
        self.requests += result.requests
        self.keys += result.keys
        if result.pages:
            # What was seen last is the best guess at what comes next.
            known = self._dense.add if result.covered > result.pages else self._dense.discard
            known(run.bucket)
        for listed in result.listed.values():
            self._learn(run.bucket, listed)
        self._settle(run, result.listed)
        self._waiting.extend(self._what_next(run, result))

    def _settle(self, run: Run, listed: dict[str, Listed]) -> None:
        """Enters what became of places, but for those that are to be tried once more."""
        outcomes = {S3Prefix(run.bucket, prefix): outcome for prefix, outcome in listed.items()}
        failed = {p: o for p, o in outcomes.items() if o.reason == "listing_failed"}
        self._failed |= failed
        self._account.settle((p, o) for p, o in outcomes.items() if p not in failed)

    def _what_next(self, run: Run, result: RunListed) -> list[Run]:
        """The work that a run leaves to do."""
        rest = rest_of(run, result)
        if not run.together or not rest:
            return []
        if not result.trouble:
            return next_runs(run, result, self._parallel)
        if result.trouble == "no_such_bucket":
            missing = Listed(None, "no_such_bucket", result.issue)
            self._missing[run.bucket] = missing
            self._settle(run, dict.fromkeys(rest, missing))
            return []
        if result.trouble == "delimiter" and run.search.by_delimiter:
            self.refusing.add(run.bucket)
            return [replace(run, prefixes=rest, pages=1, alone=0)]
        if result.trouble == "failed":
            return self._after_failure(run, rest)
        self._apart.add(run.bucket)
        return self._singles(run, rest)

    def _after_failure(self, run: Run, rest: Sequence[str]) -> list[Run]:
        """What a failure leaves to do: as it may pass, most places go on as neighbours."""
        self._failures[run.bucket] += 1
        if self._failures[run.bucket] > MOST_FAILURES:
            self._apart.add(run.bucket)
        # Where nothing has succeeded yet, so many by themselves as show a dead endpoint.
        first = DEAD_AFTER if self._failed_at_first is not None else 1
        others = [replace(run, prefixes=tuple(rest[first:]))] if rest[first:] else []
        return self._singles(run, rest[:first]) + others

    def _singles(self, run: Run, prefixes: Sequence[str]) -> list[Run]:
        # Before anything succeeded a piece is one place, so that a dead endpoint shows soon.
        alive = self._failed_at_first is None
        return single_runs(run, prefixes, self._parallel if alive else len(prefixes))

    def _learn(self, bucket: str, listed: Listed) -> None:
        if listed.reason == "no_such_bucket":
            self._missing[bucket] = listed
        if listed.matches and listed.matches.delimiter_refused:
            self.refusing.add(bucket)
        self._check_alive(listed.reason, listed.issue)

    def _check_alive(self, reason: str, issue: Issue | None) -> None:
        if self._failed_at_first is None:
            return
        if reason != "listing_failed" or issue is None:
            self._failed_at_first = None
        elif self._failed_at_first + 1 < DEAD_AFTER:
            self._failed_at_first += 1
        else:
            what = f"{issue.what}, and so did the first {DEAD_AFTER} listings, all of them"
            raise ServiceError(Issue(what, action=issue.action))


def _answer(asset: DataAsset, listed: Listed, extension: str) -> AssetFiles:
    if listed.matches is None:
        issue = listed.issue or _STOPPED
        return exclude(asset, "files", listed.reason, issue.what, issue.action)
    if not listed.matches.files:
        return _no_match(asset, listed.matches, extension)
    return LocatedAsset(asset, listed.matches.files)


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
