"""The record of a dispatch, written beside the worker folders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.drift import Drift
from dispatch_core.earlier.record import SUFFIX
from dispatch_core.errors import InvalidInput, Issue, showable
from dispatch_core.job_model import Job


def dispatch_record(
    plan: DispatchPlan,
    status: str,
    dispatched_by: str = "",
    origins: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The record of a dispatch as a JSON object.

    ``dispatched_by`` is null if users do not sign in. ``origins`` maps an option of the
    command line to where its value is from: the option itself, or a variable.
    """
    return {
        "record": 2,
        "dispatched_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dispatched_by": dispatched_by or None,
        "status": status,
        "source": plan.source,
        "buckets": plan.buckets,
        "fingerprint": plan.fingerprint,
        "equation": asdict(plan.equation),
        **_extensions(plan),
        "request": json.loads(plan.request.to_json()),
        "processed": _processed(plan),
        "origins": {name: showable(text) for name, text in (origins or {}).items()},
        "warnings": list(map(str, plan.warnings)),
        "exclusions": [
            # a name may contain half a surrogate pair, and a record is read again
            {column: showable(text) for column, text in row.texts().items()}
            for row in plan.exclusions
        ],
        "drift": None if plan.drift is None else _drift(plan.drift),
        "worker_sizes": [len(worker) for worker in plan.workers],
        # last, and one line each, so that a reader of many records can stop before them
        "assets": _asset_names(plan),
        "jobs": [_job_row(job) for _, job in plan.assigned_jobs()],
    }


def _extensions(plan: DispatchPlan) -> dict[str, dict[str, int]]:
    """The number of assets with files of each extension; nothing unless there are several."""
    counts = {showable(name): number for name, number in plan.extension_counts.items()}
    return {"extensions": counts} if counts else {}


def _drift(drift: Drift) -> dict[str, Any]:
    """What drifted since the record that was replayed: every job, and why each is gone."""
    return {
        "since": drift.since or None,
        "is_known": drift.is_known,
        "same": drift.same,
        "changed": drift.changed,
        "notes": list(map(showable, drift.notes)),
        "new": [job.name for job in drift.new],
        "gone": [
            {"job": one.file_name, "assets": list(map(showable, one.assets)), "why": showable(why)}
            for one, why in drift.gone
        ],
    }


def _asset_names(plan: DispatchPlan) -> dict[str, str]:
    """Record id -> asset name, of the assets that have jobs."""
    assets = (one.asset for job in plan.jobs for one in job.assets)
    return {showable(one.record_id): showable(one.name) for one in assets}


def _job_row(job: Job) -> list[Any]:
    """The name of a job, the record ids of its assets, and its files (null if none are listed)."""
    is_listed = any(one.files is not None for one in job.assets)
    files = [showable(file.location) for one in job.assets for file in one.files or ()]
    return [
        job.name,
        [showable(one.asset.record_id) for one in job.assets],
        files if is_listed else None,
    ]


def _processed(plan: DispatchPlan) -> dict[str, Any] | None:
    """Which jobs were already processed, with their records; null if that was not checked."""
    if plan.processed is None:
        return None
    found = plan.processed.findings
    return {
        "results": plan.processed.source,
        "analysis_code": None if plan.processed.frame is None else asdict(plan.processed.frame),
        "note": plan.processed.note,
        "jobs": [
            {
                "job": job.name,
                "verdict": found[job.name].verdict,
                "by": showable(found[job.name].record.by),
                "record": showable(found[job.name].record.name),
                "location": showable(found[job.name].record.location),
                "ended": showable(found[job.name].record.ended),
            }
            for job in plan.processed_jobs
        ],
    }


def record_text(
    plan: DispatchPlan,
    status: str,
    dispatched_by: str = "",
    origins: Mapping[str, str] | None = None,
) -> str:
    """The record of a dispatch as the text of its file."""
    record = dispatch_record(plan, status, dispatched_by, origins)
    rows = record.pop("jobs")
    head = json.dumps(record, indent=2, ensure_ascii=False).removesuffix("\n}")
    lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in rows)
    return f'{head},\n  "jobs": [\n{lines}\n  ]\n}}\n'


def record_beside(folder: Path) -> Path:
    """The path of the record of a dispatch into `folder`: beside it, never in it.

    Raises
    ------
    InvalidInput
        `folder` is the root of the file system, and nothing can be beside it.
    """
    if not folder.name:
        what = "this is the root of the file system, which cannot hold the worker folders"
        raise InvalidInput(Issue(what, str(folder), "Choose another folder"))
    return folder.with_name(f"{folder.name}{SUFFIX}")
