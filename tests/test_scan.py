"""Neighbours listed together: the right files, in as few requests as possible, on any server."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any, Literal

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from dispatch_core.errors import AccessDenied, NoSuchBucket, ServiceError
from dispatch_core.listing.matches import Matches, S3Prefix, Search
from dispatch_core.listing.scan import Run, RunListed, first_runs, list_run, next_runs
from dispatch_core.locate import Located, locate_files
from dispatch_core.sources.protocols import ListPage, ObjectLister, StoredObject
from dispatch_core.sources.s3 import S3Lister
from dispatch_core.types import DataAsset, NestedStores
from tests.servers.s3 import S3Server
from tests.support.store import (
    LAST,
    NoStartAfter,
    OneToken,
    Store,
    Unordered,
    everything,
    outermost,
)
from tests.support.tier import examples

Delimiters = Literal["any", "refuse", "ignore", "only slash"]


class AtOnce(Executor):
    """Runs work where it is handed over, as another process would get it and send it back."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        lister, *rest = args
        done: Future[Any] = Future()
        try:
            answer = fn(lister, *pickle.loads(pickle.dumps(rest)), **kwargs)
            done.set_result(pickle.loads(pickle.dumps(answer)))
        except Exception as error:  # noqa: BLE001  # as every executor does
            done.set_exception(error)
        return done


def locate(store: ObjectLister, extension: str, *names: str, **more: Any) -> Located:
    assets = [
        DataAsset(f"r{number}", name, f"s3://data/{name}") for number, name in enumerate(names)
    ]
    given = {"executor": AtOnce(), "pause": 0, "threads": 2, **more}
    return locate_files(assets, store, extension, **given)


def found_in(located: Located) -> dict[str, dict[str, str]]:
    """Location of each asset with files -> its files below the bucket, and their kinds."""
    return {
        one.asset.name: {
            file.location.removeprefix("s3://data/"): file.kind for file in one.files or ()
        }
        for one in located.located
    }


NAMES = st.sampled_from(["a", "a1", "a.z", "b.z", ".z", "z", "c.zz", "b.z0", "", ".", "0", LAST])
PATHS = (
    st.lists(NAMES, min_size=1, max_size=5)
    .map("/".join)
    .filter(lambda path: path[-1:] not in ("", "/"))
)
PLACES = st.lists(NAMES.filter(bool), min_size=1, max_size=3).map("/".join)
KINDS = st.sampled_from([Store, OneToken, NoStartAfter, Unordered])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[set[str], list[str]]:
    """Keys, and the places of assets, some of which are prefixes of others or inside them."""
    places = draw(st.lists(PLACES, min_size=1, max_size=8))
    below = st.tuples(st.sampled_from(places), PATHS).map("/".join)
    return draw(st.sets(st.one_of(below, PATHS), max_size=40)), places


def by_definition(
    keys: set[str], places: list[str], nested: NestedStores
) -> dict[str, dict[str, str]]:
    found = {place: of_place(keys, place, nested) for place in places}
    return {place: files for place, files in found.items() if files}


def of_place(keys: set[str], place: str, nested: NestedStores) -> dict[str, str]:
    """The matches below a place, or the place itself if its name ends with the extension."""
    below = (everything if nested == "all" else outermost)(keys, place + "/", ".z")
    if not place.endswith(".z"):
        return below
    if not any(key.startswith(place + "/") for key in keys):
        return {place: "file"} if place in keys else {}
    itself = {place: "directory"}
    return itself | below if nested == "all" else below or itself


