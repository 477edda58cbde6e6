"""What every `ObjectLister` does, written as ListObjectsV2 documents it.

A subclass gives the fixture `lister`. It lists the keys `KEYS` in the bucket `BUCKET`, or the
subclass says what the bucket holds instead.
"""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Sequence

import pytest

from dispatch_core.errors import NoSuchBucket
from dispatch_core.locate import locate_files
from dispatch_core.sources.protocols import ListPage, ObjectLister
from dispatch_core.types import DataAsset, SeveralExtensions
from tests.support.store import outermost

PAGE = 1_000

Entries = tuple[list[str], list[str]]
"""Keys and common prefixes."""


class ListerTests:
    """The suite; one test compares every combination of the class attributes."""

    BUCKET = "data"
    MISSING_BUCKET = "missing-bucket"
    KEYS: Sequence[str] = (
        "asset1/.hidden",
        "asset1/data.nwb",
        "asset1/store.zarr/.zgroup",
        "asset1/store.zarr/0/0",
        "asset1/store.zarr/inner.zarr/0",
        "asset1-b/x y#z+%20.nwb",
        "asset1.nwb/0",
        "asset10/caf\u00e9.nwb",
        *(f"many/{number:04}" for number in range(PAGE + 1)),
        "odd/\U0010ffff.nwb",
    )
    PREFIXES: Sequence[str] = ("", "asset1", "asset1/", "asset1/store.zarr/", "asset1/d", "none/")
    DELIMITERS: Sequence[str] = ("", "/", ".zarr/", ".nwb/", "a")
    STARTS: Sequence[str] = ("", "asset1.nwb", "asset1/store.zarr/0", "many/0500")

    @pytest.fixture
    def lister(self) -> ObjectLister:
        """The lister under test."""
        raise NotImplementedError

    def test_a_listing_is_what_the_documentation_of_s3_says(self, lister: ObjectLister) -> None:
        asked = list(itertools.product(self.PREFIXES, self.DELIMITERS, self.STARTS))

        found = {one: _joined(self._walk(lister, *one)) for one in asked}

        assert found == {one: expected(self.KEYS, *one) for one in asked}

    def test_a_page_holds_at_most_a_thousand_entries(self, lister: ObjectLister) -> None:
        pages = self._walk(lister, "", "", "")

        assert len(pages) == -(-len(self.KEYS) // PAGE)
        assert all(len(page.keys) == PAGE for page in pages[:-1])

    def test_objects_are_those_of_the_keys(self, lister: ObjectLister) -> None:
        page = lister.list_page(self.BUCKET, self.PREFIXES[1])

        assert page.keys
        assert [found.key for found in page.objects] == page.keys
        assert all(found.size is None or found.size >= 0 for found in page.objects)

    def test_a_bucket_that_does_not_exist_is_an_error(self, lister: ObjectLister) -> None:
        with pytest.raises(NoSuchBucket):
            lister.list_page(self.MISSING_BUCKET, "")

    def test_its_label_is_one_line(self, lister: ObjectLister) -> None:
        assert lister.label
        assert "\n" not in lister.label

    def test_a_copy_for_another_process_lists_the_same(self, lister: ObjectLister) -> None:
        prefix = self.PREFIXES[1]

        copy = pickle.loads(pickle.dumps(lister))

        assert copy.list_page(self.BUCKET, prefix) == lister.list_page(self.BUCKET, prefix)

    @pytest.mark.parametrize("rule", ["first", "all"])
    @pytest.mark.parametrize(
        "extensions", [(".nwb", ".zarr"), (".zarr", ".nwb"), (".none", ".nwb")]
    )
    def test_several_extensions_are_located_in_their_order(
        self, lister: ObjectLister, extensions: tuple[str, ...], rule: SeveralExtensions
    ) -> None:
        prefix = self.KEYS[1].partition("/")[0] + "/"
        place = DataAsset("r", "an asset", f"s3://{self.BUCKET}/{prefix}")

        found = locate_files([place], lister, ",".join(extensions), several_extensions=rule)

        each = [sorted(outermost(self.KEYS, prefix, extension)) for extension in extensions]
        wanted = each if rule == "all" else [*filter(None, each), []][:1]
        files = [file.location for one in found.located for file in one.files or ()]
        assert files == [f"s3://{self.BUCKET}/{key}" for keys in wanted for key in keys]

    def _walk(
        self, lister: ObjectLister, prefix: str, delimiter: str, start_after: str
    ) -> list[ListPage]:
        options = {"delimiter": delimiter, "start_after": start_after}
        pages = [lister.list_page(self.BUCKET, prefix, **options)]
        while token := pages[-1].token:
            pages.append(lister.list_page(self.BUCKET, prefix, token=token, **options))
        return pages


def _joined(pages: Sequence[ListPage]) -> Entries:
    keys = [key for page in pages for key in page.keys]
    return keys, [prefix for page in pages for prefix in page.prefixes]


def expected(keys: Sequence[str], prefix: str, delimiter: str, start_after: str) -> Entries:
    """What the documentation of ListObjectsV2 says, word by word and slowly."""
    found: dict[str, bool] = {}
    for key in sorted(keys, key=str.encode):
        if not key.startswith(prefix) or key.encode() <= start_after.encode():
            continue
        rest = key.removeprefix(prefix)
        is_rolled_up = delimiter != "" and delimiter in rest
        end = len(prefix) + rest.find(delimiter) + len(delimiter)
        found[key[:end] if is_rolled_up else key] = is_rolled_up
    prefixes = [entry for entry, is_prefix in found.items() if is_prefix]
    return [entry for entry, is_prefix in found.items() if not is_prefix], prefixes
