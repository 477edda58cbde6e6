"""Which data assets: a query or a list of ids in, the matched assets in a table."""

import streamlit as st

from pages.shared.assets import source as parts
from pages.shared.assets.advice import show_advice
from pages.shared.assets.explain import ask_why_not, explain_few
from pages.shared.assets.facets import browse
from pages.shared.assets.query import query_builder, query_state, query_toolbar
from pages.shared.assets.table import assets_found, assets_found_before
from pages.shared.state import session as state
from pages.shared.widgets.messages import show_warnings
from pages.shared.widgets.progress import watch

session = state.open_session()

with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
    source = parts.choose_source(session)
    if source == state.QUERY:
        query_toolbar(session)
above = st.container()  # drawn later: facets are of the query as it is now
if source == state.QUERY:
    query_builder(session)
is_valid = source == state.QUERY or parts.id_list(session)
is_valid &= parts.grouping_options(session)
line = parts.find_button(session)
# below the button, which so stays where it is when messages come and go
if source == state.QUERY:
    is_valid &= query_state(session)
    browse(session, above)
    show_advice(session)
parts.act_when_settled(session, is_valid=is_valid)

watch(state.current_find(session))
found, before = state.found(session), state.found_before(session)
if found is not None:
    parts.next_page(line, found)
    show_warnings(found.warnings)
    parts.match_report(found)
    explain_few(session, found)
    assets_found(session, found)
elif before is not None:
    assets_found_before(session, before)
else:
    parts.say_how_to_find()
ask_why_not(session)
