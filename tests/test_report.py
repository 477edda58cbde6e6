"""The query as Python for the client of the metadata gateway."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest
from aind_data_access_api.document_db import MetadataDbClient

from dispatch_core.connect import SourceSettings
from dispatch_core.request import make_request
from dispatch_core.views.report import command_of, snippet_of

FILTER = {"name": {"$regex": "^b\\d", "$ne": None}, "t": True, "subject.subject_id": "900003"}
PIPELINE = [{"$match": FILTER}, {"$limit": 5}]


@pytest.mark.parametrize(
    ("query", "name", "method"),
    [
        (FILTER, "filter_query", "retrieve_docdb_records"),
        (PIPELINE, "pipeline", "aggregate_docdb_records"),
    ],
)
def test_the_snippet_asks_the_real_client_for_the_same_query(
    query: Any, name: str, method: str
) -> None:
    tree = ast.parse(snippet_of(query, SourceSettings(host="docdb.test", version="v2")))

    values = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    opened, asked = values["client"], values["records"]
    assert isinstance(opened, ast.Call)
    assert isinstance(asked, ast.Call)
    assert ast.literal_eval(values[name]) == query
    assert ast.unparse(asked) == f"client.{method}({name}={name})"
    assert name in inspect.signature(getattr(MetadataDbClient, method)).parameters
    assert {word.arg for word in opened.keywords} <= set(
        inspect.signature(MetadataDbClient).parameters
    )


def test_the_snippet_omits_a_uri_which_may_contain_a_password() -> None:
    text = snippet_of({}, SourceSettings(host="mongodb://me:secret@db.test"))

    assert "secret" not in text
    assert "the host of your metadata gateway" in text


def test_the_command_names_the_hosts_and_the_results_but_no_uri_and_no_unused_name() -> None:
    settings = SourceSettings(
        host="docdb.example.org",
        results_host="mongodb://user:secret@results",
        results_database="analysis",
        results_collection="project",
    )
    checking, plain = make_request(query={}), make_request(query={}, skip_processed="no")

    command = command_of(checking, "out", settings, request_file="r.json")
    without = command_of(plain, "out", settings, request_file="r.json")

    start = "python -m dispatch_core --request r.json --output_directory out"
    assert command == (
        f"{start} --docdb_host docdb.example.org --results_database analysis "
        "--results_collection project"
    )
    assert without == f"{start} --docdb_host docdb.example.org"
