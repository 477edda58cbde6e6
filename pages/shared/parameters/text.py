"""The text of the parameters in a session: parsed once, and all its changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.bson import MISSING
from dispatch_core.parameter_sets.document import (
    DISTRIBUTED,
    FIXED,
    SINGLE,
    ParameterCheck,
    check_parameters,
)
from dispatch_core.parameter_sets.edit import set_value, unset_value
from dispatch_core.parameter_sets.field_text import (
    TableRow,
    choices_of,
    edited_rows,
    read_field,
    read_rows,
)
from dispatch_core.parameter_sets.schema import WHERE, ParameterSchema, compile_schema
from dispatch_core.parameter_sets.schema_form import FormField, make_form
from dispatch_core.parameter_sets.schema_text import load_schema_document
from dispatch_core.types import JsonPath, JsonValue
from pages.shared.state.session import Session
from pages.shared.state.tab import widget_value
from pages.shared.state.views import FORM

KeyPath = tuple[str, ...]

FIXED_SET = -1
"""The chosen set while the fixed parameters are edited."""


@dataclass(frozen=True)
class SchemaText:
    """A JSON Schema as typed and as compiled."""

    document: dict[str, Any]
    compiled: ParameterSchema


def check_schema(session: Session) -> SchemaText | InvalidInput | None:
    """The schema of the session, or why its text is not one; None without a text."""
    text = session.typed.schema_text

    def make() -> SchemaText | InvalidInput:
        try:
            document = load_schema_document(text, WHERE)
            compiled = compile_schema(document)
        except InvalidInput as error:
            return error
        assert isinstance(document, dict)  # as it is a schema
        return SchemaText(document, compiled)

    return session.memo.remember("schema", text, make) if text.strip() else None


def schema_of(session: Session) -> ParameterSchema | None:
    """The compiled schema of the session; None without a valid one."""
    checked = check_schema(session)
    return checked.compiled if isinstance(checked, SchemaText) else None


def form_of(session: Session) -> FormField | InvalidInput | None:
    """The form that the schema gives, or the error why not; None without a schema."""
    checked = check_schema(session)
    if not isinstance(checked, SchemaText):
        return None
    document = checked.document

    def make() -> FormField | InvalidInput:
        try:
            return make_form(document)
        except InvalidInput as error:
            return error

    return session.memo.remember("form", session.typed.schema_text, make)


def read(session: Session) -> ParameterCheck:
    """The text of the session, checked."""
    text, schema = session.typed.parameters_text, schema_of(session)
    key = (text, session.typed.schema_text, schema is None)
    return session.memo.remember("parameters", key, lambda: check_parameters(text, schema))


def is_well_formed(check: ParameterCheck) -> bool:
    """Whether the text has sets and fields that can be edited, even if values are invalid."""
    return check.error is None or bool(check.merged)


def shows_form(session: Session) -> bool:
    """Whether the form is shown; otherwise the editor is, which sends its text after a delay."""
    has_form = isinstance(form_of(session), FormField) and session.views.parameter_view == FORM
    return has_form and is_well_formed(read(session))


def take_over(session: Session) -> ParameterCheck:
    """Put the text into the request, or block the request with the errors of the text."""
    check = read(session)
    issues = [*_draft_issues(session), *(check.error.issues if check.error else ())]
    if issues:
        session.refuse("parameters", InvalidInput(issues))
    else:
        session.accept("parameters")
        session.edit(parameters=check.document)
    return check


def _draft_issues(session: Session) -> list[Issue]:
    action = "The previous value is kept; correct it in the form, or discard the invalid values"
    return [
        Issue(
            f"{_excerpt(text)} is not a valid value of {'.'.join(path)}",
            "form",
            action,
            path=(*target, *path),
        )
        for (target, path), text in session.typed.drafts.items()
    ]


def _excerpt(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def set_count(check: ParameterCheck) -> int:
    """The number of distributed sets in the text; 0 if it has one set for every asset."""
    document = check.document or {}
    return len(document.get(DISTRIBUTED, ()))


def target_of(session: Session, check: ParameterCheck) -> JsonPath:
    """The path in the document of the set that the form shows."""
    document = check.document or {}
    count = set_count(check)
    if session.views.chosen_set == FIXED_SET and (count or FIXED in document):
        return (FIXED,)
    chosen = min(max(session.views.chosen_set, 0), max(count, 1) - 1)
    session.keep_view(chosen_set=chosen)
    if count:
        return (DISTRIBUTED, chosen)
    return (FIXED,) if FIXED in document and SINGLE not in document else (SINGLE,)


def own_values(document: Mapping[str, Any] | None, target: JsonPath) -> Mapping[str, Any]:
    """The values in the set at `target`, without those that it inherits."""
    values: Any = document or {}
    for step in target:
        try:
            values = values[step]
        except (KeyError, IndexError):
            return {}
    return values if isinstance(values, dict) else {}


def change(session: Session, make: Callable[..., str], *arguments: Any) -> None:
    """Change the text by `make` if it is well formed; editors show the new text."""
    if not is_well_formed(read(session)):
        return
    replace_text(session, make(session.typed.parameters_text, *arguments))


def replace_text(session: Session, text: str) -> None:
    """Show `text` in every editor; `undo` restores the previous text."""
    session.keep_typed(parameters_before=session.typed.parameters_text, parameters_text=text)
    session.reload_editors()


def undo(session: Session) -> None:
    """Restore the text that the last button replaced; a second call reverts that."""
    if session.typed.parameters_before is not None:
        session.keep_typed(drafts={})
        replace_text(session, session.typed.parameters_before)


def take_field(
    session: Session, target: JsonPath, field: FormField, key: str, required: frozenset[KeyPath]
) -> None:
    """Put the value of the widget `key` into the text; an invalid one is kept as a draft."""
    typed = widget_value(key)
    is_table = key in session.typed.table_rows
    kept = json.dumps(_rows(session, key, typed)) if is_table else typed
    read = partial(_typed_value, session, field, key, typed)
    take_value(session, target, field.path, read, kept, required)


def take_value(
    session: Session,
    target: JsonPath,
    path: KeyPath,
    read: Callable[[], Any],
    typed: str,
    required: frozenset[KeyPath],
) -> None:
    """Put what `read` gives at `path` of a set; if it raises, keep the `typed` text as a draft."""
    drafts = dict(session.typed.drafts)
    try:
        value = read()
    except InvalidInput:
        session.keep_typed(drafts={**drafts, (target, path): typed})
        return
    drafts.pop((target, path), None)
    text = session.typed.parameters_text
    if value is MISSING:
        text = unset_value(text, target, path, required)
    else:
        text = set_value(text, target, path, value)
    session.keep_typed(drafts=drafts, parameters_text=text)


def put_null(session: Session, target: JsonPath, path: KeyPath, is_null: bool) -> None:
    """Set the object at `path` to null, or unset it."""
    if is_null:
        change(session, set_value, target, path, None)
    else:
        change(session, unset_value, target, path)


def draft_fault(field: FormField, draft: str) -> str:
    """Why `draft` is not a valid value of `field`."""
    try:
        if field.kind in ("table", "dictionary"):
            read_rows(field, json.loads(draft))
        else:
            read_field(field, draft)
    except InvalidInput as error:
        return error.issues[0].what
    return "it does not fit"


def _typed_value(session: Session, field: FormField, key: str, typed: Any) -> Any:
    if key in session.typed.table_rows:
        return read_rows(field, _rows(session, key, typed))
    choices = choices_of(field)
    if choices:
        return MISSING if typed is None else choices[typed]
    return read_field(field, typed or "")


def _rows(session: Session, key: str, edits: Mapping[str, Any]) -> list[TableRow]:
    return edited_rows(session.typed.table_rows[key], edits)


def value_at(values: JsonValue, path: KeyPath) -> Any:
    """The value at `path`, or `MISSING`."""
    for step in path:
        if not isinstance(values, dict) or step not in values:
            return MISSING
        values = values[step]
    return values
