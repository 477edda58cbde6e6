"""Listing from S3 Inventory reports, read with DuckDB, instead of from S3.

For each requested delimiter, one query over all rows builds a sorted table of what a
listing would show; a store of a million chunks is one row. Every page of every asset
is read from that table. No listing request is sent to S3, objects newer than the
inventory are not seen, and the label shows its age.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from dispatch_core.errors import InvalidInput, Issue, NoSuchBucket, ServiceError
from dispatch_core.sources.inventory_manifest import OPTION, Inventory, as_of, read_inventory
from dispatch_core.sources.paging import page_of
from dispatch_core.sources.protocols import ListPage, StoredObject
from dispatch_core.sources.s3 import S3Lister
from dispatch_core.text.words import install_action

_ROWS = 1_001
_LAST = "\U0010ffff"
_CURRENT = {
    "is_latest": "coalesce(lower(CAST(is_latest AS VARCHAR)), 'true') = 'true'",
    "is_delete_marker": "coalesce(lower(CAST(is_delete_marker AS VARCHAR)), 'false') <> 'true'",
}
"""Column -> SQL test for a current object; an inventory of current versions has neither."""


class InventoryLister:
    """An `ObjectLister` over one inventory for each bucket.

    Parameters
    ----------
    locations
        Manifests, folders or Parquet files; local paths or ``s3://`` locations.
    """

    rolls_up_content_only = True
    """A common prefix has content, so a store needs no check (`listing.place`)."""

    def __init__(self, locations: Sequence[str], *, pays: bool = False) -> None:
        self._locations = tuple(locations)
        self._pays = pays
        self._duckdb = _import_duckdb()
        self._folder = tempfile.TemporaryDirectory(prefix="inventory-", ignore_cleanup_errors=True)
        self._inventories = [read_inventory(location, self._fetch) for location in self._locations]
        _refuse_repeats(self._inventories)
        self._lock = threading.Lock()
        self._connection: Any = None
        self._tables: dict[str, str] = {}
        self._buckets = {one.bucket for one in self._inventories} - {""}

    def __reduce__(self) -> tuple[Callable[..., InventoryLister], tuple[tuple[str, ...], bool]]:
        return _process_lister, (self._locations, self._pays)

    @property
    def label(self) -> str:
        """The bucket or number of buckets, and the age of the oldest inventory."""
        named = sorted(self._buckets)
        what = named[0] if len(named) == 1 else f"{len(named) or len(self._locations):,} buckets"
        return f"S3 Inventory of {what}, {as_of(self._inventories, datetime.now(UTC))}"

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
    ) -> ListPage:
        """One page of at most 1,000 entries; see `ObjectLister.list_page`."""
        rolled_up = "" if _begins_inside(prefix, delimiter) else delimiter
        with self._mapped_errors():
            table = self._table(rolled_up)
            if bucket not in self._buckets:
                action = f"Add its inventory to {OPTION}"
                what = "no inventory contains the bucket"
                raise NoSuchBucket(Issue(what, f"s3://{bucket}", action))
            return page_of(
                lambda floor: self._rows(table, bucket, prefix, floor),
                prefix,
                delimiter=delimiter,
                start_after=start_after,
                token=token,
            )

    def _rows(self, table: str, bucket: str, prefix: str, floor: str) -> Iterator[StoredObject]:
        """The rows of `table` that start with `prefix`, from the key `floor` on."""
        query = (
            f"SELECT entry, size, modified, last FROM {table} WHERE bucket = ? AND last >= ? "
            f"AND entry <= ? ORDER BY entry LIMIT {_ROWS}"
        )
        cursor = self._connection.cursor()
        while True:
            rows = cursor.execute(query, [bucket, floor, prefix + _LAST]).fetchall()
            for entry, size, modified, _ in rows:
                yield StoredObject(entry, size, modified)
            if len(rows) < _ROWS:
                return
            floor = rows[-1][3] + "\0"

    def _table(self, delimiter: str) -> str:
        """The table for a listing with this delimiter, created on first use."""
        with self._lock:
            if delimiter not in self._tables:
                if self._connection is None:
                    self._open()
                name = f"rolled_{len(self._tables)}"
                self._connection.execute(_rolled_up(name), [delimiter])
                rows = self._connection.execute(f"SELECT DISTINCT bucket FROM {name}").fetchall()
                self._buckets |= {bucket for (bucket,) in rows}
                self._tables[delimiter] = name
            return self._tables[delimiter]

    def _open(self) -> None:
        """Open a database in a temporary file: a large inventory need not fit in memory."""
        connection = self._duckdb.connect(str(Path(self._folder.name) / "inventory.duckdb"))
        connection.execute("SET autoinstall_known_extensions = false")
        connection.execute("SET preserve_insertion_order = false")
        selects = []
        for one in self._inventories:
            files = [str(self._fetch(file)) for file in one.files]
            if files:  # the inventory of an empty bucket has no files
                selects.append(_select(connection, one, files))
        nothing = "SELECT '' AS bucket, '' AS key, 0 AS size, '' AS modified WHERE false"
        connection.execute("CREATE VIEW objects AS " + " UNION ALL ".join([*selects, nothing]))
        self._connection = connection

    def _fetch(self, location: str) -> Path:
        if not location.startswith("s3://"):
            return Path(location)
        bucket, _, key = location.removeprefix("s3://").partition("/")
        # The key comes from a manifest; a hash keeps the copy inside the folder.
        name = sha256(location.encode()).hexdigest() + "".join(Path(key).suffixes[-2:])
        path = Path(self._folder.name) / name
        if not path.exists():
            S3Lister(pays=self._pays).download(bucket, key, path)
        return path

    @contextmanager
    def _mapped_errors(self) -> Iterator[None]:
        try:
            yield
        except (self._duckdb.Error, OSError) as error:
            what = f"The inventory cannot be read ({type(error).__name__})"
            action = "Copy it again, and check for free space on the disk of temporary files"
            raise ServiceError(Issue(what, self._locations[0], action)) from error


def _import_duckdb() -> Any:
    try:
        import duckdb
    except ImportError:
        action = install_action("inventory")
        raise InvalidInput(Issue("an inventory needs duckdb", OPTION, action)) from None
    return duckdb


@cache
def _process_lister(locations: tuple[str, ...], pays: bool) -> InventoryLister:
    """The shared lister of this process, for a lister that was pickled in another one."""
    return InventoryLister(locations, pays=pays)


def _refuse_repeats(inventories: Sequence[Inventory]) -> None:
    buckets = [one.bucket for one in inventories if one.bucket]
    repeated = sorted({bucket for bucket in buckets if buckets.count(bucket) > 1})
    if repeated:
        what = f"there are two inventories of {', '.join(repeated)}"
        raise InvalidInput(Issue(what, OPTION, "Keep only the latest one"))


def _begins_inside(prefix: str, delimiter: str) -> bool:
    """Whether a delimiter may start inside the prefix, which a listing does not search."""
    ends = range(1, len(delimiter))
    return delimiter in prefix or any(prefix.endswith(delimiter[:end]) for end in ends)


def _rolled_up(name: str) -> str:
    """SQL that creates a table of entries (keys cut after the delimiter) with their last key.

    Directory markers inside an entry do not count, so an entry always has content.
    """
    cut = "CASE WHEN $1 <> '' AND found > 0 THEN left(key, found + length($1) - 1) ELSE key END"
    return (
        f"CREATE TABLE {name} AS SELECT bucket, {cut} AS entry, any_value(size) AS size, "
        "any_value(modified) AS modified, max(key) AS last "
        "FROM (SELECT *, strpos(key, $1) AS found FROM objects) "
        "WHERE $1 = '' OR found = 0 OR NOT (key LIKE '%/' OR key LIKE '%\\_$folder$' ESCAPE '\\') "
        "GROUP BY bucket, entry ORDER BY bucket, entry"
    )


def _select(connection: Any, one: Inventory, files: list[str]) -> str:
    """SQL that selects the current objects of one inventory: bucket, key, size, modified."""
    listed = ", ".join(_quoted(file) for file in files)
    if one.kind == "CSV":
        types = ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in one.columns)
        source = f"read_csv([{listed}], columns = {{{types}}}, auto_detect = false, delim = ',', "
        source += "header = false, quote = '\"', escape = '\"')"
        columns, key = set(one.columns), "url_decode(replace(key, '+', '%20'))"
        modified = "last_modified_date"
    else:
        source = f"read_parquet([{listed}], union_by_name = true)"
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        columns, key = {row[0] for row in described}, "key"
        modified = "strftime(last_modified_date, '%Y-%m-%dT%H:%M:%S.%gZ')"
    if not {"bucket", "key"} <= columns:
        raise InvalidInput(Issue(f"{one.location}: it has no columns bucket and key", OPTION))
    size = "TRY_CAST(size AS BIGINT)" if "size" in columns else "NULL"
    modified = modified if "last_modified_date" in columns else "NULL"
    current = [test for name, test in _CURRENT.items() if name in columns]
    return (
        f"SELECT bucket, {key} AS key, {size} AS size, {modified} AS modified FROM {source} "
        f"WHERE {' AND '.join(current) or 'true'}"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
