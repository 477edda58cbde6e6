"""A schema that accepts every set by mistake: often it is a parameters file, or misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from dispatch_core.text.words import shown_list

_CHECKS = frozenset(
    "required minProperties maxProperties propertyNames patternProperties properties "
    "dependentRequired dependentSchemas dependencies additionalProperties unevaluatedProperties "
    "const enum not $dynamicRef $recursiveRef".split()
)
"""Keywords that can refuse an object, most of them unless their value is empty or true."""

_ALWAYS = ("const", "enum", "maxProperties", "not")

_OTHERS = frozenset(
    "type format default examples title description deprecated readOnly writeOnly discriminator "
    "allOf anyOf oneOf if then else $ref $defs definitions items prefixItems additionalItems "
    "unevaluatedItems contains minContains maxContains minItems maxItems uniqueItems minLength "
    "maxLength pattern minimum maximum exclusiveMinimum exclusiveMaximum multipleOf "
    "contentEncoding contentMediaType contentSchema".split()
)
"""Other keywords of JSON Schema, which alone refuse no object."""

_ADVICE = 'a schema names the keys of a set under "properties"'


def why_nothing_is_checked(document: Mapping[str, Any], parts: Iterable[Mapping[str, Any]]) -> str:
    """Why a schema accepts every set, as a note; "" for one that can refuse a set.

    ``parts`` are the schema and all that it refers to or combines.
    """
    if any(_can_refuse(part) for part in parts):
        return ""
    foreign = [key for key in document if not _is_keyword(key)]
    for key in foreign:
        near = difflib.get_close_matches(key.lower(), ("properties", "required"), 1, 0.8)
        if near and isinstance(document[key], (dict, list)):
            return f"the schema checks nothing: it has the key {key!r}. Did you mean {near[0]}?"
    if foreign:
        words = "are not keywords" if len(foreign) > 1 else "is not a keyword"
        return (
            f"the schema checks nothing: {shown_list(foreign)} {words} of JSON Schema. "
            f"Is it a parameters file? If not, {_ADVICE}"
        )
    return f"the schema checks nothing: every key and every value is accepted; {_ADVICE}"


def _can_refuse(part: Mapping[str, Any]) -> bool:
    kinds = part.get("type", "object")
    if "object" not in (kinds if isinstance(kinds, list) else [kinds]):
        return True
    return any(
        key in _ALWAYS or (value is not True and value not in ({}, []))
        for key, value in part.items()
        if key in _CHECKS
    )


def _is_keyword(key: str) -> bool:
    return key in _CHECKS or key in _OTHERS or key.startswith(("$", "x-"))
