"""Asset lists: what spreadsheets do to a column of ids, and what cannot be survived."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.asset_list import (
    AssetRow,
    AssetTable,
    read_asset_table,
    read_pasted_table,
)
from dispatch_core.errors import InvalidInput
from dispatch_core.text.spreadsheet import plain_cell

FIRST = "0a1b2c3d-1111-4222-8333-444455556666"
SECOND = "9f8e7d6c-aaaa-4bbb-8ccc-ddddeeeeffff"
IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip)


def refusal(data: bytes | str) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_asset_table(data)
    return str(caught.value)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_every_encoding_of_a_spreadsheet_gives_the_same_rows(encoding: str) -> None:
    rows = read_asset_table("asset_id,note\r\nid-1,é\r\nid-2,\r\n".encode(encoding)).rows

    assert rows == (AssetRow(2, "id-1"), AssetRow(3, "id-2"))


def test_the_code_page_of_excel_is_read_where_the_text_is_not_utf_8() -> None:
    assert read_asset_table("asset_id,note\nid-1,é\n".encode("cp1252")).rows == (
        AssetRow(2, "id-1"),
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_parts_the_header(delimiter: str) -> None:
    text = f"note{delimiter}asset_id\nx{delimiter}id-1\n"

    assert read_asset_table(text).rows == (AssetRow(2, "id-1"),)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_rows_spaces_and_any_line_end_are_accepted(end: str) -> None:
    text = end.join(["", "asset_id , note", " id-1 ,a", "", " , ", '"id-2"', ""])

    assert read_asset_table(text.encode()).rows == (AssetRow(3, "id-1"), AssetRow(6, "id-2"))


@pytest.mark.parametrize("header", ["Asset_ID", " ASSET_ID ", '"asset_id"'])
def test_the_case_of_the_header_does_not_matter(header: str) -> None:
    assert read_asset_table(f"{header}\nid-1\n").rows == (AssetRow(2, "id-1"),)


def test_a_row_with_other_cells_and_no_id_is_kept_as_an_empty_row() -> None:
    rows = read_asset_table("note,asset_id\nlost\nfound,id-1\n").rows

    assert rows == (AssetRow(2, ""), AssetRow(3, "id-1"))


def test_repeated_ids_are_kept_because_the_match_report_names_them() -> None:
    assert len(read_asset_table("asset_id\nid-1\nid-1\n").rows) == 2


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_is_an_error(data: bytes) -> None:
    assert "data_asset_input.csv: the file is empty. Give it a header row" in refusal(data)


def test_a_missing_column_is_an_error_that_shows_the_columns_there_are() -> None:
    assert refusal("subject,name\n1,a\n") == (
        "data_asset_input.csv: row 1 has no column asset_id; it has 'subject', 'name'. "
        "Name the column of ids asset_id."
    )


def test_a_column_with_a_similar_name_is_named_in_the_error() -> None:
    assert "If 'aset_id' has the ids, rename it asset_id" in refusal("note,aset_id\nx,id-1\n")


def test_a_list_without_a_header_is_an_error_that_says_so() -> None:
    assert "add a first row with asset_id" in refusal(f"{FIRST.upper()}\n{SECOND}\n")


@pytest.mark.parametrize(
    "header",
    ["Asset ID", "asset-id", "AssetId", "id", "data_asset_id", "Data Asset ID", "asset\u00a0id"],
)
def test_a_header_that_means_asset_id_is_used_and_reported(header: str) -> None:
    table = read_asset_table(f"note,{header}\nx,id-1\n")

    assert table.rows == (AssetRow(2, "id-1"),)
    assert table.notes == (f"the column {header!r} is used as asset_id",)


def test_the_documented_header_wins_over_one_that_means_the_same() -> None:
    table = read_asset_table("id,Asset_ID\n1,id-1\n")

    assert table == AssetTable((AssetRow(2, "id-1"),))


@pytest.mark.parametrize("header", ["id,Asset ID", "asset_id,ASSET_ID"])
def test_two_columns_that_may_have_the_ids_are_an_error_that_names_both(header: str) -> None:
    first, second = header.split(",")

    message = refusal(f"{header}\n1,2\n")

    assert f"several columns that may be the ids: {first!r} and {second!r}" in message


@pytest.mark.parametrize("hint", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;", "sep=,", "sep=;;"])
def test_the_line_in_which_excel_names_its_delimiter_is_passed_over(hint: str) -> None:
    rows = read_asset_table(f"{hint}\r\nasset_id;note\r\nid-1;x\r\n".encode()).rows

    assert rows == (AssetRow(3, "id-1"),)


@pytest.mark.parametrize("mark", ["^", ":", "~", "\t", "#"])
def test_the_named_delimiter_may_be_any_sign(mark: str) -> None:
    text = f"sep={mark}\nnote{mark}asset_id\nx{mark}id-1\n"

    assert read_asset_table(text).rows == (AssetRow(3, "id-1"),)


def test_titles_above_the_header_are_passed_over_and_reported() -> None:
    table = read_asset_table("My assets;;\n\nmade today;;\nnote;Asset ID\nx;id-1\n")

    assert table.rows == (AssetRow(5, "id-1"),)
    assert table.notes == (
        "row 4 is used as the header; 2 rows above it ignored",
        "the column 'Asset ID' is used as asset_id",
    )


def archive(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for name in names:
            target.writestr(name, "x")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (archive("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook (.xlsx)"),
        (archive("mimetype", "content.xml"), "an OpenDocument file"),
        (archive("Index/Document.iwa"), "an Apple Numbers document"),
        (archive("ids.csv"), "a ZIP archive"),
        (archive("xl/workbook.xml")[:40], "a ZIP archive"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(99), "an Excel workbook (.xls)"),
        (gzip.compress(b"asset_id\nid-1\n"), "a gzip archive"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"<html><table><tr><td>asset_id</td></tr></table></html>", "a web page (HTML)"),
        ("\ufeff <!DOCTYPE html>".encode("utf-16-le"), "a web page (HTML)"),
        (b"PAR1....", "a Parquet file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # archives hold the time
)
def test_a_file_of_another_format_is_named_with_what_to_do(data: bytes, name: str) -> None:
    message = refusal(data)

    assert f"this is {name}" in message
    assert "\n" not in message


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
        assert any(row.text for row in read_asset_table(data).rows)


@given(st.text(st.sampled_from('asset_id,;"\n\r\t \0\u2028')))
def test_malformed_pasted_text_raises_nothing_but_invalid_input(text: str) -> None:
    with suppress(InvalidInput):
        assert any(row.text for row in read_pasted_table(text).rows)


# an id such as '= reads like a cell that our own CSV escapes
@given(st.lists(IDS.filter(lambda text: text and plain_cell(text) == text), min_size=1))
def test_ids_that_a_spreadsheet_writes_are_read_back(ids: list[str]) -> None:
    table = io.StringIO(newline="")
    csv.writer(table).writerows([["asset_id"], *([text] for text in ids)])

    assert [row.text for row in read_asset_table(table.getvalue().encode()).rows] == ids


@pytest.mark.parametrize(
    "text",
    [
        "id-1\nid-2",
        "id-1, id-2",
        "id-1,\nid-2,\n",
        "id-1\tid-2",
        "id-1 id-2",
        "id-1\u00a0id-2",
        "id-1; id-2",
        "id-1 | id-2",
        '["id-1", "id-2"]',
        '[{"asset_id": "id-1"}, {"asset_id": "id-2"}]',
        '{"_id": {"$in": ["id-1", "id-2"]}}',
        "ids = ['id-1', 'id-2']",
        "ids = [\n    'id-1',\n    'id-2',\n]",
        "asset_ids <- c(\n  'id-1',\n  'id-2'\n)",
        "('id-1', 'id-2')",
        "{'id-1', 'id-2'}",
        'ids <- c("id-1", "id-2")',
        '[1] "id-1"\n[2] "id-2"',
        "array(['id-1', 'id-2'], dtype='<U4')",
        "array(['id-1',\n       'id-2'], dtype=object)",
        "Index(['id-1', 'id-2'], dtype='object', name='asset_id')",
        "0    id-1\n1    id-2\nName: asset_id, dtype: object",
        "  asset_id\n0  id-1\n1  id-2",
        "SELECT * FROM assets WHERE id IN ('id-1', 'id-2');",
        "asset_id in ('id-1',\n'id-2')",
        "- id-1\n- id-2",
        "\u2022 id-1\n\u2022id-2",
        "* [ ] id-1\n* [x] id-2",
        "1. id-1\n2. id-2",
        "(1) id-1\n(2) id-2",
        "\u201cid-1\u201d, \u2018id-2\u2019",
        "`id-1` `id-2`",
        "```\nid-1\nid-2\n```",
        "<ul><li>id-1</li><li>id-2</li></ul>",
        "asset_id\nid-1\nid-2\n",
        "Asset IDs:\n  - id-1\n  - id-2\n",
        "asset_id: id-1\nasset_id: id-2\n",
        "name | asset_id\n--- | ---\nx | id-1\ny | id-2\n",
        "const ids = new Set(['id-1', 'id-2']);",
        "[UUID('id-1'), UUID('id-2')]",
        "uuid: id-1\nuuid: id-2",
        "{'asset_id': ['id-1', 'id-2']}",
        "ASSET_ID=id-1\nASSET_ID=id-2",
        "1 - id-1\n2 - id-2",
        "id-1  # the first\nid-2  // the second",
    ],
)
def test_pasted_ids_are_read_from_any_everyday_list(text: str) -> None:
    assert [row.text for row in read_pasted_table(text).rows] == ["id-1", "id-2"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Session one 2024", ["Session one 2024"]),
        ("session (2)", ["session (2)"]),
        ('"a, b", c', ["a, b", "c"]),
        ("O'Brien_1, d'Arc_2", ["O'Brien_1", "d'Arc_2"]),
        ("['id-1', None, 'id-2']", ["id-1", "", "id-2"]),
        ("s3://b/x_1/ s3://b/y/", ["s3://b/x_1/", "s3://b/y/"]),
        (f"{FIRST} and {SECOND}.", [FIRST, SECOND]),
        (f"{FIRST} test {SECOND}", [FIRST, "test", SECOND]),
        (f"please run {FIRST}", ["please run", FIRST]),
    ],
)
def test_names_with_blanks_stay_whole_and_nulls_are_empty_rows(text: str, ids: list[str]) -> None:
    assert [row.text for row in read_pasted_table(text).rows] == ids


@pytest.mark.parametrize(
    "text", ["array(['id-1', ..., 'id-9'])", "0   id-1\n     ...\n9   id-9", "id-1, \u2026, id-9"]
)
def test_an_abbreviated_list_is_refused_because_ids_are_missing(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"abbreviated with \.\.\., so ids are missing"):
        read_pasted_table(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT x FROM t WHERE id NOT IN ('id-1')", "selects all other ids"),
        ("WHERE id IN ('id-1') AND y IN ('id-2')", "more than one IN"),
    ],
)
def test_a_query_whose_list_is_not_the_ids_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_pasted_table(text)


def test_json_with_two_lists_is_refused_because_either_may_have_the_ids() -> None:
    with pytest.raises(InvalidInput, match="the object has 2 lists of ids"):
        read_pasted_table('{"a": ["id-1"], "b": ["id-2"]}')


def test_pasted_text_without_an_id_is_an_error() -> None:
    with pytest.raises(InvalidInput, match=r"it contains no id\. Paste one id on each line"):
        read_pasted_table(" \n, ,")


@pytest.mark.parametrize(
    "table",
    [
        'n,asset_id\nw,id-1\n"x,id-2\ny,id-3\n',
        'asset_id,n\nid-1,"x\nid-2,y\nid-3,z\n',
        'asset_id,n\nid-1,"x\n01395165-89ff-40b3-aa93-6d961f95460e,y"\nid-3,z\n',
    ],
)
def test_rows_inside_a_quote_that_is_not_closed_are_never_lost_without_an_error(table: str) -> None:
    with pytest.raises(InvalidInput, match="quote that is not closed"):
        read_asset_table(table)


def test_a_cell_of_several_lines_beside_an_id_is_not_an_open_quote() -> None:
    table = 'asset_id,note\nid-1,"two\nlines"\nid-2,5" disk\n'

    rows = read_asset_table(table).rows

    assert [row.text for row in rows] == ["id-1", "id-2"]


def test_ids_in_comments_of_a_program_are_not_dispatched() -> None:
    text = 'ids = [\n  "id-1",  # "id-0",\n  # "id-2",\n  // id-3\n  "id-4",\n]'

    table = read_pasted_table(text)

    assert [row.text for row in table.rows] == ["id-1", "id-4"]
    assert table.notes == (
        "2 lines ignored: text after # or // is a comment",
        "text after an id ignored as a comment: line 2 '# \"id-0\",'",
    )


def test_what_is_ignored_after_an_id_is_named_with_its_line() -> None:
    text = '\n// id-0 // x\nid-1 // x\nid-2 -- bad, id-9\n\n* id-3 # third\n"id-4" -- y\nid-5'

    table = read_pasted_table(text)

    assert [row.text for row in table.rows] == ["id-1", "id-2", "id-3", "id-4", "id-5"]
    assert table.notes == (
        "1 line ignored: text after # or // is a comment",
        "text after an id ignored as a comment: line 3 '// x'; line 4 '-- bad, id-9'; "
        "line 6 '# third'; line 7 '-- y'",
    )


def test_a_note_on_comments_is_short() -> None:
    text = "".join(f"id-{number} // {'x' * 99}\n" for number in range(1, 9))

    (note,) = read_pasted_table(text).notes

    assert note.count("line ") == 5
    assert f"line 5 '// {'x' * 57}...'; and 3 more" in note


def test_a_comment_whose_line_is_changed_by_the_reader_is_named_without_a_number() -> None:
    text = 'id-1 -- an \\"old\\" one\nid-2 -- new'

    (note,) = read_pasted_table(text).notes

    assert note.endswith(""": '-- an "old" one'; line 2 '-- new'""")


@pytest.mark.parametrize("text", ["id-1 //id-2", "s3://bucket/a", "a--b", '["id-1 // x"]'])
def test_signs_that_are_part_of_an_id_are_not_a_comment(text: str) -> None:
    assert read_pasted_table(text).notes == ()


def test_a_cell_of_a_table_is_taken_whole() -> None:
    table = read_asset_table("asset_id,n\nid-1 // x,1\nid-2 -- y,2\n")

    assert [row.text for row in table.rows] == ["id-1 // x", "id-2 -- y"]


def test_a_blank_before_a_quoted_cell_moves_no_column() -> None:
    table = 'note, "asset_id", size\n"a", "id-1", 1\n "b, c", "id-2", 2\n'

    rows = read_asset_table(table).rows

    assert [row.text for row in rows] == ["id-1", "id-2"]


@pytest.mark.parametrize(
    ("program", "named"),
    [
        ('ids = ["a1", "b2"]\nids.remove("b2")', "ids.remove("),
        ('ids = ["a1", "b2", "c3"][:2]', "[:2]"),
        ('ids = ["a1", "b2"]\nids[-1:]', "[-1:]"),
        ('ids = ["a1", "b2"]\ndel ids[0]', "del ids["),
        ('setdiff(c("a1", "b2"), "b2")', "setdiff("),
    ],
)
def test_a_program_that_shortens_its_list_is_refused(program: str, named: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_pasted_table(program)

    assert f"{named} changes which ids are in the list" in str(caught.value)


def test_cells_beyond_the_header_are_said_and_an_id_among_them_is_an_error() -> None:
    one, other = "01395165-89ff-40b3-aa93-6d961f95460e", "d42de47c-879d-4c01-a68c-2e192ddc92d1"

    table = read_asset_table(f"asset_id,name\n{one},a,,\n{other},Smith, J\n")
    with pytest.raises(InvalidInput, match=f"row 2 has the id '{other}' in a cell beyond"):
        read_asset_table(f"asset_id\n{one},{other}\n")
    with pytest.raises(InvalidInput, match=f"row 3 has the id '{other}' in a cell beyond"):
        read_asset_table(f"name,asset_id\na,{one}\nSmith, J,{other}\n")

    assert [row.text for row in table.rows] == [one, other]
    (note,) = table.notes
    assert note.startswith("1 row with more cells than the header: 3.")
