"""The step "files are located": from data assets to their files, over any object lister.

Under each asset's location, every file or directory store whose name ends with the
extension is a match (`listing`). Neighbouring assets of a bucket are listed together if
they are dense (`scan`). This module schedules the listings, adapts to their results,
and records one result for each asset: its files, or the reason for its exclusion.

A problem with one asset excludes only that asset. The step fails only if the endpoint
is unreachable.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from urllib.parse import unquote

from dispatch_core.environment.garbage import few_collections
from dispatch_core.listing.matches import Matches, S3Prefix, Search
from dispatch_core.listing.not_data import EMPTIED, ONLY_SYSTEM, NotData, counted_kinds
from dispatch_core.listing.scan import Listed, ListingFailed
from dispatch_core.listing.sweep import Sweep
from dispatch_core.listing.wanted import Wanted
from dispatch_core.sources.protocols import ObjectLister
from dispatch_core.text.file_extension import (
    extension_of,
    is_utf8,
    read_extensions,
    shown_extensions,
)
from dispatch_core.text.invisible import invisible_in
from dispatch_core.text.words import counted
from dispatch_core.types import (
    DataAsset,
    Exclusion,
    LocatedAsset,
    NestedStores,
    Reason,
    SeveralExtensions,
    exclude,
)

HELD_SHOWN = 8
"""The most extensions that the exclusion of an asset without a match lists."""

PAUSE = 0.5
"""The longest wait in seconds before a failed listing is retried."""

AssetFiles = LocatedAsset | Exclusion
"""The result for one asset."""

_ACCESS_POINT = (
    r"arn:[a-z0-9-]+:s3[a-z-]*:[a-z0-9-]*:[0-9]{12}:"
    r"(?:outpost[:/][A-Za-z0-9-]{1,63}[:/])?accesspoint[:/][A-Za-z0-9.-]{1,63}"
)
_LOCATION = re.compile(rf"s3://([A-Za-z0-9._-]{{1,255}}|{_ACCESS_POINT})/(.*[^/])/*", re.DOTALL)


def _place(location: str) -> S3Prefix | None:
    match = _LOCATION.fullmatch(location)
    if not match or not is_utf8(location):
        return None
    return S3Prefix(sys.intern(match[1]), match[2] + "/")


def check_locations(
    assets: Iterable[DataAsset],
) -> tuple[tuple[DataAsset, ...], tuple[Exclusion, ...]]:
    """The assets with a usable location, and an exclusion for each of the others.

    A usable location is ``s3://bucket/prefix``; a bucket alone would include every
    other asset in it. Both results keep the order of `assets`.
    """
    usable: list[DataAsset] = []
    exclusions: list[Exclusion] = []
    for asset in assets:
        if _place(asset.location) is None:
            exclusions.append(_without_location(asset))
        else:
            usable.append(asset)
    return tuple(usable), tuple(exclusions)


def _without_location(asset: DataAsset) -> Exclusion:
    if asset.location.strip():
        message = f"The location {asset.location!r} is not s3://bucket/prefix"
        repaired = _repaired(asset.location)
        write = f"Write {repaired!r} in" if repaired else "Correct the location in"
        action = f"{write} the metadata record, or exclude the asset"
        return exclude(asset, Reason.LOCATION_NOT_S3, message, action)
    message = "The record has no location"
    action = "Add a location to the metadata record, or exclude the asset"
    return exclude(asset, Reason.NO_LOCATION, message, action)


_OTHER_SPELLINGS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"(?i:s3[an]?):/{1,4}(?P<bucket>[A-Za-z0-9._-]+)/(?P<key>.+)",
        r"arn:[a-z0-9-]+:s3:::(?P<bucket>[A-Za-z0-9._-]+)/(?P<key>.+)",
        r"(?i:https?)://(?P<bucket>[A-Za-z0-9._-]+)\.s3(?:[.-][a-z0-9.-]+)?\.amazonaws\.com"
        r"(?:\.cn)?/(?P<address>[^?#]+)(?:[?#].*)?",
        r"(?i:https?)://s3(?:[.-][a-z0-9.-]+)?\.amazonaws\.com(?:\.cn)?"
        r"/(?P<bucket>[A-Za-z0-9._-]+)/(?P<address>[^?#]+)(?:[?#].*)?",
        r"(?i:https?)://(?:[a-z0-9-]+\.)?(?:s3\.)?console\.aws\.amazon\.com/s3/(?:buckets|object)/"
        r"(?P<bucket>[A-Za-z0-9._-]+)\?(?:[^#]*&)?prefix=(?P<address>[^&#]+)(?:[&#].*)?",
    )
)
"""How else S3 locations are written; an ``address`` is percent-encoded."""


def _repaired(location: str) -> str:
    """The location as ``s3://bucket/prefix`` if it is certainly meant; otherwise ""."""
    plain = location.strip().replace("\\", "/")
    for pattern in _OTHER_SPELLINGS:
        found = pattern.fullmatch(plain)
        if found:
            parts = found.groupdict()
            key = parts.get("key") or unquote(parts.get("address") or "")
            repaired = f"s3://{found['bucket']}/{key}"
            return repaired if _place(repaired) else ""
    return ""


