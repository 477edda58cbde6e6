"""The step "assets are grouped": latest only, one job per group, and what is excluded."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_core.errors import InvalidInput
from dispatch_core.grouping import Grouped, GroupingRules, group_assets
from dispatch_core.request import make_request
from dispatch_core.request_parts import check_selection
from dispatch_core.types import DataAsset
from tests.fakes import asset

BY_SUBJECT = GroupingRules(group_by=("subject.subject_id",))
LATEST = GroupingRules(latest_field="session.start", one_per=("subject.subject_id",))


def of(subject: Any, **session: Any) -> dict[str, Any]:
    return {"subject": {"subject_id": subject}, "session": session}


def members(grouped: Grouped) -> list[list[str]]:
    return [[one.name for one in group.assets] for group in grouped.groups]


def ledger(grouped: Grouped) -> list[tuple[str, str, str]]:
    return [(row.name, row.reason, row.message) for row in grouped.exclusions]


def kept_of(*starts: Any) -> list[str]:
    """The names (a, b, ...) that stay of one subject's assets with these starts."""
    rivals = [
        asset(name, **of("1", start=start)) for name, start in zip("abcdef", starts, strict=False)
    ]
    return [names[0] for names in members(group_assets(rivals, LATEST))]


def test_without_rules_each_asset_is_a_group_of_one_in_source_order() -> None:
    grouped = group_assets([asset("b"), asset("a")], GroupingRules())

    assert members(grouped) == [["b"], ["a"]]
    assert grouped.groups[0].metadata is None


def test_groups_of_one_are_a_sequence_like_any_other() -> None:
    groups = group_assets([asset("a"), asset("b"), asset("c")], GroupingRules()).groups

    assert len(groups) == 3
    assert list(groups) == [groups[0], groups[1], groups[-1]]
    assert list(groups[1:]) == list(groups)[1:]
    assert list(groups[::-1]) == list(groups)[::-1]
    assert groups[1] in groups


def test_groups_keep_the_order_of_their_first_assets() -> None:
    assets = [asset("a", **of("2")), asset("b", **of("1")), asset("c", **of("2"))]

    assert members(group_assets(assets, BY_SUBJECT)) == [["a", "c"], ["b"]]


def test_numbers_that_are_equal_are_one_group_however_they_are_written() -> None:
    values = (1, 1.0, True, "1", {"n": [2]}, {"n": [2.0]})
    assets = [asset(name, **of(value)) for name, value in zip("abcdef", values, strict=True)]

    assert members(group_assets(assets, BY_SUBJECT)) == [["a", "b"], ["c"], ["d"], ["e", "f"]]


def test_nan_is_never_the_latest() -> None:
    assert kept_of(3, float("nan"), 4) == ["c"]
    assert kept_of(float("nan"), 3) == ["b"]


def test_only_the_list_that_is_empty_is_named_where_nothing_is_left_to_unwind() -> None:
    rules = GroupingRules(group_by=("name",), unwind=("days", "probes"), drop_null=False)

    grouped = group_assets([asset("a", days=[1], probes=[])], rules)

    assert ledger(grouped) == [("a", "nothing_to_unwind", "probes is an empty list")]


def test_nan_and_the_infinities_are_null_which_json_can_hold() -> None:
    values = (float("nan"), [1.5, float("inf")], {"a": float("-inf")})
    assets = [asset(name, **of(value)) for name, value in zip("abc", values, strict=True)]

    kept = group_assets(assets, GroupingRules(group_by=("subject.subject_id",), drop_null=False))
    dropped = group_assets(assets, BY_SUBJECT)

    assert [group.metadata for group in kept.groups] == [
        {"subject__subject_id": None},
        {"subject__subject_id": [1.5, None]},
        {"subject__subject_id": {"a": None}},
    ]
    assert members(dropped) == [["c"]]


def test_group_metadata_names_fields_with_double_underscores() -> None:
    rules = GroupingRules(group_by=("subject.subject_id", "session.type"))

    grouped = group_assets([asset("a", **of("1", type="x"))], rules)

    assert grouped.groups[0].metadata == {"subject__subject_id": "1", "session__type": "x"}


