"""The parts of the page Parameters."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from dispatch_core.errors import InvalidInput
from dispatch_core.parameter_schema import ParameterSchema, parse_schema
from dispatch_core.parameters import FILE_NAME, ParameterSets, parse_parameters
from dispatch_core.strict_json import decode_json
from pages.shared import session as state
from pages.shared.components import escaped, json_editor, show_error
from pages.shared.session import Session

EXAMPLES = {
    "One set for every asset": {
        "analysis_parameter": {
            "analysis_name": "Unit quality filtering",
            "analysis_tag": "baseline",
            "isi_violations_cutoff": 0.05,
        }
    },
    "Two sets, each for every asset": {
        "fixed_parameters": {"analysis_name": "Unit quality filtering"},
        "distributed_parameters": [
            {"analysis_tag": "strict", "isi_violations_cutoff": 0.03},
            {"analysis_tag": "lenient", "isi_violations_cutoff": 0.07},
        ],
    },
    "None": {},
}


def parameters_editor(session: Session) -> ParameterSets | None:
    """The editor, checked as it is typed; None where the text does not hold."""
    column, examples = st.columns([4, 1], vertical_alignment="bottom")
    column.caption(
        "analysis_parameters.json: analysis_parameter, or distributed_parameters, with "
        "fixed_parameters under each. Empty: no parameters."
    )
    with examples.popover("Examples", width="stretch", key=f"examples-{session.epoch}"):
        for name, document in EXAMPLES.items():
            if st.button(name, key=f"parameters-{name}", width="stretch"):
                _load(session, json.dumps(document, indent=2) if document else "")
    session.parameters_text = json_editor(
        session, "parameters", session.parameters_text, hint='{"analysis_parameter": {...}}'
    )
    sets = _read_sets(session)
    _files(session)
    return sets


def _read_sets(session: Session) -> ParameterSets | None:
    if not session.parameters_text.strip():
        state.accept_input(session, "parameters")
        state.edit(session, parameters=None)
        return ParameterSets()
    try:
        document, sets = parse_parameters(session.parameters_text, _schema(session))
    except InvalidInput as error:
        state.refuse_input(session, "parameters", error)
        show_error(error)
        return None
    state.accept_input(session, "parameters")
    state.edit(session, parameters=document)
    return sets


def _load(session: Session, text: str) -> None:
    session.parameters_text = text
    state.reload_editors(session)
    st.rerun()


def _files(session: Session) -> None:
    upload, download = st.columns([3, 1], vertical_alignment="bottom")
    file = upload.file_uploader(
        f"Upload {FILE_NAME}", type=["json"], key=f"parameters-file-{session.epoch}"
    )
    if file is not None:
        try:
            _load(session, decode_json(file.getvalue(), file.name))
        except InvalidInput as error:
            show_error(error)
    download.download_button(
        "Download",
        lambda: session.parameters_text,
        FILE_NAME,
        "application/json",
        disabled=not session.parameters_text.strip(),
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
    )


def _schema(session: Session) -> ParameterSchema | None:
    if not session.schema_text.strip() or "schema" in session.input_errors:
        return None
    return parse_schema(session.schema_text)


def schema_editor(session: Session) -> None:
    """A JSON Schema of one set, as pydantic's ``model_json_schema`` writes it."""
    with st.expander("JSON Schema of one set", expanded=bool(session.schema_text)):
        session.schema_text = st.text_area(
            "Paste what the wrapper's model_json_schema() gives; each merged set is checked, "
            "and keys that the schema does not name are errors",
            session.schema_text,
            height=200,
            key=f"schema-{session.epoch}",
        )
        try:
            document = _schema_document(session.schema_text)
        except InvalidInput as error:
            state.refuse_input(session, "schema", error)
            show_error(error)
            return
    was_refused = "schema" in session.input_errors
    state.accept_input(session, "schema")
    if was_refused or session.request.parameters_schema != document:
        state.edit(session, parameters_schema=document)
        st.rerun()  # the sets above were checked against the schema before


def _schema_document(text: str) -> dict[str, object] | None:
    if not text.strip():
        return None
    parse_schema(text)
    document: dict[str, object] = json.loads(text.removeprefix("\ufeff"))
    return document


def set_table(sets: ParameterSets) -> None:
    """The merged sets, one row each; values that differ stand in their own columns."""
    for note in sets.notes:
        st.info(escaped(note), icon=":material/info:")
    if not sets.sets:
        st.caption("No parameters: distributed_parameters of each job will be null.")
        return
    st.subheader(f"{len(sets.sets):,} parameter sets")
    rows = [
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in one.items()}
        for one in sets.sets[:500]
    ]
    st.dataframe(pd.DataFrame(rows), key="sets")
