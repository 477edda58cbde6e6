"""Every option of a dispatch, once: its name, kind, default, description and variable.

The fields of `DispatchRequest`, the arguments of the command line, the tables of
``docs/reference.md`` and the docstring of `dispatch_core.plan` are made from `OPTIONS`.
Only the standard library is imported here, so that ``--help`` is cheap.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, get_args

from dispatch_core.types import (
    Balance,
    FixedParameters,
    JobFormat,
    NestedStores,
    OnMissing,
    SeveralExtensions,
    SeveralFiles,
    SkipProcessed,
)

Kind = Literal["text", "integer", "positive", "switch", "flag", "choice", "paths", "file", "object"]
"""How a value is written: ``positive`` is a whole number from 1, ``switch`` 0 or 1, ``flag`` a
switch that needs no value, ``paths`` a list of field paths, ``file`` a path on the command line
and its content in a request, ``object`` a value that only a request and a notebook take."""

DEFAULT_WORKERS = 50


class Option(NamedTuple):
    """One option of the request, of the command line, or of both.

    Attributes
    ----------
    field
        Name in a request and in a notebook; a rule of the trial is ``trial.first``. Empty
        if only the command line has the option.
    argument
        Name on the command line, without dashes; empty if the command line lacks the option.
    default
        The value if the option is not given.
    otherwise
        The default in words, if the value itself says too little.
    variable
        Environment variable that other faces than the command line read too, if there is
        one; `variables` has all.
    """

    field: str
    argument: str
    description: str
    kind: Kind = "text"
    metavar: str = ""
    default: Any = None
    otherwise: str = ""
    choices: tuple[str, ...] = ()
    variable: str = ""

    @property
    def default_text(self) -> str:
        """The default in words; empty without a default."""
        if self.otherwise or self.default is None or self.default == ():
            return self.otherwise
        return f"{self.default:d}" if isinstance(self.default, bool) else str(self.default)

    @property
    def name(self) -> str:
        """The name in a notebook: ``file_extension``, ``trial_first``."""
        return self.field.replace(".", "_")

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that give the value on the command line.

        ``DISPATCH_PLAN`` and, where the name is distinctive, ``TASKS_PER_JOB`` as the
        dispatcher of the pipeline template has it; a single word could be anything.
        """
        name = self.argument.upper()
        if not name or self.variable not in ("", f"DISPATCH_{name}"):
            return (self.variable,) if self.variable else ()
        return (f"DISPATCH_{name}", name) if "_" in name else (f"DISPATCH_{name}",)


_NUMBER: Any = {"kind": "positive", "metavar": "N"}
_SWITCH: Any = {"kind": "switch", "metavar": "0|1"}
_FLAG: Any = {"kind": "flag", "metavar": "0|1"}
_PATHS: Any = {"kind": "paths", "metavar": "FIELD,...", "default": ()}
_FIELD: Any = {"metavar": "FIELD"}
_FILE: Any = {"kind": "file", "metavar": "FILE"}


def _same(name: str, description: str, **more: Any) -> Option:
    """An option that has one name in a request and on the command line."""
    return Option(name, name, description, **more)


def _chosen(name: str, literal: Any, description: str, **more: Any) -> Option:
    choices = get_args(literal)
    metavar = "|".join(choices) if len(choices) < 3 else "RULE"
    return _same(name, description, kind="choice", choices=choices, **{"metavar": metavar, **more})


def _trial(rule: str, description: str, **more: Any) -> Option:
    return Option(f"trial.{rule}", f"trial_{rule}", description, **more)


def _command(name: str, description: str, **more: Any) -> Option:
    """An option that only the command line takes."""
    return Option("", name, description, **more)


def _value(name: str, description: str, **more: Any) -> Option:
    """A value that a request and a notebook take, and the command line reads from files."""
    return Option(name, "", description, **{"kind": "object", **more})


