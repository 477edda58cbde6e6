"""The scripts that keep, on every page, what is typed and pressed while the page is drawn."""

from __future__ import annotations

from pages.shared.state.scripts import listening, run_script
from pages.shared.widgets.editor_typing import TYPING
from pages.shared.widgets.header_clicks import HEADER_CLICKS
from pages.shared.widgets.keyboard import FOCUS
from pages.shared.widgets.menu_typing import MENU_TEXT
from pages.shared.widgets.pressing import PRESSES

_SCRIPT = listening(TYPING, MENU_TEXT, PRESSES, HEADER_CLICKS, FOCUS)


def keep_what_is_done() -> None:
    """Lose nothing that is typed, chosen or pressed while the page is drawn, nor the focus."""
    run_script("keeping", _SCRIPT, in_sidebar=True)
