"""Parts that several pages show; they draw, and return what a person did."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from dispatch_core.dispatch import DispatchPlan
from pages.shared.state import session as state
from pages.shared.state.session import Session
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.progress import watch

_PAGES = {
    "parameters": "pages/plan/parameters.py",
    "schema": "pages/plan/parameters.py",
    "file extension": "pages/plan/files.py",
}


def _link_to_inputs(session: Session, names: Iterable[str]) -> None:
    """The errors of these inputs, each with a link to where it is corrected."""
    for name in names:
        show_error(session.input_errors[name])
        page = _PAGES.get(name, "pages/plan/assets.py")
        st.page_link(page, label=f"Correct the {name}", icon=":material/edit:")


def needs_assets(session: Session) -> bool:
    """Say what is missing, with a link, where a page is opened before assets are found."""
    found = state.found(session)
    if found is not None and found.matched:
        return False
    refused = [name for name in session.input_errors if name in state.ASSET_INPUTS]
    work = state.current_find(session)
    if refused:
        _link_to_inputs(session, refused)
    elif work is not None and not work.is_done:
        watch(work)
    else:
        st.info(_why_no_assets(session), icon=":material/info:")
        st.page_link(
            "pages/plan/assets.py", label="Choose the assets", icon=":material/database_search:"
        )
    return True


def _why_no_assets(session: Session) -> str:
    if state.found(session) is not None:
        return "No asset matches."
    if session.found_work is None:
        return "No assets are chosen yet."
    return "The choice of assets changed since they were looked for."


def plan_or_hint(session: Session) -> DispatchPlan | None:
    """The plan; where there is none yet, say what is missing, with a link to it."""
    if needs_assets(session):
        return None
    work = state.current_locate(session)
    if session.input_errors:
        _link_to_inputs(session, session.input_errors)
    elif work is not None and not work.is_done:
        watch(work)
    elif state.located(session) is None:
        ending = escaped(session.request.file_extension)
        st.info(f"The files ending in {ending} are not located yet.", icon=":material/info:")
        st.page_link("pages/plan/files.py", label="Locate the files", icon=":material/folder_open:")
    else:
        show_error(state.refusal(session))
        plan = state.plan(session)
        if plan is None:
            _say_it_is_planned(session)
        return plan
    return None


def _say_it_is_planned(session: Session) -> None:
    """A line while a large plan is made; the side bar notices when it is there."""
    work = state.current_planning(session)
    if work is not None and work.is_done:
        show_error(work.error)
    elif work is not None:
        st.info("The jobs are being put together.", icon=":material/hourglass_top:")
