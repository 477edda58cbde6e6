"""Dask: a program that sends each worker folder to a cluster as one task."""

from __future__ import annotations

from dispatch_core.engines.order import Handover, HandoverFile, Order, head, here, shell_words
from dispatch_core.text.words import counted

_PROGRAM = """\
import subprocess
import sys
from pathlib import Path

from distributed import Client, LocalCluster, as_completed

HERE = Path(__file__).resolve().parent
RUN = [{python!r}, {runner!r}]
FOLDER = {folder!r}
OPTIONS = {options!r}


def run_worker(number):
    \"\"\"Runs one worker folder on a machine of the cluster: its exit code and its output.\"\"\"
    words = [*RUN, f"{{FOLDER}}/{{number}}", "--stop_with_parent", *OPTIONS]
    done = subprocess.run(words, cwd=HERE, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main():
    if sys.argv[1:]:
        client = Client(sys.argv[1])
    else:
        client = Client(LocalCluster(threads_per_worker=1, dashboard_address=None))
    with client:
        tasks = {{client.submit(run_worker, n, pure=False, retries=0): n for n in range({workers})}}
        return max([report(tasks[task], task) for task in as_completed(tasks)])


def report(number, task):
    code, text = task.result() if task.status == "finished" else (1, str(task.exception()))
    print(f"worker {{number}}: exit code {{code}}", text.rstrip(), sep="\\n", flush=True)
    return int(code != 0)


if __name__ == "__main__":
    sys.exit(main())
"""


def hand_over(order: Order) -> Handover:
    """The program; if a machine dies, its worker folder moves to another one."""
    name = f"{order.folder}.dask.py"
    start = shell_words([order.python, here(name)])
    return Handover(
        (HandoverFile(name, _text(order, start)),),
        start,
        start,
        (
            f"A cluster that runs already: {start} tcp://ADDRESS:8786. All of its machines need "
            "the folder under the same path.",
        ),
    )


def _text(order: Order, start: str) -> str:
    lines = head(
        order,
        f"runs {counted(order.workers, 'worker')} with Dask",
        (start, start),
        "Checked with distributed 2026.8. It starts a cluster on this machine; with an argument,",
        "such as tcp://ADDRESS:8786, it uses that one, whose machines need the same folders.",
    )
    program = _PROGRAM.format(
        python=order.python,
        runner=here(order.runner),
        folder=here(order.folder),
        options=[f"--results={order.results_folder}", *order.options],
        workers=order.workers,
    )
    return "".join(f"# {line}\n" for line in lines) + program
