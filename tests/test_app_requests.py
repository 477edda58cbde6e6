"""Whatever the request model accepts, every page shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st

from dispatch_core.errors import InvalidInput
from dispatch_core.request import DispatchRequest, make_request
from dispatch_core.request_parts import check_request
from dispatch_core.types import LARGEST_NUMBER
from pages.shared.state.browser_tab import KeptIds, read_ids
from pages.shared.state.edits import load
from tests.support.tier import SOAK, amount
from tests.test_app import (
    ASSETS,
    DELIVER,
    FILES,
    JOBS,
    PARAMETERS,
    finish,
    go,
    may_find,
    open_app,
    session_of,
)

DERIVED = {"data_description.data_level": "derived"}
LARGEST = {
    "query": DERIVED,
    "num_parallel_workers": LARGEST_NUMBER,
    "max_number_of_tasks_dispatched": LARGEST_NUMBER,
    "trial": {"random": LARGEST_NUMBER, "seed": -LARGEST_NUMBER},
}
NUMBERS = st.integers(1, 10) | st.integers(1, LARGEST_NUMBER) | st.just(LARGEST_NUMBER)
TEXTS = st.text(max_size=12) | st.sampled_from(["$a", "a.b", "<b>", "[x](y)", "=1+1", "\u202e"])
PATHS = st.lists(st.sampled_from(["subject.subject_id", "name", "a.$b", "é"]) | TEXTS, max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
PARAMETERS_FILE = st.fixed_dictionaries(
    {},
    optional={
        "analysis_parameter": st.dictionaries(TEXTS, VALUES, max_size=3),
        "distributed_parameters": st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=3),
        "fixed_parameters": st.dictionaries(TEXTS, VALUES, max_size=3),
    },
)
ROWS = st.lists(
    st.fixed_dictionaries({"number": st.integers(0, LARGEST_NUMBER), "text": TEXTS}),
    min_size=1,
    max_size=4,
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "excluded": st.lists(TEXTS, max_size=2),
        "group_by": PATHS,
        "unwind_list_fields": PATHS,
        "trial": st.fixed_dictionaries({"first": NUMBERS})
        | st.fixed_dictionaries({"random": NUMBERS, "seed": st.integers(-LARGEST_NUMBER, 9)})
        | st.fixed_dictionaries({"one_per": TEXTS}),
        "file_extension": st.sampled_from([".nwb", ".zarr", ".ome.zarr", "nwb", "x y"]),
        "split_files": st.booleans(),
        "several_files": st.sampled_from(["each", "together", "newest", "largest", "only_one"]),
        "parameters": PARAMETERS_FILE,
        "num_parallel_workers": NUMBERS,
        "tasks_per_job": NUMBERS,
        "max_number_of_tasks_dispatched": NUMBERS,
        "job_format": st.sampled_from(["seed", "pipeline"]),
        "run_anyway": st.lists(TEXTS, max_size=2),
    },
)
SELECTIONS = st.fixed_dictionaries(
    {"query": st.just(DERIVED) | st.dictionaries(TEXTS, VALUES, max_size=2)}
) | st.fixed_dictionaries({"asset_rows": ROWS})


@pytest.fixture(autouse=True)
def small_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DOCDB_HOST", "DISPATCH_BUCKETS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPATCH_DEMO_ASSETS", "120")
    monkeypatch.setenv("DISPATCH_OUTPUT_ROOT", str(tmp_path / "out"))


def accepted(fields: dict[str, Any]) -> DispatchRequest | None:
    try:
        return check_request(make_request(**fields)).request
    except InvalidInput:
        return None


@pytest.mark.more
@example(selection={}, fields=LARGEST)
@example(selection={}, fields={"query": DERIVED, "tasks_per_job": LARGEST_NUMBER})
@example(selection={}, fields={"asset_rows": [{"number": LARGEST_NUMBER, "text": "x"}]})
@given(selection=SELECTIONS, fields=REQUESTS)
@settings(
    max_examples=amount(2, long=60),
    deadline=None,
    derandomize=not SOAK,
    phases=set(Phase) - {Phase.shrink, Phase.explain},  # an example takes seconds
    suppress_health_check=list(HealthCheck),
)
def test_every_page_shows_every_request(selection: dict[str, Any], fields: dict[str, Any]) -> None:
    request = accepted({**fields, **selection})
    assume(request is not None)
    assert request is not None
    app = open_app()
    load(session_of(app), request)

    app.run()
    if may_find(app):
        finish(app, session_of(app).work.found)
    for page in (FILES, PARAMETERS, JOBS, DELIVER, ASSETS):
        go(app, page)

        assert [one.value for one in app.exception] == [], page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_parallel_workers", LARGEST_NUMBER + 1),
        ("max_number_of_tasks_dispatched", 10**30),
        ("trial", {"random": 3, "seed": -LARGEST_NUMBER - 1}),
        ("asset_rows", [{"number": 10**30, "text": "x"}]),
    ],
)
def test_a_larger_number_is_refused_with_its_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=f"{field}.*too (large|small)"):
        make_request(**{field: value})


@pytest.mark.parametrize("sent", [None, 3, "x", [1], {"own": 3, "recent": 5}, {"recent": {"a": 1}}])
def test_ids_that_a_browser_makes_up_are_ignored(sent: object) -> None:
    assert read_ids(sent) == KeptIds()


def test_the_id_that_an_open_tab_sent_unasked_differs_from_an_answer() -> None:
    assert read_ids({"own": "a", "mark": "open"}) == KeptIds("a", is_open=True)
    assert read_ids({"own": "a", "recent": ["b"], "mark": "12"}) == KeptIds("a", ("b",))
    assert read_ids({"own": "a", "isReload": True}) == KeptIds("a", is_reload=True)
    assert read_ids({"own": "a", "isReload": 1}) == KeptIds("a")