@settings(max_examples=examples(300))
@given(
    worlds(),
    st.integers(1, 7),
    st.sampled_from(["any", "refuse", "ignore", "only slash"]),
    st.sampled_from(["outermost", "all"]),
    KINDS,
    st.integers(1, 3),
)
def test_each_asset_has_the_files_of_the_definition_on_any_server(
    world: tuple[set[str], list[str]],
    page_size: int,
    delimiters: Delimiters,
    nested: NestedStores,
    kind: type[Store],
    threads: int,
) -> None:
    keys, places = world
    assume(kind is not Unordered or page_size > 1)  # one entry is always in order
    # past a store, such a server is asked for the keys after its last possible character
    assume(kind is not OneToken or not any(f".z/{LAST}/" in key for key in keys))
    store = kind(*(f"data/{key}" for key in keys), page_size=page_size)
    store.delimiters = delimiters

    result = locate(store, ".z", *places, nested_stores=nested, threads=threads)

    assert found_in(result) == by_definition(keys, places, nested)
    assert {row.reason for row in result.exclusions} <= {"no_matching_file"}
    assert result.requests == len(store.asked)


@settings(max_examples=examples(100))
@example(({"b.z"}, ["b.z", "b.z0"]), 1, 1)
@given(worlds(), st.integers(1, 7), st.integers(0, 7))
def test_a_denied_asset_affects_no_other_asset(
    world: tuple[set[str], list[str]], page_size: int, number: int
) -> None:
    keys, places = world
    denied = places[number % len(places)] + "/"
    store = Store(*(f"data/{key}" for key in keys), page_size=page_size)
    store.trouble = lambda ask: AccessDenied("no") if shows(ask.prefix, denied) else None

    result = locate(store, ".z", *places)

    open_to_us = [place for place in places if not shows(place + "/", denied)]
    # whether a location is itself a file tells a listing that also shows its longer neighbours
    shown = keys - {place for place in places if shows(place, denied)}
    assert found_in(result) == by_definition(shown, open_to_us, "outermost")
    assert {row.name for row in result.exclusions if row.reason == "access_denied"} == {
        place for place in places if shows(place + "/", denied)
    }


def shows(prefix: str, denied: str) -> bool:
    """Whether a listing of `prefix` would show something below `denied`."""
    return prefix.startswith(denied) or denied.startswith(prefix)


@settings(max_examples=examples(100))
@given(worlds(), st.integers(1, 4), st.sets(st.integers(1, 25), max_size=12))
def test_an_asset_is_listed_whole_or_not_at_all_whichever_requests_fail(
    world: tuple[set[str], list[str]], page_size: int, failing: set[int]
) -> None:
    keys, places = world
    store = Store(*(f"data/{key}" for key in keys), page_size=page_size)
    store.trouble = lambda ask: ServiceError("no") if len(store.asked) in failing else None

    result = locate(store, ".z", *places)

    expected = by_definition(keys, places, "outermost")
    failed = {row.name for row in result.exclusions if row.reason == "listing_failed"}
    assert found_in(result) == {
        place: files for place, files in expected.items() if place not in failed
    }
    assert len(result.located) + len(result.exclusions) == len(places)


@settings(max_examples=examples(100))
@given(worlds(), st.integers(1, 9))
def test_neighbours_take_no_more_requests_than_one_by_one_and_the_page_that_looks(
    world: tuple[set[str], list[str]], page_size: int
) -> None:
    keys, places = world
    store = Store(*(f"data/{key}" for key in keys), page_size=page_size)
    alone = Store(*(f"data/{key}" for key in keys), page_size=page_size)
    for place in set(places):
        locate(alone, ".z", place)

    locate(store, ".z", *places)

    assert len(store.asked) <= len(alone.asked) + 1


@settings(max_examples=examples(30))
@given(
    worlds(),
    st.sampled_from(["any", "refuse", "ignore", "only slash"]),
    st.sampled_from(["outermost", "all"]),
)
def test_each_asset_has_the_files_of_the_definition_through_boto3(
    lister: tuple[S3Server, S3Lister],
    world: tuple[set[str], list[str]],
    delimiters: Delimiters,
    nested: NestedStores,
) -> None:
    (keys, places), (server, s3) = world, lister
    server.buckets["data"] = (sorted(keys), dict.fromkeys(keys, 1))
    server.page_size, server.delimiters = 5, delimiters

    result = locate(s3, ".z", *places, nested_stores=nested)

    assert found_in(result) == by_definition(keys, places, nested)


