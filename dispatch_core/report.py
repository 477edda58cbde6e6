"""A dispatch in words and tables for people: the ledger as a file, the command that repeats it."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, fields

from dispatch_core.request import DispatchRequest
from dispatch_core.types import Exclusion


def ledger_text(exclusions: Sequence[Exclusion], name: str) -> str:
    """The ledger as JSON where `name` ends with .json, else as CSV with a header."""
    rows = [asdict(row) for row in exclusions]
    if name.endswith(".json"):
        return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, [field.name for field in fields(Exclusion)])
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue()


def command_of(request: DispatchRequest, output: str, host: str = "") -> str:
    """The shell command that repeats `request`; it works when pasted, without another file.

    `host` is named only where it is no URI, because a URI may hold a password.
    """
    words = ["python", "-m", "dispatch_core", "--request", "-", "--output_directory", output]
    if host and "://" not in host:
        words += ["--docdb_host", host]
    return f"{shlex.join(words)} <<'REQUEST'\n{request.to_json()}REQUEST"
