"""A dispatch as a run of Code Ocean: where it runs, and the named parameters that carry it.

The dispatcher of the pipeline plans again, from the same request, and stops if its plan has
another fingerprint, so what runs is what was seen. The request is one parameter, because ids,
exclusions and analysis parameters have no field in a panel, and because neither a preset nor a
variable of the capsule changes a request that is replayed. Nothing is attached to the run: an
attached data asset is part of the identity of every analysis, so that no analysis would be
found as already processed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from dispatch_core.errors import InvalidInput, Issue, ServiceError
from dispatch_core.request import DispatchRequest

REQUEST, FINGERPRINT = "request", "expect_fingerprint"
"""The options of the dispatcher that carry a dispatch; both are fields of its panel."""

LONGEST_ARGUMENT = 131_071
"""Bytes of one argument of a process on Linux; the dispatcher gets ``--request=TEXT``."""

DOMAIN_VARIABLE, TOKEN_VARIABLE = "CODEOCEAN_DOMAIN", "CODEOCEAN_TOKEN"

_KIT = "docs/capsule/app-panel.json"
_ID = re.compile("[0-9A-Za-z_-]{1,64}")
_PATH = re.compile(r"/[\w./-]+", re.ASCII)
_LABEL = "[0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?"
_HOST = re.compile(rf"({_LABEL}\.)*{_LABEL}(:(?P<port>[1-9][0-9]{{0,4}}))?", re.IGNORECASE)
_LAST_PORT = 65_535
_LONGEST_HOST = 253

Kind = Literal["pipeline", "capsule"]
Outcome = Literal["under way", "succeeded", "failed", "stopped", "unknown"]


class StartUnknown(ServiceError):
    """The request for a run was sent, and whether a run started is not known."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The address of a Code Ocean deployment, ``https://HOST``, and an access token for it."""

    domain: str
    token: str = field(repr=False)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in the variables; no message contains the token.

    Raises
    ------
    InvalidInput
        A variable is missing, or is not an address or a token.
    """
    domain = _domain(environment.get(DOMAIN_VARIABLE, "").strip())
    token = environment.get(TOKEN_VARIABLE, "").strip()
    if not token:
        action = "Set it to an access token of your account that may read and run capsules"
        raise InvalidInput(Issue("it is not set", TOKEN_VARIABLE, action))
    if not (token.isascii() and token.isprintable()) or " " in token:
        action = "Copy the token again, without quotes or line breaks"
        raise InvalidInput(
            Issue("it contains a character that no token has", TOKEN_VARIABLE, action)
        )
    return Settings(domain, token)


def _domain(text: str) -> str:
    """``https://HOST``; the text is not repeated in errors, because it may contain a password."""
    if not text:
        action = "Set it to the address of your deployment, such as https://codeocean.example.org"
        raise InvalidInput(Issue("it is not set", DOMAIN_VARIABLE, action))
    scheme, mark, rest = text.rpartition("://")
    host = rest.removesuffix("/")
    if (mark and scheme.lower() != "https") or not _is_host(host):
        action = "Write https://HOST, without a path, a user or a password"
        raise InvalidInput(Issue("it is not the https address of a host", DOMAIN_VARIABLE, action))
    return f"https://{host.lower()}"


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    is_host = found is not None and int(found["port"] or 1) <= _LAST_PORT
    return is_host and len(text.partition(":")[0]) <= _LONGEST_HOST


@dataclass(frozen=True, slots=True)
class Target:
    """The pipeline, or the dispatcher capsule alone, that is run; ``release`` None is its draft."""

    kind: Kind
    id: str
    release: int | None = None

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id) or self.id.isdecimal():  # the number in a page's address
            action = f"Copy the ID of the {self.kind} from its metadata page"
            raise InvalidInput(Issue(f"{self.id!r} is not an ID", f"--{self.kind}", action))

    def __str__(self) -> str:
        return f"{self.kind} {self.id}" + (f", release {self.release}" if self.release else "")


@dataclass(frozen=True, slots=True)
class PanelField:
    """A named parameter of a panel, and its value if a run gives none."""

    name: str
    default: str = ""


Panel = Mapping[str, Sequence[PanelField]]
"""Name of a process -> its fields; under the empty name, the fields of the panel itself."""


def dispatcher_in(panel: Panel, target: Target, process: str = "") -> str:
    """The name of the dispatcher's process in `panel`, empty for a panel without processes.

    The dispatcher is the process whose fields can carry a dispatch, or `process` if it is given.

    Raises
    ------
    InvalidInput
        The process does not exist, lacks a field, or several have them.
    """
    if process:
        _require_fields(panel, target, process)
        return process
    able = [name for name, fields in panel.items() if not _missing(fields)]
    if len(able) > 1:
        what = f"several processes of {target} could be the dispatcher: {', '.join(sorted(able))}"
        raise InvalidInput(Issue(what, "--process", "Name one of them with --process"))
    if not able:
        names = ", ".join(sorted(filter(None, panel)))
        of_it = f" of a process ({names})" if names else ""
        what = f"the panel{of_it} of {target} lacks the fields {REQUEST} and {FINGERPRINT}"
        raise InvalidInput(Issue(what, f"--{target.kind}", _copy_panel()))
    return able[0]


