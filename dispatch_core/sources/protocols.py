"""The two interchangeable inputs: a source of records and a lister of objects.

The same code for pages and retries (`find`, `locate`) runs over every implementation,
so each method of these Protocols is a single request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, Self

from dispatch_core.types import Filter, Pipeline, Record


class MetadataSource(Protocol):
    """A collection of metadata records that answers MongoDB queries.

    Every method raises `InvalidInput` if the service refuses the query,
    `AnswerTooLarge` if the response exceeds a limit and `ServiceError` for any other
    failure. Exceptions of other libraries never leave it.
    """

    @property
    def label(self) -> str:
        """A one-line description for display, without credentials."""
        ...

    def find_page(
        self, filter_query: Filter, projection: Mapping[str, Any], limit: int
    ) -> list[Record]:
        """The first matching records, ascending by ``_id``; at most `limit`.

        Fewer than `limit` does not mean that there are no more (the gateway sends
        short pages); only an empty page does. `projection` maps dotted paths to 1; an
        empty one means whole records.
        """
        ...

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        """All results of an aggregation pipeline, in its order."""
        ...

    def count(self, filter_query: Filter) -> int:
        """The number of matching records."""
        ...


class StoredObject(NamedTuple):
    """One object of a listing: key, size in bytes, and time of last change (`time_text`)."""

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

    Usually only a few of a thousand objects matter, so a page contains the keys, and
    size and time of an object are read on demand.

    Attributes
    ----------
    keys
        Keys of the objects, ascending in UTF-8 order.
    prefixes
        The common prefixes, ascending; each ends with the delimiter.
    token
        Token of the next page; None on the last page.
    read
        Function from ``index`` to the object whose key is ``keys[index]``.
    skipped
        (key, why) of what is stored under a key but cannot be listed, such as a broken link.
    """

    keys: list[str]
    prefixes: list[str]
    token: str | None = None
    read: Callable[[int], StoredObject] = field(default=_unknown, repr=False, compare=False)
    skipped: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    @classmethod
    def of(
        cls, objects: Sequence[StoredObject], prefixes: list[str], token: str | None = None
    ) -> Self:
        """A page of objects that are already in memory."""
        return cls([found.key for found in objects], prefixes, token, objects.__getitem__)

    def is_below(self, prefix: str) -> bool:
        """Whether every entry starts with `prefix`."""
        # Checking only least and greatest is enough; all() would add 10 % to the time per key.
        ends = [end(names) for names in (self.keys, self.prefixes) if names for end in (min, max)]
        return all(name.startswith(prefix) for name in ends)

    @property
    def objects(self) -> list[StoredObject]:
        """Every object of the page, with size and time."""
        return [self.read(index) for index in range(len(self.keys))]


class ObjectLister(Protocol):
    """An object store that lists keys as S3's ListObjectsV2 does.

    Raises `AccessDenied`, `NoSuchBucket`, `DelimiterRefused` or `ServiceError`.
    """

    @property
    def label(self) -> str:
        """A one-line description for display, without credentials."""
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
        """One page of at most 1,000 entries: the keys that start with `prefix`.

        `delimiter` is any string: all keys that contain it after the prefix are
        returned as one common prefix, up to and including its first occurrence.
        `start_after` skips keys up to and including it; `token` requests the next page.
        """
        ...
