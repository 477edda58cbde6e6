"""Amazon S3, or any service with its protocol, as an object lister.

boto3 is imported only here and only for the first request, because the import and the
creation of a client take a third of a second. Its exceptions never leave this module.
boto3 does the signing, credentials, region redirects and retries; this module adds
unsigned access to public buckets and our own errors.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dispatch_core.errors import AccessDenied, DelimiterRefused, Issue, ServiceError
from dispatch_core.sources.list_response import IS_LISTING, PAGE, before_parse
from dispatch_core.sources.protocols import ListPage, StoredObject, time_text
from dispatch_core.sources.s3_errors import Context, error_of_class, error_of_code

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 30
ATTEMPTS = 5

_REFUSED = {"InvalidArgument", "InvalidRequest", "NotImplemented", "400", "501"}


class S3Lister:
    """Lists the keys of S3 buckets through boto3; one instance serves many threads.

    ``AWS_ENDPOINT_URL_S3`` and boto3's sources of credentials apply. Without
    credentials every request is unsigned. If a bucket denies the credentials, the
    request is repeated unsigned; once that succeeds, unsigned requests go first for this
    bucket, so a public bucket costs one extra request. A denial is not remembered,
    because another prefix of the same bucket may be public.

    Parameters
    ----------
    threads
        Size of the connection pool: the number of concurrent requests.
    attempts
        Maximum number of attempts per request for transient failures, including the
        first; boto3 waits half a second on average, then twice that.
    pays
        Whether the account of the credentials pays for requests, as buckets demand for
        which the requester pays.
    """

    def __init__(self, threads: int = 16, attempts: int = ATTEMPTS, pays: bool = False) -> None:
        self._threads = threads
        self._attempts = attempts
        self._pays = pays
        self._lock = threading.Lock()
        self._session: Any = None
        self._signs: bool | None = None
        self._clients: dict[bool, Any] = {}
        self._public: set[str] = set()

    def __reduce__(self) -> tuple[Callable[..., S3Lister], tuple[int, int, bool, str]]:
        # A client cannot be pickled; the receiving process creates one and shares it.
        return _process_lister, (self._threads, self._attempts, self._pays, _label())

    @property
    def label(self) -> str:
        """``Amazon S3``, or the host and port of the configured endpoint."""
        return _label()

    def prepare(self) -> None:
        """Start creating the client in a background thread."""
        # A failure here occurs again at the first request, which reports it.
        threading.Thread(target=self._prepare, name="prepare-s3", daemon=True).start()

    def _prepare(self) -> None:
        with suppress(ServiceError, *_foreign_errors()):
            self._client(unsigned=not self._has_credentials())

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
    ) -> ListPage:
        """One page of at most 1,000 entries; see `ObjectLister.list_page`."""
        arguments = {"Bucket": bucket, "Prefix": prefix, "Delimiter": delimiter}
        arguments |= {"ContinuationToken": token} if token else {"StartAfter": start_after}
        arguments = {name: value for name, value in arguments.items() if value}
        denied: AccessDenied | None = None
        for unsigned in self._ways(bucket):
            try:
                page = self._request(unsigned, arguments)
            except AccessDenied as error:
                denied = denied or error
            else:
                if unsigned and denied is not None:
                    self._public.add(bucket)
                return page
        assert denied is not None
        raise denied

    def _ways(self, bucket: str) -> tuple[bool, ...]:
        """The values of ``unsigned`` to try, in order."""
        if not self._has_credentials():
            return (True,)
        return (True, False) if bucket in self._public else (False, True)

    def _request(self, unsigned: bool, arguments: dict[str, str]) -> ListPage:
        """Send one ListObjectsV2 request."""
        try:
            response = self._client(unsigned).list_objects_v2(**arguments, **self._payer(unsigned))
        except _foreign_errors() as error:
            raise self._translate(error, arguments, unsigned) from error
        return _read_page(response, arguments)

    def download(self, bucket: str, key: str, path: Path) -> None:
        """Copy one object to `path`; raises as `list_page` does."""
        where = {"Bucket": bucket, "Prefix": key}
        unsigned = not self._has_credentials()
        try:
            self._client(unsigned).download_file(
                bucket, key, str(path), ExtraArgs=self._payer(unsigned)
            )
        except (*_foreign_errors(), _transfer_error()) as error:
            raise self._translate(error, where, unsigned) from error

    def _payer(self, unsigned: bool) -> dict[str, str]:
        """The argument that accepts the charge; an unsigned request has no account to charge."""
        return {"RequestPayer": "requester"} if self._pays and not unsigned else {}

    def _translate(
        self, error: Exception, arguments: dict[str, str], unsigned: bool = False
    ) -> ServiceError:
        """Our error for one of botocore's, without its text, which may contain a URL."""
        from botocore.exceptions import ClientError

        context = Context(
            _where(arguments),
            _label(),
            has_endpoint=bool(_endpoint()),
            is_signed=not unsigned,
            pays=self._pays,
            is_arn=arguments.get("Bucket", "").startswith("arn:"),
        )
        if not isinstance(error, ClientError):
            return error_of_class(error, context)
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        if code in _REFUSED and arguments.get("Delimiter", "/") != "/":
            what = f"{_label()} does not accept the delimiter ({code})"
            return DelimiterRefused(Issue(what, context.where))
        return error_of_code(error.response, context)

    def _has_credentials(self) -> bool:
        with self._lock:
            # Cached: boto3 searches all sources again whenever it has found none.
            if self._signs is None:
                self._signs = self._find_credentials()
            return self._signs

    def _find_credentials(self) -> bool:
        try:
            return self._open_session().get_credentials() is not None
        except _foreign_errors() as error:
            raise self._translate(error, {}) from error

    def _client(self, unsigned: bool) -> Any:
        with self._lock:
            if unsigned not in self._clients:
                client = self._open_session().client(
                    "s3", config=_config(unsigned, self._threads, self._attempts)
                )
                client.meta.events.register("before-parse.*.ListObjectsV2", before_parse)
                self._clients[unsigned] = client
            return self._clients[unsigned]

    def _open_session(self) -> Any:
        if self._session is None:
            import boto3

            self._session = boto3.session.Session()
        return self._session


