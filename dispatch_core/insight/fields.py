"""The fields of a source's records: dotted paths, their types, how common they are.

Records are sampled evenly over the order of ``_id`` and over both schemas. A complete
record can be 2 MB, so there are two samples: many records without their large parts,
and a few complete ones. If an answer is too large, its halves are requested instead.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

from dispatch_core.errors import AnswerTooLarge
from dispatch_core.insight.together import ask_together
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, JsonValue, Pipeline, Progress, Record, no_progress

LARGE_PARTS = tuple(
    "session rig acquisition instrument processing procedures quality_control".split()
)
"""Top-level fields that make a record large; the first sample omits them."""

MOST_PATHS = 20_000
MOST_DEPTH = 20
STRATA: tuple[Filter, ...] = (
    {"other_identifiers": {"$exists": False}},
    {"other_identifiers": {"$exists": True}},
)
"""Records of the v1 schema, and of v2."""

MOST_FILTERED = (
    "name",
    "data_description.project_name",
    "subject.subject_id",
    "data_description.data_level",
    "data_description.modality.abbreviation",
    "data_description.modalities.abbreviation",
    "location",
    "_id",
    "session.session_type",
    "acquisition.acquisition_type",
    "session.session_start_time",
    "acquisition.acquisition_start_time",
    "data_description.modality.name",
    "data_description.modalities.name",
    "subject.sex",
    "subject.genotype",
    "subject.subject_details.sex",
    "subject.subject_details.genotype",
    "data_description.creation_time",
    "data_description.process_name",
    "quality_control.evaluations.latest_status",
    "session.experimenter_full_name",
    "acquisition.experimenters",
    "rig.rig_id",
    "instrument.instrument_id",
    "external_links.Code Ocean",
    "other_identifiers.Code Ocean",
)
"""The fields of real filters, the most frequent first."""

_JSON_TYPES = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    dict: "object",
    list: "array",
    type(None): "null",
}
SCALARS = frozenset(("string", "number", "boolean"))


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One dotted path: its JSON types, and the number of sampled records that have it.

    The types of the items of an array count as types of the path, as MongoDB
    compares with each of them. ``objects`` is the number of records that have an object.
    """

    path: str
    types: tuple[str, ...]
    records: int
    sampled: int
    objects: int = 0

    @property
    def is_list(self) -> bool:
        """Whether the field itself is an array in some record."""
        return "array" in self.types

    @property
    def is_container(self) -> bool:
        """Whether it has only objects as values, no plain values."""
        return "object" in self.types and not SCALARS & set(self.types)

    @property
    def is_mostly_objects(self) -> bool:
        """Whether most records that have it have an object there; a few may have a text."""
        return self.is_container or self.objects * 2 > self.records

    @property
    def share(self) -> float:
        """The fraction of the sampled records that have it."""
        return self.records / self.sampled if self.sampled else 0.0


@dataclass(frozen=True, slots=True)
class SampleSize:
    """The sample size for each schema: records without large parts, and complete ones."""

    records: int = 240
    page: int = 40
    whole_records: int = 36
    whole_page: int = 3


@dataclass(frozen=True)
class FieldCatalogue:
    """The fields seen in a sample of a source, by path.

    ``records`` is the number of records in the source, ``sampled`` that of the sample;
    other records may have further fields.
    """

    fields: Mapping[str, FieldInfo]
    records: int = 0
    sampled: int = 0
    skipped: int = 0

    def __contains__(self, path: str) -> bool:
        return without_indices(path) in self.fields

    def get(self, path: str) -> FieldInfo | None:
        """The field at `path`; array indices in the path are ignored."""
        return self.fields.get(path) or self.fields.get(without_indices(path))

    @cached_property
    def ordered(self) -> tuple[FieldInfo, ...]:
        """All fields: the most filtered first, then the most common, then the shortest."""
        rank = {path: number for number, path in enumerate(MOST_FILTERED)}
        return tuple(
            sorted(
                self.fields.values(),
                key=lambda one: (
                    rank.get(one.path, len(rank)),
                    one.is_container,
                    -round(one.share, 1),
                    one.path.count("."),
                    one.path,
                ),
            )
        )

    def search(self, text: str, limit: int = 50) -> list[FieldInfo]:
        """The fields whose path contains every word of `text`, the most likely first.

        A field whose last name is or starts with the last word comes before one that
        only contains it. Without a text, these are the first fields of all.
        """
        words = re.findall(r"[^\s.]+", text.lower())
        if not words:
            return list(self.ordered[:limit])
        found = [one for one in self.ordered if all(word in one.path.lower() for word in words)]
        found.sort(key=lambda one: _closeness(one.path.lower(), words[-1]))
        return found[:limit]

    def nearest(self, path: str, limit: int = 3) -> list[str]:
        """Known paths that `path` may be a misspelling of, the nearest first."""
        lowered = {one.path.lower(): one.path for one in reversed(self.ordered)}
        wanted = without_indices(path).lower()
        tail = wanted.rpartition(".")[2]
        near = difflib.get_close_matches(wanted, lowered, limit, 0.8)
        same_tail = [low for low in lowered if low.rpartition(".")[2] == tail]
        near += difflib.get_close_matches(wanted, same_tail, limit, 0.0)
        return list(dict.fromkeys(lowered[low] for low in near))[:limit]

    def inside(self, path: str) -> list[FieldInfo]:
        """The fields one level below `path` that have plain values."""
        start, depth = f"{path}.", path.count(".") + 1
        return [
            one
            for one in self.ordered
            if one.path.startswith(start)
            and one.path.count(".") == depth
            and SCALARS & set(one.types)
        ]

    def lists_along(self, path: str) -> list[str]:
        """Every prefix of `path`, itself included, that is an array and must be unwound."""
        names = path.split(".")
        prefixes = (".".join(names[:length]) for length in range(1, len(names) + 1))
        return [one for one in prefixes if one in self.fields and self.fields[one].is_list]


