"""A list of names as people and panels write it: with commas, with or without brackets."""

from __future__ import annotations

import re
from typing import Any

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.strict_json import load_json

_VALUE = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false|null")


def read_list(text: str, where: str) -> list[Any]:
    """The items of ``a.b,c.d``, ``[a.b, c.d]``, ``['a.b']`` or ``["a.b"]``, without blank ones.

    A list with double quotes is JSON, and its items are what JSON makes of them.

    Raises
    ------
    InvalidInput
        The brackets or the quotes are not closed, or the JSON has an error.
    """
    text = text.strip()
    if text.startswith("[") and '"' in text:
        items = load_json(text, where)
        return [one for one in items if not isinstance(one, str) or one.strip()]
    inner = _without_brackets(text, where)
    items = [one.strip() for one in inner.split(",")]
    if text.startswith("["):
        _refuse_values(items, where)
    return [name for one in items if (name := _without_quotes(one, where))]


def _refuse_values(items: list[str], where: str) -> None:
    """Raises `InvalidInput` for a number or a constant of JSON, which is not a name."""
    for one in items:
        if _VALUE.fullmatch(one):
            action = (
                'Write names, such as subject.subject_id; put quotes around it if it is one: "1"'
            )
            raise InvalidInput(Issue(f"the item {one} is not a name", where, action))


def _without_brackets(text: str, where: str) -> str:
    if text.startswith("[") != text.endswith("]"):
        action = "Close the brackets, or write a.b,c.d without any"
        raise InvalidInput(Issue(f"{text!r} has only one bracket of a list", where, action))
    return text[1:-1] if text.startswith("[") else text


def _without_quotes(item: str, where: str) -> str:
    quote = item[:1]
    if quote not in ("'", '"'):
        return item
    if len(item) < 2 or item[-1] != quote:
        raise InvalidInput(Issue(f"{item!r} has a quote that is not closed", where, "Close it"))
    return item[1:-1].strip()
