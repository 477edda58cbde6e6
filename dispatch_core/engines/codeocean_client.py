"""Code Ocean through its own client, which is an optional extra.

The client has no timeouts, and its errors and warnings may quote what was sent. Here each
request ends, and a request that only reads is repeated after a failure. A run is started
once: if the answer is lost, it is not known whether it started, and the error says so.
"""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from typing import Any, TypeVar

import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import NewConnectionError

from dispatch_core.engines.codeocean import (
    DOMAIN_VARIABLE,
    TOKEN_VARIABLE,
    Panel,
    PanelField,
    ResultItem,
    Run,
    Settings,
    StartUnknown,
    Target,
    host_of,
    is_run_id,
)
from dispatch_core.errors import (
    AccessDenied,
    AnswerTooLarge,
    DispatchError,
    InvalidInput,
    Issue,
    NothingFound,
    ServiceError,
)
from dispatch_core.sources.transport import (
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
from dispatch_core.text.words import install_action

_T = TypeVar("_T")
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
_LONGEST = 300  # characters of a message of the service
_OTHER_VERSION = "Install the version of codeocean that was made for this platform"
_AGAIN = f"Check {DOMAIN_VARIABLE} and the network, or try again later"


class _WithoutToken(BoundedAdapter):
    """A transport whose responses and errors never repeat the token."""

    def __init__(self, policy: RetryPolicy, token: str) -> None:
        super().__init__(policy, DOMAIN_VARIABLE)
        basic = base64.b64encode(f"{token}:".encode()).decode()
        self._secrets = (token, json.dumps(token)[1:-1], basic)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        response = super().send(request, **kwargs)
        response._content = self.cleaned(response.content)
        return response

    def cleaned(self, content: bytes) -> bytes:
        """`content` with asterisks for the token in each of its forms."""
        for secret in self._secrets:
            content = content.replace(secret.encode(), b"***")
        return content


class _NotSent(Transient):
    """A failure before the service could have acted on the request."""


class _Unreadable(Transient):
    """An answer that is JSON, and not what the client or this module expects."""


class CodeOceanService:
    """The runs of one deployment; nothing is requested before a method is called.

    Parameters
    ----------
    adapter
        The transport, instead of one that ends each request and never repeats the token.
    """

    def __init__(
        self,
        settings: Settings,
        retry_policy: RetryPolicy | None = None,
        adapter: BaseAdapter | None = None,
    ) -> None:
        self._sdk, self._error = _import_sdk()
        policy = retry_policy or RetryPolicy()
        self._client = self._sdk.CodeOcean(domain=settings.domain, token=settings.token)
        transport = adapter or _WithoutToken(policy, settings.token)
        self._client.session.mount(settings.domain, transport)
        self._where = host_of(settings.domain)
        self._retrying = retrying(policy)

    def panel(self, target: Target) -> Panel:
        """The fields of the panel of a pipeline or a capsule, by process.

        Raises
        ------
        NothingFound
            The pipeline or capsule does not exist, or has no panel.
        """
        try:
            return self._panel_at(f"{target.kind}s", target)
        except NothingFound:
            if target.kind == "capsule":
                raise
            return self._panel_at("capsules", target)  # where older platforms have it

    def _panel_at(self, route: str, target: Target) -> Panel:
        # Not by the client's own method: it expects one parameter of a process, and fails on
        # the list that the service documents.
        def get() -> Any:
            version = {"version": target.release} if target.release else None
            return self._client.session.get(f"{route}/{target.id}/app_panel", params=version).json()

        return self._read(get, _panel, str(target))

    def start(self, target: Target, process: str, parameters: Mapping[str, str]) -> Run:
        """The run that was just started, with these named parameters for one process.

        Raises
        ------
        StartUnknown
            The answer was lost: a run may have started.
        InvalidInput, NothingFound, ServiceError
            No run was started.
        """
        order = _run_params(self._sdk, target, process, parameters)
        where = f"{self._where}, {target}"
        # A new connection: after one that the service has just closed, it would not be known
        # whether the run started.
        self._client.session.close()
        try:
            with self._mapped(str(target)):
                return _run(self._client.computations.run_capsule(order))
        except _NotSent as error:
            raise ServiceError(Issue(f"no run was started: {error}", where, _AGAIN)) from None
        except (Transient, AnswerTooLarge) as error:
            what = f"whether a run started is not known: {error}"
            action = "Look at the runs in Code Ocean before you start another"
            raise StartUnknown(Issue(what, where, action)) from None

    def look(self, run_id: str) -> Run:
        """The run as it is now; raises `NothingFound` if there is none with this ID."""

        def run_of(answer: Any) -> Run:
            run = _run(answer)
            if run.id != run_id:
                raise ValueError("the answer is about another run")
            return run

        get = self._client.computations.get_computation
        return self._read(lambda: get(run_id), run_of, f"run {run_id}")

    def results(self, run_id: str) -> tuple[ResultItem, ...]:
        """The files and folders directly in the results of a run."""
        get = self._client.computations.list_computation_results
        return self._read(lambda: get(run_id), _items, f"run {run_id}")

    def _read(self, ask: Callable[[], Any], convert: Callable[[Any], _T], what: str) -> _T:
        """The converted answer to a request that changes nothing, which is repeated if it fails."""
        try:
            result: _T = self._retrying(self._once, ask, convert, what)
        except Transient as error:
            action = _OTHER_VERSION if isinstance(error, _Unreadable) else _AGAIN
            raise ServiceError(Issue(str(error), f"{self._where}, {what}", action)) from None
        return result

    def _once(self, ask: Callable[[], Any], convert: Callable[[Any], _T], what: str) -> _T:
        with self._mapped(what):
            return convert(ask())

    @contextmanager
    def _mapped(self, what: str) -> Iterator[None]:
        """Every error of the client as `Transient` or as one of ours, without the token."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the client warns of null where it expects a value
            try:
                yield
            except self._error as error:
                raise self._error_for_status(error, what) from None
            except requests.exceptions.JSONDecodeError:
                raise Transient("the response is not JSON (a proxy page, or truncated)") from None
            except requests.Timeout as error:
                raise _transport_failure(error, "the request timed out") from None
            except requests.RequestException as error:
                raise self._transport_error(error) from None
            except OSError as error:
                raise missing_bundle(error) from None
            except _UNREADABLE:
                version = metadata.version("codeocean")
                raise _Unreadable(f"the response does not fit codeocean {version}") from None

    def _transport_error(self, error: requests.RequestException) -> DispatchError | Transient:
        issue = untrusted(error)
        if issue is not None:
            return ServiceError(replace(issue, where=self._where))
        return _transport_failure(error, f"the connection failed ({cause(error)})")

    def _error_for_status(self, error: Any, what: str) -> DispatchError | Transient:
        status, where = int(error.status_code), f"{self._where}, {what}"
        detail = _detail(error)
        if status == 401:
            action = f"Set {TOKEN_VARIABLE} to a valid access token of this deployment"
            return AccessDenied(Issue("the token is not accepted (401)", where, action))
        if status == 403:
            action = "Use a token with the scope Capsules: Read/Write, of a user who may run it"
            return AccessDenied(Issue(f"access denied (403){detail}", where, action))
        if status == 404:
            action = f"Check the ID and {DOMAIN_VARIABLE}"
            return NothingFound(Issue("not found, or not visible for this token", where, action))
        if status == 413:
            action = "Name the request as a file of the pipeline, with --request_path"
            return InvalidInput(Issue("the parameters are too long for it (413)", where, action))
        if is_transient(status):
            kind = _NotSent if status == 429 else Transient
            response = error.http_err.response
            return kind(f"it responded with {status}{detail}", retry_after(response))
        action = "Check the ID, the release and the panel"
        if "server version" in detail:  # the client says which platform it was made for
            action = _OTHER_VERSION
        return InvalidInput(Issue(f"it refuses the request ({status}){detail}", where, action))


def _detail(error: Any) -> str:
    """``: `` and the message of the service, or "" if its answer is not JSON."""
    text = error.message if isinstance(error.data, dict) else ""
    is_known = isinstance(text, str) and text not in ("", "An error occurred.")
    return f": {text[:_LONGEST]}" if is_known else ""


def _transport_failure(error: requests.RequestException, text: str) -> Transient:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    is_early = isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError)
    if is_early or isinstance(reason, NewConnectionError):
        return _NotSent(text)
    return Transient(text)


def _import_sdk() -> tuple[Any, type[Exception]]:
    """The client's modules, and its error for a status of HTTP."""
    try:
        import codeocean
        import codeocean.computation
        from codeocean.error import Error
    except ImportError:
        action = install_action("codeocean")
        raise InvalidInput(Issue("Code Ocean needs codeocean", "engine", action)) from None
    return codeocean, Error


def _run_params(sdk: Any, target: Target, process: str, parameters: Mapping[str, str]) -> Any:
    """The client's order for a run; parameters of no process are those of the run itself."""
    of = sdk.computation
    named = [of.NamedRunParam(param_name=name, value=text) for name, text in parameters.items()]
    place: dict[str, Any] = {"named_parameters": named}
    if process:
        place = {"processes": [of.PipelineProcessParams(name=process, named_parameters=named)]}
    ids = {f"{target.kind}_id": target.id}
    return of.RunParams(**ids, version=target.release, **place)


def _panel(answer: Any) -> Panel:
    own = {"": _fields(answer.get("parameters"))} if answer.get("parameters") else {}
    processes = answer.get("processes") or ()
    return own | {_text(one["name"]): _fields(one.get("parameters")) for one in processes}


def _fields(parameters: Any) -> tuple[PanelField, ...]:
    """The named ones; the others are arguments in order, which cannot be set by name."""
    named = (one for one in parameters or () if one.get("param_name"))
    return tuple(
        PanelField(_text(one["param_name"]), str(one.get("default_value") or "")) for one in named
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a name is a text")
    return value


def _run(answer: Any) -> Run:
    if not is_run_id(answer.id) or not isinstance(answer.state, str):
        raise ValueError("a run needs an ID and a state")
    return Run(
        answer.id,
        str(answer.state),
        str(answer.end_status or ""),
        None if answer.exit_code is None else int(answer.exit_code),
        bool(answer.has_results),
        int(answer.run_time or 0),
        frozenset(_reported(answer)),
    )


def _reported(answer: Any) -> Iterator[tuple[str, str]]:
    """The names and values of the named parameters, of the run itself and of its processes."""
    for part in (answer, *(answer.processes or ())):
        for one in part.parameters or ():
            if one.param_name:
                yield str(one.param_name), str(one.value or "")


def _items(answer: Any) -> tuple[ResultItem, ...]:
    return tuple(
        ResultItem(str(one.path), one.type == "folder", None if one.size is None else int(one.size))
        for one in answer.items
    )