def without_indices(path: str) -> str:
    """`path` without array indices."""
    return ".".join(name for name in path.split(".") if not name.isdecimal())


def _closeness(path: str, word: str) -> int:
    tail = path.rpartition(".")[2]
    if tail == word:
        return 0
    return 1 if tail.startswith(word) else 2 if word in tail else 3


# Sampling


def sample_fields(
    source: MetadataSource, size: SampleSize | None = None, progress: Progress = no_progress
) -> FieldCatalogue:
    """The fields of a source, from some dozens of limited requests, four in parallel.

    Raises
    ------
    ServiceError
        If the source fails; a record too large for any answer is only counted.
    """
    size = size or SampleSize()
    counts = ask_together([partial(source.count, stratum) for stratum in STRATA])
    pages = [
        _Page(stratum, start, length, is_whole)
        for stratum, count in zip(STRATA, counts, strict=True)
        for is_whole in (False, True)
        for start, length in _spread(count, *_sizes(size, is_whole))
    ]
    tallies = ask_together([partial(_tally, source, page) for page in pages], "fields", progress)
    return _catalogue(sum(counts), tallies)


def _sizes(size: SampleSize, is_whole: bool) -> tuple[int, int]:
    return (size.whole_records, size.whole_page) if is_whole else (size.records, size.page)


def _spread(count: int, wanted: int, page: int) -> Iterator[tuple[int, int]]:
    """(start, length) of pages distributed evenly over `count` records."""
    wanted = min(wanted, count)
    pages = -(-wanted // page)
    for number in range(pages):
        yield number * count // pages, min(page, wanted - number * page)


@dataclass(frozen=True, slots=True)
class _Page:
    stratum: Filter
    start: int
    length: int
    is_whole: bool

    @property
    def pipeline(self) -> Pipeline:
        """Stages that read the page by position, which works for ids of any type.

        ``$sample`` would give other records each time.
        """
        shape: Pipeline = [{"$match": self.stratum}, {"$sort": {"_id": 1}}]
        shape += [{"$skip": self.start}] if self.start else []
        shape.append({"$limit": self.length})
        return shape if self.is_whole else [*shape, {"$project": dict.fromkeys(LARGE_PARTS, 0)}]

    @property
    def halves(self) -> tuple[_Page, _Page]:
        """The same records in two pages."""
        half = self.length // 2
        return (
            _Page(self.stratum, self.start, half, self.is_whole),
            _Page(self.stratum, self.start + half, self.length - half, self.is_whole),
        )


@dataclass
class _Tally:
    """The paths of some records, with their types and the number of records."""

    is_whole: bool
    sampled: int = 0
    skipped: int = 0
    records: Counter[str] = field(default_factory=Counter)
    types: dict[str, set[str]] = field(default_factory=dict)
    objects: Counter[str] = field(default_factory=Counter)

    def add(self, other: _Tally) -> None:
        """Adds the counts of `other`."""
        self.sampled += other.sampled
        self.skipped += other.skipped
        self.records.update(other.records)
        self.objects.update(other.objects)
        for path, types in other.types.items():
            self.types.setdefault(path, set()).update(types)

    def add_record(self, record: Record) -> None:
        """Counts one record."""
        self.sampled += 1
        seen: dict[str, set[str]] = {}
        for path, kind in _paths_in(record):
            seen.setdefault(path, set()).add(kind)
        self.records.update(seen.keys())
        self.objects.update(path for path, types in seen.items() if "object" in types)
        for path, types in seen.items():
            self.types.setdefault(path, set()).update(types)


def _tally(source: MetadataSource, page: _Page) -> _Tally:
    tally = _Tally(page.is_whole)
    try:
        for record in source.aggregate(page.pipeline):
            tally.add_record(record)
    except AnswerTooLarge:
        if page.length == 1:
            tally.skipped = 1
            return tally
        for half in page.halves:
            tally.add(_tally(source, half))
    return tally


def _paths_in(value: JsonValue, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """(dotted path, JSON type) of everything in `value`; items of an array share its path."""
    if path:
        yield path, _JSON_TYPES.get(type(value), "string")
    if depth >= MOST_DEPTH:
        return
    if isinstance(value, dict):
        for name, item in value.items():
            if name and "." not in name and not name.startswith("$"):  # no path can name others
                yield from _paths_in(item, f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _paths_in(item, path, depth + 1)


def _catalogue(records: int, tallies: Iterable[_Tally]) -> FieldCatalogue:
    """The fields of both samples; where both have a field, the first one counts it."""
    merged = {False: _Tally(False), True: _Tally(True)}
    for tally in tallies:
        merged[tally.is_whole].add(tally)
    fields: dict[str, FieldInfo] = {}
    for tally in (merged[True], merged[False]):
        for path, count in tally.records.most_common(MOST_PATHS):
            types = set(tally.types[path]) | set(fields[path].types if path in fields else ())
            fields[path] = FieldInfo(
                path, tuple(sorted(types)), count, tally.sampled, tally.objects[path]
            )
    sampled = merged[True].sampled + merged[False].sampled
    skipped = sum(tally.skipped for tally in merged.values())
    return FieldCatalogue(fields, records, sampled, skipped)
