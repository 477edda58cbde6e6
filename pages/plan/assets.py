"""Which data assets: a query or a list of ids in, the matched assets in a table."""

import streamlit as st

from pages.shared import asset_parts as parts
from pages.shared import session as state
from pages.shared.components import show_warnings, watch

session = state.open_session()

choose = {state.QUERY: parts.query_editor, state.LIST: parts.id_list}
is_valid = choose[parts.choose_source(session)](session)
is_valid &= parts.grouping_options(session)
st.button(
    "Find assets",
    type="primary",
    icon=":material/search:",
    disabled=not is_valid,
    on_click=state.ask_to_find,
    args=(session,),
    key="find",
)
state.find_when_settled(session, is_valid)

watch(state.current_find(session))
found = state.found(session)
if found is not None:
    show_warnings(found.warnings)
    parts.match_report(found)
    parts.asset_table(session, found)
elif state.current_find(session) is None:
    parts.say_how_to_find(session)
