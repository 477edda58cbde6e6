"""Listing as S3 does, over the demo buckets and over a local folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dispatch_core.demo.buckets import DemoLister
from dispatch_core.demo.catalogue import (
    AWKWARD,
    CODE_OCEAN_BUCKET,
    DENIED_BUCKET,
    MISSING_BUCKET,
    OPEN_BUCKET,
    DemoCatalogue,
    split_location,
)
from dispatch_core.errors import AccessDenied, NoSuchBucket
from dispatch_core.locate import locate_files
from dispatch_core.sources.folder import FolderLister
from dispatch_core.sources.paging import page_of, page_of_keys, seek_in
from dispatch_core.sources.protocols import ListPage, ObjectLister, StoredObject, time_text
from dispatch_core.types import DataAsset, Record
from tests.conformance.lister import ListerTests

CATALOGUE = DemoCatalogue(asset_count=300)
DEMO = DemoLister(CATALOGUE)

Objects = list[StoredObject]
Entry = tuple[str, int | None]


def sized(*keys: str) -> Objects:
    return [StoredObject(key, len(key)) for key in sorted(keys)]


def entries_of(page: ListPage) -> list[Entry]:
    """Objects and common prefixes (without a size) as one sorted list."""
    return sorted(
        [
            *((key, size) for key, size, _ in page.objects),
            *((prefix, None) for prefix in page.prefixes),
        ]
    )


def model(objects: Objects, prefix: str, delimiter: str, start_after: str) -> list[Entry]:
    """A slow reference implementation of ListObjectsV2 from its documentation."""
    entries: dict[str, int | None] = {}
    for key, size, _ in objects:
        if not key.startswith(prefix) or key.encode() <= start_after.encode():
            continue
        rest = key[len(prefix) :]
        if delimiter and delimiter in rest:
            entries[prefix + rest[: rest.index(delimiter)] + delimiter] = None
        else:
            entries[key] = size
    return sorted(entries.items())


def walk(objects: Objects, *arguments: str, max_keys: int) -> Iterator[ListPage]:
    prefix, delimiter, start_after = arguments
    token = None
    while True:
        page = page_of(
            objects,
            prefix,
            delimiter=delimiter,
            start_after=start_after,
            token=token,
            max_keys=max_keys,
        )
        yield page
        token = page.token
        if token is None:
            return


def list_all(lister: ObjectLister, bucket: str, prefix: str, delimiter: str = "") -> list[Entry]:
    entries: list[Entry] = []
    token = None
    while True:
        page = lister.list_page(bucket, prefix, delimiter=delimiter, token=token)
        entries += entries_of(page)
        token = page.token
        if token is None:
            return entries


def text(alphabet: str, longest: int) -> st.SearchStrategy[str]:
    return st.text(alphabet=alphabet, max_size=longest)


ALPHABET = "ab/.z\u00e9\U0010ffff"


@given(
    keys=st.sets(st.text(alphabet=ALPHABET, min_size=1, max_size=7), max_size=40),
    prefix=text("ab/", 2),
    delimiter=st.sampled_from(["", "/", "a", "/a", ".z/", "aa", "\U0010ffff"]),
    start_after=text(ALPHABET, 4),
    max_keys=st.integers(1, 5),
)
@example(
    keys={f"a/{n}" for n in range(40)} | {"b"},
    prefix="",
    delimiter="/",
    start_after="a/2",
    max_keys=1,
)
@example(
    keys={"\U0010ffff/x", "\U0010ffff/y"},
    prefix="",
    delimiter="\U0010ffff",
    start_after="",
    max_keys=1,
)
def test_all_pages_together_equal_the_reference_listing(
    keys: set[str], prefix: str, delimiter: str, start_after: str, max_keys: int
) -> None:
    objects = sized(*keys)

    pages = list(walk(objects, prefix, delimiter, start_after, max_keys=max_keys))

    found = [entry for page in pages for entry in entries_of(page)]
    assert found == model(objects, prefix, delimiter, start_after)
    full = [len(page.objects) + len(page.prefixes) == max_keys for page in pages[:-1]]
    assert all(full)


@given(
    keys=st.sets(st.text(alphabet=ALPHABET, min_size=1, max_size=7), max_size=40),
    cuts=st.sets(st.integers(0, 40)),
    prefix=text(ALPHABET, 2),
    delimiter=st.sampled_from(["", "/", "a", "/a", ".z/", "aa", "\U0010ffff"]),
    start_after=text(ALPHABET, 4),
    max_keys=st.integers(1, 5),
)
def test_pages_of_keys_in_pieces_are_those_of_the_objects(
    keys: set[str], cuts: set[int], prefix: str, delimiter: str, start_after: str, max_keys: int
) -> None:
    ordered, ends = sorted(keys), [0, *sorted(cuts), len(keys)]
    pieces = [ordered[start:end] for start, end in pairwise(ends)]
    expected = list(walk(sized(*keys), prefix, delimiter, start_after, max_keys=max_keys))

    tokens = [None, *(page.token for page in expected[:-1])]
    pages = [
        page_of_keys(
            lambda floor: pieces,
            prefix,
            delimiter=delimiter,
            start_after=start_after,
            token=token,
            max_keys=max_keys,
        )
        for token in tokens
    ]

    assert pages == expected


def test_a_page_has_at_most_a_thousand_entries_including_prefixes() -> None:
    objects = sized(*(f"{n:04}/x" for n in range(700)), *(f"z{n:04}" for n in range(700)))

    page = page_of(objects, "", delimiter="/", max_keys=5000)

    assert (len(page.prefixes), len(page.objects)) == (700, 300)
    assert page.token is not None


def test_a_full_page_that_is_also_the_last_has_no_token() -> None:
    page = page_of(sized("a", "b"), "", max_keys=2)

    assert page.token is None


def test_keys_are_in_the_order_of_their_utf8_bytes() -> None:
    objects = sized("\uffee", "\U00010000", "z")

    keys = page_of(objects, "").keys

    assert keys == sorted(keys, key=str.encode) == ["z", "\uffee", "\U00010000"]


def test_a_million_keys_below_one_prefix_are_skipped_by_seeking() -> None:
    looked_at: list[str] = []
    objects = sized(*(f"store.zarr/{n:06}" for n in range(50_000)), "t.nwb")

    def seek(floor: str) -> Iterator[StoredObject]:
        for found in seek_in(objects)(floor):
            looked_at.append(found[0])
            yield found

    page = page_of(seek, "", delimiter=".zarr/")

    assert entries_of(page) == [("store.zarr/", None), ("t.nwb", 5)]
    assert len(looked_at) < 50


def test_a_token_overrides_start_after() -> None:
    objects = sized("a", "b", "c")
    token = page_of(objects, "", max_keys=1).token

    page = page_of(objects, "", token=token, start_after="c")

    assert page.keys == ["b", "c"]


def demo_objects(bucket: str) -> Objects:
    """Every object of a demo bucket, generated without the lister."""
    found: dict[str, int] = {}
    for record in CATALOGUE.records:
        location = split_location(record.get("location"))
        if location and location[0] == bucket:
            files = CATALOGUE.files_of(record)
            found |= {f"{location[1]}/{key}": size for key, size in files}
    return [StoredObject(key, found[key]) for key in sorted(found)]


class TestOpenDemoBucket(ListerTests):
    BUCKET, MISSING_BUCKET = OPEN_BUCKET, MISSING_BUCKET
    KEYS = [found.key for found in demo_objects(OPEN_BUCKET)]
    PREFIXES = ("", "b", "behavior_99", "ecephys_9000", "no such thing")
    DELIMITERS = ("", "/", ".nwb/", ".zarr/")
    STARTS = ("",)

    @pytest.fixture
    def lister(self) -> DemoLister:
        return DEMO


class TestCodeOceanDemoBucket(TestOpenDemoBucket):
    BUCKET = CODE_OCEAN_BUCKET
    KEYS = [found.key for found in demo_objects(CODE_OCEAN_BUCKET)]


def test_an_asset_is_listed_without_a_neighbour_whose_name_starts_with_its_name() -> None:
    short = AWKWARD["name is a prefix"]

    keys = [key for key, _ in list_all(DEMO, OPEN_BUCKET, f"{short}/")]

    assert keys
    assert all(key.startswith("phantom_990060_1/") for key in keys)
    assert len(list_all(DEMO, OPEN_BUCKET, short)) > len(keys)


def test_start_after_skips_within_an_asset() -> None:
    name = AWKWARD["several nwb"]

    page = DEMO.list_page(OPEN_BUCKET, f"{name}/nwb/part", start_after=f"{name}/nwb/part_10.nwb")

    assert [key.rpartition("/")[2] for key in page.keys] == ["part_2.nwb"]


def test_an_asset_in_both_schemas_is_listed_once_with_the_files_of_both() -> None:
    name = AWKWARD["in both schemas"]

    keys = [key for key, _ in list_all(DEMO, OPEN_BUCKET, f"{name}/")]

    assert f"{name}/session.json" in keys
    assert f"{name}/acquisition.json" in keys
    assert len(keys) == len(set(keys))


def test_a_location_with_a_trailing_slash_has_its_files_once() -> None:
    name = AWKWARD["location with a trailing slash"]

    keys = [key for key, _ in list_all(DEMO, OPEN_BUCKET, f"{name}/")]

    assert f"{name}/subject.json" in keys


def test_an_asset_without_files_has_an_empty_listing() -> None:
    page = DEMO.list_page(OPEN_BUCKET, f"{AWKWARD['no files']}/")

    assert page == ListPage([], [], None)


def test_the_denied_bucket_raises_access_denied() -> None:
    with pytest.raises(AccessDenied, match=f"s3://{DENIED_BUCKET}: listing is denied"):
        DEMO.list_page(DENIED_BUCKET, "anything/")


def test_a_deleted_bucket_raises_no_such_bucket() -> None:
    with pytest.raises(NoSuchBucket, match=MISSING_BUCKET):
        DEMO.list_page(MISSING_BUCKET, "anything/")


FOLDER_KEYS = (
    "asset1/data.nwb",
    "asset1/store.zarr/.zgroup",
    "asset1/store.zarr/0/0",
    "asset1/store.zarr/inner.zarr/0",
    "asset1/.hidden",
    "asset1-b/x y#z+%20.nwb",
    "asset1.nwb/0",
    "asset10/caf\u00e9.nwb",
)


def make_bucket(root: Path, keys: Sequence[str] = FOLDER_KEYS) -> None:
    for key in keys:
        path = root / "bucket" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key)


class TestFolderLister(ListerTests):
    @pytest.fixture
    def lister(self, tmp_path: Path) -> FolderLister:
        make_bucket(tmp_path, self.KEYS)
        (tmp_path / "bucket").rename(tmp_path / self.BUCKET)
        return FolderLister(tmp_path)


def test_an_empty_directory_store_is_not_listed(tmp_path: Path) -> None:
    make_bucket(tmp_path)
    (tmp_path / "bucket" / "asset1" / "empty.zarr" / "0").mkdir(parents=True)

    page = FolderLister(tmp_path).list_page("bucket", "asset1/", delimiter=".zarr/")

    assert page.prefixes == ["asset1/store.zarr/"]


@pytest.mark.parametrize("bucket", ["other", "", ".", "..", "bucket/asset1", "/etc", "a\0b"])
def test_only_a_folder_directly_below_the_root_is_a_bucket(tmp_path: Path, bucket: str) -> None:
    make_bucket(tmp_path)

    with pytest.raises(NoSuchBucket):
        FolderLister(tmp_path).list_page(bucket, "")


def test_a_file_is_not_a_bucket(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(NoSuchBucket, match="no folder 'file'"):
        FolderLister(tmp_path).list_page("file", "")


def test_a_missing_root_has_no_buckets(tmp_path: Path) -> None:
    with pytest.raises(NoSuchBucket):
        FolderLister(tmp_path / "gone").list_page("bucket", "")


def test_only_links_to_targets_inside_the_root_are_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    make_bucket(root, ("a/file", "b/other"))
    outside.mkdir()
    (outside / "secret").write_text("")
    (root / "bucket" / "a" / "out").symlink_to(outside)
    (root / "bucket" / "a" / "out-file").symlink_to(outside / "secret")
    (root / "bucket" / "a" / "in").symlink_to(root / "bucket" / "b")
    (root / "escape").symlink_to(outside)

    entries = list_all(FolderLister(root), "bucket", "")

    assert [key for key, _ in entries] == ["a/file", "a/in/other", "b/other"]
    with pytest.raises(NoSuchBucket, match="'escape' is a link out of the folder"):
        FolderLister(root).list_page("escape", "")


def test_what_cannot_be_listed_is_named_with_the_reason(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    make_bucket(root, ("a/x.nwb", "b/y.nwb"))
    outside.mkdir()
    folder = root / "bucket" / "a"
    (folder / "out.nwb").symlink_to(outside)
    (folder / "gone.nwb").symlink_to(root / "nowhere")
    (folder / "self.nwb").symlink_to(folder / "self.nwb")
    (folder / "up").symlink_to(folder)
    (folder / "in.nwb").symlink_to(root / "bucket" / "b" / "y.nwb")
    os.mkfifo(folder / "pipe.nwb")

    page = FolderLister(root).list_page("bucket", "a/", delimiter=".nwb/")

    assert page.keys == ["a/in.nwb", "a/x.nwb"]
    assert dict(page.skipped) == {
        "a/out.nwb": "a link out of the folder of the buckets, which is not followed",
        "a/gone.nwb": "a link to nothing",
        "a/self.nwb": "a link in a loop",
        "a/up": "a link in a loop",
        "a/pipe.nwb": "neither a file nor a folder",
    }


@pytest.mark.parametrize(
    ("location", "link"),
    [
        ("s3://bucket/out", "s3://bucket/out"),
        ("s3://bucket/out/deep/asset", "s3://bucket/out"),
        ("s3://bucket/out.nwb", "s3://bucket/out.nwb"),
        ("s3://bucket/out/x.nwb", "s3://bucket/out"),
    ],
)
def test_a_location_that_is_a_link_or_below_one_is_excluded_because_of_the_link(
    location: str, link: str, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    (root / "bucket").mkdir(parents=True)
    (tmp_path / "x.nwb").write_text("x")
    (root / "bucket" / "out").symlink_to(tmp_path)
    (root / "bucket" / "out.nwb").symlink_to(tmp_path / "x.nwb")

    result = locate_files([DataAsset("r", "a", location)], FolderLister(root), ".nwb", pause=0)

    (found,) = result.exclusions
    assert f"ignored: {link} (a link out of the folder of the buckets" in found.message
    assert found.action == "Replace the links by their targets, or exclude the asset"


def test_a_link_that_is_not_followed_is_named_for_its_own_asset_only(tmp_path: Path) -> None:
    make_bucket(tmp_path, ("a/note", "b/x.nwb", "c/x.nwb"))
    for name in ("a/raw.nwb", "b/raw.nwb"):
        (tmp_path / "bucket" / name).symlink_to(tmp_path.parent)
    assets = [DataAsset(name, name, f"s3://bucket/{name}") for name in "abc"]

    result = locate_files(assets, FolderLister(tmp_path), ".nwb")

    assert [one.asset.name for one in result.located] == ["b", "c"]
    assert result.exclusions[0].message == (
        "Nothing under the location ends with '.nwb'; ignored: s3://bucket/a/raw.nwb "
        "(a link out of the folder of the buckets, which is not followed)"
    )
    assert result.exclusions[0].action == "Replace the links by their targets, or exclude the asset"
    assert result.warnings == (
        "Some names were ignored: s3://bucket/b/raw.nwb "
        "(a link out of the folder of the buckets, which is not followed)",
    )


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    make_bucket(tmp_path, ("a/file", "b/file"))
    (tmp_path / "bucket" / "a" / "to-b").symlink_to(tmp_path / "bucket" / "b")
    (tmp_path / "bucket" / "b" / "to-a").symlink_to(tmp_path / "bucket" / "a")
    (tmp_path / "bucket" / "a" / "self").symlink_to(tmp_path / "bucket" / "a" / "self")

    entries = list_all(FolderLister(tmp_path), "bucket", "")

    assert [key for key, _ in entries] == ["a/file", "a/to-b/file", "b/file", "b/to-a/file"]


def test_an_unreadable_folder_is_access_denied(tmp_path: Path) -> None:
    make_bucket(tmp_path)
    locked = tmp_path / "bucket" / "asset1"
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        locked.chmod(0o700)
        pytest.skip("this account reads everything")

    with pytest.raises(AccessDenied, match="asset1"):
        FolderLister(tmp_path).list_page("bucket", "asset1/")
    locked.chmod(0o700)


def test_a_name_that_is_not_utf8_is_not_a_key(tmp_path: Path) -> None:
    make_bucket(tmp_path, ("a/file",))
    try:
        Path(os.fsdecode(os.fsencode(tmp_path / "bucket" / "a") + b"/\xff")).write_text("")
    except OSError:
        pytest.skip("the file system takes only UTF-8 names")

    entries = list_all(FolderLister(tmp_path), "bucket", "")

    assert entries == [("a/file", 6)]


def test_a_demo_file_was_written_within_three_hours_of_the_time_in_the_assets_name() -> None:
    name = AWKWARD["nwb file"]
    begin = datetime.strptime(name[-19:], "%Y-%m-%d_%H-%M-%S").replace(tzinfo=UTC)

    written = [found.modified for found in DEMO.list_page(OPEN_BUCKET, f"{name}/").objects]

    assert time_text(begin) <= min(map(str, written)) < max(map(str, written))
    assert max(map(str, written)) < time_text(begin + timedelta(hours=3))


def test_a_file_in_a_folder_has_the_time_of_the_file_system(tmp_path: Path) -> None:
    make_bucket(tmp_path, ("a/file",))
    os.utime(tmp_path / "bucket" / "a" / "file", (1_750_000_000.25, 1_750_000_000.25))

    page = FolderLister(tmp_path).list_page("bucket", "a/")

    assert page.objects == [StoredObject("a/file", 6, "2025-06-15T15:06:40.250Z")]


class CountedCatalogue(DemoCatalogue):
    """Counts how often the keys of an asset are made."""

    def keys_of(self, record: Record) -> list[str]:
        made.append(record["name"])
        return super().keys_of(record)


made: list[str] = []


def test_a_page_of_a_small_demo_is_made_once() -> None:
    lister = DemoLister(CountedCatalogue(asset_count=300))
    made.clear()

    first = [lister.list_page(OPEN_BUCKET, "", start_after=after) for after in ("", "behavior")]
    once = len(made)
    again = [lister.list_page(OPEN_BUCKET, "", start_after=after) for after in ("", "behavior")]

    assert once > 64, "more assets than those whose keys are kept"
    assert len(made) == once
    assert again == first
