"""S3Lister through the real boto3, against a small S3 test server."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.exceptions
import pytest

from dispatch_core.errors import AccessDenied, DelimiterRefused, NoSuchBucket, ServiceError
from dispatch_core.locate import locate_files
from dispatch_core.sources.protocols import ListPage, StoredObject
from dispatch_core.sources.s3 import S3Lister, _foreign_errors
from dispatch_core.types import DataAsset
from tests.conformance.lister import ListerTests
from tests.servers.s3 import Fault, Request, S3Server

ODD_NAMES = [
    " lead", "a b", "a+b", "a%20b", "a%2Fb", "line\nbreak", "\r", "tab\t", "ä", "a\u0308",
    "\U0001f9e0", "..", "//", "[0]", "*", "#frag", "?q=1", "&amp;", "<x>", '"', "'", "\\", "~",
    "\x01",
]  # fmt: skip


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[S3Server]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDPLANTED")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    with S3Server({"data": {"a/x.nwb": 5, "a/y.json": 0}}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        yield server


@pytest.fixture
def no_credentials(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


def put(server: S3Server, *keys: str) -> None:
    server.buckets["data"] = (sorted(keys), dict.fromkeys(keys, 1))


def walk(lister: S3Lister, prefix: str, delimiter: str = "") -> list[ListPage]:
    pages = [lister.list_page("data", prefix, delimiter=delimiter)]
    while pages[-1].token:
        token = pages[-1].token
        pages.append(lister.list_page("data", prefix, delimiter=delimiter, token=token))
    return pages


def test_a_page_has_keys_with_sizes_and_times(server: S3Server) -> None:
    page = S3Lister().list_page("data", "a/")

    assert page == ListPage(["a/x.nwb", "a/y.json"], [], None)
    assert page.objects == [
        StoredObject("a/x.nwb", 5, "2025-06-07T14:31:15.000Z"),
        StoredObject("a/y.json", 0, "2025-06-07T14:31:15.000Z"),
    ]


class TestS3Lister(ListerTests):
    @pytest.fixture
    def lister(self, server: S3Server) -> S3Lister:
        put(server, *self.KEYS)
        return S3Lister()


class TestS3ListerOverMoto(ListerTests):
    """S3 as others read its documentation; moto is slow, so with few keys."""

    KEYS = [key for key in ListerTests.KEYS if not key.startswith("many/")]
    STARTS = ("",)  # moto skips a common prefix that contains the start; AWS lists the rest of it

    @pytest.fixture(scope="class")
    def lister(self) -> Iterator[S3Lister]:
        moto, boto3 = pytest.importorskip("moto"), pytest.importorskip("boto3")
        with pytest.MonkeyPatch.context() as patch, moto.mock_aws():
            patch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
            client = boto3.client("s3", region_name="us-east-1")
            client.create_bucket(Bucket=self.BUCKET)
            for key in self.KEYS:
                client.put_object(Bucket=self.BUCKET, Key=key, Body=b"x")
            yield S3Lister()


def test_unusual_keys_are_returned_verbatim(server: S3Server) -> None:
    server.page_size = 5
    put(server, *(f"a/{name}.nwb" for name in ODD_NAMES))

    pages = walk(S3Lister(), "a/")

    assert {key for page in pages for key in page.keys} == {f"a/{name}.nwb" for name in ODD_NAMES}


@pytest.mark.parametrize("name", ODD_NAMES)
def test_unusual_prefixes_delimiters_and_starts_are_sent_verbatim(
    server: S3Server, name: str
) -> None:
    put(server, *(f"{name}/{name}{end}" for end in ("0", "1", f"2{name}.zarr/0")))

    page = S3Lister().list_page(
        "data", f"{name}/", delimiter=f"{name}.zarr/", start_after=f"{name}/{name}0"
    )

    assert page == ListPage([f"{name}/{name}1"], [f"{name}/{name}2{name}.zarr/"], None)


def test_one_lister_serves_many_threads(server: S3Server) -> None:
    server.latency = 0.01
    lister = S3Lister(threads=8)

    with ThreadPoolExecutor(8) as executor:
        pages = list(executor.map(lambda _: lister.list_page("data", "a/"), range(40)))

    assert pages == [ListPage(["a/x.nwb", "a/y.json"], [], None)] * 40
    assert len(server.requests) == 40


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(403, "AccessDenied"), AccessDenied),
        (Fault(403, "AllAccessDisabled"), AccessDenied),
        (Fault(403, body=b""), AccessDenied),
        (Fault(403, "InvalidAccessKeyId"), AccessDenied),
        (Fault(400, "ExpiredToken"), AccessDenied),
        (Fault(404, "NoSuchBucket"), NoSuchBucket),
        (Fault(404, body=b"<html>no such page</html>"), ServiceError),
        (Fault(400, "KeyTooLongError"), ServiceError),
        (Fault(400, "InvalidArgument"), ServiceError),
        (Fault(500, "InternalError"), ServiceError),
        (Fault(503, "SlowDown"), ServiceError),
        (Fault(503, body=b"<html>busy</html>"), ServiceError),
        (Fault(200, body=b""), ServiceError),
        (Fault(200, body=b"<html><p>Please sign in</p></html>"), ServiceError),
        (Fault(200, body=b"<html><p>Please<br>sign in"), ServiceError),
        (Fault(200, body=b'{"keys": []}'), ServiceError),
        (Fault(200, body=b"<ListBucketResult><IsTruncated>true</IsTruncated>"), ServiceError),
        (
            Fault(200, body=b"<L><IsTruncated>true</IsTruncated><Name>data</Name></L>"),
            ServiceError,
        ),
        (Fault(200, body=b"<Error><Code>InternalError</Code></Error>"), ServiceError),
        (Fault(breaks="at once"), ServiceError),
        (
            Fault(200, body=b"<ListBucketResult></ListBucketResult>", breaks="half way"),
            ServiceError,
        ),
    ],
    ids=str,
)
def test_every_failure_is_one_of_our_errors_and_never_an_empty_listing(
    server: S3Server, fault: Fault, error: type[ServiceError]
) -> None:
    server.fault = lambda request: fault

    with pytest.raises(ServiceError) as caught:
        S3Lister(attempts=1).list_page("data", "a/")

    assert type(caught.value) is error
    assert "s3://data/a/" in str(caught.value)


def test_an_invalid_bucket_name_raises_no_such_bucket(server: S3Server) -> None:
    with pytest.raises(NoSuchBucket, match="not the name of a bucket"):
        S3Lister().list_page("no bucket", "a/")


def test_a_prefix_that_cannot_be_sent_is_a_service_error(server: S3Server) -> None:
    with pytest.raises(ServiceError):
        S3Lister().list_page("data", "\ud800/")


@pytest.mark.parametrize("fault", [Fault(501, "NotImplemented"), Fault(400, "InvalidArgument")])
def test_a_refused_delimiter_is_reported_only_if_it_is_not_a_slash(
    server: S3Server, fault: Fault
) -> None:
    server.fault = lambda request: fault
    lister = S3Lister(attempts=1)

    with pytest.raises(DelimiterRefused):
        lister.list_page("data", "a/", delimiter=".zarr/")
    with pytest.raises(ServiceError) as caught:
        lister.list_page("data", "a/", delimiter="/")

    assert type(caught.value) is ServiceError


def test_a_transient_failure_is_retried(server: S3Server) -> None:
    server.fault = lambda request: Fault(503, "SlowDown") if request.number == 1 else None

    page = S3Lister().list_page("data", "a/")

    assert len(page.objects) == 2
    assert len(server.requests) == 2


@pytest.mark.usefixtures("no_credentials")
def test_without_credentials_requests_are_not_signed(server: S3Server) -> None:
    S3Lister().list_page("data", "a/")

    assert [request.signed for request in server.requests] == [False]


def test_a_public_bucket_that_denies_the_credentials_is_read_unsigned_from_then_on(
    server: S3Server,
) -> None:
    server.denied_signed = {"data/"}
    lister = S3Lister()

    first = lister.list_page("data", "a/")
    lister.list_page("data", "a/")

    assert len(first.objects) == 2
    assert [request.signed for request in server.requests] == [True, False, False]


def test_a_prefix_denied_with_and_without_credentials_does_not_affect_its_neighbour(
    server: S3Server,
) -> None:
    put(server, "open/x.nwb", "closed/x.nwb")
    server.denied_signed, server.denied_unsigned = {"data/"}, {"data/closed/"}
    lister = S3Lister()
    with pytest.raises(AccessDenied):
        lister.list_page("data", "closed/")

    page = lister.list_page("data", "open/")

    assert page.keys == ["open/x.nwb"]
    assert [request.signed for request in server.requests] == [True, False, True, False]


def test_a_denied_prefix_does_not_affect_a_longer_public_one(
    server: S3Server,
) -> None:
    put(server, "open/x.nwb")
    server.denied_signed = {"data/"}
    server.fault = lambda ask: None if ask.params.get("prefix") else Fault(403, "AccessDenied")
    lister = S3Lister()
    with pytest.raises(AccessDenied):
        lister.list_page("data", "")

    page = lister.list_page("data", "open/")

    assert page.keys == ["open/x.nwb"]


def test_a_private_prefix_of_a_public_bucket_is_listed_with_credentials(
    server: S3Server,
) -> None:
    put(server, "open/x.nwb", "staff/x.nwb")
    server.denied_signed, server.denied_unsigned = {"data/open/"}, {"data/staff/"}
    lister = S3Lister()

    pages = [lister.list_page("data", prefix) for prefix in ("open/", "staff/")]

    assert [len(page.objects) for page in pages] == [1, 1]


def test_expired_credentials_do_not_block_a_public_bucket(
    server: S3Server,
) -> None:
    server.fault = lambda request: Fault(400, "ExpiredToken") if request.signed else None

    page = S3Lister().list_page("data", "a/")

    assert len(page.objects) == 2


def test_the_label_names_the_endpoint_without_its_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://user:planted@minio.example.org:9000/x?y")

    label = S3Lister().label

    assert label == "S3 at minio.example.org:9000"


def test_the_label_is_amazon_s3_without_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    label = S3Lister().label

    assert label == "Amazon S3"


@pytest.mark.parametrize("url", ["http://user:planted@127.0.0.1:9", "http://[planted", "planted"])
def test_no_message_contains_a_secret_of_the_endpoint(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)

    with pytest.raises(ServiceError) as caught:
        S3Lister(attempts=1).list_page("data", "a/")

    assert "planted" not in str(caught.value)


def test_no_message_contains_the_credentials_of_the_environment(server: S3Server) -> None:
    body = b"<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIDPLANTED</AWSAccessKeyId>"
    server.fault = lambda request: Fault(403, body=body + b"</Error>")

    with pytest.raises(AccessDenied, match="SignatureDoesNotMatch") as caught:
        S3Lister().list_page("data", "a/")

    assert "PLANTED" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://[planted", "planted"])
def test_an_endpoint_that_is_not_a_url_is_an_error_that_names_the_setting(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)

    with pytest.raises(ServiceError, match="Check AWS_ENDPOINT_URL_S3"):
        S3Lister().list_page("data", "a/")


def test_a_profile_that_does_not_exist_is_a_service_error_that_names_the_setting(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "unknown")

    with pytest.raises(ServiceError, match="Check AWS_PROFILE"):
        S3Lister().list_page("data", "a/")


def test_a_bucket_for_which_the_requester_pays_is_listed_with_the_setting_only(
    server: S3Server,
) -> None:
    server.requester_pays = {"data"}

    page = S3Lister(pays=True).list_page("data", "a/")
    with pytest.raises(AccessDenied, match="set --request_payer requester"):
        S3Lister().list_page("data", "a/")

    assert page.keys == ["a/x.nwb", "a/y.json"]
    assert [(one.payer, one.signed) for one in server.requests] == [
        ("requester", True),
        ("", True),
        ("", False),
    ]


@pytest.mark.usefixtures("no_credentials")
def test_a_request_without_credentials_accepts_no_charge(server: S3Server) -> None:
    server.requester_pays = {"data"}

    with pytest.raises(AccessDenied, match="the requester pays needs credentials"):
        S3Lister(pays=True).list_page("data", "a/")

    assert [one.payer for one in server.requests] == [""]


def test_a_copy_of_the_lister_for_another_process_still_pays(server: S3Server) -> None:
    server.requester_pays = {"data"}

    copy = pickle.loads(pickle.dumps(S3Lister(pays=True)))

    assert copy.list_page("data", "a/").keys == ["a/x.nwb", "a/y.json"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            Fault(400, "AuthorizationHeaderMalformed", details="<Region>eu-west-1</Region>"),
            "region eu-west-1",
        ),
        (
            Fault(301, "PermanentRedirect", details="<Endpoint>data.example.org</Endpoint>"),
            "endpoint data.example.org",
        ),
        (
            Fault(
                400,
                "IllegalLocationConstraintException",
                details="<Message>The ap-east-1 location constraint is incompatible</Message>",
            ),
            "region ap-east-1",
        ),
        (Fault(403, "RequestTimeTooSkewed"), "Set the clock"),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
def test_a_fault_of_the_configuration_says_what_to_set(
    server: S3Server, fault: Fault, said: str
) -> None:
    server.fault = lambda request: fault

    with pytest.raises(ServiceError, match=said) as caught:
        S3Lister(attempts=1).list_page("data", "a/")

    assert "Try again" not in str(caught.value)


ACCESS_POINTS = [
    "arn:aws:s3:us-west-2:123456789012:accesspoint/my-point",
    "arn:aws:s3:us-west-2:123456789012:accesspoint:my-point",
    "my-point-abcdefghijklmnop-s3alias",
]


@pytest.mark.parametrize("bucket", ACCESS_POINTS)
def test_an_access_point_is_requested_at_its_own_address(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    hosts: list[str] = []
    lister = S3Lister(attempts=1)

    def refuse(request: Any, **_: object) -> Any:
        hosts.append(urlsplit(request.url).hostname or "")
        raise botocore.exceptions.EndpointConnectionError(endpoint_url="")

    lister._client(unsigned=False).meta.events.register("before-send.s3", refuse)
    with pytest.raises(ServiceError, match="cannot be reached"):
        lister.list_page(bucket, "a/")

    assert len(hosts) == 1
    assert hosts[0].startswith("my-point")


@pytest.mark.parametrize(
    "bucket",
    [
        "arn:aws:s3:us-west-2:123456789012:bucket/x",
        "arn:aws:sns:us-west-2:123456789012:accesspoint/x",
        "arn:aws:s3:us-west-2:1:accesspoint/x",
    ],
)
def test_an_arn_that_is_not_an_access_point_is_refused(server: S3Server, bucket: str) -> None:
    with pytest.raises(NoSuchBucket, match="Check its ARN"):
        S3Lister(attempts=1).list_page(bucket, "a/")

    assert server.requests == []


def wait_until_prepared() -> None:
    for thread in threading.enumerate():
        if thread.name == "prepare-s3":
            thread.join(10)


def test_preparing_a_lister_creates_its_client_and_sends_no_request(server: S3Server) -> None:
    lister = S3Lister()

    lister.prepare()
    wait_until_prepared()

    assert list(lister._clients) == [False]
    assert server.requests == []


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_PROFILE"])
def test_a_failure_while_preparing_is_reported_by_the_first_request(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "planted")
    lister = S3Lister(attempts=1)

    lister.prepare()
    wait_until_prepared()

    with pytest.raises(ServiceError, match=f"Check {name}"):
        lister.list_page("data", "a/")


def test_no_exception_of_botocore_leaves_the_lister() -> None:
    programming = {botocore.exceptions.UndefinedModelAttributeError}
    declared = {
        thing
        for thing in vars(botocore.exceptions).values()
        if isinstance(thing, type) and issubclass(thing, Exception) and thing is not Exception
    }

    leaking = {
        error
        for error in declared
        if not issubclass(error, (*_foreign_errors(), Warning, *programming))
    }

    assert leaking == set()


def test_botocore_parses_no_key_of_an_ordinary_response(server: S3Server) -> None:
    put(server, *(f"a/{number}" for number in range(900)), "a/x.zarr/0")
    lister, seen = S3Lister(), []
    client = lister._client(unsigned=False)
    client.meta.events.register_first(
        "before-parse.s3.*", lambda response_dict, **_: seen.append(len(response_dict["body"]))
    )

    page = lister.list_page("data", "a/", delimiter=".zarr/")

    assert (len(page.keys), len(page.prefixes)) == (900, 1)
    assert len(seen) == 1
    assert seen[0] < 1000


def test_boto3_is_not_imported_before_the_first_request() -> None:
    code = (
        "import sys; from dispatch_core.sources.s3 import S3Lister; S3Lister().label;"
        " print('botocore' in sys.modules)"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "False"


def every_fifth(fault: Fault) -> Callable[[Request], Fault | None]:
    return lambda request: fault if request.number % 5 == 0 else None


@pytest.mark.parametrize(
    "fault",
    [Fault(503, "SlowDown"), Fault(breaks="at once"), Fault(200, body=b"<html>sign in</html>")],
    ids=str,
)
def test_failures_of_every_fifth_request_lose_no_asset_and_make_none_empty(
    server: S3Server, fault: Fault
) -> None:
    put(server, *(f"a{number}/x.nwb/{chunk}" for number in range(40) for chunk in range(9)))
    server.fault = every_fifth(fault)
    assets = [DataAsset(str(n), f"a{n}", f"s3://data/a{n}") for n in range(40)]

    result = locate_files(assets, S3Lister(), ".nwb", pause=0)

    wrong = [row for row in result.exclusions if row.reason != "listing_failed"]
    files = [[file.location for file in found.files or ()] for found in result.located]
    assert wrong == []
    assert files == [[f"{found.asset.location}/x.nwb"] for found in result.located]
    assert len(result.located) >= 36


def test_files_are_located_if_the_delimiter_is_refused(server: S3Server) -> None:
    put(server, *(f"a/x.zarr/{chunk}" for chunk in range(3000)), "a/y.zarr")
    server.delimiters = "refuse"

    result = locate_files([DataAsset("r", "a", "s3://data/a")], S3Lister(), ".zarr")

    assert [file.location for file in result.located[0].files or ()] == [
        "s3://data/a/x.zarr",
        "s3://data/a/y.zarr",
    ]
    assert result.requests == len(server.requests) == 3
