"""The app behind nginx with docs/nginx.conf: TLS, prefix, websockets, limits and headers."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import streamlit
import streamlit_ace
from playwright.sync_api import Browser, BrowserContext
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from benchmarks.browserless import HOST, AppServer
from tests.support.browser import Tab, chromium, tree_of_zip
from tests.support.proxy import NAME, PREFIX, Proxy

ROOT = Path(__file__).resolve().parents[1]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin") is None,
        reason="nginx is not installed",
    ),
]


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    folder.chmod(0o755)  # the worker of nginx runs as another user
    options = ("--server.baseUrlPath", PREFIX)
    environment = {"STREAMLIT_SERVER_ALLOWED_HOSTS": f"{NAME} analysis.example.org"}
    server = AppServer(folder, environment=environment, options=options, prefix=PREFIX)
    with server, Proxy(folder, server.port) as proxy:
        yield proxy
    assert "Traceback" not in server.log
    assert NAME not in server.log.replace("localhost:", "")


def first_kind(proxy: Proxy, origin: str) -> str:
    """Return the kind of the first message that a session receives through the proxy."""
    context = ssl.create_default_context(cafile=proxy.ca_file)
    address = f"{proxy.url.replace('https', 'wss')}/_stcore/stream"
    protocols = [Subprotocol("streamlit")]
    with connect(address, ssl=context, origin=Origin(origin), subprotocols=protocols) as socket:
        message = BackMsg()
        message.rerun_script.query_string = ""
        socket.send(message.SerializeToString())
        answer = ForwardMsg()
        data = socket.recv(60)
        assert isinstance(data, bytes)
        answer.ParseFromString(data)
        return answer.WhichOneof("type") or ""


def test_a_session_opens_over_tls_below_the_prefix(proxy: Proxy) -> None:
    assert proxy.get("_stcore/health").text == "ok"
    assert first_kind(proxy, f"https://{NAME}:{proxy.tls}") in ("new_session", "session_event")


@pytest.mark.parametrize(
    "origin", ["https://evil.invalid", "http://localhost:3000", f"http://{HOST}", "null"]
)
def test_a_foreign_origin_is_rejected_through_the_proxy(proxy: Proxy, origin: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        first_kind(proxy, origin)

    assert caught.value.response.status_code == 403


def test_plain_http_redirects_to_tls(proxy: Proxy) -> None:
    address = f"http://{NAME}:{proxy.plain}/{PREFIX}/jobs?x=1"

    answer = requests.get(address, allow_redirects=False, timeout=30)

    assert (answer.status_code, answer.headers["Location"]) == (
        301,
        f"https://{NAME}:{proxy.tls}/{PREFIX}/jobs?x=1",
    )


@pytest.mark.parametrize("host", ["evil.invalid", HOST, "analysis.example.org.evil.invalid"])
def test_a_request_under_another_host_name_gets_no_response(proxy: Proxy, host: str) -> None:
    with pytest.raises(requests.ConnectionError):
        proxy.get("", headers={"Host": host})
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{NAME}:{proxy.plain}/", headers={"Host": host}, timeout=30)


def test_every_response_has_the_security_headers(proxy: Proxy) -> None:
    for path in ("", "_stcore/health", "jobs", "static/absent.js"):
        headers = proxy.get(path).headers

        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
        assert "unsafe-inline" not in headers["Content-Security-Policy"].split("style-src")[0]
        assert headers["Server"] == "nginx"


def test_the_proxy_rejects_an_upload_above_the_limit(proxy: Proxy) -> None:
    try:
        answer = requests.put(
            f"{proxy.url}/_stcore/upload_file/session/file",
            data=io.BytesIO(bytes(60 << 20)),
            verify=proxy.ca_file,
            timeout=30,
        )
    except requests.ConnectionError:
        return  # nginx closed the connection before all data was sent
    assert answer.status_code == 413


def test_metrics_and_the_agent_interface_are_not_accessible(proxy: Proxy) -> None:
    for path in ("_stcore/metrics", "_stcore/agent/interact", "_stcore/agent/openapi.json"):
        assert proxy.get(path).status_code == 404


def test_the_log_contains_neither_queries_nor_addresses_of_uploads_and_downloads(
    proxy: Proxy,
) -> None:
    proxy.get("?query=who-looks-for-what")
    proxy.get("_stcore/upload_file/bearer-session/file")
    proxy.get("media/bearer-file.zip")
    proxy.get("zip/bearer-secret.zip")
    proxy.get("_stcore/health")

    assert f'"GET /{PREFIX}/_stcore/health" 200' in proxy.log
    assert "who-looks-for-what" not in proxy.log
    assert "bearer" not in proxy.log


def test_the_policy_has_the_hash_of_every_inline_script() -> None:
    pages = [
        Path(streamlit.__file__).parent / "static" / "index.html",
        Path(streamlit_ace.__file__).parent / "frontend" / "build" / "index.html",
    ]
    scripts = [
        script
        for page in pages
        for script in re.findall(r"<script>(.*?)</script>", page.read_text("utf-8"), re.DOTALL)
    ]
    recipe = (ROOT / "docs" / "nginx.conf").read_text("utf-8")

    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]

    assert re.findall(r"'sha256-([^']+)'", recipe) == hashes


@pytest.fixture(scope="module")
def trusting_browser(proxy: Proxy, browser: Browser) -> Iterator[Browser]:
    """Return a browser that trusts the key of the proxy.

    With `ignore_https_errors`, each request is sent again after the error of its certificate;
    three of 50 pages on a busy machine lost a file that way (ERR_TOO_MANY_RETRIES).
    """
    trusted = f"--ignore-certificate-errors-spki-list={proxy.key_hash}"
    trusting = browser.browser_type.launch(
        executable_path=chromium() or None, args=["--no-sandbox", trusted]
    )
    yield trusting
    trusting.close()


@pytest.fixture
def context(trusting_browser: Browser) -> Iterator[BrowserContext]:
    context = trusting_browser.new_context()
    yield context
    context.close()


@pytest.mark.more
def test_a_zip_is_downloaded_below_the_prefix_and_not_named_in_the_log(
    proxy: Proxy, context: BrowserContext, tmp_path: Path
) -> None:
    tab = Tab(context.new_page(), proxy.url)

    tab.open()
    tab.press("Update everything")
    tab.see("= 357 jobs")
    tab.go("Deliver")
    with tab.page.expect_download() as waiting:
        tab.press("Download the zip")
    waiting.value.save_as(tmp_path / "jobs.zip")
    address, jobs = waiting.value.url, tree_of_zip(tmp_path / "jobs.zip")

    assert address.startswith(f"{proxy.url}/zip/")
    assert len(jobs) == 357
    assert tab.faults == []
    assert address.rpartition("/")[2] not in proxy.log


@pytest.mark.more
def test_every_page_works_in_a_browser_under_the_policy(
    proxy: Proxy, context: BrowserContext
) -> None:
    tab = Tab(context.new_page(), proxy.url)

    tab.open()
    tab.press("Find assets")
    tab.see_heading(re.compile(r"^[\d,]+ assets$"))
    links = tab.page.get_by_test_id("stSidebarNav").get_by_role("link").all_inner_texts()
    titles = [link.strip().splitlines()[-1] for link in links]
    for title in titles:
        tab.go(title)

    assert len(titles) >= 5
    assert tab.faults == []
    assert tab.hosts == {NAME}
