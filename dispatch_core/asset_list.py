"""Asset lists: a CSV or pasted text in, rows of ids out.

Spreadsheets add a BOM, save as UTF-16 or with semicolons, write a line ``sep=;``, leave
blank rows and spaces, and rename ``asset_id`` to ``Asset ID``. All of that is accepted, and
so is the apostrophe that our own CSV puts before a sign (`spreadsheet`). A column with
another name is reported as a note. Anything else is a clear error, and a row without an id
is reported, not ignored.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Annotated

from pydantic import Field

from dispatch_core.environment.limits import LIST
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.file_kind import refuse_other_kind
from dispatch_core.text.id_spelling import spellings_of
from dispatch_core.text.invisible import visible
from dispatch_core.text.limited import check_items, check_size
from dispatch_core.text.pasted_ids import holds_uuid, is_heading, lines_of_comment, read_ids
from dispatch_core.text.spreadsheet import plain_cell
from dispatch_core.text.words import counted, shown_list
from dispatch_core.types import LARGEST_NUMBER

COLUMN = "asset_id"
FILE_NAME = "data_asset_input.csv"
MAX_TITLES = 10
"""Rows of titles above the header that are passed over."""

_TITLED_COLUMNS = frozenset(("assetid", "dataassetid", "assetids", "dataassetids"))
_ID_COLUMNS = _TITLED_COLUMNS | frozenset(
    "id ids uuid recordid docdbrecordid codeoceanid assetuuid codeoceanassetid"
    " codeoceandataassetid externallinkscodeocean otheridentifierscodeocean".split()
)
"""Names of a column that are taken for ``asset_id``, as `_plain` writes them."""

_SEPARATOR_HINT = re.compile(r"\s*\"?sep=(\\t|\t|[^\w\s\"\0]| )\"?[\s,;]*$", re.IGNORECASE)
_DELIMITERS = (",", ";", "\t", "|")
_SHOWN = 5
_LONGEST = 60
_END = "\0end"
"""A last row, which a quote that is not closed takes into its cell."""
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

    number: Annotated[int, Field(ge=0, le=LARGEST_NUMBER, strict=True)]
    text: str


@dataclass(frozen=True, slots=True)
class AssetTable:
    """The rows of a list, and notes on what was taken although it is not as documented."""

    rows: tuple[AssetRow, ...]
    notes: tuple[str, ...] = ()


def read_asset_table(data: bytes | str, where: str = FILE_NAME) -> AssetTable:
    """The rows after the header that are not blank, in order, with notes on the header.

    Rows are numbered as a spreadsheet shows them; the header is usually row 1. Raises
    `InvalidInput` for an empty file, a missing column, a column without any id, and a file
    that is not a text.
    """
    check_size(data, LIST, where)
    text = data.removeprefix("\ufeff") if isinstance(data, str) else decode_table(data, where)
    check_items(text.count("\n"), "lines", LIST, where)
    if not visible(text):
        action = f"Give it a header row with the column {COLUMN}"
        raise InvalidInput(Issue("the file is empty", where, action))
    rows = _cells(text, where)
    header = _header_of(rows, where)
    found, wide = [], []
    for number, cells in rows:
        if not _is_rule(cells):
            found.append(_row(number, cells, header, where))
            if any(map(visible, cells[header.width :])):
                wide.append(number)
    if not any(row.text for row in found):
        what = f"the column {header.name} is empty"
        raise InvalidInput(Issue(what, where, "Give it one id in each row"))
    return AssetTable(tuple(found), (*header.notes, *_notes_of_wide(wide)))


def read_pasted_table(text: str, where: str = "pasted ids") -> AssetTable:
    """The ids of pasted text: a CSV with a header, or ids in any list (`pasted_ids`)."""
    check_size(text, LIST, where)
    text = text.removeprefix("\ufeff")
    if _is_table(text):
        return read_asset_table(text.strip(), where)
    check_items(max(map(text.count, "\n,; \t")), "ids", LIST, where)
    found = read_ids(text, where)
    rows = tuple(AssetRow(number, token) for number, token in enumerate(found.ids, 1))
    if not any(row.text for row in rows):
        raise InvalidInput(Issue("it contains no id", where, "Paste one id on each line"))
    return AssetTable(rows, tuple(_notes_of_comments(text, found.ignored)))


def _notes_of_comments(text: str, ends: Sequence[tuple[int, str]]) -> Iterator[str]:
    """What was ignored: whole lines, and the ends of others with their line numbers."""
    if ignored := lines_of_comment(text):
        yield f"{counted(ignored, 'line')} ignored: text after # or // is a comment"
    if ends:
        shown = [
            f"{f'line {number} ' if number else ''}{_cut(comment)!r}"
            for number, comment in ends[:_SHOWN]
        ]
        rest = f"; and {len(ends) - _SHOWN:,} more" if len(ends) > _SHOWN else ""
        yield f"text after an id ignored as a comment: {'; '.join(shown)}{rest}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _is_table(text: str) -> bool:
    """Whether `text` starts with a header; one of asset ids alone may head any list."""
    header = text.strip().partition("\n")[0]
    if _SEPARATOR_HINT.match(header):
        return True
    if re.search(r"(?:[=(\[{]|\"{3}|'{3})\s*$", header):  # ids = [
        return False
    delimiter = _delimiter(header)
    names = [_plain(cell) for cell in header.split(delimiter)]
    return not _ID_COLUMNS.isdisjoint(names) and not (len(names) == 1 and is_heading(header))


def decode_table(data: bytes, where: str) -> str:
    """`data` as text: by its BOM, else as UTF-8, else in the code page that Excel writes.

    Raises `InvalidInput` that names the format if it is not a text but, say, a workbook.
    """
    refuse_other_kind(data, where)
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


def _notes_of_wide(numbers: Sequence[int]) -> Iterator[str]:
    """A note on rows with cells beyond the header, such as one with a comma in a name."""
    if numbers:
        first = ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
        yield (
            f"{counted(len(numbers), 'row')} with more cells than the header: {first}. What is in "
            "them is not read; put quotes round a cell that contains the separator"
        )


def _row(number: int, cells: list[str], header: _Header, where: str) -> AssetRow:
    column = header.column
    for beyond in cells[header.width :]:
        if holds_uuid(beyond):
            what = f"row {number} has the id {beyond.strip()[:60]!r} in a cell beyond the header"
            action = "Write one id in each row, and quotes round a cell that contains the separator"
            raise InvalidInput(Issue(what, where, action))
    text = plain_cell(cells[column].strip()).strip() if column < len(cells) else ""
    if re.search(r"[\r\n]", text):
        raise InvalidInput(_open_quote(f"the id in row {number} contains a line break", where))
    spread = [cell for cell in cells if re.search(r"[\r\n]", cell)]
    if any(map(holds_uuid, spread)) or (spread and column >= len(cells)):
        raise InvalidInput(_open_quote(f"a cell of row {number} spans several rows", where))
    return AssetRow(number, text)


def _open_quote(what: str, where: str) -> Issue:
    """The issue of a quote that takes the rows up to the next quote into one cell."""
    return Issue(what, where, "Look for a quote that is not closed")


def _cells(text: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """(row number, cells) of each row that is not blank; a line ``sep=;`` counts as a row."""
    lines, skipped, delimiter = _lines(text), 0, _delimiter(_likely_header(text))
    hint = _SEPARATOR_HINT.match(next(line for line in _lines(text) if line.strip()))
    if hint:
        skipped = 1 + next(number for number, line in enumerate(lines) if line.strip())
        mark = hint[1].replace("\\t", "\t")
        delimiter = delimiter if _names_column(_likely_header(text), delimiter) else mark
    ended = chain(lines, ["\n", _END])
    reader = csv.reader(ended, delimiter=delimiter, skipinitialspace=delimiter != " ")
    cells: list[str] = []
    try:
        for number, cells in enumerate(reader, 1 + skipped):
            if any(map(str.strip, cells)) and cells != [_END]:
                yield number, cells
    except csv.Error as error:
        action = "Look for a quote that is not closed"
        raise InvalidInput(
            Issue(f"the table cannot be read ({error})", where, action, reader.line_num, 1)
        ) from None
    if cells != [_END]:
        raise InvalidInput(_open_quote(f"a cell of row {number} does not end", where))


def _lines(text: str) -> Iterator[str]:
    """The lines with their ends, one at a time: a list of a million ids is not copied."""
    return (found.group() for found in _LINE.finditer(text))


def _likely_header(text: str) -> str:
    """The first of the first lines that names the column, else the first of all."""
    filled = list(islice((line for line in _lines(text) if line.strip()), MAX_TITLES + 1))
    return next((line for line in filled if _names_column(line, _delimiter(line))), filled[0])


def _delimiter(header: str) -> str:
    return max(_DELIMITERS, key=lambda mark: (_names_column(header, mark), header.count(mark)))


def _names_column(line: str, delimiter: str) -> bool:
    return any(_plain(cell) in _TITLED_COLUMNS for cell in line.split(delimiter))


def _plain(cell: str) -> str:
    """The name of a column without case, blanks and signs: ``Asset ID`` is ``assetid``."""
    return re.sub(r"[\W_]+", "", visible(cell)).lower()


def _is_rule(cells: list[str]) -> bool:
    """Whether a row is the line below the header of a Markdown table."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return all(re.fullmatch(r":?-{2,}:?", cell) for cell in filled)


