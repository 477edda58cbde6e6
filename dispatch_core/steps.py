"""How far a request has come on a pair of sources, as one frozen value.

Each step is made from the one before: checked, found, grouped, located, chosen, built,
processed, plan. Some may be slow: `Steps.find`, `Steps.list_files` and `Steps.check` ask a
source, `Steps.build` makes every job, `Steps.read_before` reads earlier dispatches. A caller
runs them where it wants and hands the result back; the quick steps are made at once. A step
whose input is unchanged is reused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from dispatch_core.choose import Chosen, choose_files
from dispatch_core.dispatch_plan import (
    DispatchPlan,
    assemble_plan,
    build_all,
    early_cap,
    remaining_jobs,
)
from dispatch_core.earlier.before import Before, read_before
from dispatch_core.equation import AssetAccount, account_of
from dispatch_core.errors import InvalidInput
from dispatch_core.find import FoundAssets, exclude_by_hand, find_assets
from dispatch_core.grouping import Grouped, GroupsOfOne, group_assets
from dispatch_core.jobs import BuiltJobs, stop_at
from dispatch_core.listing.executor import ListingExecutor
from dispatch_core.listing.stores import FEW
from dispatch_core.locate import AssetFiles, Located, check_locations, locate_files
from dispatch_core.processed.judge import Processed, check_processed
from dispatch_core.request import DispatchRequest
from dispatch_core.request_parts import RequestParts, check_parts, value_or_raise
from dispatch_core.sources.protocols import MetadataSource, ObjectLister
from dispatch_core.text.file_extension import written_extensions
from dispatch_core.trial import take_trial
from dispatch_core.types import DataAsset, LocatedAsset, Progress, no_progress

FindKey = tuple[str, frozenset[str]]
LocateKey = tuple[FindKey, tuple[str, ...], str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A request and its steps; None for a step that is not made yet.

    Compared by identity, because comparing 100,000 rows would be slow.

    Attributes
    ----------
    parts
        The request, each part checked separately, so that assets can be found and files
        located while the parameters are wrong.
    columns
        Paths of a record that are read with every asset, in addition to those that steps need.
    answer, found
        The assets as the source gave them, and without those excluded by hand.
    listed, located
        The files as they were listed, and those of the groups as they are now.
    before
        The jobs of the earlier dispatches that the request names, as they were when read.
    built, processed
        Every job, and which of them are already processed, if that was checked.
    """

    parts: RequestParts
    columns: tuple[str, ...] = ()
    answer: FoundAssets | None = None
    found: FoundAssets | None = None
    grouped: Grouped | None = None
    listed: Located | None = None
    located: Located | None = None
    chosen: Chosen | None = None
    before: Before | None = None
    built: BuiltJobs | None = None
    processed: Processed | None = None
    plan: DispatchPlan | None = None

    @property
    def request(self) -> DispatchRequest:
        """The request of these steps."""
        return self.parts.request

    @property
    def error(self) -> InvalidInput | None:
        """The errors of the request, or None."""
        return self.parts.error

    @property
    def find_key(self) -> FindKey | None:
        """What `answer` depends on, small and comparable; None without a valid selection."""
        selection = self.parts.selection
        if isinstance(selection, InvalidInput):
            return None
        return selection.key, frozenset(selection.paths) - frozenset(self.columns)

    @property
    def locate_key(self) -> LocateKey | None:
        """What `listed` depends on: files are listed for all assets, then chosen among."""
        extensions, key = self.parts.extensions, self.find_key
        if key is None or isinstance(extensions, InvalidInput):
            return None
        rule = self.request.several_extensions if len(extensions) > 1 else ""
        return key, extensions, rule, self.request.nested_stores

    @property
    def account(self) -> AssetAccount | None:
        """What is selected, what of it is excluded so far, and the assets left; None before."""
        if self.answer is None:
            return None
        steps = (self.found, self.grouped, self.located, self.chosen)
        rows = (row for step in steps if step is not None for row in step.exclusions)
        return account_of(self.answer.matched, len(self.answer.match_report), rows)

    @property
    def assets_left(self) -> Sequence[DataAsset]:
        """The assets that are not excluded so far, in the order found; `account` counts them."""
        if self.found is None:
            return ()
        if self.chosen is not None:
            left = frozenset(one.asset.record_id for one in self.chosen.located)
        elif self.grouped is not None:
            left = self.grouped.record_ids
        else:
            return self.found.assets
        return [asset for asset in self.found.assets if asset.record_id in left]

    def find(self, source: MetadataSource, progress: Progress = no_progress) -> FoundAssets:
        """What the source answers, for `with_found`; slow.

        Raises
        ------
        InvalidInput
            The selection has an error, or the source refuses the query.
        """
        selection = value_or_raise(self.parts.selection)
        fields = (*selection.paths, *self.columns)
        return find_assets(
            source, selection.query, selection.rows, fields=fields, progress=progress
        )

    def list_files(
        self,
        lister: ObjectLister,
        progress: Progress = no_progress,
        executor: ListingExecutor | None = None,
        arrived: Callable[[Sequence[AssetFiles]], None] | None = None,
    ) -> Located:
        """The files of every grouped asset, for `with_listed`; slow.

        Parameters
        ----------
        executor
            Where files are listed; threads of this process unless given.
        arrived
            Called with the result of some assets as soon as it is known.
        """
        assert self.grouped is not None
        assets = _assets_of(self.grouped)
        locate = locate_files
        if executor is not None:
            locate = partial(locate_files, executor=executor, threads=executor.threads)
        return locate(
            assets,
            lister,
            written_extensions(value_or_raise(self.parts.extensions)),
            several_extensions=self.request.several_extensions,
            nested_stores=self.request.nested_stores,
            progress=lambda done: progress("files", done, len(assets)),
            found=arrived,
            opened=FEW,
        )

    def build(self, progress: Progress = no_progress) -> BuiltJobs:
        """Every job of the chosen files, for `with_built`; slow if there are many.

        Raises
        ------
        InvalidInput
            There would be more jobs than the limit.
        """
        assert self.grouped is not None
        assert self.chosen is not None
        return build_all(self.parts.checked(), self.grouped, self.chosen, progress)

    def read_before(
        self,
        outputs: Iterable[str | Path] = (),
        root: Path | None = None,
        progress: Progress = no_progress,
    ) -> Before:
        """The jobs of the earlier dispatches of the request, for `with_before`; slow.

        Raises
        ------
        InvalidInput
            A path of ``not_in`` cannot be used: `read_before` describes why, `outputs` and `root`.
        """
        return read_before(self.request.not_in, outputs, root, progress)

    @property
    def needs_before(self) -> bool:
        """Whether `read_before` comes before `check` and `assemble`."""
        return self.before is None and bool(self.request.not_in)

    def check(self, results: MetadataSource, progress: Progress = no_progress) -> Processed:
        """Which of the remaining jobs are already processed, for `with_processed`; slow."""
        assert self.built is not None
        assert not self.needs_before
        jobs = remaining_jobs(self.built, self.request, self.before, progress).jobs
        fixed = value_or_raise(self.parts.parameter_sets).fixed
        return check_processed(jobs, fixed, self.request, results, progress)

    def assemble(self, buckets: str, progress: Progress = no_progress) -> DispatchPlan:
        """The plan of these steps, for `with_plan`; builds the jobs if they are not built."""
        assert self.found is not None
        assert self.grouped is not None
        assert self.located is not None
        assert self.chosen is not None
        assert not self.needs_before
        return assemble_plan(
            self.parts.checked(),
            self.found,
            self.grouped,
            self.located,
            self.chosen,
            self.built or self.build(progress),
            self.before,
            self.processed if self.request.skip_processed != "no" else None,
            buckets,
            progress,
        )

    def with_request(self, request: DispatchRequest) -> Steps:
        """The steps of `request`; those whose input is unchanged are reused."""
        if request is self.request:
            return self
        after = Steps(check_parts(request, self.parts), self.columns)
        if self.answer is None or after.find_key != self.find_key:
            return after
        listed = self.listed if after.locate_key == self.locate_key else None
        before = self.before if request.not_in == self.request.not_in else None
        after = replace(after, answer=self.answer, listed=listed, before=before)
        return after._advanced_from(self)

    def with_found(self, answer: FoundAssets) -> Steps:
        """These steps after `find`: grouped, and also located if no file is asked for."""
        if answer is self.answer:
            return self
        return replace(self.without_found(), answer=answer)._advanced_from(self)

    def with_listed(self, listed: Located) -> Steps:
        """These steps after `list_files`; not located if an asset was not listed."""
        if listed is self.listed:
            return self
        return replace(self.without_plan(), listed=listed)._advanced_from(self)

    def with_built(self, built: BuiltJobs) -> Steps:
        """These steps after `build`."""
        return replace(self, built=built, processed=None, plan=None)

    def with_before(self, before: Before) -> Steps:
        """These steps after `read_before`."""
        return replace(self, before=before, processed=None, plan=None)

    def without_before(self) -> Steps:
        """These steps before `read_before`, which reads what was dispatched meanwhile."""
        return replace(self, before=None, processed=None, plan=None)

    def with_processed(self, processed: Processed) -> Steps:
        """These steps after `check`."""
        return replace(self, processed=processed, plan=None)

    def with_plan(self, plan: DispatchPlan) -> Steps:
        """These steps after `assemble`."""
        return replace(self, plan=plan)

    def without_found(self) -> Steps:
        """These steps before assets are found."""
        return Steps(self.parts, self.columns)

    def without_located(self) -> Steps:
        """These steps before files are located."""
        return Steps(self.parts, self.columns, self.answer, self.found, self.grouped)

    def without_plan(self) -> Steps:
        """These steps before the plan is assembled."""
        return replace(self, plan=None)

    def _advanced_from(self, before: Steps) -> Steps:
        """These steps with the quick ones made, or reused from `before`."""
        after = replace(self, found=_found(self, before))
        after = replace(after, grouped=_grouped(after, before))
        after = replace(after, located=_located(after, before))
        after = replace(after, chosen=_chosen(after, before))
        after = replace(after, built=_built(after, before))
        return replace(after, processed=_processed(after, before))


