"""Which data assets: a query or a list of ids in, the matched assets in a table."""

import streamlit as st

from pages.shared import asset_parts as parts
from pages.shared import session as state
from pages.shared.asset_table import assets_found, assets_found_before
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
found, before = state.found(session), state.found_before(session)
if found is not None:
    show_warnings(found.warnings)
    parts.match_report(found)
    if not found.matched:
        parts.say_nothing_matches()
    assets_found(session, found)
elif before is not None:
    assets_found_before(session, before)
else:
    parts.say_how_to_find()
