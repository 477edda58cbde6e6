"""Which rows a table shows, and what one of its cells says."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_core.connect import SourceSettings, open_metadata_source
from dispatch_core.find import find_assets
from dispatch_core.language.bson import MISSING
from dispatch_core.query import parse_query
from dispatch_core.types import DataAsset, FileEntry
from dispatch_core.views.columns import (
    ACQUIRED,
    MODALITY,
    PROJECT,
    STANDARD_PATHS,
    cell_of,
    cell_of_value,
    count_endings,
    count_months,
    count_sizes,
    count_values,
    read_columns,
)
from dispatch_core.views.table import TableView, alike, page_of, select_rows, table_text

ROWS = [("Beta", 10), ("alpha", 9), ("", None), ("Gamma", 100)]
COLUMNS = {"Name": lambda row: row[0], "Size": lambda row: row[1]}


def asset(**fields: object) -> DataAsset:
    return DataAsset("id", "name", "s3://bucket/name", fields=fields)


# Rows


def test_without_a_search_and_a_sort_all_rows_come_in_their_order() -> None:
    assert list(select_rows(ROWS, COLUMNS, TableView())) == [0, 1, 2, 3]


def test_a_search_looks_in_every_column_without_regard_to_case() -> None:
    assert list(select_rows(ROWS, COLUMNS, TableView(search=" ALPHA "))) == [1]
    assert list(select_rows(ROWS, COLUMNS, TableView(search="10"))) == [0, 3]


def test_a_search_can_be_kept_to_one_column() -> None:
    assert list(select_rows(ROWS, COLUMNS, TableView(search="a", column="Size"))) == []


def test_an_empty_cell_does_not_contain_the_word_none() -> None:
    assert list(select_rows(ROWS, COLUMNS, TableView(search="none"))) == []


def test_numbers_sort_as_numbers_and_empty_cells_are_last_either_way() -> None:
    up = TableView(sort="Size")
    down = TableView(sort="Size", is_descending=True)

    assert list(select_rows(ROWS, COLUMNS, up)) == [1, 0, 3, 2]
    assert list(select_rows(ROWS, COLUMNS, down)) == [3, 0, 1, 2]


def test_texts_sort_without_regard_to_case() -> None:
    assert list(select_rows(ROWS, COLUMNS, TableView(sort="Name"))) == [1, 0, 3, 2]


def test_a_column_that_no_longer_exists_sorts_nothing() -> None:
    assert list(select_rows(ROWS, COLUMNS, TableView(sort="Gone"))) == [0, 1, 2, 3]


def test_a_page_past_the_end_is_the_last_one() -> None:
    assert page_of(range(5), TableView(page=7), 2) == (2, range(4, 5))
    assert page_of([], TableView(page=3), 2) == (0, [])


def test_the_csv_of_a_table_has_every_row() -> None:
    assert table_text(ROWS, COLUMNS) == "Name,Size\r\nBeta,10\r\nalpha,9\r\n,\r\nGamma,100\r\n"


# Cells


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("text", "text"),
        (True, True),
        (0, 0),
        (1.5, 1.5),
        (None, None),
        (MISSING, None),
        ([], None),
        (["b", "a", "b"], "b, a"),
        ([None, 1], 1),
        ({"a": 1}, '{"a": 1}'),
    ],
)
def test_any_value_is_one_cell(value: object, cell: object) -> None:
    assert cell_of_value(value) == cell


def test_a_column_reads_either_schema() -> None:
    old = {"data_description": {"modality": [{"abbreviation": "ecephys"}]}}
    new = {"data_description": {"modalities": [{"abbreviation": "fib"}, {"abbreviation": "SPIM"}]}}

    assert cell_of(old, MODALITY) == "ecephys"
    assert cell_of(new, MODALITY) == "fib, SPIM"
    assert cell_of({}, MODALITY) is None


def test_an_asset_counts_in_each_of_its_values_and_a_comma_in_a_name_splits_nothing() -> None:
    both = [{"abbreviation": "fib"}, {"abbreviation": "SPIM"}]
    assets = [
        asset(data_description={"modalities": both, "project_name": "Cells, sorted"}),
        asset(data_description={"modalities": both[:1], "project_name": "Cells, sorted"}),
        asset(),
    ]

    assert count_values(assets, MODALITY) == [("fib", 2), ("SPIM", 1), ("none", 1)]
    assert count_values(assets, PROJECT) == [("Cells, sorted", 2), ("none", 1)]


def test_months_are_in_order_of_time_and_missing_dates_are_last() -> None:
    times = ["2025-07-01T10:00:00Z", "2024-12-31 10:00:00", "7/1/2025", "2025-07-30"]
    assets = [asset(session={"session_start_time": time}) for time in times]

    dated = [one for one in count_months(assets) if one[1]]
    assert dated == [("2024-12", 1), ("2025-07", 2), ("none", 1)]
    assert cell_of(assets[2].fields, ACQUIRED) == "7/1/2025"


def test_months_without_an_asset_are_between_the_others() -> None:
    times = ["2025-02-01", "2024-11-30"]
    assets = [asset(session={"session_start_time": time}) for time in times]

    assert count_months(assets) == [
        *(("2024-11", 1), ("2024-12", 0), ("2025-01", 0)),
        ("2025-02", 1),
    ]


def test_one_wrong_date_does_not_add_a_thousand_months() -> None:
    times = ["0001-01-01", "2025-02-01"]
    assets = [asset(session={"session_start_time": time}) for time in times]

    assert count_months(assets) == [("0001-01", 1), ("2025-02", 1)]
    assert count_months([]) == []


def test_sizes_are_counted_in_ranges_from_small_to_large_with_stores_last() -> None:
    sizes = [0, 999, 5_000, 2_000_000, 7_000_000_000_000, None]
    files = [FileEntry("s3://b/x.nwb", size=size) for size in sizes]

    counts = count_sizes(files)

    assert counts[0] == ("under 1 kB", 2)
    assert counts[1] == ("1-10 kB", 1)
    assert counts[2] == ("10-100 kB", 0)
    assert ("1-10 MB", 1) in counts
    assert counts[-2:] == [("over 100 GB", 1), ("stores", 1)]
    assert count_sizes([]) == []


def test_an_ending_includes_all_extensions_at_the_end_of_a_name() -> None:
    names = ["a/x.ome.zarr", "a/y_2025.01.02.nwb", "a/z.ome.zarr", "a/README"]

    counts = count_endings(FileEntry(f"s3://b/{name}") for name in names)

    assert counts == [(".ome.zarr", 2), (".nwb", 1), ("none", 1)]


# The demo


def test_standard_columns_and_columns_read_later_say_the_same() -> None:
    source = open_metadata_source(SourceSettings())
    query = parse_query("{}")
    found = find_assets(source, query, fields=STANDARD_PATHS)
    ids = [one.record_id for one in found.assets]
    reported: list[tuple[str, int, int]] = []

    later = read_columns(source, ids, PROJECT.paths, lambda *step: reported.append(step))

    assert len(ids) == 2_399  # one record is in the collection twice
    assert later == {
        PROJECT.paths[0]: {
            one.record_id: cell_of(one.fields, PROJECT)
            for one in found.assets
            if cell_of(one.fields, PROJECT) is not None
        }
    }
    assert reported[-1] == ("columns", len(ids), len(ids))


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        (["2024-01-02", True, None, 3], ["2024-01-02", "true", None, "3"]),
        ([True, 1.5], ["true", "1.5"]),
        ([1, None, 2.5], [1, None, 2.5]),
        ([True, False, None], [True, False, None]),
        ([1, 10**30], ["1", "1" + "0" * 30]),
        ([], []),
    ],
)
def test_cells_of_several_types_are_shown_as_texts(cells: list[Any], shown: list[Any]) -> None:
    assert list(alike(cells)) == shown
