"""The arguments of `plan` in a notebook: a checked request, or every mistake at once.

A value may be what a notebook has at hand: JSON text or a path instead of an object, a
NumPy number, a column of a table. None and blank text mean that an option is not given.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from dispatch_core.asset_list import COLUMN, AssetRow
from dispatch_core.environment.limits import LIST, PARAMETERS, QUERY, RECORD, REQUEST, Limit
from dispatch_core.errors import DispatchError, InvalidInput, Issue
from dispatch_core.fields.issues import shown
from dispatch_core.fields.kinds import is_unset, plain_value
from dispatch_core.options import every_option
from dispatch_core.parameter_sets.schema_text import load_schema_document
from dispatch_core.request import (
    AnalysisCode,
    DispatchRequest,
    changed_trial,
    fields_from,
    load_request,
    override_request,
    separate_copy,
)
from dispatch_core.request_parts import check_request
from dispatch_core.text.job_names import read_job_names
from dispatch_core.text.limited import read_file
from dispatch_core.text.strict_json import load_json

OPTIONS = {one.name: one for one in every_option() if one.field}
"""The options that are arguments of `plan`, by their names there."""

OWN_ARGUMENTS = ("query", "source", "buckets", "asset_ids", "request", "progress")
"""The arguments of `plan` that are not only options, in the order of its signature."""

_DOCUMENTS = ("query", "parameters", "parameters_schema", "analysis_code")
_RULES = {
    name: one.field.removeprefix("trial.") for name, one in OPTIONS.items() if "." in one.field
}
_SELECTING = frozenset({"query", "asset_rows", "asset_ids", "request"})
_PAIR = frozenset({"filter_latest", "filter_by"})
_T = TypeVar("_T")
_A = TypeVar("_A")
_B = TypeVar("_B")
_C = TypeVar("_C")


@dataclass
class Mistakes:
    """The issues found so far, and the names of the arguments that have them."""

    issues: list[Issue] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def read(self, name: str, read: Callable[[], _T]) -> _T | None:
        """The value of the argument `name`; None after its issues are collected."""
        try:
            return read()
        except InvalidInput as error:
            self.issues += error.issues
            self.names.add(name)
            return None

    def raise_any(self) -> None:
        """Raises `InvalidInput` with every issue, each once, if there is one."""
        if self.issues:
            raise InvalidInput(list(dict.fromkeys(self.issues)))


def read_all(
    one: Callable[[], _A], two: Callable[[], _B], three: Callable[[], _C]
) -> tuple[_A, _B, _C]:
    """The three results; raises `InvalidInput` with the issues of all three."""
    mistakes = Mistakes()
    results = tuple(mistakes.read("", read) for read in (one, two, three))
    mistakes.raise_any()
    return cast(tuple[_A, _B, _C], results)


def read_request(
    positional: Sequence[object], asset_ids: object, request: object, options: Mapping[str, Any]
) -> DispatchRequest:
    """The checked request of the arguments.

    Raises
    ------
    InvalidInput
        With every issue: of names, of values, and of the request as a whole.
    """
    mistakes = Mistakes()
    mistakes.read("", partial(_check_names, positional, options))
    given = {**({"query": positional[0]} if positional else {}), **options}
    saved = mistakes.read("request", partial(_saved, request)) or DispatchRequest()
    fields = _fields(mistakes, given, saved)
    if request is None and is_unset(given.get("job_format")):
        fields |= mistakes.read("", partial(fields_from, os.environ)) or {}
    if asset_ids is not None:
        fields["asset_rows"] = mistakes.read("asset_ids", partial(_rows, asset_ids, given))
    made = mistakes.read("", partial(_checked, saved, fields, mistakes.names))
    mistakes.issues = [_as_given(issue, given) for issue in mistakes.issues]
    mistakes.raise_any()
    assert made is not None, "every mistake has an issue"
    return made


def _check_names(positional: Sequence[object], options: Mapping[str, Any]) -> None:
    """Raises `InvalidInput` for arguments that `plan` does not have."""
    issues = [_unknown(name) for name in options if name not in OPTIONS]
    if len(positional) > 1:
        what = f"{shown(positional[1])} is given without a name, as only the query may be"
        issues.append(Issue(what, "", "Write name=value"))
    if positional and "query" in options:
        issues.append(Issue("it is given twice", "query", "Keep one of them"))
    if issues:
        raise InvalidInput(issues)


def _unknown(name: str) -> Issue:
    near = "".join(difflib.get_close_matches(name, [*OWN_ARGUMENTS, *OPTIONS], 1))
    action = f"Did you mean {near}?" if near else "help(dispatch_core.plan) lists them"
    return Issue("this is not an argument of plan", name, action, nearest=near)


def _as_given(issue: Issue, options: Mapping[str, Any]) -> Issue:
    """`issue`, which names ``trial.first`` as ``trial_first`` if that is the argument."""
    name = issue.where.replace(".", "_")
    return replace(issue, where=name) if name in _RULES and name in options else issue


def _fields(
    mistakes: Mistakes, options: Mapping[str, Any], saved: DispatchRequest
) -> dict[str, Any]:
    """Fields of a request from options by their names: ``trial_first=3`` is ``trial.first``."""
    fields = {name: value for name, value in options.items() if name in OPTIONS.keys() - _RULES}
    for name in _DOCUMENTS:
        if not is_unset(fields.get(name)):
            fields[name] = mistakes.read(name, partial(_document, fields[name], name))
    if "not_in" in fields:
        fields["not_in"] = _place_texts(fields["not_in"])
    if isinstance(fields.get("only_jobs"), os.PathLike):
        fields["only_jobs"] = mistakes.read("only_jobs", partial(_names_in, fields["only_jobs"]))
    rules = {rule: options[name] for name, rule in _RULES.items() if name in options}
    trial = mistakes.read("trial", partial(_trial, fields.get("trial"), saved, rules))
    return fields | ({"trial": trial} if trial else {})


def _place_texts(value: object) -> object:
    """Paths as text: one or several, of which each may be a `pathlib.Path`."""
    if isinstance(value, os.PathLike):
        return [os.fspath(value)]
    if not isinstance(value, list | tuple | set | frozenset):
        return value
    return [os.fspath(one) if isinstance(one, os.PathLike) else one for one in value]


def _names_in(path: os.PathLike[str]) -> tuple[str, ...]:
    data = _file(
        path, "only_jobs", "cannot be read", "Give the path of a file, or a list of names", LIST
    )
    return read_job_names(data, Path(path).name)


def _trial(
    given: object, saved: DispatchRequest, rules: Mapping[str, Any]
) -> dict[str, Any] | None:
    changed = changed_trial(saved.trial, rules)
    if changed and given is not None:
        what = "it is given together with trial_first, trial_random or trial_one_per"
        raise InvalidInput(Issue(what, "trial", "Remove one of them"))
    return changed


def _checked(saved: DispatchRequest, fields: Mapping[str, Any], wrong: set[str]) -> DispatchRequest:
    """The request of `fields`, without those that are already known to be `wrong`."""
    try:
        request = override_request(saved, **_usable(fields, wrong))
    except InvalidInput as error:
        more = {str(issue.path[0]) for issue in error.issues if issue.path} - wrong
        if more:
            rest = Mistakes([*error.issues])
            rest.read("", partial(_checked, saved, fields, wrong | more))
            rest.raise_any()
        raise
    return check_request(request).request


def _usable(fields: Mapping[str, Any], wrong: set[str]) -> dict[str, Any]:
    """The fields to check although others are `wrong`; nothing may follow from those."""
    dropped = wrong | (_PAIR if wrong & _PAIR else set())
    usable = {name: value for name, value in fields.items() if name not in dropped}
    if wrong & _SELECTING:
        usable["asset_rows"] = None
        usable["query"] = usable.get("query") or {}
    return usable


def _document(value: object, name: str) -> Any:
    """The JSON value of an object, of its JSON text, or of the file at a path."""
    if isinstance(value, AnalysisCode):
        return value
    if not isinstance(value, str | os.PathLike):
        return as_json(value, name)
    text = str(value)
    limit = _LIMITS.get(name, REQUEST)
    is_schema = name == "parameters_schema"
    load = load_schema_document if is_schema else partial(load_json, limit=limit)
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return load(text, name)
    action = "Give an object, its JSON text, or the path of a JSON file"
    data = _file(value, name, "is neither JSON nor a file that can be read", action, limit)
    return load(data, Path(text).name)


_LIMITS = {"query": QUERY, "parameters": PARAMETERS, "parameters_schema": PARAMETERS}


def _file(path: str | os.PathLike[str], name: str, what: str, action: str, limit: Limit) -> bytes:
    try:
        return read_file(os.fspath(path), limit, name)
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise InvalidInput(Issue(f"{shown(str(path))} {what} ({reason})", name, action)) from None


def as_json(value: object, where: str) -> Any:
    """`value` as strict JSON reads it back: tuples become lists, and foreign types are errors."""

    def refuse(what: str) -> NoReturn:
        raise InvalidInput(Issue(what, where, "Convert it, for example to text"))

    def converted(other: object) -> object:
        plain = plain_value(other)
        if plain is other:
            refuse(f"it contains a value of type {type(other).__name__}, which is not a JSON type")
        return plain

    try:
        text = json.dumps(value, default=converted)
    except (TypeError, ValueError, RecursionError) as error:
        refuse(f"it is not JSON: {error}")
    for key in _foreign_keys(value):
        refuse(f"the key {shown(key)} of an object is not text")
    return load_json(text, where)


def _foreign_keys(value: object) -> Iterator[object]:
    """Each key that is not text, which `json` would convert without a word."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            yield from (key for key in one if not isinstance(key, str))
            pending += one.values()
        elif isinstance(one, list | tuple):
            pending += one


