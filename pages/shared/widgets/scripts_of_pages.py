"""The scripts that keep, on every page, what is typed and pressed while the page is drawn."""

from __future__ import annotations

from pages.shared.widgets.editor_typing import keep_typing_before_clicks
from pages.shared.widgets.header_clicks import keep_header_clicks
from pages.shared.widgets.menu_typing import keep_menu_text
from pages.shared.widgets.pressing import keep_presses


def keep_what_is_done() -> None:
    """Lose nothing that is typed, chosen or pressed while the page is drawn."""
    keep_typing_before_clicks()
    keep_menu_text()
    keep_presses()
    keep_header_clicks()
