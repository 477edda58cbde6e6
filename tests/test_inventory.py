"""S3 Inventory gives the same files as listing the bucket."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote_plus

import boto3
import moto
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from benchmarks.list_server import KeyList, list_page
from dispatch_core.cli import main
from dispatch_core.errors import InvalidInput, NoSuchBucket, ServiceError
from dispatch_core.locate import locate_files
from dispatch_core.sources.inventory_manifest import as_of, read_inventory
from dispatch_core.sources.protocols import ListPage
from dispatch_core.sources.s3 import S3Lister
from dispatch_core.types import DataAsset
from tests.conformance.lister import ListerTests
from tests.fakes import Buckets
from tests.support.tier import examples

duckdb = pytest.importorskip("duckdb", reason="the extra requirements-inventory.txt is missing")

from dispatch_core.sources.inventory import InventoryLister  # noqa: E402 - skipped without duckdb

SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"
ROOT = Path(__file__).resolve().parents[1]
WRITTEN = "2025-06-07T14:31:15.000Z"


@dataclass(frozen=True)
class Version:
    """One row of an inventory."""

    key: str
    is_latest: bool = True
    is_delete_marker: bool = False
    size: int = 7


def csv_inventory(
    folder: Path, versions: Iterable[Version], bucket: str = "data", files: int = 2
) -> Path:
    """The manifest of an inventory in `folder`, in the form that S3 writes."""
    rows = [
        [bucket, quote_plus(one.key, safe="/"), "v", str(one.is_latest).lower(),
         str(one.is_delete_marker).lower(), "" if one.is_delete_marker else str(one.size),
         WRITTEN, "e"]
        for one in versions
    ]  # fmt: skip
    keys = [f"inventories/{bucket}/daily/data/{number}.csv.gz" for number in range(files)]
    for number, key in enumerate(keys):
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(path, "wt", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows[number::files])
    return manifest(folder, bucket, keys, "CSV", SCHEMA)


def parquet_inventory(folder: Path, versions: Sequence[Version], bucket: str = "data") -> Path:
    key = f"inventories/{bucket}/daily/data/0.parquet"
    (folder / key).parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE rows (bucket VARCHAR, key VARCHAR, is_latest BOOLEAN,"
        " is_delete_marker BOOLEAN, size BIGINT, last_modified_date TIMESTAMP)"
    )
    for one in versions:
        row = [bucket, one.key, one.is_latest, one.is_delete_marker, one.size, WRITTEN]
        connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", row)
    connection.execute(f"COPY rows TO '{folder / key}' (FORMAT parquet)")
    return manifest(folder, bucket, [key], "Parquet", "message s3.inventory { ... }")


def manifest(folder: Path, bucket: str, keys: Sequence[str], kind: str, schema: str) -> Path:
    path = folder / f"inventories/{bucket}/daily/2025-11-20T04-00Z/manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "sourceBucket": bucket,
        "destinationBucket": "arn:aws:s3:::inventories-here",
        "version": "2016-11-30",
        "creationTimestamp": "1763611200000",
        "fileFormat": kind,
        "fileSchema": schema,
        "files": [{"key": key, "size": 1, "MD5checksum": "0"} for key in keys],
    }
    path.write_text(json.dumps(content))
    return path


def versions_of(*keys: str) -> list[Version]:
    return [Version(key) for key in keys]


def keys_of(page: ListPage) -> list[str]:
    return sorted([*page.keys, *page.prefixes])


QUERIES = st.tuples(
    st.text("ab/.", max_size=2),
    st.sampled_from(["", "/", "a/", ".b/", "ab", "//"]),
    st.text("ab/.~", max_size=3),
)


def content_of(keys: list[str], delimiter: str) -> list[str]:
    """Return the keys without the directory markers inside an entry."""
    return [key for key in keys if not (delimiter and delimiter in key and key.endswith("/"))]


def begins_inside(prefix: str, delimiter: str) -> bool:
    """Whether a delimiter may start inside the prefix: then no entry is made in advance."""
    starts = [delimiter[:end] for end in range(1, len(delimiter))]
    return bool(delimiter) and (delimiter in prefix or prefix.endswith(tuple(starts)))


@settings(max_examples=examples(8))
@given(
    keys=st.lists(
        st.text("ab/.~é +%\n'\"", min_size=1, max_size=8), min_size=1, max_size=25, unique=True
    ),
    queries=st.lists(QUERIES, min_size=10, max_size=20),
)
def test_every_page_equals_that_of_a_listing_of_the_same_keys_without_markers(
    keys: list[str], queries: list[tuple[str, str, str]]
) -> None:
    with TemporaryDirectory() as folder:
        lister = InventoryLister([str(csv_inventory(Path(folder), versions_of(*keys)))])
        for prefix, delimiter, after in queries:
            params = {"prefix": prefix, "delimiter": delimiter, "start-after": after}
            listed = keys if begins_inside(prefix, delimiter) else content_of(keys, delimiter)
            expected = list_page(KeyList(sorted(listed)), params)

            page = lister.list_page("data", prefix, delimiter=delimiter, start_after=after)

            assert (page.keys, page.prefixes) == (expected.keys, expected.prefixes)


ASSETS = [DataAsset(f"r{name}", name, f"s3://data/{name}") for name in ("a1", "a10", "none")]
TREE = [
    "a1/x.nwb", "a1/y.zarr/.zattrs", "a1/y.zarr/0.0", "a1/y.zarr/in.zarr/0", "a10/a b+c%20é.zarr/0",
    "a10/y.zarr-old/z", "a10/z.zarr", "b/x.zarr/0",
]  # fmt: skip


@pytest.mark.parametrize("write", [csv_inventory, parquet_inventory])
@pytest.mark.parametrize("nested", ["outermost", "all"])
def test_located_files_equal_those_of_a_listing(
    write: object, nested: object, tmp_path: Path
) -> None:
    lister = InventoryLister([str(write(tmp_path, versions_of(*TREE)))])  # type: ignore[operator]

    read = locate_files(ASSETS, lister, ".zarr", nested_stores=nested)  # type: ignore[arg-type]
    listed = locate_files(ASSETS, Buckets({"data": TREE}), ".zarr", nested_stores=nested)  # type: ignore[arg-type]

    found = {one.asset.name: [file.location for file in one.files or ()] for one in read.located}
    assert [one.location for one in read.located[1].files or ()] == [
        "s3://data/a10/a b+c%20é.zarr",
        "s3://data/a10/z.zarr",
    ]
    assert found == {
        one.asset.name: [file.location for file in one.files or ()] for one in listed.located
    }
    assert [row.reason for row in read.exclusions] == ["no_matching_file"]


@pytest.mark.parametrize("write", [csv_inventory, parquet_inventory])
def test_only_current_versions_without_delete_markers_are_listed(
    write: object, tmp_path: Path
) -> None:
    versions = [
        Version("a/kept.nwb", size=5),
        Version("a/kept.nwb", is_latest=False, size=4),
        Version("a/deleted.nwb", is_delete_marker=True),
        Version("a/deleted.nwb", is_latest=False),
    ]

    lister = InventoryLister([str(write(tmp_path, versions))])  # type: ignore[operator]
    page = lister.list_page("data", "a/")

    assert [tuple(found) for found in page.objects] == [("a/kept.nwb", 5, WRITTEN)]


class TestCsvInventory(ListerTests):
    write = staticmethod(csv_inventory)

    @pytest.fixture(scope="class")
    def lister(self, tmp_path_factory: pytest.TempPathFactory) -> InventoryLister:
        folder = tmp_path_factory.mktemp("inventory")
        return InventoryLister([str(self.write(folder, versions_of(*self.KEYS)))])


class TestParquetInventory(TestCsvInventory):
    write = staticmethod(parquet_inventory)


def test_a_store_of_any_size_is_one_row_and_all_assets_share_one_query(tmp_path: Path) -> None:
    keys = [f"a{asset}/x.zarr/{chunk}" for asset in range(20) for chunk in range(300)]
    lister = InventoryLister([str(csv_inventory(tmp_path, versions_of(*keys)))])
    assets = [DataAsset(f"r{n}", f"a{n}", f"s3://data/a{n}") for n in range(20)]

    located = locate_files(assets, lister, ".zarr")
    rows = lister._connection.execute("SELECT count(*) FROM rolled_0").fetchone()

    assert len(located.located) == 20
    assert list(lister._tables) == [".zarr/"]
    assert rows == (20,)


def test_a_directory_marker_in_an_inventory_is_not_a_store(tmp_path: Path) -> None:
    keys = ["a/", "a/x.zarr/", "a/x.zarr/0/", "a/y.zarr/", "a/y.zarr/0", "b/z.zarr/0_$folder$"]
    lister = InventoryLister([str(csv_inventory(tmp_path, versions_of(*keys)))])
    assets = [DataAsset(name, name, f"s3://data/{name}") for name in "ab"]

    located = locate_files(assets, lister, ".zarr")

    assert [file.location for one in located.located for file in one.files or ()] == [
        "s3://data/a/y.zarr"
    ]
    assert [row.reason for row in located.exclusions] == ["no_matching_file"]


def test_each_bucket_has_its_inventory_and_a_bucket_without_one_is_an_error(tmp_path: Path) -> None:
    one = csv_inventory(tmp_path, versions_of("a/x"), "one")
    two = parquet_inventory(tmp_path, versions_of("b/y"), "two")
    lister = InventoryLister([str(one), str(two)])

    assert keys_of(lister.list_page("one", "")) == ["a/x"]
    assert keys_of(lister.list_page("two", "")) == ["b/y"]
    with pytest.raises(NoSuchBucket, match="no inventory contains the bucket"):
        lister.list_page("three", "")


def test_an_empty_bucket_exists_and_is_empty(tmp_path: Path) -> None:
    lister = InventoryLister([str(csv_inventory(tmp_path, [], files=0))])

    assert lister.list_page("data", "").keys == []


def test_the_label_shows_the_bucket_and_the_age(tmp_path: Path) -> None:
    lister = InventoryLister([str(csv_inventory(tmp_path, versions_of("a")))])
    inventory = read_inventory(str(tmp_path / "inventories/data/daily"), Path)

    assert lister.label.startswith("S3 Inventory of data, as of 2025-11-20 04:00 UTC, ")
    assert as_of([inventory], datetime(2025, 11, 25, 5, tzinfo=UTC)) == (
        "as of 2025-11-20 04:00 UTC, 5 days old"
    )


def test_the_latest_inventory_of_a_folder_of_dated_ones_is_read(tmp_path: Path) -> None:
    path = csv_inventory(tmp_path, versions_of("a"))
    older = path.parent.parent / "2025-11-19T04-00Z" / "manifest.json"
    older.parent.mkdir()
    older.write_text("{}")

    assert read_inventory(str(path.parent.parent), Path).created == datetime(
        2025, 11, 20, 4, tzinfo=UTC
    )


def test_parquet_files_are_read_without_a_manifest(tmp_path: Path) -> None:
    parquet_inventory(tmp_path, versions_of("a/x"))
    lister = InventoryLister([str(tmp_path / "inventories/data/daily/data")])

    assert keys_of(lister.list_page("data", "")) == ["a/x"]
    assert lister.label == "S3 Inventory of data, of unknown date"


def test_an_inventory_is_read_from_where_s3_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    path = csv_inventory(tmp_path, versions_of("a/x", "a/y"))
    with moto.mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="inventories-here")
        for file in filter(Path.is_file, tmp_path.rglob("*")):
            client.upload_file(str(file), "inventories-here", str(file.relative_to(tmp_path)))
        location = f"s3://inventories-here/{path.relative_to(tmp_path)}"
        lister = InventoryLister([location])

        assert keys_of(lister.list_page("data", "a/")) == ["a/x", "a/y"]
        with pytest.raises(ServiceError, match="s3://inventories-here/none/manifest"):
            InventoryLister(["s3://inventories-here/none/manifest.json"])


def test_an_unusable_inventory_is_invalid_input_with_the_reason(tmp_path: Path) -> None:
    path = csv_inventory(tmp_path, versions_of("a"))
    content = json.loads(path.read_text())
    (tmp_path / "empty").mkdir()
    (tmp_path / "orc.json").write_text(json.dumps({**content, "fileFormat": "ORC"}))
    (tmp_path / "other.json").write_text('{"a": 1}')
    (tmp_path / "inventories/data/daily/data/1.csv.gz").unlink()
    wrong = {
        str(tmp_path / "missing"): "it is not a manifest, a Parquet file or a folder",
        str(tmp_path / "empty"): "it contains no manifest.json and no Parquet file",
        str(tmp_path / "orc.json"): "its format is 'ORC'; only CSV and Parquet are supported",
        str(tmp_path / "other.json"): "it is not the manifest of an inventory",
        str(path): "1 of its 2 files are missing, first: 1.csv.gz",
        "s3://bucket/folder/": "it is not a manifest.json",
    }

    for location, what in wrong.items():
        with pytest.raises(InvalidInput, match="--s3_inventory") as caught:
            InventoryLister([location])
        assert what in str(caught.value)


def test_two_inventories_of_one_bucket_are_refused(tmp_path: Path) -> None:
    path = str(csv_inventory(tmp_path, versions_of("a")))

    with pytest.raises(InvalidInput, match="two inventories of data"):
        InventoryLister([path, path])


def test_a_corrupt_file_is_a_service_error_without_its_rows(tmp_path: Path) -> None:
    path = csv_inventory(tmp_path, versions_of("a"))
    (tmp_path / "inventories/data/daily/data/0.csv.gz").write_bytes(b"cut off")

    with pytest.raises(ServiceError, match="The inventory cannot be read"):
        InventoryLister([str(path)]).list_page("data", "")


def test_without_the_extra_the_error_names_the_requirements_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)

    with pytest.raises(InvalidInput, match=r"pip install 'job-dispatch\[inventory\]', or in a"):
        InventoryLister(["manifest.json"])


def test_the_command_line_shows_the_inventory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = csv_inventory(tmp_path, versions_of("a/x.nwb"), "demo-open-data")
    query = '{"name": "none"}'

    main(
        ["--plan", "--s3_inventory", str(path), "--docdb_query", query, "--file_extension", ".nwb"]
    )

    assert "buckets: S3 Inventory of demo-open-data, as of 2025-11-20" in capsys.readouterr().out


@pytest.mark.slow
def test_the_app_shows_the_inventory_as_the_source_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = csv_inventory(tmp_path, versions_of("a/x.nwb"))
    monkeypatch.setenv("DISPATCH_S3_INVENTORY", str(path))
    monkeypatch.setenv("DISPATCH_DASK_SCHEDULER", "tcp://127.0.0.1:8786")

    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=60).run()

    captions = " ".join(caption.value for caption in app.sidebar.caption).replace("\\", "")
    assert "S3 Inventory of data, as of 2025-11-20 04:00 UTC" in captions
    assert "on tcp://127.0.0.1:8786" in captions


def test_the_keys_of_a_manifest_do_not_lead_out_of_the_folder_of_copies(tmp_path: Path) -> None:
    lister = InventoryLister([str(csv_inventory(tmp_path, versions_of("a/x")))])
    downloads: list[Path] = []

    def download(_lister: object, _bucket: str, _key: str, path: Path) -> None:
        downloads.append(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Lister, "download", download)
        lister._fetch("s3://inventories-here/../../../../etc/cron.d/x.csv.gz")

    assert downloads[0].parent == Path(lister._folder.name)
    assert downloads[0].name.endswith(".csv.gz")
