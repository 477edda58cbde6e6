"""The dispatch that is handed over as a request, as its record says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispatch_core.earlier.record import SUFFIX, as_record, recorded_jobs
from dispatch_core.environment.limits import RECORD
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.output.disk import real_target
from dispatch_core.output.expectation import read_fingerprint
from dispatch_core.output.record import record_beside
from dispatch_core.request import DispatchRequest, edit_request, load_request
from dispatch_core.text.limited import read_file
from dispatch_core.text.strict_json import load_json


@dataclass(frozen=True, slots=True)
class HandedDispatch:
    """What the record of a dispatch says: the plan, and a request that makes it anywhere.

    ``is_recorded_request`` says whether that request is the one in the record.
    """

    record: Path
    request: DispatchRequest
    fingerprint: str
    jobs: int
    source: str
    is_recorded_request: bool


def read_dispatch(path: Path) -> HandedDispatch:
    """The dispatch into the worker folder `path`, or of the record `path`.

    Raises
    ------
    InvalidInput
        The record is missing, is something else, or has no job.
    """
    record, content = _record_of(path)
    document = as_record(load_json(content, record.name, RECORD))
    if document is None:
        raise InvalidInput(
            Issue("it is not the record of a dispatch", str(record), f"Give OUT{SUFFIX}")
        )
    equation = document.get("equation")
    jobs = equation.get("jobs") if isinstance(equation, dict) else None
    if not isinstance(jobs, int) or jobs < 1:
        raise InvalidInput(Issue("this dispatch has no jobs", str(record), "Dispatch some first"))
    recorded = load_request(content, record.name)
    request = _without_paths(recorded, document, record.name)
    return HandedDispatch(
        record,
        request,
        read_fingerprint(str(document.get("fingerprint"))),
        jobs,
        str(document.get("source")),
        request is recorded,
    )


def _record_of(path: Path) -> tuple[Path, bytes]:
    """The record of the worker folder `path`, or `path` itself, and its content."""
    is_record = path.name.endswith(SUFFIX) or (path.is_file() and path.suffix != ".zip")
    record = path if is_record else record_beside(real_target(path))
    try:
        return record, read_file(record, RECORD, record.name)
    except OSError as error:
        what = f"the record of the dispatch cannot be read: {error.strerror or error}"
        action = "Give the worker folder beside its record, or the record itself"
        raise InvalidInput(Issue(what, str(record), action)) from None


def _without_paths(
    request: DispatchRequest, record: Mapping[str, Any], where: str
) -> DispatchRequest:
    """`request` as another machine can replay it, with the same plan.

    The earlier dispatches of ``not_in`` are on this machine only, so the jobs that remained
    are named instead.
    """
    if not request.not_in:
        return request
    jobs = recorded_jobs(record, where)
    if jobs is None:
        what = "it excludes earlier dispatches, and does not name the jobs that remained"
        raise InvalidInput(Issue(what, where, "Dispatch again, and hand that over"))
    return edit_request(request, not_in=None, only_jobs=[job.name for job in jobs])
