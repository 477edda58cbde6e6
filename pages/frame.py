"""The script of every page: page config, navigation, and the frame around the page."""

import streamlit as st

from pages.shared.state.link import follow_address, open_link
from pages.shared.state.sign_in import require_sign_in
from pages.shared.state.tab import begin_session, go_where_asked, keep_draft, kept_session
from pages.shared.widgets.bottom_line import bottom_line
from pages.shared.widgets.header import TOOL, header, tab_title
from pages.shared.widgets.messages import require_settings, run_page, show_notices
from pages.shared.widgets.navigation import marks_of, pages
from pages.shared.widgets.progress import run_again
from pages.shared.widgets.scripts_of_pages import keep_what_is_done
from pages.shared.widgets.sidebar import foot_of_side_bar, source_badge
from pages.shared.widgets.style import is_styled, use_style
from pages.shared.widgets.toolbar import toolbar
from pages.shared.widgets.why_not import answer_why

st.set_page_config(page_title=TOOL, page_icon=".streamlit/icon.png", layout="wide")

was_styled = is_styled()
marks = marks_of(kept_session())
page = st.navigation(pages(marks), position="sidebar" if was_styled else "hidden")
st.set_page_config(page_title=tab_title(page.title))
use_style(was_styled=was_styled)  # after the page of the address, which its answer could overtake
require_sign_in()
require_settings()
session = begin_session()
keep_what_is_done()
open_link(session)
session.enter_page(page.title)
source_badge(session)
tools = header(session, page.title)
show_notices(session)
run_page(page)
go_where_asked(session)  # after the page has taken what was typed into it
answer_why(session)
session.note_choice()
with tools:
    toolbar(session)
follow_address(session, page.url_path)
keep_draft(session)
bottom_line(session, page.title)
foot_of_side_bar(session, marks)  # last, so that it shows the changes of the page
if marks_of(session) != marks:
    run_again()
