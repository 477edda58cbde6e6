"""The runs that a dispatch was handed over to, in a file beside its record.

A run is noted before it is requested, so that a crash or a lost answer never leads to a
second run: the note without an ID says that one may have started.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dispatch_core.earlier.record import SUFFIX
from dispatch_core.engines.codeocean import Run, Settings, Target, is_run_id
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


def new_row(settings: Settings, target: Target, fingerprint: str) -> RunRow:
    """The note of a run that is about to be requested."""
    now = _now()
    place = (settings.domain, target.kind, target.id, target.release)
    return RunRow("codeocean", *place, fingerprint, "", STARTING, now, now)


def seen(row: RunRow, run: Run) -> RunRow:
    """`row` with the ID and the state of `run`, which was just seen."""
    return RunRow(**asdict(row) | {"run": run.id, "state": str(run), "seen_at": _now()})


def last_run(
    rows: Sequence[RunRow], settings: Settings, target: Target, fingerprint: str
) -> RunRow | None:
    """The last run of this dispatch in this pipeline, or None."""
    wanted = (settings.domain, target.kind, target.id, target.release, fingerprint)
    for row in reversed(rows):
        if (row.domain, row.kind, row.target, row.release, row.fingerprint) == wanted:
            return row
    return None


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
