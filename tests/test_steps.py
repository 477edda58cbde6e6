"""A change of the request repeats only the steps whose input it changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.asset_list import AssetRow
from dispatch_core.dispatch import plan_dispatch
from dispatch_core.errors import InvalidInput
from dispatch_core.output.deliver import deliver
from dispatch_core.output.target import Target
from dispatch_core.request import edit_request, make_request
from dispatch_core.steps import Steps, begin_steps
from tests.fakes import Buckets, Records, record

SOURCE = Records([record(name, k=n % 2) for n, name in enumerate("abcd")])
KEYS = ["a/1.nwb", "a/2.nwb", "d/1.nwb"]


def located(lister: Buckets, **fields: Any) -> Steps:
    """The steps of this request up to its files."""
    request = make_request(**{"query": {}, "file_extension": ".nwb", **fields})
    steps = begin_steps(request)
    steps = steps.with_found(steps.find(SOURCE))
    return steps.with_listed(steps.list_files(lister))


def edited(steps: Steps, **changes: Any) -> Steps:
    return steps.with_request(edit_request(steps.request, **changes))


def names(steps: Steps) -> list[str] | None:
    """The names of the located assets."""
    return None if steps.located is None else [one.asset.name for one in steps.located.located]


def test_the_same_request_gives_the_same_steps() -> None:
    steps = located(Buckets({"data": KEYS}))

    assert steps.with_request(steps.request) is steps
    assert steps.with_found(steps.answer) is steps
    assert steps.with_listed(steps.listed) is steps


def test_a_change_of_workers_reuses_every_step_up_to_the_chosen_files() -> None:
    steps = located(Buckets({"data": KEYS}))
    steps = steps.with_plan(steps.assemble("buckets"))

    after = edited(steps, num_parallel_workers=1)

    assert after.found is steps.found
    assert after.grouped is steps.grouped
    assert after.located is steps.located
    assert after.chosen is steps.chosen
    assert after.plan is None


def test_a_change_of_parameters_reuses_the_selection() -> None:
    steps = located(Buckets({"data": KEYS}))

    after = edited(steps, parameters={"analysis_parameter": {"a": 1}})

    assert after.parts.selection is steps.parts.selection
    assert after.located is steps.located


def test_an_exclusion_by_hand_groups_again_and_lists_no_file_again() -> None:
    lister = Buckets({"data": KEYS})
    steps = located(lister)
    requests = lister.requests

    after = edited(steps, excluded=("r-a",))

    assert (names(steps), names(after)) == (["a", "d"], ["d"])
    assert after.listed is steps.listed
    assert lister.requests == requests


def test_files_of_exactly_the_assets_that_are_left_are_taken_as_they_were_listed() -> None:
    steps = located(Buckets({"data": KEYS}))
    names_of = [one.name for one in steps.found.assets]

    turned = steps.with_listed(replace(steps.listed, located=steps.listed.located[::-1]))
    shorter = steps.with_listed(replace(steps.listed, exclusions=()))

    assert steps.located is steps.listed
    assert names_of == ["a", "b", "c", "d"]
    assert names(turned) == ["a", "d"]
    assert shorter.located is None


def test_an_asset_that_was_never_listed_is_not_located() -> None:
    steps = located(Buckets({"data": KEYS}), excluded=("r-a",))

    after = edited(steps, excluded=())

    assert after.found is not None
    assert names(after) is None


@pytest.mark.parametrize("changes", [{"file_extension": ".zarr"}, {"nested_stores": "all"}])
def test_another_extension_or_rule_for_stores_keeps_the_assets_and_drops_the_files(
    changes: dict[str, Any],
) -> None:
    steps = located(Buckets({"data": KEYS}))

    after = edited(steps, **changes)

    assert after.grouped is steps.grouped
    assert (after.listed, names(after)) == (None, None)


def test_without_an_extension_assets_are_located_as_soon_as_they_are_found() -> None:
    steps = edited(located(Buckets({"data": KEYS})), file_extension="")

    assert names(steps) == ["a", "b", "c", "d"]


def test_another_rule_for_several_files_chooses_again_among_the_same_files() -> None:
    steps = located(Buckets({"data": KEYS}))

    after = edited(steps, several_files="only_one")

    assert after.located is steps.located
    assert [one.asset.name for one in after.chosen.located] == ["d"]


def test_another_query_drops_the_assets() -> None:
    steps = located(Buckets({"data": KEYS}))

    after = edited(steps, query={"k": 1})

    assert (after.answer, after.found, after.grouped) == (None, None, None)


def test_filters_for_1_and_true_differ() -> None:
    one, true, again = (begin_steps(make_request(query={"k": k})) for k in (1, True, 1))

    assert one.find_key == again.find_key
    assert one.find_key != true.find_key


def test_lists_of_ids_with_the_same_rows_are_one_selection() -> None:
    one, again, other = (
        begin_steps(make_request(asset_rows=[AssetRow(2, text)])) for text in ("a", "a", "b")
    )

    assert one.find_key == again.find_key
    assert one.find_key != other.find_key


def test_a_trial_by_a_field_that_is_read_anyway_keeps_the_assets() -> None:
    request = make_request(query={}, file_extension=".nwb")
    steps = begin_steps(request, columns=("k",))
    steps = steps.with_found(steps.find(SOURCE))

    known = edited(steps, trial={"one_per": "k"})
    unknown = edited(steps, trial={"one_per": "subject.subject_id"})

    assert [group.assets[0].name for group in known.grouped.groups] == ["a", "b"]
    assert unknown.found is None


def test_assets_are_found_and_files_located_while_the_parameters_are_wrong() -> None:
    steps = located(Buckets({"data": KEYS}), parameters={"analysis_parameters": {}})

    assert names(steps) == ["a", "d"]
    assert "analysis_parameters" in str(steps.error)
    with pytest.raises(InvalidInput, match="analysis_parameters"):
        steps.assemble("buckets")


def test_a_query_with_an_error_finds_nothing() -> None:
    steps = begin_steps(make_request(query={"$where": "1"}))

    assert steps.find_key is None
    with pytest.raises(InvalidInput, match="where"):
        steps.find(SOURCE)


def test_files_that_were_listed_before_give_the_plan_that_listing_again_gives() -> None:
    lister = Buckets({"data": KEYS})
    before = located(lister, group_by=["k"])
    requests = lister.requests

    after = edited(before, excluded=("r-a",))
    made = after.assemble(lister.label)

    assert lister.requests == requests
    assert made == plan_dispatch(after.request, SOURCE, lister)
    assert [(row.name, row.reason) for row in made.exclusions][1:] == [
        ("b", "no_matching_file"),
        ("c", "no_matching_file"),
    ]


def test_earlier_dispatches_are_read_once_for_the_same_paths(tmp_path: Path) -> None:
    first = plan_dispatch(make_request(query={"name": "a"}), SOURCE, Buckets())
    deliver(first, Target(tmp_path / "monday"))
    steps = located(Buckets({"data": KEYS}), file_extension="", not_in=[str(tmp_path)])
    read = steps.with_before(steps.read_before())

    capped = edited(read, max_number_of_tasks_dispatched=1)
    others = edited(read, not_in=[str(tmp_path), str(tmp_path / "monday")])

    assert (steps.needs_before, read.needs_before) == (True, False)
    assert capped.before is read.before
    assert others.before is None
    assert capped.assemble("b").equation.dispatched_before == 1
    assert edited(read, not_in=()).assemble("b").equation.dispatched_before == 0
    assert read.without_before().needs_before


def test_only_remaining_jobs_are_looked_for_among_the_processed() -> None:
    steps = located(Buckets({"data": KEYS}), file_extension="")
    built = steps.with_built(steps.build())
    chosen = edited(built, only_jobs=[built.built.jobs[2].name], analysis_code={"name": "w"})
    results = Records([])

    checked = chosen.with_processed(chosen.check(results))
    again = edited(checked, only_jobs=None)

    assert chosen.built is built.built
    assert checked.processed is not None
    assert again.processed is None
