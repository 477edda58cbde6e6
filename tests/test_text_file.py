"""Small files are written whole: regular files replaced, anything else written into."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.errors import DispatchError, InvalidInput, WriteFailed
from dispatch_core.output.text_file import check_text_file, write_text_file
from tests.support.file_operations import WRITING, failing, hooked
from tests.support.world import ROOT

NULL, FULL = os.makedev(1, 3), os.makedev(1, 7)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def device(path: Path, number: int) -> Path:
    """A test character device, so that no test touches one of the machine."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, number)
        os.close(os.open(path, os.O_WRONLY))
    except PermissionError:
        pytest.skip("making and opening a device needs root and a file system with devices")
    return path


# Regular files


def test_an_absent_file_is_written(tmp_path: Path) -> None:
    write_text_file(tmp_path / "ledger.csv", "née\r\n")

    assert (tmp_path / "ledger.csv").read_bytes() == "née\r\n".encode()
    assert names(tmp_path) == ["ledger.csv"]


def test_an_existing_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text("an older and longer text")

    write_text_file(path, "née\r\n")

    assert path.read_bytes() == "née\r\n".encode()
    assert names(tmp_path) == ["ledger.csv"]


def test_half_a_surrogate_pair_is_written_as_its_escape(tmp_path: Path) -> None:
    write_text_file(tmp_path / "record.json", '"\ud800"')

    assert (tmp_path / "record.json").read_text() == '"\\ud800"'


def test_permissions_follow_the_umask_as_those_of_the_job_files_do(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text_file(tmp_path / "record.json", "{}\n")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "record.json").stat().st_mode) == 0o640


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_an_existing_file_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text("older")
    path.chmod(mode)

    write_text_file(path, "newer")

    assert path.read_text() == "newer"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_an_existing_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text("older")
    os.chown(path, 12345, 23456)

    write_text_file(path, "newer")

    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


def test_a_symbolic_link_stays_and_the_file_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "real.csv").write_text("older")
    (tmp_path / "ledger.csv").symlink_to("disk/real.csv")

    write_text_file(tmp_path / "ledger.csv", "newer")

    assert os.readlink(tmp_path / "ledger.csv") == "disk/real.csv"
    assert (tmp_path / "disk" / "real.csv").read_text() == "newer"
    assert names(tmp_path / "disk") == ["real.csv"]


def test_a_symbolic_link_to_an_absent_file_stays_and_the_file_is_made(tmp_path: Path) -> None:
    (tmp_path / "ledger.csv").symlink_to("real.csv")

    write_text_file(tmp_path / "ledger.csv", "new")

    assert (tmp_path / "ledger.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"


def test_a_path_named_dash_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    write_text_file(Path("-"), "text")

    assert (tmp_path / "-").read_text() == "text"


def test_a_stage_that_a_dead_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".ledger.csv.tmp-0123456789abcdef").write_text("half")
    (tmp_path / ".ledger.csv.tmp-mine").write_text("not a stage")

    write_text_file(tmp_path / "ledger.csv", "whole")

    assert names(tmp_path) == [".ledger.csv.tmp-mine", "ledger.csv"]


def test_the_file_is_synced_before_its_rename_and_the_folder_after_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    operations: list[tuple[str, int]] = []

    def note(name: str, _number: int, arguments: tuple[Any, ...]) -> None:
        if name == "fsync":
            operations.append((name, os.fstat(arguments[0]).st_ino))
        if name == "rename":
            operations.append((name, 0))

    with hooked(note, WRITING):
        write_text_file(path, "text")

    assert operations == [
        ("fsync", path.stat().st_ino),
        ("rename", 0),
        ("fsync", tmp_path.stat().st_ino),
    ]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_folder_that_cannot_be_synced_is_not_an_error(tmp_path: Path, code: int) -> None:
    def no_folders(name: str, _number: int, arguments: tuple[Any, ...]) -> None:
        if name == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode):
            raise OSError(code, os.strerror(code))

    with hooked(no_folders, WRITING):
        write_text_file(tmp_path / "ledger.csv", "text")

    assert (tmp_path / "ledger.csv").read_text() == "text"


