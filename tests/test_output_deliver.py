"""One delivery for app, command line and notebook: folder, zip, record, and the messages."""

from __future__ import annotations

import errno
import json
import os
import pty
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.dispatch import plan_dispatch
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.head import read_record
from dispatch_core.errors import InvalidInput, NothingFound, WriteFailed
from dispatch_core.output.deliver import deliver
from dispatch_core.output.earlier import check_earlier_ledger, check_earlier_request
from dispatch_core.output.record import record_text
from dispatch_core.output.target import Target, check_separate, check_target
from dispatch_core.request import make_request
from tests.fakes import Buckets, Records, record
from tests.support.file_operations import failing, hooked
from tests.support.world import tree_of


def plan_of(*assets: str, **fields: Any) -> DispatchPlan:
    records = Records([record(name) for name in assets])
    return plan_dispatch(make_request(query={}, **fields), records, Buckets())


PLAN = plan_of("a", "b", "c", num_parallel_workers=2)
OTHER = plan_of("z")
WHOLE = dict(PLAN.files())


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def content_of(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


# What is in place


def test_a_zip_on_standard_output_has_the_bytes_of_the_file_and_follows_the_folder(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(PLAN, Target(archive=tmp_path / "jobs.zip"))
    monkeypatch.chdir(tmp_path)

    with open(1, "w", closefd=False) as output:
        monkeypatch.setattr(sys, "__stdout__", output)
        delivery = deliver(PLAN, Target(tmp_path / "out", "-"))

    assert capfdbinary.readouterr().out == (tmp_path / "jobs.zip").read_bytes()
    assert names(tmp_path) == ["jobs.zip", "out", "out.dispatch.json"]
    assert list(delivery.lines())[1] == "zip written: standard output (3 jobs)"


def test_a_zip_that_standard_output_does_not_take_is_an_error_that_names_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "__stdout__", None)

    with pytest.raises(WriteFailed) as caught:
        deliver(PLAN, Target(tmp_path / "out", "-"))

    first, second = caught.value.issues
    assert first.where == "standard output"
    assert second.what == "the worker folders are written, the zip is not"
    assert tree_of(tmp_path / "out") == WHOLE


def test_a_zip_is_not_written_to_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal, child_side = pty.openpty()

    with open(child_side, "w") as output:
        monkeypatch.setattr(sys, "__stdout__", output)
        with pytest.raises(InvalidInput, match="to a terminal"):
            deliver(PLAN, Target(tmp_path / "out", "-"))

    os.close(terminal)
    assert names(tmp_path) == []


def test_a_folder_a_zip_and_a_record_are_written_together(tmp_path: Path) -> None:
    target = Target(tmp_path / "out", tmp_path / "jobs.zip")

    delivery = deliver(PLAN, target, dispatched_by="Ada")

    assert tree_of(tmp_path / "out") == content_of(tmp_path / "jobs.zip") == WHOLE
    assert list(delivery.lines()) == [
        f"written: {tmp_path}/out (3 jobs in 2 folders)",
        f"zip written: {tmp_path}/jobs.zip (3 jobs)",
        f"record: {tmp_path}/out.dispatch.json",
    ]
    saved = json.loads((tmp_path / "out.dispatch.json").read_text())
    assert (saved["dispatched_by"], saved["status"]) == ("Ada", "written")
    assert names(tmp_path) == ["jobs.zip", "out", "out.dispatch.json"]


def test_a_record_says_where_values_are_from_and_can_be_read_again(tmp_path: Path) -> None:
    origins = {"tasks_per_job": "TASKS_PER_JOB", "parameters": "in/\udcff/x.json"}

    deliver(PLAN, Target(tmp_path / "out"), origins=origins)

    record = read_record(tmp_path / "out.dispatch.json")
    assert record is not None
    assert record["origins"] == {
        "tasks_per_job": "TASKS_PER_JOB",
        "parameters": "in/\\udcff/x.json",
    }


def test_a_zip_alone_has_no_record_unless_one_is_named(tmp_path: Path) -> None:
    first = deliver(PLAN, Target(archive=tmp_path / "a.zip"))
    second = deliver(PLAN, Target(archive=tmp_path / "b.zip", record=tmp_path / "b.json"))

    assert (first.record, first.record_error) == (None, None)
    assert second.record == tmp_path / "b.json"
    assert names(tmp_path) == ["a.zip", "b.json", "b.zip"]


def test_the_record_of_a_confirmed_dispatch_is_kept(tmp_path: Path) -> None:
    deliver(PLAN, Target(tmp_path / "out"), dispatched_by="Ada")

    again = deliver(PLAN, Target(tmp_path / "out"), dispatched_by="Grace")

    assert list(again.lines()) == [
        f"confirmed: {tmp_path}/out (3 jobs in 2 folders)",
        f"record: {tmp_path}/out.dispatch.json (kept: it says who dispatched this, and when)",
    ]
    assert json.loads((tmp_path / "out.dispatch.json").read_text())["dispatched_by"] == "Ada"


def test_the_record_of_another_dispatch_is_not_kept_for_a_confirmed_one(tmp_path: Path) -> None:
    deliver(PLAN, Target(tmp_path / "out"))
    (tmp_path / "out.dispatch.json").write_text(record_text(OTHER, "written"))

    delivery = deliver(PLAN, Target(tmp_path / "out"))

    saved = json.loads((tmp_path / "out.dispatch.json").read_text())
    assert not delivery.is_record_kept
    assert saved["fingerprint"] == PLAN.fingerprint


def test_a_replaced_folder_keeps_its_record(tmp_path: Path) -> None:
    deliver(OTHER, Target(tmp_path / "out"), dispatched_by="Ada")

    delivery = deliver(PLAN, Target(tmp_path / "out", replace=True), dispatched_by="Grace")

    aside = tmp_path / "out.replaced-1"
    assert delivery.folder is not None
    assert delivery.folder.moved_aside == aside
    assert tree_of(aside) == dict(OTHER.files())
    moved = json.loads((tmp_path / "out.replaced-1.dispatch.json").read_text())
    saved = json.loads((tmp_path / "out.dispatch.json").read_text())
    assert (moved["dispatched_by"], saved["dispatched_by"]) == ("Ada", "Grace")


def test_the_working_directory_is_moved_aside_with_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    deliver(OTHER, Target(Path()), dispatched_by="Ada")

    delivery = deliver(PLAN, Target(Path(), replace=True), dispatched_by="Grace")

    moved = json.loads((tmp_path / "out.replaced-1.dispatch.json").read_text())
    saved = json.loads((tmp_path / "out.dispatch.json").read_text())
    assert (moved["dispatched_by"], saved["dispatched_by"]) == ("Ada", "Grace")
    assert saved["fingerprint"] == PLAN.fingerprint
    assert list(delivery.lines()) == [
        f"replaced: {tmp_path}/out (3 jobs in 2 folders); the folder that was there is now "
        f"{tmp_path}/out.replaced-1",
        f"record: {tmp_path}/out.dispatch.json",
    ]


def test_the_line_of_a_zip_says_what_happened_to_it(tmp_path: Path) -> None:
    archive = tmp_path / "jobs.zip"
    runs = [(PLAN, False), (PLAN, False), (OTHER, True)]

    lines = [
        *(line for plan, replace in runs for line in lines_of(plan, archive, replace)),
    ]

    assert lines == [
        f"zip written: {archive} (3 jobs)",
        f"zip confirmed: {archive} (3 jobs)",
        f"zip replaced: {archive} (1 job)",
    ]


def lines_of(plan: DispatchPlan, archive: Path, replace: bool) -> list[str]:
    return list(deliver(plan, Target(archive=archive, replace=replace)).lines())


def test_the_record_of_a_linked_folder_is_beside_the_real_one(tmp_path: Path) -> None:
    (tmp_path / "disk" / "out").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "out")

    delivery = deliver(PLAN, Target(tmp_path / "link"))

    assert delivery.record == tmp_path / "disk" / "out.dispatch.json"
    assert names(tmp_path / "disk") == ["out", "out.dispatch.json"]


