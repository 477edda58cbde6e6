"""The zip that a browser fetches: who gets it, once; what is held while it is read."""

from __future__ import annotations

import asyncio
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
import requests
from starlette.types import Message

from benchmarks.browserless import HOST, AppServer, Tab
from benchmarks.load import Tally, prepare, request_of
from dispatch_core.connect import SourceSettings, open_metadata_source, open_object_lister
from dispatch_core.dispatch import plan_dispatch
from dispatch_core.output.stream import JobFile
from dispatch_core.output.zip import PART, write_zip
from dispatch_core.sources.turns import TURN
from pages.shared.state.zip_offers import SECONDS, WaitingZip, ZipOffer, ZipOffers
from pages.shared.state.zip_route import ZipResponse
from tests.support.coroutines import result_of

pytestmark = pytest.mark.xdist_group("browser")

PATIENCE = 60


def some_files() -> Iterator[JobFile]:
    yield "0/a.json", b"{}"


# Who gets it


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def offers() -> ZipOffers:
    return ZipOffers(Clock())


def offered(offers: ZipOffers, owner: str = "") -> ZipOffer:
    return offers.offer("key", WaitingZip(some_files, "jobs.zip"), owner)


def test_an_offer_is_taken_once(offers: ZipOffers) -> None:
    offer = offered(offers)

    assert offers.waits(offer)
    assert offers.take(offer.secret, "") == WaitingZip(some_files, "jobs.zip")
    assert offers.take(offer.secret, "") is None
    assert not offers.waits(offer)


def test_an_offer_that_was_taken_keeps_no_plan(offers: ZipOffers) -> None:
    stream = Stream()
    is_kept = weakref.ref(stream)
    offer = offers.offer("key", WaitingZip(stream.files, "jobs.zip"), "")
    del stream

    offers.take(offer.secret, "")

    assert is_kept() is None


def test_an_offer_is_taken_by_its_owner_only(offers: ZipOffers) -> None:
    offer = offered(offers, "ada@example.org")

    assert [offers.take(offer.secret, user) for user in ("", "grace@example.org")] == [None, None]
    assert offers.take(offer.secret, "ada@example.org") is not None


def test_an_offer_ends_after_a_while(offers: ZipOffers, monkeypatch: pytest.MonkeyPatch) -> None:
    offer = offered(offers)
    monkeypatch.setattr(Clock, "now", Clock.now + SECONDS)

    assert not offers.waits(offer)
    assert offers.take(offer.secret, "") is None


def test_an_offer_ends_with_the_session_that_keeps_it(offers: ZipOffers) -> None:
    offer = offered(offers)
    secret = offer.secret

    del offer

    assert offers.take(secret, "") is None


def test_secrets_have_256_bits_and_are_not_shown(offers: ZipOffers) -> None:
    made = {offered(offers).secret for _ in range(100)}

    assert len(made) == 100
    assert min(map(len, made)) >= 43
    assert offered(offers).secret not in repr(offered(offers))


# What is held while it is read


class Client:
    """A client of a response: takes `most` messages, then waits or is gone."""

    def __init__(self, most: int = 1 << 30, *, is_gone: bool = False) -> None:
        self.most, self.is_gone = most, is_gone
        self.body: list[bytes] = []
        self.is_complete = False
        self.left = asyncio.Event()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            if len(self.body) == self.most:
                if self.is_gone:
                    self.left.set()
                await asyncio.Event().wait()
            self.body.append(message["body"])
            self.is_complete = not message["more_body"]

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}


class Stream:
    """Job files of 1 kB that do not shrink, with the count of those made, and whether it ended."""

    def __init__(self, jobs: int = 5_000) -> None:
        self.jobs, self.made = jobs, 0
        self.ended = threading.Event()

    def files(self) -> Iterator[JobFile]:
        try:
            for number in range(self.jobs):
                self.made += 1
                noise = (str(hash((number, line))) for line in range(50))
                yield f"0/{number}.json", "".join(noise).encode()
        finally:
            self.ended.set()


def respond(files: Callable[[], Iterator[JobFile]], client: Client, seconds: float = 60) -> None:
    scope = {"type": "http", "asgi": {"spec_version": "2.3"}, "method": "GET", "headers": []}
    response = ZipResponse(files, "jobs.zip", seconds)
    result_of(asyncio.wait_for(response(scope, client.receive, client.send), PATIENCE))


def test_the_parts_are_the_zip() -> None:
    client, stream, whole = Client(), Stream(2_000), BytesIO()

    respond(stream.files, client)

    write_zip(Stream(2_000).files(), whole)
    assert b"".join(client.body) == whole.getvalue()
    assert client.is_complete
    assert max(map(len, client.body)) < PART + 2_000


