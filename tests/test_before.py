"""Only what no earlier dispatch has, and only the jobs that are named."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import dispatch_core as dispatch
from dispatch_core.api import Plan
from dispatch_core.dispatch import require_jobs
from dispatch_core.earlier.before import BeforeCount, count_before, read_before, stamp_of
from dispatch_core.errors import InvalidInput, NothingFound, ServiceError
from dispatch_core.text.job_names import job_name, read_job_names
from tests.fakes import Buckets, Records, record
from tests.support.results import FRAME, result

SETS = {"distributed_parameters": [{"a": 1}, {"a": 2}]}


def planned(*names: str, **options: Any) -> Plan:
    """A job for each asset, named in `names`."""
    source = Records([record(name, subject=name[0]) for name in names])
    buckets = Buckets({"data": [f"{name}/1.nwb" for name in names]})
    query = {"location": {"$exists": True}}
    return dispatch.plan(query, source=source, buckets=buckets, **options)


def assets_of(plan: Plan) -> list[str]:
    return [" ".join(job.asset_names) for job in plan.jobs]


def messages(plan: Plan, reason: str) -> list[str]:
    return [row.message for row in plan.ledger if row.reason == reason]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the dispatch of the assets a0 and a1."""
    planned("a0", "a1").write(tmp_path / "root" / "monday")
    return tmp_path / "root"


@pytest.mark.parametrize("path", ["", "monday", "monday.dispatch.json"])
def test_jobs_of_an_earlier_dispatch_are_excluded(root: Path, path: str) -> None:
    plan = planned("a0", "a1", "a2", not_in=root / path)

    assert assets_of(plan) == ["a2"]
    assert plan.equation.dispatched_before == 2
    assert "3 inputs x 1 parameter set - 2 dispatched before = 1 job" in str(plan.equation)
    assert [(row.stage, row.name) for row in plan.ledger] == [("before", "a0"), ("before", "a1")]


def test_the_ledger_says_which_dispatch_has_a_job_and_when(root: Path) -> None:
    record_file = root / "monday.dispatch.json"
    text = json.dumps({**json.loads(record_file.read_text()), "dispatched_at": "2026-11-01T09"})
    record_file.write_text(text)

    plan = planned("a0", not_in=root)

    assert messages(plan, "dispatched_before") == [f"it is in {record_file} of 2026-11-01"]


def test_the_latest_of_several_dispatches_is_named(root: Path) -> None:
    planned("a0").write(root / "sunday")
    for name, day in (("monday", "02"), ("sunday", "01")):
        file = root / f"{name}.dispatch.json"
        file.write_text(
            json.dumps({**json.loads(file.read_text()), "dispatched_at": f"2026-11-{day}"})
        )

    plan = planned("a0", "a1", not_in=root)

    assert ["monday" in text for text in messages(plan, "dispatched_before")] == [True, True]


def test_only_the_part_of_an_earlier_dispatch_is_excluded_that_is_planned(root: Path) -> None:
    plan = planned("a1", "a2", parameters=SETS, not_in=root)

    assert assets_of(plan) == ["a1", "a1", "a2", "a2"]  # other parameters, so other jobs


def test_several_paths_of_each_kind_are_read_together(root: Path, tmp_path: Path) -> None:
    planned("a2").write_zip(tmp_path / "two.zip")
    planned("a3").write(tmp_path / "three")

    paths = [root, str(tmp_path / "two.zip"), tmp_path / "three"]
    plan = planned("a0", "a2", "a3", "a4", not_in=paths)

    assert assets_of(plan) == ["a4"]


def test_a_job_under_another_name_is_found_by_its_work(tmp_path: Path) -> None:
    foreign = {"s3_location": ["s3://data/a0/"], "file_location": ["s3://data/a0/1.nwb"]}
    file = tmp_path / "theirs" / "0" / "any.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({**foreign, "distributed_parameters": {"a": 1.0}}))

    plan = planned("a0", "a1", file_extension=".nwb", parameters=SETS, not_in=tmp_path / "theirs")

    assert plan.equation.dispatched_before == 1
    assert [job.parameters for job in plan.jobs] == [{"a": 2}, {"a": 1}, {"a": 2}]
    (text,) = messages(plan, "dispatched_before")
    assert text == f"it is in {tmp_path / 'theirs'}, under another name"


