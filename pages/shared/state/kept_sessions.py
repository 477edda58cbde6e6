"""Sessions that outlive a reload and a closed tab, within bounds.

Streamlit forgets a session when its tab is reloaded. Here it is kept on the server
under an id that only the browser of that tab knows. Anyone with the id sees the session,
so it is a bearer secret that appears in no URL and in no log.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dispatch_core.environment.limits import KEPT_ROWS
from pages.shared.state.session import Session

TURNOVER = 20


@dataclass
class Kept:
    """A session, the connection that shows it, and when it was last shown."""

    session: Session
    connection: str
    used: float


class KeptSessions:
    """The sessions of all tabs, by their secret ids; safe to use from several threads.

    Parameters
    ----------
    is_connected
        Whether a connection still shows its session; such a session is never given to
        another connection, and keeps its results.
    most, seconds
        How many sessions are kept, and for how long after each was last shown.
    rows
        The most rows in all sessions without a browser. Above it, results of the least
        recently shown sessions are dropped, then whole sessions.
    turned_over
        Called after every `TURNOVER` new sessions, to give back what the ended ones leave:
        Streamlit's objects of a session refer to each other, so they stay until Python
        collects them.
    """

    def __init__(
        self,
        is_connected: Callable[[str], bool],
        *,
        most: int = 200,
        seconds: float = 8 * 3600,
        rows: int = KEPT_ROWS.default,
        clock: Callable[[], float] = time.monotonic,
        turned_over: Callable[[], object] = lambda: None,
    ) -> None:
        self._is_connected, self._clock = is_connected, clock
        self._turned_over, self._added = turned_over, 0
        self._most, self._seconds, self._rows = most, seconds, rows
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, session: Session, connection: str) -> str:
        """Keep a session, and return its new id."""
        with self._lock:
            return self._add(session, connection)

    def restore(self, name: str, session: Session) -> None:
        """Keep a session under the id that it had before; nothing if there is one already."""
        with self._lock:
            self._kept.setdefault(name, Kept(session, "", self._clock()))
            self._tidy()

    def look(self, name: str, owner: str) -> Session | None:
        """The kept session with this id of this owner, which stays where it is."""
        with self._lock:
            self._tidy()
            return self._kept[name].session if self._is_of(name, owner) else None

    def show(self, name: str, connection: str) -> None:
        """Note that `connection` shows the session now."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None:
                kept.connection, kept.used = connection, self._clock()
                self._kept.move_to_end(name)

    def forget(self, name: str) -> None:
        """Drop the session with this id."""
        with self._lock:
            self._kept.pop(name, None)

    def resume(
        self, own: str, recent: Sequence[str], connection: str, owner: str
    ) -> tuple[str, Session] | None:
        """The id and the session that a tab continues with, or None for a new session.

        ``own`` is the id that the tab itself had before a reload. If another tab shows
        that session (a duplicated tab has the id of the first), this tab gets a copy, so
        that two tabs never write into one session. A tab without an id gets the most
        recent session of its browser that no tab shows. A session with another ``owner``
        is never used: it belongs to another user of the same browser.
        """
        with self._lock:
            self._tidy()
            mine = {name for name in (own, *recent) if self._is_of(name, owner)}
            if own in mine:
                session = self._kept[own].session
                if not self._is_shown_elsewhere(own, connection):
                    return self._take(own, connection)
                duplicate = session.duplicate()
                return self._add(duplicate, connection), duplicate
            for name in recent:
                if name in mine and not self._is_shown_elsewhere(name, connection):
                    return self._take(name, connection)
            return None

    def _is_of(self, name: str, owner: str) -> bool:
        return name in self._kept and self._kept[name].session.owner == owner

    def _take(self, name: str, connection: str) -> tuple[str, Session]:
        kept = self._kept[name]
        kept.connection, kept.used = connection, self._clock()
        self._kept.move_to_end(name)
        return name, kept.session

    def _add(self, session: Session, connection: str) -> str:
        name = secrets.token_urlsafe(32)
        self._kept[name] = Kept(session, connection, self._clock())
        self._tidy()
        self._added += 1
        if self._added % TURNOVER == 0:
            self._turned_over()
        return name

    def _is_shown_elsewhere(self, name: str, connection: str) -> bool:
        other = self._kept[name].connection
        return other != connection and self._is_connected(other)

    def _tidy(self) -> None:
        """Apply the bounds: drop old sessions first, then the least recently shown ones."""
        now, unseen = self._clock(), []
        for name, kept in self._kept.items():
            if self._is_connected(kept.connection):
                kept.used = now
            else:
                kept.session.memo.clear()  # tables, which the next run of a page makes again
                unseen.append(name)
        for name in list(unseen):
            if now - self._kept[name].used > self._seconds or len(self._kept) > self._most:
                self._drop(name)
                unseen.remove(name)
        weights = {name: self._kept[name].session.weight for name in unseen}
        total = sum(weights.values())
        for name in unseen:
            if total > self._rows:
                session = self._kept[name].session
                session.drop_results()
                total += session.weight - weights[name]
                weights[name] = session.weight
        for name in unseen:
            if total > self._rows:
                self._drop(name)
                total -= weights[name]

    def _drop(self, name: str) -> None:
        """Drop a session, and its results at once: Streamlit may still refer to the session."""
        self._kept.pop(name).session.drop_results()
