"""The pipeline: a request and two sources in, a plan out; nothing is written here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import cast

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.drift import Recorded, drift_since
from dispatch_core.environment.garbage import few_collections
from dispatch_core.errors import DispatchError, InvalidInput, Issue, NothingFound, ServiceError
from dispatch_core.fields.issues import shown
from dispatch_core.listing.executor import ListingExecutor
from dispatch_core.request import DispatchRequest, require_request
from dispatch_core.sources.protocols import MetadataSource, ObjectLister
from dispatch_core.sources.user_made import checked_lister, checked_source
from dispatch_core.steps import begin_steps
from dispatch_core.text.words import counted
from dispatch_core.types import Exclusion, Progress, Reason, no_progress


@few_collections()
def plan_dispatch(
    request: DispatchRequest,
    source: MetadataSource,
    lister: ObjectLister,
    progress: Progress | None = None,
    executor: ListingExecutor | None = None,
    results: MetadataSource | None = None,
    outputs: Iterable[str | Path] = (),
) -> DispatchPlan:
    """The plan of `request` on these sources; nothing is written.

    A plan may have no job: its ledger says why, and `require_jobs` stops there.

    Parameters
    ----------
    executor
        Where files are listed; threads of this process unless given.
    results
        The records of processed jobs; without them no job is known to be processed.
    outputs
        This dispatch itself: where it is written, and the record that it repeats. They do
        not count as earlier dispatches.

    Raises
    ------
    InvalidInput
        The request has errors; the error has every issue.
    ServiceError
        A service fails as a whole; a problem of one asset is a row of the ledger.
    """
    source, lister = checked_source(source), checked_lister(lister)
    progress = checked_progress(progress)
    steps = begin_steps(require_request(request))
    require_results(request, results)
    if steps.error is not None:
        raise steps.error
    before = steps.read_before(outputs, progress=progress) if steps.needs_before else None
    steps = steps.with_found(steps.find(source, progress))
    if steps.located is None:
        steps = steps.with_listed(steps.list_files(lister, progress, executor))
    if before is not None:
        steps = steps.with_before(before)
    if results is not None and request.skip_processed != "no":
        steps = steps.with_built(steps.build(progress))
        steps = steps.with_processed(steps.check(checked_source(results), progress))
    return steps.assemble(lister.label, progress)


def with_drift(plan: DispatchPlan, recorded: Recorded | None) -> DispatchPlan:
    """`plan` with what drifted since the recorded dispatch, if there is one."""
    return plan if recorded is None else replace(plan, drift=drift_since(recorded, plan))


def require_results(request: DispatchRequest, results: object) -> None:
    """Raise `InvalidInput` if the request asks for processed jobs without results."""
    if results is None and request.skip_processed not in (None, "no"):
        raise missing_results(request)


def missing_results(request: DispatchRequest) -> InvalidInput:
    """The error of a request that asks for processed jobs where no results are configured."""
    what = f"skip_processed={request.skip_processed} needs the results, and none are configured"
    action = "Name them: --results_database and --results_collection"
    return InvalidInput(Issue(what, "--skip_processed", action))


def checked_progress(progress: object) -> Progress:
    """`progress`, or a function that reports nothing if it is None.

    Raises
    ------
    InvalidInput
        It cannot be called with a step, the number done and the total.
    """
    if progress is None:
        return no_progress
    action = "Give a function of three values: the step, the number done, and the total"
    if not callable(progress):
        raise InvalidInput(Issue(f"{shown(progress)} is not a function", "progress", action))
    with suppress(ValueError):  # some built-in functions have no signature
        try:
            signature(progress).bind("assets", 1, 2)
        except TypeError as error:
            raise InvalidInput(Issue(f"it cannot be called: {error}", "progress", action)) from None
    return cast(Progress, progress)


def require_jobs(plan: DispatchPlan) -> None:
    """Raise if the plan has no job, or if a required asset is missing.

    With ``on_missing="fail"`` every asset is required, except those that the request
    itself excludes (a cap, a trial, an older version or file, a repeat, by hand).

    Raises
    ------
    NothingFound
        The plan has no job, or ``on_missing="fail"`` and an asset is missing.
    ServiceError
        The plan has no job because the object store failed for every asset.
    """
    if not plan.found.matched and not plan.found.match_report:
        action = "Loosen the query, or check the names of its fields. Nothing was written"
        raise NothingFound(Issue("no asset matches the query", f"source {plan.source}", action))
    if not plan.jobs:
        families = {row.reason.family for row in plan.exclusions} - {"requested"}
        if "service" not in families and (issue := _why_none_remains(plan)) is not None:
            raise NothingFound(issue)
        error: type[DispatchError] = ServiceError if families == {"service"} else NothingFound
        made_from = counted(plan.found.matched, "matched asset")
        what = f"no job can be made from {made_from} ({_counts(plan.exclusions)})"
        if not plan.found.matched:
            what = f"no id of the list is found ({_counts(plan.exclusions)})"
        action = "Read the exclusion ledger; nothing was written"
        raise error(Issue(what, f"source {plan.source}", action))
    missing = missing_assets(plan)
    if missing:
        first = missing[0]
        rows = "1 is" if len(missing) == 1 else f"{len(missing):,} are"
        what = f"{rows} excluded ({_counts(missing)}), first: {first.name}"
        action = f"{first.action}; or set --on_missing=report. Nothing was written"
        raise NothingFound(Issue(f"{what}: {first.message}", "--on_missing=fail", action))


def missing_assets(plan: DispatchPlan) -> Sequence[Exclusion]:
    """The excluded rows for which nothing is written; none unless ``on_missing="fail"``."""
    if plan.request.on_missing != "fail":
        return ()
    return [row for row in plan.exclusions if row.reason.family != "requested"]


def _why_none_remains(plan: DispatchPlan) -> Issue | None:
    """Why each job of a plan is excluded although jobs could be made; None if none could."""
    equation, names = plan.equation, plan.request.only_jobs
    every = "every chosen job" if equation.not_chosen else "every job"
    before = f"dispatched before ({counted(equation.dispatched_before, 'job')})"
    processed = f"already processed ({counted(equation.processed, 'job')})"
    if equation.dispatched_before:
        first = next(row for row in plan.exclusions if row.reason is Reason.DISPATCHED_BEFORE)
        action = f"Nothing was written. The first, {first.name}: {first.message}"
        what = f"{every} was {before}" + (f" or is {processed}" if equation.processed else "")
        return Issue(what, "not_in, skip_processed" if equation.processed else "not_in", action)
    if equation.processed:
        action = "Nothing was written; --skip_processed=report dispatches them again"
        return Issue(f"{every} is {processed}", "skip_processed", action)
    if equation.not_chosen and names is not None:
        jobs = counted(equation.not_chosen, "job")
        what = f"none of {jobs} has a name in only_jobs ({counted(len(names), 'name')})"
        return Issue(what, "only_jobs", "Nothing was written")
    return None


def _counts(exclusions: Sequence[Exclusion]) -> str:
    reasons = Counter(row.reason for row in exclusions)
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
