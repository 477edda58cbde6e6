"""The app's pages without a browser: hints, blocked steps, out-of-date results, sessions.

The editor is a custom component and accepts no keys here: query texts come from the
Examples, ids from the text area. `test_browser` tests typing, downloads and clicks.
"""

from __future__ import annotations

import ast
import gc
import json
import re
import socket
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import FrozenInstanceError, fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Checkbox

from dispatch_core.asset_list import read_asset_table
from dispatch_core.demo.catalogue import AWKWARD
from dispatch_core.request import Trial
from dispatch_core.views.ledger_groups import group_exclusions
from pages.shared.state.edits import keep_list, load
from pages.shared.state.services import ask_fields
from pages.shared.state.session import Session
from pages.shared.state.steps import current_locate, now
from pages.shared.state.typed import LIST
from pages.shared.state.views import JSON, ROWS
from pages.shared.state.work import Work
from tests.support.app import open_app, session_of
from tests.support.browser import wait_until
from tests.support.syntax import syntax_of

pytestmark = pytest.mark.usefixtures("embedded_demo")

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "pages").rglob("*.py"))
SCRIPTS = [path for path in MODULES if "shared" not in path.parts]

ASSETS = "plan/assets.py"
FILES = "plan/files.py"
PARAMETERS = "plan/parameters.py"
JOBS = "dispatch/jobs.py"
DELIVER = "dispatch/deliver.py"


@pytest.fixture
def app() -> AppTest:
    return open_app()


def go(app: AppTest, page: str) -> None:
    app.switch_page(page).run()


def finish(app: AppTest, work: Work[object] | None) -> None:
    """Let work in the background end, then show it."""
    assert work is not None
    work.wait(30)
    app.run()


def find(app: AppTest) -> None:
    app.button(key="find").click().run()
    finish(app, session_of(app).work.found)


def may_find(app: AppTest) -> bool:
    """Whether Find starts a search; the button is never disabled, and says what is missing."""
    before = session_of(app).work.found
    app.button(key="find").click().run()
    return session_of(app).work.found is not before


def paste(app: AppTest, *ids: str) -> None:
    """Select assets by a list of ids, as a user does on the page Assets."""
    session = session_of(app)
    session.keep_typed(source=LIST)
    session.reload_editors()
    app.run()
    app.text_area(key=f"ids-{session.epoch}").set_value("\n".join(ids)).run()


def all_records(app: AppTest) -> Checkbox:
    """The confirmation of a query without a condition."""
    return app.checkbox(key=f"all-records-{session_of(app).epoch}")


def find_awkward(app: AppTest, *cases: str) -> None:
    paste(app, *(AWKWARD[case] for case in cases))
    find(app)


def chosen_endings(app: AppTest) -> list[str]:
    return list(app.multiselect(key=f"extension-{session_of(app).epoch}").value)


def locate(app: AppTest, *extensions: str) -> None:
    go(app, FILES)
    session = session_of(app)
    app.multiselect(key=f"extension-{session.epoch}").set_value(list(extensions)).run()
    app.button(key="locate").click().run()
    finish(app, session.work.listed)


def type_text(app: AppTest, page: str, **texts: str) -> None:
    """What the editor would send, shown by a new editor."""
    session = session_of(app)
    session.keep_typed(**texts)
    session.reload_editors()
    go(app, page)


def links(app: AppTest) -> list[str]:
    return [link.proto.label for link in app.get("page_link")]


def equation(app: AppTest) -> str:
    return next(one.value for one in app.sidebar.markdown if "parameter set" in one.value)


# A page opened first


def test_an_invalid_environment_variable_is_shown_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCDB_VERSION", "v3")

    app = open_app()

    assert [error.value for error in app.error] == [
        "DOCDB\\_VERSION\\: 'v3' is not one of v1, v2\\. Write one of them, or unset it\\."
    ]
    assert [len(app.exception), len(app.button)] == [0, 0]


@pytest.mark.parametrize("page", [FILES, JOBS, DELIVER])
def test_a_page_opened_first_says_that_assets_are_missing_and_links_to_them(page: str) -> None:
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=30)

    app.switch_page(page).run()

    assert not app.exception
    assert [one.value for one in app.info] == [
        "The assets are not found yet. Press **Find assets** on the page Assets."
    ]
    assert links(app) == ["Find the assets"]


def test_without_an_example_a_page_opened_first_says_that_no_assets_are_selected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCDB_HOST", "127.0.0.1:1")
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=30)

    app.switch_page(JOBS).run()

    assert [one.value for one in app.info] == ["No assets are selected yet."]
    assert links(app) == ["Select the assets"]


def test_assets_opened_first_say_what_to_press(app: AppTest) -> None:
    assert not app.exception
    assert "Press **Find assets**" in app.main.caption[-1].value
    assert may_find(app)


def test_parameters_opened_first_can_be_written_before_there_are_assets() -> None:
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=30)

    app.switch_page(PARAMETERS).run()

    assert not app.exception
    assert "every job gets null" in app.main.info[0].value
    assert "**1** parameter set" in equation(app)


def test_every_page_says_that_it_is_the_embedded_demo(app: AppTest) -> None:
    for page in (ASSETS, FILES, PARAMETERS, JOBS, DELIVER):
        go(app, page)

        assert "2,400 generated assets" in app.sidebar.caption[0].value


def test_the_next_missing_step_is_named_once_assets_are_found(app: AppTest) -> None:
    find_awkward(app, "nwb file")
    go(app, FILES)
    app.multiselect(key=f"extension-{session_of(app).epoch}").set_value([".nwb"]).run()

    go(app, JOBS)

    assert [one.value for one in app.info] == ["The files ending in \\.nwb are not located yet."]
    assert links(app) == ["Locate the files"]


# From a query to jobs


def test_assets_times_files_times_sets_are_the_jobs_in_the_side_bar(app: AppTest) -> None:
    find_awkward(app, "several nwb", "nwb directory", "no matching file")
    locate(app, ".nwb")

    go(app, PARAMETERS)
    app.button(key="parameters-Two sets, each for every asset").click().run()
    go(app, JOBS)

    files = len([f for one in session_of(app).work.listed.result.located for f in one.files])
    assert files > 2
    views = app.segmented_control(key=f"job-view-{session_of(app).epoch}")
    assert list(views.options)[:3] == [
        f"Jobs ({2 * files})",
        f"Workers ({2 * files})",
        "Excluded (1)",
    ]
    assert equation(app).split("  \n") == [
        "**3** listed ids",
        "− **1** excluded",
        "= **2** assets",
        f"→ **{files}** files",
        "× **2** parameter sets",
        f"= **{2 * files}** jobs",
        f"→ **{2 * files}** workers",
    ]


