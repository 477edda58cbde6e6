"""Hints for pages that lack assets, files or a plan."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from dispatch_core.dispatch import missing_assets
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.steps import Steps
from dispatch_core.text.file_extension import split_extensions
from dispatch_core.text.words import counted
from pages.shared.state.inputs import AMOUNT, ASSET_INPUTS, CAP
from pages.shared.state.session import Session
from pages.shared.state.steps import (
    current_find,
    current_locate,
    current_planning,
    is_selection_typed,
    plan_again,
)
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.progress import watch
from pages.shared.widgets.words import in_words_of_the_app, is_about

_PAGES = {
    "parameters": "plan/parameters.py",
    "schema": "plan/parameters.py",
    "file extension": "plan/files.py",
    AMOUNT: "dispatch/jobs.py",
    CAP: "dispatch/jobs.py",
}


def _link_to_inputs(session: Session, names: Iterable[str]) -> None:
    """Show the errors of these inputs, each with a link to the page to correct it."""
    for name in names:
        if name in (AMOUNT, CAP) and session.views.page == "Jobs":
            st.caption(f"Correct the {name} above to see the jobs.")
            continue
        show_error(session.inputs.errors[name])
        page = _PAGES.get(name, "plan/assets.py")
        st.page_link(page, label=f"Correct the {name}", icon=":material/edit:")


def needs_assets(session: Session, steps: Steps) -> bool:
    """Whether assets are missing; if so, shows what to do, with a link."""
    if steps.found is not None and steps.found.matched:
        return False
    refused = [name for name in session.inputs.errors if name in ASSET_INPUTS]
    work = current_find(session)
    if refused:
        _link_to_inputs(session, refused)
    elif work is not None and not work.is_done:
        watch(work)
    else:
        st.info(_why_no_assets(session, steps), icon=":material/info:")
        is_sought = steps.found is None and is_selection_typed(session)
        label = "Find the assets" if is_sought else "Select the assets"
        st.page_link("plan/assets.py", label=label, icon=":material/database_search:")
    return True


def _why_no_assets(session: Session, steps: Steps) -> str:
    if steps.found is not None:
        return "No asset matches."
    if session.work.found is None:
        if is_selection_typed(session):
            return "The assets are not found yet. Press **Find assets** on the page Assets."
        return "No assets are selected yet."
    return "Out of date: the selection of assets changed. Find assets again."


def plan_or_hint(session: Session, steps: Steps) -> DispatchPlan | None:
    """The plan, or None; without a plan, shows what is missing, with a link."""
    if needs_assets(session, steps):
        return None
    work = current_locate(session)
    if session.inputs.errors:
        _link_to_inputs(session, session.inputs.errors)
    elif work is not None and not work.is_done:
        watch(work)
    elif steps.located is None:
        ending = escaped(" or ".join(split_extensions(session.request.file_extension)))
        st.info(f"The files ending in {ending} are not located yet.", icon=":material/info:")
        st.page_link("plan/files.py", label="Locate the files", icon=":material/folder_open:")
    else:
        show_error(steps.error)
        if steps.plan is None:
            _say_it_is_planned(session)
        return steps.plan
    return None


def is_complete(session: Session, plan: DispatchPlan) -> bool:
    """Whether the request allows the plan; if an asset is missing that it wants, says which."""
    missing = missing_assets(plan)
    if not missing:
        return True
    first = missing[0]
    st.warning(
        f"**The request stops if anything is excluded, as {counted(len(missing), 'row')} here.** "
        f"The first, {escaped(first.name)}: {escaped(first.message)}.  \n"
        f"{escaped(in_words_of_the_app(first.action))}, or dispatch what is left.",
        icon=":material/block:",
    )
    st.button(
        "Dispatch what is left",
        icon=":material/playlist_add_check:",
        on_click=lambda: session.edit(on_missing="report"),
        key="allow-missing",
    )
    return False


def _say_it_is_planned(session: Session) -> None:
    """Show a line while a plan is made; the side bar reruns the page at the end."""
    work = current_planning(session)
    error = work.error if work is not None else None
    if error is not None and is_about(error, "analysis_code"):
        what = escaped(error.issues[0].what)
        st.error(
            f"Choose a wrapper, under *Already processed*: {what}.", icon=":material/task_alt:"
        )
    elif work is not None and work.is_done:
        show_error(work.error)
        st.button(
            "Try again",
            icon=":material/refresh:",
            on_click=plan_again,
            args=(session,),
            key="plan-again",
        )
        if is_about(work.error, "not_in"):
            st.page_link(
                "dispatch/jobs.py",
                label="Change which earlier dispatches are excluded",
                icon=":material/history:",
            )
    elif work is not None:
        st.info("The jobs are being made.", icon=":material/hourglass_top:")
