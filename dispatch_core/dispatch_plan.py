"""The plan of a dispatch, as a value: jobs, workers, ledger, warnings, fingerprint.

The plan exists before anything is written. What is shown is what is written: folder and
zip are made from `DispatchPlan.files`, and the fingerprint is the digest of that stream.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dispatch_core.balance.assign import assign_jobs
from dispatch_core.balance.sizes import is_any_size_known
from dispatch_core.balance.spread import Spread, spread_of
from dispatch_core.choose import Chosen
from dispatch_core.earlier.before import Before
from dispatch_core.earlier.drift import Drift
from dispatch_core.equation import Equation
from dispatch_core.find import FoundAssets
from dispatch_core.grouping import Grouped, GroupsOfOne
from dispatch_core.job_model import Job, query_for_jobs
from dispatch_core.job_text import JobTexts
from dispatch_core.jobs import (
    BuiltJobs,
    KeptJobs,
    LocatedGroup,
    Workers,
    build_jobs,
    cap_jobs,
    choose_jobs,
    exclude_before,
    exclude_processed,
    locate_groups,
    ticked,
)
from dispatch_core.language.bson import MISSING
from dispatch_core.language.paths import field_value
from dispatch_core.listing.wanted import count_extensions
from dispatch_core.locate import Located
from dispatch_core.options import DEFAULT_WORKERS
from dispatch_core.parameter_sets.document import ParameterSets
from dispatch_core.processed.judge import Processed
from dispatch_core.request import DispatchRequest
from dispatch_core.request_parts import CheckedRequest
from dispatch_core.text.file_extension import read_extensions, redundant_extensions
from dispatch_core.text.job_names import job_name, job_names
from dispatch_core.text.nearest import nearest_of
from dispatch_core.text.words import counted
from dispatch_core.types import (
    DataAsset,
    Exclusion,
    LocatedAsset,
    Notice,
    Progress,
    Reason,
    SkipProcessed,
    no_progress,
)

_NAMED = 3
"""Up to this many unknown names are quoted."""


@dataclass(frozen=True)
class DispatchPlan:
    """Exactly what will be written, and every excluded asset with the reason.

    ``workers`` are indices into ``jobs``, ascending within a worker; worker n is folder n.
    ``processed`` is None if no results were read; ``processed_jobs`` are those that it found,
    whether or not they are dispatched again. ``drift`` compares the plan with the record that
    it replays.
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
    workers: Workers
    exclusions: tuple[Exclusion, ...]
    capped: int
    warnings: tuple[Notice, ...]
    query_text: str | None
    fingerprint: str
    processed: Processed | None = None
    processed_jobs: tuple[Job, ...] = ()
    drift: Drift | None = field(default=None, compare=False)

    @cached_property
    def equation(self) -> Equation:
        """The numbers of the plan."""
        sizes = [len(worker) for worker in self.workers]
        reasons = Counter(row.reason for row in self.exclusions)
        repeated = sum(
            row.reason is Reason.DUPLICATE and row.stage == "jobs" for row in self.exclusions
        )
        return Equation(
            matched=self.found.matched,
            listed=len(self.found.match_report),
            assets=self.asset_count,
            inputs=self.input_count,
            input_kind=_input_kind(self.request),
            sets=len(self.parameter_sets.sets) or 1,
            excluded=len(self.exclusions),
            repeated=repeated,
            not_chosen=reasons[Reason.NOT_CHOSEN],
            dispatched_before=reasons[Reason.DISPATCHED_BEFORE],
            processed=reasons[Reason.ALREADY_PROCESSED],
            capped=self.capped,
            jobs=len(self.jobs),
            workers=len(sizes),
            smallest=min(sizes, default=0),
            largest=max(sizes, default=0),
        )

    @cached_property
    def extension_counts(self) -> dict[str, int]:
        """Extension -> number of assets with files of it, of several; empty with fewer than two."""
        extensions = read_extensions(self.request.file_extension)
        return count_extensions(self.located, extensions) if len(extensions) > 1 else {}

    @property
    def code_parameters(self) -> Mapping[str, Any] | None:
        """The parameters of ``analysis_code`` in each job; None if all are merged."""
        return code_parameters(self.request, self.parameter_sets)

    def files(self, step: int = 1) -> Iterator[tuple[str, bytes]]:
        """(``worker/name.json``, bytes) of each job, worker by worker; the one stream.

        With a larger `step`, only one of `step` jobs, as a sample.
        """
        texts = JobTexts(self.request.job_format, self.query_text, self.code_parameters)
        for number, job in itertools.islice(self.assigned_jobs(), None, None, step):
            yield f"{number}/{job.name}.json", texts.bytes_of(job)

    def assigned_jobs(self) -> Iterator[tuple[int, Job]]:
        """(worker, job) of each job, worker by worker: the order in which they are written."""
        for number, worker in enumerate(self.workers):
            for index in worker:
                yield number, self.jobs[index]

    def spread(self) -> Spread:
        """The bytes of the files of each worker, and those if balanced by the other rule."""
        return spread_of(self.jobs, self.workers, self.request)

    def extension_lines(self) -> Iterator[str]:
        """How many assets have files of each extension, in words; nothing unless several."""
        counts = self.extension_counts.items()
        if counts:
            shown = (f"{extension} in {counted(number, 'asset')}" for extension, number in counts)
            yield f"extensions: {', '.join(shown)}"

    def balance_lines(self) -> Iterator[str]:
        """What a balance by size achieves, in words; nothing if the jobs are balanced by count."""
        spread = self.spread() if self.request.balance == "size" else None
        if spread is not None and spread.is_known:
            yield f"workers: {spread.text()}"
            yield from (f"workers: {note}" for note in spread.notes())


