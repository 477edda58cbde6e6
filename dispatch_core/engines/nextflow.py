"""Nextflow: a process that takes the worker folders from a channel."""

from __future__ import annotations

import re

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

_PIPELINE = """\
nextflow.enable.dsl = 2

process run_worker {{
    tag "${{worker.name}}"
    maxForks {at_once}
    errorStrategy 'ignore'

    input:
    path worker

    script:
    \"\"\"
    cd "\\$(readlink -f ${{worker}})/../.."
    {run} {folder}/${{worker}} \\\\
        {options}
    \"\"\"
}}

workflow {{
    Channel.fromPath("{pattern}/[0-9]*", type: 'dir') | run_worker
}}
"""


def hand_over(order: Order) -> Handover:
    """The pipeline; it cannot be run where this project is tested, and says so."""
    name = f"{order.folder}.nf"
    start = f"nextflow run {shell_words([here(name)])} -resume"
    note = (
        "A worker that failed does not stop the others, so Nextflow ends with 0: "
        f"{order.status_line} says what failed."
    )
    return Handover((HandoverFile(name, _text(order, start)),), start, start, (note,))


def _text(order: Order, start: str) -> str:
    lines = head(
        order,
        f"runs {counted(order.workers, 'worker')} with Nextflow",
        (start, start),
        "Not run where this project is tested: checked are its quotes and the commands in it.",
        "A worker that fails stops no other, so Nextflow ends with 0 then.",
    )
    pipeline = _PIPELINE.format(
        at_once=AT_ONCE,
        run=in_groovy(shell_words([order.python, here(order.runner)])),
        folder=in_groovy(shell_words([here(order.folder)])),
        options=in_groovy(shell_words([f"--results={order.results_folder}", *order.options])),
        pattern=in_groovy(_in_glob(order.folder)),
    )
    # Groovy reads \uXXXX in comments too
    return "".join(f"// {line}\n".replace("\\u", "\\\\u") for line in lines) + pipeline


def in_groovy(text: str) -> str:
    """`text` inside a double-quoted text of Groovy, single or triple."""
    return re.sub(r'[\\$"]', r"\\\g<0>", text)


def _in_glob(name: str) -> str:
    return re.sub(r"[\\*?\[\]{}]", r"\\\g<0>", name)
