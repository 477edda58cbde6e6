"""The server of the app: ``streamlit run app.py`` runs the frame of the pages for each visitor."""

import streamlit as st

from pages.shared.state.entry import FRAME, is_script, run_frame
from pages.shared.state.lifespan import lifespan
from pages.shared.state.zip_route import zip_route

if is_script():
    run_frame()
else:
    # Streamlit would draw a navigation of its own from a folder ``pages`` beside its script.
    app = st.App(FRAME, lifespan=lifespan, routes=[zip_route()])
