"""The two ends that can be swapped: where records come from, where objects are listed.

The same walking, paging and retrying code (`find`, `locate`) runs over every
implementation, so these Protocols are as low as they can be: one request each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, Self

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


class StoredObject(NamedTuple):
    """One object of a listing: key, bytes, and when it was written (`time_text`)."""

    key: str
    size: int | None = None
    modified: str | None = None


def time_text(moment: datetime) -> str:
    """A point in time as S3 writes it: ``2025-06-07T14:31:15.000Z``; sorts by time."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"


def _unknown(index: int) -> StoredObject:
    return StoredObject("")


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a listing.

    Of a thousand objects a few are of interest, so a page holds the keys, and what
    else is known of an object is read when it is asked for.

    Attributes
    ----------
    keys
        Of the objects, ascending in UTF-8 order.
    prefixes
        The common prefixes that the delimiter rolled up, each with it at the end;
        ascending too.
    token
        Continues the listing; None ends it.
    read
        The object whose key is ``keys[index]``.
    """

    keys: list[str]
    prefixes: list[str]
    token: str | None = None
    read: Callable[[int], StoredObject] = field(default=_unknown, repr=False, compare=False)

    @classmethod
    def of(
        cls, objects: Sequence[StoredObject], prefixes: list[str], token: str | None = None
    ) -> Self:
        """A page of objects that are at hand."""
        return cls([found.key for found in objects], prefixes, token, objects.__getitem__)

    def is_below(self, prefix: str) -> bool:
        """Whether every entry starts with `prefix`: the least and the greatest do."""
        # As all() over the keys it would take a tenth of what a key costs in all.
        ends = [end(names) for names in (self.keys, self.prefixes) if names for end in (min, max)]
        return all(name.startswith(prefix) for name in ends)

    @property
    def objects(self) -> list[StoredObject]:
        """Every object of the page, read."""
        return [self.read(index) for index in range(len(self.keys))]


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
