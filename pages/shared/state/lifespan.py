"""What the server does before its first visitor and after its last."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

from streamlit.starlette import App

from pages.shared.state.actions import keep_actions
from pages.shared.state.entry import FRAME

_PAGES = Path(__file__).parents[2]


@asynccontextmanager
async def lifespan(_: App) -> AsyncIterator[None]:
    """Import the pages and keep actions from the first visitor on; end when all is written.

    Visitors who come together would import at the same time, which takes longer for each,
    and can fail where modules import each other.
    """
    keep_imports_whole()
    import_pages()
    keep_actions()
    yield
    finish_writing = import_module("pages.shared.state.services").finish_writing
    await asyncio.to_thread(finish_writing)


def keep_imports_whole() -> None:
    """Put the folder of the frame into ``sys.path`` once.

    Else Streamlit puts it there for each run and removes it afterwards. An import of another
    thread that goes through the path at that moment passes over an entry, and fails.
    """
    folder = str(FRAME.parent.resolve())
    if folder not in sys.path:
        sys.path.append(folder)


def import_pages() -> None:
    """Import every module that a page uses; the scripts of the pages are run, not imported."""
    for path in sorted((_PAGES / "shared").rglob("*.py")):
        import_module(".".join(path.relative_to(_PAGES.parent).with_suffix("").parts))
