"""The pages History and Compare and check, and earlier dispatches on Jobs, without a browser."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dispatch_core.dispatch_plan import DispatchPlan
from pages.shared.state.steps import now
from pages.shared.state.work import Work
from tests.support.dispatches import document, fill_folder
from tests.test_app import ASSETS, DELIVER, JOBS, equation, find, finish, go, open_app, session_of

HISTORY = "library/history.py"
CHECK = "library/check.py"
SETTINGS = ("DOCDB_HOST", "DISPATCH_BUCKETS", "DISPATCH_RESULTS_HOST")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder into which the app writes."""
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def embedded_demo(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPATCH_DEMO_ASSETS", "120")
    monkeypatch.setenv("DISPATCH_OUTPUT_ROOT", str(root))


@pytest.fixture
def app() -> AppTest:
    return open_app()


@pytest.fixture
def written(app: AppTest) -> AppTest:
    """The page History, after one dispatch of ten jobs, ``mine``, was written."""
    write(app, "mine")
    open_history(app)
    return app


def write(app: AppTest, name: str) -> None:
    find(app)
    go(app, DELIVER)
    app.text_input(key="target").set_value(name).run()
    app.button(key="write").click().run()
    finish(app, session_of(app).work.write)


def settle(app: AppTest, *names: str) -> None:
    """Let works end, by their fields of the session, and show them."""
    for name in names:
        work: Work[object] | None = getattr(session_of(app).work, name)
        finish(app, work)


def open_history(app: AppTest) -> None:
    go(app, HISTORY)
    settle(app, "history")
    if session_of(app).work.folders is not None:
        settle(app, "folders")


def press(app: AppTest, key: str) -> None:
    app.button(key=key).click().run()


def follow(app: AppTest, key: str, page: str, title: str) -> None:
    """Press a button that goes to another page; AppTest itself would go back in its next run."""
    press(app, key)
    assert app.title[0].value == title
    go(app, page)


def open_earlier(app: AppTest) -> None:
    """The page Jobs with its part about earlier dispatches open."""
    go(app, JOBS)
    app.session_state[f"before-{session_of(app).epoch}"] = True
    app.run()


def plan_of(app: AppTest) -> DispatchPlan:
    """The current plan, after the work on it."""
    now(session_of(app))
    if session_of(app).work.plan is not None:
        settle(app, "plan")
    plan = now(session_of(app)).plan
    assert plan is not None
    return plan


def texts(app: AppTest) -> str:
    """Everything that the page says, without the escapes of Markdown."""
    kinds = ("caption", "markdown", "warning", "info", "error", "success", "header")
    return "\n".join(str(one.value) for kind in kinds for one in getattr(app.main, kind)).replace(
        "\\", ""
    )


def record_of(root: Path, name: str = "mine") -> Path:
    return root / f"{name}.dispatch.json"


def change_record(path: Path, **keys: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


def job_names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.rglob("*.json"))


def mark(root: Path, name: str, end: str) -> None:
    folder = root / "mine.results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}{end}").write_text("{}")


def zip_of(files: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content if isinstance(content, str) else json.dumps(content))
    return buffer.getvalue()


def upload(app: AppTest, field: str, name: str, content: bytes) -> None:
    """Choose an upload in a menu, and upload the file."""
    epoch = session_of(app).epoch
    app.selectbox(key=f"{field}-{epoch}").select_index(-1).run()
    kind = "application/zip"
    app.file_uploader(key=f"{field}-file-{epoch}").set_value((name, content, kind)).run()


# History


def test_each_column_of_the_history_has_room_for_its_heading(written: AppTest) -> None:
    config = json.loads(written.dataframe[0].proto.columns)

    widths = {title: one["width"] for title, one in config.items() if one.get("width")}

    assert list(widths) == ["When (UTC)", "Dispatch", "Jobs", "Runs", "Folder"]
    assert [title for title, width in widths.items() if width < 8 * len(f"{title} ↓") + 16] == []


@pytest.mark.parametrize("is_there", [True, False])
def test_a_history_without_dispatches_says_how_one_gets_there(
    is_there: bool, app: AppTest, root: Path
) -> None:
    if is_there:
        root.mkdir()

    open_history(app)

    assert not app.exception
    assert app.info[0].value.startswith("No dispatch is recorded here yet.")
    assert [link.proto.label for link in app.main.get("page_link")] == ["Plan a dispatch"]


def buttons(app: AppTest) -> dict[str, Any]:
    """The buttons of the page, by key, without those of its header."""
    frame = ("undo", "redo", "close-welcome")
    return {str(one.key): one for one in app.main.button if one.key and one.key not in frame}


