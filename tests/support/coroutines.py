"""Coroutines in a test: Playwright's loop may run in the main thread, so they run in another."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def result_of(coroutine: Coroutine[None, None, T]) -> T:
    """Run `coroutine` to its end."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
