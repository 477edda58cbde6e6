"""How long a search would take, judged by the last answers of the source."""

from __future__ import annotations

from pages.shared.state.services import ask_count
from pages.shared.state.session import Session
from pages.shared.state.steps import current_find
from pages.shared.state.typed import QUERY
from pages.shared.state.views import FACETS
from pages.shared.state.work import Work
from pages.shared.widgets.field_menu import soon

AT_ONCE_SECONDS = 1.0
"""A search of about this length starts without a press of Find."""

_READ_A_SECOND = 2_000
"""Records that a source reads in a second, until a search was measured."""


def is_found_at_once(session: Session) -> bool:
    """Whether the assets of the query are likely to be found within a second."""
    counting = _counting(session)
    return counting is not None and _seconds(session, counting) <= AT_ONCE_SECONDS


def _seconds(session: Session, counting: Work[int]) -> float:
    """The expected seconds of a search for the counted records."""
    count, last = counting.result or 0, session.work.found
    if last is not None and last.result is not None and last.seconds is not None:
        return seconds_after(last.seconds, last.result.matched, count)
    return (counting.seconds or 0.0) + count / _READ_A_SECOND


def seconds_after(seconds: float, matched: int, count: int) -> float:
    """The expected seconds of a search for `count` records after one for `matched` records.

    A short search for few records says little of the time per record: more of them are expected
    at the usual pace, if that is quicker. After a long search, fewer are expected to take as long.
    """
    share = count / max(1, matched)
    if seconds > AT_ONCE_SECONDS:
        return seconds * max(1.0, share)
    return min(seconds * share, seconds + max(0, count - matched) / _READ_A_SECOND)


def _counting(session: Session) -> Work[int] | None:
    """The finished count of the records that the query matches, or None."""
    query = session.request.query
    if session.typed.source != QUERY or "query" in session.inputs.errors:
        return None
    if not isinstance(query, dict) or not query:
        return None
    counting = ask_count(query)
    return None if soon(counting) is None else counting


def find_label(session: Session) -> str:
    """ "Find assets", with their number where a choice among facets does not find them at once."""
    if session.views.query_view != FACETS or current_find(session) is not None:
        return "Find assets"
    counting = _counting(session)
    if counting is None or _seconds(session, counting) <= AT_ONCE_SECONDS:
        return "Find assets"
    return f"Find {counting.result:,} assets"
