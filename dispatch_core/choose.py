"""Which files of an asset are used if more than one matches.

A rule selects files by their size or time in the listing. A directory store has
neither, because its content is not listed: with one among several matches, the rule
cannot decide, and the asset is excluded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dispatch_core.text.dates import Moment, moment_of
from dispatch_core.types import Exclusion, FileEntry, LocatedAsset, Reason, SeveralFiles, exclude


@dataclass(frozen=True, slots=True)
class Chosen:
    """The assets with their selected files, and the ledger rows of the other files."""

    located: tuple[LocatedAsset, ...]
    exclusions: tuple[Exclusion, ...] = ()


def choose_files(located: Iterable[LocatedAsset], rule: SeveralFiles | None) -> Chosen:
    """Each asset with the files that `rule` selects; a single match is always used.

    ``newest`` and ``largest`` select one file of several, among equal ones the first
    by path; ``only_one`` excludes assets with several.
    """
    if rule not in _RULES:
        return Chosen(tuple(located))
    kept: list[LocatedAsset] = []
    exclusions: list[Exclusion] = []
    for one in located:
        if len(one.files or ()) > 1:
            best = _RULES[rule](one)
            exclusions.extend(best.exclusions)
            kept.extend(best.located)
        else:
            kept.append(one)
    return Chosen(tuple(kept), tuple(exclusions))


def count_inputs(located: Sequence[LocatedAsset], rule: SeveralFiles) -> tuple[int, int]:
    """(inputs of jobs, excluded assets) if `rule` is applied to ungrouped assets."""
    if rule == "each":
        return sum(1 if one.files is None else len(one.files) for one in located), 0
    kept = len(choose_files(located, rule).located)
    return kept, len(located) - kept


def _only_one(one: LocatedAsset) -> Chosen:
    message = f"{_matches(one)}, but exactly one is required"
    action = "Use an extension that only one of them has, or another --several_files"
    return Chosen((), (exclude(one.asset, Reason.SEVERAL_FILES, message, action),))


def _newest(one: LocatedAsset) -> Chosen:
    return _best(one, Reason.NOT_NEWEST, "time", lambda file: moment_of(file.modified))


def _largest(one: LocatedAsset) -> Chosen:
    return _best(one, Reason.NOT_LARGEST, "size", lambda file: file.size)


_RULES: dict[SeveralFiles | None, Callable[[LocatedAsset], Chosen]] = {
    "newest": _newest,
    "largest": _largest,
    "only_one": _only_one,
}


def _best(
    one: LocatedAsset, reason: Reason, what: str, rank: Callable[[FileEntry], int | Moment | None]
) -> Chosen:
    ranked: list[tuple[Any, FileEntry]] = [(rank(file), file) for file in one.files or ()]
    bare = [file for value, file in ranked if value is None]
    if bare:
        return _cannot_choose(one, bare[0], what)
    best = max(ranked, key=lambda pair: pair[0])[1]
    return Chosen((replace(one, files=(best,)),), tuple(_others(one, best, reason)))


def _cannot_choose(one: LocatedAsset, bare: FileEntry, what: str) -> Chosen:
    kind = "directory store" if bare.kind == "directory" else "file"
    message = f"{_matches(one)}, and the {kind} {_name(bare)} has no {what} to compare"
    action = "Use an extension that only one of them has, or --several_files each or together"
    return Chosen((), (exclude(one.asset, Reason.CANNOT_CHOOSE, message, action),))


def _others(one: LocatedAsset, best: FileEntry, reason: Reason) -> Iterator[Exclusion]:
    rule = "newest" if reason is Reason.NOT_NEWEST else "largest"
    for file in one.files or ():
        if file is not best:
            message = f"of {_matches(one)}, {_name(best)} is the {rule}"
            action = "Nothing, or set --several_files each or together"
            row = exclude(one.asset, reason, message, action)
            yield replace(row, location=file.location)


def _matches(one: LocatedAsset) -> str:
    names = [_name(file) for file in one.files or ()]
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{len(names):,} matches ({', '.join(names[:3])}{more})"


def _name(file: FileEntry) -> str:
    return file.location.rpartition("/")[2]
