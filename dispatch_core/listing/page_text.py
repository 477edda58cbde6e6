"""Questions to a whole page, so that most of its keys need no look of their own."""

from __future__ import annotations

import re

from dispatch_core.listing.matches import Search
from dispatch_core.listing.not_data import FOLDER_MARKS, ZARR_MARKS
from dispatch_core.sources.protocols import ListPage


class PageText:
    """A page, and which of its keys need a closer look. A "may" that is false is certain.

    Attributes
    ----------
    matching
        The indices of the keys that end with the extension, in any case; ascending.
    may_have_folders
        Whether a folder may have the extension, in any case.
    may_have_markers
        Whether a key may only mark a directory (`is_marker`).
    may_have_zarr_marks
        Whether a key may be a file that only a Zarr store has (`is_zarr_mark`).
    """

    __slots__ = (
        "matching",
        "may_have_folders",
        "may_have_markers",
        "may_have_zarr_marks",
        "page",
    )

    def __init__(self, page: ListPage, search: Search) -> None:
        self.page = page
        size, lower = len(search.extension), search.extension.lower()
        ends = [key[-size:] for key in page.keys]
        # A page has few different ends: what they tell costs next to nothing.
        kinds = set(ends)
        wanted = {end for end in kinds if end.lower() == lower}
        self.matching = [at for at, end in enumerate(ends) if end in wanted] if wanted else []
        self.may_have_markers = _are_ends(kinds, FOLDER_MARKS, size)
        self.may_have_zarr_marks = _are_ends(kinds, ZARR_MARKS, size)
        self.may_have_folders = _may_have(page.keys, search.mark)


def _are_ends(kinds: set[str], names: tuple[str, ...], size: int) -> bool:
    """Whether one of `kinds`, which are the last `size` characters of keys, may end `names`."""
    return any(end.endswith(name[-size:]) for name in names for end in kinds)


def _may_have(keys: list[str], mark: str) -> bool:
    text = "\n".join(keys)
    # Outside ASCII a letter can change its length with its case.
    is_plain = text.isascii() and mark.isascii()
    return not is_plain or re.search(re.escape(mark), text, re.IGNORECASE) is not None
