"""The exclusion ledger: one entry a reason, what serves all its rows, and the rows on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dispatch_core.text.words import counted
from dispatch_core.types import Exclusion
from dispatch_core.views.ledger_groups import LedgerGroup, group_exclusions
from pages.shared.state.tab import open_session
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.tables import paged_table
from pages.shared.widgets.words import in_words_of_the_app

_MOST_TEXTS = 3
"""The most different messages or actions that an entry says; the rows have the others."""

Offer = Callable[[LedgerGroup, DeltaGenerator], None]
"""Draws the buttons that serve every row of a group into the line given."""


def ledger_table(exclusions: Sequence[Exclusion], key: str, offer: Offer | None = None) -> None:
    """Show the ledger by reason; each entry says what to do, and its rows open below it."""
    session = open_session()
    groups = session.memo.remember_of(
        f"{key} groups", exclusions, None, lambda: group_exclusions(exclusions)
    )
    for group in groups:
        with st.container(border=True, gap="xsmall"):
            _entry(group, f"{key}-{group.stage}-{group.reason}", offer)


def _entry(group: LedgerGroup, key: str, offer: Offer | None) -> None:
    line = st.container(horizontal=True, vertical_alignment="center", key=f"{key}-line")
    reason = group.reason.replace("_", " ")
    line.markdown(
        f"**{len(group.rows):,} {escaped(reason)}** · {escaped(group.stage)}", width="content"
    )
    if offer is not None:
        offer(group, line)
    if len(group.rows) == 1:
        one = group.rows[0]
        st.markdown(f"{escaped(one.name or one.record_id)}: {_text(one.message)}")
    else:
        _texts(group.messages, "other message")
    _texts(group.actions, "other action", "**What to do:** ")
    if len(group.rows) > 1:
        _rows(group, key)


def _texts(texts: Sequence[tuple[str, int]], noun: str, lead: str = "") -> None:
    """Each text whole, with its number of rows if there are several texts."""
    for text, count in texts[:_MOST_TEXTS]:
        of = f" ({count:,})" if len(texts) > 1 else ""
        st.markdown(f"{lead}{_text(text)}{of}")
    if len(texts) > _MOST_TEXTS:
        st.caption(f"and {counted(len(texts) - _MOST_TEXTS, noun)}, in the rows")


def _text(text: str) -> str:
    return escaped(in_words_of_the_app(text))


def _rows(group: LedgerGroup, key: str) -> None:
    """The rows of a group, drawn only while they are open."""
    fold = st.expander(f"Show the {len(group.rows):,} rows", key=f"{key}-rows", on_change="rerun")
    if not fold.open:
        return
    columns = {
        "Asset": lambda row: row.name or row.record_id,
        "What happened": lambda row: in_words_of_the_app(row.message),
        "What to do": lambda row: in_words_of_the_app(row.action),
        "Location": lambda row: row.location,
    }
    narrow = {"Asset": st.column_config.TextColumn(width="medium")}
    with fold:
        paged_table(group.rows, columns, key, column_config=narrow)
