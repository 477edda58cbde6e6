"""Which files in each asset: an extension in, the files in a table."""

import streamlit as st

from pages.shared import file_parts as parts
from pages.shared import session as state
from pages.shared.components import needs_assets, watch

session = state.open_session()

is_valid = parts.file_options(session)
if not needs_assets(session):
    if is_valid and session.request.file_extension:
        if st.button(
            "Locate files", type="primary", icon=":material/travel_explore:", key="locate"
        ):
            state.start_locate(session)
        parts.say_how_to_locate(session)
    elif is_valid:
        parts.say_nothing_is_listed()
    watch(state.current_locate(session))
    parts.arriving_files(session)
    parts.located_files(session)
