"""Exactly which jobs will be made, for which workers, and which assets are not in and why."""

from pages.shared import job_parts as parts
from pages.shared import session as state
from pages.shared.components import plan_or_hint, show_warnings
from pages.shared.explain_parts import ask_why_not

session = state.open_session()

parts.job_options(session)
parts.trial_options(session)
plan = plan_or_hint(session)
if plan is not None:
    state.see_plan(session, plan)
    show_warnings(plan.warnings)
    parts.plan_views(session, plan)
    ask_why_not(session)
