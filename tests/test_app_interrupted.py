"""A user presses Write or types, and then does something else: nothing is lost.

Each interruption is tried at many moments after the press. Each ends the running script.
In the first milliseconds, before Streamlit calls the callback of the button, the press is
lost: then no folder exists, and the next press writes it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.browserless import AppServer, Tab, wait_until
from benchmarks.load import Tally, prepare, request_of
from dispatch_core.connect import SourceSettings, open_metadata_source, open_object_lister
from dispatch_core.dispatch import plan_dispatch
from dispatch_core.output.record import record_beside
from tests.support.coroutines import result_of
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
        result_of(press_and_interrupt(server.url, name, offset, interrupt))
        seen = [look(folder) for _ in range(LOOKS)]
        if not folder.exists():  # the press was forgotten, or the disk is slow
            result_of(press_and_interrupt(server.url, name, 1.0, another_run))
        wait_until(record_beside(folder).exists)

        assert all(tree in ({}, whole) for tree in seen)
        assert tree_of(folder) == whole
        assert _others(server.output_root, name) == [name, f"{name}.dispatch.json"]


async def type_and_go(url: str, offsets: Sequence[float]) -> list[tuple[float, bool]]:
    """Type a name on Deliver and go to another page: seconds between the two, whether it stays."""
    found = []
    async with Tab(url) as tab:
        await prepare(tab, 1, Tally(), assets=ASSETS, sets=SETS)
        for number, offset in enumerate(offsets):
            await tab.go("Deliver")
            await tab.write_and_leave("target", f"typed-{number}")
            await asyncio.sleep(offset)
            await tab.go("Assets")
            found.append((offset, f"typed-{number}" in (await tab.go("Deliver")).text))
    return found


@pytest.mark.main
def test_a_text_is_kept_although_the_user_goes_to_another_page_at_once(server: AppServer) -> None:
    offsets = [0.0, *OFFSETS]

    found = result_of(type_and_go(server.url, offsets))

    assert found == [(offset, True) for offset in offsets]


async def first_place_after_a_redraw(url: str) -> list[int]:
    """The path of the first element of a page that is visited while a part of another is redrawn.

    The part has a timer: on Assets, the one that waits for the advice about a changed query.
    """
    async with Tab(url) as tab:
        await tab.open()
        await tab.press("chip-remove-")
        timer = tab.message_of(fragment=next(iter(tab.timers)))
        tab.page = page = tab.pages["Files"]
        await tab.send(timer)
        await tab.send(tab.message_of())
        while True:
            message = await tab.receive()
            if message.WhichOneof("type") == "new_session":
                tab.page = message.new_session.page_script_hash
            elif message.HasField("delta") and tab.page == page:
                return list(message.metadata.delta_path)


def test_a_page_that_follows_the_redraw_of_a_part_begins_at_its_own_top(server: AppServer) -> None:
    """Else all of it would be drawn inside that part, where the browser has no place for it."""
    places = [result_of(first_place_after_a_redraw(server.url)) for _ in range(amount(5, 20))]

    assert places == [[0, 0]] * len(places)


LOOKS = 50


def look(folder: Path) -> Tree:
    """What is in place now, a moment after the look before."""
    time.sleep(0.02)
    return tree_of(folder) if folder.exists() else {}


def _others(root: Path, name: str) -> list[str]:
    """Everything in the output root that belongs to this dispatch."""
    return sorted(path.name for path in root.iterdir() if name in path.name)
