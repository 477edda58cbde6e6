"""Notices, errors and warnings, with names that are never markup."""

from __future__ import annotations

import re
from collections.abc import Iterable

import streamlit as st
from streamlit.error_util import handle_uncaught_app_exception
from streamlit.navigation.page import StreamlitPage

from dispatch_core.errors import DispatchError, InvalidInput
from dispatch_core.types import Notice
from pages.shared.state.services import current_settings, read_env_file
from pages.shared.state.session import Session
from pages.shared.widgets.words import in_words_of_the_app, notice_in_words


def show_notices(session: Session) -> None:
    """Show a faulty link, the notice of the previous page, how the session began and is kept."""
    show_error(session.views.link_error)
    _show_notice(session)
    _show_begun(session)
    if session.views.is_too_large:
        st.warning(_TOO_LARGE, icon=":material/save:")


def _show_notice(session: Session) -> None:
    """Show the notice of the previous page, once."""
    if session.views.notice:
        st.toast(escaped(session.views.notice), icon=":material/check:")
        session.keep_view(notice="")


_BEGUN = {
    "restored": "Everything you typed and decided is restored, without the results and the steps "
    "of Undo: press **Update everything** to find the results again.",
    "lost": "This is a new session: the earlier one of this tab has ended, or is another user's.",
}


_TOO_LARGE = (
    "What you typed is too large to be kept on the disk of the server, and is lost if the server "
    "restarts: save the request on the page **Deliver**."
)


def _show_begun(session: Session) -> None:
    """Say how the session began, if that was not anew, until something is found or decided."""
    text = _BEGUN.get(session.views.begun)
    if text is None:
        return
    if session.work.found is not None or session.history.past:
        session.keep_view(begun="new")
    else:
        st.info(text, icon=":material/history:")


def show_error(error: DispatchError | None) -> None:
    """Show every issue of `error`: what, where, what to do; positions with a caret."""
    for issue in error.issues if error else ():
        text = str(issue).removesuffix(f"\n{issue.excerpt}")
        st.error(escaped(in_words_of_the_app(text)), icon=":material/error:")
        if issue.excerpt:
            st.code(issue.excerpt, language=None)


def require_settings() -> None:
    """Show the error of an environment variable, if there is one, and nothing else."""
    try:
        read_env_file()
        current_settings()
    except InvalidInput as error:
        show_error(error)
        st.stop()


def run_page(page: StreamlitPage) -> None:
    """Run `page`; after an unexpected error, the frame around it still offers a way out."""
    try:
        page.run()
    except Exception as error:  # noqa: BLE001 - a page may raise anything
        st.error(
            "This page has failed; the log of the server says why. What you typed is kept. "
            "**Undo** takes the last change back, and **Start over** starts a new session.",
            icon=":material/error:",
        )
        handle_uncaught_app_exception(error)


def show_warnings(warnings: Iterable[str | Notice]) -> None:
    """One box for each warning; the notice that the cap cuts jobs is red."""
    for warning in warnings:
        notice = warning if isinstance(warning, Notice) else Notice(warning)
        text = escaped(notice_in_words(notice))
        if notice.kind == "cap":
            st.error(text, icon=":material/content_cut:")
        else:
            st.warning(text, icon=":material/warning:")


def escaped(text: str) -> str:
    """`text` with Markdown escaped: names of assets, fields and files are not markup.

    An escaped URL would still become a link, so an invisible joiner splits it.
    """
    parted = _LINKED.sub("\\g<0>\u2060", text)
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()#+-.!|<>~:$" else sign for sign in parted)


_LINKED = re.compile(r"https?(?=://)|www(?=\.)|@", re.IGNORECASE)


def plain_label(text: str) -> str:
    """`text` as a label: escaped only if it contains markup, because screen readers read it."""
    return text if _PLAIN.fullmatch(text) and not _LINKED.search(text) else escaped(text)


_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ;,]*(?:[-_./][A-Za-z0-9][A-Za-z0-9 ;,]*)*")
"""Words with hyphens, underscores, dots and slashes only between letters or digits: no markup."""
