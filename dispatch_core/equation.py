"""The job equation: the numbers of a plan, in the one form that every face shows."""

from __future__ import annotations

from dataclasses import dataclass

from dispatch_core.text.words import counted


@dataclass(frozen=True, slots=True)
class Equation:
    """The job equation: assets, inputs, parameter sets, excluded, jobs, workers.

    ``jobs`` is ``inputs`` times ``sets`` (1 without parameter sets), minus repeats, and minus
    jobs that are not chosen, dispatched before, already processed, or over the cap. An input is
    a file if files are split, else an asset or a group. ``excluded`` counts the rows of the
    ledger: those of assets, and others (ids that match no asset, repeated rows, and jobs).
    """

    matched: int
    assets: int
    inputs: int
    input_kind: str
    sets: int
    excluded: int
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
            ("not chosen", self.not_chosen),
            ("dispatched before", self.dispatched_before),
            ("already processed", self.processed),
            ("over the cap", self.capped),
        )

    @property
    def excluded_assets(self) -> int:
        """How many of the matched assets are not usable: ``matched`` less ``assets``."""
        return self.matched - self.assets

    @property
    def excluded_text(self) -> str:
        """ "111 excluded"; the rows of the ledger apart if not each of them is an asset."""
        rows = self.excluded - self.excluded_assets
        if rows == 0:
            return f"{self.excluded:,} excluded"
        return f"{counted(self.excluded_assets, 'asset')} and {counted(rows, 'row')} excluded"

    @property
    def short(self) -> str:
        """The equation in one short line, for pages."""
        cut = "".join(f" − {count:,} {why}" for why, count in self.cuts if count)
        return (
            f"{counted(self.assets, 'asset')} → {counted(self.inputs, self.input_kind)} × "
            f"{counted(self.sets, 'set')}{cut} = {counted(self.jobs, 'job')} → "
            f"{counted(self.workers, 'worker')}"
        )

    def __str__(self) -> str:
        size = counted(self.smallest, "job")
        if self.largest != self.smallest:
            size = f"{self.smallest:,} to {counted(self.largest, 'job')}"
        cut = "".join(f" - {count:,} {why}" for why, count in self.cuts if count)
        return (
            f"{counted(self.matched, 'asset')} matched, {self.assets:,} usable -> "
            f"{counted(self.inputs, self.input_kind)} x {counted(self.sets, 'parameter set')}"
            f"{cut} = {counted(self.jobs, 'job')} -> {counted(self.workers, 'worker')} "
            f"({size} each); {self.excluded_text}"
        )
