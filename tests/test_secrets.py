"""Test credentials never appear in an output, a ledger, a record, a page, a log or a request."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from benchmarks.browserless import AppServer, Tab
from tests.fakes import record
from tests.servers.gateway import GatewayServer
from tests.servers.s3 import S3Server
from tests.support.coroutines import result_of
from tests.support.world import CommandLine, Ran, run_process, subject

AWS = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDKEYID0000",
    "AWS_SECRET_ACCESS_KEY": "planted/Secret+access/key",
    "AWS_SESSION_TOKEN": "planted-session-token",
    "AWS_DEFAULT_REGION": "us-west-2",
}
PASSWORD = "planted-sesame"
PLANTED = [
    *[AWS["AWS_ACCESS_KEY_ID"], AWS["AWS_SECRET_ACCESS_KEY"], AWS["AWS_SESSION_TOKEN"]],
    *[PASSWORD, base64.b64encode(AWS["AWS_SECRET_ACCESS_KEY"].encode()).decode()],
    *["X-Amz-Signature", "Credential="],
]


def planted_in(text: str) -> list[str]:
    return [secret for secret in PLANTED if secret in text]


def all_text(folder: Path, ran: Ran) -> str:
    """Return the output of a run, and the name and content of every file that it wrote."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    written = [f"{path}\n{path.read_bytes().decode('latin-1')}" for path in files]
    return "\n".join([ran.out, ran.err, *written])


def arguments(folder: Path, *options: str) -> list[str | Path]:
    """Return a command that uses every option that writes a file."""
    return [
        *["--docdb_query", subject("1"), "--file_extension=.nwb", *options],
        *["--output_directory", folder / "out", "--zip", folder / "out.zip"],
        *["--ledger", folder / "ledger.json", "--record", folder / "record.json"],
        *["--save_request", folder / "request.json"],
    ]


def dispatch(folder: Path, *options: str, **environment: str) -> Ran:
    return run_process(*arguments(folder, *options), environment={**AWS, **environment})


def test_s3_keys_never_appear_in_files_or_output(tmp_path: Path) -> None:
    subjects = {"subject": {"subject_id": "1"}}
    names = ("good", "denied", "empty")
    records = [record(name, **subjects) for name in names]

    with GatewayServer(records) as gateway, S3Server({"data": ["good/x.nwb"]}) as s3:
        s3.denied = {"data/denied"}
        ran = dispatch(
            tmp_path,
            DOCDB_HOST=gateway.host,
            REQUESTS_CA_BUNDLE=gateway.ca_file,
            AWS_ENDPOINT_URL_S3=s3.url,
        )

    assert ran.code == 0
    assert any(request.signed for request in s3.requests)
    assert sorted(os.listdir(tmp_path)) == [
        *["ledger.json", "out", "out.zip", "record.json", "request.json"]
    ]
    assert "access_denied" in (tmp_path / "ledger.json").read_text()
    assert planted_in(all_text(tmp_path, ran)) == []


def test_keys_are_not_sent_to_the_gateway(tmp_path: Path) -> None:
    with GatewayServer([record("good", subject={"subject_id": "1"})]) as gateway:
        dispatch(
            tmp_path,
            "--buckets=demo",
            DOCDB_HOST=gateway.host,
            REQUESTS_CA_BUNDLE=gateway.ca_file,
        )

    sent = "".join(f"{request.target}{request.body!r}" for request in gateway.requests)
    assert gateway.requests
    assert planted_in(sent) == []


@pytest.mark.parametrize(
    ("host", "code"),
    [
        (f"mongodb://user:{PASSWORD}@127.0.0.1:9/?serverSelectionTimeoutMS=200", 4),
        (f" mongodb://user:{PASSWORD}@127.0.0.1:9/?serverSelectionTimeoutMS=200", 4),
        (f"mongodb://user:{PASSWORD}@127.0.0.1:port/", 2),
        (f"mongodb://user:{PASSWORD}", 2),
        (f"Mongodb://user:{PASSWORD}@127.0.0.1", 2),
        (f"https://user:{PASSWORD}@127.0.0.1:9", 2),
        (f"http://user:{PASSWORD}@127.0.0.1:9", 2),
    ],
)
@pytest.mark.parametrize("by_flag", [False, True])
def test_a_password_in_the_host_never_appears_in_files_or_output(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    code: int,
    by_flag: bool,
) -> None:
    pytest.importorskip("pymongo", reason="pymongo is an extra (requirements-mongodb.txt)")
    options = ["--docdb_host", host] if by_flag else []
    if not by_flag:
        monkeypatch.setenv("DOCDB_HOST", host)

    ran = CommandLine(capsys)(*arguments(tmp_path, "--buckets=demo", *options))

    assert ran.code == code
    assert ran.err.startswith("error: ")
    assert planted_in(all_text(tmp_path, ran)) == []


