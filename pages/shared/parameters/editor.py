"""The parts of the page Parameters."""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import replace

import streamlit as st

from dispatch_core.builder.pasted import Conversion, convert
from dispatch_core.environment.limits import PARAMETERS
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.parameter_sets.document import FILE_NAME, ParameterCheck
from dispatch_core.parameter_sets.edit import wrap_bare
from dispatch_core.parameter_sets.issues_by_key import KeyIssues, issues_by_key, next_faulty
from dispatch_core.parameter_sets.schema_form import FormField
from dispatch_core.text.json_edit import rename_key
from dispatch_core.text.strict_json import decode_json, load_json
from dispatch_core.text.words import counted
from dispatch_core.types import JsonPath
from pages.shared.parameters import examples
from pages.shared.parameters import text as text_of
from pages.shared.parameters.form import parameter_form
from pages.shared.parameters.schema import load_schema, schema_line, schema_popover, take_schema
from pages.shared.parameters.sets import mode_switch, set_picker, set_tables
from pages.shared.parameters.sweep import sweep_panel
from pages.shared.state.session import Session
from pages.shared.state.settle import act, act_when_settled
from pages.shared.state.steps import now
from pages.shared.state.tab import widget_value
from pages.shared.state.views import FORM, JSON
from pages.shared.widgets.download import kept_file
from pages.shared.widgets.editor import json_editor
from pages.shared.widgets.messages import escaped, show_error
from pages.shared.widgets.words import in_words_of_the_app

_MOST_ISSUES = 12


def parameters_editor(session: Session) -> None:
    """Show the parameters as a form or as JSON, their errors, and the sets they give."""
    _toolbar(session)
    take_schema(session)
    form = text_of.form_of(session)
    check = text_of.read(session)
    drawn = form if isinstance(form, FormField) else None
    is_form = drawn is not None and session.views.parameter_view == FORM
    line = st.container(horizontal=True, vertical_alignment="center", key="parameter-summary")
    if drawn is not None and text_of.shows_form(session):
        with line:
            _summary(session, check)
    with line:
        schema_line(session, form)
    if drawn is not None and text_of.shows_form(session):
        set_picker(session, check)
        said = parameter_form(session, drawn, check)
        text_of.take_over(session)
        set_tables(session, check)  # above the faults, which come and go as cells are edited
        _issues(session, check, said)
        sweep_panel(session, now(session), drawn, check)
    else:
        check = _json(session, is_form)
        _issues(session, check)
        sweep_panel(session, now(session), drawn, check)
        set_tables(session, check)
    act_when_settled(session)


def _summary(session: Session, check: ParameterCheck) -> None:
    """One line above the form: how much is to correct, and a button to the next set with it.

    The line is always there, so that nothing moves while a value is corrected.
    """
    faults = issues_by_key(check.error.issues if check.error else ())
    if not faults:
        count = max(len(check.merged), 1)
        verb = "meets" if count == 1 else "meet"
        st.caption(f":material/check: {counted(count, 'set')} {verb} the schema", width="content")
        return
    keys = len({fault.path for fault in faults})
    where = f"{counted(keys, 'key')}, {len(check.faulty):,} of {counted(len(check.merged), 'set')}"
    st.markdown(f":red[:material/error: **To correct:** {where}]", width="content")
    faulty = next_faulty(check, session.views.chosen_set + 1)
    if faulty:
        st.button(
            f"Show set {faulty:,}",
            icon=":material/arrow_downward:",
            type="tertiary",
            key="next-faulty",
            on_click=_show_set,
            args=(session, faulty - 1),
        )


def _show_set(session: Session, index: int) -> None:
    session.keep_view(chosen_set=index)
    session.reload_editors()


def _toolbar(session: Session) -> None:
    with st.container(
        horizontal=True, vertical_alignment="center", gap="xsmall", key="parameter-tools"
    ):
        if isinstance(text_of.form_of(session), FormField):
            _view_switch(session)
        mode_switch(session, text_of.read(session))
        schema_popover(session)
        _example_popover(session)
        _file_popover(session)
        if session.typed.parameters_before is not None:
            st.button(
                "Restore the former text",
                icon=":material/settings_backup_restore:",
                type="tertiary",
                help="What the last button replaced; press again to return",
                on_click=text_of.undo,
                args=(session,),
            )


