"""The last line of each page: what this is, the next step, and Update everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dispatch_core.errors import ServiceError
from dispatch_core.request import DispatchRequest
from dispatch_core.types import Progress
from pages.shared.state.steps import now
from tests.test_app import (
    ASSETS,
    DELIVER,
    FILES,
    JOBS,
    PARAMETERS,
    find,
    go,
    open_app,
    session_of,
    type_text,
)

pytestmark = pytest.mark.usefixtures("embedded_demo")


@pytest.fixture
def app() -> AppTest:
    return open_app()


def buttons(app: AppTest) -> list[str]:
    """The buttons of the last line."""
    keys = ("update", "cancel-update", "to-")
    return [one.label for one in app.button if one.key and one.key.startswith(keys)]


def says(app: AppTest, text: str) -> bool:
    return any(text in one.value for one in app.markdown)


def update(app: AppTest) -> None:
    """Press Update everything, and rerun until it ends, as the page does by itself."""
    app.button(key="update").click().run()
    run_until(app, lambda: not session_of(app).work.updating)


def run_until(app: AppTest, holds: Callable[[], bool]) -> None:
    for _ in range(100):
        if holds():
            return
        app.run()
    raise AssertionError("the update does not end")


def test_one_press_finds_locates_and_plans_and_stays_on_the_page(app: AppTest) -> None:
    go(app, ASSETS)

    update(app)

    assert [one.value for one in app.title] == ["Assets"]
    assert says(app, "357 assets → 357 inputs × 1 set = 357 jobs → 50 workers")
    assert buttons(app) == ["Next: files"]


def test_a_late_change_is_updated_from_the_page_where_it_was_made(app: AppTest) -> None:
    update(app)
    go(app, FILES)
    app.multiselect(key=f"extension-{session_of(app).epoch}").set_value([".nwb"]).run()

    assert says(app, "the files are not located yet")
    assert buttons(app) == ["Update everything"]
    update(app)

    assert says(app, "246 assets → 246 files × 1 set = 246 jobs → 50 workers")
    assert "246 jobs" in app.toast[0].value
    go(app, DELIVER)
    assert not app.get("download_button")[0].disabled  # the new numbers were on the screen


def test_each_page_offers_the_next_one_in_the_same_place(app: AppTest) -> None:
    find(app)

    for page, name in ((ASSETS, "files"), (FILES, "parameters"), (PARAMETERS, "jobs")):
        go(app, page)
        assert buttons(app) == [f"Next: {name}"]
    app.button(key="to-jobs").click().run()

    assert [one.value for one in app.title] == ["Jobs"]
    assert buttons(app) == ["Next: deliver"]


def test_a_session_that_begins_on_another_page_is_sent_to_the_assets(app: AppTest) -> None:
    app = AppTest.from_file(
        str(Path(__file__).parents[1] / "pages" / "frame.py"), default_timeout=30
    )
    app.switch_page(JOBS).run()

    assert says(app, "The assets are not found yet.")
    assert buttons(app) == ["Next: assets"]


def test_an_invalid_input_is_named_and_the_press_ends(app: AppTest) -> None:
    update(app)
    go(app, PARAMETERS)
    type_text(app, PARAMETERS, parameters_text="{")

    assert says(app, "Correct the parameters first.")
    update(app)

    assert now(session_of(app)).plan is None


def test_the_step_that_fails_is_reported_and_a_second_press_tries_again(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> object:
        raise ServiceError("the gateway does not answer")

    with monkeypatch.context() as patched:
        patched.setattr("dispatch_core.steps.find_assets", fail)
        update(app)
        assert says(app, "the gateway does not answer")
        assert not session_of(app).work.updating

    update(app)

    assert says(app, "= 357 jobs")


def test_a_cancelled_update_ends_and_the_page_says_so(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_slowly(*_: object, progress: Progress, **__: object) -> object:
        while True:
            progress("records", 1, 2)
            time.sleep(0.01)

    monkeypatch.setattr("dispatch_core.steps.find_assets", find_slowly)
    app.button(key="update").click().run()
    go(app, FILES)  # the update goes on, whatever page is shown
    assert buttons(app) == ["Cancel the update"]

    app.button(key="cancel-update").click().run()
    run_until(app, lambda: not session_of(app).work.updating)

    assert says(app, "Cancelled")
    assert buttons(app) == ["Update everything"]


def many_sets(app: AppTest) -> None:
    """20,000 parameter sets, which make 48 million jobs of the demo."""
    sets = {"distributed_parameters": [{"p": n} for n in range(20_000)]}
    session_of(app).edit(query={}, parameters=sets)
    session_of(app).keep_view(means_all=True)


def test_millions_of_jobs_are_refused_before_they_are_made(app: AppTest) -> None:
    many_sets(app)
    go(app, JOBS)

    update(app)

    assert says(app, "would be ")
    said = " ".join(one.value for one in app.error).replace("\\", "")
    assert "parameter sets would be" in said
    assert "the limit is 2,000,000" in said
    assert "cap the jobs (Cap on jobs, on the page Jobs)" in said
    assert "raise DISPATCH_MAX_JOBS" in said
    assert buttons(app) == ["Update everything"]


def test_the_making_of_jobs_is_cancelled(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_MAX_JOBS", "100000000")
    many_sets(app)
    go(app, JOBS)
    app.button(key="update").click().run()
    run_until(app, lambda: (work := session_of(app).work.plan) is not None and work.done > 0)
    assert buttons(app) == ["Cancel the update"]

    app.button(key="cancel-update").click().run()
    run_until(app, lambda: not session_of(app).work.updating)

    work = session_of(app).work.plan
    assert work is not None
    assert work.is_done
    assert work.done < work.total
    assert says(app, "Cancelled")
    assert buttons(app) == ["Update everything"]


def test_jobs_that_are_made_without_an_update_are_cancelled_too(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each change makes the jobs again; the work on those before is cancelled."""
    monkeypatch.setenv("DISPATCH_MAX_JOBS", "100000000")
    session_of(app).edit(query={})
    session_of(app).keep_view(means_all=True)
    go(app, JOBS)
    update(app)
    many_sets(app)
    app.run()
    first = session_of(app).work.plan
    assert first is not None
    assert buttons(app) == ["Cancel"]

    session_of(app).edit(num_parallel_workers=7)
    app.run()
    second = session_of(app).work.plan
    assert second is not None
    run_until(app, lambda: first.is_done)
    assert first.is_cancelled
    assert not second.is_done

    app.button(key="cancel-update").click().run()
    run_until(app, lambda: second.is_done)
    assert second.is_cancelled


