"""Edits that change a text and show it in every editor."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dispatch_core.asset_list import AssetRow
from dispatch_core.errors import InvalidInput
from dispatch_core.request import DispatchRequest
from dispatch_core.request_parts import check_request
from dispatch_core.text.file_extension import split_extensions, written_extensions
from dispatch_core.text.pasted_ids import replace_id
from dispatch_core.text.strict_json import readable_json
from dispatch_core.types import Filter, Pipeline
from pages.shared.state.session import Session
from pages.shared.state.typed import LIST, QUERY


def put_query_text(session: Session, text: str) -> None:
    """Make `text` the text of the query, as if it had been typed."""
    session.keep_typed(query_text=text)
    session.reload_editors()


def take_query(session: Session, query: Filter | Pipeline) -> None:
    """Make `query` the one query, as if it had been typed."""
    put_query_text(session, readable_json(query))
    session.edit(query=query, asset_rows=None)


def keep_list(
    session: Session, name: str, rows: tuple[AssetRow, ...], notes: tuple[str, ...] = ()
) -> None:
    """Keep the rows of a file: an upload widget loses its file when the user leaves the page."""
    session.keep_typed(list_name=name, list_rows=rows, list_notes=notes)
    session.reload_editors()


def replace_listed(session: Session, old: str, new: str) -> None:
    """Replace an id in the list, whether it was pasted or is the content of a file."""
    typed = session.typed
    rows = tuple(replace(row, text=new) if row.text == old else row for row in typed.list_rows)
    session.keep_typed(list_text=replace_id(typed.list_text, old, new), list_rows=rows)
    session.reload_editors()


WHY_INPUT = "why"
"""The key of the text that names an asset to explain."""


def ask_why(session: Session, text: str = "") -> None:
    """Open the drawer that explains an asset, with its name or id typed; for callbacks."""
    if text:
        session.keep_typed(why_text=text)
        session.put(WHY_INPUT, text)
    session.keep_view(is_why_open=True)


def use_extensions(session: Session, extensions: Iterable[str]) -> None:
    """Search for these extensions; an invalid one is reported by the page Files."""
    text = written_extensions(extensions)
    session.keep_typed(extension_text=text)
    with suppress(InvalidInput):
        session.edit(file_extension=text)
    session.reload_editors()


def add_extension(session: Session, extension: str) -> None:
    """Search for one more extension, after those that are searched for."""
    use_extensions(session, (*split_extensions(session.typed.extension_text), extension))


def load(session: Session, request: DispatchRequest) -> None:
    """Use a saved request; raises `InvalidInput` if it has an error."""
    check_request(request)
    session.replace_request(request)
    session.keep_typed(
        source=QUERY if request.asset_rows is None else LIST,
        extension_text=request.file_extension,
        parameters_text=as_text(request.parameters),
        schema_text=as_text(request.parameters_schema),
        drafts={},
        grouping={},
    )
    if request.query is not None:
        session.keep_typed(query_text=as_text(request.query))
    if request.asset_rows is not None:
        session.keep_typed(list_name="saved request", list_rows=request.asset_rows, list_notes=())
    session.reload_editors()


def as_text(value: Any) -> str:
    """A JSON value as an editor shows it; ``""`` for None."""
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
