"""The MongoDB source: real pymongo against SecantusDB, which speaks MongoDB's wire protocol."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from dispatch_core.errors import AccessDenied, InvalidInput, ServiceError
from dispatch_core.find import find_assets
from dispatch_core.query import check_query
from dispatch_core.sources.mongodb import MongoSource
from dispatch_core.sources.transport import RetryPolicy
from dispatch_core.walk import walk_records
from tests.conformance.source import SourceTests
from tests.fakes import record

pymongo = pytest.importorskip("pymongo", reason="pymongo is an extra (requirements-mongodb.txt)")
secantus = pytest.importorskip("secantus", reason="SecantusDB is a test requirement")

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning"
)  # caused by the server's own patterns

ASSETS = SourceTests.RECORDS


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose database ``lab`` has ``assets`` and, with ObjectIds, ``native``."""
    server = secantus.SecantusDBServer(port=0, storage_path=str(tmp_path_factory.mktemp("mongo")))
    server.start()
    with pymongo.MongoClient(server.uri) as client:
        client.lab.assets.insert_many([dict(one) for one in ASSETS])
        bare = [{key: one[key] for key in ("name", "location", "n")} for one in ASSETS]
        client.lab.native.insert_many([{**one, "when": datetime(2025, 6, 7)} for one in bare])
        client.lab.mixed.insert_many([record(f"m{number:04}", n=1) for number in range(1_000)])
        client.lab.mixed.insert_many([{**one, "n": 2} for one in bare[:5]])
    yield server.uri
    server.stop()


@pytest.fixture
def source(uri: str) -> MongoSource:
    return MongoSource(uri, database="lab", collection="assets")


@pytest.fixture
def native(uri: str) -> MongoSource:
    """The collection whose ids are ObjectIds."""
    return MongoSource(uri, database="lab", collection="native")


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port without a server."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        yield unheard.getsockname()[1]


class TestMongoSource(SourceTests):
    @pytest.fixture
    def source(self, uri: str) -> MongoSource:
        return MongoSource(uri, database="lab", collection="assets")


@pytest.mark.parametrize("page_size", [1, 7, 25])
def test_paging_finds_every_record_whose_id_is_an_object_id(
    native: MongoSource, page_size: int
) -> None:
    query = {"n": {"$gte": 5}}

    found = [one["n"] for one in walk_records(native, query, {"n": 1}, page_size=page_size)]

    assert found == list(range(5, 25))


def test_ids_of_two_types_that_break_paging_are_reported(uri: str) -> None:
    source = MongoSource(uri, database="lab", collection="mixed")

    found = find_assets(source, check_query({"n": {"$in": [1, 2]}}))

    assert found.matched == 1_000
    assert found.warnings == (
        "The source counts 1,005 matches but returned 1,000: records were added during the search "
        "(find again), or some have an _id that is not text and cannot be paged through",
    )


def test_ids_of_two_types_in_one_page_are_each_returned_once(uri: str) -> None:
    source = MongoSource(uri, database="lab", collection="mixed")

    found = find_assets(source, check_query({"name": {"$regex": "^(a|m000)"}}))

    assert (found.matched, len(found.assets), found.exclusions) == (15, 15, ())
    assert found.warnings == ()


def test_an_object_id_is_found_by_its_string(native: MongoSource) -> None:
    one, other = native.find_page({}, {}, 2)

    assert native.find_page({"_id": one["_id"]}, {}, 5) == [one]
    assert native.find_page({"_id": {"$in": [other["_id"], "x"]}, "n": 1}, {}, 5) == [other]
    assert native.count({"$or": [{"_id": one["_id"]}, {"n": 7}]}) == 2


def test_dates_and_object_ids_are_returned_as_strings(native: MongoSource) -> None:
    [one] = native.find_page({"n": 0}, {"when": 1}, 1)

    assert one["when"] == "2025-06-07T00:00:00"
    assert isinstance(one["_id"], str)
    assert len(one["_id"]) == 24


@pytest.mark.parametrize(
    "query",
    [
        {"a": {"$nosuch": 1}},
        {"a": {"$in": 3}},
        {"a": {"$regex": "("}},
        {"$or": []},
        {"$and": 3},
        {"n": 2**70},
        {"a\0b": 1},
        {"a": "\ud800"},
    ],
)
def test_a_query_that_the_database_or_bson_refuses_is_invalid_input(
    source: MongoSource, query: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match="the database refuses the query: "):
        source.find_page(query, {}, 5)
    with pytest.raises(InvalidInput, match="the database refuses the query: "):
        source.count(query)
    with pytest.raises(InvalidInput, match="the database refuses the query: "):
        source.aggregate([{"$match": query}])


def test_an_unknown_stage_is_invalid_input(source: MongoSource) -> None:
    with pytest.raises(InvalidInput, match="nosuch"):
        source.aggregate([{"$nosuch": {}}])


class Sent(pymongo.monitoring.CommandListener):
    """The commands that pymongo sends: (name, its time limit in milliseconds)."""

    def __init__(self) -> None:
        self.limits: list[tuple[str, int | None]] = []

    def started(self, event: Any) -> None:
        self.limits.append((event.command_name, event.command.get("maxTimeMS")))

    def succeeded(self, event: Any) -> None:
        """Nothing to note."""

    failed = succeeded