@pytest.fixture(scope="module")
def lister() -> Iterator[tuple[S3Server, S3Lister]]:
    with S3Server({"data": []}) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        patch.setenv("AWS_ACCESS_KEY_ID", "a")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield server, S3Lister()


class Even:
    """A bucket of assets ``a000000`` and so on, each with the same keys, which need not exist."""

    label = "an even bucket"

    def __init__(self, assets: int, *keys: str) -> None:
        self.assets, self.keys = assets, sorted(keys)
        self.requests = self.entries = 0

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
    ) -> ListPage:
        self.requests += 1
        after = token or start_after
        page: list[str] = []
        for number in range(int(max(after, prefix)[1:7].ljust(6, "0")), self.assets):
            asset = f"a{number:06}/"
            if len(page) > 1000 or asset[: len(prefix)] > prefix:
                break
            page += [asset + key for key in self.keys if asset + key > after]
        self.entries += len(page[:1000])
        objects = [StoredObject(key, 7) for key in page[:1000]]
        return ListPage.of(objects, [], page[999] if len(page) > 1000 else None)


class Failing:
    """A store of which the requests with these numbers fail."""

    label = "a store that fails at times"

    def __init__(self, store: ObjectLister, numbers: set[int]) -> None:
        self.store, self.numbers, self.requests = store, numbers, 0

    def list_page(self, bucket: str, prefix: str, **more: Any) -> ListPage:
        self.requests += 1
        if self.requests in self.numbers:
            raise ServiceError("busy")
        return self.store.list_page(bucket, prefix, **more)


def numbered(*numbers: int) -> list[str]:
    return [f"a{number:06}" for number in numbers]


FIFTY = ["x.nwb", *(f"{number:02}.json" for number in range(49))]


def test_dense_neighbours_are_one_look_and_then_full_pages() -> None:
    store = Even(2000, *FIFTY)

    result = locate(store, ".nwb", *numbered(*range(2000)), threads=8)

    assert len(result.located) == 2000
    assert result.requests == store.requests == 103  # 100,000 keys: 100 at the least


def test_a_run_of_neighbours_is_short_so_that_its_results_arrive_soon() -> None:
    run = Run("data", tuple(f"{name}/" for name in numbered(*range(20_000))), Search(".nwb"), True)
    first = RunListed(dict.fromkeys(run.prefixes[:20], Matches(())), pages=1, covered=20)

    runs = next_runs(run, first, parallel=2)

    assert max(len(one.prefixes) for one in runs) == 304  # sixteen pages
    assert [prefix for one in runs for prefix in one.prefixes] == list(run.prefixes[20:])


def test_neighbours_that_fit_into_a_page_are_one_request() -> None:
    store = Even(20, *FIFTY[:40])

    result = locate(store, ".nwb", *numbered(*range(20)))

    assert (len(result.located), result.requests) == (20, 1)


def test_sparse_assets_are_listed_by_their_own_prefix_with_few_other_keys() -> None:
    store = Even(100_000, *FIFTY)

    result = locate(store, ".nwb", *numbered(*range(0, 100_000, 500)), threads=8)

    assert len(result.located) == 200
    assert result.requests == 200
    assert store.entries < 200 * 50 * 1.5


def test_assets_of_medium_density_cost_one_request_per_page() -> None:
    store = Even(4000, *FIFTY)

    result = locate(store, ".nwb", *numbered(*range(0, 4000, 5)), threads=8)

    assert len(result.located) == 800
    assert result.requests == 200  # 20 assets to a page, 4 of them ours: 200 at the least


def test_dense_assets_among_sparse_ones_are_still_listed_together() -> None:
    store = Even(100_000, *FIFTY)
    far, crowd = range(0, 60_000, 1000), range(60_000, 62_000)

    result = locate(store, ".nwb", *numbered(*far, *crowd), threads=2)

    assert len(result.located) == 2060
    assert result.requests < 400  # one by one: 2,060; knowing it all beforehand: 160


