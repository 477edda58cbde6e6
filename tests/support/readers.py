"""The separate environment that has the real readers of the jobs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.world import ROOT


def real_reader() -> Path:
    """Return the interpreter of the readers' environment; skips if it is not installed."""
    default = ROOT / ".venv-readers" / "bin" / "python"
    python = Path(os.environ.get("READERS_PYTHON") or default)
    expected = os.environ.get("READERS_PYTHON") or default.parents[1].exists()
    if not expected and os.environ.get("CI") != "true":
        pytest.skip("no .venv-readers; `make test` creates it")
    assert python.exists(), f"{python} is missing; run `make test`"
    return python