def test_a_dispatch_is_a_row_with_its_details(written: AppTest) -> None:
    row = written.dataframe[0].value.iloc[0]

    assert (row["Dispatch"], row["Jobs"], row["Runs"], row["Folder"]) == ("mine", 10, "", "there")
    assert written.header[0].value == "mine"
    assert "10 assets matched, 10 usable -> 10 inputs x 1 parameter set = 10 jobs" in texts(written)
    assert "Thalamic Ephys Survey" in written.code[0].value
    assert {key: one.disabled for key, one in buttons(written).items()} == {
        "history-again": False,
        "open-record": False,
        "only-new": False,
        "only-failed": True,
        "compare-now": False,
        "check-folder": False,
    }


def test_what_the_runs_left_is_counted_and_exactly_the_failed_jobs_are_chosen(
    written: AppTest, root: Path
) -> None:
    names = job_names(root / "mine")
    for name, end in zip(names, [".failed"] * 2 + [".done"] * 5, strict=False):
        mark(root, name, end)
    mark(root, "stranger", ".failed")
    press(written, "history-again")
    open_history(written)
    assert written.dataframe[0].value.iloc[0]["Runs"] == "5 done, 2 failed, 3 not started"
    assert written.button(key="only-failed").label == "Dispatch only the 2 failed jobs"

    follow(written, "only-failed", ASSETS, "Assets")
    settle(written, "found")

    assert sorted(job.name for job in plan_of(written).jobs) == names[:2]
    assert plan_of(written).warnings == ()
    open_earlier(written)
    assert "Only the jobs with 2 chosen names are dispatched." in texts(written)
    assert "− **8** not chosen" in equation(written)


def test_jobs_that_ran_again_meanwhile_are_not_failed_any_more(
    written: AppTest, root: Path
) -> None:
    [name, *_] = job_names(root / "mine")
    mark(root, name, ".failed")
    press(written, "history-again")
    open_history(written)
    mark(root, name, ".done")

    press(written, "only-failed")

    assert "mine: no job is failed any more. Read again." in texts(written)
    assert session_of(written).request.only_jobs is None


def test_all_jobs_can_be_chosen_again(written: AppTest, root: Path) -> None:
    mark(root, job_names(root / "mine")[0], ".failed")
    press(written, "history-again")
    open_history(written)
    press(written, "only-failed")
    settle(written, "found")
    open_earlier(written)

    press(written, "choose-all")

    assert session_of(written).request.only_jobs is None
    assert len(plan_of(written).jobs) == 10


def test_the_request_of_a_record_is_opened_after_a_question(written: AppTest) -> None:
    session_of(written).edit(file_extension=".nwb", num_parallel_workers=3)

    follow(written, "open-record", ASSETS, "Assets")
    settle(written, "found")

    assert session_of(written).request.file_extension == ""
    assert session_of(written).request.num_parallel_workers == 50
    assert len(plan_of(written).jobs) == 10


def test_only_what_is_new_is_planned_when_there_are_more_assets(
    written: AppTest, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = set(job_names(root / "mine"))
    monkeypatch.setenv("DISPATCH_DEMO_ASSETS", "300")
    press(written, "history-again")
    open_history(written)

    press(written, "only-new")
    settle(written, "found")

    plan = plan_of(written)
    assert plan.jobs
    assert former.isdisjoint(job.name for job in plan.jobs)
    assert plan.equation.dispatched_before == 10
    written.run()
    assert "− **10** dispatched before" in equation(written)
    open_earlier(written)
    assert "The jobs of 'mine.dispatch.json' are excluded." in texts(written)

    press(written, "include-others")

    assert plan_of(written).equation.dispatched_before == 0


def test_a_record_of_a_dispatch_of_few_jobs_gives_all_that_are_new(
    written: AppTest, root: Path
) -> None:
    record = json.loads(record_of(root).read_text())
    record["request"]["only_jobs"] = [record["jobs"][0][0]]
    record["jobs"], record["worker_sizes"] = record["jobs"][:1], [1]
    record_of(root).write_text(json.dumps(record))
    open_history(written)

    press(written, "only-new")
    settle(written, "found")

    assert len(plan_of(written).jobs) == 9


def test_a_request_that_excludes_its_own_folder_says_so_when_it_is_opened(
    written: AppTest, root: Path
) -> None:
    record = json.loads(record_of(root).read_text())
    record["request"]["not_in"] = [str(root)]
    record_of(root).write_text(json.dumps(record))
    open_history(written)

    press(written, "open-record")

    assert "its own jobs count as dispatched before" in written.toast[0].value


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "another gateway"}, "its source is another gateway, and the app reads"),
        ({"source": 5}, "its source is not recorded"),
        ({"record": 99}, "it is from a later version (record 99"),
    ],
)
def test_a_record_of_elsewhere_is_shown_only_with_the_reason(
    change: dict[str, Any], words: str, written: AppTest, root: Path
) -> None:
    change_record(record_of(root), **change)

    press(written, "history-again")
    open_history(written)

    assert words in texts(written)
    assert written.button(key="only-new").disabled
    assert written.button(key="only-failed").disabled
    assert not written.button(key="check-folder").disabled


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff\xfe", b'{"record": 2, "request": []}', b"PK\x03\x04"]
)
def test_a_file_that_is_not_a_record_is_a_row_with_the_reason(
    content: bytes, app: AppTest, root: Path
) -> None:
    root.mkdir()
    record_of(root, "broken").write_bytes(content)

    open_history(app)

    assert not app.exception
    assert "This record is shown only: it cannot be read" in texts(app)
    assert app.button(key="compare-now").disabled


