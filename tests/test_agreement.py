"""One plan has the same figures on every face: app, command line, record and notebook."""

from __future__ import annotations

import contextlib
import io
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

import dispatch_core as dispatch
from dispatch_core.asset_list import AssetRow
from dispatch_core.cli import main
from dispatch_core.demo.catalogue import AWKWARD
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.equation import account_of
from dispatch_core.output.record import dispatch_record
from dispatch_core.views.terminal import print_plan
from pages.shared.state.edits import load
from pages.shared.state.session import Session
from pages.shared.state.steps import now
from tests.support.tier import examples

pytestmark = pytest.mark.usefixtures("embedded_demo")

ROOT = Path(__file__).resolve().parents[1]

TWICE = {"subject.subject_id": {"$in": ["990042", "990060", "990077", "990080"]}}
ROWS = [
    AWKWARD["nwb file"],
    AWKWARD["nwb file"],
    "no such id",
    AWKWARD["in both schemas"],
    AWKWARD["several nwb"],
]

EARLIER = "earlier"
"""An earlier dispatch in the output root: of one subject, as files and as whole assets."""


def planned_for(subject: str, **options: Any) -> dispatch.Plan:
    return dispatch.plan({"subject.subject_id": subject}, source="demo", **options)


CHOSEN = planned_for("990042").jobs[0].job
BEFORE = planned_for("990060").jobs[0].job

SELECTIONS: dict[str, dict[str, Any]] = {
    "records that come twice": {"query": TWICE},
    "files": {"query": TWICE, "file_extension": ".nwb"},
    "several extensions": {"query": TWICE, "file_extension": ".nwb,.nwb.zarr"},
    "all extensions": {
        "query": TWICE,
        "file_extension": ".zarr,.json",
        "several_extensions": "all",
        "several_files": "only_one",
    },
    "grouped": {"query": TWICE, "group_by": ["subject.subject_id"]},
    "a wrong field": {"query": TWICE, "group_by": ["subject.subjectid"]},
    "latest": {
        "query": TWICE,
        "filter_latest": "data_description.creation_time",
        "filter_by": ["subject.subject_id"],
    },
    "capped": {"query": TWICE, "max_number_of_tasks_dispatched": 2},
    "trial": {"query": TWICE, "trial": {"first": 2}},
    "dispatched before": {"query": TWICE, "file_extension": ".nwb", "not_in": [EARLIER]},
    "not chosen": {"query": TWICE, "only_jobs": [CHOSEN, "no such job"]},
    "not chosen, before and capped": {
        "query": TWICE,
        "not_in": [EARLIER],
        "only_jobs": [CHOSEN, BEFORE],
        "max_number_of_tasks_dispatched": 1,
    },
    "by size": {"query": TWICE, "file_extension": ".nwb", "balance": "size"},
    "rows that come twice": {"asset_rows": ROWS, "file_extension": ".nwb"},
}


def request_of(selection: dict[str, Any], **more: Any) -> dispatch.DispatchRequest:
    fields = {**selection, **more}
    if "not_in" in fields:
        fields["not_in"] = [str(written_earlier())]
    rows = fields.pop("asset_rows", None)
    if rows is not None:
        fields["asset_rows"] = [AssetRow(number, text) for number, text in enumerate(rows, 1)]
    return dispatch.make_request(**fields)


def written_earlier() -> Path:
    """The output root, with two dispatches; written once for a test."""
    root = Path(os.environ["DISPATCH_OUTPUT_ROOT"]) / EARLIER
    for name, extension in (("files", ".nwb"), ("assets", "")):
        if not (root / name).exists():
            planned_for("990060", file_extension=extension).write(root / name)
    return root


def press(app: AppTest, page: str, key: str, work: str) -> None:
    """Press a button of a page and wait for the work that it starts."""
    app.switch_page(page).run()
    app.button(key=key).click().run()
    session: Session = app.session_state["dispatch"]
    started = getattr(session.work, work)
    started.wait(30)
    app.run()


def planned_in_app(request: dispatch.DispatchRequest) -> AppTest:
    """The app with the plan of `request`, on the page Assets."""
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=30).run()
    load(app.session_state["dispatch"], request)
    app.run()
    press(app, "plan/assets.py", "find", "found")
    if request.file_extension:
        press(app, "plan/files.py", "locate", "listed")
    return app.switch_page("dispatch/jobs.py").run()


def number(text: str, pattern: str) -> int:
    found = re.search(pattern, text)
    return int(found[1].replace(",", "")) if found else 0


def figures_of_bar(app: AppTest) -> dict[str, int]:
    bar = next(one.value for one in app.sidebar.markdown if "parameter set" in one.value)
    see = [one.label for one in app.sidebar.button if one.label.startswith("Excluded")]
    return {
        "selected": number(bar, r"^ ?\*\*([\d,]+)\*\* (?:asset|listed id)"),
        "excluded_assets": number(bar, r"− \*\*([\d,]+)\*\* excluded"),
        "jobs": number(bar, r"= \*\*([\d,]+)\*\* job"),
        "capped": number(bar, r"− \*\*([\d,]+)\*\* over the cap"),
        "not_chosen": number(bar, r"− \*\*([\d,]+)\*\* not chosen"),
        "dispatched_before": number(bar, r"− \*\*([\d,]+)\*\* dispatched before"),
        "excluded": number(see[0], r"\(([\d,]+)\)") if see else 0,
    }