def _rows(ids: object, options: Mapping[str, Any]) -> tuple[AssetRow, ...]:
    """The rows of a list of ids, or of the column ``asset_id`` of a table."""
    if options.get("asset_rows") is not None:
        raise InvalidInput(Issue("it is given together with asset_rows", "asset_ids", "Keep one"))
    ids = plain_value(ids)  # an array without dimensions is one value
    if not isinstance(ids, Iterable) or isinstance(ids, str | bytes | Mapping):
        raise InvalidInput(Issue("it is not a list of ids", "asset_ids", "Give a list of ids"))
    texts = _texts(ids)
    if not texts:
        raise InvalidInput(Issue("it has no id", "asset_ids", "Give at least one"))
    wrong = [(number, one) for number, one in enumerate(texts, 1) if not isinstance(one, str)]
    if wrong:
        what = f"it is not a list of ids: item {wrong[0][0]} is {shown(wrong[0][1])}"
        raise InvalidInput(Issue(what, "asset_ids", "Give each id as text"))
    return tuple(AssetRow(number, text.strip()) for number, text in enumerate(texts, 1))


def _texts(ids: Iterable[Any]) -> list[Any]:
    """The ids in their order; a set has none, so it is sorted."""
    if isinstance(ids, set | frozenset):
        return sorted(ids, key=str)
    columns = getattr(ids, "columns", None)
    if columns is None:
        return list(ids)
    if list(columns).count(COLUMN) != 1:
        action = f"Give one column: asset_ids=table[...], or name it {COLUMN}"
        raise InvalidInput(Issue(f"the table has no single column {COLUMN}", "asset_ids", action))
    return list(ids[COLUMN])  # type: ignore[index]