def test_the_way_to_the_files_is_offered_in_the_charts_too(app: AppTest) -> None:
    find_awkward(app, "several nwb")

    app.segmented_control(key=f"asset-view-{session_of(app).epoch}").set_value("Charts").run()

    assert [one.label for one in app.button if one.key == "to-files"] == ["Next: files"]


def test_files_of_an_asset_can_be_one_job(app: AppTest) -> None:
    find_awkward(app, "several nwb")
    locate(app, ".nwb")

    rule = app.radio(key=f"several-{session_of(app).epoch}")
    files = int(rule.proto.captions[0].removesuffix(" jobs"))
    rule.set_value("together").run()

    assert files > 1
    assert rule.proto.captions[1] == "1 job"
    assert rule.proto.captions[4] == "0 jobs, 1 asset excluded"
    assert "→ **1** input" in equation(app)
    assert "= **1** job" in equation(app)


def test_a_list_of_ids_answers_row_by_row(app: AppTest) -> None:
    name = AWKWARD["nwb file"]

    paste(app, name, "unknown", name)
    find(app)

    (report,) = [one for one in app.expander if one.label.startswith("Match report")]
    assert report.label == "Match report: 1 matched, 1 not found, 1 duplicate"
    assert not report.proto.expanded  # the assets are in sight
    assert [one.value for one in app.header] == ["1 asset"]


def test_a_list_of_one_id_has_one_row(app: AppTest) -> None:
    session_of(app).keep_typed(source=LIST)
    keep_list(session_of(app), "quoted.csv", read_asset_table(b"asset_id\nx\n", "quoted.csv").rows)
    app.run()

    assert "quoted\\.csv: 1 row" in [one.value for one in app.main.markdown]


def test_the_rows_that_did_not_match_come_first_and_can_be_shown_alone(app: AppTest) -> None:
    name = AWKWARD["nwb file"]
    paste(app, name, "unknown", name)
    find(app)
    first = list(app.dataframe[0].value["Row"])

    shown = app.segmented_control(key=f"match-status-{session_of(app).epoch}")
    shown.set_value("not found").run()

    assert first == [2, 3, 1]
    assert list(app.dataframe[0].value["Status"]) == ["not found"]
    assert shown.options == ["all (3)", "matched (1)", "not found (1)", "duplicate (1)"]


def test_all_columns_of_the_match_report_are_in_sight_with_room_for_their_headings(
    app: AppTest,
) -> None:
    paste(app, AWKWARD["nwb file"], "unknown")
    find(app)

    config = json.loads(app.dataframe[0].proto.columns)
    widths = {title: one["width"] for title, one in config.items() if one.get("width")}

    assert list(widths) == list(app.dataframe[0].value.columns)
    assert sum(widths.values()) <= 930  # in a window of 1360 pixels, beside the side bar
    assert [title for title, width in widths.items() if width < 8 * len(f"{title} ↓") + 16] == []


def test_a_button_replaces_an_id_by_the_nearest_one(app: AppTest) -> None:
    name = AWKWARD["nwb file"]
    paste(app, name.upper())
    find(app)

    app.button(key="use-1-0").click().run()

    session = session_of(app)
    assert app.text_area(key=f"ids-{session.epoch}").value == name


def test_the_file_that_starts_the_server_can_be_tested_as_a_script() -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
    app.button(key="find").click().run()
    app.switch_page("pages/dispatch/jobs.py").run()

    assert not app.exception
    assert app.title[0].value == "Jobs"
    assert len(now(session_of(app)).found.assets) == 357


def test_a_query_that_matches_nothing_says_so_here_and_on_the_next_page(app: AppTest) -> None:
    type_text(app, ASSETS, query_text='{"name": "unknown"}')

    find(app)

    assert app.warning[0].value.startswith("No record of the collection matches")
    go(app, JOBS)
    assert [one.value for one in app.info] == ["No asset matches."]
    assert links(app) == ["Select the assets"]


def test_an_empty_query_needs_an_explicit_yes_with_the_count(app: AppTest) -> None:
    type_text(app, ASSETS, query_text="{}")
    assert not may_find(app)
    assert "update" not in {button.key for button in app.button}
    go(app, JOBS)
    assert "No assets are selected yet." in {one.value for one in app.markdown}
    assert "update" not in {button.key for button in app.button}
    go(app, ASSETS)

    all_records(app).check().run()

    assert "all 2,400 records" in all_records(app).label
    app.button(key="update").click().run()
    finish(app, session_of(app).work.found)
    assert len(now(session_of(app)).found.assets) == 2_399
    type_text(app, ASSETS, query_text='{"name": "unknown"}')
    type_text(app, ASSETS, query_text="{}")
    assert not all_records(app).value


def test_an_update_that_an_invalid_input_blocks_says_so(app: AppTest) -> None:
    type_text(app, ASSETS, query_text="{")

    app.button(key="update").click().run()

    assert [one.value for one in app.toast] == ["Correct the query first."]


def test_a_cap_is_shown_in_red_with_the_number_of_jobs_it_cuts(app: AppTest) -> None:
    find_awkward(app, "nwb file", "nwb directory", "several nwb")
    go(app, JOBS)

    key = f"max_number_of_tasks_dispatched-{session_of(app).epoch}"
    app.number_input(key=key).set_value(1).run()

    assert [one.value for one in app.sidebar.error] == ["The cap cuts 2 jobs."]
    assert [one.value.replace("\\", "") for one in app.main.error] == [
        "THE CAP CUT 2 JOBS: only 1 are dispatched. Raise the cap on jobs, on the page Jobs"
    ]


@pytest.mark.parametrize("page", [JOBS, DELIVER])
def test_a_request_that_wants_every_asset_delivers_nothing_until_what_is_left_is_enough(
    app: AppTest, page: str
) -> None:
    find_awkward(app, "several nwb", "location missing")
    session_of(app).edit(on_missing="fail")
    go(app, page)

    (warning,) = [one.value for one in app.warning if "stops if anything" in one.value]
    assert "as 1 row here" in warning
    assert "The record has no location" in warning
    if page == DELIVER:
        assert [one.key for one in app.button if one.key in ("zip", "write")] == []
    app.button(key="allow-missing").click().run()

    assert session_of(app).request.on_missing == "report"
    assert [one.value for one in app.warning if "stops if anything" in one.value] == []
    if page == DELIVER:
        assert {"zip", "write"} <= {one.key for one in app.button}


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("num_parallel_workers", 0, "the number of workers or jobs is 0. Write 1 or more"),
        ("max_number_of_tasks_dispatched", -3, "the cap on jobs is -3. Write 1 or more"),
    ],
)
def test_a_number_below_one_is_said_beside_it_and_blocks_until_it_is_corrected(
    app: AppTest, name: str, typed: int, said: str
) -> None:
    find_awkward(app, "nwb file", "nwb directory", "several nwb")
    go(app, JOBS)

    app.number_input(key=f"{name}-{session_of(app).epoch}").set_value(typed).run()
    beside = [one.value.replace("\\", "") for one in app.main.markdown]
    is_blocked = now(session_of(app)).plan is None
    go(app, FILES)
    go(app, JOBS)
    field = app.number_input(key=f"{name}-{session_of(app).epoch}")
    stayed = field.value
    field.set_value(2).run()

    assert any(said in one for one in beside)
    assert is_blocked
    assert stayed == typed
    assert now(session_of(app)).plan is not None


