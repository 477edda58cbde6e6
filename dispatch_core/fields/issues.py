"""What is wrong with a field of a request, in the words of its option.

pydantic finds the mistakes; its own messages do not say what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from dispatch_core.errors import Issue
from dispatch_core.options import Option, every_option

LONGEST_SHOWN = 60

_EXPECTED = {
    "query": ("a filter (object) or a pipeline (array of objects)", 'Give {"field": value}'),
    "asset_rows": ("a list of asset rows", 'Give rows such as {"number": 2, "text": "the id"}'),
    "excluded": ("a list of record ids", "Give a list of ids as text"),
    "trial": ("a trial", 'Give one rule, such as {"first": 3}'),
    "parameters": ("an object", 'Give an object, such as {"analysis_parameter": {"cutoff": 1}}'),
    "parameters_schema": ("an object", "Give the JSON Schema as an object"),
    "analysis_code": ("an object", 'Give an object, such as {"url": "https://...", "name": "..."}'),
    "analysis_code.parameters": ("an object of labels and texts", 'Give {"label": "value"}'),
    "analysis_code.input_urls": ("a list of urls", 'Give a list such as ["s3://bucket/asset"]'),
    "not_in": ("a list of paths", 'Give a list such as ["dispatches"]'),
    "only_jobs": ("a list of job names", "Give the names of jobs as text"),
    "run_anyway": ("a list of job names", "Give the names of jobs as text"),
    "version": ("a version of this layout", "Give 1, or read it with a newer job-dispatch"),
}
"""Field -> what its value should be, and what to do."""

_ITEMS = {
    "paths": "a field path",
    "asset_rows": "an asset row",
    "excluded": "a record id",
    "not_in": "the path of an earlier dispatch",
    "only_jobs": "a job name",
    "run_anyway": "a job name",
}
"""Field, or kind of field -> what each item of its list should be."""

_EXPECTED_OF_KIND = {
    "text": ("text", "Give text in quotes"),
    "integer": ("a whole number", "Give a whole number, such as 7"),
    "positive": ("a whole number from 1", "Give a whole number, at least 1"),
    "switch": ("true or false", "Give true or false"),
    "paths": ("a list of field paths", 'Give a list such as ["subject.subject_id"]'),
}

_HALF_CHARACTER = "it contains half of a surrogate pair, which is not a character"


def issues_of(
    error: ValidationError, where: str, fields: Mapping[str, Sequence[str]]
) -> Iterator[Issue]:
    """An issue for each mistake that pydantic found, each once.

    Parameters
    ----------
    where
        Name of the file that has the request, or empty.
    fields
        The names that are known below each field: ``""`` has those of the request itself.
    """
    yield from dict.fromkeys(_issue(one, where, fields) for one in error.errors())


def path_issue(path: str, name: str) -> Issue | None:
    """What is wrong with the field path `path` of the option `name`, if anything."""
    parts = path.split(".")
    if all(parts) and "\0" not in path and not any(part.startswith("$") for part in parts):
        return None
    action = "Write names with dots between them, such as subject.subject_id"
    return Issue(f"{path!r} is not a field path", name, action)


def shown(value: object) -> str:
    """`value` as it is written, on at most 60 characters; the type of anything but JSON."""
    if not isinstance(value, None | bool | int | float | str | bytes | list | tuple | dict):
        return f"a value of type {type(value).__name__}"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - an item may be any object; a number may be too long
        return f"this value of type {type(value).__name__}"
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 4]} ..."


def _issue(error: Mapping[str, Any], where: str, fields: Mapping[str, Sequence[str]]) -> Issue:
    names = [str(name) for name in error["loc"]]
    if error["type"] == "extra_forbidden":
        return _unknown_field(names, where, fields)
    option = _OPTIONS.get(".".join(names[:2])) or _OPTIONS.get("".join(names[:1]))
    if names[:1] == ["analysis_code"] and len(names) > 1:
        option = None  # its fields have no option of their own
    path = tuple(option.field.split(".") if option else names)
    at = _place(where, path)
    if error["type"] == "value_error":
        return Issue(error["msg"].removeprefix("Value error, "), at, path=path)
    if error["type"] == "string_unicode":
        return Issue(_HALF_CHARACTER, at, "Write the whole character", path=path)
    if error["type"] == "less_than_equal":
        return Issue(f"{shown(error['input'])} is too large", at, "Give a smaller one", path=path)
    if error["type"] == "greater_than_equal" and option is not None and option.kind == "integer":
        return Issue(f"{shown(error['input'])} is too small", at, "Give a larger one", path=path)
    if option is not None and option.kind == "choice":
        return _wrong_choice(error["input"], option, at)
    return _wrong_value(error["input"], option, at, path, is_item=len(names) > len(path))


def _place(where: str, names: Sequence[str]) -> str:
    return ", ".join(part for part in (where, ".".join(names)) if part)


def _unknown_field(names: list[str], where: str, fields: Mapping[str, Sequence[str]]) -> Issue:
    nearest = _nearest(names[-1], fields.get(".".join(names[:-1]), ()))
    action = f"Did you mean {nearest}?" if nearest else "Remove it"
    what = "this is not a field of a dispatch request"
    return Issue(what, _place(where, names), action, path=tuple(names), nearest=nearest)


def _wrong_choice(value: object, option: Option, at: str) -> Issue:
    nearest = _nearest(str(value), option.choices) if isinstance(value, str) else ""
    action = f"Did you mean {nearest}?" if nearest else "Give one of them"
    what = f"{shown(value)} is not one of {', '.join(option.choices)}"
    return Issue(what, at, action, path=(option.field,), nearest=nearest)


def _nearest(name: str, known: Sequence[str]) -> str:
    return "".join(difflib.get_close_matches(name, known, 1))


def _wrong_value(
    value: object, option: Option | None, at: str, path: tuple[str, ...], *, is_item: bool
) -> Issue:
    kind = option.kind if option else "text"
    expected, action = _EXPECTED.get(".".join(path)) or _EXPECTED_OF_KIND[kind]
    if path == ("query",):  # one of two shapes: pydantic reports both
        return Issue(f"it is not {expected}", at, action, path=path)
    expected = _ITEMS.get(path[0], _ITEMS.get(kind, expected)) if is_item else expected
    return Issue(f"{shown(value)} is not {expected}", at, action, path=path)


_OPTIONS = {one.field: one for one in every_option() if one.field}
