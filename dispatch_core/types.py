"""The nouns of a dispatch, as frozen values.

A file stays with its asset: nothing here is a pair of lists matched by index.
Change a value by copying (`dataclasses.replace`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

JsonValue = Any
"""A JSON value: str, int, float, bool, None, list or dict of these."""

Record = dict[str, Any]
"""A metadata record as JSON, as the document database returns it."""

JsonPath = tuple[str | int, ...]
"""The path of a value in a JSON document: keys and indices, outermost first."""

Filter = dict[str, Any]
"""A parsed MongoDB filter."""

Pipeline = list[dict[str, Any]]
"""A parsed MongoDB aggregation pipeline."""

Stage = Literal["input", "assets", "grouping", "files", "jobs", "before", "processed", "workers"]

JobFormat = Literal["seed", "pipeline"]
"""The shape of ``distributed_parameters`` in a job: a list of one object, or the object."""

NestedStores = Literal["outermost", "all"]
"""Whether a matching directory store is one entry, or is searched for more inside."""

SeveralExtensions = Literal["first", "all"]
"""What to do with an asset that has matches of more than one requested extension."""

SeveralFiles = Literal["each", "together", "newest", "largest", "only_one"]
"""What to do with an asset that has more than one matching file."""

FixedParameters = Literal["merged", "analysis_code"]
"""Where a job has the fixed parameters: in each distributed set, or in ``analysis_code``."""

SkipProcessed = Literal["no", "report", "exact", "same_version", "any_version"]
"""Which of the jobs that are already processed are excluded; ``no`` does not look for them."""

Balance = Literal["count", "size"]
"""What is about equal for all workers: the number of jobs, or the bytes of their files."""

OnMissing = Literal["report", "fail"]
"""Whether an excluded asset is only reported, or stops the dispatch."""

Family = Literal["data", "requested", "service"]
"""What an exclusion is due to: the data, the request itself, or a service that failed."""


class Reason(StrEnum):
    """Why something is excluded, with the stage and the family of the reason.

    The value is the name in the ledger file and in the record. A duplicate occurs at
    three stages (a row of a list, an asset, a job); its row of the ledger says which.
    """

    stage: Stage
    family: Family

    def __new__(cls, value: str, stage: Stage, family: Family) -> Reason:
        member = str.__new__(cls, value)
        member._value_ = value
        member.stage, member.family = stage, family
        return member

    EMPTY = "empty", "input", "data"
    NOT_FOUND = "not_found", "input", "data"
    AMBIGUOUS = "ambiguous", "input", "data"
    DUPLICATE = "duplicate", "assets", "requested"
    EXCLUDED_BY_HAND = "excluded_by_hand", "assets", "requested"
    NULL_GROUP_FIELD = "null_group_field", "grouping", "data"
    SUPERSEDED = "superseded", "grouping", "requested"
    LATEST_UNCERTAIN = "latest_uncertain", "grouping", "data"
    NOTHING_TO_UNWIND = "nothing_to_unwind", "grouping", "data"
    NOT_IN_TRIAL = "not_in_trial", "grouping", "requested"
    NO_LOCATION = "no_location", "files", "data"
    LOCATION_NOT_S3 = "location_not_s3", "files", "data"
    NO_MATCHING_FILE = "no_matching_file", "files", "data"
    ACCESS_DENIED = "access_denied", "files", "service"
    NO_SUCH_BUCKET = "no_such_bucket", "files", "service"
    LISTING_FAILED = "listing_failed", "files", "service"
    SEVERAL_FILES = "several_files", "files", "data"
    CANNOT_CHOOSE = "cannot_choose", "files", "data"
    NOT_NEWEST = "not_newest", "files", "requested"
    NOT_LARGEST = "not_largest", "files", "requested"
    NOT_CHOSEN = "not_chosen", "jobs", "requested"
    DISPATCHED_BEFORE = "dispatched_before", "before", "requested"
    ALREADY_PROCESSED = "already_processed", "processed", "requested"
    OVER_THE_CAP = "over_the_cap", "workers", "requested"


NO_FIELDS: Mapping[str, Any] = {}
"""The fields of every asset of which no step needs any: one value for all of them."""


@dataclass(frozen=True, slots=True)
class DataAsset:
    """A data asset, with the fields that a dispatch uses.

    Attributes
    ----------
    record_id
        ``_id`` of the record in the document database.
    name
        Asset name; not always the last part of ``location``.
    location
        ``s3://bucket/prefix`` as the record has it, or ``""`` if it has none.
    asset_ids
        Code Ocean ids in the order of the record; usually one, sometimes none.
    fields
        Dotted path -> value, for the paths that the request needs.
    """

    record_id: str
    name: str
    location: str
    asset_ids: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=lambda: NO_FIELDS)

    @property
    def asset_id(self) -> str:
        """The Code Ocean id of this copy of the asset, or ``""``.

        Of several ids it is the one at the end of the location, as in Code Ocean's
        own bucket; otherwise the first.
        """
        tail = self.location.rstrip("/").rpartition("/")[2]
        if tail in self.asset_ids:
            return tail
        return self.asset_ids[0] if self.asset_ids else ""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file or directory store under an asset's location.

    ``location`` is the full ``s3://`` path, without a trailing slash for a
    directory store. ``size`` is in bytes, and ``modified`` is the time of the last
    write, such as ``2025-06-07T14:31:15.000Z``. Both are None if unknown, and for
    a directory store, because its content is not listed.
    """

    location: str
    kind: Literal["file", "directory"] = "file"
    size: int | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True)
