"""The package: what it requires, and that a wheel of it works away from the checkout."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dispatch_core
from tests.support.syntax import syntax_of
from tests.support.world import ROOT, clean_environment

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def listed(file: str) -> set[str]:
    """The requirements of a file, each in a normal form."""
    lines = (ROOT / file).read_text("utf-8").splitlines()
    texts = [line.partition("#")[0].strip() for line in lines]
    return {str(Requirement(text)) for text in texts if text and not text.startswith("-")}


def normal(requirements: list[str]) -> set[str]:
    return {str(Requirement(text)) for text in requirements}


def test_the_requirements_of_the_app_are_those_of_the_package_with_its_extra() -> None:
    assert listed("requirements.txt") == normal(PROJECT["dependencies"] + EXTRAS["app"])


@pytest.mark.parametrize("extra", [name for name in EXTRAS if name != "app"])
def test_each_extra_is_the_requirements_file_of_its_name(extra: str) -> None:
    assert listed(f"requirements-{extra}.txt") == normal(EXTRAS[extra])


def test_every_part_of_the_app_that_is_optional_is_an_extra() -> None:
    apart = {"awscli", "bench", "dev", "engines", "readers"}
    files = {path.stem.partition("-")[2] for path in ROOT.glob("requirements-*.txt")}

    assert files - apart == EXTRAS.keys() - {"app"}


def names_of(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def imported() -> Iterator[str]:
    """The top-level name of every module that the package imports."""
    for path in (ROOT / "dispatch_core").rglob("*.py"):
        for node in ast.walk(syntax_of(path)):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield str(node.module).partition(".")[0]


def test_the_package_imports_only_what_it_requires() -> None:
    homes = metadata.packages_distributions()
    extras = [text for name, texts in EXTRAS.items() if name != "app" for text in texts]
    required = names_of(PROJECT["dependencies"] + extras)
    parts = {"botocore": "boto3", "pydantic_core": "pydantic", "urllib3": "requests"}

    foreign = set(imported()) - set(sys.stdlib_module_names) - {"dispatch_core"}
    unknown = {
        name
        for name in foreign
        # an extra that is not installed here has the name of its package
        if not {canonicalize_name(parts.get(home, home)) for home in homes.get(name, [name])}
        & required
    }

    assert {"pydantic", "boto3", "rich"} <= foreign
    assert unknown == set()


def test_the_version_is_in_one_place() -> None:
    version = dispatch_core.__version__
    ran = subprocess.check_output(
        [sys.executable, "-m", "dispatch_core", "--version"], cwd=ROOT, text=True
    )

    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version)
    assert "version" in PROJECT["dynamic"]
    assert ran == f"job-dispatch {version}\n"


# A wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment in which the wheel is installed.

    What the package requires comes from the environment of the tests, so nothing is downloaded.
    """
    pytest.importorskip("flit_core", reason="flit-core is in requirements-dev.txt")
    folder = tmp_path_factory.mktemp("wheel")
    build = ["build", "-q", "--wheel", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([sys.executable, "-m", "uv", *build, "-o", folder / "dist", ROOT], check=True)
    venv.create(folder / "env", symlinks=True)
    programs = folder / "env" / "bin"
    (wheel,) = (folder / "dist").glob("*.whl")
    install = ["pip", "install", "-q", "--offline", "--no-deps", "--python", programs / "python"]
    subprocess.run([sys.executable, "-m", "uv", *install, wheel], check=True)
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "requirements-of-the-tests.pth").write_text("\n".join(here))
    return programs


def run(program: Path, *arguments: str, folder: Path) -> str:
    return subprocess.check_output(
        [program, *arguments], cwd=folder, env=clean_environment(), text=True
    )


@pytest.mark.slow
def test_the_installed_command_plans_the_demo_away_from_the_checkout(
    installed: Path, tmp_path: Path
) -> None:
    version = run(installed / "job-dispatch", "--version", folder=tmp_path)
    query = '{"subject.subject_id": "900003"}'
    options = ["--plan", "--docdb_query", query, "--file_extension=.nwb"]

    printed = run(installed / "job-dispatch", *options, folder=tmp_path)

    assert version == f"job-dispatch {dispatch_core.__version__}\n"
    assert "plan: 16 assets matched, 8 usable -> 8 files x 1 parameter set = 8 jobs" in printed


@pytest.mark.slow
def test_the_lines_of_the_readme_run_away_from_the_checkout(
    installed: Path, tmp_path: Path
) -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

    printed = run(
        installed / "python",
        *["-c", f"{lines}\nprint(dispatch.__file__, repr(plan), sep='\\n')"],
        folder=tmp_path,
    )

    where, shown = printed.splitlines()
    assert Path(where).is_relative_to(installed.parent)
    assert shown.startswith("<Plan 36bb20805bb2: 16 assets matched")
    assert len(list((tmp_path / "out").iterdir())) == 8


@pytest.mark.slow
def test_the_wheel_holds_the_whole_package_and_its_types(installed: Path) -> None:
    (package,) = installed.parent.glob("lib/python*/site-packages/dispatch_core")

    here = {path.relative_to(ROOT / "dispatch_core") for path in CORE_FILES}
    there = {path.relative_to(package) for path in package.rglob("*") if path.suffix != ".pyc"}

    assert Path("py.typed") in here
    assert here <= there


CORE_FILES = [
    path
    for path in (ROOT / "dispatch_core").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
]
