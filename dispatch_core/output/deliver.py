"""The plan as files: worker folders, a zip, and the record, for every face.

The outputs are published together as far as a file system can: targets are checked
first, the zip is complete and compared before the folder is published, and the record
is written last. A zip on standard output follows the folder. Two things remain. If the
zip cannot get its name although it is complete, or standard output fails, the folder is
there, and the error says so. If the record cannot be written, the jobs are there, and
`Delivery.record_error` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from dispatch_core.dispatch import require_jobs
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.head import read_record
from dispatch_core.errors import DispatchError, InvalidInput, Issue, WriteFailed
from dispatch_core.output.folder import MARKER, write_folder, write_marker
from dispatch_core.output.record import record_text
from dispatch_core.output.stream import Status, WriteResult
from dispatch_core.output.target import Target, check_target
from dispatch_core.output.text_file import STANDARD_OUTPUT, write_text_file
from dispatch_core.output.zip import staged_zip, stream_zip
from dispatch_core.text.words import counted
from dispatch_core.types import Progress, no_progress


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is in place now, all of it durable.

    Attributes
    ----------
    target
        The requested outputs.
    folder, archive
        The results of the folder and the zip; None for one that was not requested.
    record
        The path of the record; None if it was not requested or could not be written.
    is_record_kept
        Whether the record is that of an earlier dispatch of the same jobs, which
        says who dispatched them and when.
    record_error
        Why the record could not be written; the message says that the jobs are written.
    """

    target: Target
    folder: WriteResult | None
    archive: WriteResult | None
    record: str | Path | None = None
    is_record_kept: bool = False
    record_error: WriteFailed | None = None

    @property
    def status(self) -> Status:
        """What happened to the folder, or to a zip alone: written, confirmed, ..."""
        result = self.folder or self.archive
        assert result is not None, "a target has a folder or a zip"
        return result.status

    def lines(self) -> Iterator[str]:
        """One line for each output in place: ``written: out (3 jobs in 2 folders)``."""
        if self.folder is not None:
            aside = self.folder.moved_aside
            moved = f"; the folder that was there is now {aside}" if aside else ""
            # "." has no name of its own, and is the old folder if that was moved aside
            named = self.target.folder and self.target.folder.name
            folder = self.target.folder if named else self.folder.target
            content = MARKER if self.folder.status == "marked" else _size(self.folder)
            yield f"{self.folder.status}: {folder} ({content}){moved}"
        if self.archive is not None:
            jobs = counted(self.archive.file_count, "job")
            is_stream = self.target.archive == STANDARD_OUTPUT
            place = self.archive.target if is_stream else self.target.archive
            yield f"zip {self.archive.status}: {place} ({jobs})"
        if self.record is not None:
            kept = "kept: it says who dispatched this, and when"
            yield f"record: {self.record}" + (f" ({kept})" if self.is_record_kept else "")


def _size(result: WriteResult) -> str:
    return f"{counted(result.file_count, 'job')} in {counted(result.worker_count, 'folder')}"


def deliver(
    plan: DispatchPlan,
    target: Target,
    *,
    dispatched_by: str = "",
    origins: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
) -> Delivery:
    """The jobs of `plan` in `target`, complete and durable, with their record.

    Raises
    ------
    NothingFound, ServiceError
        The plan has no job to write, or another dispatch writes into the same folder.
    InvalidInput
        A target contains something else; nothing was written.
    WriteFailed
        The disk failed; the message says which outputs are written.
    """
    require_jobs(plan)
    check_target(target)
    # Known before the folder is moved aside: it may be the working directory.
    record = target.record_file
    with ExitStack() as stages:
        publish: Callable[[], WriteResult] | None = None
        if target.archive == STANDARD_OUTPUT:
            publish = partial(stream_zip, plan.files())
        elif target.archive is not None:
            file = Path(target.archive)
            staged = staged_zip(plan.files(), file, replace=target.replace)
            publish = stages.enter_context(staged).publish
        folder = _write_folder(plan, target, progress)
        archive = None if publish is None else _publish(publish, folder)
    delivery = Delivery(target, folder, archive)
    text = partial(record_text, plan, delivery.status, dispatched_by, origins)
    return _with_record(plan, record, delivery, text)


def deliver_marker(
    plan: DispatchPlan, target: Target, *, origins: Mapping[str, str] | None = None
) -> Delivery:
    """The file that says that `plan` has no job in the folder of `target`, with the record.

    No zip is written. Raises as `deliver` does.
    """
    assert target.folder is not None, "a marker is a file in a folder"
    check_target(target)
    record = target.record_file
    folder = write_marker(target.folder, replace=target.replace, allowed=target.allowed)
    text = partial(record_text, plan, folder.status, "", origins)
    return _with_record(plan, record, Delivery(target, folder, None), text)


def _write_folder(plan: DispatchPlan, target: Target, progress: Progress) -> WriteResult | None:
    if target.folder is None:
        return None
    total = len(plan.jobs)
    return write_folder(
        plan.files,
        target.folder,
        replace=target.replace,
        allowed=target.allowed,
        progress=lambda done: progress("writing", done, total),
    )


def _publish(publish: Callable[[], WriteResult], folder: WriteResult | None) -> WriteResult:
    """The published zip; an error says that the folder is already there."""
    try:
        return publish()
    except DispatchError as error:
        if folder is None:
            raise
        action = "Run again: the folder will be confirmed."
        written = Issue(
            "the worker folders are written, the zip is not", str(folder.target), action
        )
        raise type(error)([*error.issues, written]) from error


def _with_record(
    plan: DispatchPlan, file: str | Path | None, delivery: Delivery, text: Callable[[], str]
) -> Delivery:
    """`delivery` with its record in `file`, or with the reason why there is none."""
    result = delivery.folder or delivery.archive
    if result is None or file is None:
        return delivery
    if delivery.target.record is None and _is_kept(plan, result, Path(file)):
        return replace(delivery, record=file, is_record_kept=True)
    try:
        write_text_file(file, text())
    except (InvalidInput, WriteFailed) as error:
        return replace(delivery, record_error=_without_record(error))
    return replace(delivery, record=file)


def _is_kept(plan: DispatchPlan, result: WriteResult, record: Path) -> bool:
    earlier = read_record(record) if result.status == "confirmed" else None
    return earlier is not None and earlier.get("fingerprint") == plan.fingerprint


def _without_record(error: DispatchError) -> WriteFailed:
    issue = error.issues[0]
    what = f"the jobs are written, but their record is not: {issue.what}"
    action = "Solve this problem and dispatch again, which then writes only the record."
    return WriteFailed(replace(issue, what=what, action=action))
