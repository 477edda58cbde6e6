"""Queries saved by name: bounds, names, owners, races, and what else may be in the file."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.errors import InvalidInput, NothingFound
from dispatch_core.kept.saved_queries import MOST, Owner, SavedQueries
from dispatch_core.kept.store import Bounds, KeptTexts

ADA, GRACE = Owner(user="ada"), Owner(user="grace")
HERE, THERE = Owner(browser="h" * 43), Owner(browser="t" * 43)
QUERY = '{"name": "x"}'
BOUNDS = Bounds(100, 2_000_000, 10_000_000, 1_000.0)


def saved_in(folder: Path) -> SavedQueries:
    return SavedQueries(KeptTexts(folder / "queries", BOUNDS))


def names(queries: SavedQueries, owner: Owner = ADA) -> list[str]:
    return [one.name for one in queries.of(owner)]


def test_saved_queries_are_sorted_and_read_back_by_another_process(tmp_path: Path) -> None:
    saved_in(tmp_path).save(ADA, "beta", '{"name": "b"}')
    saved_in(tmp_path).save(ADA, "  Alpha ", '{ "name":"é" }')

    found = saved_in(tmp_path).of(ADA)

    assert [(one.name, one.text) for one in found] == [
        ("Alpha", '{ "name":"é" }'),
        ("beta", '{"name": "b"}'),
    ]


def test_each_user_and_each_browser_has_its_own(tmp_path: Path) -> None:
    queries = saved_in(tmp_path)
    queries.save(ADA, "hers", QUERY)
    queries.save(HERE, "here", QUERY)

    assert [names(queries, one) for one in (ADA, GRACE, HERE, THERE)] == [
        ["hers"],
        [],
        ["here"],
        [],
    ]


@pytest.mark.parametrize("browser", ["", "short", "../" * 10, "the saved queries of a user"])
def test_an_id_that_a_browser_makes_up_has_no_queries_and_saves_none(
    tmp_path: Path, browser: str
) -> None:
    queries = saved_in(tmp_path)

    assert queries.of(Owner(browser=browser)) == ()
    with pytest.raises(InvalidInput, match="not a name"):
        queries.save(Owner(browser=browser), "x", QUERY)


def test_a_browser_cannot_ask_for_the_queries_of_a_user(tmp_path: Path) -> None:
    queries = saved_in(tmp_path)
    queries.save(ADA, "hers", QUERY)

    assert queries.of(Owner(browser=ADA.key[1])) == ()


def test_a_query_is_replaced_only_if_that_is_meant(tmp_path: Path) -> None:
    queries = saved_in(tmp_path)
    queries.save(ADA, "mine", QUERY)

    with pytest.raises(InvalidInput, match="'mine' already"):
        queries.save(ADA, "MINE", "{}")
    assert queries.of(ADA)[0].text == QUERY

    queries.save(ADA, "MINE", "{}", may_replace=True)
    assert [(one.name, one.text) for one in queries.of(ADA)] == [("MINE", "{}")]


def test_a_query_is_renamed_but_never_onto_another_one(tmp_path: Path) -> None:
    queries = saved_in(tmp_path)
    queries.save(ADA, "one", QUERY)
    queries.save(ADA, "two", "{}")

    with pytest.raises(InvalidInput, match="'two' already"):
        queries.rename(ADA, "one", "Two")
    queries.rename(ADA, "one", "ONE")
    queries.rename(ADA, "ONE", "three")

    assert [(one.name, one.text) for one in queries.of(ADA)] == [("three", QUERY), ("two", "{}")]


def test_a_deleted_query_is_returned_and_gone(tmp_path: Path) -> None:
    queries = saved_in(tmp_path)
    queries.save(ADA, "mine", QUERY)

    assert queries.delete(ADA, "mine").text == QUERY
    assert names(queries) == []
    with pytest.raises(NothingFound, match="'mine' does not exist any more"):
        queries.delete(ADA, "mine")
    with pytest.raises(NothingFound, match="'mine' does not exist any more"):
        queries.rename(ADA, "mine", "other")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("", "has no name"),
        (" \n", "has no name"),
        ("x" * 81, "81 characters"),
        ("a\nb", "cannot be shown"),
        ("a\x1b[2J", "cannot be shown"),
        ("a\u202eb", "cannot be shown"),
        ("a\ud800", "cannot be shown"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(tmp_path: Path, name: str, what: str) -> None:
    queries = saved_in(tmp_path)
    queries.save(ADA, "mine", QUERY)

    with pytest.raises(InvalidInput, match=what):
        queries.save(ADA, name, QUERY)
    with pytest.raises(InvalidInput, match=what):
        queries.rename(ADA, "mine", name)
    assert names(queries) == ["mine"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"half": ', "too early"),
        ('{"$where": "1"}', r"\$where"),
        ('{"a": "' + "x" * 100_000 + '"}', "100,009 characters"),
    ],
)
def test_a_text_that_is_not_a_query_is_not_saved(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        saved_in(tmp_path).save(ADA, "mine", text)


def test_at_most_a_hundred_are_saved_and_one_of_them_can_be_replaced(tmp_path: Path) -> None:
    queries = saved_in(tmp_path)
    for number in range(MOST):
        queries.save(ADA, f"q{number}", QUERY)

    with pytest.raises(InvalidInput, match="100 queries are saved"):
        queries.save(ADA, "one more", QUERY)
    queries.save(ADA, "q0", "{}", may_replace=True)
    assert len(queries.of(ADA)) == MOST


def kept_file(folder: Path) -> Path:
    (file,) = (folder / "queries").glob("*.json")
    return file


def document(*queries: object, mark: str = "job-dispatch saved queries 1") -> str:
    return json.dumps({"mark": mark, "queries": queries})


FORGED: list[str] = [
    "",
    "[]",
    "[" * 100_000,
    document(mark="another program"),
    document({"name": 5, "text": "{}"}),
    document({"name": "x"}),
    document({"name": "x" * 81, "text": "{}"}),
    document({"name": "a\n", "text": "{}"}),
    document({"name": "a", "text": '{"$where": 1}'}),
    document(*[{"name": "a", "text": "{}"}] * 101),
]


@pytest.mark.parametrize("content", FORGED)
def test_a_forged_file_has_no_queries_and_can_be_written_again(
    tmp_path: Path, content: str
) -> None:
    queries = saved_in(tmp_path)
    queries.save(ADA, "mine", QUERY)
    kept_file(tmp_path).write_text(content)

    assert queries.of(ADA) == ()
    queries.save(ADA, "again", QUERY)
    assert names(queries) == ["again"]


@given(st.text(max_size=90))
def test_any_name_is_saved_as_it_is_or_refused(tmp_path_factory: object, name: str) -> None:
    folder = tmp_path_factory.mktemp("names")  # type: ignore[attr-defined]
    queries = saved_in(folder)

    try:
        queries.save(ADA, name, QUERY)
    except InvalidInput:
        assert queries.of(ADA) == ()
    else:
        assert names(queries) == [name.strip()]


def test_queries_that_two_tabs_save_at_once_are_all_kept(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=saved_in(tmp_path).save, args=(ADA, f"q{number:02}", QUERY))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert names(saved_in(tmp_path)) == [f"q{number:02}" for number in range(20)]
