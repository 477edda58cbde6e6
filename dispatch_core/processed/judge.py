"""Which jobs of a dispatch are already processed: first by name, the rest by meaning."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dispatch_core.errors import InvalidInput
from dispatch_core.job_model import Job
from dispatch_core.processed.frame import Frame, choose_frame, given_frame, unnamed_wrapper
from dispatch_core.processed.identity import RARE_FORMS, USUAL_FORMS, CodeNames
from dispatch_core.processed.meaning import JobWorks, Work, bare_url
from dispatch_core.processed.results import (
    ResultRecord,
    count_results,
    learn_frames,
    records_about,
    records_named,
)
from dispatch_core.request import DispatchRequest
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.text.job_names import job_names
from dispatch_core.types import Progress, SkipProcessed, no_progress


class Verdict(StrEnum):
    """What the results say about a job that is processed; a new job has no verdict."""

    DONE = "done"
    SPELLED_OTHERWISE = "done, spelled otherwise"
    OTHER_VERSION = "done by another version"


_RANKS = {verdict: rank for rank, verdict in enumerate(Verdict)}
_SKIPPED: Mapping[SkipProcessed, frozenset[Verdict]] = {
    "no": frozenset(),
    "report": frozenset(),
    "exact": frozenset({Verdict.DONE}),
    "same_version": frozenset({Verdict.DONE, Verdict.SPELLED_OTHERWISE}),
    "any_version": frozenset(Verdict),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one job, with the record that it is based on: the latest of the best."""

    verdict: Verdict
    record: ResultRecord

    def __str__(self) -> str:
        when = f" on {self.record.ended[:10]}" if self.record.ended else ""
        otherwise = ", spelled otherwise," if self.verdict is Verdict.SPELLED_OTHERWISE else ""
        return (
            f"already processed{otherwise} by {self.record.by}{when}: "
            f"{self.record.location or 'no location'} (record {self.record.name})"
        )


@dataclass(frozen=True, slots=True)
class Processed:
    """The result of a check.

    ``findings`` maps the name of each processed job to what was found; other jobs are new.
    ``frame`` is None if the results have no record at all, or if nothing was checked: then
    ``note`` says why. ``panel`` has the values that most records of this version have in the
    panel, if the frame has others: with those the wrapper would not recognize its jobs.
    ``attached`` has the further inputs by which records most often differ from new jobs.
    """

    source: str
    frame: Frame | None
    findings: Mapping[str, Finding] = field(default_factory=dict)
    note: str = ""
    panel: Mapping[str, str] = field(default_factory=dict)
    attached: tuple[str, ...] = ()

    def skipped(self, rule: SkipProcessed, run_anyway: Iterable[str]) -> dict[str, Finding]:
        """The processed jobs that `rule` excludes, by name."""
        kept, verdicts = job_names(run_anyway), _SKIPPED[rule]
        return {
            name: one
            for name, one in self.findings.items()
            if one.verdict in verdicts and name not in kept
        }

    def summary(self, job_count: int) -> str:
        """The number of jobs of each verdict, such as ``3 done, 1 new``."""
        if self.frame is None:
            return self.note
        counts = Counter(one.verdict for one in self.findings.values())
        parts = [f"{counts[verdict]:,} {verdict}" for verdict in Verdict if counts[verdict]]
        new = f"{job_count - len(self.findings):,} new"
        return f"{'; '.join([*parts, new])} (by {self.frame})"


def check_processed(
    jobs: Sequence[Job],
    fixed: Mapping[str, Any],
    request: DispatchRequest,
    results: MetadataSource,
    progress: Progress = no_progress,
) -> Processed:
    """What the results say about `jobs`.

    Raises
    ------
    InvalidInput
        The request names no wrapper, and several have results or no record names one.
        If the request does not ask for the check either, this is only noted.
    ServiceError
        The results cannot be read.
    """
    try:
        frame = given_frame(request.analysis_code) or _learned_frame(request, results)
    except InvalidInput as error:
        if request.skip_processed is not None or request.analysis_code is not None:
            raise
        return Processed(results.label, None, note=f"not checked: {error}")
    if frame is None:
        return Processed(results.label, None, note=_without_results(results))
    names = CodeNames(frame, fixed, is_merged=request.is_merged)
    findings = _by_name(jobs, names, frame, results, progress)
    rest = [job for job in jobs if job.name not in findings]
    works = JobWorks(jobs, frame)
    others, further = _by_meaning(rest, works, names, frame, results, progress)
    findings |= others
    return Processed(
        results.label,
        frame,
        findings,
        note="" if findings or count_results(results) else _without_results(results),
        panel=_usual_panel(others, works, frame),
        attached=_usual_inputs(further, findings),
    )


