"""The parts of the page History."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import streamlit as st

from dispatch_core.earlier.history import RESULTS, HistoryRow, Runs
from dispatch_core.earlier.record import read_record
from dispatch_core.engines.status import failed_names
from dispatch_core.errors import DispatchError, InvalidInput, Issue
from dispatch_core.request import DispatchRequest, load_request
from dispatch_core.text.words import counted
from dispatch_core.views.table import Columns
from pages.shared.library.places import PLAN
from pages.shared.library.recorded import ask_history, read_again, short_time, why_read_only
from pages.shared.state.edits import load
from pages.shared.state.services import output_root
from pages.shared.state.session import Session
from pages.shared.state.steps import start_find
from pages.shared.state.views import CHECK, COMPARE
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.progress import watch
from pages.shared.widgets.tables import paged_table, small_table

_FOLDER: dict[str, str] = {"there": "there", "changed": "changed", "gone": "gone", "unknown": ""}
_COLUMNS: Columns = {
    "When (UTC)": lambda row: short_time(row.at),
    "Dispatch": lambda row: row.name,
    "Jobs": lambda row: row.jobs,
    "Runs": lambda row: _runs_text(row.runs),
    "Folder": lambda row: _FOLDER[row.folder],
    "By": lambda row: row.who,
    "Query": lambda row: row.problem or row.query,
}
_FOLDER_NOTES = {
    "changed": "The worker folder has other files than the record says. Check it before it runs.",
    "gone": "The worker folder is not there any more. The record still names its jobs, so they "
    "count as dispatched before.",
}


def history(session: Session) -> None:
    """Show the recorded dispatches, newest first, and the selected one below."""
    work = ask_history(session)
    line = st.container(horizontal=True, vertical_alignment="center")
    line.caption(f"The dispatches recorded in {escaped(str(output_root()))}, newest first")
    line.space("stretch")
    line.button(
        "Read again",
        icon=":material/refresh:",
        on_click=read_again,
        args=(session,),
        key="history-again",
    )
    watch(work, key="cancel-history")
    rows = work.result
    if rows is None:
        return
    if not rows:
        _say_none()
        return
    shown, event = paged_table(
        rows, _COLUMNS, "history", on_select="rerun", selection_mode="single-row"
    )
    index = next(iter(event.selection.rows), 0)
    if index < len(shown):
        _details(session, shown[index])


def _say_none() -> None:
    st.info(
        "No dispatch is recorded here yet. Each one that is written on the page Deliver, or by "
        "the command line into this folder, leaves a record.",
        icon=":material/history:",
    )
    st.page_link("pages/plan/assets.py", label="Plan a dispatch", icon=":material/database_search:")


def _runs_text(runs: Runs | None) -> str:
    return "" if runs is None else str(runs)


def _details(session: Session, row: HistoryRow) -> None:
    """Show one dispatch: its numbers, query, exclusions and runs, and what can be done with it."""
    st.subheader(escaped(row.name))
    who = f" by {row.who}" if row.who else ""
    st.caption(
        escaped(f"{row.status} {short_time(row.at)} UTC{who}; plan {row.fingerprint[:12]}")
        + "  \n"
        + escaped(row.equation)
    )
    reason = why_read_only(row)
    if reason:
        st.warning(escaped(reason), icon=":material/visibility:")
    if row.folder in _FOLDER_NOTES:
        st.warning(_FOLDER_NOTES[row.folder], icon=":material/folder_off:")
    _show_runs(row)
    _actions(session, row, is_usable=not reason)
    if row.query:
        st.code(row.query, language="json", wrap_lines=True)
    _exclusions(session, row)


def _show_runs(row: HistoryRow) -> None:
    """Show how far the runs are, if there are any."""
    if row.runs is None or not row.jobs:
        return
    ended = row.runs.done + row.runs.failed
    st.progress(min(1.0, ended / row.jobs), escaped(f"Runs: {row.runs}"))


def _actions(session: Session, row: HistoryRow, *, is_usable: bool) -> None:
    """Offer what can be done with a dispatch; what needs its request is disabled without it."""
    failed = row.runs.failed if row.runs else 0
    line = st.container(horizontal=True)
    with line.popover("Open as the current request", disabled=not is_usable):
        st.write("It replaces the query, the files rule and the parameters of this tab.")
        if st.button("Replace my request", type="primary", key="open-record"):
            _open(session, row, "It is the current request now.")
    if line.button(
        "Dispatch only what is new",
        icon=":material/add:",
        disabled=not is_usable,
        help="The same request on the assets of today, without the jobs of this dispatch.",
        key="only-new",
    ):
        _open(session, row, "Its own jobs are excluded.", not_in=str(row.path))
    if line.button(
        f"Dispatch only the {counted(failed, 'failed job')}" if failed else "No job failed",
        icon=":material/replay:",
        disabled=not (is_usable and failed),
        key="only-failed",
    ):
        _open(session, row, "Only its failed jobs are chosen.", only_jobs=_failed(row))
    if line.button(
        "Compare with now",
        icon=":material/difference:",
        disabled=bool(row.problem),
        help="Its jobs beside those of the current plan.",
        key="compare-now",
    ):
        session.keep_view(library_view=COMPARE, compare_old=str(row.path), compare_new=PLAN)
        st.switch_page("pages/library/check.py")
    if line.button(
        "Check the folder",
        icon=":material/fact_check:",
        disabled=row.folder == "gone",
        key="check-folder",
    ):
        session.keep_view(library_view=CHECK, checked_place=str(row.path))
        st.switch_page("pages/library/check.py")


def _failed(row: HistoryRow) -> tuple[str, ...]:
    """The names of the jobs that failed."""
    return tuple(sorted(failed_names(row.path.with_name(f"{row.name}{RESULTS}"))))


def _open(
    session: Session,
    row: HistoryRow,
    notice: str,
    *,
    not_in: str = "",
    only_jobs: tuple[str, ...] | None = None,
) -> None:
    """Make the request of a record the current one, and find its assets again."""
    try:
        request = _request(row.path)
        load(session, request)
    except DispatchError as error:
        show_error(error)
        return
    if not_in:
        session.edit(not_in=tuple(dict.fromkeys((*request.not_in, not_in))))
    if only_jobs is not None:
        session.edit(only_jobs=only_jobs)
    session.keep_view(notice=f"{row.name}: {notice}")
    start_find(session)
    st.switch_page("pages/plan/assets.py")


def _request(path: Path) -> DispatchRequest:
    try:
        return load_request(path.read_bytes(), path.name)
    except OSError as error:
        what = f"it cannot be read: {error.strerror}"
        raise InvalidInput(Issue(what, path.name, "Read the records again")) from None


def _exclusions(session: Session, row: HistoryRow) -> None:
    """Show which assets and jobs were excluded, by reason."""
    if row.problem:
        return
    record = session.memo.remember(
        "record", (row.path, row.at, row.fingerprint), lambda: read_record(row.path)
    )
    rows = record.get("exclusions") if record else None
    rows = [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []
    if not rows:
        return
    with st.expander(f"Excluded ({len(rows):,})"):
        counts = Counter((one.get("stage"), one.get("reason"), one.get("action")) for one in rows)
        small_table(
            [
                {
                    "Rows": count,
                    "Stage": str(stage),
                    "Reason": str(reason).replace("_", " "),
                    "What to do": str(action),
                }
                for (stage, reason, action), count in counts.most_common(50)
            ]
        )
