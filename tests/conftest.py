"""Fixtures shared by several test files."""

from hypothesis import settings

from tests.support.browser import browser, context, server, server_environment, tab

__all__ = ["browser", "context", "server", "server_environment", "tab"]

settings.register_profile("not timed by the clock", deadline=None)
settings.load_profile("not timed by the clock")
