"""Advice on the current query: conditions that no record can match, and replacements."""

from __future__ import annotations

import json
import time

import streamlit as st

from dispatch_core.insight.advice import Advice, Suggestion, Translation
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.types import Filter, Pipeline
from pages.shared.assets.fields import await_answer, run_again_after
from pages.shared.state.edits import take_query
from pages.shared.state.services import ask_advice, ask_fields, ask_translations
from pages.shared.state.session import Session
from pages.shared.widgets.field_menu import known_fields, soon
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.progress import run_again

_SETTLE = 0.8
"""Seconds without an edit after which the source is asked about a query."""

_SINCE = "query since"

_SCHEMAS = {1: "the v1 spelling", 2: "the v2 spelling", 0: "either spelling"}


def show_advice(session: Session) -> None:
    """Show a box for each piece of advice, warnings before hints; none without an answer."""
    query = session.request.query
    is_first = not session.memo.has(_SINCE)
    is_settled = _is_settled(session, query)
    fields = known_fields()
    error = ask_fields().error
    if error is not None:
        st.caption(f"Suggestions are unavailable: {escaped(error.issues[0].what)}")
    elif fields is None:
        run_again_after(ask_fields())
    if not query or fields is None or "query" in session.inputs.errors:
        return
    asked = ask_advice(query, fields) if is_settled else None
    found = None
    if asked is not None:  # only the first page waits: nothing is typed into it yet
        found = soon(asked) if is_first else asked.result
    if asked is None or not asked.is_done:
        _wait_for_advice(session, query, fields)
    for number, advice in enumerate(sorted(found or (), key=lambda one: one.is_hint)):
        _box(session, advice, number)


def _is_settled(session: Session, query: Filter | Pipeline | None) -> bool:
    """Whether the query was not edited for 0.8 s: each pause in typing would ask the source.

    The first query of a session was not typed.
    """
    now = time.monotonic()
    since = now if session.memo.has(_SINCE) else now - 2 * _SETTLE
    return now - session.memo.remember(_SINCE, json.dumps(query), lambda: since) > _SETTLE


def _wait_for_advice(session: Session, query: Filter | Pipeline, fields: FieldCatalogue) -> None:
    @st.fragment(run_every=0.5)
    def wait() -> None:
        if _is_settled(session, query) and ask_advice(query, fields).is_done:
            run_again()

    wait()


def _box(session: Session, advice: Advice, number: int) -> None:
    is_hint = advice.is_hint
    box = st.container(border=True, key=f"advice-{number}")
    line = box.container(horizontal=True, vertical_alignment="center")
    icon = ":material/info:" if is_hint else ":material/warning:"
    ask = " Did you mean" if advice.suggestions and not is_hint else ""
    line.markdown(f"{icon} {escaped(advice.message)}.{ask}")
    for place, suggestion in enumerate(advice.suggestions):
        _button(session, line, suggestion, f"replace-{number}-{place}")
    if advice.kind == "spelling" and isinstance(session.request.query, dict):
        with box.expander("The query in v1 and in v2 spelling", on_change="rerun") as opened:
            if opened.open:
                _translations(session, session.request.query)


def _button(
    session: Session, buttons: st.delta_generator.DeltaGenerator, suggestion: Suggestion, key: str
) -> None:
    buttons.button(
        f"Use {escaped(suggestion.label)}",
        icon=":material/find_replace:",
        on_click=take_query,
        args=(session, suggestion.query),
        key=key,
    )


def _translations(session: Session, query: Filter) -> None:
    """Show the query in each spelling with its count, and a button to use it."""
    for found in await_answer(ask_translations(query), "Counting") or ():
        _translation(session, found)


def _translation(session: Session, found: Translation) -> None:
    line = st.container(horizontal=True, vertical_alignment="center")
    line.markdown(f"**{found.count:,}** in {_SCHEMAS[found.version]}")
    line.button(
        "Use it",
        on_click=take_query,
        args=(session, found.query),
        key=f"translation-{found.version}",
    )
    st.code(json.dumps(found.query, ensure_ascii=False), language="json", wrap_lines=True)
