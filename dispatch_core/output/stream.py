"""The stream of job files, checked and counted while it is read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dispatch_core.output.disk import callers_errors

JobFile = tuple[str, bytes]
"""A path below the output folder, ``0/<uuid>.json``, and the bytes of the file."""

Status = Literal["written", "finished", "confirmed", "replaced", "marked"]

_JOB_PATH = re.compile(r"(0|[1-9][0-9]{0,8})/([A-Za-z0-9][A-Za-z0-9._-]{0,199}\.json)")


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What is now in place, all of it durable.

    Attributes
    ----------
    status
        ``written``: the target was absent or empty. ``finished``: it had a part of this
        dispatch. ``confirmed``: it had all of it, and nothing was written.
        ``replaced``: it had something else. ``marked``: a file says that the dispatch has no job.
    file_count, worker_count
        Of the whole dispatch, including files that existed before.
    moved_aside
        The new path of the replaced folder; nothing in it was changed.
    """

    target: Path
    status: Status
    file_count: int
    worker_count: int
    moved_aside: Path | None = None


class JobStream:
    """The job files in order, each path checked, with counts of the files and workers so far.

    The first file is read at once, so that an empty or failing stream is an error before
    anything is made on the disk.
    """

    def __init__(self, files: Iterable[JobFile]) -> None:
        self.file_count = 0
        self.worker_count = 0
        self._files = self._checked(files)
        first = next(self._files, None)
        if first is None:
            raise ValueError("the dispatch has no files")
        self._first = first

    def __iter__(self) -> Iterator[JobFile]:
        return itertools.chain([self._first], self._files)

    def close(self) -> None:
        """Let go of the files that were not read."""
        self._files.close()

    def _checked(self, files: Iterable[JobFile]) -> Generator[JobFile, None, None]:
        worker = ""
        names: set[str] = set()
        with callers_errors():
            for path, content in files:
                match = _JOB_PATH.fullmatch(path)
                if match is None:
                    raise ValueError(f"not a path of a job file: {path!r}")
                if match[1] != worker:
                    worker = self._next_worker(match[1])
                    names.clear()
                if match[2] in names:
                    raise ValueError(f"twice in one dispatch: {path!r}")
                names.add(match[2])
                self.file_count += 1
                yield path, content

    def _next_worker(self, worker: str) -> str:
        if worker != str(self.worker_count):
            raise ValueError(f"worker {worker} where worker {self.worker_count} comes next")
        self.worker_count += 1
        return worker


def worker_of(path: str) -> str:
    """The worker folder of a job file's path."""
    return path.partition("/")[0]
