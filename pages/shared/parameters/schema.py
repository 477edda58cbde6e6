"""The JSON Schema of one parameter set: pasted, uploaded, or the demo's."""

from __future__ import annotations

import streamlit as st

from dispatch_core.environment.limits import PARAMETERS
from dispatch_core.errors import InvalidInput
from dispatch_core.parameter_sets.schema_form import FormField, form_figures
from dispatch_core.text.strict_json import decode_json
from dispatch_core.text.words import counted
from pages.shared.parameters.text import check_schema
from pages.shared.state.session import Session
from pages.shared.state.views import FORM
from pages.shared.widgets.messages import escaped, show_error


def schema_popover(session: Session) -> None:
    """Paste, upload or remove the schema; the request is checked against it."""
    label = "Schema" if session.typed.schema_text.strip() else "Add a schema"
    with st.popover(label, icon=":material/schema:", key=f"schema-box-{session.epoch}"):
        st.caption(
            "Paste the output of model_json_schema() of the wrapper's model. The schema gives a "
            "form, each merged set is checked, and unknown keys are errors."
        )
        typed = st.text_area(
            "JSON Schema of one set",
            session.typed.schema_text,
            height=200,
            key=f"schema-{session.epoch}",
        )
        session.keep_typed(schema_text=typed)
        file = st.file_uploader(
            "Upload a schema", type=["json"], key=f"schema-file-{session.epoch}"
        )
        if file is not None:
            _upload(session, file.getvalue(), file.name)
        if session.typed.schema_text and st.button("Remove the schema", icon=":material/delete:"):
            load_schema(session, "")
            st.rerun()


def _upload(session: Session, data: bytes, name: str) -> None:
    try:
        load_schema(session, decode_json(data, name, PARAMETERS))
    except InvalidInput as error:
        show_error(error)
        return
    st.rerun()


def load_schema(session: Session, text: str) -> None:
    """Show `text` as the schema, and its form if it has one."""
    session.keep_typed(schema_text=text)
    session.keep_view(parameter_view=FORM)
    session.reload_editors()


def take_schema(session: Session) -> None:
    """Put the schema into the request, or block the request with the errors of the schema."""
    checked = check_schema(session)
    if isinstance(checked, InvalidInput):
        session.refuse("schema", checked)
        show_error(checked)
        return
    session.accept("schema")
    session.edit(parameters_schema=None if checked is None else checked.document)


def schema_line(session: Session, form: FormField | InvalidInput | None) -> None:
    """Show the title of the schema and how many fields are in the form, in one line."""
    if isinstance(form, InvalidInput):
        show_error(form)
    elif form is not None:
        figures = form_figures(form)
        total = figures.as_form + len(figures.as_json)
        parts = [f"Schema {form.title or 'without a title'}", counted(total, "field")]
        parts += [f"{'.'.join(one.path)} is JSON: {one.reason}" for one in figures.as_json[:3]]
        if len(figures.as_json) > 3:
            parts.append(f"{len(figures.as_json) - 3} more are JSON")
        st.caption(escaped(" · ".join(parts)))
    elif not session.typed.schema_text.strip():
        st.caption("Add the JSON Schema of the wrapper's model to get a form here.")
