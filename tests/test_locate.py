"""The step "files are located", over a store in memory and stores that misbehave."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.errors import (
    AccessDenied,
    InvalidInput,
    NoSuchBucket,
    ServiceError,
)
from dispatch_core.listing.matches import Matches, S3Prefix, Search
from dispatch_core.listing.place import list_matches
from dispatch_core.locate import Located, check_locations, locate_files
from dispatch_core.sources.protocols import ListPage, ObjectLister
from dispatch_core.text.file_extension import read_extensions
from dispatch_core.types import DataAsset, Exclusion, FileEntry, LocatedAsset
from tests.fakes import Buckets
from tests.support.store import (
    LAST,
    NOON,
    Ask,
    NoStartAfter,
    OneToken,
    Store,
    Unordered,
    outermost,
)


def asset(location: str, record_id: str = "r") -> DataAsset:
    return DataAsset(record_id, "an asset", location)


def assets(*locations: str) -> list[DataAsset]:
    return [asset(location, f"r{number}") for number, location in enumerate(locations)]


def in_own_buckets(count: int) -> list[DataAsset]:
    return assets(*(f"s3://data{number}/a" for number in range(count)))


def numbered(count: int) -> list[DataAsset]:
    return assets(*(f"s3://data/a{number}" for number in range(count)))


def paths(found: LocatedAsset | Matches) -> list[str]:
    return [file.location for file in found.files or ()]


def reasons(located: Located) -> list[tuple[str, str]]:
    return [(exclusion.record_id, exclusion.reason) for exclusion in located.exclusions]


def locate(store: ObjectLister, extension: str, *locations: str, **more: Any) -> Located:
    return locate_files(assets(*locations), store, extension, pause=0, **more)


def test_places_that_lack_a_match_in_the_same_way_share_one_result() -> None:
    store = Store("data/a0/1.json", "data/a0/2.png", "data/a1/1.json", "data/a1/x/2.png")
    search = Search(".nwb")

    one, other = (list_matches(store, S3Prefix("data", name), search) for name in ("a0/", "a1/"))

    assert one.held == ((".json", 1), (".png", 1))
    assert one is other


def test_each_file_stays_with_its_own_asset() -> None:
    store = Store("data/a0/1.nwb", "data/a0/2.nwb", "data/a1/1.nwb")

    result = locate(store, ".nwb", "s3://data/a0", "s3://data/a1")

    assert [(found.asset.location, paths(found)) for found in result.located] == [
        ("s3://data/a0", ["s3://data/a0/1.nwb", "s3://data/a0/2.nwb"]),
        ("s3://data/a1", ["s3://data/a1/1.nwb"]),
    ]
    assert result.exclusions == ()


def test_an_asset_does_not_see_the_files_of_one_whose_name_begins_with_its_own() -> None:
    store = Store("data/asset1/x.nwb", "data/asset10/y.nwb", "data/asset1_sorted/z.nwb")

    result = locate(store, ".nwb", "s3://data/asset1", "s3://data/asset10/")

    assert [paths(found) for found in result.located] == [
        ["s3://data/asset1/x.nwb"],
        ["s3://data/asset10/y.nwb"],
    ]


def test_any_number_of_slashes_at_the_end_of_a_location_means_one() -> None:
    store = Store("data/a/x.nwb")

    result = locate(store, ".nwb", "s3://data/a", "s3://data/a/", "s3://data/a//")

    assert [paths(found) for found in result.located] == [["s3://data/a/x.nwb"]] * 3
    assert result.requests == 1


def test_assets_that_share_a_location_are_listed_once() -> None:
    store = Store("data/a/x.nwb")

    result = locate(store, ".nwb", "s3://data/a", "s3://data/a")

    assert [found.asset.record_id for found in result.located] == ["r0", "r1"]
    assert result.requests == len(store.asked) == 1


def test_a_directory_store_is_one_entry_without_slash_or_size_however_large() -> None:
    store = Store(*(f"data/a/nwb/x.nwb/{chunk}" for chunk in range(5000)), "data/a/y.nwb")

    result = locate(store, ".nwb", "s3://data/a")

    assert result.located[0].files == (
        FileEntry("s3://data/a/nwb/x.nwb", "directory", None),
        FileEntry("s3://data/a/y.nwb", "file", 7, NOON),
    )
    assert (result.requests, result.keys_listed) == (2, 1002)  # the second opens the store


NESTED = (
    "data/a/tile.zarr/0/inner.zarr/0",
    "data/a/tile.zarr/label.zarr",
    "data/a/tile.zarr/.zgroup",
    "data/a/flat.zarr",
)


def test_only_the_outermost_match_counts() -> None:
    result = locate(Store(*NESTED), ".zarr", "s3://data/a")

    assert paths(result.located[0]) == ["s3://data/a/flat.zarr", "s3://data/a/tile.zarr"]


def test_nested_stores_all_gives_stores_and_files_inside_matched_stores_too() -> None:
    result = locate(Store(*NESTED), ".zarr", "s3://data/a", nested_stores="all")

    assert result.located[0].files == (
        FileEntry("s3://data/a/flat.zarr", "file", 7, NOON),
        FileEntry("s3://data/a/tile.zarr", "directory"),
        FileEntry("s3://data/a/tile.zarr/0/inner.zarr", "directory"),
        FileEntry("s3://data/a/tile.zarr/label.zarr", "file", 7, NOON),
    )
    assert result.keys_listed == 4


def test_an_extension_of_several_parts_is_the_end_of_a_name() -> None:
    store = Store("data/a/x.ome.zarr/0", "data/a/y.zarr/0", "data/a/zome.zarr/0")

    result = locate(store, ".ome.zarr", "s3://data/a")

    assert paths(result.located[0]) == ["s3://data/a/x.ome.zarr"]


@pytest.mark.parametrize("nested_stores", ["outermost", "all"])
@pytest.mark.parametrize("delimiters", ["any", "refuse"])
def test_a_file_and_a_store_of_the_same_path_are_one_entry(
    nested_stores: Literal["outermost", "all"], delimiters: Literal["any", "refuse"]
) -> None:
    store = Store("data/a/x.nwb", "data/a/x.nwb-old", "data/a/x.nwb/0")
    store.delimiters = delimiters

    result = locate(store, ".nwb", "s3://data/a", nested_stores=nested_stores)

    assert result.located[0].files == (FileEntry("s3://data/a/x.nwb", "directory"),)


@pytest.mark.parametrize("nested_stores", ["outermost", "all"])
@pytest.mark.parametrize("delimiters", ["any", "refuse"])
@pytest.mark.parametrize(
    "keys",
    [
        ["a/x.zarr/"],
        ["a/", "a/x.zarr/", "a/data.json"],
        ["a/", "a/x.zarr/", "a/x.zarr/0/", "a/x.zarr/0/1/"],
        ["a/sub/", "a/sub/x.zarr/", "a/data.json"],
        ["a/x.zarr/0_$folder$", "a/x.zarr_$folder$", "a_$folder$"],
        ["a/x.zarr/", "a/y.zarr/"],
    ],
    ids=" ".join,
)
def test_a_store_that_is_only_a_directory_marker_is_not_a_match(
    keys: list[str],
    delimiters: Literal["any", "refuse"],
    nested_stores: Literal["outermost", "all"],
) -> None:
    store = Store(*(f"data/{key}" for key in keys))
    store.delimiters = delimiters

    row = only(locate(store, ".zarr", "s3://data/a", nested_stores=nested_stores))

    assert row.reason == "no_matching_file"
    assert "x.zarr (a directory marker without content" in row.message


@pytest.mark.parametrize("delimiters", ["any", "refuse"])
def test_an_emptied_store_beside_others_is_a_warning(delimiters: Literal["any", "refuse"]) -> None:
    store = Store("data/a/", "data/a/x.nwb/", "data/a/y.nwb/", "data/a/y.nwb/.zgroup", "data/b/")
    store.delimiters = delimiters

    result = locate(store, ".nwb", "s3://data/a")

    assert paths(result.located[0]) == ["s3://data/a/y.nwb"]
    assert result.warnings[-1] == (
        "Some names were ignored: s3://data/a/x.nwb (a directory marker without content)"
    )


def test_stores_beside_files_without_any_marker_take_one_request() -> None:
    store = Store("data/a/data.json", *(f"data/a/x.zarr/{chunk}" for chunk in range(2000)))

    assert locate(store, ".zarr", "s3://data/a").requests == 1


@pytest.mark.parametrize("nested_stores", ["outermost", "all"])
@pytest.mark.parametrize("delimiters", ["any", "refuse"])
@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("._x.nwb", "macOS"),
        ("sub/._x.nwb", "macOS"),
        ("__MACOSX/._x.nwb", "macOS"),
        ("__MACOSX/x.nwb/0", "macOS"),
        ("._x.nwb/0", "macOS"),
        (".AppleDouble/x.nwb", "macOS"),
        (".ipynb_checkpoints/x-checkpoint.nwb", "Jupyter"),
        ("~$x.nwb", "lock"),
        (".~lock.x.nwb", "lock"),
        (".Trash-1000/files/x.nwb", "operating system"),
        (".Trash/x.nwb", "operating system"),
        ("#recycle/x.nwb", "file server"),
        (".git/annex/objects/W8/1q/SHA256E-s9--0a.nwb/SHA256E-s9--0a.nwb", "git-annex"),
        ("@eaDir/x.nwb", "file server"),
    ],
)
def test_files_of_the_system_are_named_and_never_matches(
    key: str,
    why: str,
    delimiters: Literal["any", "refuse"],
    nested_stores: Literal["outermost", "all"],
) -> None:
    store = Store(f"data/a/{key}", "data/b/x.nwb", f"data/b/{key}")
    store.delimiters = delimiters

    result = locate(store, ".nwb", "s3://data/a", "s3://data/b", nested_stores=nested_stores)

    assert [paths(found) for found in result.located] == [["s3://data/b/x.nwb"]]
    assert why in result.exclusions[0].message
    assert "; ignored: " in result.exclusions[0].message
    assert why in result.warnings[-1]


@pytest.mark.parametrize("name", ["_x.nwb", "x._y.nwb", "MACOSX/x.nwb", "my~$x.nwb", ".x.nwb"])
def test_a_name_that_only_resembles_a_system_file_is_a_match(name: str) -> None:
    assert paths(locate(Store(f"data/a/{name}"), ".nwb", "s3://data/a").located[0]) == [
        f"s3://data/a/{name}"
    ]


def test_an_empty_file_is_a_store_marker_for_zarr_and_a_warning_for_others() -> None:
    store = Store("data/a/x.zarr", "data/a/x.nwb")
    store.empty = {"a/x.zarr", "a/x.nwb"}

    zarr = only(locate(store, ".zarr", "s3://data/a"))
    nwb = locate(store, ".nwb", "s3://data/a")

    assert "x.zarr (an empty file where a directory is expected)" in zarr.message
    assert paths(nwb.located[0]) == ["s3://data/a/x.nwb"]
    assert nwb.warnings == ("1 matched file has no content (0 bytes): s3://data/a/x.nwb",)


@pytest.mark.parametrize("slash", ["", "/", "//"])
@pytest.mark.parametrize("nested_stores", ["outermost", "all"])
@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        (["x.nwb"], "file"),
        (["x.nwb/.zgroup", "x.nwb/0/0"], "directory"),
        (["x.nwb/", "x.nwb/0"], "directory"),
        (["x.nwb", "x.nwb-old", "x.nwb2/0"], "file"),
    ],
)
def test_a_location_that_is_the_file_or_the_store_is_the_match(
    keys: list[str],
    kind: Literal["file", "directory"],
    slash: str,
    nested_stores: Literal["outermost", "all"],
) -> None:
    store = Store(*(f"data/{key}" for key in keys), "data/y.nwb")

    result = locate(store, ".nwb", f"s3://data/x.nwb{slash}", nested_stores=nested_stores)

    assert [(file.location, file.kind) for file in result.located[0].files or ()] == [
        ("s3://data/x.nwb", kind)
    ]


def test_a_folder_that_is_named_like_a_file_gives_the_files_inside() -> None:
    store = Store("data/x.nwb/x.nwb", "data/x.nwb/notes.txt")

    result = locate(store, ".nwb", "s3://data/x.nwb")

    assert paths(result.located[0]) == ["s3://data/x.nwb/x.nwb"]


@pytest.mark.parametrize("keys", [["x.nwb/"], ["x.nwb/", "x.nwb/0/"], ["x.nwb2"], ["y"]])
def test_a_location_that_is_neither_a_file_nor_a_store_is_excluded(keys: list[str]) -> None:
    row = only(locate(Store(*(f"data/{key}" for key in keys)), ".nwb", "s3://data/x.nwb"))

    assert row.message == "Nothing is stored under the location"


def test_a_location_that_is_a_store_of_another_name_says_so() -> None:
    row = only(locate(Store("data/0f0e/.zmetadata", "data/0f0e/0/0"), ".zarr", "s3://data/0f0e"))

    assert row.message == (
        "Nothing under the location ends with '.zarr'; the location itself is a Zarr store"
    )
    assert row.action == "Use no extension, and the job has the location, or exclude the asset"


ODD = ["#", "%2F", "*", "+", "..", "[0]", "a b", "line\nbreak", "naïve", "ä/ö", "//", "\U0001f9e0"]


@pytest.mark.parametrize("delimiters", ["any", "refuse"])
def test_odd_keys_come_back_verbatim_and_sorted(delimiters: Literal["any", "refuse"]) -> None:
    store = Store(*(f"data/a/{name}.nwb" for name in ODD))
    store.delimiters = delimiters

    result = locate(store, ".nwb", "s3://data/a")

    assert paths(result.located[0]) == [f"s3://data/a/{name}.nwb" for name in sorted(ODD)]


@pytest.mark.parametrize("name", [*ODD, "/a"])
def test_odd_locations_are_listed_verbatim(name: str) -> None:
    result = locate(Store(f"data/{name}x/1.nwb"), ".nwb", f"s3://data/{name}x")

    assert paths(result.located[0]) == [f"s3://data/{name}x/1.nwb"]


def test_without_an_extension_nothing_is_listed() -> None:
    store = Store("data/a/x.nwb")

    result = locate(store, "  ", "s3://data/a", "")

    assert result.located == (LocatedAsset(asset("s3://data/a", "r0"), None),)
    assert reasons(result) == [("r1", "no_location")]
    assert store.asked == []


def test_trouble_with_one_asset_excludes_that_asset_and_stops_nothing() -> None:
    store = Store("data/a/x.nwb", "data/b/x.nwb", "data/d/x.json", "data/e/x.nwb")
    store.trouble = lambda ask: AccessDenied("no") if ask.prefix in ("b/", "") else None

    result = locate(store, ".nwb", *(f"s3://data/{name}" for name in "ab"), "", "s3://data/d",
                    "s3://data/e")  # fmt: skip

    assert [found.asset.record_id for found in result.located] == ["r0", "r4"]
    assert reasons(result) == [
        ("r1", "access_denied"),
        ("r2", "no_location"),
        ("r3", "no_matching_file"),
    ]
    assert {exclusion.stage for exclusion in result.exclusions} == {"files"}


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("", "no_location"),
        (" \n", "no_location"),
        ("s3://data", "location_not_s3"),
        ("s3://data/", "location_not_s3"),
        ("s3://data//", "location_not_s3"),
        ("s3:///a", "location_not_s3"),
        ("s3:/data/a", "location_not_s3"),
        ("data/a", "location_not_s3"),
        ("gs://data/a", "location_not_s3"),
        ("https://data.s3.amazonaws.com/a", "location_not_s3"),
        ("/allen/programs/a", "location_not_s3"),
        (" s3://data/a", "location_not_s3"),
        ("s3://a b/c", "location_not_s3"),
        ("s3://user:pw@data/a", "location_not_s3"),
        ("s3://data/\ud800", "location_not_s3"),
    ],
)
def test_a_location_without_bucket_and_prefix_is_an_exclusion(location: str, reason: str) -> None:
    good, bad = asset("s3://data/a", "good"), asset(location, "bad")

    usable, exclusions = check_locations([bad, good])

    assert usable == (good,)
    assert [(row.record_id, row.reason, row.location) for row in exclusions] == [
        ("bad", reason, location)
    ]


@pytest.mark.parametrize(
    ("location", "repaired"),
    [
        ("S3://data/a", "s3://data/a"),
        ("s3a://data/a/b", "s3://data/a/b"),
        ("s3n://data/a", "s3://data/a"),
        (" s3://data/a\n", "s3://data/a"),
        ("s3:/data/a", "s3://data/a"),
        ("s3:///data/a", "s3://data/a"),
        ("s3:\\\\data\\a", "s3://data/a"),
        ("arn:aws:s3:::data/a", "s3://data/a"),
        ("https://data.s3.amazonaws.com/a%20b/c", "s3://data/a b/c"),
        ("https://data.s3.us-west-2.amazonaws.com/a/", "s3://data/a/"),
        ("https://data.s3-us-west-2.amazonaws.com/a", "s3://data/a"),
        ("https://data.s3.dualstack.us-west-2.amazonaws.com/a?x=1", "s3://data/a"),
        ("https://s3.us-west-2.amazonaws.com/data/a", "s3://data/a"),
        ("https://s3.amazonaws.com/my.data/a", "s3://my.data/a"),
        (
            "https://us-west-2.console.aws.amazon.com/s3/buckets/data?region=us-west-2&prefix=a/b/",
            "s3://data/a/b/",
        ),
        ("https://s3.console.aws.amazon.com/s3/buckets/data?prefix=a%2Fb/", "s3://data/a/b/"),
    ],
)
def test_a_location_in_another_spelling_is_excluded_with_the_repair(
    location: str, repaired: str
) -> None:
    _, (row,) = check_locations([asset(location)])

    assert row.reason == "location_not_s3"
    assert row.action == f"Write {repaired!r} in the metadata record, or exclude the asset"


@pytest.mark.parametrize(
    "location",
    ["gs://data/a", "/allen/a", "data/a", "s3://data", "https://example.org/s3/a", "s3://"],
)
def test_a_location_that_cannot_be_repaired_for_sure_has_no_suggestion(location: str) -> None:
    _, (row,) = check_locations([asset(location)])

    assert row.action == "Correct the location in the metadata record, or exclude the asset"


@pytest.mark.parametrize(
    "bucket",
    [
        "arn:aws:s3:us-west-2:123456789012:accesspoint/my-point",
        "arn:aws:s3:us-west-2:123456789012:accesspoint:my-point",
        "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap",
        "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/my-point",
        "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-1/accesspoint/my-point",
        "my-point-abcdefghijklmnop-s3alias",
        "Upper.Case_Bucket",
    ],
)
def test_a_location_can_be_below_an_access_point(bucket: str) -> None:
    store = Buckets({bucket: ["a/x.nwb", "a1/x.nwb", "b//x.nwb"]})

    result = locate(store, ".nwb", f"s3://{bucket}/a", f"s3://{bucket}/b//")

    assert [paths(one) for one in result.located] == [
        [f"s3://{bucket}/a/x.nwb"],
        [f"s3://{bucket}/b//x.nwb"],
    ]


def only(result: Located) -> Exclusion:
    (exclusion,) = result.exclusions
    return exclusion


def test_the_exclusion_of_an_asset_without_a_match_lists_its_extensions_most_frequent_first() -> (
    None
):
    store = Store(
        *(f"data/a/{number}.json" for number in range(3)),
        *(f"data/a/e/Node 1#P.ome.zarr/{chunk}/0.dat" for chunk in range(50)),
        *(f"data/a/{name}.nwb.zarr/0" for name in "xy"),
        "data/a/video.MP4",
        "data/a/brain.nii.gz",
        "data/a/README",
        "data/a/.hidden",
        "data/a/2025.06.07",
    )

    exclusion = only(locate(store, ".hdf5", "s3://data/a"))

    assert exclusion.held == (
        (".json", 3),
        (".nwb.zarr", 2),
        (".MP4", 1),
        (".nii.gz", 1),
        (".ome.zarr", 1),
    )
    assert exclusion.message == (
        "Nothing under the location ends with '.hdf5'; it has .json (3), "
        ".nwb.zarr (2), .MP4 (1), .nii.gz (1), .ome.zarr (1)"
    )


def test_the_exclusion_of_an_asset_without_a_match_lists_eight_extensions_at_most() -> None:
    store = Store(*(f"data/a/x.{letter}" for letter in "abcdefghij"))

    message = only(locate(store, ".nwb", "s3://data/a")).message

    assert message.endswith("it has .a (1), .b (1), .c (1), .d (1), .e (1), .f (1), .g (1), "
                            ".h (1)")  # fmt: skip


def test_the_exclusion_of_an_empty_location_says_that_nothing_is_stored_there() -> None:
    exclusion = only(locate(Store("data/b/x.nwb", "data/a/"), ".nwb", "s3://data/a"))

    assert (exclusion.reason, exclusion.message) == (
        "no_matching_file",
        "Nothing is stored under the location",
    )


def test_a_denied_asset_does_not_affect_the_others_of_its_bucket() -> None:
    store = Store("data/a2/x.nwb")
    store.trouble = lambda ask: None if ask.prefix == "a2/" else AccessDenied("no")

    result = locate_files(numbered(3), store, ".nwb")

    assert [found.asset.record_id for found in result.located] == ["r2"]
    assert reasons(result) == [("r0", "access_denied"), ("r1", "access_denied")]


def test_a_bucket_that_does_not_exist_is_requested_once() -> None:
    store = Store()
    store.trouble = lambda ask: NoSuchBucket("none of this name")

    result = locate_files(numbered(500), store, ".nwb", threads=2)

    assert {exclusion.reason for exclusion in result.exclusions} == {"no_such_bucket"}
    assert len(result.exclusions) == 500
    assert len(store.asked) <= 4


def failing(times: int, *prefixes: str) -> Callable[[Ask], Exception | None]:
    asked: list[str] = []

    def trouble(ask: Ask) -> Exception | None:
        asked.append(ask.prefix)
        if ask.prefix in prefixes and asked.count(ask.prefix) <= times:
            return ServiceError("the store failed")
        return None

    return trouble


def test_a_failed_listing_is_retried_once() -> None:
    store = Store("data/a0/x.nwb", "data/a1/x.nwb")
    store.own_prefix_only = True
    store.trouble = failing(1, "a0/")

    result = locate_files(numbered(2), store, ".nwb", pause=0)

    assert [found.asset.record_id for found in result.located] == ["r0", "r1"]
    assert result.requests == 4


def test_a_listing_that_fails_twice_excludes_its_asset() -> None:
    store = Store("data/a0/x.nwb", "data/a1/x.nwb")
    store.own_prefix_only = True
    store.trouble = failing(2, "a0/")

    result = locate_files(numbered(2), store, ".nwb", pause=0)

    assert only(result).reason == "listing_failed"
    assert only(result).message == "the store failed"
    assert result.requests == 4


def test_a_failure_on_a_later_page_does_not_pass_for_a_short_listing() -> None:
    store = Store("data/a/1.nwb", "data/a/2.nwb", page_size=1)
    store.trouble = lambda ask: ServiceError("cut off") if ask.token else None

    result = locate(store, ".nwb", "s3://data/a")

    assert result.located == ()
    assert reasons(result) == [("r0", "listing_failed")]


def test_an_endpoint_that_fails_the_first_twenty_listings_ends_the_step() -> None:
    store = Store()
    store.trouble = lambda ask: ServiceError("cannot be reached")

    with pytest.raises(ServiceError, match="cannot be reached"):
        locate_files(numbered(1000), store, ".nwb", threads=2)

    assert len(store.asked) < 40


def test_twenty_failures_after_a_success_end_nothing() -> None:
    store = Store("data/a0/x.nwb")
    store.trouble = lambda ask: None if ask.prefix == "a0/" else ServiceError("no")

    result = locate_files(numbered(41), store, ".nwb", threads=1, pause=0)

    assert [found.asset.record_id for found in result.located] == ["r0"]
    assert len(result.exclusions) == 40


def test_fewer_than_twenty_assets_that_all_fail_are_exclusions() -> None:
    store = Store()
    store.trouble = lambda ask: ServiceError("cannot be reached")

    result = locate_files(numbered(19), store, ".nwb", pause=0)

    assert [reason for _, reason in reasons(result)] == ["listing_failed"] * 19


def test_an_error_that_is_not_the_stores_is_raised_and_not_an_exclusion() -> None:
    store = Store()
    store.trouble = lambda ask: KeyError("a mistake of ours")

    with pytest.raises(KeyError, match="a mistake of ours"):
        locate(store, ".nwb", "s3://data/a")


def test_results_are_in_the_order_of_the_assets_whichever_listing_ends_first() -> None:
    store = Store("data/a0/x.nwb", "data/a1/x.nwb", "data/a3/x.nwb")
    others = threading.Barrier(3, timeout=10)
    ended = threading.Event()

    def first_one_last(ask: Ask) -> None:
        if ask.prefix == "a0/":
            ended.wait(10)
        elif others.wait() == 0:
            ended.set()

    store.own_prefix_only = True
    store.trouble = first_one_last

    result = locate_files(numbered(4), store, ".nwb", threads=4)

    assert [found.asset.record_id for found in result.located] == ["r0", "r1", "r3"]
    assert reasons(result) == [("r2", "no_matching_file")]


def test_progress_counts_assets_up_to_all_of_them() -> None:
    store = Store("data/a/x.nwb", "data/b/x.nwb")
    store.own_prefix_only = True
    store.trouble = failing(1, "b/")
    reported: list[int] = []

    locate(store, ".nwb", "s3://data/a", "", "s3://data/a", "s3://data/b", progress=reported.append)

    assert reported == [3, 4]


def wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("locate"):
            thread.join(10)


class Stop(Exception):
    """Raised by a callback, as a cancel is."""


def test_a_cancel_ends_a_long_listing_between_two_pages() -> None:
    store = Store("data/a/x.nwb", *(f"data/b/{number}" for number in range(50)), page_size=1)
    store.own_prefix_only = True
    first_page, stopped = threading.Event(), threading.Event()

    def hold(ask: Ask) -> None:
        if ask.prefix == "b/":
            first_page.set()
            stopped.wait(10)

    def cancel(done: int) -> None:
        first_page.wait(10)
        raise Stop

    store.trouble = hold

    with pytest.raises(Stop):
        locate(store, ".nwb", "s3://data/a", "s3://data/b", progress=cancel)
    stopped.set()
    wait_for_threads()

    assert [ask.prefix for ask in store.asked].count("b/") == 1


class InBatches(Executor):
    """Runs nothing before as many listings wait as it takes to fill a batch."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.most = 0
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, partial(fn, *args, **kwargs)))
        self.most = max(self.most, len(self.waiting))
        if len(self.waiting) == self.size:
            batch, self.waiting = self.waiting, []
            for each, work in batch:
                each.set_result(work())
        return future


