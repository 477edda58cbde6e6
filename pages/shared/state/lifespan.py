"""What the server does before its first visitor and after its last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

from streamlit.starlette import App

from pages.shared.state.actions import keep_actions

_PAGES = Path(__file__).parents[2]


@asynccontextmanager
async def lifespan(_: App) -> AsyncIterator[None]:
    """Import the pages and keep actions from the first visitor on; end when all is written.

    Visitors who come together would import at the same time, which takes longer for each,
    and can fail where modules import each other.
    """
    import_pages()
    keep_actions()
    yield
    finish_writing = import_module("pages.shared.state.services").finish_writing
    await asyncio.to_thread(finish_writing)


def import_pages() -> None:
    """Import every module that a page uses; the scripts of the pages are run, not imported."""
    for path in sorted((_PAGES / "shared").rglob("*.py")):
        import_module(".".join(path.relative_to(_PAGES.parent).with_suffix("").parts))
