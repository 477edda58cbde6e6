"""The page Deliver: write or download the worker folders, as the command line does."""

import streamlit as st

from pages.shared import deliver as parts
from pages.shared.run_it import run_it
from pages.shared.state.steps import now
from pages.shared.state.tab import open_session
from pages.shared.widgets.guards import is_complete, plan_or_hint

session = open_session()

parts.load_saved_request(session)
plan = plan_or_hint(session, now(session))
if plan is not None and not plan.jobs:
    parts.say_no_job(plan)
elif plan is not None and is_complete(session, plan):
    parts.say_what_will_happen(session, plan)
    is_open = parts.is_seen(session, plan)
    download, write = st.columns(2, gap="large")
    with download:
        parts.zip_download(session, plan, is_open)
    with write:
        parts.write_to_root(session, plan, is_open)
    if parts.has_valid_name(session):
        run_it(session, plan, parts.folder_name(session))
        parts.same_as_command(session, plan)
