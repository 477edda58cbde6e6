"""The dispatch request: everything that a user decides, as one frozen value.

Pages edit it by copying, the command line parses it, it is saved as JSON and
replayed. It does not contain the sources of records and objects: the same request
runs on the demo, on the gateway and on a test's fake.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NoReturn, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from dispatch_core.asset_list import AssetRow
from dispatch_core.environment.limits import RECORD, REQUEST, Limit
from dispatch_core.errors import InvalidInput, Issue, as_value
from dispatch_core.field_issues import issues_of, path_issue, shown
from dispatch_core.grouping import GroupingRules
from dispatch_core.language.paths import spellings_in
from dispatch_core.options import option_of
from dispatch_core.parameter_sets.document import (
    ParameterSets,
    build_parameter_sets,
    check_absent,
)
from dispatch_core.parameter_sets.schema import compile_schema
from dispatch_core.query import Query, check_query
from dispatch_core.text.field_list import read_list
from dispatch_core.text.file_extension import read_extensions, written_extensions
from dispatch_core.text.strict_json import load_json
from dispatch_core.types import (
    LARGEST_NUMBER,
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

_DOCUMENTS = ("query", "parameters", "parameters_schema", "analysis_code")
_T = TypeVar("_T")


def plain_value(value: Any) -> Any:
    """`value`, or the Python value of a NumPy scalar, such as a cell of a table."""
    return value.item() if getattr(value, "shape", None) == () else value


def _in_order(value: Any) -> Any:
    """A set as a sorted list: its own order differs between two runs."""
    return sorted(value, key=str) if isinstance(value, set | frozenset) else value


def _paths(value: Any) -> Any:
    """Field paths written as on the command line: ``a,b`` or ``["a", "b"]``."""
    if not isinstance(value, str):
        return _in_order(value)
    try:
        return read_list(value, "")
    except InvalidInput as error:
        raise ValueError(f"it is not a list: {error.issues[0].what}") from None


def _extensions(value: Any) -> Any:
    """Extensions as one text with commas, if they are written as ``[".nwb", ".nwb.zarr"]``."""
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return written_extensions(value)
    return value


Text = Annotated[str, Field(strict=True)]
Extensions = Annotated[str, BeforeValidator(_extensions), Field(strict=True)]
Whole = Annotated[
    int,
    BeforeValidator(plain_value),
    Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER, strict=True),
]
Positive = Annotated[int, BeforeValidator(plain_value), Field(ge=1, le=LARGEST_NUMBER, strict=True)]
Switch = Annotated[bool, BeforeValidator(plain_value)]
# A list has one mistake: a million rows could have one each.
Rows = Annotated[tuple[AssetRow, ...], Field(fail_fast=True)]
Texts = Annotated[tuple[Text, ...], Field(fail_fast=True), BeforeValidator(_in_order)]
TextList = Annotated[tuple[Text, ...], Field(fail_fast=True), BeforeValidator(_paths)]
FieldPaths = Annotated[tuple[Annotated[Text, Field(min_length=1)], ...], BeforeValidator(_paths)]


def _option(name: str) -> Any:
    """A field whose default and description are those of its option."""
    option = option_of(name)
    return Field(option.default, description=option.description)


class _Frozen(BaseModel):
    """A value that is changed by copying; None and blank text mean that a field is unset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_unset(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        known = cls.model_fields
        return {n: value for n, value in fields.items() if n not in known or not is_unset(value)}

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        """Raises `InvalidInput`."""
        _refuse_change(name)

    def __delattr__(self, name: str) -> NoReturn:
        """Raises `InvalidInput`."""
        _refuse_change(name)


def is_unset(value: object) -> bool:
    """Whether `value` means that an option is not given: None or blank text."""
    return value is None or (isinstance(value, str) and not value.strip())


def _refuse_change(name: str) -> NoReturn:
    action = f"Make a changed copy: edit_request(request, {name}=...)"
    raise InvalidInput(Issue("a request cannot be changed in place", name, action))


class Trial(_Frozen):
    """Some of the assets; exactly one of three rules is set.

    The ``first`` N in source order, N at ``random`` by ``seed``, or the first asset for
    each value of the field ``one_per``. If assets are grouped, groups are counted.
    """

    first: Positive | None = _option("trial.first")
    random: Positive | None = _option("trial.random")
    seed: Whole = _option("trial.seed")
    one_per: Text | None = _option("trial.one_per")

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


class AnalysisCode(_Frozen):
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


class DispatchRequest(_Frozen):
    """What to dispatch; exactly one of ``query`` and ``asset_rows`` is set.

    Wrong fields raise `InvalidInput` with every issue, also if a request is made directly.
    Each field is described in `OPTIONS`. ``split_files`` None means one job per file, or one
    per group if assets are grouped; ``several_files`` overrides it. ``tasks_per_job`` overrides
    ``num_parallel_workers``. ``excluded`` applies before ``trial``, and both before files are
    located.
    """

    version: Literal[1] = Field(default=1, description="version of the layout of a saved request")
    query: dict[str, Any] | list[dict[str, Any]] | None = _option("query")
    asset_rows: Rows | None = _option("asset_rows")
    excluded: Texts = _option("excluded")

    group_by: FieldPaths = _option("group_by")
    filter_latest: Text | None = _option("filter_latest")
    filter_by: FieldPaths = _option("filter_by")
    unwind_list_fields: FieldPaths = _option("unwind_list_fields")
    drop_null_groups: Switch = _option("drop_null_groups")
    trial: Trial | None = _option("trial")

    file_extension: Extensions = _option("file_extension")
    several_extensions: SeveralExtensions = _option("several_extensions")
    nested_stores: NestedStores = _option("nested_stores")
    split_files: Switch | None = _option("split_files")
    several_files: SeveralFiles | None = _option("several_files")

    parameters: dict[str, Any] | None = _option("parameters")
    parameters_schema: dict[str, Any] | None = _option("parameters_schema")
    fixed_parameters: FixedParameters | None = _option("fixed_parameters")

    not_in: FieldPaths = _option("not_in")
    only_jobs: TextList | None = _option("only_jobs")
    skip_processed: SkipProcessed | None = _option("skip_processed")
    analysis_code: AnalysisCode | None = _option("analysis_code")
    run_anyway: TextList = _option("run_anyway")

    num_parallel_workers: Positive = _option("num_parallel_workers")
    tasks_per_job: Positive | None = _option("tasks_per_job")
    balance: Balance = _option("balance")
    max_number_of_tasks_dispatched: Positive | None = _option("max_number_of_tasks_dispatched")
    job_format: JobFormat = _option("job_format")
    on_missing: OnMissing = _option("on_missing")

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


@dataclass(frozen=True, slots=True)
class Selection:
    """Which assets are dispatched and how they are grouped; no files, no parameters.

    ``key`` is a digest of query and rows: two selections with one key ask a source for
    the same assets.
    """

    query: Query | None
    rows: tuple[AssetRow, ...] | None
    rules: GroupingRules
    trial: Trial | None
    key: str

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that grouping and the trial read, as in the request."""
        trial = (self.trial.one_per,) if self.trial and self.trial.one_per else ()
        return (*self.rules.fields, *trial)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path of a record that grouping and the trial read."""
        return tuple(path for field in self.fields for path in spellings_in(field))


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A request whose selection, parameters, schema and extensions passed their checks."""

    request: DispatchRequest
    selection: Selection
    parameter_sets: ParameterSets
    extensions: tuple[str, ...]

    @property
    def query(self) -> Query | None:
        """The query, or None if a list of ids selects the assets."""
        return self.selection.query


@dataclass(frozen=True, slots=True)
class RequestParts:
    """The parts of a request, each checked separately: its value or its error."""

    request: DispatchRequest
    selection: Selection | InvalidInput
    parameter_sets: ParameterSets | InvalidInput
    extensions: tuple[str, ...] | InvalidInput

    @property
    def error(self) -> InvalidInput | None:
        """The issues of all parts, or None if the request is valid."""
        parts = (self.selection, self.parameter_sets, self.extensions)
        issues = [one for part in parts if isinstance(part, InvalidInput) for one in part.issues]
        return InvalidInput(issues) if issues else None

    def checked(self) -> CheckedRequest:
        """The request as a whole; raises `InvalidInput` with the issues of all parts."""
        if self.error is not None:
            raise self.error
        return CheckedRequest(
            self.request,
            value_or_raise(self.selection),
            value_or_raise(self.parameter_sets),
            value_or_raise(self.extensions),
        )


def value_or_raise(part: _T | InvalidInput) -> _T:
    """The value of a checked part; raises its error if it is invalid."""
    if isinstance(part, InvalidInput):
        raise type(part)(part.issues)  # not `part` itself, which would get a traceback
    return part


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


def check_request(request: DispatchRequest) -> CheckedRequest:
    """`request` with its parts read; raises `InvalidInput` with the issues of all parts."""
    return check_parts(request).checked()


def check_parts(request: DispatchRequest, before: RequestParts | None = None) -> RequestParts:
    """Each part of `request`, read or with its error.

    A part of `before` is reused if every field it was read from is the same object.
    """

    def part(name: str, check: Callable[[DispatchRequest], _T]) -> _T | InvalidInput:
        if before is not None and _is_unchanged(before.request, request, _FIELDS_OF_PART[name]):
            reused: _T | InvalidInput = getattr(before, name)
            return reused
        return _value_or_error(check, request)

    return RequestParts(
        request,
        part("selection", check_selection),
        part("parameter_sets", _parameter_sets),
        part("extensions", lambda request: read_extensions(request.file_extension)),
    )


_FIELDS_OF_PART = {
    "selection": (
        "query",
        "asset_rows",
        "group_by",
        "filter_latest",
        "filter_by",
        "unwind_list_fields",
        "drop_null_groups",
        "trial",
    ),
    "parameter_sets": ("parameters", "parameters_schema"),
    "extensions": ("file_extension",),
}


def _is_unchanged(one: DispatchRequest, other: DispatchRequest, names: Sequence[str]) -> bool:
    return all(getattr(one, name) is getattr(other, name) for name in names)


def _value_or_error(
    check: Callable[[DispatchRequest], _T], request: DispatchRequest
) -> _T | InvalidInput:
    try:
        return check(request)
    except InvalidInput as error:
        return as_value(error)


def check_selection(request: DispatchRequest) -> Selection:
    """The selection of `request`, whatever its parameters and extension are.

    Raises
    ------
    InvalidInput
        The query or a field path has an error, or neither a query nor an id is given.
    """
    issues = [*_without_assets(request), *_wrong_paths(request)]
    query = (
        None
        if request.query is None
        else _value_or_error(lambda one: check_query(one.query), request)
    )
    if isinstance(query, InvalidInput):
        raise InvalidInput([*issues, *query.issues])
    if issues:
        raise InvalidInput(issues)
    return Selection(
        query=query,
        rows=request.asset_rows,
        rules=_grouping_rules(request),
        trial=request.trial,
        key=_digest(request),
    )


def _without_assets(request: DispatchRequest) -> Iterator[Issue]:
    if request.query is None and request.asset_rows is None:
        action = "Give a query (--docdb_query) or a list of ids (--use_data_asset_csv=1)"
        yield Issue("nothing says which data assets to dispatch", "", action)
    if request.asset_rows == ():
        yield Issue("the list of ids is empty", "asset_rows", "Give at least one id")


def _wrong_paths(request: DispatchRequest) -> Iterator[Issue]:
    """The field paths that no database accepts, by the options that have them."""
    one_per = request.trial.one_per if request.trial else None
    paths = {
        "group_by": request.group_by,
        "filter_latest": (request.filter_latest,) if request.filter_latest else (),
        "filter_by": request.filter_by,
        "unwind_list_fields": request.unwind_list_fields,
        "trial_one_per": (one_per,) if one_per else (),
    }
    found = (
        path_issue(path, name)
        for name, held in paths.items()
        for field in held
        for path in spellings_in(field)
    )
    yield from (issue for issue in found if issue is not None)


def _digest(request: DispatchRequest) -> str:
    """A digest of what a source is asked; as JSON text, because 1 and true are not one filter."""
    rows = [(row.number, row.text) for row in request.asset_rows or ()]
    asked = json.dumps([request.query, request.asset_rows is None, rows])
    return hashlib.sha256(asked.encode()).hexdigest()


def _grouping_rules(request: DispatchRequest) -> GroupingRules:
    return GroupingRules(
        group_by=request.group_by,
        latest_field=request.filter_latest,
        one_per=request.filter_by,
        unwind=request.unwind_list_fields,
        drop_null=request.drop_null_groups,
    )


_CONTRADICTS = {
    "query": "asset_rows",
    "asset_rows": "query",
    "num_parallel_workers": "tasks_per_job",
}


def _parameter_sets(request: DispatchRequest) -> ParameterSets:
    schema = request.parameters_schema
    compiled = None if schema is None else compile_schema(schema, "parameters_schema")
    if request.parameters is None:
        absent = check_absent(compiled, "parameters")
        if absent.error is not None:
            raise absent.error
        return absent.sets
    return build_parameter_sets(request.parameters, compiled, "parameters")
