"""A run of Code Ocean, looked at until it has ended."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator

from dispatch_core.engines.codeocean import Run
from dispatch_core.errors import AccessDenied, ServiceError
from dispatch_core.text.words import one_line

FIRST_WAIT, LONGEST_WAIT = 5.0, 60.0
"""Seconds between two looks at a run: at first, and after many looks."""

MOST_FAILURES = 10
"""Looks that fail in a row before waiting ends; each has several attempts."""


def follow(
    look: Callable[[str], Run],
    run: Run,
    *,
    first: float = FIRST_WAIT,
    limit: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Run]:
    """The run at each change of its state, until it has ended or `limit` seconds are over.

    The waits between two looks grow from `first` seconds to a minute. A look that fails is
    reported and repeated.

    Raises
    ------
    NothingFound, ServiceError
        The run is gone, access is denied, or many looks in a row failed.
    """
    end, wait, failures = clock() + (limit or math.inf), first, 0
    while run.outcome == "under way" and (left := end - clock()) > 0:
        sleep(min(wait, left))
        wait = min(wait * 1.5, max(first, LONGEST_WAIT))
        try:
            now, failures = look(run.id), 0
        except AccessDenied:
            raise
        except ServiceError as error:
            failures += 1
            if failures == MOST_FAILURES:
                raise
            print(one_line(f"warning: {error} The run goes on; still waiting."), file=sys.stderr)
            continue
        if str(now) != str(run):
            yield now
        run = now
