"""A generated catalogue of data assets, identical on every machine.

It has eleven projects, both metadata schemas, raw and derived assets, several derived
versions of one raw asset, and times in nine layouts. At most one asset in ten is an
edge case; ``AWKWARD`` has the names of these (see `awkward`).

Records share equal subdocuments: never modify a record.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from itertools import accumulate, islice
from operator import itemgetter

from dispatch_core.demo import trees
from dispatch_core.demo.awkward import AWKWARD, AWKWARD_CASES
from dispatch_core.demo.shapes import (
    DATE_ONLY,
    Asset,
    Schema,
    Session,
    Subject,
    name_time,
    record_of,
    session_of,
    subject_of,
)
from dispatch_core.demo.vocabulary import (
    CODE_OCEAN_BUCKET,
    DENIED_BUCKET,
    MISSING_BUCKET,
    OPEN_BUCKET,
    PRIVATE_BUCKET,
    PROJECTS,
    Derivation,
    Project,
)
from dispatch_core.errors import InvalidInput
from dispatch_core.types import Record

__all__ = [
    "AWKWARD",
    "CODE_OCEAN_BUCKET",
    "DENIED_BUCKET",
    "MISSING_BUCKET",
    "OPEN_BUCKET",
    "PRIVATE_BUCKET",
    "DemoCatalogue",
]

_WEIGHTS = tuple(accumulate(project.weight for project in PROJECTS))
_FIRST_SUBJECT = 900001
_VERSIONS = (0, 1, 1, 1, 1, 1, 2, 2, 3)
_VERDICTS = ("Pass",) * 12 + ("Fail", "Pending", "", "")


@dataclass(frozen=True)
class DemoCatalogue:
    """A generated catalogue; equal arguments give equal records, byte for byte.

    Parameters
    ----------
    asset_count
        Number of records including the edge cases; at least the number of edge cases.
    seed
        Seed of the regular assets; the edge cases do not depend on it.
    """

    asset_count: int = 2400
    seed: int = 0

    def __post_init__(self) -> None:
        if self.asset_count < len(AWKWARD_CASES):
            raise InvalidInput(
                f"the demo catalogue needs at least {len(AWKWARD_CASES)} assets, "
                f"not {self.asset_count}"
            )

    def __reduce__(self) -> tuple[type[DemoCatalogue], tuple[int, int]]:
        # Generating the records in another process is faster than unpickling them.
        return DemoCatalogue, (self.asset_count, self.seed)

    @cached_property
    def records(self) -> list[Record]:
        """All records, ascending by ``_id``; generated at the first access."""
        with _without_gc():
            records = [case.record for case in AWKWARD_CASES]
            regular = _regular_records(random.Random(self.seed))
            records += islice(regular, self.asset_count - len(records))
            records.sort(key=itemgetter("_id"))
            return records

    @property
    def buckets(self) -> frozenset[str]:
        """The buckets that exist, including the denied one."""
        return frozenset((OPEN_BUCKET, PRIVATE_BUCKET, CODE_OCEAN_BUCKET, DENIED_BUCKET))

    @property
    def denied_buckets(self) -> frozenset[str]:
        """The buckets that exist but deny listing."""
        return frozenset((DENIED_BUCKET,))

    def files_of(self, record: Record) -> trees.Files:
        """The files below the asset of `record`: (key below it, bytes), sorted by key."""
        files = _awkward_files().get(record["name"])
        return trees.files_of(record) if files is None else files

    def keys_of(self, record: Record) -> list[str]:
        """The keys of `files_of`, unsorted, in a tenth of the time."""
        files = _awkward_files().get(record["name"])
        return trees.keys_of(record) if files is None else [key for key, _ in files]


@contextmanager
def _without_gc() -> Iterator[None]:
    """Exclude the objects created inside from garbage collection.

    The records have no reference cycles, and the collector would traverse millions of
    values repeatedly, which takes nearly half of the time of a search.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def split_location(location: object) -> tuple[str, str] | None:
    """(bucket, prefix without trailing slashes) of an ``s3://`` location; otherwise None."""
    if not isinstance(location, str) or not location.startswith("s3://"):
        return None
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    return bucket, prefix.rstrip("/")