def test_a_group_is_another_job_if_an_asset_joins_it(tmp_path: Path) -> None:
    planned("a0", "b0", group_by="subject").write(tmp_path / "out")

    plan = planned("a0", "a1", "b0", group_by="subject", not_in=tmp_path / "out")

    assert assets_of(plan) == ["a0 a1"]


def test_a_record_of_other_assets_excludes_nothing(root: Path) -> None:
    plan = planned("b0", not_in=root)

    assert (assets_of(plan), plan.equation.dispatched_before) == (["b0"], 0)


def test_the_cap_takes_the_next_jobs(root: Path) -> None:
    plan = planned("a0", "a1", "a2", "a3", not_in=root, max_number_of_tasks_dispatched=1)

    assert assets_of(plan) == ["a2"]
    assert "- 2 dispatched before - 1 over the cap = 1 job" in str(plan.equation)


def test_every_job_dispatched_before_is_a_clear_stop(root: Path) -> None:
    plan = planned("a0", "a1", not_in=root)

    with pytest.raises(NothingFound, match=r"every job was dispatched before \(2 jobs\)"):
        require_jobs(plan._planned)


def test_a_job_both_dispatched_before_and_processed_is_excluded_once(tmp_path: Path) -> None:
    source = Records([record("a0"), record("a1"), record("a2")])
    results = Records([result("s3://data/a0"), result("s3://data/a1")])
    planned("a0").write(tmp_path / "out")
    request = dispatch.make_request(
        query={}, not_in=[str(tmp_path / "out")], skip_processed="exact", analysis_code=FRAME
    )

    plan = dispatch.plan_dispatch(request, source, Buckets(), results=results)

    assert "- 1 dispatched before - 1 already processed = 1 job" in str(plan.equation)
    assert plan.processed is not None
    assert plan.processed.summary(2) == "1 done; 1 new (by wrapper, version 3.0)"


def test_every_job_dispatched_before_or_processed_is_one_message(tmp_path: Path) -> None:
    source = Records([record("a0"), record("a1")])
    results = Records([result("s3://data/a1")])
    planned("a0").write(tmp_path / "out")
    request = dispatch.make_request(
        query={}, not_in=[str(tmp_path / "out")], skip_processed="exact", analysis_code=FRAME
    )
    plan = dispatch.plan_dispatch(request, source, Buckets(), results=results)

    with pytest.raises(NothingFound) as caught:
        require_jobs(plan)

    (issue,) = caught.value.issues
    what = "every job was dispatched before (1 job) or is already processed (1 job)"
    assert (issue.where, issue.what) == ("not_in, skip_processed", what)
    assert issue.action.startswith(f"Nothing was written. The first, a0: it is in {tmp_path}")


def test_a_failed_listing_is_not_taken_for_nothing_new(root: Path) -> None:
    source = Records([record("a0"), record("a1"), record("a2")])
    buckets = Buckets({"data": ["a0/1.nwb", "a1/1.nwb", "a2/1.nwb"]}, denied=["data/a2"])
    options: dict[str, Any] = {"source": source, "buckets": buckets, "file_extension": ".nwb"}
    planned("a0", "a1", file_extension=".nwb").write(root / "files")

    plan = dispatch.plan({}, not_in=root, **options)

    with pytest.raises(ServiceError, match="2 dispatched_before, 1 access_denied"):
        require_jobs(plan._planned)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "it does not exist"),
        (lambda path: path.write_text("hello"), "this is not a JSON value"),
        (lambda path: path.write_text('{"record": 1, "request": {}}'), "from an older version"),
        (lambda path: (path / "2026" / "11" / "x").mkdir(parents=True), "but 2026"),
        (lambda path: [path.mkdir(), (path / "notes.json").write_text("{}")], "1 other item"),
        (lambda path: [path.mkdir(), (path / "data.zip").write_text("cut")], "data.zip"),
        (
            lambda path: [path.mkdir(), (path / "x.dispatch.json").write_text("{")],
            "line 1, column 2",
        ),
    ],
    ids=["absent", "text", "old record", "deep", "no job", "damaged zip", "damaged record"],
)
def test_a_path_without_a_dispatch_is_an_error_before_anything_is_found(
    make: Any, words: str, tmp_path: Path
) -> None:
    source = Records([record("a0")])
    make(tmp_path / "place")

    with pytest.raises(InvalidInput, match=words) as caught:
        dispatch.plan({}, source=source, buckets="demo", not_in=tmp_path / "place")

    assert source.pages == 0
    assert all(issue.where.startswith("not_in ") for issue in caught.value.issues)


