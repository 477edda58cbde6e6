"""A comparison of two dispatches as a table and as CSV."""

from __future__ import annotations

from dispatch_core.earlier.compare import Compared
from dispatch_core.views.table import Columns, table_text

COLUMNS: Columns = {
    "change": lambda row: row[0],
    "what": lambda row: row[2].kind if row[2] else "",
    "job": lambda row: row[1].file_name,
    "old_job": lambda row: row[2].old.file_name if row[2] else "",
    "asset_names": lambda row: _joined(row[1].assets or row[1].records),
    "files": lambda row: _joined(row[1].files or row[1].locations),
    "difference": lambda row: str(row[2]) if row[2] else "",
}
"""The columns of a table of `Compared.rows`."""


def compared_text(compared: Compared) -> str:
    """Every job of both dispatches as CSV, one in each row."""
    return table_text(compared.rows(), COLUMNS)


def _joined(texts: tuple[str, ...]) -> str:
    return "; ".join(texts)
