"""The records of a results collection, as far as they say what was processed.

Every failure here is a `ServiceError`: a check that failed never means that a job is new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from dispatch_core.errors import AnswerTooLarge, EmptyCollection, InvalidInput, Issue, ServiceError
from dispatch_core.processed.frame import Frame, LearnedFrame
from dispatch_core.processed.meaning import bare_url
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, Pipeline, Progress, Record
from dispatch_core.walk import in_order, walk_records

_T = TypeVar("_T")

NAMES_A_REQUEST = 1_000
"""The most names, or urls, of one request."""

_PROCESSES = "processing.data_processes"
_INPUTS = f"{_PROCESSES}.code.input_data.url"
_PROJECTION = {
    "_id": 1,
    "name": 1,
    "location": 1,
    f"{_PROCESSES}.code": 1,
    f"{_PROCESSES}.end_date_time": 1,
}


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """One process of a record: what ran, when it ended, and where its results are."""

    name: str
    location: str
    ended: str
    code: dict[str, Any]

    @property
    def by(self) -> str:
        """The wrapper and its version."""
        url, name, version = (_text(self.code.get(key)) for key in ("url", "name", "version"))
        return f"{name or url or 'unnamed code'} {version}".rstrip()


def learn_frames(results: MetadataSource) -> tuple[LearnedFrame, ...]:
    """Every wrapper and version in the results, most results first; one request."""
    keys = ("url", "name", "version")
    group = {
        "_id": {key: f"${_PROCESSES}.code.{key}" for key in keys},
        "count": {"$sum": 1},
        "latest": {"$max": f"${_PROCESSES}.end_date_time"},
    }
    pipeline: Pipeline = [{"$unwind": f"${_PROCESSES}"}, {"$group": group}]
    rows: list[Record] = _asked(results, lambda: results.aggregate(pipeline), [])
    frames = (_learned(row) for row in rows)
    return tuple(sorted((one for one in frames if one), key=_order))


def count_results(results: MetadataSource) -> int:
    """The number of records in the results, whatever they are about; one request."""
    return _asked(results, lambda: results.count({}), 0)


def _learned(row: Record) -> LearnedFrame | None:
    """The frame of a row of the answer; None if it is not about code."""
    code, count = row.get("_id"), row.get("count")
    if not isinstance(code, dict) or not isinstance(count, int):
        return None
    url, name, version = (_text(code.get(key)) or None for key in ("url", "name", "version"))
    if (url, name, version) == (None, None, None):
        return None
    return LearnedFrame(url, name, version, count, _text(row.get("latest")))


def _order(one: LearnedFrame) -> tuple[object, ...]:
    return -one.count, one.name or "", one.version or "", one.url or ""


def records_named(
    results: MetadataSource, names: Sequence[str], frame: Frame, progress: Progress
) -> Iterator[ResultRecord]:
    """The records with these names, each once; 1,000 names a request.

    Of several processes in a record, the one of the wrapper of `frame` has its name.
    """
    wrapper = (frame.url, frame.name, frame.version)
    for record in _read_all(results, "name", names, progress):
        found = list(_processes(record)) or [_result(record, "", {})]
        keys = ("url", "name", "version")
        own = (one for one in found if tuple(map(one.code.get, keys)) == wrapper)
        yield next(own, found[0])


def records_about(
    results: MetadataSource, urls: Iterable[str], progress: Progress
) -> Iterator[ResultRecord]:
    """The records that have one of these inputs, also where it ends with a slash."""
    spelled = {
        form: None
        for url in filter(_is_utf_8, urls)
        for form in (url, bare_url(url), f"{bare_url(url)}/")
    }
    for record in _read_all(results, _INPUTS, list(spelled), progress):
        yield from _processes(record)


def _is_utf_8(text: str) -> bool:
    """Whether a database can hold `text`: half of a surrogate pair would refuse the request."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_all(
    results: MetadataSource, path: str, values: Sequence[str], progress: Progress
) -> Iterator[Record]:
    starts = range(0, len(values), NAMES_A_REQUEST)
    chunks = (values[start : start + NAMES_A_REQUEST] for start in starts)
    calls = (partial(_read, results, path, chunk) for chunk in chunks)
    for number, records in enumerate(in_order(calls), 1):
        progress("processed", min(number * NAMES_A_REQUEST, len(values)), len(values))
        yield from records


def _read(results: MetadataSource, path: str, values: Sequence[str]) -> list[Record]:
    """The records with one of `values` at `path`; fewer values at a time if they are too many."""
    wanted: Filter = {path: {"$in": list(values)}}
    try:
        return _asked(
            results, lambda: results.aggregate([{"$match": wanted}, {"$project": _PROJECTION}]), []
        )
    except AnswerTooLarge:
        if len(values) == 1:
            return _asked(results, lambda: list(walk_records(results, wanted, _PROJECTION)), [])
    half = len(values) // 2
    return [*_read(results, path, values[:half]), *_read(results, path, values[half:])]


def _asked(results: MetadataSource, ask: Callable[[], _T], nothing: _T) -> _T:
    """The answer of the results; a refused query means that the check failed.

    Before the first result, a service may say that the collection is absent: `nothing`.
    """
    try:
        return ask()
    except EmptyCollection:
        return nothing
    except InvalidInput as error:
        issues = [replace(one, where=f"{results.label}: {one.where}") for one in error.issues]
        action = Issue("the check for processed jobs failed", results.label, _ACTION)
        raise ServiceError([action, *issues]) from None
    except AnswerTooLarge:
        raise
    except ServiceError as error:
        action = Issue("the check for processed jobs failed", results.label, _ACTION)
        raise type(error)([*error.issues, action]) from None


_ACTION = "Correct the options --results_..., or set --skip_processed=no"


def _processes(record: Record) -> Iterator[ResultRecord]:
    """Each process of a record that says which code ran."""
    processing = record.get("processing")
    processes = processing.get("data_processes") if isinstance(processing, dict) else None
    if isinstance(processes, dict):  # the database counts it as a list of one
        processes = [processes]
    for process in processes if isinstance(processes, list) else ():
        code = process.get("code") if isinstance(process, dict) else None
        if isinstance(code, dict):
            yield _result(record, _text(process.get("end_date_time")), code)


def _result(record: Record, ended: str, code: dict[str, Any]) -> ResultRecord:
    name = _text(record.get("name")) or _text(record.get("_id"))
    return ResultRecord(name, _text(record.get("location")), ended, code)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
