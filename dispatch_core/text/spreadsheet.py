"""CSV that a spreadsheet opens as what it says, and that is read back as it was.

A cell that begins with ``= + - @``, a tab or a line break is a formula to Excel,
LibreOffice and Google Sheets, and a name from a database may begin so. Such a
cell gets an apostrophe in front, which they take for "this is text".
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

# apostrophes before the sign count too: else '=1 as it was and =1 made safe would be one
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def safe_cell(text: str) -> str:
    """`text` with an apostrophe in front where a spreadsheet would run it.

    Numbers such as ``-0.5`` are left as they are. `plain_cell` takes it back.
    """
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def plain_cell(text: str) -> str:
    """The text that `safe_cell` made `text` from; any other text as it is."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV with a header; None is an empty cell, numbers are numbers."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(safe_cell(name) for name in header)
    for row in rows:
        writer.writerow(safe_cell(cell) if isinstance(cell, str) else cell for cell in row)
    return table.getvalue()


def csv_file(text: str) -> bytes:
    """`text` as a file that Excel too reads as UTF-8.

    Half a surrogate pair, which a record may hold, becomes its JSON escape.
    """
    return text.encode("utf-8-sig", "backslashreplace")
