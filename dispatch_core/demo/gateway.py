"""The metadata gateway in process: its routes, its limits and its short pages.

`DemoGateway` responds to requests as the public gateway does, including short pages.
`GatewayAdapter` connects it to a `requests.Session`, so that the real
``MetadataDbClient`` uses it without any network access.
"""

from __future__ import annotations

import http.client
import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, unquote

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from dispatch_core.demo.collection import RecordCollection
from dispatch_core.errors import InvalidInput
from dispatch_core.language.projection import compile_projection
from dispatch_core.sources.turns import TURN
from dispatch_core.types import Record

DATA_ASSETS = "metadata_index/data_assets"
MAX_PAYLOAD = 6_000_000
MAX_URL = 8_192
_JSON = "application/json"

HttpResponse = tuple[int, str, bytes]
"""(status, content type, body)."""


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """The limits of the gateway.

    Attributes
    ----------
    max_payload
        Bytes of a response. Beyond it ``find`` silently omits the remaining records;
        other routes respond with 413.
    max_page
        Records in a response of ``find``, whatever the requested limit; 0 for no limit.
    max_url
        Bytes of path and query; a longer one is a 414.
    """

    max_payload: int = MAX_PAYLOAD
    max_page: int = 0
    max_url: int = MAX_URL


class DemoGateway:
    """Responds to HTTP requests from records, as the metadata gateway does.

    Parameters
    ----------
    records
        The data assets, served as ``metadata_index/data_assets`` under v1 and v2,
        whatever their schema.
    collections
        Additional collections: ``database/collection`` -> records.
    """

    def __init__(
        self,
        records: Iterable[Record],
        *,
        collections: Mapping[str, Sequence[Record]] | None = None,
        limits: GatewayLimits | None = None,
    ) -> None:
        further = collections or {}
        self.limits = limits or GatewayLimits()
        self.assets = RecordCollection(records)
        self._collections = {name: RecordCollection(found) for name, found in further.items()}
        self._collections[DATA_ASSETS] = self.assets

    def collection(self, name: str) -> RecordCollection:
        """The collection ``database/collection``."""
        return self._collections[name]

    def handle_target(self, method: str, target: str, body: bytes = b"") -> HttpResponse:
        """The response to a request for `target`, a path with its query, still encoded."""
        if len(target.encode()) > self.limits.max_url:
            return _message(414, "URI Too Long")
        path, _, query = target.partition("?")
        return self.handle(method, unquote(path), dict(parse_qsl(query, True)), body)

    def handle(
        self, method: str, url_path: str, query_params: Mapping[str, str], body: bytes = b""
    ) -> HttpResponse:
        """The response to one request; invalid JSON or a refused query is a 400 with a reason."""
        version, _, rest = url_path.strip("/").partition("/")
        name, route = _split_route(rest)
        collection = self._collections.get(name)
        respond = self._routes().get((method, route))
        if version not in ("v1", "v2") or collection is None or respond is None:
            return _message(404, "Not Found")
        try:
            return respond(collection, query_params, body)
        except InvalidInput as error:
            return 400, _JSON, _dump({"error": str(error)}).encode()

    def _routes(self) -> Mapping[tuple[str, str], Callable[..., HttpResponse]]:
        return {
            ("GET", ""): self._get,
            ("GET", "find"): self._find,
            ("GET", "count_documents"): self._count,
            ("POST", "aggregate"): self._aggregate,
        }

    def _find(
        self, collection: RecordCollection, params: Mapping[str, str], body: bytes
    ) -> HttpResponse:
        texts, fits = self._fitting(islice(_select(collection, params), self._page_cap()))
        if not texts and not fits:
            # An empty page would mean that there are no more records.
            return _message(413, "Request Too Long")
        return _array(texts)

    def _get(
        self, collection: RecordCollection, params: Mapping[str, str], body: bytes
    ) -> HttpResponse:
        texts, fits = self._fitting(_select(collection, params))
        return _array(texts) if fits else _message(413, "Request Too Long")

    def _aggregate(
        self, collection: RecordCollection, params: Mapping[str, str], body: bytes
    ) -> HttpResponse:
        pipeline = _parse(body, "the pipeline", list)
        texts, fits = self._fitting(map(_dump, collection.stream(pipeline)))
        return _array(texts) if fits else _message(413, "Request Too Long")

    def _count(
        self, collection: RecordCollection, params: Mapping[str, str], body: bytes
    ) -> HttpResponse:
        counts = {
            "total_record_count": len(collection),
            "filtered_record_count": collection.count(_object(params, "filter")),
        }
        return 200, _JSON, _dump(counts).encode()

    def _page_cap(self) -> int | None:
        return self.limits.max_page or None

    def _fitting(self, texts: Iterable[str]) -> tuple[list[str], bool]:
        """The first of `texts` that fit in a response, and whether these are all."""
        kept: list[str] = []
        room = self.limits.max_payload - 2
        for text in texts:
            room -= len(text) + 1
            if room < 0:
                return kept, False
            kept.append(text)
        return kept, True


