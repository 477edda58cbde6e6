"""The parts of the app about jobs that are already processed, on the embedded demo."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dispatch_core.output.record import dispatch_record
from pages.shared.state.session import Session
from pages.shared.state.steps import now
from tests.fakes import record
from tests.servers.gateway import GatewayServer
from tests.support.results import result
from tests.test_app import DELIVER, JOBS, find, finish, go, open_app, session_of

SETTINGS = (
    *("DOCDB_HOST", "DOCDB_DATABASE", "DOCDB_COLLECTION", "DISPATCH_BUCKETS"),
    *("DISPATCH_DEMO_ASSETS", "DISPATCH_RESULTS_HOST"),
)
LATEST = "demo-unit-quality, version 3.0"


@pytest.fixture(autouse=True)
def embedded_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPATCH_DEMO_ASSETS", "120")
    monkeypatch.setenv("DISPATCH_OUTPUT_ROOT", str(tmp_path / "out"))


@pytest.fixture
def app() -> AppTest:
    """The page Jobs, with the derived assets of a project found."""
    app = open_app()
    find(app)
    go(app, JOBS)
    return app


def choose_rule(app: AppTest, rule: str) -> None:
    app.selectbox(key=f"processed-{session_of(app).epoch}").set_value(rule).run()
    app.run()


def choose_wrapper(app: AppTest, start: str) -> None:
    menu = app.selectbox(key=f"wrapper-{session_of(app).epoch}")
    index = next(n for n, label in enumerate(menu.options) if label.startswith(start))
    menu.set_value(index).run()
    finish(app, session_of(app).work.plan)


def equation(app: AppTest) -> str:
    return next(one.value for one in app.sidebar.markdown if "parameter set" in one.value)


def job_count(session: Session) -> int:
    plan = now(session).plan
    assert plan is not None
    return len(plan.jobs)


def test_jobs_are_not_looked_for_in_the_demo_until_a_user_asks(app: AppTest) -> None:
    assert app.selectbox(key=f"processed-{session_of(app).epoch}").value == "no"
    assert session_of(app).work.steps.processed is None
    assert "= **10** jobs" in equation(app)


def test_the_wrapper_is_chosen_from_a_menu_with_counts(app: AppTest) -> None:
    choose_rule(app, "report")

    menu = app.selectbox(key=f"wrapper-{session_of(app).epoch}")
    assert menu.value is None
    assert menu.options == [
        "demo-unit-quality, version 3.0: 45 results, last 2026-09-02",
        "demo-unit-quality, version 2.0: 18 results, last 2026-09-02",
        "demo-spectra, version 1.0: 13 results, last 2026-09-02",
    ]
    assert menu.placeholder == "Choose a wrapper"
    assert [one.value for one in app.main.error] == [
        "Choose a wrapper, under *Already processed*: 3 wrappers or versions have results, and "
        "the request names none."
    ]
    said = [one.value.replace("\\", "") for one in app.markdown]
    assert ":red[Choose a wrapper, on the page Jobs.]" in said
    assert not [one for one in app.button if one.key == "plan-again"]
    assert "cannot be made" in app.sidebar.caption[-1].value


def test_without_a_wrapper_no_change_of_earlier_dispatches_is_offered(app: AppTest) -> None:
    out = Path(os.environ["DISPATCH_OUTPUT_ROOT"])
    out.mkdir()
    session_of(app).edit(not_in=(str(out),))

    choose_rule(app, "exact")

    assert len(app.main.error) == 1
    links = [link.proto.label for link in app.get("page_link")]
    assert "Change which earlier dispatches are excluded" not in links


def test_what_is_dispatched_again_agrees_with_what_is_excluded(app: AppTest) -> None:
    choose_rule(app, "exact")
    choose_wrapper(app, LATEST)

    said = [one.value.replace("\\", "") for one in (*app.caption, *app.warning)]
    assert "Processed jobs are excluded if the wrapper would skip them." in said
    assert any("dispatched again: the wrapper would not skip them" in one for one in said)
    assert not any("analysis_code" in one for one in said)


def test_excluded_jobs_are_a_term_of_the_equation_and_a_table(app: AppTest) -> None:
    choose_rule(app, "same_version")
    choose_wrapper(app, LATEST)

    assert "− **5** already processed  \n= **5** jobs" in equation(app)
    assert app.main.header[0].value == "Already processed (5)"
    table = app.dataframe[-1].value
    assert set(table["By"]) == {"demo-unit-quality 3.0"}
    assert set(table["Dispatched"]) == {"no"}
    assert all(text.startswith("2026-09-0") for text in table["Ended"])
    assert all(text.startswith("s3://demo-analysis-results/") for text in table["Location"])


def test_reported_jobs_are_in_the_table_and_in_the_dispatch(app: AppTest) -> None:
    choose_rule(app, "report")
    choose_wrapper(app, LATEST)

    assert job_count(session_of(app)) == 10
    assert set(app.dataframe[-1].value["Dispatched"]) == {"again"}
    assert not [one for one in app.button if one.key == "run-all"]


def test_all_processed_jobs_can_be_run_anyway_and_excluded_again(app: AppTest) -> None:
    choose_rule(app, "same_version")
    choose_wrapper(app, LATEST)

    app.button(key="run-all").click().run()
    anyway = job_count(session_of(app))
    app.button(key="exclude-again").click().run()

    assert (anyway, job_count(session_of(app))) == (10, 5)
    assert not app.exception


def test_the_panel_values_of_the_results_can_be_used_so_that_the_jobs_are_done(
    app: AppTest,
) -> None:
    choose_rule(app, "exact")
    choose_wrapper(app, LATEST)
    before = job_count(session_of(app))

    app.button(key="use-panel").click().run()
    finish(app, session_of(app).work.plan)

    assert (before, job_count(session_of(app))) == (10, 5)
    assert session_of(app).request.analysis_code.parameters == {"dry run": "0"}
    assert not [one for one in app.warning if "panel" in one.value]


def test_a_change_of_workers_or_of_the_rule_reads_the_results_only_once(app: AppTest) -> None:
    choose_rule(app, "same_version")
    choose_wrapper(app, LATEST)
    before = session_of(app).work.steps.processed

    session = session_of(app)
    app.number_input(key=f"num_parallel_workers-{session.epoch}").set_value(2).run()
    app.selectbox(key=f"processed-{session.epoch}").set_value("exact").run()

    assert before is not None
    assert session.work.steps.processed is before
    assert job_count(session) == 10


def test_the_request_with_the_wrapper_is_what_the_command_replays(app: AppTest) -> None:
    choose_rule(app, "same_version")
    choose_wrapper(app, LATEST)
    go(app, DELIVER)

    session = session_of(app)
    plan = now(session).plan
    assert plan is not None
    assert '"skip_processed": "same_version"' in app.code[0].value
    assert '"version": "3.0"' in app.code[0].value
    assert len(dispatch_record(plan, "written")["processed"]["jobs"]) == 5


@pytest.fixture
def inputs() -> tuple[str, ...]:
    """The inputs of the one result of the live gateway."""
    return ("s3://data/a0",)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch, inputs: tuple[str, ...]) -> Iterator[GatewayServer]:
    """A live gateway with two assets and one result."""
    assets = [record(name, data_description={"data_level": "derived"}) for name in ("a0", "a1")]
    for one in assets:
        one["data_description"]["project_name"] = "Thalamic Ephys Survey"
    results = {"analysis/project": [result(*inputs)]}
    with GatewayServer(assets, collections=results) as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", running.ca_file)
        monkeypatch.setenv("DOCDB_HOST", running.host)
        monkeypatch.setenv("DOCDB_DATABASE", "analysis")
        monkeypatch.setenv("DOCDB_COLLECTION", "project")
        yield running


def open_live() -> AppTest:
    """The app with a query for both assets; on a real source it begins without a condition."""
    app = open_app()
    session_of(app).keep_typed(query_text='{"data_description.data_level": "derived"}')
    session_of(app).reload_editors()
    return app.run()


def open_live_jobs() -> AppTest:
    app = open_live()
    find(app)
    go(app, JOBS)
    finish(app, session_of(app).work.plan)
    return app


def test_configured_results_are_reported_without_being_asked_for(gateway: GatewayServer) -> None:
    app = open_live_jobs()

    assert app.selectbox(key=f"processed-{session_of(app).epoch}").value == "report"
    assert session_of(app).request.skip_processed is None
    assert list(app.dataframe[-1].value["Result"]) == ["done"]
    assert "= **2** jobs" in equation(app)


def test_results_that_fail_give_no_plan_and_a_way_to_try_again(
    gateway: GatewayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCDB_COLLECTION", "missing")
    app = open_live_jobs()

    failed = [one.value for one in app.main.error]
    monkeypatch.setenv("DOCDB_COLLECTION", "project")
    app.button(key="plan-again").click().run()
    finish(app, session_of(app).work.plan)

    assert "the check for processed jobs failed" in " ".join(failed)
    assert "= **2** jobs" in equation(app)


def test_a_loaded_rule_without_results_can_be_given_up(
    gateway: GatewayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCDB_COLLECTION")
    app = open_live()
    session_of(app).edit(skip_processed="exact")
    find(app)
    go(app, JOBS)
    finish(app, session_of(app).work.plan)
    failed = [one.value for one in app.main.error]

    choose_rule(app, "no")

    assert "needs the results" in " ".join(failed)
    assert "= **2** jobs" in equation(app)


@pytest.mark.parametrize("inputs", [("s3://attached/model", "s3://data/a0")])
def test_the_further_inputs_of_the_results_can_be_used_so_that_the_jobs_are_done(
    gateway: GatewayServer,
) -> None:
    app = open_live_jobs()
    before = now(session_of(app)).plan

    app.button(key="use-inputs").click().run()
    finish(app, session_of(app).work.plan)

    plan = now(session_of(app)).plan
    assert before is not None
    assert plan is not None
    assert (len(before.processed_jobs), len(plan.processed_jobs)) == (0, 1)
    assert not [one for one in app.warning if "inputs" in one.value]