@dataclass(frozen=True, slots=True)
class Located:
    """The step's result: assets with their files, and excluded assets.

    Attributes
    ----------
    located, exclusions
        In the order of the assets; each asset is in exactly one of the two.
    requests, keys_listed
        The cost of listing all assets.
    warnings
        Deviations from the usual listing that did not affect the result.
    """

    located: tuple[LocatedAsset, ...]
    exclusions: tuple[Exclusion, ...] = ()
    requests: int = 0
    keys_listed: int = 0
    warnings: tuple[str, ...] = ()


@few_collections()
def locate_files(
    assets: Sequence[DataAsset],
    lister: ObjectLister,
    file_extension: str,
    *,
    several_extensions: SeveralExtensions = "first",
    nested_stores: NestedStores = "outermost",
    threads: int = 16,
    executor: Executor | None = None,
    progress: Callable[[int], None] | None = None,
    found: Callable[[Sequence[AssetFiles]], None] | None = None,
    pause: float = PAUSE,
    opened: int = 0,
) -> Located:
    """Each asset with its own files, and an exclusion for each asset without.

    Assets that share a location are listed once; a failed listing is retried once at
    the end. An empty extension lists nothing, and ``files`` is None.

    Of several extensions, such as ``.nwb,.nwb.zarr``, each is searched for in its own sweep.
    With ``first``, an asset has the matches of the first extension that has any, and only the
    assets that are still without are listed again. With ``all``, it has the matches of every
    extension, in the order of the extensions, none of them inside another. An asset whose
    listing fails for one extension is excluded, whatever the others find.

    Parameters
    ----------
    executor
        Runs the listings; by default `threads` threads of this process. At most twice
        `threads` pieces of work (`Run`) are submitted at a time.
    progress
        Called in this thread with the number of assets that are done.
    found
        Called in this thread with the results of some assets, in the order of arrival;
        once for each asset.
    pause
        The longest wait in seconds before a retry.
    opened
        How many ``.zarr`` or ``.n5`` stores are opened at least, to see whether they have
        any content; of other extensions, it is a hundred.

    Raises
    ------
    InvalidInput
        An extension is a pattern or a path.
    ServiceError
        The first 20 listings all failed: the endpoint is unreachable.
    """
    wanted = Wanted(
        read_extensions(file_extension), several_extensions == "all", nested_stores == "outermost"
    )
    results = _Results(assets, wanted, progress or _ignore, found or _ignore)
    sweeps: list[Sweep] = []
    for extension in wanted.searched:
        results.begin(extension)
        sweep = Sweep(lister, Search(extension, nested_stores), threads, results, opened)
        if sweeps:
            sweep.learn_from(sweeps[-1])
        sweeps.append(sweep)
        sweep.run(executor, pause)
    return replace(
        results.located(),
        requests=sum(sweep.requests for sweep in sweeps),
        keys_listed=sum(sweep.keys for sweep in sweeps),
        warnings=(*_refused(sweeps), *results.warnings(), *_notes(sweeps)),
    )


def _ignore(_: object) -> None:
    """Does nothing."""