def test_progress_counts_the_jobs_of_the_folder(tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []

    deliver(PLAN, Target(tmp_path / "out"), progress=lambda *call: calls.append(call))

    assert calls == [("writing", 3, 3)]


# The record alone fails


def test_a_record_that_cannot_be_written_is_a_value_and_the_jobs_are_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "out.dispatch.json").mkdir()

    delivery = deliver(PLAN, Target(tmp_path / "out"))

    assert tree_of(tmp_path / "out") == WHOLE
    assert delivery.record is None
    assert str(delivery.record_error) == (
        f"{tmp_path}/out.dispatch.json: the jobs are written, but their record is not: "
        "this is a folder, not a file. Solve this problem and dispatch again, which then writes "
        "only the record."
    )


def test_a_disk_that_fills_up_before_the_record_is_a_value_too(tmp_path: Path) -> None:
    deliver(PLAN, Target(tmp_path / "out"))
    (tmp_path / "out.dispatch.json").unlink()

    with hooked(failing(1, errno.ENOSPC), ("write",)):
        delivery = deliver(PLAN, Target(tmp_path / "out"))

    assert "record is not: cannot write the file: no space left" in str(delivery.record_error)
    assert names(tmp_path) == ["out"]


# All or nothing


def test_another_zip_is_refused_before_the_folder_is_written(tmp_path: Path) -> None:
    deliver(OTHER, Target(archive=tmp_path / "jobs.zip"))

    with pytest.raises(InvalidInput, match=r"jobs\.zip: another file is there"):
        deliver(PLAN, Target(tmp_path / "out", tmp_path / "jobs.zip"))

    assert names(tmp_path) == ["jobs.zip"]
    assert content_of(tmp_path / "jobs.zip") == dict(OTHER.files())


