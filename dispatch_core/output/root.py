"""Where the app may write: a folder in one root, chosen by its name and never by a path."""

from __future__ import annotations

import os
import re
from pathlib import Path

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.output.record import record_beside

LONGEST_NAME = 64

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OURS = re.compile(r".*\.(dispatch\.json|replaced-[0-9]+)", re.IGNORECASE)


def check_folder_name(name: str) -> str:
    """`name`, if it is valid as the name of one folder; else raises `InvalidInput`.

    Letters, digits, dots, dashes and underscores, at most 64, the first one a
    letter or a digit: no separator, no ``..``, no hidden folder. Names of records and
    of replaced folders are reserved.
    """
    if not _NAME.fullmatch(name):
        what = f"{name[:LONGEST_NAME]!r} is not a valid folder name"
        action = (
            f"Use at most {LONGEST_NAME} letters, digits, dots, dashes and underscores, and "
            "start with a letter or a digit"
        )
        raise InvalidInput(Issue(what, "", action))
    if _OURS.fullmatch(name):
        what = f"{name!r} is reserved for records and replaced folders"
        raise InvalidInput(Issue(what, "", "Choose another name"))
    return name


def folder_below(root: Path, name: str) -> Path:
    """The folder `name` in `root`; a write into it stays in `root`.

    Raises `InvalidInput` for an invalid name, and if the folder or the record
    beside it is a symbolic link, which could lead out of `root`.
    """
    folder = root / check_folder_name(name)
    for path in (folder, record_beside(folder)):
        if os.path.islink(path):
            what = f"{path.name} is a symbolic link, and the app writes only in its own folder"
            raise InvalidInput(Issue(what, "", "Choose another name"))
    return folder