def _refused(sweeps: Iterable[Sweep]) -> Iterator[str]:
    for bucket in sorted({bucket for sweep in sweeps for bucket in sweep.refusing}):
        yield (
            f"The bucket {bucket} supports no delimiter except a slash and was listed without it, "
            "with more requests"
        )


def _notes(sweeps: Iterable[Sweep]) -> Iterator[str]:
    return iter(dict.fromkeys(note for sweep in sweeps for note in sweep.notes))


class _Results:
    """What the sweeps found at each place, and the result of each asset; some share a place.

    Attributes
    ----------
    _numbers
        Bucket -> prefix -> the number of the first asset there, which is that of the place.
        A place is forgotten once its result is final; that of one with stores may change.
    _sharing
        The same number -> all assets there, of a place that several share.
    _outcomes
        Extension -> the matches of each place by its number, for each extension that was
        searched for; None until they are known.
    _results
        The result of each asset, in the order of the assets; None until it is known.
    """

    def __init__(
        self,
        assets: Sequence[DataAsset],
        wanted: Wanted,
        progress: Callable[[int], None],
        found: Callable[[Sequence[AssetFiles]], None],
    ) -> None:
        self._assets = assets
        self._wanted = wanted
        self._report_progress, self._report_found = progress, found
        self._extension = ""
        self._later: tuple[str, ...] = ()
        self._results: list[AssetFiles | None] = [None] * len(assets)
        self._reported_before: set[int] = set()
        self._outcomes: dict[str, list[Listed | None]] = {}
        self._not_data: list[NotData] = []
        self._of_this_sweep: list[NotData] = []
        self._other_case: dict[str, dict[int, str]] = {}
        self._rejecting: set[tuple[int, str]] = set()
        self._listed = 0
        self._numbers: dict[str, dict[str, int]] = {}
        self._sharing: dict[int, list[int]] = {}
        # In the order of the listing, so that what is forgotten together is together in memory.
        for index in sorted(range(len(assets)), key=lambda one: assets[one].location):
            asset = assets[index]
            place = _place(asset.location)
            if place is None:
                self._results[index] = _without_location(asset)
            elif wanted.extensions:
                number = self._numbers.setdefault(place.bucket, {}).setdefault(place.prefix, index)
                if number != index:
                    self._sharing.setdefault(number, [number]).append(index)
            else:
                self._results[index] = LocatedAsset(asset)
        known = [result for result in self._results if result is not None]
        self._done = len(known)
        if known:
            found(known)

    def begin(self, extension: str) -> None:
        """Start the sweep for `extension`."""
        self._extension = extension
        searched = self._wanted.searched
        self._later = searched[searched.index(extension) + 1 :]
        self._of_this_sweep = []
        self._outcomes[extension] = [None] * len(self._assets)

    @property
    def places(self) -> Iterator[S3Prefix]:
        """The locations to list in this sweep, each once: those that earlier ones left open."""
        left = (self._extension, *self._later)
        is_first = len(self._outcomes) == 1
        for bucket, numbers in self._numbers.items():
            for prefix in numbers:
                place = S3Prefix(bucket, prefix)
                if is_first or not self._is_settled(place, left):
                    yield place

    def _is_settled(self, place: S3Prefix, left: Sequence[str]) -> bool:
        """Whether searches for the extensions that are left cannot change the result of a place."""
        if not left:
            return True
        outcomes = self._outcomes_at(self._number_of(place))
        if any(isinstance(one, ListingFailed) for one in outcomes):
            return True  # what a failed listing did not see is not replaced by another match
        found = [one for one in outcomes if isinstance(one, Matches)]
        if any(one.files for one in found):
            return not self._wanted.is_all
        is_itself = place.prefix.endswith(tuple(f"{one}/" for one in left))
        return any(one.is_empty for one in found) and not is_itself

    def _outcomes_at(self, number: int) -> list[Listed]:
        """What the searches so far found at a place, in their order."""
        found = [one[number] for one in self._outcomes.values()]
        return [one for one in found if one is not None]

    def _number_of(self, place: S3Prefix) -> int:
        return self._numbers[place.bucket][place.prefix]

    def _assets_at(self, number: int) -> Sequence[int]:
        """The numbers of the assets at a place."""
        return self._sharing.get(number) or (number,)

    def add(self, listed: Collection[tuple[S3Prefix, Listed]]) -> None:
        """Records and reports the results of these places; the first result is final."""
        outcomes = self._outcomes[self._extension]
        settled: list[int] = []
        for place, outcome in listed:
            number = self._numbers[place.bucket].get(place.prefix)
            if number is None:
                continue
            if outcomes[number] is None:
                outcomes[number] = outcome
                if self._wanted.is_all:
                    self._listed += len(self._assets_at(number))
                if isinstance(outcome, Matches) and outcome.files:
                    self._note(number, outcome)
            if self._is_settled(place, self._later):
                settled.append(number)
                if not _has_stores(outcome):
                    del self._numbers[place.bucket][place.prefix]
        self._settle(settled)

    def _note(self, number: int, outcome: Matches) -> None:
        """Remembers what was found beside the matches of a place."""
        if not (outcome.not_data or outcome.other_case):
            return
        self._not_data += outcome.not_data
        self._of_this_sweep += outcome.not_data
        self._note_case(number, self._extension, outcome)

    def _note_case(self, number: int, extension: str, outcome: Matches) -> None:
        other = outcome.other_case
        if other and not extension_of(other, self._wanted.extensions):
            names = dict.fromkeys(self._assets_at(number), other)
            self._other_case.setdefault(extension, {}).update(names)

    def _settle(self, numbers: Iterable[int]) -> None:
        """Reports the results of places that are done, each once."""
        done, new = self._done, []
        for number in numbers:
            for index in self._assets_at(number):
                if self._results[index] is None:
                    result = self._results[index] = self._result(self._assets[index], number)
                    self._done += 1
                    if index not in self._reported_before:
                        new.append(result)
        if self._done > done or self._wanted.is_all:
            self.report()
        if new:
            self._report_found(new)

    def report(self) -> None:
        """Reports how many assets are done."""
        # With `all`, an asset is done after the last sweep, so each sweep is a share.
        share = self._listed // len(self._wanted.searched) if self._wanted.is_all else 0
        self._report_progress(max(share, self._done))

    @property
    def is_any_store_empty(self) -> bool:
        """Whether a store without content was found anywhere in this sweep."""
        return any(one.why in (EMPTIED, ONLY_SYSTEM) for one in self._of_this_sweep)

    def reject(self, place: S3Prefix, stores: Mapping[str, str]) -> None:
        """Removes stores without content, by location, from the results of a place."""
        found = counted_kinds(stores.items())
        self._not_data += found
        self._of_this_sweep += found
        outcomes, number = self._outcomes[self._extension], self._number_of(place)
        outcome = outcomes[number]
        if not isinstance(outcome, Matches) or not outcome.files:
            return
        kept = tuple(file for file in outcome.files if file.location not in stores)
        outcomes[number] = Matches(kept, not_data=found)
        self._rejecting.add((number, self._extension))
        for index in self._assets_at(number):
            self._reported_before.add(index)
            self._done -= self._results[index] is not None
            self._results[index] = None
        if self._is_settled(place, self._later):
            self._settle([number])

    def _result(self, asset: DataAsset, number: int) -> AssetFiles:
        found: list[Matches] = []
        for outcome in self._outcomes_at(number):
            if isinstance(outcome, ListingFailed):
                return exclude(asset, outcome.reason, outcome.issue.what, outcome.issue.action)
            found.append(outcome)
        files = self._wanted.files_of([one.files for one in found if one.files])
        if files:
            return LocatedAsset(asset, files)
        return _no_match(asset, _joined(found, self._wanted), self._wanted)

    def located(self) -> Located:
        """The results of all assets, in their order, after the last sweep."""
        self._settle(chain.from_iterable(one.values() for one in self._numbers.values()))
        return Located(
            tuple(one for one in self._results if isinstance(one, LocatedAsset)),
            tuple(one for one in self._results if isinstance(one, Exclusion)),
        )

    def warnings(self) -> Iterator[str]:
        """What was found beside the matches, or in them, that is probably a mistake."""
        self._note_passed_over()
        for extension, names in self._other_case.items():
            yield _only_by_case(extension, names)
        if self._not_data:
            yield _ignored(self._not_data)
        empty = [
            file.location
            for result in self._results
            if isinstance(result, LocatedAsset)
            for file in result.files or ()
            if file.size == 0
        ]
        if empty:
            yield _without_content(empty)

    def _note_passed_over(self) -> None:
        """Remembers what is almost a match of an extension that the asset was not given."""
        for extension, outcomes in self._outcomes.items() if self._wanted.are_several else ():
            for number, outcome in enumerate(outcomes):
                is_located = isinstance(self._results[number], LocatedAsset)
                is_noted = (number, extension) in self._rejecting or not is_located
                if isinstance(outcome, Matches) and not outcome.files and not is_noted:
                    self._not_data += outcome.not_data
                    self._note_case(number, extension, outcome)


