"""The notebook interface: `plan` makes a plan, and the plan shows and writes itself.

Both are thin: `notebook_arguments` reads what is given, the pipeline is `plan_dispatch`.
`check`, `compare` and `history` look at dispatches that were written before.
"""

from __future__ import annotations

import inspect
import json
import os
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from dispatch_core.connect import (
    DEMO,
    S3,
    SourceSettings,
    local_inputs,
    open_cluster,
    open_metadata_source,
    open_object_lister,
    open_results,
    require_chosen_demo,
    settings_from,
)
from dispatch_core.dispatch import checked_progress, plan_dispatch, with_drift
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.check import check_dispatch
from dispatch_core.earlier.compare import compare_dispatches
from dispatch_core.earlier.drift import Drift, Recorded, read_recorded
from dispatch_core.earlier.history import read_history
from dispatch_core.earlier.jobs import JobReader
from dispatch_core.earlier.read import Earlier, earlier_of_jobs, read_earlier
from dispatch_core.environment.limits import RECORD
from dispatch_core.environment.platform import output_root
from dispatch_core.equation import Equation
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.insight.odd_dates import with_odd_dates
from dispatch_core.listing.cluster import DaskCluster
from dispatch_core.notebook_arguments import (
    OPTIONS,
    OWN_ARGUMENTS,
    as_json,
    in_notebook_words,
    notebook_words,
    output_path,
    read_all,
    read_request,
    true_or_false,
)
from dispatch_core.options import Option, option_of
from dispatch_core.output.deliver import Delivery, deliver
from dispatch_core.output.target import Target
from dispatch_core.request import DispatchRequest, separate_copy
from dispatch_core.sources.protocols import MetadataSource, ObjectLister
from dispatch_core.sources.user_made import checked_lister, checked_source
from dispatch_core.text.limited import read_file
from dispatch_core.types import Progress
from dispatch_core.views.notebook import JobRow, LedgerRow, Rows, job_rows, ledger_rows, plan_html
from dispatch_core.views.notebook_earlier import Check, Comparison, History

FINGERPRINT_SHOWN = 12


