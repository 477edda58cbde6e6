"""Work under way: its progress, and a new run when it is done."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from pages.shared.state.scripts import run_script
from pages.shared.state.tab import open_session
from pages.shared.state.update import advance
from pages.shared.state.work import Work
from pages.shared.widgets.messages import show_error


def run_again() -> None:
    """Draw the page again by itself; behind an open dialog, only go on with an update.

    The browser removes a dialog while the page runs and then makes it anew, without what was
    typed into it. The page runs again when the dialog is closed.
    """
    session = open_session()
    if not session.views.has_dialog:
        st.rerun()
    advance(session, moment=0)


def run_again_when_done(work: Work[Any]) -> None:
    @st.fragment(run_every=0.4)
    def poll() -> None:
        if work.is_done:
            run_again()

    poll()


def watch(work: Work[Any] | None, key: str = "cancel") -> None:
    """Show progress, time left and a cancel button while `work` runs, its error if it failed."""
    if work is None:
        return
    work.wait(0.3)  # quick work is shown without a flicker
    if work.is_done:
        show_error(work.error)
        return

    @st.fragment(run_every=0.4)
    def poll() -> None:
        if work.is_done:
            run_again()
        _show_progress(work, key)

    poll()


def watch_in_dialog(work: Work[Any], key: str) -> None:
    """Show the same in a dialog, which is drawn again until `work` is done.

    Only the dialog runs: a run of the page would remove it, and a fragment that runs by itself
    goes on until the page runs.
    """
    work.wait(0.3)
    show_error(work.error)
    if not work.is_done:
        _show_progress(work, key)
        run_script(f"{key}-again", _AGAIN, {"moment": time.monotonic()}, answer="moment")


# The answer is a new moment, which runs the fragment that the component is in.
_AGAIN = """
export default function ({ setStateValue, data }) {
  const timer = setTimeout(() => setStateValue("moment", data.moment), 400);
  return () => clearTimeout(timer);
}
"""


def _show_progress(work: Work[Any], key: str) -> None:
    left = work.seconds_left
    text = work.step or "starting"
    if work.done or work.total:
        text += f": {work.done:,} of {work.total:,}" if work.total else f": {work.done:,}"
    text += f", about {left:.0f} s left" if left is not None and left > 1 else ""
    st.progress(min(1.0, work.done / work.total) if work.total else 0.0, text)
    st.button("Cancel", icon=":material/close:", on_click=work.cancel, key=key)
