"""Whether directory stores have content, which a listing by the delimiter does not tell.

A directory marker or a few files of the system look like a store there. To open every store
would double the requests, so a bounded number is opened: a hundred, or a fifth of the requests
if that is more; in a search for ``.zarr`` or ``.n5``, which are always directories, the caller
says how many. If one of them has no content, a thousand are opened.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from dispatch_core.errors import ServiceError
from dispatch_core.listing.matches import S3Prefix
from dispatch_core.listing.not_data import STORES_ONLY
from dispatch_core.listing.place import why_empty
from dispatch_core.listing.scan import Counting, Halted
from dispatch_core.sources.protocols import ObjectLister
from dispatch_core.sources.turns import TURN

FEW = 100
MOST = 1_000
_SHARE = 5
_AT_ONCE = 10

_T = TypeVar("_T")


@dataclass(slots=True)
class StoresOpened:
    """The stores without content and why, and the cost, as a picklable value."""

    empty: dict[S3Prefix, str] = field(default_factory=dict)
    requests: int = 0
    keys: int = 0


def open_stores(
    lister: ObjectLister, stores: Sequence[S3Prefix], halted: threading.Event | None = None
) -> StoresOpened:
    """Those of `stores` that have no content; one whose listing fails counts as having some."""
    counting = Counting(lister, halted)
    opened = StoresOpened()
    with suppress(Halted), TURN.taken():
        for store in stores:
            with suppress(ServiceError):
                why = why_empty(counting, store)
                if why:
                    opened.empty[store] = why
    opened.requests, opened.keys = counting.requests, counting.keys
    return opened


def most_opened(extension: str, requests: int, least: int, *, is_any_empty: bool) -> int:
    """How many stores may be opened after a number of requests; `least` for ``.zarr``."""
    if is_any_empty:
        return MOST
    few = least if extension.endswith(STORES_ONLY) else FEW
    return min(MOST, max(few, requests // _SHARE))


def evenly(items: Sequence[_T], most: int) -> list[_T]:
    """At most `most` of `items`, evenly spaced and always the same ones."""
    if len(items) <= most:
        return list(items)
    return [items[number * len(items) // most] for number in range(most)]


def in_pieces(stores: Sequence[S3Prefix]) -> list[Sequence[S3Prefix]]:
    """`stores` in pieces of work."""
    return [stores[at : at + _AT_ONCE] for at in range(0, len(stores), _AT_ONCE)]
