"""Turns of phrase that do not come back, each with the plain form to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("dispatch_core", "pages", "tests", "benchmarks", "docs")
FILES = ("app.py", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", ".ci/run")
ENDINGS = {".py", ".md", ".toml", ".yml", ".yaml", ".sh", ""}
NOT_OURS = {Path(__file__), ROOT / "docs" / "licences.md"}

PLAIN = {
    # regular expression: what to write instead
    r"\b(?:is|are|was|were|be) no (?!longer|more\b|less\b|fewer\b|later\b|earlier\b)": (
        "is not a ..., or: there is no ..."
    ),
    r"\bthat (?:is|are) (?-i:none)\b": "that is not a ..., or: an invalid ...",
    r"\bbut for\b": "except, without",
    r"\b(?:is|are|was|were|be|been) told\b": "is reported, the message says",
    r"\btold of\b": "reported",
    r"\bwhoever\b": "anyone who, the user who",
    r"\bnobody\b": "no one, no user",
    r"\bso many\b": "this many, N",
    r"\bwhat came\b": "the result, the answer",
    r"\bput(?:s|ting)? right\b": "correct, fix",
    r"\bheed(?:s|ed|ing)?\b": "use, follow",
    r"\bthe present one\b": "the current one",
    r"\bdrop(?:s|ped|ping)? out\b": "is excluded",
    r"\bin the place of\b": "instead of",
    r"\btak(?:e|es|en|ing) out\b": "exclude",
    r"\bput back\b": "restore",
    r"\bfor ever\b": "forever, without end",
    r"\bstand(?:s)? for no\b": "is not a",
    r"\bas it came\b": "in the original order",
    r"\bask(?:s|ed|ing)? of\b": "ask",
    r"\blies? (?:below|beside|above|under)\b": "is below, is in",
    r"\bin silence\b": "silently, without a warning",
    r"\b(?:left|leaves?|leaving) (?:it|them|an? \w+|assets?) out\b": "exclude",
    r"\bstands? (?:for|beside)\b(?!-)": "means, is beside",
    r"\b(?:lest|thereof|henceforth|whence|amiss|aught|naught)\b": "the everyday word",
    r"\bwho is not in\b": "which assets are excluded",
    r"\bwhich JSON has not\b": "which is not a JSON type",
}


def _files() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (ROOT / folder).rglob("*")
    yield from (ROOT / name for name in FILES)


def _is_text_of_ours(path: Path) -> bool:
    return path.is_file() and path.suffix in ENDINGS and path not in NOT_OURS


def _text_of(path: Path) -> str:
    """The text of a file; of the changelog what is not released yet."""
    text = path.read_text()
    return text.partition("\n## [Unreleased]")[2].partition("\n## [")[0] or text


@cache
def texts_of_ours() -> dict[str, str]:
    files = filter(_is_text_of_ours, _files())
    return {str(path.relative_to(ROOT)): _text_of(path) for path in files}


@cache
def spaced(text: str) -> str:
    """`text` without what joins the words of a name ("_") or of a comment (line end and "#")."""
    return re.sub(r"_|\n[ \t]*#?[ \t]*", lambda gap: " " * len(gap[0]), text)


def lines_with(turn: str, texts: dict[str, str]) -> list[str]:
    """Where `turn` is written, also over the end of a line or as part of a name."""
    found, turn = [], turn.replace(" ", r"\s+")
    for name, text in texts.items():
        for match in re.finditer(turn, spaced(text), re.IGNORECASE):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{name}:{line}: {' '.join(match[0].split())}")
    return found


@pytest.mark.parametrize("turn", PLAIN, ids=PLAIN.values())
def test_texts_are_written_in_plain_words(turn: str) -> None:
    found = lines_with(turn, texts_of_ours())

    assert found == [], f"write: {PLAIN[turn]}"


def test_a_turn_is_found_over_a_line_end_and_in_a_name() -> None:
    texts = {"a.py": "# and is\n    # told of it\n", "b.py": "def test_x_is_told_of() -> None:"}

    found = lines_with(r"\bis told\b", texts)

    assert found == ["a.py:1: is told", "b.py:1: is told"]
