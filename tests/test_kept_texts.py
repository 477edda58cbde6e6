"""Texts kept on disk: who gets them, within which bounds, and what else is in the folder."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatch_core.errors import InvalidInput, WriteFailed
from dispatch_core.kept.store import Bounds, KeptTexts

NAME, OTHER = "n" * 43, "o" * 43
WIDE = Bounds(most=100, bytes_each=1_000, bytes_all=100_000, seconds=1_000.0)


def texts_in(folder: Path, bounds: Bounds = WIDE) -> KeptTexts:
    return KeptTexts(folder / "root" / "drafts", bounds)


def files_in(folder: Path) -> list[Path]:
    return sorted((folder / "root" / "drafts").glob("*.json"))


def text_of(texts: KeptTexts, owner: str = "ada", name: str = NAME) -> str | None:
    kept = texts.read(owner, name)
    return None if kept is None else kept.text


def test_a_text_is_read_back_also_by_another_process(tmp_path: Path) -> None:
    texts_in(tmp_path).write("ada", NAME, '{"é": "\U0001f9ea"}')

    assert text_of(texts_in(tmp_path)) == '{"é": "\U0001f9ea"}'


def test_only_its_owner_with_its_name_gets_it(tmp_path: Path) -> None:
    texts = texts_in(tmp_path)
    texts.write("ada", NAME, "hers")

    assert text_of(texts, "grace") is None
    assert text_of(texts, "") is None
    assert text_of(texts, name=OTHER) is None


def test_nothing_on_the_disk_has_the_secret_and_no_other_user_may_read(tmp_path: Path) -> None:
    texts_in(tmp_path).write("ada", NAME, "hers")
    (file,) = files_in(tmp_path)

    assert NAME not in file.name
    assert "ada" not in file.name
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_later_text_replaces_the_one_before_and_a_removed_one_is_gone(tmp_path: Path) -> None:
    texts = texts_in(tmp_path)
    texts.write("ada", NAME, "first")

    texts.write("ada", NAME, "second")
    assert text_of(texts) == "second"
    texts.remove("ada", NAME)
    texts.remove("ada", NAME)
    assert text_of(texts) is None


@pytest.mark.parametrize(
    "name", ["", "short", "../../../../etc/passwd", "n" * 65, "a/b" * 10, "n" * 20 + "\0", "é" * 20]
)
def test_a_name_that_is_not_ours_opens_and_writes_nothing(tmp_path: Path, name: str) -> None:
    texts = texts_in(tmp_path)

    with pytest.raises(InvalidInput, match="not a name"):
        texts.write("ada", name, "x")
    texts.remove("ada", name)
    assert texts.read("ada", name) is None
    assert not (tmp_path / "root").exists()


def test_a_text_above_the_bound_is_refused_and_the_one_before_stays(tmp_path: Path) -> None:
    texts = texts_in(tmp_path)
    texts.write("ada", NAME, "before")

    with pytest.raises(InvalidInput, match="1,002 bytes"):
        texts.write("ada", NAME, "é" * 501)

    assert text_of(texts) == "before"


def age(folder: Path, seconds: float) -> None:
    for file in files_in(folder):
        when = file.stat().st_mtime - seconds
        os.utime(file, (when, when))


def test_above_the_number_the_texts_changed_least_recently_are_removed(tmp_path: Path) -> None:
    texts = texts_in(tmp_path, Bounds(3, 1_000, 100_000, 1_000.0))
    for number in range(5):
        texts.write("ada", f"{number:043}", str(number))
        age(tmp_path, 10)

    kept = [text_of(texts, name=f"{number:043}") for number in range(5)]

    assert kept == [None, None, "2", "3", "4"]


def test_above_the_bytes_of_all_the_texts_changed_least_recently_are_removed(
    tmp_path: Path,
) -> None:
    texts = texts_in(tmp_path, Bounds(100, 1_000, 2_500, 1_000.0))
    for number in range(4):
        texts.write("ada", f"{number:043}", "x" * 1_000)
        age(tmp_path, 10)

    assert len(files_in(tmp_path)) == 2
    assert text_of(texts, name=f"{3:043}") == "x" * 1_000


def test_an_old_text_is_not_read_and_is_removed(tmp_path: Path) -> None:
    texts = texts_in(tmp_path)
    texts.write("ada", NAME, "old")
    age(tmp_path, 1_001)

    assert text_of(texts) is None
    texts.write("ada", OTHER, "new")
    assert len(files_in(tmp_path)) == 1


def make_link(path: Path) -> None:
    path.with_name("elsewhere").write_text("theirs")
    path.symlink_to(path.with_name("elsewhere"))


FOREIGN: list[Callable[[Path], object]] = [
    lambda path: path.write_bytes(b"\xff\xfe\x00"),
    lambda path: path.write_text("x" * 1_001),
    lambda path: os.mkfifo(path),
    lambda path: path.mkdir(),
    make_link,
]


def texts_with(put: Callable[[Path], object], tmp_path: Path) -> KeptTexts:
    """Return kept texts whose only file is replaced by something that is not ours."""
    texts = texts_in(tmp_path)
    texts.write("ada", NAME, "x")
    (file,) = files_in(tmp_path)
    file.unlink()
    put(file)
    return texts


@pytest.mark.parametrize("put", FOREIGN, ids=["bytes", "large", "pipe", "folder", "link"])
def test_what_is_not_a_text_of_ours_is_ignored(
    tmp_path: Path, put: Callable[[Path], object]
) -> None:
    texts = texts_with(put, tmp_path)

    assert texts.read("ada", NAME) is None


@pytest.mark.parametrize("put", [FOREIGN[2], FOREIGN[4]], ids=["pipe", "link"])
def test_a_write_neither_waits_for_a_pipe_nor_follows_a_link(
    tmp_path: Path, put: Callable[[Path], object]
) -> None:
    texts = texts_with(put, tmp_path)

    texts.write("ada", NAME, "ours")

    assert text_of(texts) == "ours"
    elsewhere = tmp_path / "root" / "drafts" / "elsewhere"
    assert not elsewhere.exists() or elsewhere.read_text() == "theirs"


def test_files_of_others_in_the_folder_stay(tmp_path: Path) -> None:
    texts = texts_in(tmp_path, Bounds(1, 1_000, 100_000, 1_000.0))
    texts.write("ada", NAME, "x")
    note = files_in(tmp_path)[0].with_name("README.json")
    note.write_text("not ours")
    os.utime(note, (0, 0))

    texts.write("ada", OTHER, "y")

    assert note.read_text() == "not ours"
    assert len(files_in(tmp_path)) == 2


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    texts = texts_in(tmp_path)
    texts.write("ada", NAME, "x")
    left = files_in(tmp_path)[0].with_name(f".{'a' * 64}.json.tmp-{'0' * 16}")
    left.write_text("half")
    os.utime(left, (0, 0))

    texts.write("ada", OTHER, "y")

    assert not left.exists()


def test_nothing_is_kept_in_a_folder_that_others_may_use(tmp_path: Path) -> None:
    (tmp_path / "root" / "drafts").mkdir(parents=True)
    os.chmod(tmp_path / "root" / "drafts", 0o777)

    with pytest.raises(WriteFailed, match="DISPATCH_STATE_ROOT"):
        texts_in(tmp_path).write("ada", NAME, "x")


def test_a_folder_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("a file")

    with pytest.raises(WriteFailed, match="not a folder"):
        texts_in(tmp_path).write("ada", NAME, "x")


def test_writers_that_race_leave_one_whole_text(tmp_path: Path) -> None:
    wanted = {letter * 900 for letter in "abcdefgh"}
    threads = [
        threading.Thread(target=texts_in(tmp_path).write, args=("ada", NAME, text))
        for text in wanted
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert text_of(texts_in(tmp_path)) in wanted
    assert len(os.listdir(tmp_path / "root" / "drafts")) == 1