def test_a_folder_that_is_refused_leaves_no_zip(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")

    with pytest.raises(InvalidInput, match=r"notes\.txt"):
        deliver(PLAN, Target(tmp_path / "out", tmp_path / "jobs.zip"))

    assert names(tmp_path) == ["out"]


def test_a_zip_that_fails_at_the_end_says_that_the_folder_is_there(tmp_path: Path) -> None:
    with hooked(failing(1, errno.EIO), ("link",)), pytest.raises(WriteFailed) as error:
        deliver(PLAN, Target(tmp_path / "out", tmp_path / "jobs.zip"))

    assert str(error.value) == (
        f"{tmp_path}/jobs.zip: cannot write the file: the disk reported an error. "
        "Check the disk, or choose another file.\n"
        f"{tmp_path}/out: the worker folders are written, the zip is not. "
        "Run again: the folder will be confirmed."
    )
    assert names(tmp_path) == ["out"]


def test_a_plan_without_jobs_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(NothingFound):
        deliver(plan_of(), Target(tmp_path / "out", tmp_path / "jobs.zip"))

    assert names(tmp_path) == []


# Targets


@pytest.mark.parametrize("text", ["{}", "my notes", '{"record": 1}', '{"version": 1}', "[1]"])
def test_a_file_that_is_not_a_record_is_not_overwritten_by_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "out.dispatch.json").write_text(text)

    with pytest.raises(InvalidInput) as error:
        deliver(PLAN, Target(tmp_path / "out"))

    assert str(error.value) == (
        f"{tmp_path}/out.dispatch.json: the record is written here, but the existing file is "
        "not a dispatch record. Move it, choose another path, or use --replace."
    )
    assert names(tmp_path) == ["out.dispatch.json"]
    assert (tmp_path / "out.dispatch.json").read_text() == text


def test_a_file_that_is_not_a_record_is_replaced_on_request(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("my notes")

    deliver(PLAN, Target(tmp_path / "out", record=tmp_path / "mine.json", replace=True))

    saved = read_record(tmp_path / "mine.json")
    assert saved is not None
    assert saved["fingerprint"] == PLAN.fingerprint


@pytest.mark.parametrize("text", ["", record_text(OTHER, "written")])
def test_an_empty_file_and_an_older_record_are_replaced_by_the_record(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "mine.json").write_text(text)

    delivery = deliver(PLAN, Target(tmp_path / "out", record=tmp_path / "mine.json"))

    assert delivery.record == tmp_path / "mine.json"
    assert json.loads((tmp_path / "mine.json").read_text())["fingerprint"] == PLAN.fingerprint


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target(Path("file")), "file: this is a file, not a folder"),
        (Target(Path("pipe")), "pipe: this is a named pipe, not a folder"),
        (Target(Path("file/out")), "is a file, not a folder"),
        (Target(archive=Path("folder")), "folder: this is a folder, not a file"),
        (Target(archive=Path("pipe")), "pipe: this is a named pipe, not a file"),
        (Target(archive=Path("file")), "file: another file is there"),
        (Target(archive=Path("file/jobs.zip")), "is a file, not a folder"),
        (Target(record="folder"), "folder: this is a folder, not a file"),
        (Target(record="file"), "file: the record is written here, but the existing file"),
    ],
)
def test_a_target_of_another_kind_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Target, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").write_text("mine")
    os.mkfifo("pipe")

    with pytest.raises(InvalidInput, match=said):
        check_target(target)

    assert names(tmp_path) == ["file", "folder", "pipe"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize(
    "target",
    [
        Target(Path("locked/out")),
        Target(archive=Path("locked/a/jobs.zip")),
        Target(record="locked/record.json"),
    ],
)
def test_a_folder_without_permission_is_known_before_a_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Target
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("locked").mkdir(mode=0o555)

    with pytest.raises(WriteFailed, match="no permission"):
        check_target(target)


def test_targets_that_can_be_written_pass_and_are_not_made(tmp_path: Path) -> None:
    target = Target(tmp_path / "a" / "out", tmp_path / "b" / "jobs.zip", tmp_path / "record.json")

    check_target(target)

    assert names(tmp_path) == []


def link_to(path: Path, link: Path) -> Path:
    link.symlink_to(path)
    return link


def second_name_of(path: Path, name: Path) -> Path:
    os.link(path, name)
    return name


@pytest.mark.parametrize("name_of", [lambda path, _: path, link_to, second_name_of])
def test_an_output_that_is_an_input_is_refused_under_any_name(tmp_path: Path, name_of: Any) -> None:
    (tmp_path / "in.json").write_text("{}")
    output = name_of(tmp_path / "in.json", tmp_path / "other.json")

    with pytest.raises(InvalidInput, match=r"--ledger: .* is, contains or is inside an input of"):
        check_separate({"--ledger": output}, [tmp_path / "in.json"])


def test_two_outputs_with_one_path_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "out")

    with pytest.raises(InvalidInput, match=r"--zip: .*/link is already the output of --ledger"):
        check_separate({"--ledger": tmp_path / "out", "--zip": tmp_path / "link"}, [])


