"""Every input has a limit in bytes and values, checked before it is read whole or parsed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import dispatch_core as dispatch
from dispatch_core.asset_list import read_asset_table, read_pasted_table
from dispatch_core.builder.pasted import convert
from dispatch_core.cli import main
from dispatch_core.earlier.drift import read_recorded
from dispatch_core.earlier.head import read_record
from dispatch_core.earlier.read import read_earlier
from dispatch_core.environment.limits import (
    LIST,
    PARAMETERS,
    PASTED,
    QUERY,
    RECORD,
    REQUEST,
    Limit,
)
from dispatch_core.errors import InvalidInput
from dispatch_core.input_folder.parameters import read_parameters
from dispatch_core.output.record import record_text
from dispatch_core.parameter_sets.document import check_parameters, parse_parameters
from dispatch_core.parameter_sets.schema import compile_schema
from dispatch_core.parameter_sets.schema_text import load_schema_document
from dispatch_core.query import read_query
from dispatch_core.request import load_request
from dispatch_core.text.job_names import read_job_names
from dispatch_core.text.limited import read_file, read_stream
from tests.fakes import Buckets, Records, record
from tests.support.world import ROOT, clean_environment

LONG = "x" * 1_100_000
MANY = "[0" + ",0" * 70_000 + "]"
Door = Callable[[str], Any]


def request_of(text: str) -> str:
    return f'{{"query": {{"a": {text}}}}}'


def record_of(text: str) -> str:
    return f'{{"record": 2, "request": {{"query": {{"a": {text}}}}}}}'


def checked(text: str) -> None:
    error = check_parameters(text).error
    if error is not None:
        raise error


DOORS: dict[str, tuple[Limit, Door, Callable[[str], str]]] = {
    "a saved request": (REQUEST, load_request, request_of),
    "a saved request as bytes": (REQUEST, lambda text: load_request(text.encode()), request_of),
    "a request in a notebook": (REQUEST, lambda text: dispatch.plan(request=text), request_of),
    "a record": (RECORD, load_request, record_of),
    "a record, for its jobs": (RECORD, lambda text: read_recorded(text, "it"), record_of),
    "a query": (QUERY, read_query, lambda text: f'{{"a": {text}}}'),
    "a query in a notebook": (
        QUERY, lambda text: dispatch.plan(query=text), lambda text: f'{{"a": {text}}}'
    ),
    "the typed parameters": (PARAMETERS, checked, lambda text: f'{{"fixed_parameters": {text}}}'),
    "the parameters": (PARAMETERS, parse_parameters, lambda text: f'{{"a": {text}}}'),
    "a parameters file": (
        PARAMETERS, lambda text: read_parameters(text.encode(), "it", None), lambda text: text
    ),
    "a schema": (PARAMETERS, lambda text: load_schema_document(text, "it"), lambda text: text),
    "the names of jobs": (
        LIST, lambda text: read_job_names(text.encode(), "it"), lambda text: text
    ),
}  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Limits of 1 MB, within ten times as much memory."""
    for limit in (REQUEST, RECORD, QUERY, PASTED, LIST, PARAMETERS):
        monkeypatch.setenv(limit.variable, "1")
    with suppress(InvalidInput):
        dispatch.plan(query="[")  # imports what a notebook needs
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000, f"{peak:,} bytes"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", DOORS)
def test_a_text_over_its_limit_is_refused_unparsed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit, read, written = DOORS[name]
    long, many = written(json.dumps(LONG)), written(MANY)
    monkeypatch.setattr("dispatch_core.text.strict_json._DECODER", None)

    with pytest.raises(InvalidInput) as caught:
        read(long)
    (issue,) = caught.value.issues
    assert issue.what == "it has 1.2 MB, and the limit is 1 MB"
    assert issue.action.endswith(f"shorten it, or raise {limit.variable}")
    with pytest.raises(InvalidInput) as caught:
        read(many)
    (issue,) = caught.value.issues
    assert "values, and with 1 MB the limit is 62,500" in issue.what
    assert limit.variable in issue.action


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("read", "text", "noun"),
    [
        (lambda text: read_asset_table(text.encode(), "it"), "asset_id" + "\n1" * 70_000, "lines"),
        (read_pasted_table, "asset_id" + "\n1" * 70_000, "ids"),
        (read_pasted_table, "1, " * 70_000, "ids"),
        (lambda text: read_job_names(text.encode(), "it"), "a\n" * 70_000, "lines"),
    ],
)
def test_a_list_is_counted_before_its_rows_are_made(
    read: Callable[[str], Any], text: str, noun: str
) -> None:
    with pytest.raises(InvalidInput, match=f"{noun}, and with 1 MB the limit is 62,500"):
        read(text)
    with pytest.raises(InvalidInput, match=f"and the limit is 1 MB.* raise {LIST.variable}"):
        read("é" * 600_000)


@pytest.mark.usefixtures("small")
def test_a_pasted_query_has_a_limit() -> None:
    with pytest.raises(InvalidInput, match=f"the limit is 1 MB.* raise {PASTED.variable}"):
        convert(f"x = {{'a': '{LONG}'}}")


