"""The dispatches that are recorded in the folder into which the app writes."""

from __future__ import annotations

from dispatch_core.connect import DEMO_LABEL
from dispatch_core.earlier.history import HistoryRow, read_history
from dispatch_core.errors import DispatchError
from dispatch_core.types import Progress
from pages.shared.state.services import current_settings, executor, open_sources, output_root
from pages.shared.state.session import Session
from pages.shared.state.work import Work, start_work


def ask_history(session: Session) -> Work[tuple[HistoryRow, ...]]:
    """The records below the output root, read once for each visit of a page."""
    key = (output_root(), session.epoch)  # each visit of a page has an epoch of its own
    work = session.work.history
    if work is None or work.key != key:
        work = start_work(executor(), key, _read)
        session.keep_work(history=work)
    return work


def read_again(session: Session) -> None:
    """Forget the records, so that they are read again."""
    session.keep_work(history=None)


def _read(progress: Progress) -> tuple[HistoryRow, ...]:
    root = output_root()
    return read_history(root) if root.is_dir() else ()


def title_of(row: HistoryRow) -> str:
    """A dispatch in one line: its name, when, and how many jobs."""
    return f"{row.name} ({short_time(row.at)}, {row.jobs:,} jobs)"


def short_time(text: str) -> str:
    """``2026-11-28 22:17`` of a time in ISO 8601."""
    return text[:16].replace("T", " ")


def why_read_only(row: HistoryRow) -> str:
    """Why the request of a record cannot be used here; empty if it can."""
    if row.problem:
        return f"This record is shown only: {row.problem}."
    try:
        sources = open_sources(current_settings())
    except DispatchError as error:
        return str(error)
    here = sources.metadata.label
    if row.source == here or both_are_demos(row.source, here):
        return ""
    return f"This record is shown only: its source is {row.source}, and the app reads {here}."


def both_are_demos(source: str, other: str) -> bool:
    """Whether both are the embedded demo, which may have more assets now."""
    return source.startswith(DEMO_LABEL) and other.startswith(DEMO_LABEL)
