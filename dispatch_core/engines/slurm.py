"""Slurm: an array job with a task for each worker folder."""

from __future__ import annotations

from dispatch_core.engines.order import (
    AT_ONCE,
    Handover,
    HandoverFile,
    Order,
    head,
    here,
    shell_words,
)
from dispatch_core.text.words import counted


def hand_over(order: Order) -> Handover:
    """The batch script; the number of a task of the array is that of a worker folder."""
    name = f"{order.folder}.slurm.sh"
    script = shell_words([here(name)])
    start = f"sbatch {script}"
    failed = f'sbatch --array="$({order.status_line} --failed --workers)" {script}'
    return Handover(
        (HandoverFile(name, _text(order, start, failed)),), start, failed, _notes(order)
    )


def _text(order: Order, start: str, failed: str) -> str:
    lines = head(
        order,
        f"runs {counted(order.workers, 'worker')} on Slurm",
        (start, failed),
        "Checked with Slurm 22.05. Add what your site needs: #SBATCH --time, --mem, --partition.",
    )
    words = [order.python, here(order.runner)]
    folder = shell_words([here(order.folder)])
    options = [f"--results={order.results_folder}", *order.options]
    return "\n".join(
        [
            "#!/bin/bash",
            *(f"# {line}" for line in lines),
            "#SBATCH --job-name=dispatch",
            f"#SBATCH --array=0-{order.workers - 1}%{AT_ONCE}",
            "",
            f'exec {shell_words(words)} {folder}/"$SLURM_ARRAY_TASK_ID" \\',
            f"    {shell_words(options)}",
            "",
        ]
    )


def _notes(order: Order) -> tuple[str, ...]:
    if order.workers <= order.max_array:
        return ()
    return (
        f"{counted(order.workers, 'worker')} are more than the MaxArraySize of "
        f"{order.max_array:,} allows, and sbatch would refuse them. Dispatch again with "
        f"--num_parallel_workers {order.max_array}, or give the value of your site with "
        "--max_array (scontrol show config | grep MaxArraySize).",
    )
