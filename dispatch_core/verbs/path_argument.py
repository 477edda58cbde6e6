"""The path that a verb takes as an argument."""

from __future__ import annotations

import argparse
from pathlib import Path


def path_argument(text: str) -> Path:
    """The path; an error for blank text, which a variable that is not set gives in a script."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is blank, not a path")
    return Path(text)
