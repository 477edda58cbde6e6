"""One sentence about a plan, to read before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.text.byte_size import size_text
from dispatch_core.text.reasons import reason_in_words
from dispatch_core.text.words import counted
from dispatch_core.types import DataAsset, FileEntry
from dispatch_core.views.asset_facts import count_subjects, day_range

_MOST_REASONS = 3


def summary_of(plan: DispatchPlan) -> str:
    """What will be written: assets, subjects, dates, files with their size, jobs, excluded."""
    assets = {one.asset.record_id: one.asset for job in plan.jobs for one in job.assets}
    located = (one for job in plan.jobs for one in job.assets)
    files = {file.location: file for one in located for file in one.files or ()}
    jobs = f"{counted(len(plan.jobs), 'job')} for {counted(len(plan.workers), 'worker')}"
    about = "".join(
        [
            counted(len(assets), "asset"),
            _subjects(list(assets.values())),
            _days(list(assets.values())),
            _files(list(files.values())) if plan.request.file_extension else "",
        ]
    )
    return f"{jobs}, from {about}. {_excluded(plan)}"


def _subjects(assets: Sequence[DataAsset]) -> str:
    subjects = count_subjects(assets)
    return f" of {counted(subjects, 'subject')}" if subjects else ""


def _days(assets: Sequence[DataAsset]) -> str:
    days = day_range(assets)
    if days is None:
        return ""
    first, last = days
    return f", acquired on {first}" if first == last else f", acquired from {first} to {last}"


def _files(files: Sequence[FileEntry]) -> str:
    sizes = [one.size for one in files if one.size is not None]
    text = f", with {counted(len(files), 'file')}"
    if not sizes:
        return f"{text} of unknown size"
    unknown = len(files) - len(sizes)
    more = f" and {unknown:,} of unknown size" if unknown else ""
    return f"{text} ({size_text(sum(sizes))}{more})"


def _excluded(plan: DispatchPlan) -> str:
    reasons = Counter(reason_in_words(row.reason) for row in plan.exclusions)
    if not reasons:
        return "Nothing is excluded."
    named = [f"{count:,} {reason}" for reason, count in reasons.most_common(_MOST_REASONS)]
    others = sum(reasons.values()) - sum(count for _, count in reasons.most_common(_MOST_REASONS))
    named += [f"{others:,} for other reasons"] if others else []
    return f"Excluded: {', '.join(named)}."
