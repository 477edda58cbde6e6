"""The gateway source over real TLS on loopback: its requests, retries and messages."""

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
    EmptyCollection,
    InvalidInput,
    ServiceError,
)
from dispatch_core.sources.gateway import GatewaySource, RetryPolicy
from dispatch_core.walk import walk_records
from tests.conformance.source import SourceTests
from tests.fakes import Records
from tests.servers.gateway import Fault, GatewayServer, flaky
from tests.support.tier import amount

QUICK = RetryPolicy(connect=5.0, read=10.0, attempts=5, max_wait=0.002)
RECORDS = [{"_id": f"r{number:05}", "n": number} for number in range(2_000)]
IDS = [record["_id"] for record in RECORDS]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., GatewayServer]]:
    """A function that starts a gateway whose certificate this process trusts."""
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
    """The ids of all records, in the order of the pages."""
    return [record["_id"] for record in walk_records(source, {}, {"_id": 1}, page_size=page_size)]


def of_ids(count: int) -> dict[str, Any]:
    return {"_id": {"$in": IDS[:count]}}


class TestGatewaySource(SourceTests):
    @pytest.fixture
    def source(self, serve: Callable[..., GatewayServer]) -> GatewaySource:
        return GatewaySource(serve(self.RECORDS).host, retry_policy=QUICK)


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


# Requests


