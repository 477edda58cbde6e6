"""The page Files: an extension in, the files of each asset in a table."""

import streamlit as st

from pages.shared import files as parts
from pages.shared.state.steps import current_locate, now, start_locate
from pages.shared.state.tab import open_session
from pages.shared.widgets.guards import needs_assets
from pages.shared.widgets.progress import watch

session = open_session()

shown_with = now(session)
is_valid = parts.file_options(session, shown_with)
steps = now(session)
if not needs_assets(session, steps):
    if is_valid and not session.request.file_extension:
        parts.say_nothing_is_listed()
    st.space("small")  # the open menu of the extensions ends above the button
    line = st.container(horizontal=True, vertical_alignment="center")
    if is_valid and session.request.file_extension:
        if line.button(
            "Locate files", type="primary", icon=":material/travel_explore:", key="locate"
        ):
            start_locate(session)
        parts.say_how_to_locate(session, steps)
    watch(current_locate(session))
    steps = now(session)
    if steps.located is not shown_with.located:
        st.rerun()  # the captions of the rules above count these files
    parts.arriving_files(session)
    parts.located_files(session, steps)
