"""A model of the content of a disk after a power failure, from the file operations so far.

The model records every write operation in the watched folder, in order, and knows at
each point which bytes and names are *synced*: an fsync of a file makes its bytes durable,
an fsync of a folder the names in it. Anything else may survive or not. The model gives
the two worst cases:

- *names first*: every name survives, but a file has only its synced bytes;
- *synced only*: a name survives only if its folder was synced after it was added.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Tree = dict[str, bytes]
"""Path below the watched folder -> bytes of each file; without hidden names."""


@dataclass
class _File:
    synced: bytes | None = None


@dataclass
class _Folder:
    names: dict[str, _File | _Folder] = field(default_factory=dict)
    synced: dict[str, _File | _Folder] = field(default_factory=dict)


@dataclass
class Disk:
    """The model of the watched folder; `after` gives the worst cases at the current point."""

    base: Path
    root: _Folder = field(default_factory=_Folder)
    operations: int = 0

    @classmethod
    def of(cls, base: Path) -> Disk:
        """Return a disk on which the current content of `base` is durable."""
        disk = cls(base)
        for path in sorted(base.rglob("*")):
            parent, name = disk._entry(str(path))
            made = _Folder() if path.is_dir() else _File(path.read_bytes())
            parent.names[name] = parent.synced[name] = made
        return disk

    def after(self) -> tuple[Tree, Tree]:
        """Return the two possible contents after a power failure: names first, synced only."""
        return _tree(self.root, lambda folder: folder.names), _tree(
            self.root, lambda folder: folder.synced
        )

    def made(self, path: str, *, is_folder: bool) -> None:
        parent, name = self._entry(path)
        parent.names.setdefault(name, _Folder() if is_folder else _File())

    def synced(self, path: str) -> None:
        node = self._node(path)
        if isinstance(node, _Folder):
            node.synced = dict(node.names)
        elif node is not None:
            node.synced = Path(path).read_bytes()

    def moved(self, source: str, goal: str) -> None:
        parent, name = self._entry(source)
        node = parent.names.pop(name)
        parent, name = self._entry(goal)
        parent.names[name] = node

    def linked(self, source: str, goal: str) -> None:
        node = self._node(source)
        assert node is not None
        parent, name = self._entry(goal)
        parent.names[name] = node

    def removed(self, path: str) -> None:
        parent, name = self._entry(path)
        parent.names.pop(name, None)

    def holds(self, path: str) -> bool:
        return Path(path).is_relative_to(self.base) and path != str(self.base)

    def _node(self, path: str) -> _File | _Folder | None:
        if Path(path) == self.base:
            return self.root
        parent, name = self._entry(path)
        return parent.names.get(name)

    def _entry(self, path: str) -> tuple[_Folder, str]:
        *folders, name = Path(path).relative_to(self.base).parts
        node = self.root
        for folder in folders:
            inner = node.names[folder]
            assert isinstance(inner, _Folder)
            node = inner
        return node, name


def _tree(root: _Folder, names: Callable[[_Folder], dict[str, _File | _Folder]]) -> Tree:
    found: Tree = {}
    waiting: list[tuple[str, _File | _Folder]] = [("", root)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, _Folder):
            shown = {name: one for name, one in names(node).items() if name[0] != "."}
            waiting += [(f"{path}/{name}".lstrip("/"), one) for name, one in shown.items()]
        else:
            found[path] = node.synced or b""
    return found


@contextmanager
def watched(base: Path, look: Callable[[Disk], None]) -> Iterator[Disk]:
    """Call `look` after each file operation below `base`, in any thread."""
    disk = Disk.of(base)
    lock = threading.RLock()
    originals = {name: getattr(os, name) for name in _RECORDED}

    def recording(name: str) -> Callable[..., Any]:
        def operate(*arguments: Any, **options: Any) -> Any:
            with lock:
                result = originals[name](*arguments, **options)
                if _record(disk, name, result, arguments, options):
                    disk.operations += 1
                    look(disk)
                return result

        return operate

    for name in _RECORDED:
        setattr(os, name, recording(name))
    try:
        yield disk
    finally:
        for name in _RECORDED:
            setattr(os, name, originals[name])


_RECORDED = ("open", "fsync", "rename", "replace", "link", "mkdir", "rmdir", "unlink")


def _record(
    disk: Disk, name: str, result: Any, arguments: tuple[Any, ...], options: dict[str, Any]
) -> bool:
    """Apply a successful operation to the model; return whether it changed the model."""
    count = 2 if name in ("rename", "replace", "link") else 1
    paths = [_absolute(one, options) for one in arguments[:count]]
    if not disk.holds(paths[0]) and not (name == "fsync" and paths[0] == str(disk.base)):
        return False
    match name:
        case "open" if arguments[1] & os.O_CREAT:
            disk.made(paths[0], is_folder=False)
        case "mkdir":
            disk.made(paths[0], is_folder=True)
        case "fsync":
            disk.synced(paths[0])
        case "rename" | "replace":
            disk.moved(*paths)
        case "link":
            disk.linked(*paths)
        case "unlink" | "rmdir":
            disk.removed(paths[0])
        case _:
            return False
    return True


def _absolute(argument: Any, options: dict[str, Any]) -> str:
    """Return the path of an argument: a path, a descriptor, or a name below a descriptor."""
    if isinstance(argument, int):
        return os.readlink(f"/proc/self/fd/{argument}")
    if "dir_fd" in options and options["dir_fd"] is not None:
        return os.path.join(os.readlink(f"/proc/self/fd/{options['dir_fd']}"), argument)
    return os.path.abspath(os.fspath(argument))
