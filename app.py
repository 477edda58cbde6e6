"""The app: page config, navigation, and the frame around every page."""

import streamlit as st

from pages.shared.state.presses import keep_presses
from pages.shared.state.sign_in import require_sign_in
from pages.shared.state.tab import begin_session, go_where_asked
from pages.shared.widgets.bottom_line import bottom_line
from pages.shared.widgets.header import TOOL, header, tab_title
from pages.shared.widgets.messages import require_settings, show_notice
from pages.shared.widgets.sidebar import equation_bar, source_badge, start_over_button
from pages.shared.widgets.style import use_style

keep_presses()
st.set_page_config(page_title=TOOL, page_icon=".streamlit/icon.png", layout="wide")

PAGES = {
    "Plan": [
        st.Page(
            "pages/plan/assets.py", title="Assets", icon=":material/database_search:", default=True
        ),
        st.Page("pages/plan/files.py", title="Files", icon=":material/folder_open:"),
        st.Page("pages/plan/parameters.py", title="Parameters", icon=":material/tune:"),
    ],
    "Dispatch": [
        st.Page("pages/dispatch/jobs.py", title="Jobs", icon=":material/list_alt:"),
        st.Page("pages/dispatch/deliver.py", title="Deliver", icon=":material/outbox:"),
    ],
    "Library": [
        st.Page("pages/library/history.py", title="History", icon=":material/history:"),
        st.Page("pages/library/check.py", title="Compare and check", icon=":material/fact_check:"),
    ],
}

is_styled = use_style()
page = st.navigation(PAGES, position="sidebar" if is_styled else "hidden")
st.set_page_config(page_title=tab_title(page.title))
if not is_styled:
    st.stop()
require_sign_in()
require_settings()
session = begin_session()
go_where_asked(session)
session.enter_page(page.title)
source_badge(session)
header(page.title)
show_notice(session)
page.run()
bottom_line(session, page.title)
equation_bar(session)  # last, so that it shows the changes of the page
start_over_button(session)
