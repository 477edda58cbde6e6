"""`check`: every fault of a folder or a zip of jobs is reported once, from any program."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.earlier import contents, jobs
from dispatch_core.earlier.check import check_dispatch
from dispatch_core.earlier.faults import Checked
from dispatch_core.errors import InvalidInput
from dispatch_core.output.folder import MARKER
from tests.support.dispatches import document, fill_folder, planned

GOOD = {"0/x.json": document("a0"), "1/y.json": document("a1")}


def faults_of(checked: Checked) -> list[tuple[str, str]]:
    """Kind and path of each fault."""
    return [(fault.kind.value, fault.path) for fault in checked.faults]


@pytest.mark.parametrize(
    "options", [{}, {"job_format": "pipeline"}, {"file_extension": ""}, {"group_by": ["name"]}]
)
def test_what_a_dispatch_writes_is_clean(options: dict[str, Any], tmp_path: Path) -> None:
    made = planned(**options)
    made.write(tmp_path / "out")
    made.write_zip(tmp_path / "out.zip")

    checked = [check_dispatch(tmp_path / name) for name in ("out", "out.zip")]

    assert [one.faults for one in checked] == [(), ()]
    assert [one.notes for one in checked] == [(), ()]
    assert [one.jobs for one in checked] == [len(made.jobs)] * 2
    assert len(checked[0].workers) == made.equation.workers


def test_the_readers_that_accept_the_jobs_are_counted(tmp_path: Path) -> None:
    planned().write(tmp_path / "seed")
    planned(job_format="pipeline").write(tmp_path / "pipeline")
    planned(parameters=None).write(tmp_path / "none")

    accepted = [
        list(check_dispatch(tmp_path / name).readers.values())
        for name in ("seed", "pipeline", "none")
    ]

    assert accepted == [[6, 0], [0, 6], [3, 3]]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"notes.txt": b"mine"}, [("stray", "notes.txt")]),
        ({"z.json": document("a2")}, [("stray", "z.json")]),
        ({"out.dispatch.json": b"{}"}, [("stray", "out.dispatch.json")]),
        ({MARKER: b"content"}, [("stray", MARKER)]),
        ({MARKER: b""}, [("marker", MARKER)]),
        ({"0/notes.txt": b"mine"}, [("stray", "0/notes.txt")]),
        ({"0/z.JSON": document("a2")}, [("stray", "0/z.JSON")]),
        ({"logs/a/b.txt": b"", "logs/c.txt": b""}, [("stray", "logs")]),
        ({"config/a.json": {"a": 1}}, [("stray", "config")]),
        ({".DS_Store": b""}, [("hidden", ".DS_Store")]),
        ({".git/a/b": b"", ".git/c": b""}, [("hidden", ".git")]),
        ({"1/.y.json.swp": b""}, [("hidden", "1/.y.json.swp")]),
        ({".dispatch.tmp-0a/0/z.json": b"{"}, [("half_written", ".dispatch.tmp-0a")]),
        ({"0/more/z.json": document("a2")}, [("folder_in_worker", "0/more")]),
        ({"one/z.json": document("a2")}, [("worker_name", "one")]),
        ({"00/z.json": document("a2")}, [("worker_name", "00")]),
        ({"2 /z.json": document("a2")}, [("worker_name", "2 ")]),
        ({"\u0662/z.json": document("a2")}, [("worker_name", "\u0662")]),
        ({"-1/z.json": document("a2")}, [("worker_name", "-1")]),
        ({"3/z.json": document("a2")}, [("gap", "")]),
        ({"0/z.json": b""}, [("not_json", "0/z.json")]),
        ({"0/z.json": b'{"s3_location": ["s3://'}, [("not_json", "0/z.json")]),
        ({"0/z.json": b"\xff\xfe\x00"}, [("not_json", "0/z.json")]),
        ({"0/z.json": b"PK\x03\x04"}, [("not_json", "0/z.json")]),
        ({"0/z.json": b'{"a": 1, "a": 2}'}, [("not_json", "0/z.json")]),
        ({"0/z.json": b"[" * 200}, [("not_json", "0/z.json")]),
        ({"0/z.json": [document("a2")]}, [("not_a_job", "0/z.json")]),
        ({"0/z.json": {"asset_name": ["a2"]}}, [("not_a_job", "0/z.json")]),
        ({"0/z.json": {"s3_location": []}}, [("not_a_job", "0/z.json")]),
        ({"0/z.json": {"s3_location": [1]}}, [("not_a_job", "0/z.json")]),
        ({"0/z.json": {"record": 2, "request": {}}}, [("not_a_job", "0/z.json")]),
        (
            {"0/z.json": document("a2", s3_location="s3://data/a2")},
            [("no_reader", "0/z.json")],
        ),
        ({"0/z.json": document("a2", asset_name=None)}, [("no_reader", "0/z.json")]),
        ({"0/z.json": document("a2", distributed_parameters=3)}, [("no_reader", "0/z.json")]),
        ({"0/z.json": document("a2", asset_id=[])}, [("uneven", "0/z.json")]),
        (
            {"0/z.json": document("a2", s3_location=["/a2"], file_location=None)},
            [("not_s3", "0/z.json")],
        ),
        ({"1/x.json": document("a2")}, [("same_name", "1/x.json")]),
        ({"1/z.json": document("a0")}, [("same_work", "1/z.json")]),
    ],
)
def test_each_fault_is_reported_once(
    extra: dict[str, Any], expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    fill_folder(tmp_path / "out", {**GOOD, **extra})

    checked = check_dispatch(tmp_path / "out")

    assert faults_of(checked) == expected
    assert all(fault.message and fault.kind.action for fault in checked.faults)


@pytest.mark.parametrize(
    ("locations", "files", "is_wrong"),
    [
        (["s3://b/a1"], ["s3://b/a1/x.nwb"], False),
        (["s3://b/a1/"], ["s3://b/a1/x.nwb"], False),
        (["s3://b/a1"], ["s3://b/a1"], False),
        (["s3://b/a1.zarr"], ["s3://b/a1.zarr/"], False),
        (["s3://b"], ["s3://b/x"], False),
        (["s3://b/a0", "s3://b/a1"], ["s3://b/a1/x", "s3://b/a0/y"], False),
        (["s3://b/a1"], ["s3://b/a10/x.nwb"], True),
        (["s3://b/a10"], ["s3://b/a1/x.nwb"], True),
        (["s3://b/a1"], ["s3://c/a1/x.nwb"], True),
        (["s3://b/a1"], ["s3://b/a1/x", "s3://b/A1/x"], True),
        (["s3://b/a1"], ["x.nwb"], True),
        (["s3://b/a1"], [""], True),
    ],
)
def test_a_file_is_below_a_location_of_its_own_job(
    locations: list[str], files: list[str], is_wrong: bool, tmp_path: Path
) -> None:
    names = [location.rpartition("/")[2] for location in locations]
    keys = {"asset_name": names, "asset_id": names, "docdb_record_id": names}
    job = document(s3_location=locations, file_location=files, **keys)
    fill_folder(tmp_path / "out", {"0/x.json": job})

    checked = check_dispatch(tmp_path / "out")

    assert faults_of(checked) == [("file_outside", "0/x.json")] * is_wrong


def test_an_asset_in_two_groups_is_not_the_same_work(tmp_path: Path) -> None:
    jobs = {
        f"0/{probe}.json": document(group_metadata={"probe": probe}) for probe in ("left", "right")
    }
    fill_folder(tmp_path / "out", jobs)

    checked = check_dispatch(tmp_path / "out")

    assert checked.is_clean


def test_the_same_file_twice_in_one_job_is_a_fault(tmp_path: Path) -> None:
    job = document(file_location=["s3://data/a0/1.nwb", "s3://data/a0/1.nwb"])
    fill_folder(tmp_path / "out", {"0/x.json": job})

    checked = check_dispatch(tmp_path / "out")

    assert faults_of(checked) == [("file_twice", "0/x.json")]


def test_two_formats_in_one_folder_are_one_fault_with_an_example_of_each(tmp_path: Path) -> None:
    seed = {f"0/s{n}.json": document(f"s{n}", distributed_parameters=[{}]) for n in range(3)}
    pipeline = {f"0/p{n}.json": document(f"p{n}", distributed_parameters={}) for n in range(2)}
    fill_folder(tmp_path / "out", seed | pipeline)

    checked = check_dispatch(tmp_path / "out")

    assert [fault.kind.value for fault in checked.faults] == ["mixed_formats"]
    assert checked.faults[0].message == (
        "distributed_parameters is a list in 3 jobs (such as 0/s0.json), "
        "and an object in 2 jobs (such as 0/p0.json)"
    )


def test_a_file_of_ours_that_was_edited_or_renamed_has_another_name(tmp_path: Path) -> None:
    planned().write(tmp_path / "out")
    [edited] = (tmp_path / "out" / "0").iterdir()
    job = json.loads(edited.read_bytes())
    edited.write_text(json.dumps({**job, "distributed_parameters": [{"a": 7}]}))

    checked = check_dispatch(tmp_path / "out")

    assert faults_of(checked) == [("name", f"0/{edited.name}")]


def test_random_names_are_one_note_and_not_a_fault_each(tmp_path: Path) -> None:
    name = "{:08x}-0000-4000-8000-000000000000"
    fill_folder(tmp_path, {f"0/{name.format(n)}.json": document(f"a{n}") for n in range(30)})

    checked = check_dispatch(tmp_path)

    assert checked.is_clean
    assert checked.foreign == 30
    assert [note.partition(",")[0] for note in checked.notes] == [
        "30 files not named after the content"
    ]


def test_links_pipes_and_what_may_not_be_read_are_faults_and_are_not_followed(
    tmp_path: Path,
) -> None:
    folder = fill_folder(tmp_path / "out", GOOD)
    (folder / "0" / "link.json").symlink_to("x.json")
    (folder / "2").symlink_to("1")
    (folder / "loop").symlink_to(".")
    os.mkfifo(folder / "0" / "pipe.json")

    checked = check_dispatch(folder)

    assert faults_of(checked) == [
        ("link", "2"),
        ("link", "loop"),
        ("link", "0/link.json"),
        ("special", "0/pipe.json"),
    ]


def test_gaps_are_one_fault_however_large_the_numbers_are(tmp_path: Path) -> None:
    fill_folder(tmp_path, {"2/x.json": document("a0"), "900000000/y.json": document("a1")})

    checked = check_dispatch(tmp_path)

    assert faults_of(checked) == [("gap", "")]
    assert checked.faults[0].message == (
        "0 to 900000000 without 0, 1, 3, 4, 5 and 899,999,994 more"
    )


def test_an_empty_worker_is_a_fault_and_one_with_a_broken_file_is_not_empty(
    tmp_path: Path,
) -> None:
    folder = fill_folder(tmp_path / "out", {**GOOD, "2/z.json": b"{"})
    (folder / "3").mkdir()

    checked = check_dispatch(folder)

    assert faults_of(checked) == [("empty_worker", "3"), ("not_json", "2/z.json")]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, [("no_job", "")]),
        ({"x.json": document()}, [("stray", "x.json"), ("no_job", "")]),
        ({MARKER: b""}, []),
        ({"mine/0/x.json": document()}, [("one_too_deep", "mine")]),
        ({"mine/x.json": document()}, [("worker_name", "mine")]),
        (
            {"w0/x.json": document("a0"), "w1/y.json": document("a1")},
            [("worker_name", "w0"), ("worker_name", "w1")],
        ),
        ({"jobs.zip": b"PK"}, [("stray", "jobs.zip"), ("no_job", "")]),
    ],
    ids=[
        *("empty", "one worker", "no new jobs", "one folder too deep", "one folder"),
        *("other names", "a zip"),
    ],
)
def test_a_folder_that_is_not_worker_folders_is_reported(
    files: dict[str, Any], expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    fill_folder(folder, files)

    checked = check_dispatch(folder)

    assert faults_of(checked) == expected


def test_the_place_of_a_syntax_error_is_in_the_message(tmp_path: Path) -> None:
    fill_folder(tmp_path / "out", {**GOOD, "0/z.json": b'{"a": 1,\n "b": }'})

    checked = check_dispatch(tmp_path / "out")

    assert checked.faults[0].message == "line 2, column 7: this is not a JSON value"


def zip_of(path: Path, files: dict[str, Any], **options: Any) -> Path:
    """A zip of files; the names are written as they are."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else json.dumps(content)
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "name",
    [
        *("../2/z.json", "/2/z.json", "0/../../z.json", "C:/z.json", "..\\z.json", "0\\z.json"),
        *("0/./z.json", "0//z.json"),
    ],
)
def test_names_that_a_program_would_unpack_elsewhere_are_faults(name: str, tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "odd.zip", {**GOOD, name: document("a2")})

    checked = check_dispatch(archive)

    assert faults_of(checked) == [("leads_out", name)]


