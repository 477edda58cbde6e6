"""The issues of several parameter sets, grouped by key."""

from __future__ import annotations

import json

from dispatch_core.parameter_sets.document import ParameterCheck, check_parameters
from dispatch_core.parameter_sets.issues_by_key import issues_by_key, next_faulty
from dispatch_core.parameter_sets.schema import parse_schema

SCHEMA = parse_schema(
    json.dumps(
        {
            "type": "object",
            "required": ["tag"],
            "properties": {"tag": {"type": "string"}, "cutoff": {"type": "number", "maximum": 1}},
        }
    )
)


def check(*sets: dict[str, object], **fixed: object) -> ParameterCheck:
    document = {"fixed_parameters": fixed, "distributed_parameters": list(sets)}
    return check_parameters(json.dumps(document), SCHEMA)


def said(checked: ParameterCheck) -> list[str]:
    issues = checked.error.issues if checked.error else ()
    return [one.text(len(checked.merged)) for one in issues_by_key(issues)]


def test_one_fault_in_three_of_four_sets_is_one_line_that_names_them() -> None:
    checked = check(
        {"tag": "a", "cutoff": 2},
        {"tag": "b", "cutoff": 0.5},
        {"tag": "c", "cutoff": 3},
        {"tag": "d", "cutoff": 2},
    )

    (line,) = said(checked)

    assert line.startswith("cutoff: 3 of 4 sets (1, 3, 4): 2 is ")
    assert line.endswith("(others differ)")


def test_a_key_that_every_set_lacks_is_one_line() -> None:
    assert said(check({"cutoff": 0.1}, {"cutoff": 0.2})) == ["tag: all 2 sets: 'tag' is missing"]


def test_different_keys_are_different_lines_in_the_order_of_the_sets() -> None:
    checked = check({"tag": "a", "cutoff": 2}, {"cutoff": 0.1})

    assert [line.partition(": ")[0] for line in said(checked)] == ["cutoff", "tag"]


def test_a_fault_of_the_fixed_parameters_names_no_set() -> None:
    (line,) = said(check({"tag": "a"}, {"tag": "b"}, cutoff=7))

    assert line.startswith("cutoff: 7 is ")


def test_a_fault_of_the_document_stays_as_it_is() -> None:
    checked = check_parameters('{"distributed_parameters": []}', SCHEMA)

    assert said(checked) == ["distributed_parameters is an empty list, which makes no jobs"]


def test_the_next_set_to_correct_follows_and_starts_again_after_the_last() -> None:
    checked = check({"cutoff": 0.1}, {"tag": "b"}, {"cutoff": 0.2})

    assert [next_faulty(checked, number) for number in range(4)] == [1, 3, 3, 1]


def test_no_set_follows_the_only_one_to_correct() -> None:
    assert next_faulty(check({"cutoff": 0.1}), 1) == 0
