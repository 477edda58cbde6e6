"""The parts of the page Compare and check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.compare import Compared, Side, compare_dispatches
from dispatch_core.earlier.faults import Checked
from dispatch_core.earlier.history import HistoryRow
from dispatch_core.text.words import counted
from dispatch_core.types import Progress
from dispatch_core.views.compared import COLUMNS, compared_text
from dispatch_core.views.table import Columns
from pages.shared.library.places import PLAN, Menu, Place, pick
from pages.shared.library.recorded import Rows, ask_history
from pages.shared.state.services import executor
from pages.shared.state.session import Session
from pages.shared.state.views import CHECK, COMPARE
from pages.shared.state.work import Work, start_work
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.progress import watch
from pages.shared.widgets.tables import download_csv, paged_table, small_table

_COMPARED: Columns = {
    "Change": COLUMNS["change"],
    "What": COLUMNS["what"],
    "Difference": COLUMNS["difference"],
    "Assets": COLUMNS["asset_names"],
    "Files": COLUMNS["files"],
    "Job": COLUMNS["job"],
}
_FAULTS: Columns = {
    "Fault": lambda fault: fault.kind.heading,
    "Where": lambda fault: fault.path,
    "What": lambda fault: fault.message,
    "What to do": lambda fault: fault.kind.action,
}
_CHECKED = Menu("Dispatch", "checked_place", "a zip to upload", ("zip",))


def choose_view(session: Session) -> str:
    """Show the choice between comparing and checking."""
    view = st.segmented_control(
        "View",
        [COMPARE, CHECK],
        default=session.views.library_view,
        required=True,
        label_visibility="collapsed",
        key=f"library-view-{session.epoch}",
    )
    session.keep_view(library_view=view)
    return str(view)


def compare(session: Session, plan: DispatchPlan | None) -> None:
    """Pick two dispatches, and show which jobs are new, gone, changed and the same."""
    rows = _rows(session)
    if rows is None:
        return
    readable = [row for row in rows if not row.problem]
    before, after = st.columns(2, gap="large")
    with before:
        old = pick(Menu("Before", "compare_old"), session, readable)
    with after:
        new = pick(Menu("After", "compare_new", offers_plan=True), session, readable, plan)
        if session.views.compare_new == PLAN and plan is None:
            st.info("The current request has no plan yet.", icon=":material/info:")
            st.page_link(
                "dispatch/jobs.py", label="See what is missing", icon=":material/list_alt:"
            )
    if old is None or new is None:
        st.caption(
            "Choose two dispatches: earlier ones, a zip from any program, or the current plan. "
            "Jobs are compared by their content, whatever their files are called."
        )
        return
    compared = _compared(session, old, new)
    if compared is not None:
        _show_compared(session, compared)


def _rows(session: Session) -> Rows | None:
    """The recorded dispatches; None while they are read, and none if they cannot be."""
    work = ask_history(session)
    watch(work, key="cancel-history")
    return (work.result or ()) if work.is_done else None


def _compared(session: Session, old: Place, new: Place) -> Compared | None:
    def call(progress: Progress) -> Compared:
        before, after = old.read(progress), new.read(progress)
        progress("comparing", 0, 0)
        return compare_dispatches(before, after)

    key, work = (old.key, new.key), session.work.compared
    if work is None or work.key != key:
        _cancel(work)
        work = start_work(executor(), key, call)
        session.keep_work(compared=work)
    watch(work, key="cancel-compare")
    _offer_again(session, work, "compared")
    return work.result


def _cancel(work: Work[Any] | None) -> None:
    """End work whose result would not be shown."""
    if work is not None:
        work.cancel()


def _offer_again(session: Session, work: Work[Any], name: str) -> None:
    """Show a button to try again what failed or was cancelled."""
    if work.is_done and work.error is not None:
        st.button(
            "Try again",
            icon=":material/refresh:",
            on_click=session.keep_work,
            kwargs={name: None},
            key=f"{name}-again",
        )


def _show_compared(session: Session, compared: Compared) -> None:
    line = st.columns(4)
    for place, name in zip(line, ("new", "gone", "changed", "same"), strict=True):
        place.metric(name.capitalize(), f"{len(getattr(compared, name)):,}")
    if compared.is_equal:
        st.success("Both have the same jobs.", icon=":material/check:")
    for side in compared.sides:
        _show_side(side)
    for note in compared.notes:
        st.caption(escaped(note))
    rows = _compared_rows(session, compared)
    if rows:
        paged_table(rows, _COMPARED, "compared", changes=id(compared))
    total = sum(len(one) for one in (compared.new, compared.gone, compared.changed, compared.same))
    if total:
        download_csv(
            f"Download all {total:,} rows as CSV", lambda: compared_text(compared), "compared"
        )


def _compared_rows(session: Session, compared: Compared) -> Sequence[Any]:
    """The rows that differ, and on request also those that are the same."""
    has_same = session.views.shows_same
    if compared.same:
        has_same = st.checkbox(
            f"Show also the {counted(len(compared.same), 'job')} that both have",
            session.views.shows_same,
            key=f"shows-same-{session.epoch}",
        )
        session.keep_view(shows_same=has_same)
    return session.memo.remember_of(
        "compared rows",
        compared,
        has_same,
        lambda: [row for row in compared.rows() if has_same or row[0] != "same"],
    )


def _show_side(side: Side) -> None:
    """Say what of a dispatch is not compared."""
    parts = []
    if side.repeated:
        parts.append(f"has {counted(len(side.repeated), 'job')} more than once")
    if side.not_jobs:
        first = side.not_jobs[0]
        entries = counted(len(side.not_jobs), "item")
        parts.append(f"has {entries} that cannot be read as a job, first {first.where}")
    if parts:
        st.warning(escaped(f"{side.label} {' and '.join(parts)}."), icon=":material/warning:")


def check(session: Session) -> None:
    """Pick a dispatch, and show every fault of its folder or zip."""
    rows = _rows(session)
    if rows is None:
        return
    place = pick(_CHECKED, session, _with_a_folder(rows))
    if place is None:
        st.caption(
            "Choose a folder, or upload a zip from any program: stray entries, jobs that come "
            "twice, files of another asset, and what no reader accepts are named."
        )
        return
    work = session.work.checked
    if work is None or work.key != place.key:
        _cancel(work)
        work = start_work(executor(), place.key, place.check)
        session.keep_work(checked=work)
    watch(work, key="cancel-check")
    _offer_again(session, work, "checked")
    if work.result is not None:
        _show_checked(work.result)


def _with_a_folder(rows: Rows) -> list[HistoryRow]:
    return [row for row in rows if row.folder != "gone"]


def _show_checked(checked: Checked) -> None:
    """Show the faults first, then which readers accept the jobs."""
    jobs, workers = counted(checked.jobs, "job"), counted(len(checked.workers), "worker")
    if checked.is_clean:
        st.success(f"No fault: {jobs} in {workers}.", icon=":material/check:")
    else:
        faults = counted(len(checked.faults), "fault")
        st.error(f"{faults} in {jobs}, {workers}.", icon=":material/error:")
        small_table(
            [
                {"Faults": len(faults), "Kind": kind.heading, "What to do": kind.action}
                for kind, faults in checked.by_kind.items()
            ]
        )
        paged_table(checked.faults, _FAULTS, "faults")
    accepted = [f"{reader} accepts {count:,}" for reader, count in checked.readers.items()]
    for note in (*accepted, *checked.notes):
        st.caption(escaped(note))
