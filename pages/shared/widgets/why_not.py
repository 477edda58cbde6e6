"""Why one asset is missing: a name or an id in, the clause or the stage that excludes it."""

from __future__ import annotations

import streamlit as st

from dispatch_core.insight.why_not import StepsSoFar, WhyNot, why_not
from dispatch_core.query import Query
from dispatch_core.steps import Steps
from pages.shared.state.edits import WHY_INPUT, ask_why
from pages.shared.state.memo import Same
from pages.shared.state.services import current_settings, executor, open_sources
from pages.shared.state.session import Session
from pages.shared.state.steps import now
from pages.shared.state.tab import first_value
from pages.shared.state.work import Work, start_work
from pages.shared.widgets.ledger import ledger_table
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.progress import watch_in_dialog
from pages.shared.widgets.tables import small_table

_ICONS = {
    "in": ":material/check_circle:",
    "matches": ":material/check:",
    "excluded": ":material/remove_circle:",
    "fails the query": ":material/filter_alt_off:",
    "not returned": ":material/help:",
    "not found": ":material/search_off:",
}


def why_button(session: Session, key: str = "why-not") -> None:
    """Show the button that opens the drawer, for the heading of a result."""
    st.button(
        "Why is one missing?",
        icon=":material/contact_support:",
        type="tertiary",
        on_click=ask_why,
        args=(session,),
        key=key,
    )


def answer_why(session: Session) -> None:
    """Show the drawer while it is open: a name or an id in, what excludes the asset."""
    if session.views.is_why_open:
        show = st.dialog(
            "Why is one missing?",
            width="medium",
            position="right",
            on_dismiss=lambda: session.keep_view(is_why_open=False),
        )(_ask)
        show(session)


def _ask(session: Session) -> None:
    text = st.text_input(
        "Name, part of a name, id or location of an asset",
        first_value(session, WHY_INPUT, session.typed.why_text),
        placeholder="such as 900003 or another part of a name, an id, or s3://...",
        key=WHY_INPUT,
    ).strip()
    session.keep_typed(why_text=text)
    if text:
        _answer(session, now(session), text)


def _answer(session: Session, steps: Steps, text: str) -> None:
    work = _work(session, steps, text)
    watch_in_dialog(work, key="cancel-why")
    for number, answer in enumerate(work.result or ()):
        _show_answer(answer, number)
        _offer_names(session, answer)


def _offer_names(session: Session, answer: WhyNot) -> None:
    """Show a button for each name that contains the text."""
    line = st.container(horizontal=True)
    for number, name in enumerate(answer.candidates):
        line.button(
            escaped(name),
            type="tertiary",
            icon=":material/arrow_right:",
            on_click=ask_why,
            args=(session, name),
            key=f"why-name-{number}",
        )


def _work(session: Session, steps: Steps, text: str) -> Work[tuple[WhyNot, ...]]:
    """The work on this answer, running, done or started now; a new one after each step."""
    known = StepsSoFar(steps.found, steps.grouped, steps.located, steps.plan)
    key, work = (Same(steps.request), text, known.reached), session.work.why
    if work is None or work.key != key:
        source, value = open_sources(current_settings()).metadata, steps.request.query
        query = None if value is None else Query(value)
        work = start_work(executor(), key, lambda progress: why_not(source, text, query, known))
        session.keep_work(why=work)
    return work


def _show_answer(answer: WhyNot, number: int) -> None:
    found_by = f" (found by {answer.matched_by})" if answer.matched_by else ""
    st.markdown(f"{_ICONS[answer.verdict]} **{escaped(answer.name)}**{escaped(found_by)}")
    st.markdown(escaped(answer.message))
    if answer.failed:
        rows = [
            {"Failed condition": one.words, "Field": path, "Value in this record": value}
            for one in answer.failed
            for path, value in one.held or (("", ""),)
        ]
        small_table(rows, key=f"why-failed-{number}")
    if answer.exclusions:
        ledger_table(answer.exclusions, f"why-ledger-{number}", asks_why=False)
    if answer.jobs:
        more = f" and {len(answer.jobs) - 10:,} more" if len(answer.jobs) > 10 else ""
        st.code("\n".join(answer.jobs[:10]) + more, language=None)
