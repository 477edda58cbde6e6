"""Why so few, and why not this one: explanations, clause by clause and stage by stage."""

from __future__ import annotations

import streamlit as st

from dispatch_core.find import FoundAssets
from dispatch_core.insight.explain import FEW, Explanation, explain, without_clause
from dispatch_core.insight.why_not import StepsSoFar, WhyNot, why_not
from dispatch_core.query import Query
from pages.shared.state import session as state
from pages.shared.state.services import current_settings, executor, open_sources
from pages.shared.state.session import Session
from pages.shared.state.work import Work, start_work
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.progress import watch
from pages.shared.widgets.tables import ledger_table, small_table

_ICONS = {
    "in": ":material/check_circle:",
    "matches": ":material/check:",
    "excluded": ":material/remove_circle:",
    "fails the query": ":material/filter_alt_off:",
    "not returned": ":material/help:",
    "not found": ":material/search_off:",
}


def explain_few(session: Session, found: FoundAssets) -> None:
    """Where nothing matches a query, why at once; where a few do, when asked."""
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
        work = session.explain_work
    watch(work, key="cancel-explain")
    if work is not None and work.result is not None:
        _show_explanation(session, query, work.result)


def _explanation(session: Session, query: Query) -> Work[Explanation] | None:
    work = session.explain_work
    return work if work is not None and work.key == (current_settings(), query.text) else None


def _start_explaining(session: Session, query: Query) -> None:
    source = open_sources(current_settings()).metadata
    session.explain_work = start_work(
        executor(),
        (current_settings(), query.text),
        lambda progress: explain(source, query.value, progress),
    )


def _show_explanation(session: Session, query: Query, found: Explanation) -> None:
    st.warning(escaped(found.summary), icon=":material/troubleshoot:")
    rows: list[dict[str, object]] = []
    for number, one in enumerate(found.clauses):
        blame = "yes" if number in found.blocking else ""
        rows.append(_row(blame, one.text, one.alone, one.without))
        rows += [_row("", f"inside: {inner.text}", inner.alone) for inner in one.branches]
    _table(rows)
    if found.stages:
        _table(
            [{"Stage": f"{one.number} {one.stage}", "Results": one.count} for one in found.stages]
        )
    if found.uncounted:
        st.caption(f"{found.uncounted:,} more clauses were not counted alone.")
    if isinstance(query.value, dict):
        _offer_without(session, query.value, found)


def _row(blame: str, clause: str, alone: int, without: int | None = None) -> dict[str, object]:
    left = "" if without is None else f"{without:,}"
    return {"To blame": blame, "Clause": clause, "Alone": f"{alone:,}", "Without it": left}


def _table(rows: list[dict[str, object]]) -> None:
    wide = {"Clause": st.column_config.TextColumn(width="large")}
    small_table(rows, column_config=wide)


def _offer_without(session: Session, query: dict[str, object], found: Explanation) -> None:
    """One click leaves a clause that is to blame out of the query."""
    buttons = st.container(horizontal=True)
    helping = [one for one in found.blocking if found.clauses[one].without > found.count]
    for number in helping[:3]:
        name = ", ".join(found.clauses[number].clause)
        buttons.button(
            f"Leave out {escaped(name)}: {found.clauses[number].without:,} match",
            icon=":material/content_cut:",
            on_click=state.take_query,
            args=(session, without_clause(query, number)),
            key=f"leave-out-{number}",
        )


# Why not this one?


def ask_why_not(session: Session) -> None:
    """An expander: a name or an id in, the clause or the stage that dropped it out."""
    opened = st.expander(
        "Why not this one?", icon=":material/contact_support:", on_change="rerun", key="why-not"
    )
    if not opened.open:
        return
    with opened:
        text = st.text_input(
            "Name, id or location of an asset",
            session.why_text,
            placeholder="such as ecephys_900003_2025-03-01_10-00-00, an id, or s3://...",
            key=f"why-{session.epoch}",
        ).strip()
        session.why_text = text
        if text:
            _answer(session, text)


def _answer(session: Session, text: str) -> None:
    steps = steps_so_far(session)
    key = (state.find_key(session), session.revision, text, steps.reached)
    work = session.why_work
    if work is None or work.key != key:
        source, query = open_sources(current_settings()).metadata, _query(session)
        work = session.why_work = start_work(
            executor(), key, lambda progress: why_not(source, text, query, steps)
        )
    work.wait(0.3)
    if not work.is_done:
        watch(work, key="cancel-why")
    show_error(work.error)
    for number, answer in enumerate(work.result or ()):
        _show_answer(answer, number)


def _query(session: Session) -> Query | None:
    value = session.request.query
    return None if value is None else Query(value)


def steps_so_far(session: Session) -> StepsSoFar:
    """What is known of the dispatch now."""
    return StepsSoFar(
        state.found(session), state.grouped(session), state.located(session), state.plan(session)
    )


def _show_answer(answer: WhyNot, number: int) -> None:
    found_by = f" (found by {answer.matched_by})" if answer.matched_by else ""
    st.markdown(f"{_ICONS[answer.verdict]} **{escaped(answer.name)}**{escaped(found_by)}")
    st.markdown(escaped(answer.message))
    if answer.failed:
        rows = [
            {"Clause it fails": one.text, "Field": path, "This record holds": value}
            for one in answer.failed
            for path, value in one.held or (("", ""),)
        ]
        small_table(rows, key=f"why-failed-{number}")
    if answer.exclusions:
        ledger_table(answer.exclusions, f"why-ledger-{number}")
    if answer.jobs:
        more = f" and {len(answer.jobs) - 10:,} more" if len(answer.jobs) > 10 else ""
        st.code("\n".join(answer.jobs[:10]) + more, language=None)
