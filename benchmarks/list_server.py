"""A fast S3 server that can only list: one bucket, a fixed latency, and request counts.

    python -m benchmarks.list_server B --short --latency 0.03

It implements ListObjectsV2 as S3 does: any string as delimiter, ``start-after``,
continuation tokens, ``max-keys``, ``encoding-type=url``. Building a response of 1,000
keys takes about two milliseconds; the server then waits for the rest of the latency, so
that its own speed does not affect a benchmark. ``GET /-/counts`` returns and resets the
counts of requests, entries and bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import pickle
import re
import subprocess
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, Self, cast
from urllib.parse import parse_qsl, quote_plus, unquote, urlsplit
from urllib.request import urlopen
from xml.sax.saxutils import escape

from benchmarks.workloads import BUCKET, PAGE, workloads

ROOT = Path(__file__).resolve().parents[1]
LATENCY = 0.03
COUNTS = "/-/counts"

_ENTRY = (
    "</Key><LastModified>2025-06-07T14:31:15.000Z</LastModified>"
    "<ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag>"
    "<Size>65536</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
_PLAIN = re.compile(r"[\w./~-]*", re.ASCII)
_LAST = chr(0x10FFFF)


class Keys(Protocol):
    """A sorted sequence of keys, which may be computed instead of stored."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> str: ...
    def span(self, start: int, stop: int) -> list[str]: ...


class KeyList(list[str]):
    """Stored keys, for tests."""

    def span(self, start: int, stop: int) -> list[str]:
        """Return the keys from number `start` to before number `stop`."""
        return self[start:stop]


@dataclass
class Counts:
    """How much was requested and sent."""

    requests: int = 0
    entries: int = 0
    bytes: int = 0


@dataclass
class Page:
    """One response: keys, common prefixes, and the token of the next page."""

    keys: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    token: str = ""

    def __len__(self) -> int:
        return len(self.keys) + len(self.prefixes)


def list_page(keys: Keys, params: Mapping[str, str]) -> Page:
    """Return the page that S3 would send for these query parameters."""
    prefix, delimiter = params.get("prefix", ""), params.get("delimiter", "")
    limit = min(int(params.get("max-keys", PAGE)), PAGE)
    index, stop = _bounds(keys, prefix, params)
    page, last, step = Page(), "", 8
    while index < stop and len(page) < limit:
        step = min(2 * step, limit - len(page))
        for key in keys.span(index, min(stop, index + step)):
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            if end >= 0:
                common = key[: end + len(delimiter)]
                page.prefixes.append(common)
                index, last, step = _after(keys, common, index), "p" + common, 8
                break
            page.keys.append(key)
            index, last = index + 1, "k" + key
    if index < stop and limit:
        page.token = base64.urlsafe_b64encode(last.encode()).decode()
    return page


def _bounds(keys: Keys, prefix: str, params: Mapping[str, str]) -> tuple[int, int]:
    """Return the index of the first key to list and the index to stop before."""
    sequence = cast("Sequence[str]", keys)
    start = bisect_left(sequence, prefix)
    stop = _after(keys, prefix, start) if prefix else len(keys)
    if token := params.get("continuation-token"):
        last = base64.urlsafe_b64decode(token).decode()
        if last[0] == "p":
            return max(start, _after(keys, last[1:], start)), stop
        return max(start, bisect_right(sequence, last[1:])), stop
    return max(start, bisect_right(sequence, params.get("start-after", ""))), stop


def _after(keys: Keys, prefix: str, start: int) -> int:
    """Return the index of the first key from `start` on after all keys with this prefix."""
    return bisect_left(cast("Sequence[str]", keys), prefix + _LAST, start)