def figures_of_page(app: AppTest) -> dict[str, object]:
    """What the heading of the assets and the bottom line say."""
    app.switch_page("plan/assets.py").run()
    heading = next(one.value for one in app.header if re.fullmatch(r"[\d,]+ assets?", one.value))
    caption = next(one.value for one in app.caption if one.value.startswith("of 2,400"))
    excluded = re.search(r"([\d,]+) of ([\d,]+) (?:asset|listed id)s? excluded", caption)
    lines = [one.value for one in app.markdown if "→" in one.value and "\n" not in one.value]
    assert excluded is not None
    return {
        "heading": number(heading, r"([\d,]+)"),
        "selected": number(excluded[2], r"([\d,]+)"),
        "excluded": number(excluded[1], r"([\d,]+)"),
        "line": lines[0],
    }


def figures_of(plan: DispatchPlan) -> dict[str, int]:
    equation = plan.equation
    return {
        "selected": equation.listed or equation.matched,
        "excluded_assets": equation.account.excluded,
        "jobs": equation.jobs,
        "capped": equation.capped,
        "not_chosen": equation.not_chosen,
        "dispatched_before": equation.dispatched_before,
        "excluded": equation.excluded,
    }


@pytest.mark.parametrize("name", SELECTIONS)
def test_every_face_has_the_figures_of_the_plan_and_of_its_ledger(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = request_of(SELECTIONS[name])
    app = planned_in_app(request)
    plan = now(app.session_state["dispatch"]).plan
    saved = tmp_path / "request.json"
    saved.write_text(request.to_json())

    main(["--request", str(saved), "--plan"])

    assert plan is not None
    assert f"plan: {plan.equation}\n" in capsys.readouterr().out
    assert figures_of_bar(app) == figures_of(plan)
    assert figures_of_page(app) == {
        "heading": plan.asset_count,
        "selected": plan.equation.account.selected,
        "excluded": plan.equation.account.excluded,
        "line": f"**{plan.equation.short}**",
    }
    assert plan.equation.excluded == len(plan.exclusions)
    assert dispatch_record(plan, "planned")["equation"]["matched"] == plan.equation.matched
    assert dispatch_record(plan, "planned")["equation"]["excluded"] == plan.equation.excluded


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("dispatched before", "- 2 dispatched before ="),
        ("not chosen", "- 8 not chosen ="),
        ("not chosen, before and capped", "- 7 not chosen - 1 dispatched before ="),
    ],
)
def test_the_selections_above_exclude_jobs(name: str, cuts: str) -> None:
    plan = dispatch.plan(request=request_of(SELECTIONS[name]), source="demo")

    assert cuts in str(plan.equation)


REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "file_extension": st.sampled_from(["", ".nwb", ".zarr", ".nwb,.nwb.zarr", ".zarr,.nwb"]),
        "several_extensions": st.sampled_from(["first", "all"]),
        "several_files": st.sampled_from(["together", "only_one", "newest"]),
        "split_files": st.booleans(),
        "group_by": st.sampled_from([["subject.subject_id"], ["subject.subjectid"]]),
        "filter_latest": st.just("data_description.creation_time"),
        "filter_by": st.just(["subject.subject_id"]),
        "max_number_of_tasks_dispatched": st.integers(1, 12),
        "num_parallel_workers": st.integers(1, 5),
        "balance": st.sampled_from(["count", "size"]),
        "trial": st.sampled_from([{"first": 2}, {"random": 3, "seed": 1}]),
        "excluded": st.sampled_from([[], ["no such record"]]),
        "not_in": st.just([EARLIER]),
        "only_jobs": st.sampled_from([[CHOSEN], [CHOSEN, BEFORE], []]),
        "parameters": st.sampled_from(
            [{"distributed_parameters": sets} for sets in ([{"k": 1}], [{"k": 1}, {"k": 2}])]
        ),
    },
)


def figures_of_job_files(plan: dispatch.Plan) -> tuple[int, int]:
    """The numbers of jobs and of workers, counted in what is written."""
    paths = [path for path, _ in plan._planned.files()]
    return len(paths), len({path.partition("/")[0] for path in paths})


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(options=REQUESTS, selection=st.sampled_from([{"query": TWICE}, {"asset_ids": ROWS}]))
def test_notebook_report_record_ledger_and_job_files_agree_for_any_request(
    options: dict[str, Any], selection: dict[str, Any]
) -> None:
    if "not_in" in options:
        options = {**options, "not_in": written_earlier()}
    try:
        plan = dispatch.plan(**selection, **options, source="demo")
    except dispatch.InvalidInput:
        reject()  # options that exclude each other
    equation = plan._planned.equation
    record = dispatch_record(plan._planned, "planned")
    printed = io.StringIO()

    with contextlib.redirect_stdout(printed):
        print_plan(plan._planned, whole=False)

    assert f"plan: {equation}\n" in printed.getvalue()
    assert repr(plan).endswith(f": {equation}>")
    assert record["equation"] == asdict(equation)
    assert len(plan.ledger) == len(record["exclusions"]) == equation.excluded
    assert len(plan.jobs) == equation.jobs
    assert equation.jobs == equation.inputs * equation.sets - sum(n for _, n in equation.cuts)
    account = account_of(equation.matched, equation.listed, plan._planned.exclusions)
    assert account.assets == plan._planned.asset_count
    assert account.excluded == sum(count for _, count in account.reasons)
    assert figures_of_job_files(plan) == (equation.jobs, equation.workers)


