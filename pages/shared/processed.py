"""The parts of the page Jobs about jobs that are already processed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.job_model import Job
from dispatch_core.processed.frame import LearnedFrame
from dispatch_core.processed.judge import Processed
from dispatch_core.request import AnalysisCode
from dispatch_core.text.words import counted
from dispatch_core.types import SkipProcessed
from dispatch_core.views.table import Cell, Columns
from pages.shared.state.services import ask_frames, current_settings
from pages.shared.state.session import Session
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.progress import run_again_when_done
from pages.shared.widgets.tables import paged_table
from pages.shared.widgets.words import PROCESSED_RULES

_UNNAMED = AnalysisCode()
_WIDTH = 440
"""Pixels: the longest rule is whole."""


def processed_options(session: Session) -> None:
    """Edit which processed jobs are excluded, and whose results count."""
    settings = current_settings()
    if not settings.can_check and session.request.skip_processed is None:
        return
    usual: SkipProcessed = "report" if settings.has_results else "no"
    rule = session.request.skip_processed or usual
    box = st.popover(
        "Already processed", icon=":material/task_alt:", key=f"processed-box-{session.epoch}"
    )
    with box, st.container(width=_WIDTH):
        rules = list(PROCESSED_RULES)
        rule = st.selectbox(
            "Jobs that are already processed are",
            rules,
            rules.index(rule),
            format_func=PROCESSED_RULES.__getitem__,
            key=f"processed-{session.epoch}",
            help="Wrappers record each job that they finish. The same work is found also if "
            "its record is written in another way.",
        )
        is_usual = session.request.skip_processed is None and rule == usual
        session.edit(skip_processed=None if is_usual else rule)
        if rule != "no" and settings.can_check:
            _wrapper_menu(session)


def _wrapper_menu(session: Session) -> None:
    """Choose the wrapper and version whose results count, among those that have results."""
    work = ask_frames()
    work.wait(0.3)
    if not work.is_done:
        st.caption("Reading the results ...")
        run_again_when_done(work)
        return
    show_error(work.error)
    frames = work.result or ()
    if not frames:
        if work.error is None:
            st.caption("The results are empty, so every job is new.")
        return
    codes = _choices(session.request.analysis_code, frames)
    chosen = st.selectbox(
        "Wrapper",
        range(len(codes)),
        _current(session.request.analysis_code, codes),
        format_func=lambda index: _label(codes[index], frames),
        placeholder="Choose a wrapper",
        help="The results of this wrapper and version count.",
        key=f"wrapper-{session.epoch}",
    )
    if chosen is not None and len(codes) > 1:
        session.edit(analysis_code=codes[chosen])


def _choices(given: AnalysisCode | None, frames: Sequence[LearnedFrame]) -> list[AnalysisCode]:
    """The wrapper of each frame with the panel of the request, and that of the request itself."""
    start = given or _UNNAMED
    learned = [
        start.model_copy(update={"url": one.url, "name": one.name, "version": one.version})
        for one in frames
    ]
    is_other = given is not None and not given.is_unnamed and given not in learned
    return [*learned, start] if is_other else learned


def _current(given: AnalysisCode | None, codes: Sequence[AnalysisCode]) -> int | None:
    """The index of the wrapper of the request; of the only one if the request names none."""
    if given in codes:
        return codes.index(given)
    return 0 if len(codes) == 1 else None


def _label(code: AnalysisCode, frames: Sequence[LearnedFrame]) -> str:
    named = (code.url, code.name, code.version)
    one = next((one for one in frames if (one.url, one.name, one.version) == named), None)
    if one is not None:
        return str(one)
    return f"{LearnedFrame(*named, 0)} (as in the request)"


def processed_jobs(session: Session, plan: DispatchPlan) -> None:
    """Show who processed which jobs and when, each with a way to run it anyway."""
    if plan.processed is None:
        return
    jobs = plan.processed_jobs
    if jobs:
        st.header(f"Already processed ({len(jobs):,})")
        st.caption(escaped(plan.processed.summary(_count(plan))))
    _offer_code(session, plan.processed)
    if not jobs:
        return
    excluded = {job.name for job in jobs} - {job.name for job in plan.jobs}
    shown, event = paged_table(
        jobs,
        _columns(plan, excluded),
        "processed-jobs",
        changes=plan.fingerprint,
        on_select="rerun",
        selection_mode="multi-row",
    )
    chosen = [shown[row] for row in event.selection.rows if row < len(shown)]
    _run_anyway_buttons(session, jobs, [job for job in chosen if job.name in excluded], excluded)


def _offer_code(session: Session, processed: Processed) -> None:
    """Offer the panel values and the further inputs by which results differ from the jobs."""
    code = session.request.analysis_code or _UNNAMED
    if processed.panel:
        st.button(
            "Use the panel values of the results",
            icon=":material/tune:",
            on_click=_edit_code,
            args=(session, code, {"parameters": dict(processed.panel)}),
            key="use-panel",
        )
    if processed.attached:
        st.button(
            "Use the further inputs of the results",
            icon=":material/attach_file:",
            on_click=_edit_code,
            args=(session, code, {"input_urls": (*code.input_urls, *processed.attached)}),
            key="use-inputs",
        )


def _count(plan: DispatchPlan) -> int:
    return len(plan.jobs) + plan.equation.processed + plan.capped


def _run_anyway_buttons(
    session: Session, jobs: Sequence[Job], chosen: Sequence[Job], excluded: set[str]
) -> None:
    """Offer to dispatch the chosen or all excluded jobs again, and to exclude them again."""
    line = st.container(horizontal=True)
    kept = session.request.run_anyway
    offers: dict[str, tuple[str, Sequence[str]]] = {
        "run-chosen": (_run_label(len(chosen)), [one.name for one in chosen]),
        "run-all": (
            f"Run all {len(excluded):,} anyway",
            [one.name for one in jobs if one.name in excluded],
        ),
    }
    for key, (label, names) in offers.items() if excluded else ():
        line.button(
            label,
            icon=":material/replay:",
            disabled=not names,
            on_click=_edit_run_anyway,
            args=(session, (*kept, *names)),
            key=key,
        )
    if kept:
        line.button(
            f"Exclude {counted(len(kept), 'job')} again",
            icon=":material/undo:",
            on_click=_edit_run_anyway,
            args=(session, ()),
            key="exclude-again",
        )


def _run_label(count: int) -> str:
    return f"Run {counted(count, 'job')} anyway" if count else "Select jobs to run anyway"


def _edit_run_anyway(session: Session, names: tuple[str, ...]) -> None:
    session.edit(run_anyway=names)


def _edit_code(session: Session, code: AnalysisCode, changes: Mapping[str, Any]) -> None:
    session.edit(analysis_code=code.model_copy(update=changes))


def _columns(plan: DispatchPlan, excluded: set[str]) -> Columns:
    assert plan.processed is not None
    found = plan.processed.findings
    columns: dict[str, Callable[[Job], Cell]] = {
        "Assets": lambda job: ", ".join(one.asset.name for one in job.assets),
        "Result": lambda job: str(found[job.name].verdict),
        "By": lambda job: found[job.name].record.by,
        "Ended": lambda job: found[job.name].record.ended,
        "Dispatched": lambda job: "no" if job.name in excluded else "again",
        "Location": lambda job: found[job.name].record.location,
        "Record": lambda job: found[job.name].record.name,
        "Job": lambda job: job.name,
    }
    return columns
