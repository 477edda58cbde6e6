"""Runs the app without a browser: a server on loopback, and tabs that use Streamlit's protocol.

A tab is a websocket to ``/_stcore/stream``. It sends ``BackMsg`` (rerun with these
widget values) and reads ``ForwardMsg`` until ``script_finished``, as a browser does. It
draws nothing, so one machine can run hundreds of tabs.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
PATIENCE = 120.0
"""Timeout in seconds."""

_OURS = ("DOCDB_", "DISPATCH_", "STREAMLIT_", "AWS_")
_ENDED = {ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY}


class AppServer:
    """A context manager that runs the app at `url`; its output is in `log`."""

    def __init__(
        self,
        folder: Path,
        script: str = "app.py",
        environment: Mapping[str, str] | None = None,
        options: tuple[str, ...] = (),
        prefix: str = "",
        module: str = "streamlit",
    ) -> None:
        self.output_root = folder / "output"
        self.log_file = folder / f"server-{secrets.token_hex(4)}.log"
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}" + (f"/{prefix}" if prefix else "")
        self._command = [sys.executable, "-m", module, "run", script]
        self._command += ["--server.port", str(self.port), *options]
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}
        self.environment = inherited | {
            "DISPATCH_OUTPUT_ROOT": str(self.output_root),
            "DISPATCH_STATE_ROOT": str(folder / "state"),
        }
        self.environment |= dict(environment or {})

    def __enter__(self) -> Self:
        with self.log_file.open("w") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(lambda: self.process.poll() is not None or self._answers())
        if self.process.poll() is not None:
            raise RuntimeError(f"the server did not start:\n{self.log}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def log(self) -> str:
        """The output of the server so far."""
        return self.log_file.read_text("utf-8", "replace")

    @property
    def memory(self) -> int:
        """The bytes of memory that the server uses now; 0 without /proc."""
        status = Path(f"/proc/{self.process.pid}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return next((int(line.split()[1]) * 1024 for line in lines if "VmRSS" in line), 0)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/_stcore/health", timeout=2).ok
        except requests.RequestException:
            return False


def free_port() -> int:
    """Return an unused port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return when `holds` is true; raises `TimeoutError` after `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"the condition is still false after {seconds:g} s")
        time.sleep(0.02)


@dataclass
class Run:
    """One run of the script: its elements in order, its bytes and its duration."""

    elements: list[Element] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)
    seconds: float = 0.0

    @property
    def errors(self) -> list[str]:
        """The messages of all exceptions and error boxes on the page."""
        boxes = [one.alert.body for one in self.elements if one.alert.format == Alert.ERROR]
        kinds = ((one.WhichOneof("type"), one) for one in self.elements)
        return [one.exception.message for kind, one in kinds if kind == "exception"] + boxes

    @property
    def text(self) -> str:
        """All data that was sent, decoded as text."""
        return self.content.decode("utf-8", "replace")


@dataclass
class Tab:
    """One session of the app; open it with ``async with``."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    last: Run = field(default_factory=Run)
    kinds: list[str] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    page: str = ""
    session_id: str = ""
    timers: dict[str, float] = field(default_factory=dict)
    _values: dict[str, WidgetState] = field(default_factory=dict)
    _urls: Any = None
    _file: Any = None

    async def __aenter__(self) -> Self:
        self.http = requests.Session()
        await asyncio.to_thread(self.http.get, f"{self.url}/_stcore/health", timeout=PATIENCE)
        self.token = self.http.cookies.get("_streamlit_xsrf") or ""
        self._socket: ClientConnection = await connect(
            f"{self.url.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit"), Subprotocol(self.token)],
            origin=self.url,  # type: ignore[arg-type]
            additional_headers={"Cookie": f"_streamlit_xsrf={self.token}", **self.headers},
            max_size=None,
            max_queue=None,  # closing waits for a full queue to be read
            open_timeout=PATIENCE,
            ping_interval=None,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._socket.close()
        self.http.close()

    async def open(self, path: str = "") -> Run:
        """Open the page at the address `path`, as from a bookmark."""
        message = BackMsg()
        message.rerun_script.page_name = path
        return await self._run(message)

    async def go(self, title: str) -> Run:
        """Go to the page `title`, as by the navigation, and wait until it is drawn.

        As a browser does, send no values of the page that is left.
        """
        self._values.clear()
        self.page = page = self.pages[title]
        run = await self.rerun()
        while self.page != page:  # an earlier run has ended
            run = await self._rest_of(Run())
        return run

    async def press(self, key: str) -> Run:
        """Press the button with this key, or with a key that starts with it."""
        return await self.rerun(WidgetState(id=self.widget(key), trigger_value=True))

    async def press_and_leave(self, key: str) -> None:
        """Press the button without waiting for the run."""
        await self._send(WidgetState(id=self.widget(key), trigger_value=True))

    async def write(self, key: str, text: str) -> Run:
        """Type `text` into the text field with this key."""
        return await self.rerun(WidgetState(id=self.widget(key), string_value=text))

    async def write_and_leave(self, key: str, text: str) -> None:
        """Type `text` into the text field with this key without waiting for the run."""
        await self._send(WidgetState(id=self.widget(key), string_value=text))

    async def rerun(self, *changed: WidgetState, fragment: str = "") -> Run:
        """Run the script with all values typed so far and the `changed` ones."""
        return await self._run(self.message_of(*changed, fragment=fragment))

    async def send(self, message: BackMsg) -> None:
        """Send a message without waiting for the run."""
        await self._socket.send(message.SerializeToString())

    async def _send(self, *changed: WidgetState) -> None:
        await self.send(self.message_of(*changed))

    def message_of(self, *changed: WidgetState, fragment: str = "") -> BackMsg:
        """The message that asks for a run, of the whole page or of a part with a timer."""
        for state in changed:
            if not state.HasField("trigger_value"):
                self._values[state.id] = state
        message = BackMsg()
        message.rerun_script.page_script_hash = self.page
        message.rerun_script.fragment_id = fragment
        message.rerun_script.is_auto_rerun = bool(fragment)
        sent = self._values | {state.id: state for state in changed}
        message.rerun_script.widget_states.widgets.extend(sent.values())
        return message

    async def settle(self, patience: float = PATIENCE) -> Run:
        """Poll as the page requests until no work is running, and return the last run.

        The content of the result is all data that was sent in the meantime.
        """
        end = time.monotonic() + patience
        sent = bytearray()
        while self.timers:
            if time.monotonic() > end:
                raise TimeoutError(f"the work is still running after {patience:g} s")
            fragment, interval = next(iter(self.timers.items()))
            await asyncio.sleep(interval)
            sent += (await self.rerun(fragment=fragment)).content
        return Run(self.last.elements, sent + self.last.content)

    async def upload(self, key: str, name: str, content: bytes) -> Run:
        """Upload a file with the uploader with this key."""
        request = BackMsg()
        request.file_urls_request.request_id = secrets.token_hex(8)
        request.file_urls_request.session_id = self.session_id
        request.file_urls_request.file_names.append(name)
        await self._socket.send(request.SerializeToString())
        self._urls = None
        while self._urls is None:
            self._take(await self.receive(), Run())
        urls = self._urls
        answer = await asyncio.to_thread(
            self.http.put,
            self.url + urls.upload_url,
            files={"file": (name, content)},
            headers={"X-Xsrftoken": self.token},
            timeout=PATIENCE,
        )
        answer.raise_for_status()
        state = WidgetState(id=self.widget(key))
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.file_id, info.name, info.size = urls.file_id, name, len(content)
        info.file_urls.CopyFrom(urls)
        return await self.rerun(state)

    async def offer_zip(self) -> str:
        """Press the button of the zip, and return the address below which it waits."""
        run = await self.press("zip")
        scripts = (one.bidi_component for one in run.elements)
        return next(f"/{json.loads(one.json)['address']}" for one in scripts if "zip/" in one.json)

    async def make_file(self, key: str) -> str:
        """Return the address of the file of a download button, which is made now."""
        request = BackMsg()
        operation = request.backend_operation_request
        operation.request_id, operation.session_id = secrets.token_hex(8), self.session_id
        buttons = (one.download_button for one in self.last.elements)
        button = self.widget(key)
        operation.deferred_file.file_id = next(
            one.deferred_file_id for one in buttons if one.id == button
        )
        await self._socket.send(request.SerializeToString())
        self._file = None
        while self._file is None:
            self._take(await self.receive(), Run())
        if self._file.error_msg:
            raise RuntimeError(self._file.error_msg)
        address: str = self._file.deferred_file.url
        return address

    async def read(self, address: str) -> AsyncIterator[bytes]:
        """Read the file at an address of the app, in parts as they arrive."""
        get = partial(self.http.get, self.url + address, stream=True, timeout=PATIENCE)
        with await asyncio.to_thread(get) as answer:
            answer.raise_for_status()
            parts = answer.iter_content(1 << 20)
            while part := await asyncio.to_thread(next, parts, b""):
                yield part

    async def fetch(self, address: str) -> bytes:
        """Return the file at an address of the app; `LookupError` if it was deleted."""
        answer = await asyncio.to_thread(self.http.get, self.url + address, timeout=PATIENCE)
        if answer.status_code == 404:
            raise LookupError("the file was deleted before it was fetched")
        answer.raise_for_status()
        return answer.content

    def widget(self, key: str) -> str:
        """Return the id of the widget whose key is `key` or starts with it."""
        kinds = ((one, one.WhichOneof("type") or "empty") for one in self.last.elements)
        ids = [getattr(getattr(one, kind), "id", "") for one, kind in kinds]
        keys = {one.split("-", 2)[2]: one for one in ids if one.startswith("$$ID-")}
        found = keys.get(key) or next((keys[one] for one in keys if one.startswith(key)), None)
        if found is None:
            raise LookupError(f"no widget {key!r}; there are {', '.join(keys)}")
        return found

    async def _run(self, message: BackMsg) -> Run:
        begun = time.perf_counter()
        await self._socket.send(message.SerializeToString())
        run = await self._rest_of(Run())
        run.seconds = time.perf_counter() - begun
        return run

    async def _rest_of(self, run: Run) -> Run:
        while not self._take(await self.receive(), run):
            pass
        return run

    async def receive(self) -> ForwardMsg:
        """The next message of the server."""
        data = await asyncio.wait_for(self._socket.recv(), PATIENCE)
        message = ForwardMsg()
        message.ParseFromString(data if isinstance(data, bytes) else data.encode())
        return message

    def _take(self, message: ForwardMsg, run: Run) -> bool:
        """Record the content of `message`; return True if it ends the run."""
        kind = message.WhichOneof("type")
        self.kinds.append(kind or "")
        run.content += message.SerializeToString()
        if kind == "new_session":
            self._begin(message, run)
        elif kind == "navigation":
            self.pages = {
                one.page_name: one.page_script_hash for one in message.navigation.app_pages
            }
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            run.elements.append(message.delta.new_element)
        elif kind == "auto_rerun":
            self.timers[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self.timers.pop(fragment, None)
        elif kind == "file_urls_response":
            self._urls = message.file_urls_response.file_urls[0]
        elif kind == "backend_operation_response":
            self._file = message.backend_operation_response
        return kind == "script_finished" and message.script_finished in _ENDED

    def _begin(self, message: ForwardMsg, run: Run) -> None:
        """Start a run; a run of the whole script replaces all earlier elements."""
        start = message.new_session
        self.session_id = start.initialize.session_id or self.session_id
        self.page = start.page_script_hash or self.page
        run.elements.clear()
        if not message.metadata.run.fragment_ids:
            self.timers.clear()
            self.last = run