def test_a_client_that_is_gone_ends_the_zip() -> None:
    client, stream = Client(2, is_gone=True), Stream()

    respond(stream.files, client)

    assert stream.ended.wait(PATIENCE)
    assert not client.is_complete
    assert stream.made < stream.jobs / 2


def test_a_client_that_takes_nothing_costs_one_part_and_ends_after_a_while() -> None:
    client, stream = Client(2), Stream()

    respond(stream.files, client, seconds=0.2)

    assert stream.ended.wait(PATIENCE)
    assert len(client.body) == 2
    assert stream.made < stream.jobs / 2  # three parts of twenty
    assert not client.is_complete


def test_a_stream_that_fails_sends_no_zip_that_looks_whole() -> None:
    def failing() -> Iterator[JobFile]:
        yield from Stream(1_000).files()
        raise RuntimeError("the plan is broken")

    client = Client()
    with pytest.raises(RuntimeError, match="broken"):
        respond(failing, client)

    assert client.body
    assert not client.is_complete


def test_a_part_is_made_in_turn_and_the_turn_is_free_while_it_is_sent() -> None:
    began, may_end = threading.Event(), threading.Event()
    order: list[str] = []

    def other() -> None:
        began.wait(PATIENCE)
        with TURN.taken():
            order.append("other")
        may_end.set()

    def files() -> Iterator[JobFile]:
        began.set()
        yield from Stream(1_000).files()
        order.append("last job")

    class Waiting(Client):
        async def send(self, message: Message) -> None:
            if message["type"] == "http.response.body" and not self.body:
                assert await asyncio.to_thread(may_end.wait, PATIENCE)
            await super().send(message)

    threading.Thread(target=other, daemon=True).start()
    respond(files, Waiting())

    assert order == ["other", "last job"]


# The running app


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with AppServer(tmp_path_factory.mktemp("server")) as server:
        yield server
    assert "Traceback" not in server.log


async def address_of(tab: Tab, **size: int) -> str:
    """The address of the zip of a new tab."""
    await prepare(tab, 1, Tally(), **size)
    await tab.go("Deliver")
    return await tab.offer_zip()


def test_the_zip_is_that_of_the_same_request_anywhere(server: AppServer) -> None:
    async def fetched() -> requests.Response:
        async with Tab(server.url) as tab:
            address = server.url + await address_of(tab)
            return await asyncio.to_thread(tab.http.get, address, timeout=PATIENCE)

    answer = result_of(fetched())
    settings, whole = SourceSettings(), BytesIO()
    plan = plan_dispatch(
        request_of(1), open_metadata_source(settings), open_object_lister(settings)
    )
    write_zip(plan.files(), whole)

    assert answer.content == whole.getvalue()
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    assert "Content-Encoding" not in answer.headers


def test_the_address_is_used_up_by_a_download_and_not_by_a_look(server: AppServer) -> None:
    async def statuses() -> list[int]:
        async with Tab(server.url) as tab:
            address = server.url + await address_of(tab)
            calls: list[Any] = [requests.head, requests.post, requests.get, requests.get]
            return [(await asyncio.to_thread(call, address)).status_code for call in calls]

    assert result_of(statuses()) == [405, 405, 200, 404]


@pytest.mark.more
def test_two_downloads_at_once_are_both_whole(server: AppServer) -> None:
    async def fetched() -> list[bytes]:
        async with Tab(server.url) as one, Tab(server.url) as other:
            addresses = [await address_of(tab, sets=40) for tab in (one, other)]
            return await asyncio.gather(one.fetch(addresses[0]), other.fetch(addresses[1]))

    first, second = result_of(fetched())

    assert first == second
    assert len(ZipFile(BytesIO(first)).namelist()) == 2_000


@pytest.mark.parametrize("secret", ["x", "a" * 43, "..", "%00", "a" * 10_000])
def test_another_address_is_not_found(server: AppServer, secret: str) -> None:
    answer = requests.get(f"{server.url}/zip/{secret}.zip", timeout=PATIENCE)

    assert answer.status_code in (400, 404)


@pytest.mark.more
def test_a_download_that_is_not_read_does_not_stop_the_pages_of_others(server: AppServer) -> None:
    async def seen() -> str:
        async with Tab(server.url) as tab, Tab(server.url) as other:
            address = await address_of(tab, sets=400)
            with socket.create_connection((HOST, server.port)) as stalled:
                stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                stalled.sendall(f"GET {address} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
                assert stalled.recv(15) == b"HTTP/1.1 200 OK"
                await prepare(other, 2, Tally(), sets=1)
                return (await other.go("Deliver")).text

    assert "50 job files in 50 folders" in result_of(seen())