def test_1_and_true_and_the_text_1_are_three_groups() -> None:
    assets = [asset(name, **of(value)) for name, value in [("a", 1), ("b", True), ("c", "1")]]

    assert members(group_assets(assets, BY_SUBJECT)) == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize("fields", [{}, of(None), {"subject": None}])
def test_an_asset_that_lacks_a_grouping_field_is_in_the_ledger(fields: dict[str, Any]) -> None:
    grouped = group_assets([asset("a", **fields), asset("b", **of("1"))], BY_SUBJECT)

    assert members(grouped) == [["b"]]
    assert ledger(grouped) == [
        ("a", "null_group_field", "subject.subject_id is null or missing"),
    ]


def test_a_list_with_null_is_excluded_as_a_whole_unless_it_is_unwound() -> None:
    # as in the database, where {"$ne": null} does not match a list with null in it
    rules = GroupingRules(group_by=("tags", "subject.subject_id"))
    assets = [asset("a", tags=["x", None], **of(["1", None])), asset("b", tags=[None])]

    grouped = group_assets(assets, rules)

    assert members(grouped) == []
    assert ledger(grouped) == [
        ("a", "null_group_field", "tags, subject.subject_id is a list with null in it"),
        (
            "b",
            "null_group_field",
            "subject.subject_id is null or missing; tags is a list with null in it",
        ),
    ]


NAN = float("nan")


@pytest.mark.parametrize("items", [["x", None], [None, "x", None], ["x", NAN], ["x", ["y", None]]])
def test_a_null_item_of_an_unwound_list_is_skipped_with_a_warning(items: list[Any]) -> None:
    rules = GroupingRules(group_by=("tags",), unwind=("tags",))

    grouped = group_assets([asset("a", tags=items), asset("b", tags=["x"])], rules)

    assert members(grouped) == [["a", "b"]]
    assert [group.metadata for group in grouped.groups] == [{"tags": "x"}]
    assert ledger(grouped) == []
    assert grouped.warnings == (
        "Items of tags that are null or missing were skipped in 1 asset; "
        "set --drop_null_groups=0 to group by null too",
    )


def test_null_items_make_a_group_where_nulls_are_kept() -> None:
    rules = GroupingRules(group_by=("tags",), unwind=("tags",), drop_null=False)

    grouped = group_assets([asset("a", tags=["x", None]), asset("b", tags=None)], rules)

    assert members(grouped) == [["a"], ["a", "b"]]
    assert [group.metadata for group in grouped.groups] == [{"tags": "x"}, {"tags": None}]
    assert grouped.warnings == ()


def test_an_item_that_lacks_the_field_of_the_groups_is_skipped_too() -> None:
    rules = GroupingRules(group_by=("modality.abbreviation",), unwind=("modality",))
    modalities = [{"abbreviation": "ecephys"}, {"name": "other"}]

    grouped = group_assets([asset("a", modality=modalities)], rules)

    assert [group.metadata for group in grouped.groups] == [{"modality__abbreviation": "ecephys"}]
    assert len(grouped.warnings) == 1


@pytest.mark.parametrize("items", [[None], [NAN, None], [[None]]])
def test_an_asset_with_null_items_only_is_excluded(items: list[Any]) -> None:
    rules = GroupingRules(group_by=("tags",), unwind=("tags",))

    grouped = group_assets([asset("a", tags=items), asset("b", tags=["x"])], rules)

    assert members(grouped) == [["b"]]
    assert ledger(grouped) == [
        ("a", "null_group_field", "tags is null or missing in every item that is unwound")
    ]
    assert grouped.warnings == ()


def test_null_and_missing_are_one_group_where_nulls_are_kept() -> None:
    rules = GroupingRules(group_by=("subject.subject_id",), drop_null=False)

    grouped = group_assets([asset("a"), asset("b", **of(None)), asset("c", **of("1"))], rules)

    assert members(grouped) == [["a", "b"], ["c"]]
    assert grouped.groups[0].metadata == {"subject__subject_id": None}


def test_the_latest_asset_of_each_subject_stays_in_its_place() -> None:
    assets = [
        asset("old", **of("1", start="2025-01-01")),
        asset("other", **of("2", start="2020-01-01")),
        asset("new", **of("1", start="2025-06-01")),
    ]

    grouped = group_assets(assets, LATEST)

    assert members(grouped) == [["other"], ["new"]]
    assert ledger(grouped) == [
        ("old", "superseded", 'session.start is "2025-01-01"; new has "2025-06-01"'),
    ]
    assert [(row.instead, row.shared) for row in grouped.exclusions] == [
        ("new", "another asset with the same values is later")
    ]


