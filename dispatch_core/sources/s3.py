"""Amazon S3, and whatever speaks its protocol, as an object lister.

This is the edge: boto3 is imported here and only when the first request is made
(importing it and making a client take a third of a second), and its exceptions
end here. Signing, credentials, region redirects and the retrying of transient
failures are boto3's; what this module adds is reading public buckets without
credentials, and errors in our own words.
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

from dispatch_core.errors import (
    AccessDenied,
    DelimiterRefused,
    Issue,
    NoSuchBucket,
    ServiceError,
)
from dispatch_core.sources.list_answer import IS_LISTING, LEAN, before_parse
from dispatch_core.sources.protocols import ListPage, StoredObject, time_text

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 30
ATTEMPTS = 5

_DENIED = {"AccessDenied", "AllAccessDisabled", "Forbidden", "Unauthorized", "401", "403"}
_BAD_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName"}
_REFUSED = {"InvalidArgument", "InvalidRequest", "NotImplemented", "400", "501"}


class S3Lister:
    """Lists the keys of S3 buckets through boto3; one instance serves many threads.

    ``AWS_ENDPOINT_URL_S3`` and the usual places for credentials are honoured. With
    no credentials at all every bucket is read unsigned; with credentials that a
    bucket denies, it is asked unsigned, and from an answer on that comes first: so a
    public bucket costs one request more than a private one. A denial is not remembered,
    for what is denied of one prefix may be open to all of another.

    Parameters
    ----------
    threads
        How many requests may be open at once; the size of the connection pool.
    attempts
        How often a request is sent at most, the first time included, where it meets
        a transient failure; boto3 waits half a second on average, then twice that.
    """

    def __init__(self, threads: int = 16, attempts: int = ATTEMPTS) -> None:
        self._threads = threads
        self._attempts = attempts
        self._lock = threading.Lock()
        self._session: Any = None
        self._signs: bool | None = None
        self._clients: dict[bool, Any] = {}
        self._public: set[str] = set()

    def __reduce__(self) -> tuple[Callable[..., S3Lister], tuple[int, int, str]]:
        # A client cannot be sent to another process; one is made there, for all that is sent.
        return _lister_here, (self._threads, self._attempts, _label())

    @property
    def label(self) -> str:
        """``Amazon S3``, or the host and port of the endpoint that stands in for it."""
        return _label()

    def prepare(self) -> None:
        """Makes the client in a thread of its own, while something else is waited for."""
        # What fails here fails again, and is told, at the first request.
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
        """Unsigned or not, in the order to try."""
        if not self._has_credentials():
            return (True,)
        return (True, False) if bucket in self._public else (False, True)

    def _request(self, unsigned: bool, arguments: dict[str, str]) -> ListPage:
        """The one place that makes a request."""
        try:
            answer = self._client(unsigned).list_objects_v2(**arguments)
        except _foreign_errors() as error:
            raise _translate(error, arguments) from error
        return _read_page(answer, arguments)

    def download(self, bucket: str, key: str, path: Path) -> None:
        """Copy one object to `path`; raises as `list_page` does."""
        where = {"Bucket": bucket, "Prefix": key}
        try:
            self._client(not self._has_credentials()).download_file(bucket, key, str(path))
        except (*_foreign_errors(), _transfer_error()) as error:
            raise _translate(error, where) from error

    def _has_credentials(self) -> bool:
        with self._lock:
            # Kept, for boto3 looks everywhere again each time that it found none.
            if self._signs is None:
                self._signs = self._find_credentials()
            return self._signs

    def _find_credentials(self) -> bool:
        try:
            return self._open_session().get_credentials() is not None
        except _foreign_errors() as error:
            raise _translate(error, {}) from error

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
def _lister_here(threads: int, attempts: int, endpoint: str) -> S3Lister:
    """The lister of this process, for work that comes from another one."""
    return S3Lister(threads, attempts)


def _label() -> str:
    url = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if not url:
        return "Amazon S3"
    try:
        # The part before an "@" is a user and a password.
        host = urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        host = ""
    return f"S3 at {host or 'an endpoint that is no URL'}"


def _config(unsigned: bool, threads: int, attempts: int) -> Any:
    from botocore import UNSIGNED
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        # "total" counts the first attempt too; plain max_attempts would be one more.
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=threads,
        signature_version=UNSIGNED if unsigned else None,
    )


@cache
def _foreign_errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    # ValueError: an endpoint that is no URL. OSError: a configuration file that
    # cannot be read. The others have no base in common.
    return (BotoCoreError, ClientError, ResponseParserError, ValueError, OSError)


def _transfer_error() -> type[Exception]:
    from boto3.exceptions import Boto3Error

    error: type[Exception] = Boto3Error
    return error


def _read_page(answer: dict[str, Any], arguments: dict[str, str]) -> ListPage:
    # A proxy's page with status 200 parses as a listing without any keys, which
    # would read as "no files here". Every true listing says whether it goes on.
    token = answer.get("NextContinuationToken")
    goes_on = answer.get("IsTruncated")
    if goes_on is None or (goes_on and not token) or not answer.get(IS_LISTING):
        raise ServiceError(
            Issue(
                f"The answer of {_label()} is not a complete listing",
                _where(arguments),
                "Try again; if it stays, look at what stands between here and the store",
            )
        )
    token = token if goes_on else None
    page = answer.get(LEAN)
    if not isinstance(page, ListPage):
        objects = [_read_object(entry) for entry in answer.get("Contents", ())]
        page = ListPage.of(objects, [entry["Prefix"] for entry in answer.get("CommonPrefixes", ())])
    if not page.is_below(arguments.get("Prefix", "")):
        raise ServiceError(
            Issue(
                f"The answer of {_label()} holds keys of another place",
                _where(arguments),
                "Look at what stands between here and the store: it answers for another request",
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


def _translate(error: Exception, arguments: dict[str, str]) -> ServiceError:
    """Our error for one of botocore's; none of its text is kept, for it may hold a URL."""
    from botocore.exceptions import ClientError

    where = _where(arguments)
    if not isinstance(error, ClientError):
        return _from_botocore(error, where)
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    if code in _REFUSED and arguments.get("Delimiter", "/") != "/":
        return DelimiterRefused(Issue(f"{_label()} takes no such delimiter ({code})", where))
    return _from_code(code, where)


