"""Notices, errors and warnings, with names that are never markup."""

from __future__ import annotations

import re
from collections.abc import Iterable

import streamlit as st

from dispatch_core.errors import DispatchError, InvalidInput
from dispatch_core.types import Notice
from pages.shared.state.services import current_settings, read_env_file
from pages.shared.state.session import Session
from pages.shared.widgets.words import in_words_of_the_app


def show_notice(session: Session) -> None:
    """Show the notice of the previous page, once."""
    if session.views.notice:
        st.toast(escaped(session.views.notice), icon=":material/check:")
        session.keep_view(notice="")


_BEGUN = {
    "restored": "Everything you typed and decided is restored, without the results: press "
    "**Update everything** to find them again.",
    "lost": "This is a new session: the earlier one of this tab has ended, or is another user's.",
}


def show_begun(session: Session) -> None:
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


def show_warnings(warnings: Iterable[str | Notice]) -> None:
    """One box for each warning; the notice that the cap cuts jobs is red."""
    for warning in warnings:
        text = escaped(in_words_of_the_app(str(warning)))
        if isinstance(warning, Notice) and warning.kind == "cap":
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
