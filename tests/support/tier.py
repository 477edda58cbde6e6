"""The size of a reliability test: smallest in ``make quick``, largest in ``make soak``."""

from __future__ import annotations

import os

QUICK = os.environ.get("QUICK") == "1"
SOAK = os.environ.get("SOAK") == "1"


def amount(usual: int, long: int, quick: int | None = None) -> int:
    """Return `long` if ``SOAK=1`` is set, `quick` if ``QUICK=1`` is set, else `usual`."""
    if SOAK:
        return long
    return usual if quick is None or not QUICK else quick


def examples(usual: int, long: int | None = None) -> int:
    """Return how many generated inputs a test tries: 20 at most if ``QUICK=1`` is set."""
    return amount(usual, usual if long is None else long, min(usual, 20))
