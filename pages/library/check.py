"""The page Compare and check: two dispatches side by side, or the faults of one."""

from pages.shared.library import check as parts
from pages.shared.state.steps import now
from pages.shared.state.tab import open_session
from pages.shared.state.views import COMPARE

session = open_session()

if parts.choose_view(session) == COMPARE:
    parts.compare(session, now(session).plan)
else:
    parts.check(session)
