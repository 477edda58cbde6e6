"""Whether a plan is the one that was expected, by its fingerprint, and what differs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.drift import drift_since, recorded_in
from dispatch_core.earlier.head import read_record
from dispatch_core.errors import InvalidInput, Issue

_OPTION = "--expect_fingerprint"
_FINGERPRINT = re.compile("[0-9a-f]{12,64}")  # the first 12 are what a notebook shows


def request_line(plan: DispatchPlan) -> str:
    """The fingerprint and the request of `plan` as JSON in one line of ASCII.

    It can be found in a log by its start, and replayed as a saved request.
    """
    request = json.loads(plan.request.to_json())
    return json.dumps({"fingerprint": plan.fingerprint, "request": request})


def read_fingerprint(text: str) -> str:
    """A fingerprint, or its first 12 digits or more; raises `InvalidInput` for other text."""
    fingerprint = text.strip().lower()
    if not _FINGERPRINT.fullmatch(fingerprint):
        action = "Copy it from the line fingerprint: of an earlier run, at least 12 digits"
        raise InvalidInput(Issue(f"{text!r} is not a fingerprint", _OPTION, action))
    return fingerprint


def require_fingerprint(plan: DispatchPlan, expected: str, records: Iterable[Path]) -> None:
    """Raise if `plan` is not the expected one.

    Parameters
    ----------
    records
        Files that may be the record of the expected dispatch, which shows what differs.

    Raises
    ------
    InvalidInput
        The fingerprints differ; the message has the known differences.
    """
    if plan.fingerprint.startswith(expected):
        return
    what = f"this plan has the fingerprint {plan.fingerprint}: {plan.equation}"
    action = f"If this is right, expect {plan.fingerprint[:12]}. No job was written"
    record = _record_of(expected, records)
    if record is None:
        known = "no record of the expected dispatch is beside the output or given by --request"
    else:
        found = [*_differences(plan, record), *_drifted(plan, record)]
        known = "; ".join(found) or "request, source and numbers are the same, but not the jobs"
    raise InvalidInput(Issue(f"{what}. Compared with what was expected: {known}", _OPTION, action))


def _record_of(expected: str, records: Iterable[Path]) -> Mapping[str, Any] | None:
    for path in records:
        record = read_record(path)
        if record is not None and str(record.get("fingerprint")).startswith(expected):
            return record
    return None


def _differences(plan: DispatchPlan, record: Mapping[str, Any]) -> Iterator[str]:
    """What differs from the expected dispatch: request, source, numbers."""
    request = json.loads(plan.request.to_json())
    names = _unequal(record["request"], request)
    if names:
        yield f"other values of {', '.join(names)}"
    for place, now in (("source", plan.source), ("buckets", plan.buckets)):
        if record.get(place) != now:
            yield f"{place} {now} (expected {record.get(place)})"
    numbers = asdict(plan.equation)
    before = record.get("equation")
    before = before if isinstance(before, dict) else {}
    for name in _unequal(before, numbers):
        yield f"{name} {numbers.get(name)} (expected {before.get(name)})"


def _drifted(plan: DispatchPlan, record: Mapping[str, Any]) -> Iterator[str]:
    """Which jobs are new or gone, if the record has its jobs, with the first one."""
    recorded = recorded_in(record, "the record")
    if recorded.jobs is None:
        return
    drift = drift_since(recorded, plan)
    yield str(drift)
    for job, why in drift.gone[:1]:
        yield f"gone is {job.title} ({job.file_name}): {why}"
    for new in drift.new[:1]:
        yield f"new is {', '.join(one.asset.name for one in new.assets)} ({new.name})"


def _unequal(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [name for name in {**one, **other} if one.get(name) != other.get(name)]
