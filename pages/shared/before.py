"""The part of the page Jobs about earlier dispatches: only new jobs, only chosen jobs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from dispatch_core.earlier.before import BeforeCount, count_before
from dispatch_core.job_model import Job
from dispatch_core.text.words import counted, shown_list
from pages.shared.state.memo import Same
from pages.shared.state.services import executor, output_root
from pages.shared.state.session import Session
from pages.shared.state.steps import read_before_again
from pages.shared.state.work import Work, start_work
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.progress import run_again_when_done


def before_options(session: Session) -> None:
    """Exclude the jobs of earlier dispatches."""
    session.memo.remember("before visit", session.epoch, lambda: read_before_again(session))
    opened = st.popover(
        "Earlier dispatches",
        icon=":material/history:",
        on_change="rerun",
        key=f"before-{session.epoch}",
    )
    if not opened.open:
        return
    with opened:
        root = str(output_root())
        _choose_new(session, root, _others(session, root))


def before_state(session: Session) -> None:
    """Say which jobs other dispatches or a choice exclude, with ways to include them."""
    _show_others(session, _others(session, str(output_root())))
    _show_chosen(session)


def _others(session: Session, root: str) -> tuple[str, ...]:
    return tuple(one for one in session.request.not_in if one != root)


def _choose_new(session: Session, root: str, others: tuple[str, ...]) -> None:
    """Show the checkbox, with how many jobs it excludes before it is checked."""
    was_new_only = root in session.request.not_in
    is_new_only = st.checkbox(
        "Only jobs that no earlier dispatch has",
        was_new_only,
        key=f"not-in-{session.epoch}",
        help=f"The dispatches in {escaped(root)}: their records, worker folders and zips.",
    )
    if is_new_only != was_new_only:
        session.edit(not_in=(*others, root) if is_new_only else others)
    if not is_new_only:
        _show_count(session)


def _show_count(session: Session) -> None:
    """How many jobs of the plan an earlier dispatch has, before they are excluded."""
    steps = session.work.steps
    made = steps.built or steps.plan
    if not output_root().is_dir():
        st.caption("No dispatch is there yet.")
    elif made is not None:
        _count(_ask_count(session, made.jobs), len(made.jobs))


def _count(work: Work[BeforeCount], jobs: int) -> None:
    work.wait(0.2)
    if not work.is_done:
        st.caption("Reading the earlier dispatches ...")
        run_again_when_done(work)
    show_error(work.error)
    if work.result is not None:
        before = work.result
        st.caption(
            f"{counted(jobs - before.jobs, 'job')} new, {before.jobs:,} dispatched before "
            f"(earlier dispatches: {before.dispatches:,})"
        )


def _ask_count(session: Session, jobs: Sequence[Job]) -> Work[BeforeCount]:
    """The count for these jobs, made once for each visit of the page; nothing else is kept."""
    root = output_root()
    key, work = (root, session.epoch, Same(jobs)), session.work.before
    if work is None or work.key != key:
        if work is not None:
            work.cancel()
        work = start_work(executor(), key, lambda progress: count_before(jobs, root, progress))
        session.keep_work(before=work)
    return work


def _show_others(session: Session, others: tuple[str, ...]) -> None:
    """Name the earlier dispatches whose jobs are excluded, with a way to include them."""
    if not others:
        return
    line = st.container(horizontal=True, vertical_alignment="center")
    line.caption(escaped(f"The jobs of {shown_list(_names_of(others), 3)} are excluded."))
    line.button(
        "Include their jobs",
        icon=":material/undo:",
        on_click=_include_others,
        args=(session, others),
        key="include-others",
    )


def _names_of(places: tuple[str, ...]) -> list[str]:
    """Paths in the output root as they are named in it; others in full."""
    root = output_root()
    paths = map(Path, places)
    return [str(one.relative_to(root) if one.is_relative_to(root) else one) for one in paths]


def _include_others(session: Session, others: tuple[str, ...]) -> None:
    session.edit(not_in=tuple(one for one in session.request.not_in if one not in others))


def _show_chosen(session: Session) -> None:
    """Say that only some jobs are chosen, with a way to choose all."""
    names = session.request.only_jobs
    if names is None:
        return
    line = st.container(horizontal=True, vertical_alignment="center")
    line.caption(f"Only the jobs with {counted(len(names), 'chosen name')} are dispatched.")
    line.button(
        "Dispatch all jobs",
        icon=":material/undo:",
        on_click=_choose_all,
        args=(session,),
        key="choose-all",
    )


def _choose_all(session: Session) -> None:
    session.edit(only_jobs=None)
