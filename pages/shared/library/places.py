"""What can be compared and checked: recorded dispatches, uploads, and the current plan."""

from __future__ import annotations

import io
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import streamlit as st

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.check import check_dispatch, check_dispatch_file
from dispatch_core.earlier.faults import Checked
from dispatch_core.earlier.history import HistoryRow
from dispatch_core.earlier.read import Earlier, earlier_of_jobs, read_earlier, read_earlier_file
from dispatch_core.text.words import counted
from dispatch_core.types import Progress
from pages.shared.library.recorded import title_of
from pages.shared.state.session import Session

PLAN, UPLOAD = "plan", "upload"
_NAME = "the current plan"


@dataclass(frozen=True)
class Place:
    """A dispatch that was picked: what identifies its content, and how it is read."""

    key: Hashable
    label: str
    row: HistoryRow | None = None
    upload: BinaryIO | None = None
    plan: DispatchPlan | None = None

    def read(self, progress: Progress) -> Earlier:
        """Its jobs; raises as `read_earlier` does."""
        if self.plan is not None:
            return earlier_of_jobs(self.label, self.plan.jobs)
        if self.upload is not None:
            return read_earlier_file(self.upload, self.label, progress=progress)
        assert self.row is not None
        return read_earlier(self.row.path, progress=progress)

    def check(self, progress: Progress) -> Checked:
        """The faults of its folder or zip; raises as `check_dispatch` does."""
        if self.upload is not None:
            return check_dispatch_file(self.upload, self.label, progress)
        assert self.row is not None
        return check_dispatch(self.row.worker_folder, progress)


@dataclass(frozen=True)
class Menu:
    """A menu of dispatches; `field` is that of `Views` which keeps the choice."""

    label: str
    field: str
    upload: str = "a zip or a record to upload"
    types: tuple[str, ...] = ("zip", "json")
    offers_plan: bool = False


def pick(
    menu: Menu,
    session: Session,
    rows: Sequence[HistoryRow],
    plan: DispatchPlan | None = None,
) -> Place | None:
    """Show the menu, with an uploader; None until a dispatch is picked and there."""
    by_name = {str(row.path): row for row in rows}
    jobs = counted(len(plan.jobs), "job") if plan else "not made yet"
    titles = {PLAN: f"{_NAME} ({jobs})"} if menu.offers_plan else {}
    titles |= {name: title_of(row) for name, row in by_name.items()} | {UPLOAD: menu.upload}
    names, chosen = list(titles), getattr(session.views, menu.field)
    picked = st.selectbox(
        menu.label,
        names,
        names.index(chosen) if chosen in names else None,
        format_func=titles.__getitem__,
        placeholder="Choose a dispatch",
        key=f"{menu.field}-{session.epoch}",
    )
    session.keep_view(**{menu.field: picked or ""})
    if picked == UPLOAD:
        return _uploaded(session, menu)
    if picked == PLAN:
        return None if plan is None else Place((PLAN, plan.fingerprint), _NAME, plan=plan)
    row = by_name.get(picked or "")
    # read again in each visit: the folder may have changed
    return None if row is None else Place((row.path, session.epoch), row.name, row)


def _uploaded(session: Session, menu: Menu) -> Place | None:
    kinds = "Zip of worker folders, or record (*.dispatch.json)"
    file = st.file_uploader(
        kinds if "json" in menu.types else "Zip of worker folders",
        type=list(menu.types),
        key=f"{menu.field}-file-{session.epoch}",
    )
    if file is None:
        return None
    return Place((UPLOAD, file.file_id), file.name, upload=io.BytesIO(file.getvalue()))
