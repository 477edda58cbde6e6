"""Parts that several pages show; they draw, and return what a person did."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st
from streamlit_ace import st_ace

from dispatch_core.connect import SourceSettings
from dispatch_core.dispatch import DispatchPlan
from dispatch_core.errors import DispatchError, Issue
from dispatch_core.find import FoundAssets
from dispatch_core.spreadsheet import csv_file, safe_cell
from dispatch_core.table import Columns, TableView, page_of, select_rows
from dispatch_core.types import Exclusion
from pages.shared import session as state
from pages.shared.services import current_settings, open_sources
from pages.shared.session import Session
from pages.shared.work import Work

MOST_ROWS = 500
"""Rows of a table that are sent to the browser at a time."""

_EXCLUDED = "excluded"

SMALL = 10
"""Up to so many rows are seen at a glance, and need no search."""


def source_badge(session: Session) -> None:
    """Where records and files come from, in the side bar of every page."""
    settings = current_settings()
    with st.sidebar:
        if settings.is_demo:
            st.badge("Embedded demo", icon=":material/science:", color="orange")
            st.caption(
                f"{settings.demo_assets:,} generated assets. Set DOCDB_HOST before the start "
                "to use a real database."
            )
            if settings.inventory or settings.dask_scheduler:
                st.caption(escaped(_files_label(settings)))
        else:
            st.badge("Live source", icon=":material/cloud:", color="green")
            st.caption(escaped(_label(settings)))


def _label(settings: SourceSettings) -> str:
    try:
        return f"{open_sources(settings).metadata.label}; {_files_label(settings)}"
    except DispatchError as error:
        return str(error)


def _files_label(settings: SourceSettings) -> str:
    """Where files are looked for, how old an inventory is, and on which cluster."""
    try:
        sources = open_sources(settings)
    except DispatchError as error:
        return str(error)
    cluster = f", on {sources.cluster.address}" if sources.cluster else ""
    return f"files: {sources.objects.label}{cluster}"


def equation_bar(session: Session) -> None:
    """The job equation, as far as it is known, in the side bar: in sight on every page."""
    found, plan = state.found(session), state.plan(session)
    equation = plan.equation if plan else None
    numbers = [
        ("", len(found.assets) if found else None, "asset"),
        *_less_excluded(found, plan),
        ("→", count_of_inputs(session), input_name(session)),
        ("×", state.set_count(session), "parameter set"),
        ("=", equation.jobs if equation else None, "job"),
        ("→", equation.workers if equation else None, "worker"),
    ]
    with st.sidebar.container(border=True, key="equation"):
        st.markdown("  \n".join(_term(*number) for number in numbers))
        st.caption(_sizes(plan, session) if plan else _next_step(session))
        planning = state.current_planning(session)
        if planning is not None and not planning.is_done:
            _run_again_when_done(planning)
        if equation and equation.capped:
            st.error(f"The cap cuts {equation.capped:,} jobs.", icon=":material/content_cut:")
        if (
            equation
            and equation.excluded
            and st.button(
                f"Exclusion ledger ({equation.excluded:,})",
                help="Who is not in, at which stage and why: repeated rows and records, ids that "
                "were not found, assets without a usable file.",
                icon=":material/remove_circle:",
                type="tertiary",
                key="see-excluded",
            )
        ):
            session.job_view = "not in"
            state.reload_editors(session)
            st.switch_page("pages/dispatch/jobs.py")


def _term(sign: str, number: int | None, name: str) -> str:
    told = "–" if number is None else f"{number:,}"
    return f"{sign} **{told}** {name}{'' if number == 1 or name == _EXCLUDED else 's'}"


def _less_excluded(
    found: FoundAssets | None, plan: DispatchPlan | None
) -> list[tuple[str, int | None, str]]:
    """The found assets that make no job; the ledger also has rows that found no asset."""
    excluded = len(found.assets) - plan.equation.assets if found and plan else 0
    return [("−", excluded, _EXCLUDED)] if excluded > 0 else []


def input_name(session: Session) -> str:
    """What a job is made for: a file, a group or an input."""
    if session.request.file_extension and session.request.is_split:
        return "file"
    return "group" if session.request.group_by else "input"


def start_over_button() -> None:
    """A way back to an empty form, in two clicks, in the side bar of every page."""
    with st.sidebar.popover("Start over", icon=":material/restart_alt:", type="tertiary"):
        st.write("Forget the choice of assets, files and parameters of this tab?")
        if st.button("Yes, start over", key="start-over", on_click=state.start_over):
            st.switch_page("pages/plan/assets.py")


def show_notice(session: Session) -> None:
    """What happened on the page before, once."""
    if session.notice:
        st.toast(escaped(session.notice), icon=":material/check:")
        session.notice = ""


def count_of_inputs(session: Session) -> int | None:
    """How many jobs one parameter set makes, as far as it is known.

    Before there is a plan it is not known how many groups there will be.
    """
    plan, files = state.plan(session), state.located(session)
    if plan is not None:
        return plan.equation.inputs
    if files is None or session.request.group_by:
        return None
    if not session.request.is_split:
        return len(files.located)
    return sum(1 if one.files is None else len(one.files) for one in files.located)


def _sizes(plan: DispatchPlan, session: Session) -> str:
    equation = plan.equation
    if not equation.jobs:
        return "No job can be made."
    size = f"{equation.smallest:,}"
    if equation.largest != equation.smallest:
        size += f" to {equation.largest:,}"
    size += " job each" if size == "1" else " jobs each"
    kind = escaped(session.request.file_extension or "whole assets")
    trial = f"; trial: {escaped(str(plan.request.trial))}" if plan.request.trial else ""
    return f"{size}; {kind}; format {plan.request.job_format}{trial}"


def _next_step(session: Session) -> str:
    if session.input_errors:
        return f"Next: correct the {' and the '.join(session.input_errors)}."
    if state.found(session) is None:
        return "Next: find the assets, on the page Assets."
    if state.current_planning(session) is not None:
        return "The jobs are being put together."
    return "Next: locate the files, on the page Files."


_PAGES = {
    "parameters": "pages/plan/parameters.py",
    "schema": "pages/plan/parameters.py",
    "file extension": "pages/plan/files.py",
}


def _link_to_inputs(session: Session, names: Iterable[str]) -> None:
    """The errors of these inputs, each with a link to where it is corrected."""
    for name in names:
        show_error(session.input_errors[name])
        page = _PAGES.get(name, "pages/plan/assets.py")
        st.page_link(page, label=f"Correct the {name}", icon=":material/edit:")


def needs_assets(session: Session) -> bool:
    """Say what is missing, with a link, where a page is opened before assets are found."""
    found = state.found(session)
    if found is not None and found.matched:
        return False
    refused = [name for name in session.input_errors if name in state.ASSET_INPUTS]
    work = state.current_find(session)
    if refused:
        _link_to_inputs(session, refused)
    elif work is not None and not work.is_done:
        watch(work)
    else:
        st.info(_why_no_assets(session), icon=":material/info:")
        st.page_link(
            "pages/plan/assets.py", label="Choose the assets", icon=":material/database_search:"
        )
    return True


def _why_no_assets(session: Session) -> str:
    if state.found(session) is not None:
        return "No asset matches."
    if session.found_work is None:
        return "No assets are chosen yet."
    return "The choice of assets changed since they were looked for."


def plan_or_hint(session: Session) -> DispatchPlan | None:
    """The plan; where there is none yet, say what is missing, with a link to it."""
    if needs_assets(session):
        return None
    work = state.current_locate(session)
    if session.input_errors:
        _link_to_inputs(session, session.input_errors)
    elif work is not None and not work.is_done:
        watch(work)
    elif state.located(session) is None:
        ending = escaped(session.request.file_extension)
        st.info(f"The files ending in {ending} are not located yet.", icon=":material/info:")
        st.page_link("pages/plan/files.py", label="Locate the files", icon=":material/folder_open:")
    else:
        show_error(state.refusal(session))
        plan = state.plan(session)
        if plan is None:
            _say_it_is_planned(session)
        return plan
    return None


def _say_it_is_planned(session: Session) -> None:
    """A line while a large plan is made; the side bar notices when it is there."""
    work = state.current_planning(session)
    if work is not None and work.is_done:
        show_error(work.error)
    elif work is not None:
        st.info("The jobs are being put together.", icon=":material/hourglass_top:")


def _run_again_when_done(work: Work[Any]) -> None:
    @st.fragment(run_every=0.4)
    def poll() -> None:
        if work.is_done:
            st.rerun()

    poll()


def show_error(error: DispatchError | None) -> None:
    """Every issue of `error`: what, where, what to do; positions with a caret."""
    for issue in error.issues if error else ():
        text = str(issue).removesuffix(f"\n{issue.excerpt}")
        st.error(escaped(text), icon=":material/error:")
        if issue.excerpt:
            st.code(issue.excerpt, language=None)


def show_warnings(warnings: Iterable[str]) -> None:
    """One box for each sentence; what cuts jobs off is red."""
    for warning in warnings:
        if warning.startswith("THE CAP"):
            st.error(escaped(warning), icon=":material/content_cut:")
        else:
            st.warning(escaped(warning), icon=":material/warning:")


def escaped(text: str) -> str:
    """`text` without a meaning in Markdown: names of assets, fields and files are not markup.

    An escaped address is still made a link, so an invisible joiner parts it.
    """
    parted = _LINKED.sub("\\g<0>\u2060", text)
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()#+-.!|<>~:$" else sign for sign in parted)


_LINKED = re.compile(r"https?(?=://)|www(?=\.)|@", re.IGNORECASE)


def json_editor(session: Session, name: str, text: str, *, lines: int = 10, hint: str = "") -> str:
    """The text of an editor; its errors stand in the gutter of the next run.

    Without the byte order mark that comes along where a whole file is pasted.
    """
    error = session.input_errors.get(name)
    typed = st_ace(
        value=text,
        placeholder=hint,
        language="json",
        theme="tomorrow_night" if st.context.theme.type == "dark" else "chrome",
        min_lines=lines,
        max_lines=24,
        font_size=15,
        tab_size=2,
        wrap=True,
        annotations=[_annotation(issue) for issue in error.issues] if error else None,
        auto_update=True,
        key=f"{name}-{session.epoch}",
    )
    return text if typed is None else str(typed).lstrip("\ufeff")


def _annotation(issue: Issue) -> dict[str, Any]:
    return {
        "row": max(0, issue.line - 1),
        "column": max(0, issue.column - 1),
        "type": "error",
        "text": f"{issue.what}. {issue.action}",
    }


def watch(work: Work[Any] | None, key: str = "cancel") -> None:
    """Progress, time left and a cancel button while `work` runs; its error when it failed."""
    if work is None:
        return
    work.wait(0.3)  # what is quick is shown without a flicker
    if work.is_done:
        show_error(work.error)
        return

    @st.fragment(run_every=0.4)
    def poll() -> None:
        if work.is_done:
            st.rerun()
        left = work.seconds_left
        counted = f"{work.done:,} of {work.total:,}" if work.total else f"{work.done:,}"
        text = f"{work.step or 'starting'}: {counted}"
        text += f", about {left:.0f} s left" if left is not None and left > 1 else ""
        st.progress(min(1.0, work.done / work.total) if work.total else 0.0, text)
        if st.button("Cancel", icon=":material/close:", key=key):
            work.is_cancelled = True

    poll()


def paged_table(
    rows: Sequence[Any], columns: Columns, key: str, changes: Hashable = None, **options: Any
) -> tuple[list[Any], Any]:
    """A table of at most `MOST_ROWS` rows, searched and sorted on the server over all of them.

    `columns` maps a title to a function of a row, and `changes` is what the cells
    depend on beside the row. Returns (shown rows, event).
    """
    session = state.open_session()
    view = _table_view(session, rows, columns, key) if len(rows) > SMALL else TableView()
    cells_of = (tuple(columns), changes)
    picked = _picked(session, rows, columns, key, cells_of, view)
    if len(rows) > SMALL:
        view = _turn_pages(session, view, key, len(picked), len(rows))
    _, indices = page_of(picked, view, MOST_ROWS)
    table, version = state.remembered_of(
        session, f"{key} page", rows, (cells_of, view), lambda: _page(rows, columns, indices)
    )
    event = st.dataframe(
        table, hide_index=True, key=f"{key}-table-{version}", placeholder="", **options
    )
    return [rows[index] for index in indices], event


def rows_that_match(
    rows: Sequence[Any], columns: Columns, key: str, changes: Hashable = None
) -> list[Any]:
    """All rows that the search of a `paged_table` keeps, on every page; none without a search."""
    session = state.open_session()
    view = session.views.get(key, TableView())
    if len(rows) <= SMALL or not view.search.strip():
        return []
    picked = _picked(session, rows, columns, key, (tuple(columns), changes), view)
    return [rows[index] for index in picked]


def _picked(
    session: Session,
    rows: Sequence[Any],
    columns: Columns,
    key: str,
    cells_of: Hashable,
    view: TableView,
) -> Sequence[int]:
    return state.remembered_of(
        session,
        f"{key} picked",
        rows,
        (cells_of, replace(view, page=0)),
        lambda: select_rows(rows, columns, view),
    )


def _page(
    rows: Sequence[Any], columns: Columns, indices: Sequence[int]
) -> tuple[pd.DataFrame, int]:
    """The cells of a page, and a number that tells it from every other page.

    A selection is kept by position: of other rows, it would be a selection of nobody's.
    """
    cells = [[_cell(read(rows[index])) for read in columns.values()] for index in indices]
    return pd.DataFrame(cells, columns=list(columns)), hash(repr(cells))


def _cell(value: Any) -> Any:
    """A table is also copied into a spreadsheet, and saved as CSV by its own button."""
    return safe_cell(value) if isinstance(value, str) else value


_ANYWHERE, _AS_IS = "any column", "as it came"


def _table_view(session: Session, rows: Sequence[Any], columns: Columns, key: str) -> TableView:
    """What a person searches for and sorts by; kept over pages and reloads."""
    kept = session.views.get(key, TableView())
    search, where, sort = st.columns([5, 3, 3], vertical_alignment="bottom")
    text = search.text_input(
        f"Search all {len(rows):,} rows",
        kept.search,
        key=f"{key}-search-{session.epoch}",
        placeholder="any part of a cell, then Enter",
    )
    places = [_ANYWHERE, *columns]
    place = where.selectbox(
        "in",
        places,
        places.index(kept.column) if kept.column in places else 0,
        key=f"{key}-where-{session.epoch}",
    )
    orders = {_AS_IS: ("", False)}
    for title in columns:
        orders |= {f"{title}, ascending": (title, False), f"{title}, descending": (title, True)}
    now = next((n for n, o in orders.items() if o == (kept.sort, kept.is_descending)), _AS_IS)
    order = sort.selectbox(
        "sorted by", list(orders), list(orders).index(now), key=f"{key}-sort-{session.epoch}"
    )
    by, is_descending = orders[order]
    view = TableView(text, "" if place == _ANYWHERE else place, by, is_descending)
    is_same = view == replace(kept, page=0)
    session.views[key] = kept if is_same else view
    return session.views[key]


def _turn_pages(
    session: Session, view: TableView, key: str, picked: int, all_rows: int
) -> TableView:
    """The page to show, chosen where there is more than one, and what is shown in words."""
    pages = max(1, -(-picked // MOST_ROWS))
    line = st.container(horizontal=True, vertical_alignment="bottom")
    if pages > 1:
        version = hash(replace(view, page=0))
        number = line.number_input(
            f"Page of {pages:,}",
            1,
            pages,
            min(view.page + 1, pages),
            key=f"{key}-page-{pages}-{version}-{session.epoch}",
            width=150,
        )
        view = session.views[key] = replace(view, page=int(number) - 1)
    first = view.page * MOST_ROWS
    last = min(first + MOST_ROWS, picked)
    of = f"{picked:,}" if picked == all_rows else f"{picked:,} that match, of {all_rows:,}"
    line.caption(f"Rows {first + bool(picked):,} to {last:,} of {of}")
    return view


def download_csv(label: str, make: Callable[[], str], name: str) -> None:
    """A button that makes the CSV when it is pressed; nothing of it is kept on the server."""
    st.download_button(
        label,
        lambda: csv_file(make()),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"{name}-csv",
    )


def small_table(rows: Sequence[Mapping[str, Any]], **options: Any) -> None:
    """A few rows without search and pages; titles are those of the first row."""
    cells = [{title: _cell(value) for title, value in row.items()} for row in rows]
    st.dataframe(pd.DataFrame(cells), hide_index=True, placeholder="", **options)


def ledger_table(exclusions: Sequence[Exclusion], key: str) -> None:
    """The exclusion ledger: who, at which stage, why, what to do."""
    columns = {
        "Stage": lambda row: row.stage,
        "Reason": lambda row: row.reason.replace("_", " "),
        "Asset": lambda row: row.name or row.record_id,
        "What happened": lambda row: row.message,
        "What to do": lambda row: row.action,
        "Location": lambda row: row.location,
    }
    narrow = {"Asset": st.column_config.TextColumn(width="medium")}
    paged_table(exclusions, columns, key, column_config=narrow)
