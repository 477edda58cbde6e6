"""The dispatch that is handed over as a request, as its record says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dispatch_core.earlier.record import SUFFIX, as_record
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.output.disk import real_target
from dispatch_core.output.expectation import read_fingerprint
from dispatch_core.output.record import record_beside
from dispatch_core.request import DispatchRequest, load_request
from dispatch_core.text.strict_json import load_json


@dataclass(frozen=True, slots=True)
class HandedDispatch:
    """What the record of a dispatch says: the request, and the plan that came of it."""

    record: Path
    request: DispatchRequest
    fingerprint: str
    jobs: int
    source: str


def read_dispatch(path: Path) -> HandedDispatch:
    """The dispatch into the worker folder `path`, or of the record `path`.

    Raises
    ------
    InvalidInput
        The record is missing, is something else, or has no job.
    """
    is_record = path.name.endswith(SUFFIX) or (path.is_file() and path.suffix != ".zip")
    record = path if is_record else record_beside(real_target(path))
    try:
        content = record.read_bytes()
    except OSError as error:
        what = f"the record of the dispatch cannot be read: {error.strerror or error}"
        action = "Give the worker folder beside its record, or the record itself"
        raise InvalidInput(Issue(what, str(record), action)) from None
    document = as_record(load_json(content, record.name))
    if document is None:
        raise InvalidInput(
            Issue("it is not the record of a dispatch", str(record), f"Give OUT{SUFFIX}")
        )
    equation = document.get("equation")
    jobs = equation.get("jobs") if isinstance(equation, dict) else None
    if not isinstance(jobs, int) or jobs < 1:
        raise InvalidInput(Issue("this dispatch has no jobs", str(record), "Dispatch some first"))
    return HandedDispatch(
        record,
        load_request(content, record.name),
        read_fingerprint(str(document.get("fingerprint"))),
        jobs,
        str(document.get("source")),
    )
