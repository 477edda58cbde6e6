"""The command line: the same core as the app, with the seed's argument names.

Exit codes: 0 written, 2 bad input, 3 nothing found, 4 a service failed.
"""

from __future__ import annotations

import argparse
import difflib
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import Any, NoReturn, TextIO, get_args

from dispatch_core.asset_list import FILE_NAME as CSV_NAME
from dispatch_core.asset_list import read_asset_csv
from dispatch_core.connect import (
    SourceSettings,
    open_cluster,
    open_metadata_source,
    open_object_lister,
    settings_from,
)
from dispatch_core.dispatch import plan_dispatch, require_jobs
from dispatch_core.dispatch_plan import DispatchPlan, ledger_counts
from dispatch_core.errors import DispatchError, InvalidInput, Issue
from dispatch_core.job_model import JOB_FORMATS
from dispatch_core.output.deliver import deliver
from dispatch_core.output.target import Target, check_outside, check_separate, check_target
from dispatch_core.output.text_file import STANDARD_OUTPUT, check_text_file, write_text_file
from dispatch_core.parameter_sets.document import find_parameters_file, parse_parameters
from dispatch_core.parameter_sets.schema import compile_schema
from dispatch_core.query import read_query
from dispatch_core.request import DispatchRequest, SeveralFiles, edit_request, load_request
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.text.strict_json import decode_json, load_json
from dispatch_core.text.words import counted
from dispatch_core.types import Exclusion, Filter, Pipeline, Progress, no_progress
from dispatch_core.views.report import ledger_text

EXAMPLES_SHOWN = 3
WORKERS_SHOWN = 20
FORMAT_VARIABLE = "DISPATCH_JOB_FORMAT"

