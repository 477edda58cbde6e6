"""A store with arbitrary responses: an asset has exactly its files or is excluded."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from dispatch_core.errors import ServiceError
from dispatch_core.locate import Located, locate_files
from dispatch_core.sources.s3 import S3Lister
from dispatch_core.types import DataAsset
from tests.fakes import asset
from tests.servers.s3 import Fault, Request, S3Server
from tests.support.tier import amount

pytestmark = pytest.mark.soak

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult>'
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "'
    + b"x" * 1000
    + b'"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">'
    b'<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">]>'
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>&e;</Key></Contents>"
    b"</ListBucketResult>"
)
BODIES = {
    "nothing": b"",
    "noise": bytes(range(256)) * 4,
    "a page of a proxy": b"<html><body>Sign in</body></html>",
    "JSON": b'{"Contents": []}',
    "an empty element": b"<ListBucketResult/>",
    "another answer": b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>",
    "no word of the end": HEAD + b"<KeyCount>0</KeyCount></ListBucketResult>",
    "more without a token": HEAD + b"<IsTruncated>true</IsTruncated></ListBucketResult>",
    "cut in a key": HEAD + b"<IsTruncated>false</IsTruncated><Contents><Key>one/a.n",
    "an entity bomb": BOMB,
    "an external entity": (
        b'<!DOCTYPE l [<!ENTITY f SYSTEM "file:///etc/passwd">]><ListBucketResult>'
        b"<IsTruncated>false</IsTruncated><Contents><Key>&f;</Key></Contents></ListBucketResult>"
    ),
    "a key of another asset": (
        HEAD + b"<IsTruncated>false</IsTruncated><Contents><Key>two/a.nwb</Key><Size>1</Size>"
        b"</Contents></ListBucketResult>"
    ),
}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")


def located(server: S3Server, assets: list[DataAsset], monkeypatch: pytest.MonkeyPatch) -> Located:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    return locate_files(assets, S3Lister(attempts=2), ".nwb", pause=0)


@pytest.mark.parametrize("name", BODIES)
def test_a_response_that_is_not_a_listing_is_never_read_as_no_files(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with S3Server({"data": ["one/a.nwb"]}) as server:
        server.fault = lambda request: Fault(200, body=BODIES[name])
        result = located(server, [asset("one")], monkeypatch)

    assert result.located == ()
    assert [row.reason for row in result.exclusions] == ["listing_failed"]


def test_an_invalid_response_for_one_asset_does_not_affect_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"a{number}" for number in range(10)]

    with S3Server({"data": [f"{name}/x.nwb" for name in names]}) as server:
        server.fault = lambda request: (
            Fault(200, body=BODIES["nothing"])
            if request.params.get("prefix", "") in ("a3/", "a", "")
            else None
        )
        result = located(server, [asset(name) for name in names], monkeypatch)

    assert [one.asset.name for one in result.located] == [name for name in names if name != "a3"]
    assert [row.name for row in result.exclusions] == ["a3"]


def flaky(rate: float, seed: int) -> Callable[[Request], Fault | None]:
    rng = random.Random(seed)
    kinds = [
        *(Fault(503, "SlowDown"), Fault(500), Fault(429, "TooManyRequests")),
        *(Fault(breaks="at once"), Fault(200, body=BODIES["a page of a proxy"])),
        *(Fault(200, body=BODIES["nothing"]), Fault(200, body=BODIES["cut in a key"])),
    ]
    return lambda request: rng.choice(kinds) if rng.random() < rate else None


@pytest.mark.parametrize("seed", range(amount(1, 20)))
def test_no_asset_of_500_is_lost_wrong_or_read_as_empty_whatever_fails(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = [asset(f"asset{number}") for number in range(500)]
    keys = {f"{one.name}/{one.name}.nwb" for one in assets if int(one.name[5:]) % 10}

    with S3Server({"data": keys}) as server:
        server.fault = flaky(0.2, seed)
        result = located(server, assets, monkeypatch)

    assert len(result.located) + len(result.exclusions) == 500
    assert {one.files[0].location for one in result.located if one.files} <= {
        f"s3://data/{key}" for key in keys
    }
    assert all(
        [file.location for file in one.files or ()]
        == [f"s3://data/{one.asset.name}/{one.asset.name}.nwb"]
        for one in result.located
    )
    empty = {row.name for row in result.exclusions if row.reason == "no_matching_file"}
    assert empty <= {f"asset{number}" for number in range(0, 500, 10)}
    assert {row.reason for row in result.exclusions} <= {"no_matching_file", "listing_failed"}


def test_a_store_that_fails_every_request_is_a_service_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assets = [asset(f"a{number}") for number in range(60)]

    with S3Server({"data": []}) as server:
        server.fault = lambda request: Fault(503, "SlowDown")
        with pytest.raises(ServiceError, match="all failed"):
            located(server, assets, monkeypatch)
