"""The dispatch request: everything that a user decides, as one frozen value.

Pages edit it by copying, the command line parses it, it is saved as JSON and
replayed. It does not contain the sources of records and objects: the same request
runs on the demo, on the gateway and on a test's fake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from dispatch_core.asset_list import AssetRow
from dispatch_core.environment.limits import RECORD, REQUEST, Limit
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.fields.issues import issues_of, shown
from dispatch_core.fields.kinds import (
    Extensions,
    FieldPaths,
    Frozen,
    Positive,
    Switch,
    Text,
    TextList,
    Texts,
    Whole,
    is_unset,
    of_option,
)
from dispatch_core.options import option_of
from dispatch_core.text.strict_json import load_json
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

WHERE = "dispatch request"

# A list has one mistake: a million rows could have one each.
Rows = Annotated[tuple[AssetRow, ...], Field(fail_fast=True)]
_DOCUMENTS = ("query", "parameters", "parameters_schema", "analysis_code")


class Trial(Frozen):
    """Some of the assets; exactly one of three rules is set.

    The ``first`` N in source order, N at ``random`` by ``seed``, or the first asset for
    each value of the field ``one_per``. If assets are grouped, groups are counted.
    """

    first: Positive | None = of_option("trial.first")
    random: Positive | None = of_option("trial.random")
    seed: Whole = of_option("trial.seed")
    one_per: Text | None = of_option("trial.one_per")

    @model_validator(mode="after")
    def _has_one_rule(self) -> Self:
        if sum(rule is not None for rule in (self.first, self.random, self.one_per)) != 1:
            raise ValueError("a trial has one rule: first, random or one_per")
        return self

    def __str__(self) -> str:
        if self.first is not None:
            return f"the first {self.first:,}"
        if self.random is not None:
            return f"{self.random:,} at random (seed {self.seed})"
        return f"one per {self.one_per}"


class AnalysisCode(Frozen):
    """The wrapper that processes the jobs, as far as it is known; part of their identity.

    A ``code`` as a record of the results has it is accepted too, without its values of jobs.
    Panel labels without a value are omitted, as the wrapper omits them.
    """

    url: Text | None = Field(default=None, description="address of the wrapper's capsule")
    name: Text | None = Field(default=None, description="name of the wrapper's capsule")
    version: Text | None = Field(default=None, description="release, such as 3.0, or commit")
    parameters: dict[str, Text] = Field(default={}, description="labels and texts of its panel")
    input_urls: tuple[Text, ...] = Field(default=(), description="further assets attached to it")

    @model_validator(mode="before")
    @classmethod
    def _from_code(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        kept = {name: value for name, value in fields.items() if not _says_nothing(name, value)}
        if isinstance(kept.get("input_data"), list) and "input_urls" not in kept:
            inputs = kept.pop("input_data")
            kept["input_urls"] = [
                one.get("url") if isinstance(one, dict) else one for one in inputs
            ]
        if isinstance(kept.get("parameters"), dict):
            labels = kept["parameters"].items()
            kept["parameters"] = {
                label: value for label, value in labels if value not in ("", None)
            }
        return kept

    @property
    def is_unnamed(self) -> bool:
        """Whether it says neither url nor name nor version."""
        return (self.url, self.name, self.version) == (None, None, None)


def _says_nothing(name: str, value: object) -> bool:
    """Whether a key of a record's ``code`` is the same for every wrapper."""
    return value is None or (name, value) in (
        ("object_type", "Code"),
        ("run_script", "code/run"),
    )


