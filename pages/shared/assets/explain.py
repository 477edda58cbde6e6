"""Why a query gives few assets or none: condition by condition and stage by stage."""

from __future__ import annotations

import json
from textwrap import shorten

import streamlit as st

from dispatch_core.builder.form_translation import node_of
from dispatch_core.builder.query_form import Group, Locked
from dispatch_core.find import FoundAssets
from dispatch_core.insight.chip_words import LONGEST, words_of
from dispatch_core.insight.explain import FEW, Explanation, explain, without_clause
from dispatch_core.query import Query
from dispatch_core.text.words import counted
from dispatch_core.types import Filter
from pages.shared.state.edits import take_query
from pages.shared.state.services import current_settings, executor, open_sources
from pages.shared.state.session import Session
from pages.shared.state.work import Work, start_work
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.progress import watch
from pages.shared.widgets.tables import small_table


def explain_few(session: Session, found: FoundAssets) -> None:
    """Explain a query without a match at once, and a query with few matches on request."""
    query = found.query
    if query is None or found.matched > FEW:
        return
    work = _explanation(session, query)
    if work is None and found.matched:
        st.button(
            "Why so few?",
            icon=":material/help:",
            on_click=_start_explaining,
            args=(session, query),
            key="explain",
        )
        return
    if work is None:
        _start_explaining(session, query)
        work = session.work.explain
    watch(work, key="cancel-explain")
    if work is not None and work.result is not None:
        _show_explanation(session, query, work.result)


def _explanation(session: Session, query: Query) -> Work[Explanation] | None:
    work = session.work.explain
    return work if work is not None and work.key == (current_settings(), query.text) else None


def _start_explaining(session: Session, query: Query) -> None:
    source = open_sources(current_settings()).metadata
    work = start_work(
        executor(),
        (current_settings(), query.text),
        lambda progress: explain(source, query.value, progress),
    )
    session.keep_work(explain=work)


def _show_explanation(session: Session, query: Query, found: Explanation) -> None:
    st.warning(escaped(found.summary_in(_words)), icon=":material/troubleshoot:")
    rows: list[dict[str, object]] = []
    for number, one in enumerate(found.clauses):
        blame = "yes" if number in found.blocking else ""
        rows.append(_row(blame, _words(one.clause), one.alone, one.without))
        if isinstance(node_of(one.clause), Group):
            rows += [
                _row("", f"inside: {_words(inner.clause)}", inner.alone) for inner in one.branches
            ]
    _table(rows)
    if found.stages:
        _table(
            [{"Stage": f"{one.number} {one.stage}", "Results": one.count} for one in found.stages]
        )
    if found.uncounted:
        st.caption(f"Not counted: {counted(found.uncounted, 'more condition')}.")
    if isinstance(query.value, dict):
        _offer_without(session, query.value, found)


def _row(blame: str, condition: str, alone: int, without: int | None = None) -> dict[str, object]:
    left = "" if without is None else f"{without:,}"
    return {
        "Blocks the result": blame,
        "Condition": condition,
        "Matches alone": f"{alone:,}",
        "Matches without it": left,
    }


def _words(clause: Filter) -> str:
    """The clause in the words of its chip; as JSON, cut, if it has no form."""
    node = node_of(clause)
    if isinstance(node, Locked):
        return shorten(json.dumps(clause, ensure_ascii=False), LONGEST, placeholder=" ...")
    return words_of(node)


def _table(rows: list[dict[str, object]]) -> None:
    wide = {"Condition": st.column_config.TextColumn(width="large")}
    small_table(rows, column_config=wide)


def _offer_without(session: Session, query: dict[str, object], found: Explanation) -> None:
    """Offer buttons that remove a blocking condition from the query."""
    buttons = st.container(horizontal=True)
    helping = [one for one in found.blocking if found.clauses[one].without > found.count]
    for number in helping[:3]:
        words = escaped(_words(found.clauses[number].clause))
        buttons.button(
            f"Remove {words} ({found.clauses[number].without:,} match)",
            icon=":material/content_cut:",
            on_click=take_query,
            args=(session, without_clause(query, number)),
            key=f"leave-out-{number}",
        )