def _has_stores(outcome: Listed) -> bool:
    return isinstance(outcome, Matches) and any(one.kind == "directory" for one in outcome.files)


def _only_by_case(extension: str, names: Mapping[int, str]) -> str:
    verb = "has" if len(names) == 1 else "have"
    return (
        f"{counted(len(names), 'asset')} {verb} files whose extension differs from {extension} "
        f"only by case, which do not match: {min(names.values())}"
    )


def _ignored(not_data: Iterable[NotData]) -> str:
    kinds: dict[str, list[NotData]] = {}
    for one in not_data:
        kinds.setdefault(one.why, []).append(one)
    totals = (
        NotData(why, sum(one.number for one in all_of), min(one.example for one in all_of))
        for why, all_of in sorted(kinds.items())
    )
    return f"Some names were ignored: {'; '.join(map(str, totals))}"


def _without_content(locations: Sequence[str]) -> str:
    verb = "has" if len(locations) == 1 else "have"
    files = counted(len(locations), "matched file")
    return f"{files} {verb} no content (0 bytes): {', '.join(sorted(locations)[:3])}"


def _joined(found: Sequence[Matches], wanted: Wanted) -> Matches:
    """What the searches say together about a place where none has a match."""
    if len(found) == 1:
        return found[0]
    held = max((one.held for one in found), key=len)
    return Matches(
        (),
        tuple(pair for pair in held if pair[0] not in wanted.extensions),
        is_empty=all(one.is_empty for one in found),
        not_data=tuple(dict.fromkeys(one for each in found for one in each.not_data)),
        is_store=any(one.is_store for one in found),
    )


