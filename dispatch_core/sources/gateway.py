"""The metadata gateway as a source, through the real `MetadataDbClient`.

The client has no timeouts and no retries, and its own loop pages by skip, which loses
records when others are written meanwhile. Here one page is one request, and each
request has a timeout and up to five attempts with jitter; `dispatch_core.find` loops
over the pages. A filter that is too long for a URL is sent by POST.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote_plus

import requests
from aind_data_access_api.document_db import MetadataDbClient
from requests.adapters import BaseAdapter
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
from dispatch_core.sources.transport import (
    TOO_LARGE,
    BoundedAdapter,
    RetryPolicy,
    Transient,
    cause,
    is_transient,
    missing_bundle,
    retry_after,
    retrying,
    untrusted,
)
from dispatch_core.types import Filter, Pipeline, Record

MAX_URL_FILTER = 6_000
"""Bytes of a quoted filter that fit in a GET; the gateway limits URLs to about 8 kB."""

_T = TypeVar("_T")
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
        session.mount("https://", adapter or BoundedAdapter(policy, "DOCDB_HOST"))
        host = _host_name(host)
        self._client = MetadataDbClient(
            host=host, version=version, database=database, collection=collection, session=session
        )
        self._where = f"{host}/{version}/{database}/{collection}"
        self.label = label or f"gateway {self._where}"
        self._retrying = retrying(policy)

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
        except Transient as error:
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
            raise Transient("the response is not JSON (a proxy page, or truncated)") from None
        except RecursionError:
            raise Transient("the response is nested too deep") from None
        except requests.Timeout:
            raise Transient("the request timed out") from None
        except requests.RequestException as error:
            raise self._transport_error(error) from None
        except OSError as error:  # what requests raises for a missing CA bundle
            raise missing_bundle(error) from None

    def _transport_error(self, error: Exception) -> DispatchError | Transient:
        issue = untrusted(error)
        if issue is not None:
            return ServiceError(replace(issue, where=self._where))
        return Transient(f"the connection failed ({cause(error)})")

    def _error_for_status(self, response: requests.Response) -> DispatchError | Transient:
        status, detail = response.status_code, _detail(response)
        if status in (413, 414):
            return AnswerTooLarge(Issue(TOO_LARGE, self._where, "Request less"))
        if status in (401, 403):
            action = "Request access, or use another host"
            return AccessDenied(Issue(f"access denied ({status})", self._where, action))
        if status == 404:
            if _EMPTY.search(detail) and not _OTHER.search(detail):
                what = f"the collection has no records ({status}){detail}"
                return EmptyCollection(Issue(what, self._where, "Check its name"))
            action = "Check its version, database and collection"
            return ServiceError(Issue(f"not found ({status})", self._where, action))
        if is_transient(status):
            return Transient(f"it responded with {status}{detail}", retry_after(response))
        action = "" if detail else "Check its operators and their values"
        return InvalidInput(Issue(f"the service refuses the query{detail}", "query", action))


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


def _records(body: Any) -> list[Record]:
    if isinstance(body, list) and all(isinstance(one, dict) for one in body):
        return body
    detail = _error_text(body) if isinstance(body, dict) else ""
    raise Transient(f"the response is not a list of records{detail}")


def _identified(body: Any) -> list[Record]:
    records = _records(body)
    if not all("_id" in one for one in records):
        raise Transient("a record of the response has no _id")
    return records


def _count(body: Any) -> int:
    number = body.get("filtered_record_count") if isinstance(body, dict) else None
    if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
        return number
    detail = _error_text(body) if isinstance(body, dict) else ""
    raise Transient(f"the response contains no count{detail}")