def test_the_number_of_listings_under_way_is_bounded_whatever_the_number_of_assets() -> None:
    executor = InBatches(6)

    result = locate_files(in_own_buckets(90), Store(), ".nwb", threads=3, executor=executor)

    assert len(result.exclusions) == 90
    assert executor.most == 6


class Counting(ThreadPoolExecutor):
    """Counts the pieces of work that are submitted and not yet done."""

    under_way = most = 0
    lock = threading.Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        return super().submit(self.count_down, partial(fn, *args, **kwargs))

    def count_down(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        finally:
            with self.lock:
                self.under_way -= 1


def test_more_listings_than_twice_the_threads_are_never_under_way() -> None:
    store = Store()
    store.trouble = lambda ask: time.sleep(0.001)
    assets = in_own_buckets(100)

    with Counting(50) as executor:
        locate_files(assets, store, ".nwb", threads=3, executor=executor)

    assert 1 < executor.most <= 6


def test_a_server_that_refuses_the_delimiter_is_listed_past_the_stores_in_two_requests() -> None:
    store = Store(*(f"data/a/x.zarr/{chunk}" for chunk in range(5000)), "data/a/y.zarr")
    store.delimiters = "refuse"

    result = locate(store, ".zarr", "s3://data/a")

    assert paths(result.located[0]) == ["s3://data/a/x.zarr", "s3://data/a/y.zarr"]
    assert [ask.delimiter for ask in store.asked] == [".zarr/", "", ""]
    assert store.asked[2].start_after == f"a/x.zarr/{LAST}"


def test_a_bucket_that_refused_the_delimiter_is_not_asked_with_it_again() -> None:
    store = Store(*(f"data/a{number}/x.nwb" for number in range(50)))
    store.delimiters = "refuse"

    result = locate_files(numbered(50), store, ".nwb", threads=1)

    assert len(result.located) == 50
    assert len([ask for ask in store.asked if ask.delimiter]) <= 2
    assert len(result.warnings) == 1
    assert "bucket data" in result.warnings[0]


@pytest.mark.parametrize("delimiters", ["ignore", "only slash"])
def test_a_server_that_mishandles_the_delimiter_is_detected(
    delimiters: Literal["ignore", "only slash"],
) -> None:
    store = Store("data/a/s/x.zarr/0/1", "data/a/s/x.zarr/1/1", "data/a/s/y.zarr", "data/a/z.zarr")
    store.delimiters = delimiters

    result = locate(store, ".zarr", "s3://data/a")

    assert paths(result.located[0]) == [
        "s3://data/a/s/x.zarr",
        "s3://data/a/s/y.zarr",
        "s3://data/a/z.zarr",
    ]
    assert len(result.warnings) == 1


def past_stores(store: ObjectLister) -> list[str]:
    place = S3Prefix("data", "a/")
    return paths(list_matches(store, place, Search(".zarr", by_delimiter=False)))


TWO_STORES = [f"data/a/{name}.zarr/{chunk}" for name in "xy" for chunk in range(9)]
BOTH = ["s3://data/a/x.zarr", "s3://data/a/y.zarr", "s3://data/a/z.zarr"]


@pytest.mark.parametrize("kind", [Store, OneToken, NoStartAfter])
def test_a_walk_reaches_the_end_on_servers_that_are_not_quite_s3(kind: type[Store]) -> None:
    store = kind(*TWO_STORES, "data/a/z.zarr", page_size=3)

    found = past_stores(store)

    assert found == BOTH


@pytest.mark.parametrize("kind", [Store, OneToken])
def test_a_walk_by_delimiter_reaches_the_end_where_a_token_repeats(kind: type[Store]) -> None:
    store = kind(*TWO_STORES, "data/a/w.txt", "data/a/z.zarr", page_size=1)

    found = list_matches(store, S3Prefix("data", "a/"), Search(".zarr"))

    assert paths(found) == BOTH
    assert not found.delimiter_refused


def test_keys_beyond_the_last_character_of_a_jump_do_not_stop_a_walk() -> None:
    store = Store("data/a/x.zarr/0", f"data/a/x.zarr/{LAST}{LAST}", "data/a/z.zarr", page_size=1)

    found = past_stores(store)

    assert found == ["s3://data/a/x.zarr", "s3://data/a/z.zarr"]


class Endless(Store):
    """Gives its first page with a new token each time."""

    def page(self, base: str, prefix: str, delimiter: str, after: str, token: str) -> ListPage:
        page = super().page(base, prefix, delimiter, "", "")
        return ListPage.of(page.objects, page.prefixes, f"token {len(self.asked)}")


@pytest.mark.parametrize("use_delimiter", [True, False])
def test_a_server_that_repeats_a_page_without_end_is_an_error(use_delimiter: bool) -> None:
    store = Endless("data/a/1.nwb", "data/a/2.nwb")

    with pytest.raises(ServiceError, match="repeats the same page"):
        list_matches(store, S3Prefix("data", "a/"), Search(".nwb", by_delimiter=use_delimiter))

    assert len(store.asked) < 100


def test_empty_pages_before_the_end_are_not_the_end() -> None:
    class Sparse(Store):
        def page(self, base: str, prefix: str, delimiter: str, after: str, token: str) -> ListPage:
            if len(self.asked) < 20:
                return ListPage([], [], str(len(self.asked)))
            return super().page(base, prefix, delimiter, "", "")

    result = locate(Sparse("data/a/x.nwb"), ".nwb", "s3://data/a")

    assert paths(result.located[0]) == ["s3://data/a/x.nwb"]


def test_a_store_without_order_is_listed_whole() -> None:
    store = Unordered(*TWO_STORES, "data/a/x.zarr", "data/a/z.zarr", page_size=4)

    found = list_matches(store, S3Prefix("data", "a/"), Search(".zarr", by_delimiter=False))

    assert found.files == (
        FileEntry("s3://data/a/x.zarr", "directory"),
        FileEntry("s3://data/a/y.zarr", "directory"),
        FileEntry("s3://data/a/z.zarr", "file", 7, NOON),
    )


@pytest.mark.parametrize("text", [".nwb", " .nwb ", ".ome.zarr", "_sorted.nwb", "", " ", "a[1]b"])
def test_an_extension_is_the_end_of_a_name_without_spaces_around_it(text: str) -> None:
    extensions = read_extensions(text)

    assert "".join(extensions) == text.strip()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("*.nwb", ".nwb"),
        ("**/*.nwb", ".nwb"),
        ("?.nwb", ".nwb"),
        (".zarr/", ".zarr"),
        ("nwb/x.nwb", "x.nwb"),
    ],
)
def test_a_pattern_or_a_path_is_refused_as_an_extension_with_a_suggestion(
    text: str, meant: str
) -> None:
    with pytest.raises(InvalidInput, match="is a pattern or a path") as caught:
        read_extensions(text)

    assert caught.value.issues[0].action == f'Did you mean "{meant}"?'


