"""A control for `benchmarks.load`: the server as it is without turns.

    python -m benchmarks.stalling run app.py

Every background thread computes at once, each for five milliseconds, and the garbage
collector keeps Python's own thresholds. A measurement of waits that passes on this server is
broken.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from streamlit.web.cli import main

from dispatch_core.listing import scan
from dispatch_core.sources.turns import Turn


class AtOnce(Turn):
    """No turn: everyone computes at once."""

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Compute inside, while others do."""
        yield


def remove_turns() -> None:
    """Make everything without effect that keeps the pages quick."""
    Turn.taken = AtOnce.taken  # type: ignore[method-assign, assignment]
    scan.MOST_PAGES = sys.maxsize
    sys.setswitchinterval = lambda interval, /: None
    gc.set_threshold = lambda *thresholds: None


if __name__ == "__main__":
    remove_turns()
    main()
