"""Several extensions: read from one text, searched for in order, over stores in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch_core.choose import choose_files
from dispatch_core.errors import AccessDenied, InvalidInput, ServiceError
from dispatch_core.listing.wanted import Wanted, count_extensions
from dispatch_core.locate import AssetFiles, Located, locate_files
from dispatch_core.request import make_request
from dispatch_core.request_parts import check_request
from dispatch_core.sources.protocols import ObjectLister
from dispatch_core.text.file_extension import (
    likeliest_first,
    read_extensions,
    written_extensions,
)
from dispatch_core.types import DataAsset, LocatedAsset, SeveralExtensions, SeveralFiles
from tests.support.store import Ask, Store, everything, outermost
from tests.support.tier import examples

BOTH = ".nwb,.nwb.zarr"
RULES: tuple[SeveralExtensions, ...] = ("first", "all")


def assets(*locations: str) -> list[DataAsset]:
    return [DataAsset(f"r{number}", "an asset", one) for number, one in enumerate(locations)]


def locate(store: ObjectLister, extensions: str, *locations: str, **more: Any) -> Located:
    places = locations or ("s3://data/a",)
    return locate_files(assets(*places), store, extensions, **{"pause": 0, **more})


def names(located: Located, number: int = 0) -> list[str]:
    files = located.located[number].files or ()
    return [file.location.removeprefix("s3://data/a/") for file in files]


# The text


@pytest.mark.parametrize(
    ("text", "extensions"),
    [
        (".nwb", (".nwb",)),
        (".nwb,.nwb.zarr", (".nwb", ".nwb.zarr")),
        (".nwb.zarr,.nwb", (".nwb.zarr", ".nwb")),
        (" .nwb , .zarr ", (".nwb", ".zarr")),
        (".nwb,", (".nwb",)),
        (",.nwb,,.zarr", (".nwb", ".zarr")),
        (".nwb,.zarr,.nwb", (".nwb", ".zarr")),
        (".nwb,.NWB", (".nwb", ".NWB")),
        (r"a\,b.nwb,.zarr", ("a,b.nwb", ".zarr")),
        (r"a\b", (r"a\b",)),
        ("", ()),
        ("  ", ()),
    ],
)
def test_a_text_with_commas_is_extensions_in_their_order(
    text: str, extensions: tuple[str, ...]
) -> None:
    assert read_extensions(text) == extensions


@pytest.mark.parametrize("text", [",", " , ,", ".nwb,*.zarr", ".nwb,a/b", ".nwb,\ud800"])
def test_one_wrong_extension_of_several_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_extensions(text)

    assert caught.value.issues[0].where == "file extension"


def test_a_lone_comma_does_not_pass_for_no_files() -> None:
    with pytest.raises(InvalidInput, match="has no extension, only commas"):
        check_request(make_request(query={"a": 1}, file_extension=","))


@given(st.lists(st.text("ab.,\\ ", min_size=1)))
def test_extensions_that_are_written_are_read_again(items: list[str]) -> None:
    extensions = tuple(dict.fromkeys(filter(None, (one.strip() for one in items))))

    assert read_extensions(written_extensions(extensions)) == extensions


@pytest.mark.parametrize(
    ("held", "wanted", "first"),
    [
        ([(".json", 111), (".nwb.zarr", 111)], [".nwb"], [".nwb.zarr", ".json"]),
        ([(".json", 9), (".tif", 3), (".NWB", 2)], [".nwb"], [".NWB", ".tif", ".json"]),
        ([(".json", 9), (".txt", 8), (".h5", 1)], [".nwb"], [".h5", ".json", ".txt"]),
        ([(".tif", 3), (".json", 2)], [".json.gz"], [".json", ".tif"]),
        ([(".b", 2), (".a", 2), (".c", 5)], [], [".c", ".a", ".b"]),
    ],
)
def test_of_what_assets_have_instead_the_likeliest_extension_is_first(
    held: list[tuple[str, int]], wanted: list[str], first: list[str]
) -> None:
    assert [extension for extension, _ in likeliest_first(held, wanted)] == first


def test_a_request_takes_a_list_of_extensions_too_and_keeps_it_as_text() -> None:
    request = make_request(query={"a": 1}, file_extension=[".nwb", ".nwb.zarr"])

    assert request.file_extension == BOTH
    assert request == make_request(query={"a": 1}, file_extension=BOTH)


def test_a_saved_request_has_the_rule_only_if_it_is_chosen() -> None:
    one = make_request(query={"a": 1}, file_extension=".nwb", several_extensions="first")
    other = make_request(query={"a": 1}, file_extension=".nwb", several_extensions="all")

    assert "several_extensions" not in one.to_json()
    assert '"several_extensions": "all"' in other.to_json()


# Which files


KEYS = (
    "data/a/one.nwb",
    "data/b/two.nwb.zarr/0/0",
    "data/c/three.nwb",
    "data/c/three.nwb.zarr/0/0",
    "data/d/notes.txt",
)
PLACES = tuple(f"s3://data/{letter}" for letter in "abcd")


def test_an_asset_has_the_files_of_the_first_extension_that_it_has() -> None:
    result = locate(Store(*KEYS), BOTH, *PLACES)

    assert [[file.location for file in one.files or ()] for one in result.located] == [
        ["s3://data/a/one.nwb"],
        ["s3://data/b/two.nwb.zarr"],
        ["s3://data/c/three.nwb"],
    ]
    assert count_extensions(result.located, read_extensions(BOTH)) == {".nwb": 2, ".nwb.zarr": 1}


def test_the_order_is_the_preference() -> None:
    result = locate(Store(*KEYS), ".nwb.zarr,.nwb", *PLACES)

    assert [(one.files or ())[0].location for one in result.located] == [
        "s3://data/a/one.nwb",
        "s3://data/b/two.nwb.zarr",
        "s3://data/c/three.nwb.zarr",
    ]


def test_all_takes_every_extension_in_the_order_of_the_extensions() -> None:
    store = Store("data/a/1.nwb", "data/a/0.nwb.zarr/0", "data/a/2.nwb")

    result = locate(store, BOTH, several_extensions="all")

    assert names(result) == ["1.nwb", "2.nwb", "0.nwb.zarr"]


def test_an_asset_without_any_names_every_extension_and_what_it_has() -> None:
    for rule in RULES:
        (row,) = locate(Store(*KEYS), BOTH, PLACES[3], several_extensions=rule).exclusions

        assert row.message == (
            "Nothing under the location ends with '.nwb' or '.nwb.zarr'; it has .txt (1)"
        )
        assert row.held == ((".txt", 1),)


def test_a_name_with_both_ends_counts_once_for_the_first_that_it_ends_with() -> None:
    store = Store("data/a/x.nwb.zarr/0", "data/a/y.zarr/0")

    for rule in RULES:
        result = locate(store, ".zarr,.nwb.zarr", several_extensions=rule)
        assert names(result) == ["x.nwb.zarr", "y.zarr"]
        assert count_extensions(result.located, (".zarr", ".nwb.zarr")) == {
            ".zarr": 1,
            ".nwb.zarr": 0,
        }
    assert names(locate(store, ".nwb.zarr,.zarr")) == ["x.nwb.zarr"]
    assert names(locate(store, ".nwb.zarr,.zarr", several_extensions="all")) == [
        "x.nwb.zarr",
        "y.zarr",
    ]


def test_all_does_not_take_what_is_inside_another_match() -> None:
    store = Store("data/a/x.zarr/y.nwb", "data/a/z.nwb/0.zarr/0", "data/a/w.nwb")

    result = locate(store, ".nwb,.zarr", several_extensions="all")
    nested = locate(store, ".nwb,.zarr", several_extensions="all", nested_stores="all")

    assert names(result) == ["w.nwb", "z.nwb", "x.zarr"]
    assert names(nested) == ["w.nwb", "x.zarr/y.nwb", "z.nwb", "x.zarr", "z.nwb/0.zarr"]


def test_the_first_extension_is_preferred_wherever_its_match_is() -> None:
    store = Store("data/a/x.zarr/y.nwb")

    assert names(locate(store, ".nwb,.zarr")) == ["x.zarr/y.nwb"]
    assert names(locate(store, ".zarr,.nwb")) == ["x.zarr"]


def test_the_location_itself_can_be_a_match_of_any_extension() -> None:
    store = Store("data/x.nwb", "data/y.zarr/0", "data/z.nwb/a.zarr/0")

    result = locate(store, ".zarr,.nwb", *(f"s3://data/{one}" for one in ("x.nwb", "y.zarr")))

    assert [(one.files or ())[0].location for one in result.located] == [
        "s3://data/x.nwb",
        "s3://data/y.zarr",
    ]


@pytest.mark.parametrize("rule", RULES)
def test_an_empty_store_is_passed_over_with_a_warning(rule: SeveralExtensions) -> None:
    store = Store("data/a/x.nwb/", "data/a/x.nwb.zarr/0")

    result = locate(store, BOTH, several_extensions=rule)

    assert names(result) == ["x.nwb.zarr"]
    assert result.warnings == (
        "Some names were ignored: s3://data/a/x.nwb (a directory marker without content)",
    )


@pytest.mark.parametrize("rule", RULES)
def test_another_case_of_a_preferred_extension_is_a_warning(rule: SeveralExtensions) -> None:
    store = Store("data/a/x.NWB", "data/a/x.nwb.zarr/0")

    result = locate(store, BOTH, several_extensions=rule)

    assert names(result) == ["x.nwb.zarr"]
    assert result.warnings == (
        "1 asset has files whose extension differs from .nwb only by case, which do not match: "
        "s3://data/a/x.NWB",
    )


def test_a_case_that_is_asked_for_too_is_not_a_warning() -> None:
    store = Store("data/a/x.NWB", "data/a/y.nwb")

    result = locate(store, ".nwb,.NWB", several_extensions="all")

    assert (names(result), result.warnings) == (["y.nwb", "x.NWB"], ())


# Rules for several files


@pytest.mark.parametrize(
    ("rule", "extensions", "kept"),
    [
        ("first", "each", ["1.nwb", "2.nwb"]),
        ("first", "newest", ["1.nwb"]),
        ("first", "only_one", None),
        ("all", "together", ["1.nwb", "2.nwb", "0.csv"]),
        ("all", "largest", ["1.nwb"]),
        ("all", "only_one", None),
    ],
)
def test_a_rule_for_several_files_chooses_after_the_extension(
    rule: SeveralExtensions, extensions: SeveralFiles, kept: list[str] | None
) -> None:
    store = Store("data/a/1.nwb", "data/a/2.nwb", "data/a/0.csv")
    located = locate(store, ".nwb,.csv", several_extensions=rule)

    chosen = choose_files(located.located, extensions)

    files = [file for one in chosen.located for file in one.files or ()]
    assert [file.location.rpartition("/")[2] for file in files] == (kept or [])
    assert bool(chosen.exclusions) == (kept is None or len(kept) == 1)


# Trouble


def trouble(error: Exception, delimiter: str, prefix: str) -> Callable[[Ask], Exception | None]:
    def find(ask: Ask) -> Exception | None:
        is_asked = ask.delimiter == delimiter and ask.prefix.startswith(prefix)
        return error if is_asked else None

    return find


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("failing", [".nwb/", ".nwb.zarr/"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [(AccessDenied("no"), "access_denied"), (ServiceError("down"), "listing_failed")],
)
def test_an_asset_whose_listing_fails_for_one_extension_gets_no_file_of_another(
    rule: SeveralExtensions, failing: str, error: Exception, reason: str
) -> None:
    store = Store(*KEYS)
    store.own_prefix_only = True
    store.trouble = trouble(error, failing, "b/")

    result = locate(store, BOTH, *PLACES[:3], several_extensions=rule)

    assert [one.asset.location for one in result.located] == [PLACES[0], PLACES[2]]
    assert [(row.location, row.reason) for row in result.exclusions] == [(PLACES[1], reason)]


def test_many_failures_of_a_later_extension_are_exclusions_of_those_assets() -> None:
    store = Store("data/a/x.nwb")
    store.own_prefix_only = True
    store.trouble = trouble(ServiceError("down"), ".nwb.zarr/", "b")
    store.paths = sorted([*store.paths, *(f"data/b{number}/x.txt" for number in range(40))])
    places = ["s3://data/a", *(f"s3://data/b{number}" for number in range(40))]

    result = locate(store, BOTH, *places)

    assert len(result.located) == 1
    assert {row.reason for row in result.exclusions} == {"listing_failed"}
    assert len(result.exclusions) == 40


# The cost


def many(count: int) -> tuple[Store, list[str]]:
    """Assets of which each third has a store only, and the others a file too."""
    keys = [f"data/s{number:04}/x.nwb.zarr/{chunk}" for number in range(count) for chunk in "01"]
    keys += [f"data/s{number:04}/x.nwb" for number in range(count) if number % 3]
    return Store(*keys), [f"s3://data/s{number:04}" for number in range(count)]


def requests(store: Store, extensions: str, places: Sequence[str], **more: Any) -> int:
    store.asked.clear()
    result = locate(store, extensions, *places, threads=1, **more)
    assert result.requests == len(store.asked)
    return result.requests


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("own_prefix_only", [False, True])
def test_two_extensions_cost_at_most_the_requests_of_both(
    rule: SeveralExtensions, own_prefix_only: bool
) -> None:
    store, places = many(300)
    store.own_prefix_only = own_prefix_only
    one, other = (requests(store, extension, places) for extension in read_extensions(BOTH))

    both = requests(store, BOTH, places, several_extensions=rule)

    assert both <= one + other


def test_only_assets_that_are_still_without_are_listed_again() -> None:
    store, places = many(300)
    store.own_prefix_only = True

    both = requests(store, BOTH, places)

    again = {ask.prefix for ask in store.asked if ask.delimiter == ".nwb.zarr/"}
    assert len(again - {"s"}) == 100
    assert both < 300 + 100 + 150


def test_an_extension_that_another_covers_is_not_searched_for() -> None:
    assert Wanted((".zarr", ".nwb.zarr", ".nwb")).searched == (".zarr", ".nwb")
    assert Wanted((".nwb.zarr", ".zarr")).searched == (".nwb.zarr", ".zarr")
    assert Wanted((".nwb.zarr", ".zarr"), is_all=True).searched == (".zarr",)


@pytest.mark.parametrize("rule", RULES)
def test_a_location_where_nothing_is_stored_is_listed_once(rule: SeveralExtensions) -> None:
    store = Store("data/b/x.nwb")

    (row,) = locate(store, BOTH, several_extensions=rule).exclusions

    assert row.message == "Nothing is stored under the location"
    assert len(store.asked) == 1


@pytest.mark.parametrize("rule", RULES)
def test_each_asset_is_reported_once_and_progress_never_goes_back(
    rule: SeveralExtensions,
) -> None:
    store, places = many(90)
    arrived: list[AssetFiles] = []
    done: list[int] = []

    result = locate(
        store,
        BOTH,
        *places,
        several_extensions=rule,
        found=arrived.extend,
        progress=done.append,
    )

    ids = [one.asset.record_id for one in arrived if isinstance(one, LocatedAsset)]
    assert sorted(ids) == sorted(one.asset.record_id for one in result.located)
    assert done == sorted(done)
    assert done[-1] == 90


# Against the definition


NAMES = ["x", "x.nwb", "y.nwb.zarr", "z.zarr", "w.NWB", "x.nwb-old", "x.ome.zarr", "d"]
TREES = st.lists(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join), min_size=1, max_size=12
)
EXTENSIONS = st.lists(
    st.sampled_from([".nwb", ".zarr", ".nwb.zarr", ".ome.zarr", ".NWB", "x.nwb"]),
    min_size=1,
    max_size=4,
    unique=True,
)


def expected(
    keys: Sequence[str], extensions: Sequence[str], rule: str, nested: str
) -> list[tuple[str, str]]:
    """Return the files as the documentation defines them, one extension at a time and slowly."""
    search = outermost if nested == "outermost" else everything
    each = [search(keys, "a/", extension) for extension in extensions]
    if rule == "first":
        return sorted(next((found for found in each if found), {}).items())
    union = {path: kind for found in each for path, kind in found.items()}
    stores = [f"{path}/" for path, kind in union.items() if kind == "directory"]
    kept = [
        path for path in union if nested == "all" or not any(path.startswith(one) for one in stores)
    ]
    order = {
        path: next(n for n, extension in enumerate(extensions) if path.endswith(extension))
        for path in kept
    }
    return [(path, union[path]) for path in sorted(kept, key=lambda path: (order[path], path))]


@settings(max_examples=examples(200, 5_000))
@given(
    TREES,
    EXTENSIONS,
    st.sampled_from(RULES),
    st.sampled_from(["outermost", "all"]),
    st.sampled_from(["any", "refuse", "ignore", "only slash"]),
    st.integers(1, 5),
)
def test_random_trees_give_the_files_that_the_definition_gives(
    paths: list[str],
    extensions: list[str],
    rule: SeveralExtensions,
    nested: Literal["outermost", "all"],
    delimiters: Literal["any", "refuse", "ignore", "only slash"],
    page_size: int,
) -> None:
    keys = [f"a/{path}" for path in paths]
    store = Store(*(f"data/{key}" for key in keys), "data/b/other.txt", page_size=page_size)
    store.delimiters = delimiters

    result = locate(
        store, written_extensions(extensions), PLACES[0], PLACES[1],
        several_extensions=rule, nested_stores=nested, threads=1,
    )  # fmt: skip

    files = [
        (file.location.removeprefix("s3://data/"), file.kind)
        for one in result.located
        for file in one.files or ()
    ]
    assert files == expected(keys, extensions, rule, nested)
    assert len(result.located) + len(result.exclusions) == 2
