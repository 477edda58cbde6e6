"""How often Python's garbage collector looks for cycles while values without any are made."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 50_000
"""New objects after which the collector looks; Python's own default is 700."""

_lock = threading.Lock()
_usual: list[tuple[int, int, int]] = []
"""The thresholds to go back to, once for each block that is under way."""


@contextmanager
def few_collections() -> Iterator[None]:
    """Collect rarely inside, in every thread of the process; then as before.

    The values of a plan have no cycles, so that they go without the collector. With Python's
    own thresholds it would look through all of them again and again, for a third of the time.
    """
    with _lock:
        now = gc.get_threshold()
        _usual.append(_usual[0] if _usual else now)
        if now[0]:
            gc.set_threshold(max(YOUNG, now[0]), *now[1:])
    try:
        yield
    finally:
        with _lock:
            usual = _usual.pop()
            if not _usual:
                gc.set_threshold(*usual)