@pytest.mark.parametrize(
    ("name", "heading", "caption"),
    [
        (
            "records that come twice",
            "9 assets",
            "of 2,400 · 1 of 10 assets excluded: 1 repeated · 4 subjects · ",
        ),
        ("trial", "2 assets", "8 of 10 assets excluded: 1 repeated, 7 excluded by the trial"),
        (
            "rows that come twice",
            "3 assets",
            "of 2,400 · 2 of 5 listed ids excluded: 1 repeated, 1 not found · ",
        ),
        (
            "a wrong field",
            "0 assets",
            "10 of 10 assets excluded: 1 repeated, 9 without one of the fields",
        ),
    ],
)
def test_the_heading_of_the_assets_has_what_is_left_and_why(
    name: str, heading: str, caption: str
) -> None:
    app = planned_in_app(request_of(SELECTIONS[name]))

    app.switch_page("plan/assets.py").run()

    assert heading in [one.value for one in app.header]
    assert any(caption in one.value.replace("\\", "") for one in app.caption)


def test_a_loaded_request_reads_no_dispatch_outside_the_output_root(tmp_path: Path) -> None:
    planned_for("990042").write(tmp_path / "elsewhere")
    request = request_of({"query": TWICE}).model_copy(
        update={"not_in": (str(tmp_path / "elsewhere"),)}
    )

    app = planned_in_app(request)

    assert now(app.session_state["dispatch"]).plan is None
    errors = [one.value.replace("\\", "") for one in app.error]
    assert any("it is not in the folder into which the app writes" in one for one in errors)


def test_a_wrong_grouping_field_names_the_nearest_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    saved = tmp_path / "request.json"
    saved.write_text(request_of(SELECTIONS["a wrong field"]).to_json())

    code = main(["--request", str(saved), "--plan"])

    assert code == 3
    assert "subject.subjectid: did you mean subject.subject_id" in capsys.readouterr().out


def test_an_asset_excluded_by_hand_is_counted_once_everywhere() -> None:
    request = request_of({"query": TWICE})
    first = now(planned_in_app(request).session_state["dispatch"]).plan.located[0].asset.record_id

    app = planned_in_app(request_of({"query": TWICE}, excluded=[first]))

    assert figures_of_bar(app) == {
        "selected": 10,
        "excluded_assets": 2,
        "jobs": 8,
        "capped": 0,
        "not_chosen": 0,
        "dispatched_before": 0,
        "excluded": 2,
    }


def test_before_the_files_are_located_heading_bar_and_line_have_the_same_figures() -> None:
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=30).run()
    load(app.session_state["dispatch"], request_of({"query": TWICE, "file_extension": ".nwb"}))
    app.run()

    press(app, "plan/assets.py", "find", "found")

    assert "9 assets" in [one.value for one in app.header]
    bar = next(one.value for one in app.sidebar.markdown if "parameter set" in one.value)
    assert bar.split("  \n")[:4] == [
        "**10** assets",
        "− **1** excluded",
        "= **9** assets",
        "→ **–** files",
    ]
    line = "**10 assets − 1 excluded = 9 assets**; the files are not located yet."
    assert line in [one.value for one in app.markdown]


def test_the_table_says_how_many_of_its_rows_are_excluded_and_marks_each() -> None:
    app = planned_in_app(
        request_of({"query": {"subject.subject_id": "900120"}}, trial={"first": 5})
    )
    app.switch_page("plan/assets.py").run()
    table = next(one.value for one in app.dataframe if "Excluded" in one.value.columns)

    marked = sum(bool(cell) for cell in table["Excluded"])

    assert marked == len(table) - 5
    rows = f"Rows 1 to {len(table)} of {len(table)} ({marked} excluded)"
    assert rows in [one.value for one in app.caption]


def test_the_charts_count_the_assets_of_the_heading() -> None:
    query = {"subject.subject_id": "900120"}
    app = planned_in_app(request_of({"query": query}, trial={"first": 5}))
    app.session_state["dispatch"].keep_view(asset_view="Charts")

    app.switch_page("plan/assets.py").run()

    projects = app.get("vega_lite_chart")[0].proto.data.data
    assert "5 assets" in [one.value for one in app.header]
    assert pa.ipc.open_stream(projects).read_pandas()["count"].sum() == 5