def test_every_wrong_path_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_before([str(tmp_path / "one"), str(tmp_path / "two")])

    assert [issue.where for issue in caught.value.issues] == [
        f"--not_in {tmp_path / 'one'}",
        f"--not_in {tmp_path / 'two'}",
    ]


def test_a_job_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "two.zip"
    planned("a0", "a1").write_zip(file)
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1  # the flag of an encrypted entry
    file.write_bytes(content)

    with pytest.raises(InvalidInput, match=r"1 file cannot be read, the first: .*encrypted"):
        read_before([str(file)])


def test_a_folder_before_its_first_dispatch_may_have_logs(tmp_path: Path) -> None:
    (tmp_path / "cron.log").write_text("started")
    (tmp_path / ".hidden.json").write_text("{}")
    (tmp_path / "saved.request.json").write_text("{}")

    plan = planned("a0", not_in=tmp_path)

    assert assets_of(plan) == ["a0"]
    assert plan.warnings == (
        f"not_in: {tmp_path} contains no dispatch yet: no job counts as dispatched before",
    )


def test_a_json_file_beside_records_and_zips_hides_none_of_them(root: Path) -> None:
    planned("a2").write_zip(root / "two.zip")
    (root / "ledger.json").write_text("[]")

    plan = planned("a0", "a2", "a3", not_in=root)

    assert assets_of(plan) == ["a3"]


def test_dispatches_one_folder_deeper_are_read_and_results_are_not(root: Path) -> None:
    planned("a2").write(root / "2026" / "november")
    (root / "monday.results" / "0").mkdir(parents=True)
    (root / "monday.results" / "0" / "x.json").write_text('{"s3_location": ["s3://data/a3"]}')

    plan = planned("a0", "a2", "a3", not_in=root)

    assert assets_of(plan) == ["a3"]


def test_what_is_not_a_job_in_an_earlier_dispatch_is_a_warning(root: Path) -> None:
    (root / "monday" / "0" / "notes.txt").write_text("mine")

    plan = planned("a0", "a2", not_in=root / "monday")

    assert plan.warnings == (f"not_in: {root / 'monday'} has 1 item that cannot be read as a job",)


def test_jobs_of_an_unfinished_write_do_not_count(root: Path) -> None:
    worker = root / "monday" / "1"
    (root / "monday" / ".dispatch.tmp-1").mkdir()
    worker.rename(root / "monday" / ".dispatch.tmp-1" / "1")

    plan = planned("a0", "a1", not_in=root / "monday")

    assert assets_of(plan) == ["a1"]


def test_outputs_in_the_folder_are_not_earlier_dispatches(root: Path) -> None:
    planned("a2").write(root / "tuesday")
    planned("a3").write(root / "tuesday.replaced-1")

    before = read_before([str(root)], [root / "tuesday"])

    names = {job.name for job in planned("a0", "a1")._planned.jobs}
    assert set(before.names) == names
    assert before.notes == (
        f"not_in: {root / 'tuesday.dispatch.json'} is this dispatch itself, so its jobs do "
        "not count as dispatched before",
    )


def test_a_record_that_is_repeated_and_what_was_moved_aside_for_it_do_not_count(root: Path) -> None:
    planned("a2").write(root / "tuesday")
    planned("a3").write(root / "tuesday.replaced-2")

    before = read_before([str(root)], [root / "tuesday.dispatch.json"])

    assert before.dispatches == 1


