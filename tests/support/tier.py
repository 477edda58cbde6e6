"""The size of a reliability test: small by default, large in ``make soak``."""

from __future__ import annotations

import os

SOAK = os.environ.get("SOAK") == "1"


def amount(quick: int, long: int) -> int:
    """Return `long` if ``SOAK=1`` is set, else `quick`."""
    return long if SOAK else quick
