"""Snakemake: one rule, and a job of it for each job file."""

from __future__ import annotations

from dispatch_core.engines.order import Handover, HandoverFile, Order, head, here, shell_words
from dispatch_core.errors import InvalidInput, Issue

_OPTIONS = "--cores all --keep-going --ignore-incomplete --rerun-triggers mtime"
"""Marks are never incomplete, and only a missing one means that a job has to run."""

_RULES = """\
from pathlib import Path

PYTHON = {python!r}
RUNNER = {runner!r}
FOLDER = {folder!r}
RESULTS = {results!r}
OPTIONS = {options!r}
FILES = sorted(Path(FOLDER).glob("[0-9]*/[!.]*.json"))
JOBS = {{path.stem: f"{{FOLDER}}/{{path.parent.name}}/{{path.name}}" for path in FILES}}


rule all:
    input:
        [f"{{RESULTS}}/{{name}}.done" for name in JOBS],


rule job:
    input:
        lambda wildcards: ancient(JOBS[wildcards.name]),
    output:
        RESULTS + "/{{name}}.done",
    wildcard_constraints:
        name="[^/]+",
    shell:
        "{{PYTHON:q}} {{RUNNER:q}} {{input:q}} --results={{RESULTS:q}} {{OPTIONS:q}}"
"""


def hand_over(order: Order) -> Handover:
    """The Snakefile; the output of a job is its mark, so what is done is not run again.

    Raises
    ------
    InvalidInput
        A path contains braces, which are wildcards in every path of Snakemake.
    """
    for where, path in {"the worker folder": order.folder, "--results": order.results}.items():
        if set(path) & set("{}"):
            what = f"{path} contains braces, which Snakemake takes for wildcards"
            raise InvalidInput(Issue(what, where, "Rename it, or choose another engine"))
    name = f"{order.folder}.Snakefile"
    start = f"snakemake --snakefile={shell_words([here(name)])} {_OPTIONS}"
    return Handover((HandoverFile(name, _text(order, start)),), start, start)


def _text(order: Order, start: str) -> str:
    lines = head(
        order,
        "runs the jobs with Snakemake",
        (start, start),
        "Checked with Snakemake 9. On a cluster: --executor slurm --jobs 50, without --cores all.",
    )
    rules = _RULES.format(
        python=order.python,
        runner=here(order.runner),
        results=order.results_folder,
        options=order.options,
        folder=here(order.folder),
    )
    return "".join(f"# {line}\n" for line in lines) + rules
