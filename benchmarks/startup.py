"""What a command costs before it does anything: CPU beside that of a calibrating command.

The calibration is a process that imports two modules of the standard library. It runs in turn
with the commands, so that both meet the same machine, and the median of the ratios counts.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
from collections.abc import Sequence

from benchmarks.child import OURS, ROOT
from benchmarks.listing import Form
from benchmarks.report import Figure, Report, Table

ROUNDS = 15
CALIBRATION = ("-c", "import argparse, json")
QUERY = '{"subject.subject_id": "900003"}'
COMMANDS: dict[str, tuple[str, ...]] = {
    "--help": ("--help",),
    "--version": ("--version",),
    "an error of arguments": ("--file_extention", ".nwb"),
    "a plan of the demo without files": ("--plan", "--docdb_query", QUERY),
}
PLAN = "a plan of the demo without files"
MOST_RATIO = 6
MOST_SECONDS = 0.5


def startup(form: Form) -> Report:
    """The CPU of a few commands, in seconds and as a ratio to the calibration."""
    rounds = [_round() for _ in range(3 if form.is_short else ROUNDS)]
    rows: list[tuple[str, ...]] = []
    figures: list[Figure] = []
    for number, name in enumerate(COMMANDS, 1):
        seconds = statistics.median(one[number] for one in rounds)
        ratio = statistics.median(one[number] / one[0] for one in rounds)
        rows.append((name, f"{seconds:.3f} s", f"{ratio:.1f}x"))
        if name == PLAN:
            figures.append(Figure(f"{name}: CPU", seconds, " s", MOST_SECONDS, at_most=True))
        else:
            title = f"{name}: CPU over the calibration"
            figures.append(Figure(title, ratio, "x", MOST_RATIO, at_most=True))
    calibration = statistics.median(one[0] for one in rounds)
    note = f'the calibration, python -c "{CALIBRATION[1]}", takes {calibration:.3f} s'
    table = Table("Start-up", ("command", "CPU", "over the calibration"), tuple(rows), note)
    return Report((table,), tuple(figures))


def _round() -> list[float]:
    """CPU seconds of the calibration and of each command, one after the other."""
    commands = [("-m", "dispatch_core", *arguments) for arguments in COMMANDS.values()]
    return [_cpu_of(arguments) for arguments in (CALIBRATION, *commands)]


def _cpu_of(arguments: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [OURS, *arguments], cwd=ROOT, env=_environment(), capture_output=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _environment() -> dict[str, str]:
    """The embedded demo, and modules compiled once, as an installed package has them."""
    unset = ("DOCDB_", "DISPATCH_", "PYTHONDONTWRITEBYTECODE")
    return {name: text for name, text in os.environ.items() if not name.startswith(unset)}
