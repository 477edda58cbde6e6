"""The record of a dispatch, read back: as a whole, or only its jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dispatch_core.earlier.jobs import EarlierJob
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.types import JsonValue

SUFFIX = ".dispatch.json"

VERSION = 2
"""The latest kind of record that this version reads."""

_MOST_COUNT = 10**9


def as_record(value: JsonValue) -> dict[str, Any] | None:
    """`value` if it is a dispatch record, else None."""
    is_record = (
        isinstance(value, dict)
        and type(value.get("record")) is int
        and isinstance(value.get("request"), dict)
    )
    return value if isinstance(value, dict) and is_record else None


def worker_sizes(record: Mapping[str, Any]) -> list[int]:
    """The number of jobs of each worker; empty if the record does not say it."""
    sizes = record.get("worker_sizes")
    return sizes if isinstance(sizes, list) and all(map(is_count, sizes)) else []


def is_count(value: object) -> bool:
    """Whether a value of a record can be a number of jobs or assets."""
    return type(value) is int and 0 <= value < _MOST_COUNT


def recorded_jobs(record: Mapping[str, Any], where: str) -> tuple[EarlierJob, ...] | None:
    """The jobs of a record; None for an old record, which does not have their names.

    Raises
    ------
    InvalidInput
        A row is not the name of a job, the record ids of its assets, and its files.
    """
    rows, names = record.get("jobs"), record.get("assets")
    if not isinstance(rows, list):
        return None
    names = names if isinstance(names, dict) else {}
    return tuple(_job(row, names, where) for row in rows)


def _job(row: JsonValue, names: Mapping[str, Any], where: str) -> EarlierJob:
    match row:
        case [str(name), [*records], None | [*_] as files] if _are_texts(records, files):
            assets = tuple(str(names.get(one, one)) for one in records)
            held = None if files is None else tuple(files)
            return EarlierJob("", name, assets, tuple(records), files=held)
    what = f"a row of jobs is not [name, record ids, files]: {str(row)[:80]}"
    raise InvalidInput(Issue(what, where, "Give the record as it was written"))


def _are_texts(records: Iterable[object], files: Iterable[object] | None) -> bool:
    return all(isinstance(one, str) for one in (*records, *(files or ())))
