"""The outputs of a dispatch, and their checks before anything is listed or written."""

from __future__ import annotations

import os
import stat
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.output.disk import disk_errors, real_target, status_of
from dispatch_core.output.earlier import check_earlier_record
from dispatch_core.output.folder import check_folder
from dispatch_core.output.record import record_beside
from dispatch_core.output.text_file import (
    STANDARD_OUTPUT,
    check_text_file,
    standard_output_status,
)
from dispatch_core.output.zip import check_zip_file, check_zip_stream


@dataclass(frozen=True, slots=True)
class Target:
    """The outputs of a dispatch: a folder, a zip or both, and its record.

    Attributes
    ----------
    archive
        A path, or ``-`` for standard output.
    record
        A path, or ``-`` for standard output. None means beside the folder, and no record
        for a zip alone.
    replace
        Move the folder aside, together with its record; overwrite another zip, and a
        record file that is not a dispatch record.
    inputs
        Files and folders that the plan was read from. No output may be one of them,
        contain one, or be inside one.
    allowed
        Names or patterns of files that a platform may have in the folder.
    """

    folder: Path | None = None
    archive: Path | str | None = None
    record: str | Path | None = None
    replace: bool = False
    inputs: tuple[Path, ...] = ()
    allowed: tuple[str, ...] = ()

    @property
    def record_file(self) -> str | Path | None:
        """Where the record goes; a link to the folder is followed, as the folder's write does."""
        if self.record is not None or self.folder is None:
            return self.record
        return record_beside(real_target(self.folder))


def check_target(target: Target) -> None:
    """Raises if a target cannot be written, as far as that is known before a write.

    Whether the content of an existing folder or zip belongs to the dispatch is known
    only when the jobs are known.

    Raises
    ------
    InvalidInput
        The folder is a file or the other way round; an output is an input; without
        `replace`, the zip or the record would overwrite a file of another kind.
    WriteFailed
        The folder or file system takes no new files.
    """
    named = {"folder": target.folder, "zip": target.archive, "record": target.record_file}
    check_outside_dispatches(named)
    if target.folder is not None:
        check_folder(target.folder)
    if target.archive == STANDARD_OUTPUT:
        check_zip_stream()
    elif target.archive is not None:
        check_zip_file(Path(target.archive), replace=target.replace)
    if target.record is not None:
        check_text_file(target.record)
    if target.record_file is not None and not target.replace:
        check_earlier_record(target.record_file)
    check_separate({name: path for name, path in named.items() if path}, target.inputs)


def check_outside_dispatches(outputs: Mapping[str, str | Path | None]) -> None:
    """Raises `InvalidInput` if an output would be among the worker folders of another dispatch.

    What is there is taken for one of its jobs. A folder with a record beside it is a dispatch.
    """
    for name, path in outputs.items():
        if not path or path == STANDARD_OUTPUT:
            continue
        for folder in real_target(Path(path)).parents:
            if folder.name and folder.is_dir() and record_beside(folder).is_file():
                what = f"{path} is inside the worker folders of the dispatch {folder}"
                raise InvalidInput(Issue(what, name, "Put it beside that folder"))


def check_outside(folder: Path, files: Mapping[str, str | Path | None]) -> None:
    """Raises `InvalidInput` if one of the files would be inside the output folder.

    `files` maps the name that messages use, such as ``--ledger``, to a path or to None.
    """
    for name, path in files.items():
        if not path or path == STANDARD_OUTPUT:
            continue
        if real_target(folder) in real_target(Path(path)).parents:
            what = f"{path} is inside the output folder, where only job files may be"
            raise InvalidInput(Issue(what, name, "Put it beside the folder"))


def check_separate(outputs: Mapping[str, str | Path], inputs: Iterable[Path]) -> None:
    """Raises `InvalidInput` if an output is an input of this run, or another output.

    Parameters
    ----------
    outputs
        The name that messages use, such as ``--ledger``, and the path. Only the null
        device may be named several times: two outputs in one stream cannot be separated.
    inputs
        Files and folders that this run reads. An output may not contain one of them, or
        be inside such a folder.
    """
    taken: dict[Hashable, str] = {}
    read = [real_target(path) for path in inputs]
    for name, path in outputs.items():
        shown = "standard output" if path == STANDARD_OUTPUT else path
        if path != STANDARD_OUTPUT and any(_overlap(Path(path), one) for one in read):
            what = f"{path} is, contains or is inside an input of this run"
            raise InvalidInput(Issue(what, name, "Choose another path."))
        identity = _identity(path)
        if identity in taken:
            what = f"{shown} is already the output of {taken[identity]}"
            raise InvalidInput(Issue(what, name, "Choose another path."))
        if identity is not None:
            taken[identity] = name


def _overlap(output: Path, read: Path) -> bool:
    """Whether writing `output` could change the input `read`, a path without links."""
    with disk_errors(output, "file"):
        status = status_of(output)
    if status and stat.S_ISCHR(status.st_mode):  # a terminal is read and written
        return False
    path = real_target(output)
    is_inside = read in path.parents and read.is_dir()
    return is_inside or path in read.parents or _is_same(path, read)


def _is_same(path: Path, other: Path) -> bool:
    return path == other or (
        os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)
    )


def _identity(output: str | Path) -> Hashable | None:
    """What two outputs may not share; None for the null device, which discards everything."""
    if output == STANDARD_OUTPUT:
        status = standard_output_status()
        return STANDARD_OUTPUT if status is None or _is_null(status) else _inode(status)
    with disk_errors(Path(output), "file"):
        status = status_of(Path(output))
    if status is None:
        return real_target(Path(output))
    return None if _is_null(status) else _inode(status)


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_null(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.stat(os.devnull).st_rdev
