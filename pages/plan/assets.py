"""The page Assets: a query or a list of ids in, the matched assets in a table."""

import streamlit as st

from pages.shared.assets import source as parts
from pages.shared.assets.advice import show_advice
from pages.shared.assets.explain import explain_few
from pages.shared.assets.facets import browse
from pages.shared.assets.query import query_builder, query_state, query_toolbar
from pages.shared.assets.table import assets_found, assets_found_before
from pages.shared.state.steps import current_find, found_before, now
from pages.shared.state.tab import open_session
from pages.shared.state.typed import QUERY
from pages.shared.widgets.messages import show_warnings
from pages.shared.widgets.progress import watch
from pages.shared.widgets.why_not import ask_why_not

session = open_session()

with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
    source = parts.choose_source(session)
    if source == QUERY:
        query_toolbar(session)
above = st.container()  # filled later: facets count under the edited query
if source == QUERY:
    query_builder(session)
is_valid = source == QUERY or parts.id_list(session)
is_valid &= parts.grouping_options(session)
parts.find_button(session)
# below the button, so that messages do not move it
if source == QUERY:
    is_valid &= query_state(session)
    browse(session, above)
    show_advice(session)
parts.act_when_settled(session, is_valid=is_valid)

watch(current_find(session))
steps = now(session)
before = found_before(session, steps)
if steps.found is not None:
    show_warnings(steps.found.warnings)
    parts.match_report(session, steps.found)
    explain_few(session, steps.found)
    assets_found(session, steps)
elif before is not None:
    assets_found_before(session, before)
else:
    parts.say_how_to_find()
ask_why_not(session, steps)