@pytest.mark.parametrize("text", ["*", "/", "[ab].nwb", "\ud800"])
def test_text_that_means_no_extension_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_extensions(text)


def reduce_to_outermost(files: tuple[FileEntry, ...]) -> dict[str, str]:
    stores = [file.location + "/" for file in files if file.kind == "directory"]
    return {
        file.location.removeprefix("s3://data/"): file.kind
        for file in files
        if not file.location.startswith(tuple(stores))
    }


NAMES = st.sampled_from(["a", "b.z", ".z", "z", "c.zz", "d.z.z", "b.z0", "", ".", "e.z ", LAST])
PATHS = (
    st.lists(NAMES, min_size=1, max_size=4)
    .map("/".join)
    .filter(lambda path: path[-1:] not in ("", "/"))
)
KEYS = st.sets(PATHS, max_size=25)
SIZES = st.integers(1, 6)


@given(KEYS, SIZES)
def test_every_way_to_list_finds_the_outermost_matches_of_the_definition(
    names: set[str], page_size: int
) -> None:
    keys = {"p/" + name for name in names} | {"p.z/a.z", "p0/b.z"}
    store = Store(*(f"data/{key}" for key in keys), page_size=page_size)
    place = S3Prefix("data", "p/")

    by_delimiter = list_matches(store, place, Search(".z"))
    past_stores = list_matches(store, place, Search(".z", by_delimiter=False))
    everything = list_matches(store, place, Search(".z", "all"))

    expected = outermost(keys, "p/", ".z")
    base = "s3://data/"
    assert {file.location.removeprefix(base): file.kind for file in by_delimiter.files} == expected
    assert past_stores.files == by_delimiter.files
    assert reduce_to_outermost(everything.files) == expected
    assert not by_delimiter.delimiter_refused


