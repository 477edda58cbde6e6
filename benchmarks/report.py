"""Results of a benchmark: tables, and figures with the targets that they must meet."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

PAGE = """# Benchmarks

{machine}. Each figure is measured beside its peer in the same run: the fewest possible
requests, `s3fs.glob` in a current version, upstream's own functions, plain `zipfile`, raw file
creation, and a fixed loop of plain Python. Other work on the machine slows both alike. Our
own server answers LIST requests as S3 does. `make bench ARGS="--full --docs"` repeats
the measurement and writes this page. How long others wait while one tab lists is in
[trust.md](trust.md), measured by `make load`.

{tables}"""


@dataclass(frozen=True)
class Figure:
    """One number and its bar, the target that it must meet.

    ``counted`` marks a number of requests, bytes or passes. It is the same on every
    machine, so a run fails if it misses its bar.
    """

    name: str
    value: float
    unit: str
    bar: float
    at_most: bool = False
    counted: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the value meets its bar."""
        return self.value <= self.bar if self.at_most else self.value >= self.bar

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The row of the figure: name, value, bar, and whether the bar is met."""
        bar = f"{'at most' if self.at_most else 'at least'} {number(self.bar)}{self.unit}"
        return (
            self.name,
            f"{number(self.value)}{self.unit}",
            bar,
            "met" if self.is_met else "MISSED",
        )


@dataclass(frozen=True)
class Table:
    """Rows of text under a title; only the first column is left-aligned."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Report:
    """The results of one run; ``machine`` says when and where it ran."""

    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    machine: str = ""

    @property
    def bars(self) -> Table:
        """Every figure beside its bar."""
        rows = tuple(figure.cells for figure in self.figures)
        return Table("Bars", ("figure", "measured", "bar", "verdict"), rows)

    @property
    def missed_counts(self) -> list[Figure]:
        """The counted figures that miss their bar; any of them fails the run."""
        return [figure for figure in self.figures if figure.counted and not figure.is_met]


def number(value: float) -> str:
    """Format `value` with three significant digits and commas between thousands."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine() -> str:
    """Describe date and machine in one line; call it first, because the load matters."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    return f"{date.today():%Y-%m-%d}, {cores} cores{load}, Python {platform.python_version()}"


def as_text(table: Table) -> str:
    """Format `table` for a terminal."""
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
    """Format `table` as Markdown."""
    rule = ["---", *["---:"] * (len(table.columns) - 1)]
    rows = ("| " + " | ".join(row) + " |" for row in (table.columns, rule, *table.rows))
    note = f"\n{table.note[0].upper()}{table.note[1:]}.\n" if table.note else ""
    return f"**{table.title}**\n\n" + "\n".join(rows) + "\n" + note


def write_json(report: Report, path: Path) -> None:
    """Write the whole report as JSON."""
    document = asdict(report)
    for figure, row in zip(report.figures, document["figures"], strict=True):
        row["is_met"] = figure.is_met
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def write_page(report: Report, page: Path) -> None:
    """Write every table and the bars as the page of the documentation."""
    tables = "\n".join(as_markdown(table) for table in (*report.tables, report.bars))
    page.write_text(PAGE.format(machine=f"Measured on {report.machine}", tables=tables))


def merged(reports: Iterable[Report], machine: str) -> Report:
    """Merge the reports of the parts of a run."""
    parts = list(reports)
    return Report(
        tuple(table for part in parts for table in part.tables),
        tuple(figure for part in parts for figure in part.figures),
        machine,
    )