HOSTILE = "**b** [x](http://a.b) <script>1</script> `c` :red[d] $e$\n# f"


def test_text_of_a_record_is_never_markup(written: AppTest, root: Path) -> None:
    row = dict.fromkeys(("stage", "reason", "action", "name"), HOSTILE)
    change_record(
        record_of(root),
        **dict.fromkeys(("source", "buckets", "status", "dispatched_by", "fingerprint"), HOSTILE),
        equation={**json.loads(record_of(root).read_text())["equation"], "input_kind": HOSTILE},
        exclusions=[row, {"stage": [], "reason": {}}, 5],
        request={"query": {HOSTILE: HOSTILE}},
    )
    record_of(root).rename(record_of(root, "**m** [n](x) :red[o]"))

    press(written, "history-again")
    open_history(written)

    assert not written.exception
    shown = [one.value for one in (*written.main.caption, *written.header, *written.warning)]
    assert shown
    assert [text for text in shown if re.search(r"(?<!\\)(\*|\[|<|`|\$|:red)", text)] == []


def test_a_request_with_errors_is_reported_and_replaces_nothing(
    written: AppTest, root: Path
) -> None:
    change_record(record_of(root), request={"query": {"$no": 1}, "unknown": 2})
    before = session_of(written).request
    press(written, "history-again")
    open_history(written)

    press(written, "open-record")

    assert written.title[0].value == "History"
    assert written.error
    assert session_of(written).request is before


def test_a_record_that_is_deleted_while_it_is_shown_is_reported(
    written: AppTest, root: Path
) -> None:
    record_of(root).unlink()

    press(written, "only-new")

    assert "mine.dispatch.json: it cannot be read" in texts(written)
    press(written, "history-again")
    open_history(written)
    assert written.info[0].value.startswith("No dispatch is recorded here yet.")


def test_a_folder_that_was_deleted_or_changed_is_said_so(written: AppTest, root: Path) -> None:
    next((root / "mine" / "0").iterdir()).unlink()
    press(written, "history-again")
    open_history(written)
    assert "has other files than the record says" in texts(written)

    shutil.rmtree(root / "mine")
    press(written, "history-again")
    open_history(written)

    assert "was deleted or moved" in texts(written)
    assert written.button(key="check-folder").disabled
    assert record_of(root).is_file()


# Earlier dispatches on the page Jobs


def test_the_count_is_shown_before_jobs_are_excluded_and_then_is_in_the_equation(
    written: AppTest, root: Path
) -> None:
    open_earlier(written)
    settle(written, "before")
    assert "0 jobs new, 10 dispatched before (earlier dispatches: 1)" in texts(written)

    written.checkbox(key=f"not-in-{session_of(written).epoch}").check().run()

    assert session_of(written).request.not_in == (str(root),)
    assert plan_of(written).equation.dispatched_before == 10
    written.run()
    assert "Nothing is new: 10 jobs dispatched before." in texts(written)
    go(written, DELIVER)
    assert "nothing to write: 10 jobs dispatched before" in texts(written)


def test_nothing_is_read_while_earlier_dispatches_are_closed(written: AppTest) -> None:
    go(written, JOBS)

    assert session_of(written).work.before is None


def test_a_dispatch_of_somebody_else_since_the_plan_stops_the_write(
    app: AppTest, root: Path
) -> None:
    root.mkdir()
    find(app)
    session_of(app).edit(not_in=(str(root),))
    go(app, JOBS)
    plan = plan_of(app)
    assert len(plan.jobs) == 10
    other = open_app()
    write(other, "other")

    go(app, DELIVER)
    app.text_input(key="target").set_value("mine").run()
    press(app, "write")
    settle(app, "write")

    assert "10 jobs in another dispatch now" in texts(app)
    assert not (root / "mine").exists()
    go(app, JOBS)
    assert plan_of(app).equation.dispatched_before == 10


