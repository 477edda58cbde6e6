"""`history`: the records below a folder, newest first, and what is there of each dispatch."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.earlier import head
from dispatch_core.earlier.history import HistoryRow, Runs, read_history, read_ledger, read_names
from dispatch_core.errors import InvalidInput
from dispatch_core.output.deliver import deliver
from dispatch_core.output.target import Target
from tests.support.dispatches import planned

SUFFIX = ".dispatch.json"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one dispatch, ``one``."""
    planned().write(tmp_path / "one")
    return tmp_path


def change_record(file: Path, **keys: Any) -> None:
    """Write a record again, as json writes it, with other values; None removes a key."""
    record = {**json.loads(file.read_bytes()), **keys}
    record = {key: value for key, value in record.items() if value is not None}
    file.write_text(json.dumps(record))


def only(root: Path) -> HistoryRow:
    """The one row."""
    [row] = read_history(root)
    return row


def test_a_row_says_when_who_what_and_how_much(tmp_path: Path) -> None:
    made = planned(excluded=["r-a1"])
    deliver(made._planned, Target(tmp_path / "one"), dispatched_by="Ada")
    change_record(tmp_path / f"one{SUFFIX}", dispatched_at="2026-11-02T08:00:00+01:00")

    row = only(tmp_path)

    assert row == HistoryRow(
        path=tmp_path / f"one{SUFFIX}",
        name="one",
        problem="",
        at="2026-11-02T07:00:00+00:00",
        who="Ada",
        source="records in memory",
        buckets="buckets in memory",
        query="{}",
        equation="2 assets matched, 1 usable -> 2 files x 2 parameter sets = 4 jobs -> 4 workers"
        " (1 job each); 1 excluded",
        status="written",
        fingerprint=made.fingerprint,
        jobs=4,
        workers=4,
        folder="there",
        runs=None,
    )


def test_rows_are_newest_first_and_from_one_folder_deeper_too(tmp_path: Path) -> None:
    for day, name in ((3, "c"), (1, "a"), (2, "deeper/b"), (4, "much/too/deep")):
        planned().write(tmp_path / name)
        at = f"2026-11-0{day}T00:00:00+00:00"
        change_record(tmp_path / f"{name}{SUFFIX}", dispatched_at=at)

    rows = read_history(tmp_path)

    assert [row.name for row in rows] == ["c", "b", "a"]


def test_only_the_head_of_a_record_is_parsed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = root / f"one{SUFFIX}"
    text = file.read_text()
    before = only(root)
    file.write_text(text.replace('"r-a0": "a0"', '"r-a0": not JSON'))

    row = only(root)

    assert row == before
    assert row.problem == ""


@pytest.mark.parametrize("piece", [64, 1_000, 1 << 16])
def test_a_head_longer_than_one_piece_is_read(
    piece: int, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = only(root)
    monkeypatch.setattr(head, "_PIECE", piece)

    row = only(root)

    assert row == before


def test_the_rows_of_the_ledger_are_not_parsed(tmp_path: Path) -> None:
    planned(excluded=["r-a1"]).write(tmp_path / "one")
    file = tmp_path / f"one{SUFFIX}"
    file.write_text(file.read_text().replace('"stage": "assets"', '"stage": not JSON'))

    row = only(tmp_path)

    assert (row.problem, row.jobs, row.folder) == ("", 4, "there")


def test_a_query_that_looks_like_the_end_of_the_head_is_part_of_the_query(tmp_path: Path) -> None:
    odd = '\n  "assets": {\n  "jobs": [\n  ],'
    planned(asset_ids=["a0", odd]).write(tmp_path / "one")

    row = only(tmp_path)

    assert (row.problem, row.query, row.folder) == ("", "2 ids", "there")


def test_a_record_that_was_formatted_again_is_read_as_a_whole(root: Path) -> None:
    before = only(root)
    file = root / f"one{SUFFIX}"
    for options in ({}, {"indent": 2}, {"indent": 4}, {"sort_keys": True, "indent": 2}):
        file.write_text(json.dumps(json.loads(file.read_bytes()), **options))  # type: ignore[arg-type]

        assert only(root) == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("nothing", "there"),
        ("the folder is removed", "gone"),
        ("a file is in its place", "gone"),
        ("a job is removed", "changed"),
        ("a job is added", "changed"),
        ("a job is renamed", "changed"),
        ("a job is in another worker", "there"),
        ("a worker is removed", "changed"),
    ],
)
def test_what_is_left_of_the_folder_is_said(change: str, expected: str, root: Path) -> None:
    folder = root / "one"
    job = next((folder / "0").iterdir())
    match change:
        case "the folder is removed" | "a file is in its place":
            shutil.rmtree(folder)
            if "file" in change:
                folder.write_text("mine")
        case "a job is removed":
            job.unlink()
        case "a job is added":
            shutil.copy(job, folder / "1" / "more.json")
        case "a job is renamed":
            job.rename(job.with_name("other.json"))
        case "a job is in another worker":
            job.rename(folder / "1" / job.name)
        case "a worker is removed":
            shutil.rmtree(folder / "1")

    row = only(root)

    assert row.folder == expected


