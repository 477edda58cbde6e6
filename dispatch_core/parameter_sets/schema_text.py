"""The JSON Schema in a text, which may have numbers that JSON lacks where they are annotations.

Pydantic writes ``"default": NaN`` for a field whose default is not a finite number. It says
nothing about which values are valid, so it is read as null.
"""

from __future__ import annotations

import re
from typing import Any

from dispatch_core.environment.limits import PARAMETERS
from dispatch_core.text.limited import check_size
from dispatch_core.text.strict_json import decode_json, load_json
from dispatch_core.types import JsonValue

_STRING_OR_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b')
_MARK = "\ue000 not a JSON number \ue000"
_ANNOTATIONS = frozenset("default examples example".split())
_NAMED = frozenset("properties patternProperties $defs definitions dependentSchemas".split())
"""Keywords whose keys are names, not keywords."""


def load_schema_document(text: str | bytes, where: str) -> JsonValue:
    """The value of the JSON `text`, with null for NaN and Infinity in annotations.

    Raises `InvalidInput` for any other text that is not strict JSON.
    """
    check_size(text, PARAMETERS, where)
    text = decode_json(text, where) if isinstance(text, bytes) else text
    marked = _STRING_OR_NUMBER.sub(_mark, text)
    if marked == text:
        return load_json(text, where, PARAMETERS)
    value = _with_null(load_json(marked, where, PARAMETERS))
    return load_json(text, where) if _is_marked(value) else value  # the first raises


def _mark(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else f'"{_MARK}"'


def _with_null(schema: Any) -> Any:
    """`schema` with null for each mark inside an annotation."""
    if isinstance(schema, list):
        return [_with_null(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _with_null_at(key, value) for key, value in schema.items()}


def _with_null_at(key: str, value: Any) -> Any:
    if key in _ANNOTATIONS or key.startswith("x-"):
        return _nulled(value)
    if key in _NAMED and isinstance(value, dict):
        return {name: _with_null(one) for name, one in value.items()}
    return _with_null(value)


def _nulled(value: Any) -> Any:
    """`value` with null for every mark."""
    if isinstance(value, list):
        return list(map(_nulled, value))
    if isinstance(value, dict):
        return {key: _nulled(one) for key, one in value.items()}
    return None if value == _MARK else value


def _is_marked(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_is_marked, value))
    if isinstance(value, dict):
        return any(map(_is_marked, value.values()))
    return bool(value == _MARK)