def assemble_plan(
    checked: CheckedRequest,
    found: FoundAssets,
    grouped: Grouped,
    located: Located,
    chosen: Chosen,
    built: BuiltJobs,
    before: Before | None,
    processed: Processed | None,
    buckets: str,
    progress: Progress = no_progress,
) -> DispatchPlan:
    """The plan of what was found, located, chosen and built: workers, ledger, fingerprint."""
    request = checked.request
    remaining = remaining_jobs(built, request, before, progress)
    fresh = exclude_processed(remaining.jobs, _skipped(request, processed), progress)
    capped = cap_jobs(fresh.jobs, request.max_number_of_tasks_dispatched, progress)
    cut = len(fresh.jobs) - len(capped.jobs) + built.left
    workers = assign_jobs(capped.jobs, request)
    text = None if checked.query is None else query_for_jobs(checked.query.text)
    steps = (found, grouped, located, chosen, built, remaining, fresh, capped)
    return DispatchPlan(
        request=request,
        source=found.source,
        buckets=buckets,
        found=found,
        located=chosen.located,
        parameter_sets=checked.parameter_sets,
        asset_count=built.assets,
        input_count=built.inputs,
        jobs=capped.jobs,
        workers=workers,
        exclusions=tuple(row for step in steps for row in step.exclusions),
        capped=cut,
        warnings=(
            *map(Notice, _warnings(checked, found, grouped, located)),
            *_option_notices(checked, located),
            *_unknown_jobs(request, built),
            *map(Notice, before.notes if before else ()),
            *_processed_notices(request, processed, built, fresh),
            *_balance_notices(request, capped.jobs),
            *_cap_notice(cut, request.max_number_of_tasks_dispatched),
        ),
        query_text=text,
        fingerprint=_fingerprint(checked, text, capped.jobs, workers, progress),
        processed=processed,
        processed_jobs=_with_findings(built, processed),
    )


def build_all(
    checked: CheckedRequest,
    grouped: Grouped,
    chosen: Chosen,
    progress: Progress = no_progress,
) -> BuiltJobs:
    """Every job of the chosen files, before any is excluded; see `build_jobs` about the cap."""
    return build_jobs(
        _located_groups(grouped, chosen.located),
        checked.parameter_sets.merged,
        split_files=checked.request.is_split,
        cap=early_cap(checked.request),
        progress=progress,
    )


def _located_groups(grouped: Grouped, located: Sequence[LocatedAsset]) -> Sequence[LocatedGroup]:
    if isinstance(grouped.groups, GroupsOfOne):
        return [LocatedGroup((one,)) for one in located]  # in the order of the groups
    return locate_groups(grouped.groups, {one.asset.record_id: one for one in located})


def early_cap(request: DispatchRequest) -> int | None:
    """The cap on jobs, if nothing but the cap excludes a job; otherwise None."""
    excludes = request.skip_processed not in (None, "no", "report")
    if excludes or request.not_in or request.only_jobs is not None:
        return None
    return request.max_number_of_tasks_dispatched


