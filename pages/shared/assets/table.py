"""The assets found: their table, their charts, and the record of one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import Any

import streamlit as st

from dispatch_core.errors import DispatchError
from dispatch_core.find import FoundAssets
from dispatch_core.steps import Steps
from dispatch_core.text.reasons import reason_in_words
from dispatch_core.text.words import counted
from dispatch_core.types import DataAsset, Exclusion, Reason
from dispatch_core.views.asset_facts import AssetFacts, facts_of
from dispatch_core.views.columns import (
    LEVEL,
    MODALITY,
    NO_VALUE,
    PROJECT,
    STANDARD,
    Column,
    cell_of,
    count_months,
    count_values,
)
from dispatch_core.views.links import links_of
from dispatch_core.views.report import assets_text
from dispatch_core.views.table import Cell, Columns
from pages.shared.assets.filters import chosen_in_cell, offer_filters
from pages.shared.assets.grouping import grouping_effects, misspelt_fields
from pages.shared.state.memo import Same
from pages.shared.state.services import (
    ask_count,
    asset_links,
    current_settings,
    record_of,
)
from pages.shared.state.session import Session
from pages.shared.state.steps import asset_account, current_find, start_columns
from pages.shared.state.typed import QUERY
from pages.shared.state.views import CHARTS, TABLE
from pages.shared.widgets.charts import bar_choice, choose_bars_by_keyboard, order_chart
from pages.shared.widgets.download import kept_file
from pages.shared.widgets.field_menu import soon
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.progress import watch
from pages.shared.widgets.tables import download_csv, paged_table, rows_that_match
from pages.shared.widgets.why_not import why_button

Reader = Callable[[DataAsset], Cell]
_NO_REASONS: Mapping[str, str] = MappingProxyType({})
_HINT = "Click a value to show only these, or all but these."


def _reads(column: Column) -> Reader:
    return lambda asset: cell_of(asset.fields, column)


def _looks_up(cells: Mapping[str, Cell]) -> Reader:
    return lambda asset: cells.get(asset.record_id)


_FIXED: dict[str, Reader] = {
    **{column.title: _reads(column) for column in STANDARD},
    "Location": lambda asset: asset.location,
    "Code Ocean id": lambda asset: asset.asset_id,
    "Record id": lambda asset: asset.record_id,
}


def assets_found(session: Session, steps: Steps) -> None:
    """Show the assets of the current request, with ways to exclude and restore them."""
    everything, found = steps.answer, steps.found
    if everything is None or found is None:
        return
    _heading(session, steps)
    if not everything.matched:
        return
    misspelt_fields(session, steps)
    grouping_effects(session, steps)
    if session.views.asset_view == CHARTS:
        asset_charts(session, _assets_left(session, steps))
    else:
        _table_and_record(session, steps, everything, found)


def _table_and_record(
    session: Session, steps: Steps, everything: FoundAssets, found: FoundAssets
) -> None:
    """The table, what to do with its rows above it, and the record of the one selected row."""
    columns = _chosen_columns(session, everything)
    side = st.container(horizontal=True, key="table-and-record")
    with side.container(key="asset-table"):
        shown, event = _table(
            session,
            everything,
            columns,
            _why_excluded(session, steps),
            offer=partial(_offer, session, found),
            on_select="rerun",
            selection_mode=["multi-row", "single-cell"],
        )
    chosen = _selected(shown, event)
    if len(chosen) == 1:
        with side.container(key="asset-record"):
            asset_record(chosen[0])
    _download(_assets_left(session, steps), columns)


def _selected(shown: Sequence[DataAsset], event: Any) -> list[DataAsset]:
    return [shown[row] for row in event.selection.rows if row < len(shown)]


def _offer(
    session: Session,
    found: FoundAssets,
    shown: Sequence[DataAsset],
    event: Any,
    matching: Sequence[DataAsset],
) -> None:
    """Offer what the selection allows, of the rows and of the cell; without one, say how."""
    chosen = _selected(shown, event)
    cells = [(shown[row], title) for row, title in event.selection.cells if row < len(shown)]
    values = [one for cell in cells for one in chosen_in_cell(*cell)]
    rows = chosen or matching
    offer_filters(session, values, "" if rows else _HINT)
    if not rows:
        st.caption("Select rows to exclude them.", width="content")
    _exclusion(session, found, rows, "" if chosen else " that match")


def _why_excluded(session: Session, steps: Steps) -> Mapping[str, str]:
    """Record id -> why an asset is excluded: by latest only, groups, a trial or its files."""
    made = (steps.grouped, steps.located, steps.chosen)
    rows = tuple(step.exclusions if step is not None else () for step in made)
    if not any(rows):
        return _NO_REASONS
    return session.memo.remember(
        "why excluded", tuple(map(Same, rows)), lambda: _reasons_by_id(steps, chain(*rows))
    )


def _reasons_by_id(steps: Steps, rows: Iterable[Exclusion]) -> dict[str, str]:
    left = {asset.record_id for asset in steps.assets_left}
    return {row.record_id: reason_in_words(row.reason) for row in rows if row.record_id not in left}


def _assets_left(session: Session, steps: Steps) -> Sequence[DataAsset]:
    """The assets that the heading counts."""
    made = tuple(map(Same, (steps.found, steps.grouped, steps.chosen)))
    return session.memo.remember("assets left", made, lambda: steps.assets_left)


def assets_found_before(session: Session, found: FoundAssets) -> None:
    """Show the assets of an earlier request, dimmed, below a line that says so."""
    work = session.work.found
    is_running = work is not None and not work.is_done
    action = "The search is running." if is_running else "Find assets again."
    if current_find(session) is not None and not is_running:
        action = "The search failed."  # its error is shown above
    changed = "query" if session.typed.source == QUERY else "list of ids"
    st.warning(f"Out of date: the {changed} changed. {action}", icon=":material/history:")
    with st.container(key="stale-assets"):
        _table(session, found, _fixed_columns(session))


def _heading(session: Session, steps: Steps) -> None:
    """Show how many assets are left, of how many, and what they are."""
    account = asset_account(session, steps)
    assert account is not None
    left = _assets_left(session, steps)
    facts = session.memo.remember_of(
        "asset facts", left, Same(account), lambda: facts_of(account, left)
    )
    line = st.container(horizontal=True, vertical_alignment="center", key="asset-heading")
    line.header(counted(account.assets, "asset"), width="content")
    line.caption(escaped(_in_words(facts, soon(ask_count({})))))
    with line:
        why_button(session)
    if steps.found is None or not steps.found.matched:
        return
    view = line.segmented_control(
        "View",
        [TABLE, CHARTS],
        default=session.views.asset_view,
        required=True,
        label_visibility="collapsed",
        key=f"asset-view-{session.epoch}",
    )
    session.keep_view(asset_view=view)
    if session.views.asset_view == TABLE:
        with line.popover("Columns", icon=":material/view_column:"):
            _choose_columns(session)


def _in_words(facts: AssetFacts, total: int | None) -> str:
    """What the heading says after the number of assets; a total that is not known is not said."""
    account = facts.account
    reasons = ", ".join(f"{count:,} {reason_in_words(one)}" for one, count in account.reasons)
    selected = counted(account.selected, account.kind)
    said = [
        "" if total is None else f"of {total:,}",
        f"{account.excluded:,} of {selected} excluded: {reasons}" if account.excluded else "",
        counted(facts.subjects, "subject") if facts.subjects else "",
        facts.months,
        f"{facts.undated:,} without a date" if facts.undated and facts.days else "",
    ]
    return " · ".join(filter(None, said))


def _choose_columns(session: Session) -> None:
    own = [name for name in session.views.columns if name not in _FIXED]
    chosen = st.multiselect(
        "Columns beside the name",
        [*_FIXED, *own],
        session.views.columns,
        accept_new_options=True,
        key=f"columns-{session.epoch}",
        help="Any dotted path of the records is a column too: type it, as in "
        "subject.genotype or quality_control.status.",
        width=420,
    )
    columns = tuple(dict.fromkeys(filter(None, (name.strip() for name in chosen))))
    if columns != session.views.columns:
        session.keep_view(columns=columns)
        st.rerun()


def _fixed_columns(session: Session) -> dict[str, Reader]:
    known = {title: _FIXED[title] for title in session.views.columns if title in _FIXED}
    return {"Name": lambda asset: asset.name, **known}


def _chosen_columns(session: Session, found: FoundAssets) -> dict[str, Reader]:
    """Title -> reader of each chosen column; paths are read from the source when chosen."""
    columns = _fixed_columns(session)
    paths = frozenset(name for name in session.views.columns if name not in _FIXED)
    if paths:
        start_columns(session, found, paths)
        work = session.work.columns
        watch(work, "columns-cancel")
        cells = work.result if work else None
        for path in session.views.columns if cells else ():
            if path in paths:
                columns[path] = _looks_up((cells or {})[path])
    return columns


def _table(
    session: Session,
    found: FoundAssets,
    columns: dict[str, Reader],
    why: Mapping[str, str] = _NO_REASONS,
    offer: Callable[..., None] | None = None,
    **options: Any,
) -> tuple[list[DataAsset], Any]:
    """The rows shown, and the selection event.

    `why` maps the record id of an excluded asset to the reason, for those not excluded by hand.
    `offer` draws what to do, from the rows shown, the event, and all rows that match the search.
    """
    by_hand = frozenset(session.request.excluded)
    if by_hand or why:
        reason = reason_in_words(Reason.EXCLUDED_BY_HAND)

        def said(asset: DataAsset) -> str:
            return reason if asset.record_id in by_hand else why.get(asset.record_id, "")

        columns = {"Excluded": said, **columns}
    are_read = session.work.columns and session.work.columns.is_done
    changes = (session.request.excluded, are_read, Same(why))
    excluded = session.memo.remember_of(
        "assets excluded",
        found.assets,
        changes,
        lambda: sum(one.record_id in by_hand or one.record_id in why for one in found.assets),
    )

    def beside(shown: list[DataAsset], event: Any) -> None:
        assert offer is not None
        offer(shown, event, rows_that_match(found.assets, columns, "assets", changes))

    return paged_table(
        found.assets,
        columns,
        "assets",
        changes=changes,
        beside=beside if offer else None,
        note=f"{excluded:,} excluded" if excluded else "",
        **options,
    )


def _exclusion(
    session: Session, found: FoundAssets, chosen: Sequence[DataAsset], which: str
) -> None:
    """Offer to exclude and restore rows: the selected ones, else all that match the search."""
    excluded = session.request.excluded
    are_out = frozenset(excluded)
    inside = [one.record_id for one in chosen if one.record_id not in are_out]
    outside = frozenset(one.record_id for one in chosen if one.record_id in are_out)
    if inside and st.button(
        f"Exclude {len(inside):,}{which}", icon=":material/remove_circle:", key="exclude"
    ):
        _exclude(session, [*excluded, *inside])
    if inside and st.button(f"Keep only {len(inside):,}{which}", key="keep-only"):
        kept = frozenset(inside)
        others = (one.record_id for one in found.assets if one.record_id not in kept)
        _exclude(session, [*excluded, *others])
    if outside and st.button(
        f"Restore {len(outside):,}{which}", icon=":material/undo:", key="include"
    ):
        _exclude(session, [one for one in excluded if one not in outside])
    if excluded and st.button(f"Restore all {len(excluded):,}", key="include-all"):
        _exclude(session, [])


def _download(assets: Sequence[DataAsset], columns: Columns) -> None:
    """Offer the assets that are left as CSV, in the columns shown."""
    download_csv(
        f"Download all {len(assets):,} as CSV",
        lambda: assets_text(assets, {k: v for k, v in columns.items() if k != "Name"}),
        "assets",
    )


def _exclude(session: Session, record_ids: Sequence[str]) -> None:
    session.edit(excluded=tuple(dict.fromkeys(record_ids)))
    st.rerun()


def asset_charts(session: Session, assets: Sequence[DataAsset]) -> None:
    """Chart `assets`, those that the heading counts, by project, modality, level and month."""
    counts = session.memo.remember_of(
        "asset charts",
        assets,
        None,
        lambda: (
            *(count_values(assets, one) for one in (PROJECT, MODALITY, LEVEL)),
            count_months(assets),
        ),
    )
    offered = st.container(horizontal=True, vertical_alignment="center")
    keys = [f"chart-{name}-{session.epoch}" for name in ("project", "modality", "level")]
    projects = bar_choice(counts[0], "By project", "assets", keys[0])
    left, right = st.columns(2)
    with left:
        modalities = bar_choice(counts[1], "By modality", "assets", keys[1])
    with right:
        levels = bar_choice(counts[2], "By data level", "assets", keys[2])
    order_chart(counts[3], "By month of acquisition", "assets", "chart-month")
    choose_bars_by_keyboard(keys)
    by_title = {"Project": projects, "Modality": modalities, "Level": levels}
    with offered:
        offer_filters(
            session,
            [(t, one) for t, values in by_title.items() for one in values if one != NO_VALUE],
            "Click a bar to show only these, or all but these.",
        )


def asset_record(asset: DataAsset) -> None:
    """Show the whole record of an asset, and links to it elsewhere."""
    with st.container(border=True):
        line = st.container(horizontal=True, vertical_alignment="center")
        line.markdown(f"Record of **{escaped(asset.name or asset.record_id)}**")
        try:
            templates = asset_links()
            record = record_of(current_settings(), asset.record_id)
        except DispatchError as error:
            show_error(error)
            return
        for label, address in links_of(asset, templates).items():
            line.link_button(
                escaped(label),
                address,
                icon=":material/open_in_new:",
                disabled=current_settings().is_demo,
                help="Not for generated assets" if current_settings().is_demo else None,
            )
        name, text = f"{asset.record_id}.json", json.dumps(record, indent=2, ensure_ascii=False)
        line.download_button(
            "Download the record",
            kept_file(lambda: text, name, "application/json"),
            name,
            "application/json",
            icon=":material/download:",
            on_click="ignore",
            key="record-json",
        )
        st.json(record, expanded=1)
