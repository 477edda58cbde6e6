"""CSV that is safe to open in a spreadsheet and reads back unchanged.

Excel, LibreOffice and Google Sheets run a cell that starts with ``= + - @``, a tab
or a line break as a formula, and a name from a database may start that way. Such a
cell gets a leading apostrophe, which marks it as text. A spreadsheet may also split at
semicolons, tabs, bars or line breaks, whatever is quoted: so the same holds behind each of them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

# Also matches leading apostrophes: otherwise the text '=1 and the escaped =1 would be equal.
_SIGNS = r"=+\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA = re.compile(rf"'*[{_SIGNS}\t\r\n]")
# A quotation mark that begins a cell disappears.
_INSIDE = re.compile(rf"(?<=[;|\t\r\n])(?=['\"]*[{_SIGNS}])")
_ESCAPED_INSIDE = re.compile(rf"(?<=[;|\t\r\n])'(?=['\"]*[{_SIGNS}])")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def safe_cell(text: str) -> str:
    """`text`, with an apostrophe wherever a spreadsheet would begin a formula.

    Numbers such as ``-0.5`` stay unchanged. `plain_cell` reverses it.
    """
    safe = _INSIDE.sub("'", text)
    return f"'{safe}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else safe


def plain_cell(text: str) -> str:
    """The original of a text that `safe_cell` escaped; any other text unchanged."""
    is_escaped = text.startswith("'") and _FORMULA.match(text)
    return _ESCAPED_INSIDE.sub("", text[1:] if is_escaped else text)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV text with a header; None becomes an empty cell, numbers stay numbers."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(safe_cell(name) for name in header)
    for row in rows:
        writer.writerow(safe_cell(cell) if isinstance(cell, str) else cell for cell in row)
    return table.getvalue()


def csv_file(text: str) -> bytes:
    """`text` as UTF-8 with a BOM, so that Excel detects the encoding.

    A lone surrogate, which a record may contain, becomes its JSON escape.
    """
    return text.encode("utf-8-sig", "backslashreplace")
