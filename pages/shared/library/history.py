"""The parts of the page History."""

from __future__ import annotations

import streamlit as st

from dispatch_core.earlier.history import HistoryRow, Runs, read_ledger
from dispatch_core.views.table import Columns
from pages.shared.library import actions
from pages.shared.library.recorded import (
    Rows,
    ask_folders,
    ask_history,
    read_again,
    short_time,
    why_read_only,
)
from pages.shared.state.services import output_root
from pages.shared.state.session import Session
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.progress import run_again_when_done, watch
from pages.shared.widgets.tables import SMALL, paged_table, small_table, widths
from pages.shared.widgets.words import in_words_of_the_app

_FOLDER: dict[str, str] = {"there": "there", "changed": "changed", "gone": "gone", "unknown": ""}
_COLUMNS: Columns = {
    "When (UTC)": lambda row: short_time(row.at),
    "Dispatch": lambda row: row.name,
    "Jobs": lambda row: row.jobs,
    "Runs": lambda row: str(row.runs or ""),
    "Folder": lambda row: _FOLDER[row.folder],
    "By": lambda row: row.who,
    "Query": lambda row: row.problem or row.query,
}
_WIDTHS = {"When (UTC)": 130, "Dispatch": 200, "Jobs": 75, "Runs": 75, "Folder": 85}
"""In pixels: each has room for its heading, also with the arrow of the order."""
_RUNS = 245
"""The width of the column of runs if there are any."""

_HEIGHT = 300
"""Of a long table, in pixels: the selected dispatch is visible below it."""

_FOLDER_NOTES = {
    "changed": "The worker folder has other files than the record says. Check it before it runs.",
    "gone": "The worker folder was deleted or moved. The record still names its jobs, so they "
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
    if rows:
        _table(session, _with_folders(session, rows))
    elif rows is not None:
        _say_none()


def _with_folders(session: Session, rows: Rows) -> Rows:
    """The rows with what is in their folders, once that is read."""
    work = ask_folders(session)
    work.wait(0.3)
    if not work.is_done:
        run_again_when_done(work)
    return work.result or rows


def _say_none() -> None:
    st.info(
        "No dispatch is recorded here yet. Each one that is written on the page Deliver, or by "
        "the command line into this folder, leaves a record.",
        icon=":material/history:",
    )
    st.page_link("plan/assets.py", label="Plan a dispatch", icon=":material/database_search:")


def _table(session: Session, rows: Rows) -> None:
    """Show the records; the selected one stays while its row changes."""
    has_runs = any(row.runs is not None for row in rows)
    shown, event = paged_table(
        rows,
        _COLUMNS,
        "history",
        on_select="rerun",
        selection_mode="single-row",
        height=_HEIGHT if len(rows) > SMALL else "auto",
        column_config=widths({**_WIDTHS, "Runs": _RUNS} if has_runs else _WIDTHS),
    )
    index = next(iter(event.selection.rows), -1)
    if 0 <= index < len(shown):
        session.keep_view(shown_record=str(shown[index].path))
    if not shown:
        return
    kept = (row for row in shown if str(row.path) == session.views.shown_record)
    _details(session, next(kept, shown[0]))


def _details(session: Session, row: HistoryRow) -> None:
    """Show one dispatch: its numbers, query, exclusions and runs, and what can be done with it."""
    st.header(escaped(row.name))
    st.caption("  \n".join(map(escaped, _lines(row))))
    reason = why_read_only(row)
    if reason:
        st.warning(escaped(reason), icon=":material/visibility:")
    if row.folder in _FOLDER_NOTES:
        st.warning(_FOLDER_NOTES[row.folder], icon=":material/folder_off:")
    if row.runs is not None:
        _show_runs(row.runs)
    failed = session.views.record_error
    if failed is not None and failed[0] == str(row.path):
        show_error(failed[1])
    _actions(session, row, is_usable=not reason)
    if row.query:
        st.code(row.query, language="json", wrap_lines=True)
    _exclusions(session, row)


def _lines(row: HistoryRow) -> list[str]:
    """When, by whom and how much, as far as the record says it."""
    who = f" by {row.who}" if row.who else ""
    plan = f"; plan {row.fingerprint[:12]}" if row.fingerprint else ""
    when = f"{short_time(row.at)} UTC" if row.at else "at an unknown time"
    return [one for one in (f"{row.status or 'recorded'} {when}{who}{plan}", row.equation) if one]


def _show_runs(runs: Runs) -> None:
    """Show how many jobs are done, failed and not started, as a bar of three parts."""
    line = st.container(horizontal=True, vertical_alignment="center")
    line.badge(f"{runs.done:,} done", color="green" if runs.done else "gray")
    line.badge(f"{runs.failed:,} failed", color="red" if runs.failed else "gray")
    if runs.unfinished:
        line.badge(f"{runs.unfinished:,} running or interrupted", color="orange")
    line.badge(f"{runs.not_started:,} not started", color="gray")
    jobs = runs.done + runs.failed + runs.unfinished + runs.not_started
    line.progress((runs.done + runs.failed) / jobs if jobs else 0.0, width=300)


def _actions(session: Session, row: HistoryRow, *, is_usable: bool) -> None:
    """Offer what can be done with a dispatch; what needs its request is disabled without it."""
    line = st.container(horizontal=True)
    with line.popover("Open as the current request", disabled=not is_usable):
        st.write("This replaces the query, the rules for files and the parameters of this tab.")
        st.button(
            "Replace my request",
            type="primary",
            on_click=actions.open_request,
            args=(session, row),
            key="open-record",
        )
    line.button(
        "Dispatch only what is new",
        icon=":material/add:",
        disabled=not is_usable,
        help="Replaces the request of this tab by the one of this dispatch, for the assets of "
        "today, without the jobs of this dispatch.",
        on_click=actions.open_only_new,
        args=(session, row),
        key="only-new",
    )
    line.button(
        actions.failed_label(row),
        icon=":material/replay:",
        disabled=not (is_usable and row.runs and row.runs.failed + row.runs.unfinished),
        help="Replaces the request of this tab by the one of this dispatch, for its failed and "
        "interrupted jobs.",
        on_click=actions.open_only_failed,
        args=(session, row),
        key="only-failed",
    )
    line.button(
        "Compare with now",
        icon=":material/difference:",
        disabled=bool(row.problem),
        help="Its jobs beside those of the current plan.",
        on_click=actions.compare_with_now,
        args=(session, row),
        key="compare-now",
    )
    line.button(
        "Check the folder",
        icon=":material/fact_check:",
        disabled=row.folder == "gone",
        on_click=actions.check_folder,
        args=(session, row),
        key="check-folder",
    )


def _exclusions(session: Session, row: HistoryRow) -> None:
    """Show how many assets and jobs were excluded, by reason."""
    if row.problem:
        return
    key = (row.path, row.at, row.fingerprint)
    counts = session.memo.remember("record", key, lambda: read_ledger(row.path))
    if not counts:
        return
    with st.expander(f"Excluded ({sum(count for count, *_ in counts):,})"):
        titles = ("Rows", "Stage", "Reason", "What to do")
        rows = [(*one[:-1], in_words_of_the_app(one[-1])) for one in counts]
        small_table([dict(zip(titles, one, strict=True)) for one in rows])
