"""Small files beside the worker folders are whole or not there."""

import os
import stat
from pathlib import Path

import pytest

from dispatch_core.errors import WriteFailed
from dispatch_core.output.text_file import write_text_file


def test_what_stood_there_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text("an older and longer text")

    write_text_file(path, "née\r\n")

    assert path.read_bytes() == "née\r\n".encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["ledger.csv"]


@pytest.mark.parametrize("name", ["absent/ledger.csv", "file/ledger.csv", "a\0b", "x" * 300])
def test_an_impossible_place_is_a_typed_error_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(WriteFailed, match="Choose a folder"):
        write_text_file(tmp_path / name, "text")

    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_folder_of_that_name_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    with pytest.raises(WriteFailed):
        write_text_file(tmp_path / "out", "text")

    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_permissions_follow_the_umask_as_those_of_the_job_files_do(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text_file(tmp_path / "record.json", "{}\n")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "record.json").stat().st_mode) == 0o640
