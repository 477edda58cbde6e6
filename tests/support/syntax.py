"""The syntax of the project's own modules, read once for all tests that check it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path


@cache
def syntax_of(path: Path) -> ast.Module:
    """Return the syntax tree of a module, which no test changes."""
    return ast.parse(path.read_text("utf-8"))
