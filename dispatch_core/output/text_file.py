"""Small files beside the worker folders: ledger, saved request, dispatch record."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from dispatch_core.errors import Issue, WriteFailed


def write_text_file(path: Path, text: str) -> None:
    """`text` as the whole content of `path`, in UTF-8, durable or not there at all.

    What stood there is replaced in one step. Raises `WriteFailed`.
    """
    stage = path.parent / f".dispatch.tmp-{secrets.token_hex(4)}"
    try:
        # half a surrogate pair, which a record may hold, becomes its JSON escape
        with open(stage, "x", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(stage, path)
        _sync_folder(path.parent)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            stage.unlink()
        action = "Choose a folder that exists and that you may write to"
        what = f"cannot write it: {getattr(error, 'strerror', None) or error}"
        raise WriteFailed(Issue(what, str(path), action)) from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
