"""What can be compared and checked: recorded dispatches, uploads, and the current plan."""

from __future__ import annotations

import io
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import BinaryIO

import streamlit as st

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.history import HistoryRow
from dispatch_core.earlier.read import Earlier, earlier_of_jobs, read_earlier, read_earlier_file
from pages.shared.library.recorded import title_of
from pages.shared.state.session import Session

PLAN, UPLOAD = "plan", "upload"


@dataclass(frozen=True)
class Place:
    """A dispatch that was picked: what identifies its content, and how it is read."""

    key: Hashable
    label: str
    row: HistoryRow | None = None
    upload: BinaryIO | None = None
    plan: DispatchPlan | None = None

    def read(self) -> Earlier:
        """Its jobs; raises as `read_earlier` does."""
        if self.plan is not None:
            return earlier_of_jobs(self.label, self.plan.jobs)
        if self.upload is not None:
            return read_earlier_file(self.upload, self.label)
        assert self.row is not None
        return read_earlier(self.row.path)


def pick(
    label: str,
    session: Session,
    rows: tuple[HistoryRow, ...],
    plan: DispatchPlan | None,
    chosen: str,
    keep: Callable[[str], None],
    key: str,
) -> Place | None:
    """A menu of dispatches, with an uploader; None until one is picked.

    ``chosen`` is the kept choice, and ``keep`` keeps another one.
    """
    by_name = {str(row.path): row for row in rows if not row.problem}
    names = [*([PLAN] if plan is not None else []), *by_name, UPLOAD]
    titles = {PLAN: f"the current plan ({len(plan.jobs):,} jobs)" if plan else ""}
    titles |= {UPLOAD: "a zip or a record to upload"}
    titles |= {name: title_of(row) for name, row in by_name.items()}
    picked = st.selectbox(
        label,
        names,
        names.index(chosen) if chosen in names else None,
        format_func=titles.__getitem__,
        placeholder="Choose a dispatch",
        key=f"{key}-{session.epoch}",
    )
    if picked is not None:  # a plan that is not made yet stays the choice
        keep(picked)
    if picked == UPLOAD:
        return _uploaded(session, key)
    if picked == PLAN and plan is not None:
        return Place((PLAN, plan.fingerprint), "the current plan", plan=plan)
    row = by_name.get(picked or "")
    return None if row is None else Place((row.path, row.at, row.fingerprint), row.name, row)


def _uploaded(session: Session, key: str) -> Place | None:
    file = st.file_uploader(
        "Zip of worker folders, or record (*.dispatch.json)",
        type=["zip", "json"],
        key=f"{key}-file-{session.epoch}",
    )
    if file is None:
        return None
    return Place((UPLOAD, file.file_id), file.name, upload=io.BytesIO(file.getvalue()))
