"""The notebook interface: `plan` makes a plan, and the plan shows and writes itself.

Both are thin: the request is that of the command line, the pipeline is `plan_dispatch`.
"""

from __future__ import annotations

import difflib
import inspect
import json
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, cast

from dispatch_core.asset_list import AssetRow
from dispatch_core.connect import (
    DEMO,
    S3,
    SourceSettings,
    local_inputs,
    open_cluster,
    open_metadata_source,
    open_object_lister,
    settings_from,
)
from dispatch_core.dispatch import plan_dispatch
from dispatch_core.dispatch_plan import DispatchPlan, Equation
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.options import Option, every_option
from dispatch_core.output.deliver import Delivery, deliver
from dispatch_core.output.target import Target
from dispatch_core.query import read_query
from dispatch_core.request import DispatchRequest, fields_from, load_request, override_request
from dispatch_core.sources.protocols import MetadataSource, ObjectLister
from dispatch_core.text.strict_json import load_json
from dispatch_core.types import Progress, no_progress
from dispatch_core.views.notebook import JobRow, LedgerRow, job_rows, ledger_rows, plan_html

FINGERPRINT_SHOWN = 12
_DOCUMENTS = frozenset({"query", "parameters", "parameters_schema"})


class Plan:
    """The jobs to write, and the excluded assets with the reasons; nothing is written yet.

    As the last line of a notebook cell it is shown as a table.
    """

    def __init__(self, planned: DispatchPlan, inputs: tuple[Path, ...] = ()) -> None:
        self._planned = planned
        self._inputs = inputs

    @property
    def request(self) -> DispatchRequest:
        """The request of the plan; ``request.to_json()`` saves it."""
        return self._planned.request

    @property
    def equation(self) -> Equation:
        """The numbers of the plan: assets, files, parameter sets, jobs, workers."""
        return self._planned.equation

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the jobs and their workers: equal plans write equal files."""
        return self._planned.fingerprint

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings: what may be unintended."""
        return tuple(map(str, self._planned.warnings))

    @property
    def jobs(self) -> Sequence[JobRow]:
        """A row for each job, worker by worker."""
        return job_rows(self._planned)

    @property
    def ledger(self) -> Sequence[LedgerRow]:
        """A row for each excluded asset or job."""
        return ledger_rows(self._planned)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """(``worker/name.json``, bytes) of each job, exactly as they are written."""
        return self._planned.files()

    def write(self, folder: str | os.PathLike[str], *, replace: bool = False) -> Delivery:
        """Write the worker folders into `folder`, and the record of the dispatch beside it.

        If `folder` has the same dispatch, it is confirmed. Anything else in it is an
        `InvalidInput`, or with `replace` it is moved aside.

        Raises
        ------
        NothingFound
            The plan has no job.
        WriteFailed
            The disk failed; no partial output is left.
        """
        return deliver(self._planned, Target(Path(folder), replace=replace, inputs=self._inputs))

    def write_zip(self, path: str | os.PathLike[str], *, replace: bool = False) -> Delivery:
        """Write the same files as a zip; raises as `write` does."""
        return deliver(
            self._planned, Target(archive=Path(path), replace=replace, inputs=self._inputs)
        )

    def __repr__(self) -> str:
        return f"<Plan {self.fingerprint[:FINGERPRINT_SHOWN]}: {self.equation}>"

    def _repr_html_(self) -> str:
        return plan_html(self._planned)


def plan(
    *,
    source: str | MetadataSource | None = None,
    buckets: str | os.PathLike[str] | ObjectLister | None = None,
    asset_ids: Iterable[str] | None = None,
    request: DispatchRequest | str | os.PathLike[str] | None = None,
    progress: Progress = no_progress,
    **options: Any,
) -> Plan:
    """The plan of a dispatch; nothing is written.

    ``DOCDB_HOST`` and the other environment variables of the command line say where records
    and files come from; without them everything is the embedded demo.

    Parameters
    ----------
    source
        Where records come from: a host, a mongodb:// URI, "demo", or an object with the
        methods of `MetadataSource`.
    buckets
        Where files are listed: "demo", "s3", a folder with a sub-folder for each bucket, or
        an object with the methods of `ObjectLister`.
    asset_ids
        Ids of the assets instead of a query.
    request
        A request to start from, or the path of a saved request or record.
    progress
        Called with the step, the number done, and the total (0 if unknown).

    Raises
    ------
    InvalidInput
        An argument is misspelled or its value cannot be used; all issues at once.
    ServiceError
        A service failed. One asset's failure is a row of the ledger instead.
    """
    changes = _fields(options)
    if request is None and "job_format" not in options:
        changes |= fields_from(os.environ)
    if asset_ids is not None:
        changes["asset_rows"] = _asset_rows(asset_ids)
    made = override_request(_saved(request), **changes)
    settings = _settings(source, buckets)
    records = _opened_source(source, settings)
    lister = _opened_buckets(buckets, settings, soon=bool(made.file_extension))
    cluster = open_cluster(settings)
    with cluster or nullcontext():
        planned = plan_dispatch(made, records, lister, progress, cluster)
    return Plan(planned, local_inputs(settings))