class Plan:
    """The jobs to write, and the excluded assets with the reasons; nothing is written yet.

    As the last line of a notebook cell it is shown as a table.
    """

    def __init__(self, planned: DispatchPlan, inputs: tuple[Path, ...] = ()) -> None:
        self._planned = planned
        self._inputs = inputs

    @property
    def request(self) -> DispatchRequest:
        """A copy of the request of the plan; ``request.to_json()`` saves it."""
        return separate_copy(self._planned.request)

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
        return tuple(notebook_words(str(one)) for one in self._planned.warnings)

    @property
    def drift(self) -> Drift | None:
        """What drifted since the record that the plan replays; None if it replays none."""
        return self._planned.drift

    @property
    def jobs(self) -> Rows[JobRow]:
        """A row for each job, worker by worker."""
        return job_rows(self._planned)

    @property
    def ledger(self) -> Rows[LedgerRow]:
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
        InvalidInput
            The path cannot be used, or it contains something else.
        NothingFound
            The plan has no job.
        ServiceError
            Another dispatch writes into the same folder, or every listing failed. If the
            disk failed, it is a `WriteFailed`, and no partial output is left.
        """
        with in_notebook_words():
            path = output_path(folder, "folder")
            is_replacing = true_or_false(replace, "replace")
            target = Target(folder=path, replace=is_replacing, inputs=self._inputs)
            return deliver(self._planned, target)

    def write_zip(self, path: str | os.PathLike[str], *, replace: bool = False) -> Delivery:
        """Write the same files as a zip; raises as `write` does."""
        with in_notebook_words():
            archive = output_path(path, "path")
            is_replacing = true_or_false(replace, "replace")
            target = Target(archive=archive, replace=is_replacing, inputs=self._inputs)
            return deliver(self._planned, target)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self._planned == other._planned

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"<Plan {self.fingerprint[:FINGERPRINT_SHOWN]}: {self.equation}>"

    def _repr_html_(self) -> str:
        return plan_html(self._planned)


def plan(
    *query: Any,
    source: str | MetadataSource | None = None,
    buckets: str | os.PathLike[str] | ObjectLister | None = None,
    asset_ids: Iterable[str] | None = None,
    request: Plan | DispatchRequest | dict[str, Any] | str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Plan:
    """The plan of a dispatch; nothing is written.

    ``DOCDB_HOST`` and the other environment variables of the command line say where records
    and files come from; without them everything is the embedded demo. An option that is None
    or blank is not given.

    Parameters
    ----------
    query
        MongoDB filter (an object) or aggregation pipeline (an array), its JSON text, or the
        path of a JSON file. It may be given without its name.
    source
        Where records come from: a host, a mongodb:// URI, "demo", or an object with the
        methods of `MetadataSource`.
    buckets
        Where files are listed: "demo", "s3", a folder with a sub-folder for each bucket, or
        an object with the methods of `ObjectLister`.
    asset_ids
        Ids of the assets instead of a query: a list, or a table with a column asset_id.
    request
        A request to start from: a plan, a request, its JSON, or the path of a saved request
        or record.
    progress
        Called with the step, the number done, and the total (0 if unknown).

    Raises
    ------
    InvalidInput
        An argument is misspelled or its value cannot be used; all issues at once.
    ServiceError
        A service failed. One asset's failure is a row of the ledger instead.
    """
    with in_notebook_words():
        settings = _settings(source, buckets)
        made, report, (records, lister, cluster) = read_all(
            partial(read_request, query, asset_ids, request, options),
            partial(checked_progress, progress),
            partial(_opened, source, buckets, settings, soon="file_extension" in options),
        )
        results = _opened_results(source, settings, made)
        with cluster or nullcontext():
            planned = plan_dispatch(made, records, lister, report, cluster, results)
        planned = with_drift(with_odd_dates(planned, records), _recorded(request))
        return Plan(planned, local_inputs(settings))


def _recorded(request: object) -> Recorded | None:
    """The dispatch of the record that `request` is, or is the path of; None for any other."""
    if isinstance(request, dict):
        return read_recorded(json.dumps(as_json(request, "request")).encode(), "request")
    if isinstance(request, str) and request.lstrip().startswith("{"):
        return read_recorded(request.encode(), "request")
    if not isinstance(request, str | os.PathLike):
        return None
    path = Path(request)
    return read_recorded(read_file(path, RECORD, path.name), path.name, path)


def check(path: str | os.PathLike[str]) -> Check:
    """Every fault of a folder or a zip of jobs; raises `InvalidInput` if it cannot be read."""
    with in_notebook_words():
        return Check(check_dispatch(output_path(path, "path")))


def compare(old: str | os.PathLike[str] | Plan, new: str | os.PathLike[str] | Plan) -> Comparison:
    """Which jobs of two dispatches are new, gone, changed and the same.

    Each is a plan, or the path of a worker folder, a zip, a record or a folder of several.
    Raises `InvalidInput` if one cannot be read.
    """
    with in_notebook_words():
        reader = JobReader(remembers=True)
        sides = (_earlier(old, "old", reader), _earlier(new, "new", reader))
        return Comparison(compare_dispatches(*sides))


def _earlier(value: object, argument: str, reader: JobReader) -> Earlier:
    if isinstance(value, Plan):
        return earlier_of_jobs(repr(value), value._planned.jobs)
    return read_earlier(output_path(value, argument), reader)


def history(root: str | os.PathLike[str] | None = None) -> History:
    """The records below a folder, newest first; by default below that of the app.

    Raises `InvalidInput` if the folder cannot be read.
    """
    with in_notebook_words():
        if root is not None:
            return History(read_history(output_path(root, "root")))
        default = output_root(os.environ)
        return History(read_history(default) if default.exists() else ())


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


def _opened(
    source: object, buckets: object, settings: SourceSettings, *, soon: bool
) -> tuple[MetadataSource, ObjectLister, DaskCluster | None]:
    """The sources that the arguments give, otherwise those of the settings."""
    return read_all(
        partial(_opened_source, source, settings),
        partial(_opened_buckets, buckets, settings, soon),
        partial(open_cluster, settings),
    )


def _opened_source(source: object, settings: SourceSettings) -> MetadataSource:
    if source is None:
        require_chosen_demo(settings, os.environ)
    if source is not None and not isinstance(source, str):
        return checked_source(source)
    if source is not None and not source.strip():
        action = 'Give a host, a mongodb:// URI, or "demo"'
        raise InvalidInput(Issue("it is blank", "source", action))
    try:
        return open_metadata_source(settings)
    except InvalidInput as error:  # about the host, as only that is given here
        where = option_of("docdb_host").variable if source is None else "source"
        raise InvalidInput([replace(issue, where=where) for issue in error.issues]) from None


def _opened_buckets(buckets: object, settings: SourceSettings, soon: bool) -> ObjectLister:
    if buckets is not None and not isinstance(buckets, str | os.PathLike):
        return checked_lister(buckets, "buckets")
    if buckets is not None and not settings.buckets.strip():
        raise InvalidInput(Issue("it is blank", "buckets", 'Give "demo", "s3" or a folder'))
    return open_object_lister(settings, soon=soon)


def _opened_results(
    source: object, settings: SourceSettings, request: DispatchRequest
) -> MetadataSource | None:
    """The results that are configured; those of the demo only for the assets of the demo."""
    is_own = source is not None and not isinstance(source, str)
    if is_own and not (settings.results_host or settings.host):
        return None
    return open_results(settings, is_asked=request.skip_processed not in (None, "no"))


def _documented(option: Option) -> str:
    default = f" (default: {option.default_text})" if option.default_text else ""
    sentence = f"{option.description[:1].upper()}{option.description[1:]}{default}."
    return "\n    ".join([option.name, *textwrap.wrap(sentence, 92)])


def _signature() -> inspect.Signature:
    """The signature of `plan` with every option instead of ``**options``."""
    own = inspect.signature(plan).parameters
    named = [own[name].replace(kind=inspect.Parameter.KEYWORD_ONLY) for name in OWN_ARGUMENTS[1:]]
    query = inspect.Parameter(
        "query", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=Any
    )
    options = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default)
        for one in _OPTIONS
    ]
    return inspect.signature(plan).replace(parameters=[query, *named, *options])


_OPTIONS = [one for one in OPTIONS.values() if one.name not in OWN_ARGUMENTS]
# Completion and help() show every option, although each is declared once, in `OPTIONS`.
plan.__signature__ = _signature()  # type: ignore[attr-defined]
_HEAD, _RAISES, _TAIL = inspect.cleandoc(plan.__doc__ or "").partition("\nRaises\n")
plan.__doc__ = f"{_HEAD}{chr(10).join(map(_documented, _OPTIONS))}\n{_RAISES}{_TAIL}"
