"""The page Jobs: the planned jobs, their workers, and the excluded assets with the reasons."""

from pages.shared import jobs as parts
from pages.shared import processed
from pages.shared.before import before_options, before_state
from pages.shared.state.steps import now, see_plan
from pages.shared.state.tab import open_session
from pages.shared.widgets.guards import is_complete, plan_or_hint
from pages.shared.widgets.messages import show_warnings

session = open_session()

parts.job_options(session)
with parts.option_line():
    parts.trial_options(session)
    before_options(session)
    processed.processed_options(session)
    parts.say_options(session)
before_state(session)
steps = now(session)
plan = plan_or_hint(session, steps)
if plan is not None:
    see_plan(session, plan)
    show_warnings(plan.warnings)
    is_complete(session, plan)
    parts.plan_views(session, plan)
    processed.processed_jobs(session, plan)
