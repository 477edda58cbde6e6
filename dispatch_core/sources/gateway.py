"""The gateway edge: the real `MetadataDbClient`, made safe to depend on.

The client has no timeout and no retry, and its own loop pages by skip, which
loses records where others are written meanwhile. So one page is one request
here, every request has a timeout and up to five attempts with jitter, and the
walk over pages is `dispatch_core.find`'s. Filters that make a URL too long go by POST.
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
    InvalidInput,
    Issue,
    ServiceError,
)
from dispatch_core.options import option_of
from dispatch_core.types import Filter, Pipeline, Record

MAX_URL_FILTER = 6_000
"""Bytes of a quoted filter that still fit a GET; the gateway cuts URLs near 8 kB."""
MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of an unpacked answer; the gateway sends 10 MB at most."""

_T = TypeVar("_T")
_TRANSIENT = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to ask: seconds and attempts.

    ``read`` is for the next bytes of an answer, ``whole`` for all of them.
    """

    connect: float = 5.0
    read: float = 60.0
    whole: float = 120.0
    attempts: int = 5
    longest_wait: float = 8.0


class _TimeoutAdapter(HTTPAdapter):
    """Bounds what an answer may cost: seconds without a byte, seconds in all, bytes in all.

    A redirect is refused: it would send the query to an address that nobody named.
    """

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._timeout = (patience.connect, patience.read)
        self._whole = patience.whole

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        kwargs |= {"timeout": kwargs.get("timeout") or self._timeout, "stream": True}
        deadline = time.monotonic() + self._whole
        response = super().send(request, **kwargs)
        if response.is_redirect:
            response.close()
            action = "Name the host that it leads to in DOCDB_HOST, if that one is meant"
            where = urlsplit(str(request.url)).netloc
            raise ServiceError(Issue("it redirects to another address", where, action))
        _read_whole(response, deadline)
        return response


def _read_whole(response: requests.Response, deadline: float) -> None:
    """Read the body now, unpacked in steps: a small packed one may unpack to gigabytes."""
    parts: list[bytes] = []
    size = 0
    for part in response.iter_content(1 << 16):
        size += len(part)
        if size > MAX_ANSWER:
            response.close()
            raise AnswerTooLarge(
                Issue("the answer is too large", str(response.url), "Ask for less")
            )
        if time.monotonic() > deadline:
            response.close()
            raise requests.Timeout
        parts.append(part)
    response._content = b"".join(parts)  # what reading it without a bound would have set


class _Passing(Exception):
    """A fault that another attempt may not meet; ``wait`` is the service's own wish."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class GatewaySource:
    """A `MetadataSource` over the metadata gateway.

    Parameters
    ----------
    host
        Host name, with a port where it is not 443. Credentials in it are refused:
        reads are public, and a host is shown.
    adapter
        What carries HTTPS requests; the embedded demo answers in process.
    """

    def __init__(
        self,
        host: str,
        *,
        version: str = option_of("docdb_version").default,
        database: str = option_of("docdb_database").default,
        collection: str = option_of("docdb_collection").default,
        adapter: BaseAdapter | None = None,
        patience: Patience | None = None,
        label: str = "",
    ) -> None:
        patience = patience or Patience()
        session = requests.Session()
        session.mount("https://", adapter or _TimeoutAdapter(patience))
        host = _host_name(host)
        self._client = MetadataDbClient(
            host=host, version=version, database=database, collection=collection, session=session
        )
        self._where = f"{host}/{version}/{database}/{collection}"
        self.label = label or f"gateway {self._where}"
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(patience.attempts),
            wait=_wait(patience),
            retry=tenacity.retry_if_exception_type(_Passing),
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
        # the public method of the client pages by skip after a short page
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
        # the client has no public method that counts
        return self._ask(lambda: self._client._count_records(filter_query), _count)

    def _ask(self, call: Callable[[], Any], read: Callable[[Any], _T]) -> _T:
        try:
            answer: _T = self._retrying(self._once, call, read)
        except _Passing as error:
            action = "Check the host (DOCDB_HOST) and the network, or try again later"
            raise ServiceError(Issue(str(error), self._where, action)) from None
        return answer

    def _once(self, call: Callable[[], Any], read: Callable[[Any], _T]) -> _T:
        try:
            return read(call())
        except requests.HTTPError as error:
            raise self._refusal(error.response) from None
        except (requests.exceptions.InvalidURL, UnicodeError, LocationParseError):
            raise _not_a_host(self._where) from None
        except requests.exceptions.JSONDecodeError:
            raise _Passing("the answer is not JSON (a proxy's page, or a cut answer)") from None
        except RecursionError:
            raise _Passing("the answer nests too deep to be read") from None
        except requests.Timeout:
            raise _Passing("no answer in time") from None
        except requests.RequestException as error:
            raise self._transport_fault(error) from None
        except OSError as error:  # requests raises a plain one for a bundle that is not there
            action = "Name a PEM file in REQUESTS_CA_BUNDLE, or unset it"
            raise InvalidInput(Issue(str(error), "REQUESTS_CA_BUNDLE", action)) from None

    def _transport_fault(self, error: Exception) -> DispatchError | _Passing:
        if "CERTIFICATE_VERIFY_FAILED" not in str(error):
            return _Passing(f"the connection failed ({_cause(error)})")
        what = f"the certificate is not trusted ({_cause(error)})"
        action = "Name the authority's file in REQUESTS_CA_BUNDLE"
        return ServiceError(Issue(what, self._where, action))

    def _refusal(self, response: requests.Response) -> DispatchError | _Passing:
        status, said = response.status_code, _said(response)
        if status in (413, 414):
            return AnswerTooLarge(Issue("the answer is too large", self._where, "Ask for less"))
        if status in (401, 403):
            action = "Ask for access, or use another host"
            return AccessDenied(Issue(f"access denied ({status})", self._where, action))
        if status == 404:
            action = "Check DOCDB_VERSION, DOCDB_DATABASE and DOCDB_COLLECTION"
            return ServiceError(Issue(f"not found ({status})", self._where, action))
        if status in _TRANSIENT or status >= 500:
            return _Passing(f"it answered {status}{said}", _retry_after(response))
        action = "" if said else "Correct it"
        return InvalidInput(Issue(f"the service refuses the query{said}", "query", action))