def _saved(request: object) -> DispatchRequest:
    """The request to start from, which later changes of `request` do not affect."""
    request = getattr(request, "request", request)  # of an earlier plan
    if request is None:
        return DispatchRequest()
    if isinstance(request, DispatchRequest):
        return separate_copy(request)
    if isinstance(request, dict):
        return load_request(json.dumps(as_json(request, "request")), "request")
    if isinstance(request, str) and request.lstrip().startswith("{"):
        return load_request(request, "request")
    action = "Give a request, a plan, or the path of a saved request or record"
    if not isinstance(request, str | os.PathLike) or is_unset(request):
        raise InvalidInput(Issue(f"{shown(request)} is not a request", "request", action))
    if Path(request).is_dir():
        action = f"Give the record of the dispatch: {Path(request).resolve()}.dispatch.json"
    data = _file(request, "request", "cannot be read", action, RECORD)
    return load_request(data, Path(request).name)


def output_path(value: object, argument: str) -> Path:
    """`value` as the path of an output.

    Raises
    ------
    InvalidInput
        It is not a path, or it is blank: a blank path would be the working folder.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    action = 'Give a path, such as "out"'
    if not isinstance(text, str) or not text.strip():
        raise InvalidInput(Issue(f"{shown(value)} is not a path", argument, action))
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise InvalidInput(Issue(f"{text!r} cannot be a path", argument, action)) from None
    if "\0" in text:
        raise InvalidInput(Issue(f"{text!r} cannot be a path", argument, action))
    return Path(text)


def true_or_false(value: object, argument: str) -> bool:
    """`value`, which is True or False; raises `InvalidInput` for anything else."""
    if not isinstance(value, bool):
        what = f"{shown(value)} is neither True nor False"
        raise InvalidInput(Issue(what, argument, "Give True or False"))
    return value


@contextmanager
def in_notebook_words() -> Iterator[None]:
    """Errors of the core name the arguments of `plan` and not those of the command line."""
    try:
        yield
    except DispatchError as error:
        issues = [
            replace(
                one,
                what=notebook_words(one.what),
                where=notebook_words(one.where),
                action=notebook_words(one.action),
            )
            for one in error.issues
        ]
        raise type(error)(issues).with_traceback(error.__traceback__) from error.__cause__


def notebook_words(text: str) -> str:
    """`text` with the options of the command line as a notebook has them."""
    return _ARGUMENT.sub(lambda found: _NAMES.get(found[0], found[0]), text)


_ARGUMENT = re.compile("--use_data_asset_csv=1|--[a-z_]+")
_NAMES = {
    **{f"--{one.argument}": one.name or one.variable or one.argument for one in every_option()},
    "--use_data_asset_csv=1": "asset_ids",
    "--replace": "replace=True",
}
