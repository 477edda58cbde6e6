"""One command: a request from the arguments, its plan, and the outputs."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from dispatch_core.asset_list import FILE_NAME as CSV_NAME
from dispatch_core.asset_list import read_asset_csv
from dispatch_core.connect import (
    SourceSettings,
    local_inputs,
    open_cluster,
    open_metadata_source,
    open_object_lister,
    settings_from,
)
from dispatch_core.dispatch import plan_dispatch, require_jobs
from dispatch_core.dispatch_plan import DispatchPlan, empty_fields
from dispatch_core.errors import DispatchError, InvalidInput, Issue
from dispatch_core.options import OPTIONS, every_option, option_of
from dispatch_core.output.deliver import deliver
from dispatch_core.output.earlier import check_earlier_ledger, check_earlier_request
from dispatch_core.output.target import Target, check_outside, check_separate, check_target
from dispatch_core.output.text_file import STANDARD_OUTPUT, check_text_file, write_text_file
from dispatch_core.parameter_sets.document import find_parameters_file, parse_parameters
from dispatch_core.parameter_sets.schema import compile_schema
from dispatch_core.query import read_query
from dispatch_core.request import (
    DispatchRequest,
    Trial,
    changed_trial,
    check_selection,
    fields_from,
    load_request,
    override_request,
)
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.text.strict_json import decode_json, load_json
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
    is_taken = STANDARD_OUTPUT in (given.ledger, given.save_request, given.record)
    with redirect_stdout(sys.stderr) if is_taken else nullcontext():
        yield


def _run(given: argparse.Namespace) -> int:
    settings = _settings(given)
    source = open_metadata_source(settings)
    lister = open_object_lister(settings, soon=bool(given.file_extension))
    cluster = open_cluster(settings)
    print(one_line(f"source: {source.label}"))
    print(one_line(f"buckets: {lister.label}"), flush=True)
    if cluster is not None:
        print(f"cluster: {cluster.address}", flush=True)
    request = _request(given)
    target = _outputs(given, (*_inputs(given), *local_inputs(settings)))
    with shown_progress(sys.stderr) as progress, cluster or nullcontext():
        plan = plan_dispatch(request, source, lister, progress, cluster)
    print_plan(plan, whole=bool(given.plan))
    if given.ledger:
        write_text_file(given.ledger, ledger_text(plan.exclusions, given.ledger))
        print(one_line(f"ledger: {given.ledger} ({counted(len(plan.exclusions), 'row')})"))
    if request.query is not None and not plan.found.matched:
        _print_why_nothing(source, request.query)
    elif not plan.jobs:
        _print_misspelt_fields(source, plan)
    require_jobs(plan)
    if given.save_request:
        write_text_file(given.save_request, request.to_json())
        print(one_line(f"request: {given.save_request}"))
    if given.plan:
        print("no job was written (--plan)")
    else:
        _write(plan, target)
    return 0


def _settings(given: argparse.Namespace) -> SourceSettings:
    """Where records and files come from: arguments, else the environment."""
    named = {one.variable: getattr(given, one.argument) for one in OPTIONS["sources"]}
    return settings_from({**os.environ, **{name: text for name, text in named.items() if text}})


def _request(given: argparse.Namespace) -> DispatchRequest:
    """The request of the command line, based on a saved one if --request names it."""
    base = DispatchRequest()
    if given.request:
        base = load_request(
            _read(given.request, "--request"), _shown_name(given.request, "--request")
        )
    changes = _given_fields(given)
    if not given.request and not given.job_format:
        changes |= fields_from(os.environ)
    changes |= _chosen_trial(given, base.trial)
    changes |= _chosen_assets(given)
    changes |= _chosen_parameters(given)
    return override_request(base, **changes)


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


def _chosen_assets(given: argparse.Namespace) -> dict[str, Any]:
    if given.use_data_asset_csv:
        if given.docdb_query:
            print("note: --docdb_query is ignored: --use_data_asset_csv is set", file=sys.stderr)
        path = _input_directory(given) / CSV_NAME
        return {"asset_rows": read_asset_csv(_read(path, CSV_NAME))}
    if given.docdb_query:
        return {"query": read_query(given.docdb_query, "--docdb_query").value}
    return {}


def _chosen_parameters(given: argparse.Namespace) -> dict[str, Any]:
    """The parameters file of the input folder; a saved request has its own."""
    found: dict[str, Any] = {}
    schema = None
    if given.parameters_schema:
        option = "--parameters_schema"
        name = _shown_name(given.parameters_schema, option)
        found["parameters_schema"] = load_json(_read(given.parameters_schema, option), name)
        schema = compile_schema(found["parameters_schema"], name)
    if given.request and given.input_directory is None:
        return found
    path = find_parameters_file(_input_directory(given))
    if path is not None:
        text = decode_json(_read(path, path.name), path.name)
        found["parameters"] = parse_parameters(text, schema, path.name)[0]
    return found


def _input_directory(given: argparse.Namespace) -> Path:
    folder = Path(given.input_directory or option_of("input_directory").default)
    if given.input_directory and not folder.is_dir():
        action = "Name the folder of the parameters file and the CSV"
        raise InvalidInput(Issue(f"{folder} is not a folder", "--input_directory", action))
    return folder


def _read(path: str | Path, where: str) -> bytes:
    is_stream, path = path == "-", Path(path)
    try:
        return _standard_input() if is_stream else path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        action = (
            f"Put it there{_tables_beside(path)}" if path.name == CSV_NAME else "Check the path"
        )
        shown = "standard input" if is_stream else path
        raise InvalidInput(Issue(f"cannot read {shown}: {reason}", where, action)) from None


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    return sys.stdin.buffer.read()


def _shown_name(path: str, option: str) -> str:
    """The name of a file in messages about its content; the option for standard input."""
    return option if path == "-" else Path(path).name


def _tables_beside(path: Path) -> str:
    others = sorted(other.name for other in path.parent.glob("*.csv"))[:5]
    return f" (rename one of {', '.join(others)})" if others else ""


def _outputs(given: argparse.Namespace, inputs: Sequence[Path]) -> Target:
    """The outputs of the dispatch, checked before anything is listed."""
    archive = Path(given.zip) if given.zip else None
    folder = None
    if given.output_directory or archive is None:
        folder = Path(given.output_directory or option_of("output_directory").default)
    target = Target(folder, archive, given.record, bool(given.replace))
    texts = {f"--{name}": getattr(given, name) for name in ("ledger", "save_request")}
    texts = {name: path for name, path in texts.items() if path}
    if folder is not None:
        check_outside(folder, {**texts, "--zip": given.zip, "--record": given.record})
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
    record = target.record_file
    if given.record is None and given.request and Path(given.request).resolve() == record:
        record = None
    named = {"--output_directory": target.folder, "--zip": target.archive, "--record": record}
    return {name: path for name, path in named.items() if path is not None}


def _inputs(given: argparse.Namespace) -> Iterator[Path]:
    """Every file that this command reads, except those of its sources."""
    named = [given.request, given.parameters_schema]
    if given.use_data_asset_csv:
        yield _input_directory(given) / CSV_NAME
    elif given.docdb_query and not given.docdb_query.strip().startswith(("{", "[")):
        named.append(given.docdb_query.strip())
    yield from (Path(name) for name in named if name and name != "-")
    if not given.request or given.input_directory is not None:
        parameters = find_parameters_file(_input_directory(given))
        yield from [parameters] if parameters else []


def _write(plan: DispatchPlan, target: Target) -> None:
    """Write the dispatch and print what is in place; a named record that fails is an error."""
    with shown_progress(sys.stderr) as progress:
        delivery = deliver(plan, target, progress=progress)
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
            if near:
                print(one_line(f"  {path}: did you mean {' or '.join(near)}?"))