def _host_name(text: str) -> str:
    """The host of `text`, which may be a whole https:// address."""
    host = text.strip().removeprefix("https://").rstrip("/")
    if not host or "://" in host or "@" in host:
        raise _not_a_host("host")  # without the text, which may hold a password
    return host


def _not_a_host(where: str) -> InvalidInput:
    action = "Write a name such as docdb.example.org, with a port if need be, and no credentials"
    return InvalidInput(Issue("this is not the host of a metadata gateway", where, action))


def _is_long(*parts: Any) -> bool:
    return len(quote_plus("".join(map(json.dumps, parts)))) > MAX_URL_FILTER


def _wait(patience: Patience) -> Callable[[tenacity.RetryCallState], float]:
    jittered = tenacity.wait_random_exponential(multiplier=0.25, max=patience.longest_wait)

    def wait(state: tenacity.RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        asked = fault.wait if isinstance(fault, _Passing) else 0.0
        return max(jittered(state), min(asked, patience.longest_wait))

    return wait


def _retry_after(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _said(response: requests.Response) -> str:
    """The service's own words, where its error body is JSON as the gateway's is."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return ""
    return _error_text(body) if isinstance(body, dict) else ""


def _error_text(body: Mapping[str, Any]) -> str:
    said = next((body[key] for key in ("error", "message", "errorMessage") if body.get(key)), "")
    return f": {str(said)[:300]}" if said else ""


def _cause(error: BaseException) -> str:
    """The innermost reason of a nested transport error, in a few words."""
    text = str(error).rpartition("Caused by ")[2]
    said = text.partition("): ")[2].partition('"')[0]  # X("HTTPSConnection(...): said")
    quoted = re.findall(r"'([^']+)'", text)  # X(104, 'said')
    return (said or (quoted[-1] if quoted else type(error).__name__))[:160]


def _records(body: Any) -> list[Record]:
    if isinstance(body, list) and all(isinstance(one, dict) for one in body):
        return body
    said = _error_text(body) if isinstance(body, dict) else ""
    raise _Passing(f"the answer is not a list of records{said}")


def _identified(body: Any) -> list[Record]:
    records = _records(body)
    if not all("_id" in one for one in records):
        raise _Passing("a record of the answer has no _id")
    return records


def _count(body: Any) -> int:
    number = body.get("filtered_record_count") if isinstance(body, dict) else None
    if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
        return number
    said = _error_text(body) if isinstance(body, dict) else ""
    raise _Passing(f"the answer holds no count{said}")