def test_a_short_filter_is_sent_by_get_with_sort_limit_and_projection(
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
def test_a_filter_too_long_for_a_url_is_sent_by_post_and_finds_the_same_records(
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
    query = {"_id": {"$in": [f"unknown-{number}" for number in range(500)]}}

    count = GatewaySource(server.host).count(query)

    assert count == 0
    assert server.requests[0].method == "POST"


def test_host_version_database_and_collection_form_the_url_and_the_label(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve()
    source = GatewaySource(f" https://{server.host}/ ", version="v2")

    assert source.count({}) == 2_000

    assert server.requests[0].target.startswith("/v2/metadata_index/data_assets/count_documents")
    assert source.label == f"gateway {server.host}/v2/metadata_index/data_assets"


# Failures and retries


def test_a_413_halves_the_page_and_no_record_is_lost(serve: Callable[..., GatewayServer]) -> None:
    server = serve(limits=GatewayLimits(max_payload=2_000))
    query = of_ids(
        500
    )  # Too long for a GET, so that the gateway sends a 413 instead of a short page.

    found = list(walk_records(GatewaySource(server.host), query, {"n": 1}, page_size=400))

    assert [record["n"] for record in found] == list(range(500))
    assert [sent.status for sent in server.requests][:4] == [413, 413, 413, 200]


def test_a_record_too_large_for_any_response_is_an_error_and_not_the_end(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve([{"_id": "a"}, {"_id": "b", "text": "x" * 5_000}], GatewayLimits(2_000))

    with pytest.raises(AnswerTooLarge):
        list(walk_records(GatewaySource(server.host), {}, {}))


def test_short_pages_lose_no_record(serve: Callable[..., GatewayServer]) -> None:
    server = serve(limits=GatewayLimits(max_page=37))

    assert walked(GatewaySource(server.host), page_size=1_000) == IDS
    assert len(server.requests) == 56


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
def test_a_transient_status_is_retried(serve: Callable[..., GatewayServer], status: int) -> None:
    server = serve()
    server.faults = iter([Fault("status", status)] * 4)

    assert GatewaySource(server.host, retry_policy=QUICK).count({}) == 2_000
    assert [sent.status for sent in server.requests] == [status] * 4 + [200]


@pytest.mark.parametrize("kind", ["html", "error", "truncated", "reset"])
def test_a_malformed_response_is_retried(serve: Callable[..., GatewayServer], kind: Any) -> None:
    server = serve()
    server.faults = iter([Fault(kind), Fault(kind)])

    page = GatewaySource(server.host, retry_policy=QUICK).find_page({}, {}, 5)

    assert page == RECORDS[:5]
    assert len(server.requests) == 3


def test_a_stalled_response_times_out_and_is_retried(serve: Callable[..., GatewayServer]) -> None:
    server = serve()
    server.faults = iter([Fault("stall", seconds=30)])
    policy = RetryPolicy(read=0.3, max_wait=0.002)

    assert GatewaySource(server.host, retry_policy=policy).count({}) == 2_000
    assert server.requests[0].status == 200


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("status", 503), "it responded with 503: try again"),
        (Fault("html"), "the response is not JSON"),
        (Fault("error"), "the response is not a list of records: cursor was killed"),
        (Fault("truncated"), "the connection failed (Connection broken"),
        (Fault("reset"), "the connection failed ("),
    ],
)
def test_a_persistent_failure_is_a_service_error_with_its_cause_and_host(
    serve: Callable[..., GatewayServer], fault: Fault, message: str
) -> None:
    server = serve()
    server.faults = itertools.repeat(fault)

    with pytest.raises(ServiceError) as caught:
        GatewaySource(server.host, retry_policy=QUICK).find_page({}, {}, 5)

    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{server.host}/v1/metadata_index/data_assets: ")
    assert "DOCDB_HOST" in str(caught.value)
    assert len(server.requests) == 5


@pytest.mark.parametrize("route", ["find_page", "aggregate", "count"])
def test_an_error_with_status_200_is_never_read_as_records(
    serve: Callable[..., GatewayServer], route: str
) -> None:
    server = serve()
    server.faults = itertools.repeat(Fault("error"))
    source = GatewaySource(server.host, retry_policy=QUICK)
    arguments: Any = {"find_page": ({}, {}, 5), "aggregate": ([],), "count": ({},)}[route]

    with pytest.raises(ServiceError, match="cursor was killed"):
        getattr(source, route)(*arguments)


# Complete results


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_a_flaky_gateway_loses_and_duplicates_no_record(
    serve: Callable[..., GatewayServer], rate: float, seed: int
) -> None:
    server = serve()
    server.faults = flaky(rate, seed)
    policy = RetryPolicy(attempts=12, max_wait=0.002)

    found = walked(GatewaySource(server.host, retry_policy=policy), page_size=50)

    assert found == IDS
    assert len(server.requests) > 41


def test_a_failure_rate_of_10_percent_adds_at_most_50_percent_of_requests(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve()
    server.faults = flaky(0.1, seed=7)

    walked(GatewaySource(server.host, retry_policy=QUICK), page_size=20)

    assert 101 <= len(server.requests) <= 151


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, amount(3, 20) + 1))
def test_records_written_between_pages_cause_no_loss_and_no_duplicate(
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


# Messages


def test_an_untrusted_certificate_names_the_variable_for_the_authority(
    serve: Callable[..., GatewayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())

    with pytest.raises(ServiceError) as caught:
        GatewaySource(server.host, retry_policy=QUICK).count({})

    assert "the certificate is not trusted" in str(caught.value)
    assert "Set REQUESTS_CA_BUNDLE to the certificate file of the authority" in str(caught.value)
    assert server.requests == []


def test_a_missing_ca_bundle_is_invalid_input(
    serve: Callable[..., GatewayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")

    with pytest.raises(InvalidInput) as caught:
        GatewaySource(server.host, retry_policy=QUICK).count({})

    assert "REQUESTS_CA_BUNDLE" in str(caught.value)
    assert "/no/such/bundle.pem" in str(caught.value)


def test_a_refused_query_is_invalid_input_with_the_message_of_the_service(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve()

    with pytest.raises(InvalidInput) as caught:
        GatewaySource(server.host, retry_policy=QUICK).find_page({"a": {"$regex": "("}}, {}, 5)

    assert "the service refuses the query: " in str(caught.value)
    assert "$regex" in str(caught.value)
    assert [sent.status for sent in server.requests] == [400]


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (400, InvalidInput, "the service refuses the query: try again."),
        (401, AccessDenied, "access denied (401)"),
        (403, AccessDenied, "access denied (403)"),
        (404, ServiceError, "not found (404). Check its version"),
        (413, AnswerTooLarge, "the response is too large"),
    ],
)
def test_a_permanent_status_is_not_retried_and_has_a_remedy(
    serve: Callable[..., GatewayServer], status: int, error: type[DispatchError], message: str
) -> None:
    server = serve()
    server.faults = iter([Fault("status", status)])

    with pytest.raises(error) as caught:
        GatewaySource(server.host, retry_policy=QUICK).count({})

    assert message in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("text", "is_empty"),
    [
        ("No records found", True),
        ("No documents were found in collection project", True),
        ("Collection 'project' does not exist", True),
        ("collection is empty", True),
        ("Collection project not found in database analysis", True),
        ("ns not found", True),
        ("Not Found", False),
        ("Database or collection not found", False),
        ("database analysis not found", False),
        ("no such route: collection", False),
        ("Missing Authentication Token", False),
    ],
)
def test_a_404_means_an_empty_collection_only_if_the_service_says_so(
    serve: Callable[..., GatewayServer], text: str, is_empty: bool
) -> None:
    server = serve()
    body = json.dumps({"message": text}).encode()
    server.faults = iter([Fault("raw", 404, body=body)])

    with pytest.raises(ServiceError) as caught:
        GatewaySource(server.host, retry_policy=QUICK).count({})

    assert isinstance(caught.value, EmptyCollection) == is_empty


def test_an_unknown_collection_is_not_found(serve: Callable[..., GatewayServer]) -> None:
    server = serve()

    with pytest.raises(ServiceError, match="database and collection"):
        GatewaySource(server.host, collection="no_such", retry_policy=QUICK).count({})


@pytest.mark.parametrize(
    "host",
    [
        *["a..b", "host:99999", "host:x", "[::1", "a b", "a" * 300 + "..b", " "],
        *["http://example.org", "ftp://example.org", "MONGODB://user:sesame@example.org"],
        *["user:sesame@example.org", "https://user:sesame@example.org"],
    ],
)
def test_an_invalid_host_is_invalid_input_without_its_password(host: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        GatewaySource(host, retry_policy=QUICK).count({})

    assert "this is not the host of a metadata gateway" in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_an_unknown_host_name_is_a_service_error() -> None:
    source = GatewaySource("no-such-host.invalid", retry_policy=RetryPolicy(attempts=1))

    with pytest.raises(ServiceError) as caught:
        source.count({})

    assert "no-such-host.invalid" in str(caught.value)
    assert "HTTPSConnection" not in str(caught.value)