@given(KEYS, SIZES, st.sampled_from(["ignore", "only slash", "refuse"]))
def test_a_server_that_mishandles_delimiters_changes_no_result(
    names: set[str], page_size: int, delimiters: Literal["ignore", "only slash", "refuse"]
) -> None:
    keys = {"p/" + name for name in names}
    store = Store(*(f"data/{key}" for key in keys), page_size=page_size)
    store.delimiters = delimiters

    found = list_matches(store, S3Prefix("data", "p/"), Search(".z"))

    found_kinds = {file.location.removeprefix("s3://data/"): file.kind for file in found.files}
    assert found_kinds == outermost(keys, "p/", ".z")


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("s3://data/a\u200b", ", which contains U+200B (zero width space)"),
        ("s3://data//a", ", which contains '//'"),
        ("s3://data/b/../a", ", which contains '/..'"),
        ("s3://data/./a/", ", which contains '/.'"),
        ("s3://data/a?versionId=1", ", which contains '?versionId=1'"),
        ("s3://data/a%20b", ", which contains '%20'"),
        ("s3://data/b\\a", ", which contains '\\\\'"),
        ("s3://data/missing//", ""),
        ("s3://data/missing", ""),
        ("s3://data/missing.v1", ""),
    ],
)
def test_a_location_with_nothing_below_says_what_is_odd_in_its_spelling(
    location: str, said: str
) -> None:
    result = locate(Store("data/a/x.nwb"), ".nwb", location)

    assert result.exclusions[0].message == f"Nothing is stored under the location{said}"
