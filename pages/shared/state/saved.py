"""The queries that this user, or this browser, saved by name, and what was asked about them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from dispatch_core.errors import DispatchError
from dispatch_core.kept.saved_queries import Owner, SavedQueries, SavedQuery
from pages.shared.state.browser_id import ask_for_browser_id
from pages.shared.state.edits import put_query_text
from pages.shared.state.services import saved_queries
from pages.shared.state.session import Session
from pages.shared.state.typed import QUERY
from pages.shared.state.views import FACETS


def owner_of(session: Session) -> Owner | None:
    """Whose queries are saved: the user, or without sign-in the browser; None if unknown yet.

    Without sign-in every visitor is the same to the server. If they shared one list, anyone
    could delete what another one saved; so each browser has its own.
    """
    if session.owner:
        return Owner(user=session.owner)
    known = session.views.saved.browser
    if known is None:
        fresh = session.memo.remember("fresh browser id", None, lambda: secrets.token_urlsafe(32))
        known = ask_for_browser_id(fresh)
        _note(session, browser=known)
    return None if known is None else Owner(browser=known)


def queries_of(owner: Owner) -> tuple[SavedQuery, ...]:
    """The saved queries of `owner`, sorted by name."""
    return saved_queries().of(owner)


def save(session: Session, owner: Owner, name: str, *, may_replace: bool = False) -> None:
    """Save the current query as `name`; asks before it replaces another one."""
    clean, wrong = name.strip(), session.inputs.errors.get("query")
    if wrong is not None:
        _note(session, replacing="", error=wrong, deleted=None)
        return
    before = {one.name.casefold(): one for one in queries_of(owner)}.get(clean.casefold())
    if before is not None and not may_replace:
        _note(session, replacing=clean, error=None, deleted=None)
        return
    text = session.typed.query_text
    _do(session, lambda queries: queries.save(owner, clean, text, may_replace=may_replace))
    if session.views.saved.error is None:
        session.put("saved-name", "")
        session.put("saved-choice", clean)


def keep_before(session: Session) -> None:
    """Replace nothing after all."""
    _note(session, replacing="")


def rename(session: Session, owner: Owner, name: str, new_name: str) -> None:
    """Give a saved query another name."""
    _do(session, lambda queries: queries.rename(owner, name, new_name))
    if session.views.saved.error is None:
        session.put("saved-choice", new_name.strip())
        session.put("saved-new-name", "")


def delete(session: Session, owner: Owner, name: str) -> None:
    """Delete a saved query; it can be restored while the menu shows it."""
    deleted: list[SavedQuery] = []
    _do(session, lambda queries: deleted.append(queries.delete(owner, name)))
    _note(session, deleted=deleted[0] if deleted else None)


def restore(session: Session, owner: Owner) -> None:
    """Save the query again that was deleted last."""
    one = session.views.saved.deleted
    if one is not None:
        _do(session, lambda queries: queries.save(owner, one.name, one.text))
        session.put("saved-choice", one.name)


def use(session: Session, owner: Owner, name: str) -> None:
    """Make a saved query the query; one step of Undo. On facets it is searched at once."""
    found = {one.name: one for one in queries_of(owner)}.get(name)
    if found is None:
        return
    session.begin_step()
    put_query_text(session, found.text)
    session.keep_typed(source=QUERY)
    if session.views.query_view == FACETS:
        session.ask("at once")
    _note(session, replacing="", error=None, deleted=None)


def _do(session: Session, action: Callable[[SavedQueries], None]) -> None:
    error: DispatchError | None = None
    try:
        action(saved_queries())
    except DispatchError as fault:
        error = fault
    _note(session, replacing="", error=error, deleted=None)


def _note(session: Session, **changes: object) -> None:
    session.keep_view(saved=replace(session.views.saved, **changes))  # type: ignore[arg-type]
