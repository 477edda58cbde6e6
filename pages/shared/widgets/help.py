"""Help: one line at first sight, and a short glossary."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.state.session import Session
from pages.shared.widgets.documents import menu_of_documents, show_document

_WELCOME = "Pick assets, files and parameters; preview; download."

_GLOSSARY = {
    "Asset": "one data asset: a recording, or what was computed from it; a folder of files.",
    "Record": "what the database knows about an asset: project, subject, modality, location.",
    "File": "a file, or a directory store such as `.zarr`, in the folder of an asset.",
    "Store": "a folder that is read as one file, such as a `.zarr`.",
    "Input": "what a job is made of, with one parameter set: an asset, a file or a group.",
    "Parameter set": "the values that an analysis gets; each set makes its own jobs.",
    "Job": "one run of the analysis: an asset, file or group with one parameter set, as JSON.",
    "Worker": "a folder of jobs that one machine runs, one after the other.",
    "Dispatch": "all worker folders, as a zip or a folder, and its record.",
    "Plan": "all jobs with their workers, as the page Jobs shows them; nothing is written yet.",
    "Excluded": "not in the dispatch, with the reason and what to do; see the page Jobs.",
    "Ledger": "the list of everything that is excluded, with the reasons.",
    "Wrapper": "the program that runs the analysis on one job, and notes what it has processed.",
    "Seed": "the number from which a random trial is chosen: the same seed, the same assets; as a "
    "job format, the original one, whose parameters are a list of one object.",
    "Out of date": "shown dimmed: the choice changed. *Update everything* makes it again.",
}

_WHAT_WRITES = (
    "Only **Download the zip** and **Write the worker folders** make files; everything before only "
    "reads."
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


def help_menu(session: Session, place: DeltaGenerator) -> None:
    """Show the glossary and the documents at `place`, on request."""
    key = f"help-{session.views.help_number}"
    with place.popover("Help", icon=":material/help:", type="tertiary", on_change="rerun", key=key):
        st.markdown("\n".join(f"- **{word}**: {meaning}" for word, meaning in _GLOSSARY.items()))
        st.markdown(_WHAT_WRITES)
        menu_of_documents(session)
    show_document(session)