def test_a_dispatch_of_what_is_new_can_be_written_twice_into_its_folder(
    app: AppTest, root: Path
) -> None:
    root.mkdir()
    find(app)
    session_of(app).edit(not_in=(str(root),))
    go(app, JOBS)
    plan_of(app)
    go(app, DELIVER)
    said = []

    for _ in range(2):
        press(app, "write")
        settle(app, "write")
        said.append(app.success[0].value.partition(":")[0])

    assert said == ["Written", "Already there, byte for byte"]


def test_an_earlier_dispatch_outside_the_output_root_is_an_error_with_a_way_out(
    written: AppTest,
) -> None:
    session_of(written).edit(not_in=("/elsewhere/dispatch",))
    go(written, DELIVER)
    settle(written, "plan")
    assert "/elsewhere/dispatch: it is not in the folder into which the app writes" in texts(
        written
    )
    labels = [link.proto.label for link in written.main.get("page_link")]
    assert labels == ["Change which earlier dispatches are excluded"]

    open_earlier(written)
    press(written, "include-others")

    assert session_of(written).request.not_in == ()
    assert len(plan_of(written).jobs) == 10


def test_names_that_no_job_has_are_reported(written: AppTest, root: Path) -> None:
    name = job_names(root / "mine")[0]
    session_of(written).edit(only_jobs=(name, "nothing"))

    open_earlier(written)

    assert len(plan_of(written).jobs) == 1
    assert "'nothing'" in texts(written)


# Compare


def compare(app: AppTest, old: str | None = None, new: str | None = None) -> None:
    """The page Compare and check with both choices, after the comparison."""
    session = session_of(app)
    kept = {"compare_old": old, "compare_new": new}
    session.keep_view(**{name: one for name, one in kept.items() if one is not None})
    go(app, CHECK)
    settle(app, "history")
    if session.work.compared is not None:
        settle(app, "compared")


def counts(app: AppTest) -> list[str]:
    return [one.value for one in app.metric]


def test_a_dispatch_compared_with_the_same_plan_is_equal(written: AppTest) -> None:
    follow(written, "compare-now", CHECK, "Compare and check")
    compare(written)

    assert counts(written) == ["0", "0", "0", "10"]
    assert written.success[0].value == "Both have the same jobs."
    assert len(written.dataframe) == 0

    written.checkbox(key=f"shows-same-{session_of(written).epoch}").check().run()

    assert set(written.dataframe[0].value["Change"]) == {"same"}


def test_changed_parameters_are_named_from_what_to_what(written: AppTest) -> None:
    session = session_of(written)
    session.edit(parameters={"analysis_parameter": {"rate": 1}})
    session.keep_typed(parameters_text='{"analysis_parameter": {"rate": 1}}')
    go(written, JOBS)
    go(written, DELIVER)
    written.text_input(key="target").set_value("one").run()
    press(written, "write")
    settle(written, "write")
    session.edit(parameters={"analysis_parameter": {"rate": 2}})
    session.keep_typed(parameters_text='{"analysis_parameter": {"rate": 2}}')
    root = Path(str(session.work.write.result.folder.target)).parent  # type: ignore[union-attr]

    compare(written, str(record_of(root, "one")), "plan")

    assert counts(written) == ["0", "0", "10", "0"]
    table = written.dataframe[0].value
    assert set(table["What"]) == {"parameters"}


def test_a_zip_of_others_is_compared_with_a_dispatch(written: AppTest, root: Path) -> None:
    compare(written, str(record_of(root)), "")
    content = zip_of({"0/a.json": document(), "1/b.json": document("a1"), "notes.txt": "x"})

    upload(written, "compare_new", "theirs.zip", content)
    settle(written, "compared")

    assert counts(written) == ["2", "10", "0", "0"]
    assert "theirs.zip has 1 item that cannot be read as a job, first notes.txt" in texts(written)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 broken", b"{}", b'{"record": 2'])
def test_an_upload_that_is_not_a_dispatch_is_an_error(
    content: bytes, written: AppTest, root: Path
) -> None:
    compare(written, str(record_of(root)), "")

    upload(written, "compare_new", "wrong.zip", content)
    settle(written, "compared")

    assert not written.exception
    assert "wrong.zip" in written.error[0].value.replace("\\", "")
    assert counts(written) == []
    assert list(buttons(written)) == ["compared-again"]


