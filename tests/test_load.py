"""Several sessions at once, without a browser and without a clock; figures are `make load`'s."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.browserless import AppServer
from benchmarks.load import crowd, dispatch_at_once, leaks_caught

pytestmark = pytest.mark.xdist_group("browser")


def test_sessions_at_once_see_no_error_and_nothing_of_each_other(tmp_path: Path) -> None:
    with AppServer(tmp_path) as server:
        tally = asyncio.run(crowd(server, 8, think=0.2, reruns=4))

    assert tally.errors == []
    assert tally.strangers == set()
    assert tally.own == set(range(8))
    assert len(tally.seconds) == 32
    assert "Traceback" not in server.log


def test_the_search_for_cross_talk_catches_an_app_that_leaks(tmp_path: Path) -> None:
    with AppServer(tmp_path, "benchmarks/leaky_app.py") as server:
        assert asyncio.run(leaks_caught(server)) == 3


def test_dispatches_pressed_at_once_are_each_complete_and_right(tmp_path: Path) -> None:
    with AppServer(tmp_path) as server:
        outcome = asyncio.run(dispatch_at_once(server, 6, assets=20, sets=3))

    assert outcome.errors == []
    assert outcome.right == 6
