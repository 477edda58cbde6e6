"""The last line of every page: what this is, and the one next step, always in one place."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dispatch_core.errors import DispatchError
from dispatch_core.steps import Steps
from pages.shared.state.session import Session
from pages.shared.state.steps import (
    asset_account,
    current_find,
    current_locate,
    current_planning,
    found_before,
    is_selected,
    is_selection_typed,
    located_before,
    now,
)
from pages.shared.state.tab import switch_page
from pages.shared.state.update import UPDATE, advance, begin_update, cancel_update
from pages.shared.state.work import Work
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.progress import run_again
from pages.shared.widgets.words import in_short

_NEXT = {
    "Assets": ("files", "plan/files.py"),
    "Files": ("parameters", "plan/parameters.py"),
    "Parameters": ("jobs", "dispatch/jobs.py"),
    "Jobs": ("deliver", "dispatch/deliver.py"),
}
_PLANNED = ("Parameters", "Jobs", "Deliver")
_NOT_FOUND = "The assets are not found yet."
_GO = "next"
_UNDER_WAY = {"found": "Finding assets", "listed": "Locating files", "plan": "Making the jobs"}


def bottom_line(session: Session, page: str) -> None:
    """Do what the line's button asked for, and draw the line; drawn after the page."""
    if begin_update(session) and session.inputs.errors:
        st.toast(what_is(session, now(session)), icon=":material/info:")
    _go_next(session, page)
    if advance(session):
        run_again()
    steps = now(session)
    with st.bottom:
        line = st.container(horizontal=True, vertical_alignment="center", key="bottom-line")
        with line.container(key="what-this-is"):
            _say(session, steps)
        _buttons(session, steps, page, line)


def _go_next(session: Session, page: str) -> None:
    """Open the next page. On a page with an editor, its text has arrived by now."""
    if _GO in session.timing.asked:
        _, (of_page, path) = session.timing.asked[_GO]
        session.answer(_GO)
        if of_page == page:
            switch_page(session, path)


def _buttons(session: Session, steps: Steps, page: str, line: DeltaGenerator) -> None:
    planning = current_planning(session)
    if session.work.updating or (planning is not None and not planning.is_done):
        line.button(
            "Cancel the update" if session.work.updating else "Cancel",
            icon=":material/close:",
            on_click=cancel_update,
            args=(session,),
            key="cancel-update",
        )
        return
    must_update = needs_update(session, steps, page)
    next_page = _next_page(session, steps, page)
    if next_page is not None:
        name, path = next_page
        line.button(
            f"Next: {name}",
            icon=":material/arrow_forward:",
            type="tertiary" if must_update else "primary",
            on_click=session.ask,
            args=(_GO, (page, path)),
            key=f"to-{name}",
        )
    if must_update:
        line.button(
            "Update everything",
            icon=":material/sync:",
            type="primary",
            help="Finds the assets, locates their files and makes the jobs. Nothing is written.",
            on_click=session.ask,
            args=(UPDATE,),
            key="update",
        )


def _next_page(session: Session, steps: Steps, page: str) -> tuple[str, str] | None:
    if page != "Assets" and not is_selected(session):
        return "assets", "plan/assets.py"
    return _NEXT[page] if page in _NEXT and is_ready(session, steps, page) else None


def is_ready(session: Session, steps: Steps, page: str) -> bool:
    """Whether this page's own step is made for the current request."""
    if page == "Assets":
        return steps.found is not None and bool(steps.found.matched)
    if page == "Files":
        return steps.located is not None
    if page == "Parameters":
        return not session.inputs.errors
    return steps.plan is not None and bool(steps.plan.jobs)


def needs_update(session: Session, steps: Steps, page: str) -> bool:
    """Whether a step of this page or before it is missing, or any step is out of date."""
    is_empty = steps.found is not None and not steps.found.matched
    if steps.plan is not None or is_empty or not is_selected(session):
        return False
    if not _is_stale(session, steps):
        if page in ("Assets", "Files"):
            return not is_ready(session, steps, page)
        if page not in _PLANNED:
            return False
    planning = current_planning(session)
    return planning is None or planning.is_done


def _is_stale(session: Session, steps: Steps) -> bool:
    """Whether something was made before that the current request lacks."""
    olds = (found_before(session, steps), located_before(session, steps), session.views.seen)
    return any(old is not None for old in olds)


def _say(session: Session, steps: Steps) -> None:
    """Say what this is: the equation of the plan, or what is missing."""
    work = _running(session)
    if work is not None:
        _say_progress(*work)
        return
    error = _failure(session)
    if error is not None:
        st.markdown(f":red[{escaped(in_short(error))}]", width="stretch")
    else:
        st.markdown(what_is(session, steps), width="stretch")


def _running(session: Session) -> tuple[str, Work[Any]] | None:
    works = (
        ("found", current_find(session)),
        ("listed", current_locate(session)),
        ("plan", current_planning(session)),
    )
    return next(((_UNDER_WAY[n], one) for n, one in works if one and not one.is_done), None)


def _say_progress(what: str, work: Work[Any]) -> None:
    @st.fragment(run_every=0.4)
    def poll() -> None:
        if work.is_done:
            run_again()
        left = work.seconds_left
        amount = f": {work.done:,}" if work.done else ""
        amount += f" of {work.total:,}" if work.done and work.total else ""
        amount += f", about {left:.0f} s left" if left is not None and left > 1 else ""
        st.markdown(f"{what}{amount}", width="stretch")

    poll()


def _failure(session: Session) -> DispatchError | None:
    """The error of the step that failed, for the current request."""
    for work in (current_find(session), current_locate(session), current_planning(session)):
        if work is not None and work.error is not None:
            return work.error
    return None


def what_is(session: Session, steps: Steps) -> str:
    """One sentence: the equation of the plan, or what is missing or out of date."""
    if session.inputs.errors:
        return f"Correct the {' and the '.join(session.inputs.errors)} first."
    if not is_selected(session):
        return _NOT_FOUND if is_selection_typed(session) else "No assets are selected yet."
    if steps.error is not None:
        return escaped(in_short(steps.error))
    if steps.plan is not None:
        return f"**{steps.plan.equation.short}**"
    if steps.found is None:
        is_old = found_before(session, steps) is not None
        return "Out of date: the selection of assets changed." if is_old else _NOT_FOUND
    if not steps.found.matched:
        return "No asset matches."
    account = asset_account(session, steps)
    if steps.located is None:
        is_old = located_before(session, steps) is not None
        return f"**{account}**; " + (
            "the files are out of date." if is_old else "the files are not located yet."
        )
    return f"**{account}**; the jobs are not made yet."
