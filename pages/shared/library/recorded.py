"""The dispatches that are recorded in the folder into which the app writes."""

from __future__ import annotations

from dispatch_core.connect import DEMO_LABEL
from dispatch_core.earlier.history import HistoryRow, read_history
from dispatch_core.errors import DispatchError
from dispatch_core.text.words import counted
from dispatch_core.types import Progress
from pages.shared.state.services import current_settings, executor, open_sources, output_root
from pages.shared.state.session import Session
from pages.shared.state.work import Work, start_work

Rows = tuple[HistoryRow, ...]


def ask_history(session: Session) -> Work[Rows]:
    """The records in the output root, read once for each visit of a page; no folder is listed."""
    key = (output_root(), session.epoch)  # each visit of a page has an epoch of its own
    work = session.work.history
    if work is None or work.key != key:
        read_again(session)
        work = start_work(executor(), key, lambda progress: _read(progress, looks_inside=False))
        session.keep_work(history=work)
    return work


def ask_folders(session: Session) -> Work[Rows]:
    """The same records, with what is in their folders: 1,000 folders take some seconds."""
    key = (output_root(), session.epoch)
    work = session.work.folders
    if work is None or work.key != key:
        work = start_work(executor(), key, lambda progress: _read(progress, looks_inside=True))
        session.keep_work(folders=work)
    return work


def read_again(session: Session) -> None:
    """Forget the records, so that they are read again; nothing reads them twice at a time."""
    for work in (session.work.history, session.work.folders):
        if work is not None:
            work.cancel()
    session.keep_work(history=None, folders=None)
    session.keep_view(record_error=None)


def _read(progress: Progress, *, looks_inside: bool) -> Rows:
    root = output_root()
    if not root.is_dir():
        return ()
    return read_history(root, looks_inside=looks_inside, progress=progress)


def title_of(row: HistoryRow) -> str:
    """A dispatch in one line: its name, when, and how many jobs."""
    jobs = "its record cannot be read" if row.problem else counted(row.jobs, "job")
    return f"{row.name} ({short_time(row.at)}, {jobs})"


def short_time(text: str) -> str:
    """``2026-11-28 22:17`` of a time in ISO 8601."""
    return text[:16].replace("T", " ")


def why_read_only(row: HistoryRow) -> str:
    """Why the request of a record cannot be used here; empty if it can."""
    if row.problem:
        return f"This record is shown only: {row.problem}."
    try:
        here = open_sources(current_settings()).metadata.label
    except DispatchError as error:
        return str(error)
    if row.source == here or both_are_demos(row.source, here):
        return ""
    named = row.source or "not recorded"
    return f"This record is shown only: its source is {named}, and the app reads {here}."


def both_are_demos(source: str, other: str) -> bool:
    """Whether both are the embedded demo, which may have more assets now."""
    return source.startswith(DEMO_LABEL) and other.startswith(DEMO_LABEL)
