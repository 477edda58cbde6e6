"""The demo gateway used by the real client: pages, limits and errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import requests
from aind_data_access_api.document_db import MetadataDbClient
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.demo.catalogue import AWKWARD, DemoCatalogue
from dispatch_core.demo.collection import RecordCollection, split_bounds
from dispatch_core.demo.gateway import DemoGateway, GatewayAdapter, GatewayLimits
from dispatch_core.language.aggregate import run_pipeline
from dispatch_core.language.match import compile_filter
from dispatch_core.types import Filter, Pipeline, Record
from tests.servers.gateway import Fault, GatewayServer, flaky

CATALOGUE = DemoCatalogue(asset_count=300)
RECORDS = CATALOGUE.records
HOST = "demo.example.org"
FIND = "/v1/metadata_index/data_assets/find"
DERIVED: Filter = {"data_description.data_level": "derived"}


class Demo:
    """The real client over a demo gateway, and the number of its requests."""

    def __init__(self, limits: GatewayLimits | None = None, version: str = "v1") -> None:
        self.gateway = DemoGateway(RECORDS, limits=limits)
        self.adapter = GatewayAdapter(self.gateway)
        session = requests.Session()
        session.mount("https://", self.adapter)
        self.client = MetadataDbClient(host=HOST, version=version, session=session)


def ids(records: list[Record]) -> list[str]:
    return [record["_id"] for record in records]


def expected(filter_query: Filter) -> list[str]:
    matches = compile_filter(filter_query)
    return [record["_id"] for record in RECORDS if matches(record)]


def ask(gateway: DemoGateway, route: str, **params: object) -> tuple[int, Any]:
    texts = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in params.items()
    }
    status, _, body = gateway.handle("GET", f"/v1/metadata_index/data_assets{route}", texts)
    return status, json.loads(body)


def test_the_real_client_gets_all_matching_records() -> None:
    found = Demo().client.retrieve_docdb_records(DERIVED)

    assert ids(found) == expected(DERIVED)
    assert found[0] in RECORDS


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_both_versions_serve_the_same_collection(version: str) -> None:
    found = Demo(version=version).client.retrieve_docdb_records({"name": AWKWARD["nwb file"]})

    assert len(found) == 1


def test_a_projection_keeps_its_paths_and_the_id() -> None:
    (found,) = Demo().client.retrieve_docdb_records(
        {"name": AWKWARD["nwb file"]}, projection={"data_description.data_level": 1}
    )

    assert found.keys() == {"_id", "data_description"}
    assert found["data_description"] == {"data_level": "derived"}


def test_limit_and_skip_select_a_part_of_the_records() -> None:
    gateway = Demo().gateway

    _, found = ask(gateway, "/find", filter=DERIVED, limit="3", skip="2")

    assert ids(found) == expected(DERIVED)[2:5]


@pytest.mark.parametrize("sort", [{"name": 1}, {"name": -1}, {"_id": -1}])
def test_records_are_sorted_as_in_mongodb(sort: dict[str, int]) -> None:
    pipeline: Pipeline = [{"$match": DERIVED}, {"$sort": sort}]

    found = Demo().client.retrieve_docdb_records(DERIVED, sort=sort)

    assert ids(found) == ids(run_pipeline(RECORDS, pipeline))


def test_find_silently_omits_records_that_do_not_fit() -> None:
    demo = Demo(GatewayLimits(max_payload=50_000))

    status, found = ask(demo.gateway, "/find", filter=DERIVED)

    assert status == 200
    assert 5 < len(found) < 15
    assert ids(found) == expected(DERIVED)[: len(found)]


def test_the_loop_of_the_client_continues_after_short_pages() -> None:
    demo = Demo(GatewayLimits(max_payload=50_000))

    found = demo.client.retrieve_docdb_records(DERIVED)

    assert ids(found) == expected(DERIVED)
    assert demo.adapter.request_count > 10


def test_a_page_limit_also_makes_short_pages() -> None:
    gateway = Demo(GatewayLimits(max_page=7)).gateway

    _, found = ask(gateway, "/find", limit="100")

    assert len(found) == 7


def test_find_is_a_413_if_not_even_one_record_fits() -> None:
    gateway = Demo(GatewayLimits(max_payload=500)).gateway

    status, body = ask(gateway, "/find")

    assert (status, body) == (413, {"message": "Request Too Long"})


def test_find_sends_an_empty_page_only_if_nothing_matches() -> None:
    gateway = Demo(GatewayLimits(max_payload=500)).gateway

    assert ask(gateway, "/find", filter={"name": "no such name"}) == (200, [])


def test_the_bare_route_is_a_413_where_find_would_omit_records() -> None:
    gateway = Demo(GatewayLimits(max_payload=50_000)).gateway

    assert ask(gateway, "", filter=DERIVED)[0] == 413
    assert ids(ask(gateway, "", filter=DERIVED, limit="2")[1]) == expected(DERIVED)[:2]


def test_aggregate_returns_the_results_of_a_pipeline() -> None:
    pipeline: Pipeline = [
        {"$match": DERIVED},
        {"$group": {"_id": "$data_description.project_name", "n": {"$sum": 1}}},
        {"$sort": {"n": -1, "_id": 1}},
        {"$limit": 3},
    ]

    found = Demo().client.aggregate_docdb_records(pipeline)

    assert found == run_pipeline(RECORDS, pipeline)
    assert len(found) == 3


def test_aggregate_is_a_413_if_the_results_do_not_fit() -> None:
    demo = Demo(GatewayLimits(max_payload=50_000))

    with pytest.raises(requests.HTTPError, match="413"):
        demo.client.aggregate_docdb_records([{"$match": {}}])


def test_a_count_includes_the_total() -> None:
    counts = Demo().client._count_records(DERIVED)

    assert counts == {
        "total_record_count": 300,
        "filtered_record_count": len(expected(DERIVED)),
    }


def test_a_url_over_eight_kilobytes_is_a_414() -> None:
    names = [f"behavior_{number}_2025-01-01_00-00-00" for number in range(250)]
    filter_query = {"name": {"$in": names}}

    with pytest.raises(requests.HTTPError, match="414"):
        Demo().client.retrieve_docdb_records(filter_query)
    assert Demo().client.aggregate_docdb_records([{"$match": filter_query}]) == []


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"filter": "{"}, "filter is not JSON"),
        ({"filter": "[1]"}, "filter is not an object"),
        ({"filter": "[" * 100_000}, "filter is not JSON"),
        ({"limit": "ten"}, "limit is not a whole number: 'ten'"),
        ({"skip": "-1"}, "skip is not a whole number: '-1'"),
        ({"filter": '{"name": {"$where": "1"}}'}, r"\$where"),
        ({"filter": '{"name": {"$regex": "("}}'}, "regex"),
        ({"projection": '{"a": 1, "b": 0}'}, "b"),
        ({"sort": '{"name": 2}'}, "sort"),
    ],
)
def test_an_invalid_request_is_a_400_with_a_reason(params: dict[str, str], said: str) -> None:
    status, body = ask(Demo().gateway, "/find", **params)

    assert status == 400
    assert re.search(said, body["error"])


@pytest.mark.parametrize("body", [b"", b"{}", b'[{"$out": "elsewhere"}]', b"[1]"])
def test_an_invalid_or_writing_pipeline_is_refused(body: bytes) -> None:
    target = "/v1/metadata_index/data_assets/aggregate"

    status, _, text = DemoGateway(RECORDS).handle_target("POST", target, body)

    assert status == 400
    assert json.loads(text)["error"]


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v3/metadata_index/data_assets/find"),
        ("GET", "/v1/metadata_index/other/find"),
        ("GET", "/v1/metadata_index/data_assets/nothing"),
        ("GET", "/v1/metadata_index"),
        ("GET", "/"),
        ("GET", "/v1/metadata_index/data_assets/aggregate"),
        ("POST", "/v1/metadata_index/data_assets/find"),
        ("POST", "/v1/metadata_index/data_assets/insert_one"),
        ("DELETE", "/v1/metadata_index/data_assets/delete_many"),
    ],
)
def test_other_routes_do_not_exist(method: str, target: str) -> None:
    status, _, body = DemoGateway(RECORDS).handle_target(method, target)

    assert (status, json.loads(body)) == (404, {"message": "Not Found"})


def test_an_additional_collection_is_served_under_its_name() -> None:
    gateway = DemoGateway([], collections={"analysis/results": [{"_id": "r1"}]})

    _, _, body = gateway.handle_target("GET", "/v2/analysis/results/find")

    assert json.loads(body) == [{"_id": "r1"}]


def test_a_url_encoded_query_is_decoded_once() -> None:
    record = {"_id": "a+b%20c", "name": "caf\u00e9 +"}
    filter_text = quote(json.dumps({"_id": "a+b%20c"}))

    _, _, body = DemoGateway([record]).handle_target("GET", f"{FIND}?filter={filter_text}")

    assert json.loads(body) == [record]


def test_a_response_has_the_url_of_its_request() -> None:
    response = Demo().client.session.get(f"https://{HOST}{FIND}", params={"limit": "1"})

    assert response.ok
    assert response.headers["content-type"] == "application/json"
    assert response.url.startswith(f"https://{HOST}/v1/")
    assert response.reason == "OK"


@pytest.mark.parametrize(
    ("filter_query", "floor", "end", "rest"),
    [
        ({"_id": {"$gt": "b"}}, "b\0", None, {}),
        ({"_id": {"$gte": "b"}}, "b", None, {}),
        ({"_id": {"$gt": "b"}, "x": 1}, "b\0", None, {"x": 1}),
        ({"$and": [{"x": 1}, {"_id": {"$gt": "b"}}]}, "b\0", None, {"$and": [{"x": 1}]}),
        ({"$and": [{"_id": {"$gt": "b"}}], "x": 1}, "b\0", None, {"x": 1}),
        ({"_id": {"$gt": "b", "$lt": "d"}}, "b\0", "d", {}),
        ({"$and": [{"x": 1}, {"_id": {"$gte": "b", "$lt": "d"}}]}, "b", "d", {"$and": [{"x": 1}]}),
        ({"_id": {"$lt": "d"}}, "", None, {"_id": {"$lt": "d"}}),
        ({"_id": {"$gt": "b", "$lt": 1}}, "", None, {"_id": {"$gt": "b", "$lt": 1}}),
        ({"_id": {"$gt": "b", "$ne": "c"}}, "", None, {"_id": {"$gt": "b", "$ne": "c"}}),
        ({"_id": {"$gt": 1}}, "", None, {"_id": {"$gt": 1}}),
        ({"_id": "b"}, "", None, {"_id": "b"}),
        ({"$or": [{"_id": {"$gt": "b"}}]}, "", None, {"$or": [{"_id": {"$gt": "b"}}]}),
    ],
)
def test_the_bounds_on_the_id_are_separated_from_a_filter(
    filter_query: Filter, floor: str, end: str | None, rest: Filter
) -> None:
    assert split_bounds(filter_query) == (floor, end, rest)


NAMES = st.sampled_from(["a", "b", "c", "a1"])
LINKS = st.one_of(
    st.lists(NAMES, max_size=2),
    st.lists(st.fixed_dictionaries({"Code Ocean": NAMES}), max_size=2),
    st.fixed_dictionaries({"Code Ocean": st.lists(NAMES, max_size=3)}),
    st.none(),
)
CONDITION = st.one_of(
    NAMES,
    st.none(),
    st.fixed_dictionaries({"$eq": NAMES}),
    st.fixed_dictionaries({"$in": st.lists(NAMES | st.none(), max_size=3)}),
    st.fixed_dictionaries({"$gt": NAMES}),
    st.fixed_dictionaries({"$gte": NAMES}),
    st.fixed_dictionaries({"$gte": NAMES, "$lt": NAMES}),
    st.fixed_dictionaries({"$ne": NAMES}),
)
PATHS = st.sampled_from(["_id", "name", "location", "external_links.Code Ocean"])
SIMPLE = st.dictionaries(PATHS, CONDITION, max_size=2)
FILTERS = st.one_of(SIMPLE, st.fixed_dictionaries({"$and": st.lists(SIMPLE, min_size=1)}))


def record_with(place: int, parts: tuple[Any, Any, Any]) -> Record:
    name, location, links = parts
    return {"_id": f"{'abc'[place % 3]}{place}", "name": name} | (
        {"location": location, "external_links": links} if place % 2 else {}
    )


@given(
    parts=st.lists(st.tuples(NAMES | st.lists(NAMES), NAMES | st.none(), LINKS), max_size=8),
    filter_query=FILTERS,
)
def test_indexes_affect_the_time_and_never_the_result(
    parts: list[tuple[Any, Any, Any]], filter_query: Filter
) -> None:
    records = sorted(
        (record_with(place, part) for place, part in enumerate(parts)), key=lambda one: one["_id"]
    )
    collection = RecordCollection(records)
    matches = compile_filter(filter_query)

    found = list(collection.find(filter_query))

    assert found == [record for record in records if matches(record)]
    pipeline: Pipeline = [{"$match": filter_query}, {"$sort": {"_id": 1}}]
    assert collection.aggregate(pipeline) == found


def looked_at(filter_query: Filter, take: Callable[[RecordCollection], object]) -> int:
    """The number of records, of a thousand, that are read while `take` runs."""
    touched = 0

    class Watched(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            nonlocal touched
            touched += key == "watched"
            return super().__getitem__(key)

        def get(self, key: str, default: Any = None) -> Any:
            nonlocal touched
            touched += key == "watched"
            return super().get(key, default)

        def __contains__(self, key: object) -> bool:
            nonlocal touched
            touched += key == "watched"
            return super().__contains__(key)

    collection = RecordCollection(Watched(_id=f"{n:04}", watched=1) for n in range(1000))
    take(collection)
    return touched


def test_a_page_after_a_bound_reads_only_its_own_records() -> None:
    page: Filter = {"$and": [{"watched": 1}, {"_id": {"$gt": "0500"}}]}

    def take_ten(collection: RecordCollection) -> None:
        found = collection.find(page, {"_id": 1})
        assert [next(found)["_id"] for _ in range(10)][-1] == "0510"

    def aggregate_ten(collection: RecordCollection) -> None:
        pipeline: Pipeline = [{"$match": page}, {"$sort": {"_id": 1}}, {"$limit": 10}]
        assert collection.aggregate(pipeline)[-1]["_id"] == "0510"

    assert 10 <= looked_at(page, take_ten) <= 40
    assert 10 <= looked_at(page, aggregate_ten) <= 40


def test_insert_and_remove_affect_the_next_response() -> None:
    collection = RecordCollection([{"_id": "a", "name": "x"}, {"_id": "c", "name": "x"}])
    assert len(list(collection.find({"name": "x"}))) == 2

    collection.insert({"_id": "b", "name": "x"})
    collection.remove("a")

    assert ids(list(collection.find({"name": "x"}))) == ["b", "c"]
    assert len(collection) == 2


def client_of(server: GatewayServer) -> MetadataDbClient:
    session = requests.Session()
    session.verify = server.ca_file
    session.trust_env = False
    return MetadataDbClient(host=server.host, session=session)


def test_the_https_server_sends_the_responses_of_the_gateway() -> None:
    with GatewayServer(RECORDS) as server:
        found = client_of(server).retrieve_docdb_records(DERIVED)

    assert ids(found) == expected(DERIVED)
    assert {request.status for request in server.requests} == {200}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", status=502), requests.HTTPError),
        (Fault("html"), requests.exceptions.JSONDecodeError),
        (Fault("truncated"), requests.RequestException),
        (Fault("reset"), requests.ConnectionError),
    ],
)
def test_a_fault_affects_one_request_and_the_next_one_succeeds(
    fault: Fault, error: type[Exception]
) -> None:
    with GatewayServer(RECORDS) as server:
        client = client_of(server)
        server.faults = iter([fault])

        with pytest.raises(error):
            client.aggregate_docdb_records([{"$limit": 2}])
        assert len(client.aggregate_docdb_records([{"$limit": 2}])) == 2


def test_an_error_can_have_status_200() -> None:
    with GatewayServer(RECORDS) as server:
        server.faults = iter([Fault("error")])

        answer: Any = client_of(server).aggregate_docdb_records([{"$limit": 2}])

    assert answer == {"error": "cursor was killed"}


def test_a_stall_outlasts_a_client_that_waits_half_a_second() -> None:
    with GatewayServer(RECORDS) as server:
        server.faults = iter([Fault("stall")])

        with pytest.raises(requests.ReadTimeout):
            client_of(server).session.get(f"https://{server.host}{FIND}", timeout=0.5)


def test_records_can_be_inserted_and_removed_between_pages() -> None:
    def change(number: int) -> None:
        if number == 2:
            server.gateway.assets.remove(RECORDS[1]["_id"])

    with GatewayServer(RECORDS, GatewayLimits(max_page=50)) as server:
        server.on_request = change
        found = client_of(server).retrieve_docdb_records(projection={"name": 1})

    # Paging by skip misses the record that moved up.
    assert sorted(set(ids(RECORDS)) - set(ids(found))) == [RECORDS[50]["_id"]]


def test_flaky_faults_occur_at_their_rate_and_are_reproducible_by_seed() -> None:
    def taken(rate: float) -> list[Fault | None]:
        faults = flaky(rate, seed=3)
        return [next(faults) for _ in range(1000)]

    assert taken(0.3) == taken(0.3)
    assert 250 < sum(fault is not None for fault in taken(0.3)) < 350
    assert taken(0.0) == [None] * 1000
