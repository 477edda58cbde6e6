"""Keys whose names match although they are not data: directory markers and system files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

STORES_ONLY = (".zarr", ".n5")
"""Ends of names that are always directories, so that an empty file is a marker of one."""

FOLDER_MARKS = ("/", "_$folder$")
"""Ends of keys that only mark a directory."""

ZARR_MARKS = (".zgroup", ".zarray", ".zattrs", ".zmetadata", "zarr.json")
"""Files that only the top of a Zarr store has."""

_SYSTEM = re.compile(
    r"(?:^|/)(?:(?P<mac>\._|__MACOSX/|\.AppleDouble/|\.Trashes/|\.Spotlight-V100/|\.fseventsd/)"
    r"|(?P<notebook>\.ipynb_checkpoints/)|(?P<git>\.git/|\.datalad/)|(?P<lock>~\$|\.~lock\.)"
    r"|(?P<other>\.nfs[0-9a-f]{8}|@eaDir/|\$RECYCLE\.BIN/|System Volume Information/"
    r"|\.Trash[-/]|#recycle/))"
)
_LEFT_BEHIND = re.compile(
    r"(?:^|/)(?:\.DS_Store|_SUCCESS|Thumbs\.db|desktop\.ini|\.(?:git)?keep|\.gitignore|\.localized"
    r"|\.directory|Icon\r|_temporary/.*)$",
    re.IGNORECASE,
)
_WHY = {
    "mac": "a file of macOS beside the data",
    "notebook": "a checkpoint of Jupyter",
    "git": "a file of Git or git-annex beside the data",
    "lock": "a lock or temporary file of an open document",
    "other": "a file of the operating system or of a file server",
}
EMPTIED = "a directory marker without content"
ONLY_SYSTEM = "a directory with nothing but files of the system"
MARKER_FILE = "an empty file where a directory is expected"


class NotData(NamedTuple):
    """Matching names that are not data: why, how many, and one of them."""

    why: str
    number: int
    example: str

    def __str__(self) -> str:
        return f"{self.example} ({self.why}{f', {self.number:,} of them' * (self.number > 1)})"


def is_marker(key: str) -> bool:
    """Whether a key only marks a directory: ``a/`` or ``a_$folder$``."""
    return key.endswith(FOLDER_MARKS)


def is_left_behind(path: str) -> bool:
    """Whether a path below a store is a file that a system or a tool leaves in any directory."""
    return bool(_LEFT_BEHIND.search(path) or _SYSTEM.search(path))


def why_not_content(key: str, start: int) -> str:
    """Why a key of a store is not content; "" if it is. ``start`` is where its path begins."""
    if is_marker(key):
        return EMPTIED
    return ONLY_SYSTEM if is_left_behind(key[start:]) else ""


def is_zarr_mark(key: str, start: int) -> bool:
    """Whether a key is a file that only the top of a Zarr store, which begins at `start`, has."""
    return key[start:] in ZARR_MARKS


def why_not_data(path: str, size: int | None = None) -> str:
    """Why a matching path below an asset's location is not data; "" if it is."""
    found = _SYSTEM.search(f"{path}/" if size is None else path)
    if found:
        return _WHY[str(found.lastgroup)]
    return MARKER_FILE if size == 0 and path.endswith(STORES_ONLY) else ""


def counted_kinds(paths: Iterable[tuple[str, str]]) -> tuple[NotData, ...]:
    """One `NotData` for each reason of (path, why)."""
    kinds: dict[str, list[str]] = {}
    for path, why in paths:
        kinds.setdefault(why, []).append(path)
    return tuple(NotData(why, len(held), min(held)) for why, held in kinds.items())
