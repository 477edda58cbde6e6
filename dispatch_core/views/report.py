"""Reports of a dispatch: ledger, assets and match report as files; code that repeats it."""

from __future__ import annotations

import json
import pprint
import shlex
from collections.abc import Iterable, Sequence

from dispatch_core.connect import SourceSettings
from dispatch_core.find import MatchRow
from dispatch_core.request import DispatchRequest
from dispatch_core.text.spreadsheet import csv_text
from dispatch_core.types import LEDGER_COLUMNS, DataAsset, Exclusion, Filter, Pipeline
from dispatch_core.views.table import Columns, table_text


def ledger_text(exclusions: Sequence[Exclusion], name: str) -> str:
    """The ledger as JSON if `name` ends with .json, else as CSV with a header."""
    if name.endswith(".json"):
        rows = [row.texts() for row in exclusions]
        return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    return csv_text(LEDGER_COLUMNS, (list(row.texts().values()) for row in exclusions))


def assets_text(assets: Sequence[DataAsset], more: Columns | None = None) -> str:
    """The assets as CSV, which is also a list of ids that finds them again.

    ``asset_id`` is the Code Ocean id, or the record id if there is none; `more` are
    columns after the standard ones.
    """
    columns: Columns = {
        "asset_id": lambda one: one.asset_id or one.record_id,
        "name": lambda one: one.name,
        "location": lambda one: one.location,
        "record_id": lambda one: one.record_id,
        **(more or {}),
    }
    return table_text(assets, columns)


def match_report_text(lines: Sequence[MatchRow]) -> str:
    """The match report as CSV; its column ``asset_id`` is the original list."""
    header = ["row", "asset_id", "status", "matched_by", "name", "message"]
    rows = (
        (one.row.number, one.row.text, one.status, one.matched_by, one.name, one.message)
        for one in lines
    )
    return csv_text(header, rows)


def worst_first(lines: Iterable[MatchRow]) -> list[MatchRow]:
    """The rows that did not match before those that did, each in the order of the list."""
    return sorted(lines, key=lambda line: line.status == "matched")


def snippet_of(query: Filter | Pipeline, settings: SourceSettings) -> str:
    """Python code that reads the records of `query` with the metadata gateway's own client.

    A host is included only if it is a plain name: the demo has none, and a URI may
    contain a password.
    """
    is_host = bool(settings.host) and "://" not in settings.host
    host = repr(settings.host) if is_host else '"..."  # the host of your metadata gateway'
    name, argument, call = (
        ("filter_query", "filter_query=filter_query", "retrieve_docdb_records")
        if isinstance(query, dict)
        else ("pipeline", "pipeline=pipeline", "aggregate_docdb_records")
    )
    literal = pprint.pformat(query, width=88, sort_dicts=False)
    return f"""from aind_data_access_api.document_db import MetadataDbClient

host = {host}
{name} = {literal}
client = MetadataDbClient(
    host=host,
    version={settings.version!r},
    database={settings.database!r},
    collection={settings.collection!r},
)
records = client.{call}({argument})
"""


def command_of(
    request: DispatchRequest,
    output: str,
    settings: SourceSettings | None = None,
    *,
    request_file: str = "",
) -> str:
    """The shell command that repeats `request`, ready to paste.

    It contains the request unless that is saved as `request_file`. A host is included
    only if it is not a URI, which may contain a password.
    """
    words = ["python", "-m", "dispatch_core", "--request", request_file or "-"]
    words += ["--output_directory", output]
    settings = settings or SourceSettings()
    named = {"docdb_host": settings.host, "results_host": settings.results_host}
    if settings.has_results and request.skip_processed != "no":
        named["results_database"] = settings.results_database
        named["results_collection"] = settings.results_collection
    for name, value in named.items():
        if value and "://" not in value:
            words += [f"--{name}", value]
    if request_file:
        return shlex.join(words)
    return f"{shlex.join(words)} <<'REQUEST'\n{request.to_json()}REQUEST"