# Errors


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "absent/ledger.csv",
            "its folder does not exist, or no files can be made in it. Make the folder",
        ),
        ("file/ledger.csv", "a part of the path is not a folder. Choose another file"),
        ("a\0b", "embedded null byte. Run again, or choose another file"),
        ("x" * 300, "the name is too long. Choose a file with a shorter name"),
    ],
)
@pytest.mark.parametrize("write", [check_text_file, lambda path: write_text_file(path, "text")])
def test_an_impossible_path_is_a_typed_error_and_leaves_nothing(
    tmp_path: Path, name: str, said: str, write: Callable[[Path], None]
) -> None:
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(WriteFailed) as error:
        write(tmp_path / name)

    assert f"cannot write the file: {said}" in str(error.value)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "no space left. Free some space, or choose a file on another disk"),
        (errno.EROFS, "the file system is read-only. Choose a file on a file system that"),
        (errno.EACCES, "no permission. Choose a file that you may write to"),
    ],
)
def test_a_full_or_closed_disk_gives_advice_about_a_file(
    tmp_path: Path, code: int, said: str
) -> None:
    (tmp_path / "ledger.csv").write_text("older")

    with hooked(failing(1, code), ("write",)), pytest.raises(WriteFailed, match=said):
        write_text_file(tmp_path / "ledger.csv", "newer")

    assert (tmp_path / "ledger.csv").read_text() == "older"
    assert names(tmp_path) == ["ledger.csv"]


@pytest.mark.parametrize("write", [check_text_file, lambda path: write_text_file(path, "text")])
def test_a_folder_of_that_name_is_refused_and_unchanged(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    (tmp_path / "out").mkdir()

    with pytest.raises(InvalidInput, match="this is a folder, not a file"):
        write(tmp_path / "out")

    assert names(tmp_path) == ["out"]


def test_a_socket_is_refused_and_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket has a short limit
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("log")

        with pytest.raises(InvalidInput, match="this is a socket, not a file"):
            write_text_file("log", "text")

    assert stat.S_ISSOCK((tmp_path / "log").stat().st_mode)


# Devices and pipes


def test_a_device_is_written_into_and_never_replaced(tmp_path: Path) -> None:
    null = device(tmp_path / "null", NULL)

    write_text_file(null, "text")

    assert stat.S_ISCHR(null.stat().st_mode)
    assert null.stat().st_rdev == NULL
    assert names(tmp_path) == ["null"]


def test_a_link_to_a_device_and_the_device_stay(tmp_path: Path) -> None:
    null = device(tmp_path / "null", NULL)
    (tmp_path / "ledger.csv").symlink_to(null)

    write_text_file(tmp_path / "ledger.csv", "text")

    assert (tmp_path / "ledger.csv").is_symlink()
    assert stat.S_ISCHR(null.stat().st_mode)


def test_a_full_device_is_a_typed_error_and_stays(tmp_path: Path) -> None:
    full = device(tmp_path / "full", FULL)

    with pytest.raises(WriteFailed, match="full: cannot write the file: no space left"):
        write_text_file(full, "text")

    assert full.stat().st_rdev == FULL


def test_a_named_pipe_is_written_into_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()

    write_text_file(pipe, "née")
    reader.join(10)

    assert received == ["née".encode()]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


def test_an_anonymous_pipe_is_written_into_by_its_descriptor() -> None:
    reading, writing = os.pipe()

    write_text_file(f"/dev/fd/{writing}", "text")

    assert os.read(reading, 100) == b"text"
    os.close(reading)
    os.close(writing)


def test_a_pipe_whose_reader_closed_it_is_a_typed_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    with pytest.raises(DispatchError, match="its reader closed it"):
        write_text_file(f"/dev/fd/{writing}", "text")

    os.close(writing)


def test_standard_output_whose_reader_closed_it_is_a_broken_pipe_as_in_any_filter() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    code = "from dispatch_core.output.text_file import write_text_file; write_text_file('-', 'x')"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)

    assert b"\nBrokenPipeError: " in done.stderr


def test_a_closed_standard_output_is_a_typed_error() -> None:
    code = "from dispatch_core.output.text_file import write_text_file; write_text_file('-', 'x')"

    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, code],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        check=False,
    )

    assert b"WriteFailed: standard output: cannot write the file: it is closed" in done.stderr


@pytest.mark.parametrize("target", ["-", "/dev/stdout", "out.txt"])
def test_standard_output_is_continued_wherever_it_is_redirected_to(
    tmp_path: Path, target: str
) -> None:
    code = (
        "import sys; from dispatch_core.output.text_file import write_text_file\n"
        "print('before'); write_text_file(sys.argv[1], 'text\\n'); print('after')"
    )

    with open(tmp_path / "out.txt", "wb") as out:
        subprocess.run(
            [sys.executable, "-c", code, target],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=out,
            check=True,
        )

    assert (tmp_path / "out.txt").read_text() == "before\ntext\nafter\n"