def each_method(source: MongoSource) -> list[Callable[[], object]]:
    return [
        lambda: source.find_page({}, {"n": 1}, 5),
        lambda: source.aggregate([{"$match": {}}]),
        lambda: source.count({"n": 1}),
    ]


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ("", 60_000),
        ("?socketTimeoutMS=90000", 90_000),
        ("?socketTimeoutMS=90000&timeoutMS=7000", None),
        ("?socketTimeoutMS=0", None),
    ],
)
def test_each_query_has_the_time_limit_of_the_gateway_or_of_the_uri(
    uri: str, options: str, limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = Sent()
    client = pymongo.MongoClient
    monkeypatch.setattr(
        pymongo, "MongoClient", lambda *a, **more: client(*a, **more, event_listeners=[sent])
    )
    source = MongoSource(f"{uri.rstrip('/')}/{options}", database="lab", collection="assets")

    for call in each_method(source):
        call()

    queries = [(name, most) for name, most in sent.limits if name in ("find", "aggregate")]
    assert [name for name, _ in queries] == ["find", "aggregate", "aggregate"]
    if "timeoutMS=7000" in options:
        assert all(most is not None and 0 < most <= 7_000 for _, most in queries)
    else:
        assert [most for _, most in queries] == [limit] * 3


def test_the_time_limit_is_that_of_the_retry_policy(uri: str) -> None:
    policy = RetryPolicy(read=1.5)
    source = MongoSource(uri, database="lab", collection="assets", retry_policy=policy)
    assert source._most_time == {"maxTimeMS": 1_500}


@pytest.mark.parametrize(
    "error",
    [
        pymongo.errors.ExecutionTimeout("operation exceeded time limit", 50),
        pymongo.errors.NetworkTimeout("127.0.0.1:27017: timed out"),
    ],
)
@pytest.mark.parametrize("number", range(3))
def test_a_query_that_takes_too_long_is_reported_as_a_timeout(
    uri: str, error: Exception, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MongoSource(uri, database="lab", collection="assets")

    def stop(*_: object, **__: object) -> None:
        raise error

    for name in ("find", "aggregate", "count_documents"):
        monkeypatch.setattr(pymongo.collection.Collection, name, stop)
    with pytest.raises(ServiceError) as caught:
        each_method(source)[number]()

    (issue,) = caught.value.issues
    assert issue.what == "the query took longer than 60 s and was stopped"
    assert issue.where == source.label
    assert "Narrow the query" in issue.action
    assert "timeoutMS" in issue.action


def test_an_unreachable_server_is_a_service_error_after_the_timeout_of_the_uri(
    dead_port: int,
) -> None:
    uri = f"mongodb://user:sesame@127.0.0.1:{dead_port}/?serverSelectionTimeoutMS=200"
    source = MongoSource(uri, database="lab", collection="assets")

    with pytest.raises(ServiceError) as caught:
        source.count({})

    assert f"MongoDB 127.0.0.1:{dead_port}/lab.assets: the database failed" in str(caught.value)
    assert "Connection refused" in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_wrong_credentials_are_access_denied_and_not_shown(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    storage = str(tmp_path_factory.mktemp("locked"))
    server = secantus.SecantusDBServer(port=0, storage_path=storage, require_auth=True)
    server.start()
    try:
        uri = server.uri.replace("mongodb://", "mongodb://user:sesame@")
        with pytest.raises(AccessDenied) as caught:
            MongoSource(uri, database="lab", collection="assets").count({})
    finally:
        server.stop()

    assert "Check the user and the password of the URI" in str(caught.value)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("mongodb://user:sesame@one.example", "one.example:27017"),
        ("mongodb://user:sesame@one.example:1,two.example:2", "one.example:1,two.example:2"),
        ("mongodb://user:sesame@%2Ftmp%2Fdb.sock", "/tmp/db.sock"),
        ("mongodb://user:ses%40me@one.example/admin?tls=true", "one.example:27017"),
    ],
)
def test_the_label_has_the_hosts_and_no_credentials(uri: str, shown: str) -> None:
    source = MongoSource(uri, database="lab", collection="assets")

    assert source.label == f"MongoDB {shown}/lab.assets"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("mongodb://", "at least one hostname"),
        ("mongodb://user:sesame@host:port/", "non-digit characters"),
        ("mongodb://user:sesame", "non-digit characters"),
        ("mongodb://user:ses@me@host", "must be escaped"),
        ("mongodb://user:sesame@[::1", "IPv6"),
        ("mongodb+srv://user:sesame@host:27017/", "must not include a port"),
        ("mongodb://user:sesame@host/?tls=true&tlsCAFile=/no/such", "[Errno 2]"),
    ],
)
def test_an_invalid_uri_is_invalid_input_without_its_password(uri: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        MongoSource(uri, database="lab", collection="assets")

    assert message in str(caught.value)
    assert "sesame" not in str(caught.value)
    assert "ses@me" not in str(caught.value)


@pytest.mark.parametrize(("database", "collection"), [("a b", "c"), ("d", "a$b"), ("d", ".x")])
def test_a_name_that_mongodb_does_not_accept_is_invalid_input(
    database: str, collection: str
) -> None:
    with pytest.raises(InvalidInput, match="names"):
        MongoSource("mongodb://host", database=database, collection=collection)