def to_xml(page: Page, params: Mapping[str, str]) -> bytes:
    """Return the body of the response, as S3 writes it."""
    is_url = params.get("encoding-type") == "url"
    named = (("Prefix", "prefix"), ("Delimiter", "delimiter"), ("StartAfter", "start-after"))
    head = "".join(
        f"<{tag}>{_encoded([params[name]], is_url)[0]}</{tag}>"
        for tag, name in named
        if name in params
    )
    if is_url:
        head += "<EncodingType>url</EncodingType>"
    if page.token:
        head += f"<NextContinuationToken>{page.token}</NextContinuationToken>"
    keys, prefixes = _encoded(page.keys, is_url), _encoded(page.prefixes, is_url)
    return "".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
            f"<Name>{BUCKET}</Name>{head}<KeyCount>{len(page)}</KeyCount>",
            f"<MaxKeys>{params.get('max-keys', PAGE)}</MaxKeys>",
            f"<IsTruncated>{'true' if page.token else 'false'}</IsTruncated>",
            *[f"<Contents><Key>{key}{_ENTRY}" for key in keys],
            *[f"<CommonPrefixes><Prefix>{text}</Prefix></CommonPrefixes>" for text in prefixes],
            "</ListBucketResult>",
        )
    ).encode()


def _encoded(texts: list[str], is_url: bool) -> list[str]:
    if _PLAIN.fullmatch("".join(texts)):
        return texts
    if is_url:
        return [quote_plus(text, safe="/") for text in texts]
    return [escape(text, {"\n": "&#10;", "\r": "&#13;"}) for text in texts]


class _Connection(asyncio.Protocol):
    """One connection, which sends each response after the latency."""

    transport: asyncio.Transport

    def __init__(self, keys: Keys, latency: float, counts: Counts) -> None:
        self.keys, self.latency, self.counts = keys, latency, counts
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, self.received = self.received.partition(b"\r\n\r\n")
            self._answer(head.split(b" ", 2)[1].decode("ascii"))

    def _answer(self, target: str) -> None:
        loop, arrived = asyncio.get_running_loop(), time.monotonic()
        if target == COUNTS:
            self._send(200, json.dumps(asdict(self.counts)).encode())
            self.counts.__init__()  # type: ignore[misc]
            return
        status, body = self._listing(target)
        self.counts.requests += 1
        self.counts.bytes += len(body)
        wait = self.latency - (time.monotonic() - arrived)
        if wait > 0:
            loop.call_later(wait, self._send, status, body)
        else:
            self._send(status, body)

    def _listing(self, target: str) -> tuple[int, bytes]:
        url = urlsplit(target)
        params = dict(parse_qsl(url.query, keep_blank_values=True))
        if unquote(url.path).strip("/") != BUCKET:
            return 404, b"<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>"
        page = list_page(self.keys, params)
        self.counts.entries += len(page)
        return 200, to_xml(page, params)

    def _send(self, status: int, body: bytes) -> None:
        reason = "OK" if status == 200 else "Not Found"
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\n"
        self.transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


async def serve(keys: Keys, latency: float, ready: Callable[[str], None]) -> None:
    """Serve on a free port until cancelled; calls `ready` with the URL first."""
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(keys, latency, counts), "127.0.0.1", 0, backlog=512
    )
    ready(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await server.serve_forever()


class ListServer:
    """A context manager that runs the server in another process.

    It does not use `multiprocessing`, which would run the main script of this process
    again; in a test of the app, that script is the app.
    """

    def __init__(self, keys: Keys, latency: float = LATENCY) -> None:
        self._asked = pickle.dumps((keys, latency))

    def __enter__(self) -> Self:
        command = [sys.executable, "-c", "from benchmarks.list_server import run; run()"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(self._asked)
        self._process.stdin.close()
        self.url: str = self._process.stdout.readline().decode().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def counts(self) -> Counts:
        """Return the counts since the last call."""
        with urlopen(self.url + COUNTS) as answer:
            return Counts(**json.load(answer))


def run() -> None:
    """Serve the keys given on standard input until the process is terminated."""
    keys, latency = pickle.load(sys.stdin.buffer)
    asyncio.run(serve(keys, latency, lambda url: print(url, flush=True)))


def main() -> None:
    """Serve one workload until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.list_server")
    parser.add_argument("workload", choices=workloads(short=True))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--latency", type=float, default=LATENCY)
    given = parser.parse_args()
    workload = workloads(given.short)[given.workload]
    print(f"{workload.what}; bucket {BUCKET}", flush=True)
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(workload.bucket, given.latency, lambda url: print(url, flush=True)))


if __name__ == "__main__":
    main()
