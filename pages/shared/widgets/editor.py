"""The JSON editor, with its errors in the gutter."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dispatch_core.errors import Issue
from pages.shared.state.session import Session


def json_editor(
    session: Session, name: str, text: str, *, lines: int = 10, most: int = 24, hint: str = ""
) -> str:
    """The text of an editor, without a byte order mark; its errors are in the next run's gutter."""
    # Streamlit serves a component only if a page imports it.
    from streamlit_ace import st_ace

    error = session.inputs.errors.get(name)
    typed = st_ace(
        value=text,
        placeholder=hint,
        language="json",
        theme="tomorrow_night" if st.context.theme.type == "dark" else "chrome",
        min_lines=lines,
        max_lines=most,
        font_size=15,
        tab_size=2,
        wrap=True,
        annotations=[_annotation(issue) for issue in error.issues] if error else None,
        auto_update=True,
        key=f"{name}-{session.epoch}",
    )
    st.caption("Tab leaves the editor. Ctrl+] indents the line.")
    return text if typed is None else str(typed).lstrip("\ufeff")


def _annotation(issue: Issue) -> dict[str, Any]:
    return {
        "row": max(0, issue.line - 1),
        "column": max(0, issue.column - 1),
        "type": "error",
        "text": f"{issue.what}. {issue.action}",
    }
