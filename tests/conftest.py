"""Fixtures that several files of tests use."""

from tests.support.browser import browser, context, server, server_environment, tab

__all__ = ["browser", "context", "server", "server_environment", "tab"]
