"""The tiers of the tests, and the size of a test in each.

``make quick`` (``QUICK=1``) is the smallest, then comes ``make test``, then ``make test-all``
(``ALL=1``), which CI runs, and ``make soak`` (``SOAK=1``). Tests that are named, by file, name or
mark, run as in ``make test-all``.
"""

from __future__ import annotations

import os

QUICK = os.environ.get("QUICK") == "1"
SOAK = os.environ.get("SOAK") == "1"


def is_all() -> bool:
    """Whether all tests that were collected run, at their usual size."""
    return SOAK or os.environ.get("ALL") == "1"


def run_all() -> None:
    """Run all tests that are collected, in this process and in those that it starts."""
    os.environ["ALL"] = "1"


def amount(usual: int, long: int, short: int | None = None) -> int:
    """Return `long` in ``make soak``, `usual` in ``make test-all``, else `short` if it is given."""
    if SOAK:
        return long
    return usual if short is None or is_all() else short


def examples(usual: int, long: int | None = None) -> int:
    """Return how many generated inputs a test tries: at most 40 in ``make test``, 20 in quick."""
    return amount(usual, usual if long is None else long, min(usual, 20 if QUICK else 40))
