"""Measures the whole command, from the start of the process to a printed plan.

Records come from the demo gateway over HTTPS on loopback, keys from the LIST server. The
peer is a process that starts, imports s3fs and globs; it fetches no records.
"""

from __future__ import annotations

import subprocess
import time

from benchmarks.child import OURS, ROOT
from benchmarks.list_server import ListServer
from benchmarks.listing import Form, environment, run_s3fs, seconds
from benchmarks.report import Figure, Report, Table
from benchmarks.workloads import Workload, workloads
from tests.servers.gateway import GatewayServer

ROUNDS = 3
BARS = {"A": 12, "B": 200}
EVERYTHING = '{"name": {"$exists": true}}'


def whole_command(form: Form) -> Report:
    """Run workloads A and B with ``python -m dispatch_core --plan``."""
    rows: list[tuple[str, ...]] = []
    figures: list[Figure] = []
    for name in ("A", "B"):
        workload = workloads(form.is_short)[name]
        with ListServer(workload.bucket) as server:
            ours = min(_command(server, workload) for _ in range(ROUNDS))
        peer = run_s3fs(workload, form.share_of(workload))
        ratio = peer.whole / ours if peer else 0.0
        cells = (
            (seconds(peer.whole), seconds(ours), f"{ratio:,.0f}x")
            if peer
            else ("", seconds(ours), "")
        )
        rows.append((f"{name}: {workload.what}", *cells))
        if peer and not form.is_short:
            figures.append(Figure(f"whole command {name}: times s3fs.glob", ratio, "x", BARS[name]))
    columns = ("from a query to a plan", "s3fs process", "our command", "times faster")
    return Report(
        (Table("The whole command, process start included", columns, tuple(rows)),), tuple(figures)
    )


def _command(server: ListServer, workload: Workload) -> float:
    names = [location.rpartition("/")[2] for location in workload.locations]
    records = [
        {"_id": name, "name": name, "location": place, "external_links": {}}
        for name, place in zip(names, workload.locations, strict=True)
    ]
    with GatewayServer(records) as gateway:
        surroundings = environment(server) | {"REQUESTS_CA_BUNDLE": gateway.ca_file}
        command = [OURS, "-m", "dispatch_core", "--plan", "--docdb_host", gateway.host]
        command += ["--docdb_query", EVERYTHING, "--file_extension", workload.extension]
        start = time.perf_counter()
        subprocess.run(command, env=surroundings, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start
