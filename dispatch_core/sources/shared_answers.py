"""A cache in front of a source: equal requests at the same time are sent once.

While a request is under way, equal requests wait for its answer, which is then cached
for a short time. Answers are cached as bytes, so that each caller gets its own copy of
the records and the size of the cache has an exact limit.
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
MOST_BYTES = 64 << 20
_LARGEST_SHARE = 4


class SharedAnswers:
    """A `MetadataSource` that sends equal requests to `source` once at a time.

    Make one for each source, so that the answers of two sources are never mixed.

    Parameters
    ----------
    seconds
        How long an answer is cached. An error is not cached; only the requests that
        waited for it get it.
    most_bytes
        Limit of the cache. The oldest answers are removed first, and an answer larger
        than a quarter of the limit is not cached.
    """

    def __init__(
        self,
        source: MetadataSource,
        *,
        seconds: float = SECONDS,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[bytes]] = {}
        self._cache: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
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
        send = self._source.find_page
        answer = self._answer(request, lambda: send(filter_query, projection, limit))
        return cast(list[Record], answer)

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        """See `MetadataSource.aggregate`."""
        send = self._source.aggregate
        answer = self._answer(["aggregate", pipeline], lambda: send(pipeline))
        return cast(list[Record], answer)

    def count(self, filter_query: Filter) -> int:
        """See `MetadataSource.count`."""
        send = self._source.count
        return cast(int, self._answer(["count", filter_query], lambda: send(filter_query)))

    def _answer(self, request: list[Any], send: Callable[[], Any]) -> object:
        key = json.dumps(request, default=repr)
        with self._lock:
            content = self._fresh(key)
            if content is None:
                waiting = self._under_way.get(key)
                mine = self._under_way.setdefault(key, Future())
        if content is None:
            if waiting is None:
                self._send(key, mine, send)
            content = mine.result()
        return marshal.loads(content)  # noqa: S302 - our own bytes

    def _send(self, key: str, future: Future[bytes], send: Callable[[], Any]) -> None:
        try:
            content = marshal.dumps(send())
        except BaseException as error:  # noqa: BLE001 - the waiting requests must get it
            with self._lock:
                del self._under_way[key]
            future.set_exception(error)
            return
        with self._lock:
            del self._under_way[key]
            self._keep(key, content)
        future.set_result(content)

    def _fresh(self, key: str) -> bytes | None:
        """The cached answer, after the expired ones are removed."""
        now = self._clock()
        while self._cache and next(iter(self._cache.values()))[0] <= now:
            self._remove_oldest()
        cached = self._cache.get(key)
        return cached[1] if cached else None

    def _keep(self, key: str, content: bytes) -> None:
        if len(content) > self._most_bytes // _LARGEST_SHARE:
            return
        self._cache[key] = (self._clock() + self._seconds, content)
        self.cached_bytes += len(content)
        while self.cached_bytes > self._most_bytes:
            self._remove_oldest()

    def _remove_oldest(self) -> None:
        _, (_, content) = self._cache.popitem(last=False)
        self.cached_bytes -= len(content)
