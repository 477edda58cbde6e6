"""Whether the process runs on a platform for computations, and which folders it keeps."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_VARIABLES = ("CO_COMPUTATION_ID", "CO_CAPSULE_ID", "AWS_BATCH_JOB_ID")
_OUTPUT_ROOT = "DISPATCH_OUTPUT_ROOT"
_STATE_ROOT = "DISPATCH_STATE_ROOT"
_KEPT_FOLDER = Path("/scratch")


def platform_variable(environment: Mapping[str, str]) -> str:
    """The name of a variable that only a platform sets, or ``""`` on any other machine."""
    return next((name for name in _VARIABLES if environment.get(name, "").strip()), "")


def output_root(environment: Mapping[str, str], kept: Path = _KEPT_FOLDER) -> Path:
    """The folder in which the app may write, without links.

    It is that of ``DISPATCH_OUTPUT_ROOT``, else ``dispatches`` in the folder where the app was
    started. On a platform that may be a folder that ends with the session, so there it is
    ``dispatches`` in the folder `kept`.
    """
    return _root(environment, _OUTPUT_ROOT, "dispatches", kept)


def state_root(environment: Mapping[str, str], kept: Path = _KEPT_FOLDER) -> Path:
    """The folder in which the app keeps what was typed, without links.

    It is that of ``DISPATCH_STATE_ROOT``, else ``.dispatch-state`` where `output_root` would be
    ``dispatches``.
    """
    return _root(environment, _STATE_ROOT, ".dispatch-state", kept)


def _root(environment: Mapping[str, str], variable: str, name: str, kept: Path) -> Path:
    named = environment.get(variable, "").strip()
    is_kept = bool(platform_variable(environment)) and os.access(kept, os.W_OK)
    return Path(named or (kept / name if is_kept else name)).resolve()