def test_a_plan_that_is_not_made_yet_stays_chosen_with_a_link(written: AppTest) -> None:
    session_of(written).edit(query={"name": "another"})

    compare(written, "", "plan")

    menu = written.selectbox(key=f"compare_new-{session_of(written).epoch}")
    assert menu.options[menu.index or 0] == "the current plan (not made yet)"
    assert "The current request has no plan yet." in texts(written)
    assert [one.proto.label for one in written.main.get("page_link")] == ["See what is missing"]


def test_pages_of_the_library_keep_their_choices_over_a_reload(written: AppTest) -> None:
    follow(written, "compare-now", CHECK, "Compare and check")
    compare(written)
    session_of(written).reload_editors()

    written.run()
    compare(written)

    assert counts(written) == ["0", "0", "0", "10"]


# Check


def check(app: AppTest) -> None:
    settle(app, "history")
    if session_of(app).work.checked is not None:
        settle(app, "checked")


def test_a_clean_folder_has_no_fault(written: AppTest) -> None:
    follow(written, "check-folder", CHECK, "Compare and check")
    check(written)

    assert written.success[0].value == "No fault: 10 jobs in 10 workers."


def test_faults_are_shown_first_and_a_second_visit_sees_what_was_corrected(
    written: AppTest, root: Path
) -> None:
    fill_folder(root / "mine", {"0/stray.txt": b"x", "1/half.json": b"{"})
    follow(written, "check-folder", CHECK, "Compare and check")
    check(written)
    assert written.error[0].value == "3 faults in 10 jobs, 10 workers."
    assert {"0/stray.txt", "1/half.json"} <= set(written.dataframe[1].value["Where"])

    (root / "mine" / "0" / "stray.txt").unlink()
    (root / "mine" / "1" / "half.json").unlink()
    open_history(written)
    go(written, CHECK)
    check(written)

    assert written.success[0].value == "No fault: 10 jobs in 10 workers."


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "0/**b**.json", "C:\\x.json"])
def test_a_hostile_zip_is_read_and_nothing_is_written(path: str, app: AppTest, root: Path) -> None:
    session_of(app).keep_view(library_view="Check")
    go(app, CHECK)
    settle(app, "history")

    upload(app, "checked_place", "theirs.zip", zip_of({path: "{}", "0/a.json": document()}))
    check(app)

    assert not app.exception
    assert "fault" in app.error[0].value
    assert not root.exists()


# Run it, on the page Deliver


def run_on(app: AppTest, engine: str, command: str) -> None:
    epoch = session_of(app).epoch
    app.selectbox(key=f"engine-{epoch}").set_value(engine).run()
    app.text_input(key=f"command-{epoch}").set_value(command).run()


def test_what_starts_the_jobs_is_shown_with_the_files_and_what_runs_the_failed_ones(
    app: AppTest,
) -> None:
    find(app)
    go(app, DELIVER)
    app.text_input(key="target").set_value("mine").run()

    run_on(app, "slurm", "python analyze.py {job}")

    files = [one.proto.label for one in app.get("download_button")]
    assert files[:2] == ["Download mine\\.slurm\\.sh", "Download mine\\.run\\_worker\\.py"]
    lines = [one.value for one in app.main.code]
    assert lines[0].splitlines() == ["unzip -n mine.zip -d mine", "sbatch mine.slurm.sh"]
    assert "--array" in lines[1]
    assert lines[2] == "job-dispatch status mine"


@pytest.mark.parametrize(
    ("engine", "command", "words"),
    [
        ("", "python 'x", "Command for one job: no closing quotation: python 'x."),
        ("slurm", "'", "Command for one job: no closing quotation: '."),
        ("aws-batch", "run {job}", "Where the worker folder is copied to: it is needed for AWS"),
    ],
)
def test_what_cannot_run_is_an_error_in_the_words_of_the_page(
    engine: str, command: str, words: str, app: AppTest
) -> None:
    find(app)
    go(app, DELIVER)

    run_on(app, engine, command)

    assert words in texts(app)
    assert "--" not in app.error[0].value.replace("\\", "")


def test_a_pipeline_of_code_ocean_gives_the_command_that_starts_it(app: AppTest) -> None:
    find(app)
    go(app, DELIVER)
    app.text_input(key="target").set_value("mine").run()
    app.selectbox(key=f"engine-{session_of(app).epoch}").set_value("codeocean").run()

    app.text_input(key=f"pipeline-{session_of(app).epoch}").set_value("1234-ab").run()

    lines = [one.value for one in app.main.code]
    assert "job-dispatch handover codeocean mine --pipeline=1234-ab --wait" in lines
