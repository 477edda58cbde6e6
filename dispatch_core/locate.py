"""The step "files are located": from data assets to their files, over any object lister.

Under each asset's location, every file or directory store whose name ends with the
extension is a match (`listing`). Neighbouring assets of a bucket are listed together if
they are dense (`scan`). This module schedules the listings, adapts to their results,
and records one result for each asset: its files, or the reason for its exclusion.

A problem with one asset excludes only that asset. The step fails only if the endpoint
is unreachable.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import TypeGuard
from urllib.parse import unquote

from dispatch_core.errors import Issue, ServiceError
from dispatch_core.listing.not_data import EMPTIED, ONLY_SYSTEM, NotData, counted_kinds
from dispatch_core.listing.place import Matches, S3Prefix, Search
from dispatch_core.listing.scan import (
    Listed,
    ListingFailed,
    Run,
    RunListed,
    first_runs,
    list_run,
    next_runs,
    rest_of,
    single_runs,
)
from dispatch_core.listing.stores import evenly, in_pieces, most_opened, open_stores
from dispatch_core.sources.protocols import ObjectLister
from dispatch_core.text.file_extension import check_extension, is_utf8
from dispatch_core.text.invisible import invisible_in
from dispatch_core.text.words import counted
from dispatch_core.types import (
    DataAsset,
    Exclusion,
    FileEntry,
    LocatedAsset,
    NestedStores,
    Reason,
    exclude,
)

UNREACHABLE_AFTER = 20
"""If this many listings fail before one succeeds, the endpoint is treated as unreachable."""

MOST_FAILURES = 10
"""If more listings of neighbours fail than this, their bucket is listed one by one."""

HELD_SHOWN = 8
"""The most extensions that the exclusion of an asset without a match lists."""

PAUSE = 0.5
"""The longest wait in seconds before a failed listing is retried."""

AssetFiles = LocatedAsset | Exclusion
"""The result for one asset."""

_ACCESS_POINT = (
    r"arn:[a-z0-9-]+:s3[a-z-]*:[a-z0-9-]*:[0-9]{12}:"
    r"(?:outpost[:/][A-Za-z0-9-]{1,63}[:/])?accesspoint[:/][A-Za-z0-9.-]{1,63}"
)
_LOCATION = re.compile(rf"s3://([A-Za-z0-9._-]{{1,255}}|{_ACCESS_POINT})/(.*[^/])/*", re.DOTALL)


def _place(location: str) -> S3Prefix | None:
    match = _LOCATION.fullmatch(location)
    return S3Prefix(match[1], match[2] + "/") if match and is_utf8(location) else None


def check_locations(
    assets: Iterable[DataAsset],
) -> tuple[tuple[DataAsset, ...], tuple[Exclusion, ...]]:
    """The assets with a usable location, and an exclusion for each of the others.

    A usable location is ``s3://bucket/prefix``; a bucket alone would include every
    other asset in it. Both results keep the order of `assets`.
    """
    usable: list[DataAsset] = []
    exclusions: list[Exclusion] = []
    for asset in assets:
        if _place(asset.location) is None:
            exclusions.append(_without_location(asset))
        else:
            usable.append(asset)
    return tuple(usable), tuple(exclusions)


def _without_location(asset: DataAsset) -> Exclusion:
    if asset.location.strip():
        message = f"The location {asset.location!r} is not s3://bucket/prefix"
        repaired = _repaired(asset.location)
        write = f"Write {repaired!r} in" if repaired else "Correct the location in"
        action = f"{write} the metadata record, or exclude the asset"
        return exclude(asset, Reason.LOCATION_NOT_S3, message, action)
    message = "The record has no location"
    action = "Add a location to the metadata record, or exclude the asset"
    return exclude(asset, Reason.NO_LOCATION, message, action)


_OTHER_SPELLINGS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"(?i:s3[an]?):/{1,4}(?P<bucket>[A-Za-z0-9._-]+)/(?P<key>.+)",
        r"arn:[a-z0-9-]+:s3:::(?P<bucket>[A-Za-z0-9._-]+)/(?P<key>.+)",
        r"(?i:https?)://(?P<bucket>[A-Za-z0-9._-]+)\.s3(?:[.-][a-z0-9.-]+)?\.amazonaws\.com"
        r"(?:\.cn)?/(?P<address>[^?#]+)(?:[?#].*)?",
        r"(?i:https?)://s3(?:[.-][a-z0-9.-]+)?\.amazonaws\.com(?:\.cn)?"
        r"/(?P<bucket>[A-Za-z0-9._-]+)/(?P<address>[^?#]+)(?:[?#].*)?",
        r"(?i:https?)://(?:[a-z0-9-]+\.)?(?:s3\.)?console\.aws\.amazon\.com/s3/(?:buckets|object)/"
        r"(?P<bucket>[A-Za-z0-9._-]+)\?(?:[^#]*&)?prefix=(?P<address>[^&#]+)(?:[&#].*)?",
    )
)
"""How else S3 locations are written; an ``address`` is percent-encoded."""


def _repaired(location: str) -> str:
    """The location as ``s3://bucket/prefix`` if it is certainly meant; otherwise ""."""
    plain = location.strip().replace("\\", "/")
    for pattern in _OTHER_SPELLINGS:
        found = pattern.fullmatch(plain)
        if found:
            parts = found.groupdict()
            key = parts.get("key") or unquote(parts.get("address") or "")
            repaired = f"s3://{found['bucket']}/{key}"
            return repaired if _place(repaired) else ""
    return ""