@cache
def _process_lister(threads: int, attempts: int, pays: bool, endpoint: str) -> S3Lister:
    """The shared lister of this process, for a lister that was pickled in another one."""
    return S3Lister(threads, attempts, pays)


def _endpoint() -> str:
    """The address of the configured store; empty for Amazon S3."""
    named = (os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    return next(filter(None, named), "")


def _label() -> str:
    url = _endpoint()
    if not url:
        return "Amazon S3"
    try:
        # The part before an "@" is a user and a password.
        host = urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        host = ""
    return f"S3 at {host or 'an endpoint that is not a URL'}"


def _config(unsigned: bool, threads: int, attempts: int) -> Any:
    from botocore import UNSIGNED
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        # total_max_attempts includes the first attempt; max_attempts does not.
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=threads,
        signature_version=UNSIGNED if unsigned else None,
    )


@cache
def _foreign_errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    # ValueError: an endpoint that is not a URL. OSError: an unreadable configuration
    # file. The others have no common base class.
    return (BotoCoreError, ClientError, ResponseParserError, ValueError, OSError)


def _transfer_error() -> type[Exception]:
    from boto3.exceptions import Boto3Error

    error: type[Exception] = Boto3Error
    return error


def _read_page(response: dict[str, Any], arguments: dict[str, str]) -> ListPage:
    # A proxy page with status 200 parses as a listing without keys, which would mean
    # "no files". A real listing always has IsTruncated.
    token = response.get("NextContinuationToken")
    is_truncated = response.get("IsTruncated")
    if is_truncated is None or (is_truncated and not token) or not response.get(IS_LISTING):
        raise ServiceError(
            Issue(
                f"The response of {_label()} is not a complete listing",
                _where(arguments),
                "Try again; if the error persists, check any proxy in front of the store",
            )
        )
    token = token if is_truncated else None
    page = response.get(PAGE)
    if not isinstance(page, ListPage):
        objects = [_read_object(entry) for entry in response.get("Contents", ())]
        prefixes = [entry["Prefix"] for entry in response.get("CommonPrefixes", ())]
        page = ListPage.of(objects, prefixes)
    if not page.is_below(arguments.get("Prefix", "")):
        raise ServiceError(
            Issue(
                f"The response of {_label()} contains keys outside the requested prefix",
                _where(arguments),
                "Check any proxy in front of the store: it responds to a different request",
            )
        )
    return replace(page, token=token)


def _read_object(entry: dict[str, Any]) -> StoredObject:
    modified = entry.get("LastModified")
    return StoredObject(entry["Key"], entry.get("Size"), modified and time_text(modified))


def _where(arguments: dict[str, str]) -> str:
    if not arguments:
        return ""
    return f"s3://{arguments['Bucket']}/{arguments.get('Prefix', '')}"