def remaining_jobs(
    built: BuiltJobs,
    request: DispatchRequest,
    before: Before | None,
    progress: Progress = no_progress,
) -> KeptJobs:
    """The jobs that `request` names, all if it names none, and that no earlier dispatch has."""
    chosen = KeptJobs(built.jobs)
    if request.only_jobs is not None:
        chosen = choose_jobs(built.jobs, job_names(request.only_jobs), progress)
    earlier = before.found(chosen.jobs) if before else {}
    fresh = exclude_before(chosen.jobs, earlier, progress)
    return KeptJobs(fresh.jobs, (*chosen.exclusions, *fresh.exclusions))


def _unknown_jobs(request: DispatchRequest, built: BuiltJobs) -> Iterator[Notice]:
    """A notice about names in ``only_jobs`` that no job has, with the nearest names."""
    held = {job.name for job in built.jobs}
    unknown = [name for name in map(job_name, request.only_jobs or ()) if name not in held]
    if not unknown:
        return
    near = nearest_of(unknown[:_NAMED], held)
    first = ", ".join(
        f"{one!r} (nearest: {near[one].texts[0]})" if one in near else repr(one)
        for one in unknown[:_NAMED]
    )
    shown = f"{first}, ..." if len(unknown) > _NAMED else first
    names = counted(len(unknown), "name")
    text = f"only_jobs has {names} that no job of this plan has: {shown}"
    yield Notice(text, "names_unknown", details=(names, shown))


def _skipped(request: DispatchRequest, processed: Processed | None) -> dict[str, str]:
    """The message for each job that is excluded because it is already processed."""
    if processed is None:
        return {}
    skipped = processed.skipped(request.skip_processed or "report", request.run_anyway)
    return {name: str(finding) for name, finding in skipped.items()}


def _with_findings(built: BuiltJobs, processed: Processed | None) -> tuple[Job, ...]:
    if processed is None or not processed.findings:
        return ()
    return tuple(job for job in built.jobs if job.name in processed.findings)


def _processed_notices(
    request: DispatchRequest, processed: Processed | None, built: BuiltJobs, fresh: KeptJobs
) -> Iterator[Notice]:
    unknown = job_names(request.run_anyway) - {job.name for job in built.jobs}
    if unknown:
        yield Notice(f"{counted(len(unknown), 'job')} to run anyway, not in this plan")
    if processed is None:
        return
    if processed.note:
        yield Notice(f"Already processed: {processed.note}")
    if processed.attached:
        urls = ", ".join(processed.attached)
        text = f"New jobs differ from results only by further inputs: {urls}"
        action = "If they are attached to the wrapper, give them as input_urls of --analysis_code"
        yield Notice(text, "inputs", action)
    if processed.panel:
        panel = json.dumps(dict(processed.panel), ensure_ascii=False)
        text = f"The results have the panel values {panel}"
        action = "Give them as parameters of --analysis_code, so that the wrapper knows its jobs"
        yield Notice(text, "panel", action)
    again = len(processed.findings) - len(fresh.exclusions)
    if again:
        jobs = f"{counted(again, 'job')} that {'is' if again == 1 else 'are'} already processed"
        why = "" if request.run_anyway else _WHY_AGAIN.get(request.skip_processed, "")
        yield Notice(f"{jobs} will be dispatched again{why}")


_WHY_AGAIN: Mapping[SkipProcessed | None, str] = {
    "exact": ": the wrapper would not skip them",
    "same_version": ": another version processed them",
}
"""Rule -> why it does not exclude a job that is already processed."""


def code_parameters(request: DispatchRequest, sets: ParameterSets) -> Mapping[str, Any] | None:
    """The panel's values and the fixed parameters, if jobs have them in ``analysis_code``."""
    if request.is_merged:
        return None
    panel = request.analysis_code.parameters if request.analysis_code else {}
    return {**panel, **sets.fixed}


def _input_kind(request: DispatchRequest) -> str:
    if request.file_extension and request.is_split:
        return "file"
    return "group" if request.group_by else "input"


def _fingerprint(
    checked: CheckedRequest,
    text: str | None,
    jobs: tuple[Job, ...],
    workers: Workers,
    progress: Progress,
) -> str:
    digest = hashlib.sha256(f"{checked.request.job_format}\n{text}\n".encode())
    code = code_parameters(checked.request, checked.parameter_sets)
    if code:  # the name of a job does not tell where its fixed parameters are
        digest.update(f"analysis_code {json.dumps(code)}\n".encode())
    every = ((number, index) for number, worker in enumerate(workers) for index in worker)
    for number, index in ticked(every, "plan", len(jobs), progress):
        digest.update(f"{number}/{jobs[index].name}\n".encode())
    return digest.hexdigest()


