"""The form of the query, kept beside its text: one is made from the other.

The text is the query. The form is made from it, and each change of the form rewrites the
text; a form with a condition that has no value yet is kept beside the text.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from dispatch_core.builder import query_form as forms
from dispatch_core.builder.form_translation import form_of, query_of
from dispatch_core.builder.query_form import QueryForm
from dispatch_core.errors import InvalidInput
from dispatch_core.query import parse_query
from dispatch_core.text.strict_json import readable_json
from dispatch_core.types import Filter, Pipeline
from pages.shared.state.session import Session

Change = Callable[[QueryForm], QueryForm]


def form_of_text(session: Session) -> QueryForm | None:
    """The form of the current text: the kept form if it wrote that text, else a new one."""
    if session.typed.query_form is not None and session.typed.form_text == session.typed.query_text:
        return session.typed.query_form
    try:
        query = parse_query(session.typed.query_text)
    except InvalidInput:
        return None
    form = form_of(query.value)
    session.keep_typed(query_form=form, form_text=session.typed.query_text)
    return form


def keep_form(session: Session, form: QueryForm) -> None:
    """Keep `form`, and write its finished part as the text if the query differs."""
    query = query_of(forms.finished_part(form))
    if json.dumps(query) != json.dumps(value_of_text(session)):
        session.keep_typed(query_text=readable_json(query))
    session.keep_typed(query_form=form, form_text=session.typed.query_text)


def change_form(session: Session, change: Change) -> None:
    """Change the form, in a button's callback; a text typed just before arrives later."""
    form = form_of_text(session)
    if form is not None:
        keep_form(session, change(form))


def value_of_text(session: Session) -> Filter | Pipeline | None:
    try:
        return parse_query(session.typed.query_text).value
    except InvalidInput:
        return None
