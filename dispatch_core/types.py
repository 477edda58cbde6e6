"""The nouns of a dispatch, as frozen values.

A file stays with its asset: nothing here is a pair of lists matched by index.
Change a value by copying (`dataclasses.replace`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

JsonValue = Any
"""A JSON value: str, int, float, bool, None, list or dict of these."""

Record = dict[str, Any]
"""A metadata record as JSON, as the document database holds it."""

JsonPath = tuple[str | int, ...]
"""Where a value stands in a JSON document: keys and indices from the outside in."""

Filter = dict[str, Any]
"""A parsed MongoDB filter."""

Pipeline = list[dict[str, Any]]
"""A parsed MongoDB aggregation pipeline."""

Stage = Literal["input", "assets", "grouping", "files", "jobs", "workers"]

JobFormat = Literal["seed", "pipeline"]
"""The shape of ``distributed_parameters`` in a job: a list of one object, or the object."""

NestedStores = Literal["outermost", "all"]
"""Whether a matching directory store is one entry, or is searched for more inside."""

SeveralFiles = Literal["each", "together", "newest", "largest", "only_one"]
"""What to do with an asset that has more than one matching file."""

OnMissing = Literal["report", "fail"]
"""Whether an excluded asset is only reported, or stops the dispatch."""


@dataclass(frozen=True, slots=True)
class DataAsset:
    """One data asset, as far as a dispatch needs to know it.

    Attributes
    ----------
    record_id
        ``_id`` of the record in the document database.
    name
        Asset name; not always the last part of ``location``.
    location
        ``s3://bucket/prefix`` as the record has it, or ``""`` where it has none.
    asset_ids
        Code Ocean ids in the order of the record; often one, may be none.
    fields
        Dotted path -> value, for the paths the request asked for.
    """

    record_id: str
    name: str
    location: str
    asset_ids: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asset_id(self) -> str:
        """The Code Ocean id that names this copy of the asset, or ``""``.

        A location in Code Ocean's own bucket ends in the id; of several ids that
        one is taken, else the first.
        """
        tail = self.location.rstrip("/").rpartition("/")[2]
        if tail in self.asset_ids:
            return tail
        return self.asset_ids[0] if self.asset_ids else ""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file or directory store below an asset's location.

    ``location`` is the full ``s3://`` path, without a trailing slash for a
    directory store. ``size`` is bytes and ``modified`` when the file was last
    written, as ``2025-06-07T14:31:15.000Z``; both are None where they are not known,
    and for a directory store, because nothing below one is listed.
    """

    location: str
    kind: Literal["file", "directory"] = "file"
    size: int | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True)
class LocatedAsset:
    """An asset with its own files, sorted by path.

    ``files`` is None where no file extension was asked for (nothing was listed).
    """

    asset: DataAsset
    files: tuple[FileEntry, ...] | None = None


@dataclass(frozen=True, slots=True)
class AssetGroup:
    """The assets that share one job, in source order.

    ``metadata`` is what they share (field -> value) where the request groups by
    fields, else None and the group holds one asset.
    """

    assets: tuple[DataAsset, ...]
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One row of the exclusion ledger: who is not in, at which stage, why, what to do."""

    stage: Stage
    reason: str
    message: str
    action: str
    record_id: str = ""
    name: str = ""
    location: str = ""


def exclude(asset: DataAsset, stage: Stage, reason: str, message: str, action: str) -> Exclusion:
    """A ledger row for `asset`."""
    return Exclusion(stage, reason, message, action, asset.record_id, asset.name, asset.location)


Progress = Callable[[str, int, int], None]
"""Called with the step, what is done and the total (0 where it is not known)."""


def no_progress(step: str, done: int, total: int) -> None:
    """Say nothing."""