def _require_fields(panel: Panel, target: Target, process: str) -> None:
    if process not in panel:
        names = ", ".join(sorted(filter(None, panel))) or "none with a panel"
        what = f"{target} has no process {process!r} with a panel"
        raise InvalidInput(Issue(what, "--process", f"Choose one of its processes: {names}"))
    missing = _missing(panel[process])
    if missing:
        what = f"the panel of {process} lacks {' and '.join(missing)}"
        raise InvalidInput(Issue(what, "--process", _copy_panel()))


def _missing(fields: Iterable[PanelField]) -> list[str]:
    names = {one.name for one in fields}
    return [name for name in (REQUEST, FINGERPRINT) if name not in names]


def _copy_panel() -> str:
    return f"Give the dispatcher capsule the panel of {_KIT}, commit it and update the pipeline"


def request_parameters(
    request: DispatchRequest,
    fingerprint: str,
    fields: Iterable[PanelField] = (),
    request_path: str = "",
) -> dict[str, str]:
    """The named parameters with which the dispatcher makes this plan again, or stops.

    Parameters
    ----------
    fields
        The fields of the panel. Those with a default are set to blank text, which means
        unset, because the default would change the request.
    request_path
        Where the dispatcher finds the saved request as a file, instead of in the parameter.

    Raises
    ------
    InvalidInput
        The request is longer than an argument may be, or the path is not a plain absolute one.
    """
    if request_path and not _PATH.fullmatch(request_path):
        action = "Give the path that the dispatcher sees, such as /data/request.json"
        what = f"{request_path!r} is not an absolute path of plain letters, digits and ._-"
        raise InvalidInput(Issue(what, "--request_path", action))
    text = request_path or request_text(request)
    _require_short(text)
    carried = {REQUEST: text, FINGERPRINT: fingerprint}
    return carried | {one.name: "" for one in fields if one.default and one.name not in carried}


def request_text(request: DispatchRequest) -> str:
    """The request as JSON in one line of ASCII without single quotes: safe between such quotes."""
    text = json.dumps(json.loads(request.to_json()), separators=(",", ":"))
    return text.replace("'", "\\u0027")


def _require_short(text: str) -> None:
    size = len(f"--{REQUEST}={text}".encode())
    if size <= LONGEST_ARGUMENT:
        return
    what = (
        f"the request has {size:,} bytes, and a parameter may have {LONGEST_ARGUMENT:,}. It is not "
        "attached as a data asset, because no analysis would be found as already processed then"
    )
    action = (
        "Use a query instead of a list of ids, or commit the request as a file to the data folder "
        "of the pipeline and name it with --request_path"
    )
    raise InvalidInput(Issue(what, REQUEST, action))


@dataclass(frozen=True, slots=True)
class Run:
    """What Code Ocean says about a run.

    ``seconds`` is how long it has run, ``parameters`` the names and values that it got, as far
    as they are reported.
    """

    id: str
    state: str
    end_status: str = ""
    exit_code: int | None = None
    has_results: bool = False
    seconds: int = 0
    parameters: frozenset[tuple[str, str]] = frozenset()

    def lost(self, sent: Mapping[str, str]) -> list[str]:
        """The names of what carries a dispatch that were `sent` and are reported otherwise."""
        carried = [name for name in (REQUEST, FINGERPRINT) if name in sent]
        if not self.parameters:
            return []
        return [name for name in carried if (name, sent[name]) not in self.parameters]

    @property
    def outcome(self) -> Outcome:
        """How it ended; ``unknown`` if it ended and nothing says how."""
        if self.state == "failed" or self.end_status == "failed":
            return "failed"
        if self.state != "completed":
            return "under way"
        if self.end_status == "stopped":
            return "stopped"
        if self.exit_code:
            return "failed"
        is_good = self.end_status == "succeeded" or self.exit_code == 0
        return "succeeded" if is_good else "unknown"

    def __str__(self) -> str:
        how = self.state if self.outcome == "under way" else self.outcome
        code = "" if self.exit_code in (None, 0) else f", exit code {self.exit_code}"
        return f"{how}{code}"


@dataclass(frozen=True, slots=True)
class ResultItem:
    """A file or a folder among the results of a run; the size of a folder is unknown."""

    path: str
    is_folder: bool = False
    size: int | None = None


def run_address(settings: Settings, run_id: str) -> str:
    """The address of a run in the API; the SDK gives none of a page for people."""
    return f"{settings.domain}/api/v1/computations/{run_id}"


def is_run_id(text: object) -> bool:
    """Whether it can be part of an address as the ID of a run."""
    return isinstance(text, str) and bool(_ID.fullmatch(text))


def host_of(domain: str) -> str:
    """The host in ``https://HOST``."""
    return urlsplit(domain).netloc