def _fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a request from options by their names: ``trial_first=3`` is ``trial.first``."""
    unknown = [_unknown(name) for name in options if name not in _OPTIONS]
    if unknown:
        raise InvalidInput(unknown)
    fields = {name: value for name, value in options.items() if "." not in _OPTIONS[name].field}
    rules = {name.removeprefix("trial_"): options[name] for name in options.keys() - fields.keys()}
    if any(value is not None for value in rules.values()):
        fields["trial"] = _trial(fields.get("trial"), rules)
    if isinstance(fields.get("query"), str):
        fields["query"] = read_query(fields["query"]).value
    return fields | {name: _as_json(fields[name], name) for name in _DOCUMENTS & fields.keys()}


def _as_json(value: object, where: str) -> Any:
    """`value` as strict JSON reads it back: tuples become lists, and foreign types are errors."""

    def refuse(other: object) -> NoReturn:
        what = f"it contains a value of type {type(other).__name__}, which is not a JSON type"
        raise InvalidInput(Issue(what, where, "Convert it, for example to a text"))

    try:
        return load_json(json.dumps(value, default=refuse), where)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(Issue(f"it is not JSON: {error}", where, "Correct it")) from None


def _trial(given: object, rules: Mapping[str, Any]) -> dict[str, Any]:
    if given is not None:
        what = "it is given together with trial_first, trial_random or trial_one_per"
        raise InvalidInput(Issue(what, "trial", "Remove one of them"))
    return {rule: value for rule, value in rules.items() if value is not None}


def _unknown(name: str) -> Issue:
    near = difflib.get_close_matches(name, [*_SIGNATURE.parameters], 1)
    action = f"Did you mean {near[0]}?" if near else "help(dispatch_core.plan) lists them"
    return Issue("this is not an argument of plan", name, action, nearest="".join(near))


def _asset_rows(ids: Iterable[str]) -> tuple[AssetRow, ...]:
    rows = [] if isinstance(ids, str) or not isinstance(ids, Iterable) else list(ids)
    if not rows or not all(isinstance(one, str) for one in rows):
        raise InvalidInput(Issue("it is not a list of ids", "asset_ids", "Give a list of texts"))
    return tuple(AssetRow(number, text.strip()) for number, text in enumerate(rows, 1))


def _saved(request: DispatchRequest | str | os.PathLike[str] | None) -> DispatchRequest:
    if request is None or isinstance(request, DispatchRequest):
        return request or DispatchRequest()
    try:
        return load_request(Path(request).read_bytes(), Path(request).name)
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        action = "Give a request, or the path of a saved one"
        raise InvalidInput(Issue(f"cannot read {request!r}: {reason}", "request", action)) from None


def _settings(source: object, buckets: object) -> SourceSettings:
    """The settings of the environment, overridden by the arguments."""
    settings = settings_from(os.environ)
    if isinstance(source, str):
        settings = replace(settings, host="" if source == DEMO else source)
    elif source is not None:  # an object of the caller, so not the demo
        settings = replace(settings, buckets=settings.buckets or S3)
    if isinstance(buckets, str | os.PathLike):
        settings = replace(settings, buckets=os.fspath(buckets), inventory="")
    return settings


def _opened_source(source: object, settings: SourceSettings) -> MetadataSource:
    if source is None or isinstance(source, str):
        return open_metadata_source(settings)
    _require_method("source", source, "find_page", "Give a host, or a MetadataSource")
    return cast(MetadataSource, source)


def _opened_buckets(buckets: object, settings: SourceSettings, *, soon: bool) -> ObjectLister:
    if buckets is None or isinstance(buckets, str | os.PathLike):
        return open_object_lister(settings, soon=soon)
    _require_method("buckets", buckets, "list_page", 'Give "s3", a folder, or an ObjectLister')
    return cast(ObjectLister, buckets)


def _require_method(argument: str, value: object, method: str, action: str) -> None:
    if not callable(getattr(value, method, None)):
        what = f"a value of the type {type(value).__name__} cannot be used"
        raise InvalidInput(Issue(what, argument, action))


def _documented(option: Option) -> str:
    default = f" (default: {option.default_text})" if option.default_text else ""
    lines = textwrap.wrap(f"{option.description}{default}", 92)
    return "\n    ".join([option.name, *lines])


def _signature() -> inspect.Signature:
    """The signature of `plan` with every option instead of ``**options``."""
    own = inspect.signature(plan)
    named = [one for one in own.parameters.values() if one.kind is one.KEYWORD_ONLY]
    options = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default)
        for one in _OPTIONS.values()
    ]
    return own.replace(parameters=[*options, *named])


_OPTIONS = {one.name: one for one in every_option() if one.field}
# Completion and help() show every option, although each is declared once, in `OPTIONS`.
_SIGNATURE = _signature()
plan.__signature__ = _SIGNATURE  # type: ignore[attr-defined]
_HEAD, _RAISES, _TAIL = inspect.cleandoc(plan.__doc__ or "").partition("\nRaises\n")
plan.__doc__ = f"{_HEAD}{chr(10).join(map(_documented, _OPTIONS.values()))}\n{_RAISES}{_TAIL}"
