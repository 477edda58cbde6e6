"""The parts of the page Jobs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.job_model import (
    JOB_FORMATS,
    READERS,
    Job,
    accepting_readers,
    job_bytes,
    job_document,
)
from dispatch_core.request import Trial
from dispatch_core.text.words import counted
from dispatch_core.types import LARGEST_NUMBER, Balance
from dispatch_core.views.report import ledger_text
from dispatch_core.views.table import Cell, Columns, table_text
from dispatch_core.views.worker_loads import range_bars, worker_bars
from pages.shared.state.inputs import AMOUNT, CAP
from pages.shared.state.session import Session
from pages.shared.widgets.charts import BYTES, order_chart, pair_chart
from pages.shared.widgets.field_menu import field_menu
from pages.shared.widgets.ledger import ledger_table, offer_lift
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.tables import download_csv, paged_table
from pages.shared.widgets.why_not import why_button
from pages.shared.widgets.words import PROCESSED_RULES

_BY_WORKERS, _BY_JOBS = "N workers", "N jobs per worker"
_RULES: dict[Balance, str] = {"count": "number of jobs", "size": "size of files"}
_MOST_BARS = 100


def job_options(session: Session) -> None:
    """Edit workers, their balance, cap and job format."""
    mode, number, rule, cap, shape = st.columns([1.7, 1, 1.6, 1, 2], vertical_alignment="top")
    request, key = session.request, session.epoch
    start = _BY_WORKERS if request.tasks_per_job is None else _BY_JOBS
    modes = [_BY_WORKERS, _BY_JOBS]
    chosen = mode.radio("Split into", modes, modes.index(start), key=f"mode-{key}")
    with number:
        if chosen == _BY_WORKERS:
            amount = _number(session, "Workers", "num_parallel_workers", AMOUNT)
        else:
            amount = _number(session, "Jobs each", "tasks_per_job", AMOUNT)
    balance = _balance(session, rule)
    with cap:
        most = _number(session, "Cap on jobs", "max_number_of_tasks_dispatched", CAP)
    job_format = shape.radio(
        "Job format",
        JOB_FORMATS,
        JOB_FORMATS.index(request.job_format),
        captions=["list (original)", "object (analysis-pipeline-utils)"],
        help="The shape of distributed_parameters in each job.",
        key=f"format-{key}",
    )
    changes = {"tasks_per_job": (amount or 1) if chosen == _BY_JOBS else None}
    if chosen == _BY_WORKERS:
        changes["num_parallel_workers"] = amount or 1
    session.edit(
        **changes, balance=balance, max_number_of_tasks_dispatched=most, job_format=job_format
    )


def _number(session: Session, label: str, name: str, what: str) -> int | None:
    """The number of a field of the request; one below 1 stays as typed and blocks the request."""
    wrong = session.typed.numbers
    before: int | None = getattr(session.request, name) or (1 if what == AMOUNT else None)
    typed: int | None = st.number_input(
        label,
        max_value=LARGEST_NUMBER,
        value=wrong.get(name, before),
        step=1,
        placeholder="none",
        key=f"{name}-{session.epoch}",
    )
    others = {one: number for one, number in wrong.items() if one != name}
    if typed is None or typed >= 1:
        session.keep_typed(numbers=others)
        session.accept(what)
        return typed
    fault = Issue(f"the {what} is {typed:,}", "", "Write 1 or more")
    session.keep_typed(numbers={**others, name: typed})
    session.refuse(what, InvalidInput(fault))
    st.markdown(f":red[:small[:material/error: {escaped(str(fault))}]]")
    return before


def _balance(session: Session, column: DeltaGenerator) -> Balance:
    """The chosen rule by which jobs are divided over the workers."""
    rules = list(_RULES)
    rule: Balance = column.radio(
        "Balance workers by",
        rules,
        rules.index(session.request.balance),
        format_func=_RULES.__getitem__,
        help="By the size of files, each worker gets about the same number of bytes. "
        "A directory store, whose size is unknown, counts as the median.",
        key=f"balance-{session.epoch}",
    )
    return rule


_TRIALS = {
    "": "all assets",
    "first": "the first assets",
    "random": "assets at random",
    "one_per": "one asset for each value of a field",
}


def option_line() -> DeltaGenerator:
    """One line for the options that most dispatches leave alone."""
    return st.container(
        horizontal=True, vertical_alignment="center", gap="small", key="more-job-options"
    )


def say_options(session: Session) -> None:
    """Say beside the closed options which of them are in use."""
    request = session.request
    rule = _rule_of(request.trial)
    said = [f"Trial: {_TRIALS[rule]}"] if rule else []
    said += ["jobs of earlier dispatches are excluded"] if request.not_in else []
    processed = request.skip_processed or "no"
    if processed not in ("no", "report"):
        said.append(f"processed jobs are {PROCESSED_RULES[processed]}")
    if said:
        text = "; ".join(said)
        st.caption(f"{text[0].upper()}{text[1:]}.", width="content")


def trial_options(session: Session) -> None:
    """Edit the trial: a dispatch of some of the assets."""
    trial = session.request.trial
    rule = _rule_of(trial)
    with st.popover("Trial run", icon=":material/experiment:", key=f"trial-box-{session.epoch}"):
        chosen, amount, more = (st.container() for _ in range(3))
        rule = chosen.selectbox(
            "Dispatch",
            list(_TRIALS),
            list(_TRIALS).index(rule),
            format_func=_TRIALS.__getitem__,
            key=f"trial-{session.epoch}",
            help="A trial is selected before files are located; if assets are grouped, groups "
            "are counted. Its jobs have the same names in the whole dispatch.",
        )
        session.edit(trial=_trial(session, rule, amount, more))


def _rule_of(trial: Trial | None) -> str:
    """The rule of a trial, as in `_TRIALS`; "" without a trial."""
    return next((name for name in _TRIALS if name and getattr(trial, name, None)), "")


def _trial(
    session: Session, rule: str, amount: DeltaGenerator, more: DeltaGenerator
) -> Trial | None:
    trial, key = session.request.trial, session.epoch
    if rule == "one_per":
        path = trial.one_per if trial and trial.one_per else "subject.subject_id"
        with amount:
            field = field_menu(
                session,
                "Field",
                path,
                f"trial-field-{key}",
                placeholder="such as Subject",
                effect="Of the assets with the same value here, the first is dispatched.",
            )
        return Trial(one_per=field) if field else None
    if not rule:
        return None
    now: int = getattr(trial, rule, None) or 3
    number = int(amount.number_input("How many", 1, LARGEST_NUMBER, now, key=f"trial-number-{key}"))
    if rule == "first":
        return Trial(first=number)
    seed = more.number_input(
        "Seed",
        -LARGEST_NUMBER,
        LARGEST_NUMBER,
        value=trial.seed if trial else 0,
        step=1,
        key=f"trial-seed-{key}",
        help="The same seed selects the same assets again.",
    )
    return Trial(random=number, seed=int(seed))


_VIEWS: dict[str, Callable[[DispatchPlan], str]] = {
    "jobs": lambda plan: f"Jobs ({len(plan.jobs):,})",
    "workers": lambda plan: f"Workers ({len(plan.workers):,})",
    "excluded": lambda plan: f"Excluded ({len(plan.exclusions):,})",
    "readers": lambda _: "Readers",
}


def plan_views(session: Session, plan: DispatchPlan) -> None:
    """Show one of: jobs, workers, excluded assets, the readers that accept the jobs."""
    line = st.container(horizontal=True, vertical_alignment="center")
    view = line.segmented_control(
        "View",
        list(_VIEWS),
        default=session.views.job_view,
        format_func=lambda name: _VIEWS[name](plan),
        required=True,
        label_visibility="collapsed",
        key=f"job-view-{session.epoch}",
    )
    session.keep_view(job_view=view)
    line.space("stretch")
    with line:
        why_button(session)
    if view == "jobs":
        job_table(session, plan)
    elif view == "workers":
        worker_charts(session, plan)
    elif view == "excluded":
        ledger(session, plan)
    else:
        reader_check(plan)


def why_no_job(plan: DispatchPlan) -> str:
    """Why a plan has no job, in a sentence."""
    before = plan.equation.dispatched_before
    if before:
        return f"Nothing is new: {counted(before, 'job')} dispatched before. See the excluded ones."
    return "No job is left: see what is excluded."


def job_table(session: Session, plan: DispatchPlan) -> None:
    """Show one row per job, worker by worker, and the file of the selected job."""
    if not plan.jobs:
        st.warning(why_no_job(plan), icon=":material/warning:")
        return
    rows = session.memo.remember_of(
        "job rows", plan, None, lambda: tuple(chain.from_iterable(plan.workers))
    )
    worker_of, columns = session.memo.remember_of(
        "job columns", plan, None, lambda: _worker_and_columns(plan)
    )
    shown, event = paged_table(
        rows,
        columns,
        "jobs",
        changes=plan.fingerprint,
        on_select="rerun",
        selection_mode="single-row",
    )
    download_csv(
        f"Download all {len(rows):,} rows as CSV", lambda: table_text(rows, columns), "jobs"
    )
    row = next(iter(event.selection.rows), 0)
    if row < len(shown):
        index = shown[row]
        job = plan.jobs[index]
        st.caption(f"{worker_of[index]}/{job.name}.json (select another row to see its file)")
        content = job_bytes(job, plan.request.job_format, plan.query_text, plan.code_parameters)
        st.code(content.decode(), language="json", wrap_lines=True)


def _worker_and_columns(plan: DispatchPlan) -> tuple[Mapping[int, int], Columns]:
    worker_of = {index: number for number, worker in enumerate(plan.workers) for index in worker}
    return worker_of, _columns(plan, worker_of)


def _columns(plan: DispatchPlan, worker_of: Mapping[int, int]) -> Columns:
    """Title -> cell of the index of a job; only columns in which jobs of this plan differ."""
    jobs = plan.jobs
    columns: dict[str, Callable[[int], Cell]] = {"Worker": lambda index: worker_of[index]}
    differing = _differing_keys(plan)
    if differing:
        columns["Parameters"] = lambda index: _values_of(jobs[index], differing)
    columns["Assets"] = lambda index: ", ".join(one.asset.name for one in jobs[index].assets)
    if plan.request.file_extension:
        columns["File"] = lambda index: _files_of(jobs[index])
    return {**columns, "Job": lambda index: jobs[index].name}


def _files_of(job: Job) -> str:
    names = [file.location.rpartition("/")[2] for one in job.assets for file in one.files or ()]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _differing_keys(plan: DispatchPlan) -> list[str]:
    """The parameters that differ between the sets."""
    sets = plan.parameter_sets.sets
    keys = dict.fromkeys(key for one in sets for key in one)
    return [key for key in keys if len({json.dumps(one.get(key)) for one in sets}) > 1]


def _values_of(job: Job, keys: list[str]) -> str:
    values = job.parameters or {}
    return ", ".join(f"{key}={json.dumps(values[key])}" for key in keys if key in values)


def worker_charts(session: Session, plan: DispatchPlan) -> None:
    """Chart the jobs of each worker, and the bytes if known, as both rules of balance give them."""
    _job_chart([len(worker) for worker in plan.workers])
    spread = session.memo.remember_of("spread", plan, None, plan.spread)
    if not spread.is_known:
        return
    names = {rule: f"by {name}" for rule, name in _RULES.items()}
    names[spread.balance] += " (this plan)"
    is_short = len(plan.workers) <= _MOST_BARS
    bars = (worker_bars if is_short else range_bars)(spread)
    pair_chart(
        [(bar.label, names[bar.rule], bar.height, bar.text) for bar in bars],
        "Files of each worker" if is_short else "Workers by size of their files",
        [spread.text(_RULES), *(f"{note[:1].upper()}{note[1:]}" for note in spread.notes())],
        "chart-loads",
        BYTES if is_short else {"title": "workers", "format": ",d", "tickMinStep": 1},
    )


def _job_chart(jobs: list[int]) -> None:
    """Chart the jobs of each worker; with more than 100 workers, the workers by number of jobs."""
    if len(jobs) <= _MOST_BARS:
        counts = [(str(number), count) for number, count in enumerate(jobs)]
        order_chart(counts, "Jobs of each worker", "jobs", "chart-workers")
    else:
        counts = [(f"{count:,}", workers) for count, workers in sorted(Counter(jobs).items())]
        order_chart(counts, "Workers by number of jobs", "workers", "chart-workers")


def ledger(session: Session, plan: DispatchPlan) -> None:
    """Show the exclusion ledger by reason, with its download."""
    if not plan.exclusions:
        st.success("No asset is excluded.", icon=":material/check:")
        return
    ledger_table(plan.exclusions, "ledger", partial(offer_lift, session))
    download_csv(
        f"Download all {len(plan.exclusions):,} rows of the ledger",
        lambda: ledger_text(plan.exclusions, "ledger.csv"),
        "ledger",
    )


def reader_check(plan: DispatchPlan) -> None:
    """Which readers accept the jobs of this plan; all jobs have the shape of the first."""
    if not plan.jobs:
        return
    document = job_document(
        plan.jobs[0], plan.request.job_format, plan.query_text, plan.code_parameters
    )
    accepting = accepting_readers(document)
    for reader in READERS:
        if reader in accepting:
            st.success(f"{reader} accepts them", icon=":material/check:")
        else:
            st.warning(f"{reader} refuses them; choose the other format", icon=":material/block:")
