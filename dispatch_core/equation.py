"""The job equation: the numbers of a plan, in the one form that every face shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from dispatch_core.text.words import counted
from dispatch_core.types import Exclusion, Reason, Stage

_STAGES: tuple[Stage, ...] = ("input", "assets", "grouping", "files")
"""The stages at which an asset, or an id of a list, is excluded."""

_OF_FILES = (Reason.NOT_NEWEST, Reason.NOT_LARGEST)
"""Reasons of rows about a file whose asset is used."""


@dataclass(frozen=True, slots=True)
class AssetAccount:
    """From what is selected to the assets that are used, as far as the steps are made.

    ``selected`` is the number of records that match a query, or of ids of a list, and ``kind``
    says which. It is ``assets`` plus the numbers of ``reasons``, if these are given.
    """

    selected: int
    kind: str
    assets: int
    reasons: tuple[tuple[Reason, int], ...] = ()

    @property
    def excluded(self) -> int:
        """How many of what is selected are excluded."""
        return self.selected - self.assets

    def __str__(self) -> str:
        """As ``1,544 assets - 5 excluded = 1,539 assets``, with the sign of a page."""
        if not self.excluded:
            return counted(self.selected, self.kind)
        return (
            f"{counted(self.selected, self.kind)} − {self.excluded:,} excluded = "
            f"{counted(self.assets, 'asset')}"
        )


def account_of(matched: int, listed: int, exclusions: Iterable[Exclusion]) -> AssetAccount:
    """The account of `matched` records, or of a list with `listed` ids, less `exclusions`."""
    reasons = Counter(
        row.reason for row in exclusions if row.stage in _STAGES and row.reason not in _OF_FILES
    )
    selected = listed or matched
    return AssetAccount(
        selected, kind_of(listed), selected - reasons.total(), tuple(reasons.items())
    )


def kind_of(listed: int) -> str:
    """The noun for what is selected: an id if a list has `listed` of them, else an asset."""
    return "listed id" if listed else "asset"


@dataclass(frozen=True, slots=True)
class Equation:
    """The job equation: assets, inputs, parameter sets, excluded, jobs, workers.

    ``jobs`` is ``inputs`` times ``sets`` (1 without parameter sets), minus jobs that are
    repeated, not chosen, dispatched before, already processed, or over the cap. An input is
    a file if files are split, else an asset or a group. ``listed`` is the number of ids of a
    list, 0 for a query. ``excluded`` counts the rows of the ledger: those of assets and listed
    ids, and others (files and jobs).
    """

    matched: int
    listed: int
    assets: int
    inputs: int
    input_kind: str
    sets: int
    excluded: int
    repeated: int
    not_chosen: int
    dispatched_before: int
    processed: int
    capped: int
    jobs: int
    workers: int
    smallest: int
    largest: int

    @property
    def cuts(self) -> tuple[tuple[str, int], ...]:
        """Why jobs are excluded, and how many, in the order in which that is decided."""
        return (
            ("repeated", self.repeated),
            ("not chosen", self.not_chosen),
            ("dispatched before", self.dispatched_before),
            ("already processed", self.processed),
            ("over the cap", self.capped),
        )

    @property
    def account(self) -> AssetAccount:
        """From what is selected to the assets that are used, without the reasons."""
        return AssetAccount(self.listed or self.matched, kind_of(self.listed), self.assets)

    @property
    def excluded_text(self) -> str:
        """ "111 excluded"; and the rows of the ledger, if others are of files or jobs."""
        text = f"{self.account.excluded:,} excluded"
        if self.excluded == self.account.excluded:
            return text
        return f"{text}, {counted(self.excluded, 'row')} in the ledger"

    @property
    def short(self) -> str:
        """The equation in one short line, for pages."""
        cut = "".join(f" − {count:,} {why}" for why, count in self.cuts if count)
        return (
            f"{self.account} → {counted(self.inputs, self.input_kind)} × "
            f"{counted(self.sets, 'set')}{cut} = {counted(self.jobs, 'job')} → "
            f"{counted(self.workers, 'worker')}"
        )

    def __str__(self) -> str:
        size = counted(self.smallest, "job")
        if self.largest != self.smallest:
            size = f"{self.smallest:,} to {counted(self.largest, 'job')}"
        cut = "".join(f" - {count:,} {why}" for why, count in self.cuts if count)
        selected = counted(self.account.selected, self.account.kind)
        return (
            f"{selected}{'' if self.listed else ' matched'}, {self.assets:,} usable -> "
            f"{counted(self.inputs, self.input_kind)} x {counted(self.sets, 'parameter set')}"
            f"{cut} = {counted(self.jobs, 'job')} -> {counted(self.workers, 'worker')} "
            f"({size} each); {self.excluded_text}"
        )
