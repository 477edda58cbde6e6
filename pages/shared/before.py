"""The part of the page Jobs about earlier dispatches: only new jobs, only chosen jobs."""

from __future__ import annotations

import streamlit as st

from dispatch_core.earlier.before import Before, read_before
from dispatch_core.text.words import counted, shown_list
from pages.shared.state.services import executor, output_root
from pages.shared.state.session import Session
from pages.shared.state.work import Work, start_work
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.progress import run_again_when_done


def before_options(session: Session) -> None:
    """Exclude the jobs of earlier dispatches, or choose some jobs by their names."""
    request, root = session.request, str(output_root())
    is_chosen = bool(request.not_in or request.only_jobs)
    with st.expander("Earlier dispatches", expanded=is_chosen, icon=":material/history:"):
        is_new_only = st.checkbox(
            "Only jobs that no earlier dispatch has",
            root in request.not_in,
            key=f"not-in-{session.epoch}",
            help=f"The dispatches in {root}: their records, worker folders and zips.",
        )
        others = tuple(one for one in request.not_in if one != root)
        session.edit(not_in=(root, *others) if is_new_only else others)
        _show_count(session)
        _show_others(session, others)
        _show_chosen(session)


def _show_count(session: Session) -> None:
    """How many jobs of the plan an earlier dispatch has, before they are excluded."""
    work = _ask_before(session)
    if work is None:
        st.caption("No dispatch is there yet.")
        return
    work.wait(0.2)
    if not work.is_done:
        run_again_when_done(work)
    show_error(work.error)
    built = session.work.steps.built
    jobs = built.jobs if built is not None else getattr(session.work.steps.plan, "jobs", None)
    if work.result is None or jobs is None:
        return
    before = work.result
    count = session.memo.remember_of(
        "before count", jobs, id(before), lambda: len(before.found(jobs))
    )
    st.caption(
        f"{counted(len(jobs) - count, 'job')} new, {count:,} dispatched before "
        f"(earlier dispatches: {before.dispatches:,})"
    )


def _ask_before(session: Session) -> Work[Before] | None:
    """The jobs of every dispatch in the output root, read once for each visit of the page."""
    root = output_root()
    if not root.is_dir():
        return None
    key, work = (root, session.epoch), session.work.before
    if work is None or work.key != key:
        work = start_work(
            executor(),
            key,
            lambda progress: read_before((str(root),), root=root, progress=progress),
        )
        session.keep_work(before=work)
    return work


def _show_others(session: Session, others: tuple[str, ...]) -> None:
    """Name the earlier dispatches whose jobs are excluded, with a way to keep them."""
    if not others:
        return
    line = st.container(horizontal=True, vertical_alignment="center")
    line.caption(escaped(f"The jobs of {shown_list(others, 3)} are excluded."))
    line.button(
        "Keep their jobs",
        icon=":material/undo:",
        on_click=_keep_others,
        args=(session, others),
        key="keep-others",
    )


def _keep_others(session: Session, others: tuple[str, ...]) -> None:
    session.edit(not_in=tuple(one for one in session.request.not_in if one not in others))


def _show_chosen(session: Session) -> None:
    """Say that only some jobs are chosen, with a way to choose all."""
    names = session.request.only_jobs
    if names is None:
        return
    line = st.container(horizontal=True, vertical_alignment="center")
    line.caption(f"Only {counted(len(names), 'job')} of this plan are chosen by name.")
    line.button(
        "Choose all jobs",
        icon=":material/undo:",
        on_click=_choose_all,
        args=(session,),
        key="choose-all",
    )


def _choose_all(session: Session) -> None:
    session.edit(only_jobs=None)
