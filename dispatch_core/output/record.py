"""The record of a dispatch: our own account of it, beside the worker folders."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.errors import showable


def dispatch_record(plan: DispatchPlan, status: str, dispatched_by: str = "") -> dict[str, Any]:
    """Our own record of a dispatch, which lies beside the worker folders.

    ``dispatched_by`` is null where nobody signs in.
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
        "warnings": list(plan.warnings),
        "exclusions": [
            # a name may hold half a surrogate pair, and a record is read again
            {name: showable(str(text)) for name, text in asdict(row).items()}
            for row in plan.exclusions
        ],
    }


def record_beside(folder: Path) -> Path:
    """Where the record of a dispatch into `folder` lies: beside it, never in it."""
    return folder.with_name(f"{folder.name}.dispatch.json")
