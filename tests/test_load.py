"""Several simultaneous sessions without a browser; `make load` measures their times."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.browserless import AppServer, Tab
from benchmarks.load import (
    Tally,
    come_and_go,
    crowd,
    dispatch_at_once,
    leaks_caught,
    mark,
    prepare,
    while_listing,
)
from tests.support.coroutines import result_of

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with AppServer(tmp_path_factory.mktemp("load")) as server:
        yield server
    assert "Traceback" not in server.log


@pytest.mark.main
def test_simultaneous_sessions_have_no_errors_and_no_data_of_each_other(server: AppServer) -> None:
    tally = result_of(crowd(server, 8, think=0.2, reruns=4))

    assert tally.errors == []
    assert tally.strangers == set()
    assert tally.own == set(range(8))
    assert len(tally.seconds) == 32


def test_the_search_for_leaks_finds_those_of_a_leaky_app(tmp_path: Path) -> None:
    with AppServer(tmp_path, "benchmarks/leaky_app.py") as server:
        assert result_of(leaks_caught(server)) == 3


def test_others_visit_pages_while_one_tab_finds_locates_plans_and_zips(server: AppServer) -> None:
    outcome = result_of(while_listing(server, sessions=3, think=0.1, alone=0.3))

    assert [outcome.alone.errors, outcome.during.errors, outcome.first.errors] == [[], [], []]
    assert outcome.during.strangers == set()
    assert min(len(outcome.alone.seconds), len(outcome.during.seconds)) >= 3
    assert 0 < outcome.planned < outcome.zipped
    assert outcome.zip_bytes > 100_000  # 1,000 jobs and more
    assert 0 < outcome.first_part < outcome.zipped


def test_a_file_is_kept_until_it_is_fetched_while_others_visit_pages(server: AppServer) -> None:
    async def fetch_late() -> bytes:
        async with Tab(server.url) as tab, Tab(server.url) as other:
            await prepare(tab, 1, Tally())
            await tab.go("Deliver")
            await other.open()
            address = await tab.make_file("save-request")
            for _ in range(3):  # the runs after which Streamlit deletes a file
                await other.rerun()
            return await tab.fetch(address)

    content = result_of(fetch_late())

    assert json.loads(content)["parameters"]["fixed_parameters"] == {"tag": mark(1)}


def test_sessions_that_come_and_go_leave_no_errors(server: AppServer) -> None:
    memory = result_of(come_and_go(server, 4, at_once=2))

    assert len(memory) == 2


@pytest.mark.long
def test_memory_levels_off_over_many_sessions(tmp_path: Path) -> None:
    """In the last third it grows by less than a fifth of what it grew in the first."""
    with AppServer(tmp_path) as server:
        memory = result_of(come_and_go(server, 600))

    third = len(memory) // 3
    assert memory[-1] - memory[2 * third] < (memory[third] - memory[0]) / 5


@pytest.mark.long
def test_simultaneous_dispatches_are_all_complete_and_correct(server: AppServer) -> None:
    outcome = result_of(dispatch_at_once(server, 6, assets=20, sets=3))

    assert outcome.errors == []
    assert outcome.right == 6
