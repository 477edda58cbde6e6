"""The two ends that can be swapped: where records come from, where objects are listed.

The same walking, paging and retrying code (`find`, `locate`) runs over every
implementation, so these Protocols are as low as they can be: one request each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dispatch_core.types import Filter, Pipeline, Record


class MetadataSource(Protocol):
    """A collection of metadata records that answers MongoDB queries.

    Every method raises `InvalidInput` where the service refuses the query,
    `AnswerTooLarge` where the answer passes its limit and `ServiceError` for
    anything else that goes wrong; no foreign exception leaves it.
    """

    @property
    def label(self) -> str:
        """What it is, for a person: one line without credentials."""
        ...

    def find_page(
        self, filter_query: Filter, projection: Mapping[str, Any], limit: int
    ) -> list[Record]:
        """The first records that match, ascending by ``_id``.

        At most `limit`; fewer does not mean that there are no more (the gateway
        sends short pages), only an empty page does. `projection` holds
        dotted paths -> 1; an empty one means whole records.
        """
        ...

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        """All results of an aggregation pipeline, in its order."""
        ...

    def count(self, filter_query: Filter) -> int:
        """How many records match."""
        ...


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a listing.

    ``objects`` are (key, size in bytes), ``prefixes`` the common prefixes that
    the delimiter rolled up (each ends with it); both ascend in UTF-8 order.
    ``token`` continues the listing, None ends it.
    """

    objects: list[tuple[str, int]]
    prefixes: list[str]
    token: str | None = None


class ObjectLister(Protocol):
    """An object store that lists keys as S3's ListObjectsV2 does.

    Raises `AccessDenied`, `NoSuchBucket`, `DelimiterRefused` or `ServiceError`.
    """

    @property
    def label(self) -> str:
        """What it is, for a person: one line without credentials."""
        ...

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
    ) -> ListPage:
        """One page (at most 1,000 entries) of the keys that start with `prefix`.

        `delimiter` is any string: keys that hold it after the prefix come back
        once, as the common prefix up to and including its first occurrence.
        `start_after` skips keys up to and including it; `token` continues.
        """
        ...
