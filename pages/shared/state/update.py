"""Update everything: find, locate and plan after one press, over reruns and page changes.

While an update is under way, each run starts what the current request still lacks and goes
on where the last run ended, on whatever page. It ends with a plan, an error, an input that
blocks it, or Cancel.
"""

from __future__ import annotations

from typing import Any

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.steps import Steps
from dispatch_core.text.words import counted
from pages.shared.state.session import Session
from pages.shared.state.steps import (
    current_find,
    current_locate,
    current_planning,
    is_selected,
    now,
    see_plan,
    start_find,
    start_locate,
)
from pages.shared.state.work import Work

UPDATE = "update"

_MOMENT = 0.3
"""Seconds to wait for a step: quick ones are shown at once, slow ones by the next runs."""


def begin_update(session: Session) -> bool:
    """Begin the update that was asked for, if one was; steps that failed are tried again."""
    if UPDATE not in session.timing.asked:
        return False
    session.answer(UPDATE)
    failed = {
        name: None
        for name in ("found", "listed", "plan")
        if (work := getattr(session.work, name)) is not None and work.is_done and work.error
    }
    session.keep_work(updating=True, **failed)
    return True


def advance(session: Session, moment: float = _MOMENT) -> bool:
    """Go on with an update, if there is one; whether the page is out of date.

    Waits at most `moment` seconds for each step.
    """
    if not session.work.updating:
        return False
    shown = now(session)
    for _ in range(3):  # find, locate, plan
        if not _step(session, moment):
            break
    return now(session) is not shown or not session.work.updating


def _step(session: Session, moment: float) -> bool:
    """Start the next step, and wait a moment; whether there is another one after it."""
    steps = now(session)
    is_blocked = session.inputs.errors or steps.error is not None or not is_selected(session)
    if is_blocked or _is_empty(steps) or steps.plan:
        _end(session, steps.plan)
        return False
    work = _begun(session, steps)
    if work is not None:
        work.wait(moment)
    if work is None or work.error is not None:
        _end(session, now(session).plan)
        return False
    return work.is_done


def _begun(session: Session, steps: Steps) -> Work[Any] | None:
    """The work on the first step that is missing."""
    if steps.found is None:
        if current_find(session) is None:
            start_find(session)
        return current_find(session)
    if steps.located is None:
        if current_locate(session) is None:
            start_locate(session)
        return current_locate(session)
    return current_planning(session)


def _is_empty(steps: Steps) -> bool:
    return steps.found is not None and not steps.found.matched


def _end(session: Session, plan: DispatchPlan | None) -> None:
    """End the update. Its plan is shown in the bottom line, with the number of jobs before."""
    session.keep_work(updating=False)
    if plan is None:
        return
    before, jobs = session.views.seen, counted(plan.equation.jobs, "job")
    if before is not None and before[0] != plan.fingerprint:
        session.keep_view(notice=f"Updated: {jobs}. Before: {before[2]:,}.")
    see_plan(session, plan)


def cancel_update(session: Session) -> None:
    """Cancel the step that is under way; the update ends with it."""
    for work in (current_find(session), current_locate(session), current_planning(session)):
        if work is not None and not work.is_done:
            work.cancel()
