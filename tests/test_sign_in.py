"""Optional sign-in: only signed-in users see pages, and the record contains the user."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
import requests
from playwright.sync_api import Browser, expect

from benchmarks.browserless import AppServer, Tab
from benchmarks.load import Tally, prepare
from tests.support.browser import Tab as BrowserTab

pytest.importorskip("authlib", reason="Authlib is an extra (requirements-signin.txt)")

from tests.servers.oidc import CLIENT_SECRET, IdentityProvider
from tests.support.coroutines import result_of

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-sign-in")]


OF_THE_APP = ("Find assets", "Embedded demo", "Locate", "parameter sets", "MongoDB", "asset_id")


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def app(
    provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AppServer]:
    folder = tmp_path_factory.mktemp("app")
    secrets = folder / "secrets.toml"
    server = AppServer(folder, options=("--secrets.files", str(secrets)))
    secrets.write_text(provider.secrets(server.url))
    with server:
        yield server


def sign_in(tab: BrowserTab, provider: IdentityProvider, email: str) -> None:
    provider.email = email
    tab.press("Sign in")
    tab.see(f"Signed in as {email}")
    tab.settle()


@pytest.mark.main
def test_without_sign_in_no_address_shows_a_page(app: AppServer) -> None:
    async def pages() -> dict[str, str]:
        seen = {}
        async with Tab(app.url) as tab:
            seen["start"] = (await tab.open()).text
            for title in list(tab.pages):
                seen[title] = (await tab.go(title)).text
        for path in ("files", "parameters", "jobs", "deliver"):
            async with Tab(app.url) as tab:
                seen[path] = (await tab.open(path)).text
        return seen

    seen = result_of(pages())

    assert len(seen) >= 9
    for text in seen.values():
        assert "Sign in to select assets" in text
        assert [word for word in OF_THE_APP if word in text] == []


def test_the_record_contains_the_user_and_secrets_appear_nowhere(
    app: AppServer, provider: IdentityProvider, browser: Browser, tmp_path: Path
) -> None:
    request = {"version": 1, "query": {"name": {"$regex": "^ecephys_900003"}}}
    (tmp_path / "small.json").write_text(json.dumps(request))
    context = browser.new_context(reduced_motion="reduce")
    tab = BrowserTab(context.new_page(), app.url)
    tab.open()
    sign_in(tab, provider, "ada@example.org")

    tab.go("Deliver")
    tab.page.get_by_text("Load a saved request").click()
    tab.page.locator("input[type=file]").set_input_files(tmp_path / "small.json")
    tab.see("small.json is loaded")
    tab.settle()
    tab.press("Find assets")
    tab.see_heading(re.compile(r"^[\d,]+ assets$"))
    tab.go("Deliver")
    tab.press("Write the worker folders")
    tab.see(re.compile("^Written: "))
    shown = tab.page.content()
    context.close()

    (record,) = app.output_root.glob("*.dispatch.json")
    text = record.read_text()
    assert json.loads(text)["dispatched_by"] == "ada@example.org"
    for place in (text, shown, app.log):
        for secret in (CLIENT_SECRET, "planted-cookie-secret", "planted-access-token"):
            assert secret not in place
    assert "ada@example.org" not in app.log


def test_the_next_user_of_a_browser_sees_nothing_of_the_previous_user(
    app: AppServer, provider: IdentityProvider, browser: Browser
) -> None:
    context = browser.new_context(reduced_motion="reduce")
    tab = BrowserTab(context.new_page(), app.url)
    tab.open()
    sign_in(tab, provider, "ada@example.org")
    tab.press("Find assets")
    tab.see_heading(re.compile(r"^[\d,]+ assets$"))
    tab.page.reload()
    tab.see_heading(re.compile(r"^[\d,]+ assets$"))

    tab.press("Sign out")
    tab.see("Sign in to select assets")
    sign_in(tab, provider, "grace@example.org")

    tab.see("Press Find assets")
    assert tab.page.get_by_role("heading", name=re.compile(r"^[\d,]+ assets$")).count() == 0
    context.close()


def test_after_a_restart_only_the_user_who_typed_it_gets_the_work_back(
    tmp_path: Path, provider: IdentityProvider, browser: Browser
) -> None:
    secrets = tmp_path / "secrets.toml"
    server = AppServer(tmp_path, options=("--secrets.files", str(secrets)))
    secrets.write_text(provider.secrets(server.url))
    context = browser.new_context(reduced_motion="reduce")
    tab = BrowserTab(context.new_page(), server.url)
    with server:
        tab.open()
        sign_in(tab, provider, "ada@example.org")
        tab.type_text('{"half": ')
        tab.see("line 1, column")
        tab.settle()

    with server:
        tab.see("Everything you typed and decided is restored")
        tab.press("Sign out")
        tab.see("Sign in to select assets")
        sign_in(tab, provider, "grace@example.org")
        tab.see("This is a new session")
        expect(tab.page.get_by_text('"half"')).to_have_count(0)
        tab.open_editor()
        expect(tab.editor().locator(".ace_content")).to_contain_text("Thalamic Ephys Survey")
        tab.press("Sign out")
        tab.see("Sign in to select assets")

    with server:
        tab.open()
        sign_in(tab, provider, "ada@example.org")
        tab.see("Everything you typed and decided is restored")
        tab.see("line 1, column")
        context.close()


@pytest.mark.main
def test_a_trusted_proxy_header_signs_a_user_in(tmp_path: Path) -> None:
    async def first_page(url: str, headers: dict[str, str]) -> str:
        async with Tab(url, headers=headers) as tab:
            return (await tab.open()).text

    options = ("--server.trustedUserHeaders", '{"X-Remote-User": "email"}')
    with AppServer(tmp_path, options=options) as server:
        known = result_of(first_page(server.url, {"X-Remote-User": "ada@example.org"}))
        unknown = result_of(first_page(server.url, {}))

    assert "Signed in as ada@example.org" in known
    assert "Find assets" in known
    assert "did not send your name" in unknown
    assert "Find assets" not in unknown


def test_only_the_user_of_a_trusted_header_gets_the_zip(tmp_path: Path) -> None:
    async def statuses(url: str) -> list[int]:
        async with Tab(url, headers={"X-Remote-User": "ada@example.org"}) as tab:
            await prepare(tab, 1, Tally())
            await tab.go("Deliver")
            address = url + await tab.offer_zip()
            users = [{}, {"X-Remote-User": "grace@example.org"}, tab.headers]
            return [requests.get(address, headers=user, timeout=60).status_code for user in users]

    options = ("--server.trustedUserHeaders", '{"X-Remote-User": "email"}')
    with AppServer(tmp_path, options=options) as server:
        assert result_of(statuses(server.url)) == [404, 404, 200]


def test_only_the_browser_that_is_signed_in_gets_the_zip(
    app: AppServer, provider: IdentityProvider, browser: Browser
) -> None:
    context = browser.new_context(reduced_motion="reduce")
    tab = BrowserTab(context.new_page(), app.url)
    tab.page.add_init_script("""
        const click = HTMLAnchorElement.prototype.click;
        HTMLAnchorElement.prototype.click = function () {
            if (this.href.endsWith(".zip")) window.address = this.href; else click.call(this);
        };
    """)
    tab.open()
    sign_in(tab, provider, "ada@example.org")

    tab.press("Update everything")
    tab.see("= 357 jobs")
    tab.go("Deliver")
    tab.press("Download the zip")
    address = tab.page.wait_for_function("window.address").json_value()
    stolen = requests.get(address, timeout=60).status_code
    fetched = context.request.get(address).body()
    context.close()

    assert stolen == 404
    assert len(ZipFile(BytesIO(fetched)).namelist()) == 357


def test_without_a_section_auth_sign_in_is_off(tmp_path: Path) -> None:
    async def first_page(url: str) -> str:
        async with Tab(url, headers={"X-Remote-User": "mallory@example.org"}) as tab:
            return (await tab.open()).text

    with AppServer(tmp_path) as server:
        text = result_of(first_page(server.url))

    assert "Find assets" in text
    assert "Sign" not in text.replace("Signal", "")
    assert "mallory" not in text
