"""A Code Ocean deployment on loopback, over TLS: panels, runs, results, and injected faults.

::

    with CodeOceanServer() as server:
        server.states = ["initializing", "running", "completed"]
        # CODEOCEAN_DOMAIN=server.url, CODEOCEAN_TOKEN=TOKEN, REQUESTS_CA_BUNDLE=server.ca_file

It was made from the public user guide and the client, never beside the real service.
"""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import trustme

TOKEN = "cop_PlantedToken0123456789"
DISPATCHER = "capsule_job_dispatch_1"
WRAPPER = "capsule_analysis_wrapper_2"
PIPELINE = "4bc97533-6eb4-48ac-966f-648548a756d2"
RUN_ID = "9af23fd6-2957-40bf-b691-16190056c94e"


def panel_field(name: str, default: str | None = None) -> dict[str, Any]:
    """A named parameter of a panel, as the service describes it."""
    described = {"name": name, "param_name": name, "type": "text", "value_type": "string"}
    return described | ({} if default is None else {"default_value": default})


def template_panel() -> dict[str, Any]:
    """The panel of a pipeline of dispatcher and wrapper."""
    names = ("docdb_query", "file_extension", "request", "expect_fingerprint")
    fields = [*map(panel_field, names), panel_field("split_files", "1")]
    processes = [
        {"name": DISPATCHER, "parameters": fields},
        {"name": WRAPPER, "parameters": [panel_field("dry_run", "1")]},
    ]
    return {"general": {"title": "Template"}, "processes": processes}


@dataclass(frozen=True, slots=True)
class CodeOceanFault:
    """Instead of a correct response: this status and body, or what breaks the connection.

    ``late`` acts on the request first, and then answers with the fault.
    """

    status: int = 503
    body: bytes = b'{"message": "try again"}'
    headers: tuple[tuple[str, str], ...] = ()
    breaks: Literal["", "at once", "half way"] = ""
    stall: float = 0.0
    late: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One received request."""

    method: str
    path: str
    body: Any
    authorization: str


@dataclass
class CodeOceanServer:
    """A context manager that serves HTTPS at `url`.

    Attributes
    ----------
    panel
        The panel of every pipeline and capsule; None: there is none.
    states
        What each look at a run answers, one after the other; the last one stays. Either a
        state or the fields of a computation.
    results
        The items at the top level of the results of a run.
    fault
        The fault of a request, or None.
    on_start
        Called with the body of each order for a run; its fields join those of the run.
    requests, runs
        What was received, and the orders for runs that were accepted.
    """

    panel: dict[str, Any] | None = field(default_factory=template_panel)
    states: list[str | dict[str, Any]] = field(default_factory=lambda: ["running"])
    results: list[dict[str, Any]] = field(default_factory=list)
    fault: Callable[[Asked], CodeOceanFault | None] = lambda asked: None
    on_start: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: {}
    requests: list[Asked] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        self._http = _Http(self, authority)
        self.host = f"localhost:{self._http.server_port}"
        self.url = f"https://{self.host}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._folder.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a user of this deployment."""
        return {
            "CODEOCEAN_DOMAIN": self.url,
            "CODEOCEAN_TOKEN": TOKEN,
            "REQUESTS_CA_BUNDLE": self.ca_file,
        }

    def answer(self, asked: Asked) -> CodeOceanFault:
        """The response; the correct one is a `CodeOceanFault` with status 200."""
        self.requests.append(asked)
        fault = self.fault(asked)
        if fault is not None and not fault.late:
            return fault
        correct = self._correct(asked)
        return fault or correct

    def _correct(self, asked: Asked) -> CodeOceanFault:
        if asked.authorization != f"Basic {base64.b64encode(f'{TOKEN}:'.encode()).decode()}":
            return _json(401, {"message": "invalid token"})
        route = asked.path.removeprefix("/api/v1/").partition("?")[0].split("/")
        match asked.method, route:
            case "GET", ["pipelines" | "capsules", _, "app_panel"] if self.panel is not None:
                return _json(200, self.panel)
            case "POST", ["computations"]:
                return self._start(asked.body)
            case "GET", ["computations", run_id] if self._is_run(run_id):
                state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
                return _json(200, self._computation(run_id, state))
            case "POST", ["computations", run_id, "results"] if self._is_run(run_id):
                return _json(200, {"items": self.results})
        return _json(404, {"message": "not found"})

    def _is_run(self, run_id: str) -> bool:
        return run_id in {self._run_id(number) for number in range(len(self.runs))}

    def _run_id(self, number: int) -> str:
        return RUN_ID[:-1] + "cdef"[number] if number < 4 else f"{RUN_ID}-{number}"

    def _start(self, body: dict[str, Any]) -> CodeOceanFault:
        more = self.on_start(body)
        self.runs.append(body)
        run_id = self._run_id(len(self.runs) - 1)
        return _json(200, self._computation(run_id, "initializing") | more)

    def _computation(self, run_id: str, state: str | dict[str, Any]) -> dict[str, Any]:
        named = {"state": state} if isinstance(state, str) else state
        ended = {"end_status": "succeeded", "exit_code": 0, "has_results": bool(self.results)}
        return {
            "id": run_id,
            "created": 1_700_000_000,
            "name": "Run 0000000",
            "owner": "de4dbeef",
            "run_time": 61,
            **(ended if named == {"state": "completed"} else {}),
            **named,
        }


def _json(status: int, value: Any) -> CodeOceanFault:
    return CodeOceanFault(status, json.dumps(value).encode())


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: CodeOceanServer, authority: trustme.CA) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        # the handshake runs in the thread of the connection, so that it never blocks accepting
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: clients that close the connection are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
        """Print nothing; ``CodeOceanServer.requests`` has the requests."""

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(
            self.command,
            self.path,
            json.loads(body) if body else None,
            self.headers.get("Authorization", ""),
        )
        answer = self.server.owner.answer(asked)
        self.close_connection = bool(answer.breaks)
        time.sleep(answer.stall)
        if answer.breaks == "at once":
            return
        with suppress(OSError):
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers:
                self.send_header(name, value)
            self.end_headers()
            half = answer.body[: len(answer.body) // 2]
            self.wfile.write(half if answer.breaks else answer.body)
