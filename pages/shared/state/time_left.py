"""How long a step still takes, from its progress so far."""

from __future__ import annotations

LEAST_SHARE = 0.05
LEAST_SECONDS = 3.0
"""The least share and time that an estimate is made from; a smaller one gives a guess."""


class TimeLeft:
    """An estimate from the reports of one step; times are in seconds of any one clock.

    Work begins before its first report, with connections and indexes, so the pace is that
    since the first report. Between two reports the estimate counts down, but not for longer
    than the longest time between two reports so far.
    """

    def __init__(self) -> None:
        self._step: tuple[str, int] = ("", 0)
        self._first = self._last = (0.0, 0)
        self._longest = 0.0

    def note(self, now: float, step: str, done: int, total: int) -> None:
        """Take a report; another step, another total or less done begins anew."""
        if (step, total) != self._step or done < self._last[1]:
            self._step, self._longest = (step, total), 0.0
            self._first = self._last = (now, done)
        elif done > self._last[1]:
            self._longest = max(self._longest, now - self._last[0])
            self._last = (now, done)

    def seconds(self, now: float) -> float | None:
        """The seconds from `now` to the end of the step; None while they are a guess."""
        (began, before), (reported, done), (_, total) = self._first, self._last, self._step
        is_early = done < LEAST_SHARE * total or now - began < LEAST_SECONDS
        if not total or done == before or is_early:
            return None
        left = (reported - began) / (done - before) * (total - done)
        return max(0.0, left - min(now - reported, self._longest))