@dataclass(frozen=True, slots=True)
class _Header:
    column: int
    width: int
    name: str
    notes: tuple[str, ...] = ()


def _header_of(rows: Iterator[tuple[int, list[str]]], where: str) -> _Header:
    """The header: the first row, or, below rows of titles, one that names asset ids."""
    number, first = next(rows, (1, []))
    if column := _column_of(first, where, number):
        return column
    for passed, (later, cells) in enumerate(islice(rows, MAX_TITLES), 1):
        if any(_plain(cell) in _TITLED_COLUMNS for cell in cells):
            found = _column_of(cells, where, later)
            assert found is not None
            note = f"row {later} is used as the header; {counted(passed, 'row')} above it ignored"
            return replace(found, notes=(note, *found.notes))
    raise InvalidInput(_missing_column(first, where, number))


def _column_of(header: list[str], where: str, number: int) -> _Header | None:
    """The one column of ids in `header`; None if it has none."""
    exact = [n for n, cell in enumerate(header) if visible(cell).strip('" ').lower() == COLUMN]
    alike = [n for n, cell in enumerate(header) if _plain(cell) in _ID_COLUMNS]
    found = exact or alike
    if len(found) > 1:
        names = " and ".join(repr(header[n].strip()) for n in found)
        what = f"row {number} has several columns that may be the ids: {names}"
        raise InvalidInput(Issue(what, where, f"Name one of them {COLUMN}"))
    if not found:
        return None
    name = header[found[0]].strip().strip('"').strip()
    if exact:
        return _Header(found[0], len(header), COLUMN)
    return _Header(found[0], len(header), name, (f"the column {name!r} is used as {COLUMN}",))


def _missing_column(header: list[str], where: str, number: int) -> Issue:
    what = f"row {number} has no column {COLUMN}; it has {shown_list(header) or 'no text'}"
    near = difflib.get_close_matches(COLUMN.replace("_", ""), map(_plain, header), 1, 0.7)
    action = f"Name the column of ids {COLUMN}"
    if near:
        name = next(cell.strip() for cell in header if _plain(cell) == near[0])
        action = f"If {name!r} has the ids, rename it {COLUMN}"
    elif header and header[0].lstrip().startswith(("[", "{")):
        action = "This is JSON: paste the ids in the app, or save them as a CSV"
    elif any(spellings_of(cell) or "_" in cell for cell in header if re.search(r"\d", cell)):
        action = f"If the file has no header, add a first row with {COLUMN}"
    return Issue(what, where, action)
