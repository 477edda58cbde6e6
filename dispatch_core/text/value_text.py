"""Conversion between a JSON value and the text of an input field.

In a string field the typed text is the value. In any other field, text that parses
as JSON is that value and other text is a string: ``5`` is a number, ``"5"`` and
``five`` are strings. `read_value` reads the output of `write_value` as the same value.
"""

from __future__ import annotations

import json
import re

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.strict_json import load_json
from dispatch_core.types import JsonValue

_NOT_JSON = {
    "True": "true",
    "False": "false",
    "None": "null",
    "NaN": "null",
    "Infinity": "null",
    "-Infinity": "null",
}
_OPENS_JSON = ("{", "[", '"')


def write_value(value: JsonValue, *, is_text: bool = False, takes_null: bool = False) -> str:
    """`value` as the text of a field: a string without quotes if that reads back the same."""
    if isinstance(value, str) and _reads_back(value, is_text, takes_null):
        return value
    return json.dumps(value, ensure_ascii=False)


def _reads_back(text: str, is_text: bool, takes_null: bool) -> bool:
    if not text or text != text.strip() or text.startswith('"') or re.search(r"[\r\n]", text):
        return False
    if is_text:
        return not (takes_null and text == "null")
    try:
        return bool(read_value(text) == text)
    except InvalidInput:
        return False


def read_value(
    text: str, where: str = "", *, is_text: bool = False, takes_null: bool = False
) -> JsonValue:
    """The value of a typed text; the module docstring has the two rules.

    Raises
    ------
    InvalidInput
        For malformed JSON that starts with ``{``, ``[`` or ``"``, and for Python
        literals such as ``True`` or ``NaN``.
    """
    text = text.strip()
    if is_text and not text.startswith('"'):
        return None if takes_null and text == "null" else text
    if text.startswith(_OPENS_JSON):
        return load_json(text, where)
    if text in _NOT_JSON:
        action = f'Write {_NOT_JSON[text]}, or "{text}" for the string'
        raise InvalidInput(Issue(f"{text} is not a JSON value", where, action))
    try:
        return load_json(text, where) if text else text
    except InvalidInput:
        return text
