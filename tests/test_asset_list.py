"""Asset lists: what spreadsheets do to a column of ids, and what cannot be survived."""

from __future__ import annotations

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.asset_list import AssetRow, read_asset_csv, read_pasted_ids
from dispatch_core.errors import InvalidInput
from dispatch_core.text.spreadsheet import plain_cell

IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip)


def refusal(data: bytes | str) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_asset_csv(data)
    return str(caught.value)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_every_encoding_of_a_spreadsheet_gives_the_same_rows(encoding: str) -> None:
    rows = read_asset_csv("asset_id,note\r\nid-1,é\r\nid-2,\r\n".encode(encoding))

    assert rows == (AssetRow(2, "id-1"), AssetRow(3, "id-2"))


def test_the_code_page_of_excel_is_read_where_the_text_is_not_utf_8() -> None:
    assert read_asset_csv("asset_id,note\nid-1,é\n".encode("cp1252")) == (AssetRow(2, "id-1"),)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_parts_the_header(delimiter: str) -> None:
    text = f"note{delimiter}asset_id\nx{delimiter}id-1\n"

    assert read_asset_csv(text) == (AssetRow(2, "id-1"),)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_rows_spaces_and_any_line_end_are_accepted(end: str) -> None:
    text = end.join(["", "asset_id , note", " id-1 ,a", "", " , ", '"id-2"', ""])

    assert read_asset_csv(text.encode()) == (AssetRow(3, "id-1"), AssetRow(6, "id-2"))


@pytest.mark.parametrize("header", ["Asset_ID", " ASSET_ID ", '"asset_id"'])
def test_the_case_of_the_header_does_not_matter(header: str) -> None:
    assert read_asset_csv(f"{header}\nid-1\n") == (AssetRow(2, "id-1"),)


def test_a_row_with_other_cells_and_no_id_is_kept_as_an_empty_row() -> None:
    rows = read_asset_csv("note,asset_id\nlost\nfound,id-1\n")

    assert rows == (AssetRow(2, ""), AssetRow(3, "id-1"))


def test_repeated_ids_are_kept_because_the_match_report_names_them() -> None:
    assert len(read_asset_csv("asset_id\nid-1\nid-1\n")) == 2


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_is_an_error(data: bytes) -> None:
    assert "data_asset_input.csv: the file is empty. Give it a header row" in refusal(data)


def test_a_missing_column_is_an_error_that_shows_the_columns_there_are() -> None:
    assert refusal("id,name\n1,a\n") == (
        "data_asset_input.csv: row 1 has no column asset_id; it has 'id', 'name'. "
        "Name the column of ids asset_id."
    )


@pytest.mark.parametrize("text", ["asset_id\n", "asset_id,note\n,x\n ,y\n"])
def test_a_column_without_an_id_is_an_error(text: str) -> None:
    assert "the column asset_id is empty. Give it one id in each row" in refusal(text)


def test_an_open_quote_is_an_error_because_it_would_include_the_rows_below() -> None:
    assert refusal('asset_id\nid-1\n"id-2\nid-3\nid-4\n') == (
        "data_asset_input.csv: the id in row 3 contains a line break. "
        "Look for a quote that is not closed."
    )


def test_an_open_quote_before_a_long_text_is_an_error() -> None:
    assert "Look for a quote that is not closed" in refusal('asset_id\n"' + "x\n" * 100_000)


def test_bytes_that_contradict_their_bom_are_an_error() -> None:
    assert "it is not UTF-16 text. Save the file as UTF-8" in refusal(b"\xff\xfea")


@given(st.binary() | st.text(st.sampled_from('asset_id,;"\n\r\t \0\u2028')))
def test_a_malformed_table_raises_nothing_but_invalid_input(data: bytes | str) -> None:
    with suppress(InvalidInput):
        assert any(row.text for row in read_asset_csv(data))


@given(st.text(st.sampled_from('asset_id,;"\n\r\t \0\u2028')))
def test_malformed_pasted_text_raises_nothing_but_invalid_input(text: str) -> None:
    with suppress(InvalidInput):
        assert any(row.text for row in read_pasted_ids(text))


# an id such as '= reads like a cell that our own CSV escapes
@given(st.lists(IDS.filter(lambda text: text and plain_cell(text) == text), min_size=1))
def test_ids_that_a_spreadsheet_writes_are_read_back(ids: list[str]) -> None:
    table = io.StringIO(newline="")
    csv.writer(table).writerows([["asset_id"], *([text] for text in ids)])

    assert [row.text for row in read_asset_csv(table.getvalue().encode())] == ids


@pytest.mark.parametrize(
    "text",
    ["id-1\nid-2", "id-1, id-2", "id-1\tid-2", '["id-1", "id-2"]', "asset_id\nid-1\nid-2\n"],
)
def test_pasted_ids_are_separated_by_lines_commas_or_tabs(text: str) -> None:
    assert [row.text for row in read_pasted_ids(text)] == ["id-1", "id-2"]


def test_pasted_text_without_an_id_is_an_error() -> None:
    with pytest.raises(InvalidInput, match=r"it contains no id\. Paste one id on each line"):
        read_pasted_ids(" \n, ,")
