"""Compares a checked folder with the record beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from dispatch_core.earlier.contents import open_file
from dispatch_core.earlier.faults import Checked, Fault, FaultKind, in_order
from dispatch_core.earlier.jobs import EarlierJob
from dispatch_core.earlier.record import (
    SUFFIX,
    VERSION,
    as_record,
    recorded_jobs,
    worker_sizes,
)
from dispatch_core.environment.limits import RECORD
from dispatch_core.errors import InvalidInput
from dispatch_core.text.limited import read_stream
from dispatch_core.text.strict_json import load_json
from dispatch_core.text.words import counted


def compare_with_record(checked: Checked, folder: Path) -> Checked:
    """`checked` with what differs from the record beside the folder, if there is one."""
    real = folder.resolve()
    file = real.with_name(f"{real.name}{SUFFIX}") if real.name else None
    if file is None or not os.path.lexists(file):
        return checked
    try:
        record = _read(file)
        jobs = recorded_jobs(record, file.name)
    except (InvalidInput, OSError) as error:
        what = error.issues[0].what if isinstance(error, InvalidInput) else error.strerror
        return _with(checked, [Fault(FaultKind.NO_RECORD, file.name, what or str(error))])
    if jobs is None:
        return _with(checked, [], *_notes_of_old(record, checked, file.name))
    faults = list(_faults(checked.paths, jobs, file.name))
    return _with(checked, faults, *_placement(checked.paths, jobs, record, file.name))


def _with(checked: Checked, faults: list[Fault], *notes: str) -> Checked:
    return replace(
        checked, faults=in_order([*checked.faults, *faults]), notes=(*checked.notes, *notes)
    )


def _read(file: Path) -> dict[str, Any]:
    with open_file(file, follow=False) as stream:
        content = read_stream(stream, RECORD, file.name)
    record = as_record(load_json(content, file.name, RECORD))
    if record is None:
        raise InvalidInput("it is not a dispatch record")
    if record["record"] > VERSION:
        raise InvalidInput(f"it is from a later version (record {record['record']})")
    return record


def _faults(paths: Mapping[str, str], jobs: tuple[EarlierJob, ...], record: str) -> Iterator[Fault]:
    recorded = {job.name: job for job in jobs}
    if paths and recorded and not paths.keys() & recorded.keys():
        what = f"it has none of the {counted(len(paths), 'job')}, but {len(recorded):,} others"
        yield Fault(FaultKind.OTHER_RECORD, record, what)
        return
    for name, job in recorded.items():
        if name not in paths:
            yield Fault(FaultKind.MISSING_JOB, f"{name}.json", f"the job of {job.title}")
    for name, path in paths.items():
        if name not in recorded:
            yield Fault(FaultKind.EXTRA_JOB, path, f"{record} does not have it")


def _placement(
    paths: Mapping[str, str],
    jobs: tuple[EarlierJob, ...],
    record: Mapping[str, Any],
    file: str,
) -> Iterator[str]:
    """Whether jobs are in another worker folder than the record says."""
    sizes = worker_sizes(record)
    if sum(sizes) != len(jobs):
        return
    workers = chain.from_iterable(repeat(number, size) for number, size in enumerate(sizes))
    moved = sum(
        job.name in paths and paths[job.name].split("/")[-2] != str(worker)
        for job, worker in zip(jobs, workers, strict=True)
    )
    if moved:
        verb = "is" if moved == 1 else "are"
        yield f"{counted(moved, 'job')} {verb} in another worker folder than in {file}"


def _notes_of_old(record: Mapping[str, Any], checked: Checked, file: str) -> Iterator[str]:
    yield f"{file} is from an older version, which did not record the jobs: only their number"
    count = sum(worker_sizes(record))
    if count not in (0, checked.jobs):
        yield f"{file} has {counted(count, 'job')}, the folder {checked.jobs:,}"
