"""The page Parameters: one text as a form or as JSON, sweeps, the sets side by side."""

import streamlit as st

from pages.shared.parameters import editor as parts
from pages.shared.state.tab import open_session
from pages.shared.widgets.cell_typing import keep_cell_text

session = open_session()
keep_cell_text()

st.caption(
    "analysis_parameters.json: one parameter set for every asset, or several sets for every "
    "asset, which inherit the fixed parameters."
)
parts.parameters_editor(session)
