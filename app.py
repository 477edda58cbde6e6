"""The app: page config, navigation, and the frame around every page."""

import streamlit as st

from pages.shared.state.actions import keep_actions
from pages.shared.state.link import follow_address, open_link
from pages.shared.state.sign_in import require_sign_in
from pages.shared.state.tab import begin_session, go_where_asked, keep_draft, kept_session
from pages.shared.widgets.bottom_line import bottom_line
from pages.shared.widgets.header import TOOL, header, tab_title
from pages.shared.widgets.help import help_menu
from pages.shared.widgets.messages import require_settings, show_begun, show_notice
from pages.shared.widgets.navigation import marks_of, pages, say_marks
from pages.shared.widgets.sidebar import equation_bar, source_badge, start_over_button
from pages.shared.widgets.style import is_styled, use_style
from pages.shared.widgets.toolbar import show_link_error, toolbar
from pages.shared.widgets.why_not import answer_why

keep_actions()
st.set_page_config(page_title=TOOL, page_icon=".streamlit/icon.png", layout="wide")

was_styled = is_styled()
marks = marks_of(kept_session())
page = st.navigation(pages(marks), position="sidebar" if was_styled else "hidden")
st.set_page_config(page_title=tab_title(page.title))
use_style()  # after the navigation: its answer must not overtake the page of the address
if not was_styled:
    st.rerun() if is_styled() else st.stop()
require_sign_in()
require_settings()
session = begin_session()
go_where_asked(session)
open_link(session)
session.enter_page(page.title)
source_badge(session)
tools = header(session, page.title)
show_link_error(session)
show_notice(session)
show_begun(session)
page.run()
answer_why(session)
session.note_choice()
with tools:
    toolbar(session)
follow_address(session, page.url_path)
keep_draft(session)
bottom_line(session, page.title)
say_marks(marks)
equation_bar(session)  # last, so that it shows the changes of the page
help_menu()
start_over_button(session)
if marks_of(session) != marks:
    st.rerun()
