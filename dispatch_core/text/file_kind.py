"""What a file is that is not the text it was taken for: a workbook, an archive, a page."""

from __future__ import annotations

import io
import zipfile

from dispatch_core.errors import InvalidInput, Issue

_AS_CSV = "Open it in the spreadsheet program and save it as CSV (UTF-8)"
_UNPACK = "Unpack it, and give the file inside"
_AS_TEXT = "Save the content as text, and give that file"

_JSON = (b"{", b"[")

_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an Excel workbook (.xls) or another Office file",
        _AS_CSV,
    ),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
    (b"%PDF-", "a PDF document", _AS_TEXT),
    (b"{\\rtf", "an RTF document", _AS_TEXT),
    (b"\x89HDF\r\n", "an HDF5 file", _AS_TEXT),
    (b"PAR1", "a Parquet file", "Write it with to_csv(index=False)"),
    (b"ARROW1", "an Arrow file", "Write it with to_csv(index=False)"),
    (b"\x93NUMPY", "a NumPy file", "Write its items as text, one in each line"),
    (b"\x80\x03", "a Python pickle", "Write its items as text, one in each line"),
    (b"\x80\x04", "a Python pickle", "Write its items as text, one in each line"),
    (b"\x80\x05", "a Python pickle", "Write its items as text, one in each line"),
    (b"SQLite format 3\x00", "an SQLite database", _AS_TEXT),
    (b"\x89PNG", "a PNG image", _AS_TEXT),
    (b"\xff\xd8\xff", "a JPEG image", _AS_TEXT),
    (b"bplist00", "a property list or a web archive", _AS_TEXT),
)
_IN_ZIP: tuple[tuple[str, str, str], ...] = (
    ("xl/", "an Excel workbook (.xlsx)", _AS_CSV),
    ("Index/", "an Apple Numbers document", "Export it from Numbers as CSV (UTF-8)"),
    ("Index.zip", "an Apple Numbers document", "Export it from Numbers as CSV (UTF-8)"),
    ("content.xml", "an OpenDocument file, such as a spreadsheet (.ods)", _AS_CSV),
    ("word/", "a Word document (.docx)", _AS_TEXT),
    ("", "a ZIP archive", _UNPACK),
)
_MARKUP: tuple[tuple[str, str, str], ...] = (
    ("<!doctype html", "a web page (HTML), which some programs name .xls", _AS_CSV),
    ("<html", "a web page (HTML), which some programs name .xls", _AS_CSV),
    ("<table", "a table in HTML, which some programs name .xls", _AS_CSV),
    ("<?xml", "an XML file, such as an XML spreadsheet", _AS_CSV),
)


def refuse_other_kind(data: bytes, where: str) -> None:
    """Raise `InvalidInput` that names the format of `data`, unless it may be plain text."""
    if kind := _kind_of(data):
        name, action = kind
        raise InvalidInput(Issue(f"this is {name}, whatever its name ends with", where, action))


def _kind_of(data: bytes) -> tuple[str, str] | None:
    if data[:1] in _JSON and not data.startswith(b"{\\rtf"):
        return None
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_zip(data)
    for start, name, action in _STARTS:
        if data.startswith(start):
            return name, action
    head = data[:1000].removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"")
    text = head.decode("latin-1").removeprefix("\xff\xfe").removeprefix("\xfe\xff")
    for tag, name, action in _MARKUP:
        if text.lstrip().lower().startswith(tag):
            return name, action
    return None


def _kind_of_zip(data: bytes) -> tuple[str, str]:
    """A ZIP archive by the names inside; one that is cut short may have no list of names."""
    try:
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    except (zipfile.BadZipFile, ValueError, OSError):
        names = []
    return next(
        (name, action)
        for start, name, action in _IN_ZIP
        if not start or any(one.startswith(start) for one in names)
    )
