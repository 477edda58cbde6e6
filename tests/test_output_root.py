"""The app writes only into one folder of the root, for any text that a user types."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.errors import InvalidInput
from dispatch_core.output.root import check_folder_name, folder_below
from tests.support.naughty import NAUGHTY

PATHS = [
    *["", ".", "..", "/", "//", "/etc", "../x", "a/../../x", "a/b", "a\\b", "..\\x", "C:\\x", "C:"],
    *["~", "~root", ".hidden", "-rf", "_x", "a\0b", "a\nb", "a\n", "\na", " a", "a ", "a b"],
    *["%2e%2e", "%2fetc", "..%2fx", "\uff0e\uff0e", "\u2025", "\u2215etc", "a\u202eb", "\u0430bc"],
    *["$HOME", "${HOME}", "`id`", "a;b", "a|b", "*", "?", "file:///etc", "s3://b/x", "x" * 65],
    *["a.dispatch.json", "A.Dispatch.JSON", "a.replaced-1"],
]


@pytest.mark.parametrize("name", PATHS)
def test_text_that_is_not_the_name_of_one_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        folder_below(tmp_path, name)


@pytest.mark.parametrize("name", ["a", "7", "My-dispatch_2.0", "x" * 64, "a..b", "con"])
def test_a_name_is_the_folder_of_that_name_in_the_root(tmp_path: Path, name: str) -> None:
    assert folder_below(tmp_path, name) == tmp_path / name


@given(st.text() | st.sampled_from(PATHS) | st.sampled_from(NAUGHTY))
def test_a_name_that_passes_is_one_plain_part_of_a_path(name: str) -> None:
    try:
        kept = check_folder_name(name)
    except InvalidInput:
        return

    assert kept == name
    assert Path("/root", name).resolve().parent == Path("/root")
    assert name.isascii()


@pytest.mark.parametrize("name", ["x", "x.dispatch.json"])
@pytest.mark.parametrize("goal", ["outside", "absent", "root/other", "/etc"])
def test_a_link_in_the_root_is_not_followed(tmp_path: Path, name: str, goal: str) -> None:
    root = tmp_path / "root"
    (root / "other").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    os.symlink(tmp_path / goal, root / name)

    with pytest.raises(InvalidInput, match="is a symbolic link"):
        folder_below(root, "x")

    assert list((tmp_path / "outside").iterdir()) == []


def test_the_message_says_the_rule_for_a_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        folder_below(tmp_path, "../etc")

    assert str(caught.value) == (
        "'../etc' is not a valid folder name. Use at most 64 letters, digits, dots, dashes and "
        "underscores, and start with a letter or a digit."
    )