def begin_steps(request: DispatchRequest, columns: tuple[str, ...] = ()) -> Steps:
    """The steps of `request` with its parts checked; no source is read yet."""
    return Steps(check_parts(request), columns)


def _found(steps: Steps, before: Steps) -> FoundAssets | None:
    answer, excluded = steps.answer, steps.request.excluded
    if answer is None:
        return None
    if answer is before.answer and excluded is before.request.excluded:
        return before.found
    return exclude_by_hand(answer, excluded)


def _grouped(steps: Steps, before: Steps) -> Grouped | None:
    if steps.found is None:
        return None
    if steps.found is before.found and steps.parts.selection is before.parts.selection:
        return before.grouped
    selection = value_or_raise(steps.parts.selection)
    return take_trial(group_assets(steps.found.assets, selection.rules), selection.trial)


def _located(steps: Steps, before: Steps) -> Located | None:
    extensions = steps.parts.extensions
    if steps.grouped is None or isinstance(extensions, InvalidInput):
        return None
    is_same = steps.grouped is before.grouped and extensions == before.parts.extensions
    if is_same and steps.listed is before.listed:
        return before.located
    assets = _assets_of(steps.grouped)
    if not extensions:
        return _without_files(assets)
    return _narrowed(steps.listed, assets) if steps.listed is not None else None