class DispatchRequest(Frozen):
    """What to dispatch; exactly one of ``query`` and ``asset_rows`` is set.

    Wrong fields raise `InvalidInput` with every issue, also if a request is made directly.
    Each field is described in `OPTIONS`. ``split_files`` None means one job per file, or one
    per group if assets are grouped; ``several_files`` overrides it. ``tasks_per_job`` overrides
    ``num_parallel_workers``. ``excluded`` applies before ``trial``, and both before files are
    located.
    """

    version: Literal[1] = Field(default=1, description="version of the layout of a saved request")
    query: dict[str, Any] | list[dict[str, Any]] | None = of_option("query")
    asset_rows: Rows | None = of_option("asset_rows")
    excluded: Texts = of_option("excluded")

    group_by: FieldPaths = of_option("group_by")
    filter_latest: Text | None = of_option("filter_latest")
    filter_by: FieldPaths = of_option("filter_by")
    unwind_list_fields: FieldPaths = of_option("unwind_list_fields")
    drop_null_groups: Switch = of_option("drop_null_groups")
    trial: Trial | None = of_option("trial")

    file_extension: Extensions = of_option("file_extension")
    several_extensions: SeveralExtensions = of_option("several_extensions")
    nested_stores: NestedStores = of_option("nested_stores")
    split_files: Switch | None = of_option("split_files")
    several_files: SeveralFiles | None = of_option("several_files")

    parameters: dict[str, Any] | None = of_option("parameters")
    parameters_schema: dict[str, Any] | None = of_option("parameters_schema")
    fixed_parameters: FixedParameters | None = of_option("fixed_parameters")

    not_in: FieldPaths = of_option("not_in")
    only_jobs: TextList | None = of_option("only_jobs")
    skip_processed: SkipProcessed | None = of_option("skip_processed")
    analysis_code: AnalysisCode | None = of_option("analysis_code")
    run_anyway: TextList = of_option("run_anyway")

    num_parallel_workers: Positive = of_option("num_parallel_workers")
    tasks_per_job: Positive | None = of_option("tasks_per_job")
    balance: Balance = of_option("balance")
    max_number_of_tasks_dispatched: Positive | None = of_option("max_number_of_tasks_dispatched")
    job_format: JobFormat = of_option("job_format")
    on_missing: OnMissing = of_option("on_missing")

    @model_validator(mode="wrap")
    @classmethod
    def _raises_own_errors(
        cls, fields: Any, validate: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        where = (info.context or {}).get("where", "")
        try:
            request = validate(fields)
        except ValidationError as error:
            raise InvalidInput(list(issues_of(error, where, _KNOWN))) from None
        issues = list(_contradictions(request, where))
        if issues:
            raise InvalidInput(issues)
        return request

    @property
    def is_split(self) -> bool:
        """Whether each file becomes one job."""
        if self.group_by:
            return False
        if self.several_files in ("each", "together"):
            return self.several_files == "each"
        return self.split_files is not False

    @property
    def is_merged(self) -> bool:
        """Whether the fixed parameters are part of each distributed set in the jobs."""
        default = "analysis_code" if self.job_format == "pipeline" else "merged"
        return (self.fixed_parameters or default) == "merged"

    def to_json(self) -> str:
        """The request as JSON that `load_request` reads; only what differs from the defaults."""
        document = {"version": 1, **self.model_dump(mode="json", exclude_defaults=True)}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


_KNOWN = {
    "": list(DispatchRequest.model_fields),
    "trial": list(Trial.model_fields),
    "analysis_code": list(AnalysisCode.model_fields),
}


def _contradictions(request: DispatchRequest, where: str) -> Iterator[Issue]:
    at = f"{where}, " if where else ""
    if request.query is not None and request.asset_rows is not None:
        what = "the request has a query and a list of ids"
        yield Issue(what, f"{at}query", "Keep one of them", path=("asset_rows",))
    if request.filter_latest and not request.filter_by:
        action = "Give the fields of which each value keeps one asset"
        yield Issue("filter_latest needs filter_by", f"{at}filter_by", action, path=("filter_by",))
    if request.filter_by and not request.filter_latest:
        action = "Give the field to compare, such as a date"
        yield Issue(
            "filter_by needs filter_latest", f"{at}filter_latest", action, path=("filter_latest",)
        )


def make_request(*misplaced: object, **fields: Any) -> DispatchRequest:
    """A request of these fields; raises `InvalidInput` with every issue at once."""
    _refuse_misplaced(misplaced, "make_request(query={...})")
    return DispatchRequest.model_validate(fields)


def _refuse_misplaced(misplaced: Sequence[object], example: str) -> None:
    """Raises `InvalidInput` for values without a name: Python's own error is a `TypeError`."""
    if misplaced:
        action = f"Name each field, such as {example}"
        raise InvalidInput(Issue(f"a value has no name: {shown(misplaced[0])}", "", action))


def require_request(value: object) -> DispatchRequest:
    """`value`, which is a request; raises `InvalidInput` for anything else."""
    if isinstance(value, DispatchRequest):
        return value
    action = "Make a request with make_request(query={...})"
    raise InvalidInput(Issue(f"{shown(value)} is not a request", "request", action))


def separate_copy(request: DispatchRequest) -> DispatchRequest:
    """A copy of `request` that shares no object that can be changed."""
    own = {n: deepcopy(getattr(request, n)) for n in request.model_fields_set & {*_DOCUMENTS}}
    return request.model_copy(update=own)


def fields_from(environment: Mapping[str, str]) -> dict[str, Any]:
    """The fields that environment variables give a request: the job format, if it is set."""
    option = option_of("job_format")
    text = environment.get(option.variable, "").strip()
    if text and text not in option.choices:
        action = f"Write one of {', '.join(option.choices)}, or unset it"
        raise InvalidInput(Issue(f"{text[:40]!r} is not a job format", option.variable, action))
    return {option.field: text} if text else {}


def load_request(text: str | bytes, where: str = WHERE) -> DispatchRequest:
    """The request that a saved file holds; unknown keys are errors."""
    if not isinstance(text, str | bytes):
        action = "Give the text of the file: Path(...).read_text()"
        raise InvalidInput(
            Issue(f"{shown(text)} is not the text of a saved request", where, action)
        )
    document = load_json(text, where, _limit_of(text))
    if not isinstance(document, dict):
        raise InvalidInput(Issue("it is not a JSON object", where, "Give a saved request"))
    # a record of an earlier dispatch holds its request: both can be replayed
    inner = document.get("request")
    fields = inner if isinstance(inner, dict) else document
    return DispatchRequest.model_validate(fields, context={"where": where})


def _limit_of(text: str | bytes) -> Limit:
    """The limit of a record, which names its jobs, or of a request."""
    start = text[:100].encode(errors="replace") if isinstance(text, str) else text[:100]
    return RECORD if re.match(rb'\s*\{\s*"record"\s*:', start) else REQUEST


def edit_request(request: DispatchRequest, *misplaced: object, **changes: Any) -> DispatchRequest:
    """A copy of `request` with `changes`, checked as a whole.

    A field that is not changed is the same object in both, which `check_parts` relies on.
    """
    require_request(request)
    _refuse_misplaced(misplaced, "edit_request(request, query={...})")
    kept = {name: getattr(request, name) for name in request.model_fields_set - changes.keys()}
    return make_request(**kept, **changes).model_copy(update=kept)


def override_request(saved: DispatchRequest, **changes: Any) -> DispatchRequest:
    """A copy of a saved request with `changes`, each of which replaces what it contradicts."""
    for name, other in _CONTRADICTS.items():
        if changes.get(name) is not None:
            changes.setdefault(other, None)
    if changes.get("split_files") is not None and saved.several_files in ("each", "together"):
        changes.setdefault("several_files", None)
    return edit_request(saved, **changes)


_CONTRADICTS = {
    "query": "asset_rows",
    "asset_rows": "query",
    "num_parallel_workers": "tasks_per_job",
}


def changed_trial(
    saved: Trial | None, rules: Mapping[str, Any], mark: str = ""
) -> dict[str, Any] | None:
    """The fields of a trial with these rules, or None if no rule is given.

    A seed alone changes that of a saved random trial. `mark` precedes the options in
    messages: ``--`` on the command line.
    """
    given = {rule: value for rule, value in rules.items() if not is_unset(value)}
    if given.keys() == {"seed"} and saved is not None and saved.random is not None:
        given["random"] = saved.random
    default = option_of("trial.seed").default
    if "random" not in given and given.pop("seed", default) != default:
        action = f"Give {mark}trial_random too"
        raise InvalidInput(Issue(f"it needs {mark}trial_random", f"{mark}trial_seed", action))
    return given or None
