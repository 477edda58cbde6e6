"""A Dask cluster, given by its address, as an executor for the locating step.

`distributed` is an extra and is imported when the first work is submitted. If a worker
dies, its work is retried on another one up to three times; any other failure of the
cluster ends the step with a `ServiceError`.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import contextmanager, suppress
from typing import Any, ParamSpec, TypeVar

from dispatch_core.errors import DispatchError, InvalidInput, Issue, ServiceError
from dispatch_core.listing.executor import ListingExecutor
from dispatch_core.text.words import install_action

CONNECT_SECONDS = 5
RETRIES = 3
_OPTION = "--dask_scheduler"
_START = "python -m dask scheduler, and python -m dask worker ADDRESS on each machine"
_FOREIGN = (OSError, ValueError, OverflowError, RuntimeError)
_P = ParamSpec("_P")
_T = TypeVar("_T")


class DaskCluster(ListingExecutor):
    """An executor whose work runs on the workers of a Dask scheduler.

    It connects when the first work is submitted, and reconnects if the connection is
    lost. Workers use their own credentials and ``AWS_`` settings; they and the
    scheduler import `dispatch_core` from the folder in which they were started.

    Parameters
    ----------
    address
        ``tcp://host:8786`` or ``host:8786``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._server = _server_of(address)
        self._lock = threading.Lock()
        self._client: Any = None
        self._executor: Any = None

    @property
    def threads(self) -> int:
        """The number of parallel pieces of work: the threads of all workers.

        Raises
        ------
        ServiceError
            No scheduler answers there, or it has no worker.
        """
        self._connect()
        with _own_errors(self.address):
            threads = int(sum(self._client.nthreads().values()))
        if not threads:
            what = f"The Dask scheduler at {self.address} has no worker"
            raise ServiceError(Issue(what, _OPTION, f"Start some: {_START}"))
        return threads

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Runs `fn` on a worker; it and its arguments must be picklable."""
        self._connect()
        with _own_errors(self.address):
            theirs = self._executor.submit(fn, *args, **kwargs)
        return _in_own_words(theirs, self.address)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Closes the connection; the cluster keeps running."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connect(self) -> None:
        with self._lock:
            if self._client is not None and self._client.status == "running":
                return
            distributed = _import_distributed()
            with _own_errors(self.address):
                # the client itself needs long to fail if nothing listens there
                with socket.create_connection(self._server, timeout=CONNECT_SECONDS):
                    pass
                self._client = distributed.Client(
                    self.address, timeout=CONNECT_SECONDS, set_as_default=False
                )
                # not pure: a repeated listing must be executed, not taken from a cache
                self._executor = self._client.get_executor(pure=False, retries=RETRIES)


def _import_distributed() -> Any:
    try:
        import distributed
    except ImportError:
        action = install_action("dask")
        what = "the package distributed is not installed"
        raise InvalidInput(Issue(what, _OPTION, action)) from None
    # It logs a lost connection at length; our error reports it in one sentence.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    return distributed


def _server_of(address: str) -> tuple[str, int]:
    """Host and port of a scheduler; raises `InvalidInput` if `address` is not that of one."""
    scheme, separator, rest = address.rpartition("://")
    host, _, port = rest.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and int(port[:6]) < 1 << 16
    if (separator and scheme not in ("tcp", "tls")) or not host or not is_port:
        action = "Write tcp://HOST:8786, as the scheduler prints it"
        raise InvalidInput(Issue(f"{address!r} is not the address of a scheduler", _OPTION, action))
    return host.strip("[]"), int(port)


def _in_own_words(theirs: Future[_T], address: str) -> Future[_T]:
    """A future with the same result and errors of ours; cancelling it cancels the work."""
    ours: Future[_T] = Future()

    def settle(done: Future[_T]) -> None:
        with suppress(InvalidStateError):  # ours was cancelled in the meantime
            error = CancelledError() if done.cancelled() else done.exception()
            if error is None:
                ours.set_result(done.result())
            else:
                ours.set_exception(_translate(error, address))

    ours.add_done_callback(lambda future: future.cancelled() and theirs.cancel())
    theirs.add_done_callback(settle)
    return ours


@contextmanager
def _own_errors(address: str) -> Iterator[None]:
    try:
        yield
    except _FOREIGN as error:
        raise _translate(error, address) from None


def _lacking_module(error: BaseException | None) -> str:
    """The module that the scheduler or a worker lacks, from the causes of `error`."""
    while error is not None:
        if isinstance(error, ImportError):
            return error.name or "this code"
        error = error.__cause__ or error.__context__
    return ""


def _translate(error: BaseException, address: str) -> BaseException:
    if isinstance(error, DispatchError):
        return error
    kind = type(error).__name__
    if lacking := _lacking_module(error):
        what = f"The cluster at {address} cannot import {lacking}"
        action = f"Start it in this folder, with the same requirements installed: {_START}"
    elif kind == "KilledWorker":
        what = f"Workers of {address} died {RETRIES + 1} times over the same assets"
        action = "Check the workers' logs and memory, then locate the files again"
    elif isinstance(error, (OSError, OverflowError)):
        what = f"No Dask scheduler answers at {address}"
        action = f"Start one ({_START}), or remove {_OPTION}"
    else:
        what = f"The Dask cluster at {address} lost the work ({kind})"
        action = f"Locate the files again, or remove {_OPTION}"
    return ServiceError(Issue(what, _OPTION, action))
