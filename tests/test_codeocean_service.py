"""``handover codeocean`` with the real client against a stand-in over TLS."""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("codeocean", reason="codeocean is an extra (requirements-codeocean.txt)")

from dispatch_core.cli import main
from dispatch_core.engines import codeocean_handover
from dispatch_core.engines.codeocean import StartUnknown, Target, read_settings
from dispatch_core.engines.codeocean_client import CodeOceanService
from dispatch_core.errors import (
    AccessDenied,
    DispatchError,
    InvalidInput,
    NothingFound,
    ServiceError,
)
from dispatch_core.sources.transport import RetryPolicy
from tests.servers.codeocean import (
    DISPATCHER,
    PIPELINE,
    RUN_ID,
    TOKEN,
    WRAPPER,
    CodeOceanFault,
    CodeOceanServer,
    panel_field,
)
from tests.support.world import ROOT, Ran, clean_environment, subject, tree_of

QUICK = RetryPolicy(connect=2, read=0.3, total=2, attempts=2, max_wait=0.01)
FIRST = f"{RUN_ID[:-1]}c"
TARGET = Target("pipeline", PIPELINE)


@pytest.fixture
def server() -> Iterator[CodeOceanServer]:
    with CodeOceanServer() as server:
        yield server


@pytest.fixture(scope="module")
def dispatched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dispatch of the demo: ``out`` and its record."""
    folder = tmp_path_factory.mktemp("dispatched")
    options = ["--docdb_query", subject("900003"), "--file_extension=.nwb", "--buckets=demo"]
    ran = main([*options, "--docdb_host=demo", f"--output_directory={folder / 'out'}"])
    assert ran == 0
    return folder


@pytest.fixture
def out(dispatched: Path, tmp_path: Path) -> Path:
    """A copy of the dispatch."""
    shutil.copytree(dispatched, tmp_path / "work")
    return tmp_path / "work" / "out"


@pytest.fixture
def handover(
    server: CodeOceanServer,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Ran]:
    """Runs ``handover codeocean OUT --pipeline ID`` with further arguments."""
    for name, text in server.environment.items():
        monkeypatch.setenv(name, text)

    def run(*arguments: str, folder: Path = out, target: str = f"--pipeline={PIPELINE}") -> Ran:
        parser = argparse.ArgumentParser()
        parser.add_argument("folder")
        codeocean_handover.add_arguments(parser)
        given = parser.parse_args([str(folder), *filter(None, [target]), "--poll=0.01", *arguments])
        try:
            code = codeocean_handover.run(given)
        except DispatchError as error:
            print("error:", error, file=sys.stderr)
            code = error.exit_code
        output = capsys.readouterr()
        return Ran(code, output.out, output.err)

    return run


def noted(out: Path) -> list[dict[str, Any]]:
    """The runs in the file beside a dispatch."""
    document: dict[str, Any] = json.loads(out.with_name("out.codeocean.json").read_text())
    return list(document["runs"])


def record_of(out: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(out.with_name("out.dispatch.json").read_text())
    return record


# A run


def test_a_run_gets_the_request_and_the_fingerprint_for_the_dispatcher_alone(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    ran = handover()

    (order,) = server.runs
    (process,) = order["processes"]
    parameters = {one["param_name"]: one["value"] for one in process["named_parameters"]}
    assert ran.code == 0, ran.err
    assert order["pipeline_id"] == PIPELINE
    assert order.get("data_assets") is None
    assert order.get("named_parameters") is None
    assert process["name"] == DISPATCHER
    assert json.loads(parameters.pop("request")) == record_of(out)["request"]
    assert parameters == {"expect_fingerprint": record_of(out)["fingerprint"], "split_files": ""}
    assert f"started: run {FIRST} ({server.url}/api/v1/computations/{FIRST})\n" in ran.out
    assert "the same command looks at it again" in ran.out
    assert noted(out)[0]["run"] == FIRST
    assert noted(out)[0]["state"] == "initializing"


def test_the_dispatcher_capsule_alone_gets_the_parameters_itself(
    handover: Callable[..., Ran], server: CodeOceanServer
) -> None:
    server.panel = {"parameters": [panel_field("request"), panel_field("expect_fingerprint")]}

    ran = handover("--release=3", target="--capsule=eb082456-d031-4a42-80b0-f209b8728927")

    (order,) = server.runs
    names = [one["param_name"] for one in order["named_parameters"]]
    assert ran.code == 0, ran.err
    assert (order["capsule_id"], order["version"]) == ("eb082456-d031-4a42-80b0-f209b8728927", 3)
    assert names == ["request", "expect_fingerprint"]
    assert server.requests[0].path.endswith("/app_panel?version=3")


def reported(order: dict[str, Any], **changed: str) -> dict[str, Any]:
    """The fields of a run that report its parameters, some of them changed."""
    (process,) = order["processes"]
    values = {one["param_name"]: one["value"] for one in process["named_parameters"]} | changed
    parameters = [{"param_name": name, "value": text} for name, text in values.items()]
    return {"processes": [{"name": DISPATCHER, "capsule_id": "c", "parameters": parameters}]}


def test_a_parameter_that_is_reported_otherwise_is_a_warning(
    handover: Callable[..., Ran], server: CodeOceanServer
) -> None:
    server.on_start = reported
    same = handover()
    server.on_start = lambda order: reported(order, expect_fingerprint="")

    changed = handover("--again")

    assert "reports another" not in same.out
    assert changed.code == 0
    assert "warning: Code Ocean reports another expect_fingerprint, or none: look" in changed.out


def test_waiting_prints_each_state_and_lists_the_results(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    server.states = ["initializing", "running", "running", "finalizing", "completed"]
    server.results = [
        {"name": "nextflow", "path": "nextflow", "type": "folder"},
        *[{"name": f"{n}", "path": f"{n}", "type": "file", "size": 1_000 + n} for n in range(500)],
    ]

    ran = handover("--wait")

    assert ran.code == 0, ran.err
    assert [line for line in ran.out.splitlines() if line.startswith("state: ")] == [
        *["state: initializing", "state: running after 61 s", "state: finalizing after 61 s"],
        "state: succeeded after 61 s",
    ]
    assert "results: 501 entries at the top level\n  nextflow/\n  0  1,000 bytes\n" in ran.out
    assert ran.out.endswith("  18  1,018 bytes\n  ... and 481 more\n")
    assert noted(out)[0]["state"] == "succeeded"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("failed", "state: failed after 61 s\n"),
        ({"state": "completed", "end_status": "failed", "exit_code": 1}, "failed, exit code 1"),
        ({"state": "completed", "end_status": "stopped"}, "state: stopped after 61 s\n"),
        ({"state": "completed"}, "neither an end status nor an exit code"),
    ],
)
def test_a_run_that_does_not_succeed_is_exit_code_1(
    handover: Callable[..., Ran], server: CodeOceanServer, state: Any, said: str
) -> None:
    # "completed" alone would be completed by the stand-in, as the service does
    server.states = [state if isinstance(state, str) else {"end_status": None, **state}]

    ran = handover("--wait")

    assert ran.code == 1
    assert said in ran.out
    assert "--again starts another run of the same dispatch" in ran.out


def test_a_run_has_succeeded_also_if_its_results_cannot_be_listed(
    handover: Callable[..., Ran], server: CodeOceanServer
) -> None:
    server.states = ["completed"]
    server.results = [{"name": "a", "path": "a", "type": "file", "size": "many"}]

    ran = handover("--wait")

    assert ran.code == 0
    assert "state: succeeded" in ran.out
    assert "note: the results cannot be listed: localhost:" in ran.err


def test_the_answer_about_another_run_is_not_taken(
    trusted: CodeOceanServer,
) -> None:
    trusted.runs += [{}, {}]
    trusted.states = [{"id": f"{RUN_ID[:-1]}d", "state": "completed", "exit_code": 0}]

    with pytest.raises(ServiceError, match="does not fit codeocean"):
        service(trusted).look(FIRST)


def test_the_same_command_again_starts_nothing_and_shows_the_run(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    handover()
    server.states = ["running", "completed"]

    ran = handover("--wait")
    again = handover()

    assert (ran.code, again.code) == (0, 0)
    assert len(server.runs) == 1
    assert f"already started: run {FIRST} at " in ran.out
    assert "state: succeeded\n" in again.out
    assert len(noted(out)) == 1


def test_again_starts_another_run_and_keeps_the_note_of_the_first(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    handover()

    ran = handover("--again")

    assert ran.code == 0
    assert len(server.runs) == 2
    assert [row["run"] for row in noted(out)] == [FIRST, f"{RUN_ID[:-1]}d"]


def test_another_pipeline_is_another_run(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    handover()

    ran = handover(target="--pipeline=another")

    assert ran.code == 0
    assert [row["target"] for row in noted(out)] == [PIPELINE, "another"]


@pytest.mark.slow
def test_two_commands_at_once_start_one_run(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    command = [sys.executable, "-c", _PROGRAM, str(out), f"--pipeline={PIPELINE}"]
    environment = clean_environment() | server.environment

    racing = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(2)]
    codes = [process.wait(60) for process in racing]

    assert codes == [0, 0]
    assert len(server.runs) == 1


_PROGRAM = """
import sys
from dispatch_core.cli import main
sys.exit(main(["handover", "codeocean", *sys.argv[1:]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_stops_waiting_and_says_that_the_run_goes_on(
    server: CodeOceanServer, out: Path, number: int, code: int
) -> None:
    command = [sys.executable, "-u", "-c", _PROGRAM, str(out), f"--pipeline={PIPELINE}"]
    environment = clean_environment() | server.environment
    waiting = subprocess.Popen(
        [*command, "--wait", "--poll=0.05"],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert waiting.stdout is not None
    for line in waiting.stdout:
        if line.startswith("state: running"):
            break

    waiting.send_signal(number)
    _, errors = waiting.communicate(timeout=30)

    assert waiting.returncode == code
    assert f"interrupted: run {FIRST} goes on without this command (last seen: running" in errors
    assert f"{server.url}/api/v1/computations/{FIRST}); the same command looks at it" in errors
    assert noted(out)[0]["state"] == "running"


def test_waiting_no_longer_than_the_limit_is_exit_code_1(
    handover: Callable[..., Ran], server: CodeOceanServer
) -> None:
    ran = handover("--wait", "--wait_limit=0.05")

    assert ran.code == 1
    assert f"run {FIRST} goes on" in ran.out


def test_a_dry_run_prints_the_parameters_and_starts_nothing(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    ran = handover("--dry_run")

    assert ran.code == 0
    assert f"process: {DISPATCHER}\n" in ran.out
    assert f"  expect_fingerprint={record_of(out)['fingerprint']}\n  split_files=\n" in ran.out
    assert server.runs == []
    assert not out.with_name("out.codeocean.json").exists()


@pytest.mark.parametrize(
    ("engine", "option", "said"),
    [
        ("codeocean", "--command=true", "--command: it is not an option of codeocean"),
        ("slurm", f"--pipeline={PIPELINE}", "--pipeline: it is not an option of slurm"),
        ("slurm", "--shell", "--command: it is empty"),
    ],
)
def test_an_option_of_another_engine_is_refused(
    out: Path, capsys: pytest.CaptureFixture[str], engine: str, option: str, said: str
) -> None:
    command = ["--command=true {job}"] if "pipeline" in option else []

    code = main(["handover", engine, str(out), option, *command])

    assert code == 2
    assert said in capsys.readouterr().err


def test_the_command_line_starts_a_run(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    code = main(["handover", "codeocean", str(out), f"--pipeline={PIPELINE}"])

    assert code == 0
    assert len(server.runs) == 1


# What was seen is what runs


@pytest.fixture
def capsule(tmp_path: Path) -> Callable[[dict[str, Any]], Ran]:
    """Runs the dispatcher capsule with the parameters of an order, as the platform does."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "dispatch_core").symlink_to(ROOT / "dispatch_core")
    shutil.copy(ROOT / "docs" / "capsule" / "run", code / "run")

    def run(order: dict[str, Any]) -> Ran:
        named = order["processes"][0]["named_parameters"]
        arguments = [f"--{one['param_name']}={one['value']}" for one in named]
        variables = {"CO_COMPUTATION_ID": "a", "DOCDB_HOST": "demo", "FILE_EXTENSION": ".zarr"}
        variables["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", code / "run", *arguments, f"--output_directory={tmp_path / 'results'}"],
            env=clean_environment() | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    "request_fields",
    [
        {"query": {"subject.subject_id": "900003"}, "file_extension": ".nwb"},
        {
            "query": {"subject.subject_id": "900003"},
            "file_extension": ".nwb",
            "job_format": "pipeline",
            "parameters": {
                "fixed_parameters": {"title": 'it\'s $HOME "quoted"'},
                "distributed_parameters": [{"k": 1}, {"k": 2.0}],
            },
            "num_parallel_workers": 3,
        },
    ],
)
def test_the_capsule_makes_the_same_tree_from_the_parameters(
    handover: Callable[..., Ran],
    server: CodeOceanServer,
    capsule: Callable[[dict[str, Any]], Ran],
    tmp_path: Path,
    request_fields: dict[str, Any],
) -> None:
    saved = json.dumps(request_fields)
    main([f"--request={saved}", "--docdb_host=demo", f"--output_directory={tmp_path / 'mine'}"])

    ran = handover(folder=tmp_path / "mine")
    there = capsule(server.runs[0])

    assert (ran.code, there.code) == (0, 0), there.err
    assert len(tree_of(tmp_path / "mine")) >= 8
    assert tree_of(tmp_path / "results") == tree_of(tmp_path / "mine")


@pytest.mark.slow
def test_the_capsule_makes_the_jobs_that_no_earlier_dispatch_has(
    handover: Callable[..., Ran],
    server: CodeOceanServer,
    capsule: Callable[[dict[str, Any]], Ran],
    out: Path,
    tmp_path: Path,
) -> None:
    for worker in out.iterdir():  # the earlier dispatch has only the first jobs
        if int(worker.name) > 2:
            shutil.rmtree(worker)
    out.with_name("out.dispatch.json").unlink()
    query = ["--docdb_query", subject("900003"), "--file_extension=.nwb", "--docdb_host=demo"]
    main([*query, f"--not_in={out}", f"--output_directory={tmp_path / 'new'}"])

    ran = handover(folder=tmp_path / "new")
    there = capsule(server.runs[0])

    assert (ran.code, there.code) == (0, 0), there.err
    assert len(tree_of(tmp_path / "new")) == 5
    assert tree_of(tmp_path / "results") == tree_of(tmp_path / "new")


@pytest.mark.slow
def test_the_capsule_stops_if_its_plan_is_another_one(
    handover: Callable[..., Ran],
    server: CodeOceanServer,
    capsule: Callable[[dict[str, Any]], Ran],
    out: Path,
    tmp_path: Path,
) -> None:
    record = record_of(out) | {"fingerprint": "0" * 64}
    out.with_name("out.dispatch.json").write_text(json.dumps(record))

    handover()
    there = capsule(server.runs[0])

    assert there.code == 2
    assert "error: --expect_fingerprint: this plan has the fingerprint " in there.err
    assert not (tmp_path / "results").exists()


# What goes wrong


def service(server: CodeOceanServer, **settings: str) -> CodeOceanService:
    return CodeOceanService(read_settings(server.environment | settings), QUICK)


@pytest.fixture
def trusted(server: CodeOceanServer, monkeypatch: pytest.MonkeyPatch) -> CodeOceanServer:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", server.ca_file)
    return server


FAULTS: dict[str, tuple[CodeOceanFault, type[DispatchError], str]] = {
    "401": (CodeOceanFault(401), AccessDenied, "the token is not accepted (401). Set CODEOCEAN_"),
    "403": (CodeOceanFault(403), AccessDenied, "access denied (403): try again. Use a token with"),
    "404": (CodeOceanFault(404), NothingFound, "not found, or not visible for this token. Check"),
    "400": (
        CodeOceanFault(400, b'{"message": "unknown parameter"}'),
        InvalidInput,
        "it refuses the request (400): unknown parameter. Check the ID, the release",
    ),
    "version": (
        CodeOceanFault(400, b'{"message": "server version 4.7.3 is lower than required 4.8.0"}'),
        InvalidInput,
        "Install the version of codeocean that was made for this platform",
    ),
    "413": (
        CodeOceanFault(413, b"<html>"),
        InvalidInput,
        "too long for it (413). Name the request",
    ),
    "422": (CodeOceanFault(422, b""), InvalidInput, "it refuses the request (422). Check"),
    "429": (CodeOceanFault(429), ServiceError, "it responded with 429: try again"),
    "500": (CodeOceanFault(500, b"[1]"), ServiceError, "it responded with 500. Check CODEOCEAN_"),
    "503": (CodeOceanFault(503, b"<html>busy</html>"), ServiceError, "it responded with 503."),
    "html": (CodeOceanFault(200, b"<html>sign in</html>"), ServiceError, "is not JSON"),
    "empty": (CodeOceanFault(200, b""), ServiceError, "the response is not JSON"),
    "half": (CodeOceanFault(200, b'{"id": "a"}', breaks="half way"), ServiceError, "connection"),
    "reset": (CodeOceanFault(breaks="at once"), ServiceError, "the connection failed"),
    "stall": (CodeOceanFault(stall=1.0), ServiceError, "the request timed out"),
    "list": (CodeOceanFault(200, b"[1, 2]"), ServiceError, "does not fit codeocean"),
    "null": (CodeOceanFault(200, b"null"), ServiceError, "does not fit codeocean"),
    "text": (CodeOceanFault(200, b'"a"'), ServiceError, "does not fit codeocean"),
    "number": (CodeOceanFault(200, b"7"), ServiceError, "does not fit codeocean"),
    "keys": (CodeOceanFault(200, b'{"id": "a"}'), ServiceError, "does not fit codeocean"),
    "deep": (CodeOceanFault(200, b"[" * 100_000), ServiceError, "the response"),
    "state": (
        CodeOceanFault(
            200, b'{"id":"a","created":1,"name":"","owner":"","run_time":1,"state":"queued"}'
        ),
        ServiceError,
        "Install the version of codeocean that was made for this platform",
    ),
    "infinity": (
        CodeOceanFault(
            200, b'{"id":"a","created":1,"name":"","owner":"","run_time":1e999,"state":"running"}'
        ),
        ServiceError,
        "Install the version of codeocean that was made for this platform",
    ),
    "no state": (
        CodeOceanFault(
            200, b'{"id":"a","created":1,"name":"","owner":"","run_time":1,"state":null}'
        ),
        ServiceError,
        "Install the version of codeocean that was made for this platform",
    ),
    "id": (
        CodeOceanFault(
            200, b'{"id":"../a","created":1,"name":"","owner":"","run_time":1,"state":"running"}'
        ),
        ServiceError,
        "Install the version of codeocean that was made for this platform",
    ),
    "redirect": (
        CodeOceanFault(302, headers=(("Location", "https://elsewhere.example.org/"),)),
        ServiceError,
        "it redirects to another address. Set CODEOCEAN_DOMAIN to the target host",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_failure_of_a_look_is_an_error_that_says_what_to_do(
    trusted: CodeOceanServer, name: str
) -> None:
    fault, kind, said = FAULTS[name]
    trusted.fault = lambda asked: fault

    with pytest.raises(kind) as caught:
        service(trusted).look("a")

    text = str(caught.value)
    assert type(caught.value) is kind
    assert said in text
    assert text.startswith(trusted.host)
    assert len(text) < 500


REFUSED = ("400", "version", "401", "403", "404", "413", "422", "429", "redirect")


@pytest.mark.parametrize("name", FAULTS)
def test_a_run_whose_answer_is_lost_is_not_requested_twice(
    trusted: CodeOceanServer, name: str
) -> None:
    fault, kind, _ = FAULTS[name]
    trusted.fault = lambda asked: fault if asked.path.endswith("/computations") else None

    with pytest.raises(kind if name in REFUSED else StartUnknown) as caught:
        service(trusted).start(TARGET, DISPATCHER, {"request": "{}"})

    assert len(trusted.requests) == 1
    if name not in REFUSED:
        assert "whether a run started is not known" in str(caught.value)
        assert "Look at the runs in Code Ocean" in str(caught.value)


def test_a_look_that_fails_once_is_repeated(trusted: CodeOceanServer) -> None:
    answers = iter([CodeOceanFault(502), None])
    trusted.runs.append({})
    trusted.fault = lambda asked: next(answers, None)

    run = service(trusted).look(FIRST)

    assert run.state == "running"
    assert len(trusted.requests) == 2


def test_a_lost_answer_is_noted_and_the_next_command_starts_nothing(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    server.fault = lambda asked: (
        CodeOceanFault(504, late=True) if asked.path.endswith("/computations") else None
    )

    ran = handover()
    again = handover()
    server.fault = lambda asked: None
    by_hand = handover("--again")

    assert ran.code == 4
    assert "whether a run started is not known: it responded with 504" in ran.err
    assert again.code == 2
    assert "and whether it started is not known. Look at the runs in Code Ocean" in again.err
    assert len(server.runs) == 2
    assert by_hand.code == 0
    assert [row["run"] for row in noted(out)] == [f"{RUN_ID[:-1]}d"]


def test_a_run_that_was_refused_leaves_no_note(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    server.fault = lambda asked: (
        CodeOceanFault(400) if asked.path.endswith("/computations") else None
    )

    ran = handover()
    server.fault = lambda asked: None
    again = handover()

    assert (ran.code, again.code) == (2, 0)
    assert [row["run"] for row in noted(out)] == [FIRST]


@pytest.mark.parametrize("panel", [None, {"processes": [{"name": WRAPPER}]}, {}])
def test_nothing_starts_without_a_panel_that_can_carry_a_dispatch(
    handover: Callable[..., Ran], server: CodeOceanServer, panel: Any, out: Path
) -> None:
    server.panel = panel

    ran = handover()

    assert ran.code == (3 if panel is None else 2)
    assert "not found" in ran.err or "docs/capsule/app-panel.json" in ran.err
    assert server.runs == []
    assert not out.with_name("out.codeocean.json").exists()


def test_a_platform_that_gives_no_panel_runs_a_named_process(
    handover: Callable[..., Ran], server: CodeOceanServer
) -> None:
    server.panel = None

    ran = handover("--process=dispatcher_1")

    (process,) = server.runs[0]["processes"]
    assert ran.code == 0
    assert "warning: no panel, so the fields of dispatcher_1 are not checked: " in ran.out
    assert process["name"] == "dispatcher_1"
    assert len(process["named_parameters"]) == 2


def test_an_untrusted_certificate_is_refused(
    server: CodeOceanServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)

    with pytest.raises(ServiceError, match="the certificate is not trusted"):
        service(server).look("a")
    assert server.requests == []


def test_a_missing_file_of_certificates_is_named(
    server: CodeOceanServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")

    with pytest.raises(InvalidInput, match="REQUESTS_CA_BUNDLE"):
        service(server).look("a")


def test_nothing_was_started_without_a_connection(trusted: CodeOceanServer) -> None:
    with pytest.raises(ServiceError, match="no run was started: the connection failed"):
        service(trusted, CODEOCEAN_DOMAIN="localhost:9").start(TARGET, DISPATCHER, {})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("",), "nothing says what to run. Give --pipeline ID, or --capsule ID"),
        ((f"--pipeline={PIPELINE}", "--capsule=a"), "both are given"),
        (("--pipeline=https://host/capsule/1234567/tree",), "is not an ID. Copy the ID"),
        (("--pipeline=1234567",), "'1234567' is not an ID. Copy the ID of the pipeline from its"),
        ((f"--pipeline={PIPELINE}", "--process=other"), "has no process 'other' with a panel"),
    ],
)
def test_a_wrong_target_is_refused_before_anything_starts(
    handover: Callable[..., Ran], server: CodeOceanServer, arguments: tuple[str, ...], said: str
) -> None:
    ran = handover(*arguments[1:], target=arguments[0])

    assert ran.code == 2
    assert said in ran.err
    assert server.runs == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "the record of the dispatch cannot be read: No such file"),
        ("{}", "it is not the record of a dispatch"),
        ("[1", "line 1, column 3"),
        ('{"record": 2, "request": {}, "equation": {"jobs": 0}}', "this dispatch has no jobs"),
        ('{"record": 2, "request": {}}', "this dispatch has no jobs"),
        ('{"record": 2, "request": {"x": 1}, "equation": {"jobs": 1}}', "x: this is not a field"),
        ('{"record": 2, "request": {}, "equation": {"jobs": 1}}', "'None' is not a fingerprint"),
    ],
)
def test_a_dispatch_without_its_record_is_refused(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path, content: str, said: str
) -> None:
    record = out.with_name("out.dispatch.json")
    record.unlink()
    if content is not None:
        record.write_text(content)

    ran = handover()

    assert ran.code == 2
    assert said in ran.err
    assert server.requests == []


def test_a_record_with_paths_of_this_machine_is_not_a_request_of_the_pipeline(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    record = record_of(out)
    record["request"]["not_in"] = ["elsewhere"]
    out.with_name("out.dispatch.json").write_text(json.dumps(record))

    ran = handover("--request_path=/data/out.dispatch.json")

    assert ran.code == 2
    assert "--request_path: the record names earlier dispatches (not_in)" in ran.err
    assert server.requests == []


def test_the_record_alone_can_be_handed_over(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    shutil.rmtree(out)

    ran = handover(folder=out.with_name("out.dispatch.json"))

    assert ran.code == 0
    assert len(server.runs) == 1


@pytest.mark.parametrize("content", ["{}", '{"runs": 1}', '{"runs": [{}]}', "[]", "x"])
def test_a_file_of_another_kind_is_not_replaced(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path, content: str
) -> None:
    file = out.with_name("out.codeocean.json")
    file.write_text(content)

    ran = handover()

    assert ran.code == 2
    assert server.runs == []
    assert file.read_text() == content


# The token


def test_the_token_is_in_no_output_file_or_error(
    handover: Callable[..., Ran], server: CodeOceanServer, out: Path
) -> None:
    echoed = server_echo()
    server.states = ["completed"]
    server.results = [{"name": "x", "path": f"x/{TOKEN}", "type": "folder"}]
    ran = [handover("--dry_run"), handover("--wait")]
    for status in (400, 403):
        server.fault = lambda asked, status=status: CodeOceanFault(status, echoed)
        ran.append(handover("--again"))

    written = [path.read_text() for path in out.parent.glob("*.json")]
    text = "\n".join([*[f"{one.out}{one.err}" for one in ran], *written])
    assert [one.code for one in ran] == [0, 0, 2, 4]
    assert "you sent ***" in text
    assert "  x/***/" in text
    assert TOKEN not in text
    assert _BASIC not in text


_BASIC = base64.b64encode(f"{TOKEN}:".encode()).decode()


def server_echo() -> bytes:
    """A message of a service that repeats what it was sent."""
    return json.dumps({"message": f"you sent {TOKEN} and Basic {_BASIC}"}).encode()


def test_the_token_goes_to_its_deployment_only(
    trusted: CodeOceanServer,
) -> None:
    with CodeOceanServer() as elsewhere:
        trusted.fault = lambda asked: CodeOceanFault(307, headers=(("Location", elsewhere.url),))
        with pytest.raises(ServiceError, match="it redirects"):
            service(trusted).look("a")

    assert elsewhere.requests == []