_EPILOG = """\
examples:
  # what would be made of all derived assets of a project, and who is not in
  python -m dispatch_core --plan --file_extension .nwb \\
      --docdb_query '{"data_description.project_name": "Thalamic Ephys Survey",
                      "data_description.data_level": "derived"}'

  # write worker folders for the ids of ./in/data_asset_input.csv, and the ledger
  python -m dispatch_core --input_directory in --output_directory out \\
      --use_data_asset_csv 1 --file_extension .nwb --ledger ledger.csv

  # the same dispatch again, from what the first one saved
  python -m dispatch_core --request out.dispatch.json --output_directory again

Parameters are read from <input_directory>/analysis_parameters/analysis_parameters.json,
else from <input_directory>/analysis_parameters.json. A blank value (--group_by=) means
unset. Lists are comma-separated, a JSON list, or the option given several times.

Without DOCDB_HOST everything runs on an embedded demo of generated assets.

exit codes: 0 written, 2 bad input, 3 nothing found, 4 a service failed
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = build_parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names in an ASCII terminal
    try:
        with _messages_beside(given):
            code = _run(given)
        sys.stdout.flush()
    except DispatchError as error:
        print("error:", "\n".join(map(_shown, str(error).split("\n"))), file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        print("error: interrupted; nothing partial was left in place", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        # as a shell reports it; 0 would say that the jobs are written, which they may not be
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    return code


@contextmanager
def _messages_beside(given: argparse.Namespace) -> Iterator[None]:
    """Sends messages to standard error where an output of the command is standard output."""
    is_taken = STANDARD_OUTPUT in (given.ledger, given.save_request, given.record)
    with redirect_stdout(sys.stderr) if is_taken else nullcontext():
        yield


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Only what is wrong: the usage of 30 options would push it off the screen."""
        _, unknown, words = message.partition("unrecognized arguments: ")
        known = [f"--{name}" for options in _OPTIONS.values() for name in options]
        near = difflib.get_close_matches(words.split(" ")[0].split("=")[0], known, 1)
        hint = f"Did you mean {near[0]}? " if unknown and near else ""
        self.exit(2, f"error: {message}. {hint}--help explains every option.\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser; every option's default is None, so that what was given can be told."""
    parser = _Parser(
        prog="python -m dispatch_core",
        usage="%(prog)s [--option VALUE ...]",
        description="Find data assets, locate their files, and write the job models of an "
        "analysis into worker folders.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for title, options in _OPTIONS.items():
        group = parser.add_argument_group(title)
        for name, settings in options.items():
            group.add_argument(f"--{name}", **{"default": None, "type": _text, **settings})
    return parser


def _run(given: argparse.Namespace) -> int:
    settings = _settings(given)
    source = open_metadata_source(settings)
    lister = open_object_lister(settings, soon=bool(given.file_extension))
    cluster = open_cluster(settings)
    print(_shown(f"source: {source.label}"))
    print(_shown(f"buckets: {lister.label}"), flush=True)
    if cluster is not None:
        print(f"cluster: {cluster.address}", flush=True)
    request = _request(given)
    target = _outputs(given)
    with _shown_progress(sys.stderr) as progress, cluster or nullcontext():
        plan = plan_dispatch(request, source, lister, progress, cluster)
    _print_plan(plan, whole=bool(given.plan))
    if given.ledger:
        write_text_file(given.ledger, ledger_text(plan.exclusions, given.ledger))
        print(_shown(f"ledger: {given.ledger} ({counted(len(plan.exclusions), 'row')})"))
    if request.query is not None and not plan.found.matched:
        _print_why_nothing(source, request.query)
    require_jobs(plan)
    if given.save_request:
        write_text_file(given.save_request, request.to_json())
        print(_shown(f"request: {given.save_request}"))
    if given.plan:
        print("no job was written (--plan)")
    else:
        _write(plan, target)
    return 0


def _settings(given: argparse.Namespace) -> SourceSettings:
    """What the command line says, else the environment."""
    named = {
        "DOCDB_HOST": given.docdb_host,
        "DOCDB_VERSION": given.docdb_version,
        "DOCDB_DATABASE": given.docdb_database,
        "DOCDB_COLLECTION": given.docdb_collection,
        "DISPATCH_BUCKETS": given.buckets,
        "DISPATCH_DASK_SCHEDULER": given.dask_scheduler,
        "DISPATCH_S3_INVENTORY": given.s3_inventory,
    }
    return settings_from({**os.environ, **{key: text for key, text in named.items() if text}})


def _request(given: argparse.Namespace) -> DispatchRequest:
    """The request of the command line, over a saved one where --request names it."""
    base = DispatchRequest()
    if given.request:
        base = load_request(_read(given.request, "--request"), Path(given.request).name)
    changes = {
        name: getattr(given, name)
        for name in _PLAIN_FIELDS
        if getattr(given, name) not in (None, (), "")
    }
    if "job_format" not in changes and not given.request:
        changes |= _format_of_environment()
    if "num_parallel_workers" in changes:
        changes.setdefault("tasks_per_job", None)  # of a saved request: the option wins
    if "split_files" in changes and base.several_files in ("each", "together"):
        changes.setdefault("several_files", None)
    changes |= _chosen_trial(given)
    changes |= _chosen_assets(given)
    changes |= _chosen_parameters(given)
    return edit_request(base, **changes)


def _format_of_environment() -> dict[str, str]:
    text = os.environ.get(FORMAT_VARIABLE, "").strip()
    if text and text not in JOB_FORMATS:
        action = f"Write one of {', '.join(JOB_FORMATS)}, or unset it"
        raise InvalidInput(Issue(f"{text[:40]!r} is no job format", FORMAT_VARIABLE, action))
    return {"job_format": text} if text else {}


def _chosen_trial(given: argparse.Namespace) -> dict[str, Any]:
    """The trial of the command line, which takes the place of a saved one."""
    rules = {rule: getattr(given, f"trial_{rule}") for rule in ("first", "random", "one_per")}
    trial = {rule: value for rule, value in rules.items() if value is not None}
    if given.no_trial and trial:
        raise InvalidInput(Issue("it asks for a trial and for none", "--no_trial", "Drop one"))
    if given.trial_seed is not None:
        if "random" not in trial:
            action = "Give it beside --trial_random"
            raise InvalidInput(Issue("a seed chooses nothing by itself", "--trial_seed", action))
        trial["seed"] = given.trial_seed
    return {"trial": trial or None} if trial or given.no_trial else {}


def _chosen_assets(given: argparse.Namespace) -> dict[str, Any]:
    if given.use_data_asset_csv:
        if given.docdb_query:
            print("note: --docdb_query is ignored: --use_data_asset_csv is set", file=sys.stderr)
        path = _input_directory(given) / CSV_NAME
        return {"asset_rows": read_asset_csv(_read(path, CSV_NAME)), "query": None}
    if given.docdb_query:
        return {"query": read_query(given.docdb_query, "--docdb_query").value, "asset_rows": None}
    return {}


def _chosen_parameters(given: argparse.Namespace) -> dict[str, Any]:
    """The parameters file of the input folder; a saved request has its own."""
    found: dict[str, Any] = {}
    schema = None
    if given.parameters_schema:
        name = given.parameters_schema
        found["parameters_schema"] = load_json(_read(name, "--parameters_schema"), Path(name).name)
        schema = compile_schema(found["parameters_schema"], Path(name).name)
    if given.request and given.input_directory is None:
        return found
    path = find_parameters_file(_input_directory(given))
    if path is not None:
        text = decode_json(_read(path, path.name), path.name)
        found["parameters"] = parse_parameters(text, schema, path.name)[0]
    return found


def _input_directory(given: argparse.Namespace) -> Path:
    folder = Path(given.input_directory or "/data")
    if given.input_directory and not folder.is_dir():
        action = "Name the folder of the parameters file and the CSV"
        raise InvalidInput(Issue(f"{folder} is not a folder", "--input_directory", action))
    return folder


def _read(path: str | Path, where: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    path = Path(path)
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        action = (
            f"Put it there{_tables_beside(path)}" if path.name == CSV_NAME else "Check the path"
        )
        raise InvalidInput(Issue(f"cannot read {path}: {reason}", where, action)) from None


def _tables_beside(path: Path) -> str:
    others = sorted(other.name for other in path.parent.glob("*.csv"))[:5]
    return f" (rename one of {', '.join(others)})" if others else ""


def _outputs(given: argparse.Namespace) -> Target:
    """Where the dispatch goes, checked before anything is listed; a zip alone has no folder."""
    archive = Path(given.zip) if given.zip else None
    folder = None
    if given.output_directory or archive is None:
        folder = Path(given.output_directory or "/results")
    target = Target(folder, archive, given.record, bool(given.replace))
    texts = {f"--{name}": getattr(given, name) for name in ("ledger", "save_request")}
    texts = {name: path for name, path in texts.items() if path}
    if folder is not None:
        check_outside(folder, {**texts, "--zip": given.zip, "--record": given.record})
    check_separate(texts if given.plan else texts | _places(target, given), _inputs(given))
    for path in texts.values():
        check_text_file(path)
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
    """Every file that this command reads."""
    named = [given.request, given.parameters_schema, *(given.s3_inventory or "").split(",")]
    if given.use_data_asset_csv:
        yield _input_directory(given) / CSV_NAME
    elif given.docdb_query and not given.docdb_query.strip().startswith(("{", "[")):
        named.append(given.docdb_query.strip())
    yield from (Path(name) for name in named if name and name != "-" and "://" not in name)
    if not given.request or given.input_directory is not None:
        parameters = find_parameters_file(_input_directory(given))
        yield from [parameters] if parameters else []


def _write(plan: DispatchPlan, target: Target) -> None:
    """Write the dispatch and say what is in place; a named record that fails is an error."""
    with _shown_progress(sys.stderr) as progress:
        delivery = deliver(plan, target, progress=progress)
    print(*map(_shown, delivery.lines()), sep="\n")
    if delivery.record_error is None:
        return
    if target.record is not None:
        raise delivery.record_error
    print(_shown(f"note: {delivery.record_error}"), file=sys.stderr)


def _print_plan(plan: DispatchPlan, *, whole: bool) -> None:
    sets = len(plan.parameter_sets.sets)
    print(f"parameters: {counted(sets, 'set')}" if sets else "parameters: none, jobs carry null")
    print(f"plan: {plan.equation}")
    print(f"fingerprint: {plan.fingerprint}")
    for warning in plan.warnings:
        print(f"warning: {_shown(str(warning))}")
    _print_ledger(plan.exclusions)
    if whole and plan.jobs:
        _print_jobs(plan)


def _print_why_nothing(source: MetadataSource, query: Filter | Pipeline) -> None:
    """Which clause leaves nothing, and what may be meant; the error itself follows."""
    # imported here: a command that finds something does without these modules
    from dispatch_core.insight.advice import advise
    from dispatch_core.insight.explain import explain
    from dispatch_core.insight.fields import sample_fields

    with suppress(DispatchError):  # the search has its answer; this only explains it
        print(_shown(explain(source, query).summary))
        for advice in advise(source, query, sample_fields(source)):
            near = "; ".join(one.label for one in advice.suggestions)
            print(_shown(f"  {advice.message}" + (f". Try {near}" if near else "")))


def _print_ledger(exclusions: tuple[Exclusion, ...]) -> None:
    """The number of rows for each reason, and its first ones: no reason hides another."""
    is_cut = False
    for (stage, reason), count in ledger_counts(exclusions).items():
        print(f"excluded: {count:,} at {stage}: {reason}")
        is_reason = (row for row in exclusions if (row.stage, row.reason) == (stage, reason))
        _print_rows(tuple(islice(is_reason, EXAMPLES_SHOWN)))
        if count > EXAMPLES_SHOWN:
            print(f"  ... and {count - EXAMPLES_SHOWN:,} more")
            is_cut = True
    if is_cut:
        print("(--ledger FILE writes every row)")


def _print_rows(rows: Sequence[Exclusion]) -> None:
    """Rows of one reason; what to do stands once below those that it is said of."""
    for action, alike in groupby(rows, key=attrgetter("action")):
        for row in alike:
            print(_shown(f"  {row.name or row.record_id}: {row.message}"))
        print(_shown(f"    -> {action}"))


def _shown(text: str) -> str:
    """`text` on one line of a terminal: a name may hold line breaks and escape codes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _print_jobs(plan: DispatchPlan) -> None:
    print("jobs:")
    for number, worker in enumerate(plan.workers[:WORKERS_SHOWN]):
        print(f"  worker {number}: {counted(len(worker), 'job')}")
        for index in worker[:3]:
            job = plan.jobs[index]
            files = [file.location for one in job.assets for file in one.files or ()]
            shown = files or [one.asset.location for one in job.assets]
            more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
            print(_shown(f"    {job.name}.json  {shown[0]}{more}"))
        if len(worker) > 3:
            print(f"    ... and {len(worker) - 3:,} more")
    if len(plan.workers) > WORKERS_SHOWN:
        print(f"  ... and {len(plan.workers) - WORKERS_SHOWN:,} more workers")


@contextmanager
def _shown_progress(stream: TextIO) -> Iterator[Progress]:
    """A progress bar on a terminal, and nothing elsewhere."""
    if not stream.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=Console(file=stream), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total or None)
            bars.update(tasks[step], completed=done, total=total or None)

        yield show


def _text(text: str) -> str | None:
    return text if text.strip() else None


def _switch(text: str) -> bool | None:
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if not text.strip():
        return None
    if text.strip().lower() not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 0 nor 1")
    return known[text.strip().lower()]


def _integer(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _whole(text: str) -> int | None:
    number = _integer(text)
    if number is not None and number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


class _Paths(argparse.Action):
    """Collects field paths: ``a,b``, ``["a", "b"]``, or the option several times."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        values = values or ""
        try:
            more = load_json(values, str(option)) if values.lstrip().startswith("[") else None
        except InvalidInput as error:
            parser.error(str(error))
        if more is None:
            more = values.split(",")
        if not all(isinstance(path, str) for path in more):
            parser.error(f"{option}: write field paths, such as subject.subject_id")
        found = tuple(path.strip() for path in more if path.strip())
        setattr(namespace, self.dest, (*(getattr(namespace, self.dest) or ()), *found))


def _one_of(*choices: str) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        if text.strip() and text.strip() not in choices:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(choices)}")
        return text.strip() or None

    return read


_PLAIN_FIELDS = (
    "file_extension",
    "split_files",
    "several_files",
    "nested_stores",
    "num_parallel_workers",
    "tasks_per_job",
    "max_number_of_tasks_dispatched",
    "group_by",
    "filter_latest",
    "filter_by",
    "unwind_list_fields",
    "drop_null_groups",
    "job_format",
    "on_missing",
)

_FLAG: Mapping[str, Any] = {"nargs": "?", "const": True, "type": _switch, "metavar": "0|1"}
_SWITCH: Mapping[str, Any] = {"type": _switch, "metavar": "0|1"}
_NUMBER: Mapping[str, Any] = {"type": _whole, "metavar": "N"}
_PATHS: Mapping[str, Any] = {"action": _Paths, "metavar": "FIELD,..."}
_FILE: Mapping[str, Any] = {"metavar": "FILE"}

_OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "which assets": {
        "docdb_query": {
            "metavar": "JSON|FILE",
            "help": "MongoDB filter or aggregation pipeline, or the path of a JSON file with one",
        },
        "use_data_asset_csv": {
            **_SWITCH,
            "help": f"1: the ids of <input_directory>/{CSV_NAME}, column asset_id (default 0)",
        },
        "filter_latest": {
            "metavar": "FIELD",
            "help": "keep the asset with the greatest value of this field, one per --filter_by",
        },
        "filter_by": {**_PATHS, "help": "fields of which --filter_latest keeps one asset each"},
        "on_missing": {
            "type": _one_of("report", "fail"),
            "metavar": "report|fail",
            "help": "fail: stop where any asset is excluded (default report)",
        },
    },
    "a trial run": {
        "trial_first": {**_NUMBER, "help": "only the first N assets, or groups of assets"},
        "trial_random": {**_NUMBER, "help": "only N chosen at random, by --trial_seed"},
        "trial_seed": {
            "type": _integer,
            "metavar": "N",
            "help": "the same seed chooses the same assets (default 0)",
        },
        "trial_one_per": {
            "metavar": "FIELD",
            "help": "only the first for each value of this field, such as subject.subject_id",
        },
        "no_trial": {**_FLAG, "help": "the whole, where a saved request is a trial"},
    },
    "which files": {
        "file_extension": {
            "metavar": "EXT",
            "help": "end of the names of files and directory stores, such as .nwb or .ome.zarr; "
            "empty (default): jobs name assets, no file",
        },
        "split_files": {
            **_SWITCH,
            "help": "1: one job per file (default); 0: one job per asset with all its files",
        },
        "several_files": {
            "type": _one_of(*get_args(SeveralFiles)),
            "metavar": "RULE",
            "help": "where more than one file of an asset matches: each or together (as "
            "--split_files), newest, largest, or only_one, which leaves such assets out",
        },
        "nested_stores": {
            "type": _one_of("outermost", "all"),
            "metavar": "outermost|all",
            "help": "all: match inside matching directory stores too, which lists every chunk "
            "(default outermost)",
        },
    },
    "groups of assets": {
        "group_by": {**_PATHS, "help": "assets that share these fields become one job"},
        "unwind_list_fields": {**_PATHS, "help": "list fields of which each item counts alone"},
        "drop_null_groups": {
            **_SWITCH,
            "help": "1: leave out assets that lack a grouping field (default 1)",
        },
    },
    "workers and jobs": {
        "num_parallel_workers": {**_NUMBER, "help": "most worker folders (default 50)"},
        "tasks_per_job": {**_NUMBER, "help": "instead: this many jobs in each worker folder"},
        "max_number_of_tasks_dispatched": {
            **_NUMBER,
            "help": "cap on the jobs, cut after everything else (default none)",
        },
        "job_format": {
            "type": _one_of(*JOB_FORMATS),
            "metavar": "|".join(JOB_FORMATS),
            "help": "shape of distributed_parameters: a list of one object, or the object "
            f"(default seed, or {FORMAT_VARIABLE})",
        },
        "parameters_schema": {**_FILE, "help": "JSON Schema that each parameter set must meet"},
    },
    "input and output": {
        "input_directory": {
            "metavar": "DIR",
            "help": "where the CSV and the parameters are (default /data)",
        },
        "output_directory": {"metavar": "DIR", "help": "the worker folders (default /results)"},
        "replace": {**_FLAG, "help": "move what the output folder holds aside first"},
        "zip": {**_FILE, "help": "write a zip; no folder, unless --output_directory is given"},
        "plan": {**_FLAG, "help": "print the plan and write nothing"},
        "ledger": {**_FILE, "help": "write the exclusion ledger, as CSV or as .json"},
        "request": {
            **_FILE,
            "help": "replay a saved request or record (- reads it from standard input); "
            "other options change it",
        },
        "save_request": {**_FILE, "help": "save the request of this command"},
        "record": {**_FILE, "help": "record of the dispatch (default <output>.dispatch.json)"},
    },
    "sources": {
        "docdb_host": {
            "metavar": "HOST",
            "help": "metadata gateway or mongodb:// URI (default DOCDB_HOST; none: the demo)",
        },
        "docdb_version": {
            "metavar": "V",
            "help": "v1 or v2 of the gateway (default DOCDB_VERSION, else v1)",
        },
        "docdb_database": {
            "metavar": "NAME",
            "help": "default DOCDB_DATABASE, else metadata_index",
        },
        "docdb_collection": {
            "metavar": "NAME",
            "help": "default DOCDB_COLLECTION, else data_assets",
        },
        "buckets": {
            "metavar": "demo|s3|DIR",
            "help": "where files are listed: the demo, S3, or a folder that holds buckets "
            "(default DISPATCH_BUCKETS)",
        },
        "s3_inventory": {
            "metavar": "MANIFEST,..",
            "help": "find files in these S3 inventories (manifest.json, folder or Parquet file; "
            "local or s3://), not by listing (default DISPATCH_S3_INVENTORY)",
        },
        "dask_scheduler": {
            "metavar": "ADDRESS",
            "help": "locate files on this Dask cluster, tcp://HOST:8786 "
            "(default DISPATCH_DASK_SCHEDULER; none: threads of this process)",
        },
    },
}
