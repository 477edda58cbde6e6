"""Earlier dispatches read back: folder, zip, record, and folders that others made."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.earlier.jobs import work_of
from dispatch_core.earlier.read import read_earlier
from dispatch_core.errors import InvalidInput
from tests.support.dispatches import planned


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"job_format": "pipeline"},
        {"job_format": "pipeline", "analysis_code": {"parameters": {"label": "x", "more": "y"}}},
        {"file_extension": ""},
        {"group_by": ["name"]},
        {"parameters": None},
    ],
    ids=["seed", "pipeline", "panel", "no files", "groups", "no parameters"],
)
def test_folder_zip_and_record_give_the_names_of_the_jobs(
    options: Mapping[str, Any], tmp_path: Path
) -> None:
    made = planned(**options)
    made.write(tmp_path / "out")
    made.write_zip(tmp_path / "out.zip")
    names = {job.name for job in made._planned.jobs}

    read = [read_earlier(tmp_path / one) for one in ("out", "out.zip", "out.dispatch.json")]

    assert [one.kind for one in read] == ["folder", "zip", "record"]
    assert [one.names for one in read] == [names] * 3
    assert [one.works for one in read] == [frozenset()] * 3


def test_a_file_under_another_name_is_compared_by_its_work(tmp_path: Path) -> None:
    made = planned()
    made.write(tmp_path / "out")
    [first, *_] = sorted((tmp_path / "out" / "0").iterdir())
    first.rename(first.with_name("00000000-0000-4000-8000-000000000000.json"))

    read = read_earlier(tmp_path / "out")

    works = {work_of(job) for job in made._planned.jobs if job.name == first.stem}
    assert len(read.names) == 5
    assert read.works == works


def test_an_edited_file_has_no_name(tmp_path: Path) -> None:
    planned().write(tmp_path / "out")
    [first, *_] = sorted((tmp_path / "out" / "0").iterdir())
    document = json.loads(first.read_text())
    first.write_text(json.dumps({**document, "distributed_parameters": [{"rate": 9}]}))

    read = read_earlier(tmp_path / "out")

    assert first.stem not in read.names
    assert [job.parameters for job in read.jobs if not job.name] == ['{"rate":9}']


def test_the_order_of_files_and_how_numbers_are_written_do_not_change_the_work(
    tmp_path: Path,
) -> None:
    document = {"s3_location": ["s3://b/x"], "file_location": ["s3://b/x/1", "s3://b/x/2"]}
    for number, files, value in ((0, [0, 1], 1), (1, [1, 0], 1.0)):
        (tmp_path / str(number)).mkdir()
        listed = [document["file_location"][index] for index in files]
        job = {**document, "file_location": listed, "distributed_parameters": {"a": value}}
        (tmp_path / str(number) / "any name.json").write_text(json.dumps(job))

    read = read_earlier(tmp_path)

    assert (len(read.jobs), len(read.works)) == (2, 1)


def test_several_dispatches_below_a_folder_are_read_together(tmp_path: Path) -> None:
    planned().write(tmp_path / "one")
    planned(file_extension="").write(tmp_path / "two")
    planned(parameters=None).write_zip(tmp_path / "three.zip")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "two.codeocean.json").write_text('{"runs": []}')
    shutil.rmtree(tmp_path / "one")  # its record has the names

    read = read_earlier(tmp_path)

    assert (read.kind, len(read.names)) == ("several", 6 + 4 + 3)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent", None, "it does not exist"),
        ("text.json", b"hello", "this is not a JSON value"),
        ("other.json", b'{"a": 1}', "it is neither a zip nor a dispatch record"),
        ("old.dispatch.json", b'{"record": 1, "request": {}}', "from an older version"),
        (
            "odd.dispatch.json",
            b'{"record": 2, "request": {}, "jobs": [["x"]]}',
            "a row of jobs is not",
        ),
    ],
)
def test_what_is_not_a_dispatch_is_an_error(
    name: str, content: bytes | None, words: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidInput, match=words):
        read_earlier(tmp_path / name)


def test_links_and_names_that_lead_out_are_not_read(tmp_path: Path) -> None:
    job = json.dumps({"s3_location": ["s3://b/x"], "asset_name": ["x"]})
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.writestr("../0/out.json", job)
        archive.writestr("0/in.json", job)
    (tmp_path / "folder" / "0").mkdir(parents=True)
    (tmp_path / "folder" / "0" / "in.json").write_text(job)
    (tmp_path / "folder" / "0" / "link.json").symlink_to("in.json")

    read = [read_earlier(tmp_path / one) for one in ("odd.zip", "folder")]

    assert [(len(one.jobs), one.others) for one in read] == [(1, 1), (1, 1)]
