"""The exclusion ledger by reason: how many rows, what they share, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dispatch_core.types import Exclusion, Reason, Stage


@dataclass(frozen=True, slots=True)
class LedgerGroup:
    """The rows of the ledger that have a stage and a reason in common.

    ``messages`` and ``actions`` map each text to its number of rows, most frequent first; a
    message is without the names that are only of one row.
    ``held`` has the extensions that the assets have instead, each with its number of assets.
    """

    stage: Stage
    reason: Reason
    rows: tuple[Exclusion, ...]
    messages: tuple[tuple[str, int], ...]
    actions: tuple[tuple[str, int], ...]
    held: tuple[tuple[str, int], ...] = ()


def group_exclusions(exclusions: Iterable[Exclusion]) -> tuple[LedgerGroup, ...]:
    """The rows grouped by stage and reason, in the order of the ledger; none is lost."""
    groups: dict[tuple[Stage, Reason], list[Exclusion]] = {}
    for row in exclusions:
        groups.setdefault((row.stage, row.reason), []).append(row)
    return tuple(_group(stage, reason, rows) for (stage, reason), rows in groups.items())


def _group(stage: Stage, reason: Reason, rows: list[Exclusion]) -> LedgerGroup:
    return LedgerGroup(
        stage,
        reason,
        tuple(rows),
        _counted(row.shared or row.message for row in rows),
        _counted(row.action for row in rows if row.action),
        held_extensions(rows),
    )


def held_extensions(exclusions: Iterable[Exclusion]) -> tuple[tuple[str, int], ...]:
    """(extension, number of assets without a match that have it), most frequent first."""
    return _counted(extension for row in exclusions for extension, _ in row.held)


def _counted(texts: Iterable[str]) -> tuple[tuple[str, int], ...]:
    counts: Mapping[str, int] = Counter(texts)
    return tuple(sorted(counts.items(), key=lambda pair: -pair[1]))
