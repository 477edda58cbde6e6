"""Directory stores without content, and files whose extension differs by case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from dispatch_core.dispatch import plan_dispatch
from dispatch_core.errors import ServiceError
from dispatch_core.listing import stores
from dispatch_core.locate import Located, locate_files
from dispatch_core.request import make_request
from dispatch_core.types import DataAsset, FileEntry
from tests.fakes import Records, record
from tests.support.store import Ask, Store

Delimiters = Literal["any", "refuse", "ignore", "only slash"]


def locate(store: Store, extension: str, places: Sequence[str], threads: int = 4) -> Located:
    assets = [DataAsset(f"id-{one}", one, f"s3://data/{one}") for one in places]
    return locate_files(assets, store, extension, threads=threads, pause=0)


def located(result: Located) -> list[str]:
    return [file.location for one in result.located for file in one.files or ()]


@pytest.mark.parametrize("delimiters", ["any", "refuse", "ignore", "only slash"])
@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ([""], "a directory marker without content"),
        ([".DS_Store"], "a directory with nothing but files of the system"),
        (["", "_SUCCESS", "Thumbs.db", "desktop.ini"], "nothing but files of the system"),
        (["sub/", "sub/._a", ".ipynb_checkpoints/x"], "nothing but files of the system"),
        (["__MACOSX/._x", ".gitkeep", "_temporary/0/part"], "nothing but files of the system"),
    ],
)
def test_a_store_without_content_never_matches_although_the_asset_has_other_files(
    inside: list[str], why: str, delimiters: Delimiters
) -> None:
    store = Store("data/a/notes.txt", *(f"data/a/x.nwb/{name}" for name in inside))
    store.delimiters = delimiters

    result = locate(store, ".nwb", ["a"])

    assert located(result) == []
    (row,) = result.exclusions
    assert row.reason == "no_matching_file"
    assert why in row.message


@pytest.mark.parametrize("name", ["0", ".zattrs", "sub/0/0", ".DS_Store.txt", "zarr.json"])
def test_any_other_name_in_a_store_is_content(name: str) -> None:
    store = Store("data/a/notes.txt", "data/a/x.nwb/.DS_Store", f"data/a/x.nwb/{name}")

    result = locate(store, ".nwb", ["a"])

    assert located(result) == ["s3://data/a/x.nwb"]
    assert result.warnings == ()


def test_an_emptied_store_beside_a_match_is_a_warning() -> None:
    store = Store("data/a/notes.txt", "data/a/x.nwb/", "data/a/y.nwb")

    result = locate(store, ".nwb", ["a"])

    assert located(result) == ["s3://data/a/y.nwb"]
    assert result.warnings == (
        "Some names were ignored: s3://data/a/x.nwb (a directory marker without content)",
    )


@pytest.mark.parametrize("delimiters", ["any", "refuse", "ignore", "only slash"])
@pytest.mark.parametrize("others", [[], ["notes.txt"], ["notes.txt", "y.nwb"]])
@pytest.mark.parametrize("places", [["a"], ["a", "b"]])
@pytest.mark.parametrize("inside", ["", ".DS_Store"])
def test_a_file_beside_an_empty_directory_of_the_same_path_is_found_once(
    inside: str, places: list[str], others: list[str], delimiters: Delimiters
) -> None:
    store = Store(*(f"data/a/{name}" for name in ["x.nwb", f"x.nwb/{inside}", *others]))
    store.delimiters = delimiters

    result = locate(store, ".nwb", places)

    assert located(result) == ["s3://data/a/x.nwb", "s3://data/a/y.nwb"][: max(1, len(others))]
    assert result.located[0].files[0].size == 7
    assert not any("ignored" in warning for warning in result.warnings)


@pytest.mark.parametrize("page_size", [1, 2, 1000])
@pytest.mark.parametrize("delimiters", ["any", "refuse", "ignore", "only slash"])
def test_a_store_with_content_beside_a_file_of_the_same_path_is_found_once(
    delimiters: Delimiters, page_size: int
) -> None:
    keys = ["x.nwb", "x.nwb-1", "x.nwb/0", "notes.txt"]
    store = Store(*(f"data/a/{name}" for name in keys), page_size=page_size)
    store.delimiters = delimiters

    result = locate(store, ".nwb", ["a"])

    assert [file for one in result.located for file in one.files or ()] == [
        FileEntry("s3://data/a/x.nwb", "directory")
    ]


def test_always_directories_are_opened_only_for_a_fifth_of_the_requests() -> None:
    keys = [f"data/a{n}/{name}" for n in range(40) for name in ("notes.txt", "x.zarr/0")]
    store = Store(*keys, page_size=2)

    result = locate(store, ".zarr", [f"a{number}" for number in range(40)])
    opened = sum(ask.prefix.endswith(".zarr/") for ask in store.asked)

    assert len(located(result)) == 40
    assert 0 < opened <= (result.requests - opened) / 5


def test_a_plan_opens_a_hundred_of_them() -> None:
    store = Store(
        "data/a/notes.txt", "data/a/x.zarr/_SUCCESS", "data/b/notes.txt", "data/b/x.zarr/0"
    )
    source = Records([record(name, location=f"s3://data/{name}") for name in "ab"])

    plan = plan_dispatch(make_request(query={}, file_extension=".zarr"), source, store)

    assert [job.assets[0].asset.name for job in plan.jobs] == ["b"]
    assert [row.reason for row in plan.exclusions] == ["no_matching_file"]


def test_after_one_store_without_content_the_others_are_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stores, "FEW", 2)
    keys = [f"data/a{n}/{name}" for n in range(10, 16) for name in ("notes.txt", "x.nwb/")]
    store = Store(*keys)

    result = locate(store, ".nwb", [f"a{number}" for number in range(10, 16)])

    assert located(result) == []
    assert len(result.exclusions) == 6


def test_the_stores_that_are_not_opened_are_counted_if_others_have_no_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stores, "FEW", 2)
    monkeypatch.setattr(stores, "MOST", 4)
    keys = [f"data/a{n}/{name}" for n in range(10, 16) for name in ("notes.txt", "x.nwb/")]
    places = [f"a{number}" for number in range(10, 16)]

    runs = [locate(Store(*keys), ".nwb", places, threads) for threads in (1, 2, 8)]

    assert len({tuple(located(run)) for run in runs}) == 1
    assert len(located(runs[0])) == 2
    assert runs[0].warnings[-1] == (
        "Some directory stores have no content; 2 more directory stores were not opened to look"
    )


def test_a_store_that_cannot_be_opened_stays_a_match() -> None:
    def trouble(ask: Ask) -> Exception | None:
        return ServiceError("try later") if ask.prefix.endswith(".nwb/") else None

    store = Store("data/a/notes.txt", "data/a/x.nwb/")
    store.trouble = trouble

    assert located(locate(store, ".nwb", ["a"])) == ["s3://data/a/x.nwb"]


@pytest.mark.parametrize("delimiters", ["any", "refuse"])
def test_files_that_differ_from_the_extension_by_case_are_a_warning_that_counts_the_assets(
    delimiters: Delimiters,
) -> None:
    store = Store(
        *["data/a/x.nwb", "data/a/X.NWB", "data/a/Y.Nwb", "data/b/x.nwb", "data/b/sub/X.NWB"],
        *["data/c/x.nwb", "data/d/X.NWB"],
    )
    store.delimiters = delimiters

    result = locate(store, ".nwb", ["a", "b", "c", "d"])

    assert located(result) == ["s3://data/a/x.nwb", "s3://data/b/x.nwb", "s3://data/c/x.nwb"]
    assert result.exclusions[0].message.endswith("; it has .NWB (1)")
    assert result.warnings[-1] == (
        "2 assets have files whose extension differs from .nwb only by case, which do not match: "
        "s3://data/a/X.NWB"
    )


@pytest.mark.parametrize("delimiters", ["any", "refuse"])
def test_a_store_in_another_case_is_named_too(delimiters: Delimiters) -> None:
    store = Store("data/a/x.nwb", "data/a/sub/X.NWB/.zgroup", "data/b/Y.Nwb/0", "data/b/Y.Nwb/1")
    store.delimiters = delimiters

    result = locate(store, ".nwb", ["a", "b"])

    assert result.warnings[-1].endswith("only by case, which do not match: s3://data/a/sub/X.NWB")
    assert result.exclusions[0].message.endswith("; it has .Nwb (1)")


def test_all_stores_in_the_right_case_give_no_warning() -> None:
    keys = ["data/a/x.zarr/0", "data/a/x.zarr/y.zarr/0", "data/a/z.zarr", "data/a/n.txt"]
    assets = [DataAsset("id", "a", "s3://data/a")]

    result = locate_files(assets, Store(*keys), ".zarr", nested_stores="all", pause=0)

    assert len(located(result)) == 3
    assert result.warnings == ()


def test_every_listing_finds_a_folder_that_is_named_like_a_match_with_any_number_of_threads() -> (
    None
):
    keys = ["data/a/a", "data/a/a.z/a.z"]

    for threads in (1, 4):
        store = Store(*keys, page_size=1)
        store.delimiters = "refuse"
        result = locate(store, ".z", ["a", "a1", "a.z", "a/a.z"], threads)
        assert located(result) == ["s3://data/a/a.z", "s3://data/a/a.z/a.z"]
