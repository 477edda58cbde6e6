"""A metadata source that shares responses among concurrent identical requests.

A wrapper around one `MetadataSource`: a request that is already in progress is not sent
again, and its response is cached for a short time. Responses are cached as bytes, so
that each caller gets its own records and the size of the cache is exact.
"""

from __future__ import annotations

import json
import marshal
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, cast

from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, Pipeline, Record

SECONDS = 20.0
MAX_BYTES = 64 << 20
_LARGEST_SHARE = 4
"""A response may take at most one quarter of the cache."""


class SharedAnswers:
    """A `MetadataSource` that caches the responses of one other source.

    Parameters
    ----------
    seconds
        How long a response is cached. An error is raised for all callers that wait for
        it, and never cached.
    max_bytes
        Size limit of the cache. The oldest responses are removed first, and one larger
        than a quarter of the limit is not cached.
    """

    def __init__(
        self,
        source: MetadataSource,
        *,
        seconds: float = SECONDS,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._in_progress: dict[str, Future[bytes]] = {}
        self._cached: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._forgetting: threading.Timer | None = None
        self.cached_bytes = 0

    @property
    def label(self) -> str:
        """The label of the source."""
        return self._source.label

    def find_page(
        self, filter_query: Filter, projection: Mapping[str, Any], limit: int
    ) -> list[Record]:
        """See `MetadataSource.find_page`."""
        request = ["find", filter_query, dict(projection), limit]
        call = self._source.find_page
        response = self._shared(request, lambda: call(filter_query, projection, limit))
        return cast(list[Record], response)

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        """See `MetadataSource.aggregate`."""
        call = self._source.aggregate
        response = self._shared(["aggregate", pipeline], lambda: call(pipeline))
        return cast(list[Record], response)

    def count(self, filter_query: Filter) -> int:
        """See `MetadataSource.count`."""
        call = self._source.count
        return cast(int, self._shared(["count", filter_query], lambda: call(filter_query)))

    def _shared(self, request: list[Any], call: Callable[[], Any]) -> object:
        key = json.dumps(request, default=repr)
        with self._lock:
            content = self._fresh(key)
            if content is None:
                waiting = self._in_progress.get(key)
                mine = self._in_progress.setdefault(key, Future())
        if content is None:
            if waiting is None:
                self._send(key, mine, call)
            content = mine.result()
        return marshal.loads(content)  # noqa: S302 - only our own bytes

    def _send(self, key: str, future: Future[bytes], call: Callable[[], Any]) -> None:
        try:
            content = marshal.dumps(call())
        except BaseException as error:  # noqa: BLE001 - every waiting caller must get it
            with self._lock:
                del self._in_progress[key]
            future.set_exception(error)
            return
        with self._lock:
            del self._in_progress[key]
            self._cache(key, content)
        future.set_result(content)

    def _fresh(self, key: str) -> bytes | None:
        """The cached response, or None; expired ones are removed first."""
        self._remove_expired()
        cached = self._cached.get(key)
        return cached[1] if cached else None

    def _cache(self, key: str, content: bytes) -> None:
        if len(content) > self._max_bytes // _LARGEST_SHARE:
            return
        self._cached[key] = (self._clock() + self._seconds, content)
        self.cached_bytes += len(content)
        while self.cached_bytes > self._max_bytes:
            self._remove_oldest()
        if self._forgetting is None:
            self._forget_after(self._seconds)

    def _forget_after(self, seconds: float) -> None:
        self._forgetting = threading.Timer(seconds, self._forget_expired)
        self._forgetting.daemon = True
        self._forgetting.start()

    def _forget_expired(self) -> None:
        """Free the memory of expired responses, also if no other request comes."""
        with self._lock:
            self._forgetting = None
            self._remove_expired()
            if self._cached:
                first = next(iter(self._cached.values()))[0]
                self._forget_after(max(first - self._clock(), 1.0))

    def _remove_expired(self) -> None:
        now = self._clock()
        while self._cached and next(iter(self._cached.values()))[0] <= now:
            self._remove_oldest()

    def _remove_oldest(self) -> None:
        _, (_, content) = self._cached.popitem(last=False)
        self.cached_bytes -= len(content)
