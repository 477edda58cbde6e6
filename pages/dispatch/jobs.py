"""Exactly which jobs will be made, for which workers, and which assets are not in and why."""

from pages.shared import jobs as parts
from pages.shared.assets.explain import ask_why_not
from pages.shared.state import session as state
from pages.shared.widgets.guards import plan_or_hint
from pages.shared.widgets.messages import show_warnings

session = state.open_session()

parts.job_options(session)
parts.trial_options(session)
plan = plan_or_hint(session)
if plan is not None:
    state.see_plan(session, plan)
    show_warnings(plan.warnings)
    parts.plan_views(session, plan)
    ask_why_not(session)