class LocatedAsset:
    """An asset with its own files, sorted by path.

    ``files`` is None if the request has no file extension: nothing was listed.
    """

    asset: DataAsset
    files: tuple[FileEntry, ...] | None = None


@dataclass(frozen=True, slots=True)
class AssetGroup:
    """The assets that share one job, in source order.

    ``metadata`` has the shared values (field -> value) if the request groups by
    fields; otherwise it is None, and the group has one asset.
    """

    assets: tuple[DataAsset, ...]
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One row of the exclusion ledger: what is excluded, at which stage, why, what to do.

    ``held`` has the extensions that an asset without a matching file does have, each
    with its number of files, most frequent first; the message names the same ones.
    ``job`` is the name of the job if the row is about one, and ``instead`` that of the asset
    that is used instead. ``shared`` is the message without such names, which rows of one reason
    have in common; "" if the message has none.
    """

    stage: Stage
    reason: Reason
    message: str
    action: str
    record_id: str = ""
    name: str = ""
    location: str = ""
    held: tuple[tuple[str, int], ...] = ()
    job: str = ""
    instead: str = ""
    shared: str = ""

    def texts(self) -> dict[str, str]:
        """Column -> text, as the ledger file and the record have it."""
        return {column: str(getattr(self, column)) for column in LEDGER_COLUMNS}


LEDGER_COLUMNS = ("stage", "reason", "message", "action", "record_id", "name", "location")
"""The columns of the ledger file, and the keys of an exclusion in the record."""


def exclude(
    asset: DataAsset,
    reason: Reason,
    message: str,
    action: str,
    held: tuple[tuple[str, int], ...] = (),
) -> Exclusion:
    """A ledger row for `asset`, at the stage of `reason`."""
    return Exclusion(
        reason.stage, reason, message, action, asset.record_id, asset.name, asset.location, held
    )


NoticeKind = Literal[
    "warning",
    "cap",
    "panel",
    "inputs",
    "workers_ignored",
    "sizes_unknown",
    "sizes_without_files",
    "rule_with_groups",
    "rule_contradicted",
    "rule_without_files",
    "one_extension",
    "lists_without_groups",
    "stores_searched",
    "names_unknown",
]
"""What a notice is about: anything ("warning"), or one fact that each face says in its words."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning about a plan: the fact, and what to do, in the words of the command line.

    Another face has its own words for a kind; `details` are the parts of the fact that differ
    from plan to plan.
    """

    text: str
    kind: NoticeKind = "warning"
    action: str = ""
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text}. {self.action}" if self.action else self.text


LARGEST_NUMBER = 2**53 - 1
"""The largest whole number in a request: a browser keeps larger ones only approximately."""

Progress = Callable[[str, int, int], None]
"""Called with the name of the step, the number done and the total (0 if unknown)."""


def no_progress(step: str, done: int, total: int) -> None:
    """Report nothing."""
