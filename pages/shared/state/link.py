"""The link of a session: its request in the address of the page."""

from __future__ import annotations

import streamlit as st

from dispatch_core.errors import DispatchError
from dispatch_core.views.request_link import encode_request
from pages.shared.state.address import keep_in_address, text_in_address
from pages.shared.state.session import Session
from pages.shared.state.short_link import text_of_short_link, use_link
from pages.shared.state.steps import current_find

_ADDRESSES_BEFORE = 8


def text_of_link(session: Session) -> str | None:
    """The request as the text of a link, or its short id; None if it is too long and has none."""
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
    text = text_of_link(session) or "" if is_valid else shown or ""
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
