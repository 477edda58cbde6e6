"""The tools for the whole request, at the right of each page's title."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dispatch_core.errors import DispatchError
from dispatch_core.insight.chip_words import listed
from dispatch_core.kept.links import is_short
from dispatch_core.parameter_sets.secret_names import secret_names
from dispatch_core.views.request_link import LONGEST
from pages.shared.state.address import NAME
from pages.shared.state.link import text_of_link
from pages.shared.state.session import Session
from pages.shared.state.short_link import make_short_link
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.saved import saved_menu

_WIDTH = 460


def toolbar(session: Session) -> None:
    """Show Undo, Redo and Link; on the page Assets also Saved."""
    _step_button("Undo", session, session.undo, has_step=session.can_undo)
    _step_button("Redo", session, session.redo, has_step=bool(session.history.future))
    if session.views.page == "Assets":
        saved_menu(session)
    opened = st.popover(
        "Link", icon=":material/link:", type="tertiary", on_change="rerun", key="link"
    )
    if opened.open:
        with opened, st.container(width=_WIDTH):
            _link(session)


def _step_button(label: str, session: Session, take: Callable[[], None], *, has_step: bool) -> None:
    st.button(
        label,
        icon=f":material/{label.lower()}:",
        type="tertiary",
        disabled=not has_step,
        on_click=_step,
        args=(session, take),
        key=label.lower(),
    )


def _step(session: Session, take: Callable[[], None]) -> None:
    """Undo or redo; the page Assets then finds at once, as after a choice among facets."""
    take()
    if session.views.page == "Assets":
        session.ask("at once")


def _link(session: Session) -> None:
    request = session.request
    text = text_of_link(session)
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
    _say_secrets(session)


def _say_secrets(session: Session) -> None:
    """Say which parameters of the link may be secrets, by their names."""
    parameters, code = session.request.parameters, session.request.analysis_code
    names = session.memo.remember_of(
        "secret names",
        session.request,
        None,
        lambda: secret_names([parameters, code.parameters if code else {}]),
    )
    if names:
        st.warning(
            f"Everyone who has the link can read the value of {escaped(listed(names))}, which may "
            "be a secret.",
            icon=":material/key:",
        )
