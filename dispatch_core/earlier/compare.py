"""Compares two dispatches: which jobs are new, gone and the same, and what changed.

All of it is set arithmetic. Jobs named after their content are the same if their names are
equal; any other job is the same as one with the same work. Of the rest, jobs with the same
assets and the same files, or the same assets and the same parameters, are pairs that changed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from dispatch_core.earlier.jobs import EarlierJob, JobReader
from dispatch_core.earlier.read import Earlier, Kind, read_earlier
from dispatch_core.errors import Issue
from dispatch_core.job_model import canonical_text
from dispatch_core.parameter_sets.sweep import flat
from dispatch_core.processed.meaning import bare_url

ChangeKind = Literal["parameters", "files", "assets"]
"""What differs between two jobs: the parameters, the files, or, while locations, files and
parameters are the same, what is said of the assets (ids, names, group)."""

Sort = Literal["new", "gone", "changed", "same"]

_MOST_CHOICES = 10_000
"""Pairs among which the most similar ones are sought; more jobs are paired in their order."""


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """A value before and after as JSON text; None where there is none.

    ``key`` is the dotted path of a parameter (``filter.low``), or a key of the job file.
    """

    key: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        old, new = (one if one is not None else "(absent)" for one in (self.old, self.new))
        return f"{self.key}: {old} -> {new}"

    def to_json(self) -> dict[str, Any]:
        """The values; without ``old`` or ``new`` where there is none."""
        sides = {"old": self.old, "new": self.new}
        values = {name: json.loads(text) for name, text in sides.items() if text is not None}
        return {"key": self.key, **values}


@dataclass(frozen=True, slots=True)
class Changed:
    """Two jobs that differ in one respect; ``values`` is None if it is unknown in what."""

    kind: ChangeKind
    old: EarlierJob
    new: EarlierJob
    values: tuple[ChangedValue, ...] | None

    def __str__(self) -> str:
        if self.values is None:
            return "other parameters (unknown: a record does not have them)"
        return "; ".join(map(str, self.values)) or "the same values, written in another way"

    def to_json(self) -> dict[str, Any]:
        """Both jobs, and what differs; ``values`` is null if that is unknown."""
        values = None if self.values is None else [one.to_json() for one in self.values]
        return {
            "kind": self.kind,
            "values": values,
            "old": job_json(self.old),
            "new": job_json(self.new),
        }


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two dispatches: its jobs, those that it has again, and what is not a job."""

    label: str
    kind: Kind
    jobs: int
    repeated: tuple[EarlierJob, ...] = ()
    not_jobs: tuple[Issue, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The counts, and the entries that are not compared."""
        return {
            "path": self.label,
            "kind": self.kind,
            "jobs": self.jobs,
            "repeated": list(map(job_json, self.repeated)),
            "not_jobs": [{"path": one.where, "message": one.what} for one in self.not_jobs],
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """Two dispatches, compared.

    Attributes
    ----------
    new, gone
        The jobs that only the new dispatch has, and those that only the old one has.
    same
        The jobs that both have, as they are in the new one.
    changed
        Pairs of jobs that differ in one respect; neither of them is new or gone.
    is_equal
        Whether both have the same jobs, and each of them as often, unless a side is several
        dispatches.
    notes
        What differs although jobs are the same: workers, format, query, names of files.
    """

    sides: tuple[Side, Side]
    new: tuple[EarlierJob, ...]
    gone: tuple[EarlierJob, ...]
    same: tuple[EarlierJob, ...]
    changed: tuple[Changed, ...]
    is_equal: bool
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = {one: len(getattr(self, one)) for one in get_args(Sort)}
        return ", ".join(f"{count:,} {name}" for name, count in counts.items())

    def to_json(self) -> dict[str, Any]:
        """The comparison as a JSON object, as ``compare --json`` prints it."""
        old, new = self.sides
        return {
            "is_equal": self.is_equal,
            "sides": {"old": old.to_json(), "new": new.to_json()},
            "notes": list(self.notes),
            "new": list(map(job_json, self.new)),
            "gone": list(map(job_json, self.gone)),
            "changed": [one.to_json() for one in self.changed],
            "same": list(map(job_json, self.same)),
        }

    def rows(self) -> Iterator[tuple[Sort, EarlierJob, Changed | None]]:
        """Every job as one row of a table: what it is, the job, and the change of a pair."""
        yield from (("new", job, None) for job in self.new)
        yield from (("gone", job, None) for job in self.gone)
        yield from (("changed", one.new, one) for one in self.changed)
        yield from (("same", job, None) for job in self.same)


def job_json(job: EarlierJob) -> dict[str, Any]:
    """A job as a JSON object: its name, where it is, its assets and its files."""
    return {
        "job": job.file_name,
        "path": job.path,
        "asset_names": list(job.assets),
        "record_ids": list(job.records),
        "locations": list(job.locations),
        "files": None if job.files is None else list(job.files),
    }


def compare_paths(old: Path, new: Path) -> Compared:
    """The comparison of what is at two paths; raises as `read_earlier` does.

    A job file whose name and bytes are on both sides is parsed once.
    """
    reader = JobReader(remembers=True)
    return compare_dispatches(read_earlier(old, reader), read_earlier(new, reader))


def compare_dispatches(old: Earlier, new: Earlier) -> Compared:
    """The comparison of two dispatches; `earlier_of_jobs` makes one of the jobs of a plan."""
    before, repeated_before = _distinct(old.jobs)
    after, repeated_after = _distinct(new.jobs)
    same = [(before[key], job) for key, job in after.items() if key in before]
    gone = [job for key, job in before.items() if key not in after]
    more = [job for key, job in after.items() if key not in before]
    alike, gone, more = _take_pairs(gone, more, _by_work(gone, more))
    changed, gone, more = _changed(gone, more)
    same += alike
    repeats = [Counter(map(_identity, one)) for one in (repeated_before, repeated_after)]
    # several dispatches may have a job in common, and a record and a zip of one have all
    is_alike = repeats[0] == repeats[1] or "several" in (old.kind, new.kind)
    return Compared(
        (
            Side(old.label, old.kind, len(old.jobs), repeated_before, old.not_jobs),
            Side(new.label, new.kind, len(new.jobs), repeated_after, new.not_jobs),
        ),
        new=tuple(more),
        gone=tuple(gone),
        same=tuple(job for _, job in same),
        changed=changed,
        is_equal=not (more or gone or changed) and is_alike,
        notes=tuple(_notes(same, len(alike))),
    )


def _distinct(
    jobs: Iterable[EarlierJob],
) -> tuple[dict[Hashable, EarlierJob], tuple[EarlierJob, ...]]:
    """Identity -> the first job that has it, and the jobs that have one again."""
    jobs = list(jobs)
    named = [job for job in jobs if job.name]
    is_mixed = 0 < len(named) < len(jobs)
    works = set(map(_work_in_group, named)) if is_mixed else set()
    found: dict[Hashable, EarlierJob] = {}
    repeated = [
        job
        for job in jobs
        if (not job.name and _identity(job) in works)
        or found.setdefault(_identity(job), job) is not job
    ]
    return found, tuple(repeated)


def _identity(job: EarlierJob) -> Hashable:
    return job.name or _work_in_group(job)


def _work_in_group(job: EarlierJob) -> Hashable:
    """What a job does, in its group, for an asset may be in several; None if it is unknown."""
    return None if job.work is None else (job.work, job.group)


Pair = tuple[EarlierJob, EarlierJob]
Texts = tuple[str, str]
"""The parameters of a pair."""

Groups = Iterable[tuple[list[EarlierJob], list[EarlierJob]]]


def _by_work(gone: Sequence[EarlierJob], more: Sequence[EarlierJob]) -> Iterator[Pair]:
    """Pairs that do the same, of which one is not named after its content."""
    if all(job.name for job in (*gone, *more)):
        return
    for old, new in _grouped(gone, more, _work_in_group):
        for is_named in (True, False):
            yield from zip(
                (job for job in old if bool(job.name) is is_named),
                (job for job in new if bool(job.name) is not is_named),
                strict=False,
            )


def _take_pairs(
    gone: list[EarlierJob], more: list[EarlierJob], pairs: Iterable[Pair]
) -> tuple[list[Pair], list[EarlierJob], list[EarlierJob]]:
    """The pairs, and the jobs of both sides that are in none of them."""
    taken = list(pairs)
    used = {id(job) for pair in taken for job in pair}
    left = [[job for job in side if id(job) not in used] for side in (gone, more)]
    return taken, left[0], left[1]


def _grouped(
    gone: Sequence[EarlierJob],
    more: Sequence[EarlierJob],
    key: Callable[[EarlierJob], Hashable | None],
) -> Groups:
    """The jobs of both sides that have the same key, if both sides have some."""
    groups: dict[Hashable, tuple[list[EarlierJob], list[EarlierJob]]] = {}
    for side, jobs in enumerate((gone, more)):
        for job in jobs:
            if (found := key(job)) is not None:
                groups.setdefault(found, ([], []))[side].append(job)
    return (group for group in groups.values() if all(group))


def _changed(
    gone: list[EarlierJob], more: list[EarlierJob]
) -> tuple[tuple[Changed, ...], list[EarlierJob], list[EarlierJob]]:
    """The pairs that changed, and the jobs that are in none of them."""
    place = _place_of([*gone, *more])
    with_files, gone, more = _take_pairs(
        *(gone, more),
        _most_similar(_grouped(gone, more, lambda job: (place(job), _files(job)))),
    )
    with_parameters, gone, more = _take_pairs(
        *(gone, more),
        _in_order(_grouped(gone, more, lambda job: _place_and_parameters(job, place))),
    )
    found: dict[Texts, tuple[ChangedValue, ...]] = {}
    changed = [_other_parameters(*pair, found) for pair in with_files]
    changed += [_other_files(*pair) for pair in with_parameters]
    return tuple(changed), gone, more


def _place_of(jobs: Iterable[EarlierJob]) -> Callable[[EarlierJob], tuple[str, ...]]:
    """What says which assets a job has: the best that all jobs have. A record has no locations."""
    jobs = list(jobs)
    if all(job.locations for job in jobs):
        return lambda job: tuple(sorted(set(map(bare_url, job.locations))))
    if all(job.records for job in jobs):
        return lambda job: tuple(sorted(set(job.records)))
    return lambda job: tuple(sorted(set(job.assets)))


def _files(job: EarlierJob) -> tuple[str, ...]:
    return tuple(sorted(set(map(bare_url, job.files or ()))))


def _place_and_parameters(
    job: EarlierJob, place: Callable[[EarlierJob], tuple[str, ...]]
) -> Hashable | None:
    return None if job.parameters is None else (place(job), job.parameters)


def _in_order(groups: Groups) -> Iterator[Pair]:
    for old, new in groups:
        yield from zip(old, new, strict=False)


def _most_similar(groups: Groups) -> Iterator[Pair]:
    """Pairs of jobs with the fewest different parameters.

    Every asset may have the same 100 sets, so what is found for one is kept for the others.
    """
    found: dict[Hashable, list[tuple[int, int]]] = {}
    for old, new in groups:
        if len(old) * len(new) > _MOST_CHOICES:
            yield from zip(old, new, strict=False)
            continue
        key = tuple(tuple(job.parameters for job in side) for side in (old, new))
        if key not in found:
            found[key] = _closest(*key)
        yield from ((old[i], new[j]) for i, j in found[key])


def _closest(old: Sequence[str | None], new: Sequence[str | None]) -> list[tuple[int, int]]:
    """Pairs of indices: the pair with the fewest differences first, then among the others."""
    if len(old) == len(new) == 1:
        return [(0, 0)]
    sets = [[frozenset(_flat(one).items()) for one in side] for side in (old, new)]
    ranked = sorted(
        (len(a ^ b), i, j) for i, a in enumerate(sets[0]) for j, b in enumerate(sets[1])
    )
    free = [set(range(len(side))) for side in (old, new)]
    pairs = []
    for _, i, j in ranked:
        if i in free[0] and j in free[1]:
            pairs.append((i, j))
            free[0].remove(i)
            free[1].remove(j)
    return pairs


def _flat(parameters: str | None) -> dict[str, str]:
    """Dotted path -> value as JSON, of every value that is not an object with keys."""
    values = None if parameters is None else json.loads(parameters)
    if not isinstance(values, dict):
        return {} if values is None else {"distributed_parameters": canonical_text(values)}
    return {".".join(map(_part, path)): canonical_text(value) for path, value in flat(values)}


def _part(key: str) -> str:
    """A key of a dotted path; in quotes if it has a dot itself."""
    return json.dumps(key, ensure_ascii=False) if "." in key or not key else key


def _other_parameters(
    old: EarlierJob, new: EarlierJob, found: dict[Texts, tuple[ChangedValue, ...]]
) -> Changed:
    """The change of a pair with the same files; `found` has what differs between two sets."""
    if old.parameters is None or new.parameters is None:
        return Changed("parameters", old, new, None)
    key = old.parameters, new.parameters
    if key not in found:
        found[key] = tuple(_differences(*map(_flat, key)))
    if found[key]:
        return Changed("parameters", old, new, found[key])
    return Changed("assets", old, new, tuple(_differences(_details(old), _details(new))))


def _differences(old: dict[str, str], new: dict[str, str]) -> Iterator[ChangedValue]:
    for key in {**old, **new}:
        if old.get(key) != new.get(key):
            yield ChangedValue(key, old.get(key), new.get(key))


def _details(job: EarlierJob) -> dict[str, str]:
    """What the name of a job covers beside its parameters."""
    values = {
        "asset_id": list(job.asset_ids),
        "asset_name": list(job.assets),
        "docdb_record_id": list(job.records),
        "file_location": None if job.files is None else list(job.files),
        "s3_location": list(job.locations),
    }
    texts = {key: canonical_text(value) for key, value in values.items()}
    return texts | ({"group_metadata": job.group} if job.group else {})


def _other_files(old: EarlierJob, new: EarlierJob) -> Changed:
    before, after = set(_files(old)), set(_files(new))
    sides = (canonical_text(sorted(one)) for one in (before - after, after - before))
    return Changed("files", old, new, (ChangedValue("file_location", *sides),))


def _notes(same: Sequence[Pair], alike: int) -> Iterator[str]:
    if alike:
        yield f"{_jobs(alike)} in files with other names: the work is the same"
    moved = sum(_worker(old) != _worker(new) for old, new in same if old.path and new.path)
    if moved:
        yield f"{_jobs(moved)} in another worker folder"
    shapes = Counter((old.shape, new.shape) for old, new in same)
    for (old, new), count in shapes.items():
        if old and new and old != new:
            yield f"{_jobs(count)} in another format: distributed_parameters {old} -> {new}"
    queries = sum(old.query != new.query for old, new in same if old.path and new.path)
    if queries:
        yield f"{_jobs(queries)} found by another query"


def _jobs(count: int) -> str:
    return "1 of the same jobs is" if count == 1 else f"{count:,} of the same jobs are"


def _worker(job: EarlierJob) -> str:
    return job.path.rpartition("/")[0].rpartition("/")[2]