def test_dates_of_different_layouts_are_compared_as_points_in_time() -> None:
    # as texts, the first would be the greatest
    assert kept_of("2025-06-07T20:00:00Z", "2025-06-07T14:00:00-07:00", "2025-06-07 20:30") == ["b"]
    assert kept_of("2025-06-07", "2025-06-07 00:00:01.5+00:00", "20250607") == ["b"]


def test_a_date_is_kept_beside_values_that_are_not_dates_and_these_are_named() -> None:
    starts = {"a": None, "b": 99, "c": "unknown", "d": "2025-06-07"}
    rivals = [asset(name, **of("1", start=start)) for name, start in starts.items()]

    grouped = group_assets(rivals, LATEST)

    assert members(grouped) == [["d"]]
    assert ledger(grouped) == [
        ("a", "superseded", 'session.start is null; d has "2025-06-07"'),
        ("b", "latest_uncertain", "session.start is 99, which is not a date"),
        ("c", "latest_uncertain", 'session.start is "unknown", which is not a date'),
    ]


def test_us_dates_are_read_as_the_other_values_of_the_field_decide() -> None:
    assert kept_of("9/5/2022", "9/28/2022", "10/1/2022") == ["c"]
    assert kept_of("5/9/2022", "28/9/2022", "1/10/2022") == ["c"]
    assert kept_of("2021-01-01T00:00:00Z", "6/7/2025 14:31") == ["b"]
    assert kept_of("2021-01-01T00:00:00Z", 1749306675000) == ["b"]
    assert kept_of(1749306675000, "1749306676") == ["b"]


def test_another_subject_decides_the_order_of_day_and_month() -> None:
    starts = [("a", "1", "2/3/2022"), ("b", "1", "1/5/2022"), ("c", "2", "1/13/2022")]
    assets = [asset(name, **of(subject, start=start)) for name, subject, start in starts]

    assert members(group_assets(assets, LATEST)) == [["a"], ["c"]]
    assert members(group_assets(assets[:2], LATEST)) == []


def test_nothing_is_kept_if_the_field_does_not_decide_which_date_is_the_latest() -> None:
    starts = {"a": "9/5/2022", "b": "2022-06-01", "c": "2020-01-01"}
    rivals = [asset(name, **of("1", start=start)) for name, start in starts.items()]

    grouped = group_assets(rivals, LATEST)

    assert members(grouped) == []
    assert ledger(grouped) == [
        (
            "a",
            "latest_uncertain",
            'session.start is "9/5/2022", which can mean 2022-05-09 or 2022-09-05',
        ),
        (
            "b",
            "latest_uncertain",
            'session.start is "2022-06-01", and the order with the others is not certain',
        ),
        ("c", "superseded", 'session.start is "2020-01-01"; b has "2022-06-01"'),
    ]


def test_nothing_is_kept_of_several_assets_without_a_value() -> None:
    rivals = [asset(name, **of("1")) for name in "ab"]

    grouped = group_assets(rivals, LATEST)

    assert members(grouped) == []
    assert ledger(grouped) == [
        ("a", "latest_uncertain", "session.start is missing, as in the others"),
        ("b", "latest_uncertain", "session.start is missing, as in the others"),
    ]
    assert members(group_assets(rivals[:1], LATEST)) == [["a"]]


@pytest.mark.parametrize(
    ("starts", "note"),
    [
        (("2025-06-07", "2025-06-07T09:00:00Z"), " (a day counts from its start)"),
        (("2025-06-07T09:00", "2025-06-07T12:00Z"), " (a time without an offset is UTC)"),
        (("2025-06-07T09:00Z", "2025-06-07T12:00Z"), ""),
        (("2025-06-07", "2025-06-07"), ", and of equals the last by name is kept"),
    ],
)
def test_a_convention_that_decides_is_in_the_ledger(starts: tuple[str, str], note: str) -> None:
    rivals = [asset(name, **of("1", start=start)) for name, start in zip("ab", starts, strict=True)]

    ((_, _, message),) = ledger(group_assets(rivals, LATEST))

    assert message == f'session.start is "{starts[0]}"; b has "{starts[1]}"{note}'


