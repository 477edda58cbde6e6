"""With which parameters: a form or JSON over one text, sweeps, the sets side by side."""

import streamlit as st

from pages.shared.parameters import editor as parts
from pages.shared.state.tab import open_session

session = open_session()

st.caption(
    "analysis_parameters.json: one set for every asset, or several sets, each for every asset, "
    "with fixed parameters under each."
)
parts.parameters_editor(session)
st.page_link("pages/dispatch/jobs.py", label="Next: jobs", icon=":material/arrow_forward:")
