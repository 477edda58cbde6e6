"""Help: one line at first sight, and a short glossary."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.state.session import Session

_WELCOME = "Pick assets, files and parameters; preview; download."

_GLOSSARY = {
    "Asset": "one data asset: a recording, or what was computed from it; a folder of files.",
    "Record": "what the database knows about an asset: project, subject, modality, location.",
    "File": "a file, or a directory store such as `.zarr`, in the folder of an asset.",
    "Parameter set": "the values that an analysis gets; each set makes its own jobs.",
    "Job": "one run of the analysis: an asset, file or group with one parameter set, as JSON.",
    "Worker": "a folder of jobs that one machine runs, one after the other.",
    "Dispatch": "all worker folders, as a zip or a folder, and its record.",
    "Excluded": "not in the dispatch, with the reason and what to do; see the page Jobs.",
    "Out of date": "shown dimmed: the choice changed. *Update everything* makes it again.",
}

_WHERE = (
    "Only **Download the zip** and **Write the worker folders** make files; everything before only "
    "reads. More is in the folder `docs` beside the app: `reference.md` (every option and rule), "
    "`running.md` (how to run the jobs), `history.md`."
)


def welcome(session: Session, line: DeltaGenerator) -> None:
    """Show in one line what the app does, until it is closed."""
    if session.views.is_welcomed:
        return
    with line.container(
        horizontal=True, vertical_alignment="center", width="content", gap="small", key="welcome"
    ):
        st.caption(_WELCOME, width="content")
        st.button(
            "Close this line",
            on_click=close_welcome,
            args=(session,),
            type="tertiary",
            key="close-welcome",
        )


def close_welcome(session: Session) -> None:
    """Never show the line again in this session."""
    session.keep_view(is_welcomed=True)


def help_menu() -> None:
    """Show the glossary in the side bar, on request."""
    with st.sidebar.popover("Help", icon=":material/help:", type="tertiary"):
        st.markdown("\n".join(f"- **{word}**: {meaning}" for word, meaning in _GLOSSARY.items()))
        st.markdown(_WHERE)