def _from_code(code: str, where: str) -> ServiceError:
    if code in _DENIED:
        ask = "Ask for permission to list it (s3:ListBucket), or use other credentials"
        return AccessDenied(Issue(f"Listing is denied ({code})", where, ask))
    if code in _BAD_CREDENTIALS:
        return _credentials_refused(code, where)
    if code in _NO_BUCKET:
        correct = "Correct the location in the metadata record"
        return NoSuchBucket(Issue(f"The bucket does not exist ({code})", where, correct))
    return ServiceError(Issue(f"{_label()} failed ({code})", where, "Try again later"))


def _from_botocore(error: Exception, where: str) -> ServiceError:
    from botocore import exceptions as botocore

    kind = type(error).__name__
    if "Credential" in kind or "Token" in kind or "SSO" in kind:
        return _credentials_refused(kind, where)
    if isinstance(error, botocore.ParamValidationError):
        return NoSuchBucket(Issue("This is not the name of a bucket", where))
    if isinstance(error, (botocore.HTTPClientError, botocore.ConnectionError)):
        check = "Check the network, and AWS_ENDPOINT_URL_S3 if it is set"
        return ServiceError(Issue(f"{_label()} cannot be reached ({kind})", where, check))
    if isinstance(error, (botocore.ProfileNotFound, botocore.ConfigParseError, OSError)):
        check = "Check AWS_PROFILE and the files in ~/.aws"
        return ServiceError(Issue(f"The AWS configuration cannot be read ({kind})", where, check))
    if isinstance(error, UnicodeError):
        return ServiceError(Issue("This is not valid Unicode", where, "Correct the location"))
    if isinstance(error, ValueError):
        check = "Check AWS_ENDPOINT_URL_S3: it begins with https:// or http://"
        return ServiceError(Issue(f"{_label()} cannot be asked ({kind})", where, check))
    return ServiceError(Issue(f"{_label()} gave no usable answer ({kind})", where, "Try again"))


def _credentials_refused(kind: str, where: str) -> AccessDenied:
    renew = "Renew the AWS credentials, or unset them to read public buckets"
    return AccessDenied(Issue(f"The AWS credentials are not usable ({kind})", where, renew))
