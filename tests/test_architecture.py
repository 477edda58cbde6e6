"""What the core may import: a list of floors, and the few modules that meet the world."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest
import requests.exceptions
from requests.adapters import BaseAdapter

from dispatch_core.engines.codeocean import Settings
from dispatch_core.engines.codeocean_client import CodeOceanService
from dispatch_core.errors import DispatchError
from dispatch_core.sources.gateway import GatewaySource, RetryPolicy
from tests.support.syntax import syntax_of

CORE = Path(__file__).resolve().parents[1] / "dispatch_core"

FLOORS = {
    "ground": "errors types",
    "settings": "environment",
    "language": "options text language job_model",
    "readers": "arguments fields query asset_list parameter_sets builder job_text grouping"
    " equation sources",
    "request": "request walk listing jobs demo input_folder",
    "checked request": "request_parts",
    "single steps": "find trial locate choose connect notebook_arguments processed balance",
    "earlier dispatches": "earlier",
    "plan": "dispatch_plan",
    "all steps": "steps",
    "pipeline": "dispatch",
    "around the plan": "insight output views",
    "after the dispatch": "engines kept",
    "surface": "api command verbs",
    "door": "cli __init__",
    "entry": "__main__",
}
"""A module imports from floors below its own, and from its own folder."""

THE_WORLD = frozenset(
    "requests urllib3 http socket ssl boto3 botocore s3fs pymongo aind_data_access_api subprocess"
    " asyncio multiprocessing distributed duckdb codeocean".split()
)
EDGES = {
    "engines.local",
    "engines.run_worker",
    "engines.codeocean_client",
    "listing.cluster",
    "sources.inventory",
    "sources.gateway",
    "sources.mongodb",
    "sources.s3",
    "sources.transport",
    "demo.gateway",
}


@cache
def trees() -> dict[str, ast.Module]:
    """Dotted name below the core -> syntax tree."""
    names = {path: path.relative_to(CORE).with_suffix("") for path in CORE.rglob("*.py")}
    return {
        ".".join(name.parts).removesuffix(".__init__"): syntax_of(path)
        for path, name in names.items()
    }


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module that a tree imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imports() -> dict[str, frozenset[str]]:
    """Name of a module -> every module that it imports, ours or not."""
    return {name: frozenset(imported(tree)) for name, tree in trees().items()}


@cache
def ours() -> dict[str, set[str]]:
    """Name of a module -> the modules of ours that it imports."""
    prefix = "dispatch_core."
    return {
        name: {found.removeprefix(prefix) for found in others if found.startswith(prefix)}
        & trees().keys()
        for name, others in imports().items()
    }


def top_of(name: str) -> str:
    """The folder of a module, or the module itself where it stands flat in the core."""
    return name.split(".")[0]


def floor_of(name: str) -> int:
    """The number of a module's floor; a folder stands on one floor as a whole."""
    return next(n for n, floor in enumerate(FLOORS.values()) if top_of(name) in floor.split())


def test_every_module_is_on_one_floor_and_every_name_is_a_module() -> None:
    named = sorted(" ".join(FLOORS.values()).split())

    assert named == sorted({top_of(name) for name in trees()})


def test_a_module_imports_only_from_floors_below_and_from_its_own_folder() -> None:
    upward = {
        (name, other)
        for name, others in ours().items()
        for other in others
        if top_of(other) != top_of(name) and floor_of(other) >= floor_of(name)
    }

    assert upward == set()


def test_production_imports_the_demo_only_where_sources_are_opened() -> None:
    importing = {
        name
        for name, others in ours().items()
        if top_of(name) != "demo" and any(top_of(other) == "demo" for other in others)
    }

    assert importing == {"connect"}


def test_the_story_is_at_most_26_modules() -> None:
    flat = [path for path in CORE.glob("*.py") if path.stem not in ("__init__", "__main__")]

    assert len(flat) <= 26


def test_no_module_of_the_core_and_of_the_pages_has_more_than_600_lines() -> None:
    modules = [*CORE.rglob("*.py"), *(CORE.parent / "pages").rglob("*.py")]
    long = {path.name for path in modules if len(path.read_text().splitlines()) > 600}

    assert long == set()