def _view_switch(session: Session) -> None:
    key = f"view-{session.epoch}"
    st.segmented_control(
        "Edit as",
        [FORM, JSON],
        default=session.views.parameter_view,
        required=True,
        key=key,
        on_change=_ask_for_view,
        args=(session, key),
        label_visibility="collapsed",
    )


def _ask_for_view(session: Session, key: str) -> None:
    view = widget_value(key)
    act(session, text_of.shows_form(session), _show_view, view)


def _show_view(session: Session, view: str) -> None:
    session.keep_view(parameter_view=view)
    session.reload_editors()


def _example_popover(session: Session) -> None:
    with st.popover(
        "Examples", icon=":material/lightbulb:", key=f"parameter-examples-{session.epoch}"
    ):
        for name, document in examples.DOCUMENTS.items():
            st.button(
                name,
                key=f"parameters-{name}",
                width="stretch",
                on_click=text_of.replace_text,
                args=(session, json.dumps(document, indent=2)),
            )
        st.button(
            examples.WITH_SCHEMA,
            key="parameters-schema",
            width="stretch",
            on_click=_load_example_schema,
            args=(session,),
        )
        st.button(
            "No parameters",
            key="parameters-None",
            width="stretch",
            on_click=text_of.replace_text,
            args=(session, ""),
        )


def _load_example_schema(session: Session) -> None:
    load_schema(session, json.dumps(examples.SCHEMA, indent=2))
    if not session.typed.parameters_text.strip():
        text_of.replace_text(session, json.dumps(examples.SCHEMA_PARAMETERS, indent=2))


def _file_popover(session: Session) -> None:
    with st.popover("File", icon=":material/description:", key=f"parameter-file-{session.epoch}"):
        file = st.file_uploader(
            f"Upload {FILE_NAME}", type=["json"], key=f"parameters-file-{session.epoch}"
        )
        if file is not None:
            try:
                text_of.replace_text(session, decode_json(file.getvalue(), file.name, PARAMETERS))
            except InvalidInput as error:
                show_error(error)
            else:
                st.rerun()
        st.download_button(
            f"Download {FILE_NAME}",
            kept_file(lambda: session.typed.parameters_text, FILE_NAME, "application/json"),
            FILE_NAME,
            "application/json",
            disabled=not session.typed.parameters_text.strip(),
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )


def _json(session: Session, is_instead_of_form: bool) -> ParameterCheck:
    """Show the editor; rerun if the hints around it changed with the text."""
    if is_instead_of_form:
        st.info(
            "The form is shown again when the text is a parameters file.", icon=":material/info:"
        )
    elif not session.typed.parameters_text.strip():
        st.info(
            "No parameters: every job gets null. Write analysis\\_parameters.json here, upload it "
            "under File, or start from one of the Examples.",
            icon=":material/info:",
        )
    before = _shown(session)
    text = json_editor(
        session, "parameters", session.typed.parameters_text, hint='{"analysis_parameter": {...}}'
    )
    session.keep_typed(parameters_text=text)
    check = text_of.take_over(session)
    if _shown(session) != before:
        st.rerun()
    return check


def _shown(session: Session) -> tuple[object, ...]:
    """The inputs of the gutter, the hints and the tools above the editor."""
    check, error = text_of.read(session), session.inputs.errors.get("parameters")
    empty = not session.typed.parameters_text.strip()
    return (error and error.issues, text_of.set_count(check), text_of.is_well_formed(check), empty)


