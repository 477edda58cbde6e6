"""The record of a dispatch, written beside the worker folders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.errors import InvalidInput, Issue, showable
from dispatch_core.text.strict_json import load_json


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
        "record": 1,
        "dispatched_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dispatched_by": dispatched_by or None,
        "status": status,
        "source": plan.source,
        "buckets": plan.buckets,
        "fingerprint": plan.fingerprint,
        "equation": asdict(plan.equation),
        "request": json.loads(plan.request.to_json()),
        "processed": _processed(plan),
        "origins": {name: showable(text) for name, text in (origins or {}).items()},
        "warnings": list(map(str, plan.warnings)),
        "exclusions": [
            # a name may contain half a surrogate pair, and a record is read again
            {column: showable(text) for column, text in row.texts().items()}
            for row in plan.exclusions
        ],
    }


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
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


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
    return folder.with_name(f"{folder.name}.dispatch.json")


def read_record(path: Path) -> dict[str, Any] | None:
    """The dispatch record in the file `path`, or None if the file is something else."""
    try:
        record = load_json(path.read_bytes(), path.name)
    except (InvalidInput, OSError):
        return None
    is_record = (
        isinstance(record, dict)
        and isinstance(record.get("record"), int)
        and isinstance(record.get("request"), dict)
    )
    return record if isinstance(record, dict) and is_record else None
