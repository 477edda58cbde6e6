"""Fixtures that several test files use, and the tiers that they belong to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.tier import QUICK, SOAK, examples, is_all, run_all

if not QUICK:
    from tests.support.app import embedded_demo, fresh_clients
    from tests.support.browser import (
        browser,
        context,
        demo_server,
        server,
        server_environment,
        tab,
        warm_context,
    )

    __all__ = [
        "browser",
        "context",
        "demo_server",
        "embedded_demo",
        "fresh_clients",
        "server",
        "server_environment",
        "tab",
        "warm_context",
    ]

pytest.register_assert_rewrite("tests.conformance")

SLOW_FILES = (
    # pages, drawn by Streamlit or in Chromium
    *("app*", "browser*", "agreement", "query_builder", "sign_in", "load"),
    # processes and servers
    *("cli_killed", "cluster", "mongodb", "outbound", "output_power", "proxy", "secrets", "web"),
    # comparisons with other tools, and measurements
    *("benchmarks", "corpora", "fields_mongodb", "match_oracle", "readers", "supply"),
    # many generated inputs
    *("fuzz", "output_crash", "large_list", "hostile_gateway"),
)


LONG_FILES = (
    "browser*",
    # many visits or processes for each test
    *("app_interrupted", "app_without_services", "cli_killed", "load", "sign_in"),
    # comparisons and measurements
    *("benchmarks", "match_oracle"),
)
"""Of these, ``make test`` runs the tests marked ``main``, and ``make test-all`` all."""


def pytest_configure(config: pytest.Config) -> None:
    if not QUICK and _are_chosen(config):
        run_all()
    # These tests do not measure time, so a busy machine does not fail them: no deadline.
    settings.register_profile("ours", deadline=None, max_examples=examples(100))
    settings.load_profile("ours")


def _are_chosen(config: pytest.Config) -> bool:
    """Whether the command names the tests that it runs."""
    are_named = config.args != config.getini("testpaths")
    return are_named or bool(config.option.keyword or config.option.markexpr)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """In ``make quick``, import no file whose tests are all slow."""
    return True if QUICK and _is_among(SLOW_FILES, collection_path) else None


def _is_among(files: tuple[str, ...], path: Path) -> bool:
    name = path.stem.removeprefix("test_")
    return any(fnmatch(name, one) for one in files)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests to ``make test``, more of them to ``make test-all``, long ones to soak."""
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.soak)
        if _is_among(LONG_FILES, item.path) and not item.get_closest_marker("main"):
            item.add_marker(pytest.mark.more)
    config.hook.pytest_deselected(items=[item for item in items if _is_for_later(item)])
    items[:] = [item for item in items if not _is_for_later(item)]


def _is_for_later(item: pytest.Item) -> bool:
    later = {"slow": QUICK, "more": not is_all(), "long": not SOAK}
    return any(later.get(mark.name, False) for mark in item.iter_markers())


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the app keeps on the disk away from the checkout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPATCH_STATE_ROOT", str(tmp_path_factory.mktemp("state") / "root"))
        yield


@pytest.fixture(scope="session", autouse=True)
def read_once() -> Iterator[None]:
    """Read once what libraries read again for each client of S3 and for each run of an app."""
    readers = [("botocore.session", "create_loader")]
    if "streamlit" in sys.modules:
        # it reads the metadata of every installed package
        readers.append(("streamlit.components.v2.manifest_scanner", "scan_component_manifests"))
    with pytest.MonkeyPatch.context() as patch:
        for module, name in readers:
            patch.setattr(f"{module}.{name}", cache(getattr(import_module(module), name)))
        if "streamlit" in sys.modules:
            # an app of a test compiles its scripts for each run
            scripts = import_module("streamlit.runtime.scriptrunner.script_cache").ScriptCache
            patch.setattr(scripts, "get_bytecode", scripts().get_bytecode)
        yield