@dataclass(frozen=True, slots=True)
class Located:
    """The step's result: assets with their files, and excluded assets.

    Attributes
    ----------
    located, exclusions
        In the order of the assets; each asset is in exactly one of the two.
    requests, keys_listed
        The cost of listing all assets.
    warnings
        Deviations from the usual listing that did not affect the result.
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
    pause: float = PAUSE,
    opened: int = 0,
) -> Located:
    """Each asset with its own files, and an exclusion for each asset without.

    Assets that share a location are listed once; a failed listing is retried once at
    the end. An empty extension lists nothing, and ``files`` is None.

    Parameters
    ----------
    executor
        Runs the listings; by default `threads` threads of this process. At most twice
        `threads` pieces of work (`Run`) are submitted at a time.
    progress
        Called in this thread with the number of assets that are done.
    found
        Called in this thread with the results of some assets, in the order of arrival;
        once for each asset.
    pause
        The longest wait in seconds before a retry.
    opened
        How many ``.zarr`` or ``.n5`` stores are opened at least, to see whether they have
        any content; of other extensions, it is a hundred.

    Raises
    ------
    InvalidInput
        The extension is a pattern or a path.
    ServiceError
        The first 20 listings all failed: the endpoint is unreachable.
    """
    extension = check_extension(file_extension)
    results = _Results(assets, extension, progress or _ignore, found or _ignore)
    if not extension:
        return results.located()
    sweep = _Sweep(lister, Search(extension, nested_stores), threads, results, opened)
    if executor is not None:
        sweep.run(executor, pause)
    else:
        _run_in_threads(sweep, threads, pause)
    return replace(
        results.located(),
        requests=sweep.requests,
        keys_listed=sweep.keys,
        warnings=(*map(_refused, sorted(sweep.refusing)), *results.warnings(), *sweep.notes),
    )


def _ignore(_: object) -> None:
    """Does nothing."""


def _refused(bucket: str) -> str:
    return (
        f"The bucket {bucket} supports no delimiter except a slash and was listed without it, "
        "with more requests"
    )


def _key_of(file: FileEntry, place: S3Prefix) -> str:
    return file.location.removeprefix(f"s3://{place.bucket}/")


def _unopened(number: int) -> str:
    stores = counted(number, "more directory store")
    return f"Some directory stores have no content; {stores} were not opened to look"


def _run_in_threads(sweep: _Sweep, threads: int, pause: float) -> None:
    executor = ThreadPoolExecutor(threads, "locate")
    sweep.halted = threading.Event()
    try:
        sweep.run(executor, pause)
    finally:
        # Not waited for: a request may hang until its timeout.
        sweep.halted.set()
        executor.shutdown(wait=False, cancel_futures=True)


class _Results:
    """The result of each asset; several assets may share one place."""

    def __init__(
        self,
        assets: Sequence[DataAsset],
        extension: str,
        progress: Callable[[int], None],
        found: Callable[[Sequence[AssetFiles]], None],
    ) -> None:
        self._assets = assets
        self._extension = extension
        self._report_progress, self._report_found = progress, found
        self._results: dict[int, AssetFiles] = {}
        self._not_data: list[NotData] = []
        self._other_case: dict[int, str] = {}
        self._sharing: dict[S3Prefix, list[int]] = {}
        for index, asset in enumerate(assets):
            place = _place(asset.location)
            if place is None:
                self._results[index] = _without_location(asset)
            elif extension:
                self._sharing.setdefault(place, []).append(index)
            else:
                self._results[index] = LocatedAsset(asset)
        if self._results:
            found(list(self._results.values()))

    @property
    def places(self) -> list[S3Prefix]:
        """The locations of the assets, each once."""
        return list(self._sharing)

    def add(self, listed: Collection[tuple[S3Prefix, Listed]]) -> None:
        """Records and reports the results of these places; the first result is final."""
        results = {
            index: _result(self._assets[index], outcome, self._extension)
            for place, outcome in listed
            for index in self._sharing[place]
            if index not in self._results
        }
        if results:
            self._results |= results
            self._not_data += (
                one
                for _, outcome in listed
                if isinstance(outcome, Matches) and outcome.files
                for one in outcome.not_data
            )
            self._other_case |= {
                index: outcome.other_case
                for place, outcome in listed
                if isinstance(outcome, Matches) and outcome.other_case
                for index in self._sharing[place]
            }
            self._report_progress(len(self._results))
            self._report_found(list(results.values()))

    @property
    def is_any_store_empty(self) -> bool:
        """Whether a store without content was found anywhere."""
        return any(one.why in (EMPTIED, ONLY_SYSTEM) for one in self._not_data)

    def reject(self, place: S3Prefix, stores: Mapping[str, str]) -> None:
        """Removes stores without content, by location, from the results of a place."""
        found = counted_kinds(stores.items())
        self._not_data += found
        for index in self._sharing[place]:
            result = self._results[index]
            if not isinstance(result, LocatedAsset):
                continue
            kept = tuple(file for file in result.files or () if file.location not in stores)
            changed = Matches(kept, not_data=found)
            self._results[index] = _result(result.asset, changed, self._extension)

    def warnings(self) -> Iterator[str]:
        """What was found beside the matches, or in them, that is probably a mistake."""
        if self._other_case:
            assets = counted(len(self._other_case), "asset")
            example = min(self._other_case.values())
            verb = "has" if len(self._other_case) == 1 else "have"
            yield (
                f"{assets} {verb} files whose extension differs from {self._extension} only by "
                f"case, which do not match: {example}"
            )
        kinds: dict[str, list[NotData]] = {}
        for one in self._not_data:
            kinds.setdefault(one.why, []).append(one)
        totals = [
            NotData(why, sum(one.number for one in all_of), min(one.example for one in all_of))
            for why, all_of in sorted(kinds.items())
        ]
        if totals:
            shown = "; ".join(map(str, totals))
            yield f"Some names were ignored: {shown}"
        empty = [
            file.location
            for result in self._results.values()
            if isinstance(result, LocatedAsset)
            for file in result.files or ()
            if file.size == 0
        ]
        if empty:
            verb = "has" if len(empty) == 1 else "have"
            files = counted(len(empty), "matched file")
            yield f"{files} {verb} no content (0 bytes): {', '.join(sorted(empty)[:3])}"

    def located(self) -> Located:
        """The results of all assets, in their order."""
        results = [self._results[index] for index in range(len(self._assets))]
        return Located(
            tuple(result for result in results if isinstance(result, LocatedAsset)),
            tuple(result for result in results if isinstance(result, Exclusion)),
        )


class _Sweep:
    """Lists all places with a bounded number of parallel runs, and adapts to the results."""

    def __init__(
        self, lister: ObjectLister, search: Search, parallel: int, results: _Results, opened: int
    ) -> None:
        self._lister = lister
        self._search = search
        self._parallel = parallel
        self._results = results
        self._waiting: deque[Run] = deque()
        self._under_way: dict[Future[RunListed], Run] = {}
        self._ended: SimpleQueue[Future[RunListed]] = SimpleQueue()
        self._failed: dict[S3Prefix, ListingFailed] = {}
        self._failed_at_first: int | None = 0
        self._missing: dict[str, ListingFailed] = {}
        self._apart: set[str] = set()
        self._dense: set[str] = set()
        self._failures: Counter[str] = Counter()
        self._opened = opened
        self._unopened: dict[S3Prefix, tuple[FileEntry, ...]] = {}
        self.halted: threading.Event | None = None
        self.refusing: set[str] = set()
        self.notes: list[str] = []
        self.requests = 0
        self.keys = 0

    def run(self, executor: Executor, pause: float) -> None:
        """Lists each place once, and retries those that failed."""
        try:
            self._waiting.extend(first_runs(self._results.places, self._search, self._parallel))
            self._work(executor, 0)
            again, self._failed = self._failed, {}
            self._failed_at_first = None
            self._waiting.extend(
                Run(place.bucket, (place.prefix,), self._search) for place in again
            )
            self._work(executor, pause)
            self._results.add({**again, **self._failed}.items())
            self._open_stores(executor)
        finally:
            for future in self._under_way:
                future.cancel()

    def _work(self, executor: Executor, pause: float) -> None:
        while self._waiting or self._under_way:
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
        future = self._ended.get()
        run, result = self._under_way.pop(future), future.result()
        self.requests += result.requests
        self.keys += result.keys
        if result.pages:
            # The last density seen is the best estimate of the next one.
            known = self._dense.add if result.covered > result.pages else self._dense.discard
            known(run.bucket)
        for listed in result.listed.values():
            self._learn(run.bucket, listed)
        self._settle(run, result.listed)
        self._waiting.extend(self._what_next(run, result))

    def _open_stores(self, executor: Executor) -> None:
        """Opens some of the stores; all that are allowed, if one has no content."""
        stores = {
            S3Prefix(place.bucket, f"{key}/"): place
            for place, files in sorted(self._unopened.items())
            for key in (_key_of(file, place) for file in files)
        }
        is_any_empty = self._results.is_any_store_empty
        opened: set[S3Prefix] = set()
        while stores:
            extension, least = self._search.extension, self._opened
            most = most_opened(extension, self.requests, least, is_any_empty=is_any_empty)
            chosen = [one for one in evenly(list(stores), most) if one not in opened]
            opened |= set(chosen)
            empty = self._open(executor, chosen)
            for store, why in empty.items():
                location = f"s3://{store.bucket}/{store.prefix[:-1]}"
                self._results.reject(stores[store], {location: why})
            if is_any_empty or not empty:
                break
            is_any_empty = True
        if is_any_empty and len(opened) < len(stores):
            self.notes.append(_unopened(len(stores) - len(opened)))

    def _open(self, executor: Executor, stores: Sequence[S3Prefix]) -> dict[S3Prefix, str]:
        """Those of `stores` that have no content, and why."""
        futures = [
            executor.submit(open_stores, self._lister, piece, self.halted)
            for piece in in_pieces(stores)
        ]
        results = [future.result() for future in futures]
        self.requests += sum(one.requests for one in results)
        self.keys += sum(one.keys for one in results)
        return {store: why for one in results for store, why in one.empty.items()}

    def _settle(self, run: Run, listed: dict[str, Listed]) -> None:
        """Records each place's result, except those that will be retried."""
        settled: list[tuple[S3Prefix, Listed]] = []
        for prefix, outcome in listed.items():
            place = S3Prefix(run.bucket, prefix)
            if _can_be_retried(outcome):
                self._failed[place] = outcome
            else:
                settled.append((place, outcome))
            if isinstance(outcome, Matches) and not outcome.are_stores_opened:
                stores = tuple(one for one in outcome.files if one.kind == "directory")
                self._unopened[place] = stores
        self._results.add(settled)

    def _what_next(self, run: Run, result: RunListed) -> list[Run]:
        """The runs that remain after `run`."""
        rest = rest_of(run, result)
        if not run.together or not rest:
            return []
        if not result.trouble:
            return next_runs(run, result, self._parallel)
        if result.trouble == "no_such_bucket" and result.issue is not None:
            missing = ListingFailed(Reason.NO_SUCH_BUCKET, result.issue)
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
        """The runs after a failure: it may be temporary, so most places stay neighbours."""
        self._failures[run.bucket] += 1
        if self._failures[run.bucket] > MOST_FAILURES:
            self._apart.add(run.bucket)
        # Before any success, list enough places one by one to detect an unreachable endpoint.
        first = UNREACHABLE_AFTER if self._failed_at_first is not None else 1
        others = [replace(run, prefixes=tuple(rest[first:]))] if rest[first:] else []
        return self._singles(run, rest[:first]) + others

    def _singles(self, run: Run, prefixes: Sequence[str]) -> list[Run]:
        # Before any success a run is one place, so that an unreachable endpoint is detected soon.
        alive = self._failed_at_first is None
        return single_runs(run, prefixes, self._parallel if alive else len(prefixes))

    def _learn(self, bucket: str, listed: Listed) -> None:
        if isinstance(listed, Matches):
            if listed.delimiter_refused:
                self.refusing.add(bucket)
        elif listed.reason is Reason.NO_SUCH_BUCKET:
            self._missing[bucket] = listed
        self._check_alive(listed)

    def _check_alive(self, listed: Listed) -> None:
        if self._failed_at_first is None:
            return
        if not _can_be_retried(listed):
            self._failed_at_first = None
        elif self._failed_at_first + 1 < UNREACHABLE_AFTER:
            self._failed_at_first += 1
        else:
            what = f"{listed.issue.what}; the first {UNREACHABLE_AFTER} listings all failed"
            raise ServiceError(Issue(what, action=listed.issue.action))


