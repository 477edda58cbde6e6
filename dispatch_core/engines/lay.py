"""A handover as files beside the worker folder."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from dispatch_core.engines.job_folder import JobFolder
from dispatch_core.engines.order import MADE_BY, Handover
from dispatch_core.engines.run_worker import full_path
from dispatch_core.output.disk import real_target
from dispatch_core.output.earlier import refuse_other
from dispatch_core.output.text_file import check_text_file, write_text_file


def lay_beside(handover: Handover, folder: Path, *, replace: bool) -> list[Path]:
    """Write the files beside the worker folder: their paths.

    Raises
    ------
    InvalidInput
        A file exists that is not of an earlier handover; nothing was written.
    """
    paths = {folder.with_name(file.name): file for file in handover.files}
    for path in paths:
        check_text_file(path)
        if not replace:
            refuse_other(path, "the handover", "an earlier one", _is_ours)
    for path, file in paths.items():
        write_text_file(path, file.text)
    return list(paths)


def _is_ours(path: Path) -> bool:
    """Whether a handover wrote it: a text that says so, or a request for AWS Batch."""
    try:
        text = path.read_text("utf-8")
        return MADE_BY in text[:500] or "run_worker.py" in _container_command(json.loads(text))
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _container_command(request: dict[str, dict[str, list[str]]]) -> str:
    return " ".join(request["containerOverrides"]["command"])


def command_from(command: str, beside: Path, *, use_shell: bool) -> str:
    """The command for a start in the folder `beside`, wherever it was typed.

    Words that name a file of the current folder get its full path, unless that is `beside`.
    """
    here = os.getcwd()
    if use_shell or real_target(Path(here)) == beside:
        return command
    words = shlex.split(command)
    found = [full_path(word, here) for word in words]
    return command if found == words else shlex.join(found)


def results_from(results: Path, jobs: JobFolder) -> str:
    """The results folder, as seen from the folder that holds the worker folder."""
    path, beside = real_target(results), jobs.path.parent
    if path == jobs.results:
        return ""
    return str(path.relative_to(beside)) if path.is_relative_to(beside) else str(path)
