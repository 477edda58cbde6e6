"""Editing the text of a parameters file as the form does."""

from __future__ import annotations

import pytest

from dispatch_core.errors import InvalidInput
from dispatch_core.parameter_sets.edit import (
    add_set,
    append_sets,
    copy_set,
    move_set,
    remove_set,
    replace_sets,
    set_value,
    swept_sets,
    to_distributed,
    to_single,
    unset_value,
    wrap_bare,
)
from dispatch_core.parameter_sets.sweep import SweptKey

SINGLE = ("analysis_parameter",)
FIRST = ("distributed_parameters", 0)
FIXED = ("fixed_parameters",)


def test_the_first_value_creates_the_document() -> None:
    text = set_value("", SINGLE, ("cutoff",), 0.05)

    assert text == '{\n  "analysis_parameter": {\n    "cutoff": 0.05\n  }\n}'


def test_a_form_field_changes_only_its_own_value() -> None:
    text = '{"distributed_parameters": [{"b": 1.0, "a": 1e-3}, {"b": 2}]}'

    assert set_value(text, FIRST, ("b",), 1) == text.replace("1.0", "1")


def test_changing_a_member_of_a_fixed_object_copies_the_other_members() -> None:
    text = '{"fixed_parameters": {"fit": {"seed": 1, "polish": true}}, "analysis_parameter": {}}'

    changed = set_value(text, SINGLE, ("fit", "seed"), 2)

    assert changed.endswith('"analysis_parameter": {"fit": {"seed": 2, "polish": true}}}')
    assert '"fixed_parameters": {"fit": {"seed": 1, "polish": true}}' in changed


def test_a_fixed_value_is_changed_in_place() -> None:
    text = '{"fixed_parameters": {"fit": {"seed": 1}}, "analysis_parameter": {}}'

    assert set_value(text, FIXED, ("fit", "seed"), 2) == text.replace("1", "2")


def test_setting_and_unsetting_a_value_restores_the_text() -> None:
    text = '{"analysis_parameter": {"a": 1}}'

    changed = set_value(text, SINGLE, ("fit", "inner", "seed"), 2)

    assert changed == '{"analysis_parameter": {"a": 1, "fit": {"inner": {"seed": 2}}}}'
    assert unset_value(changed, SINGLE, ("fit", "inner", "seed")) == text


def test_a_required_object_is_kept_when_its_last_value_is_removed() -> None:
    text = '{"analysis_parameter": {"fit": {"seed": 2}}}'

    assert unset_value(text, SINGLE, ("fit", "seed"), {("fit",)}) == (
        '{"analysis_parameter": {"fit": {}}}'
    )


def test_a_null_value_differs_from_an_unset_value() -> None:
    text = '{"analysis_parameter": {"a": 1, "b": 2}}'

    assert set_value(text, SINGLE, ("a",), None) == text.replace("1", "null")
    assert unset_value(text, SINGLE, ("a",)) == '{"analysis_parameter": {"b": 2}}'


def test_a_single_set_becomes_a_list_of_one_and_back() -> None:
    text = '{"fixed_parameters": {"x": 0}, "analysis_parameter": {"a": 1.0}}'

    distributed = to_distributed(text)

    assert distributed == '{"fixed_parameters": {"x": 0}, "distributed_parameters": [{"a": 1.0}]}'
    assert to_single(distributed) == text


@pytest.mark.parametrize("text", ["", '{"fixed_parameters": {}}'])
def test_without_a_set_the_list_has_one_empty_set(text: str) -> None:
    assert '"distributed_parameters": [' in to_distributed(text)


def test_sets_are_added_copied_moved_and_removed() -> None:
    text = '{"distributed_parameters": [{"a": 1e0}, {"a": 2}]}'

    copied = copy_set(text, 0)
    moved = move_set(copied, 2, -1)

    assert copied == '{"distributed_parameters": [{"a": 1e0}, {"a": 1e0}, {"a": 2}]}'
    assert moved == '{"distributed_parameters": [{"a": 1e0}, {"a": 2}, {"a": 1e0}]}'
    assert remove_set(moved, 0) == '{"distributed_parameters": [{"a": 2}, {"a": 1e0}]}'
    assert add_set(text) == '{"distributed_parameters": [{"a": 1e0}, {"a": 2}, {}]}'


def test_replacing_a_single_set_makes_its_values_fixed() -> None:
    text = '{"analysis_parameter": {"name": "x", "cutoff": 0.10}}'

    assert replace_sets(text, [{"cutoff": 1}, {"cutoff": 2}]) == (
        '{"fixed_parameters": {"name": "x", "cutoff": 0.10}, '
        '"distributed_parameters": [{"cutoff": 1}, {"cutoff": 2}]}'
    )


def test_a_single_set_is_merged_into_the_fixed_parameters() -> None:
    text = '{"fixed_parameters": {"a": 0, "b": 0}, "analysis_parameter": {"a": 1}}'

    assert replace_sets(text, [{"c": 1}]) == (
        '{"fixed_parameters": {"a": 1, "b": 0}, "distributed_parameters": [{"c": 1}]}'
    )


def test_swept_sets_can_be_appended() -> None:
    text = '{"distributed_parameters": [{"a": 1e0}]}'

    assert append_sets(text, [{"a": 2}, {"a": 3}]) == (
        '{"distributed_parameters": [{"a": 1e0}, {"a": 2}, {"a": 3}]}'
    )


def test_more_than_2000_sets_are_rejected() -> None:
    text = '{"distributed_parameters": [{}]}'

    with pytest.raises(InvalidInput, match="there would be 2,001 parameter sets; the limit is"):
        append_sets(text, [{"a": n} for n in range(2_000)])


SEED = SweptKey(("fit", "seed"), (1, 2))


def test_a_sweep_of_a_single_set_copies_the_other_members_of_a_nested_object() -> None:
    text = '{"analysis_parameter": {"a": 0, "fit": {"seed": 0, "polish": true}}}'

    sets = swept_sets(text, [SEED], "product")

    assert sets == [{"fit": {"seed": 1, "polish": True}}, {"fit": {"seed": 2, "polish": True}}]


def test_a_sweep_of_several_sets_processes_them_in_order() -> None:
    text = '{"distributed_parameters": [{"a": 0}, {"a": 1}, {"a": 2}]}'

    sets = swept_sets(text, [SweptKey(("b",), ("x", "y"))], "product", (0, 2))

    assert sets == [{"a": 0, "b": "x"}, {"a": 0, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]


def test_a_sweep_without_parameters_starts_from_empty_sets() -> None:
    assert swept_sets("", [SEED], "append") == [{"fit": {"seed": 1}}, {"fit": {"seed": 2}}]


@pytest.mark.parametrize(
    ("text", "wrapped"),
    [
        ('{"a": 1e0}', '{"analysis_parameter": {"a": 1e0}}'),
        ('[{"a": 1}]', '{"distributed_parameters": [{"a": 1}]}'),
        ('{\n "a": 1\n}\n', '{\n  "analysis_parameter": {\n   "a": 1\n  }\n}'),
        ('{"analysis_paramter": {}}', None),
        ('{"distributed_parameters": []}', None),
        ("[]", None),
        ("[1]", None),
        ('"text"', None),
        ("{", None),
    ],
)
def test_a_bare_set_or_list_of_sets_is_wrapped(text: str, wrapped: str | None) -> None:
    assert wrap_bare(text) == wrapped
