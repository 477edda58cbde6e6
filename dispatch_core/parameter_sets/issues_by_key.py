"""The issues of several parameter sets, grouped: one line a key and fault, with its sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dispatch_core.errors import Issue
from dispatch_core.parameter_sets.document import DISTRIBUTED, KEYS, ParameterCheck
from dispatch_core.types import JsonPath

_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class KeyIssues:
    """One fault of one key: what to do, and the sets that have it.

    ``path`` leads to the value inside a set. ``sets`` has their numbers from 1; it is empty
    if the fault is of the fixed parameters, of the only set, or of the document.
    ``whats`` has the different messages in their order; they may name different values.
    """

    path: JsonPath
    action: str
    whats: tuple[str, ...]
    issues: tuple[Issue, ...]
    sets: tuple[int, ...] = ()

    @property
    def first(self) -> Issue:
        """The first issue, for its position and its nearest key."""
        return self.issues[0]

    def text(self, all_sets: int) -> str:
        """``isi_cutoff: 3 of 12 sets (1, 4 and 7): 2 is more than 1``; short of the action."""
        key = ".".join(map(str, self.path))
        what = self.whats[0]
        if len(self.whats) > 1:
            what += " (others differ)"
        which = _which(self.sets, all_sets)
        return ": ".join(part for part in (key, which, what) if part)


def issues_by_key(issues: Sequence[Issue]) -> tuple[KeyIssues, ...]:
    """The issues grouped by their key and what to do, in the order of the first of each.

    An issue without a place in a set stays alone.
    """
    groups: dict[object, list[Issue]] = {}
    for number, issue in enumerate(issues):
        inside = _inside(issue.path)
        key = (inside, issue.action, issue.nearest, issue.path[0]) if inside else number
        groups.setdefault(key, []).append(issue)
    return tuple(map(_group, groups.values()))


def next_faulty(check: ParameterCheck, after: int) -> int:
    """The number of the next set to correct after the set `after`; 0 if this is the only one.

    After the last the first follows.
    """
    others = sorted(number for number in check.faulty if number != after)
    return next((number for number in others if number > after), others[0] if others else 0)


def _group(issues: list[Issue]) -> KeyIssues:
    numbers = dict.fromkeys(number for one in issues for number in _set_number(one.path))
    whats = dict.fromkeys(one.what for one in issues)
    first = issues[0]
    return KeyIssues(_inside(first.path), first.action, tuple(whats), tuple(issues), tuple(numbers))


def _set_number(path: JsonPath) -> tuple[int, ...]:
    if len(path) > 1 and path[0] == DISTRIBUTED and isinstance(path[1], int):
        return (path[1] + 1,)
    return ()


def _inside(path: JsonPath) -> JsonPath:
    """The part of `path` inside the set; () if it leads to no value of a set."""
    if not path or path[0] not in KEYS:
        return ()
    return path[2:] if path[0] == DISTRIBUTED else path[1:]


def _which(sets: tuple[int, ...], all_sets: int) -> str:
    if not sets or all_sets < 2:
        return ""
    if len(sets) == all_sets:
        return f"all {all_sets:,} sets"
    if len(sets) == 1:
        return f"set {sets[0]:,}"
    named = ", ".join(f"{number:,}" for number in sets[:_MOST_NAMED])
    more = ", ..." if len(sets) > _MOST_NAMED else ""
    return f"{len(sets):,} of {all_sets:,} sets ({named}{more})"
