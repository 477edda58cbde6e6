"""Sweeps turn lists of values into parameter sets and keep the types as typed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dispatch_core.errors import InvalidInput
from dispatch_core.parameter_sets.sweep import (
    SweepMode,
    SweptKey,
    count_sets,
    known_paths,
    read_path,
    read_values,
    sweep_sets,
)
from dispatch_core.parameter_sets.sweep_slips import OURS

A = SweptKey(("a",), (1, 2, 3))
B = SweptKey(("b",), ("x", "y"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.03, 0.05", [0.03, 0.05]),
        ('1, 1.0, "1", one', [1, 1.0, "1", "one"]),
        ("true\nfalse\nnull", [True, False, None]),
        ('["a, b", 1]', ["a, b", 1]),
        ("[1, 2], [3]", [[1, 2], [3]]),
        ('{"seed": 1, "x": [2]}, none', [{"seed": 1, "x": [2]}, "none"]),
        ('"a, b", c d', ["a, b", "c d"]),
        ("0.1 to 0.5 step 0.1", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("1 to 9 step 4", [1, 5, 9]),
        ("1 to 2 step 0.5", [1.0, 1.5, 2.0]),
        ("3 to 1 step -1", [3, 2, 1]),
        ("0 to 1 count 5", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("0 to 1 count 4", [0.0, 0.333333333333333, 0.666666666666667, 1.0]),
        ("0 to 8 count 3", [0, 4, 8]),
        ("1e-3 to 3e-3 step 1e-3, 5", [0.001, 0.002, 0.003, 5]),
    ],
)
def test_values_keep_their_types(text: str, values: list[Any]) -> None:
    assert json.dumps(read_values(text)) == json.dumps(values)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("range(1, 5)", [1, 2, 3, 4]),
        ("range(3), 10", [0, 1, 2, 10]),
        ("range(1, 10, 4)", [1, 5, 9]),
        ("range(0.1,0.4,0.1)", [0.1, 0.2, 0.3]),
        ("range(start=1, stop=3)", [1, 2]),
        ("choice(1,2,3)", [1, 2, 3]),
        ("choice(a, 'b c')", ["a", "b c"]),
        ("tune.choice([0.1, 0.2])", [0.1, 0.2]),
        ("1:4", [1, 2, 3, 4]),
        ("0:0.5:1", [0.0, 0.5, 1.0]),
        ("3:-1:1", [3, 2, 1]),
        ("np.linspace(0,1,3)", [0.0, 0.5, 1.0]),
        ("torch.linspace(0, 1, steps=2)", [0.0, 1.0]),
        ("np.arange(0, 1, .5)", [0.0, 0.5]),
        ("numpy.logspace(-2, 0, 3)", [0.01, 0.1, 1.0]),
        ("np.geomspace(1, 100, 3)", [1.0, 10.0, 100.0]),
        ("list(range(2))", [0, 1]),
        ("[*range(2)]", [0, 1]),
        ("[x for x in range(2)]", [0, 1]),
        ("np.array([1, 2])", [1, 2]),
        ("c(1, 2)", [1, 2]),
        ("seq(1, 7, by=3)", [1, 4, 7]),
        ("{1, 2}", [1, 2]),
        ("1 2 3", [1, 2, 3]),
        ("[1;2]", [1, 2]),
        ("'a, b', c", ["a, b", "c"]),
        ("10**-2, 10**-1", [0.01, 0.1]),
        ("08:30, 2024-01-02", ["08:30", "2024-01-02"]),
        ("s3://a/b, don't", ["s3://a/b", "don't"]),
    ],
)
def test_ranges_of_other_tools_mean_what_they_mean_there(text: str, values: list[Any]) -> None:
    assert json.dumps(read_values(text)) == json.dumps(values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("interval(0, 1)", "is a continuous range. It has no step"),
        ("np.random.uniform(0, 1)", "is a continuous range"),
        ("glob(*)", "the options of a Hydra configuration"),
        ("foo(1, 2)", "'foo(1, 2)' cannot be expanded. Write 1, 2, 3 or 0.1 to 0.5 step 0.1"),
        ("np.linspace(0,1,5,endpoint=False)", "cannot be expanded"),
        ("linspace(0, 1)", "cannot be expanded"),
        ("[x**2 for x in range(3)]", "cannot be expanded"),
        ("range(3)[::2]", "cannot be expanded"),
        ("range(1", "a bracket is not closed"),
        ("range(1, 1)", "is empty"),
        ("5:1", "does not lead from the first number to the last"),
        ("1:1000000", "would make 1,000,000; the limit is 2,000"),
        ("1 to 5", "cannot be expanded"),
        ("1..5", "cannot be expanded"),
        ("1, 2, ..., 9", "'...' cannot be expanded"),
        ("(1, 2), (3, 4)", "'(1, 2)' cannot be expanded"),
        ("1/2, 1/4", "'1/2' cannot be expanded"),
        ("0,1; 0,2", "commas and semicolons separate numbers"),
        ("choice(true, false)", "Write its values alone"),
        *[(text, "Write 1 to 5 step 1") for text in ("1..=5", "1..5", "1...5", "(1..=5)", "1~5")],
        *[(text, "Write 1 to 5 step 1") for text in ("1\u20135", "1 until 5", "between 1 and 5")],
        *[(text, "Write 1 to 5 step 1") for text in ("1 to 5", "from 1 to 5", "1 through 5")],
        *[(text, OURS) for text in ("np.r_[1:5]", "r_[1,2]", "np.mgrid[0:1:5j]", "Range[1]")],
        *[(text, OURS) for text in ("2**range(3)", "10**np.linspace(0,1,2)", "2^(0:3)")],
        *[(text, OURS) for text in ("10.^(-3:0)", "2 ** [1,2]", "0.1*range(5)", "0.1*(1:5)")],
        *[(text, OURS) for text in ("1..5..2", "0..1 step 0.1", "(1..5).step_by(2)", "1:5 by 2")],
        *[(text, OURS) for text in ("seq 1 5", "$(seq 1 5)", "`seq 1 2 9`", "1.step(5,2)")],
        *[(text, OURS) for text in ("vec![1,2]", "@(1,2)", "new int[]{1,2}", "1:5/10", "1'000")],
        *[(text, OURS) for text in ("5 values from 0 to 1", "5..1", "Subdivide[0,1,4]")],
        *[(text, "Write 1, 2, 3 for") for text in ("1 or 2", "1 and 2", "<1,2>", "1, 2 and 3")],
        ("1 000", "Write 1000 for 1 000"),
        ("\u200b5", "U+200B (zero width space). Type the number again"),
        ("0:10:2", "Write 0 to 10 step 2 if it is at the end, or 0 alone"),
        ("0.1:0.5:0.1", "Write 0.1 to 0.5 step 0.1 if it is at the end"),
        ("[1,2,3", "Close the open brackets"),
    ],
)
def test_a_sweep_that_cannot_be_expanded_is_an_error_and_never_split_or_a_text(
    text: str, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_values(text)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        ".5, 1",
        "+5",
        "1.",
        "\u22125",
        "1_000",
        "0x10",
        "1e999",
        "1e-400",
        "-inf",
        "TRUE, FALSE",
        "1:5;7:9",
        "1 - 5",
        "(1:3)*2",
        "0.1+0.2",
        "1, 2]",
        "1, 2 # two",
        "range[1, 5]",
        "rate=1e-3, 1e-4",
        "\u201cx\u201d, \u201cy\u201d",
        "((1, 2), (3, 4))",
        "\u0663",
        "\u0661:\u0663",
        "\uff11 to \uff13 step 1",
    ],
)
def test_what_looks_like_a_number_or_a_list_never_becomes_a_text(text: str) -> None:
    with pytest.raises(InvalidInput, match="is neither a number nor a range that is known here"):
        read_values(text)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("8:30", 'the range from 8 to 30 by 1. Write "8:30" for the time, or 8 to 30 step 1 for'),
        ("0:10:50", 'range from 0 to 50 by 10. Write "0:10:50" for the time, or 0 to 50 step 10'),
        ("20:10", 'the range from 20 to 10 by 1. Write "20:10" for the time.'),
        ("08:30, 17:45", "'17:45' may be a time of day, or the range from 17 to 45 by 1"),
    ],
)
def test_a_range_of_matlab_that_may_be_a_time_is_an_error_with_both_readings(
    text: str, action: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_values(text)

    assert action in str(caught.value)


@pytest.mark.parametrize(("text", "number"), [("8:3:14", 3), ("24:60", 37), ("1:60", 60)])
def test_a_range_of_matlab_that_is_not_a_time_is_a_range(text: str, number: int) -> None:
    assert len(read_values(text)) == number


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1\uff0c2\uff0c3", [1, 2, 3]),
        ("1e-3\u3001 1e-2", [0.001, 0.01]),
        ("0.5\uff1b 1.5, 2", [0.5, 1.5, 2]),
        ("1\u060c2", [1, 2]),
        ("[1:5]", [1, 2, 3, 4, 5]),
        ("(0:0.5:1)", [0.0, 0.5, 1.0]),
        ("1:2:9", [1, 3, 5, 7, 9]),
    ],
)
def test_commas_of_other_scripts_and_ranges_in_brackets_are_read(
    text: str, values: list[Any]
) -> None:
    assert json.dumps(read_values(text)) == json.dumps(values)


@pytest.mark.parametrize(
    "text",
    [
        *("1-2", "2020-01-01", "1.2.3", "a..b", "../x", "v1..v5", "a\uff0cb", "\u5de6\u3001\u53f3"),
        *("a and b", "1 of 2", "x[1:5]", "a[1]", "p[0:3]", "np.r_", "2*sin(x)", "10 ms", "C:\\1"),
        *("seq", "from here to there", "r_1", "List", "Range", "1.2.3..x", "3D and 4D"),
    ],
)
def test_a_text_that_only_resembles_a_sweep_stays_a_text(text: str) -> None:
    assert read_values(text) == (text,)


@pytest.mark.parametrize("text", ["1..=5", "1 to 5", "np.r_[1:5]", "1 or 2", "2**range(3)"])
def test_such_a_text_in_quotes_is_a_text(text: str) -> None:
    assert read_values(json.dumps(text)) == (text,)


def test_commas_between_thousands_are_an_error_and_not_several_values() -> None:
    with pytest.raises(InvalidInput, match="Write 1000 for 1,000"):
        read_values("1,000")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("007, 008", ["007", "008"]),
        ("1e100, -0.0, 0e5", [1e100, -0.0, 0.0]),
        ("#ff0000, 1.2.3, (left), 50%", ["#ff0000", "1.2.3", "(left)", "50%"]),
        ('".5", "1,000"', [".5", "1,000"]),
        ("2024-01-01, 10:30:00, a:b, C:\\x", ["2024-01-01", "10:30:00", "a:b", "C:\\x"]),
    ],
)
def test_texts_that_only_contain_digits_or_signs_stay_texts(text: str, values: list[Any]) -> None:
    assert json.dumps(read_values(text)) == json.dumps(values)


@pytest.mark.parametrize("text", ["12:30", "Session (2)", "foo(1, 2)", "1 to 5"])
def test_a_text_field_takes_what_only_looks_like_a_range(text: str) -> None:
    assert read_values(text, is_text=True) == (text,)


def test_values_of_a_text_field_are_strings() -> None:
    assert read_values('1, true, "a, b"', is_text=True) == ("1", "true", "a, b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no value is given"),
        (",", "no value is given"),
        ("1 to 3 step 0", "never reaches its end"),
        ("1 to 3 step -1", "never reaches its end"),
        ("0 to 1 count 1.5", "1.5 is not a count"),
        ("0 to 1 step 1e-9", "step 1e-9 would make 1,000,000,001; the limit is 2,000"),
        ("0 to 1 count 1e99", "the limit is 2,000"),
        ("True, False", 'Write true, or "True" for the string'),
        ('[1, "x', "does not end"),
        ("9e999 to 9e999 count 1", "is too large"),
    ],
)
def test_a_list_without_valid_values_is_rejected(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_values(text)

    assert message in str(caught.value)


def test_product_makes_every_combination_and_the_last_key_changes_fastest() -> None:
    sets = sweep_sets([A, B], "product", {})

    assert [(one["a"], one["b"]) for one in sets] == [
        (1, "x"),
        (1, "y"),
        (2, "x"),
        (2, "y"),
        (3, "x"),
        (3, "y"),
    ]


def test_zip_combines_the_values_at_the_same_position() -> None:
    keys = [A, SweptKey(("b",), ("x", "y", "z"))]

    assert sweep_sets(keys, "zip", {"c": 0}) == [
        {"c": 0, "a": 1, "b": "x"},
        {"c": 0, "a": 2, "b": "y"},
        {"c": 0, "a": 3, "b": "z"},
    ]


def test_append_changes_one_key_at_a_time() -> None:
    sets = sweep_sets([A, B], "append", {"a": 0, "b": "0"})

    assert [tuple(one.values()) for one in sets] == [
        (1, "0"),
        (2, "0"),
        (3, "0"),
        (0, "x"),
        (0, "y"),
    ]


@pytest.mark.parametrize(("mode", "count"), [("product", 6), ("append", 5)])
def test_sets_are_counted_without_making_them(mode: SweepMode, count: int) -> None:
    assert count_sets([A, B], mode) == count


def test_sweeping_a_nested_key_copies_the_other_members_of_its_fixed_object() -> None:
    keys = [SweptKey(("fit", "seed"), (1, 2))]

    sets = sweep_sets(keys, "product", {"a": 0}, {"fit": {"seed": 0, "polish": True}, "z": 0})

    assert sets == [
        {"a": 0, "fit": {"seed": 1, "polish": True}},
        {"a": 0, "fit": {"seed": 2, "polish": True}},
    ]


@pytest.mark.parametrize(
    ("keys", "mode", "message"),
    [
        ([], "product", "no key is chosen"),
        ([A, B], "zip", "the lists differ in length: a 3, b 2"),
        ([A, A], "product", "a and a change the same value"),
        ([A, SweptKey(("a", "b"), (1,))], "product", "a and a.b change the same value"),
        (
            [SweptKey(("b",), tuple(range(1_000))), A],
            "product",
            "1000 × 3 would make 3,000; the limit is 2,000",
        ),
        ([SweptKey(("n", "x"), (1,))], "product", "n is not an object, so n.x cannot be set"),
    ],
)
def test_an_impossible_sweep_is_rejected(
    keys: list[SweptKey], mode: SweepMode, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        sweep_sets(keys, mode, {"n": 1})

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "path"),
    [("a", ("a",)), ("a.b c", ("a", "b c")), ('["a.b", "c"]', ("a.b", "c"))],
)
def test_a_dotted_path_names_a_nested_key(text: str, path: tuple[str, ...]) -> None:
    assert read_path(text) == path


@pytest.mark.parametrize("text", ["", "a..b", "[1]", ".a"])
def test_a_path_without_a_key_is_rejected(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not the path of a key"):
        read_path(text)


def test_known_paths_lists_the_path_of_each_value_in_any_set() -> None:
    assert known_paths([{"a": {"b": 1, "e": {}}}, {"a": {"c": [1]}}]) == [
        ("a", "b"),
        ("a", "e"),
        ("a", "c"),
    ]
