"""A gateway with arbitrary responses: the result is exact or one of our errors, without delay."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch_core.demo.gateway import GatewayLimits
from dispatch_core.errors import AnswerTooLarge, DispatchError, ServiceError
from dispatch_core.find import find_assets, walk_records
from dispatch_core.query import check_query
from dispatch_core.sources import transport
from dispatch_core.sources.gateway import GatewaySource, RetryPolicy
from tests.servers.gateway import Fault, GatewayServer, flaky
from tests.support.tier import amount

pytestmark = pytest.mark.soak

QUICK = RetryPolicy(connect=5.0, read=0.5, total=1.0, attempts=2, max_wait=0.002)
STEADY = RetryPolicy(connect=5.0, read=10.0, attempts=14, max_wait=0.002)
RECORDS = [
    {"_id": f"r{number:05}", "name": f"asset_{number}", "location": f"s3://bucket/{number}"}
    for number in range(2_000)
]
IDS = [record["_id"] for record in RECORDS]
ROUTES: dict[str, Callable[[GatewaySource], Any]] = {
    "find_page": lambda source: source.find_page({}, {"_id": 1}, 100),
    "aggregate": lambda source: source.aggregate([{"$match": {}}]),
    "count": lambda source: source.count({}),
    "count by POST": lambda source: source.count({"_id": {"$in": IDS}}),
}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., GatewayServer]]:
    """A function that starts a gateway whose certificate this process trusts."""
    running: list[GatewayServer] = []

    def start(limits: GatewayLimits | None = None) -> GatewayServer:
        server = GatewayServer(RECORDS, limits).__enter__()
        running.append(server)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", server.ca_file)
        return server

    yield start
    for server in running:
        server.__exit__(None, None, None)


def raw(body: bytes, status: int = 200, **headers: str) -> Fault:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Fault("raw", status=status, headers=named, body=body)


BODIES = {
    "nothing": b"",
    "noise": bytes(range(256)) * 4,
    "half a text": '[{"_id": "é'.encode()[:-1],
    "another encoding": '[{"_id": "é"}]'.encode("utf-16"),
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "a text": b'"records"',
    "null": b"null",
    "numbers": b"[1, 2, 3]",
    "a record without an id": b'[{"name": "x"}]',
    "a count that is a text": b'{"filtered_record_count": "12"}',
    "a count below zero": b'{"filtered_record_count": -1}',
    "an error": b'{"error": {"nested": ["very", {"much": 1}]}}',
    "a long error": b'{"error": "' + b"x" * 100_000 + b'"}',
}


@pytest.mark.parametrize(
    ("name", "route"),
    # The results of a pipeline need no _id here: the step that finds assets checks them.
    sorted({*itertools.product(BODIES, ROUTES)} - {("a record without an id", "aggregate")}),
)
def test_an_invalid_response_is_a_typed_error_and_never_an_empty_result(
    serve: Callable[..., GatewayServer], name: str, route: str
) -> None:
    server = serve()
    server.faults = itertools.repeat(raw(BODIES[name]))

    with pytest.raises(ServiceError) as caught:
        ROUTES[route](GatewaySource(server.host, retry_policy=QUICK))

    assert len(str(caught.value)) < 1_000
    assert len(server.requests) == QUICK.attempts


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("route", ROUTES)
def test_a_decompression_bomb_is_not_decompressed_completely(
    serve: Callable[..., GatewayServer], route: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_RESPONSE", 1_000_000)
    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    server = serve()
    server.faults = itertools.repeat(raw(bomb, status, Content_Encoding="gzip"))

    with pytest.raises(AnswerTooLarge):
        ROUTES[route](GatewaySource(server.host, retry_policy=QUICK))


def test_bytes_that_do_not_match_their_encoding_are_a_service_error(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve()
    server.faults = itertools.repeat(raw(b"not gzip at all", Content_Encoding="gzip"))

    with pytest.raises(ServiceError):
        GatewaySource(server.host, retry_policy=QUICK).count({})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(serve: Callable[..., GatewayServer], status: int) -> None:
    elsewhere, server = serve(), serve()
    server.faults = itertools.repeat(
        raw(b"", status, Location=f"https://{elsewhere.host}/v1/metadata_index/data_assets/find")
    )

    with pytest.raises(ServiceError, match="it redirects to another address"):
        GatewaySource(server.host, retry_policy=QUICK).find_page({}, {}, 10)

    assert elsewhere.requests == []


def test_a_slowly_dripping_response_times_out_and_is_retried(
    serve: Callable[..., GatewayServer],
) -> None:
    server = serve()
    server.faults = iter([Fault("drip", seconds=0.05)])

    assert GatewaySource(server.host, retry_policy=QUICK).count({}) == len(RECORDS)
    assert len(server.requests) == 2


@pytest.mark.parametrize("seed", range(amount(1, 20)))
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.3])
def test_no_asset_of_2_000_is_lost_or_duplicated_whatever_fails(
    serve: Callable[..., GatewayServer], rate: float, seed: int
) -> None:
    server = serve(GatewayLimits(max_payload=20_000))
    server.faults = flaky(rate, seed)

    found = find_assets(GatewaySource(server.host, retry_policy=STEADY), check_query({}))

    assert [asset.record_id for asset in found.assets] == IDS
    assert [asset.location for asset in found.assets] == [one["location"] for one in RECORDS]


@pytest.mark.parametrize("seed", range(amount(1, 20)))
def test_a_failure_rate_of_10_percent_adds_at_most_50_percent_of_requests(
    serve: Callable[..., GatewayServer], seed: int
) -> None:
    server = serve()
    list(
        walk_records(GatewaySource(server.host, retry_policy=STEADY), {}, {"_id": 1}, page_size=20)
    )
    without_faults = len(server.requests)
    server.requests.clear()
    server.faults = flaky(0.1, seed)

    list(
        walk_records(GatewaySource(server.host, retry_policy=STEADY), {}, {"_id": 1}, page_size=20)
    )

    assert len(server.requests) <= 1.5 * without_faults


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
ODD_RECORDS = st.lists(
    st.fixed_dictionaries(
        {"_id": VALUES},
        optional={
            key: VALUES | st.fixed_dictionaries({"Code Ocean": VALUES})
            for key in ("name", "location", "external_links", "other_identifiers", "subject")
        },
    ),
    max_size=4,
)


class Answering:
    """A source with a single page of these records."""

    label = "answering"

    def __init__(self, records: list[Any]) -> None:
        self._pages = [records]

    def find_page(self, filter_query: Any, projection: Any, limit: int) -> list[Any]:
        return self._pages.pop() if self._pages else []

    def aggregate(self, pipeline: Any) -> list[Any]:
        raise ServiceError("not used")

    def count(self, filter_query: Any) -> int:
        raise ServiceError("not used")


@settings(
    max_examples=amount(200, 5_000), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(ODD_RECORDS)
def test_records_of_any_shape_are_assets_or_a_typed_error(records: list[Any]) -> None:
    try:
        found = find_assets(Answering(records), check_query({}), fields=("subject",))
    except DispatchError:
        return

    assert all(isinstance(asset.name, str) for asset in found.assets)
    assert all(isinstance(one, str) for asset in found.assets for one in asset.asset_ids)
    json.dumps([asset.location for asset in found.assets])