def test_the_shared_prefix_of_a_bucket_that_denies_it_is_requested_once() -> None:
    store = Store(*(f"data/a{number}/x.nwb" for number in range(100)))
    store.own_prefix_only = True

    result = locate(store, ".nwb", *(f"a{number}" for number in range(100)))

    assert (len(result.located), result.requests) == (100, 101)
    assert result.exclusions == ()


def test_a_temporary_failure_does_not_separate_neighbours() -> None:
    store = Even(1000, *FIFTY[:10])
    troubled = Failing(store, {1, 5})

    result = locate(troubled, ".nwb", *numbered(*range(1000)))

    assert len(result.located) == 1000
    assert result.requests < 40  # 10 at the least, 1,000 one by one


def test_a_bucket_whose_shared_prefix_always_fails_is_listed_one_by_one() -> None:
    store = Store(*(f"data/a{number}/x.nwb" for number in range(200)))
    store.trouble = lambda ask: None if ask.prefix.endswith("/") else ServiceError("too long")

    result = locate(store, ".nwb", *(f"a{number}" for number in range(200)))

    assert len(result.located) == 200
    assert result.requests <= 200 + 11


def test_a_bucket_that_does_not_exist_is_requested_once() -> None:
    store = Store()
    store.trouble = lambda ask: NoSuchBucket("gone")

    result = locate(store, ".nwb", *(f"a{number}" for number in range(100)))

    assert [row.reason for row in result.exclusions] == ["no_such_bucket"] * 100
    assert len(store.asked) == 1


def test_neighbours_are_listed_together_past_a_refused_delimiter_too() -> None:
    store = Store(*(f"data/a{number}/x.zarr/{chunk}" for number in range(50) for chunk in range(9)))
    store.delimiters = "refuse"

    result = locate(store, ".zarr", *(f"a{number}" for number in range(50)))

    assert (len(result.located), result.requests) == (50, 2)


def test_a_folder_named_like_a_match_has_its_files_past_a_refused_delimiter_too() -> None:
    store = Store("data/b.z/a.z")
    store.delimiters = "refuse"

    result = locate(store, ".z", "a", "a/a.z", "b.z", threads=1)

    assert found_in(result) == {"b.z": {"b.z/a.z": "file"}}


def test_a_place_inside_a_store_that_matches_is_listed_alone() -> None:
    store = Store("data/a.zarr/sub/x.zarr/0", "data/a.zarr/sub/a", "data/b/y.zarr/0", "data/b/a")

    result = locate(store, ".zarr", "a.zarr/sub", "b", "c")

    assert found_in(result) == {
        "a.zarr/sub": {"a.zarr/sub/x.zarr": "directory"},
        "b": {"b/y.zarr": "directory"},
    }
    assert sorted(ask.prefix for ask in store.asked) == ["", "a.zarr/sub/"]


def test_results_are_reported_as_they_arrive_each_asset_once() -> None:
    store = Store("data/a/x.nwb", "data/b/x.txt", "data/c/x.nwb", page_size=1)
    batches: list[list[str]] = []

    def tell(answers: Any) -> None:
        batches.append([type(answer).__name__ for answer in answers])

    result = locate(store, ".nwb", "a", "b", "c", "", found=tell)

    reported = [name for batch in batches for name in batch]
    assert batches[0] == ["Exclusion"], "the asset without a place, before any request"
    assert len(batches) > 2
    assert reported.count("LocatedAsset") == len(result.located) == 2
    assert reported.count("Exclusion") == len(result.exclusions) == 2


def test_work_done_twice_gives_the_same_result() -> None:
    store = Store(*(f"data/a{number}/x.nwb" for number in range(9)), page_size=2)
    places = [S3Prefix("data", f"a{number}/") for number in range(9)]
    (run,) = first_runs(places, Search(".nwb"), 4)
    work = Run(run.bucket, run.prefixes, run.search, together=True, pages=3)

    first, second = list_run(store, work), list_run(store, pickle.loads(pickle.dumps(work)))

    assert first == second
    assert list(first.listed) == [f"a{number}/" for number in range(5)]