def test_the_same_name_twice_in_a_zip_is_one_fault(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "odd.zip", GOOD)
    with zipfile.ZipFile(archive, "a") as more, pytest.warns(UserWarning, match="Duplicate"):
        more.writestr("0/x.json", json.dumps(document("a2")))

    checked = check_dispatch(archive)

    assert faults_of(checked) == [("entry_twice", "0/x.json")]


def test_a_zip_made_by_another_program_is_clean(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "theirs.zip", {"0/": b"", "1/": b"", **GOOD})

    checked = check_dispatch(archive)

    assert checked.is_clean
    assert checked.workers == {"0": 1, "1": 1}


def test_a_zip_of_the_folder_itself_is_one_folder_too_deep(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x.zip", {f"out/{path}": job for path, job in GOOD.items()})

    checked = check_dispatch(archive)

    assert faults_of(checked) == [("one_too_deep", "out")]
    assert checked.jobs == 2


def test_a_zip_of_the_finder_is_one_folder_too_deep_with_a_stray_folder(tmp_path: Path) -> None:
    jobs = {f"out/{path}": job for path, job in GOOD.items()}
    attributes = {f"__MACOSX/out/{path.replace('/', '/._')}": b"\0" for path in GOOD}
    archive = zip_of(tmp_path / "x.zip", jobs | attributes)

    checked = check_dispatch(archive)

    assert faults_of(checked) == [("stray", "__MACOSX"), ("one_too_deep", "out")]
    assert checked.workers == {"0": 1, "1": 1}


def test_names_that_begin_with_the_current_folder_are_plain_names(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x.zip", {f"./{path}": job for path, job in GOOD.items()})

    checked = check_dispatch(archive)

    assert checked.is_clean
    assert checked.jobs == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_job_that_is_not_plain_utf_8_is_accepted_by_no_reader(
    encoding: str, tmp_path: Path
) -> None:
    content = json.dumps(document("a2")).encode(encoding)
    fill_folder(tmp_path / "out", {**GOOD, "0/z.json": content})

    checked = check_dispatch(tmp_path / "out")

    assert faults_of(checked) == [("no_reader", "0/z.json")]
    assert set(checked.readers.values()) == {2}


def test_a_worker_that_is_a_link_is_not_a_gap_too(tmp_path: Path) -> None:
    folder = fill_folder(tmp_path / "out", {**GOOD, "3/z.json": document("a2")})
    (folder / "2").symlink_to("1")

    checked = check_dispatch(folder)

    assert faults_of(checked) == [("link", "2")]


def changed_bytes(archive: Path, change: Callable[[bytearray], None]) -> Path:
    """The zip with its bytes changed."""
    data = bytearray(archive.read_bytes())
    change(data)
    archive.write_bytes(bytes(data))
    return archive


def encrypt(data: bytearray) -> None:
    """Set the flag in the list of entries."""
    data[data.index(b"PK\1\2") + 8] |= 1


def pack_as_lzma(data: bytearray) -> None:
    """Name another method of packing in the list of entries."""
    data[data.index(b"PK\1\2") + 10] = 14


def break_content(data: bytearray) -> None:
    """Change a byte of the first file."""
    data[60] ^= 0xFF


def lie_about_size(data: bytearray) -> None:
    """Say that the first file is larger than it is."""
    data[data.index(b"PK\1\2") + 24 + 1] += 1


def point_outside(data: bytearray) -> None:
    """Say that the first file is far behind the end."""
    at = data.index(b"PK\1\2") + 42
    data[at : at + 4] = b"\xf0\xff\xff\x7f"


@pytest.mark.parametrize(
    "change", [encrypt, pack_as_lzma, break_content, lie_about_size, point_outside]
)
def test_an_entry_of_a_zip_that_cannot_be_unpacked_stops_no_other(
    change: Callable[[bytearray], None], tmp_path: Path
) -> None:
    archive = zip_of(tmp_path / "odd.zip", {"0/a.json": document("a2"), **GOOD})
    changed_bytes(archive, change)

    checked = check_dispatch(archive)

    assert faults_of(checked) == [("unreadable", "0/a.json")]
    assert checked.jobs == 2


def test_a_link_in_a_zip_is_a_fault(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "odd.zip", GOOD)
    with zipfile.ZipFile(archive, "a") as more:
        link = zipfile.ZipInfo("0/link.json")
        link.external_attr = 0o120777 << 16
        more.writestr(link, "/etc/passwd")

    checked = check_dispatch(archive)

    assert faults_of(checked) == [("link", "0/link.json")]


def test_a_zip_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "_ALWAYS_READ", 1 << 16)
    bomb = {f"0/{n}.json": b" " * (1 << 16) for n in range(4)}
    archive = zip_of(tmp_path / "bomb.zip", bomb, compression=zipfile.ZIP_DEFLATED)

    checked = check_dispatch(archive)

    assert faults_of(checked)[0] == ("not_read", "")
    assert len(checked.faults) < 4


def test_entries_of_a_zip_that_overlap_are_not_unpacked(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "odd.zip", {f"0/{n}.json": b"x" * 100_000 for n in range(3)})
    data = bytearray(archive.read_bytes())
    at = data.index(b"PK\1\2")
    for _ in range(2):  # every entry has the content of the first
        at = data.index(b"PK\1\2", at + 1)
        data[at + 42 : at + 46] = bytes(4)
    first = data[: 100_000 + 200]
    listed = data[data.index(b"PK\1\2") :]
    listed[-6:-2] = len(first).to_bytes(4, "little")
    archive.write_bytes(bytes(first + listed))

    checked = check_dispatch(archive)

    assert faults_of(checked) == [("not_read", "")]


@pytest.mark.parametrize("limit", ["MAX_ZIP_LIST", "MAX_FILE", "MAX_ENTRIES"])
def test_a_limit_that_is_reached_is_reported(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"0/{n}.json": document(f"a{n}") for n in range(20)}
    archive = zip_of(tmp_path / "x.zip", files)
    fill_folder(tmp_path / "x", files)
    monkeypatch.setattr(contents, limit, 100 if limit == "MAX_ZIP_LIST" else 10)

    if limit == "MAX_ZIP_LIST":
        with pytest.raises(InvalidInput, match="it is not a readable zip: it lists more than"):
            check_dispatch(archive)
    else:
        kinds = [
            {fault.kind.value for fault in check_dispatch(one).faults}
            for one in (archive, tmp_path / "x")
        ]
        assert kinds == [{"not_read"} if limit == "MAX_ENTRIES" else {"too_large", "no_job"}] * 2


def test_a_file_of_very_many_values_is_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_MOST_VALUES", 100)
    fill_folder(tmp_path / "out", {**GOOD, "0/z.json": {"s3_location": ["x"] * 200}})

    checked = check_dispatch(tmp_path / "out")

    assert [fault.message for fault in checked.faults] == ["it has more than 100 values"]


def test_the_record_beside_a_folder_says_which_jobs_are_missing_and_which_are_others(
    tmp_path: Path,
) -> None:
    planned().write(tmp_path / "out")
    [missing] = (tmp_path / "out" / "0").iterdir()
    missing.unlink()
    fill_folder(tmp_path / "out", {"0/z.json": document("a9")})

    checked = check_dispatch(tmp_path / "out")

    assert faults_of(checked) == [("missing_job", missing.name), ("extra_job", "0/z.json")]


def test_the_record_of_another_dispatch_is_one_fault(tmp_path: Path) -> None:
    planned().write(tmp_path / "out")
    planned(parameters=None).write(tmp_path / "other")
    (tmp_path / "other.dispatch.json").replace(tmp_path / "out.dispatch.json")

    checked = check_dispatch(tmp_path / "out")

    assert faults_of(checked) == [("other_record", "out.dispatch.json")]


@pytest.mark.parametrize(
    "record",
    [b"", b"{}", b'{"record": 3, "request": {}}', b'{"record": 2, "request": {}, "jobs": [1]}'],
)
def test_a_record_that_cannot_be_read_is_one_fault(record: bytes, tmp_path: Path) -> None:
    fill_folder(tmp_path / "out", GOOD)
    (tmp_path / "out.dispatch.json").write_bytes(record)

    checked = check_dispatch(tmp_path / "out")

    assert faults_of(checked) == [("no_record", "out.dispatch.json")]


def test_jobs_in_another_worker_than_recorded_are_a_note(tmp_path: Path) -> None:
    planned(num_parallel_workers=2).write(tmp_path / "out")
    [moved, *_] = (tmp_path / "out" / "0").iterdir()
    moved.rename(tmp_path / "out" / "1" / moved.name)

    checked = check_dispatch(tmp_path / "out")

    assert checked.is_clean
    assert checked.notes == ("1 job is in another worker folder than in out.dispatch.json",)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent", None, "it does not exist"),
        ("text.json", b"{}", "it is neither a folder nor a zip"),
        ("empty.zip", b"", "it is neither a folder nor a zip"),
        ("cut.zip", b"PK\x05\x06" + b"\xff" * 18, "it is not a readable zip"),
    ],
)
def test_what_cannot_be_checked_is_an_error(
    name: str, content: bytes | None, words: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidInput, match=words):
        check_dispatch(tmp_path / name)


def test_a_named_pipe_is_an_error_and_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InvalidInput, match="neither a file nor a folder"):
        check_dispatch(tmp_path / "pipe")


def test_a_folder_of_several_dispatches_names_them(tmp_path: Path) -> None:
    planned().write(tmp_path / "one")
    planned(parameters=None).write(tmp_path / "two")

    with pytest.raises(InvalidInput, match="Check one of them: 'one', 'two'"):
        check_dispatch(tmp_path)


def test_a_check_can_be_cancelled(tmp_path: Path) -> None:
    planned().write(tmp_path / "one")
    steps = []

    def cancel(step: str, done: int, total: int) -> None:
        steps.append((step, done, total))
        raise InvalidInput("cancelled")

    with pytest.raises(InvalidInput, match="cancelled"):
        check_dispatch(tmp_path / "one", cancel)

    assert steps == [("entries checked", 0, 0)]
