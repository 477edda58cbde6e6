"""Requests over HTTPS that end: timeouts, a size limit, no redirects, attempts with jitter.

The clients of the services have none of these, so each is given the adapter of this module,
and its calls are repeated as a `RetryPolicy` says.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import tenacity
from requests.adapters import HTTPAdapter

from dispatch_core.errors import AnswerTooLarge, InvalidInput, Issue, ServiceError

MAX_RESPONSE = 64 * 1024 * 1024
"""Bytes of a decompressed response; the metadata gateway sends at most 10 MB."""
TOO_LARGE = "the response is too large"

_TRANSIENT = frozenset({408, 425, 429})


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


class Transient(Exception):
    """A failure that a retry may avoid; ``wait`` is the Retry-After of the service."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class BoundedAdapter(HTTPAdapter):
    """An adapter with timeouts and a size limit for each response.

    A redirect is refused: it would send the request to a host that is not configured.
    ``setting`` is the variable that names the host.
    """

    def __init__(self, policy: RetryPolicy, setting: str) -> None:
        super().__init__()
        self._timeout = (policy.connect, policy.read)
        self._total = policy.total
        self._setting = setting

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        kwargs |= {"timeout": kwargs.get("timeout") or self._timeout, "stream": True}
        deadline = time.monotonic() + self._total
        response = super().send(request, **kwargs)
        if response.is_redirect:
            response.close()
            action = f"Set {self._setting} to the target host, if that is the intended one"
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
            raise AnswerTooLarge(Issue(TOO_LARGE, str(response.url), "Request less"))
        if time.monotonic() > deadline:
            response.close()
            raise requests.Timeout
        parts.append(part)
    response._content = b"".join(parts)  # as reading without a limit would have set it


def retrying(policy: RetryPolicy) -> tenacity.Retrying:
    """What repeats a call that raises `Transient`, and raises that of the last attempt."""
    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(policy.attempts),
        wait=_wait(policy),
        retry=tenacity.retry_if_exception_type(Transient),
        reraise=True,
    )


def _wait(policy: RetryPolicy) -> Callable[[tenacity.RetryCallState], float]:
    jittered = tenacity.wait_random_exponential(multiplier=0.25, max=policy.max_wait)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        requested = error.wait if isinstance(error, Transient) else 0.0
        return max(jittered(state), min(requested, policy.max_wait))

    return wait


def is_transient(status: int) -> bool:
    """Whether the same request may succeed later."""
    return status in _TRANSIENT or status >= 500


def retry_after(response: requests.Response) -> float:
    """The seconds that the service asks to wait; 0 without such a header."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def cause(error: BaseException) -> str:
    """The innermost cause of a nested transport error, at most 160 characters."""
    text = str(error).rpartition("Caused by ")[2]
    inner = text.partition("): ")[2].partition('"')[0]  # X("HTTPSConnection(...): cause")
    quoted = re.findall(r"'([^']+)'", text)  # X(104, 'cause')
    return (inner or (quoted[-1] if quoted else type(error).__name__))[:160]


def untrusted(error: BaseException) -> Issue | None:
    """What is wrong with the certificate, if the server's is the cause of `error`."""
    if "CERTIFICATE_VERIFY_FAILED" not in str(error):
        return None
    action = "Set REQUESTS_CA_BUNDLE to the certificate file of the authority"
    return Issue(f"the certificate is not trusted ({cause(error)})", action=action)


def missing_bundle(error: OSError) -> InvalidInput:
    """The error for a file of certificates that cannot be read: requests raises `OSError`."""
    action = "Set REQUESTS_CA_BUNDLE to a PEM file, or unset it"
    return InvalidInput(Issue(str(error), "REQUESTS_CA_BUNDLE", action))