def test_an_invalid_name_of_the_folder_is_in_no_command(app: AppTest) -> None:
    find_awkward(app, "nwb file")
    go(app, JOBS)
    go(app, DELIVER)
    before = [one.value for one in app.header]

    app.text_input(key="target").set_value("../elsewhere").run()

    assert "The same dispatch as one command" in before
    assert "The same dispatch as one command" not in [one.value for one in app.header]
    assert any("Correct the name of the folder" in one.value for one in app.caption)


def test_jobs_for_each_worker_give_no_warning_about_the_number_of_workers(
    app: AppTest,
) -> None:
    find_awkward(app, "nwb file", "nwb directory", "several nwb")
    go(app, JOBS)

    app.radio(key=f"mode-{session_of(app).epoch}").set_value("N jobs per worker").run()

    assert "→ **3** workers" in equation(app)
    assert [one.value for one in app.warning if "ignored" in one.value] == []


def balanced_by_size(app: AppTest) -> None:
    """The page Jobs with the workers of a plan of six files that is balanced by size."""
    find_awkward(app, "several nwb")
    locate(app, ".nwb")
    go(app, JOBS)
    app.number_input(key=f"num_parallel_workers-{session_of(app).epoch}").set_value(2).run()
    app.radio(key=f"balance-{session_of(app).epoch}").set_value("size").run()


def test_a_balance_by_size_shows_the_spread_before_and_after(app: AppTest) -> None:
    balanced_by_size(app)

    app.segmented_control[0].set_value("workers").run()

    assert "**Files of each worker**" in [one.value for one in app.markdown]
    assert [one.value for one in app.main.caption][-1] == (
        "3.7 to 3.76 GB each; by number of jobs it would be 3.69 to 3.77 GB  \n"
        "Directory stores have no known size: 1 of 6 jobs counts as the median, 1.21 GB"
    )


def test_the_table_of_jobs_is_worker_by_worker_and_shows_the_file_of_its_first_row(
    app: AppTest,
) -> None:
    session_of(app).edit(parameters={"distributed_parameters": [{"p": 1}, {"p": 2}]})
    balanced_by_size(app)
    plan = now(session_of(app)).plan
    assert plan is not None
    files = list(plan.files())

    rows = [f"{row.Worker}/{row.Job}.json" for row in app.dataframe[0].value.itertuples()]
    app.selectbox(key=f"jobs-sort-{session_of(app).epoch}").set_value("Worker, descending").run()

    assert plan.workers == ((0, 2, 4, 6, 8, 10), (1, 3, 5, 7, 9, 11))
    assert rows == [path for path, _ in files]
    assert f"{app.code[0].value}\n" == files[6][1].decode()


def test_writing_twice_says_written_and_then_confirmed(app: AppTest, tmp_path: Path) -> None:
    find_awkward(app, "nwb file")
    go(app, DELIVER)
    app.text_input(key="target").set_value("mine").run()

    statuses = []
    for _ in range(2):
        app.button(key="write").click().run()
        finish(app, session_of(app).work.write)
        statuses.append(app.success[0].value.partition(":")[0])

    assert statuses == ["Written", "Already there, byte for byte"]
    assert len(list((tmp_path / "out" / "mine").rglob("*.json"))) == 1


def test_write_is_never_disabled_beside_its_result(app: AppTest) -> None:
    find_awkward(app, "nwb file")
    go(app, DELIVER)

    app.button(key="write").click().run()

    assert not (app.success and app.button(key="write").disabled)


@pytest.mark.parametrize("name", ["../evil", "/etc", ".", "a/b", "-rf"])
def test_a_name_that_is_a_path_is_refused_and_nothing_can_be_written(
    app: AppTest, name: str
) -> None:
    find_awkward(app, "nwb file")
    go(app, DELIVER)

    app.text_input(key="target").set_value(name).run()

    assert app.error[0].value.endswith("start with a letter or a digit\\.")
    assert "write" not in {button.key for button in app.button}
    assert [one.value for one in app.code if "job-dispatch" in one.value] == []


def test_a_record_that_cannot_be_written_is_a_warning_and_the_jobs_are_there(
    app: AppTest, tmp_path: Path
) -> None:
    (tmp_path / "out" / "mine.dispatch.json").mkdir(parents=True)
    find_awkward(app, "nwb file")
    go(app, DELIVER)
    app.text_input(key="target").set_value("mine").run()

    app.button(key="write").click().run()
    finish(app, session_of(app).work.write)

    assert app.success[0].value.startswith("Written: 1 job in 1 folder in ")
    assert "the jobs are written, but their record is not" in app.warning[0].value
    assert len(list((tmp_path / "out" / "mine").rglob("*.json"))) == 1


def test_a_folder_that_holds_something_else_is_refused_in_words(
    app: AppTest, tmp_path: Path
) -> None:
    (tmp_path / "out" / "taken").mkdir(parents=True)
    (tmp_path / "out" / "taken" / "notes.txt").write_text("mine")
    find_awkward(app, "nwb file")
    go(app, DELIVER)
    app.text_input(key="target").set_value("taken").run()

    app.button(key="write").click().run()
    finish(app, session_of(app).work.write)

    assert "notes\\.txt" in app.error[0].value
    assert [path.name for path in (tmp_path / "out" / "taken").iterdir()] == ["notes.txt"]


# Text that does not parse blocks, and stays


def test_a_query_that_does_not_parse_blocks_and_stays_after_a_change_of_page(
    app: AppTest,
) -> None:
    type_text(app, ASSETS, query_text='{"name": }')
    assert not may_find(app)
    assert "line 1, column 10" in app.error[0].value

    go(app, FILES)
    hint = links(app)
    go(app, ASSETS)

    assert hint == ["Correct the query"]
    assert session_of(app).typed.query_text == '{"name": }'
    assert not may_find(app)


def test_found_assets_are_not_shown_under_a_query_that_does_not_parse(app: AppTest) -> None:
    find(app)
    assert app.header

    type_text(app, ASSETS, query_text='{"name": ')

    assert not app.header
    assert "**–** assets" in equation(app)
    go(app, JOBS)
    assert links(app) == ["Correct the query"]


