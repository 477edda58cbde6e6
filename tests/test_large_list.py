"""Reading a list of a million ids takes at most 400 MB, measured in a new process."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.support.tier import amount
from tests.support.world import ROOT

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="the peak is only known on Linux"
    ),
]

ROWS = amount(100_000, 1_000_000)
READ = """
import re, sys
from pathlib import Path
from dispatch_core.asset_list import read_asset_table
rows = read_asset_table(Path(sys.argv[1]).read_bytes()).rows
# not ru_maxrss, which includes the memory of the parent process
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(len(rows), rows[-1].text, int(peak[1]) // 1024)
"""


def test_a_million_ids_are_read_within_400_megabytes(tmp_path: Path) -> None:
    table = tmp_path / "data_asset_input.csv"
    with table.open("w") as file:
        file.write("asset_id\n")
        file.writelines(f"{uuid.UUID(int=number)}\n" for number in range(ROWS))

    command = [sys.executable, "-c", READ, str(table)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    count, last, peak = output.split()
    assert int(count) == ROWS
    assert last == str(uuid.UUID(int=ROWS - 1))
    assert int(peak) <= 400
