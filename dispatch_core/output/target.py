"""The outputs of a dispatch, and their checks before anything is listed or written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.output.disk import disk_errors, real_target, status_of
from dispatch_core.output.folder import check_folder
from dispatch_core.output.record import read_record, record_beside
from dispatch_core.output.text_file import STANDARD_OUTPUT, check_text_file
from dispatch_core.output.zip import check_zip_file


@dataclass(frozen=True, slots=True)
class Target:
    """The outputs of a dispatch: a folder, a zip or both, and its record.

    Attributes
    ----------
    record
        A path, or ``-`` for standard output. None means beside the folder, and no record
        for a zip alone.
    replace
        Move the folder aside, together with its record; overwrite another zip, and a
        record file that is not a dispatch record.
    """

    folder: Path | None = None
    archive: Path | None = None
    record: str | Path | None = None
    replace: bool = False

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
        The folder is a file or the other way round; without `replace`, the zip or the
        record would overwrite a file of another kind.
    WriteFailed
        The folder or file system takes no new files.
    """
    if target.folder is not None:
        check_folder(target.folder)
    if target.archive is not None:
        check_zip_file(target.archive, replace=target.replace)
    if target.record is not None:
        check_text_file(target.record)
    if target.record_file is not None and not target.replace:
        _refuse_other_file(target.record_file)


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
        The name that messages use, such as ``--ledger``, and the path. Devices, pipes
        and standard output may be named several times.
    inputs
        Files that this run reads. An output folder may not contain one of them.
    """
    taken: dict[Path, str] = {}
    read = [real_target(path) for path in inputs]
    for name, path in _replaceable(outputs):
        if any(_is_same(path, one) or path in one.parents for one in read):
            what = f"{path} is or contains a file that this run reads"
            raise InvalidInput(Issue(what, name, "Choose another path."))
        if path in taken:
            what = f"{path} is also the path of {taken[path]}"
            raise InvalidInput(Issue(what, name, "Choose another path."))
        taken[path] = name


def _replaceable(outputs: Mapping[str, str | Path]) -> Iterator[tuple[str, Path]]:
    """The outputs that are a file or a folder, or absent, without symbolic links."""
    for name, path in outputs.items():
        if path == STANDARD_OUTPUT:
            continue
        with disk_errors(Path(path), "file"):
            status = status_of(Path(path))
        if not status or stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
            yield name, real_target(Path(path))


def _is_same(path: Path, other: Path) -> bool:
    return path == other or (
        os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)
    )


def _refuse_other_file(record: str | Path) -> None:
    """Raises if the file has content that is not a dispatch record: a user may need it."""
    if record == STANDARD_OUTPUT or not os.path.isfile(record) or not os.path.getsize(record):
        return
    if read_record(Path(record)) is None:
        what = "the record is written here, but the existing file is not a dispatch record"
        action = "Move it, choose another path for the dispatch, or use --replace."
        raise InvalidInput(Issue(what, str(record), action))
