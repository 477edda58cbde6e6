"""One sweep over all places of a search: runs scheduled, failures retried, stores opened.

It submits a bounded number of runs (`scan`) at a time, and adapts to their results.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Protocol, TypeGuard

from dispatch_core.errors import Issue, ServiceError
from dispatch_core.listing.matches import Matches, S3Prefix, Search
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
from dispatch_core.text.words import counted
from dispatch_core.types import FileEntry, Reason

UNREACHABLE_AFTER = 20
"""If this many listings fail before one succeeds, the endpoint is treated as unreachable."""

MOST_FAILURES = 10
"""If more listings of neighbours fail than this, their bucket is listed one by one."""


REPORT_EVERY = 0.5
"""Seconds after which the progress is reported again although nothing has ended."""


class Results(Protocol):
    """Where a sweep records what it finds."""

    @property
    def places(self) -> Iterable[S3Prefix]:
        """The places to list, each once."""
        ...

    @property
    def is_any_store_empty(self) -> bool:
        """Whether a store without content was found anywhere."""
        ...

    def add(self, listed: Collection[tuple[S3Prefix, Listed]]) -> None:
        """Record the results of these places; the first result is final."""
        ...

    def report(self) -> None:
        """Report the progress again."""
        ...

    def reject(self, place: S3Prefix, stores: Mapping[str, str]) -> None:
        """Remove stores without content, by location, from the results of a place."""
        ...


class Sweep:
    """Lists all places with a bounded number of parallel runs, and adapts to the results."""

    def __init__(
        self, lister: ObjectLister, search: Search, parallel: int, results: Results, opened: int
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
        self._halted: threading.Event | None = None
        self.refusing: set[str] = set()
        self.notes: list[str] = []
        self.requests = 0
        self.keys = 0

    def learn_from(self, earlier: Sweep) -> None:
        """Use what a sweep over the same buckets for another extension found out about them."""
        self.refusing |= earlier.refusing
        self._missing |= earlier._missing
        self._apart |= earlier._apart
        if earlier._failed_at_first is None:
            self._failed_at_first = None

    def run(self, executor: Executor | None, pause: float) -> None:
        """Lists each place once, and retries those that failed; in own threads by default."""
        if executor is not None:
            self._run(executor, pause)
            return
        threads = ThreadPoolExecutor(self._parallel, "locate")
        self._halted = threading.Event()
        try:
            self._run(threads, pause)
        finally:
            # Not waited for: a request may hang until its timeout.
            self._halted.set()
            threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, executor: Executor, pause: float) -> None:
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
        future = executor.submit(list_run, self._lister, run, pause, self._halted)
        self._under_way[future] = run
        future.add_done_callback(self._ended.put)

    def _collect(self) -> None:
        if not self._under_way:
            return
        future = self._next_ended()
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

    def _next_ended(self) -> Future[RunListed]:
        """Waits for a run; meanwhile it reports, so that a cancel takes effect."""
        while True:
            try:
                return self._ended.get(timeout=REPORT_EVERY)
            except Empty:
                self._results.report()

    def _open_stores(self, executor: Executor) -> None:
        """Opens some of the stores; all that are allowed, if one has no content."""
        stores = {
            file.location: place
            for place, files in sorted(self._unopened.items())
            for file in files
        }
        is_any_empty = self._results.is_any_store_empty
        opened: set[str] = set()
        while stores:
            extension, least = self._search.extension, self._opened
            most = most_opened(extension, self.requests, least, is_any_empty=is_any_empty)
            chosen = [one for one in evenly(list(stores), most) if one not in opened]
            opened |= set(chosen)
            empty = self._open(executor, [_inside(one, stores[one]) for one in chosen])
            for store, why in empty.items():
                location = f"s3://{store.bucket}/{store.prefix[:-1]}"
                self._results.reject(stores[location], {location: why})
            if is_any_empty or not empty:
                break
            is_any_empty = True
        if is_any_empty and len(opened) < len(stores):
            self.notes.append(_unopened(len(stores) - len(opened)))

    def _open(self, executor: Executor, stores: Sequence[S3Prefix]) -> dict[S3Prefix, str]:
        """Those of `stores` that have no content, and why."""
        futures = [
            executor.submit(open_stores, self._lister, piece, self._halted)
            for piece in in_pieces(stores)
        ]
        while wait(futures, REPORT_EVERY).not_done:
            self._results.report()
        results = [future.result() for future in futures]
        self.requests += sum(one.requests for one in results)
        self.keys += sum(one.keys for one in results)
        return {store: why for one in results for store, why in one.empty.items()}

    def _settle(self, run: Run, listed: dict[str, Listed]) -> None:
        """Records each place's result, except those that will be retried."""
        settled: list[tuple[S3Prefix, Listed]] = []
        for prefix, outcome in listed.items():
            place = S3Prefix(run.bucket, prefix)
            if isinstance(outcome, Matches):
                if outcome.files and not outcome.are_stores_opened:
                    self._note_stores(place, outcome.files)
            elif _can_be_retried(outcome):
                self._failed[place] = outcome
                continue
            settled.append((place, outcome))
        self._results.add(settled)

    def _note_stores(self, place: S3Prefix, files: Iterable[FileEntry]) -> None:
        stores = tuple(one for one in files if one.kind == "directory")
        if stores:
            self._unopened[place] = stores

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
        if self._failed_at_first is not None:
            self._check_alive(listed, self._failed_at_first)

    def _check_alive(self, listed: Listed, failed: int) -> None:
        if not _can_be_retried(listed):
            self._failed_at_first = None
        elif failed + 1 < UNREACHABLE_AFTER:
            self._failed_at_first = failed + 1
        else:
            what = f"{listed.issue.what}; the first {UNREACHABLE_AFTER} listings all failed"
            raise ServiceError(Issue(what, action=listed.issue.action))


def _inside(store: str, place: S3Prefix) -> S3Prefix:
    """The place inside a store, which is given by its location and the place that has it."""
    return S3Prefix(place.bucket, store.removeprefix(f"s3://{place.bucket}/") + "/")


def _unopened(number: int) -> str:
    stores = counted(number, "more directory store")
    return f"Some directory stores have no content; {stores} were not opened to look"


def _can_be_retried(listed: Listed) -> TypeGuard[ListingFailed]:
    """Whether a listing failed for a reason that may be temporary."""
    return isinstance(listed, ListingFailed) and listed.reason is Reason.LISTING_FAILED
