"""The demo gateway behind a real HTTPS server on loopback, with injected faults.

::

    with GatewayServer(records) as server:
        server.faults = iter([Fault("status", status=503), None, Fault("reset")])
        client = MetadataDbClient(host=server.host)   # REQUESTS_CA_BUNDLE=server.ca_file

Each request takes the next fault. None, or no fault left, means a correct response.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

import trustme

from dispatch_core.demo.gateway import DemoGateway, GatewayLimits, HttpResponse
from dispatch_core.types import Record

FaultKind = Literal["status", "html", "error", "truncated", "stall", "reset", "raw", "drip"]

_BODIES: dict[str, HttpResponse] = {
    "html": (200, "text/html", b"<html><body>Sign in to continue</body></html>"),
    "error": (200, "application/json", b'{"error": "cursor was killed"}'),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """The fault of one request.

    ``status`` returns that status; ``html`` and ``error`` return 200 with a page or
    ``{"error": ...}``; ``truncated`` sends half of the body and closes the connection;
    ``stall`` waits `seconds` before a correct response; ``reset`` resets the connection;
    ``raw`` returns exactly `status`, `headers` and `body`; ``drip`` sends a correct
    response byte by byte, with `seconds` between two bytes.
    """

    kind: FaultKind
    status: int = 503
    seconds: float = 60.0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One received request and the status of its response (0 without a response)."""

    method: str
    target: str
    body: bytes
    status: int


def flaky(rate: float, seed: int, kinds: Iterable[FaultKind] = ()) -> Iterator[Fault | None]:
    """Yield faults without end; a request fails with probability `rate`, without delay."""
    rng = random.Random(seed)
    apart = ("stall", "raw", "drip")
    chosen = list(kinds) or [kind for kind in get_args(FaultKind) if kind not in apart]
    while True:
        failing = rng.random() < rate
        status = rng.choice((429, 500, 502, 503))
        yield Fault(rng.choice(chosen), status=status) if failing else None


class GatewayServer:
    """A context manager that serves HTTPS on `host`.

    Attributes
    ----------
    host
        ``localhost:port``.
    ca_file
        PEM file of the authority that signed the server's certificate.
    requests
        Every request so far, in the order of the responses.
    faults
        The faults of the next requests.
    on_request
        Called before each response with the number of the request, from 1; may change
        ``gateway.assets``.
    """

    def __init__(
        self,
        records: Iterable[Record],
        limits: GatewayLimits | None = None,
        collections: Mapping[str, Sequence[Record]] | None = None,
    ) -> None:
        self.gateway = DemoGateway(records, limits=limits, collections=collections)
        self.requests: list[LoggedRequest] = []
        self.faults: Iterator[Fault | None] = iter(())
        self.on_request: Callable[[int], None] = lambda number: None
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._arrived = 0

    def add(self, collection: str, records: Iterable[Record]) -> None:
        """Insert records into ``database/collection``."""
        for record in records:
            self.gateway.collection(collection).insert(record)

    def __enter__(self) -> GatewayServer:
        self._folder = tempfile.TemporaryDirectory()
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        self._server = _Server(self)
        self._server.socket = _server_side(authority, self._server.socket)
        self.host = f"localhost:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._folder.cleanup()

    def next_fault(self) -> Fault | None:
        """Count a request and return its fault."""
        with self._lock:
            self._arrived += 1
            self.on_request(self._arrived)
            return next(self.faults, None)

    def log(self, request: LoggedRequest) -> None:
        """Record `request`; every thread of the server may call this."""
        with self._lock:
            self.requests.append(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: GatewayServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: clients that close the connection are part of the tests."""


def _server_side(authority: trustme.CA, plain: socket.socket) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    # the handshake runs in the thread of the connection, so that it never blocks accepting
    return context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise each response waits 40 ms for a delayed ACK
    server: _Server

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
        """Print nothing; ``GatewayServer.requests`` has the requests."""

    def _respond(self) -> None:
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = owner.next_fault()
        answer = self._answer(fault, body)
        owner.log(LoggedRequest(self.command, self.path, body, answer[0] if answer else 0))
        if answer is None:
            self._drop()
        elif fault is not None and fault.kind == "raw":
            self._send(answer, headers=fault.headers)
        elif fault is not None and fault.kind == "drip":
            self._drip(answer, fault.seconds)
        else:
            self._send(answer, cut=fault is not None and fault.kind == "truncated")

    def _answer(self, fault: Fault | None, body: bytes) -> HttpResponse | None:
        """Return the response, or None to reset the connection."""
        if fault and fault.kind == "status":
            return fault.status, "application/json", b'{"message": "try again"}'
        if fault and fault.kind in _BODIES:
            return _BODIES[fault.kind]
        if fault and fault.kind == "reset":
            return None
        if fault and fault.kind == "raw":
            return fault.status, "application/json", fault.body
        if fault and fault.kind == "stall":
            self.server.owner.closing.wait(fault.seconds)
        return self.server.owner.gateway.handle_target(self.command, self.path, body)

    def _send(
        self, answer: HttpResponse, *, cut: bool = False, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        content = self._send_head(answer, headers)
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut

    def _send_head(self, answer: HttpResponse, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
        status, content_type, content = answer
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        return content

    def _drip(self, answer: HttpResponse, seconds: float) -> None:
        content = self._send_head(answer)
        with contextlib.suppress(OSError):
            for number in range(len(content)):
                self.wfile.write(content[number : number + 1])
                if self.server.owner.closing.wait(seconds):
                    return

    def _drop(self) -> None:
        """Reset the connection, as a firewall does."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
