"""The match report of a list of ids: what is wrong first, and what to use instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from dispatch_core.find import FoundAssets, MatchRow
from dispatch_core.text.words import counted
from dispatch_core.views.report import match_report_text, worst_first
from dispatch_core.views.table import Columns
from pages.shared.state.edits import replace_listed
from pages.shared.state.session import Session
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.tables import download_csv, paged_table, widths

_ALL = "all"
_MOST_REPLACEMENTS = 20
_HIGH = 4
"""More replacements than this scroll in a box, so that the report stays in sight."""

_COLUMNS: Columns = {
    "Row": lambda line: line.row.number,
    "Status": lambda line: line.status,
    "Id": lambda line: line.row.text,
    "Message": lambda line: line.message,
    "Nearest": lambda line: ", ".join(line.suggestions),
    "Matched by": lambda line: line.matched_by,
    "Asset": lambda line: line.name,
}


_WIDTHS = {
    "Row": 65,
    "Status": 95,
    "Id": 185,
    "Message": 190,
    "Nearest": 150,
    "Matched by": 115,
    "Asset": 125,
}
"""In pixels: each has room for its heading, and all are in sight in a window of 1360."""


def match_report(session: Session, found: FoundAssets) -> None:
    """Show the result of each row of a list, those that did not match first.

    It is closed, so that the assets are in sight; its label has the counts.
    """
    report = found.match_report
    if not report:
        return
    counts: Counter[str] = Counter(line.status for line in report)
    said = ", ".join(f"{count:,} {status}" for status, count in counts.items())
    with st.expander(f"Match report: {said}", icon=":material/checklist:"):
        _report(session, report, counts)


def _report(session: Session, report: Sequence[MatchRow], counts: Counter[str]) -> None:
    _replacements(session, report)
    status = _chosen_status(session, counts)
    lines = session.memo.remember_of("match lines", report, status, lambda: _lines(report, status))
    paged_table(lines, _COLUMNS, "match", column_config=widths(_WIDTHS))
    download_csv("Download the match report", lambda: match_report_text(report), "match-report")


def _lines(report: Sequence[MatchRow], status: str) -> list[MatchRow]:
    return [line for line in worst_first(report) if status in (_ALL, line.status)]


def _chosen_status(session: Session, counts: Counter[str]) -> str:
    """The status whose rows are shown; a choice only if the rows differ in it."""
    if len(counts) < 2:
        return _ALL
    numbers = {_ALL: counts.total(), **counts}
    chosen = st.segmented_control(
        "Rows shown",
        list(numbers),
        default=_ALL,
        required=True,
        format_func=lambda status: f"{status} ({numbers[status]:,})",
        label_visibility="collapsed",
        key=f"match-status-{session.epoch}",
    )
    return str(chosen)


def _replacements(session: Session, report: Sequence[MatchRow]) -> None:
    """Show a button for each id that exists and is near one that does not."""
    near = [line for line in report if line.suggestions]
    if not near:
        return
    with st.container(height=220 if len(near) > _HIGH else "content", border=len(near) > _HIGH):
        for line in near[:_MOST_REPLACEMENTS]:
            _replacement(session, line)
        if len(near) > _MOST_REPLACEMENTS:
            more = counted(len(near) - _MOST_REPLACEMENTS, "more row")
            st.caption(f"... and {more}, in the column *Nearest*")


def _replacement(session: Session, line: MatchRow) -> None:
    place = st.container(horizontal=True, vertical_alignment="center")
    place.markdown(f"Row {line.row.number}: {escaped(line.row.text)} was not found. Did you mean")
    for number, text in enumerate(line.suggestions):
        place.button(
            f"Use {escaped(text)}",
            icon=":material/find_replace:",
            on_click=replace_listed,
            args=(session, line.row.text, text),
            key=f"use-{line.row.number}-{number}",
        )
