"""The parts of the page Deliver."""

from __future__ import annotations

import weakref
from datetime import date
from pathlib import Path

import streamlit as st

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.before import require_still_new
from dispatch_core.errors import DispatchError, InvalidInput
from dispatch_core.output.default_name import default_name
from dispatch_core.output.deliver import Delivery, deliver
from dispatch_core.output.root import LONGEST_NAME, check_folder_name, folder_below
from dispatch_core.output.target import Target
from dispatch_core.output.zip_size import zip_size
from dispatch_core.request import DispatchRequest, load_request
from dispatch_core.text.words import counted
from dispatch_core.types import Progress
from dispatch_core.views.report import command_of
from dispatch_core.views.summary import summary_of
from pages.shared.state.edits import load
from pages.shared.state.services import current_settings, output_root
from pages.shared.state.session import Session
from pages.shared.state.sign_in import current_user
from pages.shared.state.steps import now, see_plan, start_write
from pages.shared.state.tab import widget_value
from pages.shared.state.zip_offers import OFFERS, WaitingZip
from pages.shared.widgets.download import fetch, kept_file
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.progress import watch
from pages.shared.widgets.why_not import why_button

_REVIEW_FIRST = "The plan changed: review it first"
_LONGEST_COMMAND = 3_000
"""Up to this many characters a request is shown inside the command; else as a file."""

# Streamlit keeps what a callback gets long after its button has gone
_Shown = weakref.ref[DispatchPlan]
"""The plan that a button was drawn for; None once another plan has replaced it."""


def say_no_job(plan: DispatchPlan) -> None:
    """Say why there is nothing to deliver."""
    before = plan.equation.dispatched_before
    why = f": {counted(before, 'job')} dispatched before" if before else ""
    st.warning(
        f"The plan has no job, so there is nothing to write{why}.", icon=":material/warning:"
    )
    st.page_link("dispatch/jobs.py", label="See what is excluded", icon=":material/list_alt:")


def is_seen(session: Session, plan: DispatchPlan) -> bool:
    """Whether the user saw this plan.

    The first plan counts as seen here. A plan that replaced another must be reviewed
    first, so that no user writes a plan without having seen it.
    """
    if session.views.seen is None:
        see_plan(session, plan)
    before = session.views.seen
    if before is None or before[0] == plan.fingerprint:
        return True
    st.warning(
        f"**The plan changed since you last saw it.**  \nBefore: {escaped(before[1])}  \n"
        f"Now: {escaped(plan.equation.short)}",
        icon=":material/difference:",
    )
    line = st.container(horizontal=True)
    line.button(
        "See the jobs",
        icon=":material/list_alt:",
        key="see-jobs",
        on_click=lambda: session.keep_view(go_to="dispatch/jobs.py"),
    )
    line.button(
        "Use the new plan",
        icon=":material/check:",
        key="use-plan",
        on_click=_use_plan,
        args=(session, weakref.ref(plan)),
    )
    return False


def say_what_will_happen(session: Session, plan: DispatchPlan) -> None:
    """Say in one sentence what the zip or the folder will have, before it is made."""
    text = session.memo.remember("summary", plan.fingerprint, lambda: summary_of(plan))
    jobs, _, about = text.partition(", from ")
    st.markdown(f"This makes **{escaped(jobs)}**, from {escaped(about)}")
    line = st.container(horizontal=True, vertical_alignment="center")
    line.caption(f"Plan {plan.fingerprint[:12]}: {escaped(plan.equation.short)}", width="content")
    with line:
        why_button(session)


