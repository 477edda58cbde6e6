"""Comparing parameter sets: differing values, shared values, repeated sets, origins."""

from __future__ import annotations

from typing import Any

from dispatch_core.parameter_sets.compare import Comparison, compare_sets
from dispatch_core.parameter_sets.document import merge_sets


def compared(*sets: dict[str, Any], fixed: dict[str, Any] | None = None) -> Comparison:
    document = {"fixed_parameters": fixed or {}, "distributed_parameters": list(sets)}
    return compare_sets(merge_sets(document))


def test_differing_and_shared_values_are_listed_separately() -> None:
    found = compared({"a": 1, "fit": {"seed": 1, "polish": True}},
                     {"a": 1, "fit": {"seed": 2, "polish": True}})  # fmt: skip

    assert found.differing == (("fit", "seed"),)
    assert found.shared == (("a",), ("fit", "polish"))


def test_1_differs_from_1_0_from_true_from_text_and_from_a_missing_value() -> None:
    values: list[dict[str, Any]] = [{"a": 1}, {"a": 1.0}, {"a": "1"}, {"a": True}, {}]

    assert all(compared(values[0], other).differing == (("a",),) for other in values[1:])


def test_a_repeated_set_refers_to_its_first_occurrence() -> None:
    found = compared({"a": 1, "b": 2}, {"a": 3}, {"b": 2, "a": 1})

    assert [one.same_as for one in found.sets] == [None, None, 1]


def test_each_value_has_the_key_that_it_comes_from() -> None:
    found = compared({"a": 1}, {}, fixed={"a": 0, "b": 0})

    assert {path: one.origin for path, one in found.sets[0].values.items()} == {
        ("a",): "distributed_parameters",
        ("b",): "fixed_parameters",
    }
    assert found.sets[1].values[("a",)].origin == "fixed_parameters"
    assert found.sets[1].values[("a",)].value == 0


def test_values_of_a_single_set_come_from_analysis_parameter() -> None:
    sets = merge_sets({"fixed_parameters": {"b": 0}, "analysis_parameter": {"a": 1}})

    found = compare_sets(sets)

    assert found.sets[0].values[("a",)].origin == "analysis_parameter"
    assert found.shared == (("b",), ("a",))
