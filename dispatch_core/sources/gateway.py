"""The metadata gateway as a source, through the real `MetadataDbClient`.

The client has no timeouts and no retries, and its own loop pages by skip, which loses
records when others are written meanwhile. Here one page is one request, and each
request has a timeout and up to five attempts with jitter; `dispatch_core.find` loops
over the pages. A filter that is too long for a URL is sent by POST.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlsplit

import requests
import tenacity
from aind_data_access_api.document_db import MetadataDbClient
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.exceptions import LocationParseError

from dispatch_core.errors import (
    AccessDenied,
    AnswerTooLarge,
    DispatchError,
    EmptyCollection,
    InvalidInput,
    Issue,
    ServiceError,
)
from dispatch_core.options import option_of
from dispatch_core.types import Filter, Pipeline, Record

MAX_URL_FILTER = 6_000
"""Bytes of a quoted filter that fit in a GET; the gateway limits URLs to about 8 kB."""
MAX_RESPONSE = 64 * 1024 * 1024
"""Bytes of a decompressed response; the gateway sends at most 10 MB."""

_T = TypeVar("_T")
_TRANSIENT = frozenset({408, 425, 429})
_EMPTY = re.compile(
    r"\bno (?:matching |such )?(?:records?|documents?|results?)\b"
    r"[^.]*\b(?:found|exists?|available|match)"
    r"|\b(?:records?|documents?|results?) (?:were |was )?not found|\bno (?:such )?collection\b"
    r"|\bcollection\b[^.,;]*\b(?:is empty|does(?: not|n't) exist|not found|has no)"
    r"|\bns (?:not found|does not exist)|NamespaceNotFound",
    re.IGNORECASE,
)
"""What a service says with a 404 if a collection is empty or absent."""

_OTHER = re.compile(
    r"\bor\b|\b(?:database|version|route|path|url|host)\b[^.,;]*\b(?:not|unknown)\b", re.IGNORECASE
)
"""Signs that the address may be wrong instead: ``database or collection not found``."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Timeouts and waits in seconds, and the number of attempts.

    ``read`` limits the wait for the next bytes of a response, ``total`` the time for the
    whole response. ``max_wait`` limits the wait between two attempts.
    """

    connect: float = 5.0
    read: float = 60.0
    total: float = 120.0
    attempts: int = 5
    max_wait: float = 8.0


class _TimeoutAdapter(HTTPAdapter):
    """An adapter with timeouts and a size limit for each response.

    A redirect is refused: it would send the query to a host that is not configured.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        super().__init__()
        self._timeout = (policy.connect, policy.read)
        self._total = policy.total

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        kwargs |= {"timeout": kwargs.get("timeout") or self._timeout, "stream": True}
        deadline = time.monotonic() + self._total
        response = super().send(request, **kwargs)
        if response.is_redirect:
            response.close()
            action = "Set DOCDB_HOST to the target host, if that is the intended one"
            where = urlsplit(str(request.url)).netloc
            raise ServiceError(Issue("it redirects to another address", where, action))
        _read_body(response, deadline)
        return response


def _read_body(response: requests.Response, deadline: float) -> None:
    """Read the body in steps: a small compressed body may decompress to gigabytes."""
    parts: list[bytes] = []
    size = 0
    for part in response.iter_content(1 << 16):
        size += len(part)
        if size > MAX_RESPONSE:
            response.close()
            raise AnswerTooLarge(Issue(_TOO_LARGE, str(response.url), "Request less"))
        if time.monotonic() > deadline:
            response.close()
            raise requests.Timeout
        parts.append(part)
    response._content = b"".join(parts)  # as reading without a limit would have set it


