"""The page History: what was dispatched, and what became of it."""

from pages.shared.library.history import history
from pages.shared.state.tab import open_session

history(open_session())