def test_a_password_in_a_mongodb_uri_never_appears_in_files_or_output(
    tmp_path: Path,
) -> None:
    pymongo = pytest.importorskip("pymongo", reason="pymongo is an extra")
    secantus = pytest.importorskip("secantus", reason="SecantusDB is a test requirement")
    server = secantus.SecantusDBServer(
        port=0, storage_path=str(tmp_path / "database"), require_auth=False
    )
    server.start()
    buckets = tmp_path / "buckets"
    (buckets / "data" / "good").mkdir(parents=True)
    (buckets / "data" / "good" / "x.nwb").touch()
    left = tmp_path / "left"
    left.mkdir()
    try:
        with pymongo.MongoClient(server.uri) as client:
            client.admin.command("createUser", "user", pwd=PASSWORD, roles=["root"])
            records = [record(name, subject={"subject_id": "1"}) for name in ("good", "gone")]
            client.metadata_index.data_assets.insert_many(records)
        uri = server.uri.replace("mongodb://", f"mongodb://user:{PASSWORD}@")
        ran = dispatch(left, "--buckets", str(buckets), DOCDB_HOST=uri)
    finally:
        server.stop()

    assert ran.code == 0, ran.err
    assert ran.out.startswith("source: MongoDB 127.0.0.1:")
    assert len(list((left / "out").rglob("*.json"))) == 1
    assert planted_in(all_text(left, ran)) == []


async def whole_journey(url: str) -> str:
    """Return all data that the app sends while all pages are visited and jobs are written."""
    request = {"version": 1, "query": {"subject.subject_id": "1"}, "file_extension": ".nwb"}
    sent = []
    async with Tab(url) as tab:
        sent.append(await tab.open())
        sent.append(await tab.go("Deliver"))
        sent.append(await tab.upload("load-", "r.json", json.dumps(request).encode()))
        sent += [await tab.press("find"), await tab.settle()]
        sent += [await tab.go("Files"), await tab.press("locate"), await tab.settle()]
        for title in list(tab.pages):
            sent += [await tab.go(title), await tab.settle()]
        sent += [await tab.go("Deliver"), await tab.press("write"), await tab.settle()]
    return "\n".join(run.text for run in sent)


def test_s3_keys_never_appear_in_pages_logs_or_records_of_the_app(tmp_path: Path) -> None:
    records = [record(name, subject={"subject_id": "1"}) for name in ("good", "denied", "empty")]

    with GatewayServer(records) as gateway, S3Server({"data": ["good/x.nwb"]}) as s3:
        s3.denied = {"data/denied"}
        sources = {
            "DOCDB_HOST": gateway.host,
            "REQUESTS_CA_BUNDLE": gateway.ca_file,
            "AWS_ENDPOINT_URL_S3": s3.url,
        }
        with AppServer(tmp_path, environment={**AWS, **sources}) as server:
            shown = result_of(whole_journey(server.url))

    assert any(request.signed for request in s3.requests)
    assert "without access" in shown
    assert len(list(server.output_root.glob("*.dispatch.json"))) == 1
    left = [path.read_text("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    assert planted_in("\n".join([shown, server.log, *left])) == []


@pytest.mark.more
def test_a_password_in_the_host_never_appears_in_pages_or_logs_of_the_app(tmp_path: Path) -> None:
    pytest.importorskip("pymongo", reason="pymongo is an extra (requirements-mongodb.txt)")
    host = f"mongodb://user:{PASSWORD}@127.0.0.1:9/?serverSelectionTimeoutMS=200"

    async def pages(url: str) -> str:
        sent = []
        async with Tab(url) as tab:
            sent += [await tab.open(), await tab.settle()]
            sent += [await tab.press("find"), await tab.settle()]
            for title in list(tab.pages):
                sent += [await tab.go(title), await tab.settle()]
        return "\n".join(run.text for run in sent)

    with AppServer(tmp_path, environment={"DOCDB_HOST": host}) as server:
        shown = result_of(pages(server.url))

    assert "127\\.0\\.0\\.1\\:9" in shown
    assert planted_in(shown + server.log) == []


@pytest.mark.more
def test_the_log_of_the_app_never_contains_input_or_results(tmp_path: Path) -> None:
    async def journey(url: str) -> str:
        async with Tab(url) as tab:
            await tab.open()
            await tab.go("Deliver")
            request = {"version": 1, "query": {"name": {"$regex": "^ecephys_900003"}}}
            await tab.upload("load-", "private-name.json", json.dumps(request).encode())
            await tab.press("find")
            await tab.settle()
            return tab.session_id

    with AppServer(tmp_path) as server:
        session_id = result_of(journey(server.url))

    for private in (session_id, "private-name", "900003", "ecephys", "GET /", "POST /"):
        assert private not in server.log
