"""A local folder as an object store, for trials without S3.

``s3://bucket/key`` is the file ``bucket/key`` below the root. Keys are generated in
S3's order and only as far as a page needs them; a directory that becomes a common
prefix is only checked for not being empty.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dispatch_core.errors import AccessDenied, Issue, NoSuchBucket, ServiceError
from dispatch_core.sources.paging import page_of
from dispatch_core.sources.protocols import ListPage, StoredObject, time_text


class FolderLister:
    """An `ObjectLister` over the folders below `root`, one bucket each.

    Hidden files are listed too. A symbolic link is followed only to a target below
    `root`, and never in a loop. Names that are not UTF-8, and anything that is neither
    a file nor a folder, cannot be keys and are skipped.
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

        def seek(floor: str) -> Iterator[StoredObject]:
            walk = _Walk(self._root, prefix, delimiter, floor)
            return walk.below(folder, "", (folder,))

        try:
            return page_of(seek, prefix, delimiter=delimiter, start_after=start_after, token=token)
        except PermissionError as error:
            action = "Grant read permission to the account that runs this program"
            raise AccessDenied(Issue("permission denied", str(error.filename), action)) from None
        except OSError as error:
            raise ServiceError(Issue(f"could not be read ({error})", str(folder))) from None

    def _bucket(self, bucket: str) -> Path:
        """The folder of `bucket`, which must be a folder inside the root."""
        try:
            folder = _real(self._root / bucket)
            if (
                bucket in os.listdir(self._root)
                and folder.is_dir()
                and _is_inside(folder, self._root)
            ):
                return folder
        except PermissionError:
            raise AccessDenied(Issue("permission denied", str(self._root))) from None
        except (OSError, ValueError):
            pass
        action = "Create a folder of that name below the root"
        raise NoSuchBucket(Issue(f"no folder {bucket!r}", str(self._root), action))


@dataclass(frozen=True, slots=True)
class _Walk:
    """A traversal in key order for one listing, starting at the key `floor`."""

    root: Path
    prefix: str
    delimiter: str
    floor: str

    def below(self, folder: Path, key: str, trail: tuple[Path, ...]) -> Iterator[StoredObject]:
        """The objects of the listing below `folder`, whose key is `key`.

        `trail` has the real paths of the folders on the way down, `folder` last.
        """
        for name, entry in _children(folder, self.root):
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


def _children(folder: Path, root: Path) -> list[tuple[str, os.DirEntry[str]]]:
    """Files and folders in key order; the name of a folder ends with a slash."""
    try:
        with os.scandir(folder) as entries:
            found = [(_key_part(entry, root), entry) for entry in entries]
    except FileNotFoundError:
        return []
    return sorted(((name, entry) for name, entry in found if name), key=lambda pair: pair[0])


def _key_part(entry: os.DirEntry[str], root: Path) -> str:
    """The entry's part of a key, or "" if it cannot be part of one."""
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return ""
    if entry.is_symlink() and not _is_inside(_real(entry.path), root):
        return ""
    try:
        if entry.is_dir():
            return f"{entry.name}/"
        return entry.name if entry.is_file() else ""
    except OSError as error:
        if error.errno == errno.ELOOP:
            return ""
        raise


def _real(path: str | Path) -> Path:
    # Unlike Path.resolve, realpath does not raise for a loop of links (Python < 3.13).
    return Path(os.path.realpath(path))


def _is_inside(path: Path, root: Path) -> bool:
    return path != root and path.is_relative_to(root)
