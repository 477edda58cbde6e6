"""Which jobs an earlier dispatch has: read once from the disk, then set arithmetic."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dispatch_core.earlier.history import read_names
from dispatch_core.earlier.jobs import Work, work_of
from dispatch_core.earlier.read import Earlier, dispatches_at, folder_of_record, read_earlier
from dispatch_core.earlier.record import SUFFIX
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.job_model import Job
from dispatch_core.text.words import counted
from dispatch_core.types import Progress, no_progress

MOST_SECONDS = 20.0
"""For this long, jobs of earlier dispatches are counted before a user excludes them."""

_OPTION = "--not_in"
_REPLACED = re.compile(r"\.replaced-[0-9]+$")


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """The jobs of earlier dispatches.

    Attributes
    ----------
    names, works
        The name of a job, or the work of one that is not named after its content -> a message
        with the dispatch that has it, and its date if that is known: the latest, if several do.
    dispatches
        How many were read.
    notes
        Warnings about what was read.
    stamp
        The `stamp_of` the paths when they were read.
    """

    names: Mapping[str, str]
    works: Mapping[Work, str]
    dispatches: int
    notes: tuple[str, ...] = ()
    stamp: Hashable = ()

    def found(self, jobs: Iterable[Job]) -> dict[str, str]:
        """The name of each of `jobs` that an earlier dispatch has -> the message about it."""
        jobs = tuple(jobs)
        found = {job.name: self.names[job.name] for job in jobs if job.name in self.names}
        if self.works:
            works = ((job.name, work_of(job)) for job in jobs if job.name not in found)
            found |= {name: self.works[work] for name, work in works if work in self.works}
        return found


@dataclass(frozen=True, slots=True)
class BeforeCount:
    """How many jobs of a plan are in earlier dispatches, and in how many dispatches was looked."""

    jobs: int
    dispatches: int


def count_before(
    jobs: Iterable[Job],
    root: Path,
    progress: Progress = no_progress,
    seconds: float = MOST_SECONDS,
) -> BeforeCount:
    """How many of `jobs` a dispatch in the folder `root` has.

    Raises
    ------
    InvalidInput
        As in `read_before`; also if the dispatches cannot be read within `seconds`.
    """
    end = time.monotonic() + seconds

    def within_time(step: str, done: int, total: int) -> None:
        if time.monotonic() > end:
            what = f"{total:,} dispatches cannot be read within {seconds:g} s"
            action = "Exclude their jobs without a count, or move old dispatches elsewhere"
            raise InvalidInput(Issue(what, str(root), action))
        progress(step, done, total)

    before = read_before((str(root),), root=root, progress=within_time)
    return BeforeCount(len(before.found(jobs)), before.dispatches)


def require_still_new(
    jobs: Iterable[Job],
    paths: Sequence[str],
    output: Path,
    root: Path | None = None,
    progress: Progress = no_progress,
) -> None:
    """Check, before a write into `output`, that no other dispatch has `jobs` by now.

    Raises
    ------
    InvalidInput
        A dispatch at `paths` other than `output` has one of `jobs` now; or as in `read_before`.
    """
    found = read_before(paths, [output], root, progress).found(jobs)
    if found:
        what = f"{counted(len(found), 'job')} in another dispatch now; {next(iter(found.values()))}"
        raise InvalidInput(Issue(what, output.name, "See the page Jobs, and write what is new"))


def stamp_of(paths: Iterable[str]) -> Hashable:
    """When the paths, and what is directly in them, last changed: another value, another content.

    A new, replaced or deleted record changes its folder.
    """
    return tuple(_changed_at(Path(path)) for path in paths)


def _changed_at(path: Path) -> Hashable:
    try:
        own = path.stat().st_mtime_ns
        if not path.is_dir():
            return own
        with os.scandir(path) as entries:
            return own, frozenset((one.name, one.stat().st_mtime_ns) for one in entries)
    except OSError:
        return None


def read_before(
    paths: Sequence[str],
    outputs: Iterable[str | Path] = (),
    root: Path | None = None,
    progress: Progress = no_progress,
) -> Before:
    """The jobs of the earlier dispatches at `paths`.

    Parameters
    ----------
    paths
        Worker folders, zips, records, or folders with several of them.
    outputs
        This dispatch itself: where it is written, and the record that it repeats. What an
        earlier run of it wrote, and what was moved aside for it, is not an earlier dispatch
        if a folder of `paths` contains it.
    root
        If given, every path must be below it, with links resolved.

    Raises
    ------
    InvalidInput
        With every issue: a path is absent, cannot be read, is an output, or has no job.
    """
    own = set(_real_paths(outputs))
    given = list(dict.fromkeys(map(Path, paths)))
    stamp = stamp_of(paths)
    places, found = list[Path](), list[_Dispatch]()
    notes, issues = list[str](), list[Issue]()
    for path in given:
        try:
            places += _places_at(path, own, root, notes)
        except InvalidInput as error:
            issues += error.issues
    for number, place in enumerate(dict.fromkeys(places)):
        progress("earlier", number, len(places))
        try:
            found.append(_read_dispatch(place, place in given, notes))
        except InvalidInput as error:
            issues += error.issues
    if issues:
        raise InvalidInput([_of_option(issue) for issue in issues])
    return replace(_before_of(found, notes), stamp=stamp)


@dataclass(frozen=True, slots=True)
class _Dispatch:
    """What is kept of an earlier dispatch: 1,000 records have a million jobs."""

    label: str
    dispatched_at: str
    names: frozenset[str]
    works: frozenset[Work] = frozenset()


def _read_dispatch(place: Path, is_given: bool, notes: list[str]) -> _Dispatch:
    """An earlier dispatch; appends warnings about it to `notes`."""
    recorded = read_names(place) if place.name.endswith(SUFFIX) else None
    if recorded is not None:
        return _Dispatch(str(place), recorded.dispatched_at, recorded.names)
    read = read_earlier(place)
    notes += _notes_on(read, place, is_given)
    return _Dispatch(read.label, read.dispatched_at, read.names, read.works)


def check_below(root: Path, places: Iterable[Path]) -> None:
    """Raises `InvalidInput` if one of `places` is not in `root`, with links resolved."""
    inside = os.path.realpath(root)
    for place in places:
        for one in (place, folder_of_record(place) or place):
            if os.path.commonpath((inside, os.path.realpath(one))) != inside:
                what = "it is not in the folder into which the app writes"
                raise InvalidInput(Issue(what, str(place), f"Give a path below {root}"))


def _real_paths(outputs: Iterable[str | Path]) -> Iterator[str]:
    """The outputs without links, and the folder beside which a record was written."""
    for output in outputs:
        real = Path(os.path.realpath(output))
        yield str(real)
        yield str(folder_of_record(real) or real)


def _places_at(path: Path, own: Collection[str], root: Path | None, notes: list[str]) -> list[Path]:
    """The dispatches at `path`, without the outputs of this one."""
    if "\0" in str(path):
        raise InvalidInput(Issue("it cannot be a path", repr(str(path))))
    if any(one in own for one in _real_paths([path])):
        action = "Give the folder with the earlier dispatches, or choose another output"
        raise InvalidInput(Issue("it is the output of this dispatch", str(path), action))
    if root is not None:
        check_below(root, [path])
    places = dispatches_at(path)
    if root is not None:
        check_below(root, places)
    outputs = [place for place in places if place != path and _is_output(place, own)]
    if outputs:
        notes.append(
            f"{outputs[0]} is this dispatch itself, so its jobs do not count as dispatched before"
        )
    if not places:
        _require_no_candidate(path)
        notes.append(f"{path} contains no dispatch yet: no job counts as dispatched before")
    return [place for place in places if place not in outputs]


def _is_output(place: Path, own: Collection[str]) -> bool:
    """Whether `place` is an output of this dispatch, its record, or was moved aside for it."""
    paths = set(_real_paths([place]))
    return any(path in own for path in paths | {_REPLACED.sub("", path) for path in paths})


def _require_no_candidate(folder: Path) -> None:
    """Raises `InvalidInput` if a folder without a dispatch may be the wrong one.

    Logs and ledgers may be there before the first dispatch is.
    """
    for entry in sorted(folder.iterdir()):
        is_request = entry.name.endswith(".request.json")
        is_candidate = entry.is_dir() or entry.suffix in (".json", ".zip")
        if is_candidate and not is_request and not entry.name.startswith("."):
            what = f"it contains no job and no record of a dispatch, but {entry.name}"
            action = "Give the folder that contains the dispatches, or an empty one"
            raise InvalidInput(Issue(what, str(folder), action))


def _notes_on(read: Earlier, place: Path, is_given: bool) -> Iterator[str]:
    """The warnings about one dispatch.

    Raises
    ------
    InvalidInput
        A file cannot be read, or a path that was given has no job.
    """
    if read.unread:
        what = f"{counted(len(read.unread), 'file')} cannot be read, the first: {read.unread[0]}"
        raise InvalidInput(Issue(what, str(place), "Correct or remove it"))
    if read.others and not read.jobs and is_given:
        what = f"it has no job, but {counted(read.others, 'other item')}"
        raise InvalidInput(Issue(what, str(place), "Give a worker folder, a zip or a record"))
    if read.others:
        yield f"{place} has {counted(read.others, 'item')} that cannot be read as a job"


def _before_of(found: Sequence[_Dispatch], notes: Sequence[str]) -> Before:
    names: dict[str, str] = {}
    works: dict[Work, str] = {}
    for one in sorted(found, key=lambda one: one.dispatched_at):
        when = f" of {one.dispatched_at[:10]}" if one.dispatched_at else ""
        text = f"it is in {one.label}{when}"
        names |= dict.fromkeys(one.names, text)
        works |= dict.fromkeys(one.works, f"{text}, under another name")
    return Before(names, works, len(found), tuple(f"not_in: {note}" for note in notes))


def _of_option(issue: Issue) -> Issue:
    return replace(issue, where=f"{_OPTION} {issue.where}".strip(), path=("not_in",))
