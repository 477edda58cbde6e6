"""A plan for a notebook: its jobs and its ledger as rows of a table, and the plan as HTML."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from html import escape
from itertools import accumulate
from operator import eq
from typing import Any, Generic, NamedTuple, TypeVar, overload

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.errors import showable
from dispatch_core.notebook_arguments import notebook_words
from dispatch_core.text.words import counted
from dispatch_core.types import Exclusion
from dispatch_core.views.ledger_groups import LedgerGroup, group_exclusions

JOBS_SHOWN = 5
TEXTS_SHOWN = 2

_T = TypeVar("_T")


class JobRow(NamedTuple):
    """One job as a row of a table; lists run in parallel, one item for each asset.

    ``files`` and ``parameters`` are None where the request asks for none.
    """

    job: str
    worker: int
    asset_names: list[str]
    record_ids: list[str]
    asset_ids: list[str]
    locations: list[str]
    files: list[str] | None
    parameters: dict[str, Any] | None


class LedgerRow(NamedTuple):
    """One row of the exclusion ledger: which asset is excluded, at which stage, and why."""

    stage: str
    reason: str
    name: str
    record_id: str
    location: str
    message: str
    action: str


class Rows(Sequence[_T], Generic[_T]):
    """A sequence whose rows are made when they are read, each time as a copy.

    ``pandas.DataFrame(rows, columns=rows.columns)`` makes a table, also of no rows. Rows are
    equal if their content is.
    """

    def __init__(self, kind: type[_T], count: int, row: Callable[[int], _T]) -> None:
        self._kind = kind
        self._indices = range(count)
        self._row = row

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in their order."""
        return list(getattr(self._kind, "_fields", ()))

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[_T, ...]: ...
    def __getitem__(self, index: int | slice) -> _T | tuple[_T, ...]:
        if isinstance(index, slice):
            return tuple(map(self._row, self._indices[index]))
        return self._row(self._indices[index])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rows) or (self._kind, len(self)) != (other._kind, len(other)):
            return False
        return all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        table = "pandas.DataFrame(rows, columns=rows.columns) makes a table"
        return f"<{counted(len(self), self._kind.__name__)}; {table}>"


def job_rows(plan: DispatchPlan) -> Rows[JobRow]:
    """A row for each job, worker by worker."""
    starts = [0, *accumulate(map(len, plan.workers))]
    return Rows(JobRow, len(plan.jobs), partial(_job_row, plan, starts))


def ledger_rows(plan: DispatchPlan) -> Rows[LedgerRow]:
    """A row for each excluded asset or job, in the order of the ledger."""
    return Rows(LedgerRow, len(plan.exclusions), partial(_ledger_row, plan.exclusions))


def plan_html(plan: DispatchPlan) -> str:
    """The equation, the sources, the warnings, the first jobs, and the excluded by reason."""
    excluded = [_group_cells(group) for group in group_exclusions(plan.exclusions)]
    first = [
        (str(row.worker), _shortened(row.asset_names), _shortened(row.files or row.locations))
        for row in job_rows(plan)[:JOBS_SHOWN]
    ]
    title = f"First {len(first)} of {counted(len(plan.jobs), 'job')}"
    parts = [
        f"<p><b>{_safe(str(plan.equation))}</b></p>",
        f"<p>source: {_safe(plan.source)}<br>buckets: {_safe(plan.buckets)}</p>",
        *(f"<p>{_safe(line)}</p>" for line in (*plan.extension_lines(), *plan.balance_lines())),
        *([f"<p>{_safe(str(plan.drift))}</p>"] if plan.drift is not None else []),
        *(f"<p>Warning: {_safe(notebook_words(str(warning)))}</p>" for warning in plan.warnings),
        html_table(title, ("worker", "assets", "files"), first),
        html_table(
            "Excluded", ("count", "stage", "reason", "what happened", "what to do"), excluded
        ),
    ]
    return "".join(parts)


def _group_cells(group: LedgerGroup) -> tuple[str, ...]:
    """The cells of one reason: its count, and its texts, each once."""
    texts = (
        notebook_words(_shortened([text for text, _ in several]))
        for several in (group.messages, group.actions)
    )
    return (f"{len(group.rows):,}", group.stage, str(group.reason), *texts)


def _job_row(plan: DispatchPlan, starts: Sequence[int], row: int) -> JobRow:
    worker = bisect_right(starts, row) - 1
    job = plan.jobs[plan.workers[worker][row - starts[worker]]]
    assets = [one.asset for one in job.assets]
    has_files = any(one.files is not None for one in job.assets)
    files = [file.location for one in job.assets for file in one.files or ()]
    return JobRow(
        job=job.name,
        worker=worker,
        asset_names=[asset.name for asset in assets],
        record_ids=[asset.record_id for asset in assets],
        asset_ids=[asset.asset_id for asset in assets],
        locations=[asset.location for asset in assets],
        files=files if has_files else None,
        parameters=None if job.parameters is None else deepcopy(dict(job.parameters)),
    )


def _ledger_row(exclusions: Sequence[Exclusion], index: int) -> LedgerRow:
    row = exclusions[index]
    which = (row.name, row.record_id, row.location)
    return LedgerRow(
        row.stage, str(row.reason), *which, notebook_words(row.message), notebook_words(row.action)
    )


def _shortened(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - TEXTS_SHOWN:,} more" if len(texts) > TEXTS_SHOWN else ""
    return f"{', '.join(texts[:TEXTS_SHOWN])}{more}"


def html_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table; empty without rows."""
    if not rows:
        return ""
    lines = [f"<tr>{_cells('th', header)}</tr>", *(f"<tr>{_cells('td', row)}</tr>" for row in rows)]
    return f"<table><caption>{_safe(title)}</caption>{''.join(lines)}</table>"


def _cells(tag: str, texts: Sequence[str]) -> str:
    return "".join(f"<{tag}>{_safe(text)}</{tag}>" for text in texts)


def _safe(text: str) -> str:
    """`text` for HTML: no markup, and no character that hides or reverses others."""
    return escape(showable(text))
