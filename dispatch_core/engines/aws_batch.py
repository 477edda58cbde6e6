"""AWS Batch: the request of an array job, whose workers copy their folder from S3."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from dispatch_core.engines.order import Handover, HandoverFile, Order, here, shell_words
from dispatch_core.engines.run_worker import DONE, FAILED, RUNNING
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.words import counted

LARGEST_ARRAY = 10_000
"""Workers of one array job, as AWS Batch limits them."""

LONGEST_OVERRIDES = 8_192
"""Characters of the overrides of a container, as AWS Batch limits them."""

_SCRIPT = """\
{choose}
there="$(mktemp -d)" && mkdir "$there/jobs" &&
aws s3 cp --only-show-errors {s3}/{runner} "$there/run_worker.py" &&
aws s3 cp --only-show-errors --recursive {s3}/{folder}/"$worker" "$there/jobs" &&
aws s3 sync --only-show-errors --exclude '*' --include '*.done' \\
    {s3}/{results} "$there/results" || exit 2
{python} "$there/run_worker.py" "$there/jobs" --results="$there/results" {options}
code=$?
aws s3 sync --only-show-errors "$there/results" {s3}/{results} || exit 2
exit $code
"""


def hand_over(order: Order) -> Handover:
    """The request for ``aws batch submit-job``; one worker is a plain job.

    Raises
    ------
    InvalidInput
        There are too many workers, no place in S3, or a text that AWS Batch would change.
    """
    _check(order)
    name = f"{order.folder}.batch.json"
    text = json.dumps(_request(order), indent=2) + "\n"
    submit = f"aws batch submit-job --cli-input-json {shlex.quote(f'file://{name}')}"
    start = "\n".join([*_upload(order), submit])
    return Handover((HandoverFile(name, text),), start, _again(order, submit), _notes(order))


def _check(order: Order) -> None:
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]*(/.*)?", order.s3):
        what = f"{order.s3!r} is not a place in S3" if order.s3 else "it is needed for AWS Batch"
        raise InvalidInput(Issue(what, "--s3", "Write it as s3://bucket/prefix"))
    if len(_numbers(order)) > LARGEST_ARRAY:
        what = f"{order.workers:,} workers are more than the {LARGEST_ARRAY:,} of an array job"
        action = f"Dispatch again with --num_parallel_workers {LARGEST_ARRAY}, or fewer"
        raise InvalidInput(Issue(what, order.folder, action))
    wrong = [number for number in order.only if number >= order.workers]
    if wrong:
        what = f"worker {wrong[0]} does not exist: they are 0 to {order.workers - 1}"
        raise InvalidInput(Issue(what, "--workers"))
    script = _script(order)
    if "Ref::" in script:
        what = "AWS Batch replaces texts that start with Ref::"
        raise InvalidInput(Issue(what, "--command", "Put the command into a script of the image"))
    if len(json.dumps(_overrides(order))) > LONGEST_OVERRIDES:
        what = f"the command of the container is longer than {LONGEST_OVERRIDES:,} characters"
        action = "Put the command into a script of the image, or name fewer --workers"
        raise InvalidInput(Issue(what, "--command", action))


def _numbers(order: Order) -> tuple[int, ...]:
    return order.only or tuple(range(order.workers))


def _request(order: Order) -> dict[str, Any]:
    size = len(_numbers(order))
    return {
        "jobName": re.sub(r"[^A-Za-z0-9_-]", "-", f"dispatch-{order.folder}")[:128],
        "jobQueue": order.queue,
        "jobDefinition": order.definition,
        **({"arrayProperties": {"size": size}} if size > 1 else {}),
        "retryStrategy": {"attempts": 1},
        "containerOverrides": _overrides(order),
    }


def _overrides(order: Order) -> dict[str, Any]:
    return {"command": ["/bin/sh", "-c", _script(order)]}


def _script(order: Order) -> str:
    """What the shell of the container runs; an array job numbers its containers from 0."""
    choose = 'worker="${AWS_BATCH_JOB_ARRAY_INDEX:-0}"'
    if order.only:
        numbers = " ".join(map(str, order.only))
        choose += f'\nset -- {numbers}; shift "$worker"; worker="$1"'
    return _SCRIPT.format(
        choose=choose,
        s3=shlex.quote(order.s3.rstrip("/")),
        runner=shlex.quote(order.runner),
        folder=shlex.quote(order.folder),
        results=shlex.quote(_results_name(order)),
        python=shlex.quote(order.python),
        options=shell_words(order.options),
    )


def _results_name(order: Order) -> str:
    return order.results_folder.rstrip("/").rpartition("/")[2]


def _upload(order: Order) -> list[str]:
    s3 = order.s3.rstrip("/")
    folder, runner = order.folder, order.runner
    return [
        shlex.join(["aws", "s3", "sync", "--delete", here(folder), f"{s3}/{folder}"]),
        shlex.join(["aws", "s3", "cp", here(runner), f"{s3}/{runner}"]),
    ]


def _again(order: Order, submit: str) -> str:
    """The command for what failed: the marks are copied here, and a new request is written."""
    results = order.results_folder
    marks = ["--exclude=*", *(f"--include=*{end}" for end in (DONE, FAILED, RUNNING))]
    there = f"{order.s3.rstrip('/')}/{_results_name(order)}"
    kept = [f"--queue={order.queue}", f"--definition={order.definition}", f"--s3={order.s3}"]
    kept += [f"--results={order.results}"] if order.results else []
    kept += [f"--python={order.python}", *order.options]
    handover = ["job-dispatch", "handover", "aws-batch", here(order.folder)]
    return "\n".join(
        [
            shlex.join(["aws", "s3", "sync", *marks, there, here(results)]),
            f"{shell_words([*handover, *kept])} \\",
            f'    --workers="$({order.status_line} --failed --workers)"',
            submit,
        ]
    )


def _notes(order: Order) -> tuple[str, ...]:
    size = counted(len(_numbers(order)), "worker")
    return (
        f"The request starts {size} in the queue {order.queue!r} with the definition "
        f"{order.definition!r}: --queue and --definition name others.",
        "The image needs Python 3.8 or later, the AWS command line and the analysis; the role "
        "of its jobs reads and writes the folder in S3.",
    )
