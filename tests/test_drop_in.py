"""The demonstration of ``make drop-in``, for two of its layouts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.drop_in import LAYOUTS, Row, check_layouts, running_place, table

RIGHT = Row("input_files/analysis_parameters.json", 8, 8, 4, 4, 4, 0)


@pytest.mark.slow
def test_the_wrapper_reads_each_layouts_jobs_and_skips_what_the_next_dispatch_excludes(
    tmp_path: Path,
) -> None:
    layouts = [
        ("input_files/analysis_parameters.json",),
        ("analysis_data_asset_ids/data_asset_input.csv", "analysis_parameters.json"),
    ]

    with running_place(tmp_path) as place:
        rows = check_layouts(place, layouts)

    both = "analysis_data_asset_ids/data_asset_input.csv + analysis_parameters.json"
    assert set(layouts) <= set(LAYOUTS)
    assert rows == [RIGHT, replace(RIGHT, layout=both)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"jobs": 4, "read": 4},  # the parameters were not read
        {"jobs": 16, "read": 16},
        {"read": 7},
        {"skipped": 0},
        {"recorded": 0, "skipped": 0, "jobs_next": 8},
        {"jobs_next": 8, "skipped_next": 4},
        {"jobs_next": 3},
        {"skipped_next": 1},
    ],
)
def test_a_layout_on_which_dispatcher_and_wrapper_disagree_is_marked(wrong: dict[str, Any]) -> None:
    text = table([RIGHT, replace(RIGHT, **wrong)])

    head, right, marked = text.splitlines()
    assert head.split() == "layout jobs wrapper reads recorded it skips next jobs it skips".split()
    assert right.split() == ["input_files/analysis_parameters.json", *"884440"]
    assert marked.endswith("WRONG")
