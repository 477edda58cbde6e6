"""Which files in each asset: an extension in, the files in a table."""

import streamlit as st

from pages.shared import files as parts
from pages.shared.state import session as state
from pages.shared.widgets.guards import needs_assets
from pages.shared.widgets.progress import watch

session = state.open_session()

shown_with = state.located(session)
is_valid = parts.file_options(session)
if not needs_assets(session):
    if is_valid and not session.request.file_extension:
        parts.say_nothing_is_listed()
    line = st.container(horizontal=True, vertical_alignment="center")
    if is_valid and session.request.file_extension:
        if line.button(
            "Locate files", type="primary", icon=":material/travel_explore:", key="locate"
        ):
            state.start_locate(session)
        parts.say_how_to_locate(session)
    watch(state.current_locate(session))
    if state.located(session) is not shown_with:
        st.rerun()  # the rules above tell what they make of the files: of these
    parts.next_page(session, line)
    parts.arriving_files(session)
    parts.located_files(session)