VERBS: dict[str, str] = {
    "check": "find every fault of a folder or a zip of jobs, made by any program",
    "compare": "list which jobs of two dispatches are new, gone, changed and the same",
    "history": "list the dispatches that are recorded below a folder, newest first",
    "run": "run every job of a worker folder on this machine, to try a dispatch",
    "status": "what is done, failed, running and not started",
    "handover": "write beside a worker folder what starts it on an engine, such as Slurm",
}
"""Verb of the command line -> what it does, in the order of ``--help``."""

PRESETS: dict[str, dict[str, Any]] = {
    "pipeline": {
        "job_format": "pipeline",
        "tasks_per_job": 1,
        "max_number_of_tasks_dispatched": 1_000,
        "when_nothing": "marker",
        "skip_processed": "exact",
    },
}
"""Name -> the values of the options that neither an argument nor a variable gives."""


def _preset_text(name: str) -> str:
    return ", ".join(f"{option}={value}" for option, value in PRESETS[name].items())


OPTIONS: dict[str, tuple[Option, ...]] = {
    "which assets": (
        Option(
            "query",
            "docdb_query",
            "MongoDB filter (an object) or aggregation pipeline (an array) as JSON, or the path "
            "of a JSON file with one",
            metavar="JSON|FILE",
        ),
        _command(
            "use_data_asset_csv",
            "1: use the ids of <input_directory>/data_asset_input.csv, column asset_id; else of "
            "the only CSV there or one folder below",
            default=False,
            **_SWITCH,
        ),
        _value("asset_rows", "rows of an asset list, each with its number and its id"),
        _value("excluded", "record ids that are excluded by hand", default=()),
        _same(
            "filter_latest",
            "keep the asset with the latest value of this field, one for each filter_by",
            **_FIELD,
        ),
        _same(
            "filter_by",
            "keep one asset, chosen by filter_latest, for each value of these fields",
            **_PATHS,
        ),
        _chosen(
            "on_missing",
            OnMissing,
            "report excluded assets (report), or stop if there are any (fail)",
            default="report",
        ),
    ),
    "a trial run": (
        _value("trial", "some of the assets; one rule: first, random or one_per"),
        _trial("first", "only the first N assets, or groups of assets", **_NUMBER),
        _trial("random", "only N assets chosen at random, by trial_seed", **_NUMBER),
        _trial(
            "seed",
            "the same seed chooses the same assets",
            kind="integer",
            metavar="N",
            default=0,
        ),
        _trial(
            "one_per",
            "only the first asset for each value of this field, such as subject.subject_id",
            **_FIELD,
        ),
        _command("no_trial", "dispatch everything, although the saved request is a trial", **_FLAG),
    ),
    "which files": (
        _same(
            "file_extension",
            "end of the names of files and directory stores, such as .nwb or .ome.zarr, or several "
            "in order of preference, such as .nwb,.nwb.zarr; without it no file is listed and jobs "
            "name assets only",
            metavar="EXT,...",
            default="",
            otherwise="none",
        ),
        _chosen(
            "several_extensions",
            SeveralExtensions,
            "of several extensions, each asset has the files of the first that it has (first), or "
            "of every one (all)",
            default="first",
        ),
        _same(
            "split_files",
            "one job per file (1), or one job per asset with all its files (0)",
            otherwise="1; 0 with group_by",
            **_SWITCH,
        ),
        _chosen(
            "several_files",
            SeveralFiles,
            "if more than one file of an asset matches: each or together (as split_files), "
            "newest, largest, or only_one, which excludes the asset",
            otherwise="as split_files",
        ),
        _chosen(
            "nested_stores",
            NestedStores,
            "match only the outermost directory stores (outermost), or inside them too (all), "
            "which lists every chunk",
            default="outermost",
        ),
    ),
    "groups of assets": (
        _same("group_by", "assets that share these fields become one job", **_PATHS),
        _same("unwind_list_fields", "list fields whose items count separately", **_PATHS),
        _same(
            "drop_null_groups",
            "exclude assets that lack a grouping field (1), or group them by null (0)",
            default=True,
            **_SWITCH,
        ),
    ),
    "workers and jobs": (
        _same(
            "num_parallel_workers",
            "maximum number of worker folders",
            default=DEFAULT_WORKERS,
            **_NUMBER,
        ),
        _same(
            "tasks_per_job",
            "jobs in each worker folder, instead of num_parallel_workers",
            **_NUMBER,
        ),
        _chosen(
            "balance",
            Balance,
            "divide the jobs over the workers equally by their number (count), or by the bytes of "
            "their files (size), then with at most tasks_per_job for each worker",
            default="count",
        ),
        _same(
            "max_number_of_tasks_dispatched",
            "maximum number of jobs; jobs over it are cut last, with a warning",
            otherwise="none",
            **_NUMBER,
        ),
        _chosen(
            "job_format",
            JobFormat,
            "shape of distributed_parameters in a job: a list of one object (seed), or the "
            "object itself (pipeline, for analysis-pipeline-utils)",
            default="seed",
            variable="DISPATCH_JOB_FORMAT",
        ),
        _chosen(
            "fixed_parameters",
            FixedParameters,
            "where jobs have the fixed parameters: in distributed_parameters (merged), or apart in "
            "analysis_code, as the current wrapper identifies an analysis",
            otherwise="merged; analysis_code in the format pipeline",
        ),
        _value("parameters", "the content of analysis_parameters.json"),
        _same("parameters_schema", "JSON Schema that each parameter set must meet", **_FILE),
    ),
    "earlier dispatches": (
        _same(
            "not_in",
            "earlier dispatches, whose jobs are excluded: worker folders, zips, records, or "
            "folders with several of them",
            kind="paths",
            metavar="PATH,...",
            default=(),
        ),
        _same(
            "only_jobs",
            "dispatch only these jobs: a file with their names, paths or <job>.failed entries, one "
            "a line or as a JSON list (-: read it from standard input)",
            **_FILE,
        ),
    ),
    "already processed": (
        _chosen(
            "skip_processed",
            SkipProcessed,
            "jobs that are already processed: do not look for them (no), report them, or exclude "
            "those that the wrapper would skip (exact), the same work by the same version "
            "(same_version), or by any version of the wrapper (any_version)",
            otherwise="report where results are configured, else no",
        ),
        _same(
            "analysis_code",
            "the wrapper whose results count, as JSON or the path of a JSON file: url, name and "
            "version, parameters (labels and values of its panel), input_urls (further inputs)",
            kind="file",
            metavar="JSON|FILE",
            otherwise="the only one in the results",
        ),
        _same(
            "run_anyway",
            "names of jobs that are dispatched although they are already processed",
            kind="paths",
            metavar="JOB,...",
            default=(),
        ),
    ),
    "input and output": (
        _command(
            "input_directory",
            "where the CSV and the parameters are",
            metavar="DIR",
            default="/data",
        ),
        _command("output_directory", "where worker folders go", metavar="DIR", default="/results"),
        _command(
            "when_nothing",
            "if there is nothing to do: exit with code 3 (fail), or write an empty file "
            "no_new_jobs into the output folder and exit with 0 (marker)",
            kind="choice",
            choices=("fail", "marker"),
            metavar="fail|marker",
            default="fail",
        ),
        _command(
            "allowed_files",
            "files of the platform that may be in the output folder, such as output,*.log",
            kind="paths",
            metavar="NAME,...",
        ),
        _command(
            "preset",
            f"defaults for one purpose: pipeline has {_preset_text('pipeline')}",
            kind="choice",
            choices=tuple(PRESETS),
            metavar="pipeline",
        ),
        _command(
            "replace",
            "move what the output folder contains aside first, with its record; replace another "
            "zip, record, ledger or request file",
            **_FLAG,
        ),
        _command(
            "zip",
            "write a zip (-: to standard output); no folder, unless output_directory is given",
            **_FILE,
        ),
        _command("plan", "print the plan and write nothing", **_FLAG),
        _command(
            "print_request",
            "print one line of JSON with the fingerprint and the request, for --request",
            **_FLAG,
        ),
        _command(
            "expect_fingerprint",
            "write nothing and exit with code 2 if the plan has another fingerprint",
            metavar="HEX",
        ),
        _command(
            "ledger",
            "write the exclusion ledger, as CSV or as .json (-: to standard output)",
            **_FILE,
        ),
        _command(
            "request",
            "replay a saved request or record, as JSON or as the path of a file (-: read it from "
            "standard input); other options change it",
            kind="file",
            metavar="JSON|FILE",
        ),
        _command(
            "save_request", "save the request of this command (-: to standard output)", **_FILE
        ),
        _command(
            "record",
            "record of the dispatch (-: to standard output)",
            otherwise="<output>.dispatch.json",
            **_FILE,
        ),
    ),
    "sources": (
        _command(
            "docdb_host",
            "host of the metadata gateway, with its port unless that is 443, or a mongodb:// URI; "
            "or demo for the embedded demo",
            metavar="HOST",
            otherwise="the embedded demo",
            variable="DOCDB_HOST",
        ),
        _command(
            "docdb_version",
            "v1 or v2 of the gateway",
            kind="choice",
            choices=("v1", "v2"),
            metavar="v1|v2",
            default="v1",
            variable="DOCDB_VERSION",
        ),
        _command(
            "docdb_database",
            "database of the data assets",
            metavar="NAME",
            default="metadata_index",
            variable="DISPATCH_DATABASE",
        ),
        _command(
            "docdb_collection",
            "collection of the data assets",
            metavar="NAME",
            default="data_assets",
            variable="DISPATCH_COLLECTION",
        ),
        _command(
            "results_host",
            "host of the results, a gateway or a mongodb:// URI",
            metavar="HOST",
            otherwise="docdb_host",
            variable="DISPATCH_RESULTS_HOST",
        ),
        _command(
            "results_database",
            "database of the results: a record for each processed job",
            metavar="NAME",
            otherwise="none",
            variable="DOCDB_DATABASE",
        ),
        _command(
            "results_collection",
            "collection of the results, usually the name of the project",
            metavar="NAME",
            otherwise="none",
            variable="DOCDB_COLLECTION",
        ),
        _command(
            "buckets",
            "where files are listed: the demo, S3, or a folder with a sub-folder for each bucket",
            metavar="demo|s3|DIR",
            otherwise="demo with the demo, else s3",
            variable="DISPATCH_BUCKETS",
        ),
        _command(
            "s3_inventory",
            "find files in these S3 inventories instead of listing: manifest.json, folder or "
            "Parquet file, local or s3://",
            metavar="MANIFEST,..",
            variable="DISPATCH_S3_INVENTORY",
        ),
        _command(
            "request_payer",
            "requester: your account pays for the requests to S3, as some buckets demand",
            kind="choice",
            choices=("requester",),
            metavar="requester",
            otherwise="the owner of the bucket",
            variable="AWS_REQUEST_PAYER",
        ),
        _command(
            "dask_scheduler",
            "locate files on this Dask cluster, tcp://HOST:8786",
            metavar="ADDRESS",
            otherwise="threads of this process",
            variable="DISPATCH_DASK_SCHEDULER",
        ),
    ),
}
"""Title of a group -> its options, in the order in which they are shown."""


def every_option() -> Iterator[Option]:
    """The options of all groups."""
    for group in OPTIONS.values():
        yield from group


def option_of(name: str) -> Option:
    """The option of a field (``query``, ``trial.first``) or of an argument (``docdb_host``)."""
    return _BY_NAME[name]


_BY_NAME = {
    name: option for option in every_option() for name in (option.argument, option.field) if name
}
