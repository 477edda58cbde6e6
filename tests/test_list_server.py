"""The endpoint of the benchmarks lists as S3 does, over keys that are computed, not kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.list_server import KeyList, ListServer, list_page
from benchmarks.workloads import BUCKET, Bucket, Run, Tree, Workload, workloads
from dispatch_core.errors import NoSuchBucket
from dispatch_core.sources.s3 import S3Lister

TREE = Tree((Run("z.json"), Run("a.zarr/0", 25), Run("a.json"), Run("b/c.nwb")))
TEXTS = st.text("ab/.~é", max_size=3)


def entries_of(keys: list[str], prefix: str, delimiter: str, after: str) -> list[str]:
    """What S3 documents, said slowly: keys in order, rolled up at the delimiter."""
    found: dict[str, None] = {}
    for key in sorted(keys):
        if key.startswith(prefix) and key > after:
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            found[key if end < 0 else key[: end + len(delimiter)]] = None
    return list(found)


@given(
    keys=st.lists(st.text("ab/.~é", min_size=1, max_size=6), max_size=30, unique=True),
    prefix=TEXTS,
    delimiter=TEXTS,
    after=TEXTS,
    limit=st.integers(1, 5),
)
def test_the_pages_of_a_listing_are_as_s3_documents(
    keys: list[str], prefix: str, delimiter: str, after: str, limit: int
) -> None:
    params = {"prefix": prefix, "delimiter": delimiter, "start-after": after}
    params["max-keys"] = str(limit)
    found: list[str] = []

    while True:
        page = list_page(KeyList(sorted(keys)), params)
        assert len(page) == limit or not page.token
        found += sorted(page.keys + page.prefixes)
        if not page.token:
            break
        params["continuation-token"] = page.token

    assert found == entries_of(keys, prefix, delimiter, after)


def test_the_computed_keys_of_a_bucket_are_sorted_and_all_different() -> None:
    bucket = Bucket(12, TREE)

    keys = bucket.span(0, len(bucket))

    assert len(keys) == 12 * 28
    assert keys == sorted(set(keys))
    assert keys == [bucket[number] for number in range(len(bucket))]


@pytest.mark.parametrize("workload", workloads(short=True).values(), ids=lambda one: one.name)
def test_a_workload_finds_what_its_keys_contain(workload: Workload) -> None:
    # the name of each asset stands for its keys: all hold the same tree
    bucket = Bucket(1, workload.bucket.tree)
    below = len(bucket.name(0)) + 1
    found: set[str] = set()
    for key in bucket.span(0, len(bucket)):
        parts = key[below:].split("/")
        paths = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        matching = [path for path in paths if path.endswith(workload.extension)]
        found.update(matching if workload.nested else matching[:1])

    expected = [f"{place}/{path}" for place in workload.locations for path in sorted(found)]

    assert list(workload.files()) == expected


@pytest.mark.parametrize(
    ("name", "fewest"), [("A", 10), ("B", 1), ("C", 1), ("D", 5), ("sparse", 20), ("nested", 21)]
)
def test_the_fewest_requests_hold_every_entry_asked_for(name: str, fewest: int) -> None:
    assert workloads(short=True)[name].fewest_requests() == fewest


@pytest.fixture(scope="module")
def server() -> Iterator[ListServer]:
    keys = ["a/ b+c%20&amp;é\n", "a/x.zarr/0", "a/x.zarr/1", "b"]
    with ListServer(KeyList(sorted(keys)), latency=0) as server:
        yield server


@pytest.fixture
def lister(server: ListServer, monkeypatch: pytest.MonkeyPatch) -> S3Lister:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "benchmark")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "benchmark")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return S3Lister()


def test_boto3_reads_odd_keys_and_rolled_up_stores_from_it(lister: S3Lister) -> None:
    page = lister.list_page(BUCKET, "a/", delimiter=".zarr/")

    assert page.keys == ["a/ b+c%20&amp;é\n"]
    assert page.prefixes == ["a/x.zarr/"]


def test_it_counts_requests_entries_and_bytes_and_starts_again_when_asked(
    server: ListServer, lister: S3Lister
) -> None:
    server.counts()

    lister.list_page(BUCKET, "")
    counts = server.counts()

    assert (counts.requests, counts.entries) == (1, 4)
    assert 1_000 < counts.bytes < 2_000
    assert server.counts().requests == 0


def test_a_bucket_of_another_name_is_not_there(lister: S3Lister) -> None:
    with pytest.raises(NoSuchBucket):
        lister.list_page("other", "")
