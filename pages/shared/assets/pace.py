"""How long a search would take, judged by the last answers of the source."""

from __future__ import annotations

from pages.shared.assets.fields import soon
from pages.shared.state.services import Counted, ask_count
from pages.shared.state.session import Session
from pages.shared.state.steps import current_find
from pages.shared.state.typed import QUERY
from pages.shared.state.views import FACETS

AT_ONCE_SECONDS = 1.0
"""A search of about this length starts without a press of Find."""

_READ_A_SECOND = 2_000
"""Records that a source reads in a second, until a search was measured."""


def is_found_at_once(session: Session) -> bool:
    """Whether the assets of the query are likely to be found within a second."""
    counted = _counted(session)
    return counted is not None and _seconds(session, counted) <= AT_ONCE_SECONDS


def _seconds(session: Session, counted: Counted) -> float:
    """The expected seconds: those of the last search for as many records, and of the count."""
    last = session.work.found
    if last is not None and last.result is not None and last.seconds is not None:
        share = counted.count / max(1, last.result.matched)
        return (
            last.seconds * max(1.0, share)
            if last.seconds > AT_ONCE_SECONDS
            else (last.seconds * share)
        )
    return counted.seconds + counted.count / _READ_A_SECOND


def _counted(session: Session) -> Counted | None:
    query = session.request.query
    if session.typed.source != QUERY or "query" in session.inputs.errors:
        return None
    if not isinstance(query, dict) or not query:
        return None
    return soon(ask_count(query))


def find_label(session: Session) -> str:
    """ "Find assets", with their number where a choice among facets does not find them at once."""
    if session.views.query_view != FACETS or current_find(session) is not None:
        return "Find assets"
    counted = _counted(session)
    if counted is None or _seconds(session, counted) <= AT_ONCE_SECONDS:
        return "Find assets"
    return f"Find {counted.count:,} assets"
