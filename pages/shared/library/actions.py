"""What the buttons of the page History do, as callbacks, which nothing interrupts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dispatch_core.earlier.history import HistoryRow, read_names
from dispatch_core.earlier.read import RESULTS
from dispatch_core.engines.status import failed_names
from dispatch_core.environment.limits import RECORD
from dispatch_core.errors import DispatchError, InvalidInput, Issue
from dispatch_core.request import DispatchRequest, edit_request, load_request
from dispatch_core.text.limited import read_file
from dispatch_core.text.words import counted
from pages.shared.library.places import PLAN
from pages.shared.state.edits import load
from pages.shared.state.services import output_root
from pages.shared.state.session import Session
from pages.shared.state.steps import find_again
from pages.shared.state.views import CHECK, COMPARE

_ASSETS, _CHECK = "plan/assets.py", "library/check.py"

Changes = Callable[[DispatchRequest], dict[str, Any]]


def open_request(session: Session, row: HistoryRow) -> None:
    """Use the request of a record as it is."""
    notice = "it is the current request now"
    if _excludes_itself(row):
        notice += "; its own jobs count as dispatched before"
    _use(session, row, notice, lambda _: {})


def open_only_new(session: Session, row: HistoryRow) -> None:
    """Use the request of a record for the assets of today, without the jobs that it has."""

    def changes(request: DispatchRequest) -> dict[str, Any]:
        places = dict.fromkeys((*request.not_in, str(row.path)))
        return {"not_in": tuple(places), "only_jobs": None}

    _use(session, row, "its own jobs are excluded", changes)


def open_only_failed(session: Session, row: HistoryRow) -> None:
    """Use the request of a record for the jobs that failed; they were dispatched before."""

    def changes(_: DispatchRequest) -> dict[str, Any]:
        names = failed_jobs(row)
        if not names:
            raise InvalidInput(Issue("no job is failed any more", row.name, "Read again"))
        return {"not_in": (), "only_jobs": names}

    _use(session, row, "only its failed jobs are chosen", changes)


def failed_jobs(row: HistoryRow) -> tuple[str, ...]:
    """The names of the jobs of a dispatch that failed; marks of other jobs do not count."""
    failed = failed_names(row.path.with_name(f"{row.name}{RESULTS}"))
    recorded = read_names(row.path)
    return tuple(sorted(failed if recorded is None else failed & recorded.names))


def compare_with_now(session: Session, row: HistoryRow) -> None:
    """Compare a dispatch with the current plan, on the page Compare and check."""
    session.keep_view(
        library_view=COMPARE, compare_old=str(row.path), compare_new=PLAN, go_to=_CHECK
    )


def check_folder(session: Session, row: HistoryRow) -> None:
    """Check the folder of a dispatch, on the page Compare and check."""
    session.keep_view(library_view=CHECK, checked_place=str(row.path), go_to=_CHECK)


def _use(session: Session, row: HistoryRow, notice: str, changes: Changes) -> None:
    """Make the request of a record the current one, and find its assets again."""
    try:
        request = _request(row.path)
        load(session, edit_request(request, **changes(request)))
        find_again(session)
    except DispatchError as error:
        session.keep_view(record_error=(str(row.path), error))
        return
    session.keep_view(notice=f"{row.name}: {notice}.", record_error=None, go_to=_ASSETS)


def _request(path: Path) -> DispatchRequest:
    try:
        return load_request(read_file(path, RECORD, path.name), path.name)
    except OSError as error:
        what = f"it cannot be read: {error.strerror}"
        raise InvalidInput(Issue(what, path.name, "Read the records again")) from None


def _excludes_itself(row: HistoryRow) -> bool:
    """Whether the request of a record excludes the jobs of a folder that has the record."""
    try:
        places = _request(row.path).not_in
    except DispatchError:
        return False
    return str(output_root()) in places


def failed_label(row: HistoryRow) -> str:
    """What the button says that dispatches the failed jobs again."""
    if row.runs is not None and row.runs.unfinished:
        return "Dispatch only failed and interrupted jobs"
    failed = row.runs.failed if row.runs else 0
    return f"Dispatch only the {counted(failed, 'failed job')}" if failed else "No failed job"
