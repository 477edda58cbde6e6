"""Earlier dispatches in a notebook: checked, compared and listed, as rows and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dispatch_core.earlier.compare import Compared
from dispatch_core.earlier.faults import Checked
from dispatch_core.earlier.history import HistoryRow
from dispatch_core.text.words import counted
from dispatch_core.views.compared import COLUMNS
from dispatch_core.views.notebook import Rows, html_table

ROWS_SHOWN = 10


class FaultRow(NamedTuple):
    """One fault of a checked folder or zip."""

    kind: str
    path: str
    message: str
    action: str


class ComparedRow(NamedTuple):
    """One job of two compared dispatches; ``change`` is new, gone, changed or same."""

    change: str
    what: str
    job: str
    old_job: str
    asset_names: str
    files: str
    difference: str


class RecordRow(NamedTuple):
    """One recorded dispatch; ``runs`` is empty without results beside it."""

    at: str
    name: str
    who: str
    query: str
    equation: str
    status: str
    folder: str
    runs: str
    fingerprint: str
    problem: str
    path: str


class Check:
    """The faults of a folder or a zip of jobs, which a notebook shows as a table."""

    def __init__(self, checked: Checked) -> None:
        self.checked = checked

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return self.checked.is_clean

    @property
    def faults(self) -> Rows[FaultRow]:
        """A row for each fault."""
        faults = self.checked.faults
        return Rows(FaultRow, len(faults), lambda index: FaultRow(**faults[index].texts()))

    def __repr__(self) -> str:
        one = self.checked
        size = f"{counted(one.jobs, 'job')} in {counted(len(one.workers), 'worker')}"
        found = "clean" if one.is_clean else counted(len(one.faults), "fault")
        return f"<Check of {one.label}: {size}, {found}>"

    def _repr_html_(self) -> str:
        rows = [
            (f"{len(faults):,}", kind.heading, faults[0].path, faults[0].message)
            for kind, faults in self.checked.by_kind.items()
        ]
        columns = ("count", "fault", "first path", "what is wrong there")
        return html_table(repr(self)[1:-1], columns, rows or [("0", "clean", "", "")])


class Comparison:
    """Two dispatches compared, which a notebook shows as a table."""

    def __init__(self, compared: Compared) -> None:
        self.compared = compared

    @property
    def is_equal(self) -> bool:
        """Whether both have the same jobs, and each of them as often."""
        return self.compared.is_equal

    @property
    def jobs(self) -> Rows[ComparedRow]:
        """A row for each job: those that are new, gone, changed, and the same."""
        rows = list(self.compared.rows())
        read = COLUMNS.values()

        def row(index: int) -> ComparedRow:
            return ComparedRow(*(str(cell(rows[index])) for cell in read))

        return Rows(ComparedRow, len(rows), row)

    def __repr__(self) -> str:
        return f"<Comparison: {self.compared}>"

    def _repr_html_(self) -> str:
        rows = [(one.change, one.job, one.files, one.difference) for one in self.jobs[:ROWS_SHOWN]]
        columns = ("change", "job", "files", "difference")
        return html_table(repr(self)[1:-1], columns, rows)


class History(Rows[RecordRow]):
    """The recorded dispatches, newest first, which a notebook shows as a table."""

    def __init__(self, records: Sequence[HistoryRow]) -> None:
        super().__init__(RecordRow, len(records), lambda index: _record_row(records[index]))

    def _repr_html_(self) -> str:
        rows = [
            (one.at, one.name, one.who, one.problem or one.equation, one.folder, one.runs)
            for one in self[:ROWS_SHOWN]
        ]
        columns = ("when", "name", "who", "jobs", "folder", "runs")
        return html_table(counted(len(self), "record"), columns, rows)


def _record_row(row: HistoryRow) -> RecordRow:
    return RecordRow(
        at=row.at,
        name=row.name,
        who=row.who,
        query=row.query,
        equation=row.equation,
        status=row.status,
        folder=row.folder,
        runs=str(row.runs or ""),
        fingerprint=row.fingerprint,
        problem=row.problem,
        path=str(row.path),
    )
