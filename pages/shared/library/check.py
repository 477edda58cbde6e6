"""The parts of the page Compare and check."""

from __future__ import annotations

import streamlit as st

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.check import check_dispatch, check_dispatch_file
from dispatch_core.earlier.compare import Compared, Side, compare_dispatches
from dispatch_core.earlier.faults import Checked
from dispatch_core.earlier.history import HistoryRow
from dispatch_core.text.words import counted
from dispatch_core.views.compared import COLUMNS, compared_text
from dispatch_core.views.table import Columns
from pages.shared.library.places import PLAN, Place, pick
from pages.shared.library.recorded import ask_history
from pages.shared.state.services import executor
from pages.shared.state.session import Session
from pages.shared.state.views import CHECK, COMPARE
from pages.shared.state.work import start_work
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
    before, after = st.columns(2, gap="large")
    views = session.views
    with before:
        old = pick(
            "Before",
            session,
            rows,
            None,
            views.compare_old,
            lambda name: session.keep_view(compare_old=name),
            "compare-old",
        )
    with after:
        new = pick(
            "After",
            session,
            rows,
            plan,
            views.compare_new,
            lambda name: session.keep_view(compare_new=name),
            "compare-new",
        )
    if plan is None and views.compare_new == PLAN:
        st.info("The current request has no plan yet.", icon=":material/info:")
        st.page_link(
            "pages/dispatch/jobs.py", label="See what is missing", icon=":material/list_alt:"
        )
    if old is None or new is None:
        st.caption(
            "Choose two dispatches: earlier ones, a zip from anybody, or the current plan. Jobs "
            "are compared by their content, whatever their files are called."
        )
        return
    compared = _compared(session, old, new)
    if compared is not None:
        _show_compared(compared)


def _rows(session: Session) -> tuple[HistoryRow, ...]:
    work = ask_history(session)
    watch(work, key="cancel-history")
    return work.result or ()


def _compared(session: Session, old: Place, new: Place) -> Compared | None:
    work = session.work.compared
    if work is None or work.key != (old.key, new.key):
        work = start_work(
            executor(), (old.key, new.key), lambda _: compare_dispatches(old.read(), new.read())
        )
        session.keep_work(compared=work)
    watch(work, key="cancel-compare")
    return work.result


def _show_compared(compared: Compared) -> None:
    line = st.columns(4)
    for place, name in zip(line, ("new", "gone", "changed", "same"), strict=True):
        place.metric(name.capitalize(), f"{len(getattr(compared, name)):,}")
    if compared.is_equal:
        st.success("Both have the same jobs.", icon=":material/check:")
    for note in compared.notes:
        st.caption(escaped(note))
    for side in compared.sides:
        _show_side(side)
    rows = list(compared.rows())
    if rows:
        paged_table(rows, _COMPARED, "compared", changes=id(compared))
        download_csv(
            f"Download all {len(rows):,} rows as CSV", lambda: compared_text(compared), "compared"
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
    place = pick(
        "Dispatch",
        session,
        _rows(session),
        None,
        session.views.checked_place,
        lambda name: session.keep_view(checked_place=name),
        "checked",
    )
    if place is None:
        st.caption(
            "Choose a folder, or upload a zip from anybody: stray entries, jobs that come "
            "twice, files of another asset, and what no reader accepts are named."
        )
        return
    work = session.work.checked
    if work is None or work.key != place.key:
        work = start_work(executor(), place.key, lambda _: _check(place))
        session.keep_work(checked=work)
    watch(work, key="cancel-check")
    if work.result is not None:
        _show_checked(work.result)


def _check(place: Place) -> Checked:
    if place.upload is not None:
        return check_dispatch_file(place.upload, place.label)
    assert place.row is not None
    return check_dispatch(place.row.worker_folder)


def _show_checked(checked: Checked) -> None:
    jobs, workers = counted(checked.jobs, "job"), counted(len(checked.workers), "worker")
    if checked.is_clean:
        st.success(f"No fault: {jobs} in {workers}.", icon=":material/check:")
    else:
        faults = counted(len(checked.faults), "fault")
        st.error(f"{faults} in {jobs}, {workers}.", icon=":material/error:")
    accepted = [f"{reader} accepts {count:,}" for reader, count in checked.readers.items()]
    for note in (*accepted, *checked.notes):
        st.caption(escaped(note))
    if checked.is_clean:
        return
    small_table(
        [
            {"Faults": len(faults), "Kind": kind.heading, "What to do": kind.action}
            for kind, faults in checked.by_kind.items()
        ]
    )
    paged_table(checked.faults, _FAULTS, "faults")
