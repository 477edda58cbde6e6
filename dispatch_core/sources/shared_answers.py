"""One answer for all who ask the same at the same time.

A wrapper around one `MetadataSource`: while a question is on its way to the source,
whoever asks the same waits for that answer, and for a short while afterwards it is
given again. Answers are held as bytes, so that each asker gets records of its own and
what is held can be bounded exactly.
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
    """A `MetadataSource` that asks `source` each question once at a time.

    Make one for each source: answers of two are never mixed, because each has its own.

    Parameters
    ----------
    seconds
        How long an answer is given again. An error never is, but for those who
        waited for it.
    most_bytes
        Of all answers held; the oldest go first, and one that takes more than a
        quarter of it is not held.
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
        self._held: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self.held_bytes = 0

    @property
    def label(self) -> str:
        """That of the source."""
        return self._source.label

    def find_page(
        self, filter_query: Filter, projection: Mapping[str, Any], limit: int
    ) -> list[Record]:
        """See `MetadataSource.find_page`."""
        question = ["find", filter_query, dict(projection), limit]
        ask = self._source.find_page
        answer = self._answer(question, lambda: ask(filter_query, projection, limit))
        return cast(list[Record], answer)

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        """See `MetadataSource.aggregate`."""
        ask = self._source.aggregate
        answer = self._answer(["aggregate", pipeline], lambda: ask(pipeline))
        return cast(list[Record], answer)

    def count(self, filter_query: Filter) -> int:
        """See `MetadataSource.count`."""
        ask = self._source.count
        return cast(int, self._answer(["count", filter_query], lambda: ask(filter_query)))

    def _answer(self, question: list[Any], ask: Callable[[], Any]) -> object:
        key = json.dumps(question, default=repr)
        with self._lock:
            content = self._fresh(key)
            if content is None:
                waiting = self._under_way.get(key)
                mine = self._under_way.setdefault(key, Future())
        if content is None:
            if waiting is None:
                self._ask(key, mine, ask)
            content = mine.result()
        return marshal.loads(content)  # noqa: S302 - bytes of our own

    def _ask(self, key: str, future: Future[bytes], ask: Callable[[], Any]) -> None:
        try:
            content = marshal.dumps(ask())
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it
            with self._lock:
                del self._under_way[key]
            future.set_exception(error)
            return
        with self._lock:
            del self._under_way[key]
            self._hold(key, content)
        future.set_result(content)

    def _fresh(self, key: str) -> bytes | None:
        """The answer that is held; those that are too old are let go first."""
        now = self._clock()
        while self._held and next(iter(self._held.values()))[0] <= now:
            self._let_go()
        held = self._held.get(key)
        return held[1] if held else None

    def _hold(self, key: str, content: bytes) -> None:
        if len(content) > self._most_bytes // _LARGEST_SHARE:
            return
        self._held[key] = (self._clock() + self._seconds, content)
        self.held_bytes += len(content)
        while self.held_bytes > self._most_bytes:
            self._let_go()

    def _let_go(self) -> None:
        _, (_, content) = self._held.popitem(last=False)
        self.held_bytes -= len(content)