def _split_route(rest: str) -> tuple[str, str]:
    """``database/collection`` and the route below it, "" without one."""
    parts = rest.split("/")
    return "/".join(parts[:2]), "/".join(parts[2:])


def _select(collection: RecordCollection, params: Mapping[str, str]) -> Iterator[str]:
    """The JSON text of each record that a find request selects, generated lazily."""
    skip, limit = _number(params, "skip"), _number(params, "limit")
    projection = _object(params, "projection")
    project = compile_projection(projection) if projection else None
    found = collection.find(_object(params, "filter"), _object(params, "sort"))
    for record in islice(found, skip, skip + limit if limit else None):
        yield _dump(project(record) if project else record)


def _number(params: Mapping[str, str], key: str) -> int:
    text = params.get(key) or "0"
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"{key} is not a whole number: {text[:40]!r}")
    return int(text)


def _object(params: Mapping[str, str], key: str) -> dict[str, Any]:
    value: dict[str, Any] = _parse(params.get(key) or "{}", key, dict)
    return value


def _parse(text: str | bytes, what: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{what} is not JSON: {error}") from None
    if not isinstance(value, kind):
        wanted = "an array" if kind is list else "an object"
        raise InvalidInput(f"{what} is not {wanted}")
    return value


_dump = json.JSONEncoder(separators=(",", ":")).encode


def _array(texts: Sequence[str]) -> HttpResponse:
    return 200, _JSON, f"[{','.join(texts)}]".encode()


def _message(status: int, text: str) -> HttpResponse:
    return status, _JSON, _dump({"message": text}).encode()


class GatewayAdapter(BaseAdapter):
    """A transport adapter that passes requests to a `DemoGateway` in this process.

    Mount it on a `requests.Session` for ``https://``; ``request_count`` is the number of
    requests so far.
    """

    def __init__(self, gateway: DemoGateway) -> None:
        super().__init__()
        self.gateway = gateway
        self.request_count = 0
        self._lock = threading.Lock()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """The gateway's response as a `requests.Response`; no socket is opened."""
        with self._lock:
            self.request_count += 1
        body = request.body or b""
        with TURN.taken():
            status, content_type, content = self.gateway.handle_target(
                request.method or "GET",
                request.path_url,
                body.encode() if isinstance(body, str) else bytes(body),
            )
        return _response(request, status, content_type, content)

    def close(self) -> None:
        """Do nothing: the demo has no connection to close."""


def _response(
    request: requests.PreparedRequest, status: int, content_type: str, content: bytes
) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.reason = http.client.responses.get(status, "")
    response.headers = CaseInsensitiveDict(
        {"Content-Type": content_type, "Content-Length": str(len(content))}
    )
    response.encoding = "utf-8"
    response.raw = io.BytesIO(content)
    response.url = request.url or ""
    response.request = request
    return response
