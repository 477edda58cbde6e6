"""Filters match what MongoDB matches, and are refused if MongoDB refuses them."""

from __future__ import annotations

import re
import warnings
from collections import deque
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.errors import InvalidInput
from dispatch_core.language.match import compile_clauses, compile_filter
from dispatch_core.language.pcre import Budget, compile_pattern
from tests.support.mongodb_semantics import REFUSED, SEMANTICS


@pytest.mark.parametrize("rule", SEMANTICS)
def test_a_filter_matches_what_mongodb_matches(rule: str) -> None:
    rows = SEMANTICS[rule]

    wrong = [row for row in rows if compile_filter(row[0])(row[1]) is not row[2]]

    assert wrong == []


@pytest.mark.parametrize(("filter_query", "where", "named"), REFUSED)
def test_a_filter_that_mongodb_refuses_is_refused_with_its_path_and_operator(
    filter_query: dict[str, Any], where: str, named: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_filter(filter_query)

    (issue,) = caught.value.issues
    assert issue.where == where
    assert named in issue.what


@pytest.mark.parametrize("filter_query", [[], None, "x", {1: 2}, {"a": {1: 2}}, {"a": {1, 2}}])
def test_a_filter_that_is_not_a_json_document_is_refused(filter_query: Any) -> None:
    with pytest.raises(InvalidInput):
        compile_filter(filter_query)


@pytest.mark.parametrize("name", ["$and", "$or", "$nor"])
def test_a_filter_of_99_levels_is_accepted_and_one_of_more_than_100_is_refused(name: str) -> None:
    allowed: dict[str, Any] = {"a": 1}
    for _ in range(49):
        allowed = {name: [allowed]}

    assert compile_filter(allowed)({"a": 1}) in (True, False)
    with pytest.raises(InvalidInput, match="nests deeper than 100 levels"):
        compile_filter({"$or": [{"$or": [allowed]}]})


def test_a_chain_of_99_not_operators_is_compiled() -> None:
    condition: dict[str, Any] = {"$eq": 1}
    for _ in range(98):
        condition = {"$not": condition}

    matches = compile_filter({"a": condition})

    assert matches({"a": 1})
    assert not matches({"a": 2})


def test_a_chain_of_not_and_elem_match_is_compiled_once_per_level() -> None:
    condition: dict[str, Any] = {"$gt": 1}
    for _ in range(48):
        condition = {"$elemMatch": {"$not": condition}}

    matches = compile_filter({"a": condition})

    assert not matches({"a": 5})


def test_a_filter_of_100000_levels_is_refused() -> None:
    bomb: dict[str, Any] = {}
    for _ in range(100_000):
        bomb = {"$not": bomb}

    with pytest.raises(InvalidInput, match="nests deeper"):
        compile_filter({"a": bomb})


def test_a_document_with_operators_only_after_its_first_field_is_a_value() -> None:
    matches = compile_filter({"a": {"b": 1, "$gt": 2}})

    assert matches({"a": {"b": 1, "$gt": 2}})
    assert not matches({"a": 3})


def test_a_reference_document_is_a_value() -> None:
    matches = compile_filter({"a": {"$ref": "assets", "$id": 7}})

    assert matches({"a": {"$ref": "assets", "$id": 7}})


def test_matching_does_not_modify_the_record() -> None:
    record = {"a": [{"b": [1, 2]}, {"b": 3}], "c": {"d": "x"}}

    compile_filter({"a": {"$elemMatch": {"b": 1}}, "c.d": {"$regex": "x"}})(record)

    assert record == {"a": [{"b": [1, 2]}, {"b": 3}], "c": {"d": "x"}}


def test_each_operator_of_a_field_is_a_clause_and_options_belong_to_the_regex() -> None:
    clauses = compile_clauses(
        {"name": {"$regex": "^FIP", "$options": "i", "$not": {"$regex": "done"}}, "level": "raw"}
    )

    assert [(clause.path, clause.text) for clause in clauses] == [
        ("name", '{"name": {"$regex": "^FIP", "$options": "i"}}'),
        ("name", '{"name": {"$not": {"$regex": "done"}}}'),
        ("level", '{"level": "raw"}'),
    ]


def test_the_members_of_an_and_are_clauses_and_an_or_is_one() -> None:
    clauses = compile_clauses({"$and": [{"a": 1}, {"$and": [{"b": 2}]}], "$or": [{"c": 3}]})

    assert [clause.text for clause in clauses] == [
        '{"a": 1}',
        '{"b": 2}',
        '{"$or": [{"c": 3}]}',
    ]


def test_the_clauses_that_fail_explain_why_a_record_does_not_match() -> None:
    clauses = compile_clauses({"a": {"$gte": 3, "$lt": 9}, "b": {"$exists": True}})

    failed = [clause.text for clause in clauses if not clause.test({"a": 12, "b": 0})]

    assert failed == ['{"a": {"$lt": 9}}']


def test_the_error_for_an_unsupported_operator_lists_the_supported_ones() -> None:
    with pytest.raises(InvalidInput, match=r"name: .*\$near is not supported.*\$elemMatch"):
        compile_filter({"name": {"$near": [0, 0]}})


def test_a_long_pattern_is_truncated_in_the_error() -> None:
    with pytest.raises(InvalidInput, match=re.escape("'" + "(" * 80 + "...'")):
        compile_filter({"a": {"$regex": "(" * 5000}})


@pytest.mark.parametrize(
    ("pattern", "options", "text", "expected"),
    [
        ("a(?i)b|c", "", "C", True),
        ("(a(?i)b|c)d", "", "CD", False),
        (r"^\w+$", "", "é", False),
        (r"[^\w]", "", "é", True),
        (r"\W", "", "é", True),
        (r"[\s\S]", "", "é", True),
        (r"[^\D]", "", "٣", False),
        (r"é\b", "", "é", False),
        (r"\d", "", "٣", False),
        (r"a\hb", "", "a\u00a0b", True),
        (r"\R", "", "\r\n", True),
        (r"\x{e9}", "", "é", True),
        (r"[\x{e9}]", "", "é", True),
        (r"(x)\g1", "", "xx", True),
        (r"(x)\g{1}", "", "x", False),
        ("a{,2}", "", "aa", False),
        ("a{,2}", "", "a{,2}", True),
        ("a++b", "", "aab", True),
        ("(?>a+)b", "", "aab", True),
        ("(?'n'x)(?P=n)", "", "xx", True),
        ("[a[b]", "", "[", True),
        ("[+--]", "", ",", True),
        ("[]a]", "", "]", True),
        ("[^]a]", "", "]", False),
        ("[a&&b]", "", "&", True),
        ("[[:upper:][:blank:]]", "", "\t", True),
        ("(?#note (a)b", "", "b", True),
        ("a # (\n b", "x", "ab", True),
        (r"\Qa.b", "", "a.b", True),
    ],
)
def test_a_pattern_matches_as_in_pcre(
    pattern: str, options: str, text: str, expected: bool
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compile_pattern(pattern, options, "a").search(text)

    assert (found is not None) is expected


@pytest.mark.parametrize("pattern", ["(", "a)", "[a", "*", r"\K", r"\p{Lu}", "(?R)", "\\", "a\0b"])
def test_an_invalid_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput, match=r"a: \$regex"):
        compile_pattern(pattern, "", "a")


BOMBS = [
    *["(a+)+$", "(a*)*$", "(a|a)*$", "(a|aa)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$"],
    *["(a?){30}a{30}$", "a?" * 40 + "a" * 40 + "$", "(a|a)" * 40 + "$", "(?:a|a|b)" * 30 + "$"],
    *["(a+){2,}b", "(?=(a+))*b$", r"(a+)\1+$", "(a*a*)*b", "(?i)(A+)+$", "((a+)?)+$"],
    *[r"(\w+\s?)*!", r"^(\d|\w)+$\n", "(?:(?:a+)+)+$", "(a{1,40}){1,40}$", r"(\ba?\B?)+$"],
    *["(a+|b)*c", "([^b]+)*b$", "(a+?)+?$", "((((a+)+)+)+)+$", r"(?<n>a+)+(?P=n)+$", "(aa|a)+$"],
    *["(?:a+a+)+$", "((a|b)*?)*$", r"([a-z]+)*\Z"],
]


@pytest.mark.parametrize("pattern", BOMBS)
def test_a_pattern_that_backtracks_exponentially_is_stopped(pattern: str) -> None:
    search = compile_pattern(pattern, "", "name", Budget(0.05)).search

    with suppress(InvalidInput):
        for text in ("a" * 50 + "!", "a" * 30, "a" * 5000 + "B!"):
            search(text)


def test_a_pattern_that_takes_too_long_is_refused_with_advice() -> None:
    budget = Budget(0.05)

    with pytest.raises(InvalidInput) as caught:
        compile_pattern("(a|aa)+$", "", "name", budget).search("a" * 60 + "!")

    assert str(caught.value) == (
        "name: $regex '(a|aa)+$' takes too long and was stopped. "
        "Avoid nested or adjacent repeats, as in (a|aa)+."
    )
    assert budget.seconds <= 0


def test_the_time_limit_applies_to_all_texts_together() -> None:
    budget = Budget(0.02)
    search = compile_pattern("(a|aa)+$", "", "name", budget).search
    search("a" * 12 + "!")  # short enough to finish in spite of backtracking

    with pytest.raises(InvalidInput, match="takes too long"):
        deque(map(search, ["a" * 12 + "!"] * 100_000), maxlen=0)


def test_a_pattern_longer_than_mongodb_takes_is_refused() -> None:
    with pytest.raises(InvalidInput, match="more than 32,764 characters"):
        compile_pattern("a" * 32_765, "", "name")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["x", "$a", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "a b a.b a.0 $and $or $nor $not $in $all $elemMatch $regex $options $size $mod "
                "$type $gt $lte $exists $expr $ne $eq $size $nin $where".split()
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "b.a", "$or", "$and", "$expr", "$nor"]), JSON), JSON)
def test_any_document_is_a_filter_or_raises_invalid_input(
    filter_query: dict[str, Any], value: Any
) -> None:
    try:
        answer = compile_filter(filter_query)({"a": value, "b": [{"a": value}, value]})
    except InvalidInput:
        answer = False
    assert answer in (True, False)


@given(JSON)
def test_ne_nin_and_not_match_exactly_what_their_counterparts_do_not(value: Any) -> None:
    record = {"a": [value, {"b": 1}]}

    for operators in ({"$ne": value}, {"$not": {"$eq": value}}, {"$nin": [value]}):
        try:
            denied = compile_filter({"a": operators})(record)
        except InvalidInput:
            continue
        assert denied is not compile_filter({"a": {"$eq": value}})(record)


@given(st.text(max_size=12))
def test_any_text_is_a_pattern_or_raises_invalid_input(pattern: str) -> None:
    try:
        found = compile_pattern(pattern, "", "a").search("abc")
    except InvalidInput:
        found = None
    assert found is None or found.string == "abc"  # type: ignore[attr-defined]
