"""A request whose parts are read: which assets, which parameter sets, which extensions.

Each part is checked apart from the others, so that assets are found while the parameters
are wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dispatch_core.asset_list import AssetRow
from dispatch_core.errors import InvalidInput, Issue, as_value
from dispatch_core.fields.issues import path_issue
from dispatch_core.grouping import GroupingRules
from dispatch_core.language.paths import spellings_in
from dispatch_core.parameter_sets.document import (
    ParameterSets,
    build_parameter_sets,
    check_absent,
)
from dispatch_core.parameter_sets.schema import compile_schema
from dispatch_core.query import Query, check_query
from dispatch_core.request import DispatchRequest, Trial
from dispatch_core.text.file_extension import read_extensions

_T = TypeVar("_T")


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


def _parameter_sets(request: DispatchRequest) -> ParameterSets:
    schema = request.parameters_schema
    compiled = None if schema is None else compile_schema(schema, "parameters_schema")
    if request.parameters is None:
        absent = check_absent(compiled, "parameters")
        if absent.error is not None:
            raise absent.error
        return absent.sets
    return build_parameter_sets(request.parameters, compiled, "parameters")
