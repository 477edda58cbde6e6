"""What pages say to do names controls of the app, never options of the command line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from dispatch_core.text.reasons import reason_in_words
from dispatch_core.types import Notice, NoticeKind, Reason
from pages.shared.widgets.words import (
    ACTIONS,
    CONTROLS,
    FACTS,
    in_words_of_the_app,
    notice_in_words,
)
from tests.support.app import open_app, session_of

ROOT = Path(__file__).resolve().parents[1]
OPTION = re.compile(r"--([a-z][a-z0-9_]*)")

COMMAND_LINE = {
    # what only the command line prints or reads
    "api.py",
    "arguments.py",
    "cli.py",
    "command.py",
    "options.py",
    "notebook_arguments.py",
    "expectation.py",
    "terminal.py",
}
OWN_COMMANDS = {"verbs", "engines", "environment"}
PASTED = {"pages/shared/run_it.py"}
"""Pages with a command to paste."""


def texts(path: Path) -> Iterator[str]:
    """The texts of a module without its docstrings."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {
        ast.get_docstring(one, clean=False) for one in ast.walk(tree) if isinstance(one, documented)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value not in docs
        ):
            yield node.value


def test_no_text_of_a_page_names_an_option() -> None:
    named = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in (ROOT / "pages").rglob("*.py")
        if path.relative_to(ROOT).as_posix() not in PASTED and path.name != "words.py"
        for text in texts(path)
        if OPTION.search(text)
    }

    assert named == set()


def test_each_option_in_a_message_of_the_core_has_a_control() -> None:
    named = {
        name
        for path in (ROOT / "dispatch_core").rglob("*.py")
        if path.name not in COMMAND_LINE and not OWN_COMMANDS & set(path.parts)
        for text in texts(path)
        for name in OPTION.findall(text)
    }

    assert named - CONTROLS.keys() - {"request", "output_directory", "json", "results_"} == set()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Move it, or use --replace.", "Move it, or switch on Replace the folder."),
        (
            "Fill the field in, or set --drop_null_groups=0",
            "Fill the field in, or switch off Exclude assets that lack one of these fields",
        ),
        ("set --several_files each or together", "set another rule for several files"),
        ("Raise --max_number_of_tasks_dispatched", "Raise Cap on jobs, on the page Jobs"),
        (
            "--on_missing=fail: 1 is excluded",
            "what the request does about excluded assets (fail): 1 is excluded",
        ),
        (
            "--skip_processed: skip_processed=exact needs the results",
            "Already processed, on the page Jobs: the check of processed jobs needs the results",
        ),
        ("a -- b", "a -- b"),
    ],
)
def test_an_action_is_said_with_the_control_of_the_app(said: str, shown: str) -> None:
    assert in_words_of_the_app(said) == shown


def test_each_kind_of_notice_has_words_of_the_app_without_an_option() -> None:
    kinds = set(get_args(NoticeKind)) - {"warning"}
    words = [*FACTS.values(), *ACTIONS.values()]

    assert kinds == FACTS.keys() | ACTIONS.keys()
    assert [text for text in words if "_" in text or "--" in text] == []


def test_a_notice_about_an_option_says_it_in_words_of_the_app() -> None:
    names = Notice("only_jobs has 1 name ...: 'x'", "names_unknown", details=("1 name", "'{x}'"))
    sizes = Notice("balance=size does nothing ...", "sizes_unknown")

    assert notice_in_words(names) == (
        "The list of chosen jobs has 1 name that no job of this plan has: '{x}'"
    )
    assert notice_in_words(sizes).startswith("To balance workers by the size of files does nothing")


def test_the_page_jobs_says_which_choices_do_nothing_without_an_option(
    embedded_demo: None, fresh_clients: None
) -> None:
    app = open_app()
    app.button(key="find").click().run()
    session = session_of(app)
    assert session.work.found is not None
    session.work.found.wait(30)
    session.edit(balance="size", tasks_per_job=100, num_parallel_workers=7)

    app.switch_page("dispatch/jobs.py").run()

    assert [one.value.replace("\\", "") for one in app.warning] == [
        "The number of workers is ignored: the number of jobs per worker is set",
        "To balance workers by the size of files does nothing for whole assets: choose what names "
        "end with, on the page Files",
    ]


def test_every_reason_has_words_and_an_unknown_one_keeps_its_own() -> None:
    words = {reason: reason_in_words(reason) for reason in Reason}

    assert [reason for reason, text in words.items() if "_" in text] == []
    assert len(set(words.values())) == len(Reason)
    assert reason_in_words("of_a_later_version") == "of a later version"
