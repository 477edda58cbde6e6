"""Asset lists: a CSV or pasted text in, rows of ids out.

Spreadsheets add a BOM, save as UTF-16 or with semicolons, leave blank rows and
spaces, and rename ``asset_id`` to ``Asset_ID``. All of that is accepted, and so is
the apostrophe that our own CSV puts before a sign (`spreadsheet`). Anything else is
a clear error, and a row without an id is reported, not ignored.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.spreadsheet import plain_cell

COLUMN = "asset_id"
FILE_NAME = "data_asset_input.csv"
_DELIMITERS = (",", ";", "\t", "|")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class AssetRow:
    """One row of the list: its number as a spreadsheet shows it, and its id.

    ``text`` is ``""`` if the row has other cells but no id.
    """

    number: int
    text: str


def read_asset_csv(data: bytes | str, where: str = FILE_NAME) -> tuple[AssetRow, ...]:
    """The rows after the header that are not blank, in order.

    The header is row 1. Raises `InvalidInput` for an empty file, a missing column
    and a column without any id.
    """
    text = data.removeprefix("\ufeff") if isinstance(data, str) else decode_table(data, where)
    if not text.strip():
        action = f"Give it a header row with the column {COLUMN}"
        raise InvalidInput(Issue("the file is empty", where, action))
    rows = _cells(text, where)
    header_number, header = next(rows, (1, []))
    column = _column_of(header, where, header_number)
    found = tuple(_row(number, cells, column, where) for number, cells in rows)
    if not any(row.text for row in found):
        raise InvalidInput(
            Issue(f"the column {COLUMN} is empty", where, "Give it one id in each row")
        )
    return found


def read_pasted_ids(text: str, where: str = "pasted ids") -> tuple[AssetRow, ...]:
    """The ids of pasted text: a CSV with a header, or ids on lines or with commas or tabs."""
    text = text.removeprefix("\ufeff")
    first = text.strip().partition("\n")[0]
    if COLUMN in re.split(r"[\s,;|\"]+", first.lower()):
        return read_asset_csv(text.strip(), where)
    tokens = [token.strip(" \"'[]") for token in re.split(r"[\n\r,;\t]+", text)]
    rows = tuple(AssetRow(number, token) for number, token in enumerate(filter(None, tokens), 1))
    if not rows:
        raise InvalidInput(Issue("it contains no id", where, "Paste one id on each line"))
    return rows


def decode_table(data: bytes, where: str) -> str:
    """`data` as text: by its BOM, else as UTF-8, else in the code page that Excel writes."""
    guess = "utf-8"
    if b"\0" in data[:2]:
        guess = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), guess)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        pass
    if encoding != "utf-8":
        name = encoding.removesuffix("-sig").upper()
        raise InvalidInput(Issue(f"it is not {name} text", where, "Save the file as UTF-8"))
    return data.decode("cp1252", errors="replace")


def _row(number: int, cells: list[str], column: int, where: str) -> AssetRow:
    text = plain_cell(cells[column].strip()).strip() if column < len(cells) else ""
    if "\n" in text or "\r" in text:  # an open quote spans all rows up to the next quote
        what = f"the id in row {number} contains a line break"
        raise InvalidInput(Issue(what, where, "Look for a quote that is not closed"))
    return AssetRow(number, text)


def _cells(text: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """(row number, cells) of each row that is not blank."""
    first = next(line for line in _lines(text) if line.strip())
    delimiter = max(_DELIMITERS, key=lambda mark: (_has_column(first, mark), first.count(mark)))
    reader = csv.reader(_lines(text), delimiter=delimiter)
    try:
        for number, cells in enumerate(reader, 1):
            if any(map(str.strip, cells)):
                yield number, cells
    except csv.Error as error:
        action = "Look for a quote that is not closed"
        raise InvalidInput(
            Issue(f"the table cannot be read ({error})", where, action, reader.line_num, 1)
        ) from None


def _lines(text: str) -> Iterator[str]:
    """The lines with their ends, one at a time: a list of a million ids is not copied."""
    return (found.group() for found in _LINE.finditer(text))


def _has_column(line: str, delimiter: str) -> bool:
    return COLUMN in (_plain(cell) for cell in line.split(delimiter))


def _plain(cell: str) -> str:
    return cell.strip().strip('"').strip().lower()


def _column_of(header: list[str], where: str, number: int) -> int:
    names = [_plain(cell) for cell in header]
    if COLUMN in names:
        return names.index(COLUMN)
    shown = ", ".join(repr(cell.strip()[:40]) for cell in header[:8])
    raise InvalidInput(
        Issue(
            f"row {number} has no column {COLUMN}; it has {shown}",
            where,
            f"Name the column of ids {COLUMN}",
        )
    )
