"""With which parameters: analysis_parameters.json in, parameter sets in a table."""

import streamlit as st

from pages.shared import parameter_parts as parts
from pages.shared import session as state

session = state.open_session()

sets = parts.parameters_editor(session)
parts.schema_editor(session)
if sets is not None:
    parts.set_table(sets)
st.page_link("pages/dispatch/jobs.py", label="Next: jobs", icon=":material/arrow_forward:")
