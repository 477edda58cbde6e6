"""One command: a request from the arguments, its plan, and the outputs."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from pathlib import Path
from typing import Any, BinaryIO

from dispatch_core.arguments import misspelled_variables
from dispatch_core.asset_list import read_asset_table
from dispatch_core.connect import (
    SourceSettings,
    is_demo_by_default,
    local_inputs,
    open_cluster,
    open_metadata_source,
    open_object_lister,
    open_results,
    require_chosen_demo,
    settings_from,
    unwanted_demo,
)
from dispatch_core.dispatch import plan_dispatch, require_jobs, require_results, with_drift
from dispatch_core.dispatch_plan import DispatchPlan, empty_fields
from dispatch_core.earlier.drift import Recorded, read_recorded
from dispatch_core.environment.limits import LIST, PARAMETERS, RECORD, REQUEST, Limit
from dispatch_core.errors import DispatchError, InvalidInput, Issue, NothingFound
from dispatch_core.input_folder.layout import InputFiles, find_input_files, first_names
from dispatch_core.input_folder.parameters import read_parameters
from dispatch_core.insight.odd_dates import with_odd_dates
from dispatch_core.options import OPTIONS, every_option, option_of
from dispatch_core.output.deliver import deliver, deliver_marker
from dispatch_core.output.earlier import check_earlier_ledger, check_earlier_request
from dispatch_core.output.expectation import (
    read_fingerprint,
    request_line,
    require_fingerprint,
)
from dispatch_core.output.target import (
    Target,
    check_outside,
    check_outside_dispatches,
    check_separate,
    check_target,
)
from dispatch_core.output.text_file import STANDARD_OUTPUT, check_text_file, write_text_file
from dispatch_core.parameter_sets.schema import compile_schema
from dispatch_core.parameter_sets.schema_text import load_schema_document
from dispatch_core.query import read_query
from dispatch_core.request import (
    DispatchRequest,
    Trial,
    changed_trial,
    load_request,
    override_request,
)
from dispatch_core.request_parts import check_selection
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.text.job_names import read_job_names
from dispatch_core.text.limited import read_file, read_stream
from dispatch_core.text.strict_json import load_json
from dispatch_core.text.words import counted, one_line
from dispatch_core.types import Filter, Pipeline
from dispatch_core.views.report import ledger_text
from dispatch_core.views.terminal import print_plan, shown_progress


def run_command(given: argparse.Namespace) -> int:
    """Plan a dispatch from the arguments, write it unless ``--plan`` is given, and return 0."""
    with _messages_apart(given):
        return _run(given)


@contextmanager
def _messages_apart(given: argparse.Namespace) -> Iterator[None]:
    """Print messages to standard error if an output of the command is standard output."""
    is_taken = STANDARD_OUTPUT in (given.ledger, given.save_request, given.record, given.zip)
    with redirect_stdout(sys.stderr) if is_taken else nullcontext():
        yield


def _run(given: argparse.Namespace) -> int:
    expected = read_fingerprint(given.expect_fingerprint) if given.expect_fingerprint else ""
    settings = _settings(given)
    source = open_metadata_source(settings)
    lister = open_object_lister(settings, soon=bool(given.file_extension))
    cluster = open_cluster(settings)
    print(one_line(f"source: {source.label}"))
    print(one_line(f"buckets: {lister.label}"), flush=True)
    _print_origins(given)
    if cluster is not None:
        print(f"cluster: {cluster.address}", flush=True)
    files = _input_files(given)
    saved, recorded = _saved(given)
    request = _request(given, files, saved)
    results = open_results(settings, is_asked=request.skip_processed not in (None, "no"))
    require_results(request, results)
    if results is not None and request.skip_processed != "no":
        print(one_line(f"results: {results.label}"), flush=True)
    if results is None:
        _print_unchecked(given, request, settings)
    target = _outputs(given, (*_inputs(given), *files.read, *local_inputs(settings)))
    with shown_progress(sys.stderr) as progress, cluster or nullcontext():
        outputs = _own_outputs(given, target)
        plan = plan_dispatch(request, source, lister, progress, cluster, results, outputs)
    plan = with_drift(with_odd_dates(plan, source), recorded)
    print_plan(plan, whole=bool(given.plan))
    if given.print_request:
        print(request_line(plan))
    if expected:
        require_fingerprint(plan, expected, _records(given, target))
    _write_ledger(plan, given)
    if request.query is not None and not plan.found.matched:
        _print_why_nothing(source, request.query)
    elif not plan.jobs:
        _print_misspelt_fields(source, plan)
    is_marked = _has_nothing_to_do(plan, given)
    _save_request(request, given)
    if given.plan:
        print("no job was written (--plan)")
    else:
        _write(plan, target, given.origins, is_marked)
    return 0


def _print_unchecked(
    given: argparse.Namespace, request: DispatchRequest, settings: SourceSettings
) -> None:
    """Print that processed jobs are dispatched again, if the settings suggest otherwise."""
    names = {"results_database": settings.results_database}
    names |= {"results_collection": settings.results_collection}
    if request.skip_processed == "no" or not (any(names.values()) or given.preset):
        return
    missing = [option_of(name).variable for name, value in names.items() if not value]
    print(f"warning: processed jobs are not looked for: {' and '.join(missing)} not set")


def _write_ledger(plan: DispatchPlan, given: argparse.Namespace) -> None:
    if given.ledger:
        write_text_file(given.ledger, ledger_text(plan.exclusions, given.ledger))
        print(one_line(f"ledger: {given.ledger} ({counted(len(plan.exclusions), 'row')})"))


def _save_request(request: DispatchRequest, given: argparse.Namespace) -> None:
    if given.save_request:
        write_text_file(given.save_request, request.to_json())
        print(one_line(f"request: {given.save_request}"))


def _has_nothing_to_do(plan: DispatchPlan, given: argparse.Namespace) -> bool:
    """Whether a marker is written instead of jobs; raises if a plan without jobs is an error.

    A failed service, and a missing asset with ``on_missing="fail"``, stay errors.
    """
    try:
        require_jobs(plan)
    except NothingFound as error:
        is_missing = any(row.reason.family != "requested" for row in plan.exclusions)
        is_failing = plan.request.on_missing == "fail" and is_missing
        has_folder = given.output_directory or not given.zip
        # a list of which nothing is found is a mistake, unlike a query without new assets
        is_wrong_list = plan.request.asset_rows is not None and not plan.found.matched
        if given.when_nothing != "marker" or is_failing or is_wrong_list or not has_folder:
            raise
        print(one_line(f"warning: nothing to do: {error.issues[0].what}"))
        return True
    return False


def _records(given: argparse.Namespace, target: Target) -> Iterator[Path]:
    """The files that may be the record of an earlier dispatch."""
    named = (_file_name(given.request), target.record_file)
    yield from (Path(name) for name in named if name and name != STANDARD_OUTPUT)


def _own_outputs(given: argparse.Namespace, target: Target) -> Iterator[str | Path]:
    """What does not count as an earlier dispatch: the outputs, and the record to replay.

    With another ``--not_in`` the record is an earlier dispatch like any other.
    """
    outputs = [target.folder, target.archive, target.record_file]
    if not given.not_in:
        outputs.append(given.request)
    yield from (one for one in outputs if one and one != STANDARD_OUTPUT)


def _settings(given: argparse.Namespace) -> SourceSettings:
    """Where records and files come from: arguments, else the environment."""
    named = {one.variable: getattr(given, one.argument) for one in OPTIONS["sources"]}
    environment = {**os.environ, **{name: text for name, text in named.items() if text}}
    settings = settings_from(environment)
    require_chosen_demo(settings, environment)
    if is_demo_by_default(settings, environment) and _writes_real_results(given):
        raise unwanted_demo(f"the jobs would go to {option_of('output_directory').default}")
    return settings


def _writes_real_results(given: argparse.Namespace) -> bool:
    """Whether jobs are written to the default output folder, where a platform expects them."""
    default = option_of("output_directory").default
    folder = given.output_directory or ("" if given.zip else default)
    return not given.plan and folder != "" and Path(folder).resolve() == Path(default).resolve()


def _print_origins(given: argparse.Namespace) -> None:
    """Print which options are from a variable or the preset, and which variables are ignored."""
    sources = {one.argument for one in OPTIONS["sources"]}
    named = [
        f"{name} ({origin})"
        for name, origin in given.origins.items()
        if not origin.startswith("--") and name not in sources
    ]
    if named:
        print(f"settings: {', '.join(named)}")
    if given.ignored:
        names = ", ".join(given.ignored)
        print(f"note: {names} ignored: --request says what to dispatch", file=sys.stderr)
    for name, near in misspelled_variables(os.environ).items():
        print(one_line(f"warning: {name} is not a variable of this program: {near} is"))


def _input_files(given: argparse.Namespace) -> InputFiles:
    """The files of the input folder, each reported; a replayed request has its own."""
    is_listed = bool(given.use_data_asset_csv)
    is_replay = bool(given.request) and given.input_directory is None
    if is_replay and not is_listed:
        return InputFiles()
    files = find_input_files(
        _input_directory(given),
        with_list=is_listed,
        with_parameters=not is_replay,
        known=tuple(_inputs(given)),
    )
    _print_input_files(given, files)
    return files


def _print_input_files(given: argparse.Namespace, files: InputFiles) -> None:
    for field, kind, path in (
        ("asset_rows", "asset list", files.asset_list),
        ("parameters", "parameters file", files.parameters),
    ):
        if path is not None:
            given.origins[field] = str(path)
            print(one_line(f"{kind}: {path}"))
    outputs = [given.ledger, given.save_request, given.record]
    written = {os.path.abspath(name) for name in outputs if name}
    rest = [path for path in files.not_read if os.path.abspath(path) not in written]
    if rest:
        print(one_line(f"warning: not read: {first_names(rest)}"))


def _saved(given: argparse.Namespace) -> tuple[DispatchRequest, Recorded | None]:
    """The request to start from, and the dispatch whose record has it; by default empty."""
    if not given.request:
        return DispatchRequest(), None
    data, name = _saved_request(given.request)
    file = _file_name(given.request)
    return load_request(data, name), read_recorded(data, name, Path(file) if file else None)


def _request(
    given: argparse.Namespace, files: InputFiles, saved: DispatchRequest
) -> DispatchRequest:
    """The request of the command line, which changes a saved one."""
    changes = _given_fields(given)
    changes |= _chosen_trial(given, saved.trial)
    changes |= _chosen_assets(given, files.asset_list)
    changes |= _chosen_parameters(given, files.parameters)
    changes |= _chosen_code(given)
    changes |= _chosen_jobs(given)
    return override_request(saved, **changes)


def _saved_request(text: str) -> tuple[str | bytes, str]:
    """The saved request that --request gives, as JSON or as a file, and its name in messages."""
    if _is_json(text):
        return text, "--request"
    return _read(text, "--request", RECORD), _shown_name(text, "--request")


def _given_fields(given: argparse.Namespace) -> dict[str, Any]:
    """The fields whose value is that of the argument with the same name."""
    options = (one for one in every_option() if one.field == one.argument and one.kind != "file")
    values = {one.field: getattr(given, one.argument) for one in options}
    return {name: value for name, value in values.items() if value not in (None, ())}


def _chosen_trial(given: argparse.Namespace, saved: Trial | None) -> dict[str, Any]:
    """The trial of the command line, which replaces a saved one."""
    rules = {rule: getattr(given, f"trial_{rule}") for rule in Trial.model_fields}
    trial = changed_trial(saved, rules, "--")
    if given.no_trial and trial:
        raise InvalidInput(Issue("it contradicts --trial_...", "--no_trial", "Remove one of them"))
    return {"trial": trial} if trial or given.no_trial else {}


def _chosen_assets(given: argparse.Namespace, asset_list: Path | None) -> dict[str, Any]:
    if asset_list is not None:
        if given.docdb_query:
            print("note: --docdb_query is ignored: --use_data_asset_csv is set", file=sys.stderr)
        data = _read(asset_list, asset_list.name, LIST)
        table = read_asset_table(data, asset_list.name)
        for note in table.notes:
            print(one_line(f"note: {asset_list.name}: {note}"), file=sys.stderr)
        return {"asset_rows": table.rows}
    if given.docdb_query:
        return {"query": read_query(given.docdb_query, "--docdb_query").value}
    return {}


def _chosen_parameters(given: argparse.Namespace, path: Path | None) -> dict[str, Any]:
    """The parameters in the file at `path`, if there is one, and their schema."""
    found: dict[str, Any] = {}
    schema = None
    if given.parameters_schema:
        option = "--parameters_schema"
        name = _shown_name(given.parameters_schema, option)
        text = _read(given.parameters_schema, option, PARAMETERS)
        found["parameters_schema"] = load_schema_document(text, name)
        schema = compile_schema(found["parameters_schema"], name)
    if path is not None:
        found["parameters"] = read_parameters(_read(path, path.name, PARAMETERS), path.name, schema)
    return found


def _chosen_code(given: argparse.Namespace) -> dict[str, Any]:
    """The wrapper whose results count: JSON, or the content of a JSON file."""
    text, option = given.analysis_code, "--analysis_code"
    if not text:
        return {}
    if _is_json(text):
        return {"analysis_code": load_json(text, option, REQUEST)}
    data = _read(text, option, REQUEST)
    return {"analysis_code": load_json(data, _shown_name(text, option), REQUEST)}


def _chosen_jobs(given: argparse.Namespace) -> dict[str, Any]:
    """The names of the jobs to dispatch, in the file that the option names."""
    path, option = given.only_jobs, "--only_jobs"
    if not path:
        return {}
    if path == given.request == STANDARD_OUTPUT:
        what = "standard input is already that of --request"
        raise InvalidInput(Issue(what, option, "Give a file for one of them"))
    return {"only_jobs": read_job_names(_read(path, option, LIST), _shown_name(path, option))}


def _is_json(text: str) -> bool:
    """Whether the value of an option is JSON itself and not the path of a file with it."""
    return text.lstrip().startswith(("{", "["))


def _file_name(text: str | None) -> str:
    """The path that an option gives; empty if it gives JSON, a standard stream, or nothing."""
    return "" if not text or text == STANDARD_OUTPUT or _is_json(text) else text


def _input_directory(given: argparse.Namespace) -> Path:
    folder = Path(given.input_directory or option_of("input_directory").default)
    if given.input_directory and not folder.is_dir():
        action = "Name the folder of the parameters file and the CSV"
        raise InvalidInput(Issue(f"{folder} is not a folder", "--input_directory", action))
    return folder


def _read(path: str | Path, where: str, limit: Limit) -> bytes:
    is_stream, path = path == "-", Path(path)
    try:
        if is_stream:
            return read_stream(_standard_input(), limit, where)
        return read_file(path, limit, where)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        shown = "standard input" if is_stream else path
        raise InvalidInput(
            Issue(f"cannot read {shown}: {reason}", where, "Check the path")
        ) from None


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    return sys.stdin.buffer


def _shown_name(path: str, option: str) -> str:
    """The name of a file in messages about its content; the option for standard input."""
    return option if path == "-" else Path(path).name


def _outputs(given: argparse.Namespace, inputs: Sequence[Path]) -> Target:
    """The outputs of the dispatch, checked before anything is listed."""
    archive = given.zip if given.zip in ("", None, STANDARD_OUTPUT) else Path(given.zip)
    folder = None
    if given.output_directory or not archive:
        folder = Path(given.output_directory or option_of("output_directory").default)
    target = Target(
        folder,
        archive or None,
        given.record,
        bool(given.replace),
        allowed=given.allowed_files or (),
    )
    texts = {f"--{name}": getattr(given, name) for name in ("ledger", "save_request")}
    texts = {name: path for name, path in texts.items() if path}
    if folder is not None:
        check_outside(folder, {**texts, "--zip": given.zip, "--record": given.record})
    check_outside_dispatches(texts)
    check_separate(texts if given.plan else texts | _places(target, given), inputs)
    for path in texts.values():
        check_text_file(path)
    if given.ledger and not given.replace:
        check_earlier_ledger(given.ledger)
    if given.save_request and not given.replace:
        check_earlier_request(given.save_request)
    if not given.plan:
        check_target(target)
    return target


def _places(target: Target, given: argparse.Namespace) -> dict[str, str | Path]:
    """The outputs of the dispatch by their options.

    The record that is replayed may be the default record: its folder is then confirmed
    or completed, and the record replaced by one of the same request.
    """
    record, replayed = target.record_file, _file_name(given.request)
    if given.record is None and replayed and Path(replayed).resolve() == record:
        record = None
    named = {"--output_directory": target.folder, "--zip": target.archive, "--record": record}
    return {name: path for name, path in named.items() if path is not None}


def _inputs(given: argparse.Namespace) -> Iterator[Path]:
    """The files that options name; those of the input folder and of the sources come on top."""
    named = [_file_name(given.request), given.parameters_schema, given.only_jobs]
    named.append(_file_name(given.analysis_code))
    if not given.use_data_asset_csv and given.docdb_query:
        named.append(_file_name(given.docdb_query.strip()))
    yield from (Path(name) for name in named if name and name != STANDARD_OUTPUT)


def _write(plan: DispatchPlan, target: Target, origins: Mapping[str, str], is_marked: bool) -> None:
    """Write the dispatch and print what is in place; a named record that fails is an error."""
    with shown_progress(sys.stderr) as progress:
        if is_marked:
            delivery = deliver_marker(plan, target, origins=origins)
        else:
            delivery = deliver(plan, target, origins=origins, progress=progress)
    print(*map(one_line, delivery.lines()), sep="\n")
    if delivery.record_error is None:
        return
    if target.record is not None:
        raise delivery.record_error
    print(one_line(f"note: {delivery.record_error}"), file=sys.stderr)


def _print_why_nothing(source: MetadataSource, query: Filter | Pipeline) -> None:
    """Print the clause that matches nothing and near values; the error itself follows."""
    # imported here: a command that finds assets does not need these modules
    from dispatch_core.insight.advice import advise
    from dispatch_core.insight.explain import explain
    from dispatch_core.insight.fields import sample_fields

    with suppress(DispatchError):  # the search has its result; this only explains it
        print(one_line(explain(source, query).summary))
        for advice in advise(source, query, sample_fields(source)):
            near = "; ".join(one.label for one in advice.suggestions)
            print(one_line(f"  {advice.message}" + (f". Try {near}" if near else "")))


def _print_misspelt_fields(source: MetadataSource, plan: DispatchPlan) -> None:
    """Print the nearest field of each grouping field that no asset has a value in."""
    # imported here: a command that makes jobs does not need these modules
    from dispatch_core.insight.field_slips import nearest_fields
    from dispatch_core.insight.fields import sample_fields

    paths = list(empty_fields(check_selection(plan.request).fields, plan.found.assets))
    with suppress(DispatchError):  # the plan has its warnings; this only explains them
        fields = sample_fields(source) if paths else None
        for path in paths:
            near = nearest_fields(fields, path, 3) if fields is not None else []
            near = [one for one in near if one != path]  # others may have it
            if near:
                print(one_line(f"  {path}: did you mean {' or '.join(near)}?"))