def test_no_function_has_more_than_50_lines_beside_its_docstring() -> None:
    modules = [*CORE.rglob("*.py"), *(CORE.parent / "pages").rglob("*.py")]
    long = {
        f"{path.stem}.{node.name}"
        for path in modules
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.FunctionDef) and lines_of_code(node) > 50
    }

    assert long == set()


def lines_of_code(function: ast.FunctionDef) -> int:
    first = function.body[0]
    has_docstring = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_the_ground_imports_nothing_of_ours() -> None:
    assert {name: ours()[name] for name in FLOORS["ground"].split()} == {
        "errors": set(),
        "types": set(),
    }


def test_imports_make_no_cycle() -> None:
    order = list(TopologicalSorter(ours()).static_order())

    assert len(order) == len(trees())


def test_the_core_imports_no_streamlit() -> None:
    drawing = [
        name for name, others in imports().items() if any("streamlit" in found for found in others)
    ]

    assert drawing == []


def test_only_the_edges_import_what_meets_a_network_or_a_process() -> None:
    meeting = {
        name
        for name, others in imports().items()
        if THE_WORLD & {found.split(".")[0] for found in others}
    }

    assert meeting == EDGES


def test_everything_in_the_core_is_imported_by_its_full_name() -> None:
    relative = [
        name
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]

    assert relative == []


def exceptions_of(module: ModuleType) -> list[type[Exception]]:
    return [
        found
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Exception) and found.__module__ == module.__name__
    ]


class Failing(BaseAdapter):
    """A transport that raises one exception for every request."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def send(self, *request: object, **options: object) -> requests.Response:
        raise self.error

    def close(self) -> None:
        pass


def raised(kind: type[Exception]) -> Exception:
    if issubclass(kind, requests.exceptions.JSONDecodeError):
        return kind("no value", "text", 0)
    if issubclass(kind, requests.HTTPError):
        answer = requests.Response()
        answer.status_code = 500
        return kind("500", response=answer)
    return kind("failed")


OF_REQUESTS = [
    kind
    for kind in exceptions_of(requests.exceptions)
    if issubclass(kind, requests.RequestException) and not issubclass(kind, Warning)
]


@pytest.mark.parametrize("kind", OF_REQUESTS)
def test_no_exception_of_requests_leaves_the_gateway_edge(kind: type[Exception]) -> None:
    source = GatewaySource(
        "docdb.test", adapter=Failing(raised(kind)), retry_policy=RetryPolicy(attempts=1)
    )

    with pytest.raises(DispatchError):
        source.find_page({}, {"name": 1}, 10)


@pytest.mark.parametrize("kind", OF_REQUESTS)
def test_no_exception_of_requests_leaves_the_code_ocean_edge(kind: type[Exception]) -> None:
    pytest.importorskip("codeocean", reason="codeocean is an extra")
    settings = Settings("https://codeocean.test", "token")
    service = CodeOceanService(settings, RetryPolicy(attempts=1), Failing(raised(kind)))

    with pytest.raises(DispatchError):
        service.look("a-run")


@pytest.mark.parametrize(
    ("module", "bases", "others"),
    [
        ("requests.exceptions", {"RequestException"}, set()),
        # both are faults of botocore's own data files
        (
            "botocore.exceptions",
            {"BotoCoreError", "ClientError"},
            {"MissingServiceIdError", "UndefinedModelAttributeError"},
        ),
        ("codeocean.error", {"Error"}, set()),
        # a BSONError, which that edge catches beside the others
        ("pymongo.errors", {"PyMongoError"}, {"DocumentTooLarge"}),
    ],
)
def test_every_exception_of_a_client_has_a_base_that_its_edge_catches(
    module: str, bases: set[str], others: set[str]
) -> None:
    client = pytest.importorskip(module)
    caught = tuple(getattr(client, name) for name in bases)

    strangers = {
        kind.__name__ for kind in exceptions_of(client) if not issubclass(kind, (*caught, Warning))
    }

    assert strangers == others