def _no_match(asset: DataAsset, matches: Matches, wanted: Wanted) -> Exclusion:
    oddity = _oddity_of(asset.location) if matches.is_empty else ""
    message, action, held = _why_no_match(matches, wanted.extensions, oddity)
    return exclude(asset, Reason.NO_MATCHING_FILE, message, action, held)


@lru_cache(maxsize=1_000)
def _why_no_match(
    matches: Matches, extensions: tuple[str, ...], oddity: str
) -> tuple[str, str, tuple[tuple[str, int], ...]]:
    """The message, what to do, and the extensions held; many assets share them."""
    message = f"Nothing under the location ends with {shown_extensions(extensions)}"
    action = "Use an extension that it has, or exclude the asset"
    held = matches.held[:HELD_SHOWN]
    if matches.not_data:
        message += f"; ignored: {', '.join(map(str, matches.not_data))}"
        if any("link" in one.why for one in matches.not_data):
            action = "Replace the links by their targets, or exclude the asset"
    if matches.is_store:
        message += "; the location itself is a Zarr store"
        action = "Use no extension, and the job has the location, or exclude the asset"
    elif held:
        message += f"; it has {', '.join(f'{one} ({count:,})' for one, count in held)}"
    elif matches.is_empty:
        message = f"Nothing is stored under the location{oddity}"
        action = "Correct the location in the metadata record, or exclude the asset"
    return message, action, held


def _oddity_of(location: str) -> str:
    """What in the spelling of a location may be why nothing is found; "" for the usual one."""
    invisible = invisible_in(location)
    if invisible:
        return f", which contains {invisible}"
    odd = re.search(r"(?<!:)//+(?=[^/])|/\.\.?(?=/|$)|[?#].*$|%[0-9A-Fa-f]{2}|\\|\s+$", location)
    return f", which contains {odd[0]!r}" if odd else ""