@cache
def _awkward_files() -> dict[str, trees.Files]:
    pairs = ((case.asset_name, case.files) for case in AWKWARD_CASES)
    return {name: files for name, files in pairs if files is not None}


@dataclass
class _Cohort:
    """The current subject of a project, and the number of sessions left for it."""

    subject: Subject
    schema: Schema
    started: datetime
    sessions_left: int


def _regular_records(rng: random.Random) -> Iterator[Record]:
    cohorts: dict[str, _Cohort] = {}
    subject_number = 0
    while True:
        project = rng.choices(PROJECTS, cum_weights=_WEIGHTS)[0]
        cohort = cohorts.get(project.name)
        if cohort is None or not cohort.sessions_left:
            cohort = cohorts[project.name] = _new_cohort(rng, project, subject_number)
            subject_number += 1
        for asset in _assets_of(rng, _next_session(rng, project, cohort)):
            yield record_of(asset)


def _new_cohort(rng: random.Random, project: Project, number: int) -> _Cohort:
    schema: Schema = 2 if rng.random() < project.newer_share else 1
    year = rng.randrange(2022, 2025) if schema == 1 else 2025
    started = datetime(year, rng.randrange(1, 13), rng.randrange(1, 28), rng.randrange(8, 19))
    subject = subject_of(str(_FIRST_SUBJECT + number), schema, rng.randrange(10_000))
    return _Cohort(subject, schema, started, rng.randrange(3, 12))


def _next_session(rng: random.Random, project: Project, cohort: _Cohort) -> Session:
    cohort.sessions_left -= 1
    cohort.started += timedelta(days=rng.randrange(1, 5))
    offset = timedelta(seconds=rng.randrange(3000), microseconds=rng.randrange(1, 1_000_000))
    return session_of(
        project,
        cohort.subject,
        cohort.started + offset,
        cohort.schema,
        spelling=rng.randrange(1, 9) if rng.random() < 0.04 else 0,
        layout=rng.randrange(DATE_ONLY) if rng.random() < 0.98 else DATE_ONLY,
        kind=rng.randrange(60),
        verdict=_VERDICTS[rng.randrange(len(_VERDICTS))],
    )


def _assets_of(rng: random.Random, session: Session) -> Iterator[Asset]:
    made = session.started
    yield Asset(
        session=session,
        record_id=_random_id(rng),
        name=session.name,
        location=f"s3://{session.project.bucket}/{session.name}",
        code_ocean_ids=tuple(_random_id(rng) for _ in range(1 if rng.random() < 0.96 else 2)),
        made=made,
    )
    for derivation in session.project.derivations:
        for version in range(1, _VERSIONS[rng.randrange(len(_VERSIONS))] + 1):
            made += timedelta(days=rng.randrange(1, 40), seconds=rng.randrange(86_400))
            yield _derived_asset(rng, session, derivation, made, version)


def _derived_asset(
    rng: random.Random, session: Session, derivation: Derivation, made: datetime, version: int
) -> Asset:
    name = f"{session.name}_{derivation.label}_{name_time(made)}"
    code_ocean_id = _random_id(rng)
    in_code_ocean = derivation.in_code_ocean and rng.random() < 0.6
    path = f"{CODE_OCEAN_BUCKET}/{code_ocean_id}" if in_code_ocean else f"{OPEN_BUCKET}/{name}"
    return Asset(
        session=session,
        record_id=_random_id(rng),
        name=name,
        location=f"s3://{path}",
        code_ocean_ids=(code_ocean_id,),
        made=made,
        derivation=derivation,
        version=version,
    )


def _random_id(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    tail = f"{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}"
    return f"{digits[:8]}-{tail}-{digits[20:]}"
