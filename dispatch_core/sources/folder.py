"""A folder on this machine in the place of object storage, for trying things out.

``s3://bucket/key`` is the file ``bucket/key`` below the root. Keys come in S3's
order and only as far as a page needs them; a directory that a delimiter rolls up
is looked into just far enough to know that it is not empty.
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

    Hidden files are keys like others. A symbolic link is followed only to a place
    below `root`, and never in a circle. Names that are not UTF-8 and anything that
    is neither file nor folder cannot be keys and are left out.
    """

    def __init__(self, root: Path) -> None:
        self._root = _real(root)

    @property
    def label(self) -> str:
        """What it is, for a person."""
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
            action = "Give the account that runs this the right to read it"
            raise AccessDenied(Issue("may not be read", str(error.filename), action)) from None
        except OSError as error:
            raise ServiceError(Issue(f"could not be read ({error})", str(folder))) from None

    def _bucket(self, bucket: str) -> Path:
        """The folder of `bucket`, where it is one and not a way out of the root."""
        try:
            folder = _real(self._root / bucket)
            if (
                bucket in os.listdir(self._root)
                and folder.is_dir()
                and _is_inside(folder, self._root)
            ):
                return folder
        except PermissionError:
            raise AccessDenied(Issue("may not be read", str(self._root))) from None
        except (OSError, ValueError):
            pass
        action = "Make a folder of that name below the root"
        raise NoSuchBucket(Issue(f"no folder {bucket!r}", str(self._root), action))


@dataclass(frozen=True, slots=True)
class _Walk:
    """One walk in key order, for a listing with this prefix and delimiter, from `floor` on."""

    root: Path
    prefix: str
    delimiter: str
    floor: str

    def below(self, folder: Path, key: str, trail: tuple[Path, ...]) -> Iterator[StoredObject]:
        """What the listing sees below `folder`, whose key is `key`.

        `trail` holds the real folders on the way down, `folder` last.
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
        """Whether keys below the folder `key` can be in the listing, not before `floor`."""
        wanted = key.startswith(self.prefix) or self.prefix.startswith(key)
        return wanted and (key >= self.floor or self.floor.startswith(key))


def _children(folder: Path, root: Path) -> list[tuple[str, os.DirEntry[str]]]:
    """Files and folders in key order, where a folder's name ends with its slash."""
    try:
        with os.scandir(folder) as entries:
            found = [(_key_part(entry, root), entry) for entry in entries]
    except FileNotFoundError:
        return []
    return sorted(((name, entry) for name, entry in found if name), key=lambda pair: pair[0])


def _key_part(entry: os.DirEntry[str], root: Path) -> str:
    """The entry's part of a key, "" where it cannot be one."""
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
    # unlike Path.resolve, realpath does not raise on links in a circle (Python < 3.13)
    return Path(os.path.realpath(path))


def _is_inside(path: Path, root: Path) -> bool:
    return path != root and path.is_relative_to(root)