def _warnings(
    checked: CheckedRequest, found: FoundAssets, grouped: Grouped, located: Located
) -> Iterator[str]:
    request = checked.request
    if checked.query is not None:
        yield from checked.query.warnings
        if not checked.query.value:
            yield f"The query is empty: it matches all {found.matched:,} records"
        if len(checked.query.text) != len(query_for_jobs(checked.query.text)):
            yield "The query is too long for the job files, which have its digest instead"
    yield from found.warnings
    unknown = set(request.excluded) - {row.record_id for row in found.exclusions}
    if unknown:
        yield f"{counted(len(unknown), 'record')} excluded by hand did not match the query"
    for path in empty_fields(checked.selection.fields, found.assets):
        yield f"No matched asset has a value in the field {path}: check its spelling"
    yield from grouped.warnings
    if request.trial is not None:
        excluded = sum(row.reason is Reason.NOT_IN_TRIAL for row in grouped.exclusions)
        yield f"THIS IS A TRIAL: it takes {request.trial} and excludes {counted(excluded, 'asset')}"
    yield from checked.parameter_sets.notes
    if request.job_format == "pipeline" and not checked.parameter_sets.sets:
        yield (
            "The jobs have no parameters (null): the example model of the analysis wrapper fails "
            "on such jobs. Give parameters (analysis_parameters.json)"
        )
    yield from located.warnings
    if request.several_extensions == "first":
        for extension, earlier in redundant_extensions(checked.extensions).items():
            yield (
                f"The extension {extension} is never used: what ends with it also ends with "
                f"{earlier}, which is before it"
            )


def _option_notices(checked: CheckedRequest, located: Located) -> Iterator[Notice]:
    """Options that do nothing, or a lot."""
    request = checked.request
    yield from _file_notices(request)
    if request.several_extensions == "all" and len(checked.extensions) < 2:
        text = "several_extensions=all does nothing without several extensions in file_extension"
        yield Notice(text, "one_extension")
    if request.unwind_list_fields and not request.group_by:
        yield Notice("unwind_list_fields does nothing without group_by", "lists_without_groups")
    if request.tasks_per_job and request.num_parallel_workers != DEFAULT_WORKERS:
        text = "num_parallel_workers is ignored: tasks_per_job is set"
        yield Notice(text, "workers_ignored")
    if request.nested_stores == "all" and checked.extensions:
        amounts = f"{located.keys_listed:,} keys in {located.requests:,} requests"
        yield Notice(f"nested_stores=all listed {amounts}", "stores_searched", details=(amounts,))


def empty_fields(paths: Iterable[str], assets: Sequence[DataAsset]) -> Iterator[str]:
    """Those of `paths` without a value in any of `assets`, probably misspelt."""
    for path in dict.fromkeys(paths):
        values = (field_value(asset.fields, path) for asset in assets)
        if assets and all(value is MISSING or value in (None, []) for value in values):
            yield path


def _balance_notices(request: DispatchRequest, jobs: tuple[Job, ...]) -> Iterator[Notice]:
    if request.balance != "size" or not jobs or is_any_size_known(jobs):
        return
    if request.file_extension:
        text = "balance=size does nothing: no file has a known size (directory stores have none)"
        yield Notice(text, "sizes_unknown")
    else:
        yield Notice("balance=size does nothing without file_extension", "sizes_without_files")


def _cap_notice(cut: int, most: int | None) -> Iterator[Notice]:
    if cut:
        text = f"THE CAP CUT {counted(cut, 'job').upper()}: only {most:,} are dispatched"
        yield Notice(text, "cap", "Raise --max_number_of_tasks_dispatched")


def _file_notices(request: DispatchRequest) -> Iterator[Notice]:
    rule = request.several_files
    if request.group_by and (request.split_files or rule == "each"):
        name = "several_files=each" if rule == "each" else "split_files"
        text = f"{name} is ignored: assets are grouped, and a group is one job with all files"
        yield Notice(text, "rule_with_groups")
    elif rule in ("each", "together") and request.split_files == (rule == "together"):
        text = f"split_files={request.split_files:d} is ignored: several_files={rule} is set"
        yield Notice(text, "rule_contradicted")
    if rule and not request.file_extension:
        text = f"several_files={rule} does nothing without file_extension"
        yield Notice(text, "rule_without_files")
