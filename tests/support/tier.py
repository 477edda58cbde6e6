"""How much of a trust test is run: a quick amount each time, the long one in ``make soak``."""

from __future__ import annotations

import os

SOAK = os.environ.get("SOAK") == "1"


def amount(quick: int, long: int) -> int:
    """`long` where ``SOAK=1`` is set, else `quick`."""
    return long if SOAK else quick
