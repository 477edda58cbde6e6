"""Fixtures that several test files use, and the tiers that they belong to."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.browser import browser, context, server, server_environment, tab
from tests.support.tier import SOAK

__all__ = ["browser", "context", "server", "server_environment", "tab"]

pytest.register_assert_rewrite("tests.conformance")

# These tests do not measure time, so a busy machine does not fail them: no deadline.
settings.register_profile("full", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.load_profile("full")

SLOW_FILES = frozenset(
    f"test_{name}.py"
    for name in (
        # pages, drawn by Streamlit
        *(
            "app",
            "app_fields",
            "app_interrupted",
            "app_library",
            "app_parameters",
            "app_processed",
            "app_requests",
        ),
        "app_without_services",
        *("query_builder", "sign_in", "load"),
        # processes and servers
        *("cli_killed", "cluster", "mongodb", "outbound"),
        *("output_power", "proxy", "secrets", "web"),
        # comparisons with other tools, and measurements
        *("benchmarks", "corpora", "fields_mongodb", "match_oracle", "readers", "supply"),
        # many generated inputs
        *("fuzz", "output_crash", "large_list", "hostile_gateway"),
    )
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of slow files as slow, and leave long ones to ``make soak``."""
    for item in items:
        if Path(item.path).name in SLOW_FILES:
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.soak)
    if not SOAK:
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
