"""Collecting what a listing says about one place, page by page."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

from dispatch_core.listing.held import Counts, Held, most_common
from dispatch_core.listing.matches import Matches, S3Prefix, Search
from dispatch_core.listing.not_data import (
    ONLY_SYSTEM,
    ZARR_MARKS,
    counted_kinds,
    is_marker,
    why_not_content,
    why_not_data,
)
from dispatch_core.listing.page_text import PageText
from dispatch_core.sources.protocols import ListPage
from dispatch_core.types import FileEntry


class MatchCollector:
    """Collects the matches under one place, page by page.

    Attributes
    ----------
    place
        The place.
    store
        The matching store that contains the last key of a flat listing, or "": the
        rest of it need not be listed.
    """

    __slots__ = (
        "_base",
        "_entries",
        "_files_beside",
        "_has_markers",
        "_held",
        "_is_empty",
        "_is_store",
        "_other_case",
        "_rejected",
        "_search",
        "_start",
        "place",
        "store",
    )

    def __init__(self, place: S3Prefix, search: Search) -> None:
        self.place = place
        self.store = ""
        self._base = f"s3://{place.bucket}/"
        self._start = len(place.prefix)
        self._search = search
        self._entries: dict[str, FileEntry] = {}
        self._files_beside: dict[str, FileEntry] = {}
        self._held: Held | None = None
        self._is_empty = True
        self._is_store = False
        self._has_markers = False
        self._rejected: dict[str, str] = {}
        self._other_case = ""

    def take(self, text: PageText, keys: range, prefixes: Sequence[str]) -> None:
        """Adds the part of a page under this place: the keys at these indices, and `prefixes`."""
        names = text.page.keys[keys.start : keys.stop]
        if not text.may_have_markers:
            self._is_empty = self._is_empty and not names
        else:
            self._has_markers = self._has_markers or any(map(is_marker, names))
            self._is_empty = self._is_empty and all(map(is_marker, names))
        for key, why in text.page.skipped:
            if key.startswith(self.place.prefix) or self.place.is_at_or_below(key):
                self._rejected[key] = why
        for prefix in prefixes:
            self._add_store(prefix[:-1])
        if self._search.nested_stores == "all":
            others = self._take_nested(text.page, keys)
        elif self._search.by_delimiter:
            others = self._take_files(text, keys, names)
        else:
            others = self._take_outermost(text.page, keys)
        if others and not self._entries:
            self._hold(others, text)

    def _take_files(self, text: PageText, keys: range, names: list[str]) -> list[str]:
        matching, extension = text.matching, self._search.extension
        low, high = bisect_left(matching, keys.start), bisect_left(matching, keys.stop)
        for index in matching[low:high]:
            if text.page.keys[index].endswith(extension):
                self._add_file(text.page, index)
            else:
                self._note_case(text.page.keys[index])
        # keys of a store in the right case are grouped, so any other is in another case
        if text.may_have_folders and not self._other_case:
            for name in names:
                self._note_case(name)
        return names

    def _take_outermost(self, page: ListPage, keys: range) -> list[str]:
        mark, others = self._search.mark, []
        for index in keys:
            key = page.keys[index]
            if self.store and key.startswith(self.store + "/"):
                continue
            end = key.find(mark, self._start)
            self.store = key[: end + len(mark) - 1] if end >= 0 else ""
            why = why_not_content(key, len(self.store) + 1) if self.store else ""
            if why:
                self._reject(self.store, why)
                self.store = ""
            elif self.store:
                self._add_store(self.store)
            elif self._is_other(page, index):
                others.append(key)
        return others

    def _take_nested(self, page: ListPage, keys: range) -> list[str]:
        mark, others = self._search.mark, []
        for index in keys:
            key = page.keys[index]
            end = key.find(mark, self._start)
            while end >= 0:
                store = key[: end + len(mark) - 1]
                why = why_not_content(key, len(store) + 1)
                if why:
                    self._reject(store, why)
                else:
                    self._add_store(store)
                end = key.find(mark, end + len(mark))
            if self._is_other(page, index):
                others.append(key)
        return others

    def _is_other(self, page: ListPage, index: int) -> bool:
        """Whether a key does not match; a match is added."""
        if page.keys[index].endswith(self._search.extension):
            self._add_file(page, index)
            return False
        self._note_case(page.keys[index])
        return True

    def _reject(self, store: str, why: str) -> None:
        """Remembers that a key of a store is not content; files say more than markers."""
        if why == ONLY_SYSTEM or store not in self._rejected:
            self._rejected[store] = why

    def _add_store(self, path: str) -> None:
        why = why_not_data(path[self._start :])
        if why:
            self._rejected[path] = why
            return
        # A store wins over a file of the same path, whichever comes first, unless it is empty.
        location = self._base + path
        before = self._entries.get(location)
        if before is None or before.kind == "file":
            self._entries[location] = FileEntry(location, "directory")
        if before is not None and before.kind == "file":
            self._files_beside[location] = before

    def _add_file(self, page: ListPage, index: int) -> None:
        key, size, modified = page.read(index)
        why = why_not_data(key[self._start :], size if size is not None else 1)
        if why:
            self._rejected[key] = why
            return
        location = self._base + key
        entry = FileEntry(location, "file", size, modified)
        if self._entries.setdefault(location, entry).kind == "directory":
            self._files_beside[location] = entry

    def doubtful_stores(self) -> list[str]:
        """The stores that a listing by the delimiter found and that may be mere markers."""
        is_doubtful = self._has_markers or self._is_empty or bool(self._files_beside)
        if not is_doubtful or not self._search.delimiter:
            return []
        stores = (entry for entry in self._entries.values() if entry.kind == "directory")
        return [store.location.removeprefix(self._base) for store in stores]

    def reject_store(self, path: str, why: str) -> None:
        """Excludes a store that has no content; a file of the same path is the match instead."""
        location = self._base + path
        del self._entries[location]
        self._rejected[path] = why
        if location in self._files_beside:
            self._entries[location] = self._files_beside[location]

    def _note_case(self, key: str) -> None:
        """Remembers the first file or store whose extension is in another case."""
        if not self._other_case:
            extension = self._search.extension
            at = f"{key[self._start :].lower()}/".find(f"{extension.lower()}/")
            end = self._start + at + len(extension.lower())
            is_other = at >= 0 and not key.endswith(extension, 0, end)
            self._other_case = key[:end] if is_other else ""

    def _hold(self, keys: list[str], text: PageText) -> None:
        """Counts the extensions of keys that do not match; only of a place without a match."""
        rejected = self._rejected
        if text.may_have_zarr_marks and not self._is_store:
            marks = {self.place.prefix + name for name in ZARR_MARKS}
            self._is_store = not marks.isdisjoint(keys)
        if text.may_have_markers or rejected:
            keys = [key for key in keys if not is_marker(key) and key not in rejected]
        if self._held is None:
            self._held = Held(self._start)
        self._held.add(keys)

    def matches(self, are_stores_opened: bool = True) -> Matches:
        """The result, after everything under the place was added."""
        entries = self._entries
        if not (entries or self._rejected or self._other_case or self._is_store):
            counts = self._held.counts if self._held else ()
            return _without_a_match(counts, self._is_empty, are_stores_opened)
        rejected = ((self._base + path, why) for path, why in self._rejected.items())
        not_data = counted_kinds(pair for pair in rejected if pair[0] not in entries)
        return Matches(
            tuple(entries[location] for location in sorted(entries)),
            most_common(self._held.counts) if self._held and not entries else (),
            is_empty=not entries and not not_data and self._is_empty,
            not_data=not_data,
            is_store=not entries and self._is_store,
            other_case=self._base + self._other_case if self._other_case else "",
            are_stores_opened=are_stores_opened,
        )


@lru_cache(maxsize=4096)
def _without_a_match(counts: Counts, is_empty: bool, are_stores_opened: bool) -> Matches:
    """The result of a place with other keys only, or none; places with equal ones share it."""
    return Matches((), most_common(counts), is_empty, are_stores_opened=are_stores_opened)
