"""A user presses Write and then does something else: the dispatch is complete anyway.

Each interruption is tried at many moments after the press. Each ends the running script.
In the first milliseconds, before Streamlit calls the callback of the button, the press is
lost: then no folder exists, and the next press writes it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.browserless import AppServer, Tab, wait_until
from benchmarks.load import Tally, prepare, request_of
from dispatch_core.connect import SourceSettings, open_metadata_source, open_object_lister
from dispatch_core.dispatch import plan_dispatch
from dispatch_core.output.record import record_beside
from tests.support.tier import amount
from tests.support.world import Tree, tree_of

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("interrupted")]

ASSETS, SETS = 50, 8
OFFSETS = [0.02 * number for number in range(amount(2, 20))]
"""Seconds from the press to the interruption."""


async def another_run(tab: Tab, url: str) -> None:
    await tab.rerun()


async def a_second_press(tab: Tab, url: str) -> None:
    await tab.press_and_leave("write")


async def another_page(tab: Tab, url: str) -> None:
    await tab.go("Assets")


async def a_closed_tab(tab: Tab, url: str) -> None:
    """Close the tab, once it has sent anything more, so that the press has arrived."""
    await tab.rerun()


async def a_reload(tab: Tab, url: str) -> None:
    async with Tab(url) as again:
        await again.open()


Interruption = Callable[[Tab, str], Awaitable[None]]
INTERRUPTIONS = [
    pytest.param(another_run, id="another_run"),
    pytest.param(another_page, id="another_page"),
    pytest.param(a_closed_tab, id="a_closed_tab"),
    pytest.param(a_second_press, id="a_second_press", marks=pytest.mark.long),
    pytest.param(a_reload, id="a_reload", marks=pytest.mark.long),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with AppServer(tmp_path_factory.mktemp("app")) as running:
        yield running


def whole_dispatch(number: int) -> Tree:
    """What the core makes of the request of session `number`."""
    settings = SourceSettings()
    source, lister = open_metadata_source(settings), open_object_lister(settings)
    return dict(plan_dispatch(request_of(number, ASSETS, SETS), source, lister).files())


async def press_and_interrupt(url: str, name: str, offset: float, interrupt: Interruption) -> None:
    async with Tab(url) as tab:
        await prepare(tab, 1, Tally(), assets=ASSETS, sets=SETS)
        await tab.go("Deliver")
        await tab.write("target", name)
        await tab.press_and_leave("write")
        await asyncio.sleep(offset)
        await interrupt(tab, url)


@pytest.mark.parametrize("interrupt", INTERRUPTIONS)
def test_a_dispatch_is_absent_or_whole_and_written_once_whatever_the_user_does(
    server: AppServer, interrupt: Interruption
) -> None:
    whole = whole_dispatch(1)

    for number, offset in enumerate(OFFSETS):
        name = f"{interrupt.__name__}-{number}"
        folder = server.output_root / name
        asyncio.run(press_and_interrupt(server.url, name, offset, interrupt))
        seen = [look(folder) for _ in range(LOOKS)]
        if not folder.exists():  # the press was forgotten, or the disk is slow
            asyncio.run(press_and_interrupt(server.url, name, 1.0, another_run))
        wait_until(record_beside(folder).exists)

        assert all(tree in ({}, whole) for tree in seen)
        assert tree_of(folder) == whole
        assert _others(server.output_root, name) == [name, f"{name}.dispatch.json"]


LOOKS = 50


def look(folder: Path) -> Tree:
    """What is in place now, a moment after the look before."""
    time.sleep(0.02)
    return tree_of(folder) if folder.exists() else {}


def _others(root: Path, name: str) -> list[str]:
    """Everything in the output root that belongs to this dispatch."""
    return sorted(path.name for path in root.iterdir() if name in path.name)