def _chosen(steps: Steps, before: Steps) -> Chosen | None:
    rule = steps.request.several_files
    if steps.located is None:
        return None
    if steps.located is before.located and rule == before.request.several_files:
        return before.chosen
    return choose_files(steps.located.located, rule)


def _built(steps: Steps, before: Steps) -> BuiltJobs | None:
    is_same = (
        steps.chosen is before.chosen
        and steps.grouped is before.grouped
        and steps.parts.parameter_sets is before.parts.parameter_sets
        and steps.request.is_split == before.request.is_split
    )
    built = before.built if is_same else None
    stops_there = built and stop_at(built.total, early_cap(steps.request)) == built.stop
    return built if stops_there else None


def _processed(steps: Steps, before: Steps) -> Processed | None:
    is_same = steps.built is before.built and _check_key(steps) == _check_key(before)
    return before.processed if is_same else None


def _check_key(steps: Steps) -> tuple[object, ...]:
    request = steps.request
    code = request.analysis_code, request.is_merged, request.skip_processed is None
    return *code, request.only_jobs, steps.before


def _assets_of(grouped: Grouped) -> tuple[DataAsset, ...]:
    """The assets of all groups, each once."""
    if isinstance(grouped.groups, GroupsOfOne):
        return tuple(grouped.groups.assets)
    assets = {one.record_id: one for group in grouped.groups for one in group.assets}
    return tuple(assets.values())


def _without_files(assets: Sequence[DataAsset]) -> Located:
    """The assets with a usable location, if no file is asked for."""
    usable, unusable = check_locations(assets)
    return Located(tuple(LocatedAsset(asset) for asset in usable), unusable)


def _narrowed(listed: Located, assets: Sequence[DataAsset]) -> Located | None:
    """The part of `listed` about these assets, in their order; None if one was not listed.

    So an exclusion by hand or a trial does not list files again.
    """
    if _are_results_of(listed, assets):
        return listed
    wanted = [asset.record_id for asset in assets]
    files = {one.asset.record_id: one for one in listed.located}
    exclusions = {row.record_id: row for row in listed.exclusions}
    if any(one not in files and one not in exclusions for one in wanted):
        return None
    return replace(
        listed,
        located=tuple(files[one] for one in wanted if one in files),
        exclusions=tuple(exclusions[one] for one in wanted if one in exclusions),
    )


def _are_results_of(listed: Located, assets: Iterable[DataAsset]) -> bool:
    """Whether `listed` is about exactly these assets, in their order."""
    located, excluded = iter(listed.located), iter(listed.exclusions)
    one, row = next(located, None), next(excluded, None)
    for asset in assets:
        if one is not None and one.asset.record_id == asset.record_id:
            one = next(located, None)
        elif row is not None and row.record_id == asset.record_id:
            row = next(excluded, None)
        else:
            return False
    return one is None and row is None