def _without_results(results: MetadataSource) -> str:
    return f"every job is new: {results.label} has no result"


def _learned_frame(request: DispatchRequest, results: MetadataSource) -> Frame | None:
    """The frame that the results have; None if they have no record at all."""
    learned = learn_frames(results)
    if not learned and (count := count_results(results)):
        raise unnamed_wrapper(count, results.label)
    return choose_frame(request.analysis_code, learned, results.label)


def _by_name(
    jobs: Sequence[Job],
    names: CodeNames,
    frame: Frame,
    results: MetadataSource,
    progress: Progress,
) -> dict[str, Finding]:
    """The jobs whose record has the name that the wrapper computes."""
    jobs_of: defaultdict[str, list[str]] = defaultdict(list)  # groups may share their assets
    for job in jobs:
        for name in names.of(job, USUAL_FORMS):
            jobs_of[name].append(job.name)
    findings: dict[str, Finding] = {}
    for record in records_named(results, list(jobs_of), frame, progress):
        for job_name in jobs_of.get(record.name, ()):
            _keep_best(findings, job_name, Finding(Verdict.DONE, record))
    return findings


def _by_meaning(
    jobs: Sequence[Job],
    works: JobWorks,
    names: CodeNames,
    frame: Frame,
    results: MetadataSource,
    progress: Progress,
) -> tuple[dict[str, Finding], dict[str, frozenset[str]]]:
    """The jobs that do the work of a record which is written in another way.

    And the further inputs of a record, by the name of the job that it equals otherwise.
    """
    jobs_of: defaultdict[Work, list[Job]] = defaultdict(list)
    for job in jobs:
        jobs_of[works.of(job)].append(job)
    urls = dict.fromkeys(job.assets[0].asset.location for job in jobs)
    findings: dict[str, Finding] = {}
    further: dict[str, frozenset[str]] = {}
    for record, verdict in _by_wrapper(records_about(results, urls, progress), frame):
        for work in works.of_code(record.code):
            for job in jobs_of.get(work, ()):
                is_named = record.name in names.of(job, RARE_FORMS)  # not asked by name
                best = Verdict.DONE if is_named else verdict
                _keep_best(findings, job.name, Finding(best, record))
            further.update(_further_inputs(work, jobs_of))
    return findings, further


def _further_inputs(
    work: Work, jobs_of: Mapping[Work, Sequence[Job]]
) -> Iterator[tuple[str, frozenset[str]]]:
    """Each job of one input that does `work` with fewer inputs, and those that it lacks."""
    inputs, files, text = work
    if len(inputs) > 1:
        for url in inputs:
            for job in jobs_of.get((frozenset((url,)), files, text), ()):
                yield job.name, inputs - {url}


def _usual_inputs(
    further: Mapping[str, frozenset[str]], findings: Mapping[str, Finding]
) -> tuple[str, ...]:
    """The most frequent further inputs of records that equal new jobs otherwise."""
    counts = Counter(urls for name, urls in further.items() if name not in findings)
    return tuple(sorted(counts.most_common(1)[0][0])) if counts else ()


def _usual_panel(
    findings: Mapping[str, Finding], works: JobWorks, frame: Frame
) -> Mapping[str, str]:
    """The most frequent panel of records of this version, if it is not that of the frame."""
    panels = Counter(
        tuple(works.panel_of(one.record.code).items())
        for one in findings.values()
        if one.verdict is Verdict.SPELLED_OTHERWISE
    )
    usual = dict(panels.most_common(1)[0][0]) if panels else {}
    return usual if usual != frame.panel else {}


def _by_wrapper(
    records: Iterable[ResultRecord], frame: Frame
) -> Iterator[tuple[ResultRecord, Verdict]]:
    """The records of the wrapper of `frame`, in any version; a renamed capsule keeps its url."""
    url = bare_url(frame.url or "")
    for record in records:
        held_url, held_name = record.code.get("url"), record.code.get("name")
        is_same_url = bool(url) and isinstance(held_url, str) and bare_url(held_url) == url
        if is_same_url or (frame.name and held_name == frame.name):
            is_same = (record.code.get("version") or None) == (frame.version or None)
            yield record, Verdict.SPELLED_OTHERWISE if is_same else Verdict.OTHER_VERSION


def _keep_best(findings: dict[str, Finding], name: str, found: Finding) -> None:
    held = findings.get(name)
    if held is None or _order(found) > _order(held):
        findings[name] = found


def _order(found: Finding) -> tuple[int, str, str]:
    return -_RANKS[found.verdict], found.record.ended, found.record.name
