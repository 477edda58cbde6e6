"""The gateway edge over real TLS on loopback: what it asks, what it survives, what it says."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import certifi
import pytest

from dispatch_core.demo.gateway import DemoGateway, GatewayAdapter, GatewayLimits
from dispatch_core.errors import (
    AccessDenied,
    AnswerTooLarge,
    DispatchError,
    InvalidInput,
    ServiceError,
)
from dispatch_core.sources.gateway import GatewaySource, Patience
from dispatch_core.walk import walk_records
from tests.conformance.source import SourceTests
from tests.fakes import Records
from tests.servers.gateway import Fault, GatewayServer, flaky
from tests.support.tier import amount

QUICK = Patience(connect=5.0, read=10.0, attempts=5, longest_wait=0.002)
RECORDS = [{"_id": f"r{number:05}", "n": number} for number in range(2_000)]
IDS = [record["_id"] for record in RECORDS]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., GatewayServer]]:
    """Starts a gateway whose certificate this process trusts."""
    running: list[GatewayServer] = []

    def start(
        records: list[dict[str, Any]] = RECORDS, limits: GatewayLimits | None = None
    ) -> GatewayServer:
        server = GatewayServer(records, limits).__enter__()
        running.append(server)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", server.ca_file)
        return server

    yield start
    for server in running:
        server.__exit__(None, None, None)


def walked(source: GatewaySource, page_size: int = 100) -> list[Any]:
    """The ids of all records, as the walk over pages finds them."""
    return [record["_id"] for record in walk_records(source, {}, {"_id": 1}, page_size=page_size)]


def of_ids(count: int) -> dict[str, Any]:
    return {"_id": {"$in": IDS[:count]}}


class TestGatewaySource(SourceTests):
    @pytest.fixture
    def source(self, serve: Callable[..., GatewayServer]) -> GatewaySource:
        return GatewaySource(serve(self.RECORDS).host, patience=QUICK)


class TestGatewaySourceInProcess(SourceTests):
    """The way to the embedded demo."""

    @pytest.fixture
    def source(self) -> GatewaySource:
        adapter = GatewayAdapter(DemoGateway(self.RECORDS))
        return GatewaySource("demo.example.org", adapter=adapter)


class TestRecordsInMemory(SourceTests):
    """The stand-in that other tests use keeps the rules of the real ones."""

    @pytest.fixture
    def source(self) -> Records:
        return Records(self.RECORDS)


# What is asked


def test_a_short_filter_goes_by_get_with_its_sort_limit_and_projection(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve()

    page = GatewaySource(server.host).find_page(of_ids(3), {"_id": 1}, 2)

    sent = server.requests[0]
    params = {key: texts[0] for key, texts in parse_qs(urlsplit(sent.target).query).items()}
    assert page == [{"_id": "r00000"}, {"_id": "r00001"}]
    assert sent.method == "GET"
    assert urlsplit(sent.target).path == "/v1/metadata_index/data_assets/find"
    assert json.loads(params["filter"]) == of_ids(3)
    assert json.loads(params["sort"]) == {"_id": 1}
    assert json.loads(params["projection"]) == {"_id": 1}
    assert params["limit"] == "2"


@pytest.mark.parametrize("count", [40, 150, 400, 1_000])
def test_a_filter_too_long_for_a_url_goes_by_post_and_finds_the_same(
    serve: Callable[..., GatewayServer], count: int
) -> None:
    server = serve()
    source = GatewaySource(server.host)

    page = source.find_page(of_ids(count), {"n": 1}, 1_000)

    assert [record["n"] for record in page] == list(range(count))
    assert source.count(of_ids(count)) == count
    assert {sent.method for sent in server.requests} == {"GET" if count < 200 else "POST"}
    assert {sent.status for sent in server.requests} == {200}


def test_slashes_and_a_long_projection_count_towards_the_length_of_the_url(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve()
    locations = [f"s3://a/b/c/d/e/f/{number}" for number in range(85)]
    projection = {f"a.rather.long.path.of.a.field.{number}": 1 for number in range(60)}

    GatewaySource(server.host).find_page({"location": {"$in": locations}}, projection, 10)

    assert [sent.status for sent in server.requests] == [200]


def test_a_long_filter_keeps_limit_and_order(serve: Callable[..., GatewayServer]) -> None:
    server = serve()

    page = GatewaySource(server.host).find_page(of_ids(500), {}, 3)

    assert page == RECORDS[:3]
    assert server.requests[0].method == "POST"


def test_a_long_filter_that_matches_nothing_counts_nothing(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve()
    query = {"_id": {"$in": [f"nobody-{number}" for number in range(500)]}}

    count = GatewaySource(server.host).count(query)

    assert count == 0
    assert server.requests[0].method == "POST"


def test_host_version_database_and_collection_make_the_address_and_the_label(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve()
    source = GatewaySource(f" https://{server.host}/ ", version="v2")

    assert source.count({}) == 2_000

    assert server.requests[0].target.startswith("/v2/metadata_index/data_assets/count_documents")
    assert source.label == f"gateway {server.host}/v2/metadata_index/data_assets"


# What is survived


def test_a_413_halves_the_page_and_loses_nothing(serve: Callable[..., GatewayServer]) -> None:
    server = serve(limits=GatewayLimits(max_payload=2_000))
    query = of_ids(500)  # too long for a GET, so that too much is a 413 and not a short page

    found = list(walk_records(GatewaySource(server.host), query, {"n": 1}, page_size=400))

    assert [record["n"] for record in found] == list(range(500))
    assert [sent.status for sent in server.requests][:4] == [413, 413, 413, 200]


def test_a_record_too_large_for_any_answer_is_an_error_and_not_an_end(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve([{"_id": "a"}, {"_id": "b", "text": "x" * 5_000}], GatewayLimits(2_000))

    with pytest.raises(AnswerTooLarge):
        list(walk_records(GatewaySource(server.host), {}, {}))


def test_short_pages_lose_nothing(serve: Callable[..., GatewayServer]) -> None:
    server = serve(limits=GatewayLimits(longest_page=37))

    assert walked(GatewaySource(server.host), page_size=1_000) == IDS
    assert len(server.requests) == 56


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
def test_a_passing_status_is_asked_again(serve: Callable[..., GatewayServer], status: int) -> None:
    server = serve()
    server.faults = iter([Fault("status", status)] * 4)

    assert GatewaySource(server.host, patience=QUICK).count({}) == 2_000
    assert [sent.status for sent in server.requests] == [status] * 4 + [200]


@pytest.mark.parametrize("kind", ["html", "error", "truncated", "reset"])
def test_a_broken_answer_is_asked_again(serve: Callable[..., GatewayServer], kind: Any) -> None:
    server = serve()
    server.faults = iter([Fault(kind), Fault(kind)])

    page = GatewaySource(server.host, patience=QUICK).find_page({}, {}, 5)

    assert page == RECORDS[:5]
    assert len(server.requests) == 3


def test_a_stalled_answer_is_given_up_and_asked_again(serve: Callable[..., GatewayServer]) -> None:
    server = serve()
    server.faults = iter([Fault("stall", seconds=30)])
    patience = Patience(read=0.3, longest_wait=0.002)

    assert GatewaySource(server.host, patience=patience).count({}) == 2_000
    assert server.requests[0].status == 200


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("status", 503), "it answered 503: try again"),
        (Fault("html"), "the answer is not JSON"),
        (Fault("error"), "the answer is not a list of records: cursor was killed"),
        (Fault("truncated"), "the connection failed (Connection broken"),
        (Fault("reset"), "the connection failed ("),
    ],
)
def test_a_fault_that_stays_is_a_service_error_that_says_what_and_where(
    serve: Callable[..., GatewayServer], fault: Fault, said: str
) -> None:
    server = serve()
    server.faults = itertools.repeat(fault)

    with pytest.raises(ServiceError) as caught:
        GatewaySource(server.host, patience=QUICK).find_page({}, {}, 5)

    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{server.host}/v1/metadata_index/data_assets: ")
    assert "DOCDB_HOST" in str(caught.value)
    assert len(server.requests) == 5


@pytest.mark.parametrize("route", ["find_page", "aggregate", "count"])
def test_an_error_with_status_200_is_never_taken_for_records(
    serve: Callable[..., GatewayServer], route: str
) -> None:
    server = serve()
    server.faults = itertools.repeat(Fault("error"))
    source = GatewaySource(server.host, patience=QUICK)
    arguments: Any = {"find_page": ({}, {}, 5), "aggregate": ([],), "count": ({},)}[route]

    with pytest.raises(ServiceError, match="cursor was killed"):
        getattr(source, route)(*arguments)


# Nothing lost, nothing doubled


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_a_flaky_gateway_loses_and_doubles_nothing(
    serve: Callable[..., GatewayServer], rate: float, seed: int
) -> None:
    server = serve()
    server.faults = flaky(rate, seed)
    patience = Patience(attempts=12, longest_wait=0.002)

    found = walked(GatewaySource(server.host, patience=patience), page_size=50)

    assert found == IDS
    assert len(server.requests) > 41


def test_at_a_tenth_of_faults_the_calls_stay_below_half_as_many_again(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve()
    server.faults = flaky(0.1, seed=7)

    walked(GatewaySource(server.host, patience=QUICK), page_size=20)

    assert 101 <= len(server.requests) <= 151


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, amount(3, 20) + 1))
def test_records_written_between_pages_cost_none_and_double_none(
    serve: Callable[..., GatewayServer], seed: int
) -> None:
    server = serve(RECORDS[:600])
    gone = {f"r{(number * 7 + seed) % 600:05}" for number in range(30)}
    to_remove = iter(sorted(gone, reverse=True))

    def edit(number: int) -> None:
        server.gateway.assets.insert({"_id": f"r{(number * 13 + seed) % 600:05}-new"})
        if victim := next(to_remove, None):
            server.gateway.assets.remove(victim)

    server.on_request = edit

    found = walked(GatewaySource(server.host), page_size=25)

    assert len(found) == len(set(found))
    assert found == sorted(found)
    assert set(IDS[:600]) - set(found) <= gone


# What is said


def test_an_untrusted_certificate_gives_the_advice_to_name_the_authority(
    serve: Callable[..., GatewayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())

    with pytest.raises(ServiceError) as caught:
        GatewaySource(server.host, patience=QUICK).count({})

    assert "the certificate is not trusted" in str(caught.value)
    assert "Name the authority's file in REQUESTS_CA_BUNDLE" in str(caught.value)
    assert server.requests == []


def test_a_bundle_that_is_not_there_is_bad_input(
    serve: Callable[..., GatewayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")

    with pytest.raises(InvalidInput) as caught:
        GatewaySource(server.host, patience=QUICK).count({})

    assert "REQUESTS_CA_BUNDLE" in str(caught.value)
    assert "/no/such/bundle.pem" in str(caught.value)


def test_a_refused_query_is_bad_input_in_the_services_words(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve()

    with pytest.raises(InvalidInput) as caught:
        GatewaySource(server.host, patience=QUICK).find_page({"a": {"$regex": "("}}, {}, 5)

    assert "the service refuses the query: " in str(caught.value)
    assert "$regex" in str(caught.value)
    assert [sent.status for sent in server.requests] == [400]


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (400, InvalidInput, "the service refuses the query: try again."),
        (401, AccessDenied, "access denied (401)"),
        (403, AccessDenied, "access denied (403)"),
        (404, ServiceError, "not found (404). Check DOCDB_VERSION"),
        (413, AnswerTooLarge, "the answer is too large"),
    ],
)
def test_a_final_status_is_not_asked_again_and_says_what_to_do(
    serve: Callable[..., GatewayServer], status: int, error: type[DispatchError], said: str
) -> None:
    server = serve()
    server.faults = iter([Fault("status", status)])

    with pytest.raises(error) as caught:
        GatewaySource(server.host, patience=QUICK).count({})

    assert said in str(caught.value)
    assert len(server.requests) == 1


def test_an_unknown_collection_is_not_found(serve: Callable[..., GatewayServer]) -> None:
    server = serve()

    with pytest.raises(ServiceError, match="DOCDB_COLLECTION"):
        GatewaySource(server.host, collection="no_such", patience=QUICK).count({})


@pytest.mark.parametrize(
    "host",
    [
        *["a..b", "host:99999", "host:x", "[::1", "a b", "a" * 300 + "..b", " "],
        *["http://example.org", "ftp://example.org", "MONGODB://user:sesame@example.org"],
        *["user:sesame@example.org", "https://user:sesame@example.org"],
    ],
)
def test_what_cannot_be_a_host_is_bad_input_and_shows_no_password(host: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        GatewaySource(host, patience=QUICK).count({})

    assert "this is not the host of a metadata gateway" in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_a_name_that_nobody_knows_is_a_service_error() -> None:
    source = GatewaySource("no-such-host.invalid", patience=Patience(attempts=1))

    with pytest.raises(ServiceError) as caught:
        source.count({})

    assert "no-such-host.invalid" in str(caught.value)
    assert "HTTPSConnection" not in str(caught.value)
