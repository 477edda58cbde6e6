"""The exclusion ledger by reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.types import Exclusion, Reason
from dispatch_core.views.ledger_groups import group_exclusions


def row(reason: Reason, message: str = "m", name: str = "a", **more: object) -> Exclusion:
    return Exclusion(reason.stage, reason, message, "do it", name=name, **more)  # type: ignore[arg-type]


def test_equal_rows_are_one_group_with_one_message_and_one_action() -> None:
    rows = [row(Reason.NO_MATCHING_FILE, name=f"a{number}") for number in range(111)]

    (group,) = group_exclusions(rows)

    assert (group.stage, group.reason, len(group.rows)) == ("files", "no_matching_file", 111)
    assert (group.messages, group.actions) == ((("m", 111),), (("do it", 111),))


def test_messages_that_differ_only_in_a_name_are_one() -> None:
    rows = [
        row(Reason.OVER_THE_CAP, f"over the cap of 5 jobs ({n})", shared="over the cap of 5 jobs")
        for n in range(3)
    ]

    assert group_exclusions(rows)[0].messages == (("over the cap of 5 jobs", 3),)


def test_groups_keep_the_order_of_the_ledger_and_messages_the_most_frequent_first() -> None:
    rows = [
        row(Reason.NOT_FOUND, "typo"),
        row(Reason.OVER_THE_CAP, "one"),
        row(Reason.NOT_FOUND, "gone"),
        row(Reason.NOT_FOUND, "gone"),
    ]

    groups = group_exclusions(rows)

    assert [group.reason for group in groups] == [Reason.NOT_FOUND, Reason.OVER_THE_CAP]
    assert groups[0].messages == (("gone", 2), ("typo", 1))


def test_one_reason_at_two_stages_is_two_groups() -> None:
    rows = [
        Exclusion("input", Reason.DUPLICATE, "row 2", ""),
        Exclusion("jobs", Reason.DUPLICATE, "same job", ""),
    ]

    assert [group.stage for group in group_exclusions(rows)] == ["input", "jobs"]


def test_the_extensions_that_assets_have_instead_are_counted_by_asset() -> None:
    rows = [
        row(Reason.NO_MATCHING_FILE, held=((".zarr", 9), (".json", 1))),
        row(Reason.NO_MATCHING_FILE, held=((".zarr", 2),)),
    ]

    assert group_exclusions(rows)[0].held == ((".zarr", 2), (".json", 1))


@given(st.lists(st.builds(row, st.sampled_from(Reason), st.sampled_from("xyz"))))
def test_no_row_is_lost_and_none_is_counted_twice(rows: list[Exclusion]) -> None:
    groups = group_exclusions(rows)

    assert sorted(map(str, rows)) == sorted(str(one) for group in groups for one in group.rows)
    for group in groups:
        assert sum(count for _, count in group.messages) == len(group.rows)