def _can_be_retried(listed: Listed) -> TypeGuard[ListingFailed]:
    """Whether a listing failed for a reason that may be temporary."""
    return isinstance(listed, ListingFailed) and listed.reason is Reason.LISTING_FAILED


def _result(asset: DataAsset, listed: Listed, extension: str) -> AssetFiles:
    if isinstance(listed, ListingFailed):
        return exclude(asset, listed.reason, listed.issue.what, listed.issue.action)
    if not listed.files:
        return _no_match(asset, listed, extension)
    return LocatedAsset(asset, listed.files)


def _no_match(asset: DataAsset, matches: Matches, extension: str) -> Exclusion:
    message = f"Nothing under the location ends with {extension!r}"
    action = "Use an extension that it has, or exclude the asset"
    held = matches.held[:HELD_SHOWN]
    if matches.not_data:
        message += f"; ignored: {', '.join(map(str, matches.not_data))}"
        if any("link" in one.why for one in matches.not_data):
            action = "Replace the links by their targets, or exclude the asset"
    if matches.is_store:
        message += "; the location itself is a Zarr store"
        action = "Use no extension, and the job has the location, or exclude the asset"
    elif held:
        message += f"; it has {', '.join(f'{one} ({count:,})' for one, count in held)}"
    elif matches.is_empty:
        message = f"Nothing is stored under the location{_oddity_of(asset.location)}"
        action = "Correct the location in the metadata record, or exclude the asset"
    return replace(exclude(asset, Reason.NO_MATCHING_FILE, message, action), held=held)


def _oddity_of(location: str) -> str:
    """What in the spelling of a location may be why nothing is found; "" for the usual one."""
    invisible = invisible_in(location)
    if invisible:
        return f", which contains {invisible}"
    odd = re.search(r"(?<!:)//+(?=[^/])|/\.\.?(?=/|$)|[?#].*$|%[0-9A-Fa-f]{2}|\\|\s+$", location)
    return f", which contains {odd[0]!r}" if odd else ""
