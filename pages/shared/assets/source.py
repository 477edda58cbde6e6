"""The inputs of the page Assets: query or list of ids, grouping, the Find button."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dispatch_core.asset_list import AssetRow, read_asset_table, read_pasted_table
from dispatch_core.errors import InvalidInput
from dispatch_core.text.words import counted
from pages.shared.assets.conversion import convert_text
from pages.shared.assets.pace import find_label, is_found_at_once
from pages.shared.state.edits import keep_list
from pages.shared.state.session import Session
from pages.shared.state.settle import is_late_text, settled
from pages.shared.state.steps import current_find, start_find
from pages.shared.state.typed import LIST, QUERY
from pages.shared.widgets.messages import escaped, show_error


def find_button(session: Session) -> DeltaGenerator:
    """Show the Find button, and return its line for what acts on the query or belongs to it.

    It is never disabled: a text may become valid between the last key and the click.
    """
    line = st.container(horizontal=True, vertical_alignment="center")
    line.button(
        find_label(session),
        type="primary",
        icon=":material/search:",
        on_click=session.ask,
        args=("find",),
        key="find",
    )
    return line


def act_when_settled(session: Session, *, is_valid: bool) -> None:
    """Do the actions of the pressed buttons, on the latest text of the editor."""
    asked = settled(session)
    if "convert" in asked:
        convert_text(session)
    if asked.get("view") is not None:
        _show_view(session, asked["view"])
    session.answer(*asked.keys() & {"convert", "view"})
    if asked.keys() & {"convert", "view"}:
        st.rerun()  # the next run finds, if that was pressed too, with the new text
    is_late = is_late_text(session) and current_find(session) is None
    is_quick = "at once" in asked and is_found_at_once(session)
    if is_valid and ("find" in asked or is_late or is_quick):
        start_find(session)
        session.keep_view(is_folded=session.views.is_folded or "find" in asked)
    session.answer(*asked.keys() & {"find", "at once"})  # not a press that came during this run
    if "find" in asked and not is_valid:
        st.toast(f"The search did not start. {_what_to_do(session)}", icon=":material/info:")


def _what_to_do(session: Session) -> str:
    if session.inputs.errors or session.request.query is None:
        return "See below what is missing."
    return "Add a condition, or tick that all records are meant."


def _show_view(session: Session, view: str) -> None:
    """Show facets, rows, JSON or the list of ids."""
    if view == LIST:
        session.keep_typed(source=LIST)
    else:
        session.keep_typed(source=QUERY)
        session.keep_view(query_view=view, is_folded=False)
    session.reload_editors()


def id_list(session: Session) -> bool:
    """Show the upload and the text area for ids; True if there is at least one id."""
    try:
        rows = _kept_list(session) if session.typed.list_rows else _new_list(session)
    except InvalidInput as error:
        session.refuse("list of ids", error)
        show_error(error)
        return False
    session.accept("list of ids")
    session.edit(query=None, asset_rows=rows)
    return rows is not None


def _kept_list(session: Session) -> tuple[AssetRow, ...]:
    line = st.container(horizontal=True, vertical_alignment="center")
    rows = counted(len(session.typed.list_rows), "row")
    line.markdown(f"{escaped(session.typed.list_name)}: {rows}")
    if line.button("Use another list", icon=":material/swap_horiz:", key="forget-list"):
        keep_list(session, "", ())
        st.rerun()
    for note in session.typed.list_notes:
        st.caption(escaped(note))
    return session.typed.list_rows


def _new_list(session: Session) -> tuple[AssetRow, ...] | None:
    upload, paste = st.columns(2)
    file = upload.file_uploader(
        "CSV with a column asset_id", type=["csv", "txt", "tsv"], key=f"ids-file-{session.epoch}"
    )
    text = paste.text_area(
        "or paste ids, names or locations, one in each line",
        session.typed.list_text,
        height=160,
        key=f"ids-{session.epoch}",
    )
    session.keep_typed(list_text=text)
    if file is not None:
        table = read_asset_table(file.getvalue(), file.name)
        keep_list(session, file.name, table.rows, table.notes)
        st.rerun()
    if not text.strip():
        st.info(
            "Upload data_asset_input.csv, or paste Code Ocean ids, record ids, asset names or "
            "s3:// locations.",
            icon=":material/info:",
        )
        return None
    table = session.memo.remember("pasted ids", text, lambda: read_pasted_table(text))
    st.caption("; ".join((counted(len(table.rows), "row"), *map(escaped, table.notes))))
    return table.rows


def say_how_to_find() -> None:
    """Show which button to press before the first search."""
    st.caption("Press **Find assets** to see what matches; a search writes nothing.")
