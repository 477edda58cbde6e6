"""Which extensions are wanted: in which order they are searched for, and what their matches are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from dispatch_core.text.file_extension import extension_of, redundant_extensions
from dispatch_core.types import FileEntry, LocatedAsset


@dataclass(frozen=True)
class Wanted:
    """The extensions in order of preference, and the rule for an asset that has several.

    Attributes
    ----------
    is_all
        Whether an asset has the matches of every extension, or of the first that has any.
    is_outermost
        Whether a match inside another one does not count.
    """

    extensions: tuple[str, ...]
    is_all: bool = False
    is_outermost: bool = True

    @property
    def are_several(self) -> bool:
        """Whether there is more than one extension."""
        return len(self.extensions) > 1

    @cached_property
    def searched(self) -> tuple[str, ...]:
        """The extensions that need a search, in their order.

        A name that ends with ``.nwb.zarr`` is also a match of ``.zarr``. So ``.nwb.zarr`` after
        ``.zarr`` finds nothing new, and if all matches are wanted, neither does it before.
        """
        if not self.is_all:
            covered = redundant_extensions(self.extensions)
            return tuple(one for one in self.extensions if one not in covered)
        return tuple(
            one for one in self.extensions if not extension_of(one, {*self.extensions} - {one})
        )

    def files_of(self, found: Sequence[tuple[FileEntry, ...]]) -> tuple[FileEntry, ...]:
        """The matches of all searches, each once: by extension in their order, then by path."""
        if not self.are_several or (len(found) < 2 and not self.is_all):
            return found[0] if found else ()
        by_path = {file.location: file for files in found for file in files}
        stores = {path for path, file in by_path.items() if file.kind == "directory"}
        kept = (
            file
            for path, file in by_path.items()
            if not (self.is_outermost and _is_inside(path, stores))
        )
        return tuple(sorted(kept, key=self._rank))

    def _rank(self, file: FileEntry) -> tuple[int, str]:
        return self.extensions.index(extension_of(file.location, self.extensions)), file.location


def count_extensions(located: Iterable[LocatedAsset], extensions: Sequence[str]) -> dict[str, int]:
    """Extension -> number of assets that have files of it; an asset may count in several."""
    counts = dict.fromkeys(extensions, 0)
    for one in located:
        for extension in {extension_of(file.location, extensions) for file in one.files or ()}:
            counts[extension] += 1
    return counts


def _is_inside(path: str, stores: set[str]) -> bool:
    """Whether one of `stores` is a folder above `path`."""
    above = path.rpartition("/")[0]
    while above:
        if above in stores:
            return True
        above = above.rpartition("/")[0]
    return False
