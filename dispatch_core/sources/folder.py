"""A local folder as an object store, for trials without S3.

``s3://bucket/key`` is the file ``bucket/key`` below the root. Keys are generated in
S3's order and only as far as a page needs them; a directory that becomes a common
prefix is only checked for not being empty.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dispatch_core.errors import AccessDenied, Issue, NoSuchBucket, ServiceError
from dispatch_core.sources.paging import page_of
from dispatch_core.sources.protocols import ListPage, StoredObject, time_text
from dispatch_core.text.file_extension import is_utf8

LINK_OUT = "a link out of the folder of the buckets, which is not followed"


class FolderLister:
    """An `ObjectLister` over the folders below `root`, one bucket each.

    Hidden files are listed too. A symbolic link is followed only to a target below `root`,
    and never in a loop. Other links, names that are not UTF-8, and anything that is neither a
    file nor a folder cannot be keys; they are named in `ListPage.skipped`.
    """

    def __init__(self, root: Path) -> None:
        self._root = _real(root)

    @property
    def label(self) -> str:
        """A one-line description for display."""
        return f"folder {self._root}"

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
    ) -> ListPage:
        """One page of at most 1,000 entries; see `ObjectLister.list_page`."""
        folder = self._bucket(bucket)
        skipped: dict[str, str] = {}

        def seek(floor: str) -> Iterator[StoredObject]:
            walk = _Walk(self._root, prefix, delimiter, floor, skipped)
            return walk.below(folder, "", (folder,))

        try:
            page = page_of(seek, prefix, delimiter=delimiter, start_after=start_after, token=token)
            return replace(page, skipped=tuple(skipped.items()))
        except PermissionError as error:
            action = "Grant read permission to the account that runs this program"
            raise AccessDenied(Issue("permission denied", str(error.filename), action)) from None
        except OSError as error:
            raise ServiceError(Issue(f"could not be read ({error})", str(folder))) from None

    def _bucket(self, bucket: str) -> Path:
        """The folder of `bucket`, which must be a folder inside the root."""
        what = f"no folder {bucket!r}"
        try:
            folder = _real(self._root / bucket)
            if bucket in os.listdir(self._root) and folder.is_dir():
                if _is_inside(folder, self._root):
                    return folder
                what = f"{bucket!r} is {LINK_OUT}"
        except PermissionError:
            raise AccessDenied(Issue("permission denied", str(self._root))) from None
        except (OSError, ValueError):
            pass
        action = "Create a folder of that name below the root"
        raise NoSuchBucket(Issue(what, str(self._root), action))


@dataclass(frozen=True, slots=True)
class _Walk:
    """A traversal in key order for one listing, starting at the key `floor`.

    ``skipped`` receives the reason of each name that cannot be a key.
    """

    root: Path
    prefix: str
    delimiter: str
    floor: str
    skipped: dict[str, str]

    def below(self, folder: Path, key: str, trail: tuple[Path, ...]) -> Iterator[StoredObject]:
        """The objects of the listing below `folder`, whose key is `key`.

        `trail` has the real paths of the folders on the way down, `folder` last.
        """
        for name, entry in self._children(folder, key):
            child = key + name
            if not name.endswith("/"):
                if child >= self.floor and child.startswith(self.prefix):
                    status = entry.stat()
                    written = datetime.fromtimestamp(status.st_mtime, UTC)
                    yield StoredObject(child, status.st_size, time_text(written))
            elif self._may_hold(child):
                yield from self._in_folder(_real(entry.path), child, trail)

    def _in_folder(self, folder: Path, key: str, trail: tuple[Path, ...]) -> Iterator[StoredObject]:
        if folder in trail:
            self._skip(key.rstrip("/"), "a link in a loop")
            return
        trail = (*trail, folder)
        rolled_up = self.delimiter and key.find(self.delimiter, len(self.prefix)) >= 0
        if not rolled_up or not key.startswith(self.prefix):
            yield from self.below(folder, key, trail)
            return
        first = next(self.below(folder, key, trail), None)
        if first is not None:
            yield first

    def _may_hold(self, key: str) -> bool:
        """Whether the listing can contain keys below the folder `key`."""
        wanted = key.startswith(self.prefix) or self.prefix.startswith(key)
        return wanted and (key >= self.floor or self.floor.startswith(key))

    def _skip(self, key: str, why: str) -> None:
        if key.startswith(self.prefix) or self.prefix.startswith(f"{key}/"):
            self.skipped[key] = why

    def _children(self, folder: Path, key: str) -> list[tuple[str, os.DirEntry[str]]]:
        """Files and folders in key order; the name of a folder ends with a slash."""
        found: list[tuple[str, os.DirEntry[str]]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    why = _why_not_a_key(entry, self.root)
                    if why:
                        name = entry.name.encode(errors="backslashreplace").decode()
                        self._skip(key + name, why)
                    else:
                        found.append((f"{entry.name}/" if entry.is_dir() else entry.name, entry))
        except FileNotFoundError:
            return []
        return sorted(found, key=lambda pair: pair[0])


def _why_not_a_key(entry: os.DirEntry[str], root: Path) -> str:
    """Why an entry of a folder cannot be part of a key; "" if it can."""
    if not is_utf8(entry.name):
        return "a name that is not UTF-8"
    try:
        if entry.is_dir() or entry.is_file():
            is_out = entry.is_symlink() and not _is_inside(_real(entry.path), root)
            return LINK_OUT if is_out else ""
        return "a link to nothing" if entry.is_symlink() else "neither a file nor a folder"
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "a link in a loop"
        raise


def _real(path: str | Path) -> Path:
    # Unlike Path.resolve, realpath does not raise for a loop of links (Python < 3.13).
    return Path(os.path.realpath(path))


def _is_inside(path: Path, root: Path) -> bool:
    return path != root and path.is_relative_to(root)