def _issues(session: Session, check: ParameterCheck, said: Set[JsonPath] = frozenset()) -> None:
    """Show the first faults, each once for all its sets, and buttons that correct the text.

    `said` has the paths of the faults that are shown beside a field already.
    """
    error = session.inputs.errors.get("parameters")
    faults = issues_by_key(error.issues if error is not None else ())
    is_form = text_of.shows_form(session)
    others = [one for one in faults if said.isdisjoint(issue.path for issue in one.issues)]
    _faults(others[:_MOST_ISSUES], len(check.merged), is_form=is_form)
    _offer_repairs(session, faults[:_MOST_ISSUES], is_form=is_form)
    if error is not None and wrap_bare(session.typed.parameters_text) is not None:
        is_job = "job file" in error.issues[0].what
        st.button(
            "Use its parameters" if is_job else "Wrap it as a parameters file",
            icon=":material/data_object:",
            help="Keeps the sets of the job file"
            if is_job
            else "Adds the key that a set, or a list of sets, needs",
            on_click=act,
            args=(session, is_form, _wrap),
        )
    _offer_conversion(session, is_form)
    if len(others) > _MOST_ISSUES:
        st.caption(f"and {len(others) - _MOST_ISSUES:,} more")
    _offer_to_discard(session)


def _faults(faults: Sequence[KeyIssues], all_sets: int, *, is_form: bool) -> None:
    """Show the faults.

    Beside a form they are lines of one box, without the lines of the text, which is not visible.
    """
    issues = [_issue_of(fault, all_sets) for fault in faults]
    if is_form and issues:
        texts = [str(replace(one, line=0, column=0, excerpt="")) for one in issues]
        st.error("  \n".join(escaped(in_words_of_the_app(text)) for text in texts))
    elif issues:
        show_error(InvalidInput(issues))


def _offer_repairs(session: Session, faults: Sequence[KeyIssues], *, is_form: bool) -> None:
    """Show buttons that correct a misspelt key in every set."""
    line = st.container(horizontal=True)
    for number, fault in enumerate(faults):
        nearest, paths = fault.first.nearest, [one.path for one in fault.issues]
        if nearest and all(paths):
            line.button(
                f"Replace {escaped(str(fault.first.path[-1]))} by {escaped(nearest)}",
                icon=":material/spellcheck:",
                key=f"repair-{number}",
                on_click=act,
                args=(session, is_form, _repair, paths, nearest),
            )


def _issue_of(fault: KeyIssues, all_sets: int) -> Issue:
    """One issue for all sets that have the fault."""
    if len(fault.issues) > 1:
        return Issue(fault.text(all_sets), action=fault.action)
    return fault.first


def _offer_conversion(session: Session, is_form: bool) -> None:
    if _conversion(session) is not None:
        st.button(
            "Convert to JSON",
            icon=":material/auto_fix_high:",
            help="Reads a Python dict, single or smart quotes, trailing commas, comments",
            key="convert-parameters",
            on_click=act,
            args=(session, is_form, _convert),
        )


def _offer_to_discard(session: Session) -> None:
    if session.typed.drafts:
        st.button(
            "Discard invalid values",
            icon=":material/backspace:",
            on_click=_discard,
            args=(session,),
        )


def _repair(session: Session, paths: Sequence[JsonPath], nearest: str) -> None:
    try:
        load_json(session.typed.parameters_text, FILE_NAME, PARAMETERS)
    except InvalidInput:
        return  # the text changed since then; its own errors are shown
    text = session.typed.parameters_text
    for path in dict.fromkeys(paths):
        text = rename_key(text, path, nearest)
    text_of.replace_text(session, text)


def _wrap(session: Session) -> None:
    wrapped = wrap_bare(session.typed.parameters_text)
    if wrapped is not None:
        text_of.replace_text(session, wrapped)


def _conversion(session: Session) -> Conversion | None:
    """The text converted to strict JSON, if it is not JSON and can be read."""
    text = session.typed.parameters_text

    def make() -> Conversion | None:
        try:
            load_json(text, FILE_NAME, PARAMETERS)
        except InvalidInput:
            with suppress(InvalidInput):
                return convert(text, FILE_NAME, is_query=False)
        return None

    return session.memo.remember("parameters as JSON", text, make) if text.strip() else None


def _convert(session: Session) -> None:
    found = _conversion(session)
    if found is not None:
        text_of.replace_text(session, found.text)
        session.keep_view(notice="; ".join(found.notes))


def _discard(session: Session) -> None:
    session.keep_typed(drafts={})
    session.reload_editors()