def test_a_marked_dispatch_without_jobs_is_there(tmp_path: Path) -> None:
    planned().write(tmp_path / "one")
    shutil.rmtree(tmp_path / "one")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "no_new_jobs").touch()
    change_record(tmp_path / f"one{SUFFIX}", status="marked", worker_sizes=[], jobs=[])

    row = only(tmp_path)

    assert (row.status, row.folder, row.jobs) == ("marked", "there", 0)


def test_the_marks_of_runs_are_counted_by_job(root: Path) -> None:
    names = sorted(file.stem for file in (root / "one").glob("*/*.json"))
    results = root / "one.results"
    results.mkdir()
    for mark in (
        *(f"{names[0]}.done", f"{names[1]}.done", f"{names[1]}.failed", f"{names[2]}.failed"),
        *(f"{names[0]}.running", f"{names[3]}.running", f"{names[3]}.failed"),
        *("other.done", "other.failed", "other.running", f"{names[4]}.log", names[5]),
    ):
        (results / mark).touch()

    row = only(root)

    assert row.runs == Runs(done=2, failed=1, not_started=2, unfinished=1)
    assert str(row.runs) == "2 done, 1 failed, 1 running or interrupted, 2 not started"


def test_runs_are_known_when_the_folder_is_gone(root: Path) -> None:
    shutil.rmtree(root / "one")
    (root / "one.results").mkdir()

    row = only(root)

    assert (row.folder, row.runs) == ("gone", Runs(0, 0, 6))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it cannot be read: it is empty"),
        (b"{", "it cannot be read: the text ends too early"),
        (b"[]", "it cannot be read: it is not the record of a dispatch"),
        (b'{"record": true, "request": {}}', "it cannot be read: it is not the record"),
        (b'{"record": 2}', "it cannot be read: it is not the record"),
        (b"PK\x05\x06" + bytes(18), "it cannot be read: this is a ZIP archive"),
        (b'{\n  "record": 2,\n  "assets": {', "it cannot be read: it is not the record"),
        (b'{\n  "record": 2' + b" " * 200_000, "it cannot be read: the text ends too early"),
        (b'{"record": 3, "request": {}}', "it is from a later version (record 3"),
        (b'{"record": 0, "request": {}}', "record 0 is not a version"),
        (b"[" * 100_000, "it cannot be read: it is nested more than 100 levels deep"),
        (b"\xff" * 100, "it cannot be read: byte 1 is not"),
    ],
)
def test_what_cannot_be_opened_is_a_row_with_the_reason(
    content: bytes, words: str, root: Path
) -> None:
    (root / f"odd{SUFFIX}").write_bytes(content)

    rows = {row.name: row for row in read_history(root)}

    assert rows["odd"].problem.startswith(words)
    assert rows["odd"].at
    assert rows["one"].problem == ""


