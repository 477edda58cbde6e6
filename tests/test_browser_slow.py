"""The app on a document database whose answers take seconds, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import pytest
from playwright.sync_api import expect

from tests.fakes import record
from tests.servers.gateway import Fault, GatewayServer
from tests.support.browser import Tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-slow")]


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayServer]:
    with GatewayServer([record(f"a{number}") for number in range(8)]) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def server_environment(gateway: GatewayServer) -> dict[str, str]:
    return {"DOCDB_HOST": gateway.host, "REQUESTS_CA_BUNDLE": gateway.ca_file}


def test_what_is_typed_while_an_answer_takes_long_stays_in_the_drawer(
    tab: Tab, gateway: GatewayServer
) -> None:
    tab.open()
    tab.page.get_by_role("radio", name="JSON").click()
    tab.type_text('{"_id": {"$exists": true}}')
    tab.press("Find assets")
    tab.see_heading("8 assets")
    tab.press("Why is one missing?")
    box = tab.page.get_by_role("textbox", name="Name, part of a name")
    gateway.faults = repeat(Fault("stall", seconds=0.4))

    box.fill("a1")
    box.press("Enter")
    cancel = tab.page.get_by_role("dialog").get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    box.press_sequentially("00")

    expect(cancel).to_have_count(0)
    tab.see("Found by")
    expect(box).to_have_value("a100")
