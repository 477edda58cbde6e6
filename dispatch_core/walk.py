"""Reading records: pages in the order of ``_id``, several ranges of it in parallel.

Each page is requested with ``_id > last``, never with skip: skipping lost 709 of 2,000
records when the order was unstable. A short page is not the last one; an empty page is.

Within a range, each page must arrive before the next can be requested. So if one page
is not enough and the ids are UUIDs, the rest is split into ranges by their first digit,
which are read in parallel. Each record is in exactly one range.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, TypeVar

from dispatch_core.errors import AnswerTooLarge, Issue, ServiceError
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, Record

PAGE = 1_000
THREADS = 8
"""The number of parallel requests, and so the most pages in memory."""

REPORT_EVERY = 0.5
"""Seconds after which an empty page is yielded although nothing has arrived."""

_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
_OBJECT_ID = re.compile(r"[0-9a-f]{24}")
_DIGITS = "0123456789abcdef"
_T = TypeVar("_T")


def walk_records(
    source: MetadataSource,
    filter_query: Filter,
    projection: Mapping[str, Any],
    *,
    page_size: int = PAGE,
) -> Iterator[Record]:
    """Every matching record once, ascending by ``_id``, also while others are written.

    A page that is too large for the service is requested again at half the size.
    """
    whole = _Range(source, filter_query, projection, page_size)
    while page := whole.next_page():
        yield from page


def read_pages(
    source: MetadataSource,
    filter_query: Filter,
    projection: Mapping[str, Any],
    *,
    page_size: int = PAGE,
    threads: int = THREADS,
) -> Generator[tuple[int, list[Record]], None, None]:
    """(number of a range, page of it), until every matching record was returned once.

    Ranges ascend by ``_id`` with their numbers. Pages of one range are in order; those
    of several ranges are in the order of arrival. The next page of a range is requested
    before this one is yielded. While nothing arrives, an empty page of the first range is
    yielded twice a second, so that the caller can end it.
    """
    pool = ThreadPoolExecutor(threads, "records")
    whole = _Range(source, filter_query, projection, page_size)
    under_way = {pool.submit(whole.next_page): (0, whole)}
    pages, is_cut = 0, False
    try:
        while under_way:
            ended = wait(under_way, REPORT_EVERY, return_when=FIRST_COMPLETED).done
            if not ended:
                yield 0, []
            for future in ended:
                number, walk = under_way.pop(future)
                page = future.result()
                if not page:
                    continue
                pages += 1
                if not is_cut and (pages == 2 or len(page) == walk.page_size):
                    is_cut = True
                    for more, part in enumerate(walk.cut(threads), 1):
                        under_way[pool.submit(part.next_page)] = (more, part)
                under_way[pool.submit(walk.next_page)] = (number, walk)
                yield number, page
    finally:
        # Not waited for: a request may hang until its timeout.
        pool.shutdown(wait=False, cancel_futures=True)


def in_order(
    calls: Iterable[Callable[[], _T]], threads: int = THREADS
) -> Generator[_T, None, None]:
    """The results of `calls`, in order; at most twice `threads` calls run ahead in parallel."""
    pool = ThreadPoolExecutor(threads, "records")
    under_way: deque[Future[_T]] = deque()
    try:
        for call in calls:
            under_way.append(pool.submit(call))
            if len(under_way) >= 2 * threads:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass
class _Range:
    """The matching records between two bounds of ``_id``, page by page."""

    source: MetadataSource
    filter_query: Filter
    projection: Mapping[str, Any]
    page_size: int
    bounds: dict[str, Any] = field(default_factory=dict)

    def next_page(self) -> list[Record]:
        """The next records; none at the end."""
        page = self._ask()
        if page:
            self._check_order(page)
            last = page[-1]["_id"]
            self.bounds.pop("$gte", None)
            self.bounds["$gt"] = last
        return page

    def _check_order(self, page: list[Record]) -> None:
        """Raises unless the page continues after the previous one: records would be lost."""
        ids = [record["_id"] for record in page]
        if self.bounds.get("$gt") in ids:
            what = "its pages do not advance: it returned the same record twice"
        elif any(_is_before(later, earlier) for earlier, later in pairwise(ids)):
            what = "its pages are not in the requested order of _id"
        else:
            return
        raise ServiceError(
            Issue(what, self.source.label, "Report it to the operator of the service")
        )

    def _ask(self) -> list[Record]:
        while True:
            try:
                return self.source.find_page(self._filter(), self.projection, self.page_size)
            except AnswerTooLarge:
                if self.page_size == 1:
                    raise
                self.page_size //= 2

    def _filter(self) -> Filter:
        if not self.bounds:
            return self.filter_query
        bound = {"_id": dict(self.bounds)}
        return {"$and": [self.filter_query, bound]} if self.filter_query else bound

    def cut(self, parts: int) -> list[_Range]:
        """Splits off ranges after the start of this one; none if the ids are not UUIDs."""
        last = self.bounds["$gt"]
        if not isinstance(last, str) or not _UUID.fullmatch(last):
            return []
        digits = _DIGITS[_DIGITS.index(last[0]) + 1 :]
        marks = digits[:: -(-len(digits) // max(parts - 1, 1)) or 1]
        if not marks:
            return []
        self.bounds["$lt"] = marks[0]
        ends: list[dict[str, Any]] = [*({"$lt": mark} for mark in marks[1:]), {}]
        return [
            replace(self, bounds={"$gte": mark, **end})
            for mark, end in zip(marks, ends, strict=True)
        ]


def _is_before(one: Any, other: Any) -> bool:
    """Whether `one`, which follows `other`, should precede it.

    Ids of different types are ordered by type, and object ids arrive as text.
    """
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    is_border = bool(_OBJECT_ID.fullmatch(one)) != bool(_OBJECT_ID.fullmatch(other))
    return one < other and not is_border