def zip_download(session: Session, plan: DispatchPlan, is_open: bool) -> None:
    """Show the download button of the zip, which is made while the browser reads it, and its size.

    After a press the browser is sent to the zip, until it has asked for it.
    """
    st.header("Download")
    size = session.memo.remember("size", plan.fingerprint, lambda: zip_size(plan))
    jobs, folders = counted(len(plan.jobs), "job file"), counted(len(plan.workers), "folder")
    st.write(f"{jobs} in {folders}: {size}")
    st.button(
        "Download the zip" if is_open else _REVIEW_FIRST,
        type="primary",
        icon=":material/download:",
        on_click=_press_zip,
        args=(session, weakref.ref(plan)),
        disabled=not is_open,
        key="zip",
    )
    offer = session.work.zip
    if offer is not None and OFFERS.waits(offer):
        fetch(offer.address)
    if is_open:
        st.caption(
            f"In it: the folders 0 to {len(plan.workers) - 1:,}, one for each worker, with one "
            "JSON file for each job. Next: run it, as shown below."
        )


def _use_plan(session: Session, shown: _Shown) -> None:
    plan = shown()
    if plan is not None:
        see_plan(session, plan)


def _press_zip(session: Session, shown: _Shown) -> None:
    """Offer the zip of the plan that was shown; a double press offers one."""
    _keep_target(session)
    plan = shown()
    if plan is None:
        return
    name = f"{folder_name(session)}.zip"
    key = (plan.fingerprint, name)
    offer = session.work.zip
    if offer is None or offer.key != key or not OFFERS.waits(offer):
        waiting = WaitingZip(plan.files, name)
        session.keep_work(zip=OFFERS.offer(key, waiting, session.owner))


def _keep_target(session: Session) -> None:
    """Keep the name of the folder that is typed now, in the callback of another widget."""
    typed = widget_value("target")
    if typed is not None:
        session.keep_typed(target_name=str(typed))


def has_valid_name(session: Session) -> bool:
    """Whether the typed name of the folder is valid, or empty; if not, says what needs it."""
    try:
        check_folder_name(session.typed.target_name or _own_name(session))
    except InvalidInput:
        st.caption("Correct the name of the folder to see what runs it, and the command.")
        return False
    return True


def folder_name(session: Session) -> str:
    """The name that was typed; without a valid one, that of the query and the day."""
    typed = session.typed.target_name
    try:
        return check_folder_name(typed) if typed else _own_name(session)
    except InvalidInput:
        return _own_name(session)


def _own_name(session: Session) -> str:
    return default_name(session.request, date.today())


def write_to_root(session: Session, plan: DispatchPlan, is_open: bool) -> None:
    """Show the inputs to write below the configured root; the user gives a name, not a path."""
    st.header("Write")
    root = output_root()
    name = st.text_input(
        f"Name of the folder in {escaped(str(root))}",
        session.typed.target_name,
        max_chars=LONGEST_NAME,
        placeholder=_own_name(session),
        key="target",
    )
    session.keep_typed(target_name=name)
    try:
        folder = folder_below(root, name or _own_name(session))
    except InvalidInput as error:
        show_error(error)
        return
    key = (plan.fingerprint, folder, _replaces(folder))
    work = session.work.write if session.work.write and session.work.write.key == key else None
    is_writing = work is not None and not work.is_done
    st.button(
        "Write the worker folders" if is_open else _REVIEW_FIRST,
        icon=":material/save:",
        disabled=not is_open or is_writing,
        on_click=_press_write,
        args=(session, weakref.ref(plan)),
        key="write",
    )
    watch(work)
    if work is not None and work.result is not None:
        if is_writing:
            st.rerun()  # it is done already: draw the button enabled again
        _show_delivery(work.result)


def _press_write(session: Session, shown: _Shown) -> None:
    """Write into the folder whose name is typed now, replacing it if that is chosen now.

    This is the callback of a button: the next click interrupts a script, but not a
    callback, so no press is lost.
    """
    _keep_target(session)
    plan, name = shown(), session.typed.target_name or _own_name(session)
    if plan is not None:
        _start(session, plan, name, replaces=bool(widget_value("replace")))


def _start(session: Session, plan: DispatchPlan, name: str, *, replaces: bool) -> None:
    """Write the plan that was shown; the page reports an invalid name."""
    try:
        folder = folder_below(output_root(), name)
    except InvalidInput:
        return
    who = current_user()
    start_write(
        session,
        (plan.fingerprint, folder, replaces),
        lambda progress: _write(plan, folder.name, who, progress, replaces=replaces),
    )


