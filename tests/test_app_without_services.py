"""The app without services: it opens and says so, and everything that needs none works."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from benchmarks.browserless import AppServer, Tab
from tests.servers.gateway import Fault, GatewayServer
from tests.support.coroutines import result_of

pytestmark = pytest.mark.xdist_group("browser-without-services")

REQUEST = json.dumps(
    {
        "version": 1,
        "query": {"subject.subject_id": "900003"},
        "parameters": {"distributed_parameters": [{"seed": 1}, {"seed": 2}]},
    }
)


async def use(url: str) -> dict[str, str]:
    """Open every page, load a request, and look at its parameters; text of each step."""
    seen = {}
    async with Tab(url) as tab:
        seen["start"] = (await tab.open()).text
        for title in list(tab.pages):
            run = await tab.go(title)
            assert run.errors == []
            seen[title] = run.text
        await tab.go("Deliver")
        seen["loaded"] = (await tab.upload("load-", "request.json", REQUEST.encode())).text
        seen["parameters"] = (await tab.go("Parameters")).text
    return seen


def check(seen: dict[str, str]) -> None:
    assert len(seen) >= 8
    assert "request\\.json is loaded" in seen["loaded"]
    assert "900003" in seen["loaded"]
    assert "× **2** parameter sets" in seen["parameters"]


def test_pages_uploads_and_parameters_do_not_wait_for_a_gateway_that_stalls(
    tmp_path: Path,
) -> None:
    # five attempts of 60 s each would exceed the timeout of the tab
    with GatewayServer([]) as gateway:
        gateway.faults = itertools.repeat(Fault("stall", seconds=900))
        environment = {"DOCDB_HOST": gateway.host, "REQUESTS_CA_BUNDLE": gateway.ca_file}
        with AppServer(tmp_path, environment=environment) as server:
            seen = result_of(use(server.url))

        assert gateway.requests == []  # none was answered in the meantime
    check(seen)


def test_a_missing_gateway_is_reported_and_the_rest_works(tmp_path: Path) -> None:
    async def find(url: str) -> list[str]:
        async with Tab(url) as tab:
            await tab.open()
            await tab.go("Deliver")
            await tab.upload("load-", "request.json", REQUEST.encode())
            await tab.go("Assets")
            await tab.press("find")
            return (await tab.settle()).errors

    with AppServer(tmp_path, environment={"DOCDB_HOST": "127.0.0.1:9"}) as server:
        check(result_of(use(server.url)))
        errors = result_of(find(server.url))

    assert len(errors) == 1
    assert "the connection failed" in errors[0]
    assert "Check the host" in errors[0]
    assert "Traceback" not in server.log
