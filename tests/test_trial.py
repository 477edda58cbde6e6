"""A trial run: which assets it takes, and that the others are in the ledger."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_core.grouping import Grouped, GroupingRules, group_assets
from dispatch_core.request import Trial
from dispatch_core.trial import take_trial
from tests.fakes import asset

SIX = [asset(name, subject={"id": "112233"[n]}) for n, name in enumerate("abcdef")]
ONE_EACH = group_assets(SIX, GroupingRules())
BY_SUBJECT = group_assets(SIX, GroupingRules(group_by=("subject.id",)))


def kept(grouped: Grouped, **rule: Any) -> list[str]:
    """The names in each group that a trial takes, one word for each group."""
    taken = take_trial(grouped, Trial(**rule))
    return ["".join(one.name for one in group.assets) for group in taken.groups]


def test_without_a_trial_nothing_is_excluded() -> None:
    assert take_trial(ONE_EACH, None) is ONE_EACH


def test_the_first_are_the_first_in_source_order() -> None:
    assert kept(ONE_EACH, first=2) == ["a", "b"]


def test_groups_are_taken_whole() -> None:
    assert kept(BY_SUBJECT, first=2) == ["ab", "cd"]
    assert kept(BY_SUBJECT, one_per="subject.id") == ["ab", "cd", "ef"]


def test_one_per_field_takes_the_first_of_each_value() -> None:
    assert kept(ONE_EACH, one_per="subject.id") == ["a", "c", "e"]


def test_assets_without_the_field_count_as_one_value() -> None:
    assert kept(ONE_EACH, one_per="session.type") == ["a"]


def test_random_ones_come_in_source_order_and_a_seed_chooses_the_same_again() -> None:
    chosen = kept(ONE_EACH, random=3, seed=1)

    assert chosen == kept(ONE_EACH, random=3, seed=1) == sorted(chosen)
    assert len({tuple(kept(ONE_EACH, random=3, seed=seed)) for seed in range(10)}) > 1


def test_random_ones_do_not_depend_on_the_order_of_the_assets() -> None:
    turned = Grouped(ONE_EACH.groups[::-1])

    assert set(kept(turned, random=3)) == set(kept(ONE_EACH, random=3))


def test_more_random_ones_are_those_before_and_others() -> None:
    assert set(kept(ONE_EACH, random=2)) < set(kept(ONE_EACH, random=4))


@pytest.mark.parametrize("rule", [{"first": 9}, {"random": 9}])
def test_a_trial_of_more_assets_than_exist_takes_all(rule: dict[str, int]) -> None:
    assert kept(ONE_EACH, **rule) == list("abcdef")


def test_each_excluded_asset_is_a_ledger_row_after_the_earlier_ones() -> None:
    earlier = take_trial(ONE_EACH, Trial(first=5)).exclusions

    taken = take_trial(Grouped(ONE_EACH.groups[:3], earlier), Trial(first=1))

    assert [(row.name, row.stage, row.reason, row.message) for row in taken.exclusions] == [
        ("f", "grouping", "not_in_trial", "the trial takes the first 5"),
        ("b", "grouping", "not_in_trial", "the trial takes the first 1"),
        ("c", "grouping", "not_in_trial", "the trial takes the first 1"),
    ]


def test_an_asset_of_several_groups_is_excluded_only_if_the_trial_takes_none_of_them() -> None:
    rules = GroupingRules(group_by=("tags",), unwind=("tags",))
    grouped = group_assets([asset("a", tags=["x", "y"]), asset("b", tags=["y"])], rules)

    taken = take_trial(grouped, Trial(first=1))

    assert [row.name for row in taken.exclusions] == ["b"]
