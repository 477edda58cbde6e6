"""The line above every page: the title, the tool's name, and room for a toolbar."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.state.session import Session
from pages.shared.widgets.help import welcome

TOOL = "Job dispatch"


def tab_title(page: str) -> str:
    """The title of the browser's tab: "Assets · Job dispatch"."""
    return f"{page} · {TOOL}"


def header(session: Session, page: str) -> DeltaGenerator:
    """Show the title of the page; returns the right end of its line, for a toolbar."""
    line = st.container(horizontal=True, vertical_alignment="center", key="header")
    line.title(page, anchor=False, width="content")
    line.caption(TOOL, width="content")
    if page == "Assets":  # the first sight
        welcome(session, line)
    line.space("stretch")
    return line.container(
        horizontal=True, vertical_alignment="center", width="content", key="toolbar"
    )
