"""The documentation covers the options, variables, pages and commands of the code."""

import re
import tomllib
from pathlib import Path

import pytest

from dispatch_core.options import every_option
from dispatch_core.request import DispatchRequest, Trial
from tests.support.reference import with_tables

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
PAGES = [ROOT / "README.md", *ROOT.glob("docs/*.md")]
LINKING = [*PAGES, *ROOT.glob("docs/engines/*.md")]
VARIABLE = re.compile(r"[\"'](DOCDB_[A-Z]+|DISPATCH_[A-Z_]+|AWS_[A-Z0-9_]+)[\"']")


def test_the_tables_of_the_reference_are_made_from_the_options() -> None:
    assert with_tables(REFERENCE) == REFERENCE, "run make docs"
    assert REFERENCE.count("| `--file_extension` | `file_extension` | end of the names of") == 1
    assert REFERENCE.count("| `DOCDB_HOST` | as `--docdb_host` | the embedded demo |") == 1


# the version of a saved request's layout is not an option
FIELDS = [name for name in DispatchRequest.model_fields if name != "version"]


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_of_a_request_has_the_description_of_its_option(name: str) -> None:
    described = {one.field: one.description for one in every_option()}

    assert DispatchRequest.model_fields[name].description == described[name]
    assert len(described[name]) > 10


def test_every_option_of_a_request_is_a_field_of_it() -> None:
    trial = [f"trial.{name}" for name in Trial.model_fields]

    assert sorted(one.field for one in every_option() if one.field) == sorted([*FIELDS, *trial])


def test_every_environment_variable_that_the_code_reads_is_in_the_reference() -> None:
    sources = [*ROOT.glob("dispatch_core/**/*.py"), *ROOT.glob("pages/**/*.py")]

    read = {name for path in sources for name in VARIABLE.findall(path.read_text())}

    assert {"DOCDB_HOST", "DISPATCH_OUTPUT_ROOT"} <= read
    assert {name for name in read if f"`{name}`" not in REFERENCE} == set()


def test_the_readme_starts_with_both_commands_and_the_lines_of_a_notebook() -> None:
    first_screen = README[:2400]

    assert "make app" in first_screen
    assert "make test" in first_screen
    assert "import dispatch_core as dispatch" in first_screen
    assert 'plan.write("out")' in first_screen
    assert "pip install --require-hashes -r requirements.lock" in first_screen


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_every_file_and_heading_that_a_page_links_to_exists(page: Path) -> None:
    links = re.findall(r"\]\(([^):]+)\)", page.read_text())

    missing = [link for link in links if not has_target(page, link)]

    assert missing == []


def has_target(page: Path, link: str) -> bool:
    """Return whether the file of a link exists, and the heading after its #."""
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    if not target.exists():
        return False
    headings = re.findall(r"(?m)^#+ (.+)$", target.read_text()) if anchor else []
    return not anchor or anchor in {
        re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings
    }


def test_the_readme_links_to_every_page() -> None:
    assert [page.name for page in PAGES[1:] if f"(docs/{page.name})" not in README] == []


def test_the_architecture_page_names_every_module() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    modules = {path.stem for path in ROOT.glob("dispatch_core/*.py")}

    missing = {name for name in modules if not name.startswith("__") and f"`{name}`" not in page}

    assert missing == set()


def test_each_requirement_has_a_reason_beside_it() -> None:
    for path in ROOT.glob("requirements*.txt"):
        for line in path.read_text().splitlines():
            if line and not line.startswith(("#", "-r")):
                assert "  # " in f"{line} ".replace(" #", "  # "), f"{path.name}: {line}"


def test_the_changelog_starts_with_unreleased() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[0] == "[Unreleased]"


def test_the_settings_of_the_tools_are_valid() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert settings["tool"]["mypy"]["strict"] is True


def test_every_target_of_the_makefile_that_the_documentation_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    pages = [*PAGES, *ROOT.glob(".ci/*")]

    named = {
        name
        for page in pages
        for name in re.findall(r"(?m)(?:^|`)make ([a-z-]+)", page.read_text())
    }

    assert {"app", "test", "bench"} <= named
    assert {name for name in named if f"\n{name}:" not in makefile} == set()


def test_every_target_of_the_makefile_is_in_the_readme_and_has_a_rule() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"(?m)^\.PHONY: (.+)$", makefile)[0].split()

    assert [name for name in targets if f"\n{name}:" not in makefile] == []
    assert [name for name in targets if not re.search(rf"make {name}\b", README)] == []


def test_ci_runs_the_script_with_the_python_of_its_matrix() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()

    assert "- run: bash .ci/run\n        env:\n          PYTHON: python" in workflow
