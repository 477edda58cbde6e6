"""The pipeline: a request and two sources in, a plan out; and the plan's files.

The plan is a value before anything is written. What is shown is what is written:
folder and zip are made from `DispatchPlan.files`, and the fingerprint stands for
exactly that stream.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dispatch_core.choose import choose_files
from dispatch_core.errors import DispatchError, Issue, NothingFound, ServiceError
from dispatch_core.find import FoundAssets, find_assets
from dispatch_core.grouping import Grouped, GroupingRules, group_assets
from dispatch_core.job_model import Job, query_for_jobs
from dispatch_core.job_text import JobTexts
from dispatch_core.jobs import assign_workers, build_jobs, cap_jobs, locate_groups
from dispatch_core.listing.cluster import DaskCluster
from dispatch_core.locate import AssetFiles, Located, check_locations, locate_files
from dispatch_core.options import DEFAULT_WORKERS
from dispatch_core.parameter_sets.document import ParameterSets
from dispatch_core.request import CheckedRequest, DispatchRequest, check_request
from dispatch_core.sources.protocols import MetadataSource, ObjectLister
from dispatch_core.text.words import counted
from dispatch_core.trial import take_trial
from dispatch_core.types import Exclusion, LocatedAsset, Progress, no_progress

_ASKED_FOR = frozenset(
    "excluded_by_hand superseded not_in_trial not_newest not_largest over_the_cap duplicate".split()
)
_SERVICE_REASONS = frozenset({"access_denied", "no_such_bucket", "listing_failed"})


@dataclass(frozen=True, slots=True)
class Equation:
    """The job equation: what was multiplied, what was left out, what came out.

    ``inputs`` are files where files are split, else assets or groups; times
    ``sets`` (1 where there are none), minus repeats and jobs over the cap, it
    gives ``jobs``. ``excluded`` counts the rows of the ledger.
    """

    matched: int
    assets: int
    inputs: int
    input_kind: str
    sets: int
    excluded: int
    capped: int
    jobs: int
    workers: int
    smallest: int
    largest: int

    def __str__(self) -> str:
        size = counted(self.smallest, "job")
        if self.largest != self.smallest:
            size = f"{self.smallest:,} to {counted(self.largest, 'job')}"
        left_out = f" - {self.capped:,} over the cap" if self.capped else ""
        return (
            f"{counted(self.matched, 'asset')} matched, {self.assets:,} usable -> "
            f"{counted(self.inputs, self.input_kind)} x {counted(self.sets, 'parameter set')}"
            f"{left_out} = {counted(self.jobs, 'job')} -> {counted(self.workers, 'worker')} "
            f"({size} each); {self.excluded:,} excluded"
        )


@dataclass(frozen=True, slots=True)
class DispatchPlan:
    """Exactly what will be written, who is not in and why.

    ``workers`` are ranges of indices into ``jobs``; worker n is folder n.
    """

    request: DispatchRequest
    source: str
    buckets: str
    found: FoundAssets
    located: tuple[LocatedAsset, ...]
    parameter_sets: ParameterSets
    asset_count: int
    input_count: int
    jobs: tuple[Job, ...]
    workers: tuple[range, ...]
    exclusions: tuple[Exclusion, ...]
    capped: int
    warnings: tuple[str, ...]
    query_text: str | None
    fingerprint: str

    @property
    def equation(self) -> Equation:
        """The numbers of the plan."""
        sizes = [len(worker) for worker in self.workers]
        return Equation(
            matched=self.found.matched,
            assets=self.asset_count,
            inputs=self.input_count,
            input_kind=_input_kind(self.request),
            sets=len(self.parameter_sets.sets) or 1,
            excluded=len(self.exclusions),
            capped=self.capped,
            jobs=len(self.jobs),
            workers=len(sizes),
            smallest=min(sizes, default=0),
            largest=max(sizes, default=0),
        )

    def files(self) -> Iterator[tuple[str, bytes]]:
        """(``worker/name.json``, bytes) of each job, worker by worker; the one stream."""
        texts = JobTexts(self.request.job_format, self.query_text)
        for number, worker in enumerate(self.workers):
            for index in worker:
                job = self.jobs[index]
                yield f"{number}/{job.name}.json", texts.bytes_of(job)


def plan_dispatch(
    request: DispatchRequest,
    source: MetadataSource,
    lister: ObjectLister,
    progress: Progress = no_progress,
    cluster: DaskCluster | None = None,
) -> DispatchPlan:
    """The plan of `request` on these sources; nothing is written.

    A plan may have no job: its ledger says why, and `require_jobs` stops there.

    Raises
    ------
    InvalidInput
        With all that is wrong with the request.
    ServiceError
        Where a service fails as a whole; one asset's trouble goes to the ledger.
    """
    checked = check_request(request)
    found = find_step(checked, source, progress)
    grouped = group_step(request, found)
    located = locate_step(checked, grouped, lister, progress, cluster)
    return assemble_plan(checked, found, grouped, located, lister.label)


def find_step(
    checked: CheckedRequest, source: MetadataSource, progress: Progress = no_progress
) -> FoundAssets:
    """The assets that the request names, maybe none."""
    request = checked.request
    return find_assets(
        source,
        checked.query,
        request.asset_rows,
        fields=needed_fields(request),
        excluded=request.excluded,
        progress=progress,
    )


def group_step(request: DispatchRequest, found: FoundAssets) -> Grouped:
    """The found assets in their groups, of a trial only those that it takes."""
    return take_trial(group_assets(found.assets, grouping_rules(request)), request.trial)


def locate_step(
    checked: CheckedRequest,
    grouped: Grouped,
    lister: ObjectLister,
    progress: Progress = no_progress,
    cluster: DaskCluster | None = None,
    found: Callable[[Sequence[AssetFiles]], None] | None = None,
) -> Located:
    """The files of every grouped asset, or only a check of its location.

    They are listed by threads of this process, or by the workers of `cluster`. `found`
    is told what became of each asset as soon as that is known.
    """
    assets = {a.record_id: a for group in grouped.groups for a in group.assets}
    if not checked.file_extension:
        usable, gone = check_locations(tuple(assets.values()))
        return Located(tuple(LocatedAsset(asset) for asset in usable), tuple(gone))
    locate = locate_files
    if cluster is not None:
        locate = partial(locate_files, executor=cluster, threads=cluster.threads)
    return locate(
        tuple(assets.values()),
        lister,
        checked.file_extension,
        nested_stores=checked.request.nested_stores,
        progress=lambda done: progress("files", done, len(assets)),
        found=found,
    )


def narrow_located(located: Located, grouped: Grouped) -> Located | None:
    """What an earlier `locate_step` says of these groups; None where one was not looked at.

    So taking an asset out, or a trial, lists nothing again; the order is that of the groups.
    """
    wanted = dict.fromkeys(a.record_id for group in grouped.groups for a in group.assets)
    kept = {one.asset.record_id: one for one in located.located}
    gone = {row.record_id: row for row in located.exclusions}
    if not wanted.keys() <= kept.keys() | gone.keys():
        return None
    return replace(
        located,
        located=tuple(kept[one] for one in wanted if one in kept),
        exclusions=tuple(gone[one] for one in wanted if one in gone),
    )


def assemble_plan(
    checked: CheckedRequest, found: FoundAssets, grouped: Grouped, located: Located, buckets: str
) -> DispatchPlan:
    """The plan of what was found and located: jobs, workers, ledger, fingerprint."""
    request = checked.request
    chosen = choose_files(located.located, request.several_files)
    by_id = {one.asset.record_id: one for one in chosen.located}
    groups = locate_groups(grouped.groups, by_id)
    sets = checked.parameter_sets.sets
    built = build_jobs(groups, sets, split_files=request.is_split)
    capped = cap_jobs(built.jobs, request.max_number_of_tasks_dispatched)
    cut = len(built.jobs) - len(capped.jobs)
    workers = assign_workers(
        len(capped.jobs),
        num_parallel_workers=request.num_parallel_workers,
        tasks_per_job=request.tasks_per_job,
    )
    text = None if checked.query is None else query_for_jobs(checked.query.text)
    return DispatchPlan(
        request=request,
        source=found.source,
        buckets=buckets,
        found=found,
        located=chosen.located,
        parameter_sets=checked.parameter_sets,
        asset_count=len({one.asset.record_id for group in groups for one in group.assets}),
        input_count=(len(built.jobs) + len(built.exclusions)) // (len(sets) or 1),
        jobs=capped.jobs,
        workers=workers,
        exclusions=(
            *found.exclusions,
            *grouped.exclusions,
            *located.exclusions,
            *chosen.exclusions,
            *built.exclusions,
            *capped.exclusions,
        ),
        capped=cut,
        warnings=tuple(_warnings(checked, found, grouped, located, cut)),
        query_text=text,
        fingerprint=_fingerprint(request, text, capped.jobs, workers),
    )


def require_jobs(plan: DispatchPlan) -> None:
    """Stop where nothing can be written, or where the request wants nothing missing.

    With ``on_missing="fail"`` an exclusion that the request itself asks for (a cap, a
    trial, an older version or file, a repeat, an asset taken out by hand) is not missing.

    Raises
    ------
    NothingFound
        For a plan without jobs, and for ``on_missing="fail"`` with a missing asset.
    ServiceError
        For a plan without jobs because the object store answered for no asset.
    """
    if not plan.found.matched and not plan.found.match_report:
        action = "Loosen the query, or check the names of its fields. Nothing was written"
        raise NothingFound(Issue("no asset matches the query", f"source {plan.source}", action))
    if not plan.jobs:
        reasons = {row.reason for row in plan.exclusions} - _ASKED_FOR
        failed = reasons and not reasons - _SERVICE_REASONS
        error: type[DispatchError] = ServiceError if failed else NothingFound
        counted = f"{plan.found.matched:,} matched assets ({_told(plan.exclusions)})"
        action = "Read the exclusion ledger; nothing was written"
        raise error(Issue(f"no job can be made of {counted}", f"source {plan.source}", action))
    missing = [row for row in plan.exclusions if row.reason not in _ASKED_FOR]
    if plan.request.on_missing == "fail" and missing:
        first = missing[0]
        what = f"{len(missing):,} are excluded ({_told(missing)}), first: {first.name}"
        action = f"{first.action}; or set --on_missing=report. Nothing was written"
        raise NothingFound(Issue(f"{what}: {first.message}", "--on_missing=fail", action))


def _told(exclusions: Sequence[Exclusion]) -> str:
    reasons = Counter(row.reason for row in exclusions)
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())


def grouping_rules(request: DispatchRequest) -> GroupingRules:
    """The grouping part of a request."""
    return GroupingRules(
        group_by=request.group_by,
        latest_field=request.filter_latest,
        one_per=request.filter_by,
        unwind=request.unwind_list_fields,
        drop_null=request.drop_null_groups,
    )


def needed_fields(request: DispatchRequest) -> tuple[str, ...]:
    """Every path of a record that the steps of a request read."""
    trial = request.trial.one_per if request.trial else None
    return (*grouping_rules(request).fields, *filter(None, [trial]))


def ledger_counts(exclusions: tuple[Exclusion, ...]) -> Mapping[tuple[str, str], int]:
    """(stage, reason) -> number of rows, in the order of the ledger."""
    return Counter((row.stage, row.reason) for row in exclusions)


def _input_kind(request: DispatchRequest) -> str:
    if request.file_extension and request.is_split:
        return "file"
    return "group" if request.group_by else "input"


def _fingerprint(
    request: DispatchRequest, text: str | None, jobs: tuple[Job, ...], workers: tuple[range, ...]
) -> str:
    digest = hashlib.sha256(f"{request.job_format}\n{text}\n".encode())
    for number, worker in enumerate(workers):
        for index in worker:
            digest.update(f"{number}/{jobs[index].name}\n".encode())
    return digest.hexdigest()


def _warnings(
    checked: CheckedRequest, found: FoundAssets, grouped: Grouped, located: Located, capped: int
) -> Iterator[str]:
    request = checked.request
    if checked.query is not None:
        yield from checked.query.warnings
        if not checked.query.value:
            yield f"The query is empty: it matches all {found.matched:,} records"
        if len(checked.query.text) != len(query_for_jobs(checked.query.text)):
            yield "The query is too long to stand in each job; its digest does"
    yield from found.warnings
    unknown = set(request.excluded) - {row.record_id for row in found.exclusions}
    if unknown:
        yield f"{counted(len(unknown), 'record')} taken out by hand did not match anyway"
    if request.trial is not None:
        gone = sum(row.reason == "not_in_trial" for row in grouped.exclusions)
        yield f"THIS IS A TRIAL: it takes {request.trial}, and leaves {counted(gone, 'asset')} out"
    yield from checked.parameter_sets.notes
    yield from located.warnings
    yield from _file_warnings(request)
    if request.unwind_list_fields and not request.group_by:
        yield "unwind_list_fields does nothing without group_by"
    if request.tasks_per_job and request.num_parallel_workers != DEFAULT_WORKERS:
        yield "num_parallel_workers is ignored: tasks_per_job is set"
    if request.nested_stores == "all" and checked.file_extension:
        yield (
            f"nested_stores=all listed {located.keys_listed:,} keys in "
            f"{located.requests:,} requests"
        )
    if capped:
        yield (
            f"THE CAP CUT {capped:,} JOBS: only {request.max_number_of_tasks_dispatched:,} are "
            "dispatched (max_number_of_tasks_dispatched)"
        )


def _file_warnings(request: DispatchRequest) -> Iterator[str]:
    rule = request.several_files
    if request.group_by and (request.split_files or rule == "each"):
        name = "several_files=each" if rule == "each" else "split_files"
        yield f"{name} is ignored: assets are grouped, and a group is one job with all files"
    elif rule in ("each", "together") and request.split_files == (rule == "together"):
        yield f"split_files={request.split_files:d} is ignored: several_files={rule} is set"
    if rule and not request.file_extension:
        yield f"several_files={rule} does nothing without file_extension"
