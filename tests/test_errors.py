"""An error message is printable, whatever text it quotes."""

from __future__ import annotations

import pytest

from dispatch_core.errors import LONGEST, InvalidInput, Issue


@pytest.mark.parametrize(
    ("quoted", "shown"),
    [
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("a\ud800b", r"a\ud800b"),
        ("fdp.\u202egpj", r"fdp.\u202egpj"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("two\nlines\tand é 𝟘", "two\nlines\tand é 𝟘"),
    ],
)
def test_control_characters_in_a_message_are_escaped(quoted: str, shown: str) -> None:
    issue = Issue(quoted, where=quoted, action=quoted, excerpt=quoted)

    assert (issue.what, issue.where, issue.action, issue.excerpt) == (shown,) * 4


def test_a_long_message_is_shortened_in_the_middle() -> None:
    issue = Issue("unknown key " + "9" * 5_000 + " here")

    assert issue.what.startswith("unknown key 999")
    assert issue.what.endswith("999 here")
    assert len(issue.what) == LONGEST + len(" ... ")


def test_the_text_of_an_error_lists_its_issues() -> None:
    error = InvalidInput([Issue("one", "here", "Mend it"), Issue("two\x1b")])

    assert str(error) == "here: one. Mend it.\ntwo\\x1b."