@pytest.mark.parametrize(
    "keys",
    [
        {"dispatched_at": value}
        for value in (None, 5, "yesterday", "0001-01-01T00:00:00+14:00", "2026-11-02")
    ]
    + [{"equation": value} for value in (None, [], {"jobs": "many"}, {"jobs": 10**400})]
    + [{"worker_sizes": value} for value in (None, {}, [-1], ["a"], [True], [10**400])]
    + [{key: [["deep"]]} for key in ("dispatched_by", "source", "status", "fingerprint")]
    + [{"request": value} for value in ({}, {"query": 1}, {"asset_rows": 3})]
    + [{"jobs": value} for value in (None, {}, [None], [[]], [[5]], [["x"]])],
)
def test_values_of_another_kind_are_empty_and_never_an_error(
    keys: dict[str, Any], root: Path
) -> None:
    change_record(root / f"one{SUFFIX}", **keys)

    row = only(root)

    assert row.name == "one"
    assert json.loads(json.dumps(row.to_json()))["path"] == str(row.path)


def test_a_record_that_does_not_say_its_workers_says_nothing_of_the_folder(root: Path) -> None:
    change_record(root / f"one{SUFFIX}", record=3, worker_sizes=None)

    row = only(root)

    assert row.problem.startswith("it is from a later version")
    assert (row.folder, row.fingerprint != "") == ("unknown", True)


def test_text_of_a_record_is_one_short_line_without_escape_codes(root: Path) -> None:
    change_record(root / f"one{SUFFIX}", dispatched_by="a\nb\x1b[31m\u202e", source="x" * 9_000)

    row = only(root)

    assert row.who == "a\\nb\\x1b[31m\\u202e"
    assert len(row.source) < 1_000


def test_links_pipes_and_folders_with_the_name_of_a_record_are_rows(root: Path) -> None:
    (root / f"link{SUFFIX}").symlink_to(f"one{SUFFIX}")
    (root / f"folder{SUFFIX}").mkdir()
    os.mkfifo(root / f"pipe{SUFFIX}")
    (root / "loop").symlink_to(".")

    rows = {row.path.relative_to(root): row.problem for row in read_history(root)}

    assert rows.pop(Path(f"one{SUFFIX}")) == ""
    assert len(rows) == 3
    assert all(problem.startswith("it cannot be read: ") for problem in rows.values())


def test_a_record_of_an_earlier_version_is_compared_by_its_number_of_jobs(root: Path) -> None:
    change_record(root / f"one{SUFFIX}", record=1, jobs=None, assets=None)
    before = only(root)
    next((root / "one" / "0").iterdir()).unlink()

    row = only(root)

    assert (before.problem, before.folder, row.folder) == ("", "there", "changed")


def test_a_root_that_is_not_a_folder_is_an_error(root: Path) -> None:
    for path, words in ((root / "absent", "it does not exist"), (root / f"one{SUFFIX}", "Not a")):
        with pytest.raises(InvalidInput, match=words):
            read_history(path)


def test_a_record_without_a_name_is_not_a_dispatch(root: Path) -> None:
    (root / SUFFIX).write_text('{"record": 2, "request": {}}')

    assert [row.name for row in read_history(root)] == ["one"]


def test_folders_are_not_listed_unless_asked(root: Path) -> None:
    (root / "one" / "0" / "extra.json").write_text("{}")

    [quick], [whole] = read_history(root, looks_inside=False), read_history(root)

    assert (quick.folder, whole.folder) == ("unknown", "changed")


def test_the_exclusions_of_a_record_are_counted_by_reason(tmp_path: Path) -> None:
    planned(excluded=["r-a1"]).write(tmp_path / "one")

    assert [row[:3] for row in read_ledger(tmp_path / f"one{SUFFIX}")] == [(1, "assets", "by hand")]


@pytest.mark.parametrize(
    "rows", [None, 5, "text", [1, None, []], [{"stage": [], "reason": {}, "action": 3}]]
)
def test_exclusions_of_another_kind_are_never_an_error(root: Path, rows: object) -> None:
    change_record(root / f"one{SUFFIX}", exclusions=rows)

    assert {row[1:] for row in read_ledger(root / f"one{SUFFIX}")} <= {("", "", "")}


def test_a_file_that_is_not_a_record_has_no_exclusions_and_no_names(tmp_path: Path) -> None:
    for number, text in enumerate(["", "{", "[]", '{\n  "record": 2', "PK\x03\x04"]):
        file = tmp_path / f"{number}{SUFFIX}"
        file.write_text(text)

        assert (read_ledger(file), read_names(file)) == ((), None)
