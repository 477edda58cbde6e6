"""Zips that wait for the browser of a tab, each below a secret address that is used once."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from dispatch_core.output.stream import JobFile

SECONDS = 60.0
"""How long a zip waits: the browser fetches it as soon as it has the address."""


@dataclass(frozen=True)
class WaitingZip:
    """What makes the stream of job files, and the name of the file in the browser's downloads."""

    files: Callable[[], Iterator[JobFile]] = field(repr=False)
    name: str


@dataclass(eq=False)
class ZipOffer:
    """A zip that the browser of one tab may fetch, once.

    Attributes
    ----------
    key
        What is in it, and its name.
    zip
        None once it was fetched, so that the plan does not stay with the offer.
    owner
        The user who may fetch it; "" without sign-in.
    until
        When it ends, by the clock of its `ZipOffers`.
    """

    key: Hashable
    zip: WaitingZip | None
    owner: str
    until: float
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def address(self) -> str:
        """Where the browser fetches it, below the address of the app."""
        return f"zip/{self.secret}.zip"


class ZipOffers:
    """The zips that wait, by their secrets; safe to use from several threads.

    A zip ends with the session that keeps its offer: nothing else refers to it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._offers: WeakValueDictionary[str, ZipOffer] = WeakValueDictionary()
        self._lock = threading.Lock()

    def offer(self, key: Hashable, waiting: WaitingZip, owner: str) -> ZipOffer:
        """A new offer, which the caller keeps."""
        offer = ZipOffer(key, waiting, owner, self._clock() + SECONDS)
        with self._lock:
            self._offers[offer.secret] = offer
        return offer

    def waits(self, offer: ZipOffer | None) -> bool:
        """Whether the browser may still fetch it."""
        return offer is not None and offer.zip is not None and self._clock() < offer.until

    def take(self, secret: str, user: str) -> WaitingZip | None:
        """The zip with this secret, for its owner, whose offer ends with that; or None."""
        with self._lock:
            offer = self._offers.get(secret)
            if offer is None or not self.waits(offer) or offer.owner != user:
                return None
            taken, offer.zip = offer.zip, None
            return taken


OFFERS = ZipOffers()
"""The zips that wait in this process."""