def test_the_extremes_of_the_calendar_can_be_compared() -> None:
    assert kept_of("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00") == ["b"]


def test_of_two_equally_late_assets_one_stays() -> None:
    assert kept_of("2025-06-07", "2025-06-07") == ["b"]


def test_a_list_field_makes_one_group_unless_it_is_unwound() -> None:
    modalities = [{"abbreviation": "ecephys"}, {"abbreviation": "behavior"}]
    one = asset("a", modality=modalities)
    by = ("modality.abbreviation",)

    whole = group_assets([one], GroupingRules(group_by=by))
    unwound = group_assets([one], GroupingRules(group_by=by, unwind=("modality",)))

    assert [group.metadata for group in whole.groups] == [
        {"modality__abbreviation": ["ecephys", "behavior"]}
    ]
    assert [group.metadata for group in unwound.groups] == [
        {"modality__abbreviation": "ecephys"},
        {"modality__abbreviation": "behavior"},
    ]


def test_an_asset_is_once_in_a_group_that_its_list_names_twice() -> None:
    rules = GroupingRules(group_by=("tags",), unwind=("tags",))

    assert members(group_assets([asset("a", tags=["x", "x", "y"])], rules)) == [["a"], ["a"]]


def test_an_empty_list_has_nothing_to_unwind_and_is_in_the_ledger() -> None:
    rules = GroupingRules(group_by=("tags",), unwind=("tags",))

    grouped = group_assets([asset("a", tags=[]), asset("b", tags=["x"])], rules)

    assert members(grouped) == [["b"]]
    assert ledger(grouped) == [("a", "nothing_to_unwind", "tags is an empty list")]


def test_the_fields_of_the_rules_are_all_that_they_read() -> None:
    rules = GroupingRules(("a",), "b", ("c",), ("d",))

    assert rules.fields == ("a", "b", "c", "d")


def test_unwinding_a_field_leaves_a_field_that_begins_with_its_name() -> None:
    rules = GroupingRules(group_by=("tags", "tags_note"), unwind=("tags",))

    grouped = group_assets([asset("a", tags=["x"], tags_note="y")], rules)

    assert [group.metadata for group in grouped.groups] == [{"tags": "x", "tags_note": "y"}]


# A field with a path for each schema

EITHER = "data_description.input_data_name|data_description.source_data"


def made_from(name: str, start: int, **description: Any) -> DataAsset:
    return asset(name, data_description=description, session={"start": start})


def test_of_several_paths_the_first_with_a_value_counts_and_a_list_of_one_is_its_item() -> None:
    assets = [
        made_from("a", 1, input_data_name="raw"),
        made_from("b", 3, input_data_name=None, source_data=["raw"]),
        made_from("c", 2, source_data=["raw", "other"]),
        made_from("d", 4, source_data=None),
    ]
    rules = GroupingRules(latest_field="session.start", one_per=(EITHER,))

    grouped = group_assets(assets, rules)

    assert members(grouped) == [["b"], ["c"]]
    assert [(name, reason) for name, reason, _ in ledger(grouped)] == [
        ("d", "null_group_field"),
        ("a", "superseded"),
    ]


def test_a_group_by_several_paths_is_named_after_the_first() -> None:
    assets = [
        made_from("a", 1, input_data_name="raw"),
        made_from("b", 2, source_data=["raw", "other"]),
    ]

    grouped = group_assets(assets, GroupingRules(group_by=(EITHER,), unwind=(EITHER,)))

    assert members(grouped) == [["a", "b"], ["b"]]
    assert [group.metadata for group in grouped.groups] == [
        {"data_description__input_data_name": "raw"},
        {"data_description__input_data_name": "other"},
    ]


def test_each_path_of_a_field_is_checked_and_read() -> None:
    fields = {"query": {}, "filter_latest": "created|_created", "filter_by": [EITHER]}
    wrong = make_request(**{**fields, "filter_by": [f"{EITHER}|"]})

    selection = check_selection(make_request(**fields))
    with pytest.raises(InvalidInput) as error:
        check_selection(wrong)

    assert selection.paths == (
        "created",
        "_created",
        "data_description.input_data_name",
        "data_description.source_data",
    )
    assert [issue.where for issue in error.value.issues] == ["filter_by"]
