"""The side bar of every page: the source, the job equation, and starting over."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dispatch_core.connect import SourceSettings
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.equation import AssetAccount, Equation
from dispatch_core.errors import DispatchError, ServiceError
from dispatch_core.request import DispatchRequest
from dispatch_core.steps import Steps
from dispatch_core.text.file_extension import split_extensions
from dispatch_core.text.words import counted
from pages.shared.state.services import current_settings, open_sources
from pages.shared.state.session import Session
from pages.shared.state.steps import asset_account, current_planning, now, set_count
from pages.shared.state.tab import start_over, switch_page
from pages.shared.state.work import Work
from pages.shared.widgets.help import help_menu
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.navigation import say_marks
from pages.shared.widgets.progress import run_again_when_done

_EXCLUDED = "excluded"
_UNCOUNTED = (
    _EXCLUDED,
    "repeated",
    "not chosen",
    "dispatched before",
    "already processed",
    "over the cap",
)

_Number = tuple[str, int | None, str]
"""A sign, a number and a noun."""


def source_badge(session: Session) -> None:
    """Show the sources of records and files."""
    settings = current_settings()
    with st.sidebar:
        if settings.is_demo:
            st.badge("Embedded demo", icon=":material/science:", color="orange")
            st.caption(
                f"{settings.demo_assets:,} generated assets. For a real database, restart the "
                "app with DOCDB_HOST."
            )
            if settings.inventory or settings.dask_scheduler:
                st.caption(escaped(_files_label(settings)))
        else:
            _live_badge(session)
            st.caption(escaped(_label(settings)))


def _live_badge(session: Session) -> None:
    """Say whether the last search or listing of this session was answered; asks nothing."""
    works = [one for one in (session.work.found, session.work.listed) if one and one.is_done]
    last = max(works, key=lambda one: one.started, default=None)
    if last is None:
        st.badge("Live source", icon=":material/cloud:", color="gray")
    elif isinstance(last.error, ServiceError):
        st.badge("Source does not answer", icon=":material/cloud_off:", color="red")
        st.caption(escaped(str(last.error.issues[0].what)))
    else:
        st.badge("Live source", icon=":material/cloud_done:", color="green")


def _label(settings: SourceSettings) -> str:
    try:
        return f"{open_sources(settings).metadata.label}; {_files_label(settings)}"
    except DispatchError as error:
        return str(error)


def _files_label(settings: SourceSettings) -> str:
    """The object store, the age of an inventory, and the cluster."""
    try:
        sources = open_sources(settings)
    except DispatchError as error:
        return str(error)
    cluster = f", on {sources.cluster.address}" if sources.cluster else ""
    return f"files: {sources.objects.label}{cluster}"


def foot_of_side_bar(session: Session, marks: dict[str, str]) -> None:
    """Show the marks of the pages in words, the job equation, help and starting over."""
    say_marks(marks)
    _equation_bar(session)
    foot = st.sidebar.container(horizontal=True, gap="small", key="foot")
    help_menu(session, foot)
    _start_over_button(session, foot)


def _equation_bar(session: Session) -> None:
    """Show the job equation, as far as it is known, in the side bar of every page."""
    steps = now(session)
    plan, planning = steps.plan, current_planning(session)
    with st.sidebar.container(border=True, key="equation"):
        st.markdown("  \n".join(_term(*number) for number in _numbers(session, steps)))
        st.caption(_sizes(plan) if plan else _next_step(session, steps))
        if planning is not None and not planning.is_done:
            run_again_when_done(planning)
        if plan is not None:
            _cuts(session, plan.equation)


def _numbers(session: Session, steps: Steps) -> list[_Number]:
    equation = steps.plan.equation if steps.plan else None
    return [
        *_assets(asset_account(session, steps)),
        ("→", count_of_inputs(steps), input_name(steps.request)),
        ("×", set_count(session, steps), "parameter set"),
        *(("−", count, why) for why, count in (equation.cuts if equation else ()) if count),
        ("=", equation.jobs if equation else None, "job"),
        ("→", equation.workers if equation else None, "worker"),
    ]


def _cuts(session: Session, equation: Equation) -> None:
    """Show the jobs over the cap, and a button to the exclusion ledger."""
    if equation.capped:
        st.error(f"The cap cuts {counted(equation.capped, 'job')}.", icon=":material/content_cut:")
    if equation.excluded and st.button(
        f"Excluded ({equation.excluded:,})",
        help=f"{equation.excluded_text}. Every exclusion with its stage and reason: repeated "
        "rows and records, ids that were not found, assets without a usable file.",
        icon=":material/remove_circle:",
        type="tertiary",
        key="see-excluded",
    ):
        session.keep_view(job_view="excluded")
        session.reload_editors()
        switch_page(session, "dispatch/jobs.py")


def _term(sign: str, number: int | None, name: str) -> str:
    amount = "–" if number is None else f"{number:,}"
    return f"{sign} **{amount}** {name}{'' if number == 1 or name in _UNCOUNTED else 's'}"


def _assets(account: AssetAccount | None) -> list[_Number]:
    """What is selected, less what is excluded, and the assets left, as far as it is known."""
    if account is None:
        return [("", None, "asset")]
    selected = ("", account.selected, account.kind)
    if not account.excluded:
        return [selected]
    return [selected, ("−", account.excluded, _EXCLUDED), ("=", account.assets, "asset")]


def input_name(request: DispatchRequest) -> str:
    """The noun for what a job is made of: file, group or input."""
    if request.file_extension and request.is_split:
        return "file"
    return "group" if request.group_by else "input"


def _start_over_button(session: Session, place: DeltaGenerator) -> None:
    """Offer to start over, in two clicks."""
    with place.popover("Start over", icon=":material/restart_alt:", type="tertiary"):
        st.write("Discard the assets, files and parameters of this tab?")
        if st.button("Yes, start over", on_click=start_over, args=(session,), key="start-over"):
            switch_page(session, "plan/assets.py")


def count_of_inputs(steps: Steps) -> int | None:
    """The number of jobs that one parameter set makes; None if it is not known.

    The number of groups is not known before the plan.
    """
    files = steps.located
    if steps.plan is not None:
        return steps.plan.equation.inputs
    if files is None or steps.request.group_by:
        return None
    if not steps.request.is_split:
        return len(files.located)
    return sum(1 if one.files is None else len(one.files) for one in files.located)


def _sizes(plan: DispatchPlan) -> str:
    equation = plan.equation
    if not equation.jobs:
        return "No job is left."
    size = f"{equation.smallest:,}"
    if equation.largest != equation.smallest:
        size += f" to {equation.largest:,}"
    size += " job each" if size == "1" else " jobs each"
    kind = escaped(", ".join(split_extensions(plan.request.file_extension)) or "whole assets")
    trial = f"; trial: {escaped(str(plan.request.trial))}" if plan.request.trial else ""
    return f"{size}; {kind}; format {plan.request.job_format}{trial}"


def _progress_of(planning: Work[Any]) -> str:
    if planning.is_done and planning.error is not None:
        return "The jobs cannot be made: see the page Jobs."
    return "The jobs are being made."


def _next_step(session: Session, steps: Steps) -> str:
    if session.inputs.errors:
        return f"Next: correct the {' and the '.join(session.inputs.errors)}."
    if steps.found is None:
        return "Next: find the assets, on the page Assets."
    if not steps.found.matched:
        return "Next: change the query or the list, on the page Assets."
    planning = current_planning(session)
    if planning is not None:
        return _progress_of(planning)
    return "Next: locate the files, on the page Files."
