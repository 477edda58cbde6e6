"""A small S3 server that lists buckets, with latency, denied prefixes and injected faults.

It implements ListObjectsV2 as AWS does: any string as delimiter, ``start-after``,
continuation tokens, ``max-keys``, ``encoding-type=url``, errors as XML. Real boto3
clients can use it. It stores only keys and sizes.
"""

from __future__ import annotations

import base64
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, quote_plus, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Request:
    """One received listing request; ``number`` counts from 1."""

    number: int
    bucket: str
    params: Mapping[str, str]
    signed: bool
    payer: str = ""


@dataclass(frozen=True)
class Fault:
    """A response instead of the correct one: an error code, a body, or a broken connection.

    ``details`` are further elements of the error.
    """

    status: int = 500
    code: str = "InternalError"
    body: bytes | None = None
    breaks: Literal["", "at once", "half way"] = ""
    details: str = "<Message>no</Message>"


class S3Server:
    """Serves ``buckets`` (name -> key -> size) on ``url`` within a ``with`` block.

    ``denied``, ``denied_signed`` and ``denied_unsigned`` are starts of ``bucket/prefix``
    that are denied, together with every prefix that contains them. A bucket in
    ``requester_pays`` is denied unless the request is signed and accepts the charge.
    ``delimiters`` says how the server treats a delimiter that is not a slash.
    """

    def __init__(self, buckets: Mapping[str, Iterable[str] | Mapping[str, int]]) -> None:
        self.buckets = {name: _sizes(keys) for name, keys in buckets.items()}
        self.latency = 0.0
        self.page_size = 1000
        self.delimiters: Literal["any", "refuse", "ignore", "only slash"] = "any"
        self.denied: set[str] = set()
        self.denied_signed: set[str] = set()
        self.denied_unsigned: set[str] = set()
        self.requester_pays: set[str] = set()
        self.fault: Callable[[Request], Fault | None] = lambda request: None
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.store = self
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, bucket: str, params: dict[str, str], signed: bool, payer: str) -> Fault:
        """Return the response; the correct one is a `Fault` with status 200."""
        with self._lock:
            request = Request(len(self.requests) + 1, bucket, params, signed, payer)
            self.requests.append(request)
        time.sleep(self.latency)
        return self.fault(request) or self._list(request)

    def _list(self, request: Request) -> Fault:
        path = f"{request.bucket}/{request.params.get('prefix', '')}"
        denied = self.denied | (self.denied_signed if request.signed else self.denied_unsigned)
        if any(path.startswith(start) or start.startswith(path) for start in denied):
            return Fault(403, "AccessDenied")
        if request.bucket in self.requester_pays and not (request.signed and request.payer):
            return Fault(403, "AccessDenied")
        if request.bucket not in self.buckets:
            return Fault(404, "NoSuchBucket")
        params = dict(request.params)
        delimiter = params.get("delimiter", "/")
        if delimiter != "/" and self.delimiters == "refuse":
            return Fault(501, "NotImplemented")
        if delimiter != "/" and self.delimiters != "any":
            params["delimiter"] = "/" if self.delimiters == "only slash" else ""
        return Fault(200, body=_xml(request.bucket, params, self._page(request.bucket, params)))

    def _page(self, bucket: str, params: Mapping[str, str]) -> _Page:
        keys, sizes = self.buckets[bucket]
        limit = min(int(params.get("max-keys", self.page_size)), self.page_size)
        page = _Page([], [], "")
        last = ""
        for entry, is_prefix in _entries(keys, params):
            if len(page.contents) + len(page.prefixes) == limit:
                page.token = base64.urlsafe_b64encode(last.encode()).decode()
                break
            if is_prefix:
                page.prefixes.append(entry)
            else:
                page.contents.append((entry, sizes[entry]))
            last = ("p" if is_prefix else "k") + entry
        return page


@dataclass
class _Page:
    contents: list[tuple[str, int]]
    prefixes: list[str]
    token: str


def _sizes(keys: Iterable[str] | Mapping[str, int]) -> tuple[list[str], dict[str, int]]:
    sizes = dict(keys) if isinstance(keys, Mapping) else dict.fromkeys(keys, 1)
    return sorted(sizes), sizes  # code points sort as their UTF-8 bytes do


def _entries(keys: list[str], params: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """Yield keys and common prefixes (True) in order, from the start of the request."""
    prefix, delimiter = params.get("prefix", ""), params.get("delimiter", "")
    index = max(bisect_left(keys, prefix), _start(keys, params))
    while index < len(keys) and keys[index].startswith(prefix):
        end = keys[index].find(delimiter, len(prefix)) if delimiter else -1
        if end < 0:
            yield keys[index], False
            index += 1
        else:
            common = keys[index][: end + len(delimiter)]
            yield common, True
            index = bisect_left(keys, _after_all(common), index)


def _start(keys: list[str], params: Mapping[str, str]) -> int:
    if token := params.get("continuation-token"):
        last = base64.urlsafe_b64decode(token).decode()
        if last[0] == "p":
            return bisect_left(keys, _after_all(last[1:]))
        return bisect_right(keys, last[1:])
    return bisect_right(keys, params["start-after"]) if params.get("start-after") else 0


def _after_all(prefix: str) -> str:
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _xml(bucket: str, params: Mapping[str, str], page: _Page) -> bytes:
    url = params.get("encoding-type") == "url"

    def text(value: str) -> str:
        return quote_plus(value, safe="/") if url else escape(value, {"\n": "&#10;", "\r": "&#13;"})

    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.']
    parts.append(f'amazonaws.com/doc/2006-03-01/"><Name>{bucket}</Name>')
    for name, tag in (
        ("prefix", "Prefix"),
        ("delimiter", "Delimiter"),
        ("start-after", "StartAfter"),
    ):
        if name in params:
            parts.append(f"<{tag}>{text(params[name])}</{tag}>")
    parts.append("<EncodingType>url</EncodingType>" if url else "")
    parts.append(f"<KeyCount>{len(page.contents) + len(page.prefixes)}</KeyCount>")
    parts.append(f"<IsTruncated>{'true' if page.token else 'false'}</IsTruncated>")
    if page.token:
        parts.append(f"<NextContinuationToken>{page.token}</NextContinuationToken>")
    for key, size in page.contents:
        parts.append(f"<Contents><Key>{text(key)}</Key><LastModified>2025-06-07T14:31:15.000Z")
        parts.append(f'</LastModified><ETag>"0"</ETag><Size>{size}</Size>')
        parts.append("<StorageClass>STANDARD</StorageClass></Contents>")
    for prefix in page.prefixes:
        parts.append(f"<CommonPrefixes><Prefix>{text(prefix)}</Prefix></CommonPrefixes>")
    return "".join([*parts, "</ListBucketResult>"]).encode()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    store: S3Server

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: clients that close the connection are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        params = dict(parse_qsl(url.query, keep_blank_values=True))
        signed = "Authorization" in self.headers
        payer = self.headers.get("x-amz-request-payer", "")
        answer = self.server.store.answer(unquote(url.path).strip("/"), params, signed, payer)
        body = answer.body
        if body is None:
            body = f"<Error><Code>{answer.code}</Code>{answer.details}</Error>".encode()
        self.close_connection = bool(answer.breaks)
        if answer.breaks == "at once":
            return
        with suppress(ConnectionError):
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if answer.breaks else body)

    def log_message(self, *_: object) -> None:
        """Print nothing; ``S3Server.requests`` has the requests."""
