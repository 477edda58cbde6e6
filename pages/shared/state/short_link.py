"""The short link to a request that is too long for an address; made when it is asked for."""

from __future__ import annotations

from datetime import date

from dispatch_core.kept.links import ShortLink, is_short
from pages.shared.state.edits import load
from pages.shared.state.services import kept_links
from pages.shared.state.session import Session

_LINK, _TEXT = "short link", "text of the short link"


def make_short_link(session: Session) -> ShortLink:
    """The short link to the current request; extended once a day while it is asked for.

    Raises
    ------
    InvalidInput, WriteFailed
        The request is too large to be kept, or the disk failed.
    """
    request = session.request
    link = session.memo.remember_of(
        _LINK, request, date.today(), lambda: kept_links().keep(request)
    )
    _note(session, link.text)
    return link


def text_of_short_link(session: Session) -> str | None:
    """The text of the short link to the current request, if it was made or opened here."""
    text: str | None = session.memo.known_of(_TEXT, session.request)
    return text


def use_link(session: Session, text: str) -> None:
    """Use the request of a link, short or whole; raises `InvalidInput` if it has an error."""
    load(session, kept_links().open(text))
    if is_short(text):
        _note(session, text)


def _note(session: Session, text: str) -> None:
    session.memo.remember_of(_TEXT, session.request, None, lambda: text)
