"""Presses and values that the next run uses, and the epoch that resets editors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

LATE_SECONDS = 5.0
"""A text that arrives this long after a press was typed before it, on a slow machine."""

SETTLE_SECONDS = 0.35
"""Longer than the 200 ms after which the editor sends its text."""


@dataclass(frozen=True)
class Deferred:
    """An action of a button, and when it was pressed."""

    since: float
    action: Callable[..., None]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Timing:
    """Presses that are not acted on yet.

    Attributes
    ----------
    epoch
        Part of the key of every editor; a new number resets each editor.
    asked
        Name of the button -> (time, value) of its press, for a page that acts on it itself.
    deferred
        The action of a button beside an editor.
    find_pressed
        When Find, or Update everything, was pressed last.
    puts
        Key of a widget -> the value that another widget's callback gave it.
    """

    epoch: int = 0
    asked: Mapping[str, tuple[float, Any]] = field(default_factory=dict)
    deferred: Deferred | None = None
    find_pressed: float = -LATE_SECONDS
    puts: Mapping[str, Any] = field(default_factory=dict)

    def asking(self, what: str, value: Any) -> Timing:
        """A copy with one more press."""
        now = time.monotonic()
        found = now if what in ("find", "update") else self.find_pressed
        return replace(self, asked={**self.asked, what: (now, value)}, find_pressed=found)

    def answered(self, what: tuple[str, ...]) -> Timing:
        """A copy without the presses `what`."""
        if self.asked.keys().isdisjoint(what):
            return self
        return replace(self, asked={one: at for one, at in self.asked.items() if one not in what})

    def without_late_text(self) -> Timing:
        """A copy after a change that was not typed: what the editors send next is not late."""
        return replace(self, find_pressed=-LATE_SECONDS)

    @property
    def may_find_late_text(self) -> bool:
        """Whether a text that arrives now may have been typed before the last press of Find."""
        return time.monotonic() - self.find_pressed < LATE_SECONDS

    @property
    def seconds_to_settle(self) -> float:
        """The seconds until an editor has sent the text typed before the last press."""
        times = [since for since, _ in self.asked.values()]
        if self.deferred is not None:
            times.append(self.deferred.since)
        return max(times, default=0.0) + SETTLE_SECONDS - time.monotonic()
