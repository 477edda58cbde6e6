"""Every limit on the size of an input, a query or a plan that an environment variable changes.

A limit is checked before the work that it bounds: bytes before they are parsed, jobs before
they are built. Its message says the size, the limit and the variable.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from dispatch_core.errors import InvalidInput, Issue

MEGABYTE: Final = 1_000_000
_HIGHEST: Final = 10**12


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: its variable, what it bounds, and its default.

    If ``in_megabytes`` is set, variable and default are in MB (of 1,000,000 bytes).
    """

    variable: str
    bounds: str
    default: int
    in_megabytes: bool = False

    @property
    def most(self) -> int:
        """The limit now, in bytes or items; raises `InvalidInput` for a wrong variable."""
        return self._number * (MEGABYTE if self.in_megabytes else 1)

    @property
    def text(self) -> str:
        """The limit now, as shown: "16 MB", "2,000,000"."""
        return self._shown(self._number)

    @property
    def default_text(self) -> str:
        """The default, as shown."""
        return self._shown(self.default)

    @property
    def remedy(self) -> str:
        """How to raise it: "raise DISPATCH_MAX_JOBS"."""
        return f"raise {self.variable}"

    def _shown(self, number: int) -> str:
        return f"{number:,} MB" if self.in_megabytes else f"{number:,}"

    @property
    def _number(self) -> int:
        text = os.environ.get(self.variable, "").strip()
        if not text:
            return self.default
        if text.isascii() and text.isdigit() and 0 < int(text[:13]) <= _HIGHEST:
            return int(text)
        unit = "megabytes" if self.in_megabytes else "items"
        what = f"{text[:40]!r} is not a limit"
        action = f"Write a whole number of {unit}, such as {self.default}, or unset it"
        raise InvalidInput(Issue(what, self.variable, action))


def megabytes(size: int) -> str:
    """`size` bytes beside a limit in MB, rounded up, so that it never reads as the limit."""
    tenths = -(-size * 10 // MEGABYTE)
    return f"{tenths / 10:,.1f} MB"


REQUEST: Final = Limit("DISPATCH_MAX_REQUEST_MB", "a saved request", 16, in_megabytes=True)
RECORD: Final = Limit(
    "DISPATCH_MAX_RECORD_MB",
    "the record of a dispatch that is read whole, or replayed",
    64,
    in_megabytes=True,
)
QUERY: Final = Limit("DISPATCH_MAX_QUERY_MB", "a query", 8, in_megabytes=True)
PASTED: Final = Limit(
    "DISPATCH_MAX_PASTED_MB", "pasted text that is converted to a query", 1, in_megabytes=True
)
LIST: Final = Limit(
    "DISPATCH_MAX_LIST_MB", "a list of ids, or of names of jobs", 64, in_megabytes=True
)
JOBS: Final = Limit("DISPATCH_MAX_JOBS", "jobs of one plan, before any is excluded", 2_000_000)
SWEEP: Final = Limit("DISPATCH_MAX_SWEEP_SETS", "parameter sets that one sweep makes", 2_000)
SETS: Final = Limit(
    "DISPATCH_MAX_SETS_MB",
    "all parameter sets in memory, each with the fixed parameters",
    256,
    in_megabytes=True,
)
PARAMETERS: Final = Limit(
    "DISPATCH_MAX_PARAMETERS_MB", "a parameters file, a schema or their text", 16, in_megabytes=True
)
KEPT_ROWS: Final = Limit(
    "DISPATCH_MAX_KEPT_ROWS",
    "assets, files and jobs that the app keeps for closed tabs, about 1 kB each",
    250_000,
)
DEMO_VALUE: Final = Limit(
    "DISPATCH_MAX_DEMO_VALUE_MB",
    "one value or record that a pipeline builds on the embedded demo",
    16,
    in_megabytes=True,
)
DEMO_MEMORY: Final = Limit(
    "DISPATCH_MAX_DEMO_MEMORY_MB",
    "everything that one pipeline builds on the embedded demo, beside 5 kB for each record read",
    256,
    in_megabytes=True,
)
DEMO_STEPS: Final = Limit(
    "DISPATCH_MAX_DEMO_STEPS",
    "items of lists that one pipeline goes through on the embedded demo, beside 100 for each "
    "record read",
    10_000_000,
)

LIMITS: Final = (
    *(REQUEST, RECORD, QUERY, PASTED, LIST, PARAMETERS),
    *(JOBS, SWEEP, SETS, KEPT_ROWS),
    *(DEMO_VALUE, DEMO_MEMORY, DEMO_STEPS),
)