@pytest.mark.parametrize(("output", "shown"), [("-", "standard output"), ("pipe", "pipe")])
def test_two_outputs_in_one_stream_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, shown: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")

    with pytest.raises(InvalidInput) as error:
        check_separate({"--ledger": output, "--record": output}, [])

    assert str(error.value) == (
        f"--record: {shown} is already the output of --ledger. Choose another path."
    )


def test_the_null_device_may_be_named_twice(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to(os.devnull)

    check_separate({"--ledger": os.devnull, "--record": tmp_path / "null"}, [])

    assert names(tmp_path) == ["null"]


@pytest.mark.parametrize("output", ["data", "data/b/raw.nwb", "data/b/new.zip", ".", "link"])
def test_an_output_may_not_be_in_a_folder_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data/b").mkdir(parents=True)
    Path("data/b/raw.nwb").write_text("precious")
    Path("link").symlink_to("data/b/raw.nwb")

    with pytest.raises(InvalidInput, match="is, contains or is inside an input of this run"):
        check_separate({"--zip": output}, [Path("data")])


def test_a_delivery_does_not_move_its_inputs_aside(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "raw.nwb").write_text("precious")
    target = Target(tmp_path / "data", replace=True, inputs=(tmp_path / "data",))

    with pytest.raises(InvalidInput, match=r"folder: .* is, contains or is inside an input"):
        deliver(PLAN, target)

    assert tree_of(tmp_path) == {"data/raw.nwb": b"precious"}


@pytest.mark.parametrize("root", ["/", "//", "/../"])
def test_the_root_of_the_file_system_is_refused(root: str) -> None:
    with pytest.raises(InvalidInput, match="this is the root of the file system"):
        deliver(PLAN, Target(Path(root)))


LEDGER = "stage,reason,message,action,record_id,name,location\r\n"
LEDGERS = [LEDGER, LEDGER.replace("\r", ""), "[]\n", '[\n  {\n    "stage": "files"\n  }\n]\n', ""]
SAVED = ['{"query": {}}', PLAN.request.to_json(), ""]
OTHERS = ["stage,reason\n", "notes", "{}", "[1]", record_text(OTHER, "written")]


@pytest.mark.parametrize(
    ("check", "text"),
    [
        *((check_earlier_ledger, text) for text in LEDGERS),
        *((check_earlier_request, text) for text in SAVED),
    ],
)
def test_an_earlier_output_may_be_replaced(
    tmp_path: Path, check: Callable[[Path], None], text: str
) -> None:
    (tmp_path / "file").write_bytes(text.encode())

    check(tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == text.encode()


@pytest.mark.parametrize(
    ("check", "said", "texts"),
    [
        (check_earlier_ledger, "not an exclusion ledger", [*OTHERS, SAVED[0]]),
        (check_earlier_request, "not a saved request", [OTHERS[0], *OTHERS[3:], LEDGER]),
    ],
)
def test_a_file_of_another_kind_is_refused(
    tmp_path: Path, check: Callable[[Path], None], said: str, texts: list[str]
) -> None:
    for text in texts:
        (tmp_path / "file").write_text(text)

        with pytest.raises(InvalidInput, match=said):
            check(tmp_path / "file")


@pytest.mark.parametrize("place", ["out/8", "out/0", "out/0/deep/er"])
def test_no_output_goes_among_the_worker_folders_of_another_dispatch(
    tmp_path: Path, place: str
) -> None:
    inside = tmp_path / place
    deliver(PLAN, Target(tmp_path / "out"))
    before = tree_of(tmp_path / "out")

    for target in (
        Target(inside),
        Target(None, inside / "jobs.zip"),
        Target(tmp_path / "other", record=inside / "r.json"),
    ):
        with pytest.raises(InvalidInput, match="is inside the worker folders of the dispatch"):
            deliver(OTHER, target)

    assert tree_of(tmp_path / "out") == before
    assert deliver(OTHER, Target(tmp_path / "beside")).folder is not None
