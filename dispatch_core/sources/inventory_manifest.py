"""The parts of an S3 Inventory: its manifest, its data files, and when it was created.

S3 writes one manifest for each bucket and day, with the list of data files and their
columns. A folder of Parquet files without a manifest is accepted too, because Parquet
files contain the names of their columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.strict_json import decode_json, load_json

OPTION = "--s3_inventory"
MANIFEST = "manifest.json"
Fetch = Callable[[str], Path]
"""Function from an ``s3://`` location to the path of a local copy."""

_NAMED = re.compile(r"[A-Za-z_]+")


@dataclass(frozen=True, slots=True)
class Inventory:
    """One inventory: the rows of one bucket, or of several in Parquet files.

    Attributes
    ----------
    location
        The path or ``s3://`` location as given.
    files
        Paths or ``s3://`` locations of the data files.
    columns
        Columns of a CSV, in order; empty for Parquet, which names its columns.
    bucket
        "" if only the rows contain it.
    created
        When S3 started to list the bucket; None without a manifest.
    """

    location: str
    files: tuple[str, ...]
    kind: Literal["CSV", "Parquet"]
    columns: tuple[str, ...] = ()
    bucket: str = ""
    created: datetime | None = None


def read_inventory(location: str, fetch: Fetch) -> Inventory:
    """The inventory of a manifest (local or ``s3://``), a folder, or a Parquet file.

    For a folder of dated inventories, as S3 writes them, the latest one.

    Raises
    ------
    InvalidInput
        If there is none, its format is ORC, or some of its files are missing.
    """
    if location.startswith("s3://"):
        if not location.endswith(f"/{MANIFEST}"):
            raise _unusable(location, f"it is not a {MANIFEST}")
        return _from_manifest(location, fetch(location).read_bytes())
    path = Path(location)
    if path.is_dir():
        path = _in_folder(path)
    if path.suffix == ".parquet" or path.is_dir():
        return _from_parquet(location, path)
    if path.suffix != ".json":
        raise _unusable(location, "it is not a manifest, a Parquet file or a folder")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unusable(location, f"cannot read it: {error.strerror}") from None
    return _from_manifest(location, content, path)


def _in_folder(folder: Path) -> Path:
    """The manifest in `folder`, else in its latest dated folder, else `folder` itself."""
    if (folder / MANIFEST).is_file():
        return folder / MANIFEST
    return max(folder.glob(f"*/{MANIFEST}"), default=folder, key=lambda path: path.parent.name)


def _from_parquet(location: str, path: Path) -> Inventory:
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise _unusable(location, f"it contains no {MANIFEST} and no Parquet file")
    return Inventory(location, tuple(map(str, files)), "Parquet")


def _from_manifest(location: str, content: bytes, path: Path | None = None) -> Inventory:
    manifest = load_json(decode_json(content, MANIFEST), MANIFEST)
    try:
        kind, schema = manifest["fileFormat"], manifest["fileSchema"]
        keys = [str(file["key"]) for file in manifest["files"]]
        created = datetime.fromtimestamp(int(manifest["creationTimestamp"]) / 1000, UTC)
        target = str(manifest["destinationBucket"]).rpartition(":")[2]
        bucket = str(manifest["sourceBucket"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _unusable(location, f"it is not the manifest of an inventory ({error!r})") from None
    if kind not in ("CSV", "Parquet"):
        raise _unusable(location, f"its format is {kind!r}; only CSV and Parquet are supported")
    files = [f"s3://{target}/{key}" for key in keys] if path is None else _beside(path, keys)
    columns = _columns(location, str(schema)) if kind == "CSV" else ()
    return Inventory(location, tuple(files), kind, columns, bucket, created)


def _columns(location: str, schema: str) -> tuple[str, ...]:
    """``Bucket, Key, IsLatest`` -> bucket, key, is_latest, the names in the other formats."""
    names = [name.strip() for name in schema.split(",")]
    if not all(_NAMED.fullmatch(name) for name in names):
        raise _unusable(location, f"its columns cannot be read: {schema[:80]!r}")
    return tuple(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in names)


def _beside(manifest: Path, keys: Sequence[str]) -> list[str]:
    """The files of a copied inventory: at their key below a parent folder, or nearby.

    Nearby is the folder of the manifest, or ``../data``.
    """
    found: list[str] = []
    missing: list[str] = []
    for key in keys:
        name = Path(key).name
        candidates = [*(above / key for above in manifest.absolute().parents)]
        candidates += [manifest.parent / name, manifest.parent.parent / "data" / name]
        file = next((path for path in candidates if path.is_file()), None)
        (found if file else missing).append(str(file or name))
    if missing:
        what = f"{len(missing):,} of its {len(keys):,} files are missing, first: {missing[0]}"
        raise _unusable(str(manifest), what, "Copy the folder data too, or use its s3:// location")
    return found


def _unusable(location: str, what: str, action: str = "") -> InvalidInput:
    action = action or f"Give the {MANIFEST} of an S3 Inventory in CSV or Parquet format"
    return InvalidInput(Issue(f"{location}: {what}", OPTION, action))


def as_of(inventories: Sequence[Inventory], now: datetime) -> str:
    """Date and age of the oldest inventory: ``as of 2026-11-20 04:00 UTC, 5 days old``."""
    created: list[Any] = [one.created for one in inventories if one.created is not None]
    if not created:
        return "of unknown date"
    days = (now - min(created)).days
    age = f"{days:,} day{'' if days == 1 else 's'} old"
    return f"as of {min(created):%Y-%m-%d %H:%M} UTC, {age}"
