"""The ``.env`` file of the working folder, whose variables join the environment."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

from dispatch_core.errors import InvalidInput, Issue

FILE_NAME = ".env"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def load_env_file(folder: Path = Path()) -> bool:
    """Whether `folder` has a ``.env``, after its variables are in the environment.

    A variable that exists already keeps its value, also a blank one. Other libraries read
    some of the variables (``AWS_PROFILE``), so the environment itself is changed.

    Raises
    ------
    InvalidInput
        The file cannot be read, a line is not an assignment, or a value cannot be an
        environment variable. No message has a value, which may be a password.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return False
    from dotenv import load_dotenv  # only then: most commands have no such file

    try:
        text = path.read_bytes().decode("utf-8-sig")
        issues = list(_wrong_lines(text, str(path)))
        if not issues:
            load_dotenv(stream=io.StringIO(text), override=False)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        action = "Write lines NAME=value in UTF-8, or remove the file"
        raise InvalidInput(Issue(f"it cannot be read: {reason}", str(path), action)) from None
    if issues:
        raise InvalidInput(issues)
    return True


def _wrong_lines(text: str, where: str) -> Iterator[Issue]:
    """An issue for each statement that is not an assignment, which python-dotenv skips.

    A name alone is the variable of the environment, as Docker reads it, if that exists.
    """
    from dotenv.parser import parse_stream

    for one in parse_stream(io.StringIO(text)):
        is_assignment = one.key is not None and one.value is not None
        if is_assignment and _NAME.fullmatch(one.key or ""):
            continue
        if one.error or (one.key is not None and (is_assignment or one.key not in os.environ)):
            number = one.original.line + _blank_lines_before(one.original.string)
            action = "Write NAME=value, or put # before it"
            yield Issue("this line is not NAME=value", f"{where}, line {number}", action)


def _blank_lines_before(statement: str) -> int:
    return statement[: len(statement) - len(statement.lstrip())].count("\n")
