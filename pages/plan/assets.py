"""The page Assets: a query or a list of ids in, the matched assets in a table."""

import streamlit as st

from pages.shared.assets import source as parts
from pages.shared.assets.advice import show_advice
from pages.shared.assets.conversion import query_state
from pages.shared.assets.explain import explain_few
from pages.shared.assets.grouping_fields import grouping_options
from pages.shared.assets.matched import match_report
from pages.shared.assets.query import choice_line, query_builder, same_in_other_words
from pages.shared.assets.table import assets_found, assets_found_before
from pages.shared.state.steps import current_find, found_before, now
from pages.shared.state.tab import open_session
from pages.shared.widgets.messages import show_warnings
from pages.shared.widgets.progress import watch

session = open_session()

is_query = choice_line(session)
if is_query:
    query_builder(session)
is_valid = is_query or parts.id_list(session)
line = parts.find_button(session)
with line:
    is_valid &= grouping_options(session)
    same_in_other_words(session)
with st.container(key="messages"):  # below the button, so that they do not move it
    if is_query:
        is_valid &= query_state(session, line)
        show_advice(session)
parts.act_when_settled(session, is_valid=is_valid)

watch(current_find(session))
steps = now(session)
before = found_before(session, steps)
if steps.found is not None:
    show_warnings(steps.found.warnings)
    match_report(session, steps.found)
    explain_few(session, steps.found)
    assets_found(session, steps)
elif before is not None:
    assets_found_before(session, before)
else:
    parts.say_how_to_find()