def test_parameters_that_do_not_parse_block_the_jobs_but_not_assets_and_files(
    app: AppTest,
) -> None:
    type_text(app, PARAMETERS, parameters_text='{"analysis_parameters": {}}')
    assert "Did you mean" in app.error[0].value

    go(app, ASSETS)
    find_awkward(app, "nwb file")
    locate(app, ".nwb")
    go(app, JOBS)

    assert not app.exception
    assert links(app) == ["Correct the parameters"]
    assert "→ **1** file" in equation(app)
    assert "= **–** jobs" in equation(app)


def test_a_key_that_the_schema_does_not_name_blocks_with_the_nearest_one(app: AppTest) -> None:
    schema = '{"type": "object", "properties": {"isi_violations_cutoff": {"type": "number"}}}'
    type_text(
        app,
        PARAMETERS,
        parameters_text='{"analysis_parameter": {"isi_violation_cutof": 1}}',
        schema_text=schema,
    )

    assert "isi\\_violations\\_cutoff" in app.error[0].value
    assert "× **–** parameter sets" in equation(app)


def test_a_file_extension_that_is_a_path_blocks_and_stays(app: AppTest) -> None:
    find_awkward(app, "nwb file")
    type_text(app, FILES, extension_text="nwb/")
    assert app.error

    go(app, JOBS)
    hint = links(app)
    go(app, FILES)

    assert hint == ["Correct the file extension"]
    assert app.multiselect(key=f"extension-{session_of(app).epoch}").value == ["nwb/"]


def test_one_of_two_fields_that_belong_together_blocks_finding(app: AppTest) -> None:
    app.selectbox(key=f"filter_latest-{session_of(app).epoch}").set_value("name").run()

    assert "filter\\_latest needs filter\\_by" in app.error[0].value
    assert not may_find(app)


def test_a_loaded_request_replaces_a_choice_that_lacks_a_field(app: AppTest) -> None:
    app.selectbox(key=f"filter_latest-{session_of(app).epoch}").set_value("name").run()

    load(session_of(app), session_of(open_app()).request)
    app.run()

    assert app.selectbox(key=f"filter_latest-{session_of(app).epoch}").value is None
    assert may_find(app)


def test_one_of_two_fields_that_belong_together_is_kept_on_another_page(app: AppTest) -> None:
    app.selectbox(key=f"filter_latest-{session_of(app).epoch}").set_value("Processed on").run()
    go(app, JOBS)

    go(app, ASSETS)

    assert app.selectbox(key=f"filter_latest-{session_of(app).epoch}").value == "Processed on"
    assert not may_find(app)
    app.multiselect(key=f"filter_by-{session_of(app).epoch}").set_value(["Subject"]).run()
    assert session_of(app).request.filter_latest == "data_description.creation_time"
    assert session_of(app).typed.grouping == {}


def test_a_text_too_large_to_be_kept_on_the_disk_is_said_to_be(app: AppTest) -> None:
    said = "too large to be kept on the disk"
    assert not [one for one in app.warning if said in one.value]

    session_of(app).keep_typed(list_text="x" * 16_000_001)

    wait_until(lambda: any(said in one.value for one in app.run().warning))


class Counted(tuple[Any, ...]):
    """Rows that note how often all of them are read."""

    reads = 0

    def __iter__(self) -> Iterator[Any]:
        type(self).reads += 1
        return super().__iter__()


@pytest.mark.parametrize("page", [ASSETS, FILES, PARAMETERS, JOBS])
def test_a_rerun_does_not_read_all_assets_again(app: AppTest, page: str) -> None:
    find(app)
    found = session_of(app).work.found.result
    object.__setattr__(found, "assets", Counted(found.assets))
    go(app, page)
    finish(app, current_locate(session_of(app)) or session_of(app).work.found)
    app.run()

    Counted.reads = 0
    app.run()

    assert Counted.reads == 0


# Out-of-date results


def test_found_assets_are_not_shown_as_those_of_another_query(app: AppTest) -> None:
    session_of(app).keep_view(query_view=ROWS)  # facets would find the example at once
    find(app)

    app.button(key="example-Some subjects").click().run()

    assert not app.header
    assert app.warning[0].value == "Out of date: the query changed. Find assets again."
    assert len(app.dataframe) == 1
    assert "exclude" not in {button.key for button in app.button}
    assert "**–** assets" in equation(app)
    go(app, DELIVER)
    assert links(app) == ["Find the assets"]


def test_text_that_the_editor_sends_after_the_press_of_find_is_found_too(app: AppTest) -> None:
    session = session_of(app)
    session.keep_view(query_view=JSON)
    find(app)

    type_text(app, ASSETS, query_text='{"subject.subject_id": "900003"}')
    finish(app, session.work.found)

    assert "**16** assets" in equation(app)


def test_found_assets_are_current_again_when_the_query_is_again_the_same(app: AppTest) -> None:
    find(app)
    before = [one.value for one in app.header]
    app.button(key="example-Some subjects").click().run()

    app.button(key="example-Derived assets of a project").click().run()

    assert [one.value for one in app.header] == before


def test_queries_for_true_and_for_1_differ(app: AppTest) -> None:
    type_text(app, ASSETS, query_text='{"name": 1}')
    find(app)

    type_text(app, ASSETS, query_text='{"name": true}')

    assert now(session_of(app)).found is None


