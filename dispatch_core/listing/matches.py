"""What is searched for in a listing, where, and what is found there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from dispatch_core.listing.not_data import NotData
from dispatch_core.types import FileEntry, NestedStores


class S3Prefix(NamedTuple):
    """A place to list: a bucket, and a prefix that ends with exactly one slash."""

    bucket: str
    prefix: str

    def is_at_or_below(self, key: str) -> bool:
        """Whether this place is `key` itself or below it, as a place below a link is."""
        return self.prefix.startswith(f"{key}/")


@dataclass(frozen=True, slots=True)
class Search:
    """The extension to find, and whether the server groups the keys of a matching store."""

    extension: str
    nested_stores: NestedStores = "outermost"
    by_delimiter: bool = True

    @property
    def mark(self) -> str:
        """The end of a matching store's path within the keys inside it."""
        return self.extension + "/"

    @property
    def delimiter(self) -> str:
        """The delimiter to list with, or "" for a flat listing."""
        return self.mark if self.by_delimiter and self.nested_stores == "outermost" else ""


class Matches(NamedTuple):
    """The matches under one prefix.

    Attributes
    ----------
    files
        Sorted by path, each path once.
    held
        Extension -> number of listed entries that did not match, most frequent first;
        a directory store counts once. Empty if anything matched.
    is_empty
        Whether the prefix has no keys, or only directory markers.
    not_data
        Names that end with the extension but are not data, and names that the store cannot
        list, by reason.
    is_store
        Whether the place itself is a Zarr store, although its name does not say so.
    other_case
        A file whose name ends with the extension in another case; "" without one.
    are_stores_opened
        Whether the directory stores are known to have content.
    delimiter_refused
        The server supports no delimiter such as ``.zarr/``, and the listing was flat.
    """

    files: tuple[FileEntry, ...]
    held: tuple[tuple[str, int], ...] = ()
    is_empty: bool = False
    delimiter_refused: bool = False
    not_data: tuple[NotData, ...] = ()
    is_store: bool = False
    other_case: str = ""
    are_stores_opened: bool = True
