"""Every input accepts any text or rejects it with a message; it never fails in another way.

``make test`` tries 200 examples of each input, ``make soak`` 5,000. The examples are
random, except in CI, where the same change always gives the same result.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dispatch_core.asset_list import read_asset_table, read_pasted_table
from dispatch_core.builder.form_translation import form_of, query_of
from dispatch_core.builder.pasted import convert
from dispatch_core.connect import SourceSettings, open_metadata_source, open_object_lister
from dispatch_core.dispatch import plan_dispatch
from dispatch_core.errors import DispatchError, InvalidInput
from dispatch_core.kept.links import KeptLinks, short_text
from dispatch_core.kept.store import Bounds, KeptTexts
from dispatch_core.language.match import compile_filter
from dispatch_core.parameter_sets.document import parse_parameters
from dispatch_core.parameter_sets.edit import (
    add_set,
    copy_set,
    remove_set,
    to_distributed,
    to_single,
    wrap_bare,
)
from dispatch_core.parameter_sets.schema import parse_schema
from dispatch_core.parameter_sets.sweep import read_path, read_values
from dispatch_core.query import check_query, parse_query, read_query
from dispatch_core.request import load_request
from dispatch_core.request_parts import check_request
from dispatch_core.text.file_extension import read_extensions
from dispatch_core.text.strict_json import load_json
from dispatch_core.text.value_text import read_value
from dispatch_core.views.request_link import decode_request
from pages.shared.state.drafts import read_draft, write_draft
from pages.shared.state.session import Session
from pages.shared.state.typed import Typed
from tests.support.mutations import damaged, mutated
from tests.support.tier import SOAK, amount

pytestmark = pytest.mark.soak

EXAMPLES = settings(
    max_examples=amount(100, 5_000),
    deadline=None,  # only the whole run has a time limit
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    derandomize=not SOAK or os.environ.get("CI") == "true",
)

QUERIES = [
    '{"data_description.project_name": "Thalamic Ephys Survey", "subject.subject_id": "900003"}',
    '{"$or": [{"name": {"$regex": "^ecephys_", "$options": "i"}}, {"a.0.b": {"$in": [1, null]}}]}',
    '{"x": {"$elemMatch": {"y": {"$not": {"$gte": 2.5, "$lt": 1e9}}}}, "$nor": [{"z": true}]}',
    '{"$expr": {"$gt": [{"$size": "$data_description.modality"}, 1]}}',
    '[{"$match": {"_id": {"$exists": true}}}, {"$sort": {"name": 1}}, {"$limit": 25}]',
    '[{"$unwind": "$a"}, {"$group": {"_id": "$a", "n": {"$sum": 1}}}, {"$project": {"n": 1}}]',
]
PARAMETERS = [
    '{"analysis_parameter": {"analysis_name": "Unit filtering", "cutoff": 0.05, "bins": [1, 2]}}',
    '{"fixed_parameters": {"a": 1}, "distributed_parameters": [{"b": "x"}, {"b": null, "c": {}}]}',
]
SCHEMAS = [
    json.dumps(
        {
            "$defs": {"Band": {"properties": {"low": {"type": "number"}}, "type": "object"}},
            "properties": {
                "analysis_name": {"type": "string", "maxLength": 40},
                "cutoff": {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]},
                "band": {"allOf": [{"$ref": "#/$defs/Band"}], "description": ["a", "b"]},
                "bins": {"type": "array", "items": {"type": "integer"}},
                "method": {"enum": ["fast", "exact"], "pattern": "^[a-z]+$"},
            },
            "required": ["analysis_name"],
            "type": "object",
        }
    )
]
TABLES = [
    "asset_id,comment\n50fa9416-4e21-482f-8901-889322a87ae3,first\n\n  ,only a comment\nname_2,x\n",
    'Asset_ID;note\r\n"a;b";"two\r\nlines"\r\n',
    "asset_id\ts\na\tb\n",
]
REQUESTS = [
    json.dumps(
        {
            "version": 1,
            "query": {"subject.subject_id": {"$in": ["900001", "900002"]}},
            "file_extension": ".nwb",
            "group_by": ["subject.subject_id"],
            "num_parallel_workers": 3,
            "max_number_of_tasks_dispatched": 10,
            "parameters": {"distributed_parameters": [{"a": 1}, {"a": 2}]},
        }
    ),
    json.dumps({"version": 1, "asset_rows": [{"number": 2, "text": "x"}], "job_format": "seed"}),
]

PASTED = [
    "filter = {'subject.subject_id': {'$in': ['900001', '900002']}, 'a': None, 'b': (1, 2,)}  # x",
    "client.retrieve_docdb_records(filter_query={'name': {'$regex': r'^ecephys'}}, limit=5)",
    'db.data_assets.find({_id: ObjectId("65a1b2c3d4e5f60718293a4b"), when: ISODate("2025-06-01")})',
    "Here is the query:\n```json\n{“name”: /nwb$/i, // the files\n 'x': NumberLong(5)}\n```\n",
    "[{'$match': {'a': True}}, {'$limit': 3}]",
]


def packed(text: str) -> str:
    """`text` as a link has it, whatever it says."""
    content = zlib.compress(text.encode("utf-8", "surrogatepass"))
    return "1." + base64.urlsafe_b64encode(content).decode().rstrip("=")


LINKS = [packed(request) for request in REQUESTS]

STATE = Path(tempfile.gettempdir()) / f"kept-{os.getpid()}"
TEXTS_OF_LINKS = KeptTexts(STATE / "links", Bounds(1_000, 100_000, 10_000_000, 3_600.0))
KEPT_LINKS = KeptLinks(TEXTS_OF_LINKS)
SHORT_LINKS = [short_text(request) for request in REQUESTS]
DRAFTS = [write_draft(Session(typed=Typed(query_text='{"half": ', drafts={((), ("a",)): "-"})))]


def open_kept(text: str) -> object:
    """Open the short link to `text`, which the server keeps whatever it says."""
    TEXTS_OF_LINKS.write("", short_text(text).removeprefix("id."), text)
    return KEPT_LINKS.open(short_text(text))


@pytest.fixture(scope="module", autouse=True)
def kept_requests() -> Iterator[None]:
    """Keep the requests of the short links for as long as the tests run."""
    for request in REQUESTS:
        TEXTS_OF_LINKS.write("", short_text(request).removeprefix("id."), request)
    yield
    shutil.rmtree(STATE)


Reader = Callable[[Any], object]

TEXT_INPUTS: dict[str, tuple[Reader, list[str]]] = {
    "query": (parse_query, QUERIES),
    "query of the command line": (read_query, QUERIES),
    "parameters": (parse_parameters, PARAMETERS),
    "schema": (parse_schema, SCHEMAS),
    "table": (read_asset_table, TABLES),
    "pasted ids": (read_pasted_table, TABLES),
    "saved request": (lambda text: check_request(load_request(text)), REQUESTS),
    "link": (decode_request, LINKS),
    "content of a link": (lambda text: decode_request(packed(text)), REQUESTS),
    "short link": (KEPT_LINKS.open, SHORT_LINKS),
    "content of a short link": (open_kept, REQUESTS),
    "draft": (lambda text: read_draft(text, ""), DRAFTS),
    "strict JSON": (lambda text: load_json(text, "text"), [*QUERIES, *PARAMETERS]),
    "pasted query": (convert, PASTED),
    "value of a field": (read_value, ["900001", '"text"', "[1, 2.5, null]", "true"]),
    "values of a sweep": (read_values, ["0.1:0.5:0.1", "1, 2, 3", '["a", "b"]', "fast, exact"]),
    "path of a sweep": (read_path, ["a.b", "band.low"]),
    "file extension": (read_extensions, [".nwb", ".ome.zarr", "x.nwb/", ".nwb,.nwb.zarr"]),
}
BYTE_INPUTS = ["query", "parameters", "schema", "table", "saved request", "strict JSON"]

TEXTS = st.one_of(st.text(max_size=80), st.text("{}[]\",:$'\\ \n0aé", max_size=60))


@pytest.mark.parametrize("name", TEXT_INPUTS)
def test_any_text_is_accepted_or_rejected_as_invalid_input(name: str) -> None:
    read, bases = TEXT_INPUTS[name]

    @EXAMPLES
    @given(st.one_of(mutated(bases), mutated(bases), TEXTS))
    def check(text: str) -> None:
        try:
            read(text)
        except InvalidInput as error:
            assert_has_message(error)

    check()


@pytest.mark.parametrize("name", BYTE_INPUTS)
def test_any_bytes_are_accepted_or_rejected_as_invalid_input(name: str) -> None:
    read, bases = TEXT_INPUTS[name]

    @EXAMPLES
    @given(st.one_of(damaged(bases), st.binary(max_size=60)))
    def check(data: bytes) -> None:
        try:
            read(data)
        except InvalidInput as error:
            assert_has_message(error)

    check()


def assert_has_message(error: DispatchError) -> None:
    """Check that every issue has a message of bounded length that is valid in UTF-8."""
    assert error.issues
    for issue in error.issues:
        assert issue.what.strip()
        assert len(str(issue)) < 4_200
        str(issue).encode()


@EXAMPLES
@given(mutated(QUERIES), st.recursive(st.none() | st.text() | st.floats(), st.lists, max_leaves=5))
def test_a_filter_that_passes_the_check_can_be_evaluated_or_is_rejected(
    text: str, value: Any
) -> None:
    try:
        query = parse_query(text)
        if not query.is_pipeline:
            matches = compile_filter(query.value)  # type: ignore[arg-type]
            assert matches({"name": value, "x": [{"y": value}], "a": [value]}) in (True, False)
    except InvalidInput as error:
        assert_has_message(error)


@EXAMPLES
@given(mutated(PASTED))
def test_a_converted_query_is_strict_json_of_the_reported_value(text: str) -> None:
    try:
        found = convert(text)
    except InvalidInput:
        return

    assert load_json(found.text, "converted") == found.value
    assert convert(found.text).value == found.value


@EXAMPLES
@given(mutated(QUERIES))
def test_a_query_written_from_its_form_is_allowed_and_gives_the_same_form(
    text: str,
) -> None:
    try:
        query = parse_query(text)
    except InvalidInput:
        return
    form = form_of(query.value)

    assert form_of(query_of(form)) == form
    check_query(query_of(form))


EDITS: dict[str, tuple[Callable[[str], object], bool]] = {
    "wrap": (wrap_bare, False),
    "to distributed": (to_distributed, False),
    "to single": (to_single, True),
    "add": (add_set, True),
    "copy": (lambda text: copy_set(text, 0), True),
    "remove": (lambda text: remove_set(text, 0), True),
}
"""Name -> the edit, and whether it requires a document with distributed sets."""


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_any_valid_document_gives_strict_json(name: str) -> None:
    edit, needs_sets = EDITS[name]

    @EXAMPLES
    @given(mutated([PARAMETERS[needs_sets], PARAMETERS[1]]))
    def edited(text: str) -> None:
        try:
            document, _ = parse_parameters(text)
        except InvalidInput:
            return
        if needs_sets <= ("distributed_parameters" in document):
            changed = edit(text.lstrip("\ufeff"))  # as the page does
            assert changed is None or load_json(str(changed), "parameters") is not None

    edited()


SETTINGS = SourceSettings(demo_assets=58)
SOURCE, LISTER = open_metadata_source(SETTINGS), open_object_lister(SETTINGS)


@settings(EXAMPLES, max_examples=amount(60, 5_000))
@given(st.one_of(mutated(REQUESTS), mutated(QUERIES).map(lambda text: f'{{"query": {text}}}')))
def test_a_request_of_any_text_gives_a_plan_or_an_error_with_a_message(text: str) -> None:
    try:
        plan = plan_dispatch(load_request(text), SOURCE, LISTER)
    except DispatchError as error:
        assert_has_message(error)
    else:
        assert len(list(plan.files())) == len(plan.jobs)


@EXAMPLES
@given(mutated(REQUESTS))
def test_a_valid_request_is_saved_and_read_back_unchanged(text: str) -> None:
    try:
        request = load_request(text)
    except InvalidInput:
        return

    assert load_request(request.to_json()) == request
