"""The exclusion ledger: one entry a reason, what serves all its rows, and the rows on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dispatch_core.text.file_extension import likeliest_first, split_extensions
from dispatch_core.text.reasons import reason_in_words
from dispatch_core.text.words import counted
from dispatch_core.types import Exclusion, Reason
from dispatch_core.views.ledger_groups import LedgerGroup, group_exclusions
from pages.shared.state.edits import add_extension, ask_why
from pages.shared.state.session import Session
from pages.shared.state.tab import open_session
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.tables import paged_table
from pages.shared.widgets.words import in_words_of_the_app

_MOST_TEXTS = 3
"""The most different messages or actions that an entry says; the rows have the others."""

Offer = Callable[[LedgerGroup, DeltaGenerator], None]
"""Draws the buttons that serve every row of a group into the line given."""


def ledger_table(
    exclusions: Sequence[Exclusion],
    key: str,
    offer: Offer | None = None,
    *,
    asks_why: bool = True,
) -> None:
    """Show the ledger by reason; each entry says what to do, and its rows open below it.

    With `asks_why`, each row can be explained in the drawer.
    """
    session = open_session()
    groups = session.memo.remember_of(
        f"{key} groups", exclusions, None, lambda: group_exclusions(exclusions)
    )
    for group in groups:
        with st.container(border=True, gap="xsmall"):
            _entry(session, group, f"{key}-{group.stage}-{group.reason}", offer, asks_why)


def _entry(
    session: Session, group: LedgerGroup, key: str, offer: Offer | None, asks_why: bool
) -> None:
    line = st.container(horizontal=True, vertical_alignment="center", key=f"{key}-line")
    reason = reason_in_words(group.reason)
    line.markdown(
        f"**{len(group.rows):,} {escaped(reason)}** · {escaped(group.stage)}", width="content"
    )
    if offer is not None:
        offer(group, line)
    if len(group.rows) == 1:
        one = group.rows[0]
        if asks_why:
            with line:
                _why_button(session, one, key)
        st.markdown(f"{escaped(_named(one))}: {_text(one.message)}")
    else:
        _texts(group.messages, "other message")
    _texts(group.actions, "other action", "**What to do:** ")
    if len(group.rows) > 1:
        _rows(session, group, key, asks_why)


def _named(row: Exclusion) -> str:
    return row.name or row.record_id


def _why_button(session: Session, row: Exclusion, key: str) -> None:
    """Offer the drawer for one row; a row without any name has nothing to look up."""
    if _named(row):
        st.button(
            f"Why is {escaped(_named(row))} missing?",
            icon=":material/contact_support:",
            type="tertiary",
            on_click=ask_why,
            args=(session, _named(row)),
            key=f"{key}-why",
        )


def _texts(texts: Sequence[tuple[str, int]], noun: str, lead: str = "") -> None:
    """Each text whole, with its number of rows if there are several texts."""
    for text, count in texts[:_MOST_TEXTS]:
        of = f" ({count:,})" if len(texts) > 1 else ""
        st.markdown(f"{lead}{_text(text)}{of}")
    if len(texts) > _MOST_TEXTS:
        st.caption(f"and {counted(len(texts) - _MOST_TEXTS, noun)}, in the rows")


def _text(text: str) -> str:
    return escaped(in_words_of_the_app(text))


def _rows(session: Session, group: LedgerGroup, key: str, asks_why: bool) -> None:
    """The rows of a group, drawn only while they are open; a selected one can be explained."""
    fold = st.expander(f"Show the {len(group.rows):,} rows", key=f"{key}-rows", on_change="rerun")
    if not fold.open:
        return
    columns: dict[str, Callable[[Exclusion], str]] = {
        "Asset": _named,
        "What happened": lambda row: in_words_of_the_app(row.message),
        "Used instead": lambda row: row.instead,
        "Job": lambda row: row.job,
        "What to do": lambda row: in_words_of_the_app(row.action),
        "Location": lambda row: row.location,
    }
    for title in ("Used instead", "Job"):
        if not any(map(columns[title], group.rows)):
            del columns[title]
    options: dict[str, Any] = {
        "column_config": {"Asset": st.column_config.TextColumn(width="medium")}
    }
    if asks_why:
        options |= {"on_select": "rerun", "selection_mode": "single-row"}
        options["beside"] = partial(_why_selected, session, key)
    with fold:
        paged_table(group.rows, columns, key, **options)


def _why_selected(session: Session, key: str, shown: Sequence[Exclusion], event: Any) -> None:
    """Offer the drawer for the selected row, else say how to get it."""
    chosen = [shown[index] for index in event.selection.rows if index < len(shown)]
    for row in chosen:
        _why_button(session, row, key)
    if not chosen:
        st.caption("Select a row to see why its asset is missing.", width="content")


# What serves every row of a reason

_LIFTS: dict[Reason, tuple[str, dict[str, object]]] = {
    Reason.NOT_IN_TRIAL: ("Dispatch all assets", {"trial": None}),
    Reason.SUPERSEDED: ("Keep all assets", {"filter_latest": None, "filter_by": ()}),
    Reason.OVER_THE_CAP: ("Remove the cap", {"max_number_of_tasks_dispatched": None}),
    Reason.NOT_CHOSEN: ("Dispatch all jobs", {"only_jobs": None}),
}
"""Reason -> the button that lifts it for every row, and what it changes in the request."""

_MOST_EXTENSIONS = 3


def offer_lift(session: Session, group: LedgerGroup, line: DeltaGenerator) -> None:
    """Offer what serves every row of a group, where the app can do it."""
    if group.reason is Reason.EXCLUDED_BY_HAND:
        ids = frozenset(row.record_id for row in group.rows)
        kept = tuple(one for one in session.request.excluded if one not in ids)
        _lift_button(session, line, f"Restore all {len(group.rows):,}", {"excluded": kept})
    elif group.reason in _LIFTS:
        _lift_button(session, line, *_LIFTS[group.reason])
    wanted = split_extensions(session.request.file_extension)
    for extension, assets in likeliest_first(group.held, wanted)[:_MOST_EXTENSIONS]:
        line.button(
            f"Add {extension} ({counted(assets, 'asset')})",
            key=f"too-{extension}",
            help="Adds the extension after the current one; then update everything.",
            on_click=add_extension,
            args=(session, extension),
        )


def _lift_button(
    session: Session, line: DeltaGenerator, label: str, changes: Mapping[str, object]
) -> None:
    line.button(
        label, icon=":material/undo:", key=f"lift-{label}", on_click=_lift, args=(session, changes)
    )


def _lift(session: Session, changes: Mapping[str, object]) -> None:
    session.edit(**changes)
    session.reload_editors()
