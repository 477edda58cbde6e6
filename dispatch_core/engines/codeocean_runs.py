"""The runs that a dispatch was handed over to, in a file beside its record.

A run is noted before it is requested, so that a crash or a lost answer never leads to a
second run: the note without an ID says that one may have started.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dispatch_core.earlier.record import SUFFIX
from dispatch_core.engines.codeocean import Run, Settings, Target, is_run_id, run_address
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.output.text_file import write_text_file
from dispatch_core.text.strict_json import load_json

ENDING = ".codeocean.json"
STARTING = "starting"
_LAYOUT = 1


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of one dispatch; ``run`` is its ID, empty if it is not known whether it started."""

    engine: str
    domain: str
    kind: str
    target: str
    release: int | None
    fingerprint: str
    run: str
    state: str
    started_at: str
    seen_at: str


def runs_file(record: Path) -> Path:
    """The file beside a record: ``out.codeocean.json`` for ``out.dispatch.json``."""
    name = record.name.removesuffix(SUFFIX).removesuffix(".json")
    return record.with_name(f"{name}{ENDING}")


@dataclass(frozen=True, slots=True)
class RunNotes:
    """The runs of one dispatch in one pipeline, in a file that may have those of others too."""

    file: Path
    settings: Settings
    target: Target
    fingerprint: str

    def last(self) -> RunRow | None:
        """The last run, or None. Raises `InvalidInput` if the file is something else."""
        rows = [row for row in read_runs(self.file) if self._is_ours(row)]
        return rows[-1] if rows else None

    def _is_ours(self, row: RunRow) -> bool:
        target = self.target
        wanted = (self.settings.domain, target.kind, target.id, target.release, self.fingerprint)
        return (row.domain, row.kind, row.target, row.release, row.fingerprint) == wanted

    def note_start(self) -> None:
        """Note a run that is about to be requested."""
        place = (self.settings.domain, self.target.kind, self.target.id, self.target.release)
        now = _now()
        row = RunRow("codeocean", *place, self.fingerprint, "", STARTING, now, now)
        write_runs(self.file, [*self._others(""), row])

    def note(self, run: Run) -> None:
        """Note the state of `run`, which was just seen and is the last one."""
        last = self.last()
        assert last is not None, "a run is noted before it is requested"
        row = replace(last, run=run.id, state=str(run), seen_at=_now())
        write_runs(self.file, [*self._others(run.id), row])

    def forget_start(self) -> None:
        """Remove the note of a run that was not started."""
        write_runs(self.file, self._others(""))

    def _others(self, run_id: str) -> list[RunRow]:
        """The rows without the last one, if that is this run or one that may have started."""
        rows, last = list(read_runs(self.file)), self.last()
        if last is not None and last.run in ("", run_id):
            rows.remove(last)
        return rows

    def whereabouts(self) -> str:
        """What is known about the last run, and what to do to see it."""
        row = self.last()
        if row is None:
            return "no run was started"
        if not row.run:
            return "whether a run started is not known: look at the runs in Code Ocean"
        address = run_address(self.settings, row.run)
        return (
            f"run {row.run} goes on without this command (last seen: {row.state}; {address}); "
            "the same command looks at it again"
        )


def read_runs(path: Path) -> tuple[RunRow, ...]:
    """The runs in the file, none if it does not exist.

    Raises
    ------
    InvalidInput
        The file is something else.
    """
    try:
        document = load_json(path.read_bytes(), str(path))
    except FileNotFoundError:
        return ()
    except OSError as error:
        what = f"it cannot be read: {error.strerror or error}"
        raise InvalidInput(Issue(what, str(path), "Check its permissions")) from None
    rows = document.get("runs") if isinstance(document, dict) else None
    try:
        return tuple(_row(one) for one in rows)  # type: ignore[union-attr]
    except (TypeError, ValueError):
        action = "Move it: the runs of Code Ocean are noted here"
        raise InvalidInput(Issue("it is not a list of runs", str(path), action)) from None


def _row(fields: Any) -> RunRow:
    row = RunRow(**fields)
    if row.run and not is_run_id(row.run):
        raise ValueError("not the ID of a run")
    return row


def write_runs(path: Path, rows: Sequence[RunRow]) -> None:
    """The runs as the whole content of the file, durable."""
    document = {"codeocean_runs": _LAYOUT, "runs": [asdict(row) for row in rows]}
    write_text_file(path, json.dumps(document, indent=2) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
