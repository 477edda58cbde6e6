"""Undo and redo: what was decided, step by step."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, fields, replace

from dispatch_core.request import DispatchRequest
from pages.shared.state.typed import Typed

MOST = 50
"""Steps that are kept."""

MOST_TEXT = 10_000_000
"""Characters of the different texts of all steps back: of large texts fewer steps are kept."""

TYPING_SECONDS = 1.5
"""Changes that follow each other sooner are one step: a text is typed key by key."""


_MADE_OF = (
    "source",
    "query_text",
    "list_text",
    "list_rows",
    "extension_text",
    "parameters_text",
    "schema_text",
)
"""The fields of `Typed` that a request is made of."""


@dataclass(frozen=True)
class Choice:
    """A request with the texts that it was made of, or the last one beside unfinished texts."""

    request: DispatchRequest
    typed: Typed
    is_unfinished: bool = False

    def is_same(self, other: Choice) -> bool:
        """Whether both decide the same."""
        return self.request is other.request or self.request == other.request

    def is_made_of(self, typed: Typed) -> bool:
        """Whether its texts are those of `typed`."""
        return all(getattr(self.typed, one) == getattr(typed, one) for one in _MADE_OF)

    @property
    def texts(self) -> frozenset[str]:
        """Its texts; its request takes memory in proportion to them."""
        values = (getattr(self.typed, one.name) for one in fields(self.typed))
        return frozenset(text for text in values if isinstance(text, str))


@dataclass(frozen=True)
class History:
    """The choices before and after the current one.

    Attributes
    ----------
    past, future
        The nearest choice is the last of `past`, and the last of `future`.
    now
        The current choice; None before the first run.
    changed
        When `now` changed last.
    """

    past: tuple[Choice, ...] = ()
    now: Choice | None = None
    future: tuple[Choice, ...] = ()
    changed: float = field(default=0.0, compare=False)

    def noted(
        self, choice: Choice, at: float | None = None, *, may_be_typed: bool = True
    ) -> History:
        """A copy in which `choice` is the current one; a new step if it differs.

        Where texts may be typed, quick changes are one step; clicks are each a step.
        """
        clock = time.monotonic() if at is None else at
        if self.now is None:
            return replace(self, now=choice)
        is_finished_now = self.now.is_unfinished and self.now.is_made_of(choice.typed)
        if is_finished_now or self.now.is_same(choice):
            return replace(self, now=choice)
        is_typing = may_be_typed and bool(self.past) and clock - self.changed < TYPING_SECONDS
        past = self.past if is_typing else _fitting((*self.past, self.now)[-MOST:])
        if is_typing and past[-1].is_same(choice):  # changed and changed back: no step at all
            past = past[:-1]
        return History(past, choice, (), clock)

    def with_break(self) -> History:
        """A copy whose next change is a step of its own, however soon it follows."""
        return replace(self, changed=-math.inf)

    def undone(self) -> History:
        """A copy one step back; the same without a step."""
        if not self.past or self.now is None:
            return self
        return History(self.past[:-1], self.past[-1], (*self.future, self.now))

    def without(self, unfinished: Choice) -> History:
        """A copy that shows the current choice again, and what is `unfinished` as the next one."""
        return replace(self, future=(unfinished,))

    def redone(self) -> History:
        """A copy one step forward again; the same without a step."""
        if not self.future or self.now is None:
            return self
        return History((*self.past, self.now), self.future[-1], self.future[:-1])


def _fitting(past: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """The latest steps whose different texts are within `MOST_TEXT`, at least one."""
    seen: frozenset[str] = frozenset()
    total, kept = 0, 0
    for choice in reversed(past):
        total += sum(map(len, choice.texts - seen))
        seen |= choice.texts
        if total > MOST_TEXT and kept:
            break
        kept += 1
    return past[-kept:]
