"""The ``.env`` file of the working folder, whose variables join the environment."""

from __future__ import annotations

from pathlib import Path

from dispatch_core.errors import InvalidInput, Issue

FILE_NAME = ".env"


def load_env_file(folder: Path = Path()) -> bool:
    """Whether `folder` has a ``.env``, after its variables are in the environment.

    A variable that exists already keeps its value, also a blank one. Other libraries read
    some of the variables (``AWS_PROFILE``), so the environment itself is changed. A line that
    is not an assignment is reported on standard error by the reader.

    Raises
    ------
    InvalidInput
        The file cannot be read, or a value cannot be an environment variable.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return False
    from dotenv import load_dotenv  # only then: most commands have no such file

    try:
        load_dotenv(path, override=False)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        action = "Write lines NAME=value in UTF-8, or remove the file"
        raise InvalidInput(Issue(f"it cannot be read: {reason}", str(path), action)) from None
    return True