@pytest.mark.parametrize("path", ["monday", "monday.dispatch.json", "new", "link"])
def test_an_output_that_is_named_itself_is_an_error(root: Path, path: str) -> None:
    (root / "new").mkdir()
    (root / "link").symlink_to("monday")

    with pytest.raises(InvalidInput, match="it is the output of this dispatch"):
        read_before([str(root / path)], [root / "monday", root / "new"])


def test_what_was_moved_aside_counts_if_it_is_named_itself(root: Path) -> None:
    planned("a3").write(root / "monday.replaced-1")

    before = read_before([str(root / "monday.replaced-1")], [root / "monday"])

    assert len(before.names) == 1


@pytest.mark.parametrize("path", ["/etc", "..", "out/../..", "link", "way/monday.dispatch.json"])
def test_a_path_outside_the_root_is_refused_unread(root: Path, path: str) -> None:
    outside = root.parent / "outside"
    planned("a5").write(outside / "monday")
    (root / "link").symlink_to(outside)
    (root / "way").symlink_to(outside)

    with pytest.raises(InvalidInput, match="it is not in the folder into which the app writes"):
        read_before([str(root / path)], root=root)


def test_a_link_in_a_folder_below_the_root_is_refused(root: Path) -> None:
    outside = root.parent / "outside"
    planned("a5").write(outside / "monday")
    (root / "inside").mkdir()
    (root / "inside" / "tuesday").symlink_to(outside / "monday")

    with pytest.raises(InvalidInput, match="tuesday: it is not in the folder"):
        read_before([str(root / "inside")], root=root)


def test_a_path_below_the_root_is_read(root: Path) -> None:
    before = read_before([str(root), str(root / "monday")], root=root)

    assert (before.dispatches, len(before.names)) == (2, 2)


def test_only_the_named_jobs_are_dispatched(root: Path) -> None:
    every = [job.name for job in planned("a0", "a1", "a2")._planned.jobs]

    plan = planned("a0", "a1", "a2", only_jobs=[f"7/{every[1]}.json", f"{every[2]}.failed"])

    assert assets_of(plan) == ["a1", "a2"]
    assert [path.partition("/")[0] for path, _ in plan.files()] == ["0", "1"]
    assert "3 inputs x 1 parameter set - 1 not chosen = 2 jobs" in str(plan.equation)
    assert messages(plan, "not_chosen") == [f"it is not among the chosen jobs ({every[0]})"]


def test_named_jobs_that_were_dispatched_before_are_excluded_after_the_others(root: Path) -> None:
    every = [job.name for job in planned("a0", "a1", "a2")._planned.jobs]

    plan = planned("a0", "a1", "a2", only_jobs=every[1:], not_in=root)

    assert assets_of(plan) == ["a2"]
    assert "- 1 not chosen - 1 dispatched before = 1 job" in str(plan.equation)


def test_a_name_that_no_job_has_is_a_warning_with_the_nearest_one() -> None:
    (name,) = (job.name for job in planned("a0")._planned.jobs)
    wrong = name[:-1] + ("0" if name[-1] != "0" else "1")

    plan = planned("a0", only_jobs=[name, wrong, "x" * 36])

    assert plan.warnings == (
        f"only_jobs has 2 names that no job of this plan has: '{wrong}' (nearest: {name}), "
        f"'{'x' * 36}'",
    )


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], r"none of 2 jobs has a name in only_jobs \(0 names\)"),
        (["x"], r"none of 2 jobs has a name in only_jobs \(1 name\)"),
    ],
)
def test_only_jobs_without_a_match_is_a_clear_stop(names: list[str], words: str) -> None:
    plan = planned("a0", "a1", only_jobs=names)

    with pytest.raises(NothingFound, match=words):
        require_jobs(plan._planned)


def test_only_jobs_of_no_name_stays_so_in_a_saved_request() -> None:
    request = planned("a0", only_jobs=[]).request

    assert dispatch.load_request(request.to_json()).only_jobs == ()


NAME = "0a1b2c3d-0000-5000-8000-00000000abcd"


