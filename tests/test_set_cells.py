"""Parameter sets as cells of text: what a cell shows, and the value that a text gives."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_core.errors import InvalidInput
from dispatch_core.language.bson import MISSING
from dispatch_core.parameter_sets.compare import Comparison, compare_sets
from dispatch_core.parameter_sets.document import check_parameters
from dispatch_core.parameter_sets.schema_form import make_form
from dispatch_core.parameter_sets.set_cells import (
    MOST_COLUMNS,
    CellColumn,
    cell_columns,
    place_of,
    read_cell,
    write_cells,
)
from dispatch_core.text.strict_json import readable_json

FORM = make_form(
    {
        "properties": {
            "tag": {"type": "string"},
            "cutoff": {"type": "number"},
            "fit": {"type": "object", "properties": {"seed": {"type": "integer"}}},
        }
    }
)
SETS = {
    "fixed_parameters": {"name": "x", "cutoff": 0.5},
    "distributed_parameters": [
        {"tag": "5", "fit": {"seed": 1}, "plots": ["a"]},
        {"tag": "5", "cutoff": 1, "fit": {"seed": 1}},
    ],
}


def compared(document: dict[str, Any]) -> Comparison:
    return compare_sets(check_parameters(readable_json(document), None).merged)


def column(title: str) -> CellColumn:
    return next(one for one in cell_columns(compared(SETS), FORM) if one.title == title)


def test_the_columns_are_keys_that_differ_or_that_a_set_has_itself() -> None:
    labels = [one.label for one in cell_columns(compared(SETS), FORM)]

    assert labels == ["≠ cutoff", "= tag", "= fit.seed", "≠ plots"]


def test_a_cell_has_the_text_of_the_form_and_says_what_is_inherited() -> None:
    sets = compared(SETS)
    drafts = {(place_of(2), ("fit", "seed")): "one"}

    first, second = write_cells(sets, cell_columns(sets, FORM), drafts)

    assert first == {
        "cutoff": "0.5 (fixed)",
        "tag": "5",
        "fit.seed": "1",
        "plots": '["a"]',
    }
    assert second == {"cutoff": "1", "tag": "5", "fit.seed": "one", "plots": None}


@pytest.mark.parametrize(
    ("title", "text", "value"),
    [
        ("tag", "7", "7"),
        ("cutoff", "0.10", 0.1),
        ("cutoff", "0.5 (fixed)", 0.5),
        ("fit.seed", "", MISSING),
        ("fit.seed", None, MISSING),
        ("plots", '["a", "b"]', ["a", "b"]),
        ("plots", "a", "a"),
    ],
)
def test_a_text_is_read_by_the_rules_of_its_field(title: str, text: str | None, value: Any) -> None:
    assert read_cell(column(title), text) == value


@pytest.mark.parametrize(
    ("title", "text"), [("cutoff", "abc"), ("plots", "[1,"), ("plots", "True")]
)
def test_a_text_that_is_not_a_value_raises(title: str, text: str) -> None:
    with pytest.raises(InvalidInput):
        read_cell(column(title), text)


def test_two_paths_never_share_a_title_and_of_many_keys_those_that_differ_are_shown() -> None:
    dotted = compared({"distributed_parameters": [{"a.b": 1, "a": {"b": 2}}]})
    many = compared(
        {
            "distributed_parameters": [
                {"same": 0} | {f"k{n}": n * i for n in range(60)} for i in (1, 2)
            ]
        }
    )

    assert [one.title for one in cell_columns(dotted, None)] == ['"a.b"', "a.b"]
    assert [one.title for one in cell_columns(many, None)] == [
        f"k{n}" for n in range(1, MOST_COLUMNS + 1)
    ]
