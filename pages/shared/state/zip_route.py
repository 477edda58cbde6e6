"""The address of the zips, which are made while a browser reads them.

A part is made when the browser has taken what was made before. So a browser that reads
slowly, or not at all, costs no computing and the memory of one part; one that ends the
download ends the zip.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from urllib.parse import quote

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Send

from dispatch_core.output.stream import JobFile
from dispatch_core.output.zip import zip_parts
from dispatch_core.sources.turns import TURN
from pages.shared.state.sign_in import user_of_request
from pages.shared.state.zip_offers import OFFERS

log = logging.getLogger(__name__)

SECONDS_WITHOUT_READING = 60.0
"""After this long the download of a browser that takes nothing ends, and with it the plan."""

_ENDED = "This download has ended. Press Download the zip again."
_MAKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="zips")
"""Makes the parts of all downloads, in the order in which they are read."""


def zip_route() -> Route:
    """The route of `send_zip`, below the path of the app."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return Route(f"{f'/{base}' if base else ''}/zip/{{secret}}.zip", send_zip, methods=["GET"])


async def send_zip(request: Request) -> Response:
    """The zip that was offered below this address; 404 if it has ended or is another user's."""
    if request.method != "GET":  # a look at the headers would use it up
        return PlainTextResponse(_ENDED, 405)
    waiting = OFFERS.take(request.path_params["secret"], user_of_request(request))
    if waiting is None:
        return PlainTextResponse(_ENDED, 404, {"Cache-Control": "no-store"})
    return ZipResponse(waiting.files, waiting.name)


class ZipResponse(StreamingResponse):
    """A zip in parts. Its size is unknown before, so each part is sent with its own length."""

    def __init__(
        self,
        files: Callable[[], Iterator[JobFile]],
        name: str,
        seconds: float = SECONDS_WITHOUT_READING,
    ) -> None:
        self._parts = _parts_of(files)
        self._seconds = seconds
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
            "X-Content-Type-Options": "nosniff",
        }
        super().__init__(self._parts, headers=headers, media_type="application/zip")

    async def stream_response(self, send: Send) -> None:
        """Send the parts; without the last one if the browser takes nothing for long."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._seconds):
                await send(message)

        async with aclosing(self._parts):
            try:
                await super().stream_response(send_in_time)
            except TimeoutError:
                log.warning("a download of a zip was not read for %g s", self._seconds)


async def _parts_of(files: Callable[[], Iterator[JobFile]]) -> AsyncGenerator[bytes, None]:
    parts = zip_parts(files())
    loop = asyncio.get_running_loop()
    try:
        while part := await loop.run_in_executor(_MAKER, _next_part, parts):
            yield part
    finally:
        _MAKER.submit(parts.close)  # after the part that is being made


def _next_part(parts: Generator[bytes, None, None]) -> bytes:
    """The next part, b"" at the end."""
    with TURN.taken():
        return next(parts, b"")
