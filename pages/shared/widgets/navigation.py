"""The pages of the app, each marked as done, out of date or wrong."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.shared.state.inputs import AMOUNT, ASSET_INPUTS, CAP
from pages.shared.state.session import Session
from pages.shared.state.steps import (
    current_find,
    current_locate,
    current_planning,
    found_before,
    located_before,
    now,
)
from pages.shared.state.work import Work

DONE, STALE, WRONG = "done", "out of date", "to correct"

_MARKS = {
    DONE: ":material/check_circle:",
    STALE: ":material/history_toggle_off:",
    WRONG: ":material/error:",
}

PAGES = {
    "Plan": (
        ("plan/assets.py", "Assets", ":material/database_search:"),
        ("plan/files.py", "Files", ":material/folder_open:"),
        ("plan/parameters.py", "Parameters", ":material/tune:"),
    ),
    "Dispatch": (
        ("dispatch/jobs.py", "Jobs", ":material/list_alt:"),
        ("dispatch/deliver.py", "Deliver", ":material/outbox:"),
    ),
    "Library": (
        ("library/history.py", "History", ":material/history:"),
        ("library/check.py", "Compare and check", ":material/fact_check:"),
    ),
}


def pages(marks: dict[str, str]) -> dict[str, list[Any]]:
    """The pages by section; a mark takes the place of the icon."""
    return {
        section: [
            st.Page(
                path,
                title=title,
                icon=_MARKS.get(marks.get(title, ""), icon),
                default=title == "Assets",
            )
            for path, title, icon in those
        ]
        for section, those in PAGES.items()
    }


def marks_of(session: Session | None) -> dict[str, str]:
    """Page -> how far its step is, for the pages that have something to say."""
    if session is None:
        return {}
    marks = {
        "Assets": _assets(session),
        "Files": _files(session),
        "Parameters": _parameters(session),
        "Jobs": _jobs(session),
    }
    return {page: mark for page, mark in marks.items() if mark}


def in_words(marks: dict[str, str]) -> str:
    """The marks as a sentence, which a screen reader reads: "Done: Assets, Files." """
    parts = []
    for mark in (DONE, STALE, WRONG):
        those = [page for page, one in marks.items() if one == mark]
        if those:
            parts.append(f"{mark.capitalize()}: {', '.join(those)}.")
    return " ".join(parts)


def say_marks(marks: dict[str, str]) -> None:
    """Show the marks in words."""
    if marks:
        st.sidebar.caption(in_words(marks))


def _failed(work: Work[Any] | None) -> bool:
    return work is not None and work.error is not None


def _assets(session: Session) -> str:
    steps = now(session)
    if not ASSET_INPUTS.isdisjoint(session.inputs.errors) or _failed(current_find(session)):
        return WRONG
    if steps.found is not None:
        return DONE if steps.found.matched else WRONG
    return STALE if found_before(session, steps) else ""


def _files(session: Session) -> str:
    steps = now(session)
    if "file extension" in session.inputs.errors or _failed(current_locate(session)):
        return WRONG
    if steps.located is not None:
        return DONE if steps.found is not None and steps.found.matched else ""
    return STALE if located_before(session, steps) else ""


def _parameters(session: Session) -> str:
    if not {"parameters", "schema"}.isdisjoint(session.inputs.errors):
        return WRONG
    return DONE if session.request.parameters is not None else ""


def _jobs(session: Session) -> str:
    plan = now(session).plan
    if not {AMOUNT, CAP}.isdisjoint(session.inputs.errors) or _failed(current_planning(session)):
        return WRONG
    if plan is not None:
        return DONE if plan.jobs else WRONG
    return STALE if session.views.seen is not None else ""