@pytest.mark.parametrize(
    "entry",
    [
        NAME,
        f" {NAME.upper()}\t",
        f"{NAME}.json",
        f"3/{NAME}.json",
        f"C:\\out\\3\\{NAME}.json",
        f"/results/some-uuid/{NAME}.failed",
        f"{NAME}.done",
        f"{NAME}.json.failed",
        f"out.results/{NAME}/",
    ],
)
def test_a_job_is_named_by_its_name_its_file_or_its_mark(entry: str) -> None:
    assert job_name(entry) == NAME


@pytest.mark.parametrize(
    "data",
    [
        f"# failed on monday\n\n3/{NAME}.json  # twice\r\n{NAME}\n".encode(),
        f"\ufeff{NAME}".encode(),
        f"{NAME}\r\n".encode("utf-16"),
        json.dumps([f"{NAME}.failed", " "]).encode(),
    ],
    ids=["lines", "BOM", "UTF-16", "JSON"],
)
def test_a_file_of_names_has_one_a_line_or_a_json_list(data: bytes) -> None:
    assert read_job_names(data, "names") == (NAME,)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"jobs": []}', "it is not a list of the names of jobs"),
        (b"[1]", "it is not a list of the names of jobs"),
        (b'["a"', "names, line 1"),
        (b"\xff\xfe\xfd", "is not UTF"),
    ],
)
def test_a_file_that_is_not_a_list_of_names_is_an_error(data: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_job_names(data, "names")


def test_a_notebook_takes_the_path_of_a_file_of_names(tmp_path: Path) -> None:
    (_, second) = (job.name for job in planned("a0", "a1")._planned.jobs)
    (tmp_path / "failed.txt").write_text(f"{second}.failed\n")

    plan = planned("a0", "a1", only_jobs=tmp_path / "failed.txt")

    assert assets_of(plan) == ["a1"]


def test_wrong_values_are_reported_in_the_words_of_the_options() -> None:
    with pytest.raises(InvalidInput) as caught:
        dispatch.plan({}, source="demo", not_in=[1], only_jobs={"a": 1})

    assert [str(issue) for issue in caught.value.issues] == [
        'not_in: 1 is not the path of an earlier dispatch. Give a list such as ["dispatches"].',
        "only_jobs: {'a': 1} is not a list of job names. Give the names of jobs as text.",
    ]


def test_a_zip_that_holds_no_job_is_an_error_if_it_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "mine")

    with pytest.raises(InvalidInput, match="it has no job, but 1 other item"):
        read_before([str(tmp_path / "other.zip")])


def test_jobs_are_counted_before_they_are_excluded(root: Path) -> None:
    counted = count_before(planned("a0", "a1", "a2")._planned.jobs, root)

    assert counted == BeforeCount(jobs=2, dispatches=1)


def test_a_count_that_takes_too_long_is_an_error_that_says_what_to_do(root: Path) -> None:
    with pytest.raises(InvalidInput, match="1 dispatches cannot be read within -1 s") as caught:
        count_before([], root, seconds=-1)

    assert caught.value.issues[0].action.startswith("Exclude their jobs without a count")


def test_names_are_read_without_the_jobs_of_a_record_and_in_any_layout(root: Path) -> None:
    quick = read_before([str(root)])
    record_file = root / "monday.dispatch.json"
    record_file.write_text(json.dumps(json.loads(record_file.read_text())))

    whole = read_before([str(root)])

    assert (quick.names, quick.dispatches) == (whole.names, 1)
    assert sorted(quick.names) == sorted(job.name for job in planned("a0", "a1")._planned.jobs)


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_record_that_is_cut_off_never_loses_jobs_silently(root: Path, cut: int) -> None:
    record_file = root / "monday.dispatch.json"
    data = record_file.read_bytes()
    record_file.write_bytes(data[:-cut])

    try:
        names = set(read_before([str(root)]).names)
    except InvalidInput:
        names = {job.name for job in planned("a0", "a1")._planned.jobs}

    assert names == {job.name for job in planned("a0", "a1")._planned.jobs}


def test_the_stamp_of_a_folder_changes_with_each_dispatch_in_it(root: Path) -> None:
    before = [stamp_of([str(root)]), stamp_of([str(root)])]

    planned("a2").write(root / "tuesday")

    assert before[0] == before[1] != stamp_of([str(root)])
    assert read_before([str(root)]).stamp == stamp_of([str(root)])
