"""Any text in names, keys and parameters is written unchanged to its own place."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch_core.dispatch import plan_dispatch
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.errors import DispatchError
from dispatch_core.output.folder import write_folder
from dispatch_core.output.record import dispatch_record
from dispatch_core.output.zip import write_zip_file
from dispatch_core.request import make_request
from dispatch_core.text.strict_json import load_json
from dispatch_core.views.report import ledger_text
from tests.fakes import Buckets, Records, record
from tests.support.naughty import NAUGHTY
from tests.support.tier import examples
from tests.support.world import tree_of

pytestmark = pytest.mark.soak

PARAMETERS = {"distributed_parameters": [{text: text, "n": n} for n, text in enumerate(NAUGHTY)]}


def plan_of(names: list[str], keys: list[str], **fields: Any) -> DispatchPlan:
    """Return the plan for assets with these names; each has all of `keys`."""
    records = [
        {**record("x"), "_id": f"r{number:05}", "name": name, "location": f"s3://data/{number}"}
        for number, name in enumerate(names)
    ]
    below = [f"{number}/{key}" for number in range(len(names)) for key in keys]
    request = make_request(**{"query": {}, "file_extension": ".nwb", **fields})
    return plan_dispatch(request, Records(records), Buckets({"data": below}))


def test_dangerous_names_and_keys_are_written_unchanged(tmp_path: Path) -> None:
    plan = plan_of(NAUGHTY, ["a b.nwb", "é%2F+#[*].nwb", "..//x.nwb", "\n.nwb"])

    result = write_folder(plan.files, tmp_path / "out")
    jobs = [load_json(data, path) for path, data in tree_of(tmp_path / "out").items()]

    assert result.file_count == len(plan.jobs) == 4 * len(NAUGHTY)
    assert {job["asset_name"][0] for job in jobs} == set(NAUGHTY)
    assert all(job["file_location"][0].startswith(job["s3_location"][0] + "/") for job in jobs)


def test_dangerous_parameters_are_written_unchanged_and_affect_no_file_name(tmp_path: Path) -> None:
    plan = plan_of(["one"], ["a.nwb"], parameters=PARAMETERS)

    write_zip_file(plan.files(), tmp_path / "jobs.zip")
    with zipfile.ZipFile(tmp_path / "jobs.zip") as archive:
        names = archive.namelist()
        sets = [json.loads(archive.read(name))["distributed_parameters"][0] for name in names]

    assert sorted(sets, key=lambda one: one["n"]) == PARAMETERS["distributed_parameters"]
    assert all(len(name.split("/")) == 2 and name.endswith(".json") for name in names)


def test_the_ledger_and_the_record_of_dangerous_names_can_be_read_back() -> None:
    names = [*NAUGHTY, "lone surrogate \ud83d"]
    plan = plan_of(names, [])

    rows = list(csv.DictReader(io.StringIO(ledger_text(plan.exclusions, "ledger.csv"))))
    document = json.loads(ledger_text(plan.exclusions, "ledger.json"))

    assert len(rows) == len(document) == len(names)
    assert [row["name"] for row in document] == names
    assert [
        cell for row in rows for cell in row.values() if re.match(r"[=+@-](?![\d.eE+]+$)", cell)
    ] == []
    load_json(json.dumps(dispatch_record(plan, "written")), "record")


NUMBERS = st.floats() | st.integers()
VALUES = st.recursive(
    NUMBERS | st.text(max_size=5) | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=examples(100, 2_000), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALUES, min_size=1, max_size=4), st.booleans())
def test_jobs_grouped_by_any_value_are_strict_json(values: list[Any], drop_null: bool) -> None:
    records = [{**record(str(number)), "subject": value} for number, value in enumerate(values)]
    request = make_request(query={}, group_by=["subject"], drop_null_groups=drop_null)

    try:
        plan = plan_dispatch(request, Records(records), Buckets())
    except DispatchError:
        return

    for _, content in plan.files():
        load_json(content, "job")
