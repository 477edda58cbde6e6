"""The tools for the whole request, at the right of each page's title."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dispatch_core.errors import DispatchError
from dispatch_core.kept.links import is_short
from dispatch_core.views.request_link import LONGEST, encode_request
from pages.shared.state.address import NAME, keep_in_address, text_in_address
from pages.shared.state.session import Session
from pages.shared.state.short_link import make_short_link, text_of_short_link, use_link
from pages.shared.state.steps import current_find
from pages.shared.widgets.messages import show_error
from pages.shared.widgets.saved import saved_menu

_WIDTH = 460
_ADDRESSES_BEFORE = 8


def toolbar(session: Session) -> None:
    """Show Undo, Redo and Link; on the page Assets also Saved."""
    history = session.history
    st.button(
        "Undo",
        icon=":material/undo:",
        type="tertiary",
        disabled=not history.past,
        on_click=_step,
        args=(session, session.undo),
        key="undo",
    )
    st.button(
        "Redo",
        icon=":material/redo:",
        type="tertiary",
        disabled=not history.future,
        on_click=_step,
        args=(session, session.redo),
        key="redo",
    )
    if session.views.page == "Assets":
        saved_menu(session)
    opened = st.popover(
        "Link", icon=":material/link:", type="tertiary", on_change="rerun", key="link"
    )
    if opened.open:
        with opened, st.container(width=_WIDTH):
            _link(session)


def _step(session: Session, take: Callable[[], None]) -> None:
    """Undo or redo; the page Assets then finds at once, as after a choice among facets."""
    take()
    if session.views.page == "Assets":
        session.ask("at once")


def _link(session: Session) -> None:
    request = session.request
    text = _text(session)
    if request.query is None and request.asset_rows is None:
        st.caption("Choose assets first: by a query or a list of ids.")
        return
    until = ""
    if text is None or is_short(text):
        try:
            link = make_short_link(session)
        except DispatchError as error:
            show_error(error)
            return
        text = link.text
        until = (
            f" The request is too long for an address ({LONGEST:,} characters), so this server "
            f"keeps it: the link works until {link.until:%B} {link.until.day}, {link.until.year}. "
            "Open this menu again to extend it."
        )
    base = str(st.context.url or "").partition("?")[0]
    st.code(f"{base}?{NAME}={text}", language=None, wrap_lines=True)
    st.caption(
        "The link has the query or the list, the rules for files and the parameters. It finds "
        f"nothing by itself, and contains no result.{until}"
    )


def _text(session: Session) -> str | None:
    request = session.request
    whole = session.memo.remember_of("link", request, None, lambda: encode_request(request))
    return whole or text_of_short_link(session)


def open_link(session: Session) -> None:
    """Use the request of the address in a session that was just started."""
    text = text_in_address()
    if text and session.views.address is None:
        _use(session, text)
        session.keep_view(address=text)


def follow_address(session: Session, path: str) -> None:
    """Keep the request in the address, and follow the address if the user went back.

    A change of a request that was searched is a step of the browser's back button; the changes
    after it, up to the next search, belong to the same step.
    """
    shown = session.views.address
    is_own = bool(session.history.past or session.work.found or shown)
    is_valid = is_own and not session.inputs.errors
    text = _text(session) or "" if is_valid else shown or ""
    is_step = session.views.address_found and text != shown
    step = session.views.address_step + is_step
    is_found = current_find(session) is not None or (session.views.address_found and not is_step)
    before = session.views.addresses_before
    if shown and text != shown:
        before = (shown, *before)[:_ADDRESSES_BEFORE]
    session.keep_view(
        address=text, addresses_before=before, address_found=is_found, address_step=step
    )
    opened = keep_in_address(text, path, step)
    if opened is not None and opened.at != session.views.address_opened:
        session.keep_view(address_opened=opened.at)
        if opened.text and opened.text != text:
            _use(session, opened.text)
            session.keep_view(address=opened.text, address_found=False)
            st.rerun()


def _use(session: Session, text: str) -> None:
    try:
        use_link(session, text)
    except DispatchError as error:
        session.keep_view(link_error=error)
    else:
        session.keep_view(link_error=None)


def show_link_error(session: Session) -> None:
    """Show what is wrong with a link that was opened, until another one is."""
    if session.views.link_error is not None:
        show_error(session.views.link_error)
