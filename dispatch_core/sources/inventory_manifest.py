"""What an S3 Inventory consists of: its manifest, its data files, and when it was made.

S3 writes one manifest for each bucket and day, with the files that hold the rows and
the columns that they have. A folder of Parquet files without a manifest will do too,
for these name their columns themselves.
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
"""Gives a local copy of an ``s3://`` object."""

_NAMED = re.compile(r"[A-Za-z_]+")


@dataclass(frozen=True, slots=True)
class Inventory:
    """One inventory: the rows of one bucket, or of several in Parquet files.

    Attributes
    ----------
    place
        As it was given.
    files
        Paths or ``s3://`` locations of the data files.
    columns
        Of a CSV, in order; a Parquet file has its own.
    bucket
        "" where only the rows say.
    made
        When S3 began to list the bucket; None without a manifest.
    """

    place: str
    files: tuple[str, ...]
    kind: Literal["CSV", "Parquet"]
    columns: tuple[str, ...] = ()
    bucket: str = ""
    made: datetime | None = None


def read_inventory(place: str, fetch: Fetch) -> Inventory:
    """The inventory at a manifest, a folder, or a Parquet file; local, or ``s3://``.

    Of a folder with several dated inventories, as S3 lays them out, the latest.

    Raises
    ------
    InvalidInput
        There is none, it is an ORC one, or its files are not all there.
    """
    if place.startswith("s3://"):
        if not place.endswith(f"/{MANIFEST}"):
            raise _unusable(place, f"it is no {MANIFEST}")
        return _from_manifest(place, fetch(place).read_bytes())
    path = Path(place)
    if path.is_dir():
        path = _in_folder(path)
    if path.suffix == ".parquet" or path.is_dir():
        return _from_parquet(place, path)
    if path.suffix != ".json":
        raise _unusable(place, "it is neither a manifest nor a Parquet file nor a folder")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unusable(place, f"cannot read it: {error.strerror}") from None
    return _from_manifest(place, content, path)


def _in_folder(folder: Path) -> Path:
    """The manifest in it, else that of its latest dated folder, else the folder itself."""
    if (folder / MANIFEST).is_file():
        return folder / MANIFEST
    return max(folder.glob(f"*/{MANIFEST}"), default=folder, key=lambda path: path.parent.name)


def _from_parquet(place: str, path: Path) -> Inventory:
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise _unusable(place, f"there is no {MANIFEST} and no Parquet file")
    return Inventory(place, tuple(map(str, files)), "Parquet")


def _from_manifest(place: str, content: bytes, path: Path | None = None) -> Inventory:
    manifest = load_json(decode_json(content, MANIFEST), MANIFEST)
    try:
        kind, schema = manifest["fileFormat"], manifest["fileSchema"]
        keys = [str(file["key"]) for file in manifest["files"]]
        made = datetime.fromtimestamp(int(manifest["creationTimestamp"]) / 1000, UTC)
        target = str(manifest["destinationBucket"]).rpartition(":")[2]
        bucket = str(manifest["sourceBucket"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _unusable(place, f"it is no manifest of an inventory ({error!r})") from None
    if kind not in ("CSV", "Parquet"):
        raise _unusable(place, f"its format is {kind!r}, and only CSV and Parquet are read")
    files = [f"s3://{target}/{key}" for key in keys] if path is None else _beside(path, keys)
    columns = _columns(place, str(schema)) if kind == "CSV" else ()
    return Inventory(place, tuple(files), kind, columns, bucket, made)


def _columns(place: str, schema: str) -> tuple[str, ...]:
    """``Bucket, Key, IsLatest`` -> bucket, key, is_latest, as the other formats spell them."""
    names = [name.strip() for name in schema.split(",")]
    if not all(_NAMED.fullmatch(name) for name in names):
        raise _unusable(place, f"its columns cannot be read: {schema[:80]!r}")
    return tuple(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in names)


def _beside(manifest: Path, keys: Sequence[str]) -> list[str]:
    """Where a copied inventory has its files: at their key below some folder, or close by."""
    found: list[str] = []
    missing: list[str] = []
    for key in keys:
        name = Path(key).name
        places = [*(above / key for above in manifest.absolute().parents)]
        places += [manifest.parent / name, manifest.parent.parent / "data" / name]
        there = next((place for place in places if place.is_file()), None)
        (found if there else missing).append(str(there or name))
    if missing:
        what = f"{len(missing):,} of its {len(keys):,} files are not there, first: {missing[0]}"
        raise _unusable(str(manifest), what, "Copy the folder data too, or name it as s3://")
    return found


def _unusable(place: str, what: str, action: str = "") -> InvalidInput:
    action = action or f"Name a {MANIFEST} of S3 Inventory in CSV or Parquet format"
    return InvalidInput(Issue(f"{place}: {what}", OPTION, action))


def as_of(inventories: Sequence[Inventory], now: datetime) -> str:
    """``as of 2026-11-20 04:00 UTC, 5 days old``; of several, the oldest."""
    made: list[Any] = [one.made for one in inventories if one.made is not None]
    if not made:
        return "of unknown date"
    days = (now - min(made)).days
    age = f"{days:,} day{'' if days == 1 else 's'} old"
    return f"as of {min(made):%Y-%m-%d %H:%M} UTC, {age}"
