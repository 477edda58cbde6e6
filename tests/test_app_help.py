"""Help: the glossary, and the documents with the links between them."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.widgets.documents import FIRST, FOLDER, read_document
from tests.support.app import open_app, session_of

pytestmark = pytest.mark.usefixtures("embedded_demo")


def texts(app: AppTest) -> str:
    return "\n".join(one.value for one in app.markdown)


def test_help_opens_a_document_and_from_it_another_one() -> None:
    app = open_app()

    app.button(key="document-running.md").click().run()
    first = texts(app)
    app.button(key="linked-engines/slurm.md").click().run()
    second = texts(app)
    app.switch_page("plan/files.py").run()

    assert "## After the dispatch: run it, see what failed, run that" in first
    assert "What a job leaves" in first
    assert "## Slurm" in second
    assert "What a job leaves" not in second
    assert session_of(app).views.document == ""
    assert not app.exception


def test_every_document_that_can_be_reached_has_only_links_that_work_in_the_app() -> None:
    names, others = list(FIRST), []
    for name in names:
        found = read_document(name)
        names += [one for one in found.linked if one not in names]
        targets = re.findall(r"\]\(([^)\s]+)\)", found.text)
        others += [one for one in targets if not one.startswith("https://")]

    assert others == []
    assert {"trust.md", "deploy.md", "engines/dask.md"} <= set(names)
    assert all((FOLDER / name).is_file() for name in names)


def test_each_column_of_a_table_of_the_documents_has_a_heading() -> None:
    tables = re.compile(r"^\|(.*)\|\n\|[ :|-]+\|$", re.MULTILINE)

    empty = {
        f"{path.relative_to(FOLDER)}: {head[1]}"
        for path in FOLDER.rglob("*.md")
        for head in tables.finditer(path.read_text("utf-8"))
        if "" in [cell.strip() for cell in head[1].split("|")]
    }

    assert empty == set()


@pytest.mark.parametrize("word", ["Store", "Input", "Plan", "Seed", "Ledger", "Wrapper"])
def test_the_glossary_has_the_words_that_the_pages_use(word: str) -> None:
    assert f"- **{word}**: " in texts(open_app())