class _Transient(Exception):
    """A failure that a retry may avoid; ``wait`` is the Retry-After of the service."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class GatewaySource:
    """A `MetadataSource` over the metadata gateway.

    Parameters
    ----------
    host
        Host name, with a port unless it is 443. Credentials are refused: reads are
        public, and the host is displayed.
    adapter
        The transport for HTTPS requests; the embedded demo responds in process.
    """

    def __init__(
        self,
        host: str,
        *,
        version: str = option_of("docdb_version").default,
        database: str = option_of("docdb_database").default,
        collection: str = option_of("docdb_collection").default,
        adapter: BaseAdapter | None = None,
        retry_policy: RetryPolicy | None = None,
        label: str = "",
    ) -> None:
        policy = retry_policy or RetryPolicy()
        session = requests.Session()
        session.mount("https://", adapter or _TimeoutAdapter(policy))
        host = _host_name(host)
        self._client = MetadataDbClient(
            host=host, version=version, database=database, collection=collection, session=session
        )
        self._where = f"{host}/{version}/{database}/{collection}"
        self.label = label or f"gateway {self._where}"
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(policy.attempts),
            wait=_wait(policy),
            retry=tenacity.retry_if_exception_type(_Transient),
            reraise=True,
        )

    def find_page(
        self, filter_query: Filter, projection: Mapping[str, Any], limit: int
    ) -> list[Record]:
        """One request; see `MetadataSource.find_page`."""
        if _is_long(filter_query, dict(projection)):
            shape: Pipeline = [{"$match": filter_query}, {"$sort": {"_id": 1}}, {"$limit": limit}]
            shape += [{"$project": dict(projection)}] if projection else []
            return self._ask(lambda: self._client.aggregate_docdb_records(shape), _identified)
        # The client's public method pages by skip after a short page.
        return self._ask(
            lambda: self._client._find_records(
                filter_query=filter_query,
                projection=dict(projection) or None,
                sort={"_id": 1},
                limit=limit,
            ),
            _identified,
        )

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        """One request; see `MetadataSource.aggregate`."""
        return self._ask(lambda: self._client.aggregate_docdb_records(pipeline), _records)

    def count(self, filter_query: Filter) -> int:
        """One request; see `MetadataSource.count`."""
        if _is_long(filter_query):
            shape: Pipeline = [{"$match": filter_query}, {"$count": "filtered_record_count"}]
            return self._ask(
                lambda: self._client.aggregate_docdb_records(shape),
                lambda body: _count(rows[0]) if (rows := _records(body)) else 0,
            )
        # The client has no public method for counting.
        return self._ask(lambda: self._client._count_records(filter_query), _count)

    def _ask(self, call: Callable[[], Any], read: Callable[[Any], _T]) -> _T:
        try:
            result: _T = self._retrying(self._once, call, read)
        except _Transient as error:
            action = "Check the host (DOCDB_HOST) and the network, or try again later"
            raise ServiceError(Issue(str(error), self._where, action)) from None
        return result

    def _once(self, call: Callable[[], Any], read: Callable[[Any], _T]) -> _T:
        try:
            return read(call())
        except requests.HTTPError as error:
            raise self._error_for_status(error.response) from None
        except (requests.exceptions.InvalidURL, UnicodeError, LocationParseError):
            raise _not_a_host(self._where) from None
        except requests.exceptions.JSONDecodeError:
            raise _Transient("the response is not JSON (a proxy page, or truncated)") from None
        except RecursionError:
            raise _Transient("the response is nested too deep") from None
        except requests.Timeout:
            raise _Transient("the request timed out") from None
        except requests.RequestException as error:
            raise self._transport_error(error) from None
        except OSError as error:  # what requests raises for a missing CA bundle
            action = "Set REQUESTS_CA_BUNDLE to a PEM file, or unset it"
            raise InvalidInput(Issue(str(error), "REQUESTS_CA_BUNDLE", action)) from None

    def _transport_error(self, error: Exception) -> DispatchError | _Transient:
        if "CERTIFICATE_VERIFY_FAILED" not in str(error):
            return _Transient(f"the connection failed ({_cause(error)})")
        what = f"the certificate is not trusted ({_cause(error)})"
        action = "Set REQUESTS_CA_BUNDLE to the certificate file of the authority"
        return ServiceError(Issue(what, self._where, action))

    def _error_for_status(self, response: requests.Response) -> DispatchError | _Transient:
        status, detail = response.status_code, _detail(response)
        if status in (413, 414):
            return AnswerTooLarge(Issue(_TOO_LARGE, self._where, "Request less"))
        if status in (401, 403):
            action = "Request access, or use another host"
            return AccessDenied(Issue(f"access denied ({status})", self._where, action))
        if status == 404:
            if _EMPTY.search(detail) and not _OTHER.search(detail):
                what = f"the collection has no records ({status}){detail}"
                return EmptyCollection(Issue(what, self._where, "Check its name"))
            action = "Check its version, database and collection"
            return ServiceError(Issue(f"not found ({status})", self._where, action))
        if status in _TRANSIENT or status >= 500:
            return _Transient(f"it responded with {status}{detail}", _retry_after(response))
        action = "" if detail else "Check its operators and their values"
        return InvalidInput(Issue(f"the service refuses the query{detail}", "query", action))


_TOO_LARGE = "the response is too large"


def _host_name(text: str) -> str:
    """The host in `text`, which may be an https:// URL."""
    host = text.strip().removeprefix("https://").rstrip("/")
    if not host or "://" in host or "@" in host:
        raise _not_a_host("host")  # without the text, which may contain a password
    return host


def _not_a_host(where: str) -> InvalidInput:
    action = "Write a name such as docdb.example.org, with an optional port and no credentials"
    return InvalidInput(Issue("this is not the host of a metadata gateway", where, action))


def _is_long(*parts: Any) -> bool:
    return len(quote_plus("".join(map(json.dumps, parts)))) > MAX_URL_FILTER


def _wait(policy: RetryPolicy) -> Callable[[tenacity.RetryCallState], float]:
    jittered = tenacity.wait_random_exponential(multiplier=0.25, max=policy.max_wait)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        requested = error.wait if isinstance(error, _Transient) else 0.0
        return max(jittered(state), min(requested, policy.max_wait))

    return wait


def _retry_after(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _detail(response: requests.Response) -> str:
    """``: `` and the service's error message, or "" if the body is not the gateway's JSON."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return ""
    return _error_text(body) if isinstance(body, dict) else ""


def _error_text(body: Mapping[str, Any]) -> str:
    keys = ("error", "message", "errorMessage", "detail")
    text = next((body[key] for key in keys if body.get(key)), "")
    return f": {str(text)[:300]}" if text else ""


def _cause(error: BaseException) -> str:
    """The innermost cause of a nested transport error, at most 160 characters."""
    text = str(error).rpartition("Caused by ")[2]
    cause = text.partition("): ")[2].partition('"')[0]  # X("HTTPSConnection(...): cause")
    quoted = re.findall(r"'([^']+)'", text)  # X(104, 'cause')
    return (cause or (quoted[-1] if quoted else type(error).__name__))[:160]


def _records(body: Any) -> list[Record]:
    if isinstance(body, list) and all(isinstance(one, dict) for one in body):
        return body
    detail = _error_text(body) if isinstance(body, dict) else ""
    raise _Transient(f"the response is not a list of records{detail}")


def _identified(body: Any) -> list[Record]:
    records = _records(body)
    if not all("_id" in one for one in records):
        raise _Transient("a record of the response has no _id")
    return records


def _count(body: Any) -> int:
    number = body.get("filtered_record_count") if isinstance(body, dict) else None
    if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
        return number
    detail = _error_text(body) if isinstance(body, dict) else ""
    raise _Transient(f"the response contains no count{detail}")
