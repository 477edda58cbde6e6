"""The script that the server runs for each visitor, also where ``app.py`` itself is run."""

from __future__ import annotations

import runpy
from pathlib import Path

from streamlit.runtime.scriptrunner import get_script_run_ctx

FRAME = Path(__file__).parents[2] / "frame.py"


def is_script() -> bool:
    """Whether ``app.py`` is run as the script of a page, as ``AppTest.from_file`` does."""
    return get_script_run_ctx(suppress_warning=True) is not None


def run_frame() -> None:
    """Run the frame in place of ``app.py``; the paths of the pages are beside the frame."""
    script = get_script_run_ctx()
    assert script is not None  # as `is_script`
    script.main_script_path = script.pages_manager._main_script_path = str(FRAME)
    runpy.run_path(str(FRAME))
