"""Where the app may write: a folder below one root, chosen by its name and never by a path."""

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
    """`name`, where it can be the name of one folder and of nothing else.

    Letters, digits, dots, dashes and underscores, at most 64, the first one a
    letter or a digit: no separator, no ``..``, no hidden folder, no name of ours.
    """
    if not _NAME.fullmatch(name):
        what = f"{name[:LONGEST_NAME]!r} is no name of a folder"
        action = (
            f"Use at most {LONGEST_NAME} letters, digits, dots, dashes and underscores, and "
            "start with a letter or a digit"
        )
        raise InvalidInput(Issue(what, "", action))
    if _OURS.fullmatch(name):
        what = f"{name!r} is how records and replaced folders are called"
        raise InvalidInput(Issue(what, "", "Choose another name"))
    return name


def folder_below(root: Path, name: str) -> Path:
    """The folder `name` of `root`, where writing into it stays in `root`.

    Raises `InvalidInput` where the name is none, and where the folder or the record
    beside it is a symbolic link: it would lead the writer to another place.
    """
    folder = root / check_folder_name(name)
    for path in (folder, record_beside(folder)):
        if os.path.islink(path):
            what = f"{path.name} is a symbolic link, and the app writes only below its own folder"
            raise InvalidInput(Issue(what, "", "Choose another name"))
    return folder