def test_a_folder_that_is_there_is_replaced_only_by_choice(app: AppTest, tmp_path: Path) -> None:
    update(app)
    go(app, DELIVER)
    app.text_input(key="target").set_value("mine").run()
    assert not [one for one in app.toggle if one.key == "replace"]
    (tmp_path / "out" / "mine").mkdir(parents=True)
    (tmp_path / "out" / "mine" / "notes.txt").write_text("my only copy")

    write(app)
    assert "Replace the folder" in app.error[0].value
    assert "replace)" not in app.error[0].value
    app.toggle(key="replace").set_value(True).run()
    write(app)

    assert (tmp_path / "out" / "mine" / "0").is_dir()
    assert (tmp_path / "out" / "mine.replaced-1" / "notes.txt").read_text() == "my only copy"
    assert any("What was there before is now in" in one.value for one in app.info)


def write(app: AppTest) -> None:
    app.button(key="write").click().run()
    work = session_of(app).work.write
    assert work is not None
    work.wait(30)
    app.run()


def test_what_will_be_written_is_one_sentence_with_a_name_of_the_query(app: AppTest) -> None:
    update(app)
    go(app, DELIVER)

    assert says(app, "This makes **357 jobs for 50 workers**, from 357 assets of ")
    name = app.text_input(key="target").placeholder
    assert name is not None
    assert name.startswith("thalamic-ephys-survey-derived-")


def said_marks(app: AppTest) -> list[str]:
    starts = ("Done: ", "Out of date: ", "To correct: ")
    return [one.value for one in app.sidebar.caption if one.value.startswith(starts)]


def test_the_sentence_names_thousands_of_jobs_whole(app: AppTest) -> None:
    session = session_of(app)
    session.keep_typed(query_text='{"data_description.data_level": "derived"}')
    session.reload_editors()
    app.run()
    update(app)
    go(app, DELIVER)

    assert says(app, "This makes **1,539 jobs for 50 workers**, from 1,539 assets of ")


def test_the_navigation_says_how_far_each_page_is(app: AppTest) -> None:
    assert said_marks(app) == []
    update(app)
    assert said_marks(app) == ["Done: Assets, Files, Jobs."]

    go(app, FILES)
    app.multiselect(key=f"extension-{session_of(app).epoch}").set_value([".nwb"]).run()
    assert said_marks(app) == ["Done: Assets. Out of date: Jobs."]

    type_text(app, PARAMETERS, parameters_text="{")
    app.run()
    assert said_marks(app) == ["Done: Assets. Out of date: Jobs. To correct: Parameters."]


def test_the_first_line_of_help_stays_closed_on_every_page(app: AppTest) -> None:
    assert any("Pick assets, files and parameters" in one.value for one in app.caption)

    app.button(key="close-welcome").click().run()

    for page in (FILES, ASSETS):
        go(app, page)
        assert not any("Pick assets, files and parameters" in one.value for one in app.caption)


def test_a_source_that_does_not_answer_is_not_shown_as_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> object:
        raise ServiceError("the gateway does not answer")

    monkeypatch.setenv("DOCDB_HOST", "gateway.invalid")
    monkeypatch.setattr("dispatch_core.steps.find_assets", fail)
    app = open_app()
    assert badge(app) == ":gray-badge[:material/cloud: Live source]"
    session_of(app).keep_view(means_all=True)
    app.run()

    update(app)

    assert badge(app) == ":red-badge[:material/cloud_off: Source does not answer]"


def badge(app: AppTest) -> str:
    return next(one.value for one in app.sidebar.markdown if "badge" in one.value)


def test_a_loaded_request_replaces_work_only_after_a_press(app: AppTest) -> None:
    update(app)
    go(app, DELIVER)
    request = DispatchRequest(query={"subject.subject_id": "900003"}).to_json()

    key = f"load-{session_of(app).epoch}"
    app.file_uploader(key=key).set_value(("small.json", request.encode(), "application/json")).run()
    assert [one.value for one in app.title] == ["Deliver"]
    assert session_of(app).request.query != {"subject.subject_id": "900003"}
    app.button(key="replace-request").click().run()

    assert [one.value for one in app.title] == ["Assets"]
    assert session_of(app).request.query == {"subject.subject_id": "900003"}
    assert any("Find the assets" in one.value for one in app.toast)
