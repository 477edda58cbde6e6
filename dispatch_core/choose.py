"""Which files of an asset are used where more than one matches.

A rule chooses among files by what the listing said of them. A directory store has
neither a size nor a time, because nothing below it is listed: where one is among
several matches, no rule can tell, and the asset is out with that as the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dispatch_core.grouping import moment_of
from dispatch_core.types import Exclusion, FileEntry, LocatedAsset, SeveralFiles, exclude


@dataclass(frozen=True, slots=True)
class Chosen:
    """The assets with the files that are used, and the ledger rows of the other files."""

    located: tuple[LocatedAsset, ...]
    exclusions: tuple[Exclusion, ...] = ()


def choose_files(located: Iterable[LocatedAsset], rule: SeveralFiles | None) -> Chosen:
    """Each asset with the files that `rule` leaves it; one match is always taken.

    ``newest`` and ``largest`` leave one file of several, of equal ones the first by
    path; ``only_one`` takes no asset with several.
    """
    if rule not in _RULES:
        return Chosen(tuple(located))
    kept: list[LocatedAsset] = []
    gone: list[Exclusion] = []
    for one in located:
        if len(one.files or ()) > 1:
            best = _RULES[rule](one)
            gone.extend(best.exclusions)
            kept.extend(best.located)
        else:
            kept.append(one)
    return Chosen(tuple(kept), tuple(gone))


def count_inputs(located: Sequence[LocatedAsset], rule: SeveralFiles) -> tuple[int, int]:
    """How many inputs of jobs a rule makes of ungrouped assets, and how many assets are out."""
    if rule == "each":
        return sum(1 if one.files is None else len(one.files) for one in located), 0
    kept = len(choose_files(located, rule).located)
    return kept, len(located) - kept


def _only_one(one: LocatedAsset) -> Chosen:
    message = f"{_told(one)}, where exactly one is asked for"
    action = "Ask for an ending that only one of them has, or choose another --several_files"
    return Chosen((), (exclude(one.asset, "files", "several_files", message, action),))


def _newest(one: LocatedAsset) -> Chosen:
    return _best(one, "newest", "time", lambda file: moment_of(file.modified or ""))


def _largest(one: LocatedAsset) -> Chosen:
    return _best(one, "largest", "size", lambda file: file.size)


_RULES: dict[SeveralFiles | None, Callable[[LocatedAsset], Chosen]] = {
    "newest": _newest,
    "largest": _largest,
    "only_one": _only_one,
}


def _best(
    one: LocatedAsset, rule: str, what: str, rank: Callable[[FileEntry], int | datetime | None]
) -> Chosen:
    ranked: list[tuple[Any, FileEntry]] = [(rank(file), file) for file in one.files or ()]
    bare = [file for value, file in ranked if value is None]
    if bare:
        return _cannot_choose(one, bare[0], what)
    best = max(ranked, key=lambda pair: pair[0])[1]
    return Chosen((replace(one, files=(best,)),), tuple(_left_out(one, best, rule)))


def _cannot_choose(one: LocatedAsset, bare: FileEntry, what: str) -> Chosen:
    kind = "a directory store, which has" if bare.kind == "directory" else "listed with"
    message = f"{_told(one)}, and none can be chosen: {_name(bare)} is {kind} no {what}"
    action = "Ask for an ending that only one of them has, or set --several_files each or together"
    return Chosen((), (exclude(one.asset, "files", "cannot_choose", message, action),))


def _left_out(one: LocatedAsset, best: FileEntry, rule: str) -> Iterator[Exclusion]:
    for file in one.files or ():
        if file is not best:
            message = f"of {_told(one)}, {_name(best)} is the {rule}"
            action = "Nothing, or set --several_files each or together"
            row = exclude(one.asset, "files", f"not_{rule}", message, action)
            yield replace(row, location=file.location)


def _told(one: LocatedAsset) -> str:
    names = [_name(file) for file in one.files or ()]
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{len(names):,} matches ({', '.join(names[:3])}{more})"


def _name(file: FileEntry) -> str:
    return file.location.rpartition("/")[2]