def test_files_are_located_on_the_cluster_and_the_page_reports_a_missing_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("distributed", reason="requirements-dask.txt is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("DISPATCH_DASK_SCHEDULER", address)
    app = open_app()

    find(app)
    locate(app, ".nwb")

    assert f"No Dask scheduler answers at {address}" in app.error[0].value.replace("\\", "")


def test_located_files_are_not_shown_for_another_extension(app: AppTest) -> None:
    find_awkward(app, "nwb file")
    locate(app, ".nwb")

    app.multiselect(key=f"extension-{session_of(app).epoch}").set_value([".zarr"]).run()

    assert not app.header
    changed = "Out of date: the assets or the file options changed. Locate files again."
    assert app.warning[0].value == changed
    assert "→ **–** files" in equation(app)


def test_very_many_files_are_let_go_before_others_are_listed(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only this listing and its plan had takes no memory while the next one is made."""
    monkeypatch.setattr("pages.shared.state.steps.MOST_KEPT", 0)
    find_awkward(app, "nwb file")
    locate(app, ".nwb")
    go(app, DELIVER)
    shown = weakref.ref(now(session_of(app)).plan)
    assert shown() is not None

    listing = threading.Event()
    monkeypatch.setattr("dispatch_core.steps.locate_files", lambda *_, **__: listing.wait(60))
    go(app, FILES)
    app.multiselect(key=f"extension-{session_of(app).epoch}").set_value([".zarr"]).run()
    app.button(key="locate").click().run()
    gc.collect()

    assert shown() is None
    assert session_of(app).work.last_listed is None
    said = "To save memory, what was located before (1 file) is not shown meanwhile."
    assert said in [one.value for one in app.caption]
    listing.set()


def test_an_empty_list_does_not_show_what_the_query_found(app: AppTest) -> None:
    find(app)

    app.segmented_control(key=f"view-{session_of(app).epoch}").set_value(LIST).run()

    assert not app.header
    assert not may_find(app)


def test_a_list_is_kept_when_its_page_is_left(app: AppTest) -> None:
    find_awkward(app, "nwb file", "nwb directory")
    before = [one.value for one in app.header]

    go(app, JOBS)
    go(app, ASSETS)

    assert [one.value for one in app.header] == before


def test_a_search_that_fails_keeps_what_was_found_and_says_so(app: AppTest) -> None:
    find(app)
    type_text(app, ASSETS, query_text='{"name": {"$regex": "("}}')

    find(app)

    assert app.error
    assert app.warning[-1].value == "Out of date: the query changed. The search failed."
    assert len(app.dataframe) == 1


# The table of assets


def test_any_path_is_a_column_and_is_read_when_it_is_chosen(app: AppTest) -> None:
    find_awkward(app, "nwb file", "nwb directory")
    session = session_of(app)

    box = app.multiselect(key=f"columns-{session.epoch}")
    box.set_value([*box.value, "subject.sex"]).run()
    finish(app, session.work.columns)

    table = app.dataframe[-1].value
    assert list(table.columns)[:2] == ["Name", "Project"]
    assert set(table["subject.sex"]) <= {"Male", "Female"}


def test_a_column_chosen_is_still_there_after_another_search(app: AppTest) -> None:
    find_awkward(app, "nwb file")
    session = session_of(app)
    app.multiselect(key=f"columns-{session.epoch}").set_value(["Record id"]).run()

    find_awkward(app, "nwb directory")

    assert list(app.dataframe[-1].value.columns) == ["Name", "Record id"]


def test_excluded_assets_stay_in_the_table_and_can_be_restored(app: AppTest) -> None:
    find_awkward(app, "nwb file", "nwb directory")
    session = session_of(app)
    first = session.work.found.result.assets[0].record_id
    session.edit(excluded=(first,))
    app.run()

    assert [one.value for one in app.header][-1] == "1 asset"
    assert list(app.dataframe[-1].value["Excluded"]) == ["by hand", ""]
    app.button(key="include-all").click().run()
    assert [one.value for one in app.header][-1] == "2 assets"
    assert "Excluded" not in app.dataframe[-1].value.columns


def test_all_matches_of_a_search_are_excluded_or_kept_at_once(app: AppTest) -> None:
    find(app)
    session = session_of(app)
    names = [asset.name for asset in session.work.found.result.assets]
    nwb = sum("_nwb_" in name for name in names)
    subject = sum("_nwb_" not in name and "_900002_" in name for name in names)
    app.text_input(key=f"assets-search-{session.epoch}").set_value("_nwb_").run()
    assert app.button(key="exclude").label == f"Exclude {nwb} that match"

    app.button(key="exclude").click().run()
    app.text_input(key=f"assets-search-{session.epoch}").set_value("_900002_").run()
    app.button(key="keep-only").click().run()

    assert 0 < subject < 357 - nwb
    assert len(now(session).found.assets) == subject


def test_a_table_of_many_rows_sends_a_page_and_says_how_many_there_are(app: AppTest) -> None:
    type_text(app, ASSETS, query_text="{}")
    all_records(app).check().run()
    find(app)
    session = session_of(app)

    app.selectbox(key=f"assets-sort-{session.epoch}").set_value("Subject, descending").run()
    page = next(one for one in app.number_input if one.label == "Page (of 5)")
    page.set_value(2).run()

    assert len(app.dataframe[-1].value) == 500
    assert "Rows 501 to 1,000 of 2,399 (4 excluded)" in [one.value for one in app.caption]
    subjects = list(app.dataframe[-1].value["Subject"])
    assert subjects == sorted(subjects, reverse=True)


def test_a_search_is_over_all_rows_and_kept_over_a_change_of_page(app: AppTest) -> None:
    find(app)
    session = session_of(app)
    app.text_input(key=f"assets-search-{session.epoch}").set_value("_nwb_").run()
    (range_shown,) = [one.value for one in app.main.caption if one.value.startswith("Rows")]

    go(app, FILES)
    go(app, ASSETS)

    assert "that match, of 357" in range_shown
    assert range_shown in [one.value for one in app.main.caption]
    assert all("_nwb_" in name for name in app.dataframe[-1].value["Name"])


# Files


def test_assets_without_a_match_list_their_extensions_and_one_click_adds_one(
    app: AppTest,
) -> None:
    find_awkward(app, "no matching file")
    locate(app, ".nwb")
    offers = [one for one in app.button if str(one.key).startswith("use-")]

    offers[0].click().run()

    added = offers[0].key.removeprefix("use-")
    assert offers[0].label.endswith("(1 asset)")
    assert session_of(app).request.file_extension == f".nwb,{added}"
    assert chosen_endings(app) == [".nwb", added]
    assert "→ **–** files" in equation(app)


def test_several_extensions_are_an_order_with_the_assets_of_each(app: AppTest) -> None:
    find_awkward(app, "nwb file", "no matching file")
    locate(app, ".nwb", ".json")

    request = session_of(app).request
    assert (request.file_extension, request.several_extensions) == (".nwb,.json", "first")
    captions = [one.value for one in app.main.caption]
    assert "In this order: 1. .nwb (1 asset) · 2. .json (1 asset)" in [
        one.replace("\\", "") for one in captions
    ]


def test_all_of_several_extensions_is_a_choice_that_stays(app: AppTest) -> None:
    find_awkward(app, "nwb file")
    locate(app, ".nwb", ".json")

    app.radio(key=f"which-{session_of(app).epoch}").set_value("all").run()
    go(app, JOBS)
    go(app, FILES)

    assert session_of(app).request.several_extensions == "all"
    assert app.radio(key=f"which-{session_of(app).epoch}").value == "all"


def test_one_extension_asks_for_no_rule_of_several(app: AppTest) -> None:
    find_awkward(app, "nwb file")
    locate(app, ".nwb", ".json")
    app.radio(key=f"which-{session_of(app).epoch}").set_value("all").run()

    app.multiselect(key=f"extension-{session_of(app).epoch}").set_value([".nwb"]).run()

    assert not [one for one in app.radio if str(one.key).startswith("which-")]
    assert session_of(app).request.several_extensions == "first"


def test_a_list_of_extensions_that_is_pasted_becomes_one_choice_each(app: AppTest) -> None:
    go(app, FILES)
    key = f"extension-{session_of(app).epoch}"

    app.multiselect(key=key).set_value([".nwb", " .nwb.zarr, x_sorted.nwb,"]).run()

    assert chosen_endings(app) == [".nwb", ".nwb.zarr", "x_sorted.nwb"]
    assert session_of(app).request.file_extension == ".nwb,.nwb.zarr,x_sorted.nwb"


def test_an_extension_with_a_comma_of_its_own_is_one_choice(app: AppTest) -> None:
    type_text(app, FILES, extension_text=r"a\,b.nwb,.zarr")

    assert chosen_endings(app) == ["a,b.nwb", ".zarr"]
    assert session_of(app).request.file_extension == r"a\,b.nwb,.zarr"


def test_the_first_files_are_shown_while_others_are_still_being_listed(app: AppTest) -> None:
    find_awkward(app, "nwb file")
    locate(app, ".nwb")
    session = session_of(app)
    arrived = list(session.work.arrived)
    session.keep_work(
        steps=session.work.steps.without_located(),
        listed=Work(session.work.listed.key, Future()),
    )

    app.run()

    (files,) = [one.value for one in app.dataframe if list(one.value) == ["Kind", "File", "Asset"]]
    assert [one.asset.name for one in arrived] == list(files["Asset"]) == [AWKWARD["nwb file"]]


def test_an_exclusion_or_a_trial_lists_no_file_again(app: AppTest) -> None:
    find_awkward(app, "nwb file", "nwb directory", "several nwb")
    locate(app, ".nwb")
    session = session_of(app)
    work = session.work.listed

    session.edit(excluded=(session.work.found.result.assets[0].record_id,))
    go(app, JOBS)

    assert session.work.listed is work
    assert "**3** listed ids  \n− **1** excluded" in equation(app)
    assert "= **–** jobs" not in equation(app)


def test_a_restored_asset_that_was_never_listed_must_be_listed(app: AppTest) -> None:
    find_awkward(app, "nwb file", "nwb directory")
    session = session_of(app)
    session.edit(excluded=(session.work.found.result.assets[0].record_id,))
    locate(app, ".nwb")

    session.edit(excluded=())
    go(app, JOBS)

    assert links(app) == ["Locate the files"]


# Groups


def test_the_effect_of_latest_only_and_groups_is_shown_in_numbers(app: AppTest) -> None:
    epoch = session_of(app).epoch
    app.selectbox(key=f"filter_latest-{epoch}").set_value("Processed on")
    app.multiselect(key=f"filter_by-{epoch}").set_value(["Subject"]).run()
    find(app)
    grouped = now(session_of(app)).grouped

    label = next(one.label for one in app.expander if "left" in one.label)

    assert len(grouped.groups) + len(grouped.exclusions) == 357
    assert label == (
        f"{len(grouped.groups)} assets left; {len(grouped.exclusions)} superseded by a later asset"
    )


def test_superseded_assets_are_one_message_and_one_button_keeps_all_versions(app: AppTest) -> None:
    epoch = session_of(app).epoch
    app.selectbox(key=f"filter_latest-{epoch}").set_value("Processed on")
    app.multiselect(key=f"filter_by-{epoch}").set_value(["Subject"]).run()
    find(app)
    session_of(app).keep_view(job_view="excluded")
    go(app, JOBS)

    said = [one.value for one in (*app.main.markdown, *app.main.caption)]
    assert said.count("another asset with the same values is later") == 1
    assert not [one for one in said if "other message" in one]
    app.button(key="lift-Keep all assets").click().run()

    request = session_of(app).request
    assert (request.filter_latest, request.filter_by) == (None, ())
    assert not app.exception


def test_all_versions_are_kept_by_the_button_beside_the_superseded_assets(app: AppTest) -> None:
    epoch = session_of(app).epoch
    app.selectbox(key=f"filter_latest-{epoch}").set_value("Processed on")
    app.multiselect(key=f"filter_by-{epoch}").set_value(["Subject"]).run()
    find(app)
    app.session_state[f"grouping-effects-{session_of(app).epoch}"] = True
    app.run()

    app.button(key="lift-Keep all assets").click().run()

    request = session_of(app).request
    assert (request.filter_latest, request.filter_by) == (None, ())
    assert [one.value for one in app.header] == ["357 assets"]
    assert not app.exception


def test_table_and_csv_agree_with_the_heading_about_who_is_left(app: AppTest) -> None:
    epoch = session_of(app).epoch
    app.selectbox(key=f"filter_latest-{epoch}").set_value("Processed on")
    app.multiselect(key=f"filter_by-{epoch}").set_value(["Subject"]).run()
    find(app)
    left = len(now(session_of(app)).grouped.record_ids)
    table = next(one.value for one in app.dataframe if "Excluded" in one.value.columns)

    assert [one.value for one in app.header] == [f"{left} assets"]
    assert list(table["Excluded"]).count("") == left
    assert set(table["Excluded"]) == {"", "superseded by a later asset"}
    assert csv_label(app) == f"Download all {left} as CSV"


def test_a_misspelt_field_leaves_no_asset_in_heading_table_and_csv(app: AppTest) -> None:
    epoch = session_of(app).epoch
    app.multiselect(key=f"group_by-{epoch}").set_value(["subject.subject_idd"]).run()
    find(app)
    table = next(one.value for one in app.dataframe if "Excluded" in one.value.columns)

    assert [one.value for one in app.header] == ["0 assets"]
    assert set(table["Excluded"]) == {"without one of the fields"}
    assert csv_label(app) == "Download all 0 as CSV"
    warning = app.warning[0].value.replace("\\", "")
    assert warning.endswith("subject.subject_idd. Did you mean subject.subject_id?")


def test_a_preset_keeps_the_latest_processed_asset_of_each_session(app: AppTest) -> None:
    run_until_fields_are_known(app)

    app.button(key="latest-preset-0").click().run()
    find(app)
    request, found = session_of(app).request, now(session_of(app)).found
    kept = now(session_of(app)).grouped.record_ids
    session_of_name = {one.record_id: "_".join(one.name.split("_")[:4]) for one in found.assets}

    assert request.filter_latest == "data_description.creation_time"
    assert request.filter_by == ("data_description.input_data_name|data_description.source_data",)
    assert len(kept) == len(set(session_of_name.values()))
    assert {session_of_name[one] for one in kept} == set(session_of_name.values())
    app.button(key="keep-all").click().run()
    assert session_of(app).request.filter_latest is None


def test_an_unknown_field_of_grouping_is_named_beside_its_input(app: AppTest) -> None:
    run_until_fields_are_known(app)
    key = f"filter_by-{session_of(app).epoch}"
    app.selectbox(key=f"filter_latest-{session_of(app).epoch}").set_value("Processed on")

    app.multiselect(key=key).set_value(["Level", "subject.subjectid, a.b"]).run()
    menus = [one for one in app.get("menu_button") if f"{key}-near" in one.proto.id]

    assert session_of(app).request.filter_by == (
        "data_description.data_level",
        "subject.subjectid",
        "a.b",
    )
    assert [one.proto.label.replace("\\", "") for one in menus] == [
        "subject.subjectid is not known. Did you mean",
        "a.b is not known. Did you mean",
    ]
    assert menus[0].proto.options[0].replace("\\", "") == "subject.subject_id"


def run_until_fields_are_known(app: AppTest) -> None:
    ask_fields().wait(30)
    app.run()


def csv_label(app: AppTest) -> str:
    return next(one.label for one in app.get("download_button") if one.label.endswith("as CSV"))


def test_group_sizes_are_shown_from_smallest_to_largest(app: AppTest) -> None:
    app.multiselect(key=f"group_by-{session_of(app).epoch}").set_value(["Subject"]).run()
    find(app)
    sizes = [len(group.assets) for group in now(session_of(app)).grouped.groups]

    assert f"{len(sizes)} groups of {min(sizes)} to {max(sizes)} assets" in [
        one.label for one in app.expander
    ]
    assert f"→ **{len(sizes)}** groups" in equation(app)


# Plan and delivery


def test_a_large_plan_is_made_beside_the_page_and_then_shown(app: AppTest) -> None:
    sets = ", ".join(f'{{"seed": {seed}}}' for seed in range(20))
    type_text(app, PARAMETERS, parameters_text=f'{{"distributed_parameters": [{sets}]}}')
    go(app, ASSETS)
    find(app)

    go(app, JOBS)
    finish(app, session_of(app).work.plan)

    assert "= **7,140** jobs" in equation(app)
    assert len(app.dataframe[0].value) == 500
    assert not app.info


def test_a_plan_that_changed_since_it_was_seen_must_be_reviewed_before_it_is_written(
    app: AppTest,
) -> None:
    find_awkward(app, "nwb file", "nwb directory")
    go(app, JOBS)
    session_of(app).edit(num_parallel_workers=1)

    go(app, DELIVER)

    assert "The plan changed since you last saw it" in app.warning[0].value
    assert app.button(key="write").disabled
    assert app.button(key="write").label == "The plan changed: review it first"
    app.button(key="use-plan").click().run()
    assert not app.button(key="write").disabled
    assert not app.warning


def test_a_visit_to_the_jobs_page_reviews_the_plan(app: AppTest) -> None:
    find_awkward(app, "nwb file", "nwb directory")
    go(app, DELIVER)
    session_of(app).edit(num_parallel_workers=1)

    go(app, JOBS)
    go(app, DELIVER)

    assert not app.button(key="write").disabled


def test_a_name_typed_just_before_a_button_opens_another_page_is_kept(app: AppTest) -> None:
    find_awkward(app, "nwb file", "nwb directory")
    go(app, JOBS)
    session_of(app).edit(num_parallel_workers=1)
    go(app, DELIVER)

    app.text_input(key="target").input("typed")
    app.button(key="see-jobs").click().run()

    assert app.title[0].value == "Jobs"
    assert session_of(app).typed.target_name == "typed"


def test_a_press_on_write_writes_the_plan_that_was_on_the_screen(
    app: AppTest, tmp_path: Path
) -> None:
    find_awkward(app, "nwb file", "nwb directory")
    go(app, DELIVER)
    session_of(app).edit(num_parallel_workers=1)  # after the page was drawn

    app.button(key="write").click().run()
    finish(app, session_of(app).work.write)

    (folder,) = (path for path in (tmp_path / "out").iterdir() if path.is_dir())
    assert folder.name.endswith(f"-{date.today().isoformat()}")
    assert sorted(path.name for path in folder.iterdir()) == ["0", "1"]


def test_a_name_typed_just_before_the_press_is_the_one_that_is_written(
    app: AppTest, tmp_path: Path
) -> None:
    find_awkward(app, "nwb file")
    go(app, DELIVER)

    app.text_input(key="target").set_value("typed-last")
    app.button(key="write").click().run()
    finish(app, session_of(app).work.write)

    assert (tmp_path / "out" / "typed-last").is_dir()


def test_a_press_on_write_with_an_invalid_name_writes_nothing(app: AppTest, tmp_path: Path) -> None:
    find_awkward(app, "nwb file")
    go(app, DELIVER)

    app.text_input(key="target").set_value("../elsewhere")
    app.button(key="write").click().run()

    assert session_of(app).work.write is None
    assert not (tmp_path / "elsewhere").exists()
    assert app.error


def test_a_long_request_is_a_file_and_a_short_one_is_in_the_command(
    app: AppTest,
) -> None:
    find_awkward(app, "nwb file")
    go(app, DELIVER)
    app.text_input(key="target").set_value("my-dispatch").run()
    short = app.code[0].value

    session_of(app).edit(excluded=tuple(f"unknown-{number}" for number in range(300)))
    app.run()

    assert short.startswith("python -m dispatch_core --request - --output_directory my-dispatch")
    assert app.code[0].value == (
        "python -m dispatch_core --request my-dispatch.request.json --output_directory my-dispatch"
    )


def test_a_trial_is_chosen_on_the_jobs_page_and_shown_in_the_side_bar(app: AppTest) -> None:
    find_awkward(app, "nwb file", "nwb directory", "several nwb")
    go(app, JOBS)

    app.selectbox(key=f"trial-{session_of(app).epoch}").set_value("first").run()
    app.number_input(key=f"trial-number-{session_of(app).epoch}").set_value(2).run()

    assert "= **2** jobs" in equation(app)
    assert "trial: the first 2" in app.sidebar.caption[-1].value
    assert any("THIS IS A TRIAL" in one.value for one in app.warning)


def test_the_options_in_use_are_said_beside_the_closed_ones(app: AppTest) -> None:
    find(app)
    go(app, JOBS)
    assert not [one for one in app.caption if one.value.startswith("Trial:")]

    app.selectbox(key=f"trial-{session_of(app).epoch}").set_value("first").run()

    assert "Trial: the first assets." in [one.value for one in app.main.caption]


def test_a_trial_of_one_for_each_subject_starts_no_search(app: AppTest) -> None:
    find(app)
    go(app, JOBS)

    app.selectbox(key=f"trial-{session_of(app).epoch}").set_value("one_per").run()

    subjects = {a.fields["subject"]["subject_id"] for a in session_of(app).work.found.result.assets}
    assert f"= **{len(subjects)}** jobs" in equation(app)


def test_the_field_of_a_trial_is_chosen_by_its_plain_name(app: AppTest) -> None:
    find(app)
    go(app, JOBS)
    epoch = session_of(app).epoch
    app.selectbox(key=f"trial-{epoch}").set_value("one_per").run()

    app.selectbox(key=f"trial-field-{epoch}").set_value("Type").run()

    trial = session_of(app).request.trial
    assert trial is not None
    assert trial.one_per == "session.session_type|acquisition.acquisition_type"


def test_a_row_of_the_list_that_finds_nothing_is_in_the_ledger_and_in_the_sum(
    app: AppTest,
) -> None:
    paste(app, AWKWARD["nwb file"], "no-such-asset")
    find(app)

    assert equation(app).split("  \n")[:4] == [
        "**2** listed ids",
        "− **1** excluded",
        "= **1** asset",
        "→ **1** input",
    ]
    assert app.button(key="see-excluded").label == "Excluded (1)"


def test_the_exclusions_are_one_click_from_every_page(app: AppTest) -> None:
    find_awkward(app, "nwb file", "no matching file")
    locate(app, ".nwb")

    app.button(key="see-excluded").click().run()

    assert app.title[0].value == "Jobs"
    assert "**1 without a matching file** · files" in [one.value for one in app.main.markdown]


def test_equal_exclusions_are_one_entry_and_one_button_serves_them_all(app: AppTest) -> None:
    find_awkward(app, "nwb file", "nwb directory", "no matching file")
    locate(app, ".nwb.zarr")
    app.button(key="see-excluded").click().run()
    (group,) = group_exclusions(now(session_of(app)).plan.exclusions)

    app.button(key="too-.nwb").click().run()

    assert len(group.rows) == 3
    assert session_of(app).request.file_extension == ".nwb.zarr,.nwb"


NAMES = ("nwb file", "nwb directory", "several nwb")


@pytest.mark.parametrize(
    ("changes", "reason", "label"),
    [
        ({"excluded": 2}, "by hand", "Restore all 2"),
        ({"max_number_of_tasks_dispatched": 1}, "over the cap", "Remove the cap"),
        ({"trial": Trial(first=1)}, "excluded by the trial", "Dispatch all assets"),
        ({"only_jobs": 1}, "not chosen", "Dispatch all jobs"),
    ],
)
def test_one_button_of_the_ledger_lifts_a_reason_for_all_its_rows(
    app: AppTest, changes: dict[str, Any], reason: str, label: str
) -> None:
    find_awkward(app, *NAMES)
    session, everything = session_of(app), now(session_of(app))
    go(app, JOBS)
    if "excluded" in changes:
        changes = {"excluded": tuple(one.record_id for one in everything.found.assets[:2])}
    if "only_jobs" in changes:
        changes = {"only_jobs": (now(session).plan.jobs[0].name,)}
    session.edit(**changes)
    session.keep_view(job_view="excluded")
    session.reload_editors()
    app.run()
    before = len(now(session).plan.jobs)
    said = [one.value for one in app.main.markdown]

    app.button(key=f"lift-{label}").click().run()

    assert before == 1
    assert f"**2 {reason}**" in "".join(said)
    assert len(now(session).plan.jobs) == 3
    assert now(session).plan.exclusions == ()
    assert session.request == everything.request


# Sessions and rules of the code


def test_two_sessions_do_not_see_each_others_request(app: AppTest) -> None:
    other = open_app()

    find_awkward(app, "nwb file")
    other.run()

    assert "**1** listed id" in equation(app)
    assert "**–** assets" in equation(other)
    assert session_of(other).request.asset_rows is None


def test_a_saved_request_replaces_the_one_of_the_session(app: AppTest) -> None:
    find_awkward(app, "nwb file")
    session = session_of(app)
    saved = session.request
    other = open_app()

    load(session_of(other), saved)
    find(other)

    assert session_of(other).typed.source == LIST
    assert "**1** listed id" in equation(other)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_page_is_at_most_50_lines_and_holds_no_function_of_its_own(script: Path) -> None:
    text = script.read_text()

    assert len(text.splitlines()) <= 50
    assert not [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]


def test_session_state_is_touched_in_one_file_only() -> None:
    touching = {
        path.name
        for path in [ROOT / "app.py", *MODULES]
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.Attribute) and node.attr == "session_state"
    }

    assert touching == {"tab.py"}


def test_every_button_and_menu_has_a_name_in_words() -> None:
    nameless = {
        f"{path.stem}: {ast.unparse(node.args[0])}"
        for path in MODULES
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("button", "form_submit_button", "menu_button", "popover")
        and isinstance(node.args[0], ast.Constant)
        and not re.sub(":material/[a-z_]+:", "", str(node.args[0].value)).strip()
    }

    assert nameless == set()


def test_no_page_or_widget_assigns_a_field_of_anything_but_itself() -> None:
    assigned = {
        f"{path.stem}: {ast.unparse(target)}"
        for path in [ROOT / "app.py", *MODULES]
        for target in targets_of(syntax_of(path))
        if "state" not in path.parts and is_field_of_another(target)
    }

    assert assigned == set()


def targets_of(tree: ast.Module) -> Iterator[ast.expr]:
    """Everything that is assigned or deleted in a module; the items of tuples separately."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.Delete):
            for target in node.targets:
                yield from target.elts if isinstance(target, ast.Tuple) else [target]
        elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
            yield node.target


def is_field_of_another(target: ast.expr) -> bool:
    """Whether this is ``x.y``, or an item of it, where x is not ``self``."""
    if isinstance(target, ast.Subscript):
        return is_field_of_another(target.value)
    if not isinstance(target, ast.Attribute):
        return False
    return not (isinstance(target.value, ast.Name) and target.value.id == "self")


@pytest.mark.parametrize("part", ["typed", "inputs", "work", "views", "timing"])
def test_the_parts_of_a_session_are_frozen(part: str) -> None:
    value = getattr(Session(), part)

    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, "changed")


FLOORS = {
    "state": "pages.shared.state",
    "widgets": "pages.shared.widgets",
    "parts of a page": (
        "pages.shared.assets pages.shared.files pages.shared.parameters pages.shared.jobs "
        "pages.shared.deliver pages.shared.processed pages.shared.before "
        "pages.shared.run_it pages.shared.library"
    ),
    "page scripts": "pages.plan pages.dispatch pages.library",
    "frame": "pages.frame",
}
"""A module of the pages imports from lower floors and from its own folder."""


def room_of(name: str) -> str:
    """The folder of a module of the pages, or the module itself."""
    rooms = " ".join(FLOORS.values()).split()
    return next(room for room in rooms if f"{name}.".startswith(f"{room}."))


def test_a_module_of_the_pages_imports_only_from_floors_below_and_its_own_room() -> None:
    floor_of = {room: n for n, rooms in enumerate(FLOORS.values()) for room in rooms.split()}
    upward = {
        (name, other)
        for path in MODULES
        for name in [".".join(path.relative_to(ROOT).with_suffix("").parts)]
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("pages.")
        for other in [f"{node.module}.{alias.name}" for alias in node.names]
        if room_of(other) != room_of(name) and floor_of[room_of(other)] >= floor_of[room_of(name)]
    }

    assert upward == set()


def test_caches_live_in_one_file_and_are_bounded() -> None:
    caches = [
        (path.name, {keyword.arg for keyword in node.keywords})
        for path in MODULES
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("cache_data", "cache_resource")
    ]

    assert {name for name, _ in caches} == {"services.py"}
    assert all("max_entries" in bounds for _, bounds in caches)