def _replaces(folder: Path) -> bool:
    """Offer to replace a folder that is there; what it contains is never deleted."""
    if not folder.exists():
        return False
    return st.toggle(
        "Replace the folder if it contains something else",
        key="replace",
        help=f"Moves what is in {escaped(folder.name)} aside, with its record, into a folder "
        f"{escaped(folder.name)}.replaced-1 (or the next free number). Nothing is deleted.",
    )


def _write(
    plan: DispatchPlan, name: str, who: str, progress: Progress, *, replaces: bool
) -> Delivery:
    folder = folder_below(output_root(), name)
    if plan.request.not_in:
        places = plan.request.not_in
        require_still_new(plan.jobs, places, folder, output_root(), progress)
    return deliver(plan, Target(folder, replace=replaces), dispatched_by=who, progress=progress)


def _show_delivery(delivery: Delivery) -> None:
    """Show the written folder, and the reason if the record is missing."""
    result = delivery.folder
    if result is None:
        return
    said = {
        "written": "Written",
        "finished": "Completed",
        "confirmed": "Already there, byte for byte",
        "replaced": "Replaced",
    }[result.status]
    st.success(
        f"{said}: {counted(result.file_count, 'job')} in "
        f"{counted(result.worker_count, 'folder')} in {escaped(str(result.target))}",
        icon=":material/check:",
    )
    if result.moved_aside is not None:
        st.info(
            f"What was there before is now in {escaped(str(result.moved_aside))}.",
            icon=":material/drive_file_move:",
        )
    if delivery.record_error is not None:
        st.warning(escaped(str(delivery.record_error)), icon=":material/warning:")
    st.caption("Next: run it, as shown below. Later, see in the history what became of it.")
    st.page_link("library/history.py", label="See the history", icon=":material/history:")


def same_as_command(session: Session, plan: DispatchPlan) -> None:
    """Show the dispatch as one command, and offer the request as a file."""
    st.header("The same dispatch as one command")
    name = folder_name(session)
    file = f"{name}.request.json"
    is_long = len(plan.request.to_json()) > _LONGEST_COMMAND
    if is_long:
        st.caption(f"The request is long: save it as {file}, then run this beside it.")
    command = command_of(
        plan.request, name, current_settings(), request_file=file if is_long else ""
    )
    st.code(command, "bash", wrap_lines=True)
    st.download_button(
        "Save the request",
        kept_file(plan.request.to_json, file, "application/json"),
        file,
        "application/json",
        icon=":material/bookmark:",
        on_click="ignore",
        key="save-request",
    )


def _what_is_next(session: Session) -> str:
    """What the loaded request still needs: results of an equal one are used again."""
    steps = now(session)
    if steps.found is None:
        return "Find the assets to continue."
    if steps.located is None:
        return "Its assets are found already. Locate the files to continue."
    return "Its assets and files are known already. See the jobs to continue."


def load_saved_request(session: Session) -> None:
    """Replace the request of this session by a saved request or record."""
    with st.expander("Load a saved request"):
        file = st.file_uploader(
            "request.json or a dispatch record", type=["json"], key=f"load-{session.epoch}"
        )
        if file is None:
            return
        try:
            request = load_request(file.getvalue(), file.name)
            if not _may_replace(session, request):
                return
            load(session, request)
        except DispatchError as error:
            show_error(error)
        else:
            notice = f"{file.name} is loaded. {_what_is_next(session)}"
            session.keep_view(notice=notice, go_to="plan/assets.py")


def _may_replace(session: Session, request: DispatchRequest) -> bool:
    """Whether the loaded request replaces the current one: asks if there is work to lose."""
    has_work = session.work.found is not None or session.request.parameters is not None
    if not has_work or session.request == request:
        return True
    st.warning(
        "This replaces the query, the rules for files and the parameters of this tab.",
        icon=":material/swap_horiz:",
    )
    return st.button("Replace my request", icon=":material/check:", key="replace-request")
