"""What a benchmark says: tables, and figures beside the bars they are held to."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

MARKS = ("<!-- benchmarks: begin -->", "<!-- benchmarks: end -->")


@dataclass(frozen=True)
class Figure:
    """One number and its bar.

    ``counted`` is a number of requests, bytes or passes, which no clock changes: a
    missed one fails the run.
    """

    name: str
    value: float
    unit: str
    bar: float
    at_most: bool = False
    counted: bool = False

    @property
    def is_met(self) -> bool:
        return self.value <= self.bar if self.at_most else self.value >= self.bar

    @property
    def cells(self) -> tuple[str, str, str, str]:
        bar = f"{'at most' if self.at_most else 'at least'} {number(self.bar)}{self.unit}"
        return (
            self.name,
            f"{number(self.value)}{self.unit}",
            bar,
            "met" if self.is_met else "MISSED",
        )


@dataclass(frozen=True)
class Table:
    """Rows of texts under a title; the first column is left-aligned, the others right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Report:
    """All that one run found; ``machine`` is when and on what."""

    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    machine: str = ""

    @property
    def bars(self) -> Table:
        rows = tuple(figure.cells for figure in self.figures)
        return Table("Bars", ("figure", "measured", "bar", ""), rows)

    @property
    def bars_of_the_clock(self) -> Table:
        """The bars that a clock decides; of the counts only how many there are."""
        counts = [figure for figure in self.figures if figure.counted]
        rows = tuple(figure.cells for figure in self.figures if not figure.counted)
        note = f"{len(counts) - len(self.missed_counts)} of {len(counts)} counts are met too"
        return Table("Bars", self.bars.columns, rows, f"{note}: requests, bytes, passes")

    @property
    def missed_counts(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.counted and not figure.is_met]


def number(value: float) -> str:
    """Three significant digits, and thousands with commas."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine() -> str:
    """When and on what, in one line; ask before the run, for a load of others spoils it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    return f"{date.today():%Y-%m-%d}, {cores} cores{load}, Python {platform.python_version()}"


def as_text(table: Table) -> str:
    """The table for a terminal."""
    lines = [table.columns, *table.rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(table.columns))]
    text = [table.title, *("  " + _aligned(row, widths) for row in lines)]
    return "\n".join([*text, f"  ({table.note})"] if table.note else text)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join((first, *others)).rstrip()


def as_markdown(table: Table) -> str:
    """The table for the README."""
    rule = ["---", *["---:"] * (len(table.columns) - 1)]
    rows = ("| " + " | ".join(row) + " |" for row in (table.columns, rule, *table.rows))
    note = f"\n{table.note[0].upper()}{table.note[1:]}.\n" if table.note else ""
    return f"**{table.title}**\n\n" + "\n".join(rows) + "\n" + note


def write_json(report: Report, path: Path) -> None:
    """Everything, for a machine."""
    told = asdict(report)
    for figure, row in zip(report.figures, told["figures"], strict=True):
        row["is_met"] = figure.is_met
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=2) + "\n")


def write_readme(report: Report, readme: Path, page: Path) -> None:
    """Put the first table and the bars between the marks of the README, and all on `page`."""
    head = f"Measured on {report.machine}"
    bars = as_markdown(report.bars_of_the_clock)
    block = f"{MARKS[0]}\n{head}:\n\n{as_markdown(report.tables[0])}\n{bars}{MARKS[1]}"
    pattern = re.compile(f"{re.escape(MARKS[0])}.*?{re.escape(MARKS[1])}", re.DOTALL)
    text, count = pattern.subn(lambda _: block, readme.read_text())
    if count != 1:
        raise SystemExit(f"{readme} does not have the two marks {MARKS}")
    readme.write_text(text)
    tables = "\n".join(as_markdown(table) for table in (*report.tables, report.bars))
    page.write_text(f"# What one run of the benchmarks found\n\n{head}.\n\n{tables}")


def merged(reports: Iterable[Report], machine: str) -> Report:
    """One report of several parts of a run."""
    parts = list(reports)
    return Report(
        tuple(table for part in parts for table in part.tables),
        tuple(figure for part in parts for figure in part.figures),
        machine,
    )
