"""The edge cases among the assets of the demo, each with a name.

All of them occur in real catalogues. By topic:

- ids: several Code Ocean ids, none, and every form of ``external_links``;
- location: missing, null, empty, not ``s3://``, trailing slash, another name;
- buckets: twelve assets in a bucket without list permission, one in a deleted bucket;
- files: none, none that match, several, ``.nwb`` as file and as directory,
  stores in stores, keys with spaces, ``#``, ``+``, ``%``, brackets and accents;
- names: one that is a prefix of another;
- records: envelopes, variant project names, old values, unusual date layouts, a text
  for a list, and starts that are not dates.

All belong to the project "Edge Case Collection", except the one with a variant of that
name, so one filter finds them. ``AWKWARD`` maps each case to the name of its asset.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from dispatch_core.demo import trees
from dispatch_core.demo.shapes import (
    DATE_ONLY,
    DATE_WITH_SPACE,
    Asset,
    Schema,
    Session,
    envelope_of,
    name_time,
    record_of,
    session_of,
    subject_of,
)
from dispatch_core.demo.vocabulary import (
    AWKWARD_PROJECT,
    CODE_OCEAN_BUCKET,
    DENIED_BUCKET,
    MISSING_BUCKET,
    OPEN_BUCKET,
)
from dispatch_core.types import Record

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class AwkwardCase:
    """One edge case: a description (`rule`), and its differences from a regular asset.

    ``number`` selects the subject: cases with the same number share a session.
    ``changes``, ``description`` and ``recording`` replace values of the record, of its
    ``data_description`` and of its session or acquisition. ``keys`` are the files besides
    the metadata files; None means the files of a regular asset, an empty tuple no files.
    """

    case: str
    rule: str
    number: int
    schema: Schema = 1
    raw: bool = False
    version: int = 1
    ids: int = 1
    bucket: str = OPEN_BUCKET
    name: str = ""
    layout: int = 3
    spelling: int = 0
    verdict: str = "Pass"
    envelope: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    description: Mapping[str, Any] = field(default_factory=dict)
    recording: Mapping[str, Any] = field(default_factory=dict)
    keys: tuple[str, ...] | None = None

    @property
    def record(self) -> Record:
        """The record of this case, a new object at each access."""
        asset = self._asset()
        record = envelope_of(asset) if self.envelope else record_of(asset)
        record["data_description"].update(self.description)
        if self.recording:  # a copy, because all assets of a session share the document
            name = "session" if self.schema == 1 else "acquisition"
            record[name] = {**record[name], **self.recording}
        record |= self.changes
        return {key: value for key, value in record.items() if value is not _ABSENT}

    @property
    def asset_name(self) -> str:
        """The name in its record."""
        return self._asset().name

    @property
    def files(self) -> trees.Files | None:
        """Its files, sorted, or None for the files of a regular asset."""
        if self.keys is None:
            return None
        return trees.with_sizes([*trees.sidecars(self.schema), *self.keys] if self.keys else [])

    def _asset(self) -> Asset:
        session = self._session()
        made = session.started + timedelta(days=self.version)
        derived = f"{session.name}_processed_{name_time(made)}"
        name = self.name or (session.name if self.raw else derived)
        ids = tuple(_stable_id(f"{self.case} {index}") for index in range(self.ids))
        tail = ids[-1] if self.bucket == CODE_OCEAN_BUCKET else name
        return Asset(
            session=session,
            record_id=_stable_id(self.case),
            name=name,
            location=f"s3://{self.bucket}/{tail}",
            code_ocean_ids=ids,
            made=session.started if self.raw else made,
            derivation=None if self.raw else AWKWARD_PROJECT.derivations[0],
            version=self.version,
        )

    def _session(self) -> Session:
        return session_of(
            AWKWARD_PROJECT,
            subject_of(f"99{self.number:04}", self.schema, self.number),
            datetime(2025, 3, 1, 10) + timedelta(days=self.number),
            self.schema,
            spelling=self.spelling,
            layout=self.layout,
            verdict=self.verdict,
        )


def _stable_id(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"demo catalogue: {text}"))


_IDS = (
    AwkwardCase(
        "second code ocean id",
        "two ids; the location ends in the second",
        1,
        ids=2,
        bucket=CODE_OCEAN_BUCKET,
    ),
    AwkwardCase("thirteen code ocean ids", "the largest number seen in a real record", 2, ids=13),
    AwkwardCase(
        "links as an empty array", "external_links is []", 3, changes={"external_links": []}
    ),
    AwkwardCase(
        "links as an array of objects",
        "external_links is [{'Code Ocean': id}], the oldest form",
        4,
        changes={"external_links": [{"Code Ocean": _stable_id("array of objects")}]},
    ),
    AwkwardCase("links absent", "no external_links at all", 5, changes={"external_links": _ABSENT}),
    AwkwardCase("links without ids", "external_links is {'Code Ocean': []}", 6, ids=0),
    AwkwardCase(
        "identifiers empty",
        "other_identifiers is {} (v2)",
        7,
        schema=2,
        changes={"other_identifiers": {}},
    ),
)

_LOCATIONS = (
    AwkwardCase(
        "location missing", "the record has no location", 10, changes={"location": _ABSENT}
    ),
    AwkwardCase("location null", "location is null", 11, changes={"location": None}),
    AwkwardCase("location empty", "location is an empty string", 12, changes={"location": ""}),
    AwkwardCase(
        "location not s3",
        "a path on a file server instead of s3://",
        13,
        changes={"location": "file:///demo-storage/staging/990013"},
    ),
    AwkwardCase(
        "location with a trailing slash",
        "an extra slash at the end",
        14,
        name="behavior_990014_trailing",
        keys=("nwb/session.nwb",),
        changes={"location": f"s3://{OPEN_BUCKET}/behavior_990014_trailing/"},
    ),
    AwkwardCase(
        "name differs from location",
        "the location ends in the Code Ocean id",
        15,
        bucket=CODE_OCEAN_BUCKET,
    ),
    AwkwardCase("no such bucket", "the bucket was deleted", 16, bucket=MISSING_BUCKET),
)

_DENIED = tuple(
    AwkwardCase(
        f"denied bucket {index}" if index > 1 else "denied bucket",
        "the bucket exists, but listing it is denied",
        20 + index,
        bucket=DENIED_BUCKET,
    )
    for index in range(1, 13)
)

_FILES = (
    AwkwardCase("no files", "nothing below the location", 40, keys=()),
    AwkwardCase(
        "no matching file", "metadata and a table, but no data store", 41, keys=("qc/a.csv",)
    ),
    AwkwardCase("nwb file", "nwb/session.nwb is a file", 42, keys=("nwb/session.nwb",)),
    AwkwardCase(
        "nwb directory",
        "a newer version with the same name, as a directory store",
        42,
        version=2,
        keys=tuple(trees.nwb_store("nwb/session.nwb")),
    ),
    AwkwardCase(
        "nwb zarr at the root",
        "a .nwb.zarr store directly below the location",
        43,
        keys=tuple(trees.nwb_store("session.nwb.zarr")),
    ),
    AwkwardCase(
        "nwb zarr one folder down",
        "a .nwb.zarr store in a folder, beside a regular file",
        44,
        keys=(*trees.nwb_store("session_nwb/session.nwb.zarr"), "session_nwb/log.txt"),
    ),
    AwkwardCase(
        "zarr inside zarr",
        "fused.zarr/fused.zarr: the outermost counts",
        45,
        keys=("fused.zarr/.zgroup", *trees.zarr("fused.zarr/fused.zarr", {"0": 8})),
    ),
    AwkwardCase(
        "ome zarr",
        "an .ome.zarr with one .zarr per tile, and a file with such a name",
        46,
        keys=(
            *trees.zarr("SPIM.ome.zarr/tile_0.zarr", {"0": 6}),
            *trees.zarr("SPIM.ome.zarr/tile_1.zarr", {"0": 6}),
            "manifest.zarr",
        ),
    ),
    AwkwardCase(
        "several nwb",
        "six entries on three levels",
        47,
        keys=(
            "nwb/part_1.nwb",
            "nwb/part_2.nwb",
            "nwb/part_10.nwb",
            "nwb/late/part_11.nwb",
            "whole.nwb",
            *trees.nwb_store("nwb/store.nwb"),
        ),
    ),
    AwkwardCase(
        "keys with spaces and hashes",
        "as written by the recording software",
        48,
        keys=("nwb/Record Node 104#ProbeA AP.nwb", "nwb/ leading space.nwb"),
    ),
    AwkwardCase(
        "keys in unicode",
        "composed and decomposed accents are two keys",
        49,
        keys=("nwb/caf\u00e9.nwb", "nwb/cafe\u0301.nwb", "nwb/\u03b4F\u2044F \U0001f400.nwb"),
    ),
    AwkwardCase(
        "keys with plus and percent",
        "never decoded: %20 is three characters",
        50,
        keys=("nwb/a+b.nwb", "nwb/a%20b.nwb", "nwb/100%.nwb"),
    ),
    AwkwardCase(
        "keys like patterns",
        "brackets, asterisks, dots, an empty folder name, a line break",
        51,
        keys=("nwb/[1]*?.nwb", "nwb//double.nwb", "nwb/../up.nwb", "nwb/two\nlines.nwb"),
    ),
)

_NAMES = (
    AwkwardCase(
        "name is a prefix",
        "also the start of phantom_990060_10",
        60,
        name="phantom_990060_1",
        keys=("nwb/session.nwb",),
    ),
    AwkwardCase(
        "name with that prefix",
        "starts with phantom_990060_1",
        60,
        version=2,
        name="phantom_990060_10",
        keys=("nwb/session.nwb",),
    ),
    AwkwardCase("raw asset of a pair", "its name is a prefix of its derived asset's", 61, raw=True),
    AwkwardCase("derived asset of a pair", "starts with its raw asset's name", 61),
)

_RECORDS = (
    AwkwardCase("envelope", "v1 envelope with v2 cores", 70, schema=2, envelope=True),
    AwkwardCase(
        "envelope without ids", "the same, without ids", 71, schema=2, envelope=True, ids=0
    ),
    AwkwardCase("respelled project", "a variant of the project name", 72, spelling=1),
    AwkwardCase("date only", "dates without a time of day", 73, layout=DATE_ONLY),
    AwkwardCase("date with a space", "a space instead of T", 74, layout=DATE_WITH_SPACE),
    AwkwardCase(
        "old data level",
        "'raw data', and a text for the list of modalities, as in the first schemas",
        75,
        raw=True,
        description={"data_level": "raw data", "modality": "fib"},
    ),
    AwkwardCase(
        "modality is one object",
        "an object instead of an array, and its start in milliseconds since 1970",
        76,
        description={"modality": {"name": "Behavior", "abbreviation": "behavior"}},
        recording={"session_start_time": 1_747_414_800_000},
    ),
    AwkwardCase("in both schemas", "same name and location as another record", 77),
    AwkwardCase(
        "in both schemas, v2",
        "the same asset again, under another _id",
        77,
        schema=2,
    ),
    AwkwardCase(
        "quality control failed",
        "latest_status is Fail, and its start is true instead of a date",
        78,
        verdict="Fail",
        recording={"session_start_time": True},
    ),
    AwkwardCase(
        "quality control null",
        "never evaluated, and its start is an object",
        79,
        verdict="",
        recording={"session_start_time": {"day": "2025-05-19", "time": "10:00"}},
    ),
    AwkwardCase("newest of four", "the fourth version", 80, version=4, layout=0),
    AwkwardCase(
        "oldest of four",
        "the first version, in another date layout, with a text for the modalities",
        80,
        layout=5,
        description={"modality": "fib"},
    ),
    AwkwardCase(
        "second of four",
        "the second version, with its dates as in a spreadsheet",
        80,
        version=2,
        changes={"created": "5/22/2025 10:00"},
        recording={"session_start_time": "5/20/2025 10:00"},
    ),
    AwkwardCase("third of four", "the third version", 80, version=3, schema=2),
)

AWKWARD_CASES = (*_IDS, *_LOCATIONS, *_DENIED, *_FILES, *_NAMES, *_RECORDS)

AWKWARD: Mapping[str, str] = MappingProxyType(
    {case.case: case.asset_name for case in AWKWARD_CASES}
)
"""Case -> name of its asset."""
