"""Hooks in `os` that run before every file operation of this process.

The code under test is unchanged; only the functions that it calls are replaced. Reading
operations are included, because they can fail as well.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

WRITING = ("open", "write", "fsync", "close", "rename", "link", "mkdir", "rmdir", "unlink")
READING = ("stat", "lstat", "fstat", "listdir", "scandir")

Hook = Callable[[str, int, tuple[Any, ...]], None]
"""Receives the name of the operation, its number from 1, and its arguments."""


@contextmanager
def hooked(hook: Hook, names: tuple[str, ...]) -> Iterator[None]:
    """Call `hook` before each of the operations, in any thread."""
    originals = {name: getattr(os, name) for name in names}
    numbers = itertools.count(1)
    for name in names:
        setattr(os, name, _with_hook(name, originals[name], hook, numbers))
    try:
        yield
    finally:
        for name in names:
            setattr(os, name, originals[name])


def _with_hook(
    name: str, operation: Callable[..., Any], hook: Hook, numbers: Iterator[int]
) -> Callable[..., Any]:
    def operate(*arguments: Any, **options: Any) -> Any:
        number = next(numbers)
        if name != "close":
            hook(name, number, arguments)
            return operation(*arguments, **options)
        # Linux frees the descriptor even if closing it reports an error.
        operation(*arguments, **options)
        hook(name, number, arguments)
        return None

    return operate


def failing(number: int, code: int) -> Hook:
    """Return a hook that fails one operation, like a single disk error."""

    def fail(_name: str, current: int, _arguments: tuple[Any, ...]) -> None:
        if current == number:
            raise OSError(code, os.strerror(code))

    return fail


def failing_to_grow(number: int, code: int) -> Hook:
    """Return a hook that fails all operations that need space from `number` on: a full disk."""

    def fail(name: str, current: int, arguments: tuple[Any, ...]) -> None:
        grows = name in ("write", "mkdir") or (name == "open" and arguments[1] & os.O_CREAT)
        if grows and current >= number:
            raise OSError(code, os.strerror(code))

    return fail


def killing(number: int) -> Hook:
    """Return a hook that kills the process before one operation, or halfway through a write."""
    write = os.write

    def kill(name: str, current: int, arguments: tuple[Any, ...]) -> None:
        if current == number:
            if name == "write":
                descriptor, content = arguments
                write(descriptor, content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


def in_child(act: Callable[[], object], hook: Hook) -> int:
    """Run `act` in a child process and return its exit code: 0, 1 (exception), -9 (killed)."""
    child = os.fork()
    if child == 0:
        try:
            with hooked(hook, WRITING):
                act()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
