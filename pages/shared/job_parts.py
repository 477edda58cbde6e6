"""The parts of the page Jobs."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import streamlit as st

from dispatch_core.dispatch import DispatchPlan
from dispatch_core.job_model import (
    JOB_FORMATS,
    READERS,
    Job,
    job_bytes,
    job_document,
    refusing_readers,
)
from dispatch_core.report import ledger_text
from pages.shared import session as state
from pages.shared.components import download_csv, escaped, ledger_table, paged_table
from pages.shared.session import Session

_BY_WORKERS, _BY_SIZE = "at most this many workers", "this many jobs for each worker"
_MOST_VALIDATED = 1_000


def job_options(session: Session) -> None:
    """Workers, cap and format."""
    mode, number, cap, shape = st.columns([2, 1, 1, 2], vertical_alignment="top")
    request, key = session.request, session.epoch
    start = _BY_WORKERS if request.tasks_per_job is None else _BY_SIZE
    modes = [_BY_WORKERS, _BY_SIZE]
    chosen = mode.radio("Share the jobs out as", modes, modes.index(start), key=f"mode-{key}")
    name = "num_parallel_workers" if chosen == _BY_WORKERS else "tasks_per_job"
    amount = number.number_input(
        "Workers" if chosen == _BY_WORKERS else "Jobs each",
        1,
        100_000,
        getattr(request, name) or 1,
        key=f"{name}-{key}",
    )
    most = cap.number_input(
        "Cap on jobs",
        1,
        10_000_000,
        request.max_number_of_tasks_dispatched,
        placeholder="none",
        key=f"cap-{key}",
    )
    job_format = shape.radio(
        "Format",
        JOB_FORMATS,
        JOB_FORMATS.index(request.job_format),
        captions=["distributed_parameters is a list of one", "it is the object itself"],
        key=f"format-{key}",
    )
    changes = {"tasks_per_job": amount if chosen == _BY_SIZE else None}
    if chosen == _BY_WORKERS:
        changes["num_parallel_workers"] = amount
    state.edit(session, **changes, max_number_of_tasks_dispatched=most, job_format=job_format)


def plan_tabs(session: Session, plan: DispatchPlan) -> None:
    """Jobs, workers, who is not in, and which readers accept the jobs."""
    names = [
        f"Jobs ({len(plan.jobs):,})",
        f"Workers ({len(plan.workers):,})",
        f"Not in ({len(plan.exclusions):,})",
        "Readers",
    ]
    jobs, workers, not_in, readers = st.tabs(names)
    with jobs:
        job_table(plan)
    with workers:
        worker_chart(plan)
    with not_in:
        ledger(plan)
    with readers:
        reader_check(session, plan)
    st.page_link(
        "pages/dispatch/deliver.py", label="Next: deliver", icon=":material/arrow_forward:"
    )


def job_table(plan: DispatchPlan) -> None:
    """One row per job; the JSON of the selected one, as it will be written."""
    if not plan.jobs:
        st.warning("No job can be made: see who is not in, and why.", icon=":material/warning:")
        return
    worker_of = [number for number, worker in enumerate(plan.workers) for _ in worker]
    columns = _columns(plan, worker_of)
    shown, event = paged_table(
        list(enumerate(plan.jobs)), columns, "jobs", on_select="rerun", selection_mode="single-row"
    )
    row = next(iter(event.selection.rows), 0)
    if row < len(shown):
        index, job = shown[row]
        st.caption(f"{worker_of[index]}/{job.name}.json (select another row to see its file)")
        content = job_bytes(job, plan.request.job_format, plan.query_text)
        st.code(content.decode(), language="json")


def _columns(plan: DispatchPlan, worker_of: list[int]) -> dict[str, Any]:
    """Title -> cell of (index, job); only what tells jobs of this plan apart."""
    columns: dict[str, Any] = {"Worker": lambda row: worker_of[row[0]]}
    differing = _differing_keys(plan)
    if differing:
        columns["Parameters"] = lambda row: _values_of(row[1], differing)
    columns["Assets"] = lambda row: ", ".join(one.asset.name for one in row[1].assets)
    if plan.request.file_extension:
        columns["File"] = lambda row: _files_of(row[1])
    return {**columns, "Job": lambda row: row[1].name}


def _files_of(job: Job) -> str:
    names = [file.location.rpartition("/")[2] for one in job.assets for file in one.files or ()]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _differing_keys(plan: DispatchPlan) -> list[str]:
    """The parameters by which jobs of the same input can be told apart."""
    sets = plan.parameter_sets.sets
    keys = dict.fromkeys(key for one in sets for key in one)
    return [key for key in keys if len({json.dumps(one.get(key)) for one in sets}) > 1]


def _values_of(job: Job, keys: list[str]) -> str:
    values = job.parameters or {}
    return ", ".join(f"{key}={json.dumps(values[key])}" for key in keys if key in values)


def worker_chart(plan: DispatchPlan) -> None:
    """How many jobs each worker gets."""
    sizes = [len(worker) for worker in plan.workers[:500]]
    table = pd.DataFrame({"Worker": range(len(sizes)), "Jobs": sizes})
    st.bar_chart(table, x="Worker", y="Jobs", height=260)


def ledger(plan: DispatchPlan) -> None:
    """The exclusion ledger with its download."""
    if not plan.exclusions:
        st.success("Every matched asset is in.", icon=":material/check:")
        return
    download_csv(
        "Download the ledger", lambda: ledger_text(plan.exclusions, "ledger.csv"), "ledger"
    )
    ledger_table(plan.exclusions, "ledger")


def reader_check(session: Session, plan: DispatchPlan) -> None:
    """Which readers accept the jobs of this plan, by validating them."""
    checked = plan.jobs[:_MOST_VALIDATED]
    refusals = state.remembered(session, "readers", plan.fingerprint, lambda: _refusals(plan))
    st.caption(f"{len(checked):,} of {len(plan.jobs):,} jobs were validated")
    for reader in READERS:
        if reader in refusals:
            st.warning(
                escaped(f"{reader} refuses them: {refusals[reader]}"), icon=":material/block:"
            )
        else:
            st.success(f"{reader} accepts them", icon=":material/check:")


def _refusals(plan: DispatchPlan) -> dict[str, str]:
    """Reader -> why it refuses the first job that it refuses."""
    refusals: dict[str, str] = {}
    for job in plan.jobs[:_MOST_VALIDATED]:
        document = job_document(job, plan.request.job_format, plan.query_text)
        refusals = refusing_readers(document) | refusals
    return refusals