def test_commas_in_texts_are_not_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUEST.variable, "1")
    text = json.dumps({"query": {"a": "," * 200_000}})
    assert load_request(text).query == {"a": "," * 200_000}


def test_the_default_takes_what_people_have() -> None:
    rows = [{"number": n, "text": f"3f2b5c7a-1111-4222-a333-{n:012}"} for n in range(100_000)]
    sets = [{f"key_{n}": n / 7 for n in range(15)} | {"seed": n} for n in range(10_000)]
    request = dispatch.make_request(asset_rows=rows, parameters={"distributed_parameters": sets})
    assert load_request(request.to_json()) == request


class Endless(io.RawIOBase):
    """A stream that has no end, and counts what is read."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "it is read whole"
        self.taken += size
        return b"x" * size


def test_a_stream_is_read_only_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUEST.variable, "1")
    endless = Endless()
    with pytest.raises(InvalidInput, match="it has more than 1 MB, which is the limit"):
        read_stream(endless, REQUEST, "--request")  # type: ignore[arg-type]
    assert endless.taken == 1_000_001


def test_a_file_is_refused_by_its_size_and_a_device_by_what_it_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(REQUEST.variable, "1")
    sparse = tmp_path / "sparse.json"
    with sparse.open("wb") as file:
        file.truncate(5_000_000_000)
    with pytest.raises(InvalidInput, match=r"it has 5,000\.0 MB, and the limit is 1 MB"):
        read_file(sparse, REQUEST, "it")
    with pytest.raises(InvalidInput, match="more than 1 MB"):
        read_file("/dev/zero", REQUEST, "it")


@pytest.mark.parametrize("option", ["--request=-", "--only_jobs=-"])
def test_standard_input_without_end_is_refused(option: str) -> None:
    command = [sys.executable, "-m", "dispatch_core", "--plan", "--docdb_query={}", option]
    ran = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=clean_environment() | {REQUEST.variable: "1", RECORD.variable: "1", LIST.variable: "1"},
    )

    def feed() -> None:
        assert ran.stdin is not None
        with suppress(OSError):
            while True:
                os.write(ran.stdin.fileno(), b" " * 65_536)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    assert ran.stdout is not None
    assert ran.stderr is not None
    error = ran.stderr.read().decode()
    ran.stdout.close()
    assert ran.wait(60) == 2, error
    assert f"{option[:-2]}: it has more than 1 MB, which is the limit" in error
    assert "_MB." in error


@pytest.mark.parametrize(
    ("option", "variable"),
    [
        ("--request", "DISPATCH_MAX_RECORD_MB"),
        ("--docdb_query", "DISPATCH_MAX_QUERY_MB"),
        ("--parameters_schema", "DISPATCH_MAX_PARAMETERS_MB"),
        ("--analysis_code", "DISPATCH_MAX_REQUEST_MB"),
        ("--only_jobs", "DISPATCH_MAX_LIST_MB"),
    ],
)
def test_a_file_of_gigabytes_is_refused_at_once(
    option: str, variable: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(40_000_000_000)
    code = main(
        ["--plan", "--docdb_host=demo", f"{option}={huge}", f"--input_directory={tmp_path}"]
    )

    error = capsys.readouterr().err
    assert code == 2, error
    assert "it has 40,000.0 MB, and the limit is" in error
    assert f"raise {variable}" in error


def test_a_record_over_the_limit_is_known_by_its_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a dispatch of millions of jobs is confirmed, and its record replaced."""
    assets = [record(f"{n:0300}") for n in range(2_000)]
    request = dispatch.make_request(query={})
    plan = dispatch.plan_dispatch(request, Records(assets), Buckets())
    path = tmp_path / "out.dispatch.json"
    path.write_text(record_text(plan, "written"))
    assert path.stat().st_size > 1_000_000
    whole = read_record(path)
    monkeypatch.setenv(RECORD.variable, "1")
    head = read_record(path)

    assert whole is not None
    assert head is not None
    assert "jobs" in whole
    assert "jobs" not in head
    assert head["fingerprint"] == whole["fingerprint"] == plan.fingerprint
    with pytest.raises(InvalidInput, match=f"more than 1 MB.*raise {RECORD.variable}"):
        read_earlier(path)


def test_a_schema_that_every_set_breaks_has_a_limited_number_of_faults() -> None:
    sets = {"distributed_parameters": [{"p": n} for n in range(3_000)]}
    schema = compile_schema({"type": "object", "required": [f"key_{n}" for n in range(50)]})
    error = check_parameters(json.dumps(sets), schema).error
    assert error is not None
    assert len(error.issues) <= 10_001
    assert "more than 10,000 faults; the sets after this are not checked" in error.issues[-1].what


def test_a_document_that_is_wrong_everywhere_has_a_limited_number_of_faults() -> None:
    operators = {f"$unknown{n}": 1 for n in range(2_000)}
    with pytest.raises(InvalidInput) as caught:
        read_query(json.dumps(operators))
    assert len(caught.value.issues) == 1_000
    for wrong in ({"asset_rows": [{"row": n} for n in range(2_000)]}, {"excluded": [1] * 2_000}):
        with pytest.raises(InvalidInput) as caught:
            load_request(json.dumps(wrong))
        assert len(caught.value.issues) <= 4
