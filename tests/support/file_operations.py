"""A seam in `os`: every file operation of this process passes a hook.

The code under test is not touched; what it calls is. Reading operations are
included, because a disk fails them as well.
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
"""Gets the operation's name, its number from 1, and its arguments."""


@contextmanager
def hooked(hook: Hook, names: tuple[str, ...]) -> Iterator[None]:
    """Calls `hook` before each of the operations, of any thread."""
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
        # Linux frees the descriptor even where closing it reports an error.
        operation(*arguments, **options)
        hook(name, number, arguments)
        return None

    return operate


def failing(number: int, code: int) -> Hook:
    """Fails one operation, as a disk does once."""

    def fail(_name: str, current: int, _arguments: tuple[Any, ...]) -> None:
        if current == number:
            raise OSError(code, os.strerror(code))

    return fail


def failing_to_grow(number: int, code: int) -> Hook:
    """Fails everything that needs space, from one operation on, as a full disk does."""

    def fail(name: str, current: int, arguments: tuple[Any, ...]) -> None:
        grows = name in ("write", "mkdir") or (name == "open" and arguments[1] & os.O_CREAT)
        if grows and current >= number:
            raise OSError(code, os.strerror(code))

    return fail


def killing(number: int) -> Hook:
    """Kills the process before one operation, in the middle of it where it writes."""
    write = os.write

    def kill(name: str, current: int, arguments: tuple[Any, ...]) -> None:
        if current == number:
            if name == "write":
                descriptor, content = arguments
                write(descriptor, content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


def in_child(act: Callable[[], object], hook: Hook) -> int:
    """How `act` ended in a process of its own: 0, 1 for an exception, -9 for a kill."""
    child = os.fork()
    if child == 0:
        try:
            with hooked(hook, WRITING):
                act()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
